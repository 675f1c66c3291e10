/* SPDX-License-Identifier: Apache-2.0 */
/* deque.h: a bounded work-stealing deque (Chase and Lev, SPAA 2005). One thread, the owner, pushes
 * and takes the newest item; any thread steals the oldest. Whoever only pushes has a queue with one
 * producer and many consumers, first in, first out.
 *
 * All accesses of `top` and `bottom` that the two sides race with are sequentially consistent, so
 * the argument is that of the paper, for one memory: the owner says which item it takes (bottom)
 * before it looks how far the thieves are (top), a thief looks at top before bottom, and the last
 * item goes to whoever moves top. On x86 that costs one xchg in a push or take and nothing in a
 * load. Le and others (PPoPP 2013) get by with fences; those neither read well nor exist for the
 * thread sanitizer.
 *
 * An item is written into its slot before the store of bottom that shows it, and read by a thief
 * after its load of bottom: that pair makes everything behind the pointer visible. A slot is
 * written again only after a load of top has shown that its item is gone, which pairs with the
 * exchange of the thief; a thief that read it too late loses that exchange. */
#ifndef CR_BASE_DEQUE_H
#define CR_BASE_DEQUE_H

#include <stdatomic.h>

#include "base/base.h"
#include "base/steps.h"

struct cr_deque {
    _Alignas(64) _Atomic int64_t top;    /* items stolen, and single ones taken */
    _Alignas(64) _Atomic int64_t bottom; /* written by the owner */
    _Alignas(64) uint32_t capacity;      /* a power of two */
    _Atomic(void *) *slots;              /* borrowed: `capacity` of them */
};

static inline void cr_deque_init(struct cr_deque *deque, _Atomic(void *) *slots, uint32_t capacity)
{
    CR_ASSERT(capacity > 0 && (capacity & (capacity - 1)) == 0);
    atomic_init(&deque->top, 0);
    atomic_init(&deque->bottom, 0);
    deque->capacity = capacity;
    deque->slots = slots;
}

static inline _Atomic(void *) *cr_deque_slot(struct cr_deque *deque, int64_t position)
{
    return &deque->slots[(uint64_t)position & (deque->capacity - 1)];
}

/* Any thread: how many items there were a moment ago. */
static inline uint32_t cr_deque_count(struct cr_deque *deque)
{
    CR_STEP();
    const int64_t top = atomic_load(&deque->top);
    CR_STEP();
    const int64_t bottom = atomic_load(&deque->bottom);
    return bottom > top ? (uint32_t)(bottom - top) : 0;
}

/* Owner. False: it is full; nothing has changed. */
static inline bool cr_deque_push(struct cr_deque *deque, void *item)
{
    const int64_t bottom = atomic_load_explicit(&deque->bottom, memory_order_relaxed); /* own */
    CR_STEP();
    const int64_t top = atomic_load_explicit(&deque->top, memory_order_acquire); /* thieves */
    if (bottom - top >= deque->capacity) return false;
    CR_STEP();
    atomic_store_explicit(cr_deque_slot(deque, bottom), item, memory_order_relaxed);
    CR_STEP();
    atomic_store(&deque->bottom, bottom + 1);
    return true;
}

/* Owner: the newest item, NULL when there is none. */
static inline void *cr_deque_take(struct cr_deque *deque)
{
    const int64_t newest = atomic_load_explicit(&deque->bottom, memory_order_relaxed) - 1;
    CR_STEP();
    atomic_store(&deque->bottom, newest);
    CR_STEP();
    int64_t top = atomic_load(&deque->top);
    void *item = NULL;
    if (top <= newest)
        item = atomic_load_explicit(cr_deque_slot(deque, newest), memory_order_relaxed); /* own */
    if (top < newest) return item; /* thieves cannot come that far any more */
    CR_STEP();
    if (top == newest && !atomic_compare_exchange_strong(&deque->top, &top, top + 1)) item = NULL;
    CR_STEP();
    atomic_store(&deque->bottom, newest + 1);
    return item;
}

/* Any thread: the oldest item. NULL when there is none, or when somebody else got it. */
static inline void *cr_deque_steal(struct cr_deque *deque)
{
    CR_STEP();
    int64_t top = atomic_load(&deque->top);
    CR_STEP();
    const int64_t bottom = atomic_load(&deque->bottom);
    if (top >= bottom) return NULL;
    CR_STEP();
    void *item = atomic_load_explicit(cr_deque_slot(deque, top), memory_order_relaxed);
    CR_STEP();
    return atomic_compare_exchange_strong(&deque->top, &top, top + 1) ? item : NULL;
}

#endif
