/* Fixed-width names, byte-order names and the few attributes that all code uses.
 * Neighbours: byteorder.h converts between be* and host order. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;

/* Numbers in network byte order, as they lie in packets: structs, so that the compiler tells them
 * from numbers of the host. byteorder.h compares and converts them. */
typedef struct be16 {
    u16 raw;
} be16;
typedef struct be32 {
    u32 raw;
} be32;
typedef struct be64 {
    u64 raw;
} be64;

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt_arg, first_arg) __attribute__((format(printf, fmt_arg, first_arg)))
#define NORETURN __attribute__((noreturn))
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define COLD __attribute__((cold, noinline))

#define CACHE_LINE_BYTES 64
#define CACHE_ALIGNED __attribute__((aligned(CACHE_LINE_BYTES)))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define array_len(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline u64 min_u64(u64 a, u64 b)
{
    return a < b ? a : b;
}

static inline u64 max_u64(u64 a, u64 b)
{
    return a > b ? a : b;
}

/* Rounds x up to a multiple of align, a power of two. */
static inline u64 round_up_u64(u64 x, u64 align)
{
    return (x + align - 1) & ~(align - 1);
}
