/* SPDX-License-Identifier: Apache-2.0 */
/* epoch_cert.h: what the validators of an epoch sign about its end: votes, and a quorum of them.
 *
 * encoded, little-endian:
 *   epoch u64 | index u64 | commit digest[32] | state root[32] | committee[32]
 *   | count u16 | count x {seat u16 | signature[3309]}
 * `epoch` is the one that begins, `committee` its table of validators (ledger/validators.h); the
 * seats ascend, and are those of the epoch that ends. What is signed, by ML-DSA-65 with the FIPS
 * 204 context "creto/epoch/1", is the origin of the epoch that begins (consensus/committee.h): a
 * hash over all this and the genesis id. Pure. */
#ifndef CR_WIRE_EPOCH_CERT_H
#define CR_WIRE_EPOCH_CERT_H

#include "wire/commit.h"
#include "wire/cursor.h"

enum {
    CR_EPOCH_VOTE_BYTES = 2 + CR_MLDSA65_SIG_BYTES,
    CR_EPOCH_CERT_HEAD_BYTES = 8 + 8 + 3 * CR_HASH_BYTES + 2,
    CR_EPOCH_CERT_BYTES_MAX = CR_EPOCH_CERT_HEAD_BYTES + CR_VALIDATORS_MAX * CR_EPOCH_VOTE_BYTES,
};
_Static_assert(CR_EPOCH_CERT_BYTES_MAX < CR_FRAME_BYTES_MAX, "a certificate fits one frame");

#define CR_EPOCH_CONTEXT       "creto/epoch/1"
#define CR_EPOCH_CONTEXT_BYTES (sizeof CR_EPOCH_CONTEXT - 1)

struct cr_epoch_cert {
    struct cr_epoch epoch; /* the one that begins; without its time */
    uint32_t votes_count;
    const uint8_t *votes; /* borrowed: as they are encoded */
};

/* The i-th vote; the signature is a view of CR_MLDSA65_SIG_BYTES. */
uint32_t cr_epoch_cert_vote(const struct cr_epoch_cert *cert, uint32_t i,
                            const uint8_t **signature);

/* Form: epoch >= 2, index >= 1, up to CR_VALIDATORS_MAX votes of ascending seats. `out` is written
 * only on CR_OK, and points into the bytes. */
CR_MUST_CHECK enum cr_err cr_epoch_cert_read(struct cr_reader *reader, struct cr_epoch_cert *out);
size_t cr_epoch_cert_bytes(const struct cr_epoch_cert *cert);
void cr_epoch_cert_write(struct cr_writer *writer, const struct cr_epoch_cert *cert);

#endif
