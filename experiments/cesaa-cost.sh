#!/bin/sh
# What cesaa costs over k and over the number of its experts on MovieLens-1M: seconds of an epoch, the fastest of three, and the peak
# of memory. To be run with nothing else on the machine.
#
#   ADEPTS_DATA=/path/to/data experiments/cesaa-cost.sh [FOLDER]      (a few minutes; Linux)
#
# The table goes to stdout. $ADEPTS names the binary [target/release/adepts].
set -eu
. "$(dirname "$0")/peak.sh"

folder=${1:-cesaa-cost}
adepts=${ADEPTS:-target/release/adepts}
mkdir -p "$folder"
[ -e "$folder/data" ] || "$adepts" prepare --config experiments/cesaa-ml-1m.toml --out "$folder/data" > /dev/null 2>&1

measure() {
    peak "$adepts" train experiments/cesaa-ml-1m.toml --set "data.source=$folder/data" --set name=cost --set train.epochs=3 \
        --set eval.resamples=1 --set "model.experts=$1" --set "model.k=$2" --out "$folder/run" --overwrite > /dev/null 2> "$folder/err"
    seconds=$(sed -n 's/.*"train_seconds":\([0-9.]*\).*/\1/p' "$folder/run/epochs.jsonl" | sort -n | head -1)
    stated=$(sed -n 's/^memory: about \([^,]*\),.*/\1/p' "$folder/err")
    parameters=$(sed -n '/"work"/,/}/s/.*"activated_parameters": *\([0-9]*\),*/\1/p' "$folder/run/report.json" | head -1)
    awk -v n="$1" -v k="$2" -v s="$seconds" -v p="$peak" -v m="$stated" -v a="$parameters" \
        'BEGIN { printf "| %s | %s | %.2f | %.0f MB | %s | %s |\n", n, k, s, p * 1024 / 1e6, m, a }'
}

echo '| experts | k | seconds of an epoch | peak of memory | stated beforehand | parameters of an example |'
echo '|---|---|---|---|---|---|'
for k in 1 2 3 4 8; do measure 8 $k; done
for experts in 4 16 32 64; do measure $experts 2; done
