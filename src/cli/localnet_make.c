/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/localnet.h"
#include "node/genesis_file.h"

void cr_localnet_folder(const struct cr_localnet *net, uint32_t node, char *out)
{
    char name[32];
    (void)snprintf(name, sizeof name, "node%u", node);
    CR_ASSERT(cr_cli_join(out, net->home, name)); /* cr_localnet_make and _read have measured */
}

/* The longest path below the home is keys/consensus.key of the last node. */
static bool home_fits(const struct cr_localnet *net)
{
    return strlen(net->home) + 64 < CR_PATH_BYTES_MAX;
}

int cr_localnet_read(struct cr_localnet *net)
{
    char path[CR_PATH_BYTES_MAX];
    if (!home_fits(net) || !cr_cli_join(path, net->home, "localnet.json")) {
        return cr_cli_fail(CR_EXIT_USAGE, "--home: the path is too long");
    }
    if (access(path, F_OK) != 0) {
        return cr_cli_fail(CR_EXIT_NOT_FOUND,
                           "no local network in %s; 'creto localnet up' makes one", net->home);
    }
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    int nodes = 0, api = 0, p2p = 0;
    const bool ok = json != NULL && json_unpack_ex(json, &error, 0, "{s:i,s:i,s:i}", "nodes",
                                                   &nodes, "api_port", &api, "p2p_port", &p2p) == 0;
    json_decref(json);
    if (!ok || nodes < 1 || nodes > CR_VALIDATORS_MAX || api < 1 || p2p < 1 ||
        api + nodes > 65536 || p2p + nodes > 65536) {
        return cr_cli_fail(CR_EXIT_USAGE, "%s is damaged; remove %s and begin anew", path,
                           net->home);
    }
    net->nodes = (uint32_t)nodes;
    net->api_port = (uint32_t)api;
    net->p2p_port = (uint32_t)p2p;
    return CR_EXIT_OK;
}

static int make_nodes(const struct cr_localnet *net, struct cr_genesis *genesis)
{
    for (uint32_t i = 0; i < net->nodes; i++) {
        char folder[CR_PATH_BYTES_MAX], name[32], address[64], api[64];
        cr_localnet_folder(net, i, folder);
        (void)snprintf(name, sizeof name, "node%u", i);
        (void)snprintf(address, sizeof address, "127.0.0.1:%u", net->p2p_port + i);
        (void)snprintf(api, sizeof api, "127.0.0.1:%u", net->api_port + i);
        const struct cr_validator_plan plan = {.home = folder,
                                               .name = name,
                                               .address = address,
                                               .api_listen = api,
                                               .stake = 1,
                                               .genesis_path = "../genesis.json"};
        const int code = cr_cli_make_validator(&plan, &genesis->validators[i]);
        if (code != CR_EXIT_OK) return code;
    }
    genesis->validators_count = net->nodes;
    return CR_EXIT_OK;
}

static int make_genesis(const struct cr_localnet *net, struct cr_genesis *genesis)
{
    char path[CR_PATH_BYTES_MAX];
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
    genesis->timestamp_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    (void)snprintf(genesis->chain, sizeof genesis->chain, "localnet");
    CR_ASSERT(cr_genesis_profile("lan", &genesis->params));
    if (net->epoch_rounds > 0) genesis->params.epoch_rounds = net->epoch_rounds;
    genesis->accounts_count = 1;
    genesis->accounts[0].balance = CR_LOCALNET_BALANCE;
    int code = cr_cli_make_key(net->home, "client.key", CR_ALG_MLDSA44, &genesis->accounts[0].key);
    genesis->operator_account = cr_public_key_account(&genesis->accounts[0].key);
    if (code == CR_EXIT_OK) code = make_nodes(net, genesis);
    if (code != CR_EXIT_OK) return code;

    struct cr_config_failure failure;
    if (!cr_cli_join(path, net->home, "genesis.json")) return CR_EXIT_USAGE;
    /* Without localnet.json nothing has run yet: what an interrupted attempt left may go. */
    (void)unlink(path);
    const enum cr_err err = cr_genesis_save(genesis, path, &failure);
    return err == CR_OK ? CR_EXIT_OK : cr_cli_fail(cr_cli_exit_of(err), "%s", failure.text);
}

int cr_localnet_make(const struct cr_localnet *net)
{
    char path[CR_PATH_BYTES_MAX], text[128];
    if (!home_fits(net) || !cr_cli_join(path, net->home, "localnet.json")) {
        return cr_cli_fail(CR_EXIT_USAGE, "--home: the path is too long");
    }
    enum cr_err err = cr_cli_make_folder(net->home);
    if (err != CR_OK) {
        return cr_cli_fail(cr_cli_exit_of(err), "cannot make %s: %s", net->home, cr_err_text(err));
    }
    struct cr_genesis *genesis = calloc(1, sizeof *genesis);
    if (genesis == NULL) return cr_cli_fail(CR_EXIT_FAILED, "memory is out");
    const int code = make_genesis(net, genesis);
    free(genesis);
    if (code != CR_EXIT_OK) return code;
    (void)snprintf(text, sizeof text, "{\"nodes\":%u,\"api_port\":%u,\"p2p_port\":%u}\n",
                   net->nodes, net->api_port, net->p2p_port);
    err = cr_cli_write_new(path, text);
    if (err == CR_OK) return CR_EXIT_OK;
    return cr_cli_fail(cr_cli_exit_of(err), "cannot write %s: %s", path, cr_err_text(err));
}
