#!/usr/bin/env bash
# Load on a server of one run, on this machine alone: answers per second, latencies, memory before and after.
#
#   experiments/serving/load.sh RUN [SECONDS] [CONNECTIONS] [KIND]
#
# KIND is user (users 1 to 6040, those of MovieLens-1M, the default), history (histories of 20 items), event (one event each) or reload (as user, while
# the run is loaded again each second). Needs wrk and curl. Set ADEPTS to the binary, PORT to a free port, SERVE to further
# options of `adepts serve`.
set -euo pipefail
cd "$(dirname "$0")/../.."
run=${1:?a run folder}
seconds=${2:-30}
connections=${3:-8}
kind=${4:-user}
source experiments/serving/server.sh
# shellcheck disable=SC2086 # options are words
serve "$run" $((seconds + 120)) ${SERVE:-}

# The process itself, not the `timeout` around it.
pid=$(pgrep -P "$server" | head -1)
# Seconds of processor time of all its threads: on a machine with other work they say more than seconds of the clock.
processor() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$pid/stat"; }
memory() { awk '/VmRSS/ { print $2 / 1024 " MiB" }' "/proc/$pid/status"; }

# The first users and items of the run are asked for by id.
curl -sf "$address/v1/items?limit=100" | grep -o '"item":[^,}]*' | cut -d: -f2- > "$work/items"
model=$(curl -sf "$address/v1/model")
echo "$model"
cat > "$work/load.lua" << LUA
local kind, items = "$kind", {}
for line in io.lines("$work/items") do items[#items + 1] = line end
local thread = 0
function setup(t) thread = thread + 1; t:set("id", thread) end
local n = 0
function init() math.randomseed(id * 7919) end
local headers = { ["Content-Type"] = "application/json" }
local function user() return tostring(math.random(1, 6040)) end
function request()
  if kind == "history" then
    local picked = {}
    for i = 1, 20 do picked[i] = items[math.random(#items)] end
    return wrk.format("POST", "/v1/recommend", headers, '{"history":[' .. table.concat(picked, ",") .. ']}')
  elseif kind == "event" then
    n = n + 1
    local event = string.format('{"id":"%d-%d-%d","user":%s,"item":%s}', os.time(), id, n, user(), items[math.random(#items)])
    return wrk.format("POST", "/v1/events", headers, '{"events":[' .. event .. ']}')
  end
  return wrk.format("POST", "/v1/recommend", headers, '{"user":' .. user() .. '}')
end
function done(summary, latency)
  io.write(string.format("%.0f answers/s; latency ms p50 %.2f p90 %.2f p99 %.2f max %.2f; %d answers, not 2xx %d, broken %d\n",
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(90) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3, summary.requests, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
LUA
echo "load average $(cut -d' ' -f1-3 /proc/loadavg), memory before $(memory)"
wrk -t1 -c4 -d3 -s "$work/load.lua" "$address" > /dev/null
echo "memory after 3 s $(memory)"
used=$(processor)
wrk -t1 -c"$connections" -d"$seconds" -s "$work/load.lua" "$address" > "$work/wrk" &
load=$!
reloads=0
if [ "$kind" = reload ]; then
  while kill -0 "$load" 2> /dev/null; do
    [ "$(curl -s -o "$work/reload" -w '%{http_code}' -X POST "$address/v1/model/reload")" = 200 ] || cat "$work/reload"
    reloads=$((reloads + 1))
    sleep 1
  done
  echo "loaded again $reloads times"
fi
while kill -0 "$load" 2> /dev/null && [ "$seconds" -gt 60 ]; do
  sleep 30
  echo "memory $(memory)"
done
wait "$load"
used=$(awk -v from="$used" -v to="$(processor)" 'BEGIN { print to - from }')
tail -1 "$work/wrk"
answers=$(tail -1 "$work/wrk" | sed 's/.*; \([0-9]*\) answers.*/\1/')
awk -v used="$used" -v n="$answers" 'BEGIN { printf "%.1f s of processor time, %.3f ms an answer: two processors could give %.0f answers/s\n", used, 1e3 * used / n, 2 * n / used }'
echo "memory at the end $(memory), load average $(cut -d' ' -f1-3 /proc/loadavg)"
curl -sf "$address/metrics" | grep -E '^adepts_(batch_questions|commit_events|commit_seconds)_(sum|count)|_requests_total'
