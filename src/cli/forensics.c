/* SPDX-License-Identifier: Apache-2.0 */
/* forensics.c: from the folders of two nodes that disagree to a proof of who is guilty, and the
 * check of such a proof, which needs the genesis alone. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/epoch.h"
#include "node/forensics.h"
#include "node/genesis_file.h"

struct wishes {
    const char *genesis;
    const char *out;
    bool json;
    struct cr_words words, epochs;
};

/* HOME/data/log, DATA/log, or the log itself: whatever holds it. */
static bool find_log(const char *given, char *out)
{
    static const char *const places[] = {"data/log", "log"};
    struct stat status;
    for (size_t i = 0; i < CR_COUNT_OF(places); i++) {
        if (cr_cli_join(out, given, places[i]) && stat(out, &status) == 0) return true;
    }
    return cr_cli_path(out, given);
}

/* What the flag says, else what the configuration of A says. */
static bool find_genesis(const struct wishes *wishes, char *out)
{
    static struct cr_config config;
    struct cr_config_failure failure;
    if (wishes->genesis) return cr_cli_path(out, wishes->genesis);
    if (cr_config_load(wishes->words.list[0], &config, &failure) == CR_OK)
        return cr_cli_path(out, config.genesis);
    return cr_cli_join(out, wishes->words.list[0], "genesis.json");
}

static json_t *json_hash(const struct cr_hash *hash)
{
    char text[2 * CR_HASH_BYTES + 1];
    cr_hex_encode(hash->bytes, sizeof hash->bytes, text);
    return json_string(text);
}

static json_t *json_culprit(const struct cr_roster *roster, uint64_t epoch,
                            const struct cr_culprit *culprit)
{
    const struct cr_genesis_validator *v = cr_roster_find(roster, culprit->author);
    char *hex = malloc(2 * culprit->evidence_bytes + 1);
    if (!hex) return NULL;
    cr_hex_encode(culprit->evidence, culprit->evidence_bytes, hex);
    json_t *json =
        json_pack("{s:s,s:I,s:I,s:s,s:I,s:I,s:s}", "validator", v->name, "author",
                  (json_int_t)culprit->author, "stake",
                  (json_int_t)cr_roster_stake(roster, epoch, culprit->author), "conflict",
                  cr_conflict_name(culprit->conflict), "epoch", (json_int_t)culprit->epoch, "round",
                  (json_int_t)culprit->round, "evidence", hex);
    free(hex);
    return json;
}

static json_t *json_finding(const struct cr_roster *roster, const struct cr_finding *finding)
{
    json_t *guilty = json_array();
    for (uint32_t i = 0; i < finding->culprits_count; i++)
        json_array_append_new(guilty, json_culprit(roster, finding->epoch, &finding->culprits[i]));
    json_t *json = json_pack(
        "{s:o,s:I,s:I,s:[I,I],s:I,s:I,s:I,s:o}", "genesis", json_hash(&roster->chain.genesis->id),
        "common_commit", (json_int_t)finding->common, "conflicting_commit",
        (json_int_t)finding->conflict, "tips", (json_int_t)finding->tips[0],
        (json_int_t)finding->tips[1], "guilty_stake", (json_int_t)finding->guilty_stake,
        "total_stake", (json_int_t)finding->total_stake, "unverified",
        (json_int_t)finding->unverified, "guilty", guilty);
    if (finding->conflict > 0) {
        json_object_set_new(
            json, "digests",
            json_pack("[o,o]", json_hash(&finding->digests[0]), json_hash(&finding->digests[1])));
    }
    return json;
}

static bool is_a_third(const struct cr_finding *finding)
{
    return finding->guilty_stake > (finding->total_stake - 1) / 3;
}

static void print_guilty(const struct cr_roster *roster, const struct cr_finding *finding)
{
    for (uint32_t i = 0; i < finding->culprits_count; i++) {
        const struct cr_culprit *culprit = &finding->culprits[i];
        const struct cr_genesis_validator *v = cr_roster_find(roster, culprit->author);
        printf("guilty  %-20s validator %" PRIu32 ", stake %" PRIu64 ", %s in round %" PRIu32
               " of epoch %" PRIu64 "\n",
               v->name, culprit->author, cr_roster_stake(roster, finding->epoch, culprit->author),
               cr_conflict_name(culprit->conflict), culprit->round, culprit->epoch);
    }
    printf("guilty stake %" PRIu64 " of %" PRIu64 "\n", finding->guilty_stake,
           finding->total_stake);
}

