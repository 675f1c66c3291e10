/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/ops.h"

#include <string.h>

#include "base/cover.h"
#include "ledger/validators.h"

static void load(struct cr_ops *ops, struct cr_ops_slot *slot)
{
    struct cr_state_value value;
    struct cr_entry_account account;
    struct cr_entry_record record;
    if (!ops->state->get(ops->state->context, &slot->key, &value)) return;

    /* What does not decode comes from a keeper that has failed: whatever follows is thrown away. */
    switch (slot->kind) {
    case CR_ENTRY_ACCOUNT:
        if (cr_entry_decode_account(value.bytes, value.count, &account) != CR_OK) return;
        slot->balance = account.balance;
        break;
    case CR_ENTRY_RECORD:
        if (cr_entry_decode_record(value.bytes, value.count, &record) != CR_OK) return;
        slot->own = cr_hash_equal(&record.owner, &ops->tx->account);
        break;
    case CR_ENTRY_OFFENCE:
    case CR_ENTRY_VALIDATOR: break; /* that it is there is enough */
    case CR_ENTRY_COMMITTEE:
        if (cr_entry_decode_committee(value.bytes, value.count, &ops->next) != CR_OK) return;
        break;
    case CR_ENTRY_RECENT: CR_UNREACHABLE();
    }
    slot->existed = true;
    slot->exists = true;
}

/* The slot of an entry; read from the state at the first touch. */
static struct cr_ops_slot *touch_key(struct cr_ops *ops, enum cr_entry_kind kind,
                                     const struct cr_hash *key)
{
    /* Multiply-shift with a seed from the order: keys chosen to collide would not. */
    uint64_t at = (cr_load_le(key->bytes, 8) * ops->seed) >> (64 - CR_OPS_INDEX_LOG2);
    for (; ops->index[at] != 0; at = (at + 1) & (CR_OPS_INDEX - 1)) {
        struct cr_ops_slot *slot = &ops->slots[ops->index[at] - 1];
        if (cr_hash_equal(&slot->key, key)) return slot;
    }

    CR_ASSERT(ops->slots_count < CR_OPS_SLOTS);
    struct cr_ops_slot *slot = &ops->slots[ops->slots_count++];
    ops->index[at] = (uint16_t)ops->slots_count;
    *slot = (struct cr_ops_slot){.key = *key, .kind = kind};
    load(ops, slot);
    return slot;
}

static struct cr_ops_slot *touch(struct cr_ops *ops, enum cr_entry_kind kind, const uint8_t *name,
                                 uint32_t name_bytes)
{
    const struct cr_hash key = cr_entry_key(kind, name, name_bytes);
    struct cr_ops_slot *slot = touch_key(ops, kind, &key);
    slot->name = name;
    slot->name_bytes = name_bytes;
    return slot;
}

static enum cr_result run_register(struct cr_ops *ops, const struct cr_op *op)
{
    struct cr_ops_slot *signer = &ops->slots[0];
    const struct cr_hash account = cr_public_key_account(&op->register_key);
    if (!cr_hash_equal(&account, &ops->tx->account)) return CR_RESULT_KEY_MISMATCH;
    if (signer->exists) return CR_RESULT_ALREADY_REGISTERED;

    ops->registered = op->register_key;
    signer->exists = true;
    signer->changed = true;
    return CR_RESULT_OK;
}

static enum cr_result run_transfer(struct cr_ops *ops, const struct cr_op *op)
{
    struct cr_ops_slot *from = &ops->slots[0];
    if (from->balance < op->amount) return CR_RESULT_OVERDRAFT;
    struct cr_ops_slot *to = touch(ops, CR_ENTRY_ACCOUNT, op->to.bytes, sizeof op->to.bytes);
    if (!to->exists) return CR_RESULT_UNKNOWN_RECEIVER;
    if (to == from || op->amount == 0) return CR_RESULT_OK; /* nothing changes */
    if (op->amount > CR_BALANCE_MAX - to->balance) return CR_RESULT_OVERFLOW;

    from->balance -= op->amount;
    from->changed = true;
    to->balance += op->amount;
    to->changed = true;
    return CR_RESULT_OK;
}

static enum cr_result run_put(struct cr_ops *ops, const struct cr_op *op)
{
    struct cr_ops_slot *record = touch(ops, CR_ENTRY_RECORD, op->key, op->key_bytes);
    if (record->exists && !record->own) return CR_RESULT_NOT_OWNER;

    record->exists = true;
    record->own = true;
    record->changed = true;
    record->value = op->value;
    record->value_bytes = op->value_bytes;
    return CR_RESULT_OK;
}

