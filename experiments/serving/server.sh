# Starts a server for the scripts beside it, which source this: `serve RUN SECONDS [OPTIONS…]` sets `work`, a folder that goes with the
# script, `address`, and `server`, the process that ends after so many seconds or with the script. ADEPTS is the binary and PORT
# the port, if they are set.
# shellcheck shell=bash

serve() {
  local run=$1 seconds=$2
  shift 2
  port=${PORT:-18080}
  address=http://127.0.0.1:$port
  work=$(mktemp -d)
  timeout "$seconds" "${ADEPTS:-target/release/adepts}" serve "$run" --state "$work/state" --listen "127.0.0.1:$port" "$@" \
    > "$work/out" 2> "$work/err" &
  server=$!
  trap finish EXIT
  for _ in $(seq 100); do
    curl -sf "$address/health/ready" > /dev/null && return
    sleep 0.1
  done
  cat "$work/err" >&2
  exit 1
}

finish() {
  kill "$server" 2> /dev/null || true
  wait "$server" 2> /dev/null || true
  rm -rf "$work"
}
