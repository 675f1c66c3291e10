/* SPDX-License-Identifier: Apache-2.0 */
/* executor.h: the ledger of one node over a keeper in memory: takes commits in order, executes them
 * later, and is rebuilt from the log after a crash. */
#ifndef CR_SIM_EXECUTOR_H
#define CR_SIM_EXECUTOR_H

#include "body.h"
#include "ledger/ledger.h"
#include "ledger/state_memory.h"

struct cr_sim;

struct cr_pending_commit {
    uint64_t index;
    struct cr_hash digest;
    uint64_t timestamp_ms;
    bool closing;
    uint32_t bodies_count;
    struct cr_body **bodies; /* in linear order, one reference each */
};

struct cr_executor {
    struct cr_sim *sim;
    uint32_t node;
    void *memory;
    size_t memory_bytes;
    struct cr_arena arena;
    struct cr_state_memory *keeper;
    struct cr_ledger_host host;
    struct cr_ledger *ledger;
    struct cr_pending_commit *queue;
    uint32_t queue_count, queue_max;
};

void cr_executor_init(struct cr_executor *executor, struct cr_sim *sim, uint32_t node);
/* The state at commit `head` again, from the genesis and the log. Up to `persisted` one ledger
 * executes, from there another one goes on: as if the state had been kept until that commit. */
void cr_executor_rebuild(struct cr_executor *executor, const struct cr_disk *disk,
                         uint64_t persisted, uint64_t head);
/* Takes over the references in `commit`. */
void cr_executor_add(struct cr_executor *executor, const struct cr_pending_commit *commit);
/* Executes the oldest waiting commit; there must be one. */
void cr_executor_run(struct cr_executor *executor);
void cr_executor_forget(struct cr_executor *executor); /* a crash: what waits is lost */

#endif
