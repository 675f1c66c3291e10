/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"
#include "crypto/hash.h"

static void assert_hash(struct cr_hash hash, const char *hex)
{
    char text[2 * CR_HASH_BYTES + 1];
    cr_hex_encode(hash.bytes, CR_HASH_BYTES, text);
    assert_string_equal(text, hex);
}

/* Goal: it is BLAKE3. Method: official test vectors (input byte i is i mod 251), and "abc". */
static void known_answers(void **state)
{
    (void)state;
    uint8_t input[2049];
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (uint8_t)(i % 251);
    assert_hash(cr_hash_of(NULL, 0),
                "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    assert_hash(cr_hash_of(input, 1),
                "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213");
    assert_hash(cr_hash_of(input, 1024),
                "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7");
    assert_hash(cr_hash_of(input, 2049),
                "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030");
    assert_hash(cr_hash_of("abc", 3),
                "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
}

/* Goal: how the bytes are cut up does not matter. Method: two cuts at every place; integers. */
static void parts_equal_the_whole(void **state)
{
    (void)state;
    uint8_t input[1500];
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (uint8_t)(i * 7);
    const struct cr_hash whole = cr_hash_of(input, sizeof input);
    struct cr_hasher hasher;
    for (size_t cut = 0; cut <= sizeof input; cut++) {
        cr_hasher_init(&hasher);
        cr_hasher_add(&hasher, input, cut / 2);
        cr_hasher_add(&hasher, input + cut / 2, cut - cut / 2);
        cr_hasher_add(&hasher, input + cut, sizeof input - cut);
        const struct cr_hash parts = cr_hasher_end(&hasher);
        assert_true(cr_hash_equal(&parts, &whole));
    }
    for (size_t count = 0; count <= sizeof input; count++) { /* short ones go another way */
        const struct cr_hash at_once = cr_hash_of(input, count);
        cr_hasher_init(&hasher);
        cr_hasher_add(&hasher, input, count);
        const struct cr_hash by_state = cr_hasher_end(&hasher);
        assert_true(cr_hash_equal(&at_once, &by_state));
    }
    cr_hasher_init(&hasher);
    cr_hasher_add_le(&hasher, 0x0201, 2);
    cr_hasher_add_le(&hasher, 0x0a09080706050403, 8);
    const struct cr_hash integers = cr_hasher_end(&hasher);
    const struct cr_hash bytes = cr_hash_of("\1\2\3\4\5\6\7\10\11\12", 10);
    assert_true(cr_hash_equal(&integers, &bytes));
    expect_assert_failure(cr_hasher_add_le(&hasher, 256, 1));
    expect_assert_failure(cr_hasher_add_le(&hasher, 0, 0));
}

/* Goal: lanes give what the public interface gives, whatever lies beside an input. Method: every
 * length around the block and chunk sizes in one call, in order and mixed; runs of equal lengths of
 * every count up to twice the window. */
static void many_equal_single(void **state)
{
    enum { LENGTHS = 1100, RUN = 130 };
    static uint8_t bytes[LENGTHS + RUN];
    static struct cr_hash_input inputs[LENGTHS];
    static struct cr_hash out[LENGTHS];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i + 3);
    for (uint32_t stride = 1; stride <= 7; stride += 6) { /* 7 and LENGTHS have no common divisor */
        for (uint32_t i = 0; i < LENGTHS; i++)
            inputs[i] = (struct cr_hash_input){bytes + i % RUN, i * stride % LENGTHS};
        cr_hash_many(inputs, LENGTHS, out);
        for (uint32_t i = 0; i < LENGTHS; i++) {
            const struct cr_hash alone = cr_hash_of(inputs[i].bytes, inputs[i].count);
            assert_true(cr_hash_equal(&out[i], &alone));
        }
    }
    for (uint32_t count = 0; count <= RUN; count++) {
        memset(out, 0, sizeof out);
        for (uint32_t i = 0; i < count; i++)
            inputs[i] = (struct cr_hash_input){bytes + i, count % 2 == 0 ? 512 : 493};
        cr_hash_many(inputs, count, out);
        for (uint32_t i = 0; i < count; i++) {
            const struct cr_hash alone = cr_hash_of(inputs[i].bytes, inputs[i].count);
            assert_true(cr_hash_equal(&out[i], &alone));
        }
        assert_true(cr_hash_is_zero(&out[count])); /* nothing behind the last */
    }
}

/* Goal: what is reported is what runs. Method: the library's own number of lanes. */
static void kernel_is_named(void **state)
{
    (void)state;
    const char *name = cr_hash_kernel();
    const uint32_t lanes = cr_hash_lanes();
    if (lanes == 16) assert_string_equal(name, "avx512");
    if (lanes == 8) assert_string_equal(name, "avx2");
    if (strcmp(name, "avx512") == 0) assert_true(lanes == 16 || lanes == 1);
    assert_true(lanes >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(parts_equal_the_whole),
        cmocka_unit_test(many_equal_single),
        cmocka_unit_test(kernel_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
