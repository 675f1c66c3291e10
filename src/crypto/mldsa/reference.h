/* SPDX-License-Identifier: Apache-2.0 */
/* reference.h: verification of ML-DSA written line by line from FIPS 204, one function for each of
 * its algorithms. It is slow and has no tricks: it is what all else is compared with.
 *
 * Coefficients are in [0, q) unless something else is said.
 */
#ifndef CR_CRYPTO_MLDSA_REFERENCE_H
#define CR_CRYPTO_MLDSA_REFERENCE_H

#include "crypto/mldsa/params.h"

/* Algorithm 3. Any bytes of any length are allowed in the item, whose own key and verdict are not
 * looked at; `key` has the length of its algorithm. */
bool cr_mldsa_reference_verify(const struct cr_public_key *key, const struct cr_verify_item *item);
/* Algorithm 8: the message is M', which algorithm 3 makes of context and message; the context is
 * not looked at. */
bool cr_mldsa_reference_verify_internal(const struct cr_public_key *key,
                                        const struct cr_verify_item *item);

/* c~' of algorithm 8, line 12, whatever the norm of z; false when there is none. `ctilde` may be
 * the beginning of the signature: under a key with t1 = 0, c~' does not depend on c~, and put there
 * it makes the signature valid. So tests make signatures that are wrong in one thing only. */
bool cr_mldsa_reference_ctilde(const struct cr_public_key *key, const struct cr_verify_item *item,
                               uint8_t *ctilde);

/* Parts of it, which the scalar kernels and the tests use. */

/* FIPS 202, 3.3: Keccak-f[1600]; lane (x, y) is a[5 y + x]. */
void cr_keccak_reference(uint64_t a[25]);
/* Appendix B: zeta^BitRev8(m) mod q; the first is never used and 0. */
extern const int32_t cr_mldsa_zetas[CR_MLDSA_N];
/* Algorithm 14: false when the three bytes are no coefficient. */
bool cr_mldsa_three_bytes(const uint8_t bytes[3], int32_t *coefficient);
/* Algorithm 19 with a = gamma1 - 1, b = gamma1: coefficients in (-gamma1, gamma1]. */
void cr_mldsa_unpack_z(const struct cr_mldsa_params *p, const uint8_t *v, int32_t w[CR_MLDSA_N]);
/* Algorithm 21; false is the standard's bottom. */
bool cr_mldsa_hint_bit_unpack(const struct cr_mldsa_params *p, const uint8_t *y,
                              bool h[CR_MLDSA_K_MAX][CR_MLDSA_N]);
/* Algorithm 36. */
void cr_mldsa_decompose(int32_t gamma2, int32_t r, int32_t *r1, int32_t *r0);
/* Algorithm 40. */
int32_t cr_mldsa_use_hint(int32_t gamma2, bool hint, int32_t r);
/* Algorithms 41 and 42. Any int32_t may go in. */
void cr_mldsa_ntt(int32_t w[CR_MLDSA_N]);
void cr_mldsa_ntt_inverse(int32_t w[CR_MLDSA_N]);

#endif
