/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/ledger.h"

#include <string.h>

#include "ledger/check.h"
#include "ledger/effects.h"
#include "ledger/entry.h"
#include "ledger/ops.h"
#include "ledger/root.h"
#include "ledger/validators.h"
#include "wire/payload.h"

enum { EXPIRIES_AT_ONCE = 256 };

struct cr_ledger {
    const struct cr_genesis *genesis;  /* borrowed */
    const struct cr_ledger_host *host; /* borrowed */
    struct cr_ledger_head head;
    const struct cr_ledger_commit *commit; /* in execution */
    uint32_t position;                     /* of the next transaction in it */
    struct cr_public_key signer;           /* of the transaction in execution */
    struct cr_hash expired[EXPIRIES_AT_ONCE];
    struct cr_ledger_effects effects;
    struct cr_ops ops;
    bool is_open;                    /* a checkpoint */
    struct cr_ledger_head opened_at; /* what it is of */
    struct cr_root root;             /* of the thread that hashes it */
};

struct cr_ledger *cr_ledger_init(struct cr_arena *arena, const struct cr_genesis *genesis,
                                 const struct cr_ledger_host *host)
{
    struct cr_ledger *ledger = cr_arena_take(arena, 1, sizeof *ledger);
    if (!ledger) return NULL; /* the arena only measures */
    CR_ASSERT(genesis->params.checkpoint_commits > 0);
    CR_ASSERT(genesis->params.tx_ttl_max <= CR_TX_TTL_MAX);
    CR_ASSERT(host->verify != NULL && host->verify_vertex != NULL);
    ledger->genesis = genesis;
    ledger->host = host;
    ledger->ops.genesis = genesis;
    ledger->ops.host = host;
    return ledger;
}

/* ---- checkpoints ---- */

bool cr_ledger_is_checkpoint(const struct cr_ledger *ledger, const struct cr_ledger_commit *commit)
{
    return commit->closing || commit->index % ledger->genesis->params.checkpoint_commits == 0;
}

bool cr_ledger_has_open_checkpoint(const struct cr_ledger *ledger)
{
    return ledger->is_open;
}

static void open_checkpoint(struct cr_ledger *ledger)
{
    CR_ASSERT(!ledger->is_open);
    ledger->is_open = true;
    ledger->opened_at = ledger->head;
    ledger->effects.touched = (struct cr_bucket_set){0};
}

void cr_ledger_hash_checkpoint(struct cr_ledger *ledger, const struct cr_state *snapshot)
{
    CR_ASSERT(ledger->is_open);
    (void)cr_root_update(&ledger->root, snapshot);
}

void cr_ledger_take_checkpoint(struct cr_ledger *ledger)
{
    CR_ASSERT(ledger->is_open);
    cr_root_cache(&ledger->root, &ledger->host->state, &ledger->effects.touched);
    ledger->head.checkpoint_index = ledger->opened_at.index;
    ledger->head.state_root = cr_root_seal(&ledger->opened_at, &ledger->root.nodes[1]);
    ledger->is_open = false;
}

static void finish_checkpoint(struct cr_ledger *ledger)
{
    cr_ledger_hash_checkpoint(ledger, &ledger->host->state);
    cr_ledger_take_checkpoint(ledger);
}

/* ---- epochs ---- */

/* The stakes of an epoch are fixed with the commit before it: from then on they stand in the state.
 * An operation may have written them already. */
static void fix_stakes(struct cr_ledger *ledger, uint64_t epoch)
{
    const struct cr_state *state = &ledger->host->state;
    const struct cr_hash key = cr_entry_committee_key(epoch);
    struct cr_state_value value;
    struct cr_entry_committee stakes;
    uint8_t bytes[CR_ENTRY_BYTES_MAX];
    if (cr_hash_is_zero(&ledger->genesis->operator_account)) return; /* always the genesis's */
    if (state->get(state->context, &key, &value)) return;
    if (!cr_validators_stakes(ledger->genesis, state, epoch, &stakes)) return; /* state.h: failed */
    cr_ledger_effects_put(&ledger->effects, &key, bytes, cr_entry_encode_committee(&stakes, bytes));
}

static void begin_epoch(struct cr_ledger *ledger, uint64_t number)
{
    struct cr_ledger_head *head = &ledger->head;
    CR_ASSERT(head->checkpoint_index == head->index);
    head->epoch = (struct cr_epoch){.number = number,
                                    .index = head->index,
                                    .state_root = head->state_root,
                                    .timestamp_ms = head->timestamp_ms};
    (void)cr_validators_hash_of(ledger->genesis, &ledger->host->state, number,
                                &head->epoch.committee); /* false: as above */
    if (head->index > 0) head->epoch.digest = head->commit_digest;
}

/* ---- the beginning ---- */

static void put_genesis_account(struct cr_ledger *ledger, const struct cr_genesis_account *account)
{
    const struct cr_hash name = cr_public_key_account(&account->key);
    const struct cr_hash key = cr_entry_key(CR_ENTRY_ACCOUNT, name.bytes, sizeof name.bytes);
    const struct cr_entry_account entry = {
        .alg = account->key.alg, .key = account->key.bytes, .balance = account->balance};
    uint8_t bytes[CR_ENTRY_BYTES_MAX];
    cr_ledger_effects_put(&ledger->effects, &key, bytes, cr_entry_encode_account(&entry, bytes));
}

