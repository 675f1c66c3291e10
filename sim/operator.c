/* SPDX-License-Identifier: Apache-2.0 */
#include "operator.h"

#include <stdio.h>
#include <string.h>

#include "cluster.h"
#include "wire/profile.h"

enum { OPERATOR = 0, STAKES = 4, TX_BYTES_MAX = 16 * 1024 };

void cr_operator_init(struct cr_sim *sim)
{
    struct cr_genesis *genesis = sim->genesis;
    if (sim->plan.setup.changes == 0) return;
    genesis->operator_account = sim->clients.accounts[OPERATOR];
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        struct cr_genesis_validator *v = &genesis->validators[i];
        snprintf(v->address, sizeof v->address, "v%u:1", i); /* the rest is there (accuse.c) */
        v->stake = sim->committee.stake[i];
        v->transport_key = v->consensus_key;
        v->transport_key.bytes[1] = 1; /* no key plays two roles */
    }
    genesis->validators_count -= sim->plan.setup.joiner; /* the entry stays, and is not read */
}

static struct cr_op add_joiner(struct cr_sim *sim)
{
    static uint8_t bytes[CR_PROFILE_BYTES_MAX];
    const struct cr_genesis_validator *v = &sim->genesis->validators[sim->nodes_count - 1];
    struct cr_profile profile = {.consensus_key = v->consensus_key.bytes,
                                 .transport_key = v->transport_key.bytes};
    memcpy(profile.name, v->name, sizeof profile.name);
    memcpy(profile.address, v->address, sizeof profile.address);
    return (struct cr_op){.type = CR_OP_VALIDATOR,
                          .amount = v->stake,
                          .value = bytes,
                          .value_bytes = cr_profile_encode(&profile, bytes)};
}

/* Most often one goes or comes back: those are what the ends of epochs have to bear. */
static struct cr_op set_stake(const struct cr_sim *sim, uint32_t node, struct cr_prng *prng)
{
    const struct cr_genesis_validator *v = &sim->genesis->validators[node];
    const uint64_t kind = cr_prng_below(prng, STAKES);
    const uint64_t other = 1 + cr_prng_below(prng, 2 * v->stake);
    return (struct cr_op){.type = CR_OP_VALIDATOR,
                          .to = cr_public_key_account(&v->consensus_key),
                          .amount = kind == 0   ? other
                                    : kind == 1 ? v->stake
                                                : 0};
}

/* How far stakes can go, whichever changes the ledger takes, and in whatever order. */
struct span {
    uint64_t least[CR_SIM_NODES_MAX], most[CR_SIM_NODES_MAX];
};

static void begin_span(const struct cr_sim *sim, struct span *out)
{
    memcpy(out->least, sim->committee.stake, sizeof out->least);
    memcpy(out->most, sim->committee.stake, sizeof out->most);
    if (sim->plan.setup.joiner) out->least[sim->nodes_count - 1] = 0;
}

/* With this change several liars could come to more than F stake: then that of the genesis. */
static void stay_bounded(struct cr_sim *sim, struct span *span, uint32_t node, struct cr_op *op)
{
    struct span wider = *span;
    if (op->amount < wider.least[node]) wider.least[node] = op->amount;
    if (op->amount > wider.most[node]) wider.most[node] = op->amount;
    if (cr_byz_is_bounded(sim, wider.least, wider.most))
        *span = wider;
    else
        op->amount = sim->committee.stake[node];
}

static void make_tx(struct cr_sim *sim, uint32_t number, const struct cr_op *op,
                    struct cr_client_tx *out)
{
    struct cr_tx fields = {.account = sim->clients.accounts[OPERATOR], .valid_until_commit = 20000};
    struct cr_tx_builder builder;
    uint8_t signature[CR_MLDSA44_SIG_BYTES];
    memcpy(fields.chain, sim->genesis->id.bytes, sizeof fields.chain);
    memcpy(fields.client_id, "operator", 8);
    cr_store_le(fields.client_id + 8, number, 8);
    out->bytes = cr_run_take(TX_BYTES_MAX);
    cr_tx_begin(&builder, out->bytes, TX_BYTES_MAX, &fields);
    cr_tx_add(&builder, op);
    CR_ASSERT(cr_tx_end(&builder, &out->id) == CR_OK);
    cr_stub_sign(&out->id, fields.account.bytes, CR_HASH_BYTES, signature, sizeof signature);
    out->signed_well = true;
    out->bytes_count =
        (uint32_t)cr_tx_sign_with(&builder, CR_ALG_MLDSA44, signature, sizeof signature);
    CR_ASSERT(out->bytes_count > 0);
}

void cr_operator_schedule(struct cr_sim *sim, uint64_t until_us)
{
    struct cr_prng prng = cr_prng_stream(sim->seed, CR_PURPOSE_SETUP, 5);
    const uint32_t last = sim->nodes_count - 1;
    struct span span;
    begin_span(sim, &span);
    for (uint32_t i = 0; i < sim->plan.setup.changes; i++) {
        const bool adds = sim->plan.setup.joiner != 0 && i % 4 == 0; /* the first may not fit */
        const uint32_t node = adds ? last : (uint32_t)cr_prng_below(&prng, sim->nodes_count);
        struct cr_op op = adds ? add_joiner(sim) : set_stake(sim, node, &prng);
        stay_bounded(sim, &span, node, &op);
        struct cr_client_tx tx = {.submit_us = 1 + cr_prng_below(&prng, until_us - 1)};
        make_tx(sim, i, &op, &tx);
        cr_clients_send(sim, &tx, (uint32_t)cr_prng_below(&prng, sim->nodes_count));
    }
}

uint32_t cr_operator_seats(const struct cr_sim *sim)
{
    const struct cr_host *newest = &sim->hosts[0];
    for (uint32_t i = 1; i < sim->nodes_count; i++) {
        const struct cr_host *host = &sim->hosts[i];
        if (host->config.epoch.number > newest->config.epoch.number) newest = host;
    }
    return newest->committee.validators_count;
}

void cr_operator_send_away(struct cr_host *host)
{
    if (cr_host_is_member(host)) return;
    const uint32_t count = host->mempool_count;
    host->mempool_count = 0;
    for (uint32_t i = 0; i < count; i++)
        cr_clients_submit(host->sim, host->self + 1, host->mempool[i]);
}
