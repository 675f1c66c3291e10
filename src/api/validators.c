/* SPDX-License-Identifier: Apache-2.0 */
/* validators.c: who the validators are, in this epoch and, as far as is decided, in the next. */
#include "ledger/validators.h"

#include "api/request.h"

static json_t *validator_json(uint32_t seat, const struct cr_genesis_validator *v, uint64_t stake,
                              uint64_t next_stake)
{
    const struct cr_hash id = cr_public_key_account(&v->consensus_key);
    return json_pack("{s:i, s:s, s:s, s:o, s:I, s:I}", "seat", (int)seat, "name", v->name,
                     "address", v->address, "validator", cr_json_hex(id.bytes, CR_HASH_BYTES),
                     "stake", (json_int_t)stake, "next_stake", (json_int_t)next_stake);
}

static json_t *list(const struct cr_genesis *genesis, const struct cr_state *state, uint64_t epoch)
{
    struct cr_entry_committee now, next;
    if (!cr_validators_stakes(genesis, state, epoch, &now) ||
        !cr_validators_stakes(genesis, state, epoch + 1, &next))
        return NULL;
    json_t *validators = json_array();
    for (uint32_t seat = 0; seat < next.count; seat++) {
        struct cr_genesis_validator validator;
        if (!cr_validators_find(genesis, state, epoch + 1, seat, &validator)) continue;
        const uint64_t stake = seat < now.count ? now.stake[seat] : 0;
        json_array_append_new(validators,
                              validator_json(seat, &validator, stake, next.stake[seat]));
    }
    return validators;
}

enum MHD_Result cr_handle_validators(struct cr_request *request)
{
    const struct cr_genesis *genesis = request->api->config.backend.genesis;
    struct cr_ledger_head head;
    json_t *validators = NULL;
    if (!cr_read_begin(request)) return MHD_NO;
    const bool known = cr_state_reader_head(request->api->reader, &head);
    if (known)
        validators = list(genesis, cr_state_reader_state(request->api->reader), head.epoch.number);
    cr_read_end(request);
    if (!validators) return MHD_NO;
    json_t *json =
        json_pack("{s:I, s:o}", "epoch", (json_int_t)head.epoch.number, "validators", validators);
    if (json && !cr_hash_is_zero(&genesis->operator_account)) {
        json_object_set_new(json, "operator",
                            cr_json_hex(genesis->operator_account.bytes, CR_HASH_BYTES));
    }
    return cr_answer_json(request, MHD_HTTP_OK, json);
}
