#!/usr/bin/env bash
# tools/time-machines.sh [STEPS]: what two processes of mpirun cost beside one, at the paper's shape
# (6 layers, width 256, 8 heads; 4 sequences of 1,024 tokens, --shards 2): one process of two
# threads, two of one, and, as root, two hosts (network namespaces). Only on a quiet machine.
set -euo pipefail
steps=${1:-40}
gnomon=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../build/gnomon")
work=$(mktemp -d)
a=gnomon-a-$$ b=gnomon-b-$$
clean() {
  for name in $a $b; do ip netns del "$name" 2>/dev/null || true; done
  rm -rf "$work"
}
trap clean EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
text=/usr/share/common-licenses/GPL-3
train=("$gnomon" train --model pointer --task text --file $text --length 1024 --batch 4 --shards 2
  --layers 6 --width 256 --heads 8 --feed-forward 1024 --steps "$steps" --log-every 1
  --checkpoint-every 1000000 --quiet)

# seconds RUN: the median of a step; the first, which warms up, and the last, which saves, apart.
seconds() {
  sed '1d;$d; s/.*"tokens_per_s":\([0-9]*\).*/\1/' "$work/$1/metrics.jsonl" | sort -n |
    awk '{ speed[NR] = $1 } END { print 4096 / speed[int((NR + 1) / 2)] }'
}
say() {
  awk -v what="$1" -v s="$(seconds "$2")" -v base="$(seconds one)" \
    'BEGIN { printf "%-36s %7.1f ms a step  x %.2f\n", what, 1000 * s, s / base }'
}
"${train[@]}" --threads 2 --out "$work/one" >/dev/null
say "one process, two threads" one
mpirun -n 2 "${train[@]}" --threads 1 --out "$work/two" >/dev/null
say "two processes of one thread" two
if [ "$(id -u)" -ne 0 ] || ! ip netns add $a 2>/dev/null; then
  echo "two hosts: not measured, no network namespaces here"
  exit 0
fi
ip netns add $b
ip link add gnomon0 netns $a type veth peer name gnomon0 netns $b
ip -n $a addr add 10.77.0.1/24 dev gnomon0
ip -n $b addr add 10.77.0.2/24 dev gnomon0
for name in $a $b; do ip -n $name link set lo up && ip -n $name link set gnomon0 up; done
printf '#!/bin/sh\nshift\nexec ip netns exec %s sh -c "$*"\n' $b >"$work/agent"  # HOST COMMAND, for ssh
chmod +x "$work/agent"
ip netns exec $a mpirun --host 10.77.0.1,10.77.0.2 --bind-to none --mca plm_rsh_agent "$work/agent" \
  --mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24 \
  -n 2 "${train[@]}" --threads 1 --out "$work/hosts" >/dev/null
say "two hosts of one thread" hosts
cmp "$work/one/model.safetensors" "$work/hosts/model.safetensors"
