/* SPDX-License-Identifier: Apache-2.0 */
/* What the operations do, alone and together. */
#include "ledger/testing.h"

/* Goal: every way a transfer can end, in the documented order of questions. Method: a table. */
static void transfers(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t from, to;
        uint64_t amount;
        enum cr_result result;
    } cases[] = {
        {0, 1, 1, CR_RESULT_OK},
        {0, 1, 0, CR_RESULT_OK},
        {0, 0, 0, CR_RESULT_OK},
        {0, 0, WORLD_BALANCE - 1, CR_RESULT_OK},
        {0, 0, WORLD_BALANCE, CR_RESULT_OVERDRAFT}, /* 999 are left */
        {0, 1, WORLD_BALANCE - 1, CR_RESULT_OK},
        {0, 1, 1, CR_RESULT_OVERDRAFT},
        {0, 9, 1, CR_RESULT_OVERDRAFT},
        {0, 9, 0, CR_RESULT_UNKNOWN_RECEIVER},
        {1, 9, 1, CR_RESULT_UNKNOWN_RECEIVER},
        {1, 0, UINT64_MAX, CR_RESULT_OVERDRAFT},
        {1, 0, 2 * WORLD_BALANCE, CR_RESULT_OK},
    };
    struct world *world = world_open();
    for (uint32_t i = 0; i < CR_COUNT_OF(cases); i++) {
        tx_begin(world, cases[i].from, 0);
        tx_transfer(world, cases[i].to, cases[i].amount);
        assert_int_equal(tx_run(world), cases[i].result);
        EXPECT_OPS(world, 0, cases[i].result);
    }
    assert_int_equal(world_balance(world, 0), 2 * WORLD_BALANCE);
    assert_int_equal(world_balance(world, 1), 0);
    world_close(world);
}

/* Goal: no balance passes 2^63 - 1, and the sum of all may. Method: a genesis at the limit. */
static void balances_do_not_overflow(void **unused)
{
    (void)unused;
    struct world *world = world_new();
    world->genesis.accounts[0].balance = CR_BALANCE_MAX;
    world->genesis.accounts[1].balance = CR_BALANCE_MAX - 1;
    world->genesis.accounts[2].balance = CR_BALANCE_MAX;
    cr_ledger_start_genesis(world->ledger);
    tx_begin(world, 0, CR_TX_INDEPENDENT);
    tx_transfer(world, 1, 2);
    tx_transfer(world, 1, CR_BALANCE_MAX);
    tx_transfer(world, 1, 1);
    tx_transfer(world, 1, 1);
    tx_transfer(world, 0, CR_BALANCE_MAX - 1);
    tx_transfer(world, 3, CR_BALANCE_MAX - 1 - WORLD_BALANCE);
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    EXPECT_OPS(world, 0, CR_RESULT_OVERFLOW, CR_RESULT_OVERFLOW, CR_RESULT_OK, CR_RESULT_OVERFLOW,
               CR_RESULT_OK, CR_RESULT_OK);
    assert_int_equal(world_balance(world, 1), CR_BALANCE_MAX);
    assert_int_equal(world_balance(world, 0), WORLD_BALANCE);
    world_close(world);
}

/* Goal: records belong to who created them until he deletes them. Method: two accounts take turns
 * on one key. */
static void records_have_owners(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t signer;
        const char *value; /* NULL: delete */
        enum cr_result result;
        const char *after;
        uint32_t owner;
        uint64_t version;
    } steps[] = {
        {0, NULL, CR_RESULT_NO_SUCH_KEY, NULL, 0, 0}, {0, "one", CR_RESULT_OK, "one", 0, 2},
        {1, "two", CR_RESULT_NOT_OWNER, "one", 0, 2}, {1, NULL, CR_RESULT_NOT_OWNER, "one", 0, 2},
        {0, "one", CR_RESULT_OK, "one", 0, 5},        {0, "", CR_RESULT_OK, "", 0, 6},
        {0, NULL, CR_RESULT_OK, NULL, 0, 0},          {1, "two", CR_RESULT_OK, "two", 1, 8},
        {0, NULL, CR_RESULT_NOT_OWNER, "two", 1, 8},
    };
    struct world *world = world_open();
    for (uint32_t i = 0; i < CR_COUNT_OF(steps); i++) {
        tx_begin(world, steps[i].signer, 0);
        if (steps[i].value)
            tx_put(world, "key", steps[i].value);
        else
            tx_delete(world, "key");
        assert_int_equal(tx_run(world), steps[i].result);
        world_expect(world, "key", steps[i].after, steps[i].owner, steps[i].version);
    }
    world_close(world);
}

