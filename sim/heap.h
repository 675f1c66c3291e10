/* SPDX-License-Identifier: Apache-2.0 */
/* heap.h: what is going to happen in the cluster, by virtual time; equal times in the order of
 * scheduling, so that the order is total. */
#ifndef CR_SIM_HEAP_H
#define CR_SIM_HEAP_H

#include "base/base.h"

enum cr_happening_kind {
    CR_HAPPENING_FRAME = 1, /* a frame of `peer` arrives; number: generation of the connection */
    CR_HAPPENING_TICK,      /* the core asked to be woken */
    CR_HAPPENING_SEALED,    /* a proposal is signed */
    CR_HAPPENING_SYNCED,    /* the disk has finished a sync */
    CR_HAPPENING_EXECUTE,   /* the executor takes up the next commit */
    CR_HAPPENING_PEER_DOWN, /* the node notices that the connection to `peer` is gone */
    CR_HAPPENING_CONNECT,   /* node and peer try to connect */
    CR_HAPPENING_DETECT,  /* idle timeout between node and peer, if still cut; number: generation */
    CR_HAPPENING_AGAIN,   /* number: plan entry; does what it does again and again */
    CR_HAPPENING_BOOT,    /* a node that was down is repaired */
    CR_HAPPENING_SUBMIT,  /* number: transaction; a client sends it to the node */
    CR_HAPPENING_BEGIN,   /* number: plan entry */
    CR_HAPPENING_END,     /* number: plan entry */
    CR_HAPPENING_RELEASE, /* a liar sends what it has held back */
    CR_HAPPENING_GIVE,    /* number: of the request; the vertices of lane `peer` are verified */
};

struct cr_happening {
    uint64_t at_us;
    uint64_t order; /* given by cr_heap_push */
    enum cr_happening_kind kind;
    uint32_t node;
    uint32_t incarnation; /* of the node; what a dead process awaited does not reach the next one */
    uint32_t peer;
    uint32_t number;
    void *item; /* frame or body, by kind; one reference is held */
};

struct cr_heap {
    struct cr_happening *items;
    uint32_t count;
    uint32_t count_max;
    uint64_t order_next;
};

void cr_heap_push(struct cr_heap *heap, struct cr_happening happening);
/* Puts something taken back for later; among its equals it keeps its place. */
void cr_heap_defer(struct cr_heap *heap, struct cr_happening happening, uint64_t at_us);
struct cr_happening cr_heap_take(struct cr_heap *heap); /* the earliest; not from an empty heap */

#endif
