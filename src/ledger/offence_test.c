/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence in transactions: what is recorded, once, and what is not. */
#include "ledger/entry.h"
#include "ledger/testing.h"

enum { ROUND = 7 };

static uint8_t proof[CR_EVIDENCE_BYTES_MAX];

/* Two heads of `author` with the given first bytes of the signatures; returns the count. */
static uint32_t make_proof(uint64_t epoch, uint32_t author, uint32_t width, const char *signatures)
{
    static struct cr_header header;
    static uint8_t heads[2][CR_HEADER_BYTES_MAX];
    size_t counts[2];
    memset(&header, 0, sizeof header);
    header.epoch = epoch;
    header.round = ROUND;
    header.author = author;
    header.validators_count = width;
    for (uint32_t i = 0; i < 2; i++) {
        const uint8_t signature[CR_MLDSA65_SIG_BYTES] = {(uint8_t)signatures[i]};
        header.timestamp_ms = i;
        counts[i] = cr_vertex_encode_head(&header, CR_ALG_MLDSA65, signature, sizeof signature,
                                          heads[i], sizeof heads[i]);
    }
    const size_t count = cr_evidence_encode(heads[0], counts[0], heads[1], counts[1], proof);
    assert_true(count > 0);
    return (uint32_t)count;
}

/* Two rounds, two digests for one commit. */
static uint32_t make_statements(uint32_t author, uint32_t width)
{
    static struct cr_header header;
    static uint8_t heads[2][CR_HEADER_BYTES_MAX];
    const uint8_t signature[CR_MLDSA65_SIG_BYTES] = {'V'};
    size_t counts[2];
    memset(&header, 0, sizeof header);
    header.epoch = CR_GENESIS_EPOCH;
    header.author = author;
    header.validators_count = width;
    header.commit_index = 3;
    for (uint32_t i = 0; i < 2; i++) {
        header.round = ROUND + i;
        header.commit_digest.bytes[0] = (uint8_t)(i + 1);
        counts[i] = cr_vertex_encode_head(&header, CR_ALG_MLDSA65, signature, sizeof signature,
                                          heads[i], sizeof heads[i]);
    }
    return (uint32_t)cr_evidence_encode(heads[0], counts[0], heads[1], counts[1], proof);
}

static void tx_evidence(struct world *world, uint32_t count)
{
    const struct cr_op op = {.type = CR_OP_EVIDENCE, .value = proof, .value_bytes = count};
    cr_tx_add(&world->builder, &op);
}

static bool offence_of(const struct world *world, uint32_t author, struct cr_entry_offence *out)
{
    const struct cr_hash validator =
        cr_public_key_account(&world->genesis.validators[author].consensus_key);
    return cr_ledger_find_offence(&world->host.state, &validator, CR_GENESIS_EPOCH, out);
}

static enum cr_result run_proof(struct world *world, uint32_t count)
{
    tx_begin(world, 0, 0);
    tx_evidence(world, count);
    return tx_run(world);
}

/* Goal: a valid proof is recorded under the validator and epoch, changes the state root, and the
 * next one of the same validator finds it there without a signature being verified. */
static void recorded_once(void **state)
{
    (void)state;
    struct world *world = world_open();
    struct cr_entry_offence offence;
    const uint32_t count = make_proof(CR_GENESIS_EPOCH, 2, WORLD_VALIDATORS, "VV");
    world_skip_to(world, 4);
    assert_int_equal(run_proof(world, count), CR_RESULT_OK);
    assert_int_equal(world->verify_vertex_calls, 2);
    assert_true(offence_of(world, 2, &offence));
    const struct cr_hash reporter = test_account(0);
    assert_true(cr_hash_equal(&offence.reporter, &reporter));
    assert_int_equal(offence.author, 2);
    assert_int_equal(offence.conflict, CR_CONFLICT_EQUIVOCATION);
    assert_int_equal(offence.round, ROUND);
    assert_int_equal(offence.commit_index, 5);
    assert_true(cr_hash_compare(&offence.first, &offence.second) < 0);
    assert_false(offence_of(world, 0, &offence));
    assert_false(offence_of(world, 1, &offence));

    assert_int_equal(run_proof(world, count), CR_RESULT_KNOWN_OFFENCE);
    assert_int_equal(world->verify_vertex_calls, 2);
    assert_true(offence_of(world, 2, &offence));
    assert_int_equal(offence.commit_index, 5);
    world_close(world);
}

