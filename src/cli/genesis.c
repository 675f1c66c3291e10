/* SPDX-License-Identifier: Apache-2.0 */
/* creto genesis new|show|id */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "node/genesis_file.h"

static bool decode_key(const char *hex, enum cr_alg alg, struct cr_public_key *out)
{
    out->alg = alg;
    return cr_hex_decode(hex, strlen(hex), out->bytes, cr_alg_key_bytes(alg)) == CR_OK;
}

int cr_cli_validator_load(const char *path, struct cr_genesis_validator *out)
{
    const char *name = NULL, *address = NULL, *consensus = NULL, *transport = NULL;
    json_int_t stake = 0;
    json_error_t error;
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        const bool missing = json_error_code(&error) == json_error_cannot_open_file;
        return cr_cli_fail(missing ? CR_EXIT_NOT_FOUND : CR_EXIT_USAGE, "%s: %s", path, error.text);
    }
    int code = CR_EXIT_OK;
    *out = (struct cr_genesis_validator){0};
    if (json_unpack_ex(json, &error, JSON_STRICT, "{s:s,s:s,s:I,s:s,s:s}", "name", &name, "address",
                       &address, "stake", &stake, "consensus_key", &consensus, "transport_key",
                       &transport) != 0) {
        code = cr_cli_fail(CR_EXIT_USAGE, "%s: %s; is it made by 'creto init'?", path, error.text);
    } else if (!cr_name_ok(name) || !cr_address_ok(address) || stake <= 0) {
        code = cr_cli_fail(CR_EXIT_USAGE, "%s: bad name, address or stake", path);
    } else if (!decode_key(consensus, CR_ALG_MLDSA65, &out->consensus_key) ||
               !decode_key(transport, CR_ALG_MLDSA65, &out->transport_key)) {
        code = cr_cli_fail(CR_EXIT_USAGE, "%s: a key is not ML-DSA-65 in hexadecimal", path);
    } else {
        memcpy(out->name, name, strlen(name) + 1);
        memcpy(out->address, address, strlen(address) + 1);
        out->stake = (uint64_t)stake;
    }
    json_decref(json);
    return code;
}

/* What `creto keys show --json` printed, or a key file of one's own. */
int cr_cli_public_key_load(const char *path, struct cr_public_key *out)
{
    json_error_t error;
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        struct cr_secret_key *key = NULL;
        const int code = cr_cli_secret_key_load(path, &key);
        if (code != CR_EXIT_OK) return code;
        cr_secret_key_public(key, out);
        cr_secret_key_free(key);
        return CR_EXIT_OK;
    }
    const char *algorithm = NULL, *hex = NULL;
    int code = CR_EXIT_OK;
    if (json_unpack_ex(json, &error, 0, "{s:s,s:s}", "algorithm", &algorithm, "key", &hex) != 0) {
        code = cr_cli_fail(CR_EXIT_USAGE, "%s: %s; is it made by 'creto keys show --json'?", path,
                           error.text);
    } else if (cr_alg_parse(algorithm) == 0 || !decode_key(hex, cr_alg_parse(algorithm), out)) {
        code = cr_cli_fail(CR_EXIT_USAGE, "%s: no ML-DSA key in hexadecimal", path);
    }
    json_decref(json);
    return code;
}

/* "FILE=BALANCE" */
static int add_account(const char *text, struct cr_genesis *genesis)
{
    const char *equals = strrchr(text, '=');
    char path[CR_PATH_BYTES_MAX], *end = NULL;
    if (equals == NULL || equals == text || equals[1] < '0' || equals[1] > '9') {
        return cr_cli_fail(CR_EXIT_USAGE, "--account: '%s' is not FILE=BALANCE", text);
    }
    const size_t bytes = (size_t)(equals - text);
    if (bytes >= sizeof path) return cr_cli_fail(CR_EXIT_USAGE, "--account: the path is too long");
    memcpy(path, text, bytes);
    path[bytes] = 0;
    const unsigned long long balance = strtoull(equals + 1, &end, 10);
    if (*end != 0 || balance > INT64_MAX) {
        return cr_cli_fail(CR_EXIT_USAGE, "--account: %s is no balance below 2^63", equals + 1);
    }
    if (genesis->accounts_count == CR_GENESIS_ACCOUNTS_MAX) {
        return cr_cli_fail(CR_EXIT_USAGE, "--account: more than %d", CR_GENESIS_ACCOUNTS_MAX);
    }
    struct cr_genesis_account *account = &genesis->accounts[genesis->accounts_count++];
    account->balance = balance;
    return cr_cli_public_key_load(path, &account->key);
}

