#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: under load every counted transaction is in the log of every node, and all nodes agree.
# Method: `creto bench` against four nodes, which compares each transaction at each node at its end.
. "$(dirname "$0")/lib.sh"
must 'four nodes come up' up 4
check 'every node is ready' eval 'is_ready 0 && is_ready 1 && is_ready 2 && is_ready 3'
bench=$("$creto" bench --api "$(urls 0 1 2 3)" --clients 4 --ops-per-tx 4 --op-bytes 64 --rate 100 --seconds 5 --json)
check 'the benchmark finds every transaction at every node' equal $? 0
check 'all submitted transactions are final' equal "$(jq '.submitted - .final' <<<"$bench")" 0
check 'nothing was rejected or left unknown' equal "$(jq '.rejected + .unknown' <<<"$bench")" 0
check 'it submitted what it was asked to' eval '[ "$(jq .submitted <<<"$bench")" -ge 450 ]'
check 'all nodes agree' agree 0 1 2 3
put 0 greeting hello --wait final >/dev/null
check 'a record reads back at the node that was asked' \
    equal "$("$creto" get greeting --api "$(url 0)" --json | jq -r .value)" hello
check 'a client signature was verified' eval '[ "$(get 0 /metrics | grep -c "result=\"valid\"")" = 1 ]'
check 'SIGTERM ends the network' localnet down
check 'the nodes left with exit code 0' eval '[ "$(grep -l "event=stopped" "$home"/node*/node.log | wc -l)" = 4 ]'
