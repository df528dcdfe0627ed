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
said=$("$formatter" --dry-run "${files[@]}" 2>&1) && [ -z "$said" ] && exit 0
awk -F: '/: warning: / && !seen[$1]++ {
  print $1 ":" $2 ": not as .clang-format has it; tools/format.sh mends it" }' <<<"$said"
exit 1
