/* SPDX-License-Identifier: Apache-2.0 */
/* shrink.h: the smallest plan that still fails in the same way. */
#ifndef CR_SIM_SHRINK_H
#define CR_SIM_SHRINK_H

#include "run.h"

/* Replaces `plan` by a smaller one. Returns the number of runs it took; 0: the plan does not fail.
 * `out` says how the smaller one fails. */
uint32_t cr_shrink(struct cr_plan *plan, const struct cr_sim_options *options,
                   struct cr_failure *out);

#endif
