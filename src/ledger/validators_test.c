/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's changes of the validators: when they take effect, and which are refused. */
#include "ledger/validators.h"

#include "ledger/testing.h"

enum { OPERATOR = 0, MEMBERS = 4 };

/* `members` of that stake each, and account 0 as the operator. */
static struct world *open_of(uint32_t members, uint64_t stake, bool has_operator)
{
    struct world *world = world_new();
    world_set_validators(world, members, stake);
    if (has_operator) world->genesis.operator_account = test_account(OPERATOR);
    cr_ledger_start_genesis(world->ledger);
    return world;
}

static struct world *open_with(uint32_t members, bool has_operator)
{
    return open_of(members, 10, has_operator);
}

static void tx_add(struct world *world, uint32_t number, uint64_t stake)
{
    const struct cr_profile profile = test_validator(number);
    tx_add_validator(world, &profile, stake);
}

static enum cr_result run_add(struct world *world, uint32_t number, uint64_t stake)
{
    tx_begin(world, OPERATOR, 0);
    tx_add(world, number, stake);
    return tx_run(world);
}

static enum cr_result run_stake(struct world *world, uint32_t number, uint64_t stake)
{
    tx_begin(world, OPERATOR, 0);
    tx_set_stake(world, number, stake);
    return tx_run(world);
}

static void close_epoch(struct world *world)
{
    world->closing = true;
    world_commit(world);
}

/* The stakes of an epoch, by seat, as the arguments say. */
static void expect_stakes(const struct world *world, uint64_t epoch, uint32_t count,
                          const uint64_t *stake)
{
    struct cr_entry_committee found;
    assert_true(cr_validators_stakes(&world->genesis, &world->host.state, epoch, &found));
    assert_int_equal(found.epoch, epoch);
    assert_int_equal(found.count, count);
    assert_memory_equal(found.stake, stake, count * sizeof *stake);
}
#define EXPECT_STAKES(world, epoch, ...) \
    expect_stakes(world, epoch, CR_COUNT_OF(((uint64_t[]){__VA_ARGS__})), (uint64_t[]){__VA_ARGS__})

/* Goal: a change stands in the state at once and counts from the next epoch on; the table of every
 * epoch that there was can still be told, and the new one is under the origin of its epoch. */
static void changes_count_from_the_next_epoch(void **state)
{
    (void)state;
    struct world *world = open_with(MEMBERS, true);
    const struct cr_hash first = world_head(world)->epoch.committee;
    assert_int_equal(run_add(world, 4, 7), CR_RESULT_OK);
    assert_int_equal(world_head(world)->epoch.number, 1);
    assert_true(cr_hash_equal(&world_head(world)->epoch.committee, &first));
    EXPECT_STAKES(world, 1, 10, 10, 10, 10);
    EXPECT_STAKES(world, 2, 10, 10, 10, 10, 7);
    close_epoch(world);
    assert_int_equal(world_head(world)->epoch.number, 2);
    assert_false(cr_hash_equal(&world_head(world)->epoch.committee, &first));
    assert_int_equal(run_stake(world, 1, 0), CR_RESULT_OK);
    EXPECT_STAKES(world, 2, 10, 10, 10, 10, 7);
    close_epoch(world);
    close_epoch(world); /* and nothing happens */
    EXPECT_STAKES(world, 1, 10, 10, 10, 10);
    EXPECT_STAKES(world, 2, 10, 10, 10, 10, 7);
    EXPECT_STAKES(world, 3, 10, 0, 10, 10, 7);
    EXPECT_STAKES(world, 4, 10, 0, 10, 10, 7);
    EXPECT_STAKES(world, 5, 10, 0, 10, 10, 7); /* what would be */

    static struct cr_genesis_validator all[CR_VALIDATORS_MAX];
    assert_int_equal(cr_validators_list(&world->genesis, &world->host.state, 4, all), 5);
    assert_string_equal(all[4].name, "v4");
    assert_string_equal(all[4].address, "host-4:7000");
    assert_int_equal(all[4].stake, 7);
    const struct cr_hash id = cr_public_key_account(&all[4].consensus_key),
                         expected = test_validator_id(4);
    assert_true(cr_hash_equal(&id, &expected));
    const struct cr_hash table = cr_validators_hash(all, 5);
    assert_true(cr_hash_equal(&table, &world_head(world)->epoch.committee));
    struct cr_entry_committee unknown;
    assert_false(cr_validators_stakes(&world->genesis, &world->host.state, 9, &unknown));
    world_close(world);
}

