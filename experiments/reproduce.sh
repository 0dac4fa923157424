#!/usr/bin/env bash
# Trains what docs/reproduction.md reports, one group of rows at a time:
#
#   ADEPTS_DATA=/path/to/data experiments/reproduce.sh GROUP [OUT]
#
# GROUP is tune (baselines on validation items, minutes), baselines (minutes), ablations (20 experts, hours), first (the paper's first experiments, hours),
# reduce (row weights by the sum and by the mean over validation items, 20 experts, an hour), liang (MultVAE in the sizes of its paper, minutes), large (100 experts, an hour), wsdm22 (another split, minutes), probes; and of tabular models domains (all models, hours), first-cesaa (k, shared
# expert, mutual information, experts), tune-domains (ten trials of each model, by validation rows), tuned-domains (the best trial of each
# model with more seeds, hours), towers (what the tower of cesaa knows of the domain, hours), tables (lazy and dense updates of embeddings), apart (models of one domain alone) or retrieval (two towers, hours).
# Finished runs are kept, stopped ones continued.
# Set ADEPTS to the binary and SEEDS to the seeds ("1 2 3"); for tune-domains also MODELS and TRIALS, to run some of them.
set -euo pipefail
cd "$(dirname "$0")/.."
group=${1:?which group: tune, baselines, ablations, first, reduce, liang, large, wsdm22, probes, domains, first-cesaa, tune-domains, tuned-domains, towers, tables, apart or retrieval}
out=${2:-reproduction}
adepts=${ADEPTS:-target/release/adepts}
seeds=${SEEDS:-1 2 3}

# train NAME FILE [KEY=VALUE…]: one run per seed of split and training.
train() {
  local name=$1 file=$2 seed settings=()
  shift 2
  for setting in "$@"; do settings+=(--set "$setting"); done
  for seed in $seeds; do
    local run="$out/$name-s$seed"
    [ -e "$run/manifest.json" ] && continue
    "$adepts" train "experiments/$file" --set "seed=$seed" --set "name=$name-s$seed" "${settings[@]}" --out "$run" --resume
  done
}

# compare NAME…: mean and interval over the seeds, differences from the first; by the METRIC.
metric=ndcg@20
compare() {
  local runs=() name seed
  for name in "$@"; do for seed in $seeds; do runs+=("$out/$name-s$seed"); done; done
  "$adepts" compare "${runs[@]}" --metric "$metric"
}

# Trials of tune-domains: learning rate, l2, embedding, norm, place in the widths of the model, place in its other settings. The first is the
# default, the others were drawn at random from the search space in docs/reproduction.md.
trials=("1e-3 1e-5 16 none 0 0" "1e-3 1e-5 32 batch 0 2" "1e-3 3e-5 32 none 2 2" "1e-3 3e-5 16 none 1 2" "2e-3 3e-5 32 none 2 0"
  "2e-3 1e-4 32 none 2 0" "1e-3 1e-6 16 batch 1 0" "2e-3 1e-5 16 batch 1 1" "5e-4 3e-5 16 batch 1 2" "5e-4 1e-4 8 none 0 2")
declare -A widths=([mlp]="[128,64,32] [64,32] [256,128,64]" [shared_bottom]="[128] [64] [256,128]" [mmoe]="[16] [32] [64,32]"
  [cesaa]="[64,32] [32] [256,128]")
widths[single]=${widths[mlp]} widths[star]=${widths[mlp]} widths[epnet]=${widths[mlp]} widths[ple]=${widths[mmoe]}
declare -A others=([shared_bottom]="tower=[8] tower=[16] tower=[32]" [mmoe]="experts=3 experts=6 experts=8"
  [ple]="experts=2,shared=1 experts=1,shared=1 experts=2,shared=2" [epnet]="gate.hidden=64 gate.hidden=32 gate.hidden=128"
  [cesaa]="k=2,mi=0.01 k=4,mi=0.1 k=4,experts=16,mi=0.0")

