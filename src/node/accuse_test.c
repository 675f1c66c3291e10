/* SPDX-License-Identifier: Apache-2.0 */
/* From two signed vertices to an offence in the state: real keys, a real state database, the ledger
 * and the mempool; no network. */
#include "node/accuse.h"

#include "crypto/keys.h"
#include "crypto/verifier.h"
#include "node/verify.h"
#include "store/testing.h"
#include "wire/payload.h"

enum { VALIDATORS = 2, ACCUSED = 1, ROUND = 9 };

static struct cr_genesis genesis;
static struct cr_secret_key *keys[VALIDATORS];
static struct cr_state_db *db;
static struct cr_state_reader *reader;
static struct cr_mempool *mempool;
static struct cr_accuse *accuse;
static struct cr_ledger_host host;
static struct cr_ledger *ledger;
static void *memory;
static enum cr_result last_ops[2];

static bool verify_tx(void *context, const struct cr_public_key *key, const struct cr_tx *tx)
{
    (void)context;
    struct cr_prepared_key *prepared = cr_verifier()->prepare(key);
    struct cr_verify_item item = {.key = prepared,
                                  .context = (const uint8_t *)CR_TX_CONTEXT,
                                  .context_bytes = CR_TX_CONTEXT_BYTES,
                                  .message = tx->id.bytes,
                                  .message_bytes = CR_HASH_BYTES,
                                  .signature = tx->signature,
                                  .signature_bytes = tx->signature_bytes};
    cr_verifier()->verify(&item, 1);
    cr_verifier()->forget(prepared);
    return item.valid;
}

static bool verify_vertex(void *context, const struct cr_public_key *key,
                          const struct cr_vertex *vertex)
{
    (void)context;
    struct cr_prepared_key *prepared = cr_verifier()->prepare(key);
    const bool valid = cr_verify_vertex(vertex, prepared, &genesis.id);
    cr_verifier()->forget(prepared);
    return valid;
}

static void on_result(void *context, const struct cr_ledger_tx_result *result)
{
    (void)context;
    assert_int_equal(result->result, CR_RESULT_OK);
    assert_int_equal(result->ops_count, 2);
    last_ops[0] = (enum cr_result)result->ops[0];
    last_ops[1] = (enum cr_result)result->ops[1];
    cr_mempool_remove(mempool, &result->tx->id);
}

static void open_world(void)
{
    struct cr_store_failure failure;
    struct cr_ledger_head head;
    bool rebuilt;
    const struct cr_mempool_limits limits = {
        .txs_max = 4, .txs_per_account_max = 4, .bytes_max = 1 << 20};
    cr_verifier_use(cr_verifier_start(NULL));
    memset(&genesis, 0, sizeof genesis);
    genesis.id = (struct cr_hash){{4, 5, 6}};
    genesis.params.checkpoint_commits = 4;
    genesis.params.tx_ttl_max = 20;
    genesis.validators_count = VALIDATORS;
    for (uint32_t i = 0; i < VALIDATORS; i++) {
        const uint8_t seed[32] = {(uint8_t)(i + 1)};
        assert_int_equal(cr_secret_key_from_seed(CR_ALG_MLDSA65, seed, &keys[i]), CR_OK);
        cr_secret_key_public(keys[i], &genesis.validators[i].consensus_key);
    }
    const struct test_path path = path_of("state");
    assert_int_equal(
        cr_state_db_open(path.text, &genesis.id, 16 << 20, &db, &head, &rebuilt, &failure), CR_OK);
    assert_int_equal(cr_state_reader_open(db, &reader), CR_OK);
    mempool = cr_mempool_new(&limits);
    host = (struct cr_ledger_host){
        .verify = verify_tx, .verify_vertex = verify_vertex, .on_result = on_result};
    host.state = *cr_state_db_writer(db);
    struct cr_arena arena;
    cr_arena_init_measure(&arena);
    (void)cr_ledger_init(&arena, &genesis, &host);
    memory = aligned_alloc(64, arena.bytes_used);
    cr_arena_init(&arena, memory, arena.bytes_used);
    ledger = cr_ledger_init(&arena, &genesis, &host);
    assert_int_equal(cr_state_db_begin(db, &failure), CR_OK);
    cr_ledger_start_genesis(ledger);
    assert_int_equal(cr_state_db_end(db, cr_ledger_head(ledger), &failure), CR_OK);
    accuse = cr_accuse_new(&(struct cr_accuse_config){.genesis = &genesis,
                                                      .validators = genesis.validators,
                                                      .validators_count = genesis.validators_count,
                                                      .epoch = CR_GENESIS_EPOCH,
                                                      .key = keys[0],
                                                      .mempool = mempool,
                                                      .reader = reader});
    assert_non_null(accuse);
}

static void close_world(void)
{
    cr_accuse_free(accuse);
    cr_mempool_free(mempool);
    cr_state_reader_close(reader);
    cr_state_db_close(db);
    free(memory);
    for (uint32_t i = 0; i < VALIDATORS; i++)
        cr_secret_key_free(keys[i]);
}

