#!/usr/bin/env bash
# Seconds of an epoch of tabular models, adepts and PyTorch (peers.py) in turns on this machine, and their ratios.
#
#   experiments/pytorch/epochs.sh [ADEPTS_DATA [TURNS [EPOCHS]]]
#
# ADEPTS_DATA holds ml-1m.parquet of `adepts import movielens-1m`; by default it is the variable of that name. Of the EPOCHS of
# each run (3) the first warms up, and the others count in each of the TURNS (3). For adepts they are the `train_seconds` of
# epochs.jsonl, rows read, shuffled and gathered included; for PyTorch forward, loss, backward and Adam with batches ready in memory.
# Needs python3 with torch, numpy and pyarrow. Set ADEPTS to the binary, PYTHON to the interpreter, THREADS to the threads of both (2),
# MODELS to some of "mmoe ple star". Nothing else should run meanwhile.
set -euo pipefail
cd "$(dirname "$0")/../.."
export ADEPTS_DATA=${1:-${ADEPTS_DATA:?the folder of ml-1m.parquet}}
turns=${2:-3}
epochs=${3:-3}
adepts=${ADEPTS:-target/release/adepts}
python=${PYTHON:-python3}
threads=${THREADS:-2}
models=${MODELS:-mmoe ple star}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# pytorch MODEL NORM: seconds of each epoch but the first.
pytorch() {
  # Without the first three the C library gives large blocks back to the system and pays for each page again in the next step;
  # the last asks for large pages, as the allocator of adepts does.
  MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_MMAP_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=67108864 \
    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 "$python" experiments/pytorch/peers.py "$ADEPTS_DATA/ml-1m.parquet" "$1" \
    --norm "$2" --epochs "$epochs" --threads "$threads" > "$work/lines"
  grep -o '"test_auc": [0-9.]*' "$work/lines" | sed "s/^/$1 pytorch-$2 /" >&2
  sed -n 's/.*"seconds": \([0-9.]*\).*/\1/p' "$work/lines" | tail -n +2
}

# adepts MODEL NORM: the same. Intervals of the evaluation that ends a run would only take time here.
adepts() {
  local run="$work/$1-$2"
  rm -rf "$run"
  "$adepts" train "experiments/$1-ml-1m.toml" --set "model.norm=$2" --set "train.epochs=$epochs" \
    --set eval.resamples=1 --threads "$threads" --quiet --out "$run" > "$work/lines"
  awk -v model="$1" -v side="adepts-$2" '$2 == model { print model, side, "\"test_auc\":", $3 }' "$work/lines" >&2
  sed -n 's/.*"train_seconds":\([0-9.]*\).*/\1/p' "$run/epochs.jsonl" | tail -n +2
}

echo "load average $(cut -d' ' -f1-3 /proc/loadavg), $threads threads, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)"
for turn in $(seq "$turns"); do
  for model in $models; do
    for side in pytorch-batch adepts-none pytorch-none adepts-batch; do
      seconds=$("${side%-*}" "$model" "${side#*-}")
      echo "turn $turn $model $side" $seconds | tee -a "$work/seconds"
    done
  done
done

# The median of a turn's epochs is its figure, the ratio of two of the same turn is a ratio, and medians of those are the last column.
"$python" - "$work/seconds" << 'PYTHON'
import statistics, sys

figures = {}
for line in open(sys.argv[1]):
    _, _, model, side, *seconds = line.split()
    figures.setdefault(model, {}).setdefault(side, []).append(statistics.median(map(float, seconds)))
pairs = [("pytorch-batch", "adepts-none"), ("pytorch-none", "adepts-none"), ("pytorch-batch", "adepts-batch")]
for model, sides in figures.items():
    for side, turns in sides.items():
        print(f"{model:5} {side:30} " + " ".join(f"{turn:6.2f}" for turn in turns) + f"   median {statistics.median(turns):.2f} s")
    for one, other in pairs:
        ratios = [a / b for a, b in zip(sides[one], sides[other])]
        name = f"{one} / {other}"
        print(f"{model:5} {name:30} " + " ".join(f"{ratio:6.2f}" for ratio in ratios) + f"   median {statistics.median(ratios):.2f}")
PYTHON
