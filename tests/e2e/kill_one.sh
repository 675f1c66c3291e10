#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: one of four may die at any moment: nothing final is lost, the others go on, it comes back.
# Method: SIGKILL under load; restart; compare. A paused node (SIGSTOP) is treated alike.
. "$(dirname "$0")/lib.sh"
must 'four nodes come up' up 4
"$creto" bench --api "$(urls 0 1 3)" --clients 3 --ops-per-tx 2 --op-bytes 64 --rate 60 --seconds 10 \
    --json >"$home/bench.json" &
bench=$!
started+=($bench)
sleep 6
check 'node 2 is killed' localnet kill 2
before=$(commit_of 0)
check 'the others go on' wait_until 10 reached 0 $((before + 20))
wait $bench
check 'the benchmark lost nothing' equal $? 0
check 'all its transactions are final' equal "$(jq '.submitted - .final' "$home/bench.json")" 0
check 'node 2 restarts' localnet restart 2
check 'node 2 catches up' wait_until 20 reached 2 "$(commit_of 0)"
check 'node 2 is ready' wait_until 20 is_ready 2
check 'all nodes agree' agree 0 1 2 3
check 'node 2 takes transactions again' eval 'put 2 again yes --wait final >/dev/null'
check 'nobody signed twice' equal "$(for n in 0 1 2 3; do metric $n creto_equivocations_total; done | sort -u)" 0

check 'node 1 is paused' localnet pause 1
before=$(commit_of 0)
check 'the others go on without it' wait_until 10 reached 0 $((before + 10))
check 'node 1 resumes' localnet resume 1
check 'node 1 catches up' wait_until 20 reached 1 "$(commit_of 0)"
check 'all nodes agree still' agree 0 1 2 3
