/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "net/gate.h"

static void buckets_fill_with_time(void **state)
{
    (void)state;
    struct cr_bucket bucket = {0};
    uint32_t taken = 0;
    while (cr_bucket_take(&bucket, 10, 5, 0))
        taken++;
    assert_int_equal(taken, 5);
    assert_false(cr_bucket_take(&bucket, 10, 5, 99999));
    assert_true(cr_bucket_take(&bucket, 10, 5, 100000));
    assert_false(cr_bucket_take(&bucket, 10, 5, 100000));
    for (taken = 0; cr_bucket_take(&bucket, 10, 5, UINT64_C(3600) * 1000000);)
        taken++;
    assert_int_equal(taken, 5); /* never more than the burst */
}

/* Goal: what is kept for strangers is bounded, at every load. Method: all loads. */
static void half_open_handshakes_are_bounded(void **state)
{
    (void)state;
    for (uint32_t all = 0; all <= CR_GATE_HALF_OPEN_MAX + 1; all++) {
        for (uint32_t host = 0; host <= all; host++) {
            const struct cr_gate_load load = {.half_open = all, .half_open_host = host};
            struct cr_gate gate = {0};
            const enum cr_gate_verdict first = cr_gate_judge(&gate, &load, false, 0);
            const enum cr_gate_verdict shown = cr_gate_judge(&gate, &load, true, 0);
            const bool easy = all < CR_GATE_HALF_OPEN_EASY && host < CR_GATE_HOST_EASY;
            const bool full = all >= CR_GATE_HALF_OPEN_MAX;
            assert_int_equal(first, full ? CR_GATE_DROP : easy ? CR_GATE_ACCEPT : CR_GATE_RETRY);
            assert_int_equal(shown,
                             full || host >= CR_GATE_HOST_MAX ? CR_GATE_DROP : CR_GATE_ACCEPT);
        }
    }
}

/* Goal: handshakes that end quickly are bounded too, by their rate; and who forges addresses, or
 * has an address of no validator, takes nothing from the validators. */
static void the_rate_is_bounded(void **state)
{
    (void)state;
    struct cr_gate gate = {0};
    uint32_t accepted[2][2] = {{0}};
    for (uint32_t ms = 0; ms < 10000; ms++) {
        for (uint32_t kind = 0; kind < 4; kind++) {
            const struct cr_gate_load load = {.known = kind / 2 == 1};
            const enum cr_gate_verdict verdict =
                cr_gate_judge(&gate, &load, kind % 2 == 1, UINT64_C(1000) * ms);
            accepted[kind / 2][kind % 2] += verdict == CR_GATE_ACCEPT;
        }
    }
    for (uint32_t validated = 0; validated < 2; validated++) {
        const uint32_t strangers = CR_GATE_STRANGERS_BURST + 10 * CR_GATE_STRANGERS_PER_S;
        const uint32_t known = CR_GATE_KNOWN_BURST + 10 * CR_GATE_KNOWN_PER_S;
        assert_in_range(accepted[0][validated], strangers - 2, strangers);
        assert_in_range(accepted[1][validated], known - 2, known);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_fill_with_time),
        cmocka_unit_test(half_open_handshakes_are_bounded),
        cmocka_unit_test(the_rate_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
