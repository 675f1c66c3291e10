/* SPDX-License-Identifier: Apache-2.0 */
/* creto tx submit */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cli/tx.h"
#include "cli/tx_file.h"

enum { WAIT_SECONDS = 30, TTL_PRESET = 20000 };

struct submit {
    const char *api, *key_path, *wait, *client_id;
    uint64_t ttl, valid_until; /* 0: not given */
    bool registers, json;
    struct cr_words words;
    struct cr_urls urls;

    struct cr_secret_key *key;
    struct cr_public_key public;
    struct cr_tx fields;
    struct cr_hash id;
    size_t bytes_count;
    uint8_t bytes[CR_TX_BYTES_MAX + 4]; /* {bytes u32, tx} */
};

static int read_options(const struct cr_command *command, int words, char **word, uint32_t count,
                        struct submit *s)
{
    const struct cr_option list[] = {
        {.name = "key",
         .kind = CR_OPTION_TEXT,
         .value = "FILE",
         .out = &s->key_path,
         .meaning = "secret key of the account; default: client.key of the local network"},
        {.name = "api",
         .kind = CR_OPTION_TEXT,
         .value = "URL[,URL]",
         .out = &s->api,
         .meaning = "nodes to try in turn; default: the local network"},
        {.name = "wait",
         .kind = CR_OPTION_TEXT,
         .value = "UNTIL",
         .out = &s->wait,
         .meaning = "final (default), accepted or none"},
        {.name = "register",
         .kind = CR_OPTION_SWITCH,
         .out = &s->registers,
         .meaning = "register the account first when it is new"},
        {.name = "id",
         .kind = CR_OPTION_TEXT,
         .value = "HEX",
         .out = &s->client_id,
         .meaning = "16 bytes of your own, kept for a retry; default: random"},
        {.name = "valid-until",
         .kind = CR_OPTION_NUMBER,
         .value = "N",
         .out = &s->valid_until,
         .meaning = "last commit at which it may execute",
         .least = 1,
         .most = INT64_MAX},
        {.name = "ttl",
         .kind = CR_OPTION_NUMBER,
         .value = "N",
         .out = &s->ttl,
         .meaning = "the same, as commits from now; default 20000",
         .least = 1,
         .most = CR_TX_TTL_MAX},
        {.name = "json", .kind = CR_OPTION_SWITCH, .meaning = "one JSON object", .out = &s->json},
    };
    const struct cr_options options = {.command = command,
                                       .list = list,
                                       .count = CR_COUNT_OF(list),
                                       .words_least = count,
                                       .words_most = count,
                                       .words = &s->words};
    int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    if (strcmp(s->wait, "final") != 0 && strcmp(s->wait, "accepted") != 0 &&
        strcmp(s->wait, "none") != 0) {
        return cr_cli_fail(CR_EXIT_USAGE, "--wait: '%s' is none of final, accepted, none", s->wait);
    }
    code = cr_client_urls(s->api, &s->urls);
    return code == CR_EXIT_OK ? -1 : code;
}

static int load_key(struct submit *s)
{
    char path[CR_PATH_BYTES_MAX];
    const char *chosen =
        s->key_path != NULL ? s->key_path : getenv("CRETO_KEY"); /* a file's name */
    if (chosen == NULL) {
        const bool fits = cr_cli_localnet_home(NULL, path) && cr_cli_join(path, path, "client.key");
        if (!fits || access(path, F_OK) != 0) {
            return cr_cli_fail(CR_EXIT_USAGE, "--key FILE is missing; 'creto keys new' makes one");
        }
        chosen = path;
    }
    const int code = cr_cli_secret_key_load(chosen, &s->key);
    if (code != CR_EXIT_OK) return code;
    cr_secret_key_public(s->key, &s->public);
    s->fields.account = cr_public_key_account(&s->public);
    return CR_EXIT_OK;
}

static int set_client_id(struct submit *s)
{
    uint8_t *id = s->fields.client_id;
    if (s->client_id == NULL) {
        const ssize_t got = getrandom(id, CR_TX_CLIENT_ID_BYTES, 0);
        return got == CR_TX_CLIENT_ID_BYTES ? CR_EXIT_OK
                                            : cr_cli_fail(CR_EXIT_FAILED, "no random bytes");
    }
    if (cr_hex_decode(s->client_id, strlen(s->client_id), id, CR_TX_CLIENT_ID_BYTES) == CR_OK) {
        return CR_EXIT_OK;
    }
    return cr_cli_fail(CR_EXIT_USAGE, "--id: not 16 bytes in hexadecimal");
}

