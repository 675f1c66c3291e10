/* SPDX-License-Identifier: Apache-2.0 */
/* creto status */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/status.h"

enum { WATCH_MS = 500, ASK_MS = 1000, SYNC_BYTES = 512 };

/* One node's status, or {"error": "..."}; never NULL. */
static json_t *ask(const char *url)
{
    struct cr_http http;
    int status = 0;
    const uint8_t *body = NULL;
    size_t body_bytes = 0;
    const struct cr_http_request request = {.method = "GET", .path = "/v1/node/status"};
    json_t *answer = NULL;
    CR_ASSERT(cr_http_open(&http, url, ASK_MS)); /* cr_client_urls has checked it */
    const enum cr_err err = cr_http_call(&http, &request, &status, &body, &body_bytes);
    if (err == CR_OK && status == 200) answer = json_loadb((const char *)body, body_bytes, 0, NULL);
    if (answer == NULL) {
        char text[sizeof http.text] = "it answers without a status";
        if (err != CR_OK) memcpy(text, http.text, sizeof text);
        answer = json_pack("{s:s}", "error", text);
    }
    cr_http_close(&http);
    json_object_set_new(answer, "api", json_string(url));
    return answer;
}

static bool is_syncing(const json_t *node)
{
    return json_is_true(json_object_get(node, "syncing"));
}

static const char *state_of(const json_t *node)
{
    if (json_object_get(node, "error") != NULL) return "down";
    if (json_is_true(json_object_get(node, "halted"))) return "HALTED";
    if (json_is_true(json_object_get(node, "ready"))) return "ready";
    if (is_syncing(node)) return "syncing";
    return json_is_true(json_object_get(node, "probing")) ? "probing" : "not ready";
}

static void add(char *out, size_t out_bytes, const char *before, const char *text)
{
    const size_t used = strlen(out);
    (void)snprintf(out + used, out_bytes - used, "%s%s", before, text);
}

void cr_status_sync(const json_t *node, char *out, size_t out_bytes)
{
    const json_t *sync = json_object_get(node, "sync"), *from = json_object_get(sync, "from");
    if (sync == NULL) {
        const bool ready = json_is_true(json_object_get(node, "ready"));
        (void)snprintf(out, out_bytes, ready ? "in sync" : "not catching up");
        return;
    }
    const uint64_t behind = cr_client_number(sync, "behind");
    const uint64_t per_s = cr_client_number(sync, "commits_per_s");
    const uint64_t forged = cr_client_number(sync, "forged");
    char number[64] = "";
    (void)snprintf(out, out_bytes, "%" PRIu64 " commits behind", behind);
    if (per_s > 0) {
        (void)snprintf(number, sizeof number, "%" PRIu64 "/s, %" PRIu64 " s left", per_s,
                       (behind + per_s - 1) / per_s);
        add(out, out_bytes, ", ", number);
    }
    for (size_t i = 0; i < json_array_size(from); i++) {
        const char *name = json_string_value(json_array_get(from, i));
        add(out, out_bytes, i == 0 ? ", from " : " ", name != NULL ? name : "?");
    }
    if (forged == 0) return;
    (void)snprintf(number, sizeof number, "%" PRIu64 " forged range%s", forged,
                   forged == 1 ? "" : "s");
    add(out, out_bytes, ", ", number);
}

static void print_row(const json_t *node)
{
    const bool down = json_object_get(node, "error") != NULL;
    char sync[SYNC_BYTES];
    cr_status_sync(node, sync, sizeof sync);
    if (down) {
        printf("%-24s %-10s %s\n", cr_client_text(node, "api"), "down",
               cr_client_text(node, "error"));
        return;
    }
    printf("%-24s %-10s %-12s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %7" PRIu64 " %5" PRIu64
           " %" PRIu64 "/%" PRIu64 " %s\n",
           cr_client_text(node, "api"), state_of(node), cr_client_text(node, "validator"),
           cr_client_number(node, "round"), cr_client_number(node, "ordered_index"),
           cr_client_number(node, "commit_index"), cr_client_number(node, "mempool_transactions"),
           cr_client_number(node, "peers_up"), cr_client_number(node, "stake_up"),
           cr_client_number(node, "stake_quorum"),
           is_syncing(node) ? sync : cr_client_text(node, "not_ready_because"));
}

static void print_header(void)
{
    printf("%-24s %-10s %-12s %9s %9s %9s %7s %5s %s\n", "api", "state", "validator", "round",
           "ordered", "executed", "mempool", "peers", "stake up/quorum");
}

