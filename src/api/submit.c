/* SPDX-License-Identifier: Apache-2.0 */
/* submit.c: POST /v1/transactions: JSON for people, batches of binary transactions for programs. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api/request.h"
#include "wire/payload.h"

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* RFC 7240: Prefer: wait=N, seconds. */
static uint64_t wait_us(struct cr_request *request)
{
    const char *prefer =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Prefer");
    const char *found = prefer ? strcasestr(prefer, "wait=") : NULL;
    if (!found) return 0;
    const unsigned long seconds = strtoul(found + 5, NULL, 10);
    return (seconds < CR_WAIT_SECONDS_MAX ? seconds : CR_WAIT_SECONDS_MAX) * UINT64_C(1000000);
}

static bool make_room(struct cr_request *request, uint32_t count)
{
    request->waiter.entries = calloc(count, sizeof request->waiter.entries[0]);
    request->submitted = calloc(count, sizeof request->submitted[0]);
    request->waiter.entries_count = count;
    for (uint32_t i = 0; request->submitted && request->waiter.entries && i < count; i++)
        request->submitted[i].wait = &request->waiter.entries[i];
    return request->submitted && request->waiter.entries;
}

/* What has an answer already. */
static void settle(struct cr_request *request, struct cr_submitted *submitted,
                   const struct cr_submission *submission)
{
    struct cr_api_result found = {.result = submission->result};
    submitted->answer = submission->answer;
    if (submitted->answer == CR_SUBMIT_RECEIVED || submitted->answer == CR_SUBMIT_PENDING) return;
    struct cr_tx_row *row = calloc(1, sizeof *row);
    pthread_mutex_lock(&request->api->lock);
    if (submitted->answer == CR_SUBMIT_EXECUTED && row &&
        cr_state_reader_begin(request->api->reader) == CR_OK) {
        if (cr_state_reader_tx(request->api->reader, &submission->tx->id, row)) {
            found.result = row->result;
            found.commit_index = row->commit_index;
            found.position = row->position;
        }
        cr_state_reader_end(request->api->reader);
    }
    pthread_mutex_unlock(&request->api->lock);
    free(row);
    cr_waiters_settle(request->api->waiters, submitted->wait, &found);
}

/* All transactions of a request that joined. `list` has room for them. */
static void hand_over(struct cr_request *request, const struct cr_tx *txs,
                      const struct cr_hash_input *views, struct cr_submission *list)
{
    const struct cr_api_backend *backend = &request->api->config.backend;
    const struct cr_api_result malformed = {.result = CR_RESULT_MALFORMED};
    const uint32_t count = request->waiter.entries_count;
    uint32_t good = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (request->submitted[i].malformed) continue;
        list[good++] = (struct cr_submission){
            .tx = &txs[i], .bytes = views[i].bytes, .result = CR_RESULT_MALFORMED};
    }
    if (good > 0) backend->submit(backend->context, list, good);
    good = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct cr_submitted *submitted = &request->submitted[i];
        if (submitted->malformed)
            cr_waiters_settle(request->api->waiters, submitted->wait, &malformed);
        else
            settle(request, submitted, &list[good++]);
    }
}

static json_t *describe(const struct cr_submitted *submitted)
{
    const struct cr_wait_entry *wait = submitted->wait;
    if (submitted->malformed)
        return json_pack("{s:s, s:s, s:s}", "state", "rejected", "result",
                         cr_result_label(CR_RESULT_MALFORMED), "outcome", "definite");
    json_t *json = json_pack("{s:o}", "id", cr_json_hex(wait->id.bytes, CR_HASH_BYTES));
    if (submitted->answer == CR_SUBMIT_FULL || submitted->answer == CR_SUBMIT_UNAVAILABLE) {
        json_object_set_new(json, "state", json_string("rejected"));
        json_object_set_new(
            json, "result",
            json_string(submitted->answer == CR_SUBMIT_FULL ? "overloaded" : "unavailable"));
        json_object_set_new(json, "outcome", json_string("definite"));
    } else if (!wait->done) {
        json_object_set_new(json, "state", json_string("received"));
        json_object_set_new(json, "outcome", json_string("unknown"));
    } else {
        json_object_set_new(json, "state", json_string(cr_state_of_result(wait->result)));
        json_object_set_new(json, "result", json_string(cr_result_label(wait->result)));
        json_object_set_new(json, "outcome", json_string("definite"));
        if (submitted->answer != CR_SUBMIT_REJECTED) {
            json_object_set_new(json, "commit_index", json_integer((json_int_t)wait->commit_index));
            json_object_set_new(json, "position", json_integer((json_int_t)wait->position));
        }
    }
    return json;
}