static void print_finding(const struct cr_roster *roster, const struct cr_finding *finding)
{
    char digests[2][17];
    for (uint32_t i = 0; i < 2; i++) {
        cr_hex_encode(finding->digests[i].bytes, 8, digests[i]);
        printf("%s       %" PRIu64 " records, commits up to %" PRIu64 "%s\n", i == 0 ? "A" : "B",
               finding->surveys[i].records, finding->tips[i],
               finding->surveys[i].damaged > 0 ? ", damaged: what follows is not seen" : "");
    }
    if (finding->conflict > 0) {
        printf("commit %" PRIu64 " is %s in A and %s in B; up to %" PRIu64 " they agree\n",
               finding->conflict, digests[0], digests[1], finding->common);
    } else {
        printf("no commit differs; up to %" PRIu64 " they are the same\n", finding->common);
    }
    print_guilty(roster, finding);
    if (finding->unverified > 0) {
        printf("%" PRIu64 " more pairs prove nothing (a signature does not verify, or a seat"
               " was added later: --epochs FILE tells whose it is)\n",
               finding->unverified);
    }
    if (finding->conflict > 0 && !is_a_third(finding))
        puts("That is too little for a fork: vertices are missing from these logs. Compare the logs"
             " of other nodes, or undamaged copies.");
}

static int write_proof(const char *path, json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(1) | JSON_SORT_KEYS);
    if (!text) return cr_cli_fail(CR_EXIT_FAILED, "memory is out");
    const enum cr_err err = cr_cli_write_new(path, text);
    free(text);
    if (err == CR_ERR_EXISTS) return cr_cli_fail(CR_EXIT_CONFLICT, "%s exists already", path);
    if (err != CR_OK) return cr_cli_fail(cr_cli_exit_of(err), "cannot write %s", path);
    fprintf(stderr, "creto: wrote %s; anyone can check it: creto forensics %s --genesis FILE\n",
            path, path);
    return CR_EXIT_OK;
}

/* Exit 0: they agree; 4: they do not, whoever is named. */
static int compare(const struct wishes *wishes, const struct cr_roster *roster)
{
    char paths[2][CR_PATH_BYTES_MAX];
    if (!find_log(wishes->words.list[0], paths[0]) || !find_log(wishes->words.list[1], paths[1]))
        return cr_cli_fail(CR_EXIT_USAGE, "a path is too long");
    const char *const logs[2] = {paths[0], paths[1]};
    struct cr_store_failure failure;
    struct cr_finding *finding = calloc(1, sizeof *finding);
    if (!finding) return cr_cli_fail(CR_EXIT_FAILED, "memory is out");
    int code = CR_EXIT_OK;
    const enum cr_err err = cr_forensics(roster, logs, finding, &failure);
    if (err != CR_OK) {
        code = cr_cli_fail(cr_cli_exit_of(err), "%s", failure.text);
    } else {
        json_t *json = json_finding(roster, finding);
        if (wishes->out) code = write_proof(wishes->out, json);
        if (!wishes->json) print_finding(roster, finding);
        if (wishes->json)
            cr_cli_print_json(json);
        else
            json_decref(json);
        if (code == CR_EXIT_OK && finding->conflict > 0) code = CR_EXIT_VERIFICATION;
    }
    cr_finding_free(finding);
    free(finding);
    return code;
}

/* ---- a proof ---- */

/* Adds what one entry of "guilty" proves; false: nothing. */
static bool check_entry(const struct cr_roster *roster, const json_t *entry,
                        struct cr_finding *finding)
{
    const char *hex = json_string_value(json_object_get(entry, "evidence"));
    const size_t count = hex ? strlen(hex) / 2 : 0;
    struct cr_culprit culprit;
    if (count == 0 || count > CR_EVIDENCE_BYTES_MAX) return false;
    uint8_t *bytes = malloc(count);
    const bool proved = bytes && cr_hex_decode(hex, strlen(hex), bytes, count) == CR_OK &&
                        strlen(hex) == 2 * count &&
                        cr_forensics_verify(roster, bytes, count, &culprit);
    free(bytes);
    if (!proved) return false;
    for (uint32_t i = 0; i < finding->culprits_count; i++) {
        if (finding->culprits[i].author == culprit.author) return true; /* counted once */
    }
    finding->culprits[finding->culprits_count++] = culprit;
    if (culprit.epoch > finding->epoch) finding->epoch = culprit.epoch;
    return true;
}

