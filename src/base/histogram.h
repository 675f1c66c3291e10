/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.h: counts of unsigned values in log-linear buckets, relative error < 1/32.
 * Fixed size, no allocation; two histograms add. In the buckets (not in `sum` and `max`) values of
 * 2^40 and more count as 2^40 - 1. */
#ifndef CR_BASE_HISTOGRAM_H
#define CR_BASE_HISTOGRAM_H

#include "base/base.h"

enum {
    CR_HISTOGRAM_SUB_LOG2 = 5,
    CR_HISTOGRAM_VALUE_LOG2 = 40,
    CR_HISTOGRAM_BUCKETS = (CR_HISTOGRAM_VALUE_LOG2 - CR_HISTOGRAM_SUB_LOG2 + 1)
                           << CR_HISTOGRAM_SUB_LOG2,
};

struct cr_histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t max;
    uint64_t buckets[CR_HISTOGRAM_BUCKETS];
};

void cr_histogram_add(struct cr_histogram *histogram, uint64_t value);
void cr_histogram_merge(struct cr_histogram *into, const struct cr_histogram *from);
/* The largest value of the first bucket up to which `per_100000` of the values lie, never above the
 * true maximum: 50000 is the median, 99900 is p99.9. 0 when empty. */
uint64_t cr_histogram_quantile(const struct cr_histogram *histogram, uint32_t per_100000);

#endif
