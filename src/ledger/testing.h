/* SPDX-License-Identifier: Apache-2.0 */
/* testing.h: a small world for the ledger's unit tests: a genesis with a few accounts, a keeper in
 * memory, a ledger, and the commit that is being put together. Transactions go through the real
 * encoding; signatures are a marker (`verify` below), for real ones are tested elsewhere. */
#ifndef CR_LEDGER_TESTING_H
#define CR_LEDGER_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "crypto/hash.h"
#include "ledger/ledger.h"
#include "ledger/state_memory.h"
#include "wire/profile.h"

enum {
    WORLD_TXS_MAX = 4096,
    WORLD_OPS_MAX = 64 * 1024,
    WORLD_BYTES_MAX = 16 * 1024 * 1024,
    WORLD_ACCOUNTS = 4, /* in the genesis; test_key(4) and above are not registered */
    WORLD_VALIDATORS = 3,
    WORLD_CHECKPOINT = 4,
    WORLD_TTL = 10,
};

#define WORLD_BALANCE UINT64_C(1000)

struct world_result {
    struct cr_hash id;
    uint64_t commit_index;
    uint32_t position;
    enum cr_result result;
    bool authentic;
    uint32_t ops_count; /* 0 when none ran */
    const uint8_t *ops; /* in ops_kept */
};

struct world {
    struct cr_genesis genesis;
    struct cr_state_memory *memory;
    struct cr_ledger_host host;
    struct cr_ledger *ledger;
    void *arena_memory;
    uint32_t verify_calls, verify_vertex_calls;
    /* The commit in the making. */
    uint8_t *payload;
    uint32_t payload_bytes;
    uint32_t txs_count;
    uint8_t verdicts[WORLD_TXS_MAX];
    bool closing; /* it ends the epoch */
    bool later;   /* for all commits: checkpoints are only opened */
    /* The transaction in the making: the last thing in `payload`. */
    struct cr_tx_builder builder;
    enum cr_alg alg;
    bool forged;
    uint64_t client_id; /* of the next one */
    /* What the last commit gave. */
    uint32_t results_count;
    struct world_result results[WORLD_TXS_MAX];
    uint32_t ops_kept_count;
    uint8_t ops_kept[WORLD_OPS_MAX];
};

static inline struct cr_public_key test_key(uint32_t number)
{
    struct cr_public_key key = {.alg = (enum cr_alg)(1 + number % 3)};
    struct cr_prng prng = cr_prng_stream(1, 2, number);
    for (uint32_t i = 0; i < cr_alg_key_bytes(key.alg); i++)
        key.bytes[i] = (uint8_t)cr_prng_next(&prng);
    return key;
}

static inline struct cr_hash test_account(uint32_t number)
{
    const struct cr_public_key key = test_key(number);
    return cr_public_key_account(&key);
}

/* A signature is good when it begins with 'V' and is asked about under the signer's own key. */
static inline bool world_verify(void *context, const struct cr_public_key *key,
                                const struct cr_tx *tx)
{
    struct world *world = context;
    const struct cr_hash account = cr_public_key_account(key);
    assert_true(cr_hash_equal(&account, &tx->account));
    assert_int_equal(key->alg, tx->sig_alg);
    world->verify_calls++;
    return tx->signature[0] == 'V';
}

/* The same of a validator's: asked about under the key of the vertex's author. */
static inline bool world_verify_vertex(void *context, const struct cr_public_key *key,
                                       const struct cr_vertex *vertex)
{
    struct world *world = context;
    assert_memory_equal(key->bytes,
                        world->genesis.validators[vertex->header.author].consensus_key.bytes,
                        CR_MLDSA65_KEY_BYTES);
    world->verify_vertex_calls++;
    return vertex->signature[0] == 'V';
}

static inline void world_on_result(void *context, const struct cr_ledger_tx_result *result)
{
    struct world *world = context;
    assert_true(world->results_count < WORLD_TXS_MAX);
    struct world_result *kept = &world->results[world->results_count++];
    *kept = (struct world_result){.id = result->tx->id,
                                  .commit_index = result->commit_index,
                                  .position = result->position,
                                  .result = result->result,
                                  .authentic = result->authentic};
    assert_int_equal(result->ops_count, result->tx->ops_count);
    assert_int_equal(result->ops != NULL, result->authentic);
    if (!result->ops) return;
    assert_true(WORLD_OPS_MAX - world->ops_kept_count >= result->ops_count);
    kept->ops = memcpy(world->ops_kept + world->ops_kept_count, result->ops, result->ops_count);
    kept->ops_count = result->ops_count;
    world->ops_kept_count += result->ops_count;
}

