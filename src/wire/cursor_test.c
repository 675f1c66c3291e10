/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"
#include "wire/cursor.h"

/* Goal: a reader never passes its end. Method: every count of bytes, every width. */
static void short_reads_give_zero_and_stay_bad(void **state)
{
    (void)state;
    const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (size_t count = 0; count <= 8; count++) {
        for (size_t width = 1; width <= 8; width++) {
            struct cr_reader reader = cr_reader_of(bytes, count);
            const uint64_t value = cr_read_le(&reader, width);
            assert_int_equal(reader.bad, width > count);
            assert_int_equal(value, width > count ? 0 : cr_load_le(bytes, width));
            assert_int_equal(cr_reader_end(&reader), width > count    ? CR_ERR_TRUNCATED
                                                     : width == count ? CR_OK
                                                                      : CR_ERR_TRAILING);
            if (!reader.bad) continue;
            assert_int_equal(cr_read_le(&reader, 1), 0); /* even if this one would fit */
            assert_null(cr_read_bytes(&reader, 0));
            const struct cr_hash none = cr_read_hash(&reader);
            assert_true(cr_hash_is_zero(&none));
            assert_int_equal(cr_reader_end(&reader), CR_ERR_TRUNCATED);
        }
    }
}

/* Goal: lengths near SIZE_MAX and inputs of NULL are no trap. */
static void extreme_lengths(void **state)
{
    (void)state;
    const uint8_t bytes[4] = {0};
    struct cr_reader reader = cr_reader_of(bytes, sizeof bytes);
    assert_non_null(cr_read_bytes(&reader, 3));
    assert_null(cr_read_bytes(&reader, SIZE_MAX));
    assert_int_equal(reader.position, 3);

    struct cr_reader nothing = cr_reader_of(NULL, 0);
    assert_non_null(cr_read_bytes(&nothing, 0));
    assert_int_equal(cr_reader_end(&nothing), CR_OK);
    const struct cr_hash hash = cr_read_hash(&nothing);
    assert_true(cr_hash_is_zero(&hash));
    assert_true(nothing.bad);
}

/* Goal: what is written is read. */
static void writes_are_read_back(void **state)
{
    (void)state;
    uint8_t bytes[8 + 32 + 3];
    struct cr_hash hash;
    memset(&hash, 7, sizeof hash);
    struct cr_writer writer = cr_writer_of(bytes, sizeof bytes);
    cr_write_le(&writer, 0x0102030405060708, 8);
    cr_write_hash(&writer, &hash);
    cr_write_bytes(&writer, "abc", 3);
    assert_int_equal(writer.position, sizeof bytes);
    assert_int_equal(bytes[0], 8);

    struct cr_reader reader = cr_reader_of(bytes, sizeof bytes);
    assert_true(cr_read_le(&reader, 8) == 0x0102030405060708);
    const struct cr_hash again = cr_read_hash(&reader);
    assert_true(cr_hash_equal(&again, &hash));
    assert_memory_equal(cr_read_bytes(&reader, 3), "abc", 3);
    assert_int_equal(cr_reader_end(&reader), CR_OK);
}

/* Goal: overruns and values that do not fit are bugs, and caught. */
static void misuse_is_caught(void **state)
{
    (void)state;
    uint8_t bytes[2];
    struct cr_writer writer = cr_writer_of(bytes, sizeof bytes);
    expect_assert_failure(cr_write_le(&writer, 1, 3));
    expect_assert_failure(cr_write_le(&writer, 256, 1));
    expect_assert_failure(cr_write_bytes(&writer, bytes, SIZE_MAX));
    struct cr_reader reader = cr_reader_of(bytes, sizeof bytes);
    expect_assert_failure(cr_read_le(&reader, 9));
    expect_assert_failure(cr_read_le(&reader, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_reads_give_zero_and_stay_bad),
        cmocka_unit_test(extreme_lengths),
        cmocka_unit_test(writes_are_read_back),
        cmocka_unit_test(misuse_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
