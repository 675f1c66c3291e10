/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel of every back end against the reference: at its edges, on random input, and over its
 * whole domain where that is small enough. */
#include "base/unit.h"

#include <stdio.h>

#include "base/prng.h"
#include "crypto/mldsa/reference.h"
#include "crypto/mldsa/verify.h"

enum { N = CR_MLDSA_N, Q = CR_MLDSA_Q, ROUNDS = 200 };

static const enum cr_alg levels[] = {CR_ALG_MLDSA44, CR_ALG_MLDSA65, CR_ALG_MLDSA87};

typedef void test_kernels(const struct cr_mldsa_kernels *kernels, struct cr_prng *prng);

static void for_all(test_kernels *test)
{
    const struct cr_mldsa_kernels *kernels;
    for (uint32_t i = 0; (kernels = cr_mldsa_kernels_at(i)); i++) {
        struct cr_prng prng = cr_prng_stream(204, 1, i);
        test(kernels, &prng);
    }
}

static int32_t residue(int64_t a)
{
    return (int32_t)((a % Q + Q) % Q);
}

/* In [-bound, bound], the ends often. */
static int32_t draw(struct cr_prng *prng, int32_t bound)
{
    const uint64_t kind = cr_prng_below(prng, 8);
    if (kind == 0) return bound;
    if (kind == 1) return -bound;
    return (int32_t)cr_prng_below(prng, 2 * (uint64_t)bound + 1) - bound;
}

static void keccak_of(const struct cr_mldsa_kernels *kernels, struct cr_prng *prng)
{
    _Alignas(64) uint64_t state[25 * CR_MLDSA_LANES_MAX];
    uint64_t expected[CR_MLDSA_LANES_MAX][25];
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t word = 0; word < 25; word++) {
            for (uint32_t i = 0; i < kernels->lanes; i++) {
                expected[i][word] = cr_prng_next(prng);
                state[word * kernels->lanes + i] = expected[i][word];
            }
        }
        kernels->keccak(state);
        for (uint32_t i = 0; i < kernels->lanes; i++) {
            uint64_t one[25];
            memcpy(one, expected[i], sizeof one);
            cr_keccak_reference(expected[i]);
            kernels->keccak_one(one);
            assert_memory_equal(one, expected[i], sizeof one);
            for (uint32_t word = 0; word < 25; word++)
                assert_true(state[word * kernels->lanes + i] == expected[i][word]);
        }
    }
}

static void keccak(void **state)
{
    (void)state;
    for_all(keccak_of);
}

/* Goal: the reference's Keccak is the one of FIPS 202: SHAKE256 of nothing, first eight bytes. */
static void keccak_known(void **state)
{
    (void)state;
    uint64_t a[25] = {0x1f};
    a[16] = UINT64_C(1) << 63;
    cr_keccak_reference(a);
    assert_true(a[0] == UINT64_C(0x138da80b2bddb946));
}

/* Goal: the transform, up to order and multiples of q, within the bound that `row` relies on. */
static void ntt_of(const struct cr_mldsa_kernels *kernels, struct cr_prng *prng)
{
    _Alignas(64) int32_t w[N], expected[N];
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < N; i++)
            w[i] = expected[i] = round == 0 ? Q - 1 : round == 1 ? 1 - Q : draw(prng, Q - 1);
        kernels->ntt(w);
        cr_mldsa_ntt(expected);
        kernels->order(expected);
        for (uint32_t i = 0; i < N; i++) {
            assert_int_equal(residue(w[i]), expected[i]);
            assert_true(w[i] < CR_MLDSA_NTT_BOUND && w[i] > -CR_MLDSA_NTT_BOUND);
        }
    }
}

static void ntt(void **state)
{
    (void)state;
    for_all(ntt_of);
}

