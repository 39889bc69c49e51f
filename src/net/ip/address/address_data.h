/* What data threads know of interfaces in layer 3: their tables and addresses. Written by the
 * control thread. */
#pragma once

#include "base/types.h"
#include "engine/index.h"
#include "net/ip/fib/fib.h"
#include "net/packet/ip_address.h"

/* By interface, for each protocol. */
struct ip_if {
    u32 fib;        /* table */
    u32 address_if; /* whose addresses it has: its own, or those that it borrows (unnumbered) */
    u8 enabled;     /* has an address, is unnumbered, or was enabled: takes packets */
    u8 spare[7];
};
static_assert(sizeof(struct ip_if) == 16, "four to a line");

extern struct ip_if *ip_if_base[IP_FAMILY_N];

ALWAYS_INLINE struct fib_index ip_if_fib(enum ip_family f, struct if_index i)
{
    return (struct fib_index){__atomic_load_n(&ip_if_base[f][i.i].fib, __ATOMIC_RELAXED)};
}

ALWAYS_INLINE bool ip_if_enabled(enum ip_family f, struct if_index i)
{
    return __atomic_load_n(&ip_if_base[f][i.i].enabled, __ATOMIC_RELAXED);
}

/* The interface whose addresses i has. */
ALWAYS_INLINE struct if_index ip_if_lender(enum ip_family f, struct if_index i)
{
    return (struct if_index){__atomic_load_n(&ip_if_base[f][i.i].address_if, __ATOMIC_RELAXED)};
}

/* Addresses of an interface in the order in which they were configured; never changed, but
 * replaced. */
struct ip_if_addresses {
    u32 n;
    struct ip_prefix v[];
};

/* By interface, for each protocol; NULL: none. */
extern struct ip_if_addresses **ip_if_addresses_base[IP_FAMILY_N];

/* For this round of a data thread; NULL: none. */
ALWAYS_INLINE const struct ip_if_addresses *ip_if_addresses(enum ip_family f, struct if_index i)
{
    return __atomic_load_n(&ip_if_addresses_base[f][ip_if_lender(f, i).i], __ATOMIC_ACQUIRE);
}

/* The address that this switch uses on the link of i towards peer: of peer's subnet if there is
 * one, else the first. NULL: none. In data threads, valid for this round. */
static inline const struct ip_address *ip_if_source(enum ip_family f, struct if_index i,
                                                    const struct ip_address *peer)
{
    const struct ip_if_addresses *a = ip_if_addresses(f, i);
    for (u32 k = 0; a && k < a->n; k++)
        if (ip_prefix_has(&a->v[k], peer))
            return &a->v[k].addr;
    return a ? &a->v[0].addr : NULL;
}

/* Whether i has a subnet that the address is in. */
static inline bool ip_if_has_subnet_of(enum ip_family f, struct if_index i,
                                       const struct ip_address *addr)
{
    const struct ip_if_addresses *a = ip_if_addresses(f, i);
    for (u32 k = 0; a && k < a->n; k++)
        if (ip_prefix_has(&a->v[k], addr))
            return true;
    return false;
}
