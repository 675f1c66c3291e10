/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a survey sees what is there, changes nothing, and goes on behind damage. */
#include "store/survey.h"

#include "store/testing.h"

static const struct cr_hash genesis = {{1, 2, 3}};
static struct cr_log_survey seen;
static uint64_t bytes_total;

static bool count(void *context, enum cr_log_kind kind, const uint8_t *body, size_t bytes)
{
    (void)context;
    assert_int_equal(kind, CR_LOG_VERTEX);
    assert_int_equal(body[0], 7);
    bytes_total += bytes;
    return true;
}

static enum cr_err look(const char *path, const struct cr_hash *of)
{
    struct cr_store_failure failure;
    bytes_total = 0;
    return cr_log_survey(path, of, count, NULL, &seen, &failure);
}

static void fill(const char *path, uint32_t records)
{
    static uint8_t body[1 << 20] = {7};
    struct cr_store_failure failure;
    struct cr_log_position at;
    struct cr_log *log;
    assert_int_equal(cr_log_open(path, &genesis, 0, &log, &failure), CR_OK);
    for (uint32_t i = 0; i < records; i++)
        assert_int_equal(
            cr_log_append(log, CR_LOG_VERTEX, body, sizeof body, NULL, 0, &at, &failure), CR_OK);
    assert_int_equal(cr_log_sync(log, &failure), CR_OK);
    /* It is still open: a survey takes no lock. */
    assert_int_equal(look(path, &genesis), CR_OK);
    assert_int_equal(seen.records, records);
    assert_int_equal(bytes_total, (uint64_t)records << 20);
    cr_log_close(log);
}

static void a_survey_goes_on_behind_damage(void **state)
{
    (void)state;
    test_root_make();
    const struct test_path path = path_of("log");
    fill(path.text, 40);
    const uint32_t segments = seen.segments;
    assert_true(segments > 2);
    assert_int_equal(seen.damaged, 0);

    const struct test_path first = path_in(path.text, "00000000.seg");
    const int fd = open(first.text, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "x", 1, 5 << 20), 1);
    close(fd);
    assert_int_equal(look(path.text, &genesis), CR_OK);
    assert_int_equal(seen.damaged, 1);
    assert_int_equal(seen.segments, segments);
    assert_in_range(seen.records, 25, 35); /* ten of the first segment are behind the damage */
    assert_int_equal(look(path.text, &genesis), CR_OK);

    const struct cr_hash other = {{9}};
    assert_int_equal(look(path.text, &other), CR_ERR_MISMATCH);
    assert_int_equal(look(path_of("nothing").text, &genesis), CR_ERR_NOT_FOUND);
    assert_int_equal(look(test_root, &genesis), CR_ERR_NOT_FOUND);
    remove_tree(test_root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_survey_goes_on_behind_damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
