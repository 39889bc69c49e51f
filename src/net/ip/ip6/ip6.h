/* What the IPv6 nodes share.
 *
 *   ip6-input ─► ip6-unicast arc ─► ip6-lookup ─► ip6-rewrite, ip6-receive ...
 *       └─────► ip6-multicast arc ─► ip6-mfib-forward-lookup ─► ip6-receive, of groups joined
 *   ip6-lookup ─► ip6-link-local: an address in fe80::/10, looked up again in its link's table */
#pragma once

#include "base/byteorder.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "net/ip/address/address.h"
#include "net/ip/fib/fib.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/fib/ip6_trie.h"
#include "net/packet/ip6_packet.h"

struct module;

extern const struct module ip6_module;

/* Notes in b what ip6-icmp-error is to say about it, for the caller to send it there with a reason
 * to drop it (node_drop). data is the second word of the ICMP header, host order. */
ALWAYS_INLINE void ip6_note_icmp_error(struct buffer *b, u8 type, u8 code, u32 data)
{
    struct ip_scratch *s = ip_scratch(b);
    s->icmp_type = type;
    s->icmp_code = code;
    s->icmp_data = data;
}

/* Longest match in a data thread (or the control thread). */
ALWAYS_INLINE struct lb_index ip6_lookup(struct fib_index t, const u8 dst[16])
{
    struct ip_address a = ip6_address_of(dst);
    return (struct lb_index){ip6_trie_lookup(fib_table_data(t), &a)};
}

/* The table in which an address is found that a packet of interface i names. */
ALWAYS_INLINE struct fib_index ip6_fib_of(struct if_index i, const u8 addr[16])
{
    struct link_host host = {ip6_address_of(addr), i, IP_FAMILY_6};
    return ip_host_fib(&host);
}

/* Where packets of interface i for an address would end; ADJ_KIND_NO_ROUTE: nowhere. */
static inline enum adj_kind ip6_kind_of(struct if_index i, const u8 addr[16])
{
    struct fib_index t = ip6_fib_of(i, addr);
    if (fib_is_none(t))
        return ADJ_KIND_NO_ROUTE;
    struct lb lb = lb_load(ip6_lookup(t, addr).i);
    return (enum adj_kind)adj_head(adj_at(lb_pick(lb, 0))).kind;
}

/* Whether a packet of interface i to one host is for somebody else. */
static inline bool ip6_is_forwarded(struct if_index i, const u8 dst[16])
{
    enum adj_kind kind = ip6_kind_of(i, dst);
    return kind != ADJ_KIND_RECEIVE && kind != ADJ_KIND_DROP && kind != ADJ_KIND_NO_ROUTE;
}

ALWAYS_INLINE bool ip6_kind_drops(enum adj_kind kind)
{
    return kind == ADJ_KIND_DROP || kind == ADJ_KIND_NO_ROUTE;
}
