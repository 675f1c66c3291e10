/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"
#include "base/prng.h"
#include "base/unit.h"

enum { VALUES = 3000 };

static uint64_t values[VALUES];

static int by_value(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* Values of every magnitude below 2^bits. */
static void draw(struct cr_histogram *histogram, uint64_t seed, uint32_t bits)
{
    struct cr_prng prng = {seed};
    memset(histogram, 0, sizeof *histogram);
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = cr_prng_next(&prng) >> (64 - 1 - cr_prng_below(&prng, bits));
        cr_histogram_add(histogram, values[i]);
    }
    qsort(values, VALUES, sizeof values[0], by_value);
}

/* Goal: a quantile is at least the exact one and less than 1/32 above. Method: sorted values. */
static void quantiles_against_sorted_values(void **state)
{
    (void)state;
    static const uint32_t wanted[] = {0, 1, 100, 10000, 50000, 90000, 99000, 99900, 99999, 100000};
    static struct cr_histogram histogram;
    for (uint64_t seed = 0; seed < 40; seed++) {
        draw(&histogram, seed, 1 + (uint32_t)seed % 40);
        for (size_t i = 0; i < CR_COUNT_OF(wanted); i++) {
            size_t rank = (VALUES * (size_t)wanted[i] + 99999) / 100000;
            if (rank == 0) rank = 1;
            const uint64_t exact = values[rank - 1];
            const uint64_t got = cr_histogram_quantile(&histogram, wanted[i]);
            assert_true(got >= exact);
            assert_true((got - exact) * 32 < exact || got == exact);
            assert_true(got <= histogram.max);
        }
        assert_true(histogram.max == values[VALUES - 1]);
        assert_true(cr_histogram_quantile(&histogram, 100000) == histogram.max);
    }
}

/* Goal: small values are exact, and the bucket edges are where they should be. */
static void every_small_value_and_every_power(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 5000; value++) {
        static struct cr_histogram one;
        memset(&one, 0, sizeof one);
        cr_histogram_add(&one, value);
        cr_histogram_add(&one, value * 2);
        const uint64_t got = cr_histogram_quantile(&one, 50000);
        assert_true(got >= value && got - value <= value / 32);
        if (value < 64) assert_true(got == value);
    }
    for (uint32_t bit = 0; bit < 64; bit++) {
        static struct cr_histogram one;
        memset(&one, 0, sizeof one);
        cr_histogram_add(&one, UINT64_C(1) << bit);
        cr_histogram_add(&one, UINT64_MAX);
        const uint64_t got = cr_histogram_quantile(&one, 1);
        if (bit < 40)
            assert_true(got >> bit == 1);
        else
            assert_true(got == (UINT64_C(1) << 40) - 1);
        assert_true(one.max == UINT64_MAX);
    }
}

static void empty_and_merged(void **state)
{
    (void)state;
    static struct cr_histogram empty, a, b, both;
    assert_true(cr_histogram_quantile(&empty, 0) == 0);
    assert_true(cr_histogram_quantile(&empty, 100000) == 0);
    expect_assert_failure(cr_histogram_quantile(&empty, 100001));
    draw(&a, 1, 30);
    both = a;
    draw(&b, 2, 20);
    for (size_t i = 0; i < VALUES; i++)
        cr_histogram_add(&both, values[i]);
    cr_histogram_merge(&a, &b);
    assert_memory_equal(&a, &both, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_against_sorted_values),
        cmocka_unit_test(every_small_value_and_every_power),
        cmocka_unit_test(empty_and_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
