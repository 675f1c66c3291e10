/* SPDX-License-Identifier: Apache-2.0 */
/* creto config check|show|explain, creto start */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "node/genesis_file.h"

struct home_flags {
    const char *home;
    bool json;
    struct cr_words *sets;
};

/* Reads the flags and loads the configuration; -1: go on. */
static int load(const struct cr_command *command, int words, char **word, struct home_flags *flags,
                struct cr_config *config)
{
    const struct cr_option list[] = {
        {.name = "home",
         .kind = CR_OPTION_TEXT,
         .value = "DIR",
         .out = &flags->home,
         .meaning = "folder of the validator"},
        {.name = "set",
         .kind = CR_OPTION_LIST,
         .value = "KEY=VALUE",
         .out = flags->sets,
         .meaning = "change one value, as section.key=value"},
        {.name = "json",
         .kind = CR_OPTION_SWITCH,
         .meaning = "one JSON object",
         .out = &flags->json},
    };
    const bool starts = strcmp(command->name, "start") == 0; /* its output is its log */
    const struct cr_options options = {
        .command = command, .list = list, .count = CR_COUNT_OF(list) - (starts ? 1 : 0)};
    const int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    char home[CR_PATH_BYTES_MAX];
    struct cr_config_failure failure;
    if (!cr_cli_home(flags->home, home)) return cr_cli_fail(CR_EXIT_USAGE, "--home: too long");
    if (cr_config_load(home, config, &failure) != CR_OK) {
        return cr_cli_fail(CR_EXIT_USAGE, "%s", failure.text);
    }
    for (uint32_t i = 0; i < flags->sets->count; i++) {
        const char *text = flags->sets->list[i], *equals = strchr(text, '=');
        char name[2 * CR_CONFIG_NAME_BYTES];
        if (equals == NULL || (size_t)(equals - text) >= sizeof name) {
            return cr_cli_fail(CR_EXIT_USAGE, "--set: '%s' is not section.key=value", text);
        }
        memcpy(name, text, (size_t)(equals - text));
        name[equals - text] = 0;
        if (cr_config_set(config, name, equals + 1, &failure) != CR_OK) {
            return cr_cli_fail(CR_EXIT_USAGE, "%s", failure.text);
        }
    }
    return -1;
}

int cr_cli_start(const struct cr_command *command, int words, char **word)
{
    static struct cr_words sets;
    static struct cr_config config;
    struct home_flags flags = {.sets = &sets};
    const int code = load(command, words, word, &flags, &config);
    return code >= 0 ? code : cr_node_run(&config);
}

/* ---- check ---- */

static int check_key(const struct cr_config *config, const char *name, struct cr_public_key *out)
{
    char path[CR_PATH_BYTES_MAX];
    if (!cr_cli_join(path, config->keys, name)) {
        return cr_cli_fail(CR_EXIT_USAGE, "%s: the path is too long", config->keys);
    }
    struct cr_secret_key *key = NULL;
    const int code = cr_cli_secret_key_load(path, &key);
    if (code != CR_EXIT_OK) return code;
    cr_secret_key_public(key, out);
    cr_secret_key_free(key);
    return CR_EXIT_OK;
}

/* Finds this validator in the genesis by its key; every peer.NAME must be another one. */
static int check_genesis(const struct cr_config *config, const struct cr_public_key *consensus,
                         const struct cr_public_key *transport, const struct cr_genesis *genesis)
{
    const struct cr_genesis_validator *own = NULL;
    for (uint32_t i = 0; i < genesis->validators_count; i++) {
        if (cr_public_key_equal(&genesis->validators[i].consensus_key, consensus))
            own = &genesis->validators[i];
    }
    const bool may_join = !cr_hash_is_zero(&genesis->operator_account);
    if (own == NULL && may_join && config->p2p_listen[0] == 0) {
        return cr_cli_fail(CR_EXIT_USAGE,
                           "p2p.listen: a validator that joins has to say where it listens");
    }
    if (own == NULL && may_join) return CR_EXIT_OK;
    if (own == NULL) {
        return cr_cli_fail(CR_EXIT_USAGE, "%s/consensus.key is no validator of %s", config->keys,
                           config->genesis);
    }
    if (!cr_public_key_equal(&own->transport_key, transport)) {
        return cr_cli_fail(CR_EXIT_USAGE, "%s/transport.key is not that of validator '%s' in %s",
                           config->keys, own->name, config->genesis);
    }
    for (uint32_t i = 0; i < config->peers_count; i++) {
        bool known = false;
        for (uint32_t j = 0; j < genesis->validators_count; j++)
            known |= strcmp(config->peers[i].name, genesis->validators[j].name) == 0;
        if (known || may_join) continue; /* it may have been added later */
        return cr_cli_fail(CR_EXIT_USAGE, "p2p.peer.%s: no validator of %s has this name",
                           config->peers[i].name, config->genesis);
    }
    return CR_EXIT_OK;
}

