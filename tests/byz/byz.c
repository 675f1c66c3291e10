/* SPDX-License-Identifier: Apache-2.0 */
/* byz.c: what a Byzantine validator does, by $BYZ_STRATEGY. Its core is an honest one; what leaves
 * the node is not.
 *
 *   silent      says nothing, and stays connected
 *   equivocate  two valid vertices in every round, each to a half of the others
 *   withhold    its vertices go to one peer only, and it answers no request for them
 *   signature   vertices that it has not signed
 *   garbage     frames that do not decode
 *   payload     vertices whose payload is not the one of the header
 *   status      tells of commits and rounds that there are not, and of ranges nobody asked for
 *   future      signed vertices far ahead, with times that are hours off
 *   headers     signed vertices of another epoch, committee, horizon, or without due parents
 *   parents     signed vertices that refer to vertices that there are not
 *   flood       requests and statements without end
 * Who asks for old commits gets
 *   range-silent    nothing
 *   range-cut       all but the last vertex
 *   range-swapped   two vertices in the wrong order
 *   range-chain     another chain, from the middle on
 *   range-unsigned  the right ones, but for one byte of the last vertex
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "forge_range.h"
#include "node/byz.h"
#include "node/replica.h"
#include "wire/message.h"

enum { FLOOD_FRAMES = 50, EVERY_US = 20 * 1000 };

enum strategy {
    HONEST,
    SILENT,
    EQUIVOCATE,
    WITHHOLD,
    SIGNATURE,
    GARBAGE,
    PAYLOAD,
    STATUS,
    FUTURE,
    HEADERS,
    PARENTS,
    FLOOD,
    RANGE_SILENT,
    RANGE_CUT,
    RANGE_SWAPPED,
    RANGE_CHAIN,
    RANGE_UNSIGNED,
};
static const char *const texts[] = {
    [HONEST] = "honest",
    [SILENT] = "silent",
    [EQUIVOCATE] = "equivocate",
    [WITHHOLD] = "withhold",
    [SIGNATURE] = "signature",
    [GARBAGE] = "garbage",
    [PAYLOAD] = "payload",
    [STATUS] = "status",
    [FUTURE] = "future",
    [HEADERS] = "headers",
    [PARENTS] = "parents",
    [FLOOD] = "flood",
    [RANGE_SILENT] = "range-silent",
    [RANGE_CUT] = "range-cut",
    [RANGE_SWAPPED] = "range-swapped",
    [RANGE_CHAIN] = "range-chain",
    [RANGE_UNSIGNED] = "range-unsigned",
};

static struct {
    bool known;
    enum strategy strategy;
    struct cr_prng prng;
    uint64_t next_us;
    struct cr_net_block *newest; /* our newest vertex */
} byz;

static enum strategy strategy(void)
{
    const char *wanted = getenv("BYZ_STRATEGY");
    if (byz.known) return byz.strategy;
    byz.prng = cr_prng_stream(1, 2, 3);
    for (uint32_t i = 0; wanted && i < CR_COUNT_OF(texts); i++) {
        if (strcmp(wanted, texts[i]) != 0) continue;
        byz.known = true;
        byz.strategy = (enum strategy)i;
        fprintf(stderr, "creto-byz: strategy '%s'\n", wanted);
        return byz.strategy;
    }
    fprintf(stderr, "creto-byz: BYZ_STRATEGY names no strategy\n");
    exit(EXIT_FAILURE);
}

/* ---- frames ---- */

static void to_peer(struct cr_node *node, uint32_t peer, enum cr_net_class class,
                    struct cr_net_block *block)
{
    if (peer == node->self || !cr_authors_has(&node->up, peer)) return;
    (void)!cr_net_send(node->net, peer, class, block);
}

static void to_all(struct cr_node *node, enum cr_net_class class, struct cr_net_block *block)
{
    for (uint32_t peer = 0; peer < node->committee.validators_count; peer++)
        to_peer(node, peer, class, block);
}

static struct cr_net_block *copy_of(const struct cr_net_block *block)
{
    struct cr_net_block *copy = cr_net_block_new(block->bytes_count);
    CR_ASSERT(copy != NULL);
    memcpy(copy->bytes, block->bytes, block->bytes_count);
    return copy;
}