static unsigned status_of_rejection(enum cr_result result)
{
    if (result == CR_RESULT_BAD_SIGNATURE) return MHD_HTTP_UNAUTHORIZED;
    if (result == CR_RESULT_MALFORMED) return MHD_HTTP_BAD_REQUEST;
    return 422;
}

static enum MHD_Result answer_single(struct cr_request *request)
{
    const struct cr_submitted *s = &request->submitted[0];
    struct cr_problem problem = {.outcome = "definite", .id = &s->wait->id};
    if (s->answer == CR_SUBMIT_FULL) {
        problem.status = MHD_HTTP_TOO_MANY_REQUESTS;
        problem.label = "overloaded";
        problem.title = "Too many transactions wait";
        problem.retry_after = 1;
        return cr_answer_problem(request, &problem,
                                 "the node's or the account's share of waiting transactions is "
                                 "full; send the same transaction again later");
    }
    if (s->answer == CR_SUBMIT_UNAVAILABLE) {
        problem.status = MHD_HTTP_SERVICE_UNAVAILABLE;
        problem.label = "unavailable";
        problem.title = "The node takes no transactions now";
        problem.retry_after = 2;
        return cr_answer_problem(request, &problem,
                                 "the node is starting, stopping, halted or no member of "
                                 "this epoch; ask another validator");
    }
    if (s->answer == CR_SUBMIT_REJECTED) {
        problem.status = status_of_rejection(s->wait->result);
        problem.label = cr_result_label(s->wait->result);
        problem.title = "The transaction is rejected";
        return cr_answer_problem(request, &problem, "%s", cr_result_text(s->wait->result));
    }
    return cr_answer_json(request, s->wait->done ? MHD_HTTP_OK : MHD_HTTP_ACCEPTED, describe(s));
}

static enum MHD_Result answer(struct cr_request *request)
{
    cr_request_leave(request);
    if (request->single) return answer_single(request);
    json_t *list = json_array();
    bool all = true;
    for (uint32_t i = 0; list && i < request->waiter.entries_count; i++) {
        json_array_append_new(list, describe(&request->submitted[i]));
        all = all && (request->waiter.entries[i].done || request->submitted[i].malformed);
    }
    return cr_answer_json(request, all ? MHD_HTTP_OK : MHD_HTTP_ACCEPTED,
                          json_pack("{s:o}", "results", list));
}

void cr_request_leave(struct cr_request *request)
{
    if (!request->counted) return;
    cr_waiters_leave(request->api->waiters, &request->waiter);
    request->counted = false;
}

void cr_request_park(void *context)
{
    const struct cr_request *request = context;
    MHD_suspend_connection(request->connection);
}

static enum MHD_Result wait_or_answer(struct cr_request *request)
{
    request->parked_once = true;
    if (cr_waiters_park(request->api->waiters, &request->waiter, cr_request_park)) return MHD_YES;
    return answer(request);
}

static enum MHD_Result refuse(struct cr_request *request, unsigned status, const char *label,
                              const char *why)
{
    const struct cr_problem problem = {
        .status = status, .label = label, .title = "The request is refused", .outcome = "definite"};
    return cr_answer_problem(request, &problem, "%s", why);
}

static bool join(struct cr_request *request)
{
    request->waiter.wake_context = request;
    request->waiter.deadline_us = now_us() + wait_us(request);
    request->counted = cr_waiters_join(request->api->waiters, &request->waiter);
    return request->counted;
}