/* Whether the account must be registered; asks the network. */
static int find_account(struct submit *s, bool *missing)
{
    char path[32 + 2 * CR_HASH_BYTES] = "/v1/accounts/";
    cr_hex_encode(s->fields.account.bytes, CR_HASH_BYTES, path + strlen(path));
    const struct cr_http_request request = {.method = "GET", .path = path};
    struct cr_http http;
    json_t *answer = NULL;
    int status = 0;
    int code = cr_client_call(&s->urls, &request, &http, &status, &answer);
    cr_http_close(&http);
    *missing = status == 404;
    if (code == CR_EXIT_OK && status != 200 && status != 404)
        code = cr_client_problem(status, answer);
    json_decref(answer);
    return code;
}

static int build(struct submit *s, const struct cr_tx_file *file, bool registers)
{
    struct cr_tx_builder builder;
    struct cr_tx_file_failure failure;
    s->fields.flags = file->independent ? CR_TX_INDEPENDENT : 0;
    cr_tx_begin(&builder, s->bytes + 4, CR_TX_BYTES_MAX, &s->fields);
    if (registers) {
        const struct cr_op op = {.type = CR_OP_REGISTER, .register_key = s->public};
        cr_tx_add(&builder, &op);
    }
    if (cr_tx_file_add(file, &s->public, &builder, &failure) != CR_OK) {
        return cr_cli_fail(CR_EXIT_USAGE, "%s: %s", s->words.list[0], failure.text);
    }
    const enum cr_err err = cr_tx_end(&builder, &s->id);
    if (err != CR_OK) {
        return cr_cli_fail(CR_EXIT_USAGE, "%s: the transaction is too large: %s", s->words.list[0],
                           cr_err_text(err));
    }
    uint8_t signature[CR_SIG_BYTES_MAX];
    size_t signature_bytes = 0;
    if (cr_sign(s->key, (const uint8_t *)CR_TX_CONTEXT, CR_TX_CONTEXT_BYTES, s->id.bytes,
                sizeof s->id.bytes, signature, &signature_bytes) != CR_OK) {
        return cr_cli_fail(CR_EXIT_FAILED, "cannot sign: %s", cr_err_text(CR_ERR_CRYPTO));
    }
    const size_t count = cr_tx_sign_with(&builder, s->public.alg, signature, signature_bytes);
    if (count == 0)
        return cr_cli_fail(CR_EXIT_USAGE, "the transaction is larger than %d bytes",
                           CR_TX_BYTES_MAX);
    cr_store_le(s->bytes, count, 4);
    s->bytes_count = count + 4;
    return CR_EXIT_OK;
}

/* "retry safely with ...": the same id and the same last commit make the same transaction. */
static void print_retry(const struct submit *s)
{
    char id[2 * CR_HASH_BYTES + 1], client_id[2 * CR_TX_CLIENT_ID_BYTES + 1];
    cr_hex_encode(s->id.bytes, sizeof s->id.bytes, id);
    cr_hex_encode(s->fields.client_id, sizeof s->fields.client_id, client_id);
    fprintf(stderr,
            "creto: the outcome of %s is unknown; ask 'creto tx status %s',\n"
            "       or send the very same again, which is safe, with --id %s --valid-until %" PRIu64
            "\n",
            id, id, client_id, s->fields.valid_until_commit);
}

/* Exit code of what became of the transaction. */
static int judge(const struct submit *s, const char *state, const char *result)
{
    const bool wants_final = strcmp(s->wait, "final") == 0;
    if (strcmp(state, "final") == 0) {
        return strcmp(result, "ok") == 0 ? CR_EXIT_OK : CR_EXIT_FAILED;
    }
    if (strcmp(state, "rejected") == 0 || strcmp(state, "expired") == 0) return CR_EXIT_FAILED;
    if (strcmp(state, "unknown") == 0) return CR_EXIT_UNKNOWN;
    return wants_final ? CR_EXIT_UNKNOWN : CR_EXIT_OK;
}

static void print_operations(const json_t *item)
{
    const json_t *labels = json_object_get(item, "operations");
    for (size_t i = 0; i < json_array_size(labels); i++) {
        const char *label = json_string_value(json_array_get(labels, i));
        if (label != NULL && strcmp(label, "ok") != 0) printf("operation %zu: %s\n", i, label);
    }
}

