#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same seeds twice give the same trace hashes.
set -eu
run() {
    "$CRETO_BIN_DIR/creto-sim" --seed "$1" --count 5 --json 2>/dev/null |
        sed -n 's/.*"seed":"\([^"]*\)".*"trace":"\([0-9a-f]*\)".*/\1 \2/p'
}
first=$(run 0x100)
second=$(run 0x100)
[ -n "$first" ] || { echo "no trace hashes" >&2; exit 1; }
[ "$first" = "$second" ] || { printf 'first:\n%s\nsecond:\n%s\n' "$first" "$second" >&2; exit 1; }
