#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bench/peers.sh [RUNS]: Creto beside etcd and Redis on this machine, in turn, RUNS times (3). 128-byte values under
# random keys, by the 64 and one by one. One JSON line each: operations/s, median and 99th percentile of a
# request in ms, CPU of all servers for an operation in us. Needs the Debian packages etcd-server, etcd-client,
# redis-server, redis-tools, wrk, jq. What each does and does not do stands in docs/bench.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

creto=$PWD/build/bin/creto
home=$(mktemp -d "${TMPDIR:-/tmp}/creto-peers.XXXXXX")
pids=()
seconds=6
down() {
    [ ! -d "$home/net" ] || "$creto" localnet down --home "$home/net" >/dev/null 2>&1 || true
    [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait || true
    pids=()
    rm -rf "${home:?}"/*
}
trap 'down; rm -rf "$home"' EXIT
ticks() { # of the given processes
    local pid sum=0
    for pid; do sum=$((sum + $(awk '{print $14 + $15}' "/proc/$pid/stat"))); done
    echo $sum
}
# measure NAME OPERATIONS-IN-A-REQUEST PIDS COMMAND...: the command prints {requests_per_second, p50, p99, requests}
measure() {
    local name=$1 ops=$2 of=$3 before line spent
    shift 3
    # shellcheck disable=SC2086
    before=$(ticks $of)
    line=$("$@")
    # shellcheck disable=SC2086
    spent=$(($(ticks $of) - before))
    jq -c --arg name "$name" --argjson ops "$ops" --argjson hz "$(getconf CLK_TCK)" --argjson spent $spent \
        '{bench: $name, ops_per_request: $ops, ops_per_second: (.requests_per_second * $ops | floor), p50_ms: .p50,
          p99_ms: .p99, server_us_per_op: (($spent / $hz * 1e6 / (.requests * $ops) * 10 | round) / 10)}' <<<"$line"
}

creto_load() {
    "$creto" bench --api "$1" --json --clients "$2" --ops-per-tx "$3" --op-bytes 128 --rate max --seconds $seconds \
        --txs "$4" 2>/dev/null | jq -c '{requests_per_second: .transactions_per_second, requests: .final,
            p50: .latency_ms.p50, p99: .latency_ms.p99}'
}
ask_creto() { # CLIENTS OPERATIONS TRANSACTIONS
    local of urls=http://127.0.0.1:7780,http://127.0.0.1:7781,http://127.0.0.1:7782,http://127.0.0.1:7783
    "$creto" localnet up -n 4 --home "$home/net" --api-port 7780 --p2p-port 7790 >/dev/null
    of=$(for n in 0 1 2 3; do tr -dc '0-9 \n' <"$home/net/node$n/node.pid" | cut -d' ' -f1; done | tr '\n' ' ')
    measure creto "$2" "$of" creto_load $urls "$@"
    down
}

etcd_load() { # ENDPOINT OPERATIONS
    cat >"$home/put.lua" <<EOF
local value = string.rep("QUJD", 42) .. "QUI="
local function put()
    local key = string.format("%08d%08d", math.random(0, 99999999), math.random(0, 99999999))
    return '{"key":"' .. key .. '","value":"' .. value .. '"}'
end
request = function()
    if $2 == 1 then return wrk.format("POST", "/v3/kv/put", nil, put()) end
    local list = {}
    for i = 1, $2 do list[i] = '{"requestPut":' .. put() .. '}' end
    return wrk.format("POST", "/v3/kv/txn", nil, '{"success":[' .. table.concat(list, ",") .. ']}')
end
done = function(summary, latency)
    io.write(string.format('{"requests":%d,"requests_per_second":%f,"p50":%f,"p99":%f,"bad":%d}\n', summary.requests,
        summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        summary.errors.status + summary.errors.read + summary.errors.timeout))
end
EOF
    wrk -t1 -c"$3" -d${seconds}s -s "$home/put.lua" "$1" | tail -n 1 |
        jq -c 'if .bad > 0 then error("refused") else . end'
}
ask_etcd() {
    local n all=
    for n in 0 1 2; do all+=,n$n=http://127.0.0.1:$((7810 + n)); done
    for n in 0 1 2; do
        etcd --name n$n --data-dir "$home/etcd$n" --initial-cluster "${all#,}" --log-level error \
            --listen-client-urls http://127.0.0.1:$((7800 + n)) --advertise-client-urls http://127.0.0.1:$((7800 + n)) \
            --listen-peer-urls http://127.0.0.1:$((7810 + n)) \
            --initial-advertise-peer-urls http://127.0.0.1:$((7810 + n)) >/dev/null 2>&1 &
        pids+=($!)
    done
    local leader=
    for ((n = 0; n < 50; n++)); do
        leader=$(ETCDCTL_API=3 etcdctl --endpoints http://127.0.0.1:7800,http://127.0.0.1:7801,http://127.0.0.1:7802 \
            endpoint status -w json 2>/dev/null |
            jq -r '.[] | select(.Status.leader == .Status.header.member_id) | .Endpoint') && [ -n "$leader" ] && break
        sleep 0.2
    done
    measure etcd 64 "${pids[*]}" etcd_load "$leader" 64 32
    measure etcd 1 "${pids[*]}" etcd_load "$leader" 1 256
    down
}

redis_load() { # OPERATIONS IN A PIPELINE, REQUESTS
    redis-benchmark -p 7820 -t set -d 128 -r 100000000 -c 16 -P "$1" -n "$2" --csv 2>/dev/null | tail -n 1 | tr -d '"' |
        jq -Rc --argjson ops "$1" --argjson n "$2" 'split(",") | {requests_per_second: ((.[1] | tonumber) / $ops),
            requests: ($n / $ops), p50: (.[4] | tonumber), p99: (.[6] | tonumber)}'
}
ask_redis() {
    local n of=()
    for n in 0 1 2; do
        mkdir "$home/redis$n"
        redis-server --port $((7820 + n)) --bind 127.0.0.1 --dir "$home/redis$n" --save '' \
            --appendonly yes --appendfsync always --repl-diskless-sync-delay 0 "${of[@]}" >/dev/null 2>&1 &
        pids+=($!)
        of=(--replicaof '127.0.0.1 7820')
    done
    for ((n = 0; n < 100; n++)); do
        redis-cli -p 7820 info replication 2>/dev/null | grep -q 'connected_slaves:2' && break
        sleep 0.2
    done
    measure redis 64 "${pids[*]}" redis_load 64 600000
    measure redis 1 "${pids[*]}" redis_load 1 100000
    down
}

printf '{"machine":"%s","cpus":%d,"commit":"%s","etcd":"%s","redis":"%s","load":%s}\n' \
    "$(awk -F': ' '/^model name/ {print $2; exit}' /proc/cpuinfo)" "$(nproc)" \
    "$(git describe --always --dirty 2>/dev/null)" \
    "$(etcd --version | awk 'NR == 1 {print $3}')" "$(redis-server --version | sed 's/.*v=\([^ ]*\).*/\1/')" \
    "$(cut -d' ' -f1 /proc/loadavg)"
for ((run = 0; run < ${1:-3}; run++)); do
    ask_creto 8 64 10000
    ask_creto 16 1 24000
    ask_etcd
    ask_redis
done
