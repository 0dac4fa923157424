#!/usr/bin/env bash
# Thousands of malformed requests to a server of one run, on this machine alone: none may be answered with a 5xx.
#
#   experiments/serving/malformed.sh RUN [EXAMPLES PER OPERATION]
#
# Needs schemathesis (`pip install schemathesis`), curl and python3. Set ADEPTS to the binary, PORT to a free port.
set -euo pipefail
cd "$(dirname "$0")/../.."
run=${1:?a run folder}
examples=${2:-1100}
source experiments/serving/server.sh
serve "$run" 1800

# What the description allows and what it does not; answers must be described, and no fault of the server.
schemathesis run "$address/openapi.json" --max-examples "$examples" --phases examples,coverage,fuzzing --mode all --workers 2 \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
  --request-timeout 30 || failed=1
python3 experiments/serving/malformed.py "$port"
curl -sf "$address/metrics" | grep '^adepts_requests_total' > "$work/requests"
awk '{ n += $NF } END { print n " requests" }' "$work/requests"
if grep 'status="5' "$work/requests"; then
  echo "there were faults of the server" >&2
  exit 1
fi
curl -sf "$address/health/ready" > /dev/null
echo "no 5xx, and the server is ready"
exit "${failed:-0}"
