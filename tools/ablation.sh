#!/usr/bin/env bash
# tools/ablation.sh [DIR]: what each part of the pointer layer is worth. Trains the copy recipe with
# one thing changed at a time, three seeds each, and prints the hard accuracy (tokens, and sequences
# without a mistake) at trained and untrained distances. About five minutes; runs go to DIR
# (default runs/ablation), which must not exist.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."
gnomon=${GNOMON:-build/gnomon} out=${1:-runs/ablation}
[ ! -e "$out" ] || { echo "ablation: '$out' exists: move it away first" >&2; exit 2; }
mkdir -p "$out"

below=window:2,sinks:2,match:2,previous:2,jump,neighbour
variations=(
  "the recipe|"
  "temperature 1 throughout|--final-temperature 1"
  "straight-through|--selection straight-through --temperature 0.5 --final-temperature 0.5"
  "Gumbel|--selection gumbel"
  "hard|--selection hard"
  "one menu for all layers|--sources window:4,sinks:2,match:2,previous:2,jump,neighbour,run"
  "without run|--sources window:5/window:4,sinks:2,match:2/$below"
  "without match|--sources window:5/window:4,sinks:2,run/window:2,sinks:2,previous:2,jump,neighbour,run"
  "learned, not match|--sources window:5,learned:2/window:4,sinks:2,learned:2,run/window:2,sinks:2,previous:2,jump,neighbour,run"
  "window only|--sources window:16"
  "dense, as in the paper|--sources dense --selection gumbel --temperature 1 --final-temperature 1"
  "dense, annealed|--sources dense"
)
printf '%-26s %4s  %-17s %-17s\n' change seed 'at 96' 'at 2048'
for variation in "${variations[@]}"; do
  name=${variation%%|*} options=${variation#*|}
  for seed in 1 2 3; do
    run="$out/${name// /-}-$seed"
    # shellcheck disable=SC2086  # options are words
    "$gnomon" train --config tools/recipes/demo-pointer-copy.ini $options --seed $seed --out "$run" \
      --quiet >/dev/null
    "$gnomon" eval --run "$run" --lengths 96,2048 --batches 8 --quiet |
      awk -v name="$name" -v seed=$seed '
        NR > 1 { at[NR] = sprintf("%8s /%7s", $2 $3, $4 $5) }
        END { printf "%-26s %4s  %s  %s\n", name, seed, at[2], at[3] }'
  done
done
