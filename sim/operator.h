/* SPDX-License-Identifier: Apache-2.0 */
/* operator.h: who changes the validators (docs/protocol.md 6.7): the first client, when the plan
 * has `changes`. Every node has a seat from the beginning, but a `joiner`: the last one is not in
 * the genesis, and nobody hears it before it is added. Stakes come, go and come back while the
 * faults last, so that they meet the ends of epochs. */
#ifndef CR_SIM_OPERATOR_H
#define CR_SIM_OPERATOR_H

#include "host.h"

/* After the accounts: who the validators are, and who the operator is. */
void cr_operator_init(struct cr_sim *sim);
/* Makes the operator's transactions; they are sent until then. */
void cr_operator_schedule(struct cr_sim *sim, uint64_t until_us);

/* How many seats there are in the newest epoch that anybody has come to. */
uint32_t cr_operator_seats(const struct cr_sim *sim);
/* A node without a voice takes no transactions: those that wait there go elsewhere. */
void cr_operator_send_away(struct cr_host *host);

#endif
