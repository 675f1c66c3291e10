/* SPDX-License-Identifier: Apache-2.0 */
/* Eight coefficients to a vector, four sponges at once. Sixteen registers hold eight vectors of a
 * polynomial beside what a butterfly needs, so an NTT makes two passes over memory: three layers at
 * a stride of 32 coefficients, then five on 64 neighbours. */
#include "crypto/mldsa/kernels.h"

#if defined(CR_SIMDE) || defined(__AVX2__) /* CR_SIMDE: by tools/neon */

#include <immintrin.h>

#include "crypto/mldsa/keccak_one.h"
#include "crypto/mldsa/pack_x86.h"

enum { WIDTH = 8, SHIFT = 32 };

typedef __m256i vec;

/* Quotients for even and odd lanes, as products of 32 x 32 bits take even lanes only. */
struct twiddle {
    vec z, even, odd;
};

CR_INLINE vec v_load(const int32_t *from)
{
    return _mm256_load_si256((const __m256i *)(const void *)from);
}

CR_INLINE void v_store(int32_t *to, vec a)
{
    _mm256_store_si256((__m256i *)(void *)to, a);
}

CR_INLINE vec v_add(vec a, vec b)
{
    return _mm256_add_epi32(a, b);
}

CR_INLINE vec v_sub(vec a, vec b)
{
    return _mm256_sub_epi32(a, b);
}

/* As a shuffle of floats it can take its operand from memory. */
CR_INLINE vec v_odd(vec a)
{
    return _mm256_castps_si256(_mm256_movehdup_ps(_mm256_castsi256_ps(a)));
}

/* The high halves of products in even lanes and of those in odd lanes. */
CR_INLINE vec v_high(vec even, vec odd)
{
    return _mm256_blend_epi32(v_odd(even), odd, 0xaa);
}

CR_INLINE struct twiddle v_broadcast(const int32_t *z, const int32_t *quotient)
{
    const vec q = _mm256_set1_epi32(*quotient);
    return (struct twiddle){_mm256_set1_epi32(*z), q, q};
}

CR_INLINE struct twiddle v_twiddle(const int32_t *z, const int32_t *quotient)
{
    const vec q = v_load(quotient);
    return (struct twiddle){v_load(z), q, v_odd(q)};
}

CR_INLINE vec v_mul(vec a, struct twiddle z)
{
    const vec even = _mm256_mul_epi32(a, z.even), odd = _mm256_mul_epi32(v_odd(a), z.odd);
    const vec tq = _mm256_mullo_epi32(v_high(even, odd), _mm256_set1_epi32(CR_MLDSA_Q));
    return _mm256_sub_epi32(_mm256_mullo_epi32(a, z.z), tq);
}

/* From (-q, 2q) to [0, q): of two residues the smaller one as an unsigned number. */
CR_INLINE vec v_canonical(vec a)
{
    const vec q = _mm256_set1_epi32(CR_MLDSA_Q);
    a = _mm256_min_epu32(a, _mm256_add_epi32(a, q));
    return _mm256_min_epu32(a, _mm256_sub_epi32(a, q));
}

CR_INLINE void transpose(vec v[WIDTH])
{
    vec t[WIDTH];
    for (uint32_t i = 0; i < WIDTH; i += 4) {
        const vec a = _mm256_unpacklo_epi32(v[i], v[i + 1]);
        const vec b = _mm256_unpackhi_epi32(v[i], v[i + 1]);
        const vec c = _mm256_unpacklo_epi32(v[i + 2], v[i + 3]);
        const vec d = _mm256_unpackhi_epi32(v[i + 2], v[i + 3]);
        t[i] = _mm256_unpacklo_epi64(a, c);
        t[i + 1] = _mm256_unpackhi_epi64(a, c);
        t[i + 2] = _mm256_unpacklo_epi64(b, d);
        t[i + 3] = _mm256_unpackhi_epi64(b, d);
    }
    for (uint32_t i = 0; i < 4; i++) {
        v[i] = _mm256_permute2x128_si256(t[i], t[i + 4], 0x20);
        v[i + 4] = _mm256_permute2x128_si256(t[i], t[i + 4], 0x31);
    }
}

#include "crypto/mldsa/vector_ntt.h"

enum { STRIDE = CR_MLDSA_N / WIDTH };

static void ntt(int32_t w[CR_MLDSA_N])
{
    vec v[WIDTH];
    for (uint32_t i = 0; i < STRIDE; i += WIDTH) {
        load(v, WIDTH, w + i, STRIDE);
        across(v, WIDTH, 4, 1);
        across(v, WIDTH, 2, 2);
        across(v, WIDTH, 1, 4);
        store(v, WIDTH, w + i, STRIDE);
    }
    for (uint32_t square = 0; square < SQUARES; square++) {
        load(v, WIDTH, w + (size_t)SQUARE * square, WIDTH);
        across(v, WIDTH, 2, 8 + 2 * square);
        across(v, WIDTH, 1, 16 + 4 * square);
        transpose(v);
        within(v, 4, square);
        within(v, 2, square);
        within(v, 1, square);
        store(v, WIDTH, w + (size_t)SQUARE * square, WIDTH);
    }
}

