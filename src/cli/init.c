/* SPDX-License-Identifier: Apache-2.0 */
/* creto init: the folder of a validator. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "store/guard.h"

char *cr_cli_config_text(const char *api_listen, const char *genesis_path)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (out == NULL) return NULL;
    fputs(
        "# creto.conf: a line without '#' changes a default. 'creto config explain' documents the "
        "keys,\n# 'creto config check' reads this file as 'creto start' would.\n",
        out);
    uint32_t count = 0;
    const struct cr_config_key *keys = cr_config_keys(&count);
    char section[CR_CONFIG_NAME_BYTES] = "";
    for (uint32_t i = 0; i < count; i++) {
        const size_t noun = strcspn(keys[i].name, ".");
        const char *key = keys[i].name + noun + 1;
        if (strncmp(section, keys[i].name, noun) != 0 || section[noun] != 0) {
            memcpy(section, keys[i].name, noun);
            section[noun] = 0;
            fprintf(out, "\n[%s]\n", section);
        }
        if (strcmp(keys[i].name, "node.home") == 0) continue;        /* this very folder */
        const bool below = strncmp(keys[i].preset, "HOME/", 5) == 0; /* paths begin there anyway */
        fprintf(out, "# %s\n# %s = %s\n", keys[i].meaning, key, keys[i].preset + (below ? 5 : 0));
        const bool is_api = strcmp(keys[i].name, "api.listen") == 0;
        const bool is_genesis = strcmp(keys[i].name, "node.genesis") == 0;
        if (is_api && api_listen != NULL) fprintf(out, "%s = %s\n", key, api_listen);
        if (is_genesis && genesis_path != NULL) fprintf(out, "%s = %s\n", key, genesis_path);
    }
    return fclose(out) == 0 ? text : NULL;
}

int cr_cli_make_key(const char *home, const char *file, enum cr_alg alg, struct cr_public_key *out)
{
    char path[CR_PATH_BYTES_MAX];
    if (!cr_cli_join(path, home, file)) return cr_cli_fail(CR_EXIT_USAGE, "%s: too long", home);
    struct cr_secret_key *key = NULL;
    if (access(path, F_OK) == 0) {
        const int code = cr_cli_secret_key_load(path, &key);
        if (code != CR_EXIT_OK) return code;
    } else {
        enum cr_err err = cr_secret_key_new(alg, &key);
        if (err == CR_OK) err = cr_secret_key_save(key, path);
        if (err != CR_OK) {
            cr_secret_key_free(key);
            return cr_cli_fail(cr_cli_exit_of(err), "cannot make %s: %s", path, cr_err_text(err));
        }
    }
    cr_secret_key_public(key, out);
    cr_secret_key_free(key);
    if (out->alg == alg) return CR_EXIT_OK;
    return cr_cli_fail(CR_EXIT_USAGE, "%s: it is a key of %s; wanted is %s", path,
                       cr_alg_name(out->alg), cr_alg_name(alg));
}

/* Only for a key that was made just now: of any other nobody here knows what it has signed. */
static int make_guard(const char *home, const struct cr_public_key *key)
{
    char path[CR_PATH_BYTES_MAX];
    struct cr_store_failure failure = {0};
    const struct cr_hash owner = cr_public_key_account(key);
    if (!cr_cli_join(path, home, "keys/guard")) {
        return cr_cli_fail(CR_EXIT_USAGE, "%s: too long", home);
    }
    const enum cr_err err = cr_guard_make(path, &owner, &failure);
    return err == CR_OK ? CR_EXIT_OK : cr_cli_fail(cr_cli_exit_of(err), "%s", failure.text);
}

static int make_file(const char *home, const char *name, const char *text)
{
    char path[CR_PATH_BYTES_MAX];
    if (text == NULL) return cr_cli_fail(CR_EXIT_FAILED, "memory is out");
    if (!cr_cli_join(path, home, name)) return cr_cli_fail(CR_EXIT_USAGE, "%s: too long", home);
    const enum cr_err err = cr_cli_write_new(path, text);
    if (err == CR_OK || err == CR_ERR_EXISTS) return CR_EXIT_OK;
    return cr_cli_fail(cr_cli_exit_of(err), "cannot write %s: %s", path, cr_err_text(err));
}

/* What this validator hands to whoever writes the genesis. */
static char *validator_text(const struct cr_genesis_validator *v)
{
    char consensus[2 * CR_MLDSA65_KEY_BYTES + 1], transport[2 * CR_MLDSA65_KEY_BYTES + 1];
    cr_hex_encode(v->consensus_key.bytes, CR_MLDSA65_KEY_BYTES, consensus);
    cr_hex_encode(v->transport_key.bytes, CR_MLDSA65_KEY_BYTES, transport);
    json_t *json =
        json_pack("{s:s,s:s,s:I,s:s,s:s}", "name", v->name, "address", v->address, "stake",
                  (json_int_t)v->stake, "consensus_key", consensus, "transport_key", transport);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    return text;
}

