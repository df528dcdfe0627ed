#!/usr/bin/env bash
# tools/kill-sweeps.sh [KILLS]: a small sweep killed with -9 at KILLS (20) random moments, in each of
# four ways: one job, two jobs, two sweeps at once, three processes of mpirun. After that it goes on to
# its end, and its table must be that of an undisturbed one, byte for byte but for times. Some three
# minutes on two cores; the tests have a short form.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kills=${1:-20}
gnomon=$PWD/build/gnomon tests=$PWD/tests
[ -x "$gnomon" ] || { echo "kill-sweeps: build/gnomon is missing; run tools/demo.sh or tools/test.sh" >&2; exit 1; }
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_WAIT_POLICY=passive
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1

cat >plan.ini <<'END'
seeds = 1,2,3
tune.seeds = 7,8
[row copy]
model = pointer
task = copy
payload = 4
length = 20
layers = 2
width = 16
feed-forward = 16
batch = 8
steps = 300
checkpoint-every = 40
selection = soft ; straight-through ; gumbel
tune.learning-rate = 0.001 ; 0.01
eval.lengths = 20,64
eval.batches = 2
END

table() { /usr/bin/python3 "$tests/sweep_table.py" "$1"; }
# begin WAY OUT: the sweep in that way, in the background; its processes in `begun`.
begin() {
  case $1 in
    one) "$gnomon" sweep plan.ini --out "$2" --quiet >/dev/null 2>>log & begun=($!) ;;
    jobs) "$gnomon" sweep plan.ini --out "$2" --quiet --jobs 2 >/dev/null 2>>log & begun=($!) ;;
    two)
      "$gnomon" sweep plan.ini --out "$2" --quiet >/dev/null 2>>log & begun=($!)
      "$gnomon" sweep plan.ini --out "$2" --quiet >/dev/null 2>>log & begun+=($!) ;;
    mpirun) mpirun -n 3 "$gnomon" sweep plan.ini --out "$2" --quiet >/dev/null 2>>log & begun=($!) ;;
  esac
}
# all_of PROCESS: it, and all below it.
all_of() {
  echo "$1"
  local child
  for child in $(pgrep -P "$1"); do all_of "$child"; done
}

began=$SECONDS
"$gnomon" sweep plan.ini --out whole --quiet >/dev/null
whole=$(table whole)
echo "undisturbed: $((SECONDS - began)) s, $(wc -l <whole/table.jsonl) lines"
# finish WAY: to its end; the table must be that of the undisturbed one.
finish() {
  local code=0
  begin "$1" "$1"
  wait "${begun[@]}" || code=$?
  [ $code = 0 ] || { echo "$1: exit code $code: $(tail -n 3 log)" >&2; exit 1; }
  [ "$(table "$1")" = "$whole" ] ||
    { diff <(echo "$whole") <(table "$1"); echo "$1: another table" >&2; exit 1; }
}
for way in one jobs two mpirun; do
  killed=0 finished=0
  while [ $killed -lt "$kills" ]; do
    begin $way $way
    sleep "$((RANDOM % 2)).$((RANDOM % 10))$((RANDOM % 10))"
    # Of two sweeps or three processes any; of one sweep it alone, or its children with it.
    mapfile -t processes < <(for p in "${begun[@]}"; do all_of "$p"; done)
    if kill -KILL "${processes[RANDOM % ${#processes[@]}]}" 2>/dev/null; then
      killed=$((killed + 1))
      [ $((RANDOM % 2)) = 0 ] || kill -KILL "${processes[@]}" 2>/dev/null || true
      [ $way = mpirun ] || kill -KILL "${begun[@]}" 2>/dev/null || true
      wait "${begun[@]}" 2>/dev/null || true
    else  # it had come to its end
      wait "${begun[@]}" 2>/dev/null || true
      finish $way
      finished=$((finished + 1))
      rm -rf $way
    fi
  done
  finish $way
  echo "$way: $killed kills, $((finished + 1)) times at its end, always the same table"
done
