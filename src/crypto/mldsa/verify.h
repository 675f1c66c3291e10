/* SPDX-License-Identifier: Apache-2.0 */
/* verify.h: verification of ML-DSA signatures (FIPS 204, algorithms 3 and 8) with prepared keys and
 * in batches, on the kernels of a back end. Accepts and refuses exactly what the standard does.
 *
 * All data is public: nothing here needs constant time or wiping.
 * Thread rule: a prepared key is immutable; calls share nothing and run on any thread.
 */
#ifndef CR_CRYPTO_MLDSA_VERIFY_H
#define CR_CRYPTO_MLDSA_VERIFY_H

#include "crypto/mldsa/kernels.h"

/* A public key as verification wants it: the matrix A and -t1 2^d, both in the NTT domain in the
 * order of one back end, row by row, and tr. Whoever could hand over such a thing could forge
 * signatures under it (A = 0, t1 = 0): it is made by cr_mldsa_prepare alone, from the encoded key,
 * and never stored or received. */
struct cr_prepared_key {
    const struct cr_mldsa_kernels *kernels;
    const struct cr_mldsa_params *params;
    struct cr_public_key public;
    uint8_t tr[CR_MLDSA_TR_BYTES];
    /* Row i, column j begins at 256 * (i * (l + 1) + j); column l is -t1 2^d. */
    _Alignas(64) int32_t rows[];
};

/* Bytes of a prepared key, a multiple of 64; 0 for an unknown algorithm. */
size_t cr_mldsa_key_bytes(enum cr_alg alg);

/* Prepares `count` keys of known algorithms, in lanes. out[i] is memory of cr_mldsa_key_bytes,
 * aligned to 64 bytes, of the caller. */
void cr_mldsa_prepare(const struct cr_mldsa_kernels *kernels, uint32_t count,
                      const struct cr_public_key *const *encoded,
                      struct cr_prepared_key *const *out);

/* Sets `valid` of every item. Keys of all levels may be in one batch; all are prepared for
 * `kernels`. */
void cr_mldsa_verify(const struct cr_mldsa_kernels *kernels, struct cr_verify_item *items,
                     uint32_t count);
/* Algorithm 8: the messages are M', contexts are not looked at. */
void cr_mldsa_verify_internal(const struct cr_mldsa_kernels *kernels, struct cr_verify_item *items,
                              uint32_t count);

/* FIPS 204, algorithm 21, without building h: is it anything but bottom? */
bool cr_mldsa_hints_are_good(const struct cr_mldsa_params *p, const uint8_t *y);

/* Algorithm 40 for one hinted coefficient r whose high bits are known: r0 > 0 decides, and r0 is
 * r - r1 2 gamma2, except where r is within gamma2 below q, which has r1 = 0 and r0 < 0. */
static inline uint8_t cr_mldsa_hinted(const struct cr_mldsa_params *p, int32_t r, uint8_t r1)
{
    const int32_t m = (CR_MLDSA_Q - 1) / (2 * p->gamma2);
    const int32_t r0 = r - r1 * 2 * p->gamma2;
    const int32_t changed = r1 + (r0 > 0 && r0 <= p->gamma2 ? 1 : m - 1);
    return (uint8_t)(changed >= m ? changed - m : changed);
}

#endif
