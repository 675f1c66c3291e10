/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"
#include "crypto/hash.h"
#include "wire/sample.h"

static uint8_t bytes[CR_TX_BYTES_MAX + 1];
static uint8_t again[CR_TX_BYTES_MAX + 1];

static enum cr_err decode(const uint8_t *encoded, size_t count, struct cr_tx *tx)
{
    struct cr_tx clean;
    memset(tx, 0xa5, sizeof *tx);
    memset(&clean, 0xa5, sizeof clean);
    const enum cr_err err = cr_tx_decode(encoded, count, tx);
    if (err != CR_OK) assert_memory_equal(tx, &clean, sizeof clean);
    assert_int_equal(cr_tx_check(encoded, count), err);
    return err;
}

/* Builds the transaction anew from its decoded form. */
static size_t encode_again(const struct cr_tx *tx)
{
    static struct cr_op op;
    struct cr_tx_builder builder;
    size_t position = 0;
    struct cr_hash id;
    cr_tx_begin(&builder, again, sizeof again, tx);
    while (cr_tx_op_next(tx, &position, &op))
        cr_tx_add(&builder, &op);
    assert_int_equal(cr_tx_end(&builder, &id), CR_OK);
    assert_true(cr_hash_equal(&id, &tx->id));
    return cr_tx_sign_with(&builder, tx->sig_alg, tx->signature, tx->signature_bytes);
}

/* Goal: decode and encode are inverse. Method: one to nine operations of all types. */
static void decode_and_encode_are_inverse(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(1, 2, 1);
    for (uint32_t i = 0; i < 400; i++) {
        const size_t count =
            cr_sample_tx(&prng, (enum cr_op_type)(1 + i % 6), 1 + i % 9, bytes, sizeof bytes);
        struct cr_tx tx;
        assert_int_equal(decode(bytes, count, &tx), CR_OK);
        assert_int_equal(tx.bytes_count, count);
        assert_int_equal(tx.ops_count, 1 + i % 9);
        const struct cr_hash id = cr_hash_of(bytes, count - tx.signature_bytes - 3);
        assert_true(cr_hash_equal(&id, &tx.id));
        assert_int_equal(encode_again(&tx), count);
        assert_memory_equal(again, bytes, count);
    }
}

/* Goal: together is as one by one. Method: transactions of all types and sizes, some are cut. */
static void many_equal_single(void **state)
{
    static uint8_t encoded[CR_TX_MANY][16 * 1024];
    struct cr_hash_input views[CR_TX_MANY];
    struct cr_tx together[CR_TX_MANY], alone;
    bool good[CR_TX_MANY];
    struct cr_prng prng = cr_prng_stream(3, 2, 1);
    (void)state;
    for (uint32_t i = 0; i < CR_TX_MANY; i++) {
        const size_t count =
            cr_sample_tx(&prng, (enum cr_op_type)(1 + i % 4), 1, encoded[i], sizeof encoded[i]);
        views[i] = (struct cr_hash_input){encoded[i], i % 5 == 0 ? count - 1 : count};
    }
    memset(together, 0, sizeof together);
    cr_tx_decode_many(views, CR_TX_MANY, together, good);
    for (uint32_t i = 0; i < CR_TX_MANY; i++) {
        memset(&alone, 0, sizeof alone);
        assert_int_equal(good[i], cr_tx_decode(views[i].bytes, views[i].count, &alone) == CR_OK);
        assert_int_equal(good[i], i % 5 != 0);
        if (!good[i]) continue;
        assert_true(cr_hash_equal(&together[i].id, &alone.id));
        assert_ptr_equal(together[i].signature, alone.signature);
        assert_int_equal(together[i].ops_count, alone.ops_count);
    }
    expect_assert_failure(cr_tx_decode_many(views, CR_TX_MANY + 1, together, good));
}

