/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.c: the loop: take what happens next, let it happen, look at the result. */
#include "cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"
#include "faults.h"
#include "operator.h"
#include "reorder.h"

/* ---- what the plan decides ---- */

static void init_genesis(struct cr_sim *sim)
{
    const struct cr_sim_setup *setup = &sim->plan.setup;
    sim->genesis = cr_run_take(sizeof *sim->genesis);
    sim->genesis->validators_count = sim->nodes_count;
    sim->genesis->timestamp_ms = CR_SIM_EPOCH_MS;
    sim->genesis->id = cr_hash_of(&sim->seed, sizeof sim->seed);
    snprintf(sim->genesis->chain, sizeof sim->genesis->chain, "simulation");
    sim->genesis->params.gc_depth = setup->gc_depth;
    sim->genesis->params.epoch_rounds = setup->epoch_rounds;
    sim->genesis->params.epoch_ms = setup->epoch_ms;
    sim->genesis->params.round_delay_us = setup->round_delay_us;
    sim->genesis->params.idle_delay_us = setup->idle_delay_us;
    sim->genesis->params.checkpoint_commits = setup->checkpoint_commits;
    sim->genesis->params.tx_ttl_max = CR_TX_TTL_MAX;
    sim->genesis->params.payload_bytes_max = setup->payload_bytes_max;
    static const uint32_t score_windows[] = {1, 2, 3, 5, 8, CR_SCORE_WINDOW};
    struct cr_prng prng = cr_prng_stream(sim->seed, CR_PURPOSE_SETUP, 2);
    sim->genesis->params.score_window =
        score_windows[cr_prng_below(&prng, CR_COUNT_OF(score_windows))];
}

static void init_committee(struct cr_sim *sim)
{
    uint64_t stakes[CR_SIM_NODES_MAX];
    struct cr_prng prng = cr_prng_stream(sim->seed, CR_PURPOSE_SETUP, 1);
    const uint64_t spread = sim->nodes_count < 7 ? 20 : 150;
    for (uint32_t i = 0; i < sim->nodes_count; i++)
        stakes[i] = sim->plan.setup.equal_stakes ? 1 : 100 + cr_prng_below(&prng, spread);
    enum cr_err err =
        cr_committee_init(&sim->committee, &sim->genesis->id, 1, stakes, sim->nodes_count);
    if (err != CR_OK) { /* one of them is too great: fall back to equals */
        for (uint32_t i = 0; i < sim->nodes_count; i++)
            stakes[i] = 1;
        err = cr_committee_init(&sim->committee, &sim->genesis->id, 1, stakes, sim->nodes_count);
    }
    CR_ASSERT(err == CR_OK);
}

static void schedule_plan(struct cr_sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.entries_count; i++) {
        const struct cr_plan_entry *entry = &sim->plan.entries[i];
        cr_heap_push(&sim->heap, (struct cr_happening){.at_us = entry->from_us,
                                                       .kind = CR_HAPPENING_BEGIN,
                                                       .number = i});
        if (cr_byz_goes_on(sim, i)) continue;
        cr_heap_push(&sim->heap, (struct cr_happening){
                                     .at_us = entry->to_us, .kind = CR_HAPPENING_END, .number = i});
    }
}

void cr_cluster_init(struct cr_sim *sim, const struct cr_sim_options *options,
                     const struct cr_plan *plan)
{
    memset(sim, 0, sizeof *sim);
    sim->options = options;
    sim->plan = *plan;
    sim->seed = plan->seed;
    sim->nodes_count = plan->nodes_count;
    sim->trace.print = options->trace;
    sim->trace.from_us = options->trace_from_us;
    init_genesis(sim);
    init_committee(sim);
    cr_byz_init(sim);
    cr_clients_init(sim);

    cr_accuse_init(sim);
    cr_network_init(sim);
    cr_operator_init(sim);
    schedule_plan(sim);
}

/* ---- the loop ---- */

static void drop_item(const struct cr_happening *happening)
{
    if (happening->kind == CR_HAPPENING_FRAME || happening->kind == CR_HAPPENING_RELEASE)
        cr_frame_give(happening->item);
    if (happening->kind == CR_HAPPENING_SEALED) cr_body_give(happening->item);
}