/* Goal: keys and values of every allowed length round-trip. Method: the limits. */
static void records_at_their_limits(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    char key[CR_STATE_KEY_BYTES_MAX + 1];
    memset(key, 'k', CR_STATE_KEY_BYTES_MAX);
    key[CR_STATE_KEY_BYTES_MAX] = 0;
    char value[CR_STATE_VALUE_BYTES_MAX + 1];
    memset(value, 'v', CR_STATE_VALUE_BYTES_MAX);
    value[CR_STATE_VALUE_BYTES_MAX] = 0;
    tx_begin(world, 0, 0);
    tx_put(world, key, value);
    tx_put(world, "k", "");
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    world_expect(world, key, value, 0, 1);
    world_expect(world, "k", "", 0, 1);
    key[CR_STATE_KEY_BYTES_MAX - 1] = 0;
    world_expect(world, key, NULL, 0, 0);
    world_close(world);
}

/* Goal: registration fails as it should. Method: again, and with a key of somebody else. */
static void registrations(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    tx_begin(world, 0, CR_TX_INDEPENDENT);
    tx_register(world, 0);
    tx_register(world, 1);
    tx_register(world, 6);
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    EXPECT_OPS(world, 0, CR_RESULT_ALREADY_REGISTERED, CR_RESULT_KEY_MISMATCH,
               CR_RESULT_KEY_MISMATCH);

    tx_begin(world, 6, 0);
    tx_register(world, 6);
    tx_register(world, 6);
    assert_int_equal(tx_run(world), CR_RESULT_ALREADY_REGISTERED);
    EXPECT_OPS(world, 0, CR_RESULT_ABORTED, CR_RESULT_ALREADY_REGISTERED);
    assert_false(world_has_account(world, 6));

    tx_begin(world, 6, CR_TX_INDEPENDENT);
    tx_register(world, 6);
    tx_register(world, 6);
    tx_transfer(world, 6, 0);
    tx_transfer(world, 6, 1);
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    EXPECT_OPS(world, 0, CR_RESULT_OK, CR_RESULT_ALREADY_REGISTERED, CR_RESULT_OK,
               CR_RESULT_OVERDRAFT);
    assert_true(world_has_account(world, 6));
    world_close(world);
}

static void add_mixed(struct world *world, uint32_t flags)
{
    tx_begin(world, 0, flags);
    tx_transfer(world, 1, 600);
    tx_put(world, "a", "1");
    tx_transfer(world, 1, 600); /* 400 are left */
    tx_delete(world, "b");
    tx_put(world, "c", "3");
}

/* Goal: ATOMIC is all or none, INDEPENDENT is each for itself. Method: the same operations, of
 * which the third and the fourth fail. */
static void atomic_and_independent(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    add_mixed(world, 0);
    assert_int_equal(tx_run(world), CR_RESULT_OVERDRAFT);
    EXPECT_OPS(world, 0, CR_RESULT_ABORTED, CR_RESULT_ABORTED, CR_RESULT_OVERDRAFT,
               CR_RESULT_ABORTED, CR_RESULT_ABORTED);
    assert_int_equal(world_balance(world, 0), WORLD_BALANCE);
    assert_int_equal(world_balance(world, 1), WORLD_BALANCE);
    world_expect(world, "a", NULL, 0, 0);
    world_expect(world, "c", NULL, 0, 0);

    add_mixed(world, CR_TX_INDEPENDENT);
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    EXPECT_OPS(world, 0, CR_RESULT_OK, CR_RESULT_OK, CR_RESULT_OVERDRAFT, CR_RESULT_NO_SUCH_KEY,
               CR_RESULT_OK);
    assert_int_equal(world_balance(world, 0), 400);
    assert_int_equal(world_balance(world, 1), 1600);
    world_expect(world, "a", "1", 0, 2);
    world_expect(world, "c", "3", 0, 2);
    world_close(world);
}

/* Goal: the position of the failing operation does not matter. Method: a failing operation at every
 * position among seven, both modes. */
static void any_operation_may_fail(void **unused)
{
    (void)unused;
    enum { OPS = 7 };
    for (uint32_t failing = 0; failing < OPS; failing++) {
        struct world *world = world_open();
        for (uint32_t flags = 0; flags <= CR_TX_INDEPENDENT; flags++) {
            tx_begin(world, 0, flags);
            for (uint32_t i = 0; i < OPS; i++)
                tx_transfer(world, i == failing ? 9 : 1, 1);
            const enum cr_result result = tx_run(world);
            assert_int_equal(result, flags ? CR_RESULT_OK : CR_RESULT_UNKNOWN_RECEIVER);
            for (uint32_t i = 0; i < OPS; i++) {
                const enum cr_result other = flags ? CR_RESULT_OK : CR_RESULT_ABORTED;
                assert_int_equal(world->results[0].ops[i],
                                 i == failing ? CR_RESULT_UNKNOWN_RECEIVER : other);
            }
        }
        assert_int_equal(world_balance(world, 1), WORLD_BALANCE + OPS - 1);
        world_close(world);
    }
}