static int report(const struct submit *s, json_t *answer, uint64_t latency_us)
{
    json_t *item = json_array_get(json_object_get(answer, "results"), 0);
    if (item == NULL) item = answer;
    const char *state = cr_client_text(item, "state"), *result = cr_client_text(item, "result");
    const int code = judge(s, state, result);
    char id[2 * CR_HASH_BYTES + 1], client_id[2 * CR_TX_CLIENT_ID_BYTES + 1];
    cr_hex_encode(s->id.bytes, sizeof s->id.bytes, id);
    cr_hex_encode(s->fields.client_id, sizeof s->fields.client_id, client_id);
    if (s->json) {
        json_t *copy = json_copy(item);
        json_object_set_new(copy, "client_id", json_string(client_id));
        json_object_set_new(copy, "valid_until_commit",
                            json_integer((json_int_t)s->fields.valid_until_commit));
        json_object_set_new(copy, "latency_ms", json_real((double)latency_us / 1000.0));
        cr_cli_print_json(copy);
    } else {
        printf("%s  tx=%s", state, id);
        if (json_object_get(item, "commit_index") != NULL) {
            printf("  commit=%" PRIu64 " pos=%" PRIu64, cr_client_number(item, "commit_index"),
                   cr_client_number(item, "position"));
        }
        if (result[0] != 0 && strcmp(result, "ok") != 0) printf("  result=%s", result);
        printf("  latency=%" PRIu64 "ms\n", latency_us / 1000);
        print_operations(item);
    }
    if (code == CR_EXIT_UNKNOWN) print_retry(s);
    if (strcmp(result, "unknown-account") == 0) {
        fputs("creto: the account is not registered; try --register\n", stderr);
    }
    return code;
}

static int submit(struct submit *s)
{
    const bool waits = strcmp(s->wait, "final") == 0;
    const struct cr_http_request request = {.method = "POST",
                                            .path = "/v1/transactions",
                                            .content_type = "application/octet-stream",
                                            .body = s->bytes,
                                            .body_bytes = s->bytes_count,
                                            .wait_seconds = waits ? WAIT_SECONDS : 0};
    struct cr_http http;
    json_t *answer = NULL;
    int status = 0;
    const uint64_t begin_us = cr_clock_us();
    int code = cr_client_call(&s->urls, &request, &http, &status, &answer);
    const uint64_t latency_us = cr_clock_us() - begin_us;
    cr_http_close(&http);
    if (code == CR_EXIT_UNKNOWN) print_retry(s);
    if (code != CR_EXIT_OK) return code;
    code = status < 300 ? report(s, answer, latency_us) : cr_client_problem(status, answer);
    json_decref(answer);
    return code;
}

static json_t *read_file(const struct cr_words *words, const struct cr_urls *urls, int *code)
{
    json_error_t error;
    const char *path = words->list[0];
    const bool is_stdin = strcmp(path, "-") == 0;
    (void)urls;
    json_t *root = is_stdin ? json_loadf(stdin, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error)
                            : json_load_file(path, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (root == NULL) {
        *code = cr_cli_fail(CR_EXIT_USAGE, "%s: line %d: %s", is_stdin ? "standard input" : path,
                            error.line, error.text);
    }
    return root;
}

static int prepare(struct submit *s, const json_t *root)
{
    struct cr_tx_file file;
    struct cr_tx_file_failure failure;
    struct cr_client_chain chain;
    bool missing = false;
    if (cr_tx_file_read(root, &file, &failure) != CR_OK) {
        return cr_cli_fail(CR_EXIT_USAGE, "%s: %s", s->words.list[0], failure.text);
    }
    int code = load_key(s);
    if (code == CR_EXIT_OK) code = set_client_id(s);
    if (code == CR_EXIT_OK) code = cr_client_chain(&s->urls, &chain);
    if (code == CR_EXIT_OK && s->registers) code = find_account(s, &missing);
    if (code != CR_EXIT_OK) return code;
    memcpy(s->fields.chain, chain.chain, sizeof s->fields.chain);
    s->fields.valid_until_commit =
        s->valid_until > 0 ? s->valid_until : chain.commit_index + s->ttl;
    return build(s, &file, missing);
}

int cr_tx_submit(const struct cr_command *command, int words, char **word, uint32_t count,
                 cr_tx_make *make)
{
    static struct submit s;
    s.wait = "final";
    s.ttl = TTL_PRESET;
    int code = read_options(command, words, word, count, &s);
    if (code >= 0) return code;
    json_t *root = make(&s.words, &s.urls, &code);
    if (root == NULL) return code;
    code = prepare(&s, root);
    if (code == CR_EXIT_OK) code = submit(&s);
    json_decref(root);
    cr_secret_key_free(s.key);
    return code;
}

int cr_cli_tx_submit(const struct cr_command *command, int words, char **word)
{
    return cr_tx_submit(command, words, word, 1, read_file);
}
