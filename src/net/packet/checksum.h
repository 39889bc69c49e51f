/* The Internet checksum: of memory, of a chain of buffers, of pseudo-headers, and its repair after
 * a change.
 *
 * A sum is kept as a u64 of 16-bit words as they lie in memory, so that no byte is ever swapped: a
 * folded sum is stored as it is. Up to 2^32 words fit without a carry being lost. Source: RFC 1071,
 * RFC 1624 (equation 3). */
#pragma once

#include "base/byteorder.h"
#include "base/types.h"
#include "engine/buffer.h"

/* Folds a sum to 16 bits, not inverted: 0 only when every word was 0. */
static inline u16 csum_fold(u64 sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return (u16)((sum & 0xffff) + (sum >> 16));
}

/* Both words of 64 bits, the carry added again. */
static inline u64 csum_add64(u64 a, u64 b)
{
    u64 sum = a + b;
    return sum + (sum < a);
}

/* Whether the sum of up to 2^32 words of 32 bits, their own checksum among them, is not as it
 * should be: csum_fold(sum) != 0xffff. */
static inline bool csum_is_wrong(u64 sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    u32 w = (u32)sum + (u32)(sum >> 32);
    /* each half, and the carry from below: the upper one is complete */
    return (w + (w >> 16 | w << 16)) >> 16 != 0xffff;
}

/* What goes into a checksum field for this sum. */
static inline be16 csum_finish(u64 sum)
{
    return (be16){(u16)~csum_fold(sum)};
}

/* As csum_finish for UDP, whose 0 means "no checksum": the other zero. */
static inline be16 csum_finish_udp(u64 sum)
{
    be16 c = csum_finish(sum);
    return be16_is_zero(c) ? (be16){0xffff} : c;
}

/* What bytes add to a sum whose own checksum, over them and this pseudo-header, is right or will be
 * made: they need not be read (Linux calls it local checksum offload). */
static inline u64 csum_of_finished(u64 pseudo)
{
    return (u16)~csum_fold(pseudo);
}

/* Adds n bytes at p, the first of them at an even place of what is summed. */
u64 csum_add(u64 sum, const void *p, size_t n);
/* Adds bytes [offset, offset + n) of the packet from the current header on; bytes that the chain
 * does not have count as zeros. */
u64 csum_add_chain(u64 sum, const struct buffer *b, u32 offset, u32 n);

/* Whether the sum of l4, in b, is still to be made (BUFFER_CSUM_PARTIAL): its field holds that of
 * the pseudo-header. */
static inline bool csum_is_open(const struct buffer *b, const void *l4)
{
    return b->flags & BUFFER_CSUM_PARTIAL && b->csum_start == (const u8 *)l4 - b->data;
}

/* The field after what it covers adds so much more to the sum; of UDP, one that is not 0. */
static inline be16 csum_update(be16 csum, u16 more)
{
    u32 sum = (u32)(u16)~csum.raw + more;
    sum += sum >> 16;
    return (be16){(u16)~sum};
}

static inline be16 csum_update_udp(be16 csum, u16 more)
{
    be16 c = csum_update(csum, more);
    return be16_is_zero(c) ? (be16){0xffff} : c;
}

/* The field after one word of what it covers changed. */
static inline be16 csum_update16(be16 csum, be16 from, be16 to)
{
    return csum_finish((u64)(u16)~csum.raw + (u16)~from.raw + to.raw);
}

static inline be16 csum_update32(be16 csum, be32 from, be32 to)
{
    u64 sum = (u16)~csum.raw;
    sum += ~from.raw & 0xffff;
    sum += ~from.raw >> 16;
    sum += to.raw & 0xffff;
    sum += to.raw >> 16;
    return csum_finish(sum);
}

/* Sums of pseudo-headers; l4_bytes is the length of the L4 header and payload. */
static inline u64 csum_pseudo_ip4(be32 src, be32 dst, u8 protocol, u32 l4_bytes)
{
    return (u64)src.raw + dst.raw + be16_from_host(protocol).raw + be32_from_host(l4_bytes).raw;
}

static inline u64 csum_pseudo_ip6(const u8 src[16], const u8 dst[16], u8 protocol, u32 l4_bytes)
{
    u64 sum = (u64)be16_from_host(protocol).raw + be32_from_host(l4_bytes).raw;
    for (unsigned i = 0; i < 16; i += 4)
        sum += (u64)load_u32(src + i) + load_u32(dst + i);
    return sum;
}
