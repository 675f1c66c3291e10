/* SPDX-License-Identifier: Apache-2.0 */
#include "base/authors.h"
#include "base/prng.h"
#include "base/unit.h"

/* Goal: the mask behaves as a set. Method: random changes beside an array of bools. */
static void mask_is_a_set(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(1, 1, 1);
    struct cr_authors set = {{0}};
    bool model[CR_VALIDATORS_MAX] = {false};
    for (uint32_t step = 0; step < 5000; step++) {
        const uint32_t author = (uint32_t)cr_prng_below(&prng, CR_VALIDATORS_MAX);
        model[author] = cr_prng_below(&prng, 2) == 1;
        if (model[author])
            cr_authors_add(&set, author);
        else
            cr_authors_remove(&set, author);
        uint32_t count = 0;
        uint32_t next = cr_authors_next(&set, 0);
        for (uint32_t i = 0; i < CR_VALIDATORS_MAX; i++) {
            assert_int_equal(cr_authors_has(&set, i), model[i]);
            if (!model[i]) continue;
            assert_int_equal(next, i);
            next = cr_authors_next(&set, i + 1);
            count++;
        }
        assert_int_equal(next, CR_VALIDATORS_MAX);
        assert_int_equal(cr_authors_count(&set), count);
        assert_int_equal(cr_authors_is_empty(&set), count == 0);
    }
}

/* Goal: and, or, without. Method: random pairs, author by author; inputs stay as they are. */
static void algebra(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(2, 1, 1);
    for (uint32_t i = 0; i < 100; i++) {
        struct cr_authors a, b;
        for (uint32_t w = 0; w < CR_AUTHOR_WORDS; w++) {
            a.words[w] = cr_prng_next(&prng);
            b.words[w] = cr_prng_next(&prng);
        }
        const struct cr_authors both = cr_authors_and(a, &b);
        const struct cr_authors any = cr_authors_or(a, &b);
        const struct cr_authors rest = cr_authors_without(a, &b);
        for (uint32_t k = 0; k < CR_VALIDATORS_MAX; k++) {
            const bool in_a = cr_authors_has(&a, k);
            const bool in_b = cr_authors_has(&b, k);
            assert_int_equal(cr_authors_has(&both, k), in_a && in_b);
            assert_int_equal(cr_authors_has(&any, k), in_a || in_b);
            assert_int_equal(cr_authors_has(&rest, k), in_a && !in_b);
        }
    }
}

static void authors_beyond_the_mask_are_bugs(void **state)
{
    (void)state;
    struct cr_authors set = {{0}};
    expect_assert_failure(cr_authors_has(&set, CR_VALIDATORS_MAX));
    expect_assert_failure(cr_authors_add(&set, CR_VALIDATORS_MAX));
    expect_assert_failure(cr_authors_remove(&set, CR_VALIDATORS_MAX));
    assert_int_equal(cr_authors_next(&set, CR_VALIDATORS_MAX), CR_VALIDATORS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mask_is_a_set),
        cmocka_unit_test(algebra),
        cmocka_unit_test(authors_beyond_the_mask_are_bugs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
