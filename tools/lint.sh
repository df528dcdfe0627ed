#!/usr/bin/env bash
# tools/lint.sh [FOLDER]: what no compiler checks. One line for each fault, "file:line: a sentence";
# fails when there is any. tests/test_lint.sh shows that every rule can fail.
set -euo pipefail
export LC_ALL=C.UTF-8  # columns are counted in characters
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
find . -mindepth 1 \( -path './.git' -o -path './build*' -o -path './runs' -o -name __pycache__ \) \
  -prune -o -type f ! -name '*.swp' -print | cut -c3- | LC_ALL=C sort >"$work/files"

# --- The material of the rules: lines of the form file:line:text ---------------------------------
except() { grep -v "$1" || true; }
files() { grep -E "$1" "$work/files" || true; }
lines() { xargs -r awk '{ print FILENAME ":" FNR ":" $0 }'; }

files '\.(hpp|cpp|sh|py|ini|cmake|md)$|CMakeLists\.txt$|^\.' | lines \
  >"$work/text"
files '\.(hpp|cpp)$' | xargs -r awk '{ sub(/\/\/.*/, ""); print FILENAME ":" FNR ":" $0 }' \
  >"$work/code"
files '\.cmake$|CMakeLists\.txt$|CMakePresets\.json$' | lines | sed 's,#.*,,' >"$work/cmake"
files '\.sh$' | lines | sed -E 's,:[0-9]+:\s*#.*,,' >"$work/shell"
grep -E ':[0-9]+:\s*#\s*include' "$work/code" >"$work/includes" || true
# A statement that spans lines counts as one line, where it begins.
awk -F: '{ file = $1; at = $2; text = $0; sub(/^[^:]*:[0-9]+:/, "", text)
           if (file != last) { held = ""; last = file }
           if (held == "") start = at
           held = held " " text
           if (text ~ /[;{}]|^[ ]*#|^[ ]*$/) { print file ":" start ":" held; held = "" } }' \
  "$work/code" >"$work/statements"

# --- How a rule complains ------------------------------------------------------------------------
# having FILE PATTERN: its lines file:line:text whose text matches.
having() { grep -P "^[^:]*:[0-9]+:.*(?:$2)" "$work/$1" || true; }
# fault SENTENCE: one for every line file:line:text that comes in.
fault() { awk -v sentence="$1" -F: '{ print $1 ":" $2 ": " sentence }' >>"$work/faults"; }
touch "$work/faults"

# --- Folders: who may include whom ---------------------------------------------------------------
awk -F: '
  BEGIN {
    may["core"] = "core"; may["nn"] = "core nn"; may["tasks"] = "core tasks"
    may["models"] = "core nn models"; may["tools"] = "core nn models tasks tools"
    may["tests"] = may["tools"] " tests"
    may["core/base"] = "core/base"
    may["tools/training"] = "core nn models tasks tools/training"
  }
  # The room of a path: a folder with rules of its own, or else the top folder.
  function room(path, part) {
    split(path, part, "/")
    return part[1] "/" part[2] in may ? part[1] "/" part[2] : part[1]
  }
  match($0, /"[^"]+"/) {
    path = substr($0, RSTART + 1, RLENGTH - 2)
    from = room($1); to = room(path); top = to; sub(/\/.*/, "", top)
    if (from == "models" && path == "tasks/batch.hpp") next
    if (path !~ /\// || !(to in may))
      print $1 ":" $2 ": include \"" path "\" by its path from the top, as \"core/array.hpp\""
    else if ((" " may[from] " ") !~ (" (" to "|" top ") "))
      print $1 ":" $2 ": " from "/ may not include " to "/: it may only include " may[from]
  }' "$work/includes" >>"$work/faults"

# --- xtensor and xsimd: one door, and what bites behind it ----------------------------------------
# tests/upstream/ shows the defects that these rules walk around, so it is let through.
sed -i '\,^tests/upstream/,d' "$work"/{includes,code,statements}
reducers='xt::(sum|prod|mean|average|variance|stddev|amax|amin|minmax|norm_\w+|logsumexp)\s*\('
having includes '<xt(ensor|l)?(-\w+)?/' | except '^core/array\.hpp:' |
  fault "only core/array.hpp includes xtensor: use Array and Index"
having code '\bxt::|using namespace xt\b' | except '^core/array\.hpp:' |
  fault "only core/array.hpp names xtensor: use Array, Index and their xt()"
having statements "$reducers" | except immediate |
  fault "a lazy xtensor reducer gives wrong values inside expressions: pass evaluation_strategy::immediate or write the loop"
having statements '\bauto\b[^=;{]*=[^=;]*(\.xt\(\)|\bxt::)' |
  fault "auto holds an xtensor expression, which may dangle: evaluate it within the statement"
having code 'xsimd::reduce\b' |
  fault "xsimd::reduce reads out of bounds in version 8.1: use core/simd/row.hpp"
having code 'xsimd::rsqrt\b' |
  fault "xsimd::rsqrt is a 12-bit estimate, and does not compile for AVX-512: divide by sqrt"
having code 'xsimd::haddp\b' | except '^core/simd/gather\.hpp:' |
  fault "xsimd::haddp puts sums of sixteen floats in wrong places: use lanes_sums of core/simd/gather.hpp"
having code 'xt::linalg\b' | fault "xt::linalg returns wrong shapes: use core/gemm.hpp"
having code 'xt::load_npy\b' | fault "xt::load_npy trusts hostile files: use safetensors"
having code 'TEST_CASE\("[^"]*;' |
  fault "a ';' in the name of a test: ctest cuts the name there and runs nothing; use a comma"
# Two types of one name link without a word, and the program then runs either's inline functions.
having code '(?<=:)(struct|class) \w+( final)?( : [^;]*)? \{' | grep -E '^[^:]*\.hpp:[0-9]+:(struct|class)' | awk -F: '{
    name = $3; sub(/^(struct|class) /, "", name); sub(/[ ].*/, "", name)
    if (seen[name]++) print }' |
  fault "a type of this name stands in another header: give it a name of its own"
