/* SPDX-License-Identifier: Apache-2.0 */
/* keycache.h: verifies clients' signatures: prepared keys by account, and what verified lately.
 *
 * An account is the hash of its key, so an entry can never become wrong. The table is bounded: sets
 * of eight entries, of which the one that is not used for the longest time is replaced. Finding an
 * entry takes no lock: the user pins it, and only an entry without pins is replaced. When all eight
 * are pinned, the key is prepared for one use. Keys come from the executed state. One that a
 * transaction brings itself, to register it, is for one use: keys are made up for nothing, and
 * would drive out those that are in use.
 *
 * Transactions that were valid are remembered, with their signature, in a bounded set
 * (node/recent.h): one that comes again, in another vertex or from a client, is not verified again.
 * Only that it was valid is remembered; what was forgotten is verified once more. All of it is
 * thread-safe. */
#ifndef CR_NODE_KEYCACHE_H
#define CR_NODE_KEYCACHE_H

#include "ledger/ledger.h"
#include "store/state.h"

struct cr_keycache;

/* Room for about so many keys, and so many valid transactions to be remembered. NULL when memory is
 * out. */
struct cr_keycache *cr_keycache_new(uint32_t keys_max, uint32_t recent_max);
void cr_keycache_free(struct cr_keycache *cache); /* NULL is allowed */

/* Verifies up to CR_TX_MANY transactions under their accounts' keys, together. `reader` belongs to
 * the calling thread, NULL: none. CR_SIG_UNKNOWN: no such account in the executed state and none
 * registered by the transaction. */
void cr_keycache_verify(struct cr_keycache *cache, struct cr_state_reader *reader,
                        const struct cr_tx *txs, uint32_t count, enum cr_sig_verdict *verdicts);
/* One, with the key given (the executor knows it). */
bool cr_keycache_verify_with(struct cr_keycache *cache, const struct cr_public_key *key,
                             const struct cr_tx *tx);

struct cr_keycache_stats {
    uint64_t hits, misses;
    uint64_t size, evictions, passed; /* entries; replaced ones; prepared for one use */
    uint64_t valid, invalid;          /* signatures */
    uint64_t repeated;                /* valid ones that were remembered */
};
void cr_keycache_stats(struct cr_keycache *cache, struct cr_keycache_stats *out);

#endif