/* Goal: the fields that are read are the fields that were given, and the others are zero. */
static void operations_keep_their_fields(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(2, 2, 1);
    static struct cr_op given, got;
    for (uint32_t i = 0; i < 100; i++) {
        uint8_t space[CR_SAMPLE_SPACE_BYTES];
        cr_sample_op(&prng, (enum cr_op_type)(1 + i % 6), space, &given);
        struct cr_tx_builder builder;
        struct cr_hash id;
        cr_tx_begin(&builder, bytes, sizeof bytes, &(struct cr_tx){.flags = 0});
        cr_tx_add(&builder, &given);
        assert_int_equal(cr_tx_end(&builder, &id), CR_OK);
        const uint8_t signature[CR_SIG_BYTES_MAX] = {0};
        const size_t count =
            cr_tx_sign_with(&builder, CR_ALG_MLDSA65, signature, CR_MLDSA65_SIG_BYTES);
        struct cr_tx tx;
        size_t position = 0;
        assert_int_equal(decode(bytes, count, &tx), CR_OK);
        memset(&got, 0xa5, sizeof got);
        assert_true(cr_tx_op_next(&tx, &position, &got));
        assert_true(got.type == given.type && got.amount == given.amount);
        assert_true(cr_hash_equal(&got.to, &given.to));
        assert_true(got.key_bytes == given.key_bytes && got.value_bytes == given.value_bytes);
        if (given.key)
            assert_memory_equal(got.key, given.key, given.key_bytes);
        else
            assert_null(got.key);
        if (given.value)
            assert_memory_equal(got.value, given.value, given.value_bytes);
        else
            assert_null(got.value);
        if (given.type == CR_OP_REGISTER)
            assert_memory_equal(&got.register_key, &given.register_key, sizeof got.register_key);
        assert_false(cr_tx_op_next(&tx, &position, &got));
    }
}

/* Goal: nothing shorter or longer is a transaction. Method: every prefix, and one more byte. */
static void every_other_length_is_refused(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(3, 2, 1);
    struct cr_tx tx;
    for (uint32_t i = 0; i < 8; i++) {
        const size_t count =
            cr_sample_tx(&prng, (enum cr_op_type)(1 + i % 6), 1 + i / 4, bytes, sizeof bytes);
        for (size_t cut = 0; cut < count; cut++)
            assert_int_equal(decode(bytes, cut, &tx), CR_ERR_TRUNCATED);
        bytes[count] = 0;
        assert_int_equal(decode(bytes, count + 1, &tx), CR_ERR_TRAILING);
    }
    assert_int_equal(decode(bytes, sizeof bytes, &tx), CR_ERR_TOO_BIG);
    assert_int_equal(decode(NULL, 0, &tx), CR_ERR_TRUNCATED);
}

