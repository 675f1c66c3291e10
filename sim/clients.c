/* SPDX-License-Identifier: Apache-2.0 */
/* clients.c: what clients send, and the record of what became of it. */
#include "clients.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cluster.h"
#include "wire/payload.h"

enum {
    TX_BYTES_MAX = 16 * 1024,
    KEYS = 24, /* few names, so that clients collide */
};

#define GENESIS_BALANCE UINT64_C(1000000)

void cr_clients_init(struct cr_sim *sim)
{
    struct cr_clients *clients = &sim->clients;
    for (uint32_t i = 0; i < CR_CLIENTS_ACCOUNTS; i++) {
        struct cr_prng prng = cr_prng_stream(sim->seed, CR_PURPOSE_LOAD, UINT32_MAX + (uint64_t)i);
        struct cr_public_key *key = &clients->keys[i];
        key->alg = CR_ALG_MLDSA44;
        for (uint32_t at = 0; at + 8 <= cr_alg_key_bytes(key->alg); at += 8)
            cr_store_le(key->bytes + at, cr_prng_next(&prng), 8);
        clients->accounts[i] = cr_public_key_account(key);
        if (i >= CR_CLIENTS_GENESIS_ACCOUNTS) continue;
        struct cr_genesis *genesis = sim->genesis;
        genesis->accounts[genesis->accounts_count++] =
            (struct cr_genesis_account){.key = *key, .balance = GENESIS_BALANCE};
    }
}

static struct cr_op draw_op(const struct cr_clients *clients, uint32_t signer, struct cr_prng *prng)
{
    static uint8_t name[8];
    static uint8_t value[256];
    struct cr_op op = {.key = name, .value = value};
    memcpy(name, "record-", 7);
    name[7] = (uint8_t)('a' + cr_prng_below(prng, KEYS));
    op.key_bytes = sizeof name;
    op.to = clients->accounts[cr_prng_below(prng, CR_CLIENTS_ACCOUNTS)];
    op.amount = cr_prng_below(prng, 10) == 0 ? GENESIS_BALANCE * 2 : cr_prng_below(prng, 1000);
    op.value_bytes = (uint32_t)cr_prng_below(prng, sizeof value);
    cr_store_le(value, cr_prng_next(prng), 8);
    op.register_key = clients->keys[signer];
    const uint64_t kind = cr_prng_below(prng, 10);
    op.type = kind < 4   ? CR_OP_TRANSFER
              : kind < 8 ? CR_OP_PUT
              : kind < 9 ? CR_OP_DELETE
                         : CR_OP_REGISTER;
    return op;
}

/* Fills and signs one transaction. Some are meant to be refused by the ledger. */
static void make_tx(struct cr_sim *sim, uint32_t number, struct cr_client_tx *out)
{
    struct cr_clients *clients = &sim->clients;
    struct cr_prng prng = cr_prng_stream(sim->seed, CR_PURPOSE_LOAD, number);
    const uint32_t signer = (uint32_t)cr_prng_below(&prng, CR_CLIENTS_ACCOUNTS);
    const uint32_t ops_count = 1 + (uint32_t)cr_prng_below(&prng, 4);
    const uint64_t oddity = cr_prng_below(&prng, 100);
    struct cr_tx fields = {.account = clients->accounts[signer],
                           .flags = cr_prng_next(&prng) & 1 ? CR_TX_INDEPENDENT : 0,
                           .valid_until_commit = oddity < 5 ? 1 + oddity : 20000};
    memcpy(fields.chain, sim->genesis->id.bytes, sizeof fields.chain);
    if (oddity == 5) fields.chain[0] ^= 1;
    cr_store_le(fields.client_id, cr_prng_next(&prng), 8);
    cr_store_le(fields.client_id + 8, number, 8);

    struct cr_tx_builder builder;
    uint8_t *bytes = cr_run_take(TX_BYTES_MAX);
    cr_tx_begin(&builder, bytes, TX_BYTES_MAX, &fields);
    const bool newcomer = signer >= CR_CLIENTS_GENESIS_ACCOUNTS;
    for (uint32_t i = 0; i < ops_count; i++) {
        struct cr_op op = draw_op(clients, signer, &prng);
        if (i == 0 && newcomer && oddity % 2) op.type = CR_OP_REGISTER;
        cr_tx_add(&builder, &op);
    }
    CR_ASSERT(cr_tx_end(&builder, &out->id) == CR_OK);
    uint8_t signature[CR_MLDSA44_SIG_BYTES];
    cr_stub_sign(&out->id, fields.account.bytes, CR_HASH_BYTES, signature, sizeof signature);
    out->signed_well = oddity < 6 || oddity > 9;
    if (!out->signed_well) signature[oddity] ^= 0x10;
    const size_t bytes_count =
        cr_tx_sign_with(&builder, CR_ALG_MLDSA44, signature, sizeof signature);
    CR_ASSERT(bytes_count > 0);
    out->bytes = bytes;
    out->bytes_count = (uint32_t)bytes_count;
}

