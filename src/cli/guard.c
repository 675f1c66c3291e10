/* SPDX-License-Identifier: Apache-2.0 */
/* creto guard: what a validator's key has signed last, and whether that can be relied on. */
#include <inttypes.h>
#include <unistd.h>

#include "cli/cli.h"
#include "store/guard.h"

/* Opens the guard of a home folder that no node runs in. */
static int open_guard(const char *flag, char path[CR_PATH_BYTES_MAX], struct cr_guard **out,
                      struct cr_guard_record *record)
{
    char home[CR_PATH_BYTES_MAX], key_path[CR_PATH_BYTES_MAX];
    struct cr_config config;
    struct cr_config_failure wrong;
    struct cr_store_failure failure = {0};
    struct cr_secret_key *key = NULL;
    struct cr_public_key public;
    bool found;
    if (!cr_cli_home(flag, home)) return cr_cli_fail(CR_EXIT_USAGE, "--home: too long");
    if (cr_config_load(home, &config, &wrong) != CR_OK) {
        return cr_cli_fail(CR_EXIT_USAGE, "%s", wrong.text);
    }
    if (!cr_cli_join(path, config.keys, "guard") ||
        !cr_cli_join(key_path, config.keys, "consensus.key")) {
        return cr_cli_fail(CR_EXIT_USAGE, "%s: the path is too long", config.keys);
    }
    const int code = cr_cli_secret_key_load(key_path, &key);
    if (code != CR_EXIT_OK) return code;
    cr_secret_key_public(key, &public);
    cr_secret_key_free(key);
    if (access(path, F_OK) != 0) {
        return cr_cli_fail(CR_EXIT_NOT_FOUND,
                           "there is no %s; the next start makes one and asks the others", path);
    }
    const struct cr_hash owner = cr_public_key_account(&public);
    const enum cr_err err = cr_guard_open(path, &owner, out, record, &found, &failure);
    return err == CR_OK ? CR_EXIT_OK : cr_cli_fail(cr_cli_exit_of(err), "%s", failure.text);
}

static void print_record(const char *path, const struct cr_guard_record *record, bool json)
{
    if (json) {
        cr_cli_print_json(json_pack("{s:s,s:I,s:I,s:b}", "file", path, "epoch",
                                    (json_int_t)record->epoch, "round", (json_int_t)record->round,
                                    "lost", (int)record->lost));
        return;
    }
    printf("%s: epoch %" PRIu64 ", round %" PRIu32 "; %s\n", path, record->epoch, record->round,
           record->lost ? "a copy, or in place of one that was lost: the next start asks the others"
                        : "the file that the validator wrote");
}

static int run(const struct cr_command *command, int words, char **word, bool adopt)
{
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
    char path[CR_PATH_BYTES_MAX];
    struct cr_guard *guard = NULL;
    struct cr_guard_record record = {0};
    struct cr_store_failure failure = {0};
    code = open_guard(flag, path, &guard, &record);
    if (code != CR_EXIT_OK) return code;
    if (adopt && cr_guard_adopt(guard, &failure) != CR_OK) {
        code = cr_cli_fail(cr_cli_exit_of(failure.err), "%s", failure.text);
    } else {
        record.lost = record.lost && !adopt;
        print_record(path, &record, json);
    }
    cr_guard_close(guard);
    return code;
}

int cr_cli_guard_show(const struct cr_command *command, int words, char **word)
{
    return run(command, words, word, false);
}

int cr_cli_guard_adopt(const struct cr_command *command, int words, char **word)
{
    return run(command, words, word, true);
}
