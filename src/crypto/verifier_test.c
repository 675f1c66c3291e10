/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include "crypto/keys.h"
#include "crypto/mldsa/known.h"
#include "crypto/verifier.h"

static struct cr_mldsa_spoilt known;

/* Goal: by name, by environment, or the fastest; nothing for a name that means nothing here. */
static void choice(void **state)
{
    (void)state;
    const struct cr_mldsa_kernels *kernels;
    assert_int_equal(unsetenv("CR_MLDSA_BACKEND"), 0);
    assert_string_equal(cr_verifier_start(NULL)->name, cr_mldsa_kernels_at(0)->name);
    for (uint32_t i = 0; (kernels = cr_mldsa_kernels_at(i)); i++) {
        assert_string_equal(cr_verifier_start(kernels->name)->name, kernels->name);
        assert_int_equal(cr_verifier_start(kernels->name)->lanes, kernels->lanes);
    }
    assert_ptr_equal(cr_verifier_start("openssl"), &cr_verifier_openssl);
    assert_null(cr_verifier_start("fast"));
    assert_int_equal(setenv("CR_MLDSA_BACKEND", "scalar", 1), 0);
    assert_string_equal(cr_verifier_start(NULL)->name, "scalar");
    assert_int_equal(setenv("CR_MLDSA_BACKEND", "", 1), 0);
    assert_null(cr_verifier_start(NULL));
    assert_int_equal(unsetenv("CR_MLDSA_BACKEND"), 0);
}

/* Goal: verdicts for each level and each reason, through the table that the node has. */
static void verdicts(void **state)
{
    (void)state;
    const struct cr_verifier *verifier = cr_verifier_start(NULL);
    for (uint32_t level = 0; level < 3; level++) {
        for (uint32_t how = 0; how < CR_SPOILS; how++) {
            cr_mldsa_spoil(&cr_mldsa_known[level], (enum cr_mldsa_spoil)how, &known);
            struct cr_prepared_key *key = verifier->prepare(&known.key);
            known.item.key = key;
            verifier->verify(&known.item, 1);
            assert_int_equal(known.item.valid, how == CR_SPOIL_NOTHING);
            verifier->forget(key);
        }
    }
    known.key.alg = (enum cr_alg)9;
    assert_null(verifier->prepare(&known.key));
    verifier->forget(NULL);
}

static uint64_t checks(uint64_t *mismatches)
{
    struct cr_verifier_stats stats;
    cr_verifier_stats(&stats);
    assert_false(stats.fell_back);
    *mismatches = stats.mismatches;
    return stats.cross_checks;
}

/* Goal: one of so many signatures is checked again, whatever the batches; a difference is counted
 * and changes no verdict. Method: a key that says to OpenSSL that it is another one. */
static void cross_check(void **state)
{
    (void)state;
    const struct cr_verifier *verifier = cr_verifier_start(NULL);
    struct cr_verify_item items[7];
    uint64_t mismatches;
    cr_mldsa_spoil(&cr_mldsa_known[0], CR_SPOIL_NOTHING, &known);
    struct cr_prepared_key *key = verifier->prepare(&known.key);
    known.item.key = key;
    for (uint32_t i = 0; i < 7; i++)
        items[i] = known.item;
    items[3].key = NULL; /* has no key to check with */
    verifier->verify(items, 7);
    assert_int_equal(checks(&mismatches), 0);
    cr_verifier_cross_check(5);
    for (uint32_t i = 0; i < 5; i++)
        verifier->verify(items, 7); /* 35 of them: numbers 0, 5, ... 30, of which 10 has no key */
    assert_int_equal(checks(&mismatches), 6);
    assert_int_equal(mismatches, 0);
    key->public.bytes[40] ^= 1;
    cr_verifier_cross_check(1);
    verifier->verify(&known.item, 1);
    assert_true(known.item.valid);
    assert_int_equal(checks(&mismatches), 7);
    assert_int_equal(mismatches, 1);
    cr_verifier_cross_check(0);
    verifier->forget(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice),
        cmocka_unit_test(verdicts),
        cmocka_unit_test(cross_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