static void put_genesis_stakes(struct cr_ledger *ledger)
{
    const struct cr_genesis *genesis = ledger->genesis;
    const struct cr_hash key = cr_entry_committee_key(CR_GENESIS_EPOCH);
    struct cr_entry_committee stakes = {.epoch = CR_GENESIS_EPOCH,
                                        .count = genesis->validators_count};
    uint8_t bytes[CR_ENTRY_BYTES_MAX];
    if (cr_hash_is_zero(&genesis->operator_account)) return;
    for (uint32_t i = 0; i < stakes.count; i++)
        stakes.stake[i] = genesis->validators[i].stake;
    cr_ledger_effects_put(&ledger->effects, &key, bytes, cr_entry_encode_committee(&stakes, bytes));
}

void cr_ledger_start_genesis(struct cr_ledger *ledger)
{
    const struct cr_genesis *genesis = ledger->genesis;
    const struct cr_ledger_commit commit = {.digest = genesis->id,
                                            .timestamp_ms = genesis->timestamp_ms};
    const struct cr_hash none = {{0}};
    CR_ASSERT(genesis->accounts_count <= CR_GENESIS_ACCOUNTS_MAX);

    cr_ledger_effects_begin(&ledger->effects, &ledger->host->state, &none, &commit);
    for (uint32_t i = 0; i < genesis->accounts_count; i++)
        put_genesis_account(ledger, &genesis->accounts[i]);
    put_genesis_stakes(ledger);
    ledger->head =
        (struct cr_ledger_head){.commit_digest = genesis->id,
                                .effects_digest = cr_ledger_effects_end(&ledger->effects),
                                .timestamp_ms = genesis->timestamp_ms};
    open_checkpoint(ledger);
    finish_checkpoint(ledger);
    begin_epoch(ledger, 1);
}

void cr_ledger_start_at(struct cr_ledger *ledger, const struct cr_ledger_head *head)
{
    CR_ASSERT(head->checkpoint_index <= head->index);
    ledger->head = *head; /* the tree follows at the next checkpoint */
}

const struct cr_ledger_head *cr_ledger_head(const struct cr_ledger *ledger)
{
    return &ledger->head;
}

/* ---- may this transaction run? ---- */

/* Finds the key under which the transaction must be signed: the registered one, or the one that its
 * first operation registers. */
static bool find_signer(struct cr_ledger *ledger, const struct cr_tx *tx)
{
    struct cr_account account;
    if (cr_ledger_find_account(&ledger->host->state, &tx->account, &account)) {
        ledger->signer = account.key;
        return true;
    }
    struct cr_op op;
    size_t position = 0;
    if (!cr_tx_op_next(tx, &position, &op) || op.type != CR_OP_REGISTER) return false;
    const struct cr_hash own = cr_public_key_account(&op.register_key);
    if (!cr_hash_equal(&own, &tx->account)) return false;
    ledger->signer = op.register_key;
    return true;
}

static bool is_signed(const struct cr_ledger *ledger, const struct cr_tx *tx,
                      enum cr_sig_verdict verdict)
{
    if (tx->sig_alg != ledger->signer.alg) return false;
    switch (verdict) {
    case CR_SIG_UNKNOWN: return ledger->host->verify(ledger->host->context, &ledger->signer, tx);
    case CR_SIG_VALID: return true;
    case CR_SIG_INVALID: return false;
    }
    CR_UNREACHABLE();
}

/* OK: its operations may run. The cheap questions come first. */
static enum cr_result admit(struct cr_ledger *ledger, const struct cr_tx *tx,
                            const struct cr_hash *recent_key, enum cr_sig_verdict verdict)
{
    const struct cr_state *state = &ledger->host->state;
    const uint64_t index = ledger->commit->index;
    struct cr_state_value value;

    if (memcmp(tx->chain, ledger->genesis->id.bytes, CR_TX_CHAIN_BYTES) != 0) {
        return CR_RESULT_WRONG_CHAIN;
    }
    if (tx->valid_until_commit < index) return CR_RESULT_EXPIRED;
    if (tx->valid_until_commit - index > ledger->genesis->params.tx_ttl_max) {
        return CR_RESULT_TTL_TOO_LONG;
    }
    if (state->get(state->context, recent_key, &value)) return CR_RESULT_DUPLICATE;
    if (!find_signer(ledger, tx)) return CR_RESULT_UNKNOWN_ACCOUNT;
    if (!is_signed(ledger, tx, verdict)) return CR_RESULT_BAD_SIGNATURE;
    return CR_RESULT_OK;
}

/* ---- execution ---- */

