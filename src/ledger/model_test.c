/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger against a second, naive one: plain arrays, and a copy of everything for each atomic
 * transaction. It shares no code with the first, not even a lookup. */
#include "ledger/testing.h"

#include "ledger/entry.h"

enum {
    PEOPLE = 7, /* the first four are in the genesis */
    KEYS = 9,
    OPS = 6,
    RUNS = 6,
    COMMITS = 150,
    COMMIT_TXS = 40,
    SENT = COMMITS * COMMIT_TXS,
    SENT_AGAIN = 200, /* one of the last so many */
};

static const char *const key_names[KEYS] = {"a", "b", "c", "d", "e", "f", "g", "h", "ij"};

struct model_op {
    enum cr_op_type type;
    uint32_t who; /* REGISTER, TRANSFER */
    uint32_t key; /* PUT, DELETE */
    uint64_t amount;
    char value[8];
};

struct model_tx {
    uint32_t signer;
    uint32_t flags;
    uint64_t valid_until;
    bool wrong_chain, forged;
    uint32_t ops_count;
    struct model_op ops[OPS];
    uint64_t client_id;
};

struct model_record {
    bool exists;
    uint32_t owner;
    uint64_t version;
    char value[8];
};

struct model {
    uint64_t commit;
    bool registered[PEOPLE];
    uint64_t balance[PEOPLE];
    struct model_record records[KEYS];
    uint64_t txs_count;
};

/* All that were ever made; executed[i]: with a good signature, in this commit or an earlier one. */
struct history {
    struct model_tx txs[SENT];
    bool executed[SENT];
    uint32_t count;
};

static enum cr_result model_op(struct model *model, const struct model_tx *tx,
                               const struct model_op *op)
{
    struct model_record *record = &model->records[op->key];
    switch (op->type) {
    case CR_OP_REGISTER:
        if (op->who != tx->signer) return CR_RESULT_KEY_MISMATCH;
        if (model->registered[op->who]) return CR_RESULT_ALREADY_REGISTERED;
        model->registered[op->who] = true;
        return CR_RESULT_OK;
    case CR_OP_TRANSFER:
        if (op->amount > model->balance[tx->signer]) return CR_RESULT_OVERDRAFT;
        if (!model->registered[op->who]) return CR_RESULT_UNKNOWN_RECEIVER;
        model->balance[tx->signer] -= op->amount;
        model->balance[op->who] += op->amount;
        return CR_RESULT_OK;
    case CR_OP_PUT:
        if (record->exists && record->owner != tx->signer) return CR_RESULT_NOT_OWNER;
        *record = (struct model_record){true, tx->signer, model->commit, ""};
        memcpy(record->value, op->value, sizeof record->value);
        return CR_RESULT_OK;
    case CR_OP_DELETE:
        if (!record->exists) return CR_RESULT_NO_SUCH_KEY;
        if (record->owner != tx->signer) return CR_RESULT_NOT_OWNER;
        record->exists = false;
        return CR_RESULT_OK;
    case CR_OP_EVIDENCE:
    case CR_OP_VALIDATOR: break; /* not drawn: offence_test.c, validators_test.c */
    }
    return CR_RESULT_MALFORMED;
}

static enum cr_result model_ops(struct model *model, const struct model_tx *tx, uint8_t *ops)
{
    const struct model before = *model;
    for (uint32_t i = 0; i < tx->ops_count; i++) {
        ops[i] = (uint8_t)model_op(model, tx, &tx->ops[i]);
        if (ops[i] == CR_RESULT_OK || tx->flags & CR_TX_INDEPENDENT) continue;
        *model = before;
        for (uint32_t other = 0; other < tx->ops_count; other++)
            if (other != i) ops[other] = CR_RESULT_ABORTED;
        return (enum cr_result)ops[i];
    }
    return CR_RESULT_OK;
}