/* Goal: operations see each other on the same record. Method: put, delete and put again; delete
 * what was just put; delete twice; each also on a record that was there before. */
static void sequences_on_one_record(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    tx_begin(world, 0, 0);
    tx_put(world, "k", "1");
    tx_delete(world, "k");
    tx_put(world, "k", "2");
    tx_put(world, "gone", "x");
    tx_delete(world, "gone");
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    world_expect(world, "k", "2", 0, 1);
    world_expect(world, "gone", NULL, 0, 0);

    tx_begin(world, 0, CR_TX_INDEPENDENT);
    tx_delete(world, "k");
    tx_delete(world, "k");
    tx_put(world, "k", "3");
    tx_put(world, "k", "4");
    tx_delete(world, "gone");
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    EXPECT_OPS(world, 0, CR_RESULT_OK, CR_RESULT_NO_SUCH_KEY, CR_RESULT_OK, CR_RESULT_OK,
               CR_RESULT_NO_SUCH_KEY);
    world_expect(world, "k", "4", 0, 2);

    tx_begin(world, 0, 0);
    tx_delete(world, "k");
    tx_put(world, "k", "5");
    tx_delete(world, "k");
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    world_expect(world, "k", NULL, 0, 0);
    world_close(world);
}

/* Goal: transactions of one commit see each other in order. Method: money that passes through four
 * hands, possible in this order only; then the same in reverse. */
static void transfers_in_a_chain(void **unused)
{
    (void)unused;
    struct world *world = world_open();
    for (uint32_t i = 0; i + 1 < WORLD_ACCOUNTS; i++) {
        tx_begin(world, i, 0);
        tx_transfer(world, i + 1, WORLD_BALANCE * (i + 1));
        tx_end(world);
    }
    world_commit(world);
    for (uint32_t i = 0; i + 1 < WORLD_ACCOUNTS; i++)
        assert_int_equal(world->results[i].result, CR_RESULT_OK);
    assert_int_equal(world_balance(world, 3), WORLD_ACCOUNTS * WORLD_BALANCE);
    world_close(world);

    world = world_open();
    for (uint32_t i = WORLD_ACCOUNTS - 1; i-- > 0;) {
        tx_begin(world, i, 0);
        tx_transfer(world, i + 1, WORLD_BALANCE * (i + 1));
        tx_end(world);
    }
    world_commit(world);
    EXPECT_OPS(world, 0, CR_RESULT_OVERDRAFT);
    EXPECT_OPS(world, 1, CR_RESULT_OVERDRAFT);
    EXPECT_OPS(world, 2, CR_RESULT_OK);
    world_close(world);
}

/* Goal: the largest transaction fits the scratch memory, wherever its entries fall in the index.
 * Method: CR_OPS_MAX operations on as many different entries, under many seeds; then all of them on
 * one. */
static void largest_transaction(void **unused)
{
    (void)unused;
    enum { SEEDS = 40 };
    struct world *world = world_open();
    for (uint32_t seed = 0; seed <= SEEDS; seed++) {
        const bool same = seed == SEEDS;
        const struct cr_tx fields = tx_fields(world, 0, 0);
        tx_begin_with(world, test_key(0).alg, &fields);
        for (uint32_t i = 0; i < CR_OPS_MAX; i++) {
            char key[16];
            snprintf(key, sizeof key, "%u", same ? 7 : i);
            tx_put(world, key, same && i + 1 == CR_OPS_MAX ? "last" : "v");
        }
        assert_int_equal(tx_run(world), CR_RESULT_OK);
        assert_int_equal(world->results[0].ops_count, CR_OPS_MAX);
    }
    world_expect(world, "7", "last", 0, SEEDS + 1);
    world_expect(world, "1023", "v", 0, SEEDS);
    assert_int_equal(cr_state_memory_entries(world->memory), WORLD_ACCOUNTS + CR_OPS_MAX + 1);
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transfers),
        cmocka_unit_test(balances_do_not_overflow),
        cmocka_unit_test(records_have_owners),
        cmocka_unit_test(records_at_their_limits),
        cmocka_unit_test(registrations),
        cmocka_unit_test(atomic_and_independent),
        cmocka_unit_test(any_operation_may_fail),
        cmocka_unit_test(sequences_on_one_record),
        cmocka_unit_test(transfers_in_a_chain),
        cmocka_unit_test(largest_transaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
