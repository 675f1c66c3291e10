# SPDX-License-Identifier: Apache-2.0
# lib.sh: what the end-to-end tests share. Sourced first; it makes a folder of its own, ends every
# process that was started, and prints "N passed, N failed" last. Each test has its own ports.
set -uo pipefail

creto=${CRETO_BIN_DIR:?set it to the folder of the programs}/creto
home=$(mktemp -d "${TMPDIR:-/tmp}/creto-e2e.XXXXXX")
api_port=${E2E_API_PORT:-7480}
p2p_port=${E2E_P2P_PORT:-7500}
passed=0 failed=0
started=() # process ids that a test started itself

ended() {
    trap - EXIT INT TERM
    for pid in "${started[@]}"; do kill -KILL "$pid" 2>/dev/null; done
    wait 2>/dev/null # quietly
    "$creto" localnet down --home "$home" >/dev/null 2>&1
    declare -F also_ended >/dev/null && also_ended
    if [ "$failed" != 0 ] || [ "$passed" = 0 ]; then
        for log in "$home"/node*/node.log; do
            [ ! -e "$log" ] || { printf -- '--- the last lines of %s\n' "${log#"$home"/}"; tail -n 15 "$log"; }
        done
    fi
    rm -rf "$home"
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ] && [ "$passed" != 0 ]
}
trap 'ended; exit $?' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

check() { # check WHAT COMMAND...
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok    $what"
    else
        failed=$((failed + 1))
        echo "FAIL  $what"
    fi
}
must() { # like check, but nothing after it makes sense
    local before=$failed
    check "$@"
    [ "$failed" = "$before" ] || exit 1
}
equal() { [ "$1" = "$2" ] || { printf '      got      %s\n      expected %s\n' "$1" "$2"; false; }; }
contains() { case $1 in *"$2"*) ;; *) printf '      got      %s\n      without  %s\n' "$1" "$2"; false ;; esac }
wait_until() { # wait_until SECONDS COMMAND...
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.1
    done
}

# ---- a network on loopback ----
up() {
    "$creto" localnet up -n "${1:-4}" --home "$home" --api-port "$api_port" --p2p-port "$p2p_port" \
        >"$home/up.txt" 2>&1 || { cat "$home/up.txt"; false; }
}
localnet() { "$creto" localnet "$@" --home "$home" >/dev/null; }
url() { printf 'http://127.0.0.1:%d' $((api_port + $1)); }
urls() { local list=; for n; do list+=${list:+,}$(url "$n"); done; printf %s "$list"; }
get() { curl --silent --fail --max-time 5 "$(url "$1")$2"; }
field() { get "$1" /v1/node/status | jq -r "$2"; }
commit_of() { field "$1" '.commit_index' 2>/dev/null || echo 0; }
metric() { get "$1" /metrics | awk -v name="$2" '$1 == name {print $2}'; }
is_ready() { get "$1" /readyz >/dev/null; }
reached() { [ "$(commit_of "$1")" -ge "$2" ] 2>/dev/null; }
alive() { get "$1" /livez >/dev/null; }

put() { # put NODE KEY VALUE [OPTION...]: prints the answer of a put that is final
    local node=$1 key=$2 value=$3
    shift 3
    jq -cn --arg k "$key" --arg v "$value" '{op:"put",key:$k,value:$v}' |
        "$creto" tx submit - --key "$home/client.key" --api "$(url "$node")" --json "$@"
}
# The digests of one commit at a node; the state root is found later, or never if the node ended meanwhile.
digests() {
    get "$1" "/v1/commits?from=$2&limit=1" |
        jq -r '.commits[0] | "\(.index) \(.digest) \(.effects_digest)", (.state_root // empty | "root \(.)")'
}
least_commit() { for n; do commit_of "$n"; done | sort -n | head -n 1; }
agree() { # agree NODE...: at the newest commit that all have, at each checkpoint, and at a sample below it
    local top n all index
    top=$(least_commit "$@")
    [ "${top:-0}" -gt 0 ] 2>/dev/null || { echo "      no common commit"; return 1; }
    for index in 1 $((top / 4 + 1)) $((top / 2 + 1)) "$top" $(seq 256 256 "$top"); do
        all=$(for n; do digests "$n" "$index"; done | sort -u)
        [ -n "$all" ] && [ -z "$(cut -d ' ' -f 1 <<<"$all" | uniq -d)" ] ||
            { printf '      commit %s:\n%s\n' "$index" "$all"; return 1; }
    done
}
