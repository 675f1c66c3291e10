/* SPDX-License-Identifier: Apache-2.0 */
/* prng.h: splitmix64, for simulators, tests and jitter. Never for keys, never for agreement.
 * Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
#ifndef CR_BASE_PRNG_H
#define CR_BASE_PRNG_H

#include "base/base.h"

struct cr_prng {
    uint64_t state;
};

static inline uint64_t cr_prng_next(struct cr_prng *prng)
{
    uint64_t z = (prng->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform in [0, bound) up to a bias of bound / 2^64. bound > 0. */
static inline uint64_t cr_prng_below(struct cr_prng *prng, uint64_t bound)
{
    CR_ASSERT(bound > 0);
    return (uint64_t)(((cr_u128)cr_prng_next(prng) * bound) >> 64);
}

/* An independent stream for (seed, purpose, index): removing one draw elsewhere moves none here. */
static inline struct cr_prng cr_prng_stream(uint64_t seed, uint64_t purpose, uint64_t index)
{
    struct cr_prng mix = {seed ^ (purpose * UINT64_C(0xd6e8feb86659fd93))};
    mix.state ^= cr_prng_next(&mix) + index * UINT64_C(0xa0761d6478bd642f);
    return (struct cr_prng){cr_prng_next(&mix)};
}

#endif
