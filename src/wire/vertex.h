/* SPDX-License-Identifier: Apache-2.0 */
/* vertex.h: the signed unit of the DAG: header, signature, payload (docs/wire.md, "Vertex").
 *
 * encoded vertex = header | sig_alg u8 | sig_bytes u16 | signature | payload
 * The id (digest) is BLAKE3 of the header alone: hedged ML-DSA may sign one header twice, and both
 * signatures belong to the same vertex. The signature is over the 32 bytes of the digest, with
 * FIPS 204 context "creto/vertex/1" followed by the first 8 bytes of the genesis id.
 *
 * header, little-endian:
 *   tag "CVX1" | version u16 | flags u16 | epoch u64 | round u32 | author u16 | validators u16
 *   | timestamp_ms u64 | payload_bytes u32 | payload_count u32 | payload_root[32]
 *   | gc_round u32 | commit_index u64 | commit_digest[32] | executed_index u64
 *   | effects_digest[32] | checkpoint_index u64 | state_root[32]
 *   | parent_bitmap[ceil(validators/8)] | parent_digest[32] x popcount, ascending author
 *   | old_count u16 | old x {author u16, round u32, digest[32]}, ascending author
 *   | evidence_count u16 | evidence digest[32] x count, ascending
 */
#ifndef CR_WIRE_VERTEX_H
#define CR_WIRE_VERTEX_H

#include "base/authors.h"
#include "base/base.h"
#include "crypto/mldsa.h"

enum {
    CR_VERTEX_VERSION = 1,
    CR_VERTEX_CONTEXT_BYTES = 14 + 8,     /* "creto/vertex/1" and the chain tag */
    CR_REF_BYTES = 4 + 2 + CR_HASH_BYTES, /* encoded, in commits and in FETCH */
    CR_REF_TEXT_BYTES = 48,               /* enough for cr_ref_print */
};

/* Names one vertex. */
struct cr_ref {
    uint32_t round;
    uint32_t author;
    struct cr_hash digest;
};

/* Order: round, author, digest. Total. */
int cr_ref_compare(const struct cr_ref *a, const struct cr_ref *b);

/* A decoded header: about 10 KiB, so it lives in scratch memory, not in the DAG. */
struct cr_header {
    uint64_t epoch;
    uint32_t round;
    uint32_t author;
    uint32_t validators_count; /* of the epoch: the width of the bitmap */
    uint64_t timestamp_ms;     /* Unix time, author's clock */
    uint32_t payload_bytes;
    uint32_t payload_count;      /* transactions */
    struct cr_hash payload_root; /* BLAKE3 of the payload bytes; of no bytes when empty */

    uint32_t gc_round;     /* the author's own horizon */
    uint64_t commit_index; /* the author's last commit: its vote for the prefix; 0: none */
    struct cr_hash commit_digest;
    uint64_t executed_index; /* the last commit it has executed, 0: none, <= commit_index */
    struct cr_hash effects_digest;
    uint64_t checkpoint_index; /* the last state checkpoint, 0 for none, <= executed_index */
    struct cr_hash state_root;

    struct cr_authors parents;                        /* authors of parents of round - 1 */
    struct cr_hash parent_digests[CR_VALIDATORS_MAX]; /* by author; zero where not in `parents` */
    uint32_t old_count;                               /* weak links, round < this round - 1 */
    struct cr_ref old[CR_OLD_PARENTS_MAX];
    uint32_t evidence_count;
    struct cr_hash evidence[CR_EVIDENCE_MAX];
};

/* A decoded vertex. Views point into the decoded bytes. */
struct cr_vertex {
    struct cr_header header;
    struct cr_hash digest;
    enum cr_alg sig_alg;
    const uint8_t *signature;
    uint32_t signature_bytes;
    const uint8_t *payload;
    uint32_t header_bytes; /* length of the encoded header */
};

size_t cr_header_bytes(const struct cr_header *header);
/* Writes cr_header_bytes(header) bytes and returns how many. The header must be well-formed, by the
 * rules of cr_vertex_decode: a malformed one is a bug of ours. */
size_t cr_header_encode(const struct cr_header *header, uint8_t *bytes, size_t bytes_max);
struct cr_hash cr_header_digest(const uint8_t *header_bytes, size_t count);

/* Writes header | signature block; the payload is appended by the caller. Returns the count. */
size_t cr_vertex_encode_head(const struct cr_header *header, enum cr_alg alg,
                             const uint8_t *signature, size_t signature_bytes, uint8_t *bytes,
                             size_t bytes_max);

/* Decodes and checks form only: tag, version, flags = 0, canonical order, lengths, limits, no bytes
 * left over, author < validators_count <= CR_VALIDATORS_MAX, round >= 1, old rounds >= 1 and
 * < round - 1, at most one reference per author over both lists, evidence ascending, no digest of
 * zeros among parents, old parents and evidence, checkpoint_index <= executed_index <=
 * commit_index, an index is 0 exactly when its digest is zero, payload_count is 0 exactly when
 * payload_bytes is. `out` is written only on CR_OK; its lists beyond their counts are left as they
 * were. Hashes the header; does not hash the payload, does not verify the signature. */
CR_MUST_CHECK enum cr_err cr_vertex_decode(const uint8_t *bytes, size_t count,
                                           struct cr_vertex *out);

/* The same of the bytes up to the signature; what follows is not looked at, `payload` is NULL. */
CR_MUST_CHECK enum cr_err cr_vertex_decode_head(const uint8_t *bytes, size_t count,
                                                struct cr_vertex *out);

/* A header alone, by the same rules. */
CR_MUST_CHECK enum cr_err cr_header_decode(const uint8_t *bytes, size_t count,
                                           struct cr_header *out);

/* The FIPS 204 context of vertex signatures on this chain. */
void cr_vertex_context(const struct cr_hash *genesis_id, uint8_t out[CR_VERTEX_CONTEXT_BYTES]);

/* "v3@7 5f1c9a02": author, round, first 4 bytes of the digest. out_bytes >= CR_REF_TEXT_BYTES. */
void cr_ref_print(const struct cr_ref *ref, char *out, size_t out_bytes);

#endif
