/* SPDX-License-Identifier: Apache-2.0 */
/* boot.c: how a simulated node starts, dies, and starts again from what its disk has kept. */
#include <inttypes.h>

#include "base/cover.h"
#include "cluster.h"
#include "ledger/validators.h"
#include "operator.h"
#include "recorder.h"

/* Liars hold F stake at most in every epoch, or nothing can be demanded. */
static void check_liars(const struct cr_host *host, const struct cr_committee *before)
{
    const struct cr_sim *sim = host->sim;
    const struct cr_committee *committee = &host->committee;
    struct cr_authors liars = {0};
    if (sim->liars == 0 || sim->plan.expect != CR_EXPECT_HELD) return;
    for (uint32_t i = 0; i < committee->validators_count; i++) {
        if (cr_byz_is_liar(sim, i)) cr_authors_add(&liars, i);
    }
    const uint64_t stake = cr_committee_stake_of(committee, &liars);
    if (stake > committee->faulty)
        cr_run_fail("the liars of epoch %" PRIu64 " hold %" PRIu64 " stake, more than F",
                    committee->epoch, stake);
    if (committee->epoch == CR_GENESIS_EPOCH || cr_committee_same_stakes(before, committee)) return;
    CR_COVER(liars_meet_other_stakes);
}

static void take_core(struct cr_host *host)
{
    const struct cr_sim *sim = host->sim;
    struct cr_arena arena;
    host->config.epoch = cr_ledger_head(host->executor.ledger)->epoch;
    host->config.sequence = host->stored_last;
    const struct cr_hash origin = cr_epoch_origin(&sim->genesis->id, &host->config.epoch);
    struct cr_entry_committee stakes;
    const bool known = cr_validators_stakes(sim->genesis, &host->executor.host.state,
                                            host->config.epoch.number, &stakes);
    CR_ASSERT(known);
    const bool fixed = sim->plan.setup.changes == 0;
    const enum cr_err err =
        cr_committee_init(&host->committee, &origin, host->config.epoch.number,
                          fixed ? sim->committee.stake : stakes.stake, stakes.count);
    CR_ASSERT(err == CR_OK);
    host->config.self = cr_host_knows(host, host->self) ? host->self : CR_VALIDATORS_MAX;
    if (!cr_host_is_member(host)) host->config.observer = 1;
    cr_arena_init(&arena, host->memory, host->memory_bytes);
    host->orders = (struct cr_host_orders){0};
    host->core = cr_core_init(&arena, &host->config);
    cr_sim_recorder_begin(host->place, host->core, &host->config);
}

void cr_host_init(struct cr_host *host, struct cr_sim *sim, uint32_t self)
{
    *host = (struct cr_host){
        .sim = sim, .self = self, .place = (uint32_t)(host - sim->hosts), .tick_at_us = UINT64_MAX};
    struct cr_prng prng = cr_prng_stream(sim->seed, CR_PURPOSE_SETUP, 1000 + host->place);
    host->drift_ppm = (int64_t)cr_prng_below(&prng, 401) - 200;
    host->clock = (struct cr_host_clock){.rate_ppm = host->drift_ppm, .wall_rate = 1};
    host->wall_skew_ms = (int64_t)cr_prng_below(&prng, 201) - 100;
    host->config = (struct cr_core_config){
        .committee = &host->committee,
        .self = self,
        .gc_depth = sim->genesis->params.gc_depth,
        .round_delay_us = sim->genesis->params.round_delay_us,
        .idle_delay_us = sim->genesis->params.idle_delay_us,
        .round_timeout_us = sim->plan.setup.round_timeout_us,
        .round_timeout_us_max = 2000000,
        .payload_bytes_max = sim->genesis->params.payload_bytes_max,
        .score_window = sim->genesis->params.score_window,
        .round_window = sim->plan.setup.round_window,
        .epoch_rounds = sim->genesis->params.epoch_rounds,
        .epoch_ms = sim->genesis->params.epoch_ms,
    };
    host->committee = sim->committee;
    struct cr_arena measure, arena;
    cr_arena_init_measure(&measure);
    CR_ASSERT(cr_core_init(&measure, &host->config) == NULL);
    host->memory_bytes = measure.bytes_used;
    host->memory = cr_run_take_aligned(host->memory_bytes);
    cr_arena_init_measure(&measure);
    cr_effects_init(&measure, &host->effects, &host->config);
    cr_arena_init(&arena, cr_run_take_aligned(measure.bytes_used), measure.bytes_used);
    cr_effects_init(&arena, &host->effects, &host->config);
    cr_executor_init(&host->executor, sim, self);
}

/* ---- death ---- */