/* From now on, and as long as it could be executed, the same transaction is a duplicate. */
static void remember(struct cr_ledger *ledger, const struct cr_tx *tx, const struct cr_hash *key)
{
    const struct cr_state *state = &ledger->host->state;
    const struct cr_entry_recent recent = {.id = tx->id,
                                           .valid_until_commit = tx->valid_until_commit};
    uint8_t bytes[CR_ENTRY_BYTES_MAX];
    cr_ledger_effects_put(&ledger->effects, key, bytes, cr_entry_encode_recent(&recent, bytes));
    state->expiry_put(state->context, tx->valid_until_commit, key);
}

static void tell(const struct cr_ledger *ledger, const struct cr_tx *tx, enum cr_result result,
                 bool authentic, const uint8_t *ops)
{
    const struct cr_ledger_tx_result told = {.tx = tx,
                                             .commit_index = ledger->commit->index,
                                             .position = ledger->position,
                                             .result = result,
                                             .authentic = authentic,
                                             .ops_count = tx->ops_count,
                                             .ops = ops};
    if (ledger->host->on_result) ledger->host->on_result(ledger->host->context, &told);
}

static void count(struct cr_ledger *ledger, const struct cr_hash *id, enum cr_result result,
                  const uint8_t *ops, uint32_t ops_count)
{
    cr_ledger_effects_result(&ledger->effects, id, result, ops, ops_count);
    ledger->head.txs_count++;
}

static void execute_tx(struct cr_ledger *ledger, const struct cr_tx *tx,
                       enum cr_sig_verdict verdict)
{
    const struct cr_hash recent_key =
        cr_entry_key(CR_ENTRY_RECENT, tx->id.bytes, sizeof tx->id.bytes);
    const enum cr_result admitted = admit(ledger, tx, &recent_key, verdict);
    if (admitted != CR_RESULT_OK) {
        if (admitted != CR_RESULT_DUPLICATE) count(ledger, &tx->id, admitted, NULL, 0);
        tell(ledger, tx, admitted, false, NULL);
        return;
    }

    struct cr_ops *ops = &ledger->ops;
    const enum cr_result result = cr_ops_run(ops, &ledger->host->state, tx, ledger->commit);
    count(ledger, &tx->id, result, ops->results, tx->ops_count);
    tell(ledger, tx, result, true, ops->results);
    remember(ledger, tx, &recent_key);
    cr_ops_write(ops, &ledger->effects);
}

/* What does not walk or decode was refused long before; should it come here all the same, every
 * replica does the same with it. */
static void execute_payload(struct cr_ledger *ledger, const struct cr_ledger_payload *payload)
{
    static const struct cr_hash no_id;
    struct cr_payload walk =
        cr_payload_begin(payload->bytes, payload->bytes_count, payload->txs_count);
    const uint8_t *bytes;
    uint32_t bytes_count;
    for (uint32_t i = 0; cr_payload_next(&walk, &bytes, &bytes_count); i++) {
        struct cr_tx tx;
        if (cr_tx_decode(bytes, bytes_count, &tx) == CR_OK) {
            const uint8_t verdict = payload->verdicts ? payload->verdicts[i] : CR_SIG_UNKNOWN;
            execute_tx(ledger, &tx, (enum cr_sig_verdict)verdict);
        } else {
            count(ledger, &no_id, CR_RESULT_MALFORMED, NULL, 0);
        }
        ledger->position++;
    }
}

static void expire(struct cr_ledger *ledger, uint64_t commit_index)
{
    const struct cr_state *state = &ledger->host->state;
    uint32_t taken;
    while ((taken = state->expiry_take(state->context, commit_index, ledger->expired,
                                       EXPIRIES_AT_ONCE)) > 0) {
        CR_ASSERT(taken <= EXPIRIES_AT_ONCE);
        for (uint32_t i = 0; i < taken; i++)
            cr_ledger_effects_erase(&ledger->effects, &ledger->expired[i]);
    }
}

void cr_ledger_execute(struct cr_ledger *ledger, const struct cr_ledger_commit *commit)
{
    struct cr_ledger_head *head = &ledger->head;
    CR_ASSERT(commit->index == head->index + 1);
    ledger->commit = commit;
    ledger->position = 0;
    ledger->ops.epoch = head->epoch.number;

    cr_ledger_effects_begin(&ledger->effects, &ledger->host->state, &head->effects_digest, commit);
    expire(ledger, commit->index - 1);
    for (uint32_t i = 0; i < commit->payloads_count; i++)
        execute_payload(ledger, &commit->payloads[i]);

    if (commit->closing) fix_stakes(ledger, head->epoch.number + 1);
    head->index = commit->index;
    head->commit_digest = commit->digest;
    head->timestamp_ms = commit->timestamp_ms;
    head->effects_digest = cr_ledger_effects_end(&ledger->effects);
    ledger->commit = NULL;
    if (cr_ledger_is_checkpoint(ledger, commit)) {
        open_checkpoint(ledger);
        if (!commit->later || commit->closing) finish_checkpoint(ledger);
    }
    if (commit->closing) begin_epoch(ledger, head->epoch.number + 1);
}

void cr_ledger_check(const struct cr_ledger *ledger)
{
    cr_ledger_check_state(&ledger->host->state, ledger->genesis, &ledger->head);
}
