/* SPDX-License-Identifier: Apache-2.0 */
/* park.h: where threads sleep that have nothing to do.
 *
 *   sleeper:  cr_park_begin(p); if (there is work) cr_park_cancel(p); else cr_park_sleep(p);
 *   waker:    put the work; cr_park_wake(p);
 *
 * No wake-up is lost: the sleeper counts itself before it looks for work, the waker puts the work
 * before it looks at the count, and all four accesses are sequentially consistent, so at least one
 * of them sees the other. A waker claims one sleeper by taking it off the count, then leaves a
 * token for it; so ten wakers in a row wake one sleeper once. With nobody asleep a wake is one
 * load.
 */
#ifndef CR_NODE_PARK_H
#define CR_NODE_PARK_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"
#include "base/steps.h"

struct cr_park {
    _Atomic uint32_t sleepers; /* that no waker has claimed */
    _Atomic uint32_t tokens;   /* of claimed ones that have not gone on yet */
};

#ifdef CR_STEPS /* a test supplies its own */
void cr_park_futex_wait(struct cr_park *park);
void cr_park_futex_wake(struct cr_park *park, uint32_t count);
#else
/* Until there is a token; may return early. */
static inline void cr_park_futex_wait(struct cr_park *park)
{
    (void)syscall(SYS_futex, &park->tokens, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static inline void cr_park_futex_wake(struct cr_park *park, uint32_t count)
{
    (void)syscall(SYS_futex, &park->tokens, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}
#endif

static inline void cr_park_begin(struct cr_park *park)
{
    CR_STEP();
    atomic_fetch_add(&park->sleepers, 1);
}

/* Takes one off, if there is one. */
static inline bool cr_park_take(_Atomic uint32_t *count)
{
    CR_STEP();
    uint32_t seen = atomic_load(count);
    while (seen > 0) {
        CR_STEP();
        if (atomic_compare_exchange_weak(count, &seen, seen - 1)) return true;
    }
    return false;
}

static inline void cr_park_sleep(struct cr_park *park)
{
    while (!cr_park_take(&park->tokens)) {
        CR_STEP();
        cr_park_futex_wait(park);
    }
}

/* Not asleep after all. A waker that has claimed this thread leaves its token at any moment. */
static inline void cr_park_cancel(struct cr_park *park)
{
    if (!cr_park_take(&park->sleepers)) cr_park_sleep(park);
}

static inline void cr_park_wake(struct cr_park *park)
{
    if (!cr_park_take(&park->sleepers)) return;
    CR_STEP();
    atomic_fetch_add(&park->tokens, 1);
    cr_park_futex_wake(park, 1);
}

#endif
