#!/usr/bin/env bash
# tools/ablation.sh [DIR [GROUP ...]]: what each part of the pointer layer is worth. Trains a recipe with
# one thing changed at a time, three seeds each, and prints the hard accuracy (tokens, and sequences
# without a mistake) at a trained length and at one never trained. Groups: copy (about eight
# minutes), khop (as long). Runs go to DIR (default runs/ablation); what is finished there is not run again.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."
gnomon=${GNOMON:-build/gnomon} out=${1:-runs/ablation} threads=${THREADS:-$(nproc)}
[ $# -eq 0 ] || shift
groups=("$@")
[ ${#groups[@]} -gt 0 ] || groups=(copy khop)

below=window:2,sinks:2,match:2,previous:2,jump,neighbour
all=window:4,sinks:2,match:2,previous:2,jump,neighbour
copy=(
  "the recipe|"
  "temperature 1 throughout|--final-temperature 1"
  "straight-through|--selection straight-through --temperature 0.5 --final-temperature 0.5"
  "Gumbel|--selection gumbel"
  "hard|--selection hard"
  "encode index|--encode index"
  "encode hop|--encode hop"
  "encode content|--encode content"
  "one menu for all layers|--sources $all,run"
  "one layer, repeated|--share true --sources $all,run"
  "two heads|--heads 2"
  "with null|--sources window:5,null/window:4,sinks:2,match:2,null,run/$below,null,run"
  "gated, not run|--sources window:5/window:4,sinks:2,match:2,gated/$below,gated"
  "without run|--sources window:5/window:4,sinks:2,match:2/$below"
  "without match|--sources window:5/window:4,sinks:2,run/window:2,sinks:2,previous:2,jump,neighbour,run"
  "ngram, not match|--sources window:5/window:4,sinks:2,ngram:3,run/window:2,sinks:2,ngram:3,previous:2,jump,neighbour,run"
  "learned, not match|--sources window:5,learned:2/window:4,sinks:2,learned:2,run/window:2,sinks:2,previous:2,jump,neighbour,run"
  "blocks, not match|--sources window:5/window:4,sinks:2,blocks:2,run/window:2,sinks:2,previous:2,jump,neighbour,run"
  "window only|--sources window:16"
  "random|--sources random:16"
  "dense, as in the paper|--sources dense --encode index --selection gumbel --temperature 1 --final-temperature 1"
  "dense, annealed|--sources dense"
)
khop=(
  "the recipe|"
  "positions handed on|--hand-on position"
  "positions, straight-through|--hand-on position --selection straight-through --temperature 0.5 --final-temperature 0.5"
)

# compare RECIPE NEAR FAR VARIATION...: a variation is "name|options".
compare() {
  local recipe=$1 near=$2 far=$3 variation name options seed run
  shift 3
  printf '%-28s %4s  %-17s %-17s\n' "$recipe" seed "at $near" "at $far"
  for variation in "$@"; do
    name=${variation%%|*} options=${variation#*|}
    for seed in 1 2 3; do
      run="$out/$recipe-${name// /-}-$seed"
      if [ ! -e "$run.txt" ]; then
        rm -rf "$run"
        # shellcheck disable=SC2086  # options are words
        "$gnomon" train --config "tools/recipes/$recipe.ini" $options --seed $seed --out "$run" \
          --threads "$threads" --quiet >/dev/null
        "$gnomon" eval --run "$run" --lengths "$near,$far" --batches 8 --threads "$threads" --quiet \
          >"$run.part"
        mv "$run.part" "$run.txt"
      fi
      awk -v name="$name" -v seed=$seed '
        NR > 1 { at[NR] = sprintf("%8s /%7s", $2 $3, $4 $5) }
        END { printf "%-28s %4s  %s  %s\n", name, seed, at[2], at[3] }' "$run.txt"
    done
  done
}

mkdir -p "$out"
for group in "${groups[@]}"; do
  case "$group" in
    copy) compare demo-pointer-copy 96 2048 "${copy[@]}" ;;
    khop) compare khop 100 1000 "${khop[@]}" ;;
    *) echo "ablation: unknown group '$group'; there are: copy, khop" >&2; exit 2 ;;
  esac
done
