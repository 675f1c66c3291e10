/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen coefficients to a vector, eight sponges at once. A polynomial is sixteen vectors: it
 * stays in registers through a whole NTT. */
#include "crypto/mldsa/kernels.h"

/* CR_SIMDE: compiled for another processor, by tools/neon. */
#if defined(CR_SIMDE) || (defined(__AVX512F__) && defined(__AVX512BW__) && \
                          defined(__AVX512VL__) && defined(__AVX512DQ__))

#include <immintrin.h>

#include "crypto/mldsa/keccak_one.h"
#include "crypto/mldsa/pack_x86.h"

enum { WIDTH = 16, SHIFT = 32 };

typedef __m512i vec;

/* Quotients for even and odd lanes, as products of 32 x 32 bits take even lanes only. */
struct twiddle {
    vec z, even, odd;
};

CR_INLINE vec v_load(const int32_t *from)
{
    return _mm512_load_si512((const void *)from);
}

CR_INLINE void v_store(int32_t *to, vec a)
{
    _mm512_store_si512((void *)to, a);
}

CR_INLINE vec v_add(vec a, vec b)
{
    return _mm512_add_epi32(a, b);
}

CR_INLINE vec v_sub(vec a, vec b)
{
    return _mm512_sub_epi32(a, b);
}

CR_INLINE vec v_odd(vec a)
{
    return _mm512_srli_epi64(a, 32);
}

/* The high halves of products in even lanes and of those in odd lanes. */
CR_INLINE vec v_high(vec even, vec odd)
{
    return _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB);
}

CR_INLINE struct twiddle v_broadcast(const int32_t *z, const int32_t *quotient)
{
    const vec q = _mm512_set1_epi32(*quotient);
    return (struct twiddle){_mm512_set1_epi32(*z), q, q};
}

CR_INLINE struct twiddle v_twiddle(const int32_t *z, const int32_t *quotient)
{
    const vec q = v_load(quotient);
    return (struct twiddle){v_load(z), q, v_odd(q)};
}

CR_INLINE vec v_mul(vec a, struct twiddle z)
{
    const vec even = _mm512_mul_epi32(a, z.even), odd = _mm512_mul_epi32(v_odd(a), z.odd);
    const vec tq = _mm512_mullo_epi32(v_high(even, odd), _mm512_set1_epi32(CR_MLDSA_Q));
    return _mm512_sub_epi32(_mm512_mullo_epi32(a, z.z), tq);
}

/* From (-q, 2q) to [0, q): of two residues the smaller one as an unsigned number. */
CR_INLINE vec v_canonical(vec a)
{
    const vec q = _mm512_set1_epi32(CR_MLDSA_Q);
    a = _mm512_min_epu32(a, _mm512_add_epi32(a, q));
    return _mm512_min_epu32(a, _mm512_sub_epi32(a, q));
}

#define QUARTERS(a, b, select) _mm512_shuffle_i32x4(a, b, select)

CR_INLINE void transpose(vec v[WIDTH])
{
    vec t[WIDTH];
    for (uint32_t i = 0; i < WIDTH; i += 4) {
        const vec a = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        const vec b = _mm512_unpackhi_epi32(v[i], v[i + 1]);
        const vec c = _mm512_unpacklo_epi32(v[i + 2], v[i + 3]);
        const vec d = _mm512_unpackhi_epi32(v[i + 2], v[i + 3]);
        t[i] = _mm512_unpacklo_epi64(a, c);
        t[i + 1] = _mm512_unpackhi_epi64(a, c);
        t[i + 2] = _mm512_unpacklo_epi64(b, d);
        t[i + 3] = _mm512_unpackhi_epi64(b, d);
    }
    for (uint32_t i = 0; i < 4; i++) {
        const vec a = QUARTERS(t[i], t[i + 4], 0x88), b = QUARTERS(t[i + 8], t[i + 12], 0x88);
        const vec c = QUARTERS(t[i], t[i + 4], 0xdd), d = QUARTERS(t[i + 8], t[i + 12], 0xdd);
        v[i] = QUARTERS(a, b, 0x88);
        v[i + 4] = QUARTERS(c, d, 0x88);
        v[i + 8] = QUARTERS(a, b, 0xdd);
        v[i + 12] = QUARTERS(c, d, 0xdd);
    }
}

#include "crypto/mldsa/vector_ntt.h"