int cr_cli_config_check(const struct cr_command *command, int words, char **word)
{
    static struct cr_words sets;
    static struct cr_config config;
    struct home_flags flags = {.sets = &sets};
    int code = load(command, words, word, &flags, &config);
    if (code >= 0) return code;
    struct cr_public_key consensus = {0}, transport = {0};
    code = check_key(&config, "consensus.key", &consensus);
    if (code == CR_EXIT_OK) code = check_key(&config, "transport.key", &transport);
    if (code != CR_EXIT_OK) return code;

    struct cr_genesis *genesis = calloc(1, sizeof *genesis);
    if (genesis == NULL) return cr_cli_fail(CR_EXIT_FAILED, "memory is out");
    struct cr_config_failure failure;
    const enum cr_err err = cr_genesis_load(config.genesis, genesis, &failure);
    code = err == CR_OK ? check_genesis(&config, &consensus, &transport, genesis)
                        : cr_cli_fail(cr_cli_exit_of(err), "%s", failure.text);
    if (code == CR_EXIT_OK && flags.json) {
        cr_cli_print_json(
            json_pack("{s:b,s:s,s:s}", "ok", 1, "home", config.home, "chain", genesis->chain));
    } else if (code == CR_EXIT_OK) {
        printf("ok: %s, a validator of chain '%s'\n", config.home, genesis->chain);
    }
    free(genesis);
    return code;
}

/* ---- show ---- */

static void show_json(const struct cr_config *config)
{
    json_t *all = json_object();
    uint32_t count = 0;
    const struct cr_config_key *keys = cr_config_keys(&count);
    for (uint32_t i = 0; i < count; i++) {
        char value[CR_PATH_BYTES_MAX];
        enum cr_config_source source = CR_CONFIG_DEFAULT;
        CR_ASSERT(cr_config_get(config, keys[i].name, value, sizeof value, &source));
        json_object_set_new(
            all, keys[i].name,
            json_pack("{s:s,s:s}", "value", value, "source", cr_config_source_name(source)));
    }
    json_t *peers = json_object();
    for (uint32_t i = 0; i < config->peers_count; i++)
        json_object_set_new(peers, config->peers[i].name, json_string(config->peers[i].address));
    json_object_set_new(all, "p2p.peer", peers);
    cr_cli_print_json(all);
}

int cr_cli_config_show(const struct cr_command *command, int words, char **word)
{
    static struct cr_words sets;
    static struct cr_config config;
    struct home_flags flags = {.sets = &sets};
    const int code = load(command, words, word, &flags, &config);
    if (code >= 0) return code;
    if (flags.json) {
        show_json(&config);
        return CR_EXIT_OK;
    }
    uint32_t count = 0;
    const struct cr_config_key *keys = cr_config_keys(&count);
    for (uint32_t i = 0; i < count; i++) {
        char value[CR_PATH_BYTES_MAX];
        enum cr_config_source source = CR_CONFIG_DEFAULT;
        CR_ASSERT(cr_config_get(&config, keys[i].name, value, sizeof value, &source));
        const bool is_home = strcmp(keys[i].name, "node.home") == 0;
        printf("%-22s %-32s %s\n", keys[i].name, value[0] ? value : "(from the genesis)",
               is_home ? "" : cr_config_source_name(source));
    }
    for (uint32_t i = 0; i < config.peers_count; i++)
        printf("p2p.peer.%-13s %s\n", config.peers[i].name, config.peers[i].address);
    return CR_EXIT_OK;
}

/* ---- explain ---- */

