/* SPDX-License-Identifier: Apache-2.0 */
/* Four coefficients to a vector, two sponges at once. Of the 32 registers sixteen hold a quarter of
 * a polynomial: four layers at a stride of 16 coefficients, then four on 16 neighbours. Every
 * AArch64 processor has these instructions. */
#include "crypto/mldsa/kernels.h"

#if defined(__aarch64__) && defined(__ARM_NEON)

#include <arm_neon.h>

#include "crypto/mldsa/keccak_one.h"

enum { WIDTH = 4, SHIFT = 31 };

typedef int32x4_t vec;

struct twiddle {
    vec z, quotient;
};

CR_INLINE vec v_load(const int32_t *from)
{
    return vld1q_s32(from);
}

CR_INLINE void v_store(int32_t *to, vec a)
{
    vst1q_s32(to, a);
}

CR_INLINE vec v_add(vec a, vec b)
{
    return vaddq_s32(a, b);
}

CR_INLINE vec v_sub(vec a, vec b)
{
    return vsubq_s32(a, b);
}

CR_INLINE struct twiddle v_broadcast(const int32_t *z, const int32_t *quotient)
{
    return (struct twiddle){vdupq_n_s32(*z), vdupq_n_s32(*quotient)};
}

CR_INLINE struct twiddle v_twiddle(const int32_t *z, const int32_t *quotient)
{
    return (struct twiddle){v_load(z), v_load(quotient)};
}

/* The instruction doubles, adds a half and takes the high part: round(a quotient / 2^31). */
CR_INLINE vec v_mul(vec a, struct twiddle z)
{
    const vec t = vqrdmulhq_s32(a, z.quotient);
    return vmlsq_s32(vmulq_s32(a, z.z), t, vdupq_n_s32(CR_MLDSA_Q));
}

/* From (-q, 2q) to [0, q): of two residues the smaller one as an unsigned number. */
CR_INLINE vec v_canonical(vec a)
{
    const uint32x4_t q = vdupq_n_u32(CR_MLDSA_Q);
    uint32x4_t r = vreinterpretq_u32_s32(a);
    r = vminq_u32(r, vaddq_u32(r, q));
    return vreinterpretq_s32_u32(vminq_u32(r, vsubq_u32(r, q)));
}

CR_INLINE int64x2_t pair(vec a)
{
    return vreinterpretq_s64_s32(a);
}

CR_INLINE void transpose(vec v[WIDTH])
{
    const int64x2_t a = pair(vtrn1q_s32(v[0], v[1])), b = pair(vtrn2q_s32(v[0], v[1]));
    const int64x2_t c = pair(vtrn1q_s32(v[2], v[3])), d = pair(vtrn2q_s32(v[2], v[3]));
    v[0] = vreinterpretq_s32_s64(vtrn1q_s64(a, c));
    v[1] = vreinterpretq_s32_s64(vtrn1q_s64(b, d));
    v[2] = vreinterpretq_s32_s64(vtrn2q_s64(a, c));
    v[3] = vreinterpretq_s32_s64(vtrn2q_s64(b, d));
}

#include "crypto/mldsa/vector_ntt.h"

enum { COLUMN = 16, STRIDE = CR_MLDSA_N / COLUMN };

static void ntt(int32_t w[CR_MLDSA_N])
{
    vec v[COLUMN];
    for (uint32_t i = 0; i < STRIDE; i += WIDTH) {
        load(v, COLUMN, w + i, STRIDE);
        across(v, COLUMN, 8, 1);
        across(v, COLUMN, 4, 2);
        across(v, COLUMN, 2, 4);
        across(v, COLUMN, 1, 8);
        store(v, COLUMN, w + i, STRIDE);
    }
    for (uint32_t square = 0; square < SQUARES; square++) {
        load(v, WIDTH, w + (size_t)SQUARE * square, WIDTH);
        across(v, WIDTH, 2, 16 + square);
        across(v, WIDTH, 1, 32 + 2 * square);
        transpose(v);
        within(v, 2, square);
        within(v, 1, square);
        store(v, WIDTH, w + (size_t)SQUARE * square, WIDTH);
    }
}

