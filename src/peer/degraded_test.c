/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/unit.h"
#include "peer/degraded.h"

static const struct cr_degraded_signals well = {
    .stake_up = 4, .stake_total = 4, .stake_quorum = 3, .commit_age_us = 1000};

/* Goal: each level is entered at its own boundary and the worst signal wins. Method: one signal at
 * a time moved to both sides of its boundary, then all at once. */
static void worst_signal_wins(void **state)
{
    (void)state;
    struct cr_degraded_signals s = well;
    assert_int_equal(cr_degraded_level(&s), CR_DEGRADED_NORMAL);
    s.queue_percent = 50;
    assert_int_equal(cr_degraded_level(&s), CR_DEGRADED_NORMAL);
    s.queue_percent = 51;
    assert_int_equal(cr_degraded_level(&s), CR_DEGRADED_STRAINED);
    s.stake_up = 3;
    assert_int_equal(cr_degraded_level(&s), CR_DEGRADED_IMPAIRED);
    s.stake_up = 2;
    assert_int_equal(cr_degraded_level(&s), CR_DEGRADED_READ_ONLY);
    s.halted = true;
    assert_int_equal(cr_degraded_level(&s), CR_DEGRADED_HALTED);

    s = well;
    s.syncing = true;
    assert_int_equal(cr_degraded_level(&s), CR_DEGRADED_IMPAIRED);
    s = well;
    s.commit_age_us = UINT64_C(10) * 1000 * 1000;
    assert_int_equal(cr_degraded_level(&s), CR_DEGRADED_NORMAL);
    s.commit_age_us++;
    assert_int_equal(cr_degraded_level(&s), CR_DEGRADED_READ_ONLY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(worst_signal_wins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
