/* SPDX-License-Identifier: Apache-2.0 */
/* heap.c: a binary heap. */
#include "heap.h"

#include "memory.h"

static bool earlier(const struct cr_happening *a, const struct cr_happening *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void insert(struct cr_heap *heap, const struct cr_happening *happening)
{
    heap->items =
        cr_run_grow(heap->items, &heap->count_max, heap->count + 1, sizeof heap->items[0]);
    uint32_t at = heap->count++;
    while (at > 0 && earlier(happening, &heap->items[(at - 1) / 2])) {
        heap->items[at] = heap->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->items[at] = *happening;
}

void cr_heap_push(struct cr_heap *heap, struct cr_happening happening)
{
    happening.order = heap->order_next++;
    insert(heap, &happening);
}

void cr_heap_defer(struct cr_heap *heap, struct cr_happening happening, uint64_t at_us)
{
    CR_ASSERT(at_us >= happening.at_us);
    happening.at_us = at_us;
    insert(heap, &happening);
}

struct cr_happening cr_heap_take(struct cr_heap *heap)
{
    CR_ASSERT(heap->count > 0);
    const struct cr_happening first = heap->items[0];
    const struct cr_happening last = heap->items[--heap->count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= heap->count) break;
        if (child + 1 < heap->count && earlier(&heap->items[child + 1], &heap->items[child])) {
            child++;
        }
        if (!earlier(&heap->items[child], &last)) break;
        heap->items[at] = heap->items[child];
        at = child;
    }
    if (heap->count > 0) heap->items[at] = last;
    return first;
}