static struct cr_net_block *message_block(const struct cr_message *message)
{
    struct cr_net_block *block = cr_net_block_new(cr_message_bytes(message));
    CR_ASSERT(block != NULL);
    cr_message_encode(message, block->bytes, block->bytes_count);
    return block;
}

static void send_message(struct cr_node *node, enum cr_net_class class,
                         const struct cr_message *message)
{
    struct cr_net_block *block = message_block(message);
    to_all(node, class, block);
    cr_net_block_give(block);
}

/* A vertex like the one in `block` with another header, signed by our key. */
static struct cr_net_block *sign_again(struct cr_node *node, const struct cr_net_block *block,
                                       const struct cr_header *header)
{
    static uint8_t encoded[CR_HEADER_BYTES_MAX];
    uint8_t signature[CR_SIG_BYTES_MAX], context[CR_VERTEX_CONTEXT_BYTES];
    size_t signature_bytes = 0;
    const size_t header_bytes = cr_header_encode(header, encoded, sizeof encoded);
    const struct cr_hash digest = cr_header_digest(encoded, header_bytes);
    cr_vertex_context(&node->genesis->id, context);
    const enum cr_err err = cr_sign(node->consensus_key, context, sizeof context, digest.bytes,
                                    CR_HASH_BYTES, signature, &signature_bytes);
    CR_ASSERT(err == CR_OK);
    struct cr_net_block *made =
        cr_net_block_new(1 + header_bytes + 3 + signature_bytes + header->payload_bytes);
    CR_ASSERT(made != NULL);
    made->bytes[0] = CR_MESSAGE_VERTEX;
    const size_t head = cr_vertex_encode_head(header, CR_ALG_MLDSA65, signature, signature_bytes,
                                              made->bytes + 1, made->bytes_count - 1);
    if (header->payload_bytes > 0) /* the payload stays */
        memcpy(made->bytes + 1 + head, block->bytes + block->bytes_count - header->payload_bytes,
               header->payload_bytes);
    return made;
}

static void random_hash(struct cr_hash *hash)
{
    for (size_t i = 0; i < CR_HASH_BYTES; i += 8)
        cr_store_le(hash->bytes + i, cr_prng_next(&byz.prng), 8);
}

static void random_parents(struct cr_header *header)
{
    for (uint32_t a = cr_authors_next(&header->parents, 0); a < CR_VALIDATORS_MAX;
         a = cr_authors_next(&header->parents, a + 1))
        if (a != header->author) random_hash(&header->parent_digests[a]);
}

/* Our newest vertex, changed; NULL before there is one. */
static struct cr_net_block *changed(struct cr_node *node, void (*change)(struct cr_header *))
{
    static struct cr_vertex vertex;
    if (!byz.newest) return NULL;
    const enum cr_err err =
        cr_vertex_decode(byz.newest->bytes + 1, byz.newest->bytes_count - 1, &vertex);
    CR_ASSERT(err == CR_OK);
    change(&vertex.header);
    return sign_again(node, byz.newest, &vertex.header);
}

static void send_changed(struct cr_node *node, void (*change)(struct cr_header *))
{
    struct cr_net_block *block = changed(node, change);
    if (!block) return;
    to_all(node, CR_NET_CONSENSUS, block);
    cr_net_block_give(block);
}

/* ---- our vertex of a round ---- */

static void later(struct cr_header *header)
{
    header->timestamp_ms++;
}

static void equivocate(struct cr_node *node)
{
    struct cr_net_block *other = changed(node, later);
    for (uint32_t peer = 0; peer < node->committee.validators_count; peer++)
        to_peer(node, peer, CR_NET_CONSENSUS, peer % 2 == 0 ? byz.newest : other);
    cr_net_block_give(other);
}

/* One byte from the end: of the signature, or of the payload if there is one. */
static void bend(struct cr_node *node, bool payload)
{
    struct cr_net_block *bent = copy_of(byz.newest);
    struct cr_vertex *vertex = malloc(sizeof *vertex);
    CR_ASSERT(vertex != NULL);
    const enum cr_err err = cr_vertex_decode(bent->bytes + 1, bent->bytes_count - 1, vertex);
    CR_ASSERT(err == CR_OK);
    const size_t signature_at = (size_t)(vertex->signature - bent->bytes);
    if (!payload) bent->bytes[signature_at + 100] ^= 1;
    if (payload && vertex->header.payload_bytes > 0) bent->bytes[bent->bytes_count - 1] ^= 1;
    free(vertex);
    to_all(node, CR_NET_CONSENSUS, bent);
    cr_net_block_give(bent);
}

