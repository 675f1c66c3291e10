/* SPDX-License-Identifier: Apache-2.0 */
/* read.c: everything that is asked and changes nothing. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/request.h"
#include "store/commit_record.h"

enum {
    QUERY_ROW_BYTES = 24, /* state u8, result u8, 0 u16, position u32, commit u64, 0 u64 */
    QUERY_UNKNOWN = 0,
    QUERY_PENDING = 1,
    QUERY_EXECUTED = 2,
};

static const char *after(const struct cr_request *request, const char *prefix)
{
    return request->path + strlen(prefix);
}

static enum MHD_Result bad(struct cr_request *request, const char *why)
{
    const struct cr_problem problem = {.status = MHD_HTTP_BAD_REQUEST,
                                       .label = "malformed",
                                       .title = "The request is refused",
                                       .outcome = "definite"};
    return cr_answer_problem(request, &problem, "%s", why);
}

static enum MHD_Result missing(struct cr_request *request, const char *label, const char *what)
{
    const struct cr_problem problem = {
        .status = MHD_HTTP_NOT_FOUND, .label = label, .title = "Not found", .outcome = "definite"};
    return cr_answer_problem(request, &problem, "%s", what);
}

static bool take_id(const char *text, struct cr_hash *out)
{
    return cr_hex_decode(text, strlen(text), out->bytes, CR_HASH_BYTES) == CR_OK;
}

/* The API's reader serves one request at a time. */
bool cr_read_begin(struct cr_request *request)
{
    pthread_mutex_lock(&request->api->lock);
    if (cr_state_reader_begin(request->api->reader) == CR_OK) return true;
    pthread_mutex_unlock(&request->api->lock);
    return false;
}

void cr_read_end(struct cr_request *request)
{
    cr_state_reader_end(request->api->reader);
    pthread_mutex_unlock(&request->api->lock);
}

static json_t *row_json(const struct cr_hash *id, const struct cr_tx_row *row)
{
    json_t *json = json_pack(
        "{s:o, s:s, s:s, s:I, s:i, s:s}", "id", cr_json_hex(id->bytes, CR_HASH_BYTES), "state",
        cr_state_of_result(row->result), "result", cr_result_label(row->result), "commit_index",
        (json_int_t)row->commit_index, "position", (int)row->position, "outcome", "definite");
    if (!json || row->ops_results_count == 0) return json;
    json_t *ops = json_array();
    for (uint32_t i = 0; ops && i < row->ops_results_count; i++)
        json_array_append_new(ops, json_string(cr_result_label((enum cr_result)row->ops[i])));
    json_object_set_new(json, "operations", ops);
    return json;
}

static enum MHD_Result answer_pending(struct cr_request *request, const struct cr_hash *id)
{
    const struct cr_api_backend *backend = &request->api->config.backend;
    bool ordered = false;
    if (backend->pending(backend->context, id, &ordered)) {
        return cr_answer_json(request, MHD_HTTP_OK,
                              json_pack("{s:o, s:s, s:s}", "id",
                                        cr_json_hex(id->bytes, CR_HASH_BYTES), "state",
                                        ordered ? "ordered" : "received", "outcome", "unknown"));
    }
    const struct cr_problem problem = {.status = MHD_HTTP_NOT_FOUND,
                                       .label = "unknown-transaction",
                                       .title = "Not known here",
                                       .outcome = "unknown",
                                       .id = id,
                                       .extra_name = "state",
                                       .extra_value = "unknown"};
    return cr_answer_problem(request, &problem,
                             "this node has not seen the transaction; it may be at another "
                             "validator: sending it again is safe");
}

enum MHD_Result cr_handle_tx(struct cr_request *request)
{
    struct cr_hash id;
    if (!take_id(after(request, "/v1/transactions/"), &id))
        return bad(request, "a transaction id is 64 hexadecimal digits");
    struct cr_tx_row *row = malloc(sizeof *row);
    if (!row || !cr_read_begin(request)) {
        free(row);
        return MHD_NO;
    }
    const bool found = cr_state_reader_tx(request->api->reader, &id, row);
    cr_read_end(request);
    json_t *json = found ? row_json(&id, row) : NULL;
    free(row);
    if (found) return cr_answer_json(request, MHD_HTTP_OK, json);
    return answer_pending(request, &id);
}

