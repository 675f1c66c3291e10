/* SPDX-License-Identifier: Apache-2.0 */
/* creto epoch show, creto epoch verify: certificates of epochs, fetched and checked
 * (docs/protocol.md 6.8). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/epoch.h"
#include "node/epoch_json.h"
#include "node/genesis_file.h"

/* ---- show ---- */

struct show {
    struct cr_words words;
    struct cr_urls urls;
    const char *api, *out;
    bool json, chain;
};

static int fetch(const struct show *show, const char *which, json_t **out)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/v1/epochs/%.40s", which);
    return cr_client_get(&show->urls, path, out);
}

/* All certificates from the first to that of `last`, as a list. */
static int fetch_chain(const struct show *show, const json_t *last, json_t **out)
{
    const uint64_t end = cr_client_number(last, "epoch");
    json_t *list = json_array();
    int code = CR_EXIT_OK;
    for (uint64_t epoch = 2; epoch < end && code == CR_EXIT_OK; epoch++) {
        char which[24];
        json_t *one = NULL;
        (void)snprintf(which, sizeof which, "%" PRIu64, epoch);
        code = fetch(show, which, &one);
        if (code == CR_EXIT_OK) json_array_append_new(list, one);
    }
    json_array_append_new(list, json_deep_copy(last));
    *out = list;
    return code;
}

static void print_certificate(const json_t *certificate)
{
    const json_t *table = json_object_get(certificate, "validators");
    const json_t *votes = json_object_get(certificate, "votes");
    printf("epoch       %" PRIu64 "\nbegins      after commit %" PRIu64 "\ncommit      %s\n"
           "state root  %s\nvalidators  %s\nsigned by   ",
           cr_client_number(certificate, "epoch"), cr_client_number(certificate, "commit_index"),
           cr_client_text(certificate, "commit_digest"), cr_client_text(certificate, "state_root"),
           cr_client_text(certificate, "validators_hash"));
    for (size_t i = 0; i < json_array_size(votes); i++) {
        const uint64_t seat = cr_client_number(json_array_get(votes, i), "seat");
        printf("%s%s", i > 0 ? ", " : "", cr_client_text(json_array_get(table, seat), "name"));
    }
    printf("\n\n%-5s %-20s %14s\n", "seat", "validator", "stake");
    for (size_t i = 0; i < json_array_size(table); i++) {
        const json_t *v = json_array_get(table, i);
        printf("%-5" PRIu64 " %-20s %14" PRIu64 "\n", cr_client_number(v, "seat"),
               cr_client_text(v, "name"), cr_client_number(v, "stake"));
    }
}

static int save(const char *path, const json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    if (!text) return cr_cli_fail(CR_EXIT_FAILED, "memory is out");
    const enum cr_err err = cr_cli_write_new(path, text);
    free(text);
    if (err == CR_ERR_EXISTS) return cr_cli_fail(CR_EXIT_CONFLICT, "%s exists already", path);
    if (err != CR_OK) return cr_cli_fail(cr_cli_exit_of(err), "cannot write %s", path);
    fprintf(stderr, "creto: wrote %s; anyone can check it: creto epoch verify %s --genesis FILE\n",
            path, path);
    return CR_EXIT_OK;
}

int cr_cli_epoch_show(const struct cr_command *command, int words, char **word)
{
    static struct show show;
    const struct cr_option list[] = {
        {.name = "api",
         .kind = CR_OPTION_TEXT,
         .value = "URL[,URL]",
         .out = &show.api,
         .meaning = "nodes to ask; default: the local network"},
        {.name = "out",
         .kind = CR_OPTION_TEXT,
         .value = "FILE",
         .out = &show.out,
         .meaning = "write it into a new file"},
        {.name = "chain",
         .kind = CR_OPTION_SWITCH,
         .out = &show.chain,
         .meaning = "with all certificates before it, so that the genesis proves it"},
        {.name = "json", .kind = CR_OPTION_SWITCH, .out = &show.json, .meaning = "as JSON"},
    };
    const struct cr_options options = {.command = command,
                                       .list = list,
                                       .count = CR_COUNT_OF(list),
                                       .words_most = 1,
                                       .words = &show.words};
    int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    json_t *certificate = NULL, *chain = NULL;
    code = cr_client_urls(show.api, &show.urls);
    if (code == CR_EXIT_OK)
        code = fetch(&show, show.words.count > 0 ? show.words.list[0] : "latest", &certificate);
    if (code == CR_EXIT_OK && show.chain) code = fetch_chain(&show, certificate, &chain);
    if (code == CR_EXIT_OK && show.out) code = save(show.out, chain ? chain : certificate);
    if (code == CR_EXIT_OK && show.json)
        cr_cli_print_json(json_incref(chain ? chain : certificate));
    else if (code == CR_EXIT_OK && !show.out)
        print_certificate(certificate);
    json_decref(chain);
    json_decref(certificate);
    return code;
}

/* ---- verify ---- */

