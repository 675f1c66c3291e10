/* SPDX-License-Identifier: Apache-2.0 */
/* epoch.c: a core for the epoch that the executed state is in, and the next one when it ends
 * (docs/protocol.md 6.6). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "node/byz.h"
#include "node/replica.h"

static struct cr_core_config config_of(const struct cr_node *node)
{
    const struct cr_params *params = &node->genesis->params;
    return (struct cr_core_config){.committee = &node->committee,
                                   .self = node->self,
                                   .gc_depth = params->gc_depth,
                                   .round_delay_us = params->round_delay_us,
                                   .idle_delay_us = params->idle_delay_us,
                                   .round_timeout_us = params->round_delay_us * 2 + 30000,
                                   .round_timeout_us_max = 2000000,
                                   .payload_bytes_max = params->payload_bytes_max,
                                   .score_window = params->score_window,
                                   .epoch = node->epoch,
                                   .epoch_rounds = params->epoch_rounds,
                                   .epoch_ms = params->epoch_ms,
                                   .sequence = node->stored,
                                   .observer =
                                       node->twin || node->guard_record.epoch > node->epoch.number,
                                   .twin_expected = CR_BYZ_TWIN_EXPECTED};
}

static void begin_committee(struct cr_node *node)
{
    const struct cr_hash origin = cr_epoch_origin(&node->genesis->id, &node->epoch);
    uint64_t stake[CR_VALIDATORS_MAX];
    for (uint32_t i = 0; i < node->genesis->validators_count; i++)
        stake[i] = node->genesis->validators[i].stake;
    const enum cr_err err = cr_committee_init(&node->committee, &origin, node->epoch.number, stake,
                                              node->genesis->validators_count);
    CR_ASSERT(err == CR_OK); /* the genesis was checked */
}

/* The committee does not change, nor does what a core of it needs. */
static bool take_memory(struct cr_node *node, const struct cr_core_config *config)
{
    struct cr_arena arena;
    struct cr_effects measured;
    if (node->core_memory) return true;
    cr_arena_init_measure(&arena);
    cr_core_init(&arena, config);
    cr_effects_init(&arena, &measured, config);
    node->core_bytes = arena.bytes_used;
    node->core_memory = aligned_alloc(64, arena.bytes_used);
    return node->core_memory != NULL;
}

enum cr_err cr_node_begin_epoch(struct cr_node *node)
{
    node->epoch = cr_executor_head(node->executor)->epoch;
    begin_committee(node);
    cr_accuse_begin_epoch(node->accuse, node->epoch.number);
    struct cr_core_config config = config_of(node);
    if (getrandom(&config.table_key, sizeof config.table_key, 0) !=
        (ssize_t)sizeof config.table_key)
        return CR_ERR_IO;
    if (!take_memory(node, &config)) return CR_ERR_FULL;
    struct cr_arena arena;
    cr_arena_init(&arena, node->core_memory, node->core_bytes);
    node->core = cr_core_init(&arena, &config);
    cr_effects_init(&arena, &node->effects, &config);
    cr_arena_seal(&arena);
    /* Positions are kept by round, and rounds begin again. */
    memset(node->first_of_round, 0, sizeof node->first_of_round);
    memset(node->round_of_first, 0, sizeof node->round_of_first);
    cr_recorder_begin(node->recorder, node->core, &config);
    return CR_OK;
}

static void tell_peers(struct cr_node *node)
{
    for (uint32_t peer = cr_authors_next(&node->up, 0); peer < CR_VALIDATORS_MAX;
         peer = cr_authors_next(&node->up, peer + 1)) {
        struct cr_event event = {.kind = CR_EVENT_PEER, .peer = peer, .up = true};
        cr_node_step(node, &event);
    }
}

bool cr_node_start_core(struct cr_node *node, uint32_t signed_round, enum cr_memory memory)
{
    struct cr_event start = {
        .kind = CR_EVENT_START, .signed_round = signed_round, .memory = memory};
    if (getrandom(&start.nonce, sizeof start.nonce, 0) != (ssize_t)sizeof start.nonce) return false;
    cr_node_step(node, &start);
    return true;
}

/* Until nothing of the old core is under way: its proposal, its records. */
static bool is_over(const struct cr_node *node)
{
    return cr_executor_head(node->executor)->epoch.number != node->epoch.number && !node->sealing &&
           node->stores_open == 0 && node->durable_told == node->stored && !node->halted;
}

enum cr_err cr_node_end_epoch(struct cr_node *node, bool *ended)
{
    *ended = is_over(node);
    if (!*ended) return CR_OK;
    struct cr_event close = {.kind = CR_EVENT_CLOSE};
    struct cr_core_stats before;
    cr_core_stats(node->core, &before);
    cr_node_step(node, &close);
    cr_node_void_lanes(node);
    node->waiting_told = 0;
    const enum cr_err err = cr_node_begin_epoch(node);
    if (err != CR_OK) return err;
    uint32_t signed_round = 0;
    /* After a loss of the log: one round more than the guard knows may have been signed. */
    if (node->guard_record.epoch == node->epoch.number) signed_round = node->guard_record.round + 1;
    /* After a loss of both: no answer can rule out the first round of the next epoch. */
    if (before.probe.lost && signed_round == 0) signed_round = 1;
    if (!cr_node_start_core(node, signed_round, before.probe.memory)) return CR_ERR_IO;
    tell_peers(node);
    cr_report(CR_LOG_LEVEL_INFO, "consensus", "epoch", "number=%" PRIu64 " after_commit=%" PRIu64,
              node->epoch.number, node->epoch.index);
    return CR_OK;
}
