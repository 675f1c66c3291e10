/* SPDX-License-Identifier: Apache-2.0 */
/* kernels.h: what a back end of the verifier has to offer: a few small functions on one polynomial,
 * and Keccak on several sponges at once. All else (verify.c, prepare.c, xof.c) is shared.
 *
 * Polynomials are aligned to 64 bytes. In the NTT domain a back end keeps coefficients in an order
 * of its own; only its own kernels look into it.
 */
#ifndef CR_CRYPTO_MLDSA_KERNELS_H
#define CR_CRYPTO_MLDSA_KERNELS_H

#include "crypto/mldsa/params.h"

enum {
    CR_MLDSA_LANES_MAX = 8,
    CR_SHAKE128_RATE = 168,
    CR_SHAKE256_RATE = 136,
    CR_SHAKE_CANDIDATES = CR_SHAKE128_RATE / 3, /* coefficients in a block of SHAKE128 */
    CR_MLDSA_NTT_BOUND = 10 * CR_MLDSA_Q,
    CR_MLDSA_SLACK = 64, /* bytes that kernels may read beyond a block, coefficients they write */
    CR_MLDSA_UNPACK_SLACK = 32, /* bytes that they may read beyond an encoded polynomial of z */
};

struct cr_mldsa_kernels {
    const char *name;
    const char *compiler;  /* that made it */
    uint32_t lanes;        /* sponges that `keccak` permutes; at most CR_MLDSA_LANES_MAX */
    uint32_t lanes_pay_at; /* as many sponges as make it cheaper than `keccak_one` for each */
    /* Word w of sponge i is state[w * lanes + i]; aligned to 64 bytes. */
    void (*keccak)(uint64_t *state);
    void (*keccak_one)(uint64_t state[25]);

    /* ExpandA: writes those of a block's candidates that are below q, in their order, and returns
     * their number. May read CR_MLDSA_SLACK bytes beyond the block, and write as many coefficients
     * beyond those that count. */
    uint32_t (*reject)(const uint8_t block[CR_SHAKE128_RATE + CR_MLDSA_SLACK], int32_t *a);
    /* From the order of FIPS 204's NTT domain to the back end's. */
    void (*order)(int32_t w[CR_MLDSA_N]);

    /* Coefficients of z; false when one is not below gamma1 - beta in absolute value. May read
     * CR_MLDSA_UNPACK_SLACK bytes beyond: the hints follow there, at least 61 bytes. */
    bool (*unpack_z)(const struct cr_mldsa_params *p, const uint8_t *bytes, int32_t z[CR_MLDSA_N]);
    /* In: |w| < q. Out: congruent, |w| < CR_MLDSA_NTT_BOUND (bounds_test.c). */
    void (*ntt)(int32_t w[CR_MLDSA_N]);
    /* w = the sum of `count` products of polynomials in the NTT domain, by a factor that
     * ntt_inverse takes back. |a| < q, |b| < CR_MLDSA_NTT_BOUND; count is 5, 6 or 8: the l + 1 of a
     * level. */
    void (*row)(const int32_t *a, const int32_t *b, uint32_t count, int32_t w[CR_MLDSA_N]);
    /* In: what `row` wrote. Out: in [0, q). */
    void (*ntt_inverse)(int32_t w[CR_MLDSA_N]);
    /* HighBits of coefficients in [0, q). Without division: with a = (r + 127) / 128, rounded down,
     * it is round(a 1025 / 2^22) mod 16 for gamma2 = (q - 1) / 32, and round(a 11275 / 2^24), where
     * 44 stands for 0, for (q - 1) / 88. kernels_test.c tries every r. */
    void (*high_bits)(const struct cr_mldsa_params *p, const int32_t w[CR_MLDSA_N],
                      uint8_t w1[CR_MLDSA_N]);
    /* w1Encode of one polynomial. May write CR_MLDSA_SLACK bytes beyond it. */
    void (*pack_w1)(const struct cr_mldsa_params *p, const uint8_t w1[CR_MLDSA_N], uint8_t *out);
};

/* A table by name; NULL when there is none or this processor cannot run it. Writes the tables'
 * constants: before threads run. */
const struct cr_mldsa_kernels *cr_mldsa_kernels(const char *name);
/* The i-th of those that this processor can run, the fastest first; NULL after the last, which is
 * "scalar". As above. */
const struct cr_mldsa_kernels *cr_mldsa_kernels_at(uint32_t i);

/* ---- for the back ends ---- */

#if defined(__clang__)
#define CR_COMPILER __VERSION__ /* begins with its name */
#else
#define CR_COMPILER "gcc " __VERSION__
#endif

/* Full unrolling keeps the vectors in registers. */
#if defined(__clang__)
#define CR_UNROLL _Pragma("unroll")
#else
#define CR_UNROLL _Pragma("GCC unroll 32")
#endif
#define CR_INLINE static inline __attribute__((always_inline))

/* Each makes its constants; NULL when this processor, or this build, does not have it. */
const struct cr_mldsa_kernels *cr_mldsa_scalar(void);
const struct cr_mldsa_kernels *cr_mldsa_avx2(void);
const struct cr_mldsa_kernels *cr_mldsa_avx512(void);
const struct cr_mldsa_kernels *cr_mldsa_neon(void);

/* Scratch memory that is written before it is read: the compiler must not fill it with zeros, which
 * -ftrivial-auto-var-init would do at each call (5 % of a verification). */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define CR_SCRATCH __attribute__((uninitialized))
#endif
#endif
#ifndef CR_SCRATCH
#define CR_SCRATCH
#endif

extern const uint64_t cr_keccak_rc[24]; /* FIPS 202: the constants of iota */

#endif
