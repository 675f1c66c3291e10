/* SPDX-License-Identifier: Apache-2.0 */
/* mempool.h: signed transactions that were received here and have no result yet.
 *
 * A transaction is WAITING until one of our vertices takes it, then CARRIED by that vertex until it
 * is executed (by whichever vertex came first), expires, or the vertex is dropped uncommitted.
 * Everything is bounded: entries, bytes, entries per account. Full means refused, never grown.
 * Thread-safe: API threads add, the main loop takes; one lock, held for microseconds.
 */
#ifndef CR_NODE_MEMPOOL_H
#define CR_NODE_MEMPOOL_H

#include "wire/tx.h"

struct cr_mempool;

struct cr_mempool_limits {
    uint32_t txs_max;
    uint32_t txs_per_account_max;
    uint64_t bytes_max;
};

/* NULL when memory is out. */
struct cr_mempool *cr_mempool_new(const struct cr_mempool_limits *limits);
void cr_mempool_free(struct cr_mempool *mempool);

/* Copies the transaction. CR_ERR_EXISTS: it is here already; CR_ERR_FULL: a limit is reached. */
CR_MUST_CHECK enum cr_err cr_mempool_add(struct cr_mempool *mempool, const struct cr_tx *tx,
                                         const uint8_t *bytes);
bool cr_mempool_find(struct cr_mempool *mempool, const struct cr_hash *id, bool *carried);

/* Fills a payload (wire/payload.h) of at most bytes_max bytes and CR_PAYLOAD_TXS_MAX transactions
 * with waiting ones in order of arrival and marks them carried by `carrier`. Returns its length. */
size_t cr_mempool_take(struct cr_mempool *mempool, uint32_t carrier, uint8_t *payload,
                       size_t bytes_max, uint32_t *txs_count);
/* Upper bound of the payload that take would fill now. */
size_t cr_mempool_payload_bytes(struct cr_mempool *mempool, size_t bytes_max);
/* The carrier was dropped uncommitted: its transactions wait again, first in line. */
void cr_mempool_requeue(struct cr_mempool *mempool, uint32_t carrier);
/* The transaction has a result. */
void cr_mempool_remove(struct cr_mempool *mempool, const struct cr_hash *id);
/* Takes out up to `max` transactions that can no longer execute after commit `index`. */
uint32_t cr_mempool_expire(struct cr_mempool *mempool, uint64_t index, struct cr_hash *ids,
                           uint32_t max);

struct cr_mempool_stats {
    uint32_t txs, waiting;
    uint64_t bytes;
};
void cr_mempool_stats(struct cr_mempool *mempool, struct cr_mempool_stats *out);

#endif
