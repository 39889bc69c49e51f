/* What nodes know of rewrites, see l2_rw.h. */
#pragma once

#include "base/types.h"

#define L2_RW_ENTRIES 1024
#define L2_RW_BYTES 96
#define L2_RW_NONE UINT32_MAX

struct l2_rw_entry {
    u16 skip, n; /* bytes */
    u8 mask[L2_RW_BYTES], value[L2_RW_BYTES];
};

/* Of an interface, as one word. table, miss: L2_RW_NONE: none. */
ALWAYS_INLINE u64 l2_rw_word(u32 table, u32 miss)
{
    return (u64)(table + 1) << 32 | (miss + 1);
}

ALWAYS_INLINE u32 l2_rw_table(u64 word)
{
    return (u32)(word >> 32) - 1;
}

ALWAYS_INLINE u32 l2_rw_miss(u64 word)
{
    return (u32)word - 1;
}

struct l2_rw_data {
    const struct l2_rw_entry *entries[L2_RW_ENTRIES]; /* NULL: none */
    u64 of_interface[];                               /* IF_MAX */
};

extern struct l2_rw_data *l2_rw_data; /* NULL: nobody has any */
