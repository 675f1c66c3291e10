/* SPDX-License-Identifier: Apache-2.0 */
/* immintrin.h: the instructions of AVX2 and AVX-512 in portable C, by SIMDe, for tools/neon: so the
 * kernels for them are tested where no processor has them. Two that the SIMDe of Debian 12 lacks
 * are written out. */
#ifndef CR_TESTS_SIMDE_IMMINTRIN_H
#define CR_TESTS_SIMDE_IMMINTRIN_H

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>

typedef uint16_t __mmask16;

enum { _MM_PERM_DDBB = 0xf5 };

static inline __m512i _mm512_mask_shuffle_epi32(__m512i otherwise, __mmask16 mask, __m512i a,
                                                int places)
{
    int32_t from[16], to[16];
    memcpy(from, &a, sizeof from);
    memcpy(to, &otherwise, sizeof to);
    for (int i = 0; i < 16; i++) {
        if (mask >> i & 1) to[i] = from[i / 4 * 4 + (places >> (2 * (i % 4)) & 3)];
    }
    memcpy(&a, to, sizeof to);
    return a;
}

static inline __m128i _mm512_cvtepi32_epi8(__m512i a)
{
    int32_t from[16];
    int8_t to[16];
    __m128i bytes;
    memcpy(from, &a, sizeof from);
    for (int i = 0; i < 16; i++)
        to[i] = (int8_t)from[i];
    memcpy(&bytes, to, sizeof to);
    return bytes;
}

#endif
