/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/request.h"

static enum MHD_Result queue(struct cr_request *request, unsigned status, const char *type,
                             struct MHD_Response *response, unsigned retry_after)
{
    char seconds[16];
    if (!response) return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    if (retry_after > 0) {
        snprintf(seconds, sizeof seconds, "%u", retry_after);
        MHD_add_response_header(response, "Retry-After", seconds);
    }
    const enum MHD_Result queued = MHD_queue_response(request->connection, status, response);
    MHD_destroy_response(response);
    pthread_mutex_lock(&request->api->lock);
    request->api->requests[status / 100 % 6]++;
    pthread_mutex_unlock(&request->api->lock);
    return queued;
}

static enum MHD_Result answer_json_as(struct cr_request *request, unsigned status, const char *type,
                                      json_t *json, unsigned retry_after)
{
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    json_decref(json);
    if (!text) return MHD_NO; /* memory is out: the connection closes */
    const size_t count = strlen(text);
    char *line = realloc(text, count + 2);
    if (!line) {
        free(text);
        return MHD_NO;
    }
    memcpy(line + count, "\n", 2);
    return queue(request, status, type,
                 MHD_create_response_from_buffer(count + 1, line, MHD_RESPMEM_MUST_FREE),
                 retry_after);
}

enum MHD_Result cr_answer_json(struct cr_request *request, unsigned status, json_t *json)
{
    return answer_json_as(request, status, "application/json", json, 0);
}

enum MHD_Result cr_answer_text(struct cr_request *request, unsigned status, const char *type,
                               const char *text, size_t count)
{
    /* The library copies the text; its parameter is not const for other modes' sake. */
    union {
        const char *text;
        void *bytes;
    } copied = {.text = text};
    return queue(request, status, type,
                 MHD_create_response_from_buffer(count, copied.bytes, MHD_RESPMEM_MUST_COPY), 0);
}

enum MHD_Result cr_answer_problem(struct cr_request *request, const struct cr_problem *problem,
                                  const char *detail, ...)
{
    char type[80];
    char text[400];
    va_list args;
    va_start(args, detail);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 errs across files */
    vsnprintf(text, sizeof text, detail, args);
    va_end(args);
    snprintf(type, sizeof type, "urn:creto:problem:%s", problem->label);
    json_t *json =
        json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", type, "title", problem->title, "status",
                  (int)problem->status, "detail", text, "outcome", problem->outcome);
    if (json && problem->id)
        json_object_set_new(json, "id", cr_json_hex(problem->id->bytes, CR_HASH_BYTES));
    if (json && problem->extra_name)
        json_object_set_new(json, problem->extra_name, json_string(problem->extra_value));
    if (json && problem->retry_after > 0)
        json_object_set_new(json, "retry_after_seconds",
                            json_integer((json_int_t)problem->retry_after));
    return answer_json_as(request, problem->status, "application/problem+json", json,
                          problem->retry_after);
}

json_t *cr_json_hex(const uint8_t *bytes, size_t count)
{
    char *text = malloc(2 * count + 1);
    if (!text) return NULL;
    cr_hex_encode(bytes, count, text);
    json_t *json = json_string(text);
    free(text);
    return json;
}

const char *cr_state_of_result(enum cr_result result)
{
    if (result == CR_RESULT_OK) return "final";
    return result == CR_RESULT_EXPIRED ? "expired" : "rejected";
}
