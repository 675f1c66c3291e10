/* SPDX-License-Identifier: Apache-2.0 */
/* root.h: one digest over the whole state: a binary Merkle tree over the digests of the buckets.
 *
 *   bucket digest = BLAKE3("CBK1" | entries, ascending by key: key[32] | bytes u32 | bytes)
 *   inner node    = BLAKE3("CND1" | left[32] | right[32])
 *   state root    = BLAKE3("CSR1" | index u64 | commit digest[32] | effects digest[32]
 *                          | timestamp_ms u64 | txs_count u64
 *                          | epoch u64 | its beginning: index u64 | commit digest[32]
 *                          | state root[32] | committee[32] | timestamp_ms u64
 *                          | top node[32])
 * The top node depends on the entries only, not on how they came about. The state root adds what
 * the ledger knows besides them (with a closing commit: the epoch that it closes), so that a root
 * that is agreed upon and a copy of the entries are all that a newcomer needs to go on.
 *
 * The tree stays in memory (256 KiB). Only buckets whose digest the keeper has dropped are hashed
 * again, and only inner nodes above a changed bucket. Zeroed memory is a tree that knows nothing:
 * no digest is zero.
 *
 * Hashing reads the state and writes the tree only, so another thread may do it with a snapshot
 * while the state moves on. The digests found are then true of the buckets that have not changed
 * since. */
#ifndef CR_LEDGER_ROOT_H
#define CR_LEDGER_ROOT_H

#include "ledger/ledger.h"

struct cr_root {
    /* Heap order: 1 is the top, children of i are 2i and 2i + 1, bucket b is CR_BUCKETS + b. */
    struct cr_hash nodes[2 * CR_BUCKETS];
    bool changed[2 * CR_BUCKETS]; /* scratch of one update */
    struct cr_bucket_set hashed;  /* by the last update: no digest was cached */
};

/* The digest of a bucket as its entries are now, whatever is cached. */
struct cr_hash cr_root_bucket(const struct cr_state *state, uint32_t bucket);
/* Brings the tree up to date with a state; returns the top node. */
struct cr_hash cr_root_update(struct cr_root *root, const struct cr_state *state);
/* Lets the keeper cache what the last update has hashed, without the buckets that were `touched`
 * since then. */
void cr_root_cache(const struct cr_root *root, const struct cr_state *state,
                   const struct cr_bucket_set *touched);
/* The state root of `head`, whose checkpoint fields do not matter. */
struct cr_hash cr_root_seal(const struct cr_ledger_head *head, const struct cr_hash *top);

#endif
