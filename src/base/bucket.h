/* SPDX-License-Identifier: Apache-2.0 */
/* bucket.h: how often something may happen. */
#ifndef CR_BASE_BUCKET_H
#define CR_BASE_BUCKET_H

#include "base/base.h"

/* A bucket that fills by `per_s` tokens each second up to `burst`. Zeroed, it is full. */
struct cr_bucket {
    uint64_t taken_us; /* tokens taken and not yet refilled, in microseconds of refilling */
    uint64_t last_us;
};

static inline bool cr_bucket_take(struct cr_bucket *bucket, uint32_t per_s, uint32_t burst,
                                  uint64_t now_us)
{
    const uint64_t token_us = 1000 * 1000 / per_s;
    const uint64_t passed_us = now_us - bucket->last_us;
    bucket->taken_us = bucket->taken_us > passed_us ? bucket->taken_us - passed_us : 0;
    bucket->last_us = now_us;
    if (bucket->taken_us + token_us > burst * token_us) return false;
    bucket->taken_us += token_us;
    return true;
}

#endif
