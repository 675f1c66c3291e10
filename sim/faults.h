/* SPDX-License-Identifier: Apache-2.0 */
/* faults.h: what the entries of the plan that are active do to the nodes. (To links: network.h.) */
#ifndef CR_SIM_FAULTS_H
#define CR_SIM_FAULTS_H

#include "cluster.h"

/* Makes nodes and links what the active entries want them to be: dead, alive, slow, apart. */
void cr_faults_apply(struct cr_sim *sim);
/* An entry, by its place in the plan, begins or ends. */
void cr_faults_on_plan(struct cr_sim *sim, uint32_t place, bool begins);
/* The entry `again.number` acts once more, and plans its next time. */
void cr_faults_again(struct cr_sim *sim, struct cr_happening again);
/* Processes that are doomed die. */
void cr_faults_bury(struct cr_sim *sim);

#endif
