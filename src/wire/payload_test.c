/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"
#include "wire/payload.h"
#include "wire/sample.h"

enum { TXS = 5 };

static uint8_t bytes[TXS * 40000];
static size_t offsets[TXS + 1];

static size_t build(void)
{
    struct cr_prng prng = cr_prng_stream(1, 3, 1);
    size_t count = 0;
    for (uint32_t i = 0; i < TXS; i++) {
        offsets[i] = count;
        uint8_t *tx = bytes + count + 4;
        const size_t tx_bytes = cr_sample_tx(&prng, (enum cr_op_type)(1 + i % 4), 1 + i, tx, 30000);
        cr_store_le(bytes + count, tx_bytes, 4);
        count += 4 + tx_bytes;
    }
    offsets[TXS] = count;
    return count;
}

/* Goal: the walk gives every transaction once, and in order. */
static void walk_gives_every_transaction(void **state)
{
    (void)state;
    const size_t count = build();
    struct cr_payload payload = cr_payload_begin(bytes, count, TXS);
    const uint8_t *tx;
    uint32_t tx_bytes;
    for (uint32_t i = 0; i < TXS; i++) {
        assert_true(cr_payload_next(&payload, &tx, &tx_bytes));
        assert_ptr_equal(tx, bytes + offsets[i] + 4);
        assert_int_equal(tx_bytes, offsets[i + 1] - offsets[i] - 4);
    }
    assert_false(cr_payload_next(&payload, &tx, &tx_bytes));
    assert_false(payload.reader.bad);
    assert_int_equal(cr_payload_check(bytes, count, TXS), CR_OK);
    assert_int_equal(cr_payload_check(NULL, 0, 0), CR_OK);
}

/* Goal: lengths and count must agree. Method: every prefix, one more byte, wrong counts. */
static void lengths_and_count_must_agree(void **state)
{
    (void)state;
    const size_t count = build();
    for (size_t cut = 0; cut < count; cut++)
        assert_int_not_equal(cr_payload_check(bytes, cut, TXS), CR_OK);
    for (size_t i = 0; i < TXS; i++)
        assert_int_equal(cr_payload_check(bytes, offsets[i], (uint32_t)i), CR_OK);
    bytes[count] = 0;
    assert_int_equal(cr_payload_check(bytes, count + 1, TXS), CR_ERR_MALFORMED);
    assert_int_equal(cr_payload_check(bytes, count, TXS - 1), CR_ERR_MALFORMED);
    assert_int_equal(cr_payload_check(bytes, count, TXS + 1), CR_ERR_MALFORMED);
    assert_int_equal(cr_payload_check(bytes, count, CR_PAYLOAD_TXS_MAX + 1), CR_ERR_TOO_BIG);
    assert_int_equal(cr_payload_check(bytes, CR_PAYLOAD_BYTES_MAX + 1, 1), CR_ERR_TOO_BIG);
}

/* Goal: a broken or empty transaction breaks the payload. */
static void every_transaction_must_decode(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < TXS; i++) {
        const size_t count = build();
        bytes[offsets[i] + 4] ^= 1; /* its tag */
        assert_int_equal(cr_payload_check(bytes, count, TXS), CR_ERR_MALFORMED);
    }
    const uint8_t empty[4] = {0};
    assert_int_equal(cr_payload_check(empty, sizeof empty, 1), CR_ERR_MALFORMED);
    const uint8_t huge[8] = {255, 255, 255, 255};
    assert_int_equal(cr_payload_check(huge, sizeof huge, 1), CR_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walk_gives_every_transaction),
        cmocka_unit_test(lengths_and_count_must_agree),
        cmocka_unit_test(every_transaction_must_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