static void ntt_inverse(int32_t w[CR_MLDSA_N])
{
    vec v[WIDTH];
    for (uint32_t square = 0; square < SQUARES; square++) {
        load(v, WIDTH, w + (size_t)SQUARE * square, WIDTH);
        within_inverse(v, 1, square);
        within_inverse(v, 2, square);
        within_inverse(v, 4, square);
        transpose(v);
        across_inverse(v, WIDTH, 1, 16 + 4 * square);
        across_inverse(v, WIDTH, 2, 8 + 2 * square);
        store(v, WIDTH, w + (size_t)SQUARE * square, WIDTH);
    }
    for (uint32_t i = 0; i < STRIDE; i += WIDTH) {
        load(v, WIDTH, w + i, STRIDE);
        across_inverse(v, WIDTH, 1, 4);
        across_inverse(v, WIDTH, 2, 2);
        last_inverse(v, WIDTH);
        store(v, WIDTH, w + i, STRIDE);
    }
}

/* Montgomery: the high half of sum - (sum q^-1 mod 2^32) q is sum / 2^32 mod q. */
CR_INLINE vec reduce(vec sum)
{
    const vec t = _mm256_mul_epi32(sum, _mm256_set1_epi32(QINV));
    return _mm256_sub_epi64(sum, _mm256_mul_epi32(t, _mm256_set1_epi32(CR_MLDSA_Q)));
}

CR_INLINE void row_of(const int32_t *a, const int32_t *b, uint32_t count, int32_t *w)
{
    for (uint32_t i = 0; i < CR_MLDSA_N; i += WIDTH) {
        vec even = _mm256_setzero_si256(), odd = even;
        CR_UNROLL
        for (uint32_t j = 0; j < count; j++) {
            const vec x = v_load(a + (size_t)CR_MLDSA_N * j + i);
            const vec y = v_load(b + (size_t)CR_MLDSA_N * j + i);
            even = _mm256_add_epi64(even, _mm256_mul_epi32(x, y));
            odd = _mm256_add_epi64(odd, _mm256_mul_epi32(v_odd(x), v_odd(y)));
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

/* Four coefficients are nine or ten bytes. Each is cut from the four bytes where it begins, at a
 * bit below 8: 6 + 18 and 4 + 20 fit. */
static bool unpack_z(const struct cr_mldsa_params *p, const uint8_t *bytes, int32_t z[CR_MLDSA_N])
{
    const bool wide = p->z_bits == 20;
    const uint32_t half = p->z_bits / 2; /* bytes of four coefficients */
    const vec place = _mm256_broadcastsi128_si256(
        wide ? _mm_setr_epi8(0, 1, 2, 3, 2, 3, 4, 5, 5, 6, 7, 8, 7, 8, 9, 10)
             : _mm_setr_epi8(0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9));
    const vec shift =
        _mm256_broadcastsi128_si256(wide ? _mm_setr_epi32(0, 4, 0, 4) : _mm_setr_epi32(0, 2, 4, 6));
    const vec mask = _mm256_set1_epi32((1 << p->z_bits) - 1), gamma1 = _mm256_set1_epi32(p->gamma1);
    vec largest = _mm256_setzero_si256();
    for (uint32_t i = 0; i < CR_MLDSA_N; i += WIDTH, bytes += p->z_bits) {
        const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)bytes);
        const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(bytes + half));
        const vec both = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
        const vec raw = _mm256_srlv_epi32(_mm256_shuffle_epi8(both, place), shift);
        const vec value = _mm256_sub_epi32(gamma1, _mm256_and_si256(raw, mask));
        largest = _mm256_max_epi32(largest, _mm256_abs_epi32(value));
        v_store(z + i, value);
    }
    const vec most = _mm256_set1_epi32(p->gamma1 - p->beta - 1);
    return _mm256_testz_si256(_mm256_cmpgt_epi32(largest, most),
                              _mm256_cmpgt_epi32(largest, most)) != 0;
}

