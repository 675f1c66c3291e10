#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: a node that was away catches up though one of the three whom it can ask for old commits lies: silent,
# cut short, in disorder, another chain, badly signed. It blames that one, as far as a lie can be proven, and
# nobody else, and ends where all are.
# Method: node 3 is creto-byz (tests/byz) with one strategy after the other; node 2 misses some hundred commits
# under each and starts anew.
. "$(dirname "$0")/lib.sh"
byz=$CRETO_BIN_DIR/creto-byz
missed=400 # commits: several ranges, so that all three are asked
must 'creto-byz is built' test -x "$byz"
must 'four nodes come up' up 4
check 'node 3 stops' localnet kill 3

faults() { # faults VALIDATOR: what node 2 has counted of it, by reason; what also happens to the honest left out
    get 2 /metrics | sed -n "s/^creto_peer_faults_total{validator=\"$1\",reason=\"\([a-z-]*\)\"} .*/\1/p" |
        grep -vx -e held-back -e far -e wrong-epoch | sort | paste -sd ' '
}
blamed() { [[ $(faults node3) =~ ^$1$ ]]; }
connected() { get 2 /metrics | grep -qx 'creto_peer_up{validator="node3"} 1'; }
load() {
    "$creto" bench --api "$(urls 0 1)" --clients 2 --ops-per-tx 1 --op-bytes 32 --rate 100 --seconds 4 --json \
        >/dev/null
}

lie() { # lie STRATEGY FAULTS: which ones node 2 shall know of node 3 (a pattern)
    BYZ_STRATEGY=$1 "$byz" start --home "$home/node3" 2>>"$home/node3/node.log" &
    local pid=$! goal
    started+=($pid)
    wait_until 20 is_ready 3
    check "$1: node 2 is killed" localnet kill 2
    goal=$(($(commit_of 0) + missed))
    for attempt in 1 2 3 4 5 6; do
        reached 0 $goal && break
        load
    done
    must "$1: $missed commits pass without it" reached 0 $goal
    # The honest ones stand still until the liar is connected, or they could be done before it is.
    check "$1: nodes 0 and 1 pause" eval 'localnet pause 0 && localnet pause 1'
    localnet restart 2 &
    local restarting=$!
    check "$1: node 3 is connected to node 2" wait_until 20 connected
    check "$1: nodes 0 and 1 go on" eval 'localnet resume 0 && localnet resume 1'
    check "$1: node 2 restarts" wait $restarting
    check "$1: it gets there" wait_until 20 reached 2 $goal
    check "$1: it is ready" wait_until 20 is_ready 2
    check "$1: node 3 is known for '$2'" wait_until 5 blamed "$2"
    check "$1: nobody else is blamed" equal "$(faults node0)$(faults node1)" ''
    check "$1: all agree" agree 0 1 2
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
}

lie range-silent ''
check 'range-silent: somebody else was asked' eval '[ "$(metric 2 creto_sync_handovers_total)" -gt 0 ]'
lie range-cut forged-range
lie range-swapped forged-range
lie range-chain forged-range
lie range-unsigned 'bad-(signature|payload) forged-range'
check 'the log names node 3' eval 'grep -q "event=forged-range validator=node3" "$home/node2/node.log"'
check 'and nobody else' eval '! grep "event=forged-range" "$home/node2/node.log" | grep -v validator=node3'
check 'nobody halted' eval 'is_ready 0 && is_ready 1 && is_ready 2'
check 'the network commits' eval 'put 2 last yes --wait final >/dev/null'
