#!/usr/bin/env bash
# tools/demo.sh: from a fresh clone to a table, in minutes. Sets up and builds; trains a pointer
# model and a transformer to copy and to read English; judges them, and prints the results beside
# chance. The recipes stand in tools/recipes/demo-*.ini, the runs go to runs/demo/.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=runs/demo mark=runs/demo/.made-by-demo
if [ -e $out ] && [ ! -e $mark ]; then
  echo "demo: $out was not made by the demo: move it away first" >&2
  exit 2
fi
took() { echo "== $1 took $((SECONDS - $2)) s"; }

echo "== setting up and building"
tools/setup.sh
began=$SECONDS
cmake -S . -B build -G Ninja >/dev/null
cmake --build build --target gnomon -- $([ -t 1 ] || echo --quiet)
took "the build" $began

rm -rf $out && mkdir -p $out && touch $mark
# learn NAME LENGTHS: trains by a recipe and judges at some lengths, some of them never trained on.
learn() {
  local began=$SECONDS
  echo "== $1: tools/recipes/demo-$1.ini"
  build/gnomon train --config "tools/recipes/demo-$1.ini" --out "$out/$1" | sed -n 1p
  build/gnomon eval --run "$out/$1" --lengths "$2" --batches 8 --json "$out/$1/eval.json" >/dev/null
  took "$1" $began
}
began=$SECONDS
learn pointer-copy 40,96,160,2048
learn transformer-copy 40,96,160,2048
learn pointer-text 256,1024
learn transformer-text 256,1024
took "learning and judging" $began

# rows NAME: one line for each result in eval.json; the speed of training is the mean of
# metrics.jsonl.
rows() {
  local run=$out/$1 speed
  speed=$(sed 's/.*"tokens_per_s":\([^,}]*\).*/\1/' "$run/metrics.jsonl" |
    awk '{ seconds += 1 / $1 } END { printf "%.0f", NR / seconds }')
  sed 's/[{},]/\n&\n/g' "$run/eval.json" | awk -v model="${1%-*}" -v task="${1#*-}" -v speed="$speed" '
    split($0, pair, /[" :]+/) > 2 { value[pair[2]] = pair[3] }
    /}/ && "length" in value {
      text = "bits_per_byte" in value
      printf "%-12s %-5s %7d %13.2f %% %11s %8.2f %% %11s %10s\n", model, task, value["length"],
        100 * value["token_accuracy"], text ? "-" : sprintf("%.2f %%", 100 * value["exact_match"]),
        100 * value["chance"], text ? sprintf("%.3f", value["bits_per_byte"]) : "-", speed
      split("", value)
    }'
}
echo
printf '%-12s %-5s %7s %15s %11s %10s %11s %10s\n' model task length 'token accuracy' 'exact match' \
  chance 'bits/byte' 'tokens/s'
rows pointer-copy
rows transformer-copy
rows pointer-text
rows transformer-text
cat <<END

copy: repeat 32 of 20 symbols; length is how far back they stand. Trained up to 160, never at 2048.
text: the next byte of a licence not among those read in training. tokens/s: in training.
Pointers are hard: every head of every token reads exactly one token.
Next: build/gnomon train --help     build/gnomon eval --run $out/pointer-copy --lengths 8192
END
