/* Sums over chains of buffers; see checksum.h. */
#include "net/packet/checksum.h"

/* A sum whose first byte was at an odd place. */
static u16 swap_sum(u64 sum)
{
    return __builtin_bswap16(csum_fold(sum));
}

u64 csum_add_chain(u64 sum, const struct buffer *b, u32 offset, u32 n)
{
    bool odd = false;

    for (;;) {
        if (offset < b->len) {
            u32 here = b->len - offset;
            if (here > n)
                here = n;
            const u8 *p = (const u8 *)buffer_current(b) + offset;
            sum = odd ? sum + swap_sum(csum_add(0, p, here)) : csum_add(sum, p, here);
            odd ^= here & 1;
            n -= here;
            offset = 0;
        } else {
            offset -= b->len;
        }
        if (!n || !(b->flags & BUFFER_NEXT))
            return sum;
        b = buffer_at(b->next);
    }
}
