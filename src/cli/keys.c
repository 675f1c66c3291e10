/* SPDX-License-Identifier: Apache-2.0 */
/* creto keys new|show|list */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

int cr_cli_secret_key_load(const char *path, struct cr_secret_key **out)
{
    const enum cr_err err = cr_secret_key_load(path, out);
    if (err == CR_OK) return CR_EXIT_OK;
    if (err == CR_ERR_PERMISSION) {
        return cr_cli_fail(CR_EXIT_AUTH,
                           "%s: a secret key must be your own regular file with mode 0600; "
                           "try 'chmod 600 %s'",
                           path, path);
    }
    if (err == CR_ERR_NOT_FOUND) {
        return cr_cli_fail(CR_EXIT_NOT_FOUND, "%s: no such key; 'creto keys new' makes one", path);
    }
    if (err == CR_ERR_MALFORMED) {
        return cr_cli_fail(CR_EXIT_USAGE, "%s is no ML-DSA key in PKCS#8 PEM", path);
    }
    return cr_cli_fail(cr_cli_exit_of(err), "%s: %s", path, cr_err_text(err));
}

static json_t *key_json(const struct cr_public_key *key)
{
    char id[2 * CR_HASH_BYTES + 1], hex[2 * CR_KEY_BYTES_MAX + 1];
    const struct cr_hash account = cr_public_key_account(key);
    cr_hex_encode(account.bytes, sizeof account.bytes, id);
    cr_hex_encode(key->bytes, cr_alg_key_bytes(key->alg), hex);
    return json_pack("{s:s,s:s,s:s}", "algorithm", cr_alg_name(key->alg), "account", id, "key",
                     hex);
}

static void print_key(const struct cr_public_key *key, bool with_bytes, bool json)
{
    json_t *object = key_json(key);
    if (json) {
        cr_cli_print_json(object);
        return;
    }
    const char *algorithm = NULL, *account = NULL, *hex = NULL;
    if (json_unpack(object, "{s:s,s:s,s:s}", "algorithm", &algorithm, "account", &account, "key",
                    &hex) == 0) {
        printf("algorithm  %s\naccount    %s\n", algorithm, account);
        if (with_bytes) printf("key        %s\n", hex);
    }
    json_decref(object);
}

int cr_cli_keys_new(const struct cr_command *command, int words, char **word)
{
    const char *name = "ml-dsa-44";
    bool json = false;
    static struct cr_words files;
    const struct cr_option list[] = {
        {.name = "alg",
         .kind = CR_OPTION_TEXT,
         .value = "NAME",
         .out = &name,
         .meaning = "ml-dsa-44 (default, for clients), ml-dsa-65 or ml-dsa-87"},
        {.name = "json", .kind = CR_OPTION_SWITCH, .meaning = "one JSON object", .out = &json},
    };
    const struct cr_options options = {.command = command,
                                       .list = list,
                                       .count = CR_COUNT_OF(list),
                                       .words_least = 1,
                                       .words_most = 1,
                                       .words = &files};
    const int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    const enum cr_alg alg = cr_alg_parse(name);
    if (alg == 0) {
        return cr_cli_fail(CR_EXIT_USAGE,
                           "unknown algorithm '%s'; choose ml-dsa-44, ml-dsa-65 or ml-dsa-87",
                           name);
    }
    struct cr_secret_key *key = NULL;
    enum cr_err err = cr_secret_key_new(alg, &key);
    if (err != CR_OK) return cr_cli_fail(CR_EXIT_FAILED, "%s", cr_err_text(err));
    err = cr_secret_key_save(key, files.list[0]);
    struct cr_public_key public;
    cr_secret_key_public(key, &public);
    cr_secret_key_free(key);
    if (err == CR_ERR_EXISTS) {
        return cr_cli_fail(CR_EXIT_CONFLICT, "%s exists; a key is never overwritten",
                           files.list[0]);
    }
    if (err != CR_OK) {
        return cr_cli_fail(cr_cli_exit_of(err), "cannot write %s: %s", files.list[0],
                           cr_err_text(err));
    }
    print_key(&public, false, json);
    return CR_EXIT_OK;
}

int cr_cli_keys_show(const struct cr_command *command, int words, char **word)
{
    bool json = false;
    static struct cr_words files;
    const struct cr_option list[] = {
        {.name = "json", .kind = CR_OPTION_SWITCH, .meaning = "one JSON object", .out = &json},
    };
    const struct cr_options options = {.command = command,
                                       .list = list,
                                       .count = CR_COUNT_OF(list),
                                       .words_least = 1,
                                       .words_most = 1,
                                       .words = &files};
    int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    struct cr_secret_key *key = NULL;
    code = cr_cli_secret_key_load(files.list[0], &key);
    if (code != CR_EXIT_OK) return code;
    struct cr_public_key public;
    cr_secret_key_public(key, &public);
    cr_secret_key_free(key);
    print_key(&public, true, json);
    return CR_EXIT_OK;
}

int cr_cli_keys_list(const struct cr_command *command, int words, char **word)
{
    static const char *const roles[] = {"consensus", "transport"};
    const char *flag = NULL;
    bool json = false;
    const struct cr_option list[] = {
        {.name = "home",
         .kind = CR_OPTION_TEXT,
         .value = "DIR",
         .out = &flag,
         .meaning = "folder of the validator"},
        {.name = "json", .kind = CR_OPTION_SWITCH, .meaning = "one JSON object", .out = &json},
    };
    const struct cr_options options = {
        .command = command, .list = list, .count = CR_COUNT_OF(list)};
    int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    char home[CR_PATH_BYTES_MAX];
    struct cr_config config;
    struct cr_config_failure failure;
    if (!cr_cli_home(flag, home)) return cr_cli_fail(CR_EXIT_USAGE, "--home: too long");
    if (cr_config_load(home, &config, &failure) != CR_OK) {
        return cr_cli_fail(CR_EXIT_USAGE, "%s", failure.text);
    }
    json_t *all = json_object();
    for (uint32_t i = 0; i < CR_COUNT_OF(roles); i++) {
        char name[32], path[CR_PATH_BYTES_MAX];
        (void)snprintf(name, sizeof name, "%s.key", roles[i]);
        struct cr_secret_key *key = NULL;
        if (!cr_cli_join(path, config.keys, name))
            code = cr_cli_fail(CR_EXIT_USAGE, "path too long");
        else
            code = cr_cli_secret_key_load(path, &key);
        if (code != CR_EXIT_OK) break;
        struct cr_public_key public;
        cr_secret_key_public(key, &public);
        cr_secret_key_free(key);
        json_t *object = key_json(&public);
        json_object_set_new(object, "file", json_string(path));
        if (!json) {
            printf("%-10s %s  %s  %s\n", roles[i], cr_alg_name(public.alg),
                   json_string_value(json_object_get(object, "account")), path);
        }
        json_object_set_new(all, roles[i], object);
    }
    if (json && code == CR_EXIT_OK)
        cr_cli_print_json(all);
    else
        json_decref(all);
    return code;
}
