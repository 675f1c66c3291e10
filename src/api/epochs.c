/* SPDX-License-Identifier: Apache-2.0 */
/* epochs.c: the certificate of an epoch, with the table of validators that it stands for: all that
 * it takes to prove the next one. */
#include <stdlib.h>
#include <string.h>

#include "api/request.h"
#include "ledger/validators.h"

static enum MHD_Result missing(struct cr_request *request, const char *what)
{
    const struct cr_problem problem = {.status = MHD_HTTP_NOT_FOUND,
                                       .label = "no-such-epoch",
                                       .title = "Not found",
                                       .outcome = "definite"};
    return cr_answer_problem(request, &problem, "%s", what);
}

/* Who a seat is, everybody knows from the genesis, or else from here. */
static json_t *seat_json(const struct cr_genesis *genesis, uint32_t seat,
                         const struct cr_genesis_validator *v)
{
    json_t *json = json_pack("{s:i, s:s, s:I}", "seat", (int)seat, "name", v->name, "stake",
                             (json_int_t)v->stake);
    if (!json || seat < genesis->validators_count) return json;
    json_object_set_new(json, "address", json_string(v->address));
    json_object_set_new(json, "consensus_key",
                        cr_json_hex(v->consensus_key.bytes, CR_MLDSA65_KEY_BYTES));
    json_object_set_new(json, "transport_key",
                        cr_json_hex(v->transport_key.bytes, CR_MLDSA65_KEY_BYTES));
    return json;
}

static json_t *table_json(struct cr_request *request, uint64_t epoch)
{
    const struct cr_genesis *genesis = request->api->config.backend.genesis;
    struct cr_entry_committee committee;
    json_t *table = NULL;
    if (!cr_read_begin(request)) return NULL;
    const struct cr_state *state = cr_state_reader_state(request->api->reader);
    if (cr_validators_stakes(genesis, state, epoch, &committee)) table = json_array();
    for (uint32_t seat = 0; table && seat < committee.count; seat++) {
        struct cr_genesis_validator validator;
        if (cr_validators_find(genesis, state, epoch, seat, &validator))
            json_array_append_new(table, seat_json(genesis, seat, &validator));
    }
    cr_read_end(request);
    return table;
}

static json_t *votes_json(const struct cr_epoch_cert *cert)
{
    json_t *votes = json_array();
    for (uint32_t i = 0; votes && i < cert->votes_count; i++) {
        const uint8_t *signature;
        const uint32_t seat = cr_epoch_cert_vote(cert, i, &signature);
        json_array_append_new(votes, json_pack("{s:i, s:o}", "seat", (int)seat, "signature",
                                               cr_json_hex(signature, CR_MLDSA65_SIG_BYTES)));
    }
    return votes;
}

static enum MHD_Result answer(struct cr_request *request, const struct cr_epoch_cert *cert)
{
    const struct cr_epoch *epoch = &cert->epoch;
    json_t *table = table_json(request, epoch->number);
    if (!table) return MHD_NO;
    return cr_answer_json(
        request, MHD_HTTP_OK,
        json_pack("{s:I, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "epoch", (json_int_t)epoch->number,
                  "genesis_id",
                  cr_json_hex(request->api->config.backend.genesis->id.bytes, CR_HASH_BYTES),
                  "commit_index", (json_int_t)epoch->index, "commit_digest",
                  cr_json_hex(epoch->digest.bytes, CR_HASH_BYTES), "state_root",
                  cr_json_hex(epoch->state_root.bytes, CR_HASH_BYTES), "validators_hash",
                  cr_json_hex(epoch->committee.bytes, CR_HASH_BYTES), "validators", table, "votes",
                  votes_json(cert)));
}

/* The newest one that has a certificate here; 0: none has. */
static uint64_t find_latest(struct cr_request *request)
{
    struct cr_ledger_head head;
    if (!cr_read_begin(request)) return 0;
    const bool known = cr_state_reader_head(request->api->reader, &head);
    cr_read_end(request);
    uint64_t epoch = known ? head.epoch.number : 0;
    while (epoch > 0 && !cr_epochs_has(request->api->config.backend.epochs, epoch))
        epoch--;
    return epoch;
}

/* "latest", or digits. False: neither. */
static bool take_number(struct cr_request *request, uint64_t *out)
{
    const char *text = request->path + strlen("/v1/epochs/");
    char *end = NULL;
    if (strcmp(text, "latest") == 0) {
        *out = find_latest(request);
        return true;
    }
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == 0;
}

enum MHD_Result cr_handle_epoch(struct cr_request *request)
{
    uint64_t number;
    struct cr_epoch_cert cert;
    if (!take_number(request, &number))
        return missing(request, "an epoch is named by its number, or 'latest'");
    if (number == CR_GENESIS_EPOCH)
        return missing(request, "the first epoch begins with the genesis: nobody has to prove it");
    uint8_t *bytes = malloc(CR_EPOCH_CERT_BYTES_MAX);
    if (!bytes) return MHD_NO;
    struct cr_reader reader =
        cr_reader_of(bytes, cr_epochs_get(request->api->config.backend.epochs, number, bytes));
    const bool found = cr_epoch_cert_read(&reader, &cert) == CR_OK;
    const enum MHD_Result result =
        found ? answer(request, &cert)
              : missing(request, "this node has no certificate of that epoch; one comes within "
                                 "seconds after the epoch has begun");
    free(bytes);
    return result;
}