enum MHD_Result cr_handle_query(struct cr_request *request)
{
    const struct cr_api_backend *backend = &request->api->config.backend;
    const size_t count = request->body_count / CR_HASH_BYTES;
    if (count == 0 || request->body_count % CR_HASH_BYTES != 0)
        return bad(request, "the body must be transaction ids of 32 bytes each");
    uint8_t *rows = calloc(count, QUERY_ROW_BYTES);
    struct cr_tx_row *row = malloc(sizeof *row);
    if (!rows || !row || !cr_read_begin(request)) {
        free(rows);
        free(row);
        return MHD_NO;
    }
    for (size_t i = 0; i < count; i++) {
        struct cr_hash id;
        bool ordered;
        uint8_t *out = rows + i * QUERY_ROW_BYTES;
        memcpy(id.bytes, request->body + i * CR_HASH_BYTES, CR_HASH_BYTES);
        if (cr_state_reader_tx(request->api->reader, &id, row)) {
            out[0] = QUERY_EXECUTED;
            out[1] = (uint8_t)row->result;
            cr_store_le(out + 4, row->position, 4);
            cr_store_le(out + 8, row->commit_index, 8);
        } else if (backend->pending(backend->context, &id, &ordered)) {
            out[0] = QUERY_PENDING;
        }
    }
    cr_read_end(request);
    const enum MHD_Result result = cr_answer_text(request, MHD_HTTP_OK, "application/octet-stream",
                                                  (const char *)rows, count * QUERY_ROW_BYTES);
    free(rows);
    free(row);
    return result;
}

enum MHD_Result cr_handle_account(struct cr_request *request)
{
    struct cr_hash id;
    struct cr_account account;
    if (!take_id(after(request, "/v1/accounts/"), &id))
        return bad(request, "an account id is 64 hexadecimal digits");
    if (!cr_read_begin(request)) return MHD_NO;
    const bool found =
        cr_ledger_find_account(cr_state_reader_state(request->api->reader), &id, &account);
    cr_read_end(request);
    if (!found)
        return missing(request, "unknown-account",
                       "no such account is registered; a register operation makes it known");
    return cr_answer_json(
        request, MHD_HTTP_OK,
        json_pack("{s:o, s:s, s:o, s:I, s:I}", "id", cr_json_hex(id.bytes, CR_HASH_BYTES),
                  "algorithm", cr_alg_name(account.key.alg), "key",
                  cr_json_hex(account.key.bytes, cr_alg_key_bytes(account.key.alg)), "balance",
                  (json_int_t)account.balance, "registered_at", (json_int_t)account.registered_at));
}

/* A string where the bytes are UTF-8, {"hex"} otherwise. */
static json_t *bytes_json(const uint8_t *bytes, size_t count)
{
    json_t *text = json_stringn((const char *)bytes, count);
    if (text) return text;
    return json_pack("{s:o}", "hex", cr_json_hex(bytes, count));
}

enum MHD_Result cr_handle_state(struct cr_request *request)
{
    const char *key = after(request, "/v1/state/");
    const size_t key_bytes = strlen(key);
    struct cr_record record;
    if (key_bytes == 0 || key_bytes > CR_STATE_KEY_BYTES_MAX)
        return bad(request, "a key has 1 to 256 bytes, percent-encoded");
    if (!cr_read_begin(request)) return MHD_NO;
    const bool found = cr_ledger_find_record(cr_state_reader_state(request->api->reader),
                                             (const uint8_t *)key, (uint32_t)key_bytes, &record);
    json_t *json = found ? json_pack("{s:o, s:o, s:o, s:I}", "key",
                                     bytes_json((const uint8_t *)key, key_bytes), "value",
                                     bytes_json(record.value, record.value_bytes), "owner",
                                     cr_json_hex(record.owner.bytes, CR_HASH_BYTES), "version",
                                     (json_int_t)record.version)
                         : NULL;
    cr_read_end(request);
    if (!found) return missing(request, "no-such-key", "there is no record under this key");
    return cr_answer_json(request, MHD_HTTP_OK, json);
}

