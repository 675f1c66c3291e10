/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of a processor without vectors, and what any other back end falls back to: the
 * functions of reference.c as they are. */
#include "crypto/mldsa/keccak_one.h"
#include "crypto/mldsa/reference.h"

enum { N = CR_MLDSA_N };

static uint32_t reject(const uint8_t block[CR_SHAKE128_RATE + CR_MLDSA_SLACK], int32_t *a)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < CR_SHAKE_CANDIDATES; i++) {
        if (cr_mldsa_three_bytes(block + (size_t)3 * i, &a[count])) count++;
    }
    return count;
}

static void order(int32_t w[N]) /* NOLINT(readability-non-const-parameter): others write */
{
    (void)w; /* that of FIPS 204 */
}

static bool unpack_z(const struct cr_mldsa_params *p, const uint8_t *bytes, int32_t z[N])
{
    const int32_t bound = p->gamma1 - p->beta;
    bool is_short = true;
    cr_mldsa_unpack_z(p, bytes, z);
    for (uint32_t i = 0; i < N; i++)
        is_short = is_short && z[i] < bound && z[i] > -bound;
    return is_short;
}

static void row(const int32_t *a, const int32_t *b, uint32_t count, int32_t w[N])
{
    for (uint32_t i = 0; i < N; i++) {
        int64_t sum = 0;
        for (uint32_t j = 0; j < count; j++)
            sum += (int64_t)a[j * N + i] * b[j * N + i];
        w[i] = (int32_t)(sum % CR_MLDSA_Q);
    }
}

static void high_bits(const struct cr_mldsa_params *p, const int32_t w[N], uint8_t w1[N])
{
    for (uint32_t i = 0; i < N; i++)
        w1[i] = (uint8_t)cr_mldsa_use_hint(p->gamma2, false, w[i]);
}

static void pack_w1(const struct cr_mldsa_params *p, const uint8_t w1[N], uint8_t *out)
{
    uint32_t bits = 0, have = 0;
    for (uint32_t i = 0; i < N; i++) {
        bits |= (uint32_t)w1[i] << have;
        for (have += p->w1_bits; have >= 8; have -= 8, bits >>= 8)
            *out++ = (uint8_t)bits;
    }
}

static const struct cr_mldsa_kernels kernels = {
    .name = "scalar",
    .compiler = CR_COMPILER,
    .lanes = 1,
    .lanes_pay_at = 1,
    .keccak = keccak_one,
    .keccak_one = keccak_one,
    .reject = reject,
    .order = order,
    .unpack_z = unpack_z,
    .ntt = cr_mldsa_ntt,
    .row = row,
    .ntt_inverse = cr_mldsa_ntt_inverse,
    .high_bits = high_bits,
    .pack_w1 = pack_w1,
};

const struct cr_mldsa_kernels *cr_mldsa_scalar(void)
{
    return &kernels;
}