static inline void world_fill_genesis(struct cr_genesis *genesis)
{
    genesis->id = cr_hash_of("test chain", 10);
    genesis->timestamp_ms = 1000;
    genesis->params.checkpoint_commits = WORLD_CHECKPOINT;
    genesis->params.tx_ttl_max = WORLD_TTL;
    genesis->validators_count = WORLD_VALIDATORS;
    for (uint32_t i = 0; i < WORLD_VALIDATORS; i++) {
        struct cr_prng prng = cr_prng_stream(1, 3, i);
        genesis->validators[i].consensus_key.alg = CR_ALG_MLDSA65;
        for (uint32_t k = 0; k < CR_MLDSA65_KEY_BYTES; k++)
            genesis->validators[i].consensus_key.bytes[k] = (uint8_t)cr_prng_next(&prng);
    }
    genesis->accounts_count = WORLD_ACCOUNTS;
    for (uint32_t i = 0; i < WORLD_ACCOUNTS; i++) {
        genesis->accounts[i].key = test_key(i);
        genesis->accounts[i].balance = WORLD_BALANCE;
    }
}

/* Takes keeper and ledger from an arena of exactly the size they measure. */
static inline void world_take(struct world *world, struct cr_arena *arena)
{
    const struct cr_state_memory_limits limits = {
        .entries_max = 20000, .expiries_max = 20000, .bytes_max = 32 * 1024 * 1024};
    world->memory = cr_state_memory_init(arena, &limits);
    if (world->memory) world->host.state = cr_state_memory_keeper(world->memory);
    world->ledger = cr_ledger_init(arena, &world->genesis, &world->host);
}

/* A world whose genesis the caller may still change: cr_ledger_start_genesis follows. */
static inline struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->payload = malloc(WORLD_BYTES_MAX);
    assert_non_null(world->payload);
    world->host.context = world;
    world->host.verify = world_verify;
    world->host.verify_vertex = world_verify_vertex;
    world->host.on_result = world_on_result;
    world_fill_genesis(&world->genesis);

    struct cr_arena arena;
    cr_arena_init_measure(&arena);
    world_take(world, &arena);
    assert_null(world->ledger);
    const size_t bytes = arena.bytes_used;
    world->arena_memory = aligned_alloc(64, bytes);
    assert_non_null(world->arena_memory);
    cr_arena_init(&arena, world->arena_memory, bytes);
    world_take(world, &arena);
    assert_int_equal(arena.bytes_used, bytes);
    return world;
}

static inline struct world *world_open(void)
{
    struct world *world = world_new();
    cr_ledger_start_genesis(world->ledger);
    return world;
}

/* A new ledger over the keeper as it is; returns the memory it lives in. */
static inline void *world_restart(struct world *world, const struct cr_ledger_head *head)
{
    struct cr_arena arena;
    cr_arena_init_measure(&arena);
    cr_ledger_init(&arena, &world->genesis, &world->host);
    const size_t bytes = arena.bytes_used;
    assert_true(bytes <= (1 << 20));
    void *raw = aligned_alloc(64, bytes);
    assert_non_null(raw);
    cr_arena_init(&arena, raw, bytes);
    world->ledger = cr_ledger_init(&arena, &world->genesis, &world->host);
    cr_ledger_start_at(world->ledger, head);
    return raw;
}

static inline void world_close(struct world *world)
{
    free(world->arena_memory);
    free(world->payload);
    free(world);
}

static inline const struct cr_ledger_head *world_head(const struct world *world)
{
    return cr_ledger_head(world->ledger);
}

/* ---- transactions ---- */

/* Valid until the coming commit plus `ttl`. */
static inline struct cr_tx tx_fields(struct world *world, uint32_t signer, uint64_t ttl)
{
    struct cr_tx fields = {.account = test_account(signer),
                           .valid_until_commit = world_head(world)->index + 1 + ttl};
    memcpy(fields.chain, world->genesis.id.bytes, CR_TX_CHAIN_BYTES);
    cr_store_le(fields.client_id, ++world->client_id, 8);
    return fields;
}

static inline void tx_begin_with(struct world *world, enum cr_alg alg, const struct cr_tx *fields)
{
    world->forged = false;
    world->alg = alg;
    cr_tx_begin(&world->builder, world->payload + world->payload_bytes + 4,
                WORLD_BYTES_MAX - world->payload_bytes - 4, fields);
}

static inline void tx_begin(struct world *world, uint32_t signer, uint32_t flags)
{
    struct cr_tx fields = tx_fields(world, signer, WORLD_TTL);
    fields.flags = flags;
    tx_begin_with(world, test_key(signer).alg, &fields);
}

static inline void tx_transfer(struct world *world, uint32_t to, uint64_t amount)
{
    const struct cr_op op = {.type = CR_OP_TRANSFER, .to = test_account(to), .amount = amount};
    cr_tx_add(&world->builder, &op);
}

