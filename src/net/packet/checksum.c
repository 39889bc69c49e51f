/* Sums over memory; see checksum.h. */
#include "net/packet/checksum.h"

u64 csum_add(u64 sum, const void *p, size_t n)
{
    const u8 *at = p;
    u64 a = 0, b = 0;

    /* 32-bit words in 64-bit sums: no carries to mind, and compilers make vectors of it */
    for (; n >= 32; n -= 32, at += 32) {
        a += (u64)load_u32(at) + load_u32(at + 8) + load_u32(at + 16) + load_u32(at + 24);
        b += (u64)load_u32(at + 4) + load_u32(at + 12) + load_u32(at + 20) + load_u32(at + 28);
    }
    for (; n >= 4; n -= 4, at += 4)
        a += load_u32(at);
    if (n & 2) {
        a += load_u16(at);
        at += 2;
    }
    if (n & 1) {
        u8 last[2] = {*at, 0};
        a += load_u16(last);
    }
    return sum + a + b;
}
