/* SPDX-License-Identifier: Apache-2.0 */
/* crash.h: short scripts, run once for every disk operation of every node, which dies there. */
#ifndef CR_SIM_CRASH_H
#define CR_SIM_CRASH_H

#include "run.h"

/* Runs one script, or with NULL all. Prints a line for each. False: a run failed, which has been
 * written to repro.plan, or there is no such script. */
bool cr_crash_points(const char *name, const struct cr_sim_options *options);
void cr_crash_points_print(void); /* names and what they are */

#endif
