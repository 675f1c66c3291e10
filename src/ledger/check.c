/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/check.h"

#include <string.h>

#include "ledger/entry.h"
#include "ledger/root.h"

/* A sum of up to 2^64 balances. */
struct sum {
    uint64_t high, low;
};

struct walk {
    const struct cr_genesis *genesis;
    const struct cr_ledger_head *head;
    uint32_t bucket;
    uint32_t entries_count; /* in this bucket so far */
    struct cr_hash last;
    struct sum balances;
};

static void add(struct sum *sum, uint64_t value)
{
    sum->low += value;
    if (sum->low < value) sum->high++;
}

static void check_account(struct walk *walk, const struct cr_state_value *value)
{
    struct cr_entry_account account;
    const enum cr_err err = cr_entry_decode_account(value->bytes, value->count, &account);
    CR_ASSERT(err == CR_OK);
    CR_ASSERT(account.registered_at <= walk->head->index);
    add(&walk->balances, account.balance);
}

static void check_record(const struct walk *walk, const struct cr_state_value *value)
{
    struct cr_entry_record record;
    const enum cr_err err = cr_entry_decode_record(value->bytes, value->count, &record);
    CR_ASSERT(err == CR_OK);
    CR_ASSERT(record.version >= 1 && record.version <= walk->head->index);
}

static void check_recent(const struct walk *walk, const struct cr_state_value *value)
{
    struct cr_entry_recent recent;
    const enum cr_err err = cr_entry_decode_recent(value->bytes, value->count, &recent);
    CR_ASSERT(err == CR_OK);
    CR_ASSERT(recent.valid_until_commit >= walk->head->index);
    CR_ASSERT(recent.valid_until_commit <= walk->head->index + walk->genesis->params.tx_ttl_max);
}

static void check_offence(const struct walk *walk, const struct cr_state_value *value)
{
    struct cr_entry_offence offence;
    const enum cr_err err = cr_entry_decode_offence(value->bytes, value->count, &offence);
    CR_ASSERT(err == CR_OK);
    CR_ASSERT(offence.commit_index >= 1 && offence.commit_index <= walk->head->index);
}

static void check_validator(const struct walk *walk, const struct cr_state_value *value)
{
    struct cr_entry_validator validator;
    const enum cr_err err = cr_entry_decode_validator(value->bytes, value->count, &validator);
    CR_ASSERT(err == CR_OK);
    CR_ASSERT(validator.since_epoch > CR_GENESIS_EPOCH);
    CR_ASSERT(validator.since_epoch <= walk->head->epoch.number + 1);
    CR_ASSERT(validator.seat >= walk->genesis->validators_count);
}

static void check_committee(const struct walk *walk, const struct cr_state_value *value)
{
    struct cr_entry_committee committee;
    const enum cr_err err = cr_entry_decode_committee(value->bytes, value->count, &committee);
    CR_ASSERT(err == CR_OK);
    CR_ASSERT(!cr_hash_is_zero(&walk->genesis->operator_account));
    CR_ASSERT(committee.epoch <= walk->head->epoch.number + 1);
    CR_ASSERT(committee.count >= walk->genesis->validators_count);
}

static void check_entry(void *context, const struct cr_hash *key,
                        const struct cr_state_value *value)
{
    struct walk *walk = context;
    struct cr_hash own = {{0}};
    CR_ASSERT(cr_state_bucket(key) == walk->bucket);
    CR_ASSERT(walk->entries_count == 0 || cr_hash_compare(&walk->last, key) < 0);
    const enum cr_err err = cr_entry_key_of(value->bytes, value->count, &own);
    CR_ASSERT(err == CR_OK);
    CR_ASSERT(cr_hash_equal(&own, key));
    walk->last = *key;
    walk->entries_count++;

    switch ((enum cr_entry_kind)value->bytes[0]) {
    case CR_ENTRY_ACCOUNT: check_account(walk, value); return;
    case CR_ENTRY_RECORD: check_record(walk, value); return;
    case CR_ENTRY_RECENT: check_recent(walk, value); return;
    case CR_ENTRY_OFFENCE: check_offence(walk, value); return;
    case CR_ENTRY_VALIDATOR: check_validator(walk, value); return;
    case CR_ENTRY_COMMITTEE: check_committee(walk, value); return;
    }
    CR_UNREACHABLE();
}

void cr_ledger_check_state(const struct cr_state *state, const struct cr_genesis *genesis,
                           const struct cr_ledger_head *head)
{
    struct walk walk = {.genesis = genesis, .head = head};
    for (uint32_t bucket = 0; bucket < CR_BUCKETS; bucket++) {
        walk.bucket = bucket;
        walk.entries_count = 0;
        state->scan(state->context, bucket, check_entry, &walk);
        struct cr_hash cached;
        if (state->bucket_get(state->context, bucket, &cached)) {
            const struct cr_hash now = cr_root_bucket(state, bucket);
            CR_ASSERT(cr_hash_equal(&cached, &now));
        }
    }
    struct sum expected = {0};
    for (uint32_t i = 0; i < genesis->accounts_count; i++)
        add(&expected, genesis->accounts[i].balance);
    CR_ASSERT(walk.balances.high == expected.high);
    CR_ASSERT(walk.balances.low == expected.low);
}
