/* SPDX-License-Identifier: Apache-2.0 */
/* ops.h: runs the operations of one transaction over an overlay, so that they see each other's
 * effects and can be forgotten together. The state itself changes only in cr_ops_write. */
#ifndef CR_LEDGER_OPS_H
#define CR_LEDGER_OPS_H

#include "ledger/effects.h"
#include "ledger/entry.h"

enum {
    /* The signer's account, the next committee, and at most one further entry per operation. */
    CR_OPS_SLOTS = CR_OPS_MAX + 2,
    CR_OPS_INDEX_LOG2 = 12,
    CR_OPS_INDEX = 1 << CR_OPS_INDEX_LOG2,
};

_Static_assert(CR_OPS_INDEX >= 2 * CR_OPS_SLOTS, "at most half full, so that probing ends soon");

/* An entry that the transaction has touched. Views point into the transaction, never into the
 * state: those die with the first write. */
struct cr_ops_slot {
    struct cr_hash key;
    enum cr_entry_kind kind;
    bool existed; /* before the transaction */
    bool exists;  /* now */
    bool changed;
    bool own;             /* RECORD: the owner is the signer */
    uint64_t balance;     /* ACCOUNT */
    const uint8_t *name;  /* RECORD: its key */
    const uint8_t *value; /* RECORD, once written here; OFFENCE: the evidence;
                             VALIDATOR: the profile */
    uint32_t name_bytes;
    uint32_t value_bytes;
    uint32_t seat; /* VALIDATOR */
};

struct cr_ops {
    uint64_t epoch;                    /* the running one; set before each commit */
    const struct cr_genesis *genesis;  /* borrowed, set once: whose signatures evidence needs */
    const struct cr_ledger_host *host; /* the same: who verifies them */
    const struct cr_state *state;      /* borrowed */
    const struct cr_tx *tx;            /* of the last run */
    uint64_t commit_index;
    uint64_t seed; /* of the index: from the commit digest, which no client knows when it signs */
    struct cr_public_key registered; /* by this transaction; it can do so once */
    uint32_t slots_count;
    struct cr_ops_slot slots[CR_OPS_SLOTS]; /* in the order of the first touch; 0 is the signer */
    uint16_t index[CR_OPS_INDEX];           /* by key: slot + 1, 0 for none */
    uint8_t results[CR_OPS_MAX];            /* enum cr_result of the last run */
    uint8_t scratch[CR_ENTRY_BYTES_MAX];
    struct cr_evidence evidence; /* decoded */
    struct cr_genesis_validator accused;
    struct cr_entry_committee next; /* of the next epoch, once touched */
};

/* Fills ops->results (tx->ops_count of them) and the overlay; returns the transaction's result.
 * `tx` is borrowed until cr_ops_write. */
enum cr_result cr_ops_run(struct cr_ops *ops, const struct cr_state *state, const struct cr_tx *tx,
                          const struct cr_ledger_commit *commit);
/* Writes what the last run has changed: nothing when it failed. */
void cr_ops_write(struct cr_ops *ops, struct cr_ledger_effects *effects);

#endif