static void at_host(struct cr_host *host, const struct cr_happening *happening)
{
    switch (happening->kind) {
    case CR_HAPPENING_FRAME:
        cr_host_on_frame(host, happening->peer, happening->item);
        cr_frame_give(happening->item);
        return;
    case CR_HAPPENING_TICK: cr_host_on_tick(host, happening->number); return;
    case CR_HAPPENING_SEALED: cr_host_on_sealed(host, happening->item); return;
    case CR_HAPPENING_SYNCED: cr_host_on_synced(host); return;
    case CR_HAPPENING_EXECUTE: cr_host_on_execute(host); return;
    case CR_HAPPENING_GIVE: cr_host_on_give(host, happening->peer, happening->number); return;
    case CR_HAPPENING_PEER_DOWN: cr_host_on_peer(host, happening->peer, false); return;
    case CR_HAPPENING_RELEASE: cr_byz_release(host, happening->peer, happening->item); return;
    case CR_HAPPENING_CONNECT:
    case CR_HAPPENING_DETECT:
    case CR_HAPPENING_AGAIN:
    case CR_HAPPENING_BOOT:
    case CR_HAPPENING_SUBMIT:
    case CR_HAPPENING_BEGIN:
    case CR_HAPPENING_END: break; /* matters of the cluster */
    }
    CR_UNREACHABLE();
}

static uint64_t pause_ends_us(const struct cr_sim *sim, uint32_t node)
{
    uint64_t end_us = sim->now_us;
    for (uint32_t i = 0; i < sim->plan.entries_count; i++) {
        const struct cr_plan_entry *entry = &sim->plan.entries[i];
        if (!sim->active[i] || entry->node != node) continue;
        if (entry->fault != CR_FAULT_PAUSE && entry->fault != CR_FAULT_SLEEP) continue;
        if (entry->to_us > end_us) end_us = entry->to_us;
    }
    return end_us;
}

/* Something that concerns one process: it may be dead, or another one, or paused. */
static void dispatch_to_host(struct cr_sim *sim, const struct cr_happening *happening)
{
    struct cr_host *host = &sim->hosts[happening->node];
    bool current = host->alive;
    if (happening->kind == CR_HAPPENING_FRAME) {
        current =
            current && cr_network_is_current(sim, host->self, happening->peer, happening->number);
    } else {
        current = current && happening->incarnation == host->incarnation;
    }
    if (happening->kind == CR_HAPPENING_PEER_DOWN) { /* connected again before it was noticed? */
        const bool again = cr_network_is_connected(sim, host->self, happening->peer) &&
                           cr_twins_is_heard(host, happening->peer);
        current = current && !again;
    }
    if (!current) {
        drop_item(happening);
    } else if (host->paused) {
        cr_heap_defer(&sim->heap, *happening, pause_ends_us(sim, host->self));
    } else {
        at_host(host, happening);
        cr_host_tell_waiting(host);
    }
}

static void dispatch(struct cr_sim *sim, const struct cr_happening *happening)
{
    switch (happening->kind) {
    case CR_HAPPENING_FRAME:
    case CR_HAPPENING_TICK:
    case CR_HAPPENING_SEALED:
    case CR_HAPPENING_SYNCED:
    case CR_HAPPENING_EXECUTE:
    case CR_HAPPENING_GIVE:
    case CR_HAPPENING_RELEASE:
    case CR_HAPPENING_PEER_DOWN: dispatch_to_host(sim, happening); return;
    case CR_HAPPENING_CONNECT: cr_network_connect(sim, happening->node, happening->peer); return;
    case CR_HAPPENING_DETECT:
        cr_network_detect(sim, happening->node, happening->peer, happening->number);
        return;
    case CR_HAPPENING_AGAIN: cr_faults_again(sim, *happening); return;
    case CR_HAPPENING_BOOT: cr_faults_apply(sim); return;
    case CR_HAPPENING_SUBMIT: cr_clients_submit(sim, happening->node, happening->number); return;
    case CR_HAPPENING_BEGIN: cr_faults_on_plan(sim, happening->number, true); return;
    case CR_HAPPENING_END: cr_faults_on_plan(sim, happening->number, false); return;
    }
    CR_UNREACHABLE();
}

