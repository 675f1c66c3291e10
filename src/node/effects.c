/* SPDX-License-Identifier: Apache-2.0 */
/* effects.c: performs what the core orders. */
#include <string.h>

#include "node/byz.h"
#include "node/clock.h"
#include "node/halt.h"
#include "node/replica.h"
#include "wire/message.h"

bool cr_node_send(struct cr_node *node, uint32_t peer, enum cr_net_class class,
                  const struct cr_message *message)
{
    const size_t bytes = cr_message_bytes(message);
    struct cr_net_block *block = cr_net_block_new(bytes);
    if (!block) return false;
    cr_message_encode(message, block->bytes, bytes);
    const bool sent = cr_net_send(node->net, peer, class, block) == CR_OK;
    cr_net_block_give(block);
    return sent;
}

static void propose(struct cr_node *node, const struct cr_effect *effect)
{
    struct cr_seal_job *job = cr_seal_new(node->seal);
    uint32_t txs_count = 0;
    node->sealing = node->spoken = true;
    job->header = *effect->header;
    /* The core says how much it may carry: nothing while it catches up. */
    CR_ASSERT(effect->header->payload_bytes <= CR_PAYLOAD_BYTES_MAX);
    const size_t payload_bytes =
        cr_mempool_take(node->mempool, job->header.round, node->payload_scratch,
                        effect->header->payload_bytes, &txs_count);
    job->header.payload_bytes = (uint32_t)payload_bytes;
    job->header.payload_count = txs_count;
    job->vertex_bytes = cr_seal_vertex_bytes(&job->header, CR_ALG_MLDSA65);

    job->body = cr_body_new(&node->bodies, 1 + job->vertex_bytes);
    CR_ASSERT(job->body != CR_BODY_NONE); /* a reserve is kept from what peers may fill */
    struct cr_body *body = cr_body_get(&node->bodies, job->body);
    body->block->bytes[0] = CR_MESSAGE_VERTEX;
    job->vertex = body->block->bytes + 1;
    if (payload_bytes > 0)
        memcpy(job->vertex + job->vertex_bytes - payload_bytes, node->payload_scratch,
               payload_bytes);
    cr_seal_submit(node->seal);
}

static void store(struct cr_node *node, const struct cr_effect *effect)
{
    const struct cr_body *body = cr_body_get(&node->bodies, effect->body);
    struct cr_disk_item item = {.kind = CR_LOG_VERTEX,
                                .tag = effect->body,
                                .bytes = cr_body_vertex(body),
                                .bytes_count = cr_body_vertex_bytes(body),
                                .sequence = effect->store.sequence,
                                .own = effect->store.own,
                                .lost = effect->store.lost};
    if (effect->store.own) {
        item.guard = (struct cr_guard_record){.epoch = node->committee.epoch,
                                              .round = effect->store.round,
                                              .digest = effect->store.digest};
    }
    node->stored = effect->store.sequence;
    node->stores_open++;
    cr_body_take(&node->bodies, effect->body);
    CR_ASSERT(cr_disk_put(node->disk, &item)); /* cr_node_has_room keeps room for a whole step */
    cr_disk_kick(node->disk);
}

static void send_body(struct cr_node *node, uint32_t peer, enum cr_net_class class, uint32_t body)
{
    (void)!cr_net_send(node->net, peer, class, cr_body_get(&node->bodies, body)->block);
}

static void broadcast(struct cr_node *node, uint32_t body)
{
    for (uint32_t peer = 0; peer < node->committee.validators_count; peer++) {
        if (peer != node->self && cr_authors_has(&node->up, peer))
            send_body(node, peer, CR_NET_CONSENSUS, body);
    }
}

static void fetch(struct cr_node *node, const struct cr_effect *effect)
{
    struct cr_message message = {.type = CR_MESSAGE_FETCH, .refs_count = effect->refs_count};
    CR_ASSERT(effect->refs_count <= CR_FETCH_REFS_MAX);
    memcpy(message.refs, effect->refs, effect->refs_count * sizeof message.refs[0]);
    (void)!cr_node_send(node, effect->peer, CR_NET_FETCH, &message);
}

void cr_node_note_position(struct cr_node *node, uint32_t round,
                           const struct cr_log_position *position)
{
    const uint32_t slot = round % CR_ROUND_WINDOW;
    node->newest = *position;
    if (node->round_of_first[slot] == round && node->first_of_round[slot].sequence > 0) return;
    if (node->round_of_first[slot] > round) return;
    node->round_of_first[slot] = round;
    node->first_of_round[slot] = *position;
}

/* Where to start reading the log to meet every vertex above `gc_round`. */
static struct cr_log_position scan_from(const struct cr_node *node, uint32_t gc_round)
{
    struct cr_log_position scan = node->newest;
    for (uint32_t i = 0; i < CR_ROUND_WINDOW; i++) {
        if (node->round_of_first[i] > gc_round && node->first_of_round[i].sequence > 0 &&
            node->first_of_round[i].sequence < scan.sequence)
            scan = node->first_of_round[i];
    }
    return scan;
}

static void commit(struct cr_node *node, const struct cr_effect *effect)
{
    const struct cr_log_position scan = scan_from(node, effect->commit.record.gc_round);
    /* cr_node_has_room keeps room for all commits of a step; what is left is memory. */
    const bool put = cr_executor_put(node->executor, effect, &scan, node->disk);
    CR_ASSERT(put);
    node->commit_us = node->now_us;
    cr_disk_kick(node->disk);
    if (!cr_report_wanted(CR_LOG_LEVEL_DEBUG)) return;
    char digest[17];
    cr_hex_encode(effect->commit.digest.bytes, 8, digest);
    cr_report(CR_LOG_LEVEL_DEBUG, "consensus", "commit",
              "index=%llu leader_round=%u vertices=%u digest=%s",
              (unsigned long long)effect->commit.record.index, effect->commit.record.leader_round,
              effect->commit.record.vertices_count, digest);
}

