/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blake3.h>
#include <openssl/crypto.h>

#include "cli/cli.h"
#include "crypto/verifier.h"

_Noreturn void cr_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "creto: bug: %s is false at %s:%d\n", cond, file, line);
    abort();
}

static int run_version(const struct cr_command *command, int words, char **word);

static const struct cr_command commands[] = {
    {"localnet up", "", "Make and start a network of validators on this machine",
     "  $ creto localnet up -n 4\n", cr_cli_localnet_up},
    {"localnet down", "", "End the processes of the local network; its data stays",
     "  $ creto localnet down\n", cr_cli_localnet_down},
    {"localnet status", "", "Say which validators of the local network run and are ready",
     "  $ creto localnet status\n", cr_cli_localnet_status},
    {"localnet kill", "N", "Kill validator N as a crash would (SIGKILL)",
     "  $ creto localnet kill 2\n", cr_cli_localnet_kill},
    {"localnet pause", "N", "Freeze validator N (SIGSTOP)", "  $ creto localnet pause 2\n",
     cr_cli_localnet_pause},
    {"localnet resume", "N", "Let a frozen validator N go on (SIGCONT)",
     "  $ creto localnet resume 2\n", cr_cli_localnet_resume},
    {"localnet restart", "N", "Start validator N again, ending it first when it runs",
     "  $ creto localnet restart 2\n", cr_cli_localnet_restart},
    {"status", "", "Show what a node says about itself",
     "  $ creto status --api http://127.0.0.1:7080 --watch\n", cr_cli_status},
    {"tx submit", "FILE|-", "Sign operations, send them and wait until they are final",
     "  $ echo '{\"op\":\"put\",\"key\":\"invoice/42\",\"value\":\"paid\"}' | creto tx submit -\n"
     "  $ creto tx submit ops.json --key client.key --api http://a:7080,http://b:7080\n\n"
     "FILE holds one operation, a list of them, or\n"
     "  {\"mode\":\"independent\",\"operations\":[...]}\n"
     "  {\"op\":\"put\",\"key\":K,\"value\":V}    K and V: text, or {\"hex\":\"00ff\"}\n"
     "  {\"op\":\"delete\",\"key\":K}\n"
     "  {\"op\":\"transfer\",\"to\":HEX,\"amount\":N}\n"
     "  {\"op\":\"register\"}\n"
     "  {\"op\":\"validator-stake\",\"validator\":HEX,\"stake\":N}\n"
     "  {\"op\":\"validator-add\", and what a validator.json has}\n",
     cr_cli_tx_submit},
    {"tx status", "ID", "Say what became of a transaction", "  $ creto tx status 5f1c...\n",
     cr_cli_tx_status},
    {"get", "KEY", "Print the value of a record", "  $ creto get invoice/42\n", cr_cli_get},
    {"account", "[ID]", "Show an account, by id or by key file",
     "  $ creto account --key client.key\n", cr_cli_account},
    {"commits", "", "List commits, the newest last", "  $ creto commits --limit 5\n",
     cr_cli_commits},
    {"offences", "", "List the validators that were proved to have signed what conflicts",
     "  $ creto offences --api http://127.0.0.1:7080\n", cr_cli_offences},
    {"validators", "", "List the validators, their stakes now and in the next epoch",
     "  $ creto validators --api http://127.0.0.1:7080\n", cr_cli_validators},
    {"validator add", "FILE", "As the operator, let a validator join with the next epoch",
     "  $ creto validator add bank-e/validator.json --key operator.key\n", cr_cli_validator_add},
    {"validator stake", "NAME N", "As the operator, set the stake that a validator has next",
     "  $ creto validator stake bank-b 20 --key operator.key\n", cr_cli_validator_stake},
    {"validator remove", "NAME", "As the operator, take a validator its stake, and so its voice",
     "  $ creto validator remove bank-b --key operator.key\n\n"
     "Its node goes on as an observer; 'creto validator stake' brings it back.\n",
     cr_cli_validator_remove},
    {"epoch show", "[N]", "Show the certificate of an epoch, the newest without N",
     "  $ creto epoch show 12\n"
     "  $ creto epoch show --chain --out epochs.json\n",
     cr_cli_epoch_show},
    {"epoch verify", "FILE...", "Check certificates of epochs, from the genesis on and offline",
     "  $ creto epoch verify epochs.json --genesis genesis.json\n"
     "\nThe certificates of epochs 2, 3 and so on, in order, in as many files as you like.\n",
     cr_cli_epoch_verify},
    {"bench", "", "Load a network, measure it and check every node's answer",
     "  $ creto bench --api http://127.0.0.1:7080,http://127.0.0.1:7081 --rate 500 --seconds 10\n",
     cr_cli_bench},
    {"replay", "FILE", "Go through the recorded events of a node again and check its state",
     "  $ creto replay /var/lib/creto/data/recording\n"
     "  $ gdb --args creto replay recording --until 81234 --trace\n",
     cr_cli_replay},
    {"forensics", "A B|PROOF", "Name the validators that made two nodes disagree, and prove it",
     "  $ creto forensics /evidence/node-0 /evidence/node-1 --out proof.json\n"
     "  $ creto forensics proof.json --genesis genesis.json\n"
     "\nA and B: home folders of two nodes, or copies of them; nothing in them is changed.\n"
     "With one word, a file that --out wrote, it is checked: all that takes is the genesis, and\n"
     "--epochs epochs.json (of 'creto epoch show --chain') when a validator was added later.\n",
     cr_cli_forensics},
    {"init", "", "Make the folder of a validator: keys, configuration, validator.json",
     "  $ creto init --home /var/lib/creto --name bank-a --address a.example:7000\n", cr_cli_init},
    {"start", "", "Run the validator of a folder until SIGTERM",
     "  $ creto start --home /var/lib/creto --set log.level=debug\n", cr_cli_start},
    {"keys new", "FILE", "Make a secret key in a new file with mode 0600",
     "  $ creto keys new client.key --alg ml-dsa-44\n", cr_cli_keys_new},
    {"keys show", "FILE", "Show algorithm, account id and public key of a key file",
     "  $ creto keys show client.key --json > client.json\n", cr_cli_keys_show},
    {"keys list", "", "List the keys of a validator's folder",
     "  $ creto keys list --home /var/lib/creto\n", cr_cli_keys_list},
    {"guard show", "", "Show what a validator's key has signed last",
     "  $ creto guard show --home /var/lib/creto\n", cr_cli_guard_show},
    {"guard adopt", "", "Vouch for a guard that was moved here",
     "  $ creto guard adopt --home /var/lib/creto\n"
     "\nOnly for the newest copy, whose original will never be started again: from then on it is\n"
     "the guard. A mistake lets the key sign a round twice.\n",
     cr_cli_guard_adopt},
    {"genesis new", "OUT", "Write the genesis of a chain from what its members have sent",
     "  $ creto genesis new genesis.json --chain trade-1 --profile wan \\\n"
     "        --validator a.json --validator b.json --account client.json=1000000\n"
     "\na.json: validator.json made by 'creto init';\n"
     "client.json: what 'creto keys show --json' printed, or a key file\n",
     cr_cli_genesis_new},
    {"genesis show", "FILE", "Check a genesis file and show what it says",
     "  $ creto genesis show genesis.json\n", cr_cli_genesis_show},
    {"genesis id", "FILE", "Check a genesis file and print its id, the BLAKE3 of its bytes",
     "  $ creto genesis id genesis.json\n", cr_cli_genesis_id},
    {"config check", "", "Check the configuration of a folder",
     "  $ creto config check --home /var/lib/creto\n", cr_cli_config_check},
    {"config show", "", "Show every value in force and where it comes from",
     "  $ creto config show --home /var/lib/creto\n", cr_cli_config_show},
    {"config explain", "[KEY]", "Print the reference of all keys (Markdown), or of one",
     "  $ creto config explain api.listen\n", cr_cli_config_explain},
    {"debug mldsa-verify", "", "Verify ML-DSA signatures, a JSON line each, from stdin",
     "  $ creto debug mldsa-verify --batch < claims.jsonl\n"
     "\nA line: {\"level\":65,\"pk\":HEX,\"msg\":HEX,\"ctx\":HEX,\"sig\":HEX}\n"
     "The answer to each is a line 'accept' or 'reject', as FIPS 204, algorithm 3 says.\n",
     cr_cli_debug_mldsa},
    {"version", "", "Print the version, libraries and kernels in use", "  $ creto version --json\n",
     run_version},
};