static enum cr_result model_tx(struct model *model, struct history *history, uint32_t which,
                               uint8_t *ops, bool *ran)
{
    const struct model_tx *tx = &history->txs[which];
    *ran = false;
    model->txs_count++;
    if (tx->wrong_chain) return CR_RESULT_WRONG_CHAIN;
    if (tx->valid_until < model->commit) return CR_RESULT_EXPIRED;
    if (tx->valid_until > model->commit + WORLD_TTL) return CR_RESULT_TTL_TOO_LONG;
    if (history->executed[which]) {
        model->txs_count--;
        return CR_RESULT_DUPLICATE;
    }
    const bool introduces_itself =
        tx->ops[0].type == CR_OP_REGISTER && tx->ops[0].who == tx->signer;
    if (!model->registered[tx->signer] && !introduces_itself) return CR_RESULT_UNKNOWN_ACCOUNT;
    if (tx->forged) return CR_RESULT_BAD_SIGNATURE;
    history->executed[which] = true;
    *ran = true;
    return model_ops(model, tx, ops);
}

static void random_op(struct cr_prng *prng, const struct model_tx *tx, struct model_op *op)
{
    static const enum cr_op_type types[] = {CR_OP_REGISTER, CR_OP_TRANSFER, CR_OP_TRANSFER,
                                            CR_OP_TRANSFER, CR_OP_PUT,      CR_OP_PUT,
                                            CR_OP_PUT,      CR_OP_DELETE,   CR_OP_DELETE};
    *op = (struct model_op){.type = types[cr_prng_below(prng, CR_COUNT_OF(types))],
                            .who = (uint32_t)cr_prng_below(prng, PEOPLE),
                            .key = (uint32_t)cr_prng_below(prng, KEYS),
                            .amount = cr_prng_below(prng, 4) * cr_prng_below(prng, 150)};
    if (op->type == CR_OP_REGISTER && cr_prng_below(prng, 4) > 0) op->who = tx->signer;
    snprintf(op->value, sizeof op->value, "%u", (unsigned)cr_prng_below(prng, 100000));
}

static uint32_t random_tx(struct cr_prng *prng, struct history *history, uint64_t commit)
{
    const uint32_t which = history->count++;
    struct model_tx *tx = &history->txs[which];
    *tx = (struct model_tx){.signer = (uint32_t)cr_prng_below(prng, PEOPLE),
                            .flags = (uint32_t)cr_prng_below(prng, 2),
                            .valid_until = commit + cr_prng_below(prng, WORLD_TTL + 3),
                            .wrong_chain = cr_prng_below(prng, 40) == 0,
                            .forged = cr_prng_below(prng, 15) == 0,
                            .ops_count = 1 + (uint32_t)cr_prng_below(prng, OPS),
                            .client_id = history->count};
    if (tx->valid_until > 0) tx->valid_until--;
    for (uint32_t i = 0; i < tx->ops_count; i++)
        random_op(prng, tx, &tx->ops[i]);
    return which;
}

static void encode(struct world *world, const struct model_tx *tx)
{
    struct cr_tx fields = {.account = test_account(tx->signer),
                           .valid_until_commit = tx->valid_until,
                           .flags = tx->flags};
    memcpy(fields.chain, world->genesis.id.bytes, CR_TX_CHAIN_BYTES);
    fields.chain[0] ^= (uint8_t)tx->wrong_chain;
    cr_store_le(fields.client_id, tx->client_id, 8);
    tx_begin_with(world, test_key(tx->signer).alg, &fields);
    for (uint32_t i = 0; i < tx->ops_count; i++) {
        const struct model_op *op = &tx->ops[i];
        switch (op->type) {
        case CR_OP_REGISTER: tx_register(world, op->who); break;
        case CR_OP_TRANSFER: tx_transfer(world, op->who, op->amount); break;
        case CR_OP_PUT: tx_put(world, key_names[op->key], op->value); break;
        case CR_OP_DELETE: tx_delete(world, key_names[op->key]); break;
        case CR_OP_EVIDENCE:
        case CR_OP_VALIDATOR: assert_true(false); break;
        }
    }
    world->forged = tx->forged;
    tx_end(world);
}