int cr_cli_make_validator(const struct cr_validator_plan *plan, struct cr_genesis_validator *out)
{
    char keys[CR_PATH_BYTES_MAX];
    if (!cr_name_ok(plan->name)) {
        return cr_cli_fail(CR_EXIT_USAGE, "'%s' is no name: 1 to %d letters, digits, '-', '_', '.'",
                           plan->name, CR_NAME_BYTES_MAX);
    }
    if (!cr_address_ok(plan->address)) {
        return cr_cli_fail(CR_EXIT_USAGE, "'%s' is no address; write it like a.example:7000",
                           plan->address);
    }
    if (!cr_cli_join(keys, plan->home, "keys")) {
        return cr_cli_fail(CR_EXIT_USAGE, "%s: the path is too long", plan->home);
    }
    const enum cr_err err = cr_cli_make_folder(keys);
    if (err != CR_OK) {
        return cr_cli_fail(cr_cli_exit_of(err), "cannot make %s: %s", keys, cr_err_text(err));
    }
    *out = (struct cr_genesis_validator){.stake = plan->stake};
    memcpy(out->name, plan->name, strlen(plan->name) + 1);
    memcpy(out->address, plan->address, strlen(plan->address) + 1);
    char path[CR_PATH_BYTES_MAX];
    const bool is_new =
        cr_cli_join(path, plan->home, "keys/consensus.key") && access(path, F_OK) != 0;
    int code =
        cr_cli_make_key(plan->home, "keys/consensus.key", CR_ALG_MLDSA65, &out->consensus_key);
    if (code == CR_EXIT_OK && is_new) code = make_guard(plan->home, &out->consensus_key);
    if (code == CR_EXIT_OK)
        code =
            cr_cli_make_key(plan->home, "keys/transport.key", CR_ALG_MLDSA65, &out->transport_key);
    if (code != CR_EXIT_OK) return code;

    char *config = cr_cli_config_text(plan->api_listen, plan->genesis_path);
    code = make_file(plan->home, "creto.conf", config);
    free(config);
    if (code != CR_EXIT_OK) return code;
    char *validator = validator_text(out);
    code = make_file(plan->home, "validator.json", validator);
    free(validator);
    return code;
}

/* This host's name as far as it can be a validator's. */
static void host_name(char *out)
{
    char host[CR_NAME_BYTES_MAX + 1] = "";
    if (gethostname(host, sizeof host - 1) != 0) host[0] = 0;
    host[strcspn(host, ".")] = 0;
    (void)snprintf(out, sizeof host, "%s", cr_name_ok(host) ? host : "node");
}

int cr_cli_init(const struct cr_command *command, int words, char **word)
{
    char host[CR_NAME_BYTES_MAX + 1], home[CR_PATH_BYTES_MAX], path[CR_PATH_BYTES_MAX];
    host_name(host);
    const char *flag = NULL;
    bool json = false;
    struct cr_validator_plan plan = {.name = host, .address = "127.0.0.1:7000", .stake = 1};
    const struct cr_option list[] = {
        {.name = "home",
         .kind = CR_OPTION_TEXT,
         .value = "DIR",
         .out = &flag,
         .meaning = "folder to make"},
        {.name = "name",
         .kind = CR_OPTION_TEXT,
         .value = "NAME",
         .out = &plan.name,
         .meaning = "name of the validator; default: of this host"},
        {.name = "address",
         .kind = CR_OPTION_TEXT,
         .value = "HOST:PORT",
         .out = &plan.address,
         .meaning = "where other validators reach it"},
        {.name = "stake",
         .kind = CR_OPTION_NUMBER,
         .value = "N",
         .out = &plan.stake,
         .meaning = "its weight; default 1",
         .least = 1,
         .most = INT64_MAX},
        {.name = "json", .kind = CR_OPTION_SWITCH, .meaning = "one JSON object", .out = &json},
    };
    const struct cr_options options = {
        .command = command, .list = list, .count = CR_COUNT_OF(list)};
    int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    if (!cr_cli_home(flag, home) || !cr_cli_join(path, home, "validator.json")) {
        return cr_cli_fail(CR_EXIT_USAGE, "--home: the path is too long");
    }
    if (access(path, F_OK) == 0) {
        return cr_cli_fail(CR_EXIT_CONFLICT, "%s holds a validator already; choose another --home",
                           home);
    }
    plan.home = home;
    struct cr_genesis_validator made = {0};
    code = cr_cli_make_validator(&plan, &made);
    if (code != CR_EXIT_OK) return code;
    if (json) {
        cr_cli_print_json(
            json_pack("{s:s,s:s,s:s}", "home", home, "name", made.name, "validator", path));
        return CR_EXIT_OK;
    }
    printf("made %s for validator '%s' at %s, stake %" PRIu64 "\n"
           "next: send %s to whoever runs 'creto genesis new',\n"
           "      put the genesis.json you get into %s, then 'creto start --home %s'\n",
           home, made.name, made.address, made.stake, path, home, home);
    return CR_EXIT_OK;
}