static inline void tx_register(struct world *world, uint32_t number)
{
    const struct cr_op op = {.type = CR_OP_REGISTER, .register_key = test_key(number)};
    cr_tx_add(&world->builder, &op);
}

static inline void tx_put_bytes(struct world *world, const char *key, const void *value,
                                uint32_t value_bytes)
{
    const struct cr_op op = {.type = CR_OP_PUT,
                             .key = (const uint8_t *)key,
                             .key_bytes = (uint32_t)strlen(key),
                             .value = value,
                             .value_bytes = value_bytes};
    cr_tx_add(&world->builder, &op);
}

static inline void tx_put(struct world *world, const char *key, const char *value)
{
    tx_put_bytes(world, key, value, (uint32_t)strlen(value));
}

static inline void tx_delete(struct world *world, const char *key)
{
    const struct cr_op op = {
        .type = CR_OP_DELETE, .key = (const uint8_t *)key, .key_bytes = (uint32_t)strlen(key)};
    cr_tx_add(&world->builder, &op);
}

/* ---- validators: test_validator(i) is number i, whatever seat it may get ---- */

/* Its consensus key (role 0) or its transport key (1). */
static inline void test_validator_key(uint8_t *key, uint32_t number, uint32_t role)
{
    struct cr_prng prng = cr_prng_stream(1, 30 + role, number);
    for (uint32_t i = 0; i < CR_MLDSA65_KEY_BYTES; i++)
        key[i] = (uint8_t)cr_prng_next(&prng);
}

/* Its keys last until the next call. */
static inline struct cr_profile test_validator(uint32_t number)
{
    static uint8_t keys[2 * CR_MLDSA65_KEY_BYTES];
    struct cr_profile profile = {.consensus_key = keys,
                                 .transport_key = keys + CR_MLDSA65_KEY_BYTES};
    test_validator_key(keys, number, 0);
    test_validator_key(keys + CR_MLDSA65_KEY_BYTES, number, 1);
    snprintf(profile.name, sizeof profile.name, "v%u", number);
    snprintf(profile.address, sizeof profile.address, "host-%u:7000", number);
    return profile;
}

static inline struct cr_hash test_validator_id(uint32_t number)
{
    struct cr_public_key key = {.alg = CR_ALG_MLDSA65};
    test_validator_key(key.bytes, number, 0);
    return cr_public_key_account(&key);
}

/* Before the start: the first `members` of them are in the genesis, with that stake each. */
static inline void world_set_validators(struct world *world, uint32_t members, uint64_t stake)
{
    struct cr_genesis *genesis = &world->genesis;
    genesis->validators_count = members;
    for (uint32_t i = 0; i < members; i++) {
        struct cr_genesis_validator *v = &genesis->validators[i];
        const struct cr_profile profile = test_validator(i);
        memcpy(v->name, profile.name, sizeof v->name);
        memcpy(v->address, profile.address, sizeof v->address);
        v->stake = stake;
        v->consensus_key.alg = v->transport_key.alg = CR_ALG_MLDSA65;
        memcpy(v->consensus_key.bytes, profile.consensus_key, CR_MLDSA65_KEY_BYTES);
        memcpy(v->transport_key.bytes, profile.transport_key, CR_MLDSA65_KEY_BYTES);
    }
}

static inline void tx_add_validator(struct world *world, const struct cr_profile *profile,
                                    uint64_t stake)
{
    static uint8_t bytes[CR_PROFILE_BYTES_MAX];
    const struct cr_op op = {.type = CR_OP_VALIDATOR,
                             .amount = stake,
                             .value = bytes,
                             .value_bytes = cr_profile_encode(profile, bytes)};
    cr_tx_add(&world->builder, &op);
}

static inline void tx_set_stake(struct world *world, uint32_t number, uint64_t stake)
{
    const struct cr_op op = {
        .type = CR_OP_VALIDATOR, .to = test_validator_id(number), .amount = stake};
    cr_tx_add(&world->builder, &op);
}

/* Closes it as the next transaction of the commit; returns its id. */
static inline struct cr_hash tx_end(struct world *world)
{
    static const uint8_t good[CR_SIG_BYTES_MAX] = {'V'};
    static const uint8_t bad[CR_SIG_BYTES_MAX] = {'X'};
    struct cr_hash id;
    assert_int_equal(cr_tx_end(&world->builder, &id), CR_OK);
    const size_t count = cr_tx_sign_with(&world->builder, world->alg, world->forged ? bad : good,
                                         cr_alg_sig_bytes(world->alg));
    assert_true(count > 0);
    cr_store_le(world->payload + world->payload_bytes, count, 4);
    world->payload_bytes += 4 + (uint32_t)count;
    world->txs_count++;
    return id;
}