void cr_clients_schedule(struct cr_sim *sim, uint32_t count, uint64_t from_us, uint64_t to_us)
{
    struct cr_clients *clients = &sim->clients;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t number = clients->txs_count;
        clients->txs =
            cr_run_grow(clients->txs, &clients->txs_max, number + 1, sizeof clients->txs[0]);
        struct cr_client_tx *tx = &clients->txs[number];
        *tx = (struct cr_client_tx){0};
        make_tx(sim, number, tx);
        struct cr_prng prng =
            cr_prng_stream(sim->seed, CR_PURPOSE_LOAD, UINT64_C(1) << 40 | number);
        tx->submit_us = from_us + cr_prng_below(&prng, to_us - from_us);
        cr_map_put(&clients->by_id, &tx->id, number);
        clients->txs_count++;
        const struct cr_happening submit = {.at_us = tx->submit_us,
                                            .kind = CR_HAPPENING_SUBMIT,
                                            .node =
                                                (uint32_t)cr_prng_below(&prng, sim->nodes_count),
                                            .number = number};
        cr_heap_push(&sim->heap, submit);
        if (cr_prng_below(&prng, 10) > 0) continue;
        struct cr_happening again = submit; /* the client sends it to another node as well */
        again.at_us += cr_prng_below(&prng, 500000);
        again.node = (uint32_t)cr_prng_below(&prng, sim->nodes_count);
        cr_heap_push(&sim->heap, again);
    }
}

void cr_clients_send(struct cr_sim *sim, const struct cr_client_tx *tx, uint32_t node)
{
    struct cr_clients *clients = &sim->clients;
    const uint32_t number = clients->txs_count++;
    clients->txs = cr_run_grow(clients->txs, &clients->txs_max, number + 1, sizeof clients->txs[0]);
    clients->txs[number] = *tx;
    cr_map_put(&clients->by_id, &tx->id, number);
    cr_heap_push(&sim->heap, (struct cr_happening){.at_us = tx->submit_us,
                                                   .kind = CR_HAPPENING_SUBMIT,
                                                   .node = node,
                                                   .number = number});
}

void cr_clients_submit(struct cr_sim *sim, uint32_t node, uint32_t number)
{
    struct cr_client_tx *tx = &sim->clients.txs[number];
    if (tx->final) return;
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        struct cr_host *host = &sim->hosts[(node + i) % sim->nodes_count];
        if (!host->alive || host->paused || !cr_host_is_member(host)) continue;
        if (sim->now_us >= sim->plan.faults_until_us && cr_byz_is_liar(sim, host->self)) continue;
        tx->taken = true;
        tx->node = host->self;
        tx->incarnation = host->incarnation;
        cr_host_submit(host, number);
        return;
    }
    /* Nobody is there. The client waits. */
    cr_heap_push(&sim->heap, (struct cr_happening){.at_us = sim->now_us + 100000,
                                                   .kind = CR_HAPPENING_SUBMIT,
                                                   .node = node,
                                                   .number = number});
}

