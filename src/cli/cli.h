/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h: the command `creto`: one row in a table (main.c) and one function per command.
 *
 * Data goes to stdout, messages to stderr. --json prints one JSON object. A secret is never taken
 * from the command line. A message names the thing, the reason and the way out. Exit codes:
 * enum cr_exit in node/node.h.
 */
#ifndef CR_CLI_CLI_H
#define CR_CLI_CLI_H

#include <jansson.h>

#include "cli/options.h"
#include "crypto/keys.h"
#include "ledger/genesis.h"
#include "node/config.h"
#include "node/node.h"

#define CR_API_PRESET "http://127.0.0.1:7080"

/* One function per command: gets its row and what follows its name; returns the exit code. */
int cr_cli_init(const struct cr_command *command, int words, char **word);
int cr_cli_keys_new(const struct cr_command *command, int words, char **word);
int cr_cli_keys_show(const struct cr_command *command, int words, char **word);
int cr_cli_keys_list(const struct cr_command *command, int words, char **word);
int cr_cli_genesis_new(const struct cr_command *command, int words, char **word);
int cr_cli_genesis_show(const struct cr_command *command, int words, char **word);
int cr_cli_genesis_id(const struct cr_command *command, int words, char **word);
int cr_cli_localnet_up(const struct cr_command *command, int words, char **word);
int cr_cli_localnet_down(const struct cr_command *command, int words, char **word);
int cr_cli_localnet_status(const struct cr_command *command, int words, char **word);
int cr_cli_localnet_kill(const struct cr_command *command, int words, char **word);
int cr_cli_localnet_pause(const struct cr_command *command, int words, char **word);
int cr_cli_localnet_resume(const struct cr_command *command, int words, char **word);
int cr_cli_localnet_restart(const struct cr_command *command, int words, char **word);
int cr_cli_guard_show(const struct cr_command *command, int words, char **word);
int cr_cli_guard_adopt(const struct cr_command *command, int words, char **word);
int cr_cli_start(const struct cr_command *command, int words, char **word);
int cr_cli_status(const struct cr_command *command, int words, char **word);
int cr_cli_tx_submit(const struct cr_command *command, int words, char **word);
int cr_cli_tx_status(const struct cr_command *command, int words, char **word);
int cr_cli_get(const struct cr_command *command, int words, char **word);
int cr_cli_account(const struct cr_command *command, int words, char **word);
int cr_cli_commits(const struct cr_command *command, int words, char **word);
int cr_cli_offences(const struct cr_command *command, int words, char **word);
int cr_cli_epoch_show(const struct cr_command *command, int words, char **word);
int cr_cli_epoch_verify(const struct cr_command *command, int words, char **word);
int cr_cli_validators(const struct cr_command *command, int words, char **word);
int cr_cli_validator_add(const struct cr_command *command, int words, char **word);
int cr_cli_validator_stake(const struct cr_command *command, int words, char **word);
int cr_cli_validator_remove(const struct cr_command *command, int words, char **word);
int cr_cli_config_check(const struct cr_command *command, int words, char **word);
int cr_cli_config_show(const struct cr_command *command, int words, char **word);
int cr_cli_config_explain(const struct cr_command *command, int words, char **word);
int cr_cli_replay(const struct cr_command *command, int words, char **word);
int cr_cli_forensics(const struct cr_command *command, int words, char **word);
int cr_cli_debug_mldsa(const struct cr_command *command, int words, char **word);
int cr_cli_bench(const struct cr_command *command, int words, char **word);

/* "creto: " and the message to stderr; returns `code`. */
int cr_cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cr_cli_exit_of(enum cr_err err);
/* Prints a JSON object as one line on stdout and gives it up. */
void cr_cli_print_json(json_t *json);

/* Copies a path; false when it does not fit. */
bool cr_cli_path(char *out, const char *path);
/* DIR/NAME; false when it does not fit. */
bool cr_cli_join(char *out, const char *folder, const char *name);
/* --home, or $CRETO_NODE_HOME, or the place for this user's data. False when it does not fit. */
bool cr_cli_home(const char *flag, char *out);
/* --home, or the place for this user's data. False when it does not fit. */
bool cr_cli_localnet_home(const char *flag, char *out);
/* Makes a folder, and those above it, with mode 0700. CR_OK when it exists. */
CR_MUST_CHECK enum cr_err cr_cli_make_folder(const char *path);
/* Writes a new file. CR_ERR_EXISTS when there is one. */
CR_MUST_CHECK enum cr_err cr_cli_write_new(const char *path, const char *text);

/* ---- shared by init and localnet (init.c) ---- */
struct cr_validator_plan {
    const char *home;
    const char *name;
    const char *address;      /* where the others dial */
    const char *api_listen;   /* NULL: the default */
    const char *genesis_path; /* NULL: the default */
    uint64_t stake;
};
/* Folders, keys, creto.conf and validator.json; nothing that exists is touched. Prints what failed
 * and returns the exit code. */
int cr_cli_make_validator(const struct cr_validator_plan *plan, struct cr_genesis_validator *out);
/* Loads the key HOME/FILE, which is one of `alg`, or makes it. Prints what failed and returns the
 * exit code. */
int cr_cli_make_key(const char *home, const char *file, enum cr_alg alg, struct cr_public_key *out);
/* creto.conf with every key as a comment; --api and --genesis as lines. To be freed. */
char *cr_cli_config_text(const char *api_listen, const char *genesis_path);

/* ---- shared with genesis (genesis.c) ---- */
int cr_cli_validator_load(const char *path, struct cr_genesis_validator *out);
int cr_cli_public_key_load(const char *path, struct cr_public_key *out);
/* Loads a secret key; says what is wrong and returns the exit code. */
int cr_cli_secret_key_load(const char *path, struct cr_secret_key **out);

/* ---- shared with the test that docs/configuration.md is current (config.c) ---- */
void cr_cli_explain(FILE *out);

#endif
