#!/usr/bin/env bash
# tests/test_readme.sh QUICKSTART CHAIN: the C++ of the READMEs is tests/readme/*.cpp, and the programs
# built from it print what the READMEs say. The tour's files exist.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# block FILE LANGUAGE I: the I-th code block in that language, without its fences.
block() {
  awk -v open="\`\`\`$2" -v want="$3" '$0 == "```" { on = 0 } on && seen == want { print }
    $0 == open { on = 1; ++seen }' "$1"
}
same() { diff "$1" "$2" || { echo "$3 (above)"; exit 1; }; }

same <(block README.md cpp 1) tests/readme/quickstart.cpp "README.md: its C++ differs"
same <(block README.md text 1) <("$1") "README.md: the program prints something else"
page=nn/pointer/README.md
same <(block $page cpp 1) tests/readme/chain.cpp "$page: the first C++ differs"
same <(block $page text 1) <("$2") "$page: the program prints something else"
same <(block $page cpp 2) tests/readme/variant.cpp "$page: the variant differs"
