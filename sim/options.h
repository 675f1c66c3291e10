/* SPDX-License-Identifier: Apache-2.0 */
/* options.h: the command line of creto-sim. */
#ifndef CR_SIM_OPTIONS_H
#define CR_SIM_OPTIONS_H

#include "cluster.h"

struct cr_sim_arguments {
    uint64_t seed; /* the first one */
    uint64_t count;
    uint32_t nodes_count;
    uint32_t seconds; /* of faults */
    const struct cr_scenario *scenario;
    const char *skip;       /* numbers of plan entries that do not happen; may be NULL */
    const char *replay;     /* a plan to execute instead of a seed's; may be NULL */
    const char *write_plan; /* where to write the plan instead of executing it; may be NULL */
    const char *record;     /* NODE:FILE, where to write the events of a node; may be NULL */
    const char *shrink;     /* where to write the smallest plan that fails; may be NULL */
    bool crash_points;
    const char *script; /* of the crash points; NULL: all */
    bool json, plan;
    bool cover; /* fail when a mark was never reached */
    struct cr_sim_options run;
};

/* Ends the program when there is nothing to run. */
void cr_sim_arguments_read(struct cr_sim_arguments *out, int argc, char **argv);

#endif
