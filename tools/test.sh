#!/usr/bin/env bash
# tools/test.sh [--sanitize | --lab]: everything that must hold, on a fresh machine too: sets up,
# builds all and runs the tests (the lint is one of them). --sanitize does so under AddressSanitizer
# and UndefinedBehaviorSanitizer, in a build folder of its own; --lab builds the engine for a browser
# first (tools/lab.sh), whose tests are passed over without it, as those of pages without Chromium.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=build sanitize=OFF lab=
case "${1:-}" in
  "") ;;
  --sanitize) build=build-sanitize sanitize=ON ;;
  --lab) lab=yes ;;
  *) echo "test: unknown option '$1'; usage: tools/test.sh [--sanitize | --lab]" >&2; exit 2 ;;
esac

# An allocation that no machine can serve is refused with a sentence: let it fail, not abort.
export ASAN_OPTIONS=allocator_may_return_null=1

# Tests run side by side: a thread that waits should not spin on the other's core.
export OMP_WAIT_POLICY=passive

tools/setup.sh --tests
cmake -S . -B "$build" -G Ninja -DGNOMON_SANITIZE=$sanitize -DGNOMON_TESTS=ON >/dev/null
cmake --build "$build" -- --quiet
[ -z "$lab" ] || tools/lab.sh
ctest --test-dir "$build" --output-on-failure --parallel "$(nproc)"
