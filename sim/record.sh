#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a simulated node has gone through, `creto replay` goes through again, to the same states; and
# a recording from which a byte is missing is not taken for a whole one.
set -eu
file=$(mktemp "${TMPDIR:-/tmp}/creto-recording.XXXXXX")
trap 'rm -f "$file"' EXIT
for seed in 9 7 1; do
    "$CRETO_BIN_DIR/creto-sim" --seed $seed --record "2:$file" >/dev/null
    first=$("$CRETO_BIN_DIR/creto" replay "$file" | tail -1)
    second=$("$CRETO_BIN_DIR/creto" replay "$file" | tail -1)
    echo "$first"
    [ "$first" = "$second" ]
done
"$CRETO_BIN_DIR/creto" replay "$file" --until 100 | grep -q 'at event 100:'
"$CRETO_BIN_DIR/creto" replay "$file" --until 100 --trace | grep -q ' START '
: >"$file"
! "$CRETO_BIN_DIR/creto" replay "$file" 2>/dev/null
