#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: one key in two processes: the second one signs nothing, says why and ends with code 77, whether it has
# a copy of everything or of the keys alone; the first one and the network go on. On one home the lock of the
# guard refuses a second process outright.
# Method: a node runs; its home is copied and started at other ports, as on another machine. It is the validator
# that dials all others, so that nothing has to reach the copy.
. "$(dirname "$0")/lib.sh"
must 'four nodes come up' up 4
text=$(timeout 20 "$creto" start --home "$home/node3" 2>&1)
check 'a second process on the same home is refused' equal $? 7
check 'it says why' contains "$text" 'what=storage'
for twin in 0 1 2 3; do [ "$(field $twin .validator_index)" != 0 ] || break; done
must 'the node is ready' wait_until 20 is_ready $twin
check 'it signs' wait_until 20 reached $twin 10

second() { # second FOLDER: starts it beside the first one
    timeout 60 "$creto" start --home "$1" --set node.genesis="$home/genesis.json" \
        --set api.listen=127.0.0.1:$((api_port + 9)) --set p2p.listen=127.0.0.1:$((p2p_port + 9)) 2>"$1.log"
}
cp -r "$home/node$twin" "$home/copy"
second "$home/copy"
check 'a copy of the home ends with code 77' equal $? 77
check 'and says why' grep -q 'what=key text="another process signs with consensus.key' "$home/copy.log"

mkdir "$home/bare"
cp "$home/node$twin/creto.conf" "$home/bare/"
cp -r "$home/node$twin/keys" "$home/bare/keys"
rm "$home/bare/keys/guard"
second "$home/bare"
check 'so does a folder with the keys alone' equal $? 77

check 'the first one is ready' wait_until 20 is_ready $twin
check 'and takes transactions' eval 'put $twin still yes --wait final >/dev/null'
check 'all nodes agree' agree 0 1 2 3
check 'nobody signed twice' equal "$(for n in 0 1 2 3; do metric $n creto_equivocations_total; done | sort -u)" 0
