#!/usr/bin/env bash
# tools/portable.sh [NAME...]: builds and tests the engine as other machines have it, each in
# build/portable/NAME: another compiler, older processors, no oneDNN. All of them take an hour or
# more on two cores. What fails is named at the end, and the exit code is 1.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

declare -A options=(
  [clang]="-DCMAKE_CXX_COMPILER=clang++-14"
  [x86-64]="-DGNOMON_ARCH=x86-64"
  [x86-64-v2]="-DGNOMON_ARCH=x86-64-v2"
  [x86-64-v3]="-DGNOMON_ARCH=x86-64-v3"
  [native]=""
  [eigen]="-DGNOMON_ONEDNN=OFF"
  [clang-eigen-x86-64]="-DCMAKE_CXX_COMPILER=clang++-14 -DGNOMON_ONEDNN=OFF -DGNOMON_ARCH=x86-64"
)
names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(printf '%s\n' "${!options[@]}" | sort)
for name in "${names[@]}"; do
  [ -n "${options[$name]+there}" ] || {
    echo "portable: unknown '$name'; there are: $(printf '%s\n' "${!options[@]}" | sort | paste -sd' ')" >&2
    exit 2
  }
done

tools/setup.sh --tests
mkdir -p build/portable
failed=()
for name in "${names[@]}"; do
  folder=build/portable/$name began=$SECONDS
  read -ra words <<<"${options[$name]}"
  if cmake -S . -B "$folder" -G Ninja "${words[@]}" >"$folder.log" 2>&1 &&
    cmake --build "$folder" >>"$folder.log" 2>&1 &&
    ctest --test-dir "$folder" -j 2 --output-on-failure >>"$folder.log" 2>&1; then
    echo "$name: $(grep -E 'tests passed' "$folder.log" | tail -1), $((SECONDS - began)) s"
  else
    echo "$name: failed after $((SECONDS - began)) s: $folder.log"
    failed+=("$name")
  fi
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
