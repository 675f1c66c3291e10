/* SPDX-License-Identifier: Apache-2.0 */
/* wait.h: who waits for the results of which transactions.
 *
 * A request that waits registers its ids before it submits them, so that no result can slip by.
 * When the last of its ids has a result, or its time is up, `wake` is called once, under the lock,
 * on the thread that found out. Bounded by CR_WAIT_IDS_MAX ids in all. Thread-safe.
 */
#ifndef CR_API_WAIT_H
#define CR_API_WAIT_H

#include "api/api.h"

enum { CR_WAIT_IDS_MAX = 1 << 17 };

struct cr_wait_entry {
    struct cr_hash id;
    bool done;
    enum cr_result result;
    uint64_t commit_index;
    uint32_t position;
    struct cr_waiter *waiter;
    struct cr_wait_entry *next; /* in the chain of its id's bucket */
};

struct cr_waiter {
    uint32_t entries_count;
    uint32_t open; /* entries without a result */
    struct cr_wait_entry *entries;
    uint64_t deadline_us;
    bool parked; /* the request sleeps and wants to be woken */
    void *wake_context;
    struct cr_waiter *next, *previous;
};

struct cr_waiters;

struct cr_waiters *cr_waiters_new(void (*wake)(void *wake_context));
/* Nobody may be registered any more. */
void cr_waiters_free(struct cr_waiters *waiters);

/* False: too many wait already. The entries' ids are set by the caller and stay in place until
 * cr_waiters_leave. */
bool cr_waiters_join(struct cr_waiters *waiters, struct cr_waiter *waiter);
/* An entry got its answer otherwise (rejected at once, or executed before). Nothing changes when
 * cr_waiters_final was faster. */
void cr_waiters_settle(struct cr_waiters *waiters, struct cr_wait_entry *entry,
                       const struct cr_api_result *result);
/* Parks the request unless nothing is open any more or its time is up: calls `park` under the lock
 * and returns true. */
bool cr_waiters_park(struct cr_waiters *waiters, struct cr_waiter *waiter,
                     void (*park)(void *wake_context));
/* Takes the waiter out; afterwards its entries hold what is known and are not written any more. */
void cr_waiters_leave(struct cr_waiters *waiters, struct cr_waiter *waiter);
void cr_waiters_final(struct cr_waiters *waiters, const struct cr_api_result *results,
                      uint32_t count);
/* Wakes everybody, now and from now on: the node stops. */
void cr_waiters_stop(struct cr_waiters *waiters);

#endif
