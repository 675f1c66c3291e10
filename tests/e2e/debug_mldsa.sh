#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: `creto debug mldsa-verify` gives one answer to a line, the right one, by every back end, alone and in batches.
# Method: the valid cases of src/crypto/sigver_cases.txt as JSON lines, each followed by six wrong ones made of it.
. "$(dirname "$0")/lib.sh"
cases=$(dirname "$0")/../../src/crypto/sigver_cases.txt

awk -v answers="$home/expected" '
function line(level, pk, msg, ctx, sig, answer) {
    printf "{\"level\":%s,\"pk\":\"%s\",\"msg\":\"%s\",\"ctx\":\"%s\",\"sig\":\"%s\"}\n", level, pk, msg, ctx, sig
    print answer >answers
}
function last_flipped(hex) { return substr(hex, 1, length(hex) - 1) (hex ~ /f$/ ? "e" : "f") }
/^PublicKeyRaw/ { split($3, key, ":"); level = substr(key[2], 8) }
/^Input/ { msg = $3 }
/^Output/ { sig = $3 }
/hexcontext-string/ {
    ctx = $3
    sub(/.*:/, "", ctx)
    line(level, key[3], msg, ctx, sig, "accept")
    line("\"ML-DSA-" level "\"", key[3], msg, ctx, last_flipped(sig), "reject")
    line(level, last_flipped(key[3]), msg, ctx, sig, "reject")
    line(level, substr(key[3], 3), msg, ctx, sig, "reject")
    line(level, key[3], msg "00", ctx, sig, "reject")
    line(level, key[3], msg, ctx "00", sig, "reject")
    line("\"" level "\"", key[3], msg, ctx, sig "00", "reject")
}' "$cases" >"$home/lines"
check 'there are cases' equal "$(wc -l <"$home/lines") $(grep -c accept "$home/expected")" '21 3'

verify() { "$creto" debug mldsa-verify "$@" 2>"$home/error"; }
for backend in openssl reference scalar avx2 avx512 neon; do
    verify --backend "$backend" </dev/null || ! grep -q "no back end '$backend'" "$home/error" || continue
    check "$backend, line by line" diff <(verify --backend "$backend" <"$home/lines") "$home/expected"
    check "$backend, in batches" diff <(verify --backend "$backend" --batch <"$home/lines") "$home/expected"
done
check 'the default' diff <(verify <"$home/lines") "$home/expected"

refused() { ! verify --batch >"$home/out"; }
check 'a line that is no claim ends it' refused < <(head -n 2 "$home/lines" && echo '{"level":66}' && cat "$home/lines")
check 'after the answers to those before' equal "$(cat "$home/out")" $'accept\nreject'
check 'and names the line' contains "$(cat "$home/error")" 'line 3'
check 'hexadecimal of odd length' refused < <(echo '{"level":65,"pk":"0","msg":"","ctx":"","sig":""}')
check 'a level beyond all integers' refused < <(echo '{"level":4294967361,"pk":"","msg":"","ctx":"","sig":""}')
