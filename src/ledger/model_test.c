/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger against a second, naive one: plain arrays, and a copy of everything for each atomic
 * transaction. It shares no code with the first, not even a lookup. */
#include "ledger/testing.h"

#include "ledger/entry.h"
#include "ledger/validators.h"

enum {
    PEOPLE = 7, /* the first four are in the genesis */
    KEYS = 9,
    OPS = 6,
    RUNS = 10,
    COMMITS = 150,
    COMMIT_TXS = 40,
    SENT = COMMITS * COMMIT_TXS,
    SENT_AGAIN = 200, /* one of the last so many */
    OPERATOR = 0,
    SEATS_MAX = 128,
};

#define STAKE UINT64_C(6) /* of those of the genesis */

static const char *const key_names[KEYS] = {"a", "b", "c", "d", "e", "f", "g", "h", "ij"};

/* Numbers: key 2i is the consensus key of test_validator(i), 2i + 1 its transport key. */
struct model_profile {
    uint32_t name, address, consensus, transport;
};

struct model_op {
    enum cr_op_type type;
    uint32_t who; /* REGISTER, TRANSFER; VALIDATOR: whose stake */
    bool adds;    /* VALIDATOR: the profile */
    struct model_profile profile;
    uint32_t key; /* PUT, DELETE */
    uint64_t amount;
    char value[8];
};

struct model_tx {
    uint32_t signer;
    uint32_t flags;
    uint64_t valid_until;
    bool wrong_chain, forged;
    bool changes; /* validators, in each operation */
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

struct model_stakes {
    uint32_t count;
    uint64_t of[SEATS_MAX];
};

struct model {
    uint64_t commit;
    bool has_operator;
    uint64_t epoch;
    bool changed; /* in this epoch: the next one's stakes stand in the state */
    struct model_profile seats[SEATS_MAX];
    struct model_stakes now, next; /* epochs */
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
    struct model_stakes epochs[1 + COMMITS]; /* that have ended, by number */
    uint32_t genesis_members;
    uint32_t validators; /* numbers that were drawn, and those of the genesis */
    uint32_t validators_max;
};

/* ---- what protocol.md 6.7 says of a VALIDATOR operation ---- */

static uint64_t total_of(const struct model_stakes *stakes)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < stakes->count; i++)
        total += stakes->of[i] < UINT64_MAX - total ? stakes->of[i] : UINT64_MAX - total;
    return total;
}

static uint64_t f_of(const struct model_stakes *stakes)
{
    uint64_t f = total_of(stakes) / 3;
    if (3 * f == total_of(stakes)) f--; /* less than a third */
    return f;
}

static uint32_t members_of(const struct model_stakes *stakes)
{
    uint32_t members = 0;
    for (uint32_t i = 0; i < stakes->count; i++)
        members += stakes->of[i] > 0;
    return members;
}

/* Rule 4. Seats that the running epoch does not have are zero in `of`. */
static bool is_small_change(const struct model_stakes *now, const struct model_stakes *next)
{
    uint64_t risen = 0, fallen = 0;
    uint32_t others = 0;
    for (uint32_t i = 0; i < SEATS_MAX; i++) {
        others += next->of[i] != now->of[i];
        if (next->of[i] > now->of[i]) risen += next->of[i] - now->of[i];
        if (next->of[i] < now->of[i]) fallen += now->of[i] - next->of[i];
    }
    if (members_of(now) <= 3) return others <= 1;
    return risen <= f_of(next) && fallen <= f_of(now);
}

/* Rules 3 and 4, of the table that would be left. */
static enum cr_result model_table(const struct model_stakes *now, const struct model_stakes *next)
{
    const uint32_t members = members_of(next);
    if (members < 4 && members < members_of(now)) return CR_RESULT_VALIDATORS_LIMIT;
    if (total_of(next) >> 63 != 0) return CR_RESULT_STAKE_TOO_LARGE;
    for (uint32_t i = 0; i < next->count; i++)
        if (members >= 4 && next->of[i] > f_of(next)) return CR_RESULT_STAKE_TOO_LARGE;
    return is_small_change(now, next) ? CR_RESULT_OK : CR_RESULT_CHANGE_TOO_LARGE;
}

