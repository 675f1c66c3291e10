/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h: the only place where the node asks for the time. */
#ifndef CR_NODE_CLOCK_H
#define CR_NODE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t cr_clock_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static inline uint64_t cr_now_us(void)
{
    return cr_clock_us(CLOCK_MONOTONIC);
}

/* For the cost of short work. */
static inline uint64_t cr_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline uint64_t cr_wall_ms(void)
{
    return cr_clock_us(CLOCK_REALTIME) / 1000;
}

#endif
