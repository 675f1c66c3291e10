/* SPDX-License-Identifier: Apache-2.0 */
/* accuse.c: who is accused, and who is on record. */
#include "accuse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cover.h"
#include "cluster.h"
#include "crypto/hash.h"
#include "ledger/entry.h"

enum {
    TX_BYTES_MAX = CR_EVIDENCE_BYTES_MAX + 16 * 1024,
    TTL_COMMITS = 20000, /* it is not made again: it may not expire */
};

void cr_accuse_init(struct cr_sim *sim)
{
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        struct cr_genesis_validator *validator = &sim->genesis->validators[i];
        snprintf(validator->name, sizeof validator->name, "v%" PRIu32, i);
        validator->consensus_key.alg = CR_ALG_MLDSA65;
        validator->consensus_key.bytes[0] = (uint8_t)i; /* ascending; signatures are stubs */
    }
}

static struct cr_hash account_of(const struct cr_sim *sim, uint32_t node)
{
    return cr_public_key_account(&sim->genesis->validators[node].consensus_key);
}

/* ---- the way there ---- */

/* The operations are independent: the node may have an account by now. */
void cr_accuse_send(struct cr_host *host, const uint8_t *evidence, size_t bytes)
{
    struct cr_sim *sim = host->sim;
    const struct cr_public_key *key = &sim->genesis->validators[host->self].consensus_key;
    struct cr_tx fields = {.account = account_of(sim, host->self),
                           .flags = CR_TX_INDEPENDENT,
                           .valid_until_commit =
                               cr_ledger_head(host->executor.ledger)->index + TTL_COMMITS};
    const struct cr_op introduce = {.type = CR_OP_REGISTER, .register_key = *key};
    const struct cr_op prove = {
        .type = CR_OP_EVIDENCE, .value = evidence, .value_bytes = (uint32_t)bytes};
    struct cr_tx_builder builder;
    struct cr_client_tx tx = {.signed_well = true, .submit_us = sim->now_us};
    uint8_t signature[CR_MLDSA65_SIG_BYTES];
    memcpy(fields.chain, sim->genesis->id.bytes, sizeof fields.chain);
    memcpy(fields.client_id, "evidence", 8);
    cr_store_le(fields.client_id + 8, sim->clients.txs_count, 8);
    tx.bytes = cr_run_take_raw(TX_BYTES_MAX);
    cr_tx_begin(&builder, tx.bytes, TX_BYTES_MAX, &fields);
    cr_tx_add(&builder, &introduce);
    cr_tx_add(&builder, &prove);
    CR_ASSERT(cr_tx_end(&builder, &tx.id) == CR_OK);
    cr_stub_sign(&tx.id, fields.account.bytes, CR_HASH_BYTES, signature, sizeof signature);
    tx.bytes_count = (uint32_t)cr_tx_sign_with(&builder, key->alg, signature, sizeof signature);
    CR_ASSERT(tx.bytes_count > 0);
    cr_clients_take(host, &tx);
}

void cr_accuse_note(struct cr_host *host, const struct cr_body *a, const struct cr_body *b)
{
    static uint8_t evidence[CR_EVIDENCE_BYTES_MAX];
    if (cr_byz_is_liar(host->sim, host->self) || ((host->accused >> a->author) & 1)) return;
    host->accused |= 1u << a->author;
    const size_t bytes =
        cr_evidence_encode(a->vertex, a->vertex_bytes, b->vertex, b->vertex_bytes, evidence);
    if (bytes == 0) cr_run_fail("node %" PRIu32 " cannot prove what it reports", host->self);
    cr_accuse_send(host, evidence, bytes);
}

/* ---- on record ---- */

static void record(struct cr_sim *sim, uint32_t node, const struct cr_header *header,
                   uint64_t commit_index)
{
    struct cr_accusations *all = &sim->accusations;
    if (!cr_byz_is_liar(sim, header->author)) {
        cr_run_fail("SLANDER: node %" PRIu32 " is on record at node %" PRIu32 " (commit %" PRIu64
                    "), but it is correct",
                    header->author, node, commit_index);
    }
    for (uint32_t i = 0; i < all->offences_count; i++) {
        const struct cr_offence *offence = &all->offences[i];
        if (offence->author != header->author || offence->epoch != header->epoch) continue;
        if (offence->commit_index == commit_index) return;
        cr_run_fail("node %" PRIu32 " is on record at commit %" PRIu64 ", at node %" PRIu32
                    " at commit %" PRIu64,
                    header->author, offence->commit_index, node, commit_index);
    }
    if (sim->hosts[node].committee.stake[header->author] == 0) CR_COVER(offence_of_one_who_left);
    all->offences = cr_run_grow(all->offences, &all->offences_max, all->offences_count + 1,
                                sizeof all->offences[0]);
    all->offences[all->offences_count++] = (struct cr_offence){
        .epoch = header->epoch, .author = header->author, .commit_index = commit_index};
}

