/* SPDX-License-Identifier: Apache-2.0 */
/* Vector code adds without reducing: that no sum leaves its 32 or 64 bits is computed here, from
 * the twiddles that are in use, by intervals. A coefficient is an interval, and each step of a
 * kernel gives the interval of all its results. So it holds for all input within the contract of
 * kernels.h, for both widths of the quotient (x86: 32 bits; NEON: 31, rounded).
 *
 * A product by a constant z with quotient z' = round(z 2^s / q): the error e = z 2^s - z' q has
 * |e| <= q / 2, and
 *   floor: r = a z - floor(a z' / 2^32) q = a e / 2^32 + f q with f in [0, 1)
 *   round: r = a e / 2^31 + f q with f in [-1/2, 1/2]
 * which is exact arithmetic of integers; only r has to fit into 32 bits. */
#include "base/unit.h"

#include <stdio.h>

#include "crypto/mldsa/kernels.h"
#include "crypto/mldsa/reference.h"

enum { N = CR_MLDSA_N, Q = CR_MLDSA_Q };

struct interval {
    int64_t least, most;
};

static struct interval add(struct interval a, struct interval b)
{
    return (struct interval){a.least + b.least, a.most + b.most};
}

static struct interval sub(struct interval a, struct interval b)
{
    return (struct interval){a.least - b.most, a.most - b.least};
}

static void fits_32(struct interval a)
{
    assert_true(a.least >= INT32_MIN && a.most <= INT32_MAX);
}

static int64_t magnitude(struct interval a)
{
    return -a.least > a.most ? -a.least : a.most;
}

/* The residue in (-q/2, q/2). */
static int64_t centered(int64_t z)
{
    const int64_t r = (z % Q + Q) % Q;
    return r > Q / 2 ? r - Q : r;
}

/* round(z 2^s / q) */
static int64_t quotient_of(int64_t z, uint32_t s)
{
    const int64_t twice = z * (INT64_C(2) << s) + Q;
    const int64_t divisor = INT64_C(2) * Q;
    return twice / divisor - (twice % divisor < 0);
}

/* The interval of a times z; `a` has to fit into 32 bits, and so has z'. */
static struct interval multiply(struct interval a, int64_t z, bool floors)
{
    const uint32_t s = floors ? 32 : 31;
    const int64_t quotient = quotient_of(z, s);
    fits_32(a);
    assert_true(quotient >= INT32_MIN && quotient <= INT32_MAX);
    int64_t error = z * (INT64_C(1) << s) - quotient * Q;
    if (error < 0) error = -error;
    assert_true(error <= Q / 2);
    /* |a e| / 2^s, rounded up: at most 2^31 q / 2 before the shift */
    const int64_t extra = (magnitude(a) * error >> s) + 1;
    const struct interval r = floors ? (struct interval){-extra, Q + extra}
                                     : (struct interval){-Q / 2 - 1 - extra, Q / 2 + 1 + extra};
    fits_32(r);
    return r;
}

static int64_t forward(struct interval input, bool floors)
{
    struct interval w[N];
    int64_t most = 0;
    uint32_t m = 0;
    for (uint32_t i = 0; i < N; i++)
        w[i] = input;
    for (uint32_t len = 128; len >= 1; len /= 2) {
        for (uint32_t start = 0; start < N; start += 2 * len) {
            const int64_t z = centered(cr_mldsa_zetas[++m]);
            for (uint32_t j = start; j < start + len; j++) {
                const struct interval t = multiply(w[j + len], z, floors);
                w[j + len] = sub(w[j], t);
                w[j] = add(w[j], t);
                fits_32(w[j]);
                fits_32(w[j + len]);
            }
        }
    }
    for (uint32_t i = 0; i < N; i++)
        most = magnitude(w[i]) > most ? magnitude(w[i]) : most;
    return most;
}

/* Goal: ntt keeps its promise for |w| < q; z and c are smaller, and so is t1 2^d. */
static void forward_is_bounded(void **state)
{
    (void)state;
    for (uint32_t floors = 0; floors < 2; floors++) {
        const int64_t most = forward((struct interval){1 - Q, Q - 1}, floors == 1);
        print_message("forward, %s: %lld/1000 q\n", floors ? "floor" : "round",
                      (long long)(most * 1000 / Q));
        assert_true(most < CR_MLDSA_NTT_BOUND);
    }
    assert_true((1023 << CR_MLDSA_D) < Q);
    for (enum cr_alg alg = CR_ALG_MLDSA44; alg <= CR_ALG_MLDSA87; alg++)
        assert_true(cr_mldsa_params(alg)->gamma1 < Q);
}

