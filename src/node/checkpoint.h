/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.h: hashes the state for a checkpoint (ledger/root.h) on a thread of its own, from a
 * snapshot, while the main loop executes further commits. One at a time. */
#ifndef CR_NODE_CHECKPOINT_H
#define CR_NODE_CHECKPOINT_H

#include "ledger/ledger.h"
#include "store/state.h"

struct cr_checkpoint;

/* NULL when memory or LMDB's table of readers is full. `db` is borrowed and outlives it; what is
 * done wakes `wake_fd`. */
struct cr_checkpoint *cr_checkpoint_new(struct cr_state_db *db, int wake_fd);
/* Gives up what is under way. Before the ledger goes. */
void cr_checkpoint_free(struct cr_checkpoint *checkpoint);

/* Hashes the ledger's open checkpoint from the state as the last execution has left it: the one
 * that has opened it. */
CR_MUST_CHECK enum cr_err cr_checkpoint_begin(struct cr_checkpoint *checkpoint,
                                              struct cr_ledger *ledger,
                                              struct cr_store_failure *failure);
bool cr_checkpoint_is_under_way(const struct cr_checkpoint *checkpoint); /* begun, not ended */
bool cr_checkpoint_is_done(const struct cr_checkpoint *checkpoint);      /* and end does not wait */
/* Then the ledger can take it in. Returns how long it took, in microseconds. */
uint64_t cr_checkpoint_end(struct cr_checkpoint *checkpoint);

#endif
