/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prng.h"
#include "base/unit.h"

/* Goal: every code has its own name and a text, and unknown ones are no trap. */
static void errors_have_names_and_texts(void **state)
{
    (void)state;
    for (int a = 0; a >= -19; a--) {
        assert_int_equal(strncmp(cr_err_name((enum cr_err)a), a == 0 ? "CR_OK" : "CR_ERR_", 5), 0);
        assert_true(strlen(cr_err_text((enum cr_err)a)) > 5);
        for (int b = 0; b > a; b--) {
            assert_string_not_equal(cr_err_name((enum cr_err)a), cr_err_name((enum cr_err)b));
            assert_string_not_equal(cr_err_text((enum cr_err)a), cr_err_text((enum cr_err)b));
        }
    }
    assert_string_equal(cr_err_name(CR_ERR_IO), "CR_ERR_IO");
    assert_string_equal(cr_err_name((enum cr_err) - 20), "CR_ERR_UNKNOWN");
    assert_string_equal(cr_err_name((enum cr_err)1), "CR_ERR_UNKNOWN");
    assert_string_equal(cr_err_text((enum cr_err)1), "unknown error");
}

/* Goal: the order is that of big-endian numbers. Method: one byte differs, at each place. */
static void hashes_compare_as_numbers(void **state)
{
    (void)state;
    struct cr_hash low, high;
    memset(&low, 0, sizeof low);
    assert_true(cr_hash_is_zero(&low));
    for (size_t i = 0; i < CR_HASH_BYTES; i++) {
        memset(&low, 0x7f, sizeof low);
        memset(&high, 0x7f, sizeof high);
        assert_true(cr_hash_equal(&low, &high));
        assert_int_equal(cr_hash_compare(&low, &high), 0);
        high.bytes[i] = 0x80; /* larger as unsigned, smaller as signed */
        memset(low.bytes + i + 1, 0xff, CR_HASH_BYTES - i - 1);
        assert_true(cr_hash_compare(&low, &high) < 0);
        assert_true(cr_hash_compare(&high, &low) > 0);
        assert_false(cr_hash_equal(&low, &high));
        memset(&low, 0, sizeof low);
        low.bytes[i] = 1;
        assert_false(cr_hash_is_zero(&low));
    }
}

/* Goal: loads undo stores, byte by byte from the lowest. Method: every width, edge values. */
static void little_endian(void **state)
{
    (void)state;
    for (size_t width = 1; width <= 8; width++) {
        const uint64_t top = width == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
        const uint64_t values[] = {0, 1, 0x80, top / 2, top / 2 + 1, top - 1, top};
        for (size_t i = 0; i < CR_COUNT_OF(values); i++) {
            if (values[i] > top) continue;
            uint8_t bytes[9];
            memset(bytes, 0xa5, sizeof bytes);
            cr_store_le(bytes, values[i], width);
            assert_true(cr_load_le(bytes, width) == values[i]);
            assert_int_equal(bytes[0], values[i] & 255);
            assert_int_equal(bytes[width], 0xa5);
        }
    }
}

/* Goal: what does not fit is a bug, and caught. */
static void values_must_fit(void **state)
{
    (void)state;
    uint8_t bytes[9] = {0};
    expect_assert_failure(cr_store_le(bytes, 256, 1));
    expect_assert_failure(cr_store_le(bytes, UINT64_C(1) << 32, 4));
    expect_assert_failure(cr_store_le(bytes, UINT64_C(1) << 56, 7));
    expect_assert_failure(cr_store_le(bytes, 0, 9));
    expect_assert_failure(cr_load_le(bytes, 9));
}

/* Goal: hex is read as it is written. Method: all bytes; both cases; every single character. */
static void hexadecimal(void **state)
{
    (void)state;
    uint8_t bytes[256], again[256];
    char text[513];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    cr_hex_encode(bytes, sizeof bytes, text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102", 6);
    assert_string_equal(text + 506, "fdfeff");
    assert_int_equal(cr_hex_decode(text, 512, again, 256), CR_OK);
    assert_memory_equal(again, bytes, 256);
    assert_int_equal(cr_hex_decode("aBcDeF", 6, again, 3), CR_OK);
    assert_memory_equal(again, "\xab\xcd\xef", 3);
    assert_int_equal(cr_hex_decode("", 0, again, 0), CR_OK);

    memset(again, 0xa5, sizeof again);
    assert_int_equal(cr_hex_decode(text, 511, again, 256), CR_ERR_TRUNCATED);
    assert_int_equal(cr_hex_decode(text, 512, again, 255), CR_ERR_TRAILING);
    for (int c = 0; c < 256; c++) {
        const char pair[3] = {'0', (char)c, 0};
        const bool is_digit =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (is_digit) continue;
        assert_int_equal(cr_hex_decode(pair, 2, again, 1), CR_ERR_MALFORMED);
    }
    assert_int_equal(again[0], 0xa5);
    cr_hex_encode(bytes, 0, text);
    assert_string_equal(text, "");
}

static void assertions_are_on(void **state)
{
    (void)state;
    CR_ASSERT(true);
    assert_true(CR_IMPLIES(false, false) && CR_IMPLIES(false, true) && CR_IMPLIES(true, true));
    assert_false(CR_IMPLIES(true, false));
    expect_assert_failure(CR_ASSERT(false));
    expect_assert_failure(CR_UNREACHABLE());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_names_and_texts),
        cmocka_unit_test(hashes_compare_as_numbers),
        cmocka_unit_test(little_endian),
        cmocka_unit_test(values_must_fit),
        cmocka_unit_test(hexadecimal),
        cmocka_unit_test(assertions_are_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
