#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: a key whose guard is older than what it has signed: the node notices that, signs nothing more, goes on
# serving and says so; the network commits all the while. After a stay it may sign again.
# Method: node 3 is stopped and its home copied; node 3 goes on and signs; then the old copy takes its
# place. On one home the lock of the guard refuses a second process outright.
. "$(dirname "$0")/lib.sh"
must 'four nodes come up' up 4
text=$(timeout 20 "$creto" start --home "$home/node3" 2>&1)
check 'a second process on the same home is refused' equal $? 7
check 'it says why' contains "$text" 'what=storage'

must 'node 3 is killed' localnet kill 3
cp -r "$home/node3" "$home/copy"
must 'node 3 starts again' localnet restart 3
must 'and is ready' wait_until 20 is_ready 3
before=$(commit_of 0)
check 'it signs more than its copy knows' wait_until 20 reached 3 $((before + 10))

must 'node 3 makes room' localnet kill 3
"$creto" start --home "$home/copy" 2>"$home/copy.log" &
copy=$!
started+=($copy)
stopped() { grep -q 'event=key-seen-elsewhere' "$home/copy.log"; }
check 'the copy sees what it never signed' wait_until 20 stopped
says_why() { curl --silent --max-time 5 "$(url 3)/readyz" | grep -q 'signing elsewhere'; }
check 'it is not ready and says why' wait_until 5 says_why
check 'it takes no transactions' eval '! put 3 refused yes >/dev/null 2>&1'
at=$(commit_of 0)
check 'it follows the network' wait_until 20 reached 3 $((at + 20))
check 'all nodes agree' agree 0 1 2 3
check 'the others commit' eval 'put 0 during yes --wait final >/dev/null'
kill -TERM $copy
wait $copy
check 'its exit code says it' equal $? 77

# Its log has by now what it had not signed itself, and the horizon has passed all of it.
"$creto" start --home "$home/copy" 2>"$home/copy.log" &
started+=($!)
check 'started again it signs' wait_until 20 is_ready 3
check 'and takes transactions' eval 'put 3 again yes --wait final >/dev/null'
check 'and sees nothing foreign' eval '! stopped'
