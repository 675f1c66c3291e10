/* SPDX-License-Identifier: Apache-2.0 */
/* creto validators, creto validator add, stake, remove */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tx.h"

/* ---- the operator's changes ---- */

static json_t *make_add(const struct cr_words *words, const struct cr_urls *urls, int *code)
{
    json_error_t error;
    (void)urls;
    json_t *root = json_load_file(words->list[0], JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        *code = cr_cli_fail(CR_EXIT_USAGE, "%s: %s", words->list[0], error.text);
        return NULL;
    }
    json_object_set_new(root, "op", json_string("validator-add"));
    return root;
}

/* A validator is named, or given by its id. NULL: there is none. */
static const char *find_id(const json_t *answer, const char *name)
{
    const json_t *list = json_object_get(answer, "validators");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *id = cr_client_text(item, "validator");
        if (strcmp(cr_client_text(item, "name"), name) == 0 || strcmp(id, name) == 0) return id;
    }
    return NULL;
}

static json_t *make_stake_of(const char *name, int64_t stake, const struct cr_urls *urls, int *code)
{
    json_t *answer = NULL, *root = NULL;
    *code = cr_client_get(urls, "/v1/validators", &answer);
    if (*code != CR_EXIT_OK) return NULL;
    const char *id = find_id(answer, name);
    if (id != NULL) {
        root = json_pack("{s:s,s:s,s:I}", "op", "validator-stake", "validator", id, "stake",
                         (json_int_t)stake);
    } else {
        *code =
            cr_cli_fail(CR_EXIT_NOT_FOUND, "'%s' is no validator; see 'creto validators'", name);
    }
    json_decref(answer);
    return root;
}

static json_t *make_stake(const struct cr_words *words, const struct cr_urls *urls, int *code)
{
    char *end = NULL;
    const long long stake = strtoll(words->list[1], &end, 10);
    if (*end != 0 || words->list[1][0] == 0 || stake < 0) {
        *code = cr_cli_fail(CR_EXIT_USAGE, "'%s' is no stake", words->list[1]);
        return NULL;
    }
    return make_stake_of(words->list[0], stake, urls, code);
}

static json_t *make_remove(const struct cr_words *words, const struct cr_urls *urls, int *code)
{
    return make_stake_of(words->list[0], 0, urls, code);
}

int cr_cli_validator_add(const struct cr_command *command, int words, char **word)
{
    return cr_tx_submit(command, words, word, 1, make_add);
}

int cr_cli_validator_stake(const struct cr_command *command, int words, char **word)
{
    return cr_tx_submit(command, words, word, 2, make_stake);
}

int cr_cli_validator_remove(const struct cr_command *command, int words, char **word)
{
    return cr_tx_submit(command, words, word, 1, make_remove);
}

/* ---- the list ---- */

static void print_list(const json_t *answer)
{
    const json_t *list = json_object_get(answer, "validators");
    const uint64_t epoch = cr_client_number(answer, "epoch");
    const char *operator_account = cr_client_text(answer, "operator");
    printf("epoch %" PRIu64 ", operator %s\n\n", epoch,
           operator_account[0] != 0 ? operator_account : "none: the validators never change");
    printf("%-5s %-20s %-28s %14s %14s\n", "seat", "validator", "address", "stake", "next epoch");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        printf("%-5" PRIu64 " %-20s %-28s %14" PRIu64 " %14" PRIu64 "\n",
               cr_client_number(item, "seat"), cr_client_text(item, "name"),
               cr_client_text(item, "address"), cr_client_number(item, "stake"),
               cr_client_number(item, "next_stake"));
    }
}

int cr_cli_validators(const struct cr_command *command, int words, char **word)
{
    static struct cr_urls urls;
    const char *api = NULL;
    bool json = false;
    json_t *answer = NULL;
    const struct cr_option list[] = {
        {.name = "api",
         .kind = CR_OPTION_TEXT,
         .value = "URL[,URL]",
         .out = &api,
         .meaning = "nodes to try in turn; default: the local network"},
        {.name = "json", .kind = CR_OPTION_SWITCH, .meaning = "one JSON object", .out = &json},
    };
    const struct cr_options options = {
        .command = command, .list = list, .count = CR_COUNT_OF(list)};
    int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    code = cr_client_urls(api, &urls);
    if (code == CR_EXIT_OK) code = cr_client_get(&urls, "/v1/validators", &answer);
    if (code != CR_EXIT_OK) return code;
    if (json) {
        cr_cli_print_json(answer);
        return CR_EXIT_OK;
    }
    print_list(answer);
    json_decref(answer);
    return CR_EXIT_OK;
}