/* Goal: the sum of l + 1 products fits into 64 bits, and Montgomery's condition |sum| < 2^31 q
 * holds, so that |row| < q. Returns the bound of a row: |sum| / 2^32 + q / 2. */
static int64_t row_bound(void)
{
    int64_t worst = 0;
    for (enum cr_alg alg = CR_ALG_MLDSA44; alg <= CR_ALG_MLDSA87; alg++) {
        const int64_t columns = cr_mldsa_params(alg)->l + 1;
        const int64_t sum = columns * (Q - 1) * (CR_MLDSA_NTT_BOUND - 1);
        assert_true(sum < INT64_MAX / 1000);
        assert_true(sum < (INT64_C(1) << 31) * Q);
        const int64_t bound = (sum >> 32) + 1 + Q / 2 + 1;
        worst = bound > worst ? bound : worst;
    }
    assert_true(worst < Q);
    return worst;
}

/* Algorithm 42 on intervals, with the factor for `row` in the last layer. The largest sum. */
static int64_t inverse(struct interval w[N], bool floors)
{
    int64_t most = 0;
    uint32_t m = N;
    for (uint32_t len = 1; len < N; len *= 2) {
        const bool is_last = len == N / 2;
        const int64_t f = is_last ? (INT64_C(1) << 32) / 256 % Q : 1;
        for (uint32_t start = 0; start < N; start += 2 * len) {
            const int64_t z = centered(f * cr_mldsa_zetas[--m]);
            for (uint32_t j = start; j < start + len; j++) {
                const struct interval sum = add(w[j], w[j + len]), rest = sub(w[j + len], w[j]);
                fits_32(sum);
                fits_32(rest);
                most = magnitude(sum) > most ? magnitude(sum) : most;
                w[j] = is_last ? multiply(sum, centered(f), floors) : sum;
                w[j + len] = multiply(rest, z, floors);
            }
        }
    }
    return most;
}

/* Goal: no sum of the inverse overflows, and what comes out of its last multiplication is in
 * (-q, 2q), which v_canonical takes. */
static void inverse_fits(void **state)
{
    (void)state;
    const int64_t bound = row_bound();
    print_message("row: %lld/1000 q\n", (long long)(bound * 1000 / Q));
    for (uint32_t floors = 0; floors < 2; floors++) {
        struct interval w[N];
        for (uint32_t i = 0; i < N; i++)
            w[i] = (struct interval){-bound, bound};
        const int64_t most = inverse(w, floors == 1);
        print_message("inverse, %s: %lld/1000 q\n", floors ? "floor" : "round",
                      (long long)(most * 1000 / Q));
        for (uint32_t i = 0; i < N; i++) {
            assert_true(w[i].least > -Q);
            assert_true(w[i].most < INT64_C(2) * Q);
        }
    }
}

/* Goal: the bound of a product is true: at the edges of what it claims, with every twiddle. */
static void products_are_bounded(void **state)
{
    (void)state;
    const int64_t sizes[] = {1, Q, 9 * (int64_t)Q, 164 * (int64_t)Q, INT32_MAX};
    for (uint32_t m = 1; m < N; m++) {
        const int64_t z = centered(cr_mldsa_zetas[m]);
        for (uint32_t i = 0; i < 2 * CR_COUNT_OF(sizes); i++) {
            const int64_t a = i % 2 == 0 ? sizes[i / 2] : -sizes[i / 2];
            const int64_t down = a * z - (a * quotient_of(z, 32) >> 32) * Q;
            const int64_t half = INT64_C(1) << 30;
            const int64_t near = a * z - ((a * quotient_of(z, 31) + half) >> 31) * Q;
            const struct interval floored = multiply((struct interval){a, a}, z, true);
            const struct interval rounded = multiply((struct interval){a, a}, z, false);
            assert_true(down >= floored.least && down <= floored.most);
            assert_true(near >= rounded.least && near <= rounded.most);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_is_bounded),
        cmocka_unit_test(inverse_fits),
        cmocka_unit_test(products_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
