#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: whatever clients, peers, operators and files do wrong gets a clear answer and changes nothing.
# Method: one mistake after the other against a running network; then it must still agree and commit.
. "$(dirname "$0")/lib.sh"
must 'four nodes come up' up 4
check 'a first transaction is final' eval 'put 0 first yes --wait final >/dev/null'

# ---- HTTP: status, problem type ----
ask() { # ask CURL-OPTION...: "status type"
    curl --silent --max-time 10 --output "$home/answer" --write-out '%{http_code}' "$@"
    printf ' %s' "$(jq -r '.type // "-"' "$home/answer" 2>/dev/null)"
}
base=$(url 0)
json=(--header 'Content-Type: application/json')
binary=(--header 'Content-Type: application/octet-stream')
check 'malformed JSON' equal "$(ask "${json[@]}" -d '{"chain":' "$base/v1/transactions")" \
    '400 urn:creto:problem:malformed'
check 'the answer says where' contains "$(jq -r .detail "$home/answer")" 'line 1'
check 'JSON of another shape' equal "$(ask "${json[@]}" -d '[1]' "$base/v1/transactions")" \
    '400 urn:creto:problem:malformed'
check 'an empty body' equal "$(ask "${binary[@]}" -d '' "$base/v1/transactions")" '400 urn:creto:problem:malformed'
check 'random bytes' equal \
    "$(head -c 5000 /dev/urandom | ask "${binary[@]}" --data-binary @- "$base/v1/transactions")" \
    '400 urn:creto:problem:malformed'
check 'a body above 1 MiB' equal \
    "$(head -c 2000000 /dev/zero | ask "${binary[@]}" --data-binary @- "$base/v1/transactions")" \
    '413 urn:creto:problem:too-large'
check 'another content type' equal "$(ask --header 'Content-Type: text/plain' -d x "$base/v1/transactions")" \
    '415 urn:creto:problem:media-type'
check 'an unknown path' equal "$(ask "$base/v1/nothing")" '404 urn:creto:problem:no-such-resource'
check 'a wrong method' equal "$(ask -X DELETE "$base/v1/commits")" '405 urn:creto:problem:method'
check 'an id that is none' equal "$(ask "$base/v1/transactions/zz")" '400 urn:creto:problem:malformed'
check 'an unknown id' equal "$(ask "$base/v1/transactions/$(printf '%064d' 1)")" \
    '404 urn:creto:problem:unknown-transaction'
check 'an unknown account' equal "$(ask "$base/v1/accounts/$(printf '%064d' 1)")" \
    '404 urn:creto:problem:unknown-account'
check 'a key without a record' equal "$(ask "$base/v1/state/none")" '404 urn:creto:problem:no-such-key'
check 'a page too long' equal "$(ask "$base/v1/commits?limit=100000")" '400 urn:creto:problem:malformed'
exec 3<>/dev/tcp/127.0.0.1/"$api_port"
printf 'GARBAGE \x01\x02\r\n\r\n' >&3
check 'garbage instead of HTTP closes that connection only' eval 'timeout 5 cat <&3 >/dev/null; alive 0'
exec 3>&-

# ---- transactions ----
status=$(get 0 /v1/node/status)
commit=$(jq .commit_index <<<"$status")
rejected() { # rejected LABEL COMMAND...: the command fails with exit code 1 and names the label
    local label=$1 out
    shift
    out=$("$@" 2>&1)
    equal $? 1 && contains "$out" "$label"
}
check 'an expired transaction' rejected expired put 0 k v --valid-until 1
check 'a time to live beyond the limit' rejected ttl-too-long put 0 k v --valid-until $((commit + 1000000))
"$creto" keys new "$home/stranger.key" --alg ml-dsa-44 >/dev/null
stranger() { printf '%s' "$1" | "$creto" tx submit - --key "$home/stranger.key" --api "$base" --json; }
check 'an unknown account' rejected unknown-account stranger '{"op":"put","key":"k","value":"v"}'
owner() { printf '%s' "$1" | "$creto" tx submit - --key "$home/client.key" --api "$base" --json; }
transfer() { jq -cn --arg to "$1" --argjson amount "$2" '{op:"transfer",to:$to,amount:$amount}'; }
self=$("$creto" account --key "$home/client.key" --api "$base" --json | jq -r .id)
check 'an overdraft' rejected overdraft owner "$(transfer "$self" 9000000000000000)"
check 'an unknown receiver' rejected unknown-receiver owner "$(transfer "$(printf '%064d' 7)" 1)"
check 'a record that is not there' rejected no-such-key owner '{"op":"delete","key":"none"}'
thief() {
    printf %s '{"op":"put","key":"first","value":"mine"}' |
        "$creto" tx submit - --key "$home/stranger.key" --register --api "$base" --json
}
check 'a record of somebody else' rejected not-owner thief
check 'the record did not change' equal "$(get 0 /v1/state/first | jq -r .value)" yes
first=$(put 0 twice once --id 00112233445566778899aabbccddeeff --valid-until $((commit + 5000)))
second=$(put 1 twice once --id 00112233445566778899aabbccddeeff --valid-until $((commit + 5000)))
check 'the same transaction twice executes once' equal "$(jq -c '[.id,.commit_index,.position]' <<<"$second")" \
    "$(jq -c '[.id,.commit_index,.position]' <<<"$first")"

