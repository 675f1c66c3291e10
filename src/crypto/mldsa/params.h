/* SPDX-License-Identifier: Apache-2.0 */
/* params.h: the numbers of FIPS 204, table 1, and the sizes of its encodings. */
#ifndef CR_CRYPTO_MLDSA_PARAMS_H
#define CR_CRYPTO_MLDSA_PARAMS_H

#include "crypto/mldsa.h"

enum {
    CR_MLDSA_N = 256,
    CR_MLDSA_Q = 8380417, /* 2^23 - 2^13 + 1 */
    CR_MLDSA_D = 13,
    CR_MLDSA_ZETA = 1753, /* a 512th root of unity */
    CR_MLDSA_K_MAX = 8,
    CR_MLDSA_L_MAX = 7,
    CR_MLDSA_TAU_MAX = 60,
    CR_MLDSA_RHO_BYTES = 32,
    CR_MLDSA_MU_BYTES = 64,
    CR_MLDSA_TR_BYTES = 64,
    CR_MLDSA_CTILDE_BYTES_MAX = 64,
    CR_MLDSA_T1_BYTES = 320,     /* of one polynomial: 256 * 10 bits */
    CR_MLDSA_W1_BYTES_MAX = 192, /* of one polynomial: 256 * 6 bits at level 44, 4 bits above */
    CR_MLDSA_CONTEXT_BYTES_MAX = 255,
};

struct cr_mldsa_params {
    enum cr_alg alg;
    uint32_t k, l; /* rows and columns of the matrix */
    uint32_t tau;  /* nonzero coefficients of c */
    int32_t gamma1, gamma2;
    int32_t beta;
    uint32_t omega;        /* hints at most */
    uint32_t z_bits;       /* of one coefficient of z: 1 + log2 gamma1 */
    uint32_t w1_bits;      /* of one coefficient of w1 */
    uint32_t ctilde_bytes; /* lambda / 4 */
    uint32_t key_bytes, sig_bytes;
};

/* NULL for an unknown algorithm. */
const struct cr_mldsa_params *cr_mldsa_params(enum cr_alg alg);

static inline uint32_t cr_mldsa_z_bytes(const struct cr_mldsa_params *p)
{
    return CR_MLDSA_N / 8 * p->z_bits; /* of one polynomial */
}

static inline uint32_t cr_mldsa_w1_bytes(const struct cr_mldsa_params *p)
{
    return CR_MLDSA_N / 8 * p->w1_bits; /* of one polynomial */
}

#endif