/* Goal: only the operator, and only when there is one. */
static void nobody_else_may(void **state)
{
    (void)state;
    struct world *world = open_with(MEMBERS, true);
    tx_begin(world, 1, 0);
    tx_add(world, 4, 1);
    assert_int_equal(tx_run(world), CR_RESULT_NOT_OPERATOR);
    EXPECT_STAKES(world, 2, 10, 10, 10, 10);
    world_close(world);

    world = open_with(MEMBERS, false);
    assert_int_equal(run_add(world, 4, 1), CR_RESULT_NOT_OPERATOR);
    close_epoch(world);
    EXPECT_STAKES(world, 2, 10, 10, 10, 10);
    EXPECT_STAKES(world, 77, 10, 10, 10, 10); /* for ever */
    world_close(world);
}

/* Goal: a name, an address or a key belongs to one validator, present or former. */
static void duplicates_are_refused(void **state)
{
    (void)state;
    struct world *world = open_with(MEMBERS, true);
    assert_int_equal(run_add(world, 4, 0), CR_RESULT_OK);
    for (uint32_t known = 3; known <= 4; known++) { /* one of the genesis, one that was added */
        for (uint32_t what = 0; what < 6; what++) {
            const struct cr_profile old = test_validator(known);
            uint8_t old_keys[2 * CR_MLDSA65_KEY_BYTES];
            memcpy(old_keys, old.consensus_key, CR_MLDSA65_KEY_BYTES);
            memcpy(old_keys + CR_MLDSA65_KEY_BYTES, old.transport_key, CR_MLDSA65_KEY_BYTES);
            struct cr_profile profile = test_validator(9);
            if (what == 0) memcpy(profile.name, old.name, sizeof old.name);
            if (what == 1) memcpy(profile.address, old.address, sizeof old.address);
            if (what == 2) profile.consensus_key = old_keys;
            if (what == 3) profile.transport_key = old_keys + CR_MLDSA65_KEY_BYTES;
            if (what == 4) profile.consensus_key = old_keys + CR_MLDSA65_KEY_BYTES;
            if (what == 5) profile.transport_key = old_keys;
            tx_begin(world, OPERATOR, 0);
            tx_add_validator(world, &profile, 0);
            assert_int_equal(tx_run(world), CR_RESULT_KNOWN_VALIDATOR);
        }
    }
    tx_begin(world, OPERATOR, 0);
    tx_add(world, 9, 0);
    tx_add(world, 9, 0); /* the one before, in the same transaction */
    assert_int_equal(tx_run(world), CR_RESULT_KNOWN_VALIDATOR);
    EXPECT_STAKES(world, 2, 10, 10, 10, 10, 0); /* all or nothing */
    world_close(world);
}

/* Goal: those whose stake stays are a quorum before and after; so one of four may leave or come in
 * an epoch, and two may not. Several changes of one epoch count together, and against its
 * beginning: taking one back makes room. */
static void a_change_is_bounded(void **state)
{
    (void)state;
    struct world *world = open_with(MEMBERS, true);
    assert_int_equal(run_add(world, 4, 10), CR_RESULT_OK);
    assert_int_equal(run_add(world, 5, 10), CR_RESULT_CHANGE_TOO_LARGE);
    assert_int_equal(run_add(world, 5, 0), CR_RESULT_OK); /* without a voice */
    assert_int_equal(run_stake(world, 0, 0), CR_RESULT_OK);
    assert_int_equal(run_stake(world, 1, 6), CR_RESULT_CHANGE_TOO_LARGE);
    assert_int_equal(run_stake(world, 1, 9), CR_RESULT_OK); /* F of 40 is 13 */
    assert_int_equal(run_stake(world, 2, 8), CR_RESULT_OK);
    assert_int_equal(run_stake(world, 3, 9), CR_RESULT_CHANGE_TOO_LARGE);
    assert_int_equal(run_stake(world, 0, 10), CR_RESULT_OK);
    assert_int_equal(run_stake(world, 3, 9), CR_RESULT_OK);
    EXPECT_STAKES(world, 2, 10, 9, 8, 9, 10, 0);
    close_epoch(world);
    assert_int_equal(run_stake(world, 5, 10), CR_RESULT_OK);
    EXPECT_STAKES(world, 3, 10, 9, 8, 9, 10, 10);
    world_close(world);
}