static enum cr_result run_delete(struct cr_ops *ops, const struct cr_op *op)
{
    struct cr_ops_slot *record = touch(ops, CR_ENTRY_RECORD, op->key, op->key_bytes);
    if (!record->exists) return CR_RESULT_NO_SUCH_KEY;
    if (!record->own) return CR_RESULT_NOT_OWNER;

    record->exists = false;
    record->changed = true;
    return CR_RESULT_OK;
}

static bool is_signed(void *context, const struct cr_vertex *vertex)
{
    const struct cr_ops *ops = context;
    const struct cr_public_key *key = &ops->accused.consensus_key;
    return vertex->sig_alg == key->alg && ops->host->verify_vertex(ops->host->context, key, vertex);
}

/* The cheap questions come first: two verifications are all that an operation can cost. */
static enum cr_result run_evidence(struct cr_ops *ops, const struct cr_op *op)
{
    if (cr_evidence_decode(op->value, op->value_bytes, &ops->evidence) != CR_OK)
        return CR_RESULT_BAD_EVIDENCE;
    const struct cr_header *header = &ops->evidence.vertices[0].header;
    struct cr_entry_committee committee;
    if (header->epoch > ops->epoch) return CR_RESULT_WRONG_EPOCH;
    if (!cr_validators_stakes(ops->genesis, ops->state, header->epoch, &committee))
        return CR_RESULT_WRONG_EPOCH;
    if (!cr_validators_find(ops->genesis, ops->state, header->epoch, header->author, &ops->accused))
        return CR_RESULT_UNKNOWN_VALIDATOR;
    const struct cr_hash validator = cr_public_key_account(&ops->accused.consensus_key);
    const struct cr_hash key = cr_entry_offence_key(&validator, header->epoch);
    struct cr_ops_slot *offence = touch_key(ops, CR_ENTRY_OFFENCE, &key);
    if (offence->exists) return CR_RESULT_KNOWN_OFFENCE;
    if (!cr_evidence_verify(&ops->evidence, is_signed, ops)) return CR_RESULT_BAD_EVIDENCE;

    offence->exists = true;
    offence->changed = true;
    offence->value = op->value;
    offence->value_bytes = op->value_bytes;
    return CR_RESULT_OK;
}

/* ---- the validators of the next epoch ---- */

/* The stakes that the next epoch would begin with: ops->next. */
static struct cr_ops_slot *touch_next(struct cr_ops *ops)
{
    const struct cr_hash key = cr_entry_committee_key(ops->epoch + 1);
    struct cr_ops_slot *slot = touch_key(ops, CR_ENTRY_COMMITTEE, &key);
    if (!slot->exists) {
        (void)cr_validators_stakes(ops->genesis, ops->state, ops->epoch + 1, &ops->next);
        ops->next.epoch = ops->epoch + 1;
        slot->exists = true; /* written if it changes */
    }
    return slot;
}

/* A profile may be one that this transaction has added. */
static bool find_profile(const struct cr_ops *ops, uint32_t seat, struct cr_profile *out)
{
    const struct cr_hash key = cr_entry_validator_key(seat);
    for (uint32_t i = 0; i < ops->slots_count; i++) {
        const struct cr_ops_slot *slot = &ops->slots[i];
        if (slot->kind != CR_ENTRY_VALIDATOR || !cr_hash_equal(&slot->key, &key)) continue;
        struct cr_reader reader = cr_reader_of(slot->value, slot->value_bytes);
        return cr_profile_read(&reader, out) == CR_OK;
    }
    return cr_validators_profile(ops->genesis, ops->state, seat, out);
}

static bool same_key(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, CR_MLDSA65_KEY_BYTES) == 0;
}

/* No key plays two roles, neither now nor ever. */
static bool collide(const struct cr_profile *a, const struct cr_profile *b)
{
    return strcmp(a->name, b->name) == 0 || strcmp(a->address, b->address) == 0 ||
           same_key(a->consensus_key, b->consensus_key) ||
           same_key(a->transport_key, b->transport_key) ||
           same_key(a->consensus_key, b->transport_key) ||
           same_key(a->transport_key, b->consensus_key);
}

static enum cr_result change(struct cr_ops *ops, struct cr_ops_slot *slot,
                             const struct cr_entry_committee *next)
{
    struct cr_entry_committee now;
    if (!cr_validators_stakes(ops->genesis, ops->state, ops->epoch, &now))
        return CR_RESULT_WRONG_EPOCH;
    const enum cr_result result = cr_validators_judge(&now, next);
    if (result != CR_RESULT_OK) {
        CR_COVER(change_of_validators_refused);
        return result;
    }
    CR_COVER(validators_change);
    ops->next = *next;
    slot->changed = true;
    return CR_RESULT_OK;
}