static void broadcast(struct cr_node *node, uint32_t body)
{
    if (byz.newest) cr_net_block_give(byz.newest);
    byz.newest = copy_of(cr_body_get(&node->bodies, body)->block);
    switch (strategy()) {
    case EQUIVOCATE: equivocate(node); return;
    case WITHHOLD: to_peer(node, node->self == 0 ? 1 : 0, CR_NET_CONSENSUS, byz.newest); return;
    case SIGNATURE: bend(node, false); return;
    case PAYLOAD: bend(node, true); return;
    case HONEST:
    case SILENT:
    case GARBAGE:
    case STATUS:
    case FUTURE:
    case HEADERS:
    case PARENTS:
    case FLOOD:
    case RANGE_SILENT:
    case RANGE_CUT:
    case RANGE_SWAPPED:
    case RANGE_CHAIN:
    case RANGE_UNSIGNED: to_all(node, CR_NET_CONSENSUS, byz.newest); return;
    }
}

static void lie(struct cr_node *node, const struct cr_status *status)
{
    struct cr_message message = {.type = CR_MESSAGE_STATUS, .status = *status};
    message.status.round = UINT32_MAX;
    message.status.round_of_receiver = UINT32_MAX - 1;
    message.status.gc_round = UINT32_MAX - 2;
    message.status.commit_index = UINT64_MAX;
    message.status.oldest_commit = UINT64_MAX;
    send_message(node, CR_NET_CONSENSUS, &message);
    message.status.round = message.status.round_of_receiver = 0;
    message.status.oldest_commit = 1;
    send_message(node, CR_NET_CONSENSUS, &message);
}

bool cr_byz_perform(struct cr_node *node, const struct cr_effect *effect)
{
    const enum strategy now = strategy();
    const bool speaks = effect->kind == CR_EFFECT_SEND || effect->kind == CR_EFFECT_SEND_STATUS ||
                        effect->kind == CR_EFFECT_FETCH || effect->kind == CR_EFFECT_SYNC;
    if (now == HONEST) return false;
    if (effect->kind == CR_EFFECT_BROADCAST) {
        if (now != SILENT) broadcast(node, effect->body);
        return true;
    }
    if (now == SILENT) return speaks;
    if (now == WITHHOLD) return effect->kind == CR_EFFECT_SEND;
    if (now == STATUS && effect->kind == CR_EFFECT_SEND_STATUS) {
        lie(node, &effect->status);
        return true;
    }
    return false;
}

static void drop_last_vertex(struct cr_message *range)
{
    struct cr_payload left = cr_payload_begin(range->range, range->range_bytes, range->range_count);
    const uint8_t *bytes;
    uint32_t count = 0;
    if (range->range_count < 2) return;
    while (cr_payload_next(&left, &bytes, &count))
        ;
    range->range_bytes -= 4 + count;
    range->range_count--;
}

bool cr_byz_answer(struct cr_message *range)
{
    const enum strategy now = strategy();
    if (now == RANGE_CUT) drop_last_vertex(range);
    if (now == RANGE_SWAPPED) cr_forge_range(range, CR_RANGE_SWAPPED);
    if (now == RANGE_CHAIN) cr_forge_range(range, CR_RANGE_OTHER_CHAIN);
    if (now == RANGE_UNSIGNED) cr_forge_range(range, CR_RANGE_SPOILED);
    return now != RANGE_SILENT;
}

/* ---- what comes on top ---- */

/* Random bytes, or our vertex with a length that lies: cut short, or with something behind it. */
static void garbage(struct cr_node *node)
{
    const uint64_t lie = cr_prng_below(&byz.prng, 3);
    struct cr_net_block *block;
    if (lie == 0 || !byz.newest) {
        block = cr_net_block_new(1 + cr_prng_below(&byz.prng, 2000));
        CR_ASSERT(block != NULL);
        for (size_t i = 0; i < block->bytes_count; i++)
            block->bytes[i] = (uint8_t)cr_prng_next(&byz.prng);
    } else {
        const size_t whole = byz.newest->bytes_count;
        block = cr_net_block_new(lie == 1 ? cr_prng_below(&byz.prng, whole) : whole + 7);
        CR_ASSERT(block != NULL);
        memset(block->bytes, 0, block->bytes_count);
        memcpy(block->bytes, byz.newest->bytes, lie == 1 ? block->bytes_count : whole);
    }
    to_all(node, CR_NET_CONSENSUS, block);
    cr_net_block_give(block);
}

