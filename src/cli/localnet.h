/* SPDX-License-Identifier: Apache-2.0 */
/* localnet.h: a network of validators on this machine: DIR/localnet.json (how many, which ports),
 * DIR/genesis.json, DIR/client.key (a funded account), DIR/node0 .. one folder per validator. */
#ifndef CR_CLI_LOCALNET_H
#define CR_CLI_LOCALNET_H

#include "cli/cli.h"

#define CR_LOCALNET_BALANCE UINT64_C(1000000000)

struct cr_localnet {
    char home[CR_PATH_BYTES_MAX];
    bool standard_home; /* no --home was needed */
    uint32_t nodes;
    uint32_t epoch_rounds;       /* of a new network; 0: what the profile says */
    uint32_t api_port, p2p_port; /* of node 0; node i has the i-th after it */
};

/* Reads DIR/localnet.json. Says what is wrong and returns the exit code; 0: read. */
int cr_localnet_read(struct cr_localnet *net);
/* Makes what is absent: keys, configurations, genesis, client key, localnet.json. */
int cr_localnet_make(const struct cr_localnet *net);
void cr_localnet_folder(const struct cr_localnet *net, uint32_t node, char *out);

#endif
