/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include <stdio.h>

#include "api/request.h"

enum { TEXT_BYTES = 16 * 1024 };

/* A transaction with one of each operation; `edit` replaces the first "@" in it. */
static json_t *sample(const char *ops, const char *mode)
{
    char *text = calloc(1, TEXT_BYTES + 2 * CR_MLDSA44_SIG_BYTES);
    char zeros[2 * CR_MLDSA44_SIG_BYTES + 1];
    memset(zeros, '0', sizeof zeros - 1);
    zeros[sizeof zeros - 1] = 0;
    snprintf(text, TEXT_BYTES + 2 * CR_MLDSA44_SIG_BYTES,
             "{\"chain\":\"0102030405060708\",\"account\":\"%.64s\",\"client_id\":\"%.32s\","
             "\"valid_until_commit\":77,\"mode\":\"%s\",\"operations\":[%s],"
             "\"signature\":{\"algorithm\":\"ML-DSA-44\",\"hex\":\"%s\"}}",
             zeros, zeros, mode, ops, zeros);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    free(text);
    return json;
}

static enum cr_err encode(const char *ops, const char *mode, uint8_t *bytes, size_t *count,
                          char why[160])
{
    json_t *json = sample(ops, mode);
    const enum cr_err err = cr_tx_from_json(json, bytes, CR_TX_BYTES_MAX, count, why);
    json_decref(json);
    return err;
}

/* Goal: JSON says the same as the binary form. Method: encode, decode, compare every field. */
static void fields_arrive(void **state)
{
    (void)state;
    uint8_t *bytes = malloc(CR_TX_BYTES_MAX);
    size_t count, position = 0;
    char why[160];
    struct cr_tx tx;
    struct cr_op op;
    assert_int_equal(encode("{\"op\":\"put\",\"key\":\"a/b\",\"value\":{\"hex\":\"00ff\"}},"
                            "{\"op\":\"delete\",\"key\":{\"hex\":\"61\"}},"
                            "{\"op\":\"transfer\",\"to\":"
                            "\"1111111111111111111111111111111111111111111111111111111111111111\","
                            "\"amount\":5}",
                            "independent", bytes, &count, why),
                     CR_OK);
    assert_int_equal(cr_tx_decode(bytes, count, &tx), CR_OK);
    assert_int_equal(tx.valid_until_commit, 77);
    assert_int_equal(tx.flags, CR_TX_INDEPENDENT);
    assert_int_equal(tx.chain[7], 8);
    assert_true(cr_tx_op_next(&tx, &position, &op));
    assert_int_equal(op.type, CR_OP_PUT);
    assert_memory_equal(op.key, "a/b", 3);
    assert_memory_equal(op.value, "\x00\xff", 2);
    assert_true(cr_tx_op_next(&tx, &position, &op));
    assert_int_equal(op.type, CR_OP_DELETE);
    assert_memory_equal(op.key, "a", 1);
    assert_true(cr_tx_op_next(&tx, &position, &op));
    assert_int_equal(op.amount, 5);
    assert_int_equal(op.to.bytes[31], 0x11);
    assert_false(cr_tx_op_next(&tx, &position, &op));
    free(bytes);
}

/* Goal: what is wrong is named. Method: one mistake each; the message must contain its field. */
static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *ops, *mode, *named;
    } cases[] = {
        {"{\"op\":\"put\",\"value\":\"x\"}", "atomic", "operation 0: 'key'"},
        {"{\"op\":\"put\",\"key\":\"\",\"value\":\"x\"}", "atomic", "'key' must have"},
        {"{\"op\":\"put\",\"key\":\"k\"}", "atomic", "'value'"},
        {"{\"op\":\"put\",\"key\":{\"hex\":\"0g\"},\"value\":\"x\"}", "atomic", "not hexadecimal"},
        {"{\"op\":\"jump\"}", "atomic", "'op' must be"},
        {"{}", "atomic", "'op' is missing"},
        {"{\"op\":\"transfer\",\"to\":\"00\",\"amount\":1}", "atomic", "'to'"},
        {"{\"op\":\"transfer\",\"amount\":-1}", "atomic", "'amount'"},
        {"{\"op\":\"register\",\"algorithm\":\"RSA\"}", "atomic", "'algorithm'"},
        {"{\"op\":\"delete\",\"key\":\"k\"}", "sometimes", "'mode'"},
        {"", "atomic", "'operations'"},
    };
    uint8_t *bytes = malloc(CR_TX_BYTES_MAX);
    for (size_t i = 0; i < CR_COUNT_OF(cases); i++) {
        size_t count;
        char why[160] = "";
        assert_int_equal(encode(cases[i].ops, cases[i].mode, bytes, &count, why), CR_ERR_MALFORMED);
        if (!strstr(why, cases[i].named)) fail_msg("%s does not name %s", why, cases[i].named);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fields_arrive),
                                       cmocka_unit_test(mistakes_are_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
