/* SPDX-License-Identifier: Apache-2.0 */
/* reorder.h: what was decided must follow from the DAG alone, not from the order of its arrival. */
#ifndef CR_SIM_REORDER_H
#define CR_SIM_REORDER_H

#include "cluster.h"

/* After a run that held: fresh cores get all vertices that correct nodes have logged, in `shuffles`
 * random orders, and each log alone in its own order. Every commit they make must be, byte for
 * byte, the one that the cluster has made. Fails the run if not. */
void cr_reorder_check(struct cr_sim *sim, uint32_t shuffles);

#endif