static void ntt_inverse(int32_t w[CR_MLDSA_N])
{
    vec v[COLUMN];
    for (uint32_t square = 0; square < SQUARES; square++) {
        load(v, WIDTH, w + (size_t)SQUARE * square, WIDTH);
        within_inverse(v, 1, square);
        within_inverse(v, 2, square);
        transpose(v);
        across_inverse(v, WIDTH, 1, 32 + 2 * square);
        across_inverse(v, WIDTH, 2, 16 + square);
        store(v, WIDTH, w + (size_t)SQUARE * square, WIDTH);
    }
    for (uint32_t i = 0; i < STRIDE; i += WIDTH) {
        load(v, COLUMN, w + i, STRIDE);
        across_inverse(v, COLUMN, 1, 8);
        across_inverse(v, COLUMN, 2, 4);
        across_inverse(v, COLUMN, 4, 2);
        last_inverse(v, COLUMN);
        store(v, COLUMN, w + i, STRIDE);
    }
}

/* Montgomery: the high half of sum - (sum q^-1 mod 2^32) q is sum / 2^32 mod q. */
CR_INLINE vec reduce(int64x2_t low, int64x2_t high)
{
    const vec sum = vuzp1q_s32(vreinterpretq_s32_s64(low), vreinterpretq_s32_s64(high));
    const vec t = vmulq_s32(sum, vdupq_n_s32(QINV)), q = vdupq_n_s32(CR_MLDSA_Q);
    low = vmlsl_s32(low, vget_low_s32(t), vget_low_s32(q));
    high = vmlsl_high_s32(high, t, q);
    return vuzp2q_s32(vreinterpretq_s32_s64(low), vreinterpretq_s32_s64(high));
}

static void row(const int32_t *a, const int32_t *b, uint32_t count, int32_t w[CR_MLDSA_N])
{
    for (uint32_t i = 0; i < CR_MLDSA_N; i += WIDTH) {
        int64x2_t low = vdupq_n_s64(0), high = low;
        for (uint32_t j = 0; j < count; j++) {
            const vec x = v_load(a + (size_t)CR_MLDSA_N * j + i);
            const vec y = v_load(b + (size_t)CR_MLDSA_N * j + i);
            low = vmlal_s32(low, vget_low_s32(x), vget_low_s32(y));
            high = vmlal_high_s32(high, x, y);
        }
        v_store(w + i, reduce(low, high));
    }
}

/* Four coefficients are nine or ten bytes. Each is cut from the four bytes where it begins, at a
 * bit below 8: 6 + 18 and 4 + 20 fit. */
static bool unpack_z(const struct cr_mldsa_params *p, const uint8_t *bytes, int32_t z[CR_MLDSA_N])
{
    static const uint8_t place_18[16] = {0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9};
    static const uint8_t place_20[16] = {0, 1, 2, 3, 2, 3, 4, 5, 5, 6, 7, 8, 7, 8, 9, 10};
    static const int32_t shift_18[4] = {0, -2, -4, -6}, shift_20[4] = {0, -4, 0, -4};
    const bool wide = p->z_bits == 20;
    const uint8x16_t place = vld1q_u8(wide ? place_20 : place_18);
    const int32x4_t shift = vld1q_s32(wide ? shift_20 : shift_18);
    const uint32x4_t mask = vdupq_n_u32((1u << p->z_bits) - 1);
    vec largest = vdupq_n_s32(0);
    for (uint32_t i = 0; i < CR_MLDSA_N; i += WIDTH, bytes += p->z_bits / 2) {
        const uint32x4_t four = vreinterpretq_u32_u8(vqtbl1q_u8(vld1q_u8(bytes), place));
        const uint32x4_t raw = vandq_u32(vshlq_u32(four, shift), mask);
        const vec value = vsubq_s32(vdupq_n_s32(p->gamma1), vreinterpretq_s32_u32(raw));
        largest = vmaxq_s32(largest, vabsq_s32(value));
        v_store(z + i, value);
    }
    return vmaxvq_s32(largest) < p->gamma1 - p->beta;
}

