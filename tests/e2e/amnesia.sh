#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: a validator that has lost its data and its guard, or got old ones back, asks the others first, comes
# back, and signs no round twice.
# Method: four nodes under load; node 3 is killed and its folders are deleted, exchanged for a copy, or
# overwritten in place by one. Then the logs of two nodes are searched for two vertices of one round.
. "$(dirname "$0")/lib.sh"
must 'four nodes come up' up 4
"$creto" bench --api "$(urls 0 1 2)" --clients 3 --ops-per-tx 2 --op-bytes 64 --rate 40 --seconds 60 \
    --json >"$home/bench.json" &
started+=($!)
check 'they commit' wait_until 20 reached 3 20

said() { sed "1,${from}d" "$home/node3/node.log" | grep -q "$1"; }
lose() { # lose COMMAND...: while node 3 is down
    localnet kill 3
    from=$(wc -l <"$home/node3/node.log")
    "$@"
    localnet restart 3
}
comes_back() {
    check "$1: node 3 is ready again" wait_until 40 is_ready 3
    check "$1: it has asked what it may have signed" said 'event=memory-lost .*'"$2"
    check "$1: a quorum has told it" said event=memory-bounded
    check "$1: it signs" eval 'put 3 "after $1" yes --wait final >/dev/null'
    check "$1: nobody takes it for a twin" eval '! said key-seen-elsewhere'
}
everything() { rm -r "$home/node3/data" "$home/node3/keys/guard"; }
lose everything
comes_back 'all is lost' 'missing or a copy'

localnet kill 3
cp -r "$home/node3" "$home/old"
localnet restart 3
check 'it runs on' wait_until 20 is_ready 3
check 'and signs more than its copy knows' wait_until 20 reached 3 $(($(commit_of 0) + 20))
exchange() {
    cp "$home/node3/node.log" "$home/old/node.log"
    rm -r "$home/node3"
    cp -r "$home/old" "$home/node3"
}
lose exchange
comes_back 'an old copy of the home' 'missing or a copy'

# Into the same file: nothing on this machine tells it from the newest one.
localnet kill 3
cp -r "$home/node3" "$home/older"
localnet restart 3
check 'it runs on' wait_until 20 is_ready 3
check 'and signs more than its copy knows' wait_until 20 reached 3 $(($(commit_of 0) + 20))
in_place() {
    cat "$home/older/keys/guard" >"$home/node3/keys/guard"
    rm -r "$home/node3/data"
    cp -r "$home/older/data" "$home/node3/data"
}
lose in_place
comes_back 'an old copy in the same file' 'older than the others know'

check 'all nodes agree' agree 0 1 2 3
check 'nobody signed twice' equal "$(for n in 0 1 2 3; do metric $n creto_equivocations_total; done | sort -u)" 0
check 'no offence is recorded' equal "$("$creto" offences --api "$(url 0)" --json | jq '.offences | length')" 0
"$creto" forensics "$home/node0" "$home/node3" --genesis "$home/genesis.json" >"$home/forensics" 2>&1
check 'the logs of two nodes show none' equal $? 0
