/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka.h: as much of cmocka as the tests need that tools/neon compiles for another processor, for
 * which there is no cmocka. */
#ifndef CR_TESTS_NEON_CMOCKA_H
#define CR_TESTS_NEON_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest { /* cmocka's name. NOLINT(readability-identifier-naming) */
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(f) \
    {                       \
#f, f               \
    }

#define fail_msg(...)                                    \
    do {                                                 \
        (void)fprintf(stderr, __VA_ARGS__);              \
        (void)fprintf(stderr, " (line %d)\n", __LINE__); \
        exit(EXIT_FAILURE);                              \
    } while (0)

#define assert_true(x)                         \
    do {                                       \
        if (!(x)) fail_msg("%s is false", #x); \
    } while (0)

#define assert_false(x)                 assert_true(!(x))
#define assert_null(x)                  assert_true((x) == NULL)
#define assert_non_null(x)              assert_true((x) != NULL)
#define assert_int_equal(a, b)          assert_true((long long)(a) == (long long)(b))
#define assert_ptr_equal(a, b)          assert_true((const void *)(a) == (const void *)(b))
#define assert_string_equal(a, b)       assert_true(strcmp(a, b) == 0)
#define assert_memory_equal(a, b, size) assert_true(memcmp(a, b, size) == 0)
#define print_message(...)              (void)printf(__VA_ARGS__)
#define mock_assert(result, expression, file, line) \
    fail_msg("%s is false at %s:%d", expression, file, line)

#define cmocka_run_group_tests(tests, setup, teardown) \
    run_tests(tests, sizeof(tests) / sizeof((tests)[0]))

static int run_tests(const struct CMUnitTest *tests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tests[i].run(NULL);
        (void)printf("ok %s\n", tests[i].name);
    }
    return EXIT_SUCCESS;
}

#endif
