#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: one of four validators breaks the protocol in every way we can think of: the others go on, agree, and
# name it where it alone can be at fault.
# Method: node 3 is creto-byz (tests/byz) with one strategy after the other.
. "$(dirname "$0")/lib.sh"
byz=$CRETO_BIN_DIR/creto-byz
must 'creto-byz is built' test -x "$byz"
must 'four nodes come up' up 4
check 'node 3 stops' localnet kill 3

faults() { # faults NODE REASON: how often node 3 was at fault there
    get "$1" /metrics | awk -v name="creto_peer_faults_total{validator=\"node3\",reason=\"$2\"}" \
        '$1 == name {sum += $2} END {print sum + 0}'
}
named() { [ "$(faults "$1" "$2")" -gt 0 ]; }
resident() { awk '/^VmRSS/ {print $2}' "/proc/$(cut -d" " -f1 "$home/node$1/node.pid")/status"; }

# act STRATEGY SECONDS [COMMAND [SEEN]]: runs COMMAND until it succeeds. Who was cut off before comes back
# after some seconds only, so node 3 goes on until SEEN holds, for 30 s at most.
act() {
    BYZ_STRATEGY=$1 "$byz" start --home "$home/node3" 2>>"$home/node3/node.log" &
    local pid=$! before
    started+=($pid)
    sleep 1.5
    must "$1: node 3 runs" kill -0 $pid
    [ -z "${3:-}" ] || wait_until 10 eval "$3"
    before=$(commit_of 0)
    check "$1: the others go on" wait_until 15 eval "reached 0 $((before + 10)) && reached 1 $((before + 10))"
    check "$1: a transaction is final" eval "put 1 'during $1' yes --wait final >/dev/null"
    sleep "$2"
    [ -z "${4:-}" ] || wait_until 30 eval "$4"
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    check "$1: the honest agree" agree 0 1 2
}
everywhere() { named 0 "$1" && named 1 "$1" && named 2 "$1"; }
somewhere() { named 0 "$1" || named 1 "$1" || named 2 "$1"; } # a node that has cut it off hears no more

act silent 0
act withhold 0
act equivocate 1
recorded() { # which validators are on record at which commit
    get "$1" /v1/offences | jq -c '[.offences[] | [.validator, .commit_index]]'
}
on_record() {
    local all
    all=$(for n in 0 1 2; do recorded $n; done | sort -u)
    [ "$(wc -l <<<"$all")" = 1 ] && [ "$(jq length <<<"$all")" = 1 ]
}
check 'equivocate: it is on record at every honest node at the same commit' wait_until 20 on_record
# Those that are not cut off first.
act status 1
check 'status: a range that nobody asked for is named' wait_until 5 everywhere unasked-range
check 'status: nobody halts' wait_until 10 eval 'is_ready 0 && is_ready 1 && is_ready 2'
act future 1
check 'future: the sender is named' wait_until 5 everywhere far
act headers 1
for reason in wrong-epoch wrong-committee-size horizon-above-round parents-below-quorum no-own-parent; do
    check "headers: $reason is counted" wait_until 5 everywhere $reason
done
act parents 2
act flood 4
check 'flood: memory stays in bounds (1 GiB)' eval \
    '[ "$(resident 0)" -lt 1048576 ] && [ "$(resident 1)" -lt 1048576 ] && [ "$(resident 2)" -lt 1048576 ]'
# Who is cut off comes back after a second, two, four ...
act payload 0 "printf '{\"op\":\"put\",\"key\":\"p\",\"value\":\"x\"}' |
    '$creto' tx submit - --key '$home/client.key' --api '$(url 3)' --wait accepted >/dev/null" 'somewhere bad-payload'
check 'payload: the sender is named' wait_until 5 somewhere bad-payload
act signature 0 '' 'somewhere bad-signature'
check 'signature: the sender is named and cut off' wait_until 5 somewhere bad-signature
check 'signature: the log says so' eval \
    "grep -qh 'event=peer-cut validator=node3 reason=bad-signature' '$home'/node[012]/node.log"
act garbage 0 '' 'somewhere bad-frame'
check 'garbage: the sender is named' wait_until 5 somewhere bad-frame
check 'no honest node was cut off' eval '! grep -h event=peer-cut "$home"/node[012]/node.log | grep -v validator=node3'
check 'nobody else is on record' eval '[ "$(recorded 0 | jq length)" = 1 ]'
forensics() { "$creto" forensics "$@" --genesis "$home/genesis.json"; }
proof=$home/proof.json
check 'forensics: logs of running nodes agree, and node 3 has signed twice' eval \
    'forensics "$home/node0" "$home/node1" --out "$proof" --json | jq -e ".conflicting_commit == 0 and
        (.guilty | length) == 1 and .guilty[0].validator == \"node3\"" >/dev/null'
check 'forensics: the proof holds' eval 'forensics "$proof" >/dev/null'
sed -i 's/"evidence": "\(.*\)./"evidence": "\1/' "$proof"
check 'forensics: half a proof is none' eval '! forensics "$proof" >/dev/null 2>&1'
check 'the network commits' eval 'put 2 last yes --wait final >/dev/null'
check 'all honest nodes agree' agree 0 1 2