static void ntt(int32_t w[CR_MLDSA_N])
{
    vec v[WIDTH];
    load(v, WIDTH, w, WIDTH);
    across(v, WIDTH, 8, 1);
    across(v, WIDTH, 4, 2);
    across(v, WIDTH, 2, 4);
    across(v, WIDTH, 1, 8);
    transpose(v);
    within(v, 8, 0);
    within(v, 4, 0);
    within(v, 2, 0);
    within(v, 1, 0);
    store(v, WIDTH, w, WIDTH);
}

static void ntt_inverse(int32_t w[CR_MLDSA_N])
{
    vec v[WIDTH];
    load(v, WIDTH, w, WIDTH);
    within_inverse(v, 1, 0);
    within_inverse(v, 2, 0);
    within_inverse(v, 4, 0);
    within_inverse(v, 8, 0);
    transpose(v);
    across_inverse(v, WIDTH, 1, 8);
    across_inverse(v, WIDTH, 2, 4);
    across_inverse(v, WIDTH, 4, 2);
    last_inverse(v, WIDTH);
    store(v, WIDTH, w, WIDTH);
}

/* Montgomery: the high half of sum - (sum q^-1 mod 2^32) q is sum / 2^32 mod q. */
CR_INLINE vec reduce(vec sum)
{
    const vec t = _mm512_mul_epi32(sum, _mm512_set1_epi32(QINV));
    return _mm512_sub_epi64(sum, _mm512_mul_epi32(t, _mm512_set1_epi32(CR_MLDSA_Q)));
}

CR_INLINE void row_of(const int32_t *a, const int32_t *b, uint32_t count, int32_t *w)
{
    for (uint32_t i = 0; i < CR_MLDSA_N; i += WIDTH) {
        vec even = _mm512_setzero_si512(), odd = even;
        CR_UNROLL
        for (uint32_t j = 0; j < count; j++) {
            const vec x = v_load(a + (size_t)CR_MLDSA_N * j + i);
            const vec y = v_load(b + (size_t)CR_MLDSA_N * j + i);
            even = _mm512_add_epi64(even, _mm512_mul_epi32(x, y));
            odd = _mm512_add_epi64(odd, _mm512_mul_epi32(v_odd(x), v_odd(y)));
        }
        v_store(w + i, v_high(reduce(even), reduce(odd)));
    }
}

static void row(const int32_t *a, const int32_t *b, uint32_t count, int32_t w[CR_MLDSA_N])
{
    CR_ASSERT(count == 5 || count == 6 || count == 8); /* one unrolled text for each level */
    if (count == 5)
        row_of(a, b, 5, w);
    else if (count == 6)
        row_of(a, b, 6, w);
    else
        row_of(a, b, 8, w);
}

/* Coefficient j of sixteen begins in 16-bit word first[j] and ends in the next one, for both widths
 * of z: the first bit is shift[j] <= 14, and 14 + 18 and 12 + 20 fit into two words. */
static struct {
    _Alignas(64) uint16_t words[32];
    _Alignas(64) uint32_t shift[16];
} unpack_18, unpack_20;

static void make_unpack(uint32_t bits, uint16_t words[32], uint32_t shift[16])
{
    for (uint32_t j = 0; j < 16; j++) {
        const uint16_t first = (uint16_t)(bits * j / 16);
        words[(size_t)2 * j] = first;
        words[(size_t)2 * j + 1] = (uint16_t)(first + 1);
        shift[j] = bits * j % 16;
    }
}

static bool unpack_z(const struct cr_mldsa_params *p, const uint8_t *bytes, int32_t z[CR_MLDSA_N])
{
    const bool wide = p->z_bits == 20;
    const vec words = _mm512_load_si512(wide ? unpack_20.words : unpack_18.words);
    const vec shift = _mm512_load_si512(wide ? unpack_20.shift : unpack_18.shift);
    const vec mask = _mm512_set1_epi32((1 << p->z_bits) - 1), gamma1 = _mm512_set1_epi32(p->gamma1);
    vec largest = _mm512_setzero_si512();
    for (uint32_t i = 0; i < CR_MLDSA_N; i += WIDTH, bytes += (size_t)2 * p->z_bits) {
        const vec pairs = _mm512_permutexvar_epi16(words, _mm512_loadu_si512(bytes));
        const vec raw = _mm512_and_si512(_mm512_srlv_epi32(pairs, shift), mask);
        const vec value = _mm512_sub_epi32(gamma1, raw);
        largest = _mm512_max_epi32(largest, _mm512_abs_epi32(value));
        v_store(z + i, value);
    }
    return _mm512_cmpge_epi32_mask(largest, _mm512_set1_epi32(p->gamma1 - p->beta)) == 0;
}

