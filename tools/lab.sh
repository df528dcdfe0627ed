#!/usr/bin/env bash
# tools/lab.sh: the lab, build/lab/gnomon-lab.html: a page in which models are trained and looked at,
# by this engine compiled to WebAssembly. Installs emscripten (Debian 12) where it is missing, and
# builds the program first. `gnomon inspect` writes pages that are alive from then on.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools/setup.sh --lab
cmake -S . -B build -G Ninja >/dev/null
cmake --build build --target gnomon -- $([ -t 1 ] || echo --quiet)
export NODE_PATH=/usr/share/nodejs  # where Debian keeps acorn, whichever node there is
emcmake cmake -S tools/lab -B build/lab -G Ninja >/dev/null
cmake --build build/lab -- $([ -t 1 ] || echo --quiet)
for part in engine.js engine.wasm; do
  gzip -9 --no-name --stdout build/lab/$part | base64 --wrap=0 >build/lab/$part.packed
done
build/gnomon lab --out build/lab/gnomon-lab.html
