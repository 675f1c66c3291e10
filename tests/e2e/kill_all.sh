#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: what was final stays final when all nodes are killed at once, again and again.
# Method: transactions under way, SIGKILL to all four, restart; every id whose submitter was told
# "final" must be there with its commit, and the network must go on.
. "$(dirname "$0")/lib.sh"
must 'four nodes come up' up 4
: >"$home/final"
for round in 1 2 3; do
    for n in 0 1 2 3; do
        for i in 1 2 3 4 5 6; do
            put $n "r$round/n$n/$i" "$RANDOM" --wait final 2>/dev/null |
                jq -r 'select(.state == "final") | "\(.id) \(.commit_index)"' >>"$home/final"
        done &
        started+=($!)
    done
    sleep 1.5
    for n in 0 1 2 3; do localnet kill $n; done
    wait
    started=()
    check "round $round: all four restart" eval 'for n in 0 1 2 3; do localnet restart $n & done; wait'
    must "round $round: all are ready again" wait_until 30 eval 'is_ready 0 && is_ready 1 && is_ready 2 && is_ready 3'
    check "round $round: a transaction is final" eval 'put 0 "after/$round" yes --wait final >/dev/null'
done
count=$(sort -u "$home/final" | wc -l)
check "some transactions were final before the kills ($count)" eval '[ "$count" -ge 3 ]'
lost=0
while read -r id commit; do
    for n in 0 1 2 3; do
        equal "$(get $n "/v1/transactions/$id" | jq -r '"\(.state) \(.commit_index)"')" "final $commit" ||
            lost=$((lost + 1))
    done
done <"$home/final"
check 'every one of them is at every node, at the same commit' equal $lost 0
check 'all nodes agree' agree 0 1 2 3

# The state is a cache: without it a node executes its log again and comes to the same digests.
check 'node 1 stops' localnet kill 1
rm -rf "$home/node1/data/state"
check 'node 1 restarts without its state' localnet restart 1
check 'it is ready' wait_until 20 is_ready 1
check 'it has rebuilt the state' grep -q 'event=recovered.*replayed=[1-9]' "$home/node1/node.log"
check 'all nodes agree still' agree 0 1 2 3
check 'nobody signed twice' equal "$(for n in 0 1 2 3; do metric $n creto_equivocations_total; done | sort -u)" 0
