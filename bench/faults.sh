#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bench/faults.sh [QUESTION...]: what validators on this machine do when some of them fail. Everything is on: QUIC,
# signatures, fdatasync. One JSON line per question. Exit code 1 when two honest nodes differ about a commit.
#
#   kill4 kill10     f die under load (SIGKILL): the longest time without a commit in the five seconds after it,
#                    operations/s of the others before and after
#   heal4 heal10     halves for 60 s ($SECONDS_APART), then joined: until the first new commit of the first node and of
#                    the last one; needs root
#   silent10 equivocate10    three of ten are creto-byz: differing commits (none may), who is on record where
#
# The longest time without a commit is seen by asking a node every 20 ms or so, so it has that much error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bin=$PWD/build/release/bin
creto=$bin/creto
questions=("$@")
[ ${#questions[@]} -gt 0 ] || questions=(kill4 kill10 heal4 heal10 silent10 equivocate10)
apart=${SECONDS_APART:-60}
home=$(mktemp -d "${TMPDIR:-/tmp}/creto-faults.XXXXXX")
net=$home/net
api=7380 p2p=7390
started=()
split= # nodes are in namespaces
# shellcheck source=tests/e2e/netns.sh
. tests/e2e/netns.sh

down() {
    for pid in "${started[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    started=()
    split=
    wait 2>/dev/null
    "$creto" localnet down --home "$net" >/dev/null 2>&1 || true
    netns_down || true
    rm -rf "$net"
}
trap 'down; rm -rf "$home"' EXIT
up() { "$creto" localnet up -n "$1" --home "$net" --api-port $api --p2p-port $p2p --timeout 60 >/dev/null; }
url() { printf 'http://127.0.0.1:%d' $((api + $1)); }
urls() { local list=; for i in $(seq 0 $(($1 - 1))); do list+=${list:+,}$(url "$i"); done; printf %s "$list"; }
get() {
    local from=() base
    base=$(url "$1")
    [ -z "$split" ] || { from=(ip netns exec "$tag-$1"); base=http://127.0.0.1:7080; }
    "${from[@]}" curl --silent --fail --max-time 5 "$base$2"
}
status() { get "$1" /v1/node/status; }
commit_of() { status "$1" 2>/dev/null | jq '.commit_index // 0' || echo 0; }
operations() { get "$1" /metrics | awk '$1 == "creto_operations_total" {print $2}'; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }
load() { "$creto" bench --api "$(urls "$1")" --json "${@:2}" 2>/dev/null; }

# ---- f of n die ----
watch() { # watch SECONDS: "ms commit" of node 0 whenever it has changed
    local last=-1 index end
    end=$(($(now_ms) + $1 * 1000))
    while [ "$(now_ms)" -lt $end ]; do
        index=$(get 0 /v1/node/status | grep -o '"commit_index":[0-9]*' | head -n 1 | tr -dc 0-9)
        [ "$index" = "$last" ] || echo "$(now_ms) $index"
        last=$index
        sleep 0.01
    done
}
ask_kill() { # ask_kill N LOAD-OPTION...
    local killed honest before at after bench
    up "$1"
    killed=$((($1 - 1) / 3)) honest=$(($1 - ($1 - 1) / 3))
    load "$honest" --seconds 24 "${@:2}" >"$home/load" &
    bench=$!
    until [ "$(operations 0)" -gt 300 ]; do sleep 0.1; done # more than the accounts of the load
    sleep 3
    before=$(operations 0)
    sleep 6
    before=$((($(operations 0) - before) / 6))
    watch 6 >"$home/watch" &
    local watcher=$!
    sleep 1
    at=$(now_ms)
    for ((i = honest; i < $1; i++)); do "$creto" localnet kill "$i" --home "$net" >/dev/null; done
    wait $watcher
    after=$(operations 0)
    sleep 6
    after=$((($(operations 0) - after) / 6))
    wait $bench || { echo 'faults: the load lost something' >&2; return 1; }
    awk -v at="$at" -v n="$1" -v killed=$killed -v before=$before -v after=$after '
        last && $1 > at {
            gap = $1 - (last > at ? last : at)
            if (gap > most) most = gap
            if (!first) first = $1 - at
        }
        { last = $1 }
        END {
            printf "{\"n\":%d,\"killed\":%d,\"first_commit_ms\":%d,\"longest_pause_ms\":%d,", n, killed, first, most
            printf "\"operations_before\":%d,\"operations_after\":%d,\"after_percent\":%.0f}\n", before, after,
                before ? 100 * after / before : 0
        }' "$home/watch"
}

# ---- two halves ----
ask_heal() { # ask_heal N
    local validators=() first= last at i before=()
    netns_up "$1" $(($1 / 2)) || { echo 'faults: no right to make namespaces' >&2; return 1; }
    for ((i = 0; i < $1; i++)); do
        "$creto" init --home "$net/node$i" --name node$i --address $prefix.$((i + 1)):7000 >/dev/null
        validators+=(--validator "$net/node$i/validator.json")
    done
    "$creto" genesis new "$net/genesis.json" --chain split --profile lan "${validators[@]}" >/dev/null 2>&1
    for ((i = 0; i < $1; i++)); do
        cp "$net/genesis.json" "$net/node$i/genesis.json"
        (exec ip netns exec "$tag-$i" "$creto" start --home "$net/node$i" --set api.listen=127.0.0.1:7080 \
            2>"$net/node$i/node.log") &
        started+=($!)
    done
    split=yes
    for ((i = 0; i < $1; i++)); do until get $i /readyz >/dev/null; do sleep 0.2; done; done
    sleep 3
    unplug
    sleep 3
    for ((i = 0; i < $1; i++)); do before[i]=$(commit_of $i); done
    sleep $((apart - 3))
    for ((i = 0; i < $1; i++)); do
        [ "$(commit_of $i)" = "${before[i]}" ] || { echo "faults: node $i committed in its half" >&2; return 1; }
    done
    plug
    at=$(now_ms)
    for ((i = 0; i < $1; i++)); do # node by node: the later ones have had the time of the earlier ones
        until [ "$(commit_of $i)" -gt "${before[i]}" ]; do sleep 0.02; done
        last=$(($(now_ms) - at))
        first=${first:-$last}
    done
    printf '{"n":%d,"apart_s":%d,"node0_commit_ms":%d,"all_commit_ms":%d}\n' "$1" "$apart" "$first" "$last"
}

# ---- three of ten lie ----
digests() { # every commit of a node up to an index
    local from
    for ((from = 1; from <= $2; from += 100)); do
        get "$1" "/v1/commits?from=$from&limit=100" | jq -r '.commits[] | "\(.index) \(.digest)"'
    done | awk -v top="$2" '$1 <= top'
}
ask_byz() { # ask_byz STRATEGY
    local i top=999999999 index differing record first same=true
    up 10
    for i in 7 8 9; do
        "$creto" localnet kill $i --home "$net" >/dev/null
        BYZ_STRATEGY=$1 "$bin/creto-byz" start --home "$net/node$i" 2>>"$net/node$i/node.log" &
        started+=($!)
    done
    sleep 2
    load 7 --clients 4 --rate 40 --seconds 20 >"$home/load" || { echo 'faults: the load lost something' >&2; return 1; }
    sleep 5
    for i in 0 1 2 3 4 5 6; do index=$(commit_of $i); [ "$index" -ge $top ] || top=$index; done
    for i in 0 1 2 3 4 5 6; do digests $i $top; done | sort -u >"$home/digests"
    differing=$(($(wc -l <"$home/digests") - top))
    first=$(get 0 /v1/offences | jq -c '[.offences[] | [.validator, .commit_index]]')
    for i in 1 2 3 4 5 6; do
        record=$(get $i /v1/offences | jq -c '[.offences[] | [.validator, .commit_index]]')
        [ "$record" = "$first" ] || same=false
    done
    jq -cn --arg s "$1" --argjson c "$top" --argjson d "$differing" --argjson r "$first" --argjson e $same \
        --argjson l "$(jq -c '{submitted, final, p50_ms: .latency_ms.p50}' "$home/load")" \
        '{n: 10, strategy: $s, commits: $c, commits_that_differ: $d, on_record: $r, record_is_the_same: $e, load: $l}'
    [ "$differing" = 0 ]
}

printf '{"machine":"%s","cpus":%d,"kernel":"%s","commit":"%s","load":%s}\n' \
    "$(awk -F': ' '/^model name/ {print $2; exit}' /proc/cpuinfo)" "$(nproc)" "$(uname -r)" \
    "$(git describe --always --dirty 2>/dev/null || echo unknown)" "$(/usr/bin/cut -d' ' -f1 /proc/loadavg)"
failed=0
for question in "${questions[@]}"; do
    case $question in
    kill4) ask=(ask_kill 4 --clients 8 --ops-per-tx 64 --rate max --txs 24000) ;;
    kill10) ask=(ask_kill 10 --clients 4 --ops-per-tx 8 --rate 30) ;;
    heal4) ask=(ask_heal 4) ;;
    heal10) ask=(ask_heal 10) ;;
    silent10) ask=(ask_byz silent) ;;
    equivocate10) ask=(ask_byz equivocate) ;;
    *) echo "faults: no question '$question'" >&2; exit 2 ;;
    esac
    "${ask[@]}" >"$home/answer" || failed=1 # in this shell: it knows what it has started
    jq -c --arg q "$question" '{question: $q} + .' "$home/answer"
    down
done
exit $failed
