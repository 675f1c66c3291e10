/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include <stdio.h>

#include "crypto/mldsa/known.h"
#include "crypto/mldsa/reference.h"

/* Goal: the cases are what they are called. Where only the form is wrong, the reference, asked
 * without looking at the form, would find the same c~. */
static void cases_are_right(void **state)
{
    (void)state;
    static struct cr_mldsa_spoilt spoilt;
    for (uint32_t level = 0; level < 3; level++) {
        const struct cr_mldsa_params *p = cr_mldsa_params(cr_mldsa_known[level].alg);
        for (uint32_t how = 0; how < CR_SPOILS; how++) {
            cr_mldsa_spoil(&cr_mldsa_known[level], (enum cr_mldsa_spoil)how, &spoilt);
            assert_int_equal(cr_mldsa_reference_verify(&spoilt.key, &spoilt.item),
                             how == CR_SPOIL_NOTHING);
        }
        /* z one smaller: the same signature is valid */
        uint8_t *z = spoilt.signature + p->ctilde_bytes;
        cr_mldsa_spoil(&cr_mldsa_known[level], CR_SPOIL_NORM, &spoilt);
        z[0]++;
        assert_true(cr_mldsa_reference_ctilde(&spoilt.key, &spoilt.item, spoilt.signature));
        assert_true(cr_mldsa_reference_verify(&spoilt.key, &spoilt.item));
    }
}

static void all_kernels_pass(void **state)
{
    (void)state;
    const struct cr_mldsa_kernels *kernels;
    for (uint32_t i = 0; (kernels = cr_mldsa_kernels_at(i)); i++) {
        print_message("%s\n", kernels->name);
        assert_ptr_equal(cr_mldsa_trusted(kernels), kernels);
        assert_ptr_equal(cr_mldsa_kernels(kernels->name), kernels);
    }
    assert_null(cr_mldsa_kernels("none"));
    assert_null(cr_mldsa_kernels(""));
}

/* Kernels that are right but for one bit, or that forget one check. */
static const struct cr_mldsa_kernels *good;

static void bad_keccak(uint64_t *s)
{
    good->keccak(s);
    s[good->lanes - 1] ^= 1; /* in the last lane alone */
}

static void bad_keccak_one(uint64_t s[25])
{
    good->keccak_one(s);
    s[0] ^= 1;
}

static uint32_t bad_reject(const uint8_t *block, int32_t *a)
{
    const uint32_t count = good->reject(block, a);
    a[0] ^= 1;
    return count;
}

static void bad_order(int32_t w[CR_MLDSA_N])
{
    good->order(w);
    const int32_t first = w[1];
    w[1] = w[2];
    w[2] = first;
}

static bool long_unpack_z(const struct cr_mldsa_params *p, const uint8_t *bytes, int32_t *z)
{
    (void)good->unpack_z(p, bytes, z);
    return true; /* the check that reference code once forgot */
}

static bool bad_unpack_z(const struct cr_mldsa_params *p, const uint8_t *bytes, int32_t *z)
{
    const bool is_short = good->unpack_z(p, bytes, z);
    z[255] ^= 1;
    return is_short;
}

static void bad_ntt(int32_t w[CR_MLDSA_N])
{
    good->ntt(w);
    w[255] ^= 1;
}

static void bad_row(const int32_t *a, const int32_t *b, uint32_t count, int32_t w[CR_MLDSA_N])
{
    good->row(a, b, count, w);
    w[255]++;
}

static void bad_ntt_inverse(int32_t w[CR_MLDSA_N])
{
    good->ntt_inverse(w);
    w[0] = w[0] + 200000 < CR_MLDSA_Q ? w[0] + 200000 : w[0] - 200000;
}

static void bad_high_bits(const struct cr_mldsa_params *p, const int32_t w[CR_MLDSA_N], uint8_t *w1)
{
    good->high_bits(p, w, w1);
    w1[128] ^= 1;
}

static void bad_pack_w1(const struct cr_mldsa_params *p, const uint8_t *w1, uint8_t *out)
{
    good->pack_w1(p, w1, out);
    out[1] ^= 0x80;
}

/* Goal: no kernel can be wrong and pass; who fails is replaced. */
static void broken_kernels_fail(void **state)
{
    (void)state;
    struct cr_mldsa_kernels broken;
    for (uint32_t i = 0; (good = cr_mldsa_kernels_at(i)); i++) {
        for (uint32_t which = 0; which < 11; which++) {
            broken = *good;
            if (which == 0) broken.keccak = bad_keccak;
            if (which == 1) broken.keccak_one = bad_keccak_one;
            if (which == 2) broken.reject = bad_reject;
            if (which == 3) broken.order = bad_order;
            if (which == 4) broken.unpack_z = bad_unpack_z;
            if (which == 5) broken.unpack_z = long_unpack_z;
            if (which == 6) broken.ntt = bad_ntt;
            if (which == 7) broken.row = bad_row;
            if (which == 8) broken.ntt_inverse = bad_ntt_inverse;
            if (which == 9) broken.high_bits = bad_high_bits;
            if (which == 10) broken.pack_w1 = bad_pack_w1;
            if (which == 1 && good->keccak == good->keccak_one) continue; /* never called */
            if (cr_mldsa_known_answers(&broken)) fail_msg("%s, %u", good->name, which);
            assert_ptr_equal(cr_mldsa_trusted(&broken), cr_mldsa_scalar());
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_are_right),
        cmocka_unit_test(all_kernels_pass),
        cmocka_unit_test(broken_kernels_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