/* By the stakes of the epoch in which it happened last. */
static void count_stake(const struct cr_roster *roster, struct cr_finding *finding)
{
    finding->total_stake = cr_roster_total(roster, finding->epoch);
    for (uint32_t i = 0; i < finding->culprits_count; i++)
        finding->guilty_stake +=
            cr_roster_stake(roster, finding->epoch, finding->culprits[i].author);
}

static int check_proof(const struct wishes *wishes, const struct cr_roster *roster)
{
    json_error_t error;
    const char *path = wishes->words.list[0];
    json_t *proof = json_load_file(path, 0, &error);
    if (!proof) return cr_cli_fail(CR_EXIT_USAGE, "%s: %s", path, error.text);
    struct cr_finding *finding = calloc(1, sizeof *finding);
    size_t i, bad = 0;
    const json_t *entry, *guilty = json_object_get(proof, "guilty");
    json_array_foreach(guilty, i, entry)
    {
        if (finding && !check_entry(roster, entry, finding)) bad++;
    }
    int code = finding ? CR_EXIT_OK : cr_cli_fail(CR_EXIT_FAILED, "memory is out");
    if (finding) count_stake(roster, finding);
    if (finding && wishes->json) {
        cr_cli_print_json(json_pack(
            "{s:I,s:I,s:I,s:I}", "proved", (json_int_t)finding->culprits_count, "not_proved",
            (json_int_t)bad, "guilty_stake", (json_int_t)finding->guilty_stake, "total_stake",
            (json_int_t)finding->total_stake));
    } else if (finding) {
        print_guilty(roster, finding);
    }
    if (bad > 0)
        code = cr_cli_fail(CR_EXIT_VERIFICATION, "%s: %zu of %zu accusations prove nothing", path,
                           bad, json_array_size(guilty));
    if (code == CR_EXIT_OK && finding && finding->culprits_count == 0)
        code = cr_cli_fail(CR_EXIT_VERIFICATION, "%s accuses nobody", path);
    free(finding);
    json_decref(proof);
    return code;
}

static int judge(const struct wishes *wishes, const struct cr_genesis *genesis)
{
    struct cr_roster *roster = calloc(1, sizeof *roster);
    int code = CR_EXIT_OK;
    if (!roster || cr_roster_init(roster, genesis) != CR_OK)
        code = cr_cli_fail(CR_EXIT_FAILED, "memory is out, or the genesis has no committee");
    if (code == CR_EXIT_OK) code = cr_cli_roster_read(roster, &wishes->epochs);
    if (code == CR_EXIT_OK)
        code = wishes->words.count == 2 ? compare(wishes, roster) : check_proof(wishes, roster);
    if (roster) cr_roster_deinit(roster);
    free(roster);
    return code;
}

int cr_cli_forensics(const struct cr_command *command, int words, char **word)
{
    static struct wishes wishes;
    const struct cr_option list[] = {
        {.name = "genesis",
         .kind = CR_OPTION_TEXT,
         .value = "FILE",
         .meaning = "the genesis of the chain; default: that of node A",
         .out = &wishes.genesis},
        {.name = "epochs",
         .kind = CR_OPTION_LIST,
         .value = "FILE",
         .meaning = "certificates of epochs, for validators that were added later",
         .out = &wishes.epochs},
        {.name = "out",
         .kind = CR_OPTION_TEXT,
         .value = "FILE",
         .meaning = "write the proof into a new file",
         .out = &wishes.out},
        {.name = "json",
         .kind = CR_OPTION_SWITCH,
         .meaning = "one JSON object",
         .out = &wishes.json},
    };
    const struct cr_options options = {.command = command,
                                       .list = list,
                                       .count = CR_COUNT_OF(list),
                                       .words_least = 1,
                                       .words_most = 2,
                                       .words = &wishes.words};
    int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    char path[CR_PATH_BYTES_MAX];
    if (wishes.genesis == NULL && wishes.words.count == 1)
        return cr_cli_fail(CR_EXIT_USAGE, "a proof is checked against a genesis: --genesis FILE");
    if (!find_genesis(&wishes, path)) return cr_cli_fail(CR_EXIT_USAGE, "the path is too long");
    struct cr_genesis *genesis = calloc(1, sizeof *genesis);
    if (!genesis) return cr_cli_fail(CR_EXIT_FAILED, "memory is out");
    struct cr_config_failure failure;
    const enum cr_err err = cr_genesis_load(path, genesis, &failure);
    code = err == CR_OK ? judge(&wishes, genesis)
                        : cr_cli_fail(cr_cli_exit_of(err), "%s", failure.text);
    free(genesis);
    return code;
}