# trial MODEL N: one trial of a model.
trial() {
  local model=$1 n=$2 rate l2 embedding norm width other settings list
  read -r rate l2 embedding norm width other <<< "${trials[$n]}"
  # Of what is not shown no intervals are needed.
  settings=("train.optimizer.learning_rate=$rate" "train.optimizer.l2=$l2" "model.embedding=$embedding" eval.resamples=1)
  if [ "$model" != fm ]; then
    read -ra list <<< "${widths[$model]}"
    settings+=("model.norm=$norm" "model.hidden=${list[$width]}")
  fi
  if [ -n "${others[$model]:-}" ]; then
    read -ra list <<< "${others[$model]}"
    for setting in ${list[$other]//,/ }; do settings+=("model.$setting"); done
  fi
  train "tune-$model-$n" "$model-ml-1m.toml" "${settings[@]}" > /dev/null
}

# The trial of each model that was best on the validation rows of seed 1.
declare -A best=([fm]=6 [single]=5 [mlp]=5 [shared_bottom]=5 [mmoe]=4 [ple]=5 [star]=2 [epnet]=5 [cesaa]=5)

sum=model.kl.reduce=sum
uniform='model.gate={kind="uniform"}'
small=model.experts=20

case $group in
  tune)
    # Test items must not choose a setting, so what training prints of them is not shown.
    seeds=${SEEDS:-1}
    for neighbours in 10 20 50 100 200; do
      for shrinkage in 0 10 100; do
        train "tune-itemknn-n$neighbours-h$shrinkage" itemknn-ml-1m.toml "model.neighbours=$neighbours" "model.shrinkage=$shrinkage" > /dev/null
      done
    done
    for l2 in 100 200 300 500 1000 2000 3000; do train "tune-ease-l$l2" ease-ml-1m.toml "model.l2=$l2" > /dev/null; done
    "$adepts" evaluate "$out"/tune-* --part validation --metrics ndcg@20
    ;;
  baselines)
    train popularity popularity-ml-1m.toml
    train itemknn itemknn-ml-1m.toml
    train ease ease-ml-1m.toml
    train multvae-mean multvae-ml-1m.toml
    train multvae-sum multvae-ml-1m.toml $sum
    train multvae-h1000 multvae-ml-1m.toml $sum 'model.hidden=[1000]'
    # The plain average of ten single models that differ in their training seed, on the split of each seed.
    for seed in $seeds; do
      for n in 1 2 3 4 5 6 7 8 9 10; do
        run="$out/average-part-$n-s$seed"
        [ -e "$run/manifest.json" ] || "$adepts" train experiments/multvae-ml-1m.toml --set "split.seed=$seed" \
          --set "seed=$((1000 * seed + n))" --set $sum --out "$run" --resume
      done
      "$adepts" evaluate --average --raw "$out"/average-part-[123]-s"$seed"
      "$adepts" evaluate --average --raw "$out"/average-part-*-s"$seed"
    done
    compare ease popularity itemknn multvae-mean multvae-sum multvae-h1000
    ;;
  ablations)
    train tall20 tall-ml-1m.toml $small
    train lmoe20 lmoe-ml-1m.toml $small
    train moe20 moe-ml-1m.toml $small
    train uniform20 lmoe-ml-1m.toml $small "$uniform"
    train uniform-weights20 tall-ml-1m.toml $small "$uniform"
    for seed in $seeds; do "$adepts" evaluate "$out/tall20-s$seed" --probe none; done
    compare tall20 lmoe20 moe20 uniform20 uniform-weights20
    ;;
  first)
    train tall20 tall-ml-1m.toml $small
    train tall20-mlp tall-ml-1m.toml $small 'model.gate={kind="mlp"}'
    for gap in 0 10; do train "tall20-gap$gap" tall-ml-1m.toml $small "model.weights.gap=$gap"; done
    for alpha in 0.02 0.2; do train "tall20-alpha$alpha" tall-ml-1m.toml $small "model.weights.alpha=$alpha"; done
    compare tall20 tall20-mlp tall20-gap0 tall20-gap10 tall20-alpha0.02 tall20-alpha0.2
    ;;
  reduce)
    # The weights follow the sum of the losses over a user's validation items, as published, or their mean, whose alpha is such that the weights
    # differ as much between users when they set in.
    train tall20 tall-ml-1m.toml $small
    train tall20-mean tall-ml-1m.toml $small model.weights.reduce=mean model.weights.alpha=0.008
    compare tall20 tall20-mean
    for seed in $seeds; do "$adepts" compare "$out/tall20-s$seed" "$out/tall20-mean-s$seed"; done
    ;;
  liang)
    train multvae-liang multvae-liang-ml-1m.toml
    train multvae-mean multvae-ml-1m.toml
    train multvae-sum multvae-ml-1m.toml $sum
    compare multvae-mean multvae-liang multvae-sum
    ;;
  large)
    seeds=${SEEDS:-1}
    train tall100 tall-ml-1m.toml
    train lmoe100 lmoe-ml-1m.toml
    compare tall100 lmoe100
    ;;
  probes)
    train tall20 tall-ml-1m.toml $small
    train tall20-history tall-ml-1m.toml $small model.gate.probe=history model.weights.probe=history
    train multvae-sum multvae-ml-1m.toml $sum
    train ease ease-ml-1m.toml
    for seed in $seeds; do
      "$adepts" evaluate --validation-as-input "$out/multvae-sum-s$seed" "$out/ease-s$seed"
    done
    compare tall20 tall20-history
    ;;
  wsdm22)
    settings=('data.source=${ADEPTS_DATA}/ml-1m-wsdm22-split.parquet' data.item=item_id 'data.filter={}'
      'split={kind="column",column="split"}' eval.mask_validation=false)
    learned=(model.dropout=0.2 'model.kl={reduce="mean",cap=0.2,steps=0}' train.optimizer.l2=0.01)
    train wsdm22-vae multvae-ml-1m.toml "${settings[@]}" "${learned[@]}" train.stop.patience=10
    train wsdm22-wl wl-ml-1m.toml "${settings[@]}" "${learned[@]}" train.stop.patience=5
    train wsdm22-ease100 ease-ml-1m.toml "${settings[@]}" model.l2=100
    train wsdm22-ease1000 ease-ml-1m.toml "${settings[@]}"
    compare wsdm22-vae wsdm22-wl wsdm22-ease100 wsdm22-ease1000
    ;;
  first-cesaa)
    seeds=${SEEDS:-1 2 3 4 5} metric=auc
    # The tower does not know the domain, as the file says. k = 2 of 8 experts, one shared, mi .01
    train cesaa cesaa-ml-1m.toml
    for k in 1 3 4; do train "cesaa-k$k" cesaa-ml-1m.toml "model.k=$k"; done
    train cesaa-unshared cesaa-ml-1m.toml model.shared=0
    train cesaa-no-mi cesaa-ml-1m.toml model.mi=0.0
    for experts in 4 16 32; do train "cesaa-n$experts" cesaa-ml-1m.toml "model.experts=$experts"; done
    compare cesaa cesaa-k1 cesaa-k3 cesaa-k4 cesaa-unshared cesaa-no-mi cesaa-n4 cesaa-n16 cesaa-n32
    # Seconds, parameters and multiply-adds of each beside its quality.
    for seed in $seeds; do "$adepts" report "$out"/cesaa-s"$seed" "$out"/cesaa-*-s"$seed" --out "$out/first-cesaa-s$seed.html"; done
    ;;
  tune-domains)
    # Test rows must not choose a setting, so what training prints of them is not shown.
    seeds=${SEEDS:-1}
    for model in ${MODELS:-fm single mlp shared_bottom mmoe ple star epnet cesaa}; do
      for n in ${TRIALS:-${!trials[@]}}; do trial "$model" "$n"; done
      "$adepts" evaluate "$out"/tune-"$model"-* --part validation --metrics auc
    done
    ;;
  tuned-domains)
    seeds=${SEEDS:-1 2 3 4 5} metric=auc
    names=()
    for model in cesaa mlp shared_bottom epnet star mmoe ple fm single; do
      trial "$model" "${best[$model]}"
      names+=("tune-$model-${best[$model]}")
    done
    compare "${names[@]}"
    ;;
  towers)
    # What the tower of cesaa knows of the domain, with the tuned settings.
    seeds=${SEEDS:-1 2 3 4 5} metric=auc
    read -r rate l2 embedding norm width other <<< "${trials[${best[cesaa]}]}"
    read -ra list <<< "${widths[cesaa]}"
    for form in none bias embedding; do
      train "tower-$form" cesaa-ml-1m.toml "model.tower_domain=$form" "train.optimizer.learning_rate=$rate" "train.optimizer.l2=$l2" \
        "model.embedding=$embedding" "model.norm=$norm" "model.hidden=${list[$width]}" eval.resamples=1
    done
    compare tower-none tower-bias tower-embedding
    ;;
  apart)
    # What a model of each domain is worth if it is trained and stopped alone, beside `single`, which trains them together.
    metric=auc
    train single single-ml-1m.toml
    for domain in 0 1 2; do train "mlp-alone-$domain" mlp-ml-1m.toml "data.domains=[\"$domain\"]"; done
    ;;
  tables)
    seeds=${SEEDS:-1 2 3 4 5} metric=auc
    for model in mlp cesaa; do
      for kind in dense lazy adagrad; do train "$model-$kind" "$model-ml-1m.toml" "train.tables.kind=$kind"; done
      compare "$model-dense" "$model-lazy" "$model-adagrad"
    done
    ;;
  domains)
    seeds=${SEEDS:-1 2 3 4 5} metric=auc
    rankers="single fm mlp shared_bottom mmoe ple star epnet cesaa"
    for model in $rankers; do train "$model" "$model-ml-1m.toml"; done
    # shellcheck disable=SC2086
    compare $rankers
    # The same test rows for all models of a seed: gains over a model for each domain, with intervals.
    for seed in $seeds; do
      runs=()
      for model in $rankers; do runs+=("$out/$model-s$seed"); done
      "$adepts" compare "${runs[@]}"
    done
    ;;
  retrieval)
    towers="single mlp cesaa"
    for model in $towers; do train "retrieval-$model" "retrieval-$model-ml-1m.toml"; done
    # The same lists for all models of a seed, with the model of its own for each domain as the baseline.
    for seed in $seeds; do
      runs=()
      for model in $towers; do runs+=("$out/retrieval-$model-s$seed"); done
      for metric in recall@10 recall@100; do
        "$adepts" compare "${runs[@]}" --baseline "retrieval-single-s$seed" --metric "$metric"
      done
    done
    ;;
  *) echo "unknown group $group" >&2; exit 2 ;;
esac