/* Appends bytes as they are, as one transaction. */
static inline void tx_raw(struct world *world, const uint8_t *bytes, uint32_t count)
{
    cr_store_le(world->payload + world->payload_bytes, count, 4);
    memcpy(world->payload + world->payload_bytes + 4, bytes, count);
    world->payload_bytes += 4 + count;
    world->txs_count++;
}

/* ---- commits ---- */

static inline void world_forget_commit(struct world *world)
{
    world->payload_bytes = 0;
    world->txs_count = 0;
    world->closing = false;
    memset(world->verdicts, 0, sizeof world->verdicts);
}

static inline void world_commit_payloads(struct world *world, uint32_t payloads_count,
                                         const struct cr_ledger_payload *payloads)
{
    const uint64_t index = world_head(world)->index + 1;
    const struct cr_ledger_commit commit = {.index = index,
                                            .digest = cr_hash_of(&index, sizeof index),
                                            .timestamp_ms = 1000 + 10 * index,
                                            .closing = world->closing,
                                            .later = world->later,
                                            .payloads_count = payloads_count,
                                            .payloads = payloads};
    world->results_count = 0;
    world->ops_kept_count = 0;
    cr_ledger_execute(world->ledger, &commit);
    cr_ledger_check(world->ledger);
    world_forget_commit(world);
}

/* Executes what was put together, as one payload. */
static inline void world_commit(struct world *world)
{
    const struct cr_ledger_payload payload = {.bytes = world->payload,
                                              .bytes_count = world->payload_bytes,
                                              .txs_count = world->txs_count,
                                              .verdicts = world->verdicts};
    world_commit_payloads(world, world->txs_count > 0 ? 1 : 0, &payload);
}

static inline void world_skip_to(struct world *world, uint64_t index)
{
    while (world_head(world)->index < index)
        world_commit(world);
}

/* Executes a commit of one transaction, the one in the making; returns its result. */
static inline enum cr_result tx_run(struct world *world)
{
    tx_end(world);
    world_commit(world);
    assert_int_equal(world->results_count, 1);
    return world->results[0].result;
}

/* ---- looking ---- */

static inline uint64_t world_balance(const struct world *world, uint32_t number)
{
    const struct cr_hash account = test_account(number);
    struct cr_account found;
    assert_true(cr_ledger_find_account(&world->host.state, &account, &found));
    return found.balance;
}

static inline bool world_has_account(const struct world *world, uint32_t number)
{
    const struct cr_hash account = test_account(number);
    struct cr_account found;
    return cr_ledger_find_account(&world->host.state, &account, &found);
}

/* The record is there, has this value, owner and version; NULL: there is none. */
static inline void world_expect(const struct world *world, const char *key, const char *value,
                                uint32_t owner, uint64_t version)
{
    struct cr_record record;
    const bool found = cr_ledger_find_record(&world->host.state, (const uint8_t *)key,
                                             (uint32_t)strlen(key), &record);
    assert_int_equal(found, value != NULL);
    if (!value) return;
    const struct cr_hash account = test_account(owner);
    assert_true(cr_hash_equal(&record.owner, &account));
    assert_int_equal(record.version, version);
    assert_int_equal(record.value_bytes, strlen(value));
    assert_memory_equal(record.value, value, record.value_bytes);
}

static inline void expect_ops(const struct world *world, uint32_t tx, uint32_t ops_count,
                              const enum cr_result *ops)
{
    assert_true(tx < world->results_count);
    assert_int_equal(world->results[tx].ops_count, ops_count);
    for (uint32_t i = 0; i < ops_count; i++)
        assert_int_equal(world->results[tx].ops[i], ops[i]);
}
#define EXPECT_OPS(world, tx, ...)                                        \
    expect_ops(world, tx, CR_COUNT_OF(((enum cr_result[]){__VA_ARGS__})), \
               (enum cr_result[]){__VA_ARGS__})

static inline void expect_same_head(const struct cr_ledger_head *head,
                                    const struct cr_ledger_head *expected)
{
    assert_int_equal(head->index, expected->index);
    assert_int_equal(head->txs_count, expected->txs_count);
    assert_int_equal(head->timestamp_ms, expected->timestamp_ms);
    assert_int_equal(head->checkpoint_index, expected->checkpoint_index);
    assert_true(cr_hash_equal(&head->commit_digest, &expected->commit_digest));
    assert_true(cr_hash_equal(&head->effects_digest, &expected->effects_digest));
    assert_true(cr_hash_equal(&head->state_root, &expected->state_root));
    assert_int_equal(head->epoch.number, expected->epoch.number);
    assert_true(cr_hash_equal(&head->epoch.state_root, &expected->epoch.state_root));
}

static inline void expect_hash(const struct cr_hash *hash, const char *hex)
{
    char text[2 * CR_HASH_BYTES + 1];
    cr_hex_encode(hash->bytes, sizeof hash->bytes, text);
    assert_string_equal(text, hex);
}

#endif
