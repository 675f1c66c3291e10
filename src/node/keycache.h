/* SPDX-License-Identifier: Apache-2.0 */
/* keycache.h: prepared keys of client accounts, found by account.
 *
 * An account is the hash of its key, so an entry can never become wrong. A set-associative table
 * of fixed size with per-set turnover; a lock for the table only: verifying happens outside of it,
 * under a reference. Keys come from register operations or, on a miss, from the executed state.
 */
#ifndef CR_NODE_KEYCACHE_H
#define CR_NODE_KEYCACHE_H

#include "ledger/ledger.h"
#include "store/state.h"

struct cr_keycache;

struct cr_keycache *cr_keycache_new(uint32_t entries_max);
void cr_keycache_free(struct cr_keycache *cache);

/* Verifies the transaction's signature under its account's key. `reader` belongs to the calling
 * thread. CR_SIG_UNKNOWN: no such account in the executed state and none registered by the
 * transaction. */
enum cr_sig_verdict cr_keycache_verify(struct cr_keycache *cache, struct cr_state_reader *reader,
                                       const struct cr_tx *tx);
/* The same with the key given (the executor knows it). */
bool cr_keycache_verify_with(struct cr_keycache *cache, const struct cr_public_key *key,
                             const struct cr_tx *tx);

struct cr_keycache_stats {
    uint64_t hits, misses, valid, invalid;
};
void cr_keycache_stats(struct cr_keycache *cache, struct cr_keycache_stats *out);

#endif
