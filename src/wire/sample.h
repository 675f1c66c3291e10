/* SPDX-License-Identifier: Apache-2.0 */
/* sample.h: well-formed objects of the wire, drawn from a seed. For tests and fuzz seeds only. */
#ifndef CR_WIRE_SAMPLE_H
#define CR_WIRE_SAMPLE_H

#include <string.h>

#include "base/prng.h"
#include "wire/commit.h"
#include "wire/message.h"
#include "wire/profile.h"
#include "wire/tx.h"
#include "wire/vertex.h"

static inline void cr_sample_bytes(struct cr_prng *prng, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)cr_prng_next(prng);
}

/* Never zero. */
static inline struct cr_hash cr_sample_hash(struct cr_prng *prng)
{
    struct cr_hash hash;
    cr_sample_bytes(prng, hash.bytes, sizeof hash.bytes);
    hash.bytes[0] |= 1;
    return hash;
}

static inline enum cr_alg cr_sample_alg(struct cr_prng *prng)
{
    return (enum cr_alg)(CR_ALG_MLDSA44 + cr_prng_below(prng, 3));
}

/* Index 0 has no digest. */
static inline struct cr_hash cr_sample_hash_of_index(struct cr_prng *prng, uint64_t index)
{
    return index == 0 ? (struct cr_hash){{0}} : cr_sample_hash(prng);
}

static inline struct cr_ref cr_sample_ref(struct cr_prng *prng)
{
    return (struct cr_ref){.round = (uint32_t)cr_prng_below(prng, 100000),
                           .author = (uint32_t)cr_prng_below(prng, CR_VALIDATORS_MAX),
                           .digest = cr_sample_hash(prng)};
}

/* Every author gets a parent, an old parent or none; no payload. */
static inline void cr_sample_links(struct cr_prng *prng, struct cr_header *out)
{
    for (uint32_t author = 0; author < out->validators_count; author++) {
        const uint64_t kind = cr_prng_below(prng, 4);
        if (kind < 2) {
            cr_authors_add(&out->parents, author);
            out->parent_digests[author] = cr_sample_hash(prng);
        } else if (kind == 2 && out->round > 2) {
            struct cr_ref *old = &out->old[out->old_count++];
            old->author = author;
            old->round = 1 + (uint32_t)cr_prng_below(prng, out->round - 2);
            old->digest = cr_sample_hash(prng);
        }
    }
    out->evidence_count = (uint32_t)cr_prng_below(prng, CR_EVIDENCE_MAX + 1);
    for (uint32_t i = 0; i < out->evidence_count; i++) {
        out->evidence[i] = cr_sample_hash(prng);
        out->evidence[i].bytes[0] = (uint8_t)(1 + i);
    }
}

static inline void cr_sample_header(struct cr_prng *prng, uint32_t validators,
                                    struct cr_header *out)
{
    memset(out, 0, sizeof *out);
    out->epoch = cr_prng_below(prng, 1000);
    out->round = 1 + (uint32_t)cr_prng_below(prng, 100);
    out->validators_count = validators;
    out->author = (uint32_t)cr_prng_below(prng, validators);
    out->timestamp_ms = cr_prng_next(prng);
    out->payload_root = cr_sample_hash(prng);
    out->gc_round = (uint32_t)cr_prng_below(prng, out->round);
    out->checkpoint_index = cr_prng_below(prng, 3);
    out->executed_index = out->checkpoint_index + cr_prng_below(prng, 3);
    out->commit_index = out->executed_index + cr_prng_below(prng, 3);
    out->state_root = cr_sample_hash_of_index(prng, out->checkpoint_index);
    out->effects_digest = cr_sample_hash_of_index(prng, out->executed_index);
    out->commit_digest = cr_sample_hash_of_index(prng, out->commit_index);
    cr_sample_links(prng, out);
}

/* Header, a signature of noise and the payload that the header tells of: noise of up to 99 bytes.
 * Returns the count; `bytes` needs CR_HEADER_BYTES_MAX. */
static inline size_t cr_sample_vertex(struct cr_prng *prng, uint32_t validators, uint8_t *bytes,
                                      struct cr_header *header)
{
    uint8_t signature[CR_SIG_BYTES_MAX];
    uint8_t payload[100];
    const enum cr_alg alg = cr_sample_alg(prng);
    cr_sample_bytes(prng, signature, sizeof signature);
    cr_sample_header(prng, validators, header);
    header->payload_bytes = (uint32_t)cr_prng_below(prng, sizeof payload);
    header->payload_count = header->payload_bytes > 0 ? 1 : 0;
    cr_sample_bytes(prng, payload, sizeof payload);
    const size_t head = cr_vertex_encode_head(header, alg, signature, cr_alg_sig_bytes(alg), bytes,
                                              CR_HEADER_BYTES_MAX);
    memcpy(bytes + head, payload, header->payload_bytes);
    return head + header->payload_bytes;
}

/* Two vertices of one author and round, heads only, behind each other; `*count` is the first one's
 * length. Returns that of both; `bytes` needs 2 * CR_HEADER_BYTES_MAX. */
static inline size_t cr_sample_copies(struct cr_prng *prng, uint32_t validators, uint8_t *bytes,
                                      size_t *count)
{
    struct cr_header header;
    uint8_t signature[CR_MLDSA44_SIG_BYTES];
    size_t both = 0;
    cr_sample_header(prng, validators, &header);
    for (uint32_t i = 0; i < 2; i++) {
        *count = both;
        header.timestamp_ms += i;
        cr_sample_bytes(prng, signature, sizeof signature);
        both += cr_vertex_encode_head(&header, CR_ALG_MLDSA44, signature, sizeof signature,
                                      bytes + both, CR_HEADER_BYTES_MAX);
    }
    return both;
}

