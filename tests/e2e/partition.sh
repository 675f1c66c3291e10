#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: split 2/2, neither half commits anything; healed, both go on as one.
# Method: four network namespaces on one bridge; the cut is an unplugged cable in the middle (two bridges
# joined by a veth pair). Needs the right to make namespaces; without it the test is skipped.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/netns.sh"
also_ended() { netns_down; }
if ! netns_up 4 2; then
    trap - EXIT
    rm -rf "$home"
    echo 'skipped: network namespaces need root'
    exit 77
fi

validators=()
for n in 0 1 2 3; do
    must "node $n is initialised" eval \
        '"$creto" init --home "$home/node$n" --name node$n --address $prefix.$((n + 1)):7000 >/dev/null'
    validators+=(--validator "$home/node$n/validator.json")
done
"$creto" keys new "$home/client.key" --alg ml-dsa-44 >/dev/null
must 'the genesis is made' eval '"$creto" genesis new "$home/genesis.json" --chain split --profile lan \
    "${validators[@]}" --account "$home/client.key=1000" >/dev/null'
for n in 0 1 2 3; do
    cp "$home/genesis.json" "$home/node$n/genesis.json"
    (exec ip netns exec "$tag-$n" "$creto" start --home "$home/node$n" --set api.listen=127.0.0.1:7080 \
        2>"$home/node$n/node.log") &
    started+=($!)
done
get() { in_node "$1" curl --silent --fail --max-time 5 "http://127.0.0.1:7080$2"; }
submit() { # NODE KEY WAIT
    printf '{"op":"put","key":"%s","value":"x"}' "$2" |
        in_node "$1" "$creto" tx submit - --key "$home/client.key" --api http://127.0.0.1:7080 --wait "$3" --json
}
must 'all nodes are ready' wait_until 20 eval 'is_ready 0 && is_ready 1 && is_ready 2 && is_ready 3'
check 'a transaction is final' eval 'submit 0 before final >/dev/null'

unplug
sleep 3 # what was under way when the cable went has settled
before=$(for n in 0 1 2 3; do commit_of $n; done)
id=$(submit 0 during accepted | jq -r .id)
submit 3 during3 accepted >/dev/null
sleep 5
check 'neither half commits anything' equal "$(for n in 0 1 2 3; do commit_of $n; done)" "$before"
check 'the transaction is received, and no more' equal "$(get 0 "/v1/transactions/$id" | jq -r .state)" received
check 'the halves say that they are not ready' eval '! is_ready 0 && ! is_ready 3'
check 'every node lives' eval 'alive 0 && alive 1 && alive 2 && alive 3'

plug
is_final() { [ "$(get "$1" "/v1/transactions/$id" | jq -r .state)" = final ]; }
check 'healed, the transaction becomes final' wait_until 15 is_final 0
check 'at the other half too' wait_until 10 is_final 3
check 'all nodes are ready' wait_until 20 eval 'is_ready 0 && is_ready 1 && is_ready 2 && is_ready 3'
check 'all nodes agree' agree 0 1 2 3