static void high_bits(const struct cr_mldsa_params *p, const int32_t w[CR_MLDSA_N],
                      uint8_t w1[CR_MLDSA_N])
{
    const bool is_44 = p->w1_bits == 6;
    const vec factor = _mm256_set1_epi32(is_44 ? 11275 : 1025);
    const vec half = _mm256_set1_epi32(is_44 ? 1 << 23 : 1 << 21);
    const __m128i shift = _mm_cvtsi32_si128(is_44 ? 24 : 22);
    const vec end = _mm256_set1_epi32(is_44 ? 44 : 16);
    const vec sequence = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); /* undoes the packs below */
    for (uint32_t i = 0; i < CR_MLDSA_N; i += 4 * WIDTH) {
        vec r1[4];
        CR_UNROLL
        for (uint32_t j = 0; j < 4; j++) {
            const vec r = v_add(v_load(w + i + (size_t)j * WIDTH), _mm256_set1_epi32(127));
            const vec a = _mm256_mullo_epi32(_mm256_srli_epi32(r, 7), factor);
            const vec high = _mm256_srl_epi32(v_add(a, half), shift);
            r1[j] = _mm256_and_si256(high, _mm256_cmpgt_epi32(end, high));
        }
        const vec words =
            _mm256_packus_epi16(_mm256_packs_epi32(r1[0], r1[1]), _mm256_packs_epi32(r1[2], r1[3]));
        _mm256_storeu_si256((__m256i *)(void *)(w1 + i),
                            _mm256_permutevar8x32_epi32(words, sequence));
    }
}

/* For each set of lanes that stay, where they go. */
static _Alignas(64) uint8_t keep[256][WIDTH];

static void make_keep(void)
{
    for (uint32_t set = 0; set < 256; set++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < WIDTH; i++) {
            if (set >> i & 1) keep[set][count++] = (uint8_t)i;
        }
    }
}

/* Algorithm 14 on eight times three bytes. */
static uint32_t reject(const uint8_t block[CR_SHAKE128_RATE + CR_MLDSA_SLACK], int32_t *a)
{
    const vec threes = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1));
    uint32_t count = 0;
    for (uint32_t i = 0; i < CR_SHAKE128_RATE; i += 24) {
        const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(block + i));
        const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(block + i + 12));
        const vec both = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
        const vec value =
            _mm256_and_si256(_mm256_shuffle_epi8(both, threes), _mm256_set1_epi32(0x7fffff));
        const vec below = _mm256_cmpgt_epi32(_mm256_set1_epi32(CR_MLDSA_Q), value);
        const uint32_t good = (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(below));
        const __m128i eight = _mm_loadl_epi64((const __m128i *)(const void *)keep[good]);
        _mm256_storeu_si256((__m256i *)(void *)(a + count),
                            _mm256_permutevar8x32_epi32(value, _mm256_cvtepu8_epi32(eight)));
        count += (uint32_t)__builtin_popcount(good);
    }
    return count;
}

/* Rotation by whole bytes is a shuffle. */
CR_INLINE vec rotate_bytes(vec a, int bytes)
{
    const vec one = _mm256_set_epi64x(0x0e0d0c0b0a09080f, 0x0605040302010007, 0x0e0d0c0b0a09080f,
                                      0x0605040302010007);
    const vec seven = _mm256_set_epi64x(0x080f0e0d0c0b0a09, 0x0007060504030201, 0x080f0e0d0c0b0a09,
                                        0x0007060504030201);
    return _mm256_shuffle_epi8(a, bytes == 1 ? one : seven);
}

#define SHIFTED(a, n) _mm256_or_si256(_mm256_slli_epi64(a, n), _mm256_srli_epi64(a, 64 - (n)))
#define ROTATED(a, n) ((n) == 56 ? rotate_bytes(a, 7) : SHIFTED(a, n))

#define NAME          four_permute
#define LANE          __m256i
#define XOR(a, b)     _mm256_xor_si256(a, b)
#define XOR3(a, b, c) _mm256_xor_si256(_mm256_xor_si256(a, b), c)
#define ROL(a, n)     ((n) == 8 ? rotate_bytes(a, 1) : ROTATED(a, n))
#define CHI(a, b, c)  _mm256_xor_si256(a, _mm256_andnot_si256(b, c))
#define IOTA(a, rc)   _mm256_xor_si256(a, _mm256_set1_epi64x((long long)(rc)))
#include "crypto/mldsa/keccak.inc"

static void keccak_four(uint64_t *state)
{
    vec a[25];
    CR_UNROLL
    for (uint32_t i = 0; i < 25; i++)
        a[i] = _mm256_load_si256((const __m256i *)(const void *)(state + (size_t)4 * i));
    four_permute(a);
    CR_UNROLL
    for (uint32_t i = 0; i < 25; i++)
        _mm256_store_si256((__m256i *)(void *)(state + (size_t)4 * i), a[i]);
}

static const struct cr_mldsa_kernels kernels = {
    .name = "avx2",
    .compiler = CR_COMPILER,
    .lanes = 4,
    .lanes_pay_at = 2,
    .keccak = keccak_four,
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

const struct cr_mldsa_kernels *cr_mldsa_avx2(void)
{
#if !defined(CR_SIMDE)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2")) {
        return NULL;
    }
#endif
    make_twiddles();
    make_keep();
    return &kernels;
}

#else

const struct cr_mldsa_kernels *cr_mldsa_avx2(void)
{
    return NULL;
}

#endif