static int read_one(struct cr_roster *roster, struct cr_epoch_proof *proof, const char *path,
                    const json_t *json)
{
    if (!cr_epoch_proof_from_json(json, roster->chain.genesis->validators_count, proof))
        return cr_cli_fail(CR_EXIT_VERIFICATION, "%s is no certificate: %s", path, proof->text);
    if (cr_roster_add(roster, proof)) return CR_EXIT_OK;
    return cr_cli_fail(CR_EXIT_VERIFICATION,
                       "%s: the certificate of epoch %" PRIu64 " proves nothing: %s", path,
                       proof->cert.epoch.number, roster->chain.text);
}

static int read_file(struct cr_roster *roster, struct cr_epoch_proof *proof, const char *path)
{
    json_error_t error;
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!json) return cr_cli_fail(CR_EXIT_USAGE, "%s: %s", path, error.text);
    int code = json_is_array(json) ? CR_EXIT_OK : read_one(roster, proof, path, json);
    for (size_t i = 0; code == CR_EXIT_OK && i < json_array_size(json); i++)
        code = read_one(roster, proof, path, json_array_get(json, i));
    json_decref(json);
    return code;
}

int cr_cli_roster_read(struct cr_roster *roster, const struct cr_words *files)
{
    struct cr_epoch_proof *proof = malloc(sizeof *proof);
    int code = CR_EXIT_OK;
    if (!proof) return cr_cli_fail(CR_EXIT_FAILED, "memory is out");
    for (uint32_t i = 0; code == CR_EXIT_OK && i < files->count; i++)
        code = read_file(roster, proof, files->list[i]);
    free(proof);
    return code;
}

struct check {
    struct cr_words words;
    const char *genesis_path;
    bool json;
    struct cr_genesis genesis;
    struct cr_roster roster;
};

static void print_proved(const struct check *check)
{
    const struct cr_epoch_chain *chain = &check->roster.chain;
    const struct cr_committee *committee = &chain->committee;
    char digest[2 * CR_HASH_BYTES + 1], root[2 * CR_HASH_BYTES + 1];
    cr_hex_encode(chain->began.digest.bytes, CR_HASH_BYTES, digest);
    cr_hex_encode(chain->began.state_root.bytes, CR_HASH_BYTES, root);
    if (check->json) {
        cr_cli_print_json(json_pack(
            "{s:I,s:I,s:s,s:s,s:i,s:I,s:I}", "epoch", (json_int_t)chain->epoch, "commit_index",
            (json_int_t)chain->began.index, "commit_digest", digest, "state_root", root, "members",
            (int)cr_authors_count(&committee->members), "total_stake", (json_int_t)committee->total,
            "quorum", (json_int_t)committee->quorum));
        return;
    }
    printf("proved      epoch %" PRIu64 ", which begins after commit %" PRIu64 "\n"
           "commit      %s\nstate root  %s\n\n%-5s %-20s %14s\n",
           chain->epoch, chain->began.index, digest, root, "seat", "validator", "stake");
    for (uint32_t seat = 0; seat < committee->validators_count; seat++)
        printf("%-5" PRIu32 " %-20s %14" PRIu64 "\n", seat, chain->validators[seat].name,
               committee->stake[seat]);
}

int cr_cli_epoch_verify(const struct cr_command *command, int words, char **word)
{
    static struct check check;
    const struct cr_option list[] = {
        {.name = "genesis",
         .kind = CR_OPTION_TEXT,
         .value = "FILE",
         .out = &check.genesis_path,
         .meaning = "the genesis of the chain: all that is trusted"},
        {.name = "json",
         .kind = CR_OPTION_SWITCH,
         .out = &check.json,
         .meaning = "one JSON object"},
    };
    const struct cr_options options = {.command = command,
                                       .list = list,
                                       .count = CR_COUNT_OF(list),
                                       .words_least = 1,
                                       .words_most = CR_WORDS_MAX,
                                       .words = &check.words};
    int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    struct cr_config_failure failure;
    if (!check.genesis_path)
        return cr_cli_fail(CR_EXIT_USAGE, "certificates are checked against a genesis: "
                                          "--genesis FILE");
    const enum cr_err err = cr_genesis_load(check.genesis_path, &check.genesis, &failure);
    if (err != CR_OK) return cr_cli_fail(cr_cli_exit_of(err), "%s", failure.text);
    if (cr_roster_init(&check.roster, &check.genesis) != CR_OK)
        code = cr_cli_fail(CR_EXIT_USAGE, "%s: its stakes are not allowed", check.genesis_path);
    else
        code = cr_cli_roster_read(&check.roster, &check.words);
    if (code == CR_EXIT_OK && check.roster.chain.epoch == CR_GENESIS_EPOCH)
        code = cr_cli_fail(CR_EXIT_VERIFICATION, "there is no certificate in these files");
    if (code == CR_EXIT_OK) print_proved(&check);
    cr_roster_deinit(&check.roster);
    return code;
}