/* Goal: a seat is its validator's for ever: who comes next has the next one, and who left comes
 * back to its own. */
static void seats_stay(void **state)
{
    (void)state;
    struct world *world = open_with(MEMBERS, true);
    assert_int_equal(run_add(world, 4, 10), CR_RESULT_OK);
    close_epoch(world);
    assert_int_equal(run_stake(world, 4, 0), CR_RESULT_OK);
    close_epoch(world);
    assert_int_equal(run_add(world, 5, 9), CR_RESULT_OK);
    EXPECT_STAKES(world, 4, 10, 10, 10, 10, 0, 9);
    close_epoch(world);
    assert_int_equal(run_stake(world, 4, 10), CR_RESULT_OK);
    EXPECT_STAKES(world, 5, 10, 10, 10, 10, 10, 9);
    static struct cr_genesis_validator found;
    assert_true(cr_validators_find(&world->genesis, &world->host.state, 5, 4, &found));
    assert_string_equal(found.name, "v4");
    world_close(world);
}

/* Goal: F is below a third, and each bound counts by the epoch that the rule names. Method: changes
 * of just a third of a total that three divides. */
static void a_third_is_too_much(void **state)
{
    (void)state;
    struct world *world = open_with(MEMBERS, true);
    assert_int_equal(run_stake(world, 0, 15), CR_RESULT_STAKE_TOO_LARGE); /* of 45 */
    assert_int_equal(run_stake(world, 0, 14), CR_RESULT_OK);
    world_close(world);

    world = open_with(6, true);
    assert_int_equal(run_stake(world, 0, 0), CR_RESULT_OK);
    assert_int_equal(run_stake(world, 1, 0), CR_RESULT_CHANGE_TOO_LARGE); /* 20 of 60 go */
    assert_int_equal(run_stake(world, 1, 1), CR_RESULT_OK);
    world_close(world);

    world = open_with(6, true);
    assert_int_equal(run_add(world, 6, 15), CR_RESULT_OK);
    assert_int_equal(run_add(world, 7, 15), CR_RESULT_CHANGE_TOO_LARGE);  /* 30 of 90 come */
    assert_int_equal(run_add(world, 7, 14), CR_RESULT_OK);                /* 29: F of 60 is 19 */
    assert_int_equal(run_stake(world, 0, 0), CR_RESULT_CHANGE_TOO_LARGE); /* 29 of 79 */
    world_close(world);
}

/* Goal: what comes is not set off against what goes. */
static void coming_and_going_are_bounded_apart(void **state)
{
    (void)state;
    struct world *world = open_with(7, true);
    assert_int_equal(run_stake(world, 0, 0), CR_RESULT_OK);
    assert_int_equal(run_stake(world, 1, 0), CR_RESULT_OK);
    assert_int_equal(run_add(world, 7, 10), CR_RESULT_OK);
    assert_int_equal(run_add(world, 8, 10), CR_RESULT_OK); /* F of 70 is 23 */
    assert_int_equal(run_add(world, 9, 10), CR_RESULT_CHANGE_TOO_LARGE);
    assert_int_equal(run_stake(world, 2, 6), CR_RESULT_CHANGE_TOO_LARGE);
    world_close(world);
}

/* Goal: 2^63 are too many, though nobody holds more than F of them. */
static void the_sum_has_a_limit(void **state)
{
    (void)state;
    struct world *world = open_of(MEMBERS, (UINT64_C(1) << 61) - 1, true);
    assert_int_equal(run_stake(world, 0, (UINT64_C(1) << 61) + 3), CR_RESULT_STAKE_TOO_LARGE);
    assert_int_equal(run_stake(world, 0, (UINT64_C(1) << 61) + 2), CR_RESULT_OK);
    world_close(world);
}