static bool is_known(const struct model *model, const struct model_profile *profile)
{
    for (uint32_t i = 0; i < model->next.count; i++) {
        const struct model_profile *seat = &model->seats[i];
        if (seat->name == profile->name || seat->address == profile->address) return true;
        if (seat->consensus == profile->consensus || seat->transport == profile->consensus)
            return true;
        if (seat->consensus == profile->transport || seat->transport == profile->transport)
            return true;
    }
    return false;
}

static enum cr_result model_validator(struct model *model, uint32_t signer,
                                      const struct model_op *op)
{
    if (!model->has_operator || signer != OPERATOR) return CR_RESULT_NOT_OPERATOR;
    uint32_t seat = 0;
    if (op->adds) {
        if (is_known(model, &op->profile)) return CR_RESULT_KNOWN_VALIDATOR;
        if (model->next.count == SEATS_MAX) return CR_RESULT_VALIDATORS_LIMIT;
        seat = model->next.count;
    } else {
        while (seat < model->next.count && model->seats[seat].consensus != 2 * op->who)
            seat++;
        if (seat == model->next.count) return CR_RESULT_UNKNOWN_VALIDATOR;
    }
    struct model_stakes next = model->next;
    if (op->adds) next.count++;
    next.of[seat] = op->amount;
    const enum cr_result result = model_table(&model->now, &next);
    if (result != CR_RESULT_OK) return result;
    if (op->adds) model->seats[seat] = op->profile;
    model->next = next;
    model->changed = true;
    return CR_RESULT_OK;
}

/* ---- the other operations, transactions ---- */

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
    case CR_OP_VALIDATOR: return model_validator(model, tx->signer, op);
    case CR_OP_EVIDENCE: break; /* not drawn: offence_test.c */
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

/* ---- drawing them ---- */

/* One that was never drawn, perhaps with something of one that was. */
static struct model_profile random_profile(struct cr_prng *prng, struct history *history)
{
    const uint32_t other = (uint32_t)cr_prng_below(prng, history->validators);
    const bool again =
        history->validators >= history->validators_max || cr_prng_below(prng, 4) == 0;
    const uint32_t number = again ? other : history->validators++;
    struct model_profile profile = {number, number, 2 * number, 2 * number + 1};
    switch (cr_prng_below(prng, 24)) {
    case 0: profile.name = other; break;
    case 1: profile.address = other; break;
    case 2: profile.consensus = 2 * other; break;
    case 3: profile.transport = 2 * other + 1; break;
    case 4: profile.consensus = 2 * other + 1; break;
    case 5: profile.transport = 2 * other; break;
    default: break;
    }
    if (profile.consensus == profile.transport) profile.transport ^= 1; /* no form at all */
    return profile;
}

static uint64_t random_stake(struct cr_prng *prng)
{
    switch (cr_prng_below(prng, 8)) {
    case 0:
    case 1:
    case 2:
    case 3: return 0;
    case 4: return STAKE + cr_prng_below(prng, 10 * STAKE);
    case 5: return cr_prng_below(prng, 4) == 0 ? CR_STAKE_MAX - cr_prng_below(prng, 3) : 1;
    default: return STAKE / 2 + cr_prng_below(prng, STAKE);
    }
}

