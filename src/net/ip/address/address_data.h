/* What data threads know of interfaces in layer 3: their tables and addresses. Written by the
 * control thread. */
#pragma once

#include "base/types.h"
#include "engine/index.h"
#include "net/ip/fib/fib.h"
#include "net/packet/ip6_packet.h"
#include "net/packet/ip_address.h"

/* By interface, for each protocol. */
struct ip_if {
    u32 fib;        /* table */
    u32 address_if; /* whose addresses it has: its own, or those that it borrows (unnumbered) */
    u8 enabled;     /* has an address, is unnumbered, or was enabled: takes packets */
    u8 hop_limit;   /* of what is sent there, as a router says; 0: IP6_HOP_LIMIT */
    u8 spare[2];
    /* control thread: between questions for a neighbour, likewise; 0: a second */
    u32 retransmit_ms;
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

#define IP6_HOP_LIMIT 64

/* That of packets which this switch itself sends to the link of i; IF_NONE: to any. */
static inline u8 ip6_if_hop_limit(struct if_index i)
{
    u8 said = if_is_none(i)
                  ? 0
                  : __atomic_load_n(&ip_if_base[IP_FAMILY_6][i.i].hop_limit, __ATOMIC_RELAXED);
    return said ? said : IP6_HOP_LIMIT;
}

/* The interface whose addresses i has. */
ALWAYS_INLINE struct if_index ip_if_lender(enum ip_family f, struct if_index i)
{
    return (struct if_index){__atomic_load_n(&ip_if_base[f][i.i].address_if, __ATOMIC_RELAXED)};
}

struct ip_own_address {
    struct ip_prefix prefix;
    bool is_deprecated; /* no source of packets, while there is another */
    bool has_anycast;   /* so is that of all routers of its subnet (RFC 4291 2.6.1) */
};

/* Addresses of an interface in the order in which they were configured; never changed, but
 * replaced. */
struct ip_if_addresses {
    u32 n;
    struct ip_own_address v[];
};

/* By interface, for each protocol; NULL: none. */
extern struct ip_if_addresses **ip_if_addresses_base[IP_FAMILY_N];

/* For this round of a data thread; NULL: none. */
ALWAYS_INLINE const struct ip_if_addresses *ip_if_addresses(enum ip_family f, struct if_index i)
{
    return __atomic_load_n(&ip_if_addresses_base[f][ip_if_lender(f, i).i], __ATOMIC_ACQUIRE);
}

/* What IPv6 has of a link while the interface takes its packets; never changed, but replaced. */
struct ip6_link {
    struct fib_index fib;      /* the table of the link's own addresses, fe80::/10 */
    struct ip_address address; /* this switch's */
};

/* By interface; NULL: it takes no IPv6. */
extern struct ip6_link **ip6_link_base;

/* For this round of a data thread; NULL: none. */
ALWAYS_INLINE const struct ip6_link *ip6_link(struct if_index i)
{
    return __atomic_load_n(&ip6_link_base[i.i], __ATOMIC_ACQUIRE);
}

/* The table that an address of a link is looked up in; FIB_NONE: the interface takes no IPv6. */
static inline struct fib_index ip_host_fib(const struct link_host *host)
{
    enum ip_family f = (enum ip_family)host->family;
    if (f == IP_FAMILY_4 || !ip6_is_link_local(host->addr.bytes))
        return ip_if_fib(f, host->interface);
    const struct ip6_link *link = ip6_link(host->interface);
    return link ? link->fib : FIB_NONE;
}

/* Whether addr is that of all routers of a subnet of i, where this switch is one. */
static inline bool ip6_if_has_anycast(struct if_index i, const u8 addr[16])
{
    const struct ip_if_addresses *a = ip_if_addresses(IP_FAMILY_6, i);
    bool found = false;
    for (u32 k = 0; a && k < a->n && !found; k++) {
        const struct ip_prefix *x = &a->v[k].prefix;
        struct ip_address all = ip_address_mask(&x->addr, x->len);
        found = a->v[k].has_anycast && ip6_is_equal(all.bytes, addr);
    }
    return found;
}

/* The group in which neighbours are asked for number k of what i is asked for: its own address on
 * the link, then its addresses, and those of all routers; false behind the last. One may be there
 * more than once. */
static inline bool ip6_if_asked_in(const struct ip6_link *link, const struct ip_if_addresses *a,
                                   u32 k, struct ip_address *out)
{
    u32 n = a ? a->n : 0;
    if (k > 2 * n)
        return false;
    if (!k) {
        *out = ip6_solicited_node(link->address.bytes);
        return true;
    }
    const struct ip_own_address *x = &a->v[(k - 1) / 2];
    struct ip_address asked = x->prefix.addr;
    if (!(k % 2) && x->has_anycast)
        asked = ip_address_mask(&asked, x->prefix.len);
    *out = ip6_solicited_node(asked.bytes);
    return true;
}

/* Whether i is in that group, ff02::/16: all nodes, all routers, MLD's, and those in which its
 * addresses are asked for. */
static inline bool ip6_if_has_joined(struct if_index i, const u8 group[16])
{
    const struct ip_if_addresses *a = ip_if_addresses(IP_FAMILY_6, i);
    const struct ip6_link *link = ip6_link(i);
    static const u8 numbers[] = {IP6_ALL_NODES, IP6_ALL_ROUTERS, IP6_ALL_MLD_ROUTERS};
    struct ip_address own;
    if (!link)
        return false;
    for (u32 k = 0; k < sizeof(numbers); k++) {
        own = ip6_link_group(numbers[k]);
        if (ip6_is_equal(own.bytes, group))
            return true;
    }
    bool joined = false;
    for (u32 k = 0; !joined && ip6_if_asked_in(link, a, k, &own); k++)
        joined = ip6_is_equal(own.bytes, group);
    return joined;
}

/* Whether i has a subnet that the address is in. */
static inline bool ip_if_has_subnet_of(enum ip_family f, struct if_index i,
                                       const struct ip_address *addr)
{
    const struct ip_if_addresses *a = ip_if_addresses(f, i);
    for (u32 k = 0; a && k < a->n; k++)
        if (ip_prefix_has(&a->v[k].prefix, addr))
            return true;
    return false;
}
