#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: the operator adds a validator, which joins from an empty folder and signs from the epoch on in which it is
# a member; a removed one goes on as an observer, and comes back. Nobody else may do that.
# Method: epochs of 150 rounds under light load; the new one is a process with a folder of `creto init`.
. "$(dirname "$0")/lib.sh"
epoch_of() { field "$1" .epoch 2>/dev/null || echo 0; }
in_epoch() { [ "$(epoch_of "$1")" -ge "$2" ] 2>/dev/null; }
stake_of() { # stake_of NAME: now and in the next epoch
    get 0 /v1/validators | jq -r --arg n "$1" '.validators[] | select(.name == $n) | "\(.stake) \(.next_stake)"'
}
has_stake() { [ "$(stake_of "$1")" = "$2" ]; }
signs() { # signs NODE AT: its vertices are accepted at another node, in this epoch
    [ "$(get "$2" /metrics | sed -n "s/^creto_validator_last_round{validator=\"$1\"} //p")" -gt 3 ] 2>/dev/null
}
operate() { "$creto" validator "$@" --key "$home/client.key" --api "$(url 0)" --json | jq -r '.result'; }
start_joiner() {
    "$creto" start --home "$home/node4" >>"$home/node4/node.log" 2>&1 &
    joiner=$!
    started+=($joiner)
}

must 'four nodes come up' eval '"$creto" localnet up -n 4 --epoch-rounds 150 --home "$home" \
    --api-port "$api_port" --p2p-port "$p2p_port" >"$home/up.txt" 2>&1'
"$creto" bench --api "$(urls 0 3)" --clients 2 --ops-per-tx 1 --op-bytes 64 --rate 30 --seconds 60 \
    --json >"$home/bench.json" &
bench=$!
started+=($bench)

must 'the folder of a fifth is made' eval '"$creto" init --home "$home/node4" --name node4 \
    --address "127.0.0.1:$((p2p_port + 4))" >/dev/null'
cp "$home/genesis.json" "$home/node4/genesis.json"
printf '[p2p]\nlisten = 127.0.0.1:%d\n[api]\nlisten = 127.0.0.1:%d\n' $((p2p_port + 4)) $((api_port + 4)) \
    >"$home/node4/creto.conf"
check 'its configuration is good' eval '"$creto" config check --home "$home/node4" >/dev/null'
start_joiner
check 'it runs before anybody knows it' wait_until 10 alive 4
check 'it is no member, and not ready' eval '! is_ready 4'

"$creto" keys new "$home/other.key" >/dev/null
check 'nobody but the operator may add it' equal \
    "$("$creto" validator add "$home/node4/validator.json" --key "$home/other.key" --register --api "$(url 0)" --json |
        jq -r .result)" not-operator
check 'the operator may' equal "$(operate add "$home/node4/validator.json")" ok
check 'twice it may not' equal "$(operate add "$home/node4/validator.json")" known-validator
check 'three of four cannot leave' equal "$(operate stake node1 0; operate stake node2 0)" $'ok\nvalidators-limit'
check 'a change can be taken back' equal "$(operate stake node1 1)" ok
check 'it has a stake with the next epoch' wait_until 20 has_stake node4 '1 1'
check 'it catches up and signs' wait_until 30 signs node4 0
check 'it is ready' wait_until 20 is_ready 4
check 'five are in its table' equal "$(get 4 /v1/validators | jq '[.validators[] | select(.stake > 0)] | length')" 5
check 'it takes transactions' eval 'put 4 from-the-fifth yes --wait final >/dev/null'
check 'all five agree' agree 0 1 2 3 4

check 'node 1 is killed, four of five go on' localnet kill 1
begun=$(commit_of 0)
check 'commits go on' wait_until 10 reached 0 $((begun + 20))
check 'node 1 restarts' localnet restart 1
check 'and is ready' wait_until 30 is_ready 1

check 'node 2 is removed' equal "$(operate remove node2)" ok
check 'its stake is gone with the next epoch' wait_until 20 has_stake node2 '0 0'
check 'it is not ready any more' wait_until 10 eval '! is_ready 2'
begun=$(commit_of 0)
check 'it follows as an observer' wait_until 20 reached 2 $((begun + 20))
check 'and signs nothing' equal "$(get 0 /metrics | sed -n 's/^creto_validator_last_round{validator="node2"} //p')" 0
check 'it sends clients elsewhere' eval '! put 2 nobody-proposes this --wait accepted >/dev/null 2>&1'
localnet kill 2
localnet restart 2 2>/dev/null & # it waits for what will not be: ready
started+=($!)
check 'it restarts as an observer' wait_until 20 alive 2
begun=$(commit_of 0)
check 'and follows' wait_until 20 reached 2 $((begun + 20))
check 'it comes back' equal "$(operate stake node2 1)" ok
check 'it is ready again' wait_until 30 is_ready 2
kill -TERM "$joiner" && wait "$joiner"
start_joiner
check 'the fifth restarts' wait_until 30 is_ready 4
wait $bench
check 'the benchmark lost nothing' equal $? 0
check 'all its transactions are final' equal "$(jq '.submitted - .final' "$home/bench.json")" 0
check 'all five agree still' agree 0 1 2 3 4
check 'nobody signed twice' equal "$(for n in 0 1 2 3 4; do metric $n creto_equivocations_total; done | sort -u)" 0

# The certificates tell all of this to somebody who knows the genesis only.
check 'node 4 gives out the certificates' wait_until 20 eval '"$creto" epoch show --chain --out "$home/epochs.json" \
    --api "$(url 4)" >/dev/null 2>&1'
proved=$("$creto" epoch verify "$home/epochs.json" --genesis "$home/genesis.json" --json)
check 'the genesis proves them' equal $? 0
check 'five members at the end' equal "$(jq .members <<<"$proved")" 5
check 'and the fifth has signed' eval 'jq -e "any(.[].votes[]; .seat == 4)" "$home/epochs.json" >/dev/null'
joined=$(jq '[.[] | select(.validators | length == 5)][0].epoch' "$home/epochs.json")
jq --argjson e "$joined" 'map(if .epoch == $e then .validators[4].consensus_key |= "00" + .[2:] else . end)' \
    "$home/epochs.json" >"$home/forged.json"
text=$("$creto" epoch verify "$home/forged.json" --genesis "$home/genesis.json" 2>&1)
check 'another key for the fifth proves nothing' equal $? 4
check 'and it says so' contains "$text" 'not those whose table was signed'
check 'forensics takes them, and finds nothing' eval '"$creto" forensics "$home/node0" "$home/node4" \
    --genesis "$home/genesis.json" --epochs "$home/epochs.json" --json | jq -e ".total_stake == 5 and .guilty == []"'
check 'forged ones it refuses' eval '! "$creto" forensics "$home/node0" "$home/node4" \
    --genesis "$home/genesis.json" --epochs "$home/forged.json" >/dev/null 2>&1'