static enum cr_result add_validator(struct cr_ops *ops, const struct cr_op *op)
{
    struct cr_ops_slot *slot = touch_next(ops);
    struct cr_entry_committee next = ops->next;
    struct cr_profile added, other;
    struct cr_reader reader = cr_reader_of(op->value, op->value_bytes);
    const enum cr_err err = cr_profile_read(&reader, &added);
    CR_ASSERT(err == CR_OK); /* cr_tx_decode has checked its form */
    for (uint32_t seat = 0; seat < next.count; seat++) {
        if (!find_profile(ops, seat, &other)) continue;
        if (collide(&added, &other)) return CR_RESULT_KNOWN_VALIDATOR;
    }
    if (next.count == CR_VALIDATORS_MAX) return CR_RESULT_VALIDATORS_LIMIT;
    const uint32_t seat = next.count++;
    next.stake[seat] = op->amount;
    const enum cr_result result = change(ops, slot, &next);
    if (result != CR_RESULT_OK) return result;

    CR_COVER(validator_added);
    const struct cr_hash key = cr_entry_validator_key(seat);
    struct cr_ops_slot *profile = touch_key(ops, CR_ENTRY_VALIDATOR, &key);
    profile->exists = profile->changed = true;
    profile->seat = seat;
    profile->value = op->value;
    profile->value_bytes = op->value_bytes;
    return CR_RESULT_OK;
}

static enum cr_result set_stake(struct cr_ops *ops, const struct cr_op *op)
{
    struct cr_ops_slot *slot = touch_next(ops);
    struct cr_entry_committee next = ops->next;
    for (uint32_t seat = 0; seat < next.count; seat++) {
        struct cr_profile profile;
        struct cr_public_key key = {.alg = CR_ALG_MLDSA65};
        if (!find_profile(ops, seat, &profile)) continue;
        memcpy(key.bytes, profile.consensus_key, CR_MLDSA65_KEY_BYTES);
        const struct cr_hash validator = cr_public_key_account(&key);
        if (!cr_hash_equal(&validator, &op->to)) continue;
        next.stake[seat] = op->amount;
        return change(ops, slot, &next);
    }
    return CR_RESULT_UNKNOWN_VALIDATOR;
}

static enum cr_result run_validator(struct cr_ops *ops, const struct cr_op *op)
{
    const struct cr_hash *operator_account = &ops->genesis->operator_account;
    if (cr_hash_is_zero(operator_account)) return CR_RESULT_NOT_OPERATOR;
    if (!cr_hash_equal(operator_account, &ops->tx->account)) return CR_RESULT_NOT_OPERATOR;
    return op->value ? add_validator(ops, op) : set_stake(ops, op);
}

static enum cr_result run(struct cr_ops *ops, const struct cr_op *op)
{
    switch (op->type) {
    case CR_OP_REGISTER: return run_register(ops, op);
    case CR_OP_TRANSFER: return run_transfer(ops, op);
    case CR_OP_PUT: return run_put(ops, op);
    case CR_OP_DELETE: return run_delete(ops, op);
    case CR_OP_EVIDENCE: return run_evidence(ops, op);
    case CR_OP_VALIDATOR: return run_validator(ops, op);
    }
    CR_UNREACHABLE(); /* cr_tx_decode has checked the type */
}

static void begin(struct cr_ops *ops, const struct cr_state *state, const struct cr_tx *tx,
                  const struct cr_ledger_commit *commit)
{
    ops->state = state;
    ops->tx = tx;
    ops->commit_index = commit->index;
    ops->seed = cr_load_le(commit->digest.bytes, 8) | 1;
    ops->slots_count = 0;
    memset(ops->index, 0, sizeof ops->index);
    touch(ops, CR_ENTRY_ACCOUNT, tx->account.bytes, sizeof tx->account.bytes);
    CR_ASSERT(ops->slots_count == 1);
}

enum cr_result cr_ops_run(struct cr_ops *ops, const struct cr_state *state, const struct cr_tx *tx,
                          const struct cr_ledger_commit *commit)
{
    begin(ops, state, tx, commit);
    const bool independent = (tx->flags & CR_TX_INDEPENDENT) != 0;
    struct cr_op op;
    size_t position = 0;
    uint32_t ops_count = 0;
    while (cr_tx_op_next(tx, &position, &op)) {
        CR_ASSERT(ops_count < tx->ops_count);
        const enum cr_result result = run(ops, &op);
        ops->results[ops_count] = (uint8_t)result;
        if (result != CR_RESULT_OK && !independent) {
            memset(ops->results, CR_RESULT_ABORTED, tx->ops_count);
            ops->results[ops_count] = (uint8_t)result;
            ops->slots_count = 0; /* nothing is left to write */
            return result;
        }
        ops_count++;
    }
    CR_ASSERT(ops_count == tx->ops_count);
    return CR_RESULT_OK;
}

