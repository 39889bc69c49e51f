/* Products of 128 bits: 32-bit processors have no type for them. */
#pragma once

#include "base/types.h"

struct u128 {
    u64 high, low;
};

/* By products of 64 bits. */
ALWAYS_INLINE struct u128 wide_mul_by_halves(u64 a, u64 b)
{
    u64 al = (u32)a, ah = a >> 32, bl = (u32)b, bh = b >> 32;
    u64 low = al * bl, middle = ah * bl + (low >> 32), other = al * bh + (u32)middle;
    return (struct u128){.high = ah * bh + (middle >> 32) + (other >> 32),
                         .low = other << 32 | (u32)low};
}

ALWAYS_INLINE struct u128 wide_mul(u64 a, u64 b)
{
#ifdef __SIZEOF_INT128__
    unsigned __int128 product = (unsigned __int128)a * b;
    return (struct u128){.high = (u64)(product >> 64), .low = (u64)product};
#else
    return wide_mul_by_halves(a, b);
#endif
}

ALWAYS_INLINE struct u128 wide_add(struct u128 a, u64 b)
{
    return (struct u128){.high = a.high + (a.low + b < b), .low = a.low + b};
}

/* Rounded down; UINT64_MAX where 64 bits are too few. by is not 0. */
ALWAYS_INLINE u64 wide_div(struct u128 a, u32 by)
{
    if (a.high >= by)
        return UINT64_MAX;
    u64 upper = a.high << 32 | a.low >> 32;
    u64 lower = (upper % by) << 32 | (u32)a.low;
    return (upper / by) << 32 | lower / by;
}

/* The lower 64 bits of a >> n; n < 64. */
ALWAYS_INLINE u64 wide_shift_right(struct u128 a, u32 n)
{
    return n ? a.high << (64 - n) | a.low >> n : a.low;
}