static void forget_bodies(struct cr_host *host)
{
    host->handles_free_count = 0;
    for (uint32_t handle = 0; handle < host->bodies_count; handle++) {
        if (host->bodies[handle]) cr_body_give(host->bodies[handle]);
        host->bodies[handle] = NULL;
    }
    host->bodies_count = 0;
}

void cr_host_doom(struct cr_host *host, enum cr_doom doom, uint64_t until_us)
{
    const uint64_t end_us = host->sim->plan.faults_until_us;
    if (host->doom != CR_DOOM_NONE) return; /* one cannot die twice */
    host->doom = doom;
    host->down_until_us = until_us < end_us ? until_us : end_us;
    host->sim->doomed = true;
}

void cr_host_crash(struct cr_host *host, bool power_lost)
{
    CR_ASSERT(host->alive && !host->stepping);
    host->doom = CR_DOOM_NONE;
    struct cr_prng prng = cr_prng_stream(host->sim->seed, CR_PURPOSE_CRASH,
                                         (uint64_t)host->place << 32 | host->incarnation);
    cr_check_sum(host);
    host->alive = false;
    host->paused = false;
    host->incarnation++;
    for (uint32_t peer = 0; peer < host->sim->nodes_count; peer++) {
        if (peer != host->self && cr_twins_is_heard(host, peer))
            cr_network_disconnect(host->sim, host->self, peer);
        host->peers_up[peer] = false;
    }
    cr_host_void_lanes(host);
    host->accused = 0;
    host->votes = (struct cr_votes){0};
    forget_bodies(host);
    cr_executor_forget(&host->executor);
    host->mempool_count = host->waiting_told = 0;
    host->executing = host->sealing = false;
    host->tick_at_us = UINT64_MAX;
    host->stored_last = host->stored_told = 0;
    cr_disk_crash(&host->disk, &prng, !power_lost);
}

/* ---- birth ---- */

struct head {
    struct cr_core_head core;
    struct cr_map committed; /* vertices of the prefix */
};

/* Of the commits behind `begin` up to `index`, which are of one epoch. */
static void read_head(const struct cr_host *host, uint64_t begin, uint64_t index, struct head *out)
{
    *out = (struct head){0};
    for (uint64_t i = begin + 1; i <= index; i++) {
        const struct cr_disk_record *record = cr_disk_commit(&host->disk, i);
        if (!record)
            cr_run_fail("node %" PRIu32 ": commit %" PRIu64 " is not in its log", host->self, i);
        const struct cr_commit *commit = cr_disk_record_commit(record);
        for (uint32_t v = 0; v < commit->vertices_count; v++)
            cr_map_put(&out->committed, &commit->vertices[v].digest, 1);
        if (i < index) continue;
        out->core = (struct cr_core_head){.commit_index = i,
                                          .commit_digest = cr_commit_digest(commit),
                                          .leader_round = commit->leader_round,
                                          .gc_round = commit->gc_round,
                                          .timestamp_ms = commit->timestamp_ms,
                                          .schedule = *record->schedule};
    }
}

/* A node that dies may not have remembered its last commits: the core decides them again. */
static uint64_t choose_head(struct cr_host *host, struct cr_prng *prng)
{
    const uint64_t newest = cr_disk_commits_durable(&host->disk);
    const uint64_t forgotten = cr_prng_next(prng) & 1 ? 0 : cr_prng_below(prng, 9);
    return forgotten < newest ? newest - forgotten : newest;
}

/* Every vertex of the running epoch above the horizon that the log holds. */
static void restore_vertices(struct cr_host *host, const struct head *head)
{
    static struct cr_vertex vertex;
    struct cr_blame blame = {0};
    if (host->disk.newest_epoch < host->config.epoch.number) return; /* it has just begun */
    for (uint32_t i = 0; i < host->disk.count; i++) {
        const struct cr_disk_record *record = &host->disk.records[i];
        if (record->kind != CR_RECORD_VERTEX) continue;
        if (record->body->epoch != host->config.epoch.number) continue;
        if (record->body->round <= head->core.gc_round) continue;
        if (cr_disk_vertex(&host->disk, &record->body->digest) != record) continue; /* twice */
        cr_blame_add(&blame, record->body);
        cr_body_decode(record->body, &vertex);
        const bool committed = cr_map_find(&head->committed, &vertex.digest) != CR_MAP_NONE;
        const uint32_t handle = cr_host_handle_take(host, cr_body_share(record->body));
        cr_host_step(
            host, &(struct cr_event){
                      .kind = CR_EVENT_RESTORE_VERTEX,
                      .vertex = {.header = &vertex.header, .digest = vertex.digest, .body = handle},
                      .committed = committed});
    }
    cr_accuse_check_start(host, &blame);
    cr_blame_clear(&blame);
}

