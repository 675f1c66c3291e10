/* SPDX-License-Identifier: Apache-2.0 */
/* keccak_one.h: Keccak-f on one sponge in registers of 64 bits. Included by each back end, so that
 * its instructions (andn, rorx) are used. */
#ifndef CR_CRYPTO_MLDSA_KECCAK_ONE_H
#define CR_CRYPTO_MLDSA_KECCAK_ONE_H

#include "crypto/mldsa/kernels.h"

#define NAME          one_permute
#define LANE          uint64_t
#define XOR(a, b)     ((a) ^ (b))
#define XOR3(a, b, c) ((a) ^ (b) ^ (c))
#define ROL(a, n)     ((a) << (n) | (a) >> (64 - (n)))
#define CHI(a, b, c)  ((a) ^ (~(b) & (c)))
#define IOTA(a, rc)   ((a) ^ (rc))
#include "crypto/mldsa/keccak.inc"

static void keccak_one(uint64_t state[25])
{
    uint64_t a[25];
    memcpy(a, state, sizeof a);
    one_permute(a);
    memcpy(state, a, sizeof a);
}

#endif
