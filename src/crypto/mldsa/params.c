/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mldsa/params.h"

enum { GAMMA2_44 = (CR_MLDSA_Q - 1) / 88, GAMMA2 = (CR_MLDSA_Q - 1) / 32 };

static const struct cr_mldsa_params levels[] = {
    {.alg = CR_ALG_MLDSA44,
     .k = 4,
     .l = 4,
     .tau = 39,
     .gamma1 = 1 << 17,
     .gamma2 = GAMMA2_44,
     .beta = 78,
     .omega = 80,
     .z_bits = 18,
     .w1_bits = 6,
     .ctilde_bytes = 32,
     .key_bytes = CR_MLDSA44_KEY_BYTES,
     .sig_bytes = CR_MLDSA44_SIG_BYTES},
    {.alg = CR_ALG_MLDSA65,
     .k = 6,
     .l = 5,
     .tau = 49,
     .gamma1 = 1 << 19,
     .gamma2 = GAMMA2,
     .beta = 196,
     .omega = 55,
     .z_bits = 20,
     .w1_bits = 4,
     .ctilde_bytes = 48,
     .key_bytes = CR_MLDSA65_KEY_BYTES,
     .sig_bytes = CR_MLDSA65_SIG_BYTES},
    {.alg = CR_ALG_MLDSA87,
     .k = 8,
     .l = 7,
     .tau = 60,
     .gamma1 = 1 << 19,
     .gamma2 = GAMMA2,
     .beta = 120,
     .omega = 75,
     .z_bits = 20,
     .w1_bits = 4,
     .ctilde_bytes = 64,
     .key_bytes = CR_MLDSA87_KEY_BYTES,
     .sig_bytes = CR_MLDSA87_SIG_BYTES},
};

const struct cr_mldsa_params *cr_mldsa_params(enum cr_alg alg)
{
    for (size_t i = 0; i < CR_COUNT_OF(levels); i++) {
        if (levels[i].alg == alg) return &levels[i];
    }
    return NULL;
}
