#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bench/cluster.sh [RUNS [QUESTION...]]: what four validators on this machine do, everything on: QUIC, the
# validators' and clients' signatures, fdatasync. Each run is a fresh network; `creto bench` checks every
# transaction at every node. One JSON line per question: the median of RUNS (default 5), minimum, maximum.
# Questions: batch single steady idle catchup
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

creto=$PWD/build/bin/creto
runs=${1:-5}
[ $# -eq 0 ] || shift
questions=("$@")
[ ${#questions[@]} -gt 0 ] || questions=(batch single steady idle catchup)
home=$(mktemp -d "${TMPDIR:-/tmp}/creto-bench.XXXXXX")
api=7380 p2p=7390
urls=$(for n in 0 1 2 3; do printf ',http://127.0.0.1:%d' $((api + n)); done)
urls=${urls#,}

down() { "$creto" localnet down --home "$home/net" >/dev/null 2>&1 || true; rm -rf "$home/net"; }
trap 'down; rm -rf "$home"' EXIT
up() { down; "$creto" localnet up -n 4 --home "$home/net" --api-port $api --p2p-port $p2p >/dev/null; }
load() { "$creto" bench --api "$urls" --json "$@" 2>/dev/null; }
pid_of() { cat "$home/net/node$1/node.pid" | tr -dc '0-9 ' | cut -d' ' -f1; }
ticks_of() { awk '{print $14 + $15}' "/proc/$(pid_of "$1")/stat"; }
commit_of() { curl --silent --max-time 5 "http://127.0.0.1:$((api + $1))/v1/node/status" | jq '.commit_index // 0'; }

ask_batch() { load --clients 8 --ops-per-tx 64 --op-bytes 128 --rate max --seconds 8 --txs 12000; }
ask_single() { load --clients 16 --ops-per-tx 1 --op-bytes 128 --rate max --seconds 8 --txs 24000; }
ask_steady() { load --clients 8 --ops-per-tx 1 --op-bytes 128 --rate 500 --seconds 10; }
ask_idle() { # CPU of one node over 20 s without load, and its memory after load
    load --clients 4 --rate 200 --seconds 5 >/dev/null
    local rss before
    rss=$(awk '/^VmHWM/ {print $2 * 1024}' "/proc/$(pid_of 0)/status")
    sleep 2
    before=$(ticks_of 0)
    sleep 20
    jq -cn --argjson t $(($(ticks_of 0) - before)) --argjson hz "$(getconf CLK_TCK)" --argjson rss "$rss" \
        '{cpu_percent: ($t / $hz / 20 * 100), rss_bytes_max: $rss}'
}
ask_catchup() { # seconds until a node that was away for 2,000 commits has them
    "$creto" localnet kill 3 --home "$home/net" >/dev/null
    local goal start
    goal=$(($(commit_of 0) + 2000))
    while [ "$(commit_of 0)" -lt $goal ]; do
        "$creto" bench --api "${urls%,*}" --clients 2 --rate 200 --seconds 8 --json >/dev/null 2>&1
    done
    start=$(date +%s%N)
    "$creto" localnet restart 3 --home "$home/net" >/dev/null
    until [ "$(commit_of 3)" -ge $goal ]; do sleep 0.05; done
    jq -cn --argjson ns $(($(date +%s%N) - start)) '{catchup_seconds: ($ns / 1e9)}'
}

printf '{"machine":"%s","cpus":%d,"kernel":"%s","commit":"%s","load":%s}\n' \
    "$(awk -F': ' '/^model name/ {print $2; exit}' /proc/cpuinfo)" "$(nproc)" "$(uname -r)" \
    "$(git describe --always --dirty 2>/dev/null || echo unknown)" "$(cut -d' ' -f1 /proc/loadavg)"
for question in "${questions[@]}"; do
    : >"$home/$question"
    for ((run = 0; run < runs; run++)); do
        up
        "ask_$question" >>"$home/$question"
        down
    done
    jq -cs --arg q "$question" '
        def flat: [paths(type == "number") as $p |
            {key: ($p | map(tostring) | join(".")), value: getpath($p)}] | from_entries;
        def spread: sort | {median: .[length / 2 | floor], min: .[0], max: .[-1]};
        map(flat) as $all | {bench: $q, runs: ($all | length)} +
        ([$all[0] | keys[] | . as $k | {key: $k, value: ([$all[] | .[$k]] | spread)}] | from_entries)' "$home/$question"
done
