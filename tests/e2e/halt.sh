#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: a node that has halted does not start again before somebody has moved its mark away, and the
# offences of an honest network are an empty list.
# Method: the mark put by hand where a halt would leave it.
. "$(dirname "$0")/lib.sh"
must 'four nodes come up' up 4
check 'nobody has offended' equal "$(get 0 /v1/offences)" '{"offences":[]}'
check 'creto offences' equal "$("$creto" offences --api "$(url 0)" --json)" '{"offences":[]}'
check 'the metric says so' equal "$(metric 0 'creto_validator_offence{validator="node1"}')" 0
check 'nobody contradicts anybody' equal "$(metric 0 creto_contradictions_total)" 0
check 'the status says so' equal "$(field 0 '"\(.halted) \(.contradicted_by)"')" 'false 0'

must 'node 3 is killed' localnet kill 3
echo '{}' >"$home/node3/data/halted.json"
text=$(timeout 20 "$creto" start --home "$home/node3" 2>&1)
check 'it does not start' equal $? 8
check 'it says why' contains "$text" 'what=halted'
check 'it names the file' contains "$text" 'data/halted.json'
rm "$home/node3/data/halted.json"
must 'without the mark it starts' localnet restart 3
check 'and is ready' wait_until 20 is_ready 3
