#!/usr/bin/env bash
# tools/english.sh FILE: writes 18 MB of free English: the King James Bible, "An Anarchist FAQ" and the
# Jargon File, as Debian's packages bible-kjv, anarchism and jargon-text have them (installed where
# missing). In blocks of 500 lines, whose order is that of their hashes, so that the end, which is read
# for testing, is like the rest.
set -euo pipefail
export LC_ALL=C
[ $# -eq 1 ] || { echo "usage: tools/english.sh FILE" >&2; exit 2; }
here=$(dirname "${BASH_SOURCE[0]}")
packages=()
for package in anarchism jargon-text; do
  [ -d "/usr/share/doc/$package" ] || packages+=("$package")
done
if [ ${#packages[@]} -gt 0 ]; then
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get -qq install --yes --no-install-recommends "${packages[@]}" >/dev/null
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/king-james.sh" "$work/king-james.txt"
zcat -f /usr/share/doc/anarchism/markdown/* >"$work/anarchism.txt"
zcat /usr/share/doc/jargon-text/jargon.txt.gz >"$work/jargon.txt"
for text in king-james anarchism jargon; do
  iconv -c -f UTF-8 -t UTF-8 "$work/$text.txt" | tr -d '\r\177\000-\010\013-\037' |
    split -l 500 -a 4 - "$work/block-$text-"
done
mkdir -p "$(dirname "$1")"
(cd "$work" && md5sum block-* | sort | sed 's/^[^ ]*  //' | xargs cat) >"$1"