/* ---- commits ---- */

/* NULL while the record is not durable: for some milliseconds after the commit. */
static json_t *leaders_json(struct cr_request *request, const struct cr_commit_row *row,
                            uint8_t *buffer)
{
    struct cr_commit_record record;
    struct cr_commit commit;
    struct cr_ref *refs = NULL;
    enum cr_log_kind kind;
    size_t count;
    json_t *leaders = NULL;
    if (cr_log_read(request->api->config.backend.log, &row->position, &kind, buffer,
                    CR_LOG_RECORD_BYTES_MAX, &count) == CR_OK &&
        kind == CR_LOG_COMMIT &&
        cr_commit_record_decode(buffer, count, &record, &commit, &refs) == CR_OK) {
        leaders = json_array();
        for (uint32_t i = 0; leaders && i < commit.leaders_count; i++) {
            const struct cr_ref *leader = &commit.leaders[i];
            json_array_append_new(leaders,
                                  json_pack("{s:i, s:I, s:o}", "validator", (int)leader->author,
                                            "round", (json_int_t)leader->round, "digest",
                                            cr_json_hex(leader->digest.bytes, CR_HASH_BYTES)));
        }
    }
    free(refs);
    return leaders;
}

static json_t *commit_json(struct cr_request *request, const struct cr_commit_row *row,
                           uint8_t *buffer)
{
    json_t *json =
        json_pack("{s:I, s:o, s:o, s:i, s:I, s:i}", "index", (json_int_t)row->index, "digest",
                  cr_json_hex(row->digest.bytes, CR_HASH_BYTES), "effects_digest",
                  cr_json_hex(row->effects_digest.bytes, CR_HASH_BYTES), "leader_round",
                  (int)row->leader_round, "timestamp_ms", (json_int_t)row->timestamp_ms,
                  "transactions", (int)row->txs_count);
    json_t *leaders = leaders_json(request, row, buffer);
    if (json && leaders) json_object_set_new(json, "leaders", leaders);
    if (json && !cr_hash_is_zero(&row->state_root))
        json_object_set_new(json, "state_root", cr_json_hex(row->state_root.bytes, CR_HASH_BYTES));
    return json;
}

static bool take_number(struct cr_request *request, const char *name, uint64_t preset,
                        uint64_t *out)
{
    const char *text =
        MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
    char *rest;
    *out = preset;
    if (!text) return true;
    if (text[0] < '0' || text[0] > '9') return false;
    *out = strtoull(text, &rest, 10);
    return *rest == 0;
}

enum MHD_Result cr_handle_commits(struct cr_request *request)
{
    uint64_t from, limit;
    struct cr_commit_row row;
    if (!take_number(request, "from", 1, &from) || !take_number(request, "limit", 20, &limit) ||
        limit == 0 || limit > CR_COMMITS_PER_PAGE_MAX)
        return bad(request, "'from' is a commit index, 'limit' a number from 1 to 1000");
    if (from == 0) from = 1;
    uint8_t *buffer = malloc(CR_LOG_RECORD_BYTES_MAX);
    json_t *list = json_array();
    if (!buffer || !list || !cr_read_begin(request)) {
        free(buffer);
        json_decref(list);
        return MHD_NO;
    }
    uint64_t index = from;
    while (index - from < limit && cr_state_reader_commit(request->api->reader, index, &row)) {
        json_array_append_new(list, commit_json(request, &row, buffer));
        index++;
    }
    const bool more = cr_state_reader_commit(request->api->reader, index, &row);
    cr_read_end(request);
    free(buffer);
    json_t *json = json_pack("{s:o}", "commits", list);
    if (json && more) json_object_set_new(json, "next", json_integer((json_int_t)index));
    return cr_answer_json(request, MHD_HTTP_OK, json);
}