/* Which validator has sent this transaction; CR_SIM_NODES_MAX: none. */
static uint32_t sender_of(const struct cr_sim *sim, const struct cr_tx *tx)
{
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        const struct cr_hash account = account_of(sim, i);
        if (cr_hash_equal(&account, &tx->account)) return i;
    }
    return CR_SIM_NODES_MAX;
}

static void on_evidence(struct cr_sim *sim, uint32_t node, const struct cr_tx *tx,
                        const struct cr_op *op, const struct cr_ledger_tx_result *result,
                        enum cr_result verdict)
{
    static struct cr_evidence evidence;
    const bool decoded = cr_evidence_decode(op->value, op->value_bytes, &evidence) == CR_OK;
    if (verdict == CR_RESULT_OK) {
        CR_ASSERT(decoded);
        record(sim, node, &evidence.vertices[0].header, result->commit_index);
        return;
    }
    const uint32_t sender = sender_of(sim, tx);
    if (sender < sim->nodes_count && cr_byz_is_liar(sim, sender)) {
        sim->accusations.refused_total++;
    } else if (verdict != CR_RESULT_KNOWN_OFFENCE) {
        cr_run_fail("evidence of node %" PRIu32 ", which is correct, is refused at node %" PRIu32
                    " (result %d)",
                    sender, node, verdict);
    }
}

void cr_accuse_on_result(struct cr_sim *sim, uint32_t node,
                         const struct cr_ledger_tx_result *result)
{
    struct cr_op op;
    size_t position = 0;
    if (result->ops == NULL) return;
    for (uint32_t i = 0; cr_tx_op_next(result->tx, &position, &op); i++) {
        if (op.type != CR_OP_EVIDENCE) continue;
        on_evidence(sim, node, result->tx, &op, result, (enum cr_result)result->ops[i]);
    }
}

static void check_state(const struct cr_host *host, const struct cr_offence *offence)
{
    struct cr_entry_offence found;
    const struct cr_hash account = account_of(host->sim, offence->author);
    if (cr_ledger_head(host->executor.ledger)->index < offence->commit_index) return;
    if (cr_ledger_find_offence(&host->executor.host.state, &account, offence->epoch, &found) &&
        found.author == offence->author && found.commit_index == offence->commit_index)
        return;
    cr_run_fail("node %" PRIu32 " is not on record at node %" PRIu32
                " as elsewhere (commit %" PRIu64 ")",
                offence->author, host->self, offence->commit_index);
}

void cr_accuse_check_end(struct cr_sim *sim)
{
    const struct cr_accusations *all = &sim->accusations;
    uint32_t named = 0, accused = 0;
    for (uint32_t i = 0; i < all->offences_count; i++) {
        named |= 1u << all->offences[i].author;
        for (uint32_t node = 0; node < sim->nodes_count; node++) {
            if (!cr_byz_is_liar(sim, node)) check_state(&sim->hosts[node], &all->offences[i]);
        }
    }
    for (uint32_t i = 0; i < sim->nodes_count; i++)
        accused |= sim->hosts[i].accused;
    if ((accused & ~named) != 0)
        cr_run_fail("node %d is accused, but not on record", __builtin_ctz(accused & ~named));
}

/* ---- by what is in a log ---- */

void cr_blame_add(struct cr_blame *blame, const struct cr_body *vertex)
{
    const uint64_t name[3] = {vertex->epoch, vertex->round, vertex->author};
    const struct cr_hash slot = cr_hash_of(name, sizeof name);
    const uint32_t place = cr_map_add(&blame->slots, &slot, blame->count);
    if (place == blame->count) {
        blame->digests = cr_run_grow(blame->digests, &blame->count_max, blame->count + 1,
                                     sizeof blame->digests[0]);
        blame->digests[blame->count++] = vertex->digest;
    } else if (!cr_hash_equal(&blame->digests[place], &vertex->digest)) {
        blame->guilty |= 1u << vertex->author;
    }
}

void cr_blame_clear(struct cr_blame *blame)
{
    cr_map_clear(&blame->slots);
    cr_run_give(blame->digests);
    *blame = (struct cr_blame){0};
}

void cr_accuse_check_start(const struct cr_host *host, const struct cr_blame *restored)
{
    const uint32_t silent = restored->guilty & ~host->accused;
    if (silent == 0 || cr_byz_is_liar(host->sim, host->self)) return;
    if (host->doom != CR_DOOM_NONE) return; /* it dies before it has restored all */
    cr_run_fail("node %" PRIu32 " starts with two vertices of one round of node %d, and reports "
                "nothing",
                host->self, __builtin_ctz(silent));
}
