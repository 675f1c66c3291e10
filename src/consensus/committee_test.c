/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "base/prng.h"
#include "consensus/committee.h"

static const struct cr_hash genesis_id = {{5}};

static struct cr_committee equal(uint32_t count)
{
    uint64_t stakes[CR_VALIDATORS_MAX];
    for (uint32_t a = 0; a < CR_VALIDATORS_MAX; a++)
        stakes[a] = 1;
    struct cr_committee committee;
    assert_int_equal(cr_committee_init(&committee, &genesis_id, 3, stakes, count), CR_OK);
    return committee;
}

/* Goal: any two quorums share a correct validator; the correct ones are a quorum. All sizes. */
static void thresholds_hold_for_every_size(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= CR_VALIDATORS_MAX; n++) {
        const struct cr_committee c = equal(n);
        assert_int_equal(c.total, n);
        assert_true(3 * c.faulty < c.total && 3 * (c.faulty + 1) >= c.total);
        assert_true(2 * c.quorum > c.total + c.faulty);
        assert_true(c.total - c.faulty >= c.quorum);
        assert_int_equal(c.honest, c.faulty + 1);
    }
}

static void impossible_stakes_are_refused(void **state)
{
    (void)state;
    struct cr_committee c;
    const uint64_t none[4] = {0}, king[5] = {4, 2, 2, 0, 2};
    const uint64_t huge[4] = {UINT64_C(1) << 62, UINT64_C(1) << 62, 1, 1};
    const uint64_t over[4] = {UINT64_MAX, 1, 1, 1}, fair[4] = {3, 3, 3, 1};
    assert_int_equal(cr_committee_init(&c, &genesis_id, 0, none, 4), CR_ERR_CONFIG);
    assert_int_equal(cr_committee_init(&c, &genesis_id, 0, king, 5), CR_ERR_CONFIG);
    assert_int_equal(cr_committee_init(&c, &genesis_id, 0, huge, 4), CR_ERR_CONFIG);
    assert_int_equal(cr_committee_init(&c, &genesis_id, 0, over, 4), CR_ERR_CONFIG);
    assert_int_equal(cr_committee_init(&c, &genesis_id, 0, fair, 0), CR_ERR_CONFIG);
    assert_int_equal(cr_committee_init(&c, &genesis_id, 0, fair, 4), CR_OK);
    assert_false(c.equal);
    const struct cr_authors set = {{5}};
    assert_int_equal(cr_committee_stake_of(&c, &set), 6);
}

/* Goal: the tables of four authors at a time give what adding one by one gives. */
static void stake_of_any_set_is_the_sum(void **state)
{
    (void)state;
    struct cr_prng random = cr_prng_stream(5, 0, 0);
    for (uint32_t n = 1; n <= CR_VALIDATORS_MAX; n++) {
        uint64_t stakes[CR_VALIDATORS_MAX];
        struct cr_committee c;
        for (uint32_t a = 0; a < n; a++)
            stakes[a] = (UINT64_C(1) << 50) + cr_prng_below(&random, UINT64_C(1) << 45);
        assert_int_equal(cr_committee_init(&c, &genesis_id, 0, stakes, n), CR_OK);
        for (uint32_t i = 0; i < 50; i++) {
            struct cr_authors set = {0};
            uint64_t sum = 0;
            for (uint32_t a = 0; a < n; a++) {
                if (i > 0 && cr_prng_below(&random, 50) >= i) continue; /* all, none .. most */
                cr_authors_add(&set, a);
                sum += stakes[a];
            }
            assert_int_equal(cr_committee_stake_of(&c, &set), sum);
        }
    }
}

/* Goal: nodes that ended an epoch differently have nothing in common in the next. Method: the
 * origin changes with each field of the beginning, except its time; the first is the genesis. */
static void origin_covers_the_past(void **state)
{
    (void)state;
    const struct cr_epoch first = {.number = 1, .timestamp_ms = 9};
    struct cr_hash origins[6];
    struct cr_hash origin = cr_epoch_origin(&genesis_id, &first);
    assert_true(cr_hash_equal(&origin, &genesis_id));
    for (uint32_t i = 0; i < 6; i++) {
        struct cr_epoch epoch = {.number = 2, .index = 7};
        if (i == 1) epoch.number++;
        if (i == 2) epoch.index++;
        if (i == 3) epoch.digest.bytes[31]++;
        if (i == 4) epoch.state_root.bytes[31]++;
        if (i == 5) epoch.committee.bytes[31]++;
        origins[i] = cr_epoch_origin(&genesis_id, &epoch);
        for (uint32_t j = 0; j < i; j++)
            assert_false(cr_hash_equal(&origins[i], &origins[j]));
    }
}

/* What is derived for one epoch or author is of no use in another: a vertex of round 1 belongs to
 * one epoch, and the leaders of the next one cannot be foreseen from those of this. */
static void epochs_and_authors_have_their_own_genesis(void **state)
{
    (void)state;
    static struct cr_committee first, second;
    const uint64_t stakes[4] = {1, 1, 1, 1};
    assert_int_equal(cr_committee_init(&first, &genesis_id, 0, stakes, 4), CR_OK);
    assert_int_equal(cr_committee_init(&second, &genesis_id, 1, stakes, 4), CR_OK);
    const struct cr_hash a = cr_committee_genesis_digest(&first, 0);
    const struct cr_hash b = cr_committee_genesis_digest(&first, 1);
    const struct cr_hash c = cr_committee_genesis_digest(&second, 0);
    assert_false(cr_hash_equal(&a, &b));
    assert_false(cr_hash_equal(&a, &c));
    assert_false(cr_hash_equal(&first.seed, &second.seed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thresholds_hold_for_every_size),
        cmocka_unit_test(impossible_stakes_are_refused),
        cmocka_unit_test(stake_of_any_set_is_the_sum),
        cmocka_unit_test(origin_covers_the_past),
        cmocka_unit_test(epochs_and_authors_have_their_own_genesis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