static size_t sign_vertex(uint32_t author, uint32_t round, uint64_t timestamp, uint8_t *out)
{
    static struct cr_header header;
    static uint8_t bytes[CR_HEADER_BYTES_MAX];
    uint8_t context[CR_VERTEX_CONTEXT_BYTES], signature[CR_SIG_BYTES_MAX];
    size_t signature_bytes;
    memset(&header, 0, sizeof header);
    header.epoch = CR_GENESIS_EPOCH;
    header.round = round;
    header.author = author;
    header.validators_count = VALIDATORS;
    header.timestamp_ms = timestamp;
    const size_t count = cr_header_encode(&header, bytes, sizeof bytes);
    const struct cr_hash digest = cr_header_digest(bytes, count);
    cr_vertex_context(&genesis.id, context);
    assert_int_equal(cr_sign(keys[author], context, sizeof context, digest.bytes, CR_HASH_BYTES,
                             signature, &signature_bytes),
                     CR_OK);
    return cr_vertex_encode_head(&header, CR_ALG_MLDSA65, signature, signature_bytes, out,
                                 CR_HEADER_BYTES_MAX);
}

/* Orders and executes what waits in the mempool; returns how many transactions that was. */
static uint32_t commit(void)
{
    static uint8_t bytes[CR_PAYLOAD_BYTES_MAX];
    struct cr_store_failure failure;
    uint32_t txs = 0;
    const size_t count = cr_mempool_take(mempool, 1, bytes, sizeof bytes, &txs);
    const struct cr_ledger_payload payload = {
        .bytes = bytes, .bytes_count = (uint32_t)count, .txs_count = txs};
    const struct cr_ledger_commit made = {.index = cr_ledger_head(ledger)->index + 1,
                                          .digest = {{8}},
                                          .payloads_count = txs > 0,
                                          .payloads = &payload};
    assert_int_equal(cr_state_db_begin(db, &failure), CR_OK);
    cr_ledger_execute(ledger, &made);
    assert_int_equal(cr_state_db_end(db, cr_ledger_head(ledger), &failure), CR_OK);
    return txs;
}

/* Goal: two vertices become one transaction, once, again when it was lost, never more after the
 * offence is recorded; our own account is registered by it. */
static void from_vertices_to_offence(void **state)
{
    (void)state;
    static uint8_t a[CR_HEADER_BYTES_MAX], b[CR_HEADER_BYTES_MAX];
    struct cr_mempool_stats stats;
    struct cr_hash expired[4];
    open_world();
    const size_t a_bytes = sign_vertex(ACCUSED, ROUND, 1, a);
    size_t b_bytes = sign_vertex(ACCUSED, ROUND, 1, b); /* the same vertex, another signature */
    cr_accuse_note(accuse, ACCUSED, a, a_bytes, b, b_bytes);
    cr_accuse_run(accuse, true);
    cr_mempool_stats(mempool, &stats);
    assert_int_equal(stats.txs, 0);

    b_bytes = sign_vertex(ACCUSED, ROUND, 2, b);
    cr_accuse_note(accuse, ACCUSED, a, a_bytes, b, b_bytes);
    cr_accuse_run(accuse, false); /* halted */
    cr_mempool_stats(mempool, &stats);
    assert_int_equal(stats.txs, 0);
    cr_accuse_run(accuse, true);
    cr_accuse_run(accuse, true);
    cr_mempool_stats(mempool, &stats);
    assert_int_equal(stats.txs, 1);

    for (uint32_t i = 0; i < 2; i++) { /* lost: it expires, and is made again */
        assert_int_equal(cr_mempool_expire(mempool, 1000, expired, 4), 1);
        cr_accuse_run(accuse, true);
        cr_mempool_stats(mempool, &stats);
        assert_int_equal(stats.txs, 1);
    }
    assert_null(cr_accuse_recorded(accuse, ACCUSED));
    assert_int_equal(commit(), 1);
    assert_int_equal(last_ops[0], CR_RESULT_OK);
    assert_int_equal(last_ops[1], CR_RESULT_OK);
    cr_accuse_run(accuse, true);
    const struct cr_entry_offence *offence = cr_accuse_recorded(accuse, ACCUSED);
    assert_non_null(offence);
    assert_int_equal(offence->round, ROUND);
    assert_int_equal(offence->commit_index, 1);
    assert_null(cr_accuse_recorded(accuse, 0));

    cr_accuse_note(accuse, ACCUSED, a, a_bytes, b, b_bytes);
    cr_accuse_run(accuse, true);
    assert_int_equal(commit(), 0);

    const size_t own = sign_vertex(0, 3, 1, a); /* registered by now: the report counts still */
    cr_accuse_note(accuse, 0, a, own, b, sign_vertex(0, 3, 2, b));
    cr_accuse_run(accuse, true);
    assert_int_equal(commit(), 1);
    assert_int_equal(last_ops[0], CR_RESULT_ALREADY_REGISTERED);
    assert_int_equal(last_ops[1], CR_RESULT_OK);
    close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(from_vertices_to_offence, test_setup, test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