static enum MHD_Result submit_json(struct cr_request *request)
{
    char why[160];
    json_error_t error;
    size_t count = 0;
    struct cr_tx tx;
    uint8_t *bytes = malloc(CR_TX_BYTES_MAX);
    json_t *json = json_loadb((const char *)request->body, request->body_count,
                              JSON_REJECT_DUPLICATES, &error);
    enum cr_err err = bytes && make_room(request, 1) ? CR_OK : CR_ERR_FULL;
    snprintf(why, sizeof why, "line %d: %.120s", error.line, error.text);
    if (err == CR_OK && !json) err = CR_ERR_MALFORMED;
    if (err == CR_OK) err = cr_tx_from_json(json, bytes, CR_TX_BYTES_MAX, &count, why);
    json_decref(json);
    if (err == CR_OK && cr_tx_decode(bytes, count, &tx) != CR_OK) {
        err = CR_ERR_MALFORMED;
        snprintf(why, sizeof why, "the transaction breaks a limit of the binary form");
    }
    request->single = true;
    if (err != CR_OK) {
        free(bytes);
        if (err == CR_ERR_FULL) return MHD_NO;
        return refuse(request, MHD_HTTP_BAD_REQUEST, "malformed", why);
    }
    request->waiter.entries[0].id = tx.id;
    if (!join(request)) {
        free(bytes);
        return refuse(request, MHD_HTTP_TOO_MANY_REQUESTS, "overloaded",
                      "too many requests wait; try again later");
    }
    struct cr_submission one;
    hand_over(request, &tx, &(struct cr_hash_input){.bytes = bytes, .count = count}, &one);
    free(bytes);
    return wait_or_answer(request);
}

/* How many transactions the batch frames; 0 when it is empty, broken or too long. */
static uint32_t count_batch(const struct cr_request *request)
{
    const uint8_t *bytes;
    uint32_t bytes_count;
    uint32_t count = 0;
    struct cr_payload batch =
        cr_payload_begin(request->body, request->body_count, CR_SUBMISSIONS_MAX + 1);
    while (batch.reader.position < request->body_count &&
           cr_payload_next(&batch, &bytes, &bytes_count))
        count++;
    if (batch.reader.bad || batch.reader.position < request->body_count) return 0;
    return count <= CR_SUBMISSIONS_MAX ? count : 0;
}

static void decode_batch(struct cr_request *request, struct cr_tx *txs, struct cr_hash_input *views,
                         uint32_t count)
{
    bool good[CR_TX_MANY];
    const uint8_t *bytes;
    uint32_t bytes_count;
    struct cr_payload batch = cr_payload_begin(request->body, request->body_count, count);
    for (uint32_t i = 0; i < count && cr_payload_next(&batch, &bytes, &bytes_count); i++)
        views[i] = (struct cr_hash_input){.bytes = bytes, .count = bytes_count};
    for (uint32_t at = 0; at < count; at += CR_TX_MANY) {
        const uint32_t some = count - at < CR_TX_MANY ? count - at : CR_TX_MANY;
        cr_tx_decode_many(views + at, some, txs + at, good);
        for (uint32_t i = 0; i < some; i++) {
            request->submitted[at + i].malformed = !good[i];
            if (good[i]) request->waiter.entries[at + i].id = txs[at + i].id;
        }
    }
}

static enum MHD_Result submit_batch(struct cr_request *request)
{
    const uint32_t count = count_batch(request);
    if (count == 0) {
        return refuse(request, MHD_HTTP_BAD_REQUEST, "malformed",
                      "the body must be {length u32 little-endian, transaction} repeated 1 to 4096 "
                      "times, with nothing left over");
    }
    if (!make_room(request, count)) return MHD_NO;
    struct cr_tx *txs = calloc(count, sizeof *txs);
    struct cr_hash_input *views = calloc(count, sizeof *views);
    struct cr_submission *list = calloc(count, sizeof *list);
    const bool room = txs && views && list;
    if (room) decode_batch(request, txs, views, count);
    const bool joined = room && join(request);
    if (joined) hand_over(request, txs, views, list);
    free(list);
    free(views);
    free(txs);
    if (!room) return MHD_NO;
    if (!joined)
        return refuse(request, MHD_HTTP_TOO_MANY_REQUESTS, "overloaded",
                      "too many transactions wait; try again later");
    return wait_or_answer(request);
}

enum MHD_Result cr_handle_submit(struct cr_request *request)
{
    if (request->parked_once) return answer(request);
    const char *type =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Content-Type");
    if (type && strncasecmp(type, "application/octet-stream", 24) == 0)
        return submit_batch(request);
    if (type && strncasecmp(type, "application/json", 16) == 0) return submit_json(request);
    return refuse(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "media-type",
                  "Content-Type must be application/json or application/octet-stream");
}
