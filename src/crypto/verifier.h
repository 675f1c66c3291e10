/* SPDX-License-Identifier: Apache-2.0 */
/* verifier.h: the verifier of ML-DSA for cr_verifier_use: our own (crypto/mldsa/), on the fastest
 * kernels that this processor has. They are tested at start and, if wished, watched afterwards:
 * a sample of the signatures is verified by OpenSSL too.
 */
#ifndef CR_CRYPTO_VERIFIER_H
#define CR_CRYPTO_VERIFIER_H

#include "crypto/mldsa.h"

/* Chooses the kernels, tests them with known answers and returns the verifier. `name` is "scalar",
 * "avx2", "avx512", "neon", or "openssl" for that library's verifier; NULL: $CR_MLDSA_BACKEND,
 * which is for tests and emergencies, and without that the fastest. NULL when there is none here.
 * Before threads run; a later call changes the verifier for all. */
const struct cr_verifier *cr_verifier_start(const char *name);

/* From now on one of `every` signatures is verified by OpenSSL too; 0: none. Our verdict counts in
 * any case: all replicas have the same code. Any thread. */
void cr_verifier_cross_check(uint32_t every);

struct cr_verifier_stats {
    bool fell_back; /* the chosen kernels failed at start; scalar ones are in use */
    uint64_t cross_checks, mismatches;
};
/* Any thread. */
void cr_verifier_stats(struct cr_verifier_stats *out);

#endif