static int gather(const struct cr_words *validators, const struct cr_words *accounts,
                  struct cr_genesis *genesis)
{
    if (validators->count > CR_VALIDATORS_MAX) {
        return cr_cli_fail(CR_EXIT_USAGE, "--validator: more than %d", CR_VALIDATORS_MAX);
    }
    genesis->validators_count = validators->count;
    for (uint32_t i = 0; i < validators->count; i++) {
        const int code = cr_cli_validator_load(validators->list[i], &genesis->validators[i]);
        if (code != CR_EXIT_OK) return code;
    }
    for (uint32_t i = 0; i < accounts->count; i++) {
        const int code = add_account(accounts->list[i], genesis);
        if (code != CR_EXIT_OK) return code;
    }
    return CR_EXIT_OK;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int save(struct cr_genesis *genesis, const char *path, bool json)
{
    struct cr_config_failure failure;
    const enum cr_err err = cr_genesis_save(genesis, path, &failure);
    if (err != CR_OK) return cr_cli_fail(cr_cli_exit_of(err), "%s", failure.text);
    char id[2 * CR_HASH_BYTES + 1];
    cr_hex_encode(genesis->id.bytes, sizeof genesis->id.bytes, id);
    if (json) {
        cr_cli_print_json(json_pack("{s:s,s:s,s:i}", "file", path, "id", id, "validators",
                                    (int)genesis->validators_count));
        return CR_EXIT_OK;
    }
    printf("%s  %s\n", id, path);
    fprintf(stderr, "every member compares this id: 'creto genesis id %s'\n", path);
    return CR_EXIT_OK;
}

/* What the command line of 'genesis new' says. */
struct new_genesis {
    const char *chain, *profile, *operator_key;
    bool json;
    uint64_t timestamp_ms, epoch_rounds, epoch_ms;
    struct cr_words out, validators, accounts;
};

static int set_operator(const char *path, struct cr_genesis *genesis)
{
    struct cr_public_key key;
    if (path == NULL) return CR_EXIT_OK;
    const int code = cr_cli_public_key_load(path, &key);
    if (code == CR_EXIT_OK) genesis->operator_account = cr_public_key_account(&key);
    return code;
}

static int make_genesis(const struct new_genesis *new)
{
    int code;
    struct cr_genesis *genesis = calloc(1, sizeof *genesis);
    if (genesis == NULL) return cr_cli_fail(CR_EXIT_FAILED, "memory is out");
    genesis->timestamp_ms = new->timestamp_ms > 0 ? new->timestamp_ms : now_ms();
    if (new->chain == NULL || !cr_name_ok(new->chain)) {
        code = cr_cli_fail(CR_EXIT_USAGE,
                           "--chain NAME is required: 1 to %d letters, digits, '-', '_', '.'",
                           CR_NAME_BYTES_MAX);
    } else if (!cr_genesis_profile(new->profile, &genesis->params)) {
        code = cr_cli_fail(CR_EXIT_USAGE, "--profile: '%s' is neither lan nor wan", new->profile);
    } else {
        struct cr_params *params = &genesis->params;
        memcpy(genesis->chain, new->chain, strlen(new->chain) + 1);
        if (new->epoch_rounds != UINT64_MAX) params->epoch_rounds = (uint32_t) new->epoch_rounds;
        if (new->epoch_ms != UINT64_MAX) params->epoch_ms = (uint32_t) new->epoch_ms;
        code = gather(&new->validators, &new->accounts, genesis);
        if (code == CR_EXIT_OK) code = set_operator(new->operator_key, genesis);
    }
    if (code < 0 || code == CR_EXIT_OK) code = save(genesis, new->out.list[0], new->json);
    free(genesis);
    return code;
}

int cr_cli_genesis_new(const struct cr_command *command, int words, char **word)
{
    static struct new_genesis new = {
        .profile = "wan", .epoch_rounds = UINT64_MAX, .epoch_ms = UINT64_MAX};
    const struct cr_option list[] = {
        {.name = "chain",
         .kind = CR_OPTION_TEXT,
         .value = "NAME",
         .out = &new.chain,
         .meaning = "name of the chain (required)"},
        {.name = "profile",
         .kind = CR_OPTION_TEXT,
         .value = "lan|wan",
         .out = &new.profile,
         .meaning = "rhythm: one site, or many (default wan)"},
        {.name = "validator",
         .kind = CR_OPTION_LIST,
         .value = "FILE",
         .out = &new.validators,
         .meaning = "validator.json of a member; again for each"},
        {.name = "account",
         .kind = CR_OPTION_LIST,
         .value = "FILE=N",
         .out = &new.accounts,
         .meaning = "key and first balance of an account; again for each"},
        {.name = "operator",
         .kind = CR_OPTION_TEXT,
         .value = "FILE",
         .out = &new.operator_key,
         .meaning = "key of the account that may change the validators; default: nobody may"},
        {.name = "timestamp-ms",
         .kind = CR_OPTION_NUMBER,
         .value = "N",
         .out = &new.timestamp_ms,
         .meaning = "birth of the chain; default now",
         .least = 1,
         .most = INT64_MAX},
        {.name = "epoch-rounds",
         .kind = CR_OPTION_NUMBER,
         .value = "N",
         .out = &new.epoch_rounds,
         .meaning = "rounds of an epoch, 0: not by this; default of the profile",
         .least = 0,
         .most = 1u << 30},
        {.name = "epoch-ms",
         .kind = CR_OPTION_NUMBER,
         .value = "N",
         .out = &new.epoch_ms,
         .meaning = "milliseconds of an epoch, 0: not by this; default of the profile",
         .least = 0,
         .most = UINT32_MAX},
        {.name = "json", .kind = CR_OPTION_SWITCH, .meaning = "one JSON object", .out = &new.json},
    };
    const struct cr_options options = {.command = command,
                                       .list = list,
                                       .count = CR_COUNT_OF(list),
                                       .words_least = 1,
                                       .words_most = 1,
                                       .words = &new.out};
    const int code = cr_options_read(&options, words, word);
    return code >= 0 ? code : make_genesis(&new);
}

/* ---- show, id ---- */

static json_t *genesis_json(const struct cr_genesis *genesis)
{
    char id[2 * CR_HASH_BYTES + 1], account[2 * CR_HASH_BYTES + 1];
    json_t *validators = json_array(), *accounts = json_array();
    for (uint32_t i = 0; i < genesis->validators_count; i++) {
        const struct cr_genesis_validator *v = &genesis->validators[i];
        json_array_append_new(validators,
                              json_pack("{s:i,s:s,s:s,s:I}", "index", (int)i, "name", v->name,
                                        "address", v->address, "stake", (json_int_t)v->stake));
    }
    for (uint32_t i = 0; i < genesis->accounts_count; i++) {
        const struct cr_genesis_account *a = &genesis->accounts[i];
        const struct cr_hash hash = cr_public_key_account(&a->key);
        cr_hex_encode(hash.bytes, sizeof hash.bytes, account);
        json_array_append_new(accounts, json_pack("{s:s,s:s,s:I}", "id", account, "algorithm",
                                                  cr_alg_name(a->key.alg), "balance",
                                                  (json_int_t)a->balance));
    }
    const struct cr_params *p = &genesis->params;
    cr_hex_encode(genesis->id.bytes, sizeof genesis->id.bytes, id);
    cr_hex_encode(genesis->operator_account.bytes, CR_HASH_BYTES, account);
    const bool has_operator = !cr_hash_is_zero(&genesis->operator_account);
    return json_pack(
        "{s:s,s:s,s:I,s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I},s:s?,s:o,s:o}", "id", id, "chain",
        genesis->chain, "timestamp_ms", (json_int_t)genesis->timestamp_ms, "parameters", "gc_depth",
        (json_int_t)p->gc_depth, "round_delay_us", (json_int_t)p->round_delay_us, "idle_delay_us",
        (json_int_t)p->idle_delay_us, "checkpoint_commits", (json_int_t)p->checkpoint_commits,
        "epoch_rounds", (json_int_t)p->epoch_rounds, "epoch_ms", (json_int_t)p->epoch_ms,
        "score_window", (json_int_t)p->score_window, "tx_ttl_max", (json_int_t)p->tx_ttl_max,
        "payload_bytes_max", (json_int_t)p->payload_bytes_max, "operator",
        has_operator ? account : NULL, "validators", validators, "accounts", accounts);
}

static void print_genesis(const struct cr_genesis *genesis)
{
    char id[2 * CR_HASH_BYTES + 1], account[2 * CR_HASH_BYTES + 1];
    const struct cr_params *p = &genesis->params;
    cr_hex_encode(genesis->id.bytes, sizeof genesis->id.bytes, id);
    printf("id      %s\nchain   %s\nround   %u us, idle %u us, keeps %u rounds\n", id,
           genesis->chain, p->round_delay_us, p->idle_delay_us, p->gc_depth);
    printf("leaders judged every %u commits\n", p->score_window);
    printf("state   checkpoint every %u commits\n", p->checkpoint_commits);
    if (p->epoch_rounds > 0) printf("epoch   ends after %u rounds\n", p->epoch_rounds);
    if (p->epoch_ms > 0) printf("epoch   ends after %u ms\n", p->epoch_ms);
    printf("limits  transaction lives %u commits, payload %u bytes\n\n", p->tx_ttl_max,
           p->payload_bytes_max);
    printf("%-6s %-20s %-28s %s\n", "index", "validator", "address", "stake");
    for (uint32_t i = 0; i < genesis->validators_count; i++) {
        const struct cr_genesis_validator *v = &genesis->validators[i];
        printf("%-6u %-20s %-28s %" PRIu64 "\n", i, v->name, v->address, v->stake);
    }
    cr_hex_encode(genesis->operator_account.bytes, CR_HASH_BYTES, account);
    if (!cr_hash_is_zero(&genesis->operator_account)) printf("\noperator  %s\n", account);
    if (genesis->accounts_count > 0) printf("\n%-64s  %s\n", "account", "balance");
    for (uint32_t i = 0; i < genesis->accounts_count; i++) {
        const struct cr_hash hash = cr_public_key_account(&genesis->accounts[i].key);
        cr_hex_encode(hash.bytes, sizeof hash.bytes, account);
        printf("%s  %" PRIu64 "\n", account, genesis->accounts[i].balance);
    }
}

static int load(const struct cr_command *command, int words, char **word, bool *json,
                struct cr_genesis *out)
{
    static struct cr_words files;
    const struct cr_option list[] = {
        {.name = "json", .kind = CR_OPTION_SWITCH, .meaning = "one JSON object", .out = json},
    };
    const struct cr_options options = {.command = command,
                                       .list = list,
                                       .count = CR_COUNT_OF(list),
                                       .words_least = 1,
                                       .words_most = 1,
                                       .words = &files};
    const int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    struct cr_config_failure failure;
    const enum cr_err err = cr_genesis_load(files.list[0], out, &failure);
    if (err != CR_OK) return cr_cli_fail(cr_cli_exit_of(err), "%s", failure.text);
    return -1;
}

int cr_cli_genesis_show(const struct cr_command *command, int words, char **word)
{
    bool json = false;
    struct cr_genesis *genesis = calloc(1, sizeof *genesis);
    if (genesis == NULL) return cr_cli_fail(CR_EXIT_FAILED, "memory is out");
    const int code = load(command, words, word, &json, genesis);
    if (code < 0 && json) cr_cli_print_json(genesis_json(genesis));
    if (code < 0 && !json) print_genesis(genesis);
    free(genesis);
    return code < 0 ? CR_EXIT_OK : code;
}

int cr_cli_genesis_id(const struct cr_command *command, int words, char **word)
{
    bool json = false;
    char id[2 * CR_HASH_BYTES + 1];
    struct cr_genesis *genesis = calloc(1, sizeof *genesis);
    if (genesis == NULL) return cr_cli_fail(CR_EXIT_FAILED, "memory is out");
    const int code = load(command, words, word, &json, genesis);
    cr_hex_encode(genesis->id.bytes, sizeof genesis->id.bytes, id);
    free(genesis);
    if (code >= 0) return code;
    if (json)
        cr_cli_print_json(json_pack("{s:s}", "id", id));
    else
        puts(id);
    return CR_EXIT_OK;
}
