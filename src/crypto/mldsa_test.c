/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"
#include "crypto/hash.h"
#include "crypto/mldsa.h"

/* Goal: sizes are those of FIPS 204, table 2; every other number is no algorithm. */
static void sizes_and_names(void **state)
{
    (void)state;
    assert_int_equal(cr_alg_key_bytes(CR_ALG_MLDSA44), 1312);
    assert_int_equal(cr_alg_key_bytes(CR_ALG_MLDSA65), 1952);
    assert_int_equal(cr_alg_key_bytes(CR_ALG_MLDSA87), 2592);
    assert_int_equal(cr_alg_sig_bytes(CR_ALG_MLDSA44), 2420);
    assert_int_equal(cr_alg_sig_bytes(CR_ALG_MLDSA65), 3309);
    assert_int_equal(cr_alg_sig_bytes(CR_ALG_MLDSA87), 4627);
    for (int i = -1; i < 300; i++) {
        if (i >= 1 && i <= 3) continue;
        assert_int_equal(cr_alg_key_bytes((enum cr_alg)i), 0);
        assert_int_equal(cr_alg_sig_bytes((enum cr_alg)i), 0);
        assert_null(cr_alg_name((enum cr_alg)i));
    }
}

static void parsing(void **state)
{
    (void)state;
    for (enum cr_alg alg = CR_ALG_MLDSA44; alg <= CR_ALG_MLDSA87; alg++)
        assert_int_equal(cr_alg_parse(cr_alg_name(alg)), alg);
    assert_int_equal(cr_alg_parse("ml-dsa-44"), CR_ALG_MLDSA44);
    assert_int_equal(cr_alg_parse("ml-dsa-65"), CR_ALG_MLDSA65);
    assert_int_equal(cr_alg_parse("ml-dsa-87"), CR_ALG_MLDSA87);
    const char *others[] = {"",           "m",          "ML-DSA-",   "ML-DSA-6",
                            "ML-DSA-655", "ML-dsa-65",  "ml-DSA-65", "ML-DSA-66",
                            " ML-DSA-65", "ML-DSA-65 ", "Ml-Dsa-65", "ED25519"};
    for (size_t i = 0; i < CR_COUNT_OF(others); i++)
        assert_int_equal(cr_alg_parse(others[i]), 0);
}

/* Goal: the account is BLAKE3 of tag, algorithm and exactly the bytes of the key. */
static void account(void **state)
{
    (void)state;
    static uint8_t encoded[8 + 1 + CR_KEY_BYTES_MAX];
    static struct cr_public_key key;
    memset(&key, 7, sizeof key);
    for (enum cr_alg alg = CR_ALG_MLDSA44; alg <= CR_ALG_MLDSA87; alg++) {
        key.alg = alg;
        memcpy(encoded, "CRACCT1\0", 8);
        encoded[8] = (uint8_t)alg;
        memset(encoded + 9, 7, cr_alg_key_bytes(alg));
        const struct cr_hash expected = cr_hash_of(encoded, 9 + (size_t)cr_alg_key_bytes(alg));
        const struct cr_hash got = cr_public_key_account(&key);
        assert_true(cr_hash_equal(&got, &expected));
    }
    key.alg = (enum cr_alg)0;
    expect_assert_failure(cr_public_key_account(&key));
}

static void verifier_must_be_chosen(void **state)
{
    (void)state;
    static const struct cr_verifier none = {.name = "none"};
    expect_assert_failure(cr_verifier());
    expect_assert_failure(cr_verifier_use(NULL));
    cr_verifier_use(&none);
    assert_ptr_equal(cr_verifier(), &none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_names),
        cmocka_unit_test(parsing),
        cmocka_unit_test(account),
        cmocka_unit_test(verifier_must_be_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