/* A core for the epoch that the executed state is in, with what the log has of it up to commit
 * `index`. The guard is ahead of that epoch when the data folder was lost: then this key signs
 * nothing before it has got there. */
static void start_core(struct cr_host *host, uint64_t index, const struct cr_probe_stats *before)
{
    const struct cr_disk_guard *guard = &host->disk.guard_durable;
    const struct cr_epoch *epoch = &cr_ledger_head(host->executor.ledger)->epoch;
    const struct cr_committee committee = host->committee;
    enum cr_memory memory = before->memory;
    host->config.observer = guard->epoch > epoch->number;
    take_core(host);
    check_liars(host, &committee);
    struct head head;
    read_head(host, epoch->index, index, &head);
    if (index > epoch->index)
        cr_host_step(host, &(struct cr_event){.kind = CR_EVENT_RESTORE_HEAD, .head = &head.core});
    restore_vertices(host, &head);
    cr_map_clear(&head.committed);
    uint32_t signed_round = guard->epoch == epoch->number ? guard->round : 0;
    /* docs/protocol.md 4.8, as in node/epoch.c */
    if (before->lost && signed_round == 0) signed_round = 1;
    if (before->lost && !cr_committee_same_stakes(&committee, &host->committee))
        memory = CR_MEMORY_LOST;
    cr_host_step(host,
                 &(struct cr_event){.kind = CR_EVENT_START,
                                    .signed_round = signed_round,
                                    .memory = memory,
                                    .nonce = (uint64_t)host->place << 56 |
                                             (uint64_t)host->incarnation << 32 | epoch->number});
    cr_votes_begin(host);
    cr_host_tell_executed(host);
}

void cr_host_end_epoch(struct cr_host *host)
{
    const struct cr_ledger_head *head = cr_ledger_head(host->executor.ledger);
    if (host->sealing || head->epoch.number == host->config.epoch.number) return;
    CR_ASSERT(head->index == host->commit_index && head->epoch.index == head->index);
    struct cr_core_stats before;
    cr_core_stats(host->core, &before);
    cr_host_step(host, &(struct cr_event){.kind = CR_EVENT_CLOSE});
    cr_check_sum(host);
    host->stored_told = host->stored_last; /* what is not durable yet concerns the old core */
    host->waiting_told = 0;
    cr_host_void_lanes(host);
    start_core(host, head->index, &before.probe);
    cr_operator_send_away(host);
    for (uint32_t peer = 0; peer < host->sim->nodes_count; peer++) {
        if (!host->peers_up[peer] || !cr_host_knows(host, peer)) continue;
        cr_host_step(host, &(struct cr_event){.kind = CR_EVENT_PEER, .peer = peer, .up = true});
    }
}

/* A liar's twin does not ask: it is there to sign, whatever its key has signed. */
static enum cr_memory memory_of(const struct cr_host *host)
{
    if (host->place >= host->sim->nodes_count && !cr_twins_is_double(host)) return CR_MEMORY_SURE;
    return host->disk.guard.lost ? CR_MEMORY_LOST : CR_MEMORY_KEPT;
}

void cr_host_start(struct cr_host *host)
{
    CR_ASSERT(!host->alive);
    struct cr_prng prng =
        cr_prng_stream(host->sim->seed, CR_PURPOSE_CRASH,
                       UINT64_C(1) << 60 | (uint64_t)host->place << 32 | host->incarnation);
    host->alive = true;
    if (host->incarnation > 0) host->counters.restarts++;
    host->config.table_key = cr_prng_next(&prng);
    host->config.twin_expected = cr_byz_is_liar(host->sim, host->self);
    if (host->disk.rotten != 0) { /* the log is damaged: the operator begins with an empty one */
        cr_trace_note(host->sim, host->self, "data damaged", host->incarnation);
        cr_disk_wipe(&host->disk);
    }
    cr_disk_raise_guard(&host->disk, host->self);

    const uint64_t index = choose_head(host, &prng);
    const uint64_t persisted = cr_prng_below(&prng, 3) == 0 ? 0 : cr_prng_below(&prng, index + 1);
    cr_executor_rebuild(&host->executor, &host->disk, persisted, index);
    host->commit_index = host->executed_index = index;
    start_core(host, index, &(struct cr_probe_stats){.memory = memory_of(host)});
    for (uint32_t peer = 0; peer < host->sim->nodes_count; peer++) {
        if (peer != host->self) cr_network_connect_later(host->sim, host->self, peer);
    }
}
