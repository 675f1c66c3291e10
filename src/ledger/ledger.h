/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h: the deterministic executor: commits in, results and state changes out.
 *
 * Agreed code: integers only, no clock, no allocation; everything it does is a function of the
 * genesis and of the ordered commits. Two digests come out of it:
 *   effects digest  a chain over the result of every transaction and every write, at each commit
 *                   (ledger/effects.h)
 *   state root      Merkle root over bucket digests, at every params.checkpoint_commits-th commit
 *                   and at the closing commit of every epoch (ledger/root.h): a checkpoint
 * Equal effects digests mean equal states.
 *
 * A commit first takes out the recent transactions whose time is over, then runs its transactions.
 * Each is asked, in this order: does it decode, is it for this chain, is it still and already
 * valid, was it executed before, is its account known (or registered by its first operation), is
 * it signed? A transaction that passes is remembered until its time is over, whatever comes of it.
 * Its operations run in order and see each other's effects. ATOMIC: the first that fails gives the
 * transaction its result, all others are ABORTED. INDEPENDENT: the result is OK, each operation has
 * its own. A transfer is asked in this order: overdraft, unknown receiver, overflow; an amount of
 * 0 and a transfer to oneself are allowed and change nothing.
 */
#ifndef CR_LEDGER_LEDGER_H
#define CR_LEDGER_LEDGER_H

#include "base/arena.h"
#include "ledger/genesis.h"
#include "ledger/state.h"
#include "wire/commit.h"
#include "wire/evidence.h"
#include "wire/tx.h"

/* Result of a transaction or of an operation. Stable numbers: they are hashed and stored. `text`
 * is for people: what is wrong, and the way out. */
#define CR_RESULTS(X)                                                                             \
    X(CR_RESULT_OK, 0, "ok", "done")                                                              \
    X(CR_RESULT_MALFORMED, 1, "malformed", "the transaction cannot be decoded")                   \
    X(CR_RESULT_WRONG_CHAIN, 2, "wrong-chain", "it is signed for another chain")                  \
    X(CR_RESULT_EXPIRED, 3, "expired",                                                            \
      "its valid_until_commit has passed; build and sign it anew")                                \
    X(CR_RESULT_TTL_TOO_LONG, 4, "ttl-too-long",                                                  \
      "its valid_until_commit lies too far ahead; lower it")                                      \
    X(CR_RESULT_DUPLICATE, 5, "duplicate", "a transaction with this id was executed before")      \
    X(CR_RESULT_UNKNOWN_ACCOUNT, 6, "unknown-account",                                            \
      "the signing account is not registered; send a register operation first")                   \
    X(CR_RESULT_BAD_SIGNATURE, 7, "bad-signature", "the signature does not verify under the key") \
    X(CR_RESULT_OVERDRAFT, 8, "overdraft", "the balance is smaller than the amount")              \
    X(CR_RESULT_UNKNOWN_RECEIVER, 9, "unknown-receiver",                                          \
      "the receiving account is not registered")                                                  \
    X(CR_RESULT_OVERFLOW, 10, "overflow", "the receiving balance would exceed 2^63 - 1")          \
    X(CR_RESULT_NOT_OWNER, 11, "not-owner", "the record belongs to another account")              \
    X(CR_RESULT_NO_SUCH_KEY, 12, "no-such-key", "there is no record under this key")              \
    X(CR_RESULT_ALREADY_REGISTERED, 13, "already-registered", "the account is registered")        \
    X(CR_RESULT_KEY_MISMATCH, 14, "key-mismatch",                                                 \
      "the registered key does not hash to the signing account")                                  \
    X(CR_RESULT_ABORTED, 15, "aborted", "another operation of the atomic transaction failed")     \
    X(CR_RESULT_BAD_EVIDENCE, 16, "bad-evidence",                                                 \
      "it does not prove that one validator has signed two vertices that conflict")               \
    X(CR_RESULT_KNOWN_OFFENCE, 17, "known-offence",                                               \
      "an offence of this validator is recorded for this epoch already")                          \
    X(CR_RESULT_WRONG_EPOCH, 18, "wrong-epoch",                                                   \
      "the validators of the evidence's epoch are not known here")                                \
    X(CR_RESULT_UNKNOWN_VALIDATOR, 19, "unknown-validator",                                       \
      "there is no such validator in that epoch")                                                 \
    X(CR_RESULT_NOT_OPERATOR, 20, "not-operator",                                                 \
      "only the operator that the genesis names may change the validators")                       \
    X(CR_RESULT_KNOWN_VALIDATOR, 21, "known-validator",                                           \
      "a validator, perhaps a former one, has this name, address or key; a former one comes "     \
      "back by a stake")                                                                          \
    X(CR_RESULT_STAKE_TOO_LARGE, 22, "stake-too-large",                                           \
      "one validator would hold more than a third of the stake, or all together 2^63 or more")    \
    X(CR_RESULT_VALIDATORS_LIMIT, 23, "validators-limit",                                         \
      "fewer than four validators with stake would be left, or more than 128 known in all")       \
    X(CR_RESULT_CHANGE_TOO_LARGE, 24, "change-too-large",                                         \
      "too much stake would come or go within one epoch; wait for the next")

#define CR_RESULTS_ENUM(name, code, label, text) name = (code),
enum cr_result { CR_RESULTS(CR_RESULTS_ENUM) };
enum { CR_RESULTS_COUNT = 25 };

/* "overdraft"; "the balance is smaller than the amount". NULL for an unknown code. */
const char *cr_result_label(enum cr_result result);
const char *cr_result_text(enum cr_result result);

/* What is known of a transaction's signature before execution. An account is the hash of its key,
 * so a verdict does not depend on the state and may be found early, by any thread. */
