/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

enum { SUB = 1 << CR_HISTOGRAM_SUB_LOG2 };

static uint32_t bucket_of(uint64_t value)
{
    if (value >> CR_HISTOGRAM_VALUE_LOG2) value = (UINT64_C(1) << CR_HISTOGRAM_VALUE_LOG2) - 1;
    if (value < SUB) return (uint32_t)value;
    const uint32_t top = 63 - (uint32_t)__builtin_clzll(value);
    const uint32_t shift = top - CR_HISTOGRAM_SUB_LOG2;
    return ((shift + 1) << CR_HISTOGRAM_SUB_LOG2) + ((uint32_t)(value >> shift) & (SUB - 1));
}

/* The largest value that falls into the bucket. */
static uint64_t upper_bound(uint32_t bucket)
{
    if (bucket < SUB) return bucket;
    const uint32_t shift = (bucket >> CR_HISTOGRAM_SUB_LOG2) - 1;
    return (((uint64_t)(bucket & (SUB - 1)) + SUB + 1) << shift) - 1;
}

void cr_histogram_add(struct cr_histogram *histogram, uint64_t value)
{
    const uint32_t bucket = bucket_of(value);
    CR_ASSERT(bucket < CR_HISTOGRAM_BUCKETS);
    histogram->buckets[bucket]++;
    histogram->count++;
    histogram->sum += value;
    if (value > histogram->max) histogram->max = value;
}

void cr_histogram_merge(struct cr_histogram *into, const struct cr_histogram *from)
{
    for (uint32_t i = 0; i < CR_HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
    into->count += from->count;
    into->sum += from->sum;
    if (from->max > into->max) into->max = from->max;
}

uint64_t cr_histogram_quantile(const struct cr_histogram *histogram, uint32_t per_100000)
{
    CR_ASSERT(per_100000 <= 100000);
    if (histogram->count == 0) return 0;
    const cr_u128 exact = (cr_u128)histogram->count * per_100000;
    uint64_t left = (uint64_t)((exact + 99999) / 100000);
    if (left == 0) left = 1; /* the least value */
    uint32_t bucket = 0;
    while (histogram->buckets[bucket] < left)
        left -= histogram->buckets[bucket++];
    const uint64_t bound = upper_bound(bucket);
    return bound < histogram->max ? bound : histogram->max;
}
