/* SPDX-License-Identifier: Apache-2.0 */
/* evidence.h: proof that an author has signed what nobody who follows the rules signs: two
 * different vertices for one round of an epoch, or two different statements about one index.
 *
 * encoded, little-endian:
 *   tag "CEV1" | 2 x {bytes u32, header | sig_alg u8 | sig_bytes u16 | signature}
 * The two heads are those of wire/vertex.h, without payloads; epoch and author are the same, the
 * headers conflict (below), and the digest of the first is the lower one: one pair has one encoding
 * but for the signatures. Two signatures under one header are no evidence: hedged ML-DSA makes
 * another one each time.
 */
#ifndef CR_WIRE_EVIDENCE_H
#define CR_WIRE_EVIDENCE_H

#include "wire/vertex.h"

/* How two headers of one author and epoch conflict (docs/protocol.md 5.6). */
enum cr_conflict {
    CR_CONFLICT_NONE = 0,
    CR_CONFLICT_EQUIVOCATION = 1, /* two vertices for one round */
    CR_CONFLICT_STATEMENT = 2,    /* of one index they attest another commit, effects or state */
};
/* By their content: two headers of one round are taken to differ. */
enum cr_conflict cr_header_conflict(const struct cr_header *a, const struct cr_header *b);
/* "equivocation", "statement", "none". */
const char *cr_conflict_name(enum cr_conflict conflict);

/* Decoded: about 20 KiB. Views point into the decoded bytes. */
struct cr_evidence {
    struct cr_vertex vertices[2];
};

/* From two encoded vertices, in any order, with or without payload. Returns the count of bytes
 * written to `out`, which holds CR_EVIDENCE_BYTES_MAX; 0 when they prove nothing. */
size_t cr_evidence_encode(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes,
                          uint8_t *out);
/* Form only, by the rules above. `out` is written only on CR_OK. Verifies no signature. */
CR_MUST_CHECK enum cr_err cr_evidence_decode(const uint8_t *bytes, size_t count,
                                             struct cr_evidence *out);

/* Whether a decoded head is signed by its author: asks the committee of its epoch. */
typedef bool cr_vertex_verify(void *context, const struct cr_vertex *vertex);
/* Whether both are signed: then the author is guilty of their conflict. */
bool cr_evidence_verify(const struct cr_evidence *evidence, cr_vertex_verify *verify,
                        void *context);

#endif
