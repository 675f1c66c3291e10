#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A plan written and executed again is the same run; a file that is no plan is refused with its line;
# a run that must fail fails, and shrinks to just the two faults that made it fail.
set -eu
sim=$CRETO_BIN_DIR/creto-sim
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
plan=$dir/repro.plan
die() { echo "$*" >&2; exit 1; }
trace() { "$sim" "$@" --json 2>/dev/null | sed -n 's/.*"trace":"\([0-9a-f]*\)".*/\1/p'; }

passed=0
for options in '--seed 0x100' '--seed 7 --nodes 7' '--seed 3 --scenario storm' \
    '--seed 4 --scenario calm --seconds 3'; do
    # shellcheck disable=SC2086 # options are words
    "$sim" $options --write-plan "$plan"
    # shellcheck disable=SC2086
    first=$(trace $options) second=$(trace --replay "$plan")
    [ -n "$first" ] && [ "$first" = "$second" ] || die "$options: another run from its own plan"
    passed=$((passed + 1))
done

"$sim" --seed 0x100 --write-plan "$dir/good"
refused() { # refused LINE SED-EXPRESSION
    sed "$2" "$dir/good" >"$plan"
    if "$sim" --replay "$plan" >"$dir/out" 2>&1; then die "a bad plan ran: sed $2"; fi
    grep -q "^$plan:$1: " "$dir/out" || die "sed $2: not refused in line $1: $(cat "$dir/out")"
    passed=$((passed + 1))
}
refused 1 '1s/.*/creto-plan 2/'
refused 1 '1d'
refused 2 's/^seed.*/seed -1/'
refused 3 's/^scenario.*/scenario nonsense/'
refused 4 's/^nodes.*/nodes 40/'
refused 4 's/^nodes.*/nodes 4 4/'
refused 5 's/^ms.*/nodes 4/'
refused 6 '6s/.*/colour red/'
refused 21 '6d'
refused 22 '22s/.*/fault 1 crash 5 5 0 0x1 0/; 23,$d'
refused 22 '22s/.*/fault 1 crash 5 9 9 0x1 0/; 23,$d'
refused 22 '22s/.*/fault 1 crash 5 9 0 0xf 0/; 23,$d'
refused 22 '22s/.*/fault 1 fire 5 9 0 0x1 0/; 23,$d'
refused 22 '22s/.*/fault 1 crash 5 99999999999 0 0x1 0/; 23,$d'
refused 23 '22,$s/.*/fault 1 crash 5 9 0 0x1 0/'
refused 21 '22,$d; s/^joiner.*/joiner 1/'
refused 15 '16,$d; s/^round_window.*/round_window 33/'
head -c 300 /dev/zero | tr '\0' x >>"$dir/good"
if "$sim" --replay "$dir/good" 2>/dev/null; then die 'an endless line was read'; fi

# What a plan expects must come about: of a fork one half notices, not all.
plans=$(dirname "$0")/plans
"$sim" --replay "$plans/fork.plan" >/dev/null || die 'no fork, or nobody has noticed it'
sed 's/^expect.*/expect halt/' "$plans/fork.plan" >"$plan"
if "$sim" --replay "$plan" 2>"$dir/out" >&2; then die 'all have halted'; fi
grep -q 'EXPECTED all to halt' "$dir/out" || die "expected another failure: $(cat "$dir/out")"
sed 's/^expect.*/expect fork/' "$plans/halt.plan" >"$plan"
if "$sim" --replay "$plan" 2>"$dir/out" >&2; then die 'there was a fork'; fi
grep -q 'EXPECTED a fork' "$dir/out" || die "expected another failure: $(cat "$dir/out")"
sed 's/^expect.*/expect rain/' "$plans/halt.plan" >"$plan"
if "$sim" --replay "$plan" 2>/dev/null >&2; then die 'an unknown expectation was read'; fi

# The canary: some seed has both faults at once.
if "$sim" --seed 1 --count 30 --nodes 7 --canary partition,crash --shrink "$plan" 2>"$dir/out"; then
    die 'the canary lives'
fi
grep -q '^seed .*CANARY' "$dir/out" || die "no canary: $(cat "$dir/out")"
[ "$(grep -c '^fault ' "$plan")" = 2 ] || die "not two faults: $(cat "$plan")"
grep -q '^nodes 4$' "$plan" && grep -q '^txs_count 0$' "$plan" || die "not small: $(cat "$plan")"
if "$sim" --replay "$plan" --canary partition,crash 2>/dev/null >&2; then die 'the small plan holds'; fi
"$sim" --replay "$plan" >/dev/null || die 'without the canary the small plan fails'
echo "$((passed + 9)) passed, 0 failed"