enum { CR_SAMPLE_SPACE_BYTES = 2 * CR_PROFILE_BYTES_MAX };

static inline uint32_t cr_sample_profile(struct cr_prng *prng, uint8_t *keys, uint8_t *out)
{
    struct cr_profile profile = {.consensus_key = keys,
                                 .transport_key = keys + CR_MLDSA65_KEY_BYTES};
    cr_sample_bytes(prng, keys, 2 * (size_t)CR_MLDSA65_KEY_BYTES);
    memset(profile.name, 'n', 1 + cr_prng_below(prng, CR_NAME_BYTES_MAX));
    memcpy(profile.address, "host.example:7000", 18);
    return cr_profile_encode(&profile, out);
}

/* `space` is where keys and values lie: CR_SAMPLE_SPACE_BYTES. */
static inline void cr_sample_op(struct cr_prng *prng, enum cr_op_type type, uint8_t *space,
                                struct cr_op *out)
{
    memset(out, 0, sizeof *out);
    out->type = type;
    cr_sample_bytes(prng, space, 600);
    switch (type) {
    case CR_OP_REGISTER:
        out->register_key.alg = cr_sample_alg(prng);
        cr_sample_bytes(prng, out->register_key.bytes, cr_alg_key_bytes(out->register_key.alg));
        return;
    case CR_OP_TRANSFER:
        out->to = cr_sample_hash(prng);
        out->amount = cr_prng_next(prng);
        return;
    case CR_OP_PUT:
        out->value = space + CR_STATE_KEY_BYTES_MAX;
        out->value_bytes = (uint32_t)cr_prng_below(prng, 300);
        out->key = space;
        out->key_bytes = 1 + (uint32_t)cr_prng_below(prng, CR_STATE_KEY_BYTES_MAX);
        return;
    case CR_OP_DELETE:
        out->key = space;
        out->key_bytes = 1 + (uint32_t)cr_prng_below(prng, CR_STATE_KEY_BYTES_MAX);
        return;
    case CR_OP_EVIDENCE: /* noise: a transaction does not look into it */
        out->value = space;
        out->value_bytes = 1 + (uint32_t)cr_prng_below(prng, 599);
        return;
    case CR_OP_VALIDATOR:
        out->amount = cr_prng_next(prng) & CR_STAKE_MAX;
        if (cr_prng_below(prng, 2) == 0) {
            out->to = cr_sample_hash(prng);
            return;
        }
        out->value = space;
        out->value_bytes = cr_sample_profile(prng, space + CR_PROFILE_BYTES_MAX, space);
        return;
    }
    CR_UNREACHABLE();
}

/* `ops_count` operations of all types in turn, beginning with `type`. Returns the count; `bytes`
 * needs 5000 and 4100 for each operation. */
static inline size_t cr_sample_tx(struct cr_prng *prng, enum cr_op_type type, uint32_t ops_count,
                                  uint8_t *bytes, size_t bytes_max)
{
    struct cr_tx fields = {.account = cr_sample_hash(prng),
                           .valid_until_commit = cr_prng_next(prng),
                           .flags = (uint32_t)cr_prng_below(prng, 2)};
    cr_sample_bytes(prng, fields.chain, sizeof fields.chain);
    cr_sample_bytes(prng, fields.client_id, sizeof fields.client_id);
    struct cr_tx_builder builder;
    cr_tx_begin(&builder, bytes, bytes_max, &fields);
    for (uint32_t i = 0; i < ops_count; i++) {
        struct cr_op op;
        uint8_t space[CR_SAMPLE_SPACE_BYTES];
        cr_sample_op(prng, (enum cr_op_type)(1 + ((uint32_t)type - 1 + i) % 6), space, &op);
        cr_tx_add(&builder, &op);
    }
    struct cr_hash id;
    const enum cr_err err = cr_tx_end(&builder, &id);
    CR_ASSERT(err == CR_OK);
    uint8_t signature[CR_SIG_BYTES_MAX];
    const enum cr_alg alg = cr_sample_alg(prng);
    cr_sample_bytes(prng, signature, sizeof signature);
    const size_t count = cr_tx_sign_with(&builder, alg, signature, cr_alg_sig_bytes(alg));
    CR_ASSERT(count > 0);
    return count;
}

/* `refs` needs leaders + vertices entries. */
static inline struct cr_commit cr_sample_commit(struct cr_prng *prng, uint32_t leaders,
                                                uint32_t vertices, struct cr_ref *refs)
{
    for (uint32_t i = 0; i < leaders + vertices; i++)
        refs[i] = cr_sample_ref(prng);
    return (struct cr_commit){.index = 1 + cr_prng_below(prng, 1000),
                              .previous = cr_sample_hash(prng),
                              .epoch = cr_prng_below(prng, 10),
                              .row = CR_ROW_CLASSIC,
                              .closing = cr_prng_next(prng) & 1,
                              .leader_round = (uint32_t)cr_prng_next(prng),
                              .gc_round = (uint32_t)cr_prng_next(prng),
                              .schedule = cr_prng_next(prng),
                              .timestamp_ms = cr_prng_next(prng),
                              .leaders_count = leaders,
                              .leaders = refs,
                              .vertices_count = vertices,
                              .vertices = refs + leaders};
}

#endif
