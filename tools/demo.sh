#!/usr/bin/env bash
# tools/demo.sh: from a fresh clone to a table, in minutes. Sets up and builds; trains a pointer
# model and a transformer to copy and to read English; judges them, and prints the results beside
# chance. The plan is tools/plans/demo.ini, the runs go to runs/demo/; what is finished there stays.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=runs/demo
took() { echo "== $1 took $((SECONDS - $2)) s"; }

echo "== setting up and building"
tools/setup.sh
began=$SECONDS
cmake -S . -B build -G Ninja >/dev/null
cmake --build build --target gnomon -- $([ -t 1 ] || echo --quiet)
took "the build" $began

began=$SECONDS
build/gnomon sweep tools/plans/demo.ini --out $out --jobs 2 --threads 1 --retry stale
took "learning and judging" $began
cat <<END

copy: repeat 32 of 20 symbols; length is how far back they stand. Trained up to 160, never at 2048.
text: the next byte of a licence not among those read in training. tokens/s: in training.
Pointers are hard: every head of every token reads exactly one token.
Next: build/gnomon train --help     build/gnomon eval --run $out/runs/pointer-copy/1 --lengths 8192
END