static void run_until(struct cr_sim *sim, uint64_t until_us)
{
    while (sim->heap.count > 0 && sim->heap.items[0].at_us < until_us) {
        const struct cr_happening happening = cr_heap_take(&sim->heap);
        CR_ASSERT(happening.at_us >= sim->now_us);
        sim->now_us = happening.at_us;
        sim->happenings_total++;
        dispatch(sim, &happening);
        if (sim->doomed) cr_faults_bury(sim);
    }
    sim->now_us = until_us;
}

static void report_stuck(struct cr_sim *sim)
{
    cr_liveness_is_back(sim, true);
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        const struct cr_host *host = &sim->hosts[i];
        const struct cr_core_stats *stats = &host->stats;
        fprintf(stderr,
                "  node %-2" PRIu32 " round %" PRIu32 " clock %" PRIu32 " gc %" PRIu32
                " leader %" PRIu32 " commit %" PRIu64 " executed %" PRIu64 " missing %" PRIu32
                " suspended %" PRIu32 " waiting %" PRIu32 "%s\n",
                i, stats->round, stats->clock, stats->gc_round, stats->leader_round,
                stats->commit_index, host->executed_index, stats->missing, stats->suspended,
                host->mempool_count, stats->syncing ? " syncing" : "");
    }
}

static void run_calm(struct cr_sim *sim)
{
    run_until(sim, sim->now_us + CR_SIM_CALM_US);
    cr_liveness_begin_calm(sim);
    run_until(sim, sim->now_us + CR_SIM_CALM_US);
    while (!cr_liveness_is_back(sim, false)) {
        if (!cr_liveness_may_wait(sim)) {
            report_stuck(sim);
            cr_run_fail("SLOW: what was sent to a calm cluster is not final in time");
        }
        run_until(sim, sim->now_us + 50000);
    }
    while (!cr_liveness_is_calm(sim))
        run_until(sim, sim->now_us + 50000);
    cr_liveness_end_calm(sim);
}

void cr_cluster_run(struct cr_sim *sim)
{
    const uint64_t faults_until_us = sim->plan.faults_until_us;
    const uint32_t last = 10 + 2 * sim->nodes_count; /* sent when all is well again */
    for (uint32_t i = 0; i < sim->nodes_count; i++)
        cr_host_init(&sim->hosts[i], sim, i);
    cr_twins_init(sim);
    cr_clients_schedule(sim, sim->plan.setup.txs_count, 1, faults_until_us);
    cr_clients_schedule(sim, last, faults_until_us, faults_until_us + 1000000);
    cr_operator_schedule(sim, faults_until_us);
    cr_faults_apply(sim); /* starts all nodes */

    run_until(sim, faults_until_us + 1);
    for (uint32_t i = 0; i < sim->plan.entries_count; i++)
        CR_ASSERT(!sim->active[i] || cr_byz_goes_on(sim, i));
    if (sim->plan.expect != CR_EXPECT_HELD) {
        while (!cr_check_is_noticed(sim) && sim->now_us < faults_until_us + CR_SIM_HEAL_US)
            run_until(sim, sim->now_us + 50000);
        cr_check_expected(sim);
        return;
    }
    cr_clients_resubmit(sim);
    while (!cr_liveness_is_back(sim, false)) {
        if (sim->now_us >= faults_until_us + CR_SIM_HEAL_US) {
            report_stuck(sim);
            cr_run_fail("STUCK: not everything is final and equal %.0f s after the last fault",
                        (double)CR_SIM_HEAL_US / 1e6);
        }
        run_until(sim, sim->now_us + 50000);
        cr_check_price(sim);
    }
    if (cr_liveness_has_calm(sim)) run_calm(sim);
    cr_check_end(sim);
    cr_trace_end(sim);
    if (sim->options->shuffles > 0) cr_reorder_check(sim, sim->options->shuffles);
}
