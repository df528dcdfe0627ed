#!/usr/bin/env bash
# tests/test_machines.sh GNOMON: the same bits on 1, 2 and 4 processes of mpirun, on 1 and 2
# threads, over two hosts (network namespaces), interrupted on 4 and resumed on 2; errors come once.
# Skipped (exit code 77) where there is no mpirun, or the program was built without MPI.
set -euo pipefail
gnomon=$1
tests=$(cd "$(dirname "$0")" && pwd)
command -v mpirun >/dev/null || { echo "test_machines: skipped: no mpirun here"; exit 77; }
cd "$(mktemp -d)"
hosts=(gnomon-a-$$ gnomon-b-$$)
cleanup() {
  for host in "${hosts[@]}"; do ip netns del "$host" 2>/dev/null || true; done
  rm -rf "$PWD"
}
trap cleanup EXIT
fail() { echo "test_machines: $*" >&2; exit 1; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_WAIT_POLICY=passive
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1

train() { "$gnomon" train --model pointer --task copy --payload 4 --length 20 --layers 2 --width 16 \
  --feed-forward 16 --batch 8 --selection gumbel --dropout 0.1 --shards 4 --quiet "$@"; }
export gnomon; export -f train
whole_train=$(declare -f train)
on() { local n=$1; shift; mpirun -n "$n" bash -c 'train "$@"' train "$@"; }
bits() { sha256sum <"$1/model.safetensors"; }
log() { sed -E 's/"(tokens_per_s|seconds)":[^,]*,//g' "$1/metrics.jsonl"; }
# same RUN [AS]: its weights and its log, times apart, are those of one process.
same() {
  local as=${2:-alone}
  [ "$(bits "$1")" = "$(bits "$as")" ] || fail "$1: other bits than $as"
  [ "$(log "$1")" = "$(log "$as")" ] || fail "$1: another log than $as"
}

train --steps 60 --threads 1 --out alone >/dev/null
train --steps 60 --threads 2 --out two-threads >/dev/null
same two-threads
on 2 --steps 60 --out on-2 >out.txt 2>&1 || {
  grep -q "built without MPI" out.txt && { echo "test_machines: skipped: $(cat out.txt)"; exit 77; }
  fail "$(cat out.txt)"
}
[ "$(grep -c "^trained" out.txt)" = 1 ] || fail "it is not said once: $(cat out.txt)"
on 4 --steps 60 --threads 2 --out on-4 >/dev/null 2>&1
same on-2
same on-4
grep -q '"pointers":' alone/metrics.jsonl || fail "no pointers in the log"

# The first judges and says when to end; all end.
judged=(--steps 60 --validate-every 10 --validate-batches 1 --target 0 --out)
train "${judged[@]}" target >/dev/null
on 2 "${judged[@]}" target-2 >/dev/null 2>&1 || fail "a target on two"
same target-2 target
[ "$(log target | wc -l)" -lt 60 ] || fail "the target was not met"

# one_of JOB: a process of its program, and nobody else's.
one_of() {
  local inner=$1 found
  while found=$(pgrep -n -P "$inner"); do inner=$found; done
  echo "$inner"
}

# A signal to one of four stops all after the step, saved; two go on.
train --steps 1000 --checkpoint-every 100 --out whole >/dev/null
on 4 --steps 1000 --checkpoint-every 100 --out cut >out.txt 2>&1 &
until [ -s cut/metrics.jsonl ]; do sleep 0.1; done
kill -TERM "$(one_of $!)" || fail "nobody to interrupt"
wait $! && fail "it was not interrupted: $(cat out.txt)"
grep -q "interrupted; saved after step" out.txt || fail "$(cat out.txt)"
mpirun -n 2 "$gnomon" train --resume cut --quiet >/dev/null
same cut whole

# One is killed: the job ends by itself, and what was saved goes on.
on 2 --steps 1000 --checkpoint-every 100 --out killed >out.txt 2>&1 &
until [ "$(wc -l 2>/dev/null <killed/metrics.jsonl)" -gt 2 ] 2>/dev/null; do sleep 0.1; done
kill -KILL "$(one_of $!)"
for _ in $(seq 100); do kill -0 $! 2>/dev/null || break; sleep 0.1; done
kill -0 $! 2>/dev/null && fail "the others waited for more than 10 s"
grep -q "killed\|Killed" out.txt || fail "nothing was said: $(cat out.txt)"
mpirun -n 4 "$gnomon" train --resume killed --quiet >/dev/null
same killed whole

# What cannot be is refused once, by a sentence.
refused() {
  local sentence=$1 n=$2
  shift 2
  on "$n" "$@" >out.txt 2>&1 && fail "not refused: $sentence"
  [ "$(grep -c "^gnomon: $sentence" out.txt)" = 1 ] || fail "expected '$sentence': $(cat out.txt)"
}
refused "--shards: expected a multiple of the 8 processes" 8 --steps 2 --out bad
refused "--shards: expected a multiple of the 3 processes" 3 --steps 2 --out bad
refused "--out: 'alone' is not empty" 2 --steps 2 --out alone
refused "unknown option 'stepz'; did you mean 'steps'?" 2 --stepz 2 --out bad

# What is not finite on all is said once, with its exit code.
code=0
on 2 --steps 400 --learning-rate 10 --weight-decay 1 --warmup 0 --schedule constant --out diverged \
  >out.txt 2>&1 || code=$?
[ $code = 4 ] && [ "$(grep -c "^gnomon: step " out.txt)" = 1 ] || fail "exit code $code: $(cat out.txt)"

# apart WORDS: one process in the folder here, one in the folder there.
apart() {
  timeout 120 mpirun -n 1 --wdir "$PWD/here" bash -c 'train "$@"' train "$@" : \
    -n 1 --wdir "$PWD/there" bash -c 'train "$@"' train "$@" >out.txt 2>&1
}
# What one of them meets is said by the first, and nobody waits for ever.
met() {
  local sentence=$1 code=0
  shift
  apart "$@" || code=$?
  [ $code = 3 ] || fail "expected exit code 3, got $code: $(cat out.txt)"
  [ "$(grep -c "^gnomon: $sentence" out.txt)" = 1 ] || fail "expected '$sentence': $(cat out.txt)"
}
mkdir here there
echo "steps = 2" >here/steps.ini
met "rank 1 on .*steps.ini" --config steps.ini --out bad
seq 2000 >here/text
seq 2001 >there/text
of_text=(--task text --file text --length 16)
train() { "$gnomon" train --model pointer --layers 1 --width 16 --feed-forward 16 --batch 8 \
  --shards 4 --steps 2 --quiet "$@"; }
met "task text: rank 1 reads other data" "${of_text[@]}" --out bad
cp here/text there/text
apart "${of_text[@]}" --out same-text || fail "$(cat out.txt)"
code=0
mpirun -n 2 "$gnomon" eval --run alone >out.txt 2>&1 || code=$?
[ $code = 2 ] && grep -q "^gnomon: mpirun: eval is one process" out.txt || fail "$(cat out.txt)"

# A sweep is shared: three processes, killed once, leave the table of one.
printf '%s\n' 'seeds = 1,2' 'tune.seeds = 7' '[row a]' 'model = pointer' 'task = copy' 'payload = 2' \
  'length = 9' 'layers = 1' 'width = 8' 'feed-forward = 8' 'batch = 4' 'steps = 60' \
  'checkpoint-every = 10' 'selection = soft ; gumbel' 'tune.learning-rate = 0.001 ; 0.01' \
  'eval.lengths = 9' 'eval.batches = 1' >plan.ini
table() { /usr/bin/python3 "$tests/sweep_table.py" "$1"; }
"$gnomon" sweep plan.ini --out sweep-alone --quiet >/dev/null
mpirun -n 3 "$gnomon" sweep plan.ini --out sweep-on-3 --quiet >out.txt 2>&1 &
until [ -n "$(ls sweep-on-3/runs/a/*/* 2>/dev/null)" ]; do sleep 0.1; done
kill -KILL "$(pgrep -n -P $!)"
wait $! && fail "the sweep was not killed"
mpirun -n 3 "$gnomon" sweep plan.ini --out sweep-on-3 --quiet >out.txt 2>&1 || fail "$(cat out.txt)"
[ "$(grep -c "^'sweep-on-3/table.md'" out.txt)" = 1 ] || fail "it is not said once: $(cat out.txt)"
[ "$(table sweep-alone)" = "$(table sweep-on-3)" ] || fail "a sweep on three has another table"
refused_sweep=0
mpirun -n 2 "$gnomon" sweep plan.ini --out bad --fail-fast >out.txt 2>&1 || refused_sweep=$?
[ $refused_sweep = 2 ] && [ "$(grep -c "^gnomon: --fail-fast" out.txt)" = 1 ] || fail "$(cat out.txt)"

# Two hosts: network namespaces joined by a cable, and a stand-in for ssh.
if ! ip netns add "${hosts[0]}" 2>/dev/null; then
  echo "test_machines: not over a network: no network namespaces here"
  exit 0
fi
ip netns add "${hosts[1]}"
ip link add gnomon0 netns "${hosts[0]}" type veth peer name gnomon0 netns "${hosts[1]}"
for i in 0 1; do
  ip -n "${hosts[$i]}" addr add "10.77.0.$((i + 1))/24" dev gnomon0
  ip -n "${hosts[$i]}" link set lo up
  ip -n "${hosts[$i]}" link set gnomon0 up
done
printf '#!/bin/sh\nhost=$1\nshift\n[ "$host" = 10.77.0.1 ] && name=%s || name=%s\n%s\n' "${hosts[@]}" \
  'exec ip netns exec $name sh -c "$*"' >agent.sh
chmod +x agent.sh
ip netns exec "${hosts[0]}" mpirun --host 10.77.0.1,10.77.0.2 --mca plm_rsh_agent "$PWD/agent.sh" \
  --mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24 \
  -x gnomon -x OMP_WAIT_POLICY -n 2 bash -c "$whole_train; train --steps 60 --out $PWD/hosts" \
  >out.txt 2>&1 || fail "two hosts: $(cat out.txt)"
same hosts
