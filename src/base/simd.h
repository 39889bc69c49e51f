/* Comparing many at once. The only place that knows an instruction set by name. */
#pragma once

#include "base/types.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

/* Which of 16 bytes at p, aligned to 16, are x: a bit each, from the lowest on. */
ALWAYS_INLINE u32 simd_match16(const u8 *p, u8 x)
{
#if defined(__SSE2__)
    __m128i bytes = _mm_load_si128((const __m128i *)(const void *)p);
    return (u32)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8((char)x)));
#elif defined(__ARM_NEON) && defined(__aarch64__)
    static const u8 bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t same = vandq_u8(vceqq_u8(vld1q_u8(p), vdupq_n_u8(x)), vld1q_u8(bits));
    return (u32)vaddv_u8(vget_low_u8(same)) | (u32)vaddv_u8(vget_high_u8(same)) << 8;
#else
    u32 found = 0;
    for (u32 i = 0; i < 16; i++)
        found |= (u32)(p[i] == x) << i;
    return found;
#endif
}

/* Which of the five words at p, the first of a cache line that may be read, are x: a bit each, from
 * the lowest on. Others may be writing them: a word is seen whole, as it was or as it is. */
ALWAYS_INLINE u32 simd_match5_u64(const u64 *p, u64 x)
{
#if defined(__AVX512F__)
    __m512i line = _mm512_load_si512((const void *)p);
    return _mm512_cmpeq_epi64_mask(line, _mm512_set1_epi64((long long)x)) & 31;
#elif defined(__AVX2__)
    __m256i four = _mm256_load_si256((const __m256i *)(const void *)p);
    __m256i same = _mm256_cmpeq_epi64(four, _mm256_set1_epi64x((long long)x));
    return (u32)_mm256_movemask_pd(_mm256_castsi256_pd(same)) | (u32)(p[4] == x) << 4;
#else
    u32 found = 0;
    for (u32 i = 0; i < 5; i++)
        found |= (u32)(__atomic_load_n(&p[i], __ATOMIC_RELAXED) == x) << i;
    return found;
#endif
}
