/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prng.h"
#include "base/unit.h"

/* Goal: it is splitmix64. Method: the published first outputs for seed 1234567. */
static void known_answers(void **state)
{
    (void)state;
    struct cr_prng prng = {1234567};
    assert_true(cr_prng_next(&prng) == UINT64_C(6457827717110365317));
    assert_true(cr_prng_next(&prng) == UINT64_C(3203168211198807973));
    assert_true(cr_prng_next(&prng) == UINT64_C(9817491932198370423));
    assert_true(cr_prng_next(&prng) == UINT64_C(4593380528125082431));
    assert_true(cr_prng_next(&prng) == UINT64_C(16408922859458223821));
}

/* Goal: below(n) stays below n and reaches all of it, evenly. Method: 60,000 draws of 6. */
static void below_is_even(void **state)
{
    (void)state;
    struct cr_prng prng = {42};
    uint32_t seen[6] = {0};
    for (uint32_t i = 0; i < 60000; i++)
        seen[cr_prng_below(&prng, 6)]++;
    for (uint32_t i = 0; i < 6; i++)
        assert_in_range(seen[i], 9600, 10400); /* 4.4 standard deviations */
    assert_true(cr_prng_below(&prng, 1) == 0);
    assert_true(cr_prng_below(&prng, UINT64_MAX) < UINT64_MAX);
    expect_assert_failure(cr_prng_below(&prng, 0));
}

/* Goal: streams do not depend on each other's use, and neighbours do not resemble each other.
 * Method: a stream is drawn alone and beside others; bits of neighbouring streams are counted. */
static void streams_are_independent(void **state)
{
    (void)state;
    struct cr_prng alone = cr_prng_stream(7, 3, 5);
    struct cr_prng beside = cr_prng_stream(7, 3, 5);
    struct cr_prng other = cr_prng_stream(7, 3, 6);
    for (uint32_t i = 0; i < 100; i++) {
        (void)cr_prng_next(&other);
        assert_true(cr_prng_next(&alone) == cr_prng_next(&beside));
    }
    uint64_t equal_bits = 0;
    uint32_t pairs = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        struct cr_prng a = cr_prng_stream(i, i % 7, i % 11);
        struct cr_prng neighbours[] = {cr_prng_stream(i + 1, i % 7, i % 11),
                                       cr_prng_stream(i, i % 7 + 1, i % 11),
                                       cr_prng_stream(i, i % 7, i % 11 + 1)};
        const uint64_t first = cr_prng_next(&a);
        for (size_t k = 0; k < CR_COUNT_OF(neighbours); k++) {
            const uint64_t other_first = cr_prng_next(&neighbours[k]);
            assert_true(first != other_first);
            equal_bits += (uint64_t)__builtin_popcountll(~(first ^ other_first));
            pairs++;
        }
    }
    assert_in_range(equal_bits, pairs * 31, pairs * 33);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(below_is_even),
        cmocka_unit_test(streams_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
