/* Comparing many at once. The only place that knows an instruction set by name. */
#pragma once

#include "base/types.h"

#if defined(__SSE2__)
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