/* ---- offences ---- */

static json_t *offence_json(const struct cr_api_offence *known)
{
    const struct cr_entry_offence *o = &known->offence;
    return json_pack(
        "{s:s, s:i, s:s, s:o, s:I, s:i, s:[o, o], s:I, s:o}", "validator", known->validator,
        "validator_index", (int)o->author, "conflict", cr_conflict_name(o->conflict), "account",
        cr_json_hex(o->validator.bytes, CR_HASH_BYTES), "epoch", (json_int_t)o->epoch, "round",
        (int)o->round, "vertices", cr_json_hex(o->first.bytes, CR_HASH_BYTES),
        cr_json_hex(o->second.bytes, CR_HASH_BYTES), "commit_index", (json_int_t)o->commit_index,
        "reporter", cr_json_hex(o->reporter.bytes, CR_HASH_BYTES));
}

enum MHD_Result cr_handle_offences(struct cr_request *request)
{
    const struct cr_api_backend *backend = &request->api->config.backend;
    struct cr_api_offence *known = calloc(CR_VALIDATORS_MAX, sizeof *known);
    if (!known) return MHD_NO;
    const uint32_t count = backend->offences(backend->context, known);
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(list, offence_json(&known[i]));
    free(known);
    return cr_answer_json(request, MHD_HTTP_OK, json_pack("{s:o}", "offences", list));
}

/* ---- the node itself ---- */

static json_t *sync_json(const struct cr_node_sync *sync)
{
    json_t *from = json_array();
    for (uint32_t i = 0; i < sync->from_count; i++)
        json_array_append_new(from, json_string(sync->from[i]));
    return json_pack("{s:I, s:I, s:o, s:I}", "behind", (json_int_t)sync->behind, "commits_per_s",
                     (json_int_t)sync->commits_per_s, "from", from, "forged",
                     (json_int_t)sync->forged);
}

static json_t *status_json(const struct cr_node_status *s, const char *version)
{
    json_t *json =
        json_pack("{s:s, s:o, s:s, s:i, s:i, s:I, s:i}", "chain", s->chain, "genesis_id",
                  cr_json_hex(s->genesis_id.bytes, CR_HASH_BYTES), "validator", s->validator,
                  "validator_index", (int)s->validator_index, "validators",
                  (int)s->validators_count, "epoch", (json_int_t)s->epoch, "round", (int)s->round);
    if (!json) return NULL;
    if (s->validator[0] == 0) { /* no seat in this epoch */
        json_object_set_new(json, "validator", json_null());
        json_object_set_new(json, "validator_index", json_null());
    }
    /* commit_index is what clients can see: ordered and executed. */
    json_object_set_new(json, "commit_index", json_integer((json_int_t)s->executed_index));
    json_object_set_new(json, "ordered_index", json_integer((json_int_t)s->commit_index));
    json_object_set_new(json, "effects_digest",
                        cr_json_hex(s->effects_digest.bytes, CR_HASH_BYTES));
    json_object_set_new(json, "checkpoint_index", json_integer((json_int_t)s->checkpoint_index));
    json_object_set_new(json, "state_root", cr_json_hex(s->state_root.bytes, CR_HASH_BYTES));
    json_object_set_new(json, "degraded_level", json_integer((json_int_t)s->degraded_level));
    json_object_set_new(json, "peers_up", json_integer((json_int_t)s->peers_up));
    json_object_set_new(json, "stake_up", json_integer((json_int_t)s->stake_up));
    json_object_set_new(json, "stake_quorum", json_integer((json_int_t)s->stake_quorum));
    json_object_set_new(json, "mempool_transactions", json_integer((json_int_t)s->mempool_txs));
    json_object_set_new(json, "syncing", json_boolean(s->syncing));
    if (s->syncing) json_object_set_new(json, "sync", sync_json(&s->sync));
    json_object_set_new(json, "probing", json_boolean(s->probing));
    json_object_set_new(json, "halted", json_boolean(s->halted));
    json_object_set_new(json, "leaders_absent", json_integer((json_int_t)s->leaders_absent));
    json_object_set_new(json, "leaders_bad", json_integer((json_int_t)s->leaders_bad));
    json_object_set_new(json, "contradicted_by", json_integer((json_int_t)s->contradicted_by));
    json_object_set_new(json, "ready", json_boolean(s->ready));
    if (!s->ready)
        json_object_set_new(json, "not_ready_because", json_string(s->not_ready_because));
    json_object_set_new(json, "version", json_string(version));
    return json;
}

