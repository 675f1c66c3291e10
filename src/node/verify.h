/* SPDX-License-Identifier: Apache-2.0 */
/* verify.h: the workers that check vertices from outside: payload hash and form and the author's
 * signature first of all, and then the clients' signatures as far as their keys are known. Pure
 * jobs in adaptive batches (node/batch.h) on workers that steal from each other (node/workers.h).
 *
 * Which worker does what, and when, is never seen outside: jobs come back to the main loop in the
 * order in which they were given, so that what one peer sent in causal order stays in causal order,
 * and the core is given the same events whatever the number of workers.
 */
#ifndef CR_NODE_VERIFY_H
#define CR_NODE_VERIFY_H

#include "node/batch.h"
#include "node/keycache.h"
#include "node/workers.h"
#include "wire/vertex.h"

enum {
    CR_VERIFY_JOBS_MAX = 256,
    CR_VERIFY_CLIENTS_MAX = 1024, /* vertices whose clients' signatures are under way */
    CR_VERIFY_SUBMITTED_MAX = 4096,
};
_Static_assert((int)CR_VERIFY_CLIENTS_MAX <= (int)CR_WORKERS_TASKS_MAX, "a seat holds all jobs");

enum cr_verify_result {
    CR_VERIFY_GOOD = 1,
    CR_VERIFY_BAD_PAYLOAD,   /* root, count or form of the transactions */
    CR_VERIFY_BAD_SIGNATURE, /* of the author */
};

struct cr_verify_job {
    uint32_t body;
    uint32_t peer;
    uint32_t lane, request;  /* of SYNC: which answer it is part of; CR_SYNC_LANES: none */
    struct cr_vertex vertex; /* views into the body's block, which stays while the job lives */
    enum cr_verify_result result;
};

struct cr_verify;

struct cr_verify_config {
    uint32_t workers;
    int wake_fd; /* eventfd of the main loop */
    struct cr_hash genesis_id;
    struct cr_keycache *keycache;
    struct cr_state_db *db; /* NULL: registered keys are not found */
};

/* NULL when memory or threads are out. It knows no author yet. */
struct cr_verify *cr_verify_start(const struct cr_verify_config *config);
/* Main loop only: the consensus key of the next author, by seat; copied. A key stays for ever, so
 * jobs that are under way need not be waited for. False: memory is out. */
bool cr_verify_know(struct cr_verify *verify, const struct cr_public_key *key);
uint32_t cr_verify_known(const struct cr_verify *verify);
void cr_verify_stop(struct cr_verify *verify); /* NULL is allowed */

/* Main loop only: a free job to fill in, NULL when all are under way; then submit it. */
struct cr_verify_job *cr_verify_new(struct cr_verify *verify);
void cr_verify_submit(struct cr_verify *verify);
/* Main loop only: the oldest job when it is done, else NULL; release it afterwards. */
struct cr_verify_job *cr_verify_done(struct cr_verify *verify);
void cr_verify_release(struct cr_verify *verify);
/* Main loop only: the clients' signatures of one payload that is well-formed. Verdicts (enum
 * cr_sig_verdict, zero at first) are complete when cr_verify_clients_done gives the body back; that
 * is in order. Body and verdicts stay until then. */
struct cr_verify_clients {
    uint32_t body;
    const uint8_t *payload;
    uint32_t payload_bytes, payload_count; /* at least 1 */
    uint8_t *verdicts;
    uint32_t invalid; /* out: how many do not verify; no honest node puts such into a vertex */
};
bool cr_verify_clients_room(const struct cr_verify *verify);
void cr_verify_clients(struct cr_verify *verify, const struct cr_verify_clients *job);
bool cr_verify_clients_done(struct cr_verify *verify, struct cr_verify_clients *out);

/* Whether a vertex with this digest is under way. */
bool cr_verify_has(const struct cr_verify *verify, const struct cr_hash *digest);
uint32_t cr_verify_count(const struct cr_verify *verify);

/* One thread at a time, not the main loop: transactions of clients, decoded. Returns when each has
 * its verdict. A batch that is worth it is shared with idle workers; the calling thread does what
 * they do not take, so it never waits for a thread that has not begun. */
void cr_verify_submitted(struct cr_verify *verify, struct cr_state_reader *reader,
                         const struct cr_tx *const *txs, uint32_t count,
                         enum cr_sig_verdict *verdicts);

struct cr_verify_stats {
    struct cr_workers_stats workers;
    struct cr_verify_batches {
        uint64_t batches[CR_BATCH_TIERS], items[CR_BATCH_TIERS];
        uint64_t item_ns; /* what one costs lately */
    } vertices, clients, submitted;
    uint64_t clients_waiting; /* clients' signatures not checked yet */
    uint64_t backlog_us;      /* how long all workers need for those, about */
};
/* Any thread. */
void cr_verify_stats(const struct cr_verify *verify, struct cr_verify_stats *out);

/* Whether the signature of a decoded vertex is valid under a key, on this chain; that its algorithm
 * is the key's is the caller's question. Any thread. */
bool cr_verify_vertex(const struct cr_vertex *vertex, const struct cr_prepared_key *key,
                      const struct cr_hash *genesis_id);

#endif
