#!/usr/bin/env bash
# tests/test_tutorial.sh: the tutorial of nn/pointer/README.md followed to the letter. Saved where it
# says, the variant is built into the library, and nothing else registers its names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -r CMakeLists.txt core nn models tasks tools tests "$work"
cp tests/readme/variant.cpp "$work/nn/pointer/variants/halfway.cpp"
cmake -S "$work" -B "$work/build" -G Ninja -DCMAKE_UNITY_BUILD=OFF >/dev/null
commands=$work/build/compile_commands.json
grep -q '"file": ".*nn/pointer/variants/halfway.cpp"' "$commands" ||
  { echo "the variant is not built where the tutorial puts it"; exit 1; }
if grep -q '"file": ".*tests/readme/variant.cpp"' "$commands"; then
  echo "the variant is built twice, and would register its names twice"
  exit 1
fi
