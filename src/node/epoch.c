/* SPDX-License-Identifier: Apache-2.0 */
/* epoch.c: a core for the epoch that the executed state is in, and the next one when it ends
 * (docs/protocol.md 6.6). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "ledger/validators.h"
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
                                   .observer = node->twin || !cr_node_is_member(node) ||
                                               node->guard_record.epoch > node->epoch.number,
                                   .twin_expected = CR_BYZ_TWIN_EXPECTED};
}

/* What the state says of this epoch. Seats that we know stay as they are: other threads read
 * them. */
static enum cr_err read_seats(struct cr_node *node, struct cr_entry_committee *out)
{
    const struct cr_state *state = cr_state_reader_state(node->reader);
    const uint64_t epoch = node->epoch.number;
    if (!cr_validators_stakes(node->genesis, state, epoch, out)) return CR_ERR_CORRUPT;
    for (uint32_t seat = cr_verify_known(node->verify); seat < out->count; seat++) {
        struct cr_genesis_validator *v = &node->validators[seat];
        if (!cr_validators_find(node->genesis, state, epoch, seat, v)) return CR_ERR_CORRUPT;
        if (!cr_verify_know(node->verify, &v->consensus_key)) return CR_ERR_FULL;
    }
    return CR_OK;
}

static uint32_t find_seat(const struct cr_node *node, uint32_t count)
{
    struct cr_public_key own;
    cr_secret_key_public(node->consensus_key, &own);
    for (uint32_t seat = 0; seat < count; seat++) {
        if (cr_public_key_equal(&node->validators[seat].consensus_key, &own)) return seat;
    }
    return CR_NET_NOBODY;
}

static enum cr_err begin_committee(struct cr_node *node)
{
    const struct cr_hash origin = cr_epoch_origin(&node->genesis->id, &node->epoch);
    struct cr_entry_committee stakes;
    enum cr_err err = cr_state_reader_begin(node->reader);
    if (err != CR_OK) return err;
    err = read_seats(node, &stakes);
    cr_state_reader_end(node->reader);
    if (err != CR_OK) return err;
    node->self = find_seat(node, stakes.count);
    err = cr_committee_init(&node->committee, &origin, node->epoch.number, stakes.stake,
                            stakes.count);
    CR_ASSERT(err == CR_OK); /* the genesis was checked, and so was every change of it */
    return CR_OK;
}

/* What a core of this committee needs: more, when there are more seats than ever before. */
static bool take_memory(struct cr_node *node, const struct cr_core_config *config)
{
    struct cr_arena arena;
    struct cr_effects measured;
    cr_arena_init_measure(&arena);
    cr_core_init(&arena, config);
    cr_effects_init(&arena, &measured, config);
    if (node->core_memory && arena.bytes_used <= node->core_bytes) return true;
    free(node->core_memory);
    node->core_bytes = arena.bytes_used;
    node->core_memory = aligned_alloc(64, arena.bytes_used);
    return node->core_memory != NULL;
}

/* The new ones are dialled, or expected; nobody is sent away (protocol 6.7). */
static void meet_validators(struct cr_node *node, uint32_t known)
{
    for (uint32_t seat = known; seat < node->committee.validators_count; seat++) {
        if (cr_node_resolve_peer(node, seat)) continue;
        cr_report(CR_LOG_LEVEL_WARN, "net", "unresolved",
                  "validator=%s text=\"its address is not known here; set p2p.peer.%s\"",
                  node->validators[seat].name, node->validators[seat].name);
    }
    cr_net_extend(node->net, node->committee.validators_count, node->self);
}

enum cr_err cr_node_begin_epoch(struct cr_node *node)
{
    node->epoch = cr_executor_head(node->executor)->epoch;
    const uint32_t known = node->committee.validators_count;
    const enum cr_err err = begin_committee(node);
    if (err != CR_OK) return err;
    atomic_store_explicit(&node->member, cr_node_is_member(node), memory_order_release);
    if (node->net) meet_validators(node, known);
    cr_accuse_begin_epoch(node->accuse, node->epoch.number, node->committee.validators_count);
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
    const enum cr_err certified =
        cr_certify_begin(node->certify, &node->epoch, node->self, !node->halted && !node->twin);
    if (certified != CR_OK) return certified;
    /* Positions are kept by round, and rounds begin again. */
    memset(node->first_of_round, 0, sizeof node->first_of_round);
    memset(node->round_of_first, 0, sizeof node->round_of_first);
    cr_recorder_begin(node->recorder, node->core, &config);
    return CR_OK;
}

/* ---- what certificates of epochs need of the node ---- */

static bool stakes_of(void *context, uint64_t epoch, struct cr_entry_committee *out)
{
    struct cr_node *node = context;
    if (cr_state_reader_begin(node->reader) != CR_OK) return false;
    const bool known =
        cr_validators_stakes(node->genesis, cr_state_reader_state(node->reader), epoch, out);
    cr_state_reader_end(node->reader);
    return known;
}

static bool is_ours(void *context, const struct cr_epoch *epoch)
{
    struct cr_node *node = context;
    return cr_certify_began_here(node->genesis, node->reader, epoch);
}

static void send_to(void *context, uint32_t peer, const struct cr_message *message)
{
    (void)!cr_node_send(context, peer, CR_NET_SYNC, message);
}

static void on_refuted(void *context)
{
    cr_node_step(context, &(struct cr_event){.kind = CR_EVENT_REFUTED});
}

bool cr_node_open_certify(struct cr_node *node)
{
    node->certify = cr_certify_new(&(struct cr_certify_config){.genesis = node->genesis,
                                                               .validators = node->validators,
                                                               .key = node->report_key,
                                                               .epochs = node->epochs,
                                                               .context = node,
                                                               .stakes = stakes_of,
                                                               .is_ours = is_ours,
                                                               .send = send_to,
                                                               .refuted = on_refuted});
    return node->certify != NULL;
}

/* ---- the end ---- */

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
    const struct cr_committee committee = node->committee;
    cr_core_stats(node->core, &before);
    cr_node_step(node, &close);
    cr_node_void_lanes(node);
    node->waiting_told = 0;
    const enum cr_err err = cr_node_begin_epoch(node);
    if (err != CR_OK) return err;
    uint32_t signed_round = 0;
    /* After a loss of the log: one round more than the guard knows may have been signed. */
    if (node->guard_record.epoch == node->epoch.number) signed_round = node->guard_record.round + 1;
    /* After a loss of both: no answer can rule out the first round of the next epoch; and answers
     * of other members say nothing of it at all. */
    enum cr_memory memory = before.probe.memory;
    if (before.probe.lost && signed_round == 0) signed_round = 1;
    if (before.probe.lost && !cr_committee_same_stakes(&committee, &node->committee))
        memory = CR_MEMORY_LOST;
    if (!cr_node_start_core(node, signed_round, memory)) return CR_ERR_IO;
    tell_peers(node);
    cr_report(CR_LOG_LEVEL_INFO, "consensus", "epoch",
              "number=%" PRIu64 " after_commit=%" PRIu64 " members=%u member=%s",
              node->epoch.number, node->epoch.index, cr_authors_count(&node->committee.members),
              cr_node_is_member(node) ? "yes" : "no");
    return CR_OK;
}
