/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h: the load generator: signed transactions made before the clock starts, sent by one epoll
 * loop, measured from the time each one was meant to be sent, and checked on every node at the end.
 *
 * Threads: the signers (bench_sign.c) each write transactions of their own; `ready` hands one over
 * to the loop. Everything else belongs to the loop's thread.
 */
#ifndef CR_CLI_BENCH_H
#define CR_CLI_BENCH_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/histogram.h"
#include "cli/client.h"

enum {
    CR_BENCH_SIGNERS_MAX = 16,
    CR_BENCH_DRAIN_S = 30, /* how long answers are awaited after the last submission */
};

struct cr_bench_plan {
    uint64_t clients, ops_per_tx, op_bytes;
    uint64_t rate;        /* transactions per second; 0: as fast as answers come (closed loop) */
    uint64_t seconds;     /* of submission */
    uint64_t in_flight;   /* closed loop: per client */
    uint64_t batch_txs;   /* at most so many in one request */
    uint64_t connections; /* at most so many per node */
    uint64_t ttl;
    uint64_t txs_count; /* to be signed */
    bool sign_live;
};

enum cr_bench_state {
    CR_BENCH_MADE = 1, /* or still to be made */
    CR_BENCH_SENT,
    CR_BENCH_FINAL,
    CR_BENCH_REJECTED,
};

struct cr_bench_tx {
    uint8_t *bytes; /* owned: {bytes u32, transaction} */
    uint32_t bytes_count;
    uint32_t position;
    uint64_t commit_index;
    uint64_t due_us; /* when it was meant to be sent */
    uint64_t next;   /* in a node's queue: index + 1; 0: none */
    struct cr_hash id;
    enum cr_bench_state state; /* the loop's */
    _Atomic bool ready;        /* released by the signer, acquired by the loop */
};

struct cr_bench_client {
    uint8_t seed[32];
};

struct cr_bench {
    struct cr_bench_plan plan;
    struct cr_urls urls;
    struct cr_client_chain chain;
    uint8_t run_id[8];
    struct cr_bench_client *clients; /* plan.clients */
    struct cr_bench_tx *txs;         /* plan.txs_count; transaction i is of client i % clients */

    pthread_t signers[CR_BENCH_SIGNERS_MAX];
    uint32_t signers_count;
    _Atomic bool signing_failed;
    _Atomic bool stop_signing;

    uint64_t submitted, final, rejected, unknown;
    uint64_t elapsed_us; /* from the first intended submission to the last final answer */
    uint32_t nodes_verified;
    struct cr_histogram latency_us;
};

/* ---- bench_sign.c ---- */
/* Length of one framed transaction with this plan; 0 when it exceeds CR_TX_BYTES_MAX. */
uint64_t cr_bench_tx_bytes(const struct cr_bench_plan *plan);
/* Makes the clients' accounts and registers them; says what is wrong and returns the exit code. */
int cr_bench_register(struct cr_bench *bench);
/* Starts the signers; join waits for them. False: out of threads, or signing failed. */
bool cr_bench_sign_start(struct cr_bench *bench);
bool cr_bench_sign_join(struct cr_bench *bench);

/* ---- bench_load.c ---- */
/* Submits, measures, drains. Fills the counts. Says what is wrong and returns the exit code. */
int cr_bench_load(struct cr_bench *bench);

/* ---- bench_check.c ---- */
/* Looks every transaction counted as final up on every node. CR_EXIT_FAILED when one is missing or
 * differs; CR_EXIT_UNKNOWN when a node cannot be asked. */
int cr_bench_check(struct cr_bench *bench);

/* ---- bench_report.c ---- */
void cr_bench_report(const struct cr_bench *bench, bool json);

#endif
