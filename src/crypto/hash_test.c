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
    cr_hasher_init(&hasher);
    cr_hasher_add_le(&hasher, 0x0201, 2);
    cr_hasher_add_le(&hasher, 0x0a09080706050403, 8);
    const struct cr_hash integers = cr_hasher_end(&hasher);
    const struct cr_hash bytes = cr_hash_of("\1\2\3\4\5\6\7\10\11\12", 10);
    assert_true(cr_hash_equal(&integers, &bytes));
    expect_assert_failure(cr_hasher_add_le(&hasher, 256, 1));
    expect_assert_failure(cr_hasher_add_le(&hasher, 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(parts_equal_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