static int run_version(const struct cr_command *command, int words, char **word)
{
    bool json = false;
    const struct cr_option list[] = {
        {.name = "json", .kind = CR_OPTION_SWITCH, .meaning = "one JSON object", .out = &json}};
    const struct cr_options options = {.command = command, .list = list, .count = 1};
    const int code = cr_options_read(&options, words, word);
    if (code >= 0) return code;
    const char *openssl = OpenSSL_version(OPENSSL_VERSION_STRING);
    if (json) {
        cr_cli_print_json(json_pack("{s:s,s:s,s:s,s:s,s:s}", "version", CR_VERSION, "compiler",
                                    __VERSION__, "openssl", openssl, "blake3", blake3_version(),
                                    "mldsa", cr_verifier()->name));
        return CR_EXIT_OK;
    }
    printf("creto %s\nopenssl %s, blake3 %s, jansson %s, compiler %s\nML-DSA is verified by %s\n",
           CR_VERSION, openssl, blake3_version(), JANSSON_VERSION, __VERSION__,
           cr_verifier()->name);
    return CR_EXIT_OK;
}

static void print_help(FILE *out)
{
    fputs("usage: creto COMMAND [options]\n\n"
          "A post-quantum, Byzantine fault tolerant, replicated ledger.\n\n",
          out);
    for (uint32_t i = 0; i < CR_COUNT_OF(commands); i++)
        fprintf(out, "  %-17s %s\n", commands[i].name, commands[i].meaning);
    fputs("\n'creto COMMAND --help' explains one. To begin: 'creto localnet up -n 4'.\n"
          "Exit: 0 ok, 1 failed, 2 usage or configuration, 3 not found, 4 verification failed,\n"
          "5 outcome unknown (retrying is safe), 6 permission, 7 it exists, 8 safety halt.\n",
          out);
}

