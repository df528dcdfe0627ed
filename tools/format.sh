#!/usr/bin/env bash
# tools/format.sh [--check]: formats all C++ files as .clang-format says; --check only names those
# that differ, one line each, and fails. Versions of clang-format differ: it must be version 14.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

formatter=
for name in clang-format-14 clang-format; do
  [[ "$($name --version 2>/dev/null)" == *"version 14."* ]] && { formatter=$name; break; }
done
if [ -z "$formatter" ]; then
  echo "format: clang-format 14 is needed: apt-get install clang-format-14" >&2
  exit 2
fi

mapfile -t files < <(find core nn models tasks tools tests -name '*.hpp' -o -name '*.cpp' | sort)
if [ "${1:-}" != --check ]; then
  "$formatter" -i "${files[@]}"
  exit
fi
failed=0
for file in "${files[@]}"; do
  first=$("$formatter" "$file" | diff "$file" - | head -n 1) || true
  [ -z "$first" ] && continue
  echo "$file:${first%%[,acd]*}: not as .clang-format has it; tools/format.sh mends it"
  failed=1
done
exit $failed