static void random_op(struct cr_prng *prng, struct history *history, const struct model_tx *tx,
                      struct model_op *op)
{
    static const enum cr_op_type types[] = {
        CR_OP_REGISTER, CR_OP_TRANSFER, CR_OP_TRANSFER, CR_OP_TRANSFER, CR_OP_PUT,
        CR_OP_PUT,      CR_OP_PUT,      CR_OP_DELETE,   CR_OP_DELETE,   CR_OP_VALIDATOR};
    const enum cr_op_type any = types[cr_prng_below(prng, CR_COUNT_OF(types))];
    *op = (struct model_op){.type = tx->changes ? CR_OP_VALIDATOR : any,
                            .who = (uint32_t)cr_prng_below(prng, PEOPLE),
                            .key = (uint32_t)cr_prng_below(prng, KEYS),
                            .amount = cr_prng_below(prng, 4) * cr_prng_below(prng, 150)};
    if (op->type == CR_OP_REGISTER && cr_prng_below(prng, 4) > 0) op->who = tx->signer;
    snprintf(op->value, sizeof op->value, "%u", (unsigned)cr_prng_below(prng, 100000));
    if (op->type != CR_OP_VALIDATOR) return;
    op->adds = cr_prng_below(prng, 2) == 0;
    op->amount = random_stake(prng);
    op->who = (uint32_t)cr_prng_below(prng, history->validators + 1);
    if (op->adds) op->profile = random_profile(prng, history);
}

static uint32_t random_tx(struct cr_prng *prng, struct history *history, uint64_t commit)
{
    const uint32_t which = history->count++;
    struct model_tx *tx = &history->txs[which];
    const uint32_t signer = (uint32_t)cr_prng_below(prng, PEOPLE);
    const bool changes = cr_prng_below(prng, 4) == 0;
    *tx = (struct model_tx){.signer = changes ? OPERATOR : signer,
                            .changes = changes,
                            .flags = (uint32_t)cr_prng_below(prng, 2),
                            .valid_until = commit + cr_prng_below(prng, WORLD_TTL + 3),
                            .wrong_chain = cr_prng_below(prng, 40) == 0,
                            .forged = cr_prng_below(prng, 15) == 0,
                            .ops_count = 1 + (uint32_t)cr_prng_below(prng, OPS),
                            .client_id = history->count};
    if (tx->valid_until > 0) tx->valid_until--;
    for (uint32_t i = 0; i < tx->ops_count; i++)
        random_op(prng, history, tx, &tx->ops[i]);
    return which;
}

static void encode_validator(struct world *world, const struct model_op *op)
{
    static uint8_t keys[2 * CR_MLDSA65_KEY_BYTES];
    struct cr_profile profile = {.consensus_key = keys,
                                 .transport_key = keys + CR_MLDSA65_KEY_BYTES};
    if (!op->adds) {
        tx_set_stake(world, op->who, op->amount);
        return;
    }
    const uint32_t consensus = op->profile.consensus, transport = op->profile.transport;
    test_validator_key(keys, consensus / 2, consensus % 2);
    test_validator_key(keys + CR_MLDSA65_KEY_BYTES, transport / 2, transport % 2);
    snprintf(profile.name, sizeof profile.name, "v%u", op->profile.name);
    snprintf(profile.address, sizeof profile.address, "host-%u:7000", op->profile.address);
    tx_add_validator(world, &profile, op->amount);
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
        case CR_OP_VALIDATOR: encode_validator(world, op); break;
        case CR_OP_EVIDENCE: assert_true(false); break;
        }
    }
    world->forged = tx->forged;
    tx_end(world);
}

/* ---- comparing ---- */

static void compare_stakes(const struct world *world, uint64_t epoch,
                           const struct model_stakes *stakes)
{
    struct cr_entry_committee found;
    assert_true(cr_validators_stakes(&world->genesis, &world->host.state, epoch, &found));
    assert_int_equal(found.count, stakes->count);
    assert_memory_equal(found.stake, stakes->of, stakes->count * sizeof stakes->of[0]);
}

/* The stakes of every epoch that there was, of this one and the next; who has which seat. Returns
 * the count of entries that they take. */
