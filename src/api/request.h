/* SPDX-License-Identifier: Apache-2.0 */
/* request.h: one HTTP request on its way through the API; what the files of this folder share. */
#ifndef CR_API_REQUEST_H
#define CR_API_REQUEST_H

#include <pthread.h>
#include <stdatomic.h>

#include <jansson.h>
#include <microhttpd.h>

#include "api/api.h"
#include "api/wait.h"

enum {
    CR_BODY_BYTES_MAX = 1024 * 1024,
    CR_WAIT_SECONDS_MAX = 60,
    CR_COMMITS_PER_PAGE_MAX = 1000,
};

/* How the API came to know the state of one transaction. */
struct cr_submitted {
    struct cr_wait_entry *wait; /* in the request's waiter */
    enum cr_submit answer;
    bool malformed; /* its bytes do not decode: no id */
};

struct cr_request {
    struct cr_api *api;
    struct MHD_Connection *connection;
    const char *method, *path; /* the path is decoded and ends at the query */
    uint8_t *body;             /* owned */
    size_t body_count, body_max;
    bool too_big;
    bool counted; /* among those that wait */
    /* POST /v1/transactions */
    bool parked_once;
    bool single; /* a JSON transaction: answered by an object, not a list */
    struct cr_waiter waiter;
    struct cr_submitted *submitted; /* waiter.entries_count of them */
};

struct cr_api {
    struct cr_api_config config;
    struct MHD_Daemon *daemon;
    struct cr_waiters *waiters;
    pthread_mutex_t lock; /* reader; counters */
    struct cr_state_reader *reader;
    uint64_t requests[6]; /* by class of status: [2] counts 2xx */
    uint64_t requests_malformed;
    _Atomic bool stopping;
};

typedef enum MHD_Result cr_handler(struct cr_request *request);

/* ---- answers (answer.c) ---- */
enum MHD_Result cr_answer_json(struct cr_request *request, unsigned status, json_t *json);
enum MHD_Result cr_answer_text(struct cr_request *request, unsigned status, const char *type,
                               const char *text, size_t count);
/* RFC 9457: `label` names the problem ("urn:creto:problem:<label>"), `outcome` is "definite"
 * (nothing was done, and nothing will be) or "unknown". `id` may be NULL. retry_after in seconds,
 * 0: none. */
struct cr_problem {
    unsigned status;
    const char *label, *title, *outcome;
    const struct cr_hash *id;
    unsigned retry_after;
    const char *extra_name, *extra_value; /* one more member, or NULL */
};
enum MHD_Result cr_answer_problem(struct cr_request *request, const struct cr_problem *problem,
                                  const char *detail, ...) __attribute__((format(printf, 3, 4)));
json_t *cr_json_hex(const uint8_t *bytes, size_t count);

/* The state of a transaction for people: "final", "rejected" or "expired" of a result. */
const char *cr_state_of_result(enum cr_result result);

/* ---- handlers ---- */
enum MHD_Result cr_handle_submit(struct cr_request *request); /* also after it was parked */
cr_handler cr_handle_query, cr_handle_tx, cr_handle_account, cr_handle_state, cr_handle_commits,
    cr_handle_offences, cr_handle_epoch, cr_handle_validators, cr_handle_status, cr_handle_startupz,
    cr_handle_livez, cr_handle_readyz, cr_handle_metrics;
void cr_request_park(void *context);
void cr_request_leave(struct cr_request *request);

/* ---- JSON form of a transaction (tx_json.c) ---- */
/* Encodes the JSON into `bytes` (CR_TX_BYTES_MAX). On failure `why` names the field. */
CR_MUST_CHECK enum cr_err cr_tx_from_json(const json_t *json, uint8_t *bytes, size_t bytes_max,
                                          size_t *count, char why[160]);

/* A snapshot of the state in the API's reader, for one request at a time. False: no memory. */
bool cr_read_begin(struct cr_request *request);
void cr_read_end(struct cr_request *request);

#endif
