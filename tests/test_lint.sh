#!/usr/bin/env bash
# tests/test_lint.sh: every rule of tools/lint.sh can fail. A small tree passes; broken in many
# places, one for each rule, it fails, and the lint names every place with that rule's sentence.
set -euo pipefail
lint=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../tools/lint.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

good=$work/good
for folder in core nn models tasks tools tests third_party; do
  mkdir -p "$good/$folder"
  echo "# $folder" >"$good/$folder/README.md"
done
echo '# Top. See [the engine](core/README.md) and `core/array.hpp`.' >"$good/README.md"
printf '| `libxtensor-dev` | `xtensor/` |\n| `libfmt-dev` | `fmt/` |\n' >"$good/third_party/README.md"
echo 'find_package(fmt REQUIRED)' >"$good/CMakeLists.txt"
printf '#pragma once\n\nstruct Pair {};\n' >"$good/core/pair.hpp"
printf '#pragma once\n\n#include <xtensor/xarray.hpp>\n' >"$good/core/array.hpp"
printf '#pragma once\n\n#include <fmt/format.h>\n\n#include "core/array.hpp"\n' >"$good/nn/layer.hpp"
printf '#pragma once\n' | tee "$good/tasks/batch.hpp" >"$good/tasks/task.hpp"
printf '#include <vector>\n\n#include "nn/layer.hpp"\n#include "tasks/batch.hpp"\n\nconstexpr int kMost = 1;\n' >"$good/models/model.cpp"
printf '// Not code: xt::sum, xsimd::rsqrt.\nvoid fill(Array& y) { y.xt() = 0; }\n' >"$good/nn/layer.cpp"
cp "$(dirname "$lint")/format.sh" "$good/tools/"
cp "$(dirname "$lint")/../.clang-format" "$good/"
"$lint" "$good" || { echo "the good tree should pass"; exit 1; }

# breaks FILE TEXT SENTENCE [LINE]: adds TEXT (as printf reads it) at the end of FILE, and expects
# the lint to say SENTENCE there, at its first line (or at LINE).
expected=$work/expected bad=$work/bad
cp -r "$good" "$bad"
breaks() {
  local file=$1 text=$2 sentence=$3 line=${4:-}
  mkdir -p "$(dirname "$bad/$file")"
  touch "$bad/$file"
  printf '%s:%s: %s\n' "$file" "${line:-$(($(wc -l <"$bad/$file") + 1))}" "$sentence" >>"$expected"
  printf -- "$text\n" >>"$bad/$file"
}

breaks nn/twice.hpp 'struct Pair {' "a type of this name stands in another header"
breaks nn/clash.cpp 'constexpr size_t kMost = 2;' "a name of another source's top level"
# Who may include whom.
breaks core/tape.cpp '#include "nn/layer.hpp"' "core/ may not include nn/"
breaks nn/a.cpp '#include "models/model.hpp"' "nn/ may not include models/"
breaks nn/a.cpp '#include "tasks/batch.hpp"' "nn/ may not include tasks/"
breaks nn/a.cpp '#include "layer.hpp"' "by its path from the top"
breaks tasks/a.cpp '#include "nn/layer.hpp"' "tasks/ may not include nn/"
breaks tasks/a.cpp '#include "models/model.hpp"' "tasks/ may not include models/"
breaks models/a.cpp '#include "tasks/task.hpp"' "models/ may not include tasks/"
breaks models/a.cpp '#include "tools/training/options.hpp"' "models/ may not include tools/"
breaks tools/a.cpp '#include "tests/naive.hpp"' "tools/ may not include tests/"

breaks core/base/a.cpp '#include "core/array.hpp"' "core/base/ may not include core/"
breaks tools/training/a.cpp '#include "tools/output.hpp"' "tools/training/ may not include tools/"