static void compare_state(const struct world *world, const struct model *model,
                          const struct history *history)
{
    uint32_t entries = 0;
    for (uint32_t i = 0; i < PEOPLE; i++) {
        assert_int_equal(world_has_account(world, i), model->registered[i]);
        if (model->registered[i]) assert_int_equal(world_balance(world, i), model->balance[i]);
        entries += model->registered[i];
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        const struct model_record *record = &model->records[i];
        world_expect(world, key_names[i], record->exists ? record->value : NULL, record->owner,
                     record->version);
        entries += record->exists;
    }
    for (uint32_t i = 0; i < history->count; i++)
        entries += history->executed[i] && history->txs[i].valid_until >= model->commit;
    assert_int_equal(cr_state_memory_entries(world->memory), entries);
    assert_int_equal(world_head(world)->txs_count, model->txs_count);
}

static void one_commit(struct cr_prng *prng, struct world *world, struct model *model,
                       struct history *history)
{
    uint32_t which[COMMIT_TXS];
    const uint32_t txs_count = (uint32_t)cr_prng_below(prng, CR_COUNT_OF(which));
    model->commit++;
    for (uint32_t i = 0; i < txs_count; i++) {
        const uint32_t known = history->count < SENT_AGAIN ? history->count : SENT_AGAIN;
        const bool again = known > 0 && cr_prng_below(prng, 4) == 0;
        which[i] = again ? history->count - 1 - (uint32_t)cr_prng_below(prng, known)
                         : random_tx(prng, history, model->commit);
        encode(world, &history->txs[which[i]]);
    }
    world_commit(world);
    assert_int_equal(world->results_count, txs_count);
    for (uint32_t i = 0; i < txs_count; i++) {
        uint8_t ops[OPS];
        bool ran;
        const enum cr_result result = model_tx(model, history, which[i], ops, &ran);
        assert_int_equal(world->results[i].result, result);
        assert_int_equal(world->results[i].position, i);
        assert_int_equal(world->results[i].commit_index, model->commit);
        assert_int_equal(world->results[i].authentic, ran);
        assert_int_equal(world->results[i].ops_count, ran ? history->txs[which[i]].ops_count : 0);
        if (ran) assert_memory_equal(world->results[i].ops, ops, history->txs[which[i]].ops_count);
    }
}

/* Goal: results and state are those of the naive ledger, always. Method: random commits of random
 * transactions, a quarter of them sent before; compare every result and, after each commit, the
 * whole state (world_commit also checks conservation). */
static void agrees_with_the_naive_ledger(void **unused)
{
    (void)unused;
    static struct history history;
    uint32_t counts[CR_RESULTS_COUNT] = {0};
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct cr_prng prng = cr_prng_stream(seed, 3, 0);
        struct world *world = world_open();
        struct model model = {0};
        memset(&history, 0, sizeof history);
        for (uint32_t i = 0; i < WORLD_ACCOUNTS; i++) {
            model.registered[i] = true;
            model.balance[i] = WORLD_BALANCE;
        }
        for (uint32_t commit = 0; commit < COMMITS; commit++) {
            one_commit(&prng, world, &model, &history);
            compare_state(world, &model, &history);
            for (uint32_t i = 0; i < world->results_count; i++)
                counts[world->results[i].result]++;
        }
        world_close(world);
    }
    /* The mixture must reach every result that it can. */
    for (uint32_t code = 0; code < CR_RESULTS_COUNT; code++) {
        const bool reachable =
            code != CR_RESULT_MALFORMED && code != CR_RESULT_OVERFLOW && code < CR_RESULT_ABORTED;
        assert_int_equal(counts[code] > 0, reachable);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_naive_ledger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
