/* SPDX-License-Identifier: Apache-2.0 */
/* interleave.h: for tests of lock-free code: runs a few threads in every order of their steps.
 *
 * The threads are coroutines of one real thread; control changes only at CR_STEP() (base/steps.h),
 * so a run is repeatable. A schedule is the list of choices made at those points; the search goes
 * depth first through all that interrupt a runnable thread at most `preemptions` times (most
 * mistakes need one or two: Musuvathi and Qadeer, PLDI 2007). This is one memory for all, so it
 * checks algorithms, not memory orders; those are for the thread sanitizer and the comments.
 * Include it once, after defining CR_STEPS. */
#ifndef CR_BASE_INTERLEAVE_H
#define CR_BASE_INTERLEAVE_H

#include <ucontext.h>

#include "base/base.h"
#include "base/steps.h"

enum {
    CR_INTERLEAVE_THREADS_MAX = 3,
    CR_INTERLEAVE_STEPS_MAX = 512,
    CR_INTERLEAVE_STACK_BYTES = 256 * 1024,
};

struct cr_interleave {
    void (*start)(void);                              /* before each run */
    void (*threads[CR_INTERLEAVE_THREADS_MAX])(void); /* NULL: no further */
    void (*end)(void);                                /* after each run: asserts */
    uint32_t preemptions;
};

static struct {
    const struct cr_interleave *test;
    uint32_t count, running;
    ucontext_t scheduler, contexts[CR_INTERLEAVE_THREADS_MAX];
    bool finished[CR_INTERLEAVE_THREADS_MAX];
    bool (*until[CR_INTERLEAVE_THREADS_MAX])(void); /* what a waiting thread waits for */
    uint32_t steps, preempted;
    uint8_t choices[CR_INTERLEAVE_STEPS_MAX]; /* of this run */
    uint8_t options[CR_INTERLEAVE_STEPS_MAX]; /* how many there were */
    _Alignas(64) uint8_t stacks[CR_INTERLEAVE_THREADS_MAX][CR_INTERLEAVE_STACK_BYTES];
} cr_interleaved;

void cr_step(void)
{
    if (cr_interleaved.test == NULL) return; /* called from outside of a run */
    swapcontext(&cr_interleaved.contexts[cr_interleaved.running], &cr_interleaved.scheduler);
}

/* Blocks the calling thread until the others have made it true. */
static inline void cr_interleave_wait(bool (*until)(void))
{
    cr_interleaved.until[cr_interleaved.running] = until;
    cr_step();
}

static inline void cr_interleave_run_thread(void)
{
    const uint32_t own = cr_interleaved.running;
    cr_interleaved.test->threads[own]();
    cr_interleaved.finished[own] = true;
    swapcontext(&cr_interleaved.contexts[own], &cr_interleaved.scheduler);
}

static inline bool cr_interleave_can_run(uint32_t thread)
{
    bool (*until)(void) = cr_interleaved.until[thread];
    return !cr_interleaved.finished[thread] && (until == NULL || until());
}

/* The thread to go on with: the one that runs, if it can, is the first option. */
static inline uint32_t cr_interleave_choose(void)
{
    uint32_t list[CR_INTERLEAVE_THREADS_MAX], options = 0;
    const uint32_t last = cr_interleaved.running;
    const bool goes_on = cr_interleave_can_run(last);
    if (goes_on) list[options++] = last;
    const bool may_change = !goes_on || cr_interleaved.preempted < cr_interleaved.test->preemptions;
    for (uint32_t i = 0; may_change && i < cr_interleaved.count; i++) {
        if (i != last && cr_interleave_can_run(i)) list[options++] = i;
    }
    CR_ASSERT(options > 0); /* else: everybody waits for ever */
    CR_ASSERT(cr_interleaved.steps < CR_INTERLEAVE_STEPS_MAX);
    const uint32_t choice = cr_interleaved.choices[cr_interleaved.steps];
    cr_interleaved.options[cr_interleaved.steps++] = (uint8_t)options;
    if (goes_on && choice > 0) cr_interleaved.preempted++;
    return list[choice];
}

static inline bool cr_interleave_all_finished(void)
{
    for (uint32_t i = 0; i < cr_interleaved.count; i++) {
        if (!cr_interleaved.finished[i]) return false;
    }
    return true;
}

static inline void cr_interleave_one_run(const struct cr_interleave *test)
{
    test->start();
    cr_interleaved.steps = cr_interleaved.preempted = cr_interleaved.running = 0;
    for (uint32_t i = 0; i < cr_interleaved.count; i++) {
        cr_interleaved.finished[i] = false;
        cr_interleaved.until[i] = NULL;
        getcontext(&cr_interleaved.contexts[i]);
        cr_interleaved.contexts[i].uc_stack.ss_sp = cr_interleaved.stacks[i];
        cr_interleaved.contexts[i].uc_stack.ss_size = CR_INTERLEAVE_STACK_BYTES;
        cr_interleaved.contexts[i].uc_link = &cr_interleaved.scheduler;
        makecontext(&cr_interleaved.contexts[i], cr_interleave_run_thread, 0);
    }
    cr_interleaved.test = test;
    while (!cr_interleave_all_finished()) {
        cr_interleaved.running = cr_interleave_choose();
        cr_interleaved.until[cr_interleaved.running] = NULL;
        swapcontext(&cr_interleaved.scheduler, &cr_interleaved.contexts[cr_interleaved.running]);
    }
    cr_interleaved.test = NULL;
    test->end();
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CR_INTERLEAVE_NOTHING 1 /* it takes the coroutines for one thread gone wild */
#endif
#endif

/* Returns how many schedules there were. Under the thread sanitizer nothing is run. */
static inline uint64_t cr_interleave_all(const struct cr_interleave *test)
{
    uint64_t runs = 0;
#ifdef CR_INTERLEAVE_NOTHING
    if (test) return UINT64_MAX;
#endif
    memset(cr_interleaved.choices, 0, sizeof cr_interleaved.choices);
    cr_interleaved.count = 0;
    while (cr_interleaved.count < CR_INTERLEAVE_THREADS_MAX &&
           test->threads[cr_interleaved.count] != NULL)
        cr_interleaved.count++;
    for (;;) {
        cr_interleave_one_run(test);
        runs++;
        uint32_t last = cr_interleaved.steps;
        while (last > 0 && cr_interleaved.choices[last - 1] + 1 >= cr_interleaved.options[last - 1])
            cr_interleaved.choices[--last] = 0;
        if (last == 0) return runs;
        cr_interleaved.choices[last - 1]++;
    }
}

#endif