static void high_bits(const struct cr_mldsa_params *p, const int32_t w[CR_MLDSA_N],
                      uint8_t w1[CR_MLDSA_N])
{
    const bool is_44 = p->w1_bits == 6;
    const vec factor = _mm512_set1_epi32(is_44 ? 11275 : 1025);
    const vec half = _mm512_set1_epi32(is_44 ? 1 << 23 : 1 << 21);
    const __m128i shift = _mm_cvtsi32_si128(is_44 ? 24 : 22);
    const vec end = _mm512_set1_epi32(is_44 ? 44 : 16);
    for (uint32_t i = 0; i < CR_MLDSA_N; i += WIDTH) {
        const vec a = _mm512_srli_epi32(v_add(v_load(w + i), _mm512_set1_epi32(127)), 7);
        const vec scaled = v_add(_mm512_mullo_epi32(a, factor), half);
        const vec high = _mm512_srl_epi32(scaled, shift);
        const vec r1 = _mm512_maskz_mov_epi32(_mm512_cmpgt_epi32_mask(end, high), high);
        _mm_storeu_si128((__m128i *)(void *)(w1 + i), _mm512_cvtepi32_epi8(r1));
    }
}

/* Algorithm 14 on sixteen times three bytes. */
static uint32_t reject(const uint8_t block[CR_SHAKE128_RATE + CR_MLDSA_SLACK], int32_t *a)
{
    const vec quarters = _mm512_setr_epi32(0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 12);
    const vec threes =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1));
    uint32_t count = 0;
    for (uint32_t i = 0; i < CR_SHAKE_CANDIDATES; i += WIDTH) {
        const vec bytes =
            _mm512_permutexvar_epi32(quarters, _mm512_loadu_si512(block + (size_t)3 * i));
        const vec value =
            _mm512_and_si512(_mm512_shuffle_epi8(bytes, threes), _mm512_set1_epi32(0x7fffff));
        const __mmask16 there = CR_SHAKE_CANDIDATES - i >= WIDTH
                                    ? (__mmask16)0xffff
                                    : (__mmask16)((1u << (CR_SHAKE_CANDIDATES - i)) - 1);
        const __mmask16 good =
            _mm512_mask_cmpgt_epi32_mask(there, _mm512_set1_epi32(CR_MLDSA_Q), value);
        _mm512_storeu_si512(a + count, _mm512_maskz_compress_epi32(good, value));
        count += (uint32_t)__builtin_popcount(good);
    }
    return count;
}

#define NAME          eight_permute
#define LANE          __m512i
#define XOR(a, b)     _mm512_xor_si512(a, b)
#define XOR3(a, b, c) _mm512_ternarylogic_epi64(a, b, c, 0x96)
#define ROL(a, n)     _mm512_rol_epi64(a, n)
#define CHI(a, b, c)  _mm512_ternarylogic_epi64(a, b, c, 0xd2)
#define IOTA(a, rc)   _mm512_xor_si512(a, _mm512_set1_epi64((long long)(rc)))
#include "crypto/mldsa/keccak.inc"

static void keccak_eight(uint64_t *state)
{
    vec a[25];
    CR_UNROLL
    for (uint32_t i = 0; i < 25; i++)
        a[i] = _mm512_load_si512(state + (size_t)8 * i);
    eight_permute(a);
    CR_UNROLL
    for (uint32_t i = 0; i < 25; i++)
        _mm512_store_si512(state + (size_t)8 * i, a[i]);
}

static const struct cr_mldsa_kernels kernels = {
    .name = "avx512",
    .compiler = CR_COMPILER,
    .lanes = 8,
    .lanes_pay_at = 2,
    .keccak = keccak_eight,
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

const struct cr_mldsa_kernels *cr_mldsa_avx512(void)
{
#if !defined(CR_SIMDE)
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("bmi") || !__builtin_cpu_supports("bmi2")) {
        return NULL;
    }
#endif
    make_twiddles();
    make_unpack(18, unpack_18.words, unpack_18.shift);
    make_unpack(20, unpack_20.words, unpack_20.shift);
    return &kernels;
}

#else

const struct cr_mldsa_kernels *cr_mldsa_avx512(void)
{
    return NULL;
}

#endif
