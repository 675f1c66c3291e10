/* SPDX-License-Identifier: Apache-2.0 */
/* vector_ntt.h: the layers of the NTT on vectors, for back ends with WIDTH coefficients in one.
 *
 * The includer defines WIDTH, SHIFT, `vec`, `struct twiddle` and, on them: v_load, v_store, v_add,
 * v_sub, v_broadcast and v_twiddle (which make a twiddle) and v_mul.
 *
 * Multiplication by a constant z is Shoup's (NTL, 1995; also known as Barrett's with a precomputed
 * quotient): with z' = round(z 2^SHIFT / q), the product is a z - t q for t = a z' / 2^SHIFT, and
 * both of those products are needed in their low 32 bits only. Layers add without reducing; that
 * nothing overflows is computed in bounds_test.c.
 *
 * Layers whose distance is at least WIDTH take whole vectors ("across"). For the others a square of
 * WIDTH vectors is transposed first, so that they too take whole vectors ("within"), each lane with
 * a twiddle of its own; the result stays transposed. */
#ifndef CR_CRYPTO_MLDSA_VECTOR_NTT_H
#define CR_CRYPTO_MLDSA_VECTOR_NTT_H

#include "crypto/mldsa/kernels.h"
#include "crypto/mldsa/reference.h"

enum {
    SQUARE = WIDTH * WIDTH,
    SQUARES = CR_MLDSA_N / SQUARE,
    ROWS = WIDTH - 1, /* of twiddles for one square: 1 + 2 + ... + WIDTH / 2 */
    QINV = 58728449,  /* q^-1 mod 2^32 */
};

/* Zetas by number, as in FIPS 204: block b of the layer with distance len has number 128 / len + b.
 * Beside each stands its quotient z'. */
struct twiddles {
    _Alignas(64) int32_t z[CR_MLDSA_N];
    _Alignas(64) int32_t quotient[CR_MLDSA_N];
    _Alignas(64) int32_t row_z[SQUARES * ROWS][WIDTH]; /* the same for "within" */
    _Alignas(64) int32_t row_quotient[SQUARES * ROWS][WIDTH];
};

static struct twiddles forward, inverse;
/* The last layer of the inverse multiplies by f = 2^32 / 256 too: by 2^32 because `row` divides by
 * it. `last` is f and f times the only zeta of that layer. */
static int32_t last_z[2], last_quotient[2];

/* round(z 2^SHIFT / q) for |z| < q / 2. */
static int32_t quotient_of(int32_t z)
{
    const int64_t twice = (int64_t)z * (INT64_C(2) << SHIFT) + CR_MLDSA_Q;
    const int64_t below = twice / (2 * CR_MLDSA_Q) - (twice % (2 * CR_MLDSA_Q) < 0);
    return (int32_t)below;
}

/* The residue in (-q/2, q/2). */
static int32_t centered(int64_t z)
{
    const int32_t r = (int32_t)(z % CR_MLDSA_Q);
    if (r > CR_MLDSA_Q / 2) return r - CR_MLDSA_Q;
    return r < -(CR_MLDSA_Q / 2) ? r + CR_MLDSA_Q : r;
}

static void make_rows(struct twiddles *t)
{
    for (uint32_t square = 0; square < SQUARES; square++) {
        uint32_t row = square * ROWS;
        for (uint32_t len = WIDTH / 2; len >= 1; len /= 2) {
            const uint32_t blocks = WIDTH / (2 * len); /* in what was one vector */
            for (uint32_t b = 0; b < blocks; b++, row++) {
                for (uint32_t i = 0; i < WIDTH; i++) {
                    const uint32_t m = CR_MLDSA_N / 2 / len + (WIDTH * square + i) * blocks + b;
                    t->row_z[row][i] = t->z[m];
                    t->row_quotient[row][i] = t->quotient[m];
                }
            }
        }
    }
}

static void make_twiddles(void)
{
    for (uint32_t len = CR_MLDSA_N / 2; len >= 1; len /= 2) {
        const uint32_t blocks = CR_MLDSA_N / 2 / len;
        for (uint32_t b = 0; b < blocks; b++) {
            forward.z[blocks + b] = centered(cr_mldsa_zetas[blocks + b]);
            inverse.z[blocks + b] = centered(cr_mldsa_zetas[2 * blocks - 1 - b]);
        }
    }
    for (uint32_t m = 0; m < CR_MLDSA_N; m++) {
        forward.quotient[m] = quotient_of(forward.z[m]);
        inverse.quotient[m] = quotient_of(inverse.z[m]);
    }
    make_rows(&forward);
    make_rows(&inverse);
    const int32_t f = (int32_t)((INT64_C(1) << 32) / 256 % CR_MLDSA_Q);
    last_z[0] = centered(f);
    last_z[1] = centered((int64_t)f * inverse.z[1]);
    for (uint32_t i = 0; i < 2; i++)
        last_quotient[i] = quotient_of(last_z[i]);
}

