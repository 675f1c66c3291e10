#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bench/sim.sh [PRESET]: how fast the simulator is, in events of cores for each second of one processor, every check
# on. One JSON line per question; the best of three runs, for the machine has other work.
#
#   sim_events         ten nodes, no faults: what a core, its host and the checks cost
#   sim_events_swarm   ten nodes, all faults and lies: restarts, whole logs executed again
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sim=build/${1:-release}/bin/creto-sim
question() { # NAME OPTION...
    local best=0 name=$1 rate
    shift
    for _ in 1 2 3; do
        rate=$("$sim" --nodes 10 "$@" | sed -n 's/.* events (\([0-9]*\)\/s).*/\1/p')
        [ "$rate" -gt "$best" ] && best=$rate
    done
    printf '{"name": "%s", "events_per_cpu_s": %d, "command": "creto-sim --nodes 10 %s"}\n' "$name" "$best" "$*"
}
question sim_events --scenario calm --seconds 20 --count 4
question sim_events_swarm --count 40