# xtensor and xsimd.
breaks nn/b.cpp '#include <xtensor/xview.hpp>' "only core/array.hpp includes xtensor"
breaks core/a.cpp 'void f(Array& y) { y = xt::exp(y.xt()); }' "only core/array.hpp names xtensor"
breaks tests/a.cpp 'using namespace xt;' "only core/array.hpp names xtensor"
breaks core/array.hpp 'T f(T a) { return a / xt::sum(a, {1}); }' "a lazy xtensor reducer"
breaks core/array.hpp 'T f(T a) {\n  return a -\n xt::amax(a, {1});\n}' "a lazy xtensor reducer" 6
breaks nn/b.cpp 'const auto e = y.xt() * 2;' "auto holds an xtensor expression"
breaks nn/b.cpp 'auto&& e =\n    y.xt() * 2;' "auto holds an xtensor expression"
breaks core/a.cpp 'real f(T x) { return xsimd::reduce(x, x, 0); }' "xsimd::reduce reads out of bounds"
breaks core/a.cpp 'Pack f(Pack x) { return xsimd::rsqrt(x); }' "xsimd::rsqrt is a 12-bit estimate"
breaks core/a.cpp 'Pack f(const Pack* x) { return xsimd::haddp(x); }' "xsimd::haddp puts sums"
breaks tests/a.cpp 'TEST_CASE("one; another") {}' "a ';' in the name of a test"
breaks core/a.cpp 'Array f(T x) { return xt::linalg::dot(x, x); }' "xt::linalg returns wrong shapes"
breaks core/a.cpp 'Array f() { return xt::load_npy<real>("x"); }' "xt::load_npy trusts hostile files"
breaks CMakeLists.txt 'add_compile_options(-ff''ast-math)' "fast-math breaks NaN checks"
breaks tools/a.sh 'g++ -Of''ast a.cpp' "fast-math breaks NaN checks"
breaks core/a.cpp '#pragma GCC optimize("f''ast-math")' "fast-math breaks NaN checks"

# Third parties.
breaks core/a.cpp '#include <cblas.h>' "<cblas.h> is in no row"
breaks core/a.cpp '#include <boost/crc.hpp>' "<boost/crc.hpp> is in no row"
breaks CMakeLists.txt 'find_package(BLAS REQUIRED)' "CMake finds BLAS"
breaks CMakeLists.txt 'find_library(TBB_LIBRARY tbb)' "CMake finds TBB"

# Texts.
breaks core/a.cpp "// $(printf 'x%.0s' {1..98})" "longer than 100 columns"
breaks core/a.cpp '\tint a;' "a tab"
breaks tools/README.md 'line ' "blanks at the end"
breaks core/a.cpp '// TO''DO' "unfinished"
breaks tools/a.sh '# FIX''ME: later' "unfinished"

# Files and folders.
breaks core/a.hpp 'int a();' "without #pragma once"
breaks core/long.cpp "$(printf '\\n%.0s' {1..450})" "over 450 lines" 451
breaks extra/a.txt 'x' "not one of the agreed entries" 0
breaks notes.md 'x' "not one of the agreed entries"
breaks nn/mixers/a.cpp 'int a;' "no README.md here" 0
breaks nn/README.md 'First `layer.hpp`, then `gone.hpp`.' "gone.hpp does not exist"
breaks nn/README.md 'See [this](gone.md).' "gone.md does not exist"
breaks nn/README.md 'See [the folder](gone/).' "gone/ does not exist"
breaks README.md 'See `nn/gone.hpp`.' "nn/gone.hpp does not exist"
breaks tasks/README.md "$(printf 'x\\n%.0s' {1..74})" "over 75 lines" 76
breaks third_party/README.md "$(printf 'x\\n%.0s' {1..109})" "over 75 lines" 112

# Format (only where that version of clang-format is installed).
if "$good/tools/format.sh" --check >/dev/null; then
  breaks core/format.cpp 'int b;' "not as .clang-format has it" 2
  printf 'int  a ;\n' >>"$bad/core/format.cpp"
fi

# A fault of a folder is told at the folder itself, line 1.
sed -i -E 's,^(extra|nn/mixers)/[^:]*:0:,\1:1:,' "$expected"
said=$("$lint" "$bad") && { echo "FAILED: the lint passes"; exit 1; }
wrong=0
while IFS= read -r line; do
  awk -v place="${line%%: *}: " -v sentence="${line#*: }" \
    'index($0, place) == 1 && index($0, sentence) { found = 1 } END { exit !found }' <<<"$said" ||
    { echo "FAILED: the lint does not say: $line"; wrong=1; }
done <"$expected"
[ $wrong -eq 0 ] || printf 'It said:\n%s\n' "$said"
exit $wrong
