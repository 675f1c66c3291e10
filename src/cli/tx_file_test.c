/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "cli/tx_file.h"

static uint8_t bytes[CR_TX_BYTES_MAX];
static struct cr_tx_file_failure failure;

/* Builds a transaction of the file, signed with zeroes, and decodes it. */
static enum cr_err build(const char *text, struct cr_tx *out)
{
    static const struct cr_public_key signer = {.alg = CR_ALG_MLDSA44};
    static const uint8_t signature[CR_MLDSA44_SIG_BYTES];
    const struct cr_tx fields = {.valid_until_commit = 7};
    struct cr_tx_file file;
    struct cr_tx_builder builder;
    struct cr_hash id;
    json_t *root = json_loads(text, JSON_ALLOW_NUL, NULL);
    assert_non_null(root);
    memset(&failure, 0, sizeof failure);
    enum cr_err err = cr_tx_file_read(root, &file, &failure);
    if (err == CR_OK) {
        struct cr_tx with = fields;
        with.flags = file.independent ? CR_TX_INDEPENDENT : 0;
        cr_tx_begin(&builder, bytes, sizeof bytes, &with);
        err = cr_tx_file_add(&file, &signer, &builder, &failure);
    }
    json_decref(root);
    if (err != CR_OK) return err;
    assert_int_equal(cr_tx_end(&builder, &id), CR_OK);
    const size_t count = cr_tx_sign_with(&builder, CR_ALG_MLDSA44, signature, sizeof signature);
    assert_true(count > 0);
    assert_int_equal(cr_tx_decode(bytes, count, out), CR_OK);
    assert_true(cr_hash_equal(&id, &out->id));
    return CR_OK;
}

static void every_operation(void **state)
{
    (void)state;
    struct cr_tx tx;
    struct cr_op op;
    size_t at = 0;
    assert_int_equal(build("[{\"op\":\"put\",\"key\":\"k\",\"value\":{\"hex\":\"00ff\"}},"
                           "{\"op\":\"delete\",\"key\":{\"hex\":\"6b\"}},{\"op\":\"register\"},"
                           "{\"op\":\"transfer\",\"amount\":12,\"to\":"
                           "\"0101010101010101010101010101010101010101010101010101010101010101\"}]",
                           &tx),
                     CR_OK);
    assert_int_equal(tx.ops_count, 4);
    assert_int_equal(tx.flags, 0);
    assert_true(cr_tx_op_next(&tx, &at, &op));
    assert_int_equal(op.type, CR_OP_PUT);
    assert_int_equal(op.key_bytes, 1);
    assert_int_equal(op.value_bytes, 2);
    assert_int_equal(op.value[1], 0xff);
    assert_true(cr_tx_op_next(&tx, &at, &op));
    assert_int_equal(op.type, CR_OP_DELETE);
    assert_int_equal(op.key[0], 'k');
    assert_true(cr_tx_op_next(&tx, &at, &op));
    assert_int_equal(op.type, CR_OP_REGISTER);
    assert_true(cr_tx_op_next(&tx, &at, &op));
    assert_int_equal(op.type, CR_OP_TRANSFER);
    assert_int_equal(op.amount, 12);
    assert_int_equal(op.to.bytes[31], 1);
    assert_false(cr_tx_op_next(&tx, &at, &op));
}

static void modes(void **state)
{
    (void)state;
    struct cr_tx tx;
    assert_int_equal(build("{\"op\":\"put\",\"key\":\"k\",\"value\":\"\"}", &tx), CR_OK);
    assert_int_equal(tx.ops_count, 1);
    assert_int_equal(build("{\"operations\":[{\"op\":\"register\"}]}", &tx), CR_OK);
    assert_int_equal(tx.flags, 0);
    assert_int_equal(
        build("{\"mode\":\"independent\",\"operations\":[{\"op\":\"register\"}]}", &tx), CR_OK);
    assert_int_equal(tx.flags, CR_TX_INDEPENDENT);
}

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[]", "0 operations"},
        {"[1]", "operation 0: \"op\" is none of"},
        {"{\"op\":\"put\"}", "\"key\" is neither text nor"},
        {"{\"op\":\"putt\",\"key\":\"k\",\"value\":\"v\"}", "\"op\" is none of"},
        {"{\"op\":\"put\",\"key\":\"\",\"value\":\"v\"}", "\"key\" is empty"},
        {"{\"op\":\"put\",\"key\":\"k\"}", "\"value\" is neither"},
        {"{\"op\":\"put\",\"key\":\"k\",\"value\":{\"hex\":\"0\"}}", "not hexadecimal"},
        {"{\"op\":\"put\",\"key\":\"k\",\"value\":{\"hex\":\"zz\"}}", "not hexadecimal"},
        {"{\"op\":\"put\",\"key\":\"k\",\"value\":\"v\",\"ttl\":1}", "a member that"},
        {"{\"op\":\"transfer\",\"to\":\"00\",\"amount\":1}", "no account id"},
        {"{\"op\":\"register\",\"key\":\"k\"}", "a member that"},
        {"{\"mode\":\"both\",\"operations\":[{\"op\":\"register\"}]}", "neither"},
        {"{\"mode\":\"atomic\",\"operations\":{}}", "no list"},
        {"{\"modus\":1,\"operations\":[{\"op\":\"register\"}]}", "besides"},
    };
    struct cr_tx tx;
    for (uint32_t i = 0; i < CR_COUNT_OF(cases); i++) {
        assert_int_equal(build(cases[i].text, &tx), CR_ERR_CONFIG);
        if (strstr(failure.text, cases[i].message) == NULL) print_error("%s\n", failure.text);
        assert_non_null(strstr(failure.text, cases[i].message));
    }
    static char large[CR_STATE_VALUE_BYTES_MAX + 64] = "{\"op\":\"put\",\"key\":\"k\",\"value\":\"";
    const size_t head = strlen(large);
    memset(large + head, 'x', CR_STATE_VALUE_BYTES_MAX + 1);
    memcpy(large + head + CR_STATE_VALUE_BYTES_MAX + 1, "\"}", 3);
    assert_int_equal(build(large, &tx), CR_ERR_CONFIG);
    memcpy(large + head + CR_STATE_VALUE_BYTES_MAX, "\"}", 3);
    assert_int_equal(build(large, &tx), CR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_operation), cmocka_unit_test(modes),
                                       cmocka_unit_test(mistakes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
