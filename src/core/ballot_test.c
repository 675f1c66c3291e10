/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "core/ballot.h"

enum { SEATS = 8 };

static const struct cr_hash genesis_id = {{7}};
static const struct cr_epoch epoch = {
    .number = 3, .index = 90, .digest = {{1}}, .state_root = {{2}}, .committee = {{3}}};
/* N = 21, F = 6, Q = 15; seat 7 has no voice. */
static const uint64_t stake[SEATS] = {1, 2, 3, 4, 5, 5, 1, 0};
static struct cr_ballot ballot;
static struct cr_hash ours, theirs;

static void begin(void)
{
    struct cr_epoch other = epoch;
    other.state_root.bytes[31] = 1;
    assert_int_equal(cr_ballot_begin(&ballot, &genesis_id, &epoch, stake, SEATS), CR_OK);
    ours = cr_epoch_origin(&genesis_id, &epoch);
    theirs = cr_epoch_origin(&genesis_id, &other);
    assert_true(cr_hash_equal(&ballot.origin, &ours));
    assert_true(ballot.signers.faulty == 6 && ballot.signers.quorum == 15);
}

/* Goal: stake is counted, by seat and once, up to exactly the quorum. */
static void whole_at_the_quorum(void **state)
{
    (void)state;
    begin();
    assert_false(cr_ballot_wants(&ballot, 7, &ours));
    assert_false(cr_ballot_wants(&ballot, SEATS, &ours));
    for (uint32_t seat = 0; seat < 5; seat++) {
        assert_false(cr_ballot_is_whole(&ballot)); /* 0, 1, 3, 6, 10 */
        assert_true(cr_ballot_wants(&ballot, seat, &ours));
        assert_false(cr_ballot_add(&ballot, seat, &ours));
        assert_false(cr_ballot_wants(&ballot, seat, &ours));
    }
    assert_true(cr_ballot_is_whole(&ballot));
    assert_false(cr_ballot_is_refuted(&ballot));
}

/* Goal: F on the other side is nothing, one more stake is; who votes for both counts on both. */
static void refuted_above_f(void **state)
{
    (void)state;
    begin();
    assert_false(cr_ballot_add(&ballot, 4, &theirs));
    assert_false(cr_ballot_add(&ballot, 0, &theirs));
    assert_false(cr_ballot_wants(&ballot, 0, &theirs));
    assert_false(cr_ballot_is_refuted(&ballot)); /* 6 */
    assert_true(cr_ballot_wants(&ballot, 0, &ours));
    assert_true(cr_ballot_add(&ballot, 0, &ours));
    assert_false(cr_ballot_add(&ballot, 6, &ours));
    assert_false(cr_ballot_is_refuted(&ballot));
    assert_true(cr_ballot_add(&ballot, 6, &theirs));
    assert_true(cr_ballot_is_refuted(&ballot)); /* 7 */
    assert_false(cr_ballot_is_whole(&ballot));
}

/* Goal: nobody has signed the beginning of the first epoch; stakes without a sum are none. */
static void beginnings(void **state)
{
    (void)state;
    static const uint64_t nothing[2];
    struct cr_epoch first = epoch;
    begin();
    const struct cr_ballot before = ballot;
    assert_int_equal(cr_ballot_begin(&ballot, &genesis_id, &epoch, nothing, 2), CR_ERR_CONFIG);
    assert_memory_equal(&before, &ballot, sizeof before);
    first.number = 1;
    expect_assert_failure((void)!cr_ballot_begin(&ballot, &genesis_id, &first, stake, SEATS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_at_the_quorum),
        cmocka_unit_test(refuted_above_f),
        cmocka_unit_test(beginnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
