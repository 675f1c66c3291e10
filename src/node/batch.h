/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h: how many items a worker takes at once.
 *
 * Alone an item is to be done at once; in a flood the lanes of the verifier are to be full and the
 * cost of handing over is to be shared. So the size follows the time for which the oldest waited:
 * about 10 items while nothing queues, 100 from CR_BATCH_QUEUE_US on, 1,000 from ten times that. No
 * batch is longer than about 200 us of work, by the measured cost of an item, so that a vertex that
 * comes meanwhile waits no longer than that; and it is a whole number of lanes. */
#ifndef CR_NODE_BATCH_H
#define CR_NODE_BATCH_H

#include <stdatomic.h>

#include "base/base.h"

enum {
    CR_BATCH_LANES = 8, /* of the widest verifier (AVX-512); a multiple of the others' */
    CR_BATCH_WORK_NS = 200 * 1000,
    CR_BATCH_QUEUE_US = 200,
    CR_BATCH_ITEMS_MAX = 1000,
    CR_BATCH_COST_WEIGHT = 8, /* of the past in the average cost */
};

enum cr_batch_tier { CR_BATCH_SMALL, CR_BATCH_MEDIUM, CR_BATCH_LARGE, CR_BATCH_TIERS };

/* All relaxed: each is a figure of its own, and an old one makes a batch of another size, no more.
 */
struct cr_batch {
    _Atomic uint64_t item_ns; /* moving average; 0: nothing measured yet */
    _Atomic uint64_t batches[CR_BATCH_TIERS];
    _Atomic uint64_t items[CR_BATCH_TIERS];
};

static inline enum cr_batch_tier cr_batch_tier(uint64_t delay_us)
{
    if (delay_us < CR_BATCH_QUEUE_US) return CR_BATCH_SMALL;
    return delay_us < 10 * (uint64_t)CR_BATCH_QUEUE_US ? CR_BATCH_MEDIUM : CR_BATCH_LARGE;
}

/* At least 1. `delay_us`: for how long the oldest has waited. */
static inline uint32_t cr_batch_size(struct cr_batch *batch, uint64_t delay_us)
{
    static const uint32_t about[CR_BATCH_TIERS] = {10, 100, CR_BATCH_ITEMS_MAX};
    const uint64_t item_ns = atomic_load_explicit(&batch->item_ns, memory_order_relaxed);
    const uint64_t affordable = item_ns > 0 ? CR_BATCH_WORK_NS / item_ns : CR_BATCH_LANES;
    uint64_t size = about[cr_batch_tier(delay_us)];
    if (affordable < size) size = affordable;
    if (size > CR_BATCH_LANES) size -= size % CR_BATCH_LANES;
    return size > 0 ? (uint32_t)size : 1;
}

/* A batch of that many items is done. */
static inline void cr_batch_note(struct cr_batch *batch, uint64_t delay_us, uint32_t items,
                                 uint64_t work_ns)
{
    const enum cr_batch_tier tier = cr_batch_tier(delay_us);
    if (items == 0) return;
    const uint64_t past = atomic_load_explicit(&batch->item_ns, memory_order_relaxed);
    const uint64_t now = work_ns / items + 1;
    const uint64_t next =
        past == 0 ? now : (past * (CR_BATCH_COST_WEIGHT - 1) + now) / CR_BATCH_COST_WEIGHT;
    atomic_store_explicit(&batch->item_ns, next, memory_order_relaxed);
    atomic_fetch_add_explicit(&batch->batches[tier], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&batch->items[tier], items, memory_order_relaxed);
}

#endif