enum cr_sig_verdict {
    CR_SIG_UNKNOWN = 0, /* the key was not known then: the ledger asks `verify` */
    CR_SIG_VALID = 1,
    CR_SIG_INVALID = 2,
};

struct cr_ledger_payload {
    const uint8_t *bytes;
    uint32_t bytes_count;
    uint32_t txs_count;
    const uint8_t *verdicts; /* enum cr_sig_verdict per transaction; NULL: all unknown */
};

struct cr_ledger_commit {
    uint64_t index; /* exactly head.index + 1 */
    struct cr_hash digest;
    uint64_t timestamp_ms;
    bool closing; /* the last one of its epoch: a checkpoint, and a new epoch begins */
    bool later;   /* local: if it is a checkpoint and does not close, it is only opened (below) */
    uint32_t payloads_count;
    const struct cr_ledger_payload *payloads; /* in linear order */
};

/* What has been executed: the ledger's whole memory besides the state. */
struct cr_ledger_head {
    uint64_t index; /* commits executed */
    struct cr_hash commit_digest;
    struct cr_hash effects_digest;
    uint64_t checkpoint_index; /* 0: none yet */
    struct cr_hash state_root;
    uint64_t timestamp_ms;
    struct cr_epoch epoch; /* of the next commit: with a closing commit it is the new one */
    uint64_t txs_count;    /* transactions that took part in the order, duplicates excluded */
};

struct cr_ledger_tx_result {
    const struct cr_tx *tx;
    uint64_t commit_index;
    uint32_t position; /* in the commit, counted over all its payloads */
    enum cr_result result;
    bool authentic; /* the signature was found valid and the operations ran: true at most once per
                       id. Anyone can bring about any other result under the id of a transaction
                       he has seen, so that none of them may replace or hide this one. */
    uint32_t ops_count;
    const uint8_t *ops; /* enum cr_result per operation, valid during the call; NULL when the
                           transaction failed before its operations */
};

struct cr_ledger_host {
    struct cr_state state;
    void *context;
    /* Verifies under the registered key, when no verdict was known. */
    bool (*verify)(void *context, const struct cr_public_key *key, const struct cr_tx *tx);
    /* Verifies the head of a vertex under a validator's key: evidence only. The same verdict
     * everywhere, like any signature's. */
    bool (*verify_vertex)(void *context, const struct cr_public_key *key,
                          const struct cr_vertex *vertex);
    /* Told of every transaction in order, before its writes; of duplicates too, of undecodable
     * ones not. May be NULL. */
    void (*on_result)(void *context, const struct cr_ledger_tx_result *result);
};

struct cr_ledger; /* opaque, in the arena */

/* Takes its scratch memory from the arena (about 400 KiB); NULL when that only measures. `genesis`
 * and `host` are borrowed and outlive it. */
struct cr_ledger *cr_ledger_init(struct cr_arena *arena, const struct cr_genesis *genesis,
                                 const struct cr_ledger_host *host);
/* Starts from an empty state: writes the genesis accounts. head becomes that of commit 0, with the
 * genesis id as commit digest and a state root. */
void cr_ledger_start_genesis(struct cr_ledger *ledger);
/* Goes on from a state that was left at `head`. */
void cr_ledger_start_at(struct cr_ledger *ledger, const struct cr_ledger_head *head);

void cr_ledger_execute(struct cr_ledger *ledger, const struct cr_ledger_commit *commit);
const struct cr_ledger_head *cr_ledger_head(const struct cr_ledger *ledger);

/* ---- a checkpoint made later ----
 * To hash a large state takes seconds, and the next commits do not depend on it. A commit that is
 * executed with `later` opens a checkpoint of the state as it is then. The host keeps a snapshot of
 * that state, has it hashed while it executes further commits, and takes the root in before the
 * next commit that is a checkpoint. One that is lost (the process ends) is never made. */
bool cr_ledger_is_checkpoint(const struct cr_ledger *ledger, const struct cr_ledger_commit *commit);
bool cr_ledger_has_open_checkpoint(const struct cr_ledger *ledger);
/* The long part: any thread, once, and nobody takes it in meanwhile. Asks the snapshot for
 * `bucket_get` and `scan` only. */
void cr_ledger_hash_checkpoint(struct cr_ledger *ledger, const struct cr_state *snapshot);
/* The head gets its index and state root; the keeper gets bucket digests. */
void cr_ledger_take_checkpoint(struct cr_ledger *ledger);

/* Asserts conservation (sum of balances = genesis sum) and the form of every entry by a scan of all
 * buckets (ledger/check.h). For tests and the simulator. */
void cr_ledger_check(const struct cr_ledger *ledger);

/* ---- reading the state, for the API: pure functions over any keeper ---- */

struct cr_account {
    struct cr_public_key key;
    uint64_t balance;
    uint64_t registered_at; /* commit index; 0: genesis */
};
struct cr_record {
    struct cr_hash owner;
    uint64_t version; /* commit index of the last write */
    const uint8_t *value;
    uint32_t value_bytes;
};
/* False when there is none. Views are valid as long as the keeper's values are. */
bool cr_ledger_find_account(const struct cr_state *state, const struct cr_hash *account,
                            struct cr_account *out);
bool cr_ledger_find_record(const struct cr_state *state, const uint8_t *key, uint32_t key_bytes,
                           struct cr_record *out);

struct cr_entry_offence; /* ledger/entry.h */
/* The offence recorded for a validator (the account of its consensus key) and an epoch. */
bool cr_ledger_find_offence(const struct cr_state *state, const struct cr_hash *validator,
                            uint64_t epoch, struct cr_entry_offence *out);
#endif