/* Goal: two statements about one commit count as well, and one offence is enough for an epoch. */
static void statements_are_recorded(void **state)
{
    (void)state;
    struct world *world = world_open();
    struct cr_entry_offence offence;
    assert_int_equal(run_proof(world, make_statements(1, WORLD_VALIDATORS)), CR_RESULT_OK);
    assert_true(offence_of(world, 1, &offence));
    assert_int_equal(offence.conflict, CR_CONFLICT_STATEMENT);
    assert_in_range(offence.round, ROUND, ROUND + 1);
    const uint32_t count = make_proof(CR_GENESIS_EPOCH, 1, WORLD_VALIDATORS, "VV");
    assert_int_equal(run_proof(world, count), CR_RESULT_KNOWN_OFFENCE);
    world_close(world);
}

/* Goal: each thing that is wrong has its result and leaves nothing behind. */
static void what_is_not_recorded(void **state)
{
    (void)state;
    struct world *world = world_open();
    struct cr_entry_offence offence;
    const uint32_t n = WORLD_VALIDATORS;
    assert_int_equal(run_proof(world, make_proof(1, 1, n, "VX")), CR_RESULT_BAD_EVIDENCE);
    assert_int_equal(run_proof(world, make_proof(1, 1, n, "XV")), CR_RESULT_BAD_EVIDENCE);
    assert_int_equal(run_proof(world, make_proof(2, 1, n, "VV")), CR_RESULT_WRONG_EPOCH);
    assert_int_equal(run_proof(world, make_proof(0, 1, n, "VV")), CR_RESULT_WRONG_EPOCH);
    assert_int_equal(run_proof(world, make_proof(1, n, n + 1, "VV")), CR_RESULT_UNKNOWN_VALIDATOR);
    const uint32_t count = make_proof(1, 1, n, "VV");
    assert_int_equal(run_proof(world, count - 1), CR_RESULT_BAD_EVIDENCE);
    proof[0] ^= 1;
    assert_int_equal(run_proof(world, count), CR_RESULT_BAD_EVIDENCE);
    for (uint32_t i = 0; i < n; i++)
        assert_false(offence_of(world, i, &offence));
    world_close(world);
}

/* Goal: a validator without an account registers and reports in one transaction; when the account
 * is there already the report still counts. An atomic one that fails elsewhere records nothing. */
static void with_other_operations(void **state)
{
    (void)state;
    struct world *world = world_open();
    struct cr_entry_offence offence;
    tx_begin(world, 5, CR_TX_INDEPENDENT);
    tx_register(world, 5);
    tx_evidence(world, make_proof(1, 0, WORLD_VALIDATORS, "VV"));
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    EXPECT_OPS(world, 0, CR_RESULT_OK, CR_RESULT_OK);
    assert_true(offence_of(world, 0, &offence));

    tx_begin(world, 5, CR_TX_INDEPENDENT);
    tx_register(world, 5);
    tx_evidence(world, make_proof(1, 1, WORLD_VALIDATORS, "VV"));
    tx_evidence(world, make_proof(1, 1, WORLD_VALIDATORS, "VV"));
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    EXPECT_OPS(world, 0, CR_RESULT_ALREADY_REGISTERED, CR_RESULT_OK, CR_RESULT_KNOWN_OFFENCE);
    assert_true(offence_of(world, 1, &offence));

    tx_begin(world, 0, 0);
    tx_evidence(world, make_proof(1, 2, WORLD_VALIDATORS, "VV"));
    tx_transfer(world, 1, WORLD_BALANCE + 1);
    assert_int_equal(tx_run(world), CR_RESULT_OVERDRAFT);
    assert_false(offence_of(world, 2, &offence));
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_once),
        cmocka_unit_test(statements_are_recorded),
        cmocka_unit_test(what_is_not_recorded),
        cmocka_unit_test(with_other_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