# ---- peers ----
before=$(metric 0 creto_datagrams_bad_total)
for i in $(seq 200); do head -c $((RANDOM % 1200 + 1)) /dev/urandom >/dev/udp/127.0.0.1/"$p2p_port"; done
noticed() { [ "$(metric 0 creto_datagrams_bad_total)" -gt "$before" ]; }
check 'garbage datagrams are counted' wait_until 5 noticed
check 'and harm nothing' eval 'put 0 after-garbage yes --wait final >/dev/null'

# A validator with another genesis, and one whose keys are not in it, at the place of node 3.
check 'node 3 stops' localnet kill 3
cp -r "$home/node3" "$home/other"
rm -rf "$home/other/data" "$home/other/keys/guard"
sed 's/"chain":"[^"]*"/"chain":"elsewhere"/' "$home/genesis.json" >"$home/other/genesis.json"
"$creto" start --home "$home/other" --set node.genesis="$home/other/genesis.json" 2>"$home/other/log" &
other=$!
started+=($other)
ours=$(field 0 .genesis_id)
theirs=$("$creto" genesis id "$home/other/genesis.json")
named() { grep -h 'part=net' "$home/other/log" "$home"/node?/node.log | grep "$ours" | grep -q "$theirs"; }
check 'another genesis is refused, and both ids are named' wait_until 10 named
check 'it never becomes ready' eval '! curl --silent --fail "$(url 3)/readyz" >/dev/null'
kill -TERM $other 2>/dev/null; wait $other 2>/dev/null
cp "$home/genesis.json" "$home/other/genesis.json"
rm "$home/other/keys/transport.key"; "$creto" keys new "$home/other/keys/transport.key" --alg ml-dsa-65 >/dev/null
out=$(timeout 10 "$creto" start --home "$home/other" --set node.genesis="$home/other/genesis.json" 2>&1); code=$?
check 'a key that is not in the genesis: exit code 2' equal $code 2
check 'it names the key' contains "$out" transport.key

# ---- operators ----
fails() { # fails CODE TEXT OPTION...: a start that must not succeed
    local code=$1 text=$2 out
    shift 2
    out=$(timeout 10 "$creto" start --home "$home/node3" "$@" 2>&1)
    equal $? "$code" && contains "$out" "$text"
}
printf '[api]\nlistne = 127.0.0.1:1\n' >"$home/other/creto.conf"
out=$(timeout 10 "$creto" start --home "$home/other" 2>&1)
check 'a typo in the configuration' equal $? 2
check 'it names the key that was meant' contains "$out" api.listen
check 'a port in use' fails 2 'in use' --set api.listen=127.0.0.1:"$api_port"
check 'a p2p port in use' fails 2 'in use' --set p2p.listen=127.0.0.1:"$p2p_port"
check 'a missing genesis' fails 2 /nowhere --set node.genesis=/nowhere
check 'a data folder that cannot be made' fails 2 /proc/nothing --set storage.path=/proc/nothing
chmod 0644 "$home/node3/keys/consensus.key"
check 'a key that others can read' fails 2 0600
chmod 0600 "$home/node3/keys/consensus.key"
out=$(timeout 10 "$creto" start --home "$home/node0" --set api.listen=127.0.0.1:$((api_port + 50)) \
    --set p2p.listen=127.0.0.1:$((p2p_port + 50)) 2>&1)
check 'a key that is in use: exit code 7' equal $? 7

check 'node 3 restarts' localnet restart 3
check 'node 3 is ready' wait_until 20 is_ready 3
check 'the network commits' eval 'put 3 last yes --wait final >/dev/null'
check 'all nodes agree' agree 0 1 2 3
