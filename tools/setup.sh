#!/usr/bin/env bash
# tools/setup.sh [--tests] [--lab]: installs with apt what Gnomon needs and this machine lacks (Debian
# 12); with --tests also what training on several machines needs, and its tests; with --lab what
# compiles the engine for a browser.
# Does nothing, without network or rights, where all of it is there.
set -euo pipefail

packages=(
  g++ cmake ninja-build                                # to build
  libxtensor-dev libxsimd-dev xtl-dev                  # arrays and SIMD
  libdnnl-dev                                          # matrix products
  libboost-program-options-dev libboost-filesystem-dev  # options; child processes
  libfmt-dev nlohmann-json3-dev libssl-dev              # text, JSON, SHA-256
  librandom123-dev                                     # counter-based random numbers
  libsentencepiece-dev                                 # text in pieces
  libcairo2-dev node-d3                                # pictures and pages of gnomon inspect
  doctest-dev git python3-numpy libeigen3-dev          # to test
)
for word in "$@"; do
  case $word in
    --tests) packages+=(libopenmpi-dev openmpi-bin iproute2) ;;
    --lab) packages+=(emscripten node-acorn) ;;
    *) echo "setup: unknown option '$word'; there are --tests and --lab" >&2; exit 2 ;;
  esac
done

if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is no Debian system, so nothing was installed; CMake will name what is missing" \
       "of: ${packages[*]}" >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: run as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" </dev/null >>"$log" 2>&1; }
install() { apt install --yes --no-install-recommends "${missing[@]}"; }

echo "setup: installing ${missing[*]}"
# The lists of packages are fetched only when they are absent or too old to be of use.
install || { apt update && install; } || {
  echo "setup: apt-get could not install ${missing[*]}: $(grep -m 1 '^E:' "$log")" >&2
  exit 1
}
