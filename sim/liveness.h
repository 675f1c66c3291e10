/* SPDX-License-Identifier: Apache-2.0 */
/* liveness.h: what must come true when the faults are over (L1 to L5 of docs/testing.md).
 *
 * First everything that was taken becomes final, and all nodes stand at the same commits. Then
 * comes a calm second, a second later: what clients send now is final soon, no core stays in any of
 * its emergency modes for ten seconds more, and nobody does more than a calm cluster does.
 */
#ifndef CR_SIM_LIVENESS_H
#define CR_SIM_LIVENESS_H

#include "base/base.h"

struct cr_sim;

struct cr_calm {
    uint64_t begin_us;
    uint32_t seats;         /* then; 0: it has not begun */
    uint64_t silent_us;     /* when one that had lost its guard did not sign yet; or the begin */
    uint64_t steps, rounds; /* of correct nodes, until the begin */
};

/* L2, L3: whether every transaction that a node was given is final, and the nodes are close
 * together; with `why` says what is missing. */
bool cr_liveness_is_back(struct cr_sim *sim, bool why);
/* Whether a run is long enough to have a calm second. */
bool cr_liveness_has_calm(const struct cr_sim *sim);
/* Sends a transaction to every node. */
void cr_liveness_begin_calm(struct cr_sim *sim);
/* L1: whether there is still time for them to become final. */
bool cr_liveness_may_wait(struct cr_sim *sim);
/* Whether no correct core is in an emergency mode, or it has had its time to leave it. */
bool cr_liveness_is_calm(const struct cr_sim *sim);
/* L4, L5. */
void cr_liveness_end_calm(struct cr_sim *sim);

#endif