void cr_clients_take(struct cr_host *host, const struct cr_client_tx *tx)
{
    struct cr_clients *clients = &host->sim->clients;
    const uint32_t number = clients->txs_count++;
    clients->txs = cr_run_grow(clients->txs, &clients->txs_max, number + 1, sizeof clients->txs[0]);
    clients->txs[number] = *tx;
    clients->txs[number].of_liar = cr_byz_is_liar(host->sim, host->self);
    clients->txs[number].of_process = true;
    clients->txs[number].taken = true;
    clients->txs[number].node = host->self;
    clients->txs[number].incarnation = host->incarnation;
    cr_map_put(&clients->by_id, &tx->id, number);
    cr_host_submit(host, number);
}

bool cr_clients_is_promised(const struct cr_sim *sim, const struct cr_client_tx *tx)
{
    const bool died = sim->hosts[tx->node].incarnation != tx->incarnation;
    return !tx->of_liar && !(tx->of_process && died);
}

void cr_clients_resubmit(struct cr_sim *sim)
{
    for (uint32_t i = 0; i < sim->clients.txs_count; i++) {
        const struct cr_client_tx *tx = &sim->clients.txs[i];
        if (tx->final || !tx->taken || !cr_clients_is_promised(sim, tx)) continue;
        if (sim->hosts[tx->node].incarnation != tx->incarnation || cr_byz_is_liar(sim, tx->node))
            cr_clients_submit(sim, tx->node, i);
    }
}

void cr_clients_on_result(struct cr_sim *sim, uint32_t node,
                          const struct cr_ledger_tx_result *result)
{
    if (cr_byz_is_liar(sim, node) || sim->hosts[node].forked) return;
    const uint32_t number = cr_map_find(&sim->clients.by_id, &result->tx->id);
    if (number == CR_MAP_NONE) {
        cr_run_fail("node %" PRIu32 " executed a transaction that no client has sent", node);
    }
    struct cr_client_tx *tx = &sim->clients.txs[number];
    if (!tx->final) {
        tx->final = true;
        tx->final_us = sim->now_us;
        sim->clients.final_count++;
        const uint64_t latency_us = sim->now_us - tx->submit_us;
        if (tx->submit_us >= sim->plan.faults_until_us &&
            latency_us > sim->clients.latency_us_max) {
            sim->clients.latency_us_max = latency_us;
        }
    }
    if (!result->authentic) return;
    cr_accuse_on_result(sim, node, result);
    if (!tx->executed) {
        tx->executed = true;
        tx->commit_index = result->commit_index;
        tx->position = result->position;
    }
    if (tx->commit_index == result->commit_index && tx->position == result->position) return;
    cr_run_fail("transaction %" PRIu32 " was executed at commit %" PRIu64 " position %" PRIu32
                " and again at commit %" PRIu64 " position %" PRIu32 " (node %" PRIu32 ")",
                number, tx->commit_index, tx->position, result->commit_index, result->position,
                node);
}

uint32_t cr_clients_find(const struct cr_sim *sim, const uint8_t *tx, uint32_t tx_bytes)
{
    struct cr_tx decoded;
    if (cr_tx_decode(tx, tx_bytes, &decoded) != CR_OK) return CR_MAP_NONE;
    return cr_map_find(&sim->clients.by_id, &decoded.id);
}

void cr_clients_verdicts(const struct cr_sim *sim, const struct cr_body *body, uint8_t *verdicts)
{
    struct cr_payload payload =
        cr_payload_begin(body->payload, body->payload_bytes, body->payload_count);
    const uint8_t *tx;
    uint32_t tx_bytes;
    for (uint32_t i = 0; cr_payload_next(&payload, &tx, &tx_bytes); i++) {
        const uint32_t number = cr_clients_find(sim, tx, tx_bytes);
        const bool valid = number != CR_MAP_NONE && sim->clients.txs[number].signed_well;
        verdicts[i] = valid ? CR_SIG_VALID : CR_SIG_INVALID;
    }
}
