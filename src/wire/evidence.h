/* SPDX-License-Identifier: Apache-2.0 */
/* evidence.h: proof that an author has signed two different vertices for one round of an epoch.
 *
 * encoded, little-endian:
 *   tag "CEV1" | 2 x {bytes u32, header | sig_alg u8 | sig_bytes u16 | signature}
 * The two heads are those of wire/vertex.h, without payloads; epoch, round and author are the same,
 * and the digest of the first is the lower one: one pair has one encoding but for the signatures.
 * Two signatures under one header are no evidence: hedged ML-DSA makes another one each time.
 */
#ifndef CR_WIRE_EVIDENCE_H
#define CR_WIRE_EVIDENCE_H

#include "wire/vertex.h"

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
/* Whether both are signed: then the author has equivocated. */
bool cr_evidence_verify(const struct cr_evidence *evidence, cr_vertex_verify *verify,
                        void *context);

#endif
