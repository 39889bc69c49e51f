/* What data threads know of NAT66; see nat66.h. */
#pragma once

#include "base/pool.h"
#include "base/shared_hash.h"
#include "engine/counter.h"
#include "engine/index.h"
#include "net/ip/fib/fib.h"
#include "net/packet/ip_address.h"
#include "plugins/nat/nat_interfaces_use.h"

#define NAT66_MAPPINGS_MAX MEM_MOST(1u << 18)

/* An address inside, of that table; or outside (fib 0). */
union nat66_end {
    u64 words[3];
    struct {
        struct ip_address addr;
        u32 fib, zero;
    };
};
#define NAT66_END_WORDS 3

/* Never changed while data threads may find it. */
struct nat66_mapping {
    union nat66_end local, external;
};

enum nat66_dir { NAT66_IN2OUT, NAT66_OUT2IN, NAT66_DIRS };

struct nat66_data {
    struct pool pool; /* of mappings */
    struct shared_hash by_local, by_external;
    struct fib_index outside_fib;
    u8 *if_flags;                            /* enum nat_if_flags, by interface */
    struct counter_vec *counter[NAT66_DIRS]; /* packets translated, by interface */
    struct counter_vec *by_mapping;          /* packets and bytes */
};

/* NULL: the plugin is not enabled. Published when all of it is there. */
extern struct nat66_data *nat66_data;

ALWAYS_INLINE struct nat66_data *nat66_now(void)
{
    return __atomic_load_n(&nat66_data, __ATOMIC_ACQUIRE);
}

/* By local addresses of that table, or external ones (fib 0): SHARED_HASH_NONE. */
ALWAYS_INLINE u32 nat66_find(const struct shared_hash *h, const u8 addr[16], u32 fib)
{
    union nat66_end end = {.addr = ip_address_from_bytes(IP_FAMILY_6, addr), .fib = fib};
    return shared_hash_find(h, end.words, NAT66_END_WORDS);
}

/* By index; NULL for SHARED_HASH_NONE. Valid for this round. */
ALWAYS_INLINE const struct nat66_mapping *nat66_mapping_at(const struct nat66_data *n, u32 index)
{
    return index == SHARED_HASH_NONE ? NULL : pool_at(&n->pool, index);
}