static void high_bits(const struct cr_mldsa_params *p, const int32_t w[CR_MLDSA_N],
                      uint8_t w1[CR_MLDSA_N])
{
    const bool is_44 = p->w1_bits == 6;
    const uint32x4_t factor = vdupq_n_u32(is_44 ? 11275 : 1025);
    const uint32x4_t half = vdupq_n_u32(is_44 ? 1 << 23 : 1 << 21);
    const int32x4_t shift = vdupq_n_s32(is_44 ? -24 : -22);
    const uint32x4_t end = vdupq_n_u32(is_44 ? 44 : 16);
    for (uint32_t i = 0; i < CR_MLDSA_N; i += 2 * WIDTH) {
        uint16x4_t r1[2];
        for (uint32_t j = 0; j < 2; j++) {
            const uint32x4_t r = vreinterpretq_u32_s32(v_load(w + i + (size_t)j * WIDTH));
            const uint32x4_t a = vshrq_n_u32(vaddq_u32(r, vdupq_n_u32(127)), 7);
            const uint32x4_t high = vshlq_u32(vmlaq_u32(half, a, factor), shift);
            r1[j] = vmovn_u32(vandq_u32(high, vcltq_u32(high, end)));
        }
        vst1_u8(w1 + i, vmovn_u16(vcombine_u16(r1[0], r1[1])));
    }
}

/* Two coefficients to a byte, or four to three bytes. */
static void pack_w1(const struct cr_mldsa_params *p, const uint8_t w1[CR_MLDSA_N], uint8_t *out)
{
    if (p->w1_bits == 4) {
        for (uint32_t i = 0; i < CR_MLDSA_N; i += 32, out += 16) {
            const uint8x16x2_t in = vld2q_u8(w1 + i);
            vst1q_u8(out, vsliq_n_u8(in.val[0], in.val[1], 4));
        }
        return;
    }
    for (uint32_t i = 0; i < CR_MLDSA_N; i += 64, out += 48) {
        const uint8x16x4_t in = vld4q_u8(w1 + i);
        uint8x16x3_t bytes;
        bytes.val[0] = vsliq_n_u8(in.val[0], in.val[1], 6);
        bytes.val[1] = vsliq_n_u8(vshrq_n_u8(in.val[1], 2), in.val[2], 4);
        bytes.val[2] = vsliq_n_u8(vshrq_n_u8(in.val[2], 4), in.val[3], 2);
        vst3q_u8(out, bytes);
    }
}

/* Algorithm 14: without a branch, as there is no instruction that closes gaps. */
static uint32_t reject(const uint8_t block[CR_SHAKE128_RATE + CR_MLDSA_SLACK], int32_t *a)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < CR_SHAKE128_RATE; i += 3) {
        a[count] = (block[i + 2] & 0x7f) << 16 | block[i + 1] << 8 | block[i];
        count += a[count] < CR_MLDSA_Q;
    }
    return count;
}

#define NAME          two_permute
#define LANE          uint64x2_t
#define XOR(a, b)     veorq_u64(a, b)
#define XOR3(a, b, c) veorq_u64(veorq_u64(a, b), c)
#define ROL(a, n)     vsriq_n_u64(vshlq_n_u64(a, n), a, 64 - (n))
#define CHI(a, b, c)  veorq_u64(a, vbicq_u64(c, b))
#define IOTA(a, rc)   veorq_u64(a, vdupq_n_u64(rc))
#include "crypto/mldsa/keccak.inc"

static void keccak_two(uint64_t *state)
{
    uint64x2_t a[25];
    CR_UNROLL
    for (uint32_t i = 0; i < 25; i++)
        a[i] = vld1q_u64(state + (size_t)2 * i);
    two_permute(a);
    CR_UNROLL
    for (uint32_t i = 0; i < 25; i++)
        vst1q_u64(state + (size_t)2 * i, a[i]);
}

static const struct cr_mldsa_kernels kernels = {
    .name = "neon",
    .compiler = CR_COMPILER,
    .lanes = 2,
    .lanes_pay_at = 2,
    .keccak = keccak_two,
    .keccak_one = keccak_one,
    .reject = reject,
    .order = order,
    .unpack_z = unpack_z,
    .ntt = ntt,
    .row = row,
    .ntt_inverse = ntt_inverse,
    .high_bits = high_bits,
    .pack_w1 = pack_w1,
};

const struct cr_mldsa_kernels *cr_mldsa_neon(void)
{
    make_twiddles();
    return &kernels;
}

#else

const struct cr_mldsa_kernels *cr_mldsa_neon(void)
{
    return NULL;
}

#endif
