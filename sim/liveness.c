/* SPDX-License-Identifier: Apache-2.0 */
/* liveness.c: is everything as it was before the faults? */
#include "liveness.h"

#include <inttypes.h>
#include <stdio.h>

#include "cluster.h"
#include "operator.h"

enum {
    COMMITS_APART_MAX = 2,
    COMMITS_APART_LIES = 8,      /* the same while a liar withholds: what is fetched comes later */
    FINAL_TIMEOUTS_MAX = 20,     /* L1: in waits for a leader, as configured */
    FINAL_TIMEOUTS_LIES = 60,    /* the same while somebody goes on lying */
    TIMEOUT_GROWTH_MAX = 2,      /* L4 */
    MODES_US = 10 * 1000 * 1000, /* in which all emergency modes must end */
    SPREAD_US = 100 * 1000,      /* in which the transactions of the calm second are sent */
    SHORT_US = 2 * 1000 * 1000,
    /* L5: steps of a node: a round's (vertices, and six of its own), the statuses, and a third. */
    STEPS_PER_ROUND = 6,
    STATUS_MS = 200,
    STEPS_PER_100 = 130,
};

/* Who gets a seat in the calm second has everything still to catch up with. */
static uint32_t seats_of(const struct cr_sim *sim)
{
    return sim->calm.seats > 0 ? sim->calm.seats : cr_operator_seats(sim);
}

static bool lies_go_on(const struct cr_sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.entries_count; i++) {
        if (sim->active[i] && cr_byz_is_liar(sim, sim->plan.entries[i].node)) return true;
    }
    return false;
}

bool cr_liveness_is_back(struct cr_sim *sim, bool why)
{
    bool live = true;
    const uint32_t seats = seats_of(sim);
    const uint64_t apart_max = lies_go_on(sim) ? COMMITS_APART_LIES : COMMITS_APART_MAX;
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t i = 0; i < sim->clients.txs_count; i++) {
        const struct cr_client_tx *tx = &sim->clients.txs[i];
        if (tx->final || !cr_clients_is_promised(sim, tx)) continue;
        if (why && live) {
            fprintf(stderr,
                    "  transaction %" PRIu32 ", due at %.3f s, taken by node %" PRIu32
                    ": not final\n",
                    i, (double)tx->submit_us / 1e6, tx->node);
        }
        live = false;
    }
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        if (cr_byz_is_liar(sim, i) || i >= seats) continue; /* it was never added */
        const uint64_t index = sim->hosts[i].executed_index;
        least = index < least ? index : least;
        most = index > most ? index : most;
    }
    if (why && most - least > apart_max) {
        fprintf(stderr, "  nodes are %" PRIu64 " commits apart\n", most - least);
    }
    return live && most - least <= apart_max;
}

/* ---- the calm second ---- */

bool cr_liveness_has_calm(const struct cr_sim *sim)
{
    return sim->plan.faults_until_us >= SHORT_US;
}

static uint64_t steps_of_correct(const struct cr_sim *sim)
{
    uint64_t steps = 0;
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        if (!cr_byz_is_liar(sim, i)) steps += sim->hosts[i].counters.steps;
    }
    return steps;
}

void cr_liveness_begin_calm(struct cr_sim *sim)
{
    sim->calm = (struct cr_calm){.begin_us = sim->now_us,
                                 .seats = cr_operator_seats(sim),
                                 .silent_us = sim->now_us,
                                 .steps = steps_of_correct(sim),
                                 .rounds = sim->check.rounds_total};
    cr_clients_schedule(sim, sim->nodes_count, sim->now_us + 1, sim->now_us + SPREAD_US);
}

/* A node that lost its guard does not sign yet, in an epoch with other validators again: it asks,
 * listens for some rounds or seconds (docs/protocol.md 4.8), and with none of its own above the
 * horizon waits until that has passed the burnt rounds (4.1). */
static bool somebody_is_silent(const struct cr_sim *sim)
{
    for (uint32_t i = 0; i < seats_of(sim); i++) {
        const struct cr_core_stats *stats = &sim->hosts[i].stats;
        const struct cr_probe_stats *probe = &stats->probe;
        if (!cr_byz_is_liar(sim, i) && probe->lost &&
            (probe->open || probe->listening || stats->round == 0))
            return true;
    }
    return false;
}

bool cr_liveness_may_wait(struct cr_sim *sim)
{
    const uint64_t modes_us = sim->calm.begin_us + MODES_US;
    if (sim->now_us <= modes_us && somebody_is_silent(sim)) sim->calm.silent_us = sim->now_us;
    const uint64_t timeouts = lies_go_on(sim) ? FINAL_TIMEOUTS_LIES : FINAL_TIMEOUTS_MAX;
    const uint64_t wait_us = timeouts * sim->plan.setup.round_timeout_us;
    return sim->now_us <= sim->calm.silent_us + SPREAD_US + wait_us;
}

/* The first correct node in an emergency mode; NULL: none is. */
static const struct cr_core_stats *first_in_need(const struct cr_sim *sim, uint32_t *node)
{
    const uint64_t timeout_us_max = (uint64_t)TIMEOUT_GROWTH_MAX * sim->plan.setup.round_timeout_us;
    for (uint32_t i = 0; i < seats_of(sim); i++) {
        const struct cr_core_stats *stats = &sim->hosts[i].stats;
        if (cr_byz_is_liar(sim, i)) continue;
        *node = i;
        if (stats->stalled || stats->syncing || stats->round_timeout_us > timeout_us_max)
            return stats;
    }
    return NULL;
}

bool cr_liveness_is_calm(const struct cr_sim *sim)
{
    uint32_t node;
    return lies_go_on(sim) || first_in_need(sim, &node) == NULL ||
           sim->now_us >= sim->calm.begin_us + MODES_US;
}

static void check_modes(const struct cr_sim *sim)
{
    uint32_t node;
    const struct cr_core_stats *stats = first_in_need(sim, &node);
    if (stats == NULL) return;
    cr_run_fail("NOT CALM: node %" PRIu32 "%s%s waits %" PRIu32 " us for a leader", node,
                stats->stalled ? " is stalled," : "", stats->syncing ? " is syncing," : "",
                stats->round_timeout_us);
}

static void check_work(const struct cr_sim *sim)
{
    const uint64_t n = sim->nodes_count;
    const uint64_t rounds = sim->check.rounds_total - sim->calm.rounds + 1;
    const uint64_t steps = steps_of_correct(sim) - sim->calm.steps;
    const uint64_t ms = (sim->now_us - sim->calm.begin_us) / 1000;
    const uint64_t usual = n * ((n + STEPS_PER_ROUND) * rounds + n * ms / STATUS_MS);
    if (steps <= usual * STEPS_PER_100 / 100) return;
    cr_run_fail("STORM: %" PRIu64 " steps in a calm second with %" PRIu64
                " rounds, usual are %" PRIu64,
                steps, rounds, usual);
}

void cr_liveness_end_calm(struct cr_sim *sim)
{
    if (lies_go_on(sim)) return; /* liars can keep everybody busy, and waiting for a while */
    check_modes(sim);
    check_work(sim);
}