/* Encodes into ops->scratch; false when the keeper no longer has what it had. */
static bool encode_account(struct cr_ops *ops, const struct cr_ops_slot *slot, uint32_t *count)
{
    struct cr_entry_account account = {.alg = ops->registered.alg,
                                       .key = ops->registered.bytes,
                                       .registered_at = ops->commit_index};
    struct cr_state_value value;
    if (slot->existed) {
        if (!ops->state->get(ops->state->context, &slot->key, &value)) return false;
        if (cr_entry_decode_account(value.bytes, value.count, &account) != CR_OK) return false;
    }
    account.balance = slot->balance;
    *count = cr_entry_encode_account(&account, ops->scratch);
    return true;
}

static uint32_t encode_record(struct cr_ops *ops, const struct cr_ops_slot *slot)
{
    const struct cr_entry_record record = {.owner = ops->tx->account,
                                           .version = ops->commit_index,
                                           .key = slot->name,
                                           .key_bytes = slot->name_bytes,
                                           .value = slot->value,
                                           .value_bytes = slot->value_bytes};
    CR_ASSERT(slot->own);
    return cr_entry_encode_record(&record, ops->scratch);
}

static uint32_t encode_offence(struct cr_ops *ops, const struct cr_ops_slot *slot)
{
    const enum cr_err err = cr_evidence_decode(slot->value, slot->value_bytes, &ops->evidence);
    CR_ASSERT(err == CR_OK); /* as when the operation ran */
    const struct cr_vertex *vertices = ops->evidence.vertices;
    const struct cr_header *header = &vertices[0].header;
    struct cr_profile profile;
    struct cr_public_key key = {.alg = CR_ALG_MLDSA65};
    const bool found = cr_validators_profile(ops->genesis, ops->state, header->author, &profile);
    CR_ASSERT(found);
    memcpy(key.bytes, profile.consensus_key, CR_MLDSA65_KEY_BYTES);
    const struct cr_entry_offence offence = {.conflict =
                                                 cr_header_conflict(header, &vertices[1].header),
                                             .validator = cr_public_key_account(&key),
                                             .epoch = header->epoch,
                                             .author = header->author,
                                             .round = header->round,
                                             .first = vertices[0].digest,
                                             .second = vertices[1].digest,
                                             .commit_index = ops->commit_index,
                                             .reporter = ops->tx->account};
    return cr_entry_encode_offence(&offence, ops->scratch);
}

static uint32_t encode_validator(struct cr_ops *ops, const struct cr_ops_slot *slot)
{
    struct cr_entry_validator entry = {.seat = slot->seat, .since_epoch = ops->epoch + 1};
    struct cr_reader reader = cr_reader_of(slot->value, slot->value_bytes);
    const enum cr_err err = cr_profile_read(&reader, &entry.profile);
    CR_ASSERT(err == CR_OK); /* as when the operation ran */
    return cr_entry_encode_validator(&entry, ops->scratch);
}

static void write_slot(struct cr_ops *ops, const struct cr_ops_slot *slot,
                       struct cr_ledger_effects *effects)
{
    if (!slot->changed) return;
    if (!slot->exists) {
        if (slot->existed) cr_ledger_effects_erase(effects, &slot->key);
        return;
    }
    uint32_t count = 0;
    switch (slot->kind) {
    case CR_ENTRY_ACCOUNT:
        if (!encode_account(ops, slot, &count)) return;
        break;
    case CR_ENTRY_RECORD: count = encode_record(ops, slot); break;
    case CR_ENTRY_OFFENCE: count = encode_offence(ops, slot); break;
    case CR_ENTRY_VALIDATOR: count = encode_validator(ops, slot); break;
    case CR_ENTRY_COMMITTEE: count = cr_entry_encode_committee(&ops->next, ops->scratch); break;
    case CR_ENTRY_RECENT: CR_UNREACHABLE();
    }
    cr_ledger_effects_put(effects, &slot->key, ops->scratch, count);
}

void cr_ops_write(struct cr_ops *ops, struct cr_ledger_effects *effects)
{
    for (uint32_t i = 0; i < ops->slots_count; i++)
        write_slot(ops, &ops->slots[i], effects);
    ops->slots_count = 0;
    ops->tx = NULL;
}
