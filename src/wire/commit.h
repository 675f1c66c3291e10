/* SPDX-License-Identifier: Apache-2.0 */
/* commit.h: the record of one commit: a leader round and the vertices it adds to the total order.
 *
 * encoded, little-endian:
 *   tag "CCM1" | version u16 | row u8 | flags u8 | index u64 | previous[32] | epoch u64
 *   | leader_round u32 | gc_round u32 | schedule u64 | timestamp_ms u64
 *   | leaders_count u16 | leaders x ref | vertices_count u32 | vertices x ref
 * flags = 1 for the closing commit of an epoch, otherwise 0
 * ref = round u32 | author u16 | digest[32]
 * The commit digest is BLAKE3 of these bytes: a chain, because `previous` is part of them.
 */
#ifndef CR_WIRE_COMMIT_H
#define CR_WIRE_COMMIT_H

#include "wire/vertex.h"

enum { CR_COMMIT_VERSION = 1 };

/* The threshold table in force (docs/protocol.md 2). */
enum cr_row {
    CR_ROW_CLASSIC = 1,
};

/* Where an epoch begins: behind the closing commit of the one before; the first behind the genesis,
 * which is commit 0 with a digest of zeros. */
struct cr_epoch {
    uint64_t number; /* 1 is the first */
    uint64_t index;
    struct cr_hash digest;
    struct cr_hash state_root; /* after that commit */
    struct cr_hash committee;  /* the table of its validators (ledger/validators.h) */
    uint64_t timestamp_ms;
};

struct cr_commit {
    uint64_t index; /* 1 is the first */
    struct cr_hash previous;
    uint64_t epoch;
    enum cr_row row;
    bool closing; /* the last one of its epoch */
    uint32_t leader_round;
    uint32_t gc_round;     /* horizon after this commit */
    uint64_t schedule;     /* number of the leader schedule that decided it */
    uint64_t timestamp_ms; /* agreed: stake-weighted median, never falling */
    uint32_t leaders_count;
    const struct cr_ref *leaders; /* ascending position in the schedule */
    uint32_t vertices_count;
    const struct cr_ref *vertices; /* in linear order */
};

size_t cr_commit_bytes(const struct cr_commit *commit);
/* A commit that would not decode is a bug of ours. Returns cr_commit_bytes(commit). */
size_t cr_commit_encode(const struct cr_commit *commit, uint8_t *bytes, size_t bytes_max);
/* BLAKE3 of the encoding, computed without a buffer. */
struct cr_hash cr_commit_digest(const struct cr_commit *commit);

/* A record whose lists are left as they are encoded (wire/ref.h): needs no memory for them. */
struct cr_commit_view {
    struct cr_commit head; /* without its lists */
    const uint8_t *leaders, *vertices;
};
/* Checks the form as cr_commit_decode does. Views point into `bytes`; `out` is written only on
 * CR_OK. */
CR_MUST_CHECK enum cr_err cr_commit_open(const uint8_t *bytes, size_t count,
                                         struct cr_commit_view *out);

/* Decodes into the caller's array (`refs` of refs_max entries holds leaders, then vertices).
 * CR_ERR_TOO_BIG when they do not fit. Form: known version and row, flags 0 or 1, index >= 1, 1..
 * CR_VALIDATORS_MAX leaders, at least one vertex, authors < CR_VALIDATORS_MAX, nothing left over.
 * `refs` and `out` are written only on CR_OK. */
CR_MUST_CHECK enum cr_err cr_commit_decode(const uint8_t *bytes, size_t count, struct cr_ref *refs,
                                           uint32_t refs_max, struct cr_commit *out);

#endif