/* Every member the node tells, one per line. */
static void print_one(json_t *node)
{
    const char *name = NULL;
    json_t *value = NULL;
    char sync[SYNC_BYTES];
    printf("%-18s %s\n", "state", state_of(node));
    void *at = NULL;
    for (at = json_object_iter(node); at != NULL; at = json_object_iter_next(node, at)) {
        name = json_object_iter_key(at);
        value = json_object_iter_value(at);
        if (strcmp(name, "syncing") == 0) {
            cr_status_sync(node, sync, sizeof sync);
            printf("%-18s %s\n", "sync", sync);
        } else if (json_is_string(value) && json_string_length(value) > 0) {
            printf("%-18s %s\n", name, json_string_value(value));
        } else if (json_is_integer(value)) {
            printf("%-18s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(value));
        } else if (json_is_boolean(value)) {
            printf("%-18s %s\n", name, json_is_true(value) ? "yes" : "no");
        }
    }
}

/* 0 when every node is ready. */
static int worst(const json_t *nodes)
{
    int code = CR_EXIT_OK;
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);
        if (json_is_true(json_object_get(node, "halted"))) return CR_EXIT_HALT;
        if (json_object_get(node, "error") != NULL)
            code = CR_EXIT_UNKNOWN;
        else if (code == CR_EXIT_OK && !json_is_true(json_object_get(node, "ready")))
            code = CR_EXIT_FAILED;
    }
    return code;
}

static json_t *ask_all(const struct cr_urls *urls)
{
    json_t *nodes = json_array();
    for (uint32_t i = 0; i < urls->count; i++)
        json_array_append_new(nodes, ask(urls->list[i]));
    return nodes;
}

static void print_json(json_t *nodes)
{
    if (json_array_size(nodes) == 1)
        cr_cli_print_json(json_incref(json_array_get(nodes, 0)));
    else
        cr_cli_print_json(json_pack("{s:O}", "nodes", nodes));
}

static void print_table(const json_t *nodes)
{
    print_header();
    for (size_t i = 0; i < json_array_size(nodes); i++)
        print_row(json_array_get(nodes, i));
}

/* Until interrupted; on a terminal the table stays in its place. */
static void watch(const struct cr_urls *urls, bool json)
{
    const struct timespec pause = {.tv_nsec = WATCH_MS * 1000000L};
    const bool tty = isatty(STDOUT_FILENO) == 1;
    for (bool first = true;; first = false) {
        json_t *nodes = ask_all(urls);
        if (json) {
            print_json(nodes);
        } else {
            if (tty && !first) printf("\033[%zuA\033[J", json_array_size(nodes) + 1);
            print_table(nodes);
        }
        json_decref(nodes);
        if (fflush(stdout) != 0) return; /* nobody reads any more */
        (void)nanosleep(&pause, NULL);
    }
}

int cr_cli_status(const struct cr_command *command, int words, char **word)
{
    const char *api = NULL;
    bool json = false, watching = false;
    static struct cr_urls urls;
    const struct cr_option list[] = {
        {.name = "api",
         .kind = CR_OPTION_TEXT,
         .value = "URL[,URL]",
         .out = &api,
         .meaning = "nodes to ask; default: the local network"},
        {.name = "watch",
         .letter = 'w',
         .kind = CR_OPTION_SWITCH,
         .out = &watching,
         .meaning = "ask again and again, until Ctrl-C"},
        {.name = "json", .kind = CR_OPTION_SWITCH, .meaning = "one JSON object", .out = &json},
    };
    const struct cr_options options = {
        .command = command, .list = list, .count = CR_COUNT_OF(list)};
    int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    code = cr_client_urls(api, &urls);
    if (code != CR_EXIT_OK) return code;
    if (watching) {
        watch(&urls, json);
        return CR_EXIT_OK;
    }
    json_t *nodes = ask_all(&urls);
    json_t *only = json_array_size(nodes) == 1 ? json_array_get(nodes, 0) : NULL;
    if (json)
        print_json(nodes);
    else if (only == NULL)
        print_table(nodes);
    else if (json_object_get(only, "error") == NULL)
        print_one(only);
    else
        cr_cli_fail(CR_EXIT_UNKNOWN, "%s; is the node running? try 'creto localnet status'",
                    cr_client_text(only, "error"));
    code = worst(nodes);
    json_decref(nodes);
    return code;
}
