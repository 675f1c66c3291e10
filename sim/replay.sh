#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every line of seeds.txt. The last line is "N passed, N failed".
set -u
passed=0 failed=0
while read -r options; do
    options=${options%%#*}
    [ -n "${options# }" ] || continue
    # shellcheck disable=SC2086 # the line is a list of options
    if "$CRETO_BIN_DIR/creto-sim" $options >/dev/null; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done <"$(dirname "$0")/seeds.txt"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