/* Goal: one encoding for each transaction. Method: every bit of signed part and signature head. */
static void flipped_bits_fail_or_stay(void **state)
{
    (void)state;
    struct cr_prng prng = cr_prng_stream(4, 2, 1);
    uint32_t accepted = 0;
    for (uint32_t i = 0; i < 8; i++) {
        const size_t count =
            cr_sample_tx(&prng, (enum cr_op_type)(2 + i % 5), 1 + i / 4, bytes, sizeof bytes);
        struct cr_tx tx;
        assert_int_equal(decode(bytes, count, &tx), CR_OK);
        const size_t bits = 8 * (count - tx.signature_bytes);
        for (size_t bit = 0; bit < bits; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (decode(bytes, count, &tx) == CR_OK) {
                accepted++;
                assert_int_equal(encode_again(&tx), count);
                assert_memory_equal(again, bytes, count);
            }
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    assert_true(accepted > 1000);
}

static size_t with_one(const struct cr_op *op)
{
    static const uint8_t signature[CR_MLDSA44_SIG_BYTES];
    struct cr_tx_builder builder;
    struct cr_hash id;
    cr_tx_begin(&builder, bytes, sizeof bytes, &(struct cr_tx){.flags = CR_TX_INDEPENDENT});
    cr_tx_add(&builder, op);
    if (cr_tx_end(&builder, &id) != CR_OK) return 0;
    return cr_tx_sign_with(&builder, CR_ALG_MLDSA44, signature, sizeof signature);
}

static size_t with_one_put(uint32_t key_bytes, uint32_t value_bytes)
{
    static const uint8_t space[CR_STATE_VALUE_BYTES_MAX];
    return with_one(&(struct cr_op){.type = CR_OP_PUT,
                                    .key = space,
                                    .key_bytes = key_bytes,
                                    .value = space,
                                    .value_bytes = value_bytes});
}

/* Goal: each rule of form is enforced. Method: one field at a time, at offsets of docs/wire.md. */
static void each_rule_is_enforced(void **state)
{
    (void)state;
    enum { OP = 74, KEY = OP + 3, VALUE = KEY + 10, SIG = VALUE + 4 + 20 };
    static const struct {
        size_t at;
        size_t width;
        uint64_t value;
        enum cr_err err;
    } cases[] = {
        {0, 1, 0, CR_ERR_MALFORMED},
        {4, 2, 2, CR_ERR_VERSION},
        {6, 2, 2, CR_ERR_MALFORMED},
        {6, 2, 0x8001, CR_ERR_MALFORMED},
        {72, 2, 0, CR_ERR_MALFORMED},
        {72, 2, 2, CR_ERR_MALFORMED}, /* the signature is no operation */
        {72, 2, CR_OPS_MAX + 1, CR_ERR_TOO_BIG},
        {OP, 1, 0, CR_ERR_MALFORMED},
        {OP, 1, 5, CR_ERR_MALFORMED},
        {OP + 1, 2, 0, CR_ERR_MALFORMED},
        {OP + 1, 2, CR_STATE_KEY_BYTES_MAX + 1, CR_ERR_TOO_BIG},
        {VALUE, 4, CR_STATE_VALUE_BYTES_MAX + 1, CR_ERR_TOO_BIG},
        {VALUE, 4, UINT32_MAX, CR_ERR_TOO_BIG},
        {SIG, 1, 0, CR_ERR_MALFORMED},
        {SIG, 1, 3, CR_ERR_MALFORMED},
        {SIG, 1, 9, CR_ERR_MALFORMED},
        {SIG + 1, 2, 0, CR_ERR_MALFORMED},
        {SIG + 1, 2, CR_MLDSA44_SIG_BYTES - 1, CR_ERR_MALFORMED},
    };
    struct cr_tx tx;
    for (size_t i = 0; i < CR_COUNT_OF(cases); i++) {
        const size_t count = with_one_put(10, 20);
        assert_int_equal(decode(bytes, count, &tx), CR_OK);
        cr_store_le(bytes + cases[i].at, cases[i].value, cases[i].width);
        const enum cr_err err = decode(bytes, count, &tx);
        if (err != cases[i].err) fail_msg("case %zu: %s", i, cr_err_name(err));
    }
}

/* Goal: the form of a VALIDATOR operation: what it does is one of two things, a stake is below
 * 2^63, a name and an address can be one, and the two keys are two. */
static void validators_have_a_form(void **state)
{
    (void)state;
    enum { OP = 74, ACTION = OP + 1, AMOUNT = ACTION + 1, NAME = AMOUNT + 8, ADDRESS = NAME + 3 };
    enum { KEYS = ADDRESS + 7 };
    static uint8_t keys[2][CR_MLDSA65_KEY_BYTES] = {{1}, {2}};
    static uint8_t profile[CR_PROFILE_BYTES_MAX];
    const struct cr_profile honest = {
        .name = "v4", .address = "host:1", .consensus_key = keys[0], .transport_key = keys[1]};
    const struct cr_op op = {.type = CR_OP_VALIDATOR,
                             .amount = 7,
                             .value = profile,
                             .value_bytes = cr_profile_encode(&honest, profile)};
    struct cr_tx tx;
    const size_t count = with_one(&op);
    assert_int_equal(decode(bytes, count, &tx), CR_OK);
    memcpy(again, bytes, count);
    static const struct {
        size_t at;
        size_t width;
        uint64_t value;
    } cases[] = {
        {ACTION, 1, 0},      {ACTION, 1, 3},   {AMOUNT, 8, CR_STAKE_MAX + 1},
        {NAME + 1, 1, ' '},  {NAME + 2, 1, 0}, {ADDRESS + 5, 1, '.'}, /* no port */
        {ADDRESS + 6, 1, 0}, {KEYS, 1, 2},
    };
    for (size_t i = 0; i < CR_COUNT_OF(cases); i++) {
        memcpy(bytes, again, count);
        cr_store_le(bytes + cases[i].at, cases[i].value, cases[i].width);
        const enum cr_err err = decode(bytes, count, &tx);
        if (err != CR_ERR_MALFORMED) fail_msg("case %zu: %s", i, cr_err_name(err));
    }
}

/* Goal: nothing may be empty. Method: a transaction without operations, and one with a key of no
 * bytes, each whole in all other ways. */
static void empty_parts_are_refused(void **state)
{
    (void)state;
    enum { OP = 74, KEY = OP + 3, VALUE = KEY + 10, SIG = VALUE + 4 + 20 };
    struct cr_tx tx;
    size_t count = with_one_put(10, 20);
    memmove(bytes + KEY, bytes + VALUE, count - VALUE);
    cr_store_le(bytes + OP + 1, 0, 2);
    assert_int_equal(decode(bytes, count - 10, &tx), CR_ERR_MALFORMED);
    count = with_one_put(10, 20);
    memmove(bytes + OP, bytes + SIG, count - SIG);
    cr_store_le(bytes + OP - 2, 0, 2);
    assert_int_equal(decode(bytes, count - (SIG - OP), &tx), CR_ERR_MALFORMED);
}

/* Goal: the builder makes nothing that would not decode. Method: limits and one beyond. */
static void builder_keeps_the_limits(void **state)
{
    (void)state;
    struct cr_tx tx;
    const size_t largest = with_one_put(CR_STATE_KEY_BYTES_MAX, CR_STATE_VALUE_BYTES_MAX);
    assert_int_equal(decode(bytes, largest, &tx), CR_OK);
    assert_int_equal(decode(bytes, with_one_put(1, 0), &tx), CR_OK);
    assert_int_equal(with_one_put(CR_STATE_KEY_BYTES_MAX + 1, 0), 0);
    assert_int_equal(with_one_put(0, 0), 0);
    assert_int_equal(with_one_put(1, CR_STATE_VALUE_BYTES_MAX + 1), 0);

    const struct cr_op transfer = {.type = CR_OP_TRANSFER, .amount = 1};
    const struct cr_op unknown = {.type = (enum cr_op_type)7};
    const uint8_t signature[CR_SIG_BYTES_MAX] = {0};
    struct cr_tx_builder builder;
    struct cr_hash id;
    cr_tx_begin(&builder, bytes, sizeof bytes, &(struct cr_tx){.flags = 0});
    assert_int_equal(cr_tx_end(&builder, &id), CR_ERR_MALFORMED); /* no operation */
    cr_tx_begin(&builder, bytes, sizeof bytes, &(struct cr_tx){.flags = 4});
    cr_tx_add(&builder, &transfer);
    assert_int_equal(cr_tx_end(&builder, &id), CR_ERR_MALFORMED);
    cr_tx_begin(&builder, bytes, sizeof bytes, &(struct cr_tx){.flags = 0});
    cr_tx_add(&builder, &unknown);
    cr_tx_add(&builder, &transfer);
    assert_int_equal(cr_tx_end(&builder, &id), CR_ERR_MALFORMED);

    cr_tx_begin(&builder, bytes, sizeof bytes, &(struct cr_tx){.flags = 0});
    for (uint32_t i = 0; i < CR_OPS_MAX; i++)
        cr_tx_add(&builder, &transfer);
    assert_int_equal(cr_tx_end(&builder, &id), CR_OK);
    assert_int_equal(cr_tx_sign_with(&builder, CR_ALG_MLDSA44, signature, 7), 0);
    const size_t count = cr_tx_sign_with(&builder, CR_ALG_MLDSA87, signature, CR_MLDSA87_SIG_BYTES);
    assert_int_equal(decode(bytes, count, &tx), CR_OK);
    cr_tx_begin(&builder, bytes, sizeof bytes, &(struct cr_tx){.flags = 0});
    for (uint32_t i = 0; i <= CR_OPS_MAX; i++)
        cr_tx_add(&builder, &transfer);
    assert_int_equal(cr_tx_end(&builder, &id), CR_ERR_MALFORMED);
}

/* Goal: a transaction has a largest size, however large the buffer. */
static void builder_keeps_the_largest_size(void **state)
{
    (void)state;
    static uint8_t wide[2 * CR_TX_BYTES_MAX];
    static const uint8_t value[CR_STATE_VALUE_BYTES_MAX];
    const uint8_t signature[CR_MLDSA87_SIG_BYTES] = {0};
    const struct cr_op put = {.type = CR_OP_PUT,
                              .key = value,
                              .key_bytes = 1,
                              .value = value,
                              .value_bytes = sizeof value};
    struct cr_tx_builder builder;
    struct cr_hash id;
    cr_tx_begin(&builder, wide, sizeof wide, &(struct cr_tx){.flags = 0});
    for (uint32_t i = 0; i < 31; i++)
        cr_tx_add(&builder, &put);
    assert_int_equal(cr_tx_end(&builder, &id), CR_OK);
    const struct cr_op transfer = {.type = CR_OP_TRANSFER};
    while (builder.bytes_count + sizeof signature <= CR_TX_BYTES_MAX)
        cr_tx_add(&builder, &transfer);
    assert_int_equal(cr_tx_end(&builder, &id), CR_OK);
    assert_int_equal(cr_tx_sign_with(&builder, CR_ALG_MLDSA87, signature, sizeof signature), 0);

    cr_tx_begin(&builder, wide, sizeof wide, &(struct cr_tx){.flags = 0});
    for (uint32_t i = 0; i < 32; i++)
        cr_tx_add(&builder, &put);
    assert_int_equal(cr_tx_end(&builder, &id), CR_ERR_TOO_BIG);
}

/* Goal: no write beyond the buffer. Method: every size of buffer up to enough, with a canary. */
static void builder_keeps_to_its_buffer(void **state)
{
    (void)state;
    const struct cr_op op = {.type = CR_OP_DELETE, .key = (const uint8_t *)"key", .key_bytes = 3};
    const uint8_t signature[CR_MLDSA44_SIG_BYTES] = {0};
    const size_t enough = 74 + 6 + 3 + sizeof signature;
    for (size_t room = 0; room <= enough; room++) {
        struct cr_tx_builder builder;
        struct cr_hash id;
        memset(bytes, 0xa5, enough + 1);
        cr_tx_begin(&builder, bytes, room, &(struct cr_tx){.flags = 0});
        cr_tx_add(&builder, &op);
        const enum cr_err err = cr_tx_end(&builder, &id);
        assert_int_equal(err, room < 80 ? CR_ERR_TOO_BIG : CR_OK);
        const size_t count = cr_tx_sign_with(&builder, CR_ALG_MLDSA44, signature, sizeof signature);
        assert_int_equal(count, room < enough ? 0 : enough);
        assert_int_equal(bytes[room], 0xa5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_and_encode_are_inverse),
        cmocka_unit_test(many_equal_single),
        cmocka_unit_test(operations_keep_their_fields),
        cmocka_unit_test(every_other_length_is_refused),
        cmocka_unit_test(flipped_bits_fail_or_stay),
        cmocka_unit_test(each_rule_is_enforced),
        cmocka_unit_test(validators_have_a_form),
        cmocka_unit_test(empty_parts_are_refused),
        cmocka_unit_test(builder_keeps_the_limits),
        cmocka_unit_test(builder_keeps_the_largest_size),
        cmocka_unit_test(builder_keeps_to_its_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