static void ahead(struct cr_header *header)
{
    const uint32_t steps[] = {65, 1000, 1u << 20, UINT32_MAX - header->round - 1};
    header->round += steps[cr_prng_below(&byz.prng, CR_COUNT_OF(steps))];
}

static void hours_off(struct cr_header *header)
{
    header->timestamp_ms += UINT64_C(3) * 3600 * 1000;
}

static void other_epoch(struct cr_header *header)
{
    header->epoch += 1 + cr_prng_below(&byz.prng, UINT32_MAX);
}

static void other_committee(struct cr_header *header)
{
    header->validators_count++;
}

static void own_horizon(struct cr_header *header)
{
    header->gc_round = header->round;
}

static void drop_parent(struct cr_header *header, uint32_t author)
{
    cr_authors_remove(&header->parents, author);
    memset(&header->parent_digests[author], 0, CR_HASH_BYTES);
}

static void no_quorum(struct cr_header *header)
{
    for (uint32_t a = 0; a < header->validators_count; a++)
        if (a != header->author) drop_parent(header, a);
}

/* The others are a quorum of the four. */
static void no_own_parent(struct cr_header *header)
{
    drop_parent(header, header->author);
}

static void unknown_parents(struct cr_header *header)
{
    random_parents(header);
}

static void unasked_range(struct cr_node *node)
{
    static const uint8_t vertex[] = {1, 0, 0, 0, 'x'};
    struct cr_message message = {.type = CR_MESSAGE_RANGE, .from_commit = 1, .to_commit = 2};
    message.range = vertex;
    message.range_bytes = sizeof vertex;
    message.range_count = 1;
    send_message(node, CR_NET_SYNC, &message);
}

static void flood(struct cr_node *node)
{
    struct cr_message fetch = {.type = CR_MESSAGE_FETCH, .refs_count = CR_FETCH_REFS_MAX};
    const struct cr_message sync = {
        .type = CR_MESSAGE_SYNC, .from_commit = 1, .to_commit = CR_SYNC_COMMITS_MAX};
    for (uint32_t i = 0; i < FLOOD_FRAMES; i++) {
        for (uint32_t r = 0; r < CR_FETCH_REFS_MAX; r++) {
            fetch.refs[r] = (struct cr_ref){.round = 1 + (uint32_t)cr_prng_below(&byz.prng, 1000)};
            random_hash(&fetch.refs[r].digest);
        }
        send_message(node, CR_NET_FETCH, &fetch);
    }
    send_message(node, CR_NET_SYNC, &sync);
    for (uint32_t i = 0; byz.newest && i < FLOOD_FRAMES; i++)
        to_all(node, CR_NET_CONSENSUS, byz.newest);
    send_changed(node, unknown_parents);
}

void cr_byz_turn(struct cr_node *node)
{
    if (node->now_us < byz.next_us) return;
    byz.next_us = node->now_us + EVERY_US;
    switch (strategy()) {
    case GARBAGE: garbage(node); return;
    case STATUS: unasked_range(node); return;
    case FUTURE:
        send_changed(node, ahead);
        send_changed(node, hours_off);
        return;
    case HEADERS:
        send_changed(node, other_epoch);
        send_changed(node, other_committee);
        send_changed(node, own_horizon);
        send_changed(node, no_quorum);
        send_changed(node, no_own_parent);
        return;
    case PARENTS: send_changed(node, unknown_parents); return;
    case FLOOD: flood(node); return;
    case HONEST:
    case SILENT:
    case EQUIVOCATE:
    case WITHHOLD:
    case SIGNATURE:
    case PAYLOAD:
    case RANGE_SILENT:
    case RANGE_CUT:
    case RANGE_SWAPPED:
    case RANGE_CHAIN:
    case RANGE_UNSIGNED: return;
    }
}
