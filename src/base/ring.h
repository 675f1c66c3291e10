/* SPDX-License-Identifier: Apache-2.0 */
/* ring.h: positions of a bounded queue between exactly one producer and one consumer thread. The
 * slots are the owner's array of `capacity` (a power of two) objects:
 *
 *   producer:  if (cr_ring_room(r) > 0) { slots[cr_ring_put_slot(r)] = x; cr_ring_put(r); }
 *   consumer:  if (cr_ring_count(r) > 0) { x = slots[cr_ring_take_slot(r)]; cr_ring_take(r); }
 *
 * The release store of `put` pairs with the acquire load in cr_ring_count, the release store of
 * `taken` with the acquire load in cr_ring_room: a slot is never touched by both at a time.
 * Full means refused: the producer decides what to do, nothing grows and nothing blocks.
 */
#ifndef CR_BASE_RING_H
#define CR_BASE_RING_H

#include <stdatomic.h>

#include "base/base.h"

struct cr_ring {
    _Alignas(64) _Atomic uint64_t put;   /* written by the producer */
    _Alignas(64) _Atomic uint64_t taken; /* written by the consumer */
    _Alignas(64) uint32_t capacity;
};

static inline void cr_ring_init(struct cr_ring *ring, uint32_t capacity)
{
    CR_ASSERT(capacity > 0 && (capacity & (capacity - 1)) == 0);
    atomic_init(&ring->put, 0);
    atomic_init(&ring->taken, 0);
    ring->capacity = capacity;
}

/* Producer: how many may be put now. */
static inline uint32_t cr_ring_room(const struct cr_ring *ring)
{
    const uint64_t put = atomic_load_explicit(&ring->put, memory_order_relaxed);
    const uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_acquire);
    return ring->capacity - (uint32_t)(put - taken);
}

static inline uint32_t cr_ring_put_slot(const struct cr_ring *ring)
{
    return (uint32_t)atomic_load_explicit(&ring->put, memory_order_relaxed) & (ring->capacity - 1);
}

static inline void cr_ring_put(struct cr_ring *ring)
{
    const uint64_t put = atomic_load_explicit(&ring->put, memory_order_relaxed);
    atomic_store_explicit(&ring->put, put + 1, memory_order_release);
}

/* Consumer: how many wait. */
static inline uint32_t cr_ring_count(const struct cr_ring *ring)
{
    const uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    const uint64_t put = atomic_load_explicit(&ring->put, memory_order_acquire);
    return (uint32_t)(put - taken);
}

static inline uint32_t cr_ring_take_slot(const struct cr_ring *ring)
{
    return (uint32_t)atomic_load_explicit(&ring->taken, memory_order_relaxed) &
           (ring->capacity - 1);
}

static inline void cr_ring_take(struct cr_ring *ring)
{
    const uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    atomic_store_explicit(&ring->taken, taken + 1, memory_order_release);
}

#endif