/* Goal: `row` and the inverse transform together are what algorithm 8 wants, in [0, q). */
static void row_of(const struct cr_mldsa_kernels *kernels, struct cr_prng *prng)
{
    static const uint32_t counts[] = {5, 6, 8};
    static _Alignas(64) int32_t a[8 * N], b[8 * N], w[N], expected[N];
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const uint32_t count = counts[round % 3];
        for (uint32_t i = 0; i < count * N; i++) {
            a[i] = round < 3 ? Q - 1 : draw(prng, Q - 1);
            b[i] = round < 3 ? CR_MLDSA_NTT_BOUND - 1 : draw(prng, CR_MLDSA_NTT_BOUND - 1);
        }
        /* What the products are to be, in the back end's order and then in FIPS 204's. */
        int32_t place[N], sum[N];
        for (uint32_t i = 0; i < N; i++) {
            int64_t value = 0;
            for (uint32_t j = 0; j < count; j++)
                value += (int64_t)a[j * N + i] * b[j * N + i] % Q;
            sum[i] = residue(value);
            w[i] = (int32_t)i;
        }
        kernels->order(w); /* w[i] is the place that place i comes from */
        memcpy(place, w, sizeof place);
        for (uint32_t i = 0; i < N; i++)
            expected[place[i]] = sum[i];
        cr_mldsa_ntt_inverse(expected);
        kernels->row(a, b, count, w);
        kernels->ntt_inverse(w);
        assert_memory_equal(w, expected, sizeof w);
    }
}

static void row_and_inverse(void **state)
{
    (void)state;
    for_all(row_of);
}

/* Goal: HighBits, packed, for every r and both gamma2. */
static void check_high_bits(const struct cr_mldsa_kernels *kernels, const struct cr_mldsa_params *p,
                            const int32_t w[N])
{
    _Alignas(64) uint8_t w1[N];
    kernels->high_bits(p, w, w1);
    for (uint32_t i = 0; i < N; i++) {
        if (w1[i] != cr_mldsa_use_hint(p->gamma2, false, w[i]))
            fail_msg("%s: high bits of %d", kernels->name, w[i]);
    }
}

static void high_bits_of(const struct cr_mldsa_kernels *kernels, struct cr_prng *prng)
{
    (void)prng;
    _Alignas(64) int32_t w[N];
    for (uint32_t level = 0; level < 2; level++) { /* levels 65 and 87 have the same gamma2 */
        const struct cr_mldsa_params *p = cr_mldsa_params(levels[level]);
        for (int32_t r = 0; r < Q; r += N) {
            for (int32_t i = 0; i < N; i++)
                w[i] = r + i < Q ? r + i : Q - 1;
            check_high_bits(kernels, p, w);
        }
    }
}

static void high_bits(void **state)
{
    (void)state;
    for_all(high_bits_of);
}

/* Goal: UseHint with a hint, for every r and both gamma2, as the driver computes it. */
static void use_hint(void **state)
{
    (void)state;
    for (uint32_t level = 0; level < 2; level++) {
        const struct cr_mldsa_params *p = cr_mldsa_params(levels[level]);
        for (int32_t r = 0; r < Q; r++) {
            const uint8_t r1 = (uint8_t)cr_mldsa_use_hint(p->gamma2, false, r);
            if (cr_mldsa_hinted(p, r, r1) != cr_mldsa_use_hint(p->gamma2, true, r))
                fail_msg("hint at %d", r);
        }
    }
}

static void pack_w1_of(const struct cr_mldsa_kernels *kernels, struct cr_prng *prng)
{
    _Alignas(64) uint8_t w1[N];
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const struct cr_mldsa_params *p = cr_mldsa_params(levels[round % 3]);
        _Alignas(64) uint8_t packed[CR_MLDSA_W1_BYTES_MAX + CR_MLDSA_SLACK];
        for (uint32_t i = 0; i < N; i++)
            w1[i] = (uint8_t)cr_prng_below(prng, p->w1_bits == 4 ? 16 : 44);
        kernels->pack_w1(p, w1, packed);
        for (uint32_t bit = 0; bit < N * p->w1_bits; bit++) {
            const uint32_t expected = w1[bit / p->w1_bits] >> (bit % p->w1_bits) & 1;
            assert_int_equal(packed[bit / 8] >> (bit % 8) & 1, expected);
        }
    }
}

static void pack_w1(void **state)
{
    (void)state;
    for_all(pack_w1_of);
}

