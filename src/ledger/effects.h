/* SPDX-License-Identifier: Apache-2.0 */
/* effects.h: the one way the ledger changes the state: what is written is hashed, too.
 *
 * effects digest of a commit, integers little-endian:
 *   BLAKE3("CEF1" | previous effects digest[32] | commit index u64 | commit digest[32]
 *          | timestamp_ms u64 | items)
 * item = 1 u8 | transaction id[32] | result u8 | ops_count u16 | op result u8 x ops_count
 *      | 2 u8 | entry key[32] | bytes u32 | bytes                  (an entry is written)
 *      | 3 u8 | entry key[32]                                      (an entry is taken out)
 * Items in the order of execution: first the entries that expire, ascending by key; then, for each
 * transaction, its result (ops_count is 0 when it failed before its operations), its RECENT entry
 * when its signature was found valid, and the entries its operations changed: the signer's account,
 * then the others in the order in which the operations first touch them, each once, with what
 * is left at the end. A duplicate is no item. A transaction that cannot be decoded has a zero id.
 * Genesis (commit 0): the previous digest is zero, the commit digest is the genesis id, the items
 * are the accounts in the genesis' order. */
#ifndef CR_LEDGER_EFFECTS_H
#define CR_LEDGER_EFFECTS_H

#include "ledger/bulk.h"
#include "ledger/ledger.h"

struct cr_ledger_effects {
    const struct cr_state *state; /* borrowed */
    struct cr_bulk bulk;
    struct cr_bucket_set touched; /* written to; begun anew by whoever asks */
};

void cr_ledger_effects_begin(struct cr_ledger_effects *effects, const struct cr_state *state,
                             const struct cr_hash *previous, const struct cr_ledger_commit *commit);
/* `ops` is NULL when the transaction failed before its operations. */
void cr_ledger_effects_result(struct cr_ledger_effects *effects, const struct cr_hash *id,
                              enum cr_result result, const uint8_t *ops, uint32_t ops_count);
void cr_ledger_effects_put(struct cr_ledger_effects *effects, const struct cr_hash *key,
                           const uint8_t *bytes, uint32_t count);
void cr_ledger_effects_erase(struct cr_ledger_effects *effects, const struct cr_hash *key);
struct cr_hash cr_ledger_effects_end(struct cr_ledger_effects *effects);

#endif