# Sources are compiled several at a time, and which stand together changes with every new file: equal
# names at their top level clash sooner or later, unless they belong to different programs.
having code '(?<=:)(constexpr [^(]*\bk[A-Z]\w*( =|\{|\[)|using \w+ =|(struct|class) \w+( |:))' |
  awk -F: '$1 ~ /^(core|nn|models|tasks|tools)\/.*\.cpp$/ && $1 != "tasks/pieces.cpp" &&
    $3 ~ /^(const|using|struct|class)/ {
    name = $0; sub(/^[^:]*:[0-9]+:/, "", name)
    sub(/( =| ?\{|\[| final| : ).*/, "", name); sub(/ +$/, "", name); sub(/.* /, "", name)
    of = $1 ~ /^tools\/(training|gradcheck)\// ? substr($1, 1, 14) : $1 ~ /^tools/ ? "tools" : ""
    if (file[of, name] && file[of, name] != $1) print; file[of, name] = $1 }' |
  fault "a name of another source's top level, which may be compiled in one piece with this one"
cat "$work/cmake" "$work/code" "$work/shell" >"$work/flags"
having flags '-ff[a]st-math|"f[a]st-math"|-Of[a]st|-fun[s]afe-math' |
  fault "fast-math breaks NaN checks and bit-equal results: leave it off"

# --- Third parties: each has a row that says why it is here
# ----------------------------------------
table=third_party/README.md
rows=$(grep -h '^|' $table 2>/dev/null || true)
# C++ and C headers without a folder or suffix, and the system's own, need no row.
having includes '<[^>]*[/.][^>]*>' | while IFS= read -r line; do
  header=${line#*<} header=${header%%>*}
  case $header in
    sys/* | sanitizer/* | std*.h | unistd.h | pthread.h | fcntl.h | glob.h | signal.h | malloc.h | *intrin.h) continue ;;
  esac
  grep -qF "\`${header%%/*}" <<<"$rows" || echo "$line" | fault "<$header> is in no row of $table"
done
having cmake 'find_(package|library|path)\s*\(' | while IFS= read -r line; do
  name=$(sed -E 's/.*find_(package|library|path)\s*\(\s*//; s/(_LIBRARY|_INCLUDE_DIR)\b.*//; s/[ )].*//' <<<"$line")
  grep -qiF "$name" <<<"$rows" || echo "$line" | fault "CMake finds $name, which is in no row of $table"
done

# --- Every text -----------------------------------------------------------------------------------
having text '.{101}' | except '^[^:]*\.\(md\|ini\|sh\):' | fault "longer than 100 columns"
having text '\t' | fault "a tab: indent with blanks"
having text '\s$' | fault "blanks at the end of the line"
having text '\b(TO[D]O|FIX[M]E|XX[X])\b' | fault "unfinished: do it, or leave it out"

# --- Files and folders ----------------------------------------------------------------------------
files '\.hpp$' | xargs -r grep -L '^#pragma once$' | sed 's,$,:1:,' |
  fault "a header without #pragma once"
files '\.(hpp|cpp|sh|py)$' | xargs -r awk 'FNR == 451 { print FILENAME ":451:" }' |
  fault "over 450 lines: is it still one idea?"
agreed='^(\..*|(core|nn|models|tasks|tools|tests|third_party)/.*|CMakeLists\.txt|CMakePresets\.json|README\.md|LICENSE)$'
{ grep -vE "$agreed" "$work/files" || true; } | sed 's,[/].*,,; s,$,:1:,' | sort -u |
  fault "not one of the agreed entries of the top folder"
# Folders and their parents, of which one has to say what the folder is.
files '/' | except '^\.' | sed 's,/[^/]*$,,' | sort -u | while IFS= read -r folder; do
  [ -f "$folder/README.md" ] ||
    grep -qsF "\`${folder##*/}/\`" "$(dirname "$folder")/README.md" ||
    echo "$folder:1:" | fault "no README.md here, and none above that says what \`${folder##*/}/\` is"
done

# --- Every README: short, and true about files
# ------------------------------------------------------
files '(^|/)README\.md$' | while IFS= read -r readme; do
  folder=$(dirname "$readme") limit=75
  case $folder in . | nn/pointer) limit=165 ;; esac  # the front page; what all the rest is for
  length=$(wc -l <"$readme")
  [ "$length" -le $limit ] || echo "$readme:$length:" | fault "over $limit lines: a README is one page"
  # Links, and those names between backquotes that look like a file or folder of ours.
  {
    grep -noP '\]\(\K[^)#\s]+' "$readme" | except ':http' || true
    { grep -noP '`\K[\w.-]+(/[\w.-]+)*/?(?=`)' "$readme" || true; } | while IFS=: read -r at path; do
      case $path in
        *NAME* | build/* | runs/*) continue ;;
        *.hpp | *.cpp | *.sh | *.py | *.md) ;;
        */*) [ -e "${path%%/*}" ] || [ -e "$folder/${path%%/*}" ] || continue ;;
        *) continue ;;
      esac
      echo "$at:$path"
    done
  } | while IFS=: read -r at path; do
    [ -e "$folder/$path" ] || [ -e "$path" ] || echo "$readme:$at:" | fault "$path does not exist"
  done
done

# --- Format ---------------------------------------------------------------------------------------
if [ -x tools/format.sh ]; then
  unformatted=$(tools/format.sh --check 2>/dev/null) || [ $? -eq 2 ] || echo "$unformatted" >>"$work/faults"
fi

LC_ALL=C sort -t: -k1,1 -k2,2n "$work/faults" | uniq
[ ! -s "$work/faults" ]
