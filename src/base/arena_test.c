/* SPDX-License-Identifier: Apache-2.0 */
#include <stdalign.h>

#include "base/arena.h"
#include "base/unit.h"

static alignas(64) uint8_t memory[1024];

/* Goal: a measuring arena counts what a real one uses, and real memory is zeroed, aligned and
 * disjoint. Method: the same requests to both. */
static void measure_and_take_agree(void **state)
{
    (void)state;
    const struct {
        size_t count;
        size_t bytes_each;
    } wanted[] = {{1, 1}, {3, 8}, {0, 5}, {1, 64}, {2, 33}, {65, 1}};
    struct cr_arena measure, real;
    memset(memory, 0xa5, sizeof memory);
    cr_arena_init_measure(&measure);
    cr_arena_init(&real, memory, sizeof memory);
    uint8_t *end = memory;
    for (size_t i = 0; i < CR_COUNT_OF(wanted); i++) {
        const size_t bytes = wanted[i].count * wanted[i].bytes_each;
        assert_null(cr_arena_take(&measure, wanted[i].count, wanted[i].bytes_each));
        uint8_t *taken = cr_arena_take(&real, wanted[i].count, wanted[i].bytes_each);
        assert_int_equal(real.bytes_used, measure.bytes_used);
        assert_int_equal((uintptr_t)taken % 64, 0);
        assert_true(taken >= end);
        for (size_t k = 0; k < bytes; k++)
            assert_int_equal(taken[k], 0);
        memset(taken, 0x5a, bytes);
        end = taken + bytes;
    }
    assert_true(end <= memory + real.bytes_used);
}

/* Goal: running out, taking late and sizes that overflow are bugs, and caught. */
static void misuse_is_caught(void **state)
{
    (void)state;
    struct cr_arena arena;
    cr_arena_init(&arena, memory, 128);
    assert_non_null(cr_arena_take(&arena, 1, 65)); /* two lines of 64 */
    expect_assert_failure(cr_arena_take(&arena, 1, 1));
    cr_arena_init(&arena, memory, 128);
    expect_assert_failure(cr_arena_take(&arena, SIZE_MAX, 2));
    expect_assert_failure(cr_arena_take(&arena, SIZE_MAX / 2, 1));
    expect_assert_failure(cr_arena_take(&arena, 1, 0));
    cr_arena_seal(&arena);
    expect_assert_failure(cr_arena_take(&arena, 1, 1));
    expect_assert_failure(cr_arena_init(&arena, NULL, 1));
    expect_assert_failure(cr_arena_init(&arena, memory + 1, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measure_and_take_agree),
        cmocka_unit_test(misuse_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
