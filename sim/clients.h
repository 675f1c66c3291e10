/* SPDX-License-Identifier: Apache-2.0 */
/* clients.h: the clients: accounts, transactions of every kind, and what became of each.
 *
 * A client sends a transaction to a node, to another one when that is down, sometimes to two. It
 * sends again only when the node it reached has died since: what a living node has taken must
 * become final without help.
 */
#ifndef CR_SIM_CLIENTS_H
#define CR_SIM_CLIENTS_H

#include "body.h"
#include "ledger/ledger.h"

struct cr_sim;
struct cr_host;

enum {
    CR_CLIENTS_ACCOUNTS = 12, /* the last third is not in the genesis: it has to register */
    CR_CLIENTS_GENESIS_ACCOUNTS = 8,
};

struct cr_client_tx {
    struct cr_hash id;
    uint8_t *bytes;
    uint32_t bytes_count;
    bool signed_well;
    bool of_liar;       /* sent by a liar in its own name: nobody has promised anything */
    bool of_process;    /* made by a node itself: it dies with the process */
    uint64_t submit_us; /* planned */
    bool taken;         /* by a node, in this incarnation of it */
    uint32_t node;
    uint32_t incarnation;
    bool final; /* some node has executed it */
    uint64_t final_us;
    bool executed; /* took part in the order: exactly once, everywhere at this place */
    uint64_t commit_index;
    uint32_t position;
};

struct cr_clients {
    struct cr_hash accounts[CR_CLIENTS_ACCOUNTS];
    struct cr_public_key keys[CR_CLIENTS_ACCOUNTS];
    struct cr_client_tx *txs;
    uint32_t txs_count, txs_max;
    uint32_t final_count;
    struct cr_map by_id;
    uint64_t latency_us_max; /* of what was submitted after the faults had ended */
};

/* Writes the accounts into the genesis. */
void cr_clients_init(struct cr_sim *sim);
/* Makes `count` transactions and schedules their submission in [from_us, to_us). */
void cr_clients_schedule(struct cr_sim *sim, uint32_t count, uint64_t from_us, uint64_t to_us);
/* Takes over a transaction that goes to `node` when its time has come. */
void cr_clients_send(struct cr_sim *sim, const struct cr_client_tx *tx, uint32_t node);
/* A client sends transaction `number` to `node`, or to one after it. */
void cr_clients_submit(struct cr_sim *sim, uint32_t node, uint32_t number);
/* Whether somebody still answers for it: it must become final. */
bool cr_clients_is_promised(const struct cr_sim *sim, const struct cr_client_tx *tx);
/* Takes over a transaction that a node itself has made. */
void cr_clients_take(struct cr_host *host, const struct cr_client_tx *tx);
/* Sends again what was taken by a node that has died since. */
void cr_clients_resubmit(struct cr_sim *sim);
void cr_clients_on_result(struct cr_sim *sim, uint32_t node,
                          const struct cr_ledger_tx_result *result);
/* Which transactions of a payload are well signed: one enum cr_sig_verdict each. */
void cr_clients_verdicts(const struct cr_sim *sim, const struct cr_body *body, uint8_t *verdicts);
/* The number of a transaction; CR_MAP_NONE for one that no client has sent. */
uint32_t cr_clients_find(const struct cr_sim *sim, const uint8_t *tx, uint32_t tx_bytes);

#endif
