#!/usr/bin/env bash
# tools/results.sh [ROW ...]: trains and judges the rows of tools/results.txt (all, or those named),
# seeds 1, 2 and 3, and writes the table of all finished rows into models/RESULTS.md. What is
# finished is not run again, and what was interrupted goes on: runs are in runs/results/ROW/SEED.
#
# A row whose name ends in -transformer is tuned first: every position encoding at two learning
# rates with seed 11 and test data of seed 100, which no result uses; the best mean accuracy over
# the row's lengths is taken, generously, since they include lengths that were not trained.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."
gnomon=${GNOMON:-build/gnomon} threads=${THREADS:-$(nproc)} out=runs/results

trim() { sed 's/^ *//; s/ *$//' <<<"$1"; }

# judged DIR RECIPE LENGTHS SEED DATA_SEED OPTION...: trains in DIR and writes DIR/eval.json last.
judged() {
  local run=$1 recipe=$2 lengths=$3 seed=$4 data=$5
  shift 5
  [ ! -e "$run/eval.json" ] || return 0
  # An expression has one answer: 250 batches of its long ones are 2,000, as the Arena has.
  local batches=8
  [[ $recipe != listops* ]] || batches=250
  echo "== $run"
  if [ -e "$run/config.ini" ]; then
    "$gnomon" train --resume "$run" --threads "$threads" --quiet >/dev/null
  else
    "$gnomon" train --config "tools/recipes/$recipe.ini" "$@" --seed "$seed" --out "$run" \
      --threads "$threads" --quiet >/dev/null
  fi
  "$gnomon" eval --run "$run" --lengths "$lengths" --batches "$batches" --seed "$data" \
    --threads "$threads" --quiet --json "$run/eval.json"
}

# tuned ROW RECIPE LENGTHS OPTION...: sets `best` to the options of the best variant.
tuned() {
  local row=$1 recipe=$2 lengths=$3 position rate run score top=-1
  shift 3
  for position in none learned rope alibi; do
    for rate in 0.001 0.003; do
      run=$out/$row/tuning/$position-$rate
      judged "$run" "$recipe" "$lengths" 11 100 "$@" --position $position --learning-rate $rate
      score=$(tools/results.py accuracy "$run/eval.json")
      if awk "BEGIN { exit !($score > $top) }"; then
        top=$score best=(--position "$position" --learning-rate "$rate")
      fi
    done
  done
  echo "== $row: ${best[*]}"
}

for row in "$@"; do
  grep -qE "^$row *\|" tools/results.txt ||
    { echo "results: no row '$row' in tools/results.txt" >&2; exit 2; }
done
while IFS='|' read -r row _ _ recipe lengths options; do
  row=$(trim "$row") recipe=$(trim "$recipe") lengths=$(trim "$lengths")
  [ $# -eq 0 ] || [[ " $* " == *" $row "* ]] || continue
  read -ra words <<<"$options"
  mkdir -p "$out/$row"
  [[ $recipe != text* ]] || [ -e runs/king-james.txt ] || tools/king-james.sh runs/king-james.txt
  # Results of other options would be kept for finished.
  line="$recipe | $lengths | ${words[*]}"
  if [ -e "$out/$row/row.txt" ] && [ "$line" != "$(cat "$out/$row/row.txt")" ]; then
    echo "results: row '$row' is not what $out/$row was run with: move that away first" >&2
    exit 2
  fi
  echo "$line" >"$out/$row/row.txt"
  best=()
  [[ $row != *-transformer ]] || tuned "$row" "$recipe" "$lengths" "${words[@]}"
  for seed in 1 2 3; do
    judged "$out/$row/$seed" "$recipe" "$lengths" $seed 1 "${words[@]}" "${best[@]}"
  done
done < <(grep -v '^#' tools/results.txt)
tools/results.py table tools/results.txt $out models/RESULTS.md
