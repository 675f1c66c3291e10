/* SPDX-License-Identifier: Apache-2.0 */
/* pack_x86.h: w1Encode (FIPS 204, algorithm 28) with the instructions of AVX2. */
#ifndef CR_CRYPTO_MLDSA_PACK_X86_H
#define CR_CRYPTO_MLDSA_PACK_X86_H

#include <immintrin.h>

#include "crypto/mldsa/kernels.h"

/* Two coefficients to a byte. */
static void pack_w1_4(const uint8_t w1[CR_MLDSA_N], uint8_t *out)
{
    const __m256i weights = _mm256_set1_epi16(1 | 16 << 8);
    for (uint32_t i = 0; i < CR_MLDSA_N / 64; i++) {
        const __m256i *from = (const __m256i *)(const void *)(w1 + (size_t)64 * i);
        const __m256i a = _mm256_maddubs_epi16(_mm256_loadu_si256(from), weights);
        const __m256i b = _mm256_maddubs_epi16(_mm256_loadu_si256(from + 1), weights);
        const __m256i bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xd8);
        _mm256_storeu_si256((__m256i *)(void *)(out + (size_t)32 * i), bytes);
    }
}

/* Four coefficients to three bytes. Writes four bytes beyond the 192. */
static void pack_w1_6(const uint8_t w1[CR_MLDSA_N], uint8_t *out)
{
    const __m256i pairs = _mm256_set1_epi16(1 | 64 << 8), fours = _mm256_set1_epi32(1 | 1 << 28);
    const __m256i bytes = _mm256_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,
                                           0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    for (uint32_t i = 0; i < CR_MLDSA_N / 32; i++, out += 24) {
        const __m256i *from = (const __m256i *)(const void *)(w1 + (size_t)32 * i);
        const __m256i two = _mm256_maddubs_epi16(_mm256_loadu_si256(from), pairs); /* 12 bits */
        const __m256i four = _mm256_shuffle_epi8(_mm256_madd_epi16(two, fours), bytes);
        _mm_storeu_si128((__m128i *)(void *)out, _mm256_castsi256_si128(four));
        _mm_storeu_si128((__m128i *)(void *)(out + 12), _mm256_extracti128_si256(four, 1));
    }
}

static void pack_w1(const struct cr_mldsa_params *p, const uint8_t w1[CR_MLDSA_N], uint8_t *out)
{
    if (p->w1_bits == 4)
        pack_w1_4(w1, out);
    else
        pack_w1_6(w1, out);
}

#endif
