/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/effects.h"

#include "ledger/entry.h"

enum item {
    ITEM_RESULT = 1,
    ITEM_PUT = 2,
    ITEM_ERASE = 3,
};

_Static_assert(CR_OPS_MAX <= UINT16_MAX, "ops_count is an u16");

void cr_ledger_effects_begin(struct cr_ledger_effects *effects, const struct cr_state *state,
                             const struct cr_hash *previous, const struct cr_ledger_commit *commit)
{
    effects->state = state;
    cr_bulk_init(&effects->bulk);
    cr_bulk_add(&effects->bulk, "CEF1", 4);
    cr_bulk_add(&effects->bulk, previous->bytes, sizeof previous->bytes);
    cr_bulk_add_le(&effects->bulk, commit->index, 8);
    cr_bulk_add(&effects->bulk, commit->digest.bytes, sizeof commit->digest.bytes);
    cr_bulk_add_le(&effects->bulk, commit->timestamp_ms, 8);
}

void cr_ledger_effects_result(struct cr_ledger_effects *effects, const struct cr_hash *id,
                              enum cr_result result, const uint8_t *ops, uint32_t ops_count)
{
    CR_ASSERT(ops_count <= CR_OPS_MAX);
    const uint32_t results_count = ops ? ops_count : 0;
    cr_bulk_add_le(&effects->bulk, ITEM_RESULT, 1);
    cr_bulk_add(&effects->bulk, id->bytes, sizeof id->bytes);
    cr_bulk_add_le(&effects->bulk, (uint64_t)result, 1);
    cr_bulk_add_le(&effects->bulk, results_count, 2);
    cr_bulk_add(&effects->bulk, ops, results_count);
}

void cr_ledger_effects_put(struct cr_ledger_effects *effects, const struct cr_hash *key,
                           const uint8_t *bytes, uint32_t count)
{
    CR_ASSERT(count <= CR_ENTRY_BYTES_MAX);
    cr_bulk_add_le(&effects->bulk, ITEM_PUT, 1);
    cr_bulk_add(&effects->bulk, key->bytes, sizeof key->bytes);
    cr_bulk_add_le(&effects->bulk, count, 4);
    cr_bulk_add(&effects->bulk, bytes, count);
    cr_bucket_set_add(&effects->touched, cr_state_bucket(key));
    effects->state->put(effects->state->context, key, bytes, count);
}

void cr_ledger_effects_erase(struct cr_ledger_effects *effects, const struct cr_hash *key)
{
    cr_bulk_add_le(&effects->bulk, ITEM_ERASE, 1);
    cr_bulk_add(&effects->bulk, key->bytes, sizeof key->bytes);
    cr_bucket_set_add(&effects->touched, cr_state_bucket(key));
    effects->state->erase(effects->state->context, key);
}

struct cr_hash cr_ledger_effects_end(struct cr_ledger_effects *effects)
{
    return cr_bulk_end(&effects->bulk);
}
