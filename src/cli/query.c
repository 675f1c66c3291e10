/* SPDX-License-Identifier: Apache-2.0 */
/* creto get, creto account, creto commits, creto offences, creto tx status */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"

struct query {
    struct cr_words words;
    struct cr_urls urls;
    const char *api, *key;
    uint64_t from, limit;
    bool json;
};

/* Reads --api, --json and `count` more options; -1: go on. */
static int open_query(const struct cr_command *command, int words, char **word, struct query *query,
                      const struct cr_option *more, uint32_t more_count, uint32_t words_most)
{
    struct cr_option list[8] = {
        {.name = "api",
         .kind = CR_OPTION_TEXT,
         .value = "URL[,URL]",
         .out = &query->api,
         .meaning = "nodes to ask; default: the local network"},
        {.name = "json",
         .kind = CR_OPTION_SWITCH,
         .meaning = "one JSON object",
         .out = &query->json},
    };
    CR_ASSERT(more_count + 2 <= CR_COUNT_OF(list));
    for (uint32_t i = 0; i < more_count; i++)
        list[i + 2] = more[i];
    const bool optional = command->words[0] == '['; /* "[ID]" */
    const struct cr_options options = {.command = command,
                                       .list = list,
                                       .count = more_count + 2,
                                       .words_least = optional ? 0 : words_most,
                                       .words_most = words_most,
                                       .words = &query->words};
    int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    code = cr_client_urls(query->api, &query->urls);
    return code == CR_EXIT_OK ? -1 : code;
}

static bool is_id(const char *text)
{
    uint8_t bytes[CR_HASH_BYTES];
    return cr_hex_decode(text, strlen(text), bytes, sizeof bytes) == CR_OK;
}

/* ---- get ---- */

/* Text as it is; {"hex": ...} as bytes. */
static void print_value(const json_t *value)
{
    if (json_is_string(value)) {
        (void)fwrite(json_string_value(value), 1, json_string_length(value), stdout);
        putchar('\n');
        return;
    }
    const char *hex = cr_client_text(value, "hex");
    const size_t count = strlen(hex) / 2;
    uint8_t *bytes = malloc(count + 1);
    if (bytes != NULL && cr_hex_decode(hex, strlen(hex), bytes, count) == CR_OK) {
        (void)fwrite(bytes, 1, count, stdout);
    }
    free(bytes);
}

int cr_cli_get(const struct cr_command *command, int words, char **word)
{
    static struct query query;
    int code = open_query(command, words, word, &query, NULL, 0, 1);
    if (code >= 0) return code;
    const char *key = query.words.list[0];
    const size_t key_bytes = strlen(key);
    char path[3 * CR_STATE_KEY_BYTES_MAX + 32] = "/v1/state/";
    const size_t base = strlen(path);
    if (key_bytes == 0 || key_bytes > CR_STATE_KEY_BYTES_MAX) {
        return cr_cli_fail(CR_EXIT_USAGE, "a key has 1 to %d bytes", CR_STATE_KEY_BYTES_MAX);
    }
    CR_ASSERT(cr_http_escape(key, key_bytes, path + base, sizeof path - base));
    json_t *record = NULL;
    code = cr_client_get(&query.urls, path, &record);
    if (code != CR_EXIT_OK) return code;
    if (query.json) {
        cr_cli_print_json(record);
        return CR_EXIT_OK;
    }
    print_value(json_object_get(record, "value"));
    json_decref(record);
    return CR_EXIT_OK;
}

/* ---- account ---- */

int cr_cli_account(const struct cr_command *command, int words, char **word)
{
    static struct query query;
    const struct cr_option more[] = {
        {.name = "key",
         .kind = CR_OPTION_TEXT,
         .value = "FILE",
         .out = &query.key,
         .meaning = "the account of this key"},
    };
    int code = open_query(command, words, word, &query, more, CR_COUNT_OF(more), 1);
    if (code >= 0) return code;
    char path[32 + 2 * CR_HASH_BYTES] = "/v1/accounts/";
    char *hex = path + strlen(path);
    if ((query.words.count == 1) == (query.key != NULL)) {
        return cr_cli_fail(CR_EXIT_USAGE, "name one account: by ID or by --key FILE");
    }
    if (query.key != NULL) {
        struct cr_public_key key;
        code = cr_cli_public_key_load(query.key, &key);
        if (code != CR_EXIT_OK) return code;
        const struct cr_hash id = cr_public_key_account(&key);
        cr_hex_encode(id.bytes, sizeof id.bytes, hex);
    } else if (is_id(query.words.list[0])) {
        memcpy(hex, query.words.list[0], 2 * CR_HASH_BYTES + 1);
    } else {
        return cr_cli_fail(CR_EXIT_USAGE, "'%s' is no account id of 64 hexadecimal digits",
                           query.words.list[0]);
    }
    json_t *account = NULL;
    code = cr_client_get(&query.urls, path, &account);
    if (code != CR_EXIT_OK) return code;
    if (query.json) {
        cr_cli_print_json(account);
        return CR_EXIT_OK;
    }
    printf("account     %s\nalgorithm   %s\nbalance     %" PRIu64 "\nregistered  commit %" PRIu64
           "\n",
           cr_client_text(account, "id"), cr_client_text(account, "algorithm"),
           cr_client_number(account, "balance"), cr_client_number(account, "registered_at"));
    json_decref(account);
    return CR_EXIT_OK;
}

