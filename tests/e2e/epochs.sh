#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: epochs end and begin under load; a node that was away over several ends comes back; the end
# of an epoch meets kills of single nodes and of all at once.
# Method: epochs of 40 rounds; SIGKILL, restart, compare; every transaction must be final.
. "$(dirname "$0")/lib.sh"
epoch_of() { field "$1" .epoch 2>/dev/null || echo 0; }
in_epoch() { [ "$(epoch_of "$1")" -ge "$2" ] 2>/dev/null; }
certified() { [ "$(metric "$1" creto_epoch_certified)" -ge "$2" ] 2>/dev/null; } # NODE EPOCH: all up to it

must 'four nodes come up' eval '"$creto" localnet up -n 4 --epoch-rounds 40 --home "$home" \
    --api-port "$api_port" --p2p-port "$p2p_port" >"$home/up.txt" 2>&1'
"$creto" bench --api "$(urls 0 1 3)" --clients 3 --ops-per-tx 2 --op-bytes 64 --rate 60 --seconds 12 \
    --json >"$home/bench.json" &
bench=$!
started+=($bench)
check 'epochs follow each other under load' wait_until 20 in_epoch 0 4
check 'node 2 is killed' localnet kill 2
begun=$(epoch_of 0)
check 'the others go over more ends' wait_until 20 in_epoch 0 $((begun + 3))
wait $bench
check 'the benchmark lost nothing' equal $? 0
check 'all its transactions are final' equal "$(jq '.submitted - .final' "$home/bench.json")" 0
check 'node 2 restarts' localnet restart 2
check 'node 2 comes through the ends it has missed' wait_until 30 in_epoch 2 "$(epoch_of 0)"
check 'node 2 is ready' wait_until 30 is_ready 2
check 'it has the certificates that it has missed' wait_until 20 certified 2 "$(epoch_of 0)"
check 'all nodes agree' agree 0 1 2 3
for round in 1 2 3; do
    for n in 0 1 2 3; do localnet kill $n; done
    restarts=()
    for n in 0 1 2 3; do
        localnet restart $n &
        restarts+=($!)
    done
    wait "${restarts[@]}"
    check "all come up after kill $round" wait_until 30 is_ready 0
    begun=$(epoch_of 0)
    check "and go over an end" wait_until 40 in_epoch 0 $((begun + 1)) # idle: 40 rounds of 0.4 s
done
check 'all nodes agree still' agree 0 1 2 3
check 'node 2 takes transactions' eval 'put 2 again yes --wait final >/dev/null'
check 'nobody signed twice' equal "$(for n in 0 1 2 3; do metric $n creto_equivocations_total; done | sort -u)" 0

last=$(epoch_of 0)
for n in 0 1 2 3; do check "node $n has all certificates" wait_until 20 certified $n "$last"; done
check 'node 2 gives them out' eval \
    '"$creto" epoch show "$last" --chain --out "$home/epochs.json" --api "$(url 2)" 2>/dev/null'
proved=$("$creto" epoch verify "$home/epochs.json" --genesis "$home/genesis.json" --json)
check 'the genesis proves them' equal $? 0
check 'up to the last' equal "$(jq .epoch <<<"$proved")" "$last"
before=$(jq .commit_index <<<"$proved")
check 'what is proved is what node 1 has' equal "$(digests 1 "$before" | awk 'NR == 1 {print $2}')" \
    "$(jq -r .commit_digest <<<"$proved")"
jq 'del(.[1])' "$home/epochs.json" >"$home/gap.json"
text=$("$creto" epoch verify "$home/gap.json" --genesis "$home/genesis.json" 2>&1)
check 'with a gap they prove nothing' equal $? 4
check 'and it says where' contains "$text" 'of epoch 4, and the next one to be proved is 3'
jq '.[0].votes |= .[:2]' "$home/epochs.json" >"$home/few.json"
text=$("$creto" epoch verify "$home/few.json" --genesis "$home/genesis.json" 2>&1)
check 'two of four prove nothing' contains "$text" 'stake 2 of epoch 1 has signed it, a quorum is 3'
check 'nobody has signed two ends' equal \
    "$(for n in 0 1 2 3; do metric $n creto_epoch_conflicts_total; done | sort -u)" 0
check 'an epoch to come has none' eval '! "$creto" epoch show 100000 --api "$(url 0)" >/dev/null 2>&1'
