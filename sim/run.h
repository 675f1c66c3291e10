/* SPDX-License-Identifier: Apache-2.0 */
/* run.h: one run, from its plan to its verdict. */
#ifndef CR_SIM_RUN_H
#define CR_SIM_RUN_H

#include "cluster.h"

/* Why a run has failed. `check` is the same for two runs that broke the same rule. */
struct cr_failure {
    bool failed;
    char check[200];
    char text[600];
};

/* Runs a plan in this process. What the run took is kept, to be looked at (cr_run_sim), until the
 * next run begins. */
void cr_run_plan(const struct cr_plan *plan, const struct cr_sim_options *options,
                 struct cr_failure *out);
/* The same in a process of its own, silent, and with an end: for runs that may crash or hang. */
void cr_run_apart(const struct cr_plan *plan, const struct cr_sim_options *options,
                  struct cr_failure *out);
/* The cluster of the last cr_run_plan. */
const struct cr_sim *cr_run_sim(void);

#endif