/* ---- commits ---- */

int cr_cli_commits(const struct cr_command *command, int words, char **word)
{
    static struct query query;
    query.limit = 20;
    const struct cr_option more[] = {
        {.name = "from",
         .kind = CR_OPTION_NUMBER,
         .value = "N",
         .out = &query.from,
         .meaning = "first commit; default: the newest ones",
         .least = 1,
         .most = INT64_MAX},
        {.name = "limit",
         .kind = CR_OPTION_NUMBER,
         .value = "N",
         .out = &query.limit,
         .meaning = "how many; default 20",
         .least = 1,
         .most = 1000},
    };
    int code = open_query(command, words, word, &query, more, CR_COUNT_OF(more), 0);
    if (code >= 0) return code;
    if (query.from == 0) {
        struct cr_client_chain chain;
        code = cr_client_chain(&query.urls, &chain);
        if (code != CR_EXIT_OK) return code;
        query.from = chain.commit_index > query.limit ? chain.commit_index - query.limit + 1 : 1;
    }
    char path[96];
    (void)snprintf(path, sizeof path, "/v1/commits?from=%" PRIu64 "&limit=%" PRIu64, query.from,
                   query.limit);
    json_t *answer = NULL;
    code = cr_client_get(&query.urls, path, &answer);
    if (code != CR_EXIT_OK) return code;
    if (query.json) {
        cr_cli_print_json(answer);
        return CR_EXIT_OK;
    }
    const json_t *commits = json_object_get(answer, "commits");
    printf("%10s %10s %6s  %s\n", "commit", "round", "txs", "digest");
    for (size_t i = 0; i < json_array_size(commits); i++) {
        const json_t *commit = json_array_get(commits, i);
        printf("%10" PRIu64 " %10" PRIu64 " %6" PRIu64 "  %s\n", cr_client_number(commit, "index"),
               cr_client_number(commit, "leader_round"), cr_client_number(commit, "transactions"),
               cr_client_text(commit, "digest"));
    }
    json_decref(answer);
    return CR_EXIT_OK;
}

/* ---- offences ---- */

int cr_cli_offences(const struct cr_command *command, int words, char **word)
{
    static struct query query;
    int code = open_query(command, words, word, &query, NULL, 0, 0);
    if (code >= 0) return code;
    json_t *answer = NULL;
    code = cr_client_get(&query.urls, "/v1/offences", &answer);
    if (code != CR_EXIT_OK) return code;
    if (query.json) {
        cr_cli_print_json(answer);
        return CR_EXIT_OK;
    }
    const json_t *offences = json_object_get(answer, "offences");
    printf("%-12s %-12s %6s %10s %10s  %s\n", "validator", "conflict", "epoch", "round", "commit",
           "vertices");
    for (size_t i = 0; i < json_array_size(offences); i++) {
        const json_t *offence = json_array_get(offences, i);
        const json_t *vertices = json_object_get(offence, "vertices");
        printf("%-12s %-12s %6" PRIu64 " %10" PRIu64 " %10" PRIu64 "  %.16s %.16s\n",
               cr_client_text(offence, "validator"), cr_client_text(offence, "conflict"),
               cr_client_number(offence, "epoch"), cr_client_number(offence, "round"),
               cr_client_number(offence, "commit_index"),
               json_string_value(json_array_get(vertices, 0)),
               json_string_value(json_array_get(vertices, 1)));
    }
    json_decref(answer);
    return CR_EXIT_OK;
}

/* ---- tx status ---- */

int cr_cli_tx_status(const struct cr_command *command, int words, char **word)
{
    static struct query query;
    int code = open_query(command, words, word, &query, NULL, 0, 1);
    if (code >= 0) return code;
    const char *id = query.words.list[0];
    if (!is_id(id)) {
        return cr_cli_fail(CR_EXIT_USAGE, "'%s' is no transaction id of 64 hexadecimal digits", id);
    }
    char path[32 + 2 * CR_HASH_BYTES];
    (void)snprintf(path, sizeof path, "/v1/transactions/%.64s", id);
    json_t *tx = NULL;
    code = cr_client_get(&query.urls, path, &tx);
    if (code != CR_EXIT_OK) return code;
    const char *state = cr_client_text(tx, "state"), *result = cr_client_text(tx, "result");
    if (strcmp(state, "unknown") == 0) code = CR_EXIT_NOT_FOUND;
    if (strcmp(state, "rejected") == 0 || strcmp(state, "expired") == 0) code = CR_EXIT_FAILED;
    if (strcmp(state, "final") == 0 && strcmp(result, "ok") != 0) code = CR_EXIT_FAILED;
    if (query.json) {
        cr_cli_print_json(tx);
        return code;
    }
    printf("%s", state);
    if (result[0] != 0) printf("  result=%s", result);
    if (json_object_get(tx, "commit_index") != NULL) {
        printf("  commit=%" PRIu64 " pos=%" PRIu64, cr_client_number(tx, "commit_index"),
               cr_client_number(tx, "position"));
    }
    putchar('\n');
    json_decref(tx);
    return code;
}