/* Algorithm 41, lines 12 to 14. */
CR_INLINE void butterfly(vec *a, vec *b, struct twiddle z)
{
    const vec t = v_mul(*b, z);
    *b = v_sub(*a, t);
    *a = v_add(*a, t);
}

/* Algorithm 42, lines 12 to 15: (t - b) (-z) = (b - t) z. */
CR_INLINE void butterfly_inverse(vec *a, vec *b, struct twiddle z)
{
    const vec t = *a;
    *a = v_add(t, *b);
    *b = v_mul(v_sub(*b, t), z);
}

/* A layer on `count` vectors whose first block has zeta number m; the distance is in vectors. */
CR_INLINE void across(vec *v, uint32_t count, uint32_t distance, uint32_t m)
{
    CR_UNROLL
    for (uint32_t start = 0; start < count; start += 2 * distance) {
        const struct twiddle z = v_broadcast(&forward.z[m], &forward.quotient[m]);
        CR_UNROLL
        for (uint32_t j = start; j < start + distance; j++)
            butterfly(&v[j], &v[j + distance], z);
        m++;
    }
}

CR_INLINE void across_inverse(vec *v, uint32_t count, uint32_t distance, uint32_t m)
{
    CR_UNROLL
    for (uint32_t start = 0; start < count; start += 2 * distance) {
        const struct twiddle z = v_broadcast(&inverse.z[m], &inverse.quotient[m]);
        CR_UNROLL
        for (uint32_t j = start; j < start + distance; j++)
            butterfly_inverse(&v[j], &v[j + distance], z);
        m++;
    }
}

/* The layer with distance len < WIDTH on a transposed square. */
CR_INLINE void within(vec v[WIDTH], uint32_t len, uint32_t square)
{
    uint32_t row = square * ROWS + WIDTH / (2 * len) - 1;
    CR_UNROLL
    for (uint32_t start = 0; start < WIDTH; start += 2 * len) {
        const struct twiddle z = v_twiddle(forward.row_z[row], forward.row_quotient[row]);
        CR_UNROLL
        for (uint32_t j = start; j < start + len; j++)
            butterfly(&v[j], &v[j + len], z);
        row++;
    }
}

CR_INLINE void within_inverse(vec v[WIDTH], uint32_t len, uint32_t square)
{
    uint32_t row = square * ROWS + WIDTH / (2 * len) - 1;
    CR_UNROLL
    for (uint32_t start = 0; start < WIDTH; start += 2 * len) {
        const struct twiddle z = v_twiddle(inverse.row_z[row], inverse.row_quotient[row]);
        CR_UNROLL
        for (uint32_t j = start; j < start + len; j++)
            butterfly_inverse(&v[j], &v[j + len], z);
        row++;
    }
}

/* The layer with distance 128 on `count` vectors, with f; then from (-q/4, 5q/4) to [0, q). */
CR_INLINE void last_inverse(vec *v, uint32_t count)
{
    const struct twiddle f = v_broadcast(&last_z[0], &last_quotient[0]);
    const struct twiddle fz = v_broadcast(&last_z[1], &last_quotient[1]);
    CR_UNROLL
    for (uint32_t j = 0; j < count / 2; j++) {
        const vec a = v[j], b = v[j + count / 2];
        v[j] = v_canonical(v_mul(v_add(a, b), f));
        v[j + count / 2] = v_canonical(v_mul(v_sub(b, a), fz));
    }
}

CR_INLINE void load(vec *v, uint32_t count, const int32_t *from, uint32_t stride)
{
    CR_UNROLL
    for (uint32_t j = 0; j < count; j++)
        v[j] = v_load(from + (size_t)stride * j);
}

CR_INLINE void store(const vec *v, uint32_t count, int32_t *to, uint32_t stride)
{
    CR_UNROLL
    for (uint32_t j = 0; j < count; j++)
        v_store(to + (size_t)stride * j, v[j]);
}

/* The order in which `within` leaves a polynomial. */
static void order(int32_t w[CR_MLDSA_N])
{
    for (uint32_t square = 0; square < SQUARES; square++) {
        vec v[WIDTH];
        load(v, WIDTH, w + (size_t)SQUARE * square, WIDTH);
        transpose(v);
        store(v, WIDTH, w + (size_t)SQUARE * square, WIDTH);
    }
}

#endif
