/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "base/prng.h"
#include "consensus/schedule.h"

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
    const uint64_t none[4] = {1, 0, 1, 1}, king[4] = {4, 2, 2, 2};
    const uint64_t huge[4] = {UINT64_C(1) << 62, UINT64_C(1) << 62, 1, 1};
    const uint64_t over[4] = {UINT64_MAX, 1, 1, 1}, fair[4] = {3, 3, 3, 1};
    assert_int_equal(cr_committee_init(&c, &genesis_id, 0, none, 4), CR_ERR_CONFIG);
    assert_int_equal(cr_committee_init(&c, &genesis_id, 0, king, 4), CR_ERR_CONFIG);
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

/* Goal: the order is a permutation, differs by round, and the first place follows the stake. */
static void leaders_are_a_weighted_permutation(void **state)
{
    (void)state;
    const uint64_t stakes[5] = {3, 3, 2, 1, 1};
    struct cr_committee c;
    struct cr_schedule s;
    assert_int_equal(cr_committee_init(&c, &genesis_id, 0, stakes, 5), CR_OK);
    cr_schedule_init(&s, &c);
    uint32_t first[5] = {0};
    for (uint32_t round = 1; round <= 10000; round++) {
        uint8_t order[CR_VALIDATORS_MAX];
        struct cr_authors seen = {0};
        assert_int_equal(cr_schedule_leaders(&s, round, order), 5);
        for (uint32_t i = 0; i < 5; i++)
            cr_authors_add(&seen, order[i]);
        assert_int_equal(cr_authors_count(&seen), 5);
        first[order[0]]++;
    }
    for (uint32_t a = 0; a < 5; a++) { /* four standard deviations are below 200 */
        assert_in_range(first[a], stakes[a] * 1000 - 200, stakes[a] * 1000 + 200);
    }
}

/* Goal: the order is protocol: nobody may change it by accident. */
static void leader_order_is_frozen(void **state)
{
    (void)state;
    const struct cr_committee c = equal(10);
    struct cr_schedule s;
    uint8_t order[CR_VALIDATORS_MAX];
    char text[11] = "";
    cr_schedule_init(&s, &c);
    cr_schedule_leaders(&s, 7, order);
    for (uint32_t i = 0; i < 10; i++)
        text[i] = (char)('0' + order[i]);
    assert_string_equal(text, "3719802654");
    s.number = 2;
    cr_schedule_leaders(&s, 7, order);
    for (uint32_t i = 0; i < 10; i++)
        text[i] = (char)('0' + order[i]);
    assert_string_equal(text, "8512067394");
}

static struct cr_authors all_but(uint32_t n, uint32_t absent)
{
    struct cr_authors set = {0};
    for (uint32_t a = 0; a < n; a++) {
        if (a != absent) cr_authors_add(&set, a);
    }
    return set;
}

static void absent_leader_leaves_and_returns(void **state)
{
    (void)state;
    const struct cr_committee c = equal(4);
    struct cr_schedule s;
    cr_schedule_init(&s, &c);
    const struct cr_authors without = all_but(4, 2), all = all_but(4, 9);
    for (uint32_t k = 1; k < CR_SCHEDULE_WINDOW; k++)
        assert_false(cr_schedule_advance(&s, &without));
    assert_true(cr_schedule_advance(&s, &without));
    assert_false(cr_authors_has(&s.allowed, 2));
    assert_int_equal(s.number, 2);
    for (uint32_t k = 1; k < CR_SCHEDULE_WINDOW; k++)
        assert_false(cr_schedule_advance(&s, &all));
    assert_true(cr_schedule_advance(&s, &all));
    assert_true(cr_authors_has(&s.allowed, 2));
    assert_int_equal(s.number, 3);
}

/* Goal: however many are absent, a quorum may lead. */
static void a_quorum_always_leads(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 20; n++) {
        const struct cr_committee c = equal(n);
        struct cr_schedule s;
        cr_schedule_init(&s, &c);
        const struct cr_authors only = {{1}};
        for (uint32_t k = 0; k < 20; k++)
            cr_schedule_advance(&s, &only);
        assert_int_equal(cr_authors_count(&s.allowed), c.quorum);
    }
}

static void state_survives_a_restart(void **state)
{
    (void)state;
    const struct cr_committee c = equal(7);
    struct cr_schedule s, loaded;
    struct cr_schedule_state saved = {{0}};
    cr_schedule_init(&s, &c);
    loaded = s;
    assert_int_equal(cr_schedule_load(&loaded, &saved), CR_OK);
    assert_memory_equal(&loaded, &s, sizeof s);
    for (uint32_t k = 0; k < 30; k++) {
        const struct cr_authors set = all_but(7, k / 10);
        cr_schedule_advance(&s, &set);
        cr_schedule_save(&s, &saved);
        cr_schedule_init(&loaded, &c);
        assert_int_equal(cr_schedule_load(&loaded, &saved), CR_OK);
        assert_memory_equal(&loaded, &s, sizeof s);
    }
    saved.bytes[0] ^= 0x80;
    assert_int_equal(cr_schedule_load(&loaded, &saved), CR_ERR_CORRUPT);
    assert_memory_equal(&loaded, &s, sizeof s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thresholds_hold_for_every_size),
        cmocka_unit_test(impossible_stakes_are_refused),
        cmocka_unit_test(stake_of_any_set_is_the_sum),
        cmocka_unit_test(leaders_are_a_weighted_permutation),
        cmocka_unit_test(leader_order_is_frozen),
        cmocka_unit_test(absent_leader_leaves_and_returns),
        cmocka_unit_test(a_quorum_always_leads),
        cmocka_unit_test(state_survives_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
