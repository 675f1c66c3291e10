#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Executes every plan in plans/: what once failed. The last line is "N passed, N failed".
set -u
passed=0 failed=0
for plan in "$(dirname "$0")"/plans/*.plan; do
    if "$CRETO_BIN_DIR/creto-sim" --replay "$plan" >/dev/null; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