/* `creto tx`: the commands that begin with this word. False when there are none. */
static bool print_group(const char *noun, FILE *out)
{
    const size_t count = strlen(noun);
    bool found = false;
    for (uint32_t i = 0; i < CR_COUNT_OF(commands); i++) {
        const char *name = commands[i].name;
        if (strncmp(name, noun, count) != 0 || name[count] != ' ') continue;
        if (!found) fprintf(out, "usage: creto %s COMMAND [options]\n\n", noun);
        found = true;
        fprintf(out, "  %-17s %s\n", name, commands[i].meaning);
    }
    return found;
}

static const struct cr_command *find(const char *first, const char *second, int *used)
{
    for (uint32_t i = 0; i < CR_COUNT_OF(commands); i++) {
        const char *name = commands[i].name, *space = strchr(name, ' ');
        *used = space == NULL ? 1 : 2;
        if (space == NULL && strcmp(name, first) == 0) return &commands[i];
        if (space == NULL || second == NULL) continue;
        const size_t noun = (size_t)(space - name);
        if (strlen(first) != noun || memcmp(first, name, noun) != 0) continue;
        if (strcmp(space + 1, second) == 0) return &commands[i];
    }
    return NULL;
}

static int unknown(const char *first, const char *second)
{
    char typed[CR_CONFIG_NAME_BYTES];
    const char *nearest = NULL;
    uint32_t best = 4;
    for (uint32_t i = 0; i < CR_COUNT_OF(commands); i++) {
        const bool two = strchr(commands[i].name, ' ') != NULL && second != NULL;
        (void)snprintf(typed, sizeof typed, two ? "%s %s" : "%s", first,
                       second); /* only compared */
        const uint32_t distance = cr_text_distance(typed, commands[i].name);
        if (distance >= best) continue;
        best = distance;
        nearest = commands[i].name;
    }
    char noun[CR_CONFIG_NAME_BYTES] = "";
    for (uint32_t i = 0; i < CR_COUNT_OF(commands) && nearest == NULL; i++) {
        (void)snprintf(noun, sizeof noun, "%.*s", (int)strcspn(commands[i].name, " "),
                       commands[i].name);
        if (cr_text_distance(first, noun) <= 2) nearest = noun;
    }
    if (nearest == NULL) {
        return cr_cli_fail(CR_EXIT_USAGE, "unknown command '%s'; 'creto --help' lists all", first);
    }
    return cr_cli_fail(CR_EXIT_USAGE, "unknown command '%s%s%s'; did you mean 'creto %s'?", first,
                       second ? " " : "", second ? second : "", nearest);
}

int main(int count, char **word)
{
    if (count < 2) {
        print_help(stderr);
        return CR_EXIT_USAGE;
    }
    const bool help = strcmp(word[1], "--help") == 0 || strcmp(word[1], "-h") == 0;
    if (help || strcmp(word[1], "help") == 0) {
        print_help(stdout);
        return CR_EXIT_OK;
    }
    const bool wants_version = strcmp(word[1], "--version") == 0;
    const char *first = wants_version ? "version" : word[1], *second = count > 2 ? word[2] : NULL;
    int used = 0;
    const struct cr_command *command = find(first, second, &used);
    if (command != NULL) {
        const struct cr_verifier *verifier = cr_verifier_start(NULL);
        if (!verifier) return cr_cli_fail(CR_EXIT_USAGE, "CR_MLDSA_BACKEND: not on this processor");
        cr_verifier_use(verifier);
        return command->run(command, count - 1 - used, word + 1 + used);
    }
    const bool group_help =
        second != NULL && (strcmp(second, "--help") == 0 || strcmp(second, "-h") == 0);
    if (group_help && print_group(first, stdout)) return CR_EXIT_OK;
    if (second == NULL && print_group(first, stderr)) return CR_EXIT_USAGE;
    return unknown(first, second);
}
