/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "node/blame.h"

#define SECOND UINT64_C(1000000)

static struct cr_blame blame;

/* Goal: only what an honest peer never sends ends a connection; the rest is counted. */
static void only_own_faults_cut(void **state)
{
    (void)state;
    blame = (struct cr_blame){0};
    for (uint32_t reason = 0; reason < CR_BLAMES_COUNT; reason++) {
        const bool cuts =
            reason == CR_BLAME_FRAME || reason == CR_BLAME_SIGNATURE || reason == CR_BLAME_PAYLOAD;
        assert_int_equal(cr_blame(&blame, reason, reason, 1, SECOND) > 0, cuts);
        assert_int_equal(cr_blame_is_cut(&blame, reason, SECOND), cuts);
        assert_int_equal(blame.peers[reason].counts[reason], 1);
        assert_true(cr_blame_text(reason)[0] != 0);
    }
}

/* Goal: the pause doubles to ten minutes, per peer; what comes during a pause does not lengthen it;
 * ten quiet minutes forgive. */
static void pauses_double(void **state)
{
    (void)state;
    blame = (struct cr_blame){0};
    uint64_t now_us = 5 * SECOND;
    for (uint64_t expected = 1; expected < 2000; expected *= 2) {
        const uint64_t pause_us = cr_blame(&blame, 3, CR_BLAME_SIGNATURE, 1, now_us);
        assert_true(pause_us == (expected < 600 ? expected : 600) * SECOND);
        assert_int_equal(cr_blame(&blame, 3, CR_BLAME_FRAME, 1, now_us + pause_us - 1), 0);
        now_us += pause_us;
        assert_false(cr_blame_is_cut(&blame, 3, now_us));
    }
    assert_true(cr_blame(&blame, 4, CR_BLAME_FRAME, 1, now_us) == SECOND);
    now_us += 601 * SECOND;
    assert_true(cr_blame(&blame, 3, CR_BLAME_FRAME, 1, now_us) == SECOND);
}

/* Goal: a peer gets its share of checks and no more; another one is not touched by it. */
static void checks_are_shared_out(void **state)
{
    (void)state;
    blame = (struct cr_blame){0};
    uint32_t taken = 0;
    while (cr_blame_may_check(&blame, 1, SECOND))
        taken++;
    assert_int_equal(taken, CR_BLAME_CHECKS_BURST);
    assert_true(cr_blame_may_check(&blame, 2, SECOND));
    taken = 0;
    while (cr_blame_may_check(&blame, 1, SECOND + SECOND / 10))
        taken++;
    assert_int_equal(taken, CR_BLAME_CHECKS_PER_S / 10);
}

/* Goal: an author has a budget of clients' signatures that fail, filled again with time; above it
 * it is cut off. */
static void failed_signatures_have_a_budget(void **state)
{
    (void)state;
    blame = (struct cr_blame){0};
    assert_int_equal(cr_blame(&blame, 1, CR_BLAME_CLIENT, CR_BLAME_CLIENTS_BURST, SECOND), 0);
    assert_false(cr_blame_is_cut(&blame, 1, SECOND));
    assert_int_equal(cr_blame(&blame, 1, CR_BLAME_CLIENT, 2, 3 * SECOND),
                     0); /* two seconds later */
    assert_true(cr_blame(&blame, 1, CR_BLAME_CLIENT, 1, 3 * SECOND) == SECOND);
    assert_true(cr_blame_is_cut(&blame, 1, 3 * SECOND));
    assert_int_equal(cr_blame(&blame, 2, CR_BLAME_CLIENT, 1, SECOND), 0);
    assert_true(cr_blame(&blame, 3, CR_BLAME_CLIENT, UINT32_MAX, SECOND) == SECOND);
    assert_int_equal(blame.peers[1].counts[CR_BLAME_CLIENT], CR_BLAME_CLIENTS_BURST + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_own_faults_cut),
        cmocka_unit_test(pauses_double),
        cmocka_unit_test(checks_are_shared_out),
        cmocka_unit_test(failed_signatures_have_a_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