/* Goal: every table that an operation leaves is one that an epoch can begin with. */
static void impossible_tables_are_refused(void **state)
{
    (void)state;
    struct world *world = open_with(MEMBERS, true);
    assert_int_equal(run_stake(world, 0, 0), CR_RESULT_VALIDATORS_LIMIT);
    assert_int_equal(run_stake(world, 0, 16), CR_RESULT_STAKE_TOO_LARGE);
    assert_int_equal(run_stake(world, 0, CR_STAKE_MAX), CR_RESULT_STAKE_TOO_LARGE);
    assert_int_equal(run_add(world, 4, CR_STAKE_MAX), CR_RESULT_STAKE_TOO_LARGE);
    assert_int_equal(run_stake(world, 7, 1), CR_RESULT_UNKNOWN_VALIDATOR);
    EXPECT_STAKES(world, 2, 10, 10, 10, 10);
    for (uint32_t number = MEMBERS; number < CR_VALIDATORS_MAX; number++)
        assert_int_equal(run_add(world, number, 0), CR_RESULT_OK);
    assert_int_equal(run_add(world, CR_VALIDATORS_MAX, 0), CR_RESULT_VALIDATORS_LIMIT);
    assert_int_equal(run_add(world, 5, 0), CR_RESULT_KNOWN_VALIDATOR); /* that comes first */
    world_close(world);
}

/* Goal: three or fewer tolerate nothing; there one comes at a time, and none leaves. */
static void small_chains_grow(void **state)
{
    (void)state;
    struct world *world = open_with(1, true);
    assert_int_equal(run_stake(world, 0, 0), CR_RESULT_VALIDATORS_LIMIT);
    assert_int_equal(run_add(world, 1, 10), CR_RESULT_OK);
    assert_int_equal(run_add(world, 2, 10), CR_RESULT_CHANGE_TOO_LARGE);
    close_epoch(world);
    assert_int_equal(run_add(world, 2, 10), CR_RESULT_OK);
    close_epoch(world);
    assert_int_equal(run_add(world, 3, 10), CR_RESULT_OK);
    assert_int_equal(run_stake(world, 0, 11), CR_RESULT_CHANGE_TOO_LARGE); /* four, but not yet */
    close_epoch(world);
    assert_int_equal(run_stake(world, 3, 0), CR_RESULT_VALIDATORS_LIMIT);
    EXPECT_STAKES(world, 4, 10, 10, 10, 10);
    world_close(world);
}

/* Goal: each of independent operations has its own fate, and one that fails changes nothing. */
static void independent_operations_do_not_mix(void **state)
{
    (void)state;
    struct world *world = open_with(MEMBERS, true);
    tx_begin(world, OPERATOR, CR_TX_INDEPENDENT);
    tx_set_stake(world, 0, 40);
    tx_add(world, 4, 5);
    tx_add(world, 4, 5);
    tx_set_stake(world, 4, 6);
    assert_int_equal(tx_run(world), CR_RESULT_OK);
    EXPECT_OPS(world, 0, CR_RESULT_STAKE_TOO_LARGE, CR_RESULT_OK, CR_RESULT_KNOWN_VALIDATOR,
               CR_RESULT_OK);
    EXPECT_STAKES(world, 2, 10, 10, 10, 10, 6);
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_count_from_the_next_epoch),
        cmocka_unit_test(nobody_else_may),
        cmocka_unit_test(duplicates_are_refused),
        cmocka_unit_test(a_change_is_bounded),
        cmocka_unit_test(seats_stay),
        cmocka_unit_test(a_third_is_too_much),
        cmocka_unit_test(coming_and_going_are_bounded_apart),
        cmocka_unit_test(the_sum_has_a_limit),
        cmocka_unit_test(impossible_tables_are_refused),
        cmocka_unit_test(small_chains_grow),
        cmocka_unit_test(independent_operations_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