static void explain_range(const struct cr_config_key *key, FILE *out)
{
    static const char *const suffixes[] = {"", " KiB", " MiB", " GiB", " TiB"};
    const uint64_t bounds[2] = {key->least, key->most};
    if (key->most == 0 || key->kind == CR_CONFIG_SWITCH) return;
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t value = bounds[i];
        uint32_t unit = 0;
        while (key->kind == CR_CONFIG_SIZE && value > 0 && value % 1024 == 0 &&
               unit + 1 < CR_COUNT_OF(suffixes)) {
            value /= 1024;
            unit++;
        }
        fprintf(out, "%s%" PRIu64 "%s", i == 0 ? "" : " to ", value, suffixes[unit]);
    }
}

void cr_cli_explain(FILE *out)
{
    fputs(
        "# Configuration\n\n"
        "This page is printed by `creto config explain`; a test compares the two.\n\n"
        "A node reads `creto.conf` in its home folder: `[section]` lines and `key = value` lines,\n"
        "comments after `#`. A value may stand in double quotes. Later sources win:\n"
        "default, file, environment (`CRETO_API_LISTEN` for `api.listen`), command line\n"
        "(`creto start --set api.listen=127.0.0.1:9000`). An unknown key is an error.\n"
        "`creto config check` reads it all as `creto start` would; `creto config show` tells the\n"
        "source of each value. Relative paths begin at the home folder.\n\n"
        "What validators must agree on is not here: it stands in the genesis file.\n",
        out);
    uint32_t count = 0;
    const struct cr_config_key *keys = cr_config_keys(&count);
    fputs("\n| Key | Kind | Default | Range | Meaning |\n|---|---|---|---|---|\n", out);
    for (uint32_t i = 0; i < count; i++) {
        fprintf(out, "| `%s` | %s | %s%s%s | ", keys[i].name, cr_config_kind_name(keys[i].kind),
                keys[i].preset[0] ? "`" : "", keys[i].preset, keys[i].preset[0] ? "`" : "");
        explain_range(&keys[i], out);
        fprintf(out, " | %s |\n", keys[i].meaning);
    }
    fputs(
        "| `p2p.peer.NAME` | address | |  | dial validator NAME here instead of at its address in "
        "the genesis; file and `--set` only |\n",
        out);
}

static json_t *key_json(const struct cr_config_key *key)
{
    char env[CR_CONFIG_NAME_BYTES + 8];
    cr_config_env_name(key->name, env);
    return json_pack("{s:s,s:s,s:s,s:s,s:s}", "key", key->name, "kind",
                     cr_config_kind_name(key->kind), "default", key->preset, "environment", env,
                     "meaning", key->meaning);
}

int cr_cli_config_explain(const struct cr_command *command, int words, char **word)
{
    bool json = false;
    static struct cr_words names;
    const struct cr_option list[] = {
        {.name = "json", .kind = CR_OPTION_SWITCH, .meaning = "one JSON object", .out = &json},
    };
    const struct cr_options options = {.command = command,
                                       .list = list,
                                       .count = CR_COUNT_OF(list),
                                       .words_most = 1,
                                       .words = &names};
    const int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    if (names.count == 0 && !json) {
        cr_cli_explain(stdout);
        return CR_EXIT_OK;
    }
    uint32_t count = 0;
    json_t *all = json_array();
    const struct cr_config_key *keys = cr_config_keys(&count);
    for (uint32_t i = 0; i < count; i++) {
        if (names.count > 0 && strcmp(keys[i].name, names.list[0]) != 0) continue;
        json_array_append_new(all, key_json(&keys[i]));
    }
    const json_t *first = json_array_get(all, 0);
    if (first != NULL && json) {
        cr_cli_print_json(json_pack("{s:O}", "keys", all));
    } else if (first != NULL) {
        printf("%s (%s, default '%s', environment %s)\n  %s\n", names.list[0],
               json_string_value(json_object_get(first, "kind")),
               json_string_value(json_object_get(first, "default")),
               json_string_value(json_object_get(first, "environment")),
               json_string_value(json_object_get(first, "meaning")));
    }
    json_decref(all);
    if (first != NULL) return CR_EXIT_OK;
    return cr_cli_fail(CR_EXIT_NOT_FOUND, "no key '%s'; 'creto config explain' lists all",
                       names.list[0]);
}
