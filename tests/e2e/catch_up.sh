#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: a node that was away for 2,000 commits catches up within 10 s and agrees; so does one that was
# away while commits were larger than a frame.
# Method: kill one, load on the others until 2,000 commits have passed, restart it, time it.
. "$(dirname "$0")/lib.sh"
must 'four nodes come up' up 4
check 'a first transaction is final' eval 'put 0 first yes --wait final >/dev/null'
check 'node 3 is killed' localnet kill 3
from=$(commit_of 0)
goal=$((from + 2000))
for attempt in 1 2 3 4 5 6; do
    reached 0 $goal && break
    "$creto" bench --api "$(urls 0 1 2)" --clients 2 --ops-per-tx 1 --op-bytes 32 --rate 100 --seconds 15 \
        --json >/dev/null
done
must "2,000 commits have passed without it" reached 0 $goal
start=$(date +%s%N)
check 'node 3 restarts' localnet restart 3
check 'it reaches the commit that the others had' wait_until 20 reached 3 $goal
took_ms=$((($(date +%s%N) - start) / 1000000))
echo "      2,000 commits in $took_ms ms"
check 'within 10 s' eval '[ $took_ms -lt 10000 ]'
check 'it is ready' wait_until 20 is_ready 3
check 'all nodes agree' agree 0 1 2 3
check 'it takes transactions' eval 'put 3 back yes --wait final >/dev/null'

# Commits larger than a frame: they come in parts.
check 'node 3 is killed again' localnet kill 3
from=$(commit_of 0)
"$creto" bench --api "$(urls 0 1 2)" --clients 8 --ops-per-tx 16 --op-bytes 4096 --rate 400 --seconds 4 \
    --json >/dev/null
check 'large commits have passed without it' reached 0 $((from + 20))
check 'node 3 restarts again' localnet restart 3
check 'it reaches the commit that the others had' wait_until 30 reached 3 "$(commit_of 0)"
check 'all nodes agree still' agree 0 1 2 3
