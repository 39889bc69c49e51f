/* The only place that knows about byte order and unaligned access: every multi-byte field of a
 * packet or a message is read and written through these. */
#pragma once

#include <string.h>

#include "base/types.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTEORDER_SWAP 1
#else
#define BYTEORDER_SWAP 0
#endif

/* Constants that the compiler must know, as in tables. */
#define BE16(x) ((be16){BYTEORDER_SWAP ? __builtin_bswap16(x) : (x)})
#define BE32(x) ((be32){BYTEORDER_SWAP ? __builtin_bswap32(x) : (x)})

static inline u16 be16_to_host(be16 x)
{
    return BYTEORDER_SWAP ? __builtin_bswap16(x.raw) : x.raw;
}

static inline u32 be32_to_host(be32 x)
{
    return BYTEORDER_SWAP ? __builtin_bswap32(x.raw) : x.raw;
}

static inline u64 be64_to_host(be64 x)
{
    return BYTEORDER_SWAP ? __builtin_bswap64(x.raw) : x.raw;
}

static inline be16 be16_from_host(u16 x)
{
    return (be16){BYTEORDER_SWAP ? __builtin_bswap16(x) : x};
}

static inline be32 be32_from_host(u32 x)
{
    return (be32){BYTEORDER_SWAP ? __builtin_bswap32(x) : x};
}

static inline be64 be64_from_host(u64 x)
{
    return (be64){BYTEORDER_SWAP ? __builtin_bswap64(x) : x};
}

static inline bool be16_equal(be16 a, be16 b)
{
    return a.raw == b.raw;
}

static inline bool be32_equal(be32 a, be32 b)
{
    return a.raw == b.raw;
}

/* Whether it is this number of the host. */
static inline bool be16_is(be16 x, u16 host)
{
    return be16_equal(x, be16_from_host(host));
}

static inline bool be16_is_zero(be16 x)
{
    return !x.raw;
}

static inline bool be32_is_zero(be32 x)
{
    return !x.raw;
}

/* Whether it has any of these bits, a number of the host. */
static inline bool be16_has(be16 x, u16 bits)
{
    return x.raw & be16_from_host(bits).raw;
}

/* The bits that both have. */
static inline be32 be32_and(be32 a, be32 b)
{
    return (be32){a.raw & b.raw};
}

/* Unaligned loads and stores that keep the bytes as they are. */
static inline u16 load_u16(const void *p)
{
    u16 x;
    memcpy(&x, p, sizeof(x));
    return x;
}

static inline u32 load_u32(const void *p)
{
    u32 x;
    memcpy(&x, p, sizeof(x));
    return x;
}

static inline u64 load_u64(const void *p)
{
    u64 x;
    memcpy(&x, p, sizeof(x));
    return x;
}

static inline void store_u16(void *p, u16 x)
{
    memcpy(p, &x, sizeof(x));
}

static inline void store_u32(void *p, u32 x)
{
    memcpy(p, &x, sizeof(x));
}

static inline void store_u64(void *p, u64 x)
{
    memcpy(p, &x, sizeof(x));
}

/* The same for fields that stay in network order. */
static inline be16 load_be16(const void *p)
{
    return (be16){load_u16(p)};
}

static inline be32 load_be32(const void *p)
{
    return (be32){load_u32(p)};
}

static inline void store_be16(void *p, be16 x)
{
    store_u16(p, x.raw);
}

static inline void store_be32(void *p, be32 x)
{
    store_u32(p, x.raw);
}

/* Unaligned big-endian fields as host numbers. */
static inline u16 get_be16(const void *p)
{
    return be16_to_host((be16){load_u16(p)});
}

static inline u32 get_be32(const void *p)
{
    return be32_to_host((be32){load_u32(p)});
}

static inline u64 get_be64(const void *p)
{
    return be64_to_host((be64){load_u64(p)});
}

static inline void put_be16(void *p, u16 x)
{
    store_u16(p, be16_from_host(x).raw);
}

static inline void put_be32(void *p, u32 x)
{
    store_u32(p, be32_from_host(x).raw);
}

static inline void put_be64(void *p, u64 x)
{
    store_u64(p, be64_from_host(x).raw);
}
