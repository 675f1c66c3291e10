/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ledger/entry.h"
#include "ledger/ledger.h"

bool cr_ledger_find_account(const struct cr_state *state, const struct cr_hash *account,
                            struct cr_account *out)
{
    const struct cr_hash key =
        cr_entry_key(CR_ENTRY_ACCOUNT, account->bytes, sizeof account->bytes);
    struct cr_state_value value;
    struct cr_entry_account entry;
    if (!state->get(state->context, &key, &value)) return false;
    if (cr_entry_decode_account(value.bytes, value.count, &entry) != CR_OK) return false;

    *out = (struct cr_account){
        .key.alg = entry.alg, .balance = entry.balance, .registered_at = entry.registered_at};
    memcpy(out->key.bytes, entry.key, cr_alg_key_bytes(entry.alg));
    return true;
}

bool cr_ledger_find_record(const struct cr_state *state, const uint8_t *key, uint32_t key_bytes,
                           struct cr_record *out)
{
    const struct cr_hash entry_key = cr_entry_key(CR_ENTRY_RECORD, key, key_bytes);
    struct cr_state_value value;
    struct cr_entry_record entry;
    if (!state->get(state->context, &entry_key, &value)) return false;
    if (cr_entry_decode_record(value.bytes, value.count, &entry) != CR_OK) return false;

    *out = (struct cr_record){.owner = entry.owner,
                              .version = entry.version,
                              .value = entry.value,
                              .value_bytes = entry.value_bytes};
    return true;
}

bool cr_ledger_find_offence(const struct cr_state *state, const struct cr_hash *validator,
                            uint64_t epoch, struct cr_entry_offence *out)
{
    const struct cr_hash key = cr_entry_offence_key(validator, epoch);
    struct cr_state_value value;
    if (!state->get(state->context, &key, &value)) return false;
    return cr_entry_decode_offence(value.bytes, value.count, out) == CR_OK;
}
