/* SPDX-License-Identifier: Apache-2.0 */
/* executor.h: runs commits through the ledger over the state database, in order, exactly once.
 *
 * A COMMIT of the core is queued here with references to its bodies; it runs when its record lies
 * in the log (not necessarily durable: the vertices that make it final are durable at their
 * authors). What is ready runs as one database transaction, then results are published: to waiting
 * clients, to the mempool, and back to the core as EXECUTED. A run is short: what is left waits for
 * the next turn of the loop. Checkpoints are hashed beside it (node/checkpoint.h), except those of
 * closing commits, which the next epoch needs, and of commits that are replayed.
 */
#ifndef CR_NODE_EXECUTOR_H
#define CR_NODE_EXECUTOR_H

#include "api/api.h"
#include "core/core.h"
#include "node/body.h"
#include "node/disk.h"
#include "node/keycache.h"
#include "node/mempool.h"

enum { CR_EXECUTOR_COMMITS_MAX = 1024 };

struct cr_executor;

struct cr_executor_config {
    const struct cr_genesis *genesis;
    struct cr_state_db *db;
    struct cr_log *log;
    struct cr_bodies *bodies;
    struct cr_keycache *keycache;
    struct cr_mempool *mempool;
    int wake_fd; /* when a checkpoint is done */
};

/* NULL when memory is out. Starts from the genesis when head->index is 0 and the database is
 * empty. */
struct cr_executor *cr_executor_new(const struct cr_executor_config *config,
                                    const struct cr_ledger_head *head, bool empty,
                                    struct cr_store_failure *failure);
void cr_executor_free(struct cr_executor *executor);
/* Where results go once the API is open; NULL: nowhere. */
void cr_executor_set_api(struct cr_executor *executor, struct cr_api *api);

/* Queues a commit of the core and hands its record to the disk. False: the queue is full; the
 * caller tries again after cr_executor_run. */
bool cr_executor_put(struct cr_executor *executor, const struct cr_effect *commit,
                     const struct cr_log_position *scan, struct cr_disk *disk);
/* The disk thread has appended the record of slot `tag`. */
void cr_executor_logged(struct cr_executor *executor, uint32_t tag,
                        const struct cr_log_position *position);
/* Runs what is ready. *executed tells whether the head has changed. An error is final. */
CR_MUST_CHECK enum cr_err cr_executor_run(struct cr_executor *executor, bool *executed,
                                          struct cr_store_failure *failure);
/* Something is left to run at once. */
bool cr_executor_is_ready(const struct cr_executor *executor);
/* How many more commits may be queued. */
uint32_t cr_executor_room(const struct cr_executor *executor);

/* Recovery: runs one logged commit whose vertices are read from the log. `position` is that of the
 * COMMIT record; `vertices` gives the position of each of the record's vertices. */
CR_MUST_CHECK enum cr_err
cr_executor_replay(struct cr_executor *executor, const struct cr_commit *commit,
                   const struct cr_hash *digest, const struct cr_log_position *position,
                   const struct cr_log_position *vertices, struct cr_store_failure *failure);

const struct cr_ledger_head *cr_executor_head(const struct cr_executor *executor);

struct cr_executor_stats {
    uint64_t results[CR_RESULTS_COUNT];
    uint64_t operations;
    struct cr_histogram commit_us; /* of one run */
    uint64_t checkpoint_us;        /* of the last one that was hashed beside it */
};
void cr_executor_stats(const struct cr_executor *executor, struct cr_executor_stats *out);

#endif