static void accuse(struct cr_node *node, const struct cr_effect *effect)
{
    const struct cr_body *body = cr_body_get(&node->bodies, effect->body);
    const struct cr_body *other = cr_body_get(&node->bodies, effect->body_other);
    cr_accuse_note(node->accuse, body->ref.author, cr_body_vertex(body), cr_body_vertex_bytes(body),
                   cr_body_vertex(other), cr_body_vertex_bytes(other));
    /* An equivocator may do it in every round; the metric counts all. */
    if (!cr_report_allowed(&node->equivocation_limit, 1, node->now_us)) return;
    const bool one_round = body->ref.round == other->ref.round;
    cr_report(CR_LOG_LEVEL_WARN, "consensus", one_round ? "equivocation" : "false-statement",
              "validator=%s round=%u text=\"%s\"", node->validators[body->ref.author].name,
              body->ref.round,
              one_round ? "two vertices are signed for one round"
                        : "two vertices say different things about one commit");
}

static void blame_forger(struct cr_node *node, const struct cr_effect *effect)
{
    cr_node_blame(node, effect->peer, CR_BLAME_FORGED);
    if (!cr_report_allowed(&node->forgery_limit, 1, node->now_us)) return;
    cr_report(CR_LOG_LEVEL_WARN, "consensus", "forged-range",
              "validator=%s commit=%llu text=\"what it sent as old commits is proven wrong\"",
              node->validators[effect->peer].name, (unsigned long long)effect->range.from_commit);
}

/* The twin may be a copy of this node, or a life of it that the guard does not know. */
static void stop_signing(struct cr_node *node, const struct cr_effect *effect)
{
    node->twin = true;
    atomic_store_explicit(&node->accepting, false, memory_order_release);
    if (!node->spoken) { /* nothing has happened yet, and nothing shall */
        node->stopping = true;
        node->exit_code =
            cr_node_refuse(CR_EXIT_TWIN, "key",
                           "another process signs with consensus.key right now; this one has "
                           "signed nothing and ends; end the other one first, see "
                           "docs/operations.md, Key seen elsewhere");
        return;
    }
    cr_report(
        CR_LOG_LEVEL_ERROR, "consensus", "key-seen-elsewhere",
        "round=%u text=\"another process signs with consensus.key, or this guard is older than "
        "what the key has signed; nothing more is signed, reads go on; end the other one and "
        "see docs/operations.md, Key seen elsewhere\"",
        effect->round);
}

void cr_node_perform(struct cr_node *node, const struct cr_effect *effect)
{
    if (cr_byz_perform(node, effect)) return;
    switch (effect->kind) {
    case CR_EFFECT_PROPOSE: propose(node, effect); return;
    case CR_EFFECT_STORE: store(node, effect); return;
    case CR_EFFECT_BROADCAST: broadcast(node, effect->body); return;
    case CR_EFFECT_SEND: send_body(node, effect->peer, CR_NET_FETCH, effect->body); return;
    case CR_EFFECT_SEND_STATUS: {
        struct cr_message message = {.type = CR_MESSAGE_STATUS, .status = effect->status};
        message.status.oldest_commit = 1; /* nothing is pruned from the log */
        (void)!cr_node_send(node, effect->peer, CR_NET_CONSENSUS, &message);
        return;
    }
    case CR_EFFECT_FETCH: fetch(node, effect); return;
    case CR_EFFECT_SYNC: cr_node_start_lane(node, effect); return;
    case CR_EFFECT_GIVE: cr_node_give_lane(node, effect->range.lane); return;
    case CR_EFFECT_FORGED: blame_forger(node, effect); return;
    case CR_EFFECT_COMMIT: commit(node, effect); return;
    case CR_EFFECT_DROP: cr_body_give(&node->bodies, effect->body); return;
    case CR_EFFECT_REQUEUE:
        cr_mempool_requeue(node->mempool, cr_body_get(&node->bodies, effect->body)->ref.round);
        return;
    case CR_EFFECT_EVIDENCE: accuse(node, effect); return;
    case CR_EFFECT_HALT: cr_node_halt(node, effect->reason); return;
    case CR_EFFECT_TWIN: stop_signing(node, effect); return;
    case CR_EFFECT_SEND_PROBE:
        (void)!cr_node_send(node, effect->peer, CR_NET_CONSENSUS,
                            &(struct cr_message){.type = CR_MESSAGE_PROBE, .probe = effect->probe});
        return;
    case CR_EFFECT_SEND_PROBE_REPLY:
        (void)!cr_node_send(node, effect->peer, CR_NET_CONSENSUS,
                            &(struct cr_message){.type = CR_MESSAGE_PROBE_REPLY,
                                                 .probe_reply = effect->probe_reply});
        return;
    }
    CR_UNREACHABLE();
}

void cr_node_step(struct cr_node *node, struct cr_event *event)
{
    event->now_us = node->now_us;
    event->wall_ms = cr_wall_ms();
    cr_recorder_add(node->recorder, event);
    cr_core_step(node->core, event, &node->effects);
    for (uint32_t i = 0; i < node->effects.count; i++)
        cr_node_perform(node, &node->effects.items[i]);
}