static void ask_status(struct cr_request *request, struct cr_node_status *status)
{
    const struct cr_api_backend *backend = &request->api->config.backend;
    memset(status, 0, sizeof *status);
    backend->status(backend->context, status);
}

/* The digest of exactly the commit that is shown: status and state are read one after the other. */
static void add_commit_digest(struct cr_request *request, const struct cr_node_status *status,
                              json_t *json)
{
    struct cr_commit_row row = {.digest = status->genesis_id};
    if (!json || !cr_read_begin(request)) return;
    if (status->executed_index > 0)
        cr_state_reader_commit(request->api->reader, status->executed_index, &row);
    cr_read_end(request);
    json_object_set_new(json, "commit_digest", cr_json_hex(row.digest.bytes, CR_HASH_BYTES));
}

enum MHD_Result cr_handle_status(struct cr_request *request)
{
    struct cr_node_status status;
    ask_status(request, &status);
    json_t *json = status_json(&status, request->api->config.version);
    add_commit_digest(request, &status, json);
    return cr_answer_json(request, MHD_HTTP_OK, json);
}

static enum MHD_Result health(struct cr_request *request, bool good, const char *because)
{
    json_t *json = json_pack("{s:s}", "status", good ? "ok" : "failing");
    if (json && !good) json_object_set_new(json, "because", json_string(because));
    return cr_answer_json(request, good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, json);
}

enum MHD_Result cr_handle_startupz(struct cr_request *request)
{
    struct cr_node_status status;
    ask_status(request, &status);
    return health(request, status.started, "recovering the log");
}

enum MHD_Result cr_handle_livez(struct cr_request *request)
{
    struct cr_node_status status;
    ask_status(request, &status);
    return health(request, status.live || !status.started, "the main loop does not turn");
}

enum MHD_Result cr_handle_readyz(struct cr_request *request)
{
    struct cr_node_status status;
    ask_status(request, &status);
    return health(request, status.ready,
                  status.started ? status.not_ready_because : "recovering the log");
}

enum MHD_Result cr_handle_metrics(struct cr_request *request)
{
    const struct cr_api_backend *backend = &request->api->config.backend;
    struct cr_text text = {0};
    uint64_t requests[6];
    backend->metrics(backend->context, &text);
    pthread_mutex_lock(&request->api->lock);
    memcpy(requests, request->api->requests, sizeof requests);
    pthread_mutex_unlock(&request->api->lock);
    cr_text_print(&text, "# HELP creto_api_requests_total Answered HTTP requests by class.\n"
                         "# TYPE creto_api_requests_total counter\n");
    for (int i = 2; i < 6; i++)
        cr_text_print(&text, "creto_api_requests_total{code=\"%dxx\"} %" PRIu64 "\n", i,
                      requests[i]);
    cr_text_print(&text,
                  "# HELP creto_build_info The running program.\n"
                  "# TYPE creto_build_info gauge\ncreto_build_info{version=\"%s\"} 1\n",
                  request->api->config.version);
    const enum MHD_Result result =
        cr_answer_text(request, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                       text.bytes ? text.bytes : "", text.count);
    free(text.bytes);
    return result;
}
