#!/usr/bin/env bash
# tests/test_readme.sh PROGRAM: the README's C++ is tests/readme/quickstart.cpp, and PROGRAM, built
# from it, prints what the README says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# block LANGUAGE: the first code block in that language, without its fences.
block() { awk -v open="\`\`\`$1" '$0 == "```" && on { exit } on { print } $0 == open { on = 1 }' README.md; }

diff <(block cpp) tests/readme/quickstart.cpp || { echo "README.md: its C++ differs (above)"; exit 1; }
diff <(block text) <("$1") || { echo "README.md: the program prints something else (above)"; exit 1; }