static uint32_t compare_validators(const struct world *world, const struct model *model,
                                   const struct history *history)
{
    assert_int_equal(world_head(world)->epoch.number, model->epoch);
    for (uint64_t epoch = 1; epoch < model->epoch; epoch++)
        compare_stakes(world, epoch, &history->epochs[epoch]);
    compare_stakes(world, model->epoch, &model->now);
    compare_stakes(world, model->epoch + 1, &model->next);
    for (uint32_t i = 0; i < model->next.count; i++) {
        struct cr_profile found;
        char name[CR_NAME_BYTES_MAX + 1];
        assert_true(cr_validators_profile(&world->genesis, &world->host.state, i, &found));
        snprintf(name, sizeof name, "v%u", model->seats[i].name);
        assert_string_equal(found.name, name);
    }
    if (!model->has_operator) return 0;
    return model->next.count - history->genesis_members + (uint32_t)model->epoch + model->changed;
}

static void compare_state(const struct world *world, const struct model *model,
                          const struct history *history)
{
    uint32_t entries = compare_validators(world, model, history);
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

static void end_epoch(struct model *model, struct history *history)
{
    history->epochs[model->epoch++] = model->now;
    model->now = model->next;
    model->changed = false;
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
    const bool closing = cr_prng_below(prng, 6) == 0;
    world->closing = closing;
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
    if (closing) end_epoch(model, history);
}

static void begin(struct world *world, struct model *model, struct history *history, uint64_t seed)
{
    static const uint32_t members[] = {1, 3, 4, 7, 120};
    const uint32_t count = members[seed % CR_COUNT_OF(members)];
    memset(model, 0, sizeof *model);
    memset(history, 0, sizeof *history);
    for (uint32_t i = 0; i < WORLD_ACCOUNTS; i++) {
        model->registered[i] = true;
        model->balance[i] = WORLD_BALANCE;
    }
    model->epoch = 1;
    model->has_operator = seed != 3;
    for (uint32_t i = 0; i < count; i++) {
        model->seats[i] = (struct model_profile){i, i, 2 * i, 2 * i + 1};
        model->now.of[i] = STAKE;
    }
    history->validators_max = seed % 2 == 0 ? SENT : count + 5; /* few: all bounds are near */
    model->now.count = history->genesis_members = history->validators = count;
    model->next = model->now;
    world_set_validators(world, count, STAKE);
    if (model->has_operator) world->genesis.operator_account = test_account(OPERATOR);
    cr_ledger_start_genesis(world->ledger);
}

/* Goal: results and state are those of the naive ledger, always. Method: random commits of random
 * transactions, a quarter of them sent before, with ends of epochs in between; compare every result
 * and, after each commit, the whole state (world_commit also checks conservation). One of the
 * chains has no operator; the others begin with 1 to 120 validators. */
static void agrees_with_the_naive_ledger(void **unused)
{
    (void)unused;
    static struct history history;
    uint32_t counts[CR_RESULTS_COUNT] = {0};
    bool was_full = false;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct cr_prng prng = cr_prng_stream(seed, 3, 0);
        struct world *world = world_new();
        struct model model;
        begin(world, &model, &history, seed);
        for (uint32_t commit = 0; commit < COMMITS; commit++) {
            one_commit(&prng, world, &model, &history);
            compare_state(world, &model, &history);
            for (uint32_t i = 0; i < world->results_count; i++)
                counts[world->results[i].result]++;
        }
        was_full = was_full || model.next.count == SEATS_MAX;
        world_close(world);
    }
    assert_true(was_full);
    /* The mixture must reach every result that it can. */
    for (uint32_t code = 0; code < CR_RESULTS_COUNT; code++) {
        const bool other = code == CR_RESULT_MALFORMED || code == CR_RESULT_OVERFLOW;
        const bool of_evidence = code >= CR_RESULT_ABORTED && code <= CR_RESULT_WRONG_EPOCH;
        const bool reachable = !other && !of_evidence;
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