/* Goal: z as the reference unpacks it, and short exactly when it is; one long coefficient at each
 * place; no byte beyond the slack is read (under the address sanitizer). */
static void unpack_z_of(const struct cr_mldsa_kernels *kernels, struct cr_prng *prng)
{
    _Alignas(64) int32_t z[N], expected[N];
    for (uint32_t round = 0; round < 3 * 4 * N; round++) {
        const struct cr_mldsa_params *p = cr_mldsa_params(levels[round % 3]);
        const uint32_t bytes_count = cr_mldsa_z_bytes(p), place = round / 3 % N;
        uint8_t *bytes = calloc(1, bytes_count + CR_MLDSA_UNPACK_SLACK);
        assert_non_null(bytes);
        const int32_t bound = p->gamma1 - p->beta;
        const int32_t edges[] = {bound, -bound, bound - 1, 1 - bound};
        for (uint32_t i = 0; i < N; i++) {
            int32_t value = draw(prng, bound - 1);
            if (i == place) value = edges[round / 3 / N];
            const uint64_t raw = (uint64_t)(p->gamma1 - value);
            for (uint32_t bit = 0; bit < p->z_bits; bit++) {
                const uint32_t at = i * p->z_bits + bit;
                bytes[at / 8] = (uint8_t)(bytes[at / 8] | (raw >> bit & 1) << (at % 8));
            }
        }
        cr_mldsa_unpack_z(p, bytes, expected);
        assert_int_equal(kernels->unpack_z(p, bytes, z), round / 3 / N >= 2);
        assert_memory_equal(z, expected, sizeof z);
        free(bytes);
    }
}

static void unpack_z(void **state)
{
    (void)state;
    for_all(unpack_z_of);
}

/* Goal: the candidates of a block, with many at and beside q. */
static void reject_of(const struct cr_mldsa_kernels *kernels, struct cr_prng *prng)
{
    _Alignas(64) uint8_t block[CR_SHAKE128_RATE + CR_MLDSA_SLACK];
    _Alignas(64) int32_t a[CR_SHAKE_CANDIDATES + CR_MLDSA_SLACK];
    for (uint32_t round = 0; round < 20 * ROUNDS; round++) {
        uint32_t expected = 0;
        int32_t coefficients[CR_SHAKE_CANDIDATES];
        for (uint32_t i = 0; i < CR_SHAKE128_RATE; i += 3) {
            const uint64_t kind = cr_prng_below(prng, 4);
            uint64_t value = cr_prng_next(prng) & 0xffffff;
            if (kind < 2) value = Q - 1 + kind;
            if (kind == 2) value |= 0x7fe000;
            if (cr_prng_below(prng, 2) == 0) value ^= 0x800000; /* the bit that does not count */
            cr_store_le(block + i, value & 0xffffff, 3);
            if (cr_mldsa_three_bytes(block + i, &coefficients[expected])) expected++;
        }
        assert_int_equal(kernels->reject(block, a), expected);
        assert_memory_equal(a, coefficients, expected * sizeof a[0]);
    }
}

static void reject(void **state)
{
    (void)state;
    for_all(reject_of);
}

/* Goal: the table is that of appendix B: zeta^BitRev8(m) mod q. */
static void zetas(void **state)
{
    (void)state;
    for (uint32_t m = 1; m < N; m++) {
        uint32_t reversed = 0;
        int64_t zeta = 1;
        for (uint32_t i = 0; i < 8; i++)
            reversed |= (m >> i & 1) << (7 - i);
        for (uint32_t i = 0; i < reversed; i++)
            zeta = zeta * CR_MLDSA_ZETA % Q;
        assert_int_equal(cr_mldsa_zetas[m], zeta);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keccak_known),    cmocka_unit_test(keccak),
        cmocka_unit_test(zetas),           cmocka_unit_test(ntt),
        cmocka_unit_test(row_and_inverse), cmocka_unit_test(high_bits),
        cmocka_unit_test(use_hint),        cmocka_unit_test(pack_w1),
        cmocka_unit_test(unpack_z),        cmocka_unit_test(reject),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
