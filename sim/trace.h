/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h: one fixed-width line for every event at a node (legend: docs/testing.md), and the hash
 * of all of them: equal for equal runs, whatever the compiler. */
#ifndef CR_SIM_TRACE_H
#define CR_SIM_TRACE_H

#include "host.h"

struct cr_trace {
    bool print;
    uint64_t from_us; /* nothing is printed before */
    uint64_t hash;
    uint64_t lines;
};

/* Between a step and its effects: the effects are in host->effects. */
void cr_trace_step(struct cr_host *host, const struct cr_event *event);
/* Something that is no event of a core: a fault begins, a node dies. */
void cr_trace_note(struct cr_sim *sim, uint32_t node, const char *what, uint64_t value);
/* The run has held: all that the cores know. */
void cr_trace_end(struct cr_sim *sim);

#endif
