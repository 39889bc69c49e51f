/* IPv4 on interfaces: addresses, the table of an interface, unnumbered; and what the IPv4 nodes
 * share.
 *
 * Edges of ip4-lookup, ip4-load-balance and lookup-ip4-dst ("siblings") have the same numbers: an
 * adjacency carries one. */
#pragma once

#include "base/byteorder.h"
#include "base/error.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "engine/index.h"
#include "net/ip/fib/fib.h"
#include "net/ip/fib/fib_data.h"

struct piste;
struct module;

extern const struct module ip4_module;

/* --- data path --- */

/* The IPv4 nodes' words in a buffer. How nodes hand packets to each other:
 *
 *   to ip4-lookup           BUFFER_LOCAL or BUFFER_IN_FIB: by table `fib`; else by that of rx_if
 *   to ip4-load-balance     `lb`; BUFFER_LOCAL: `fib` (for the flow hash)
 *   to ip4-rewrite          `adj`; BUFFER_LOCAL: the TTL is as it should be
 *   ip4-rewrite to ip4-frag `adj`, whose mtu (adj_at) is too small; the TTL is already one less.
 *                           Fragments go back to ip4-rewrite with BUFFER_LOCAL set
 *   to ip4-icmp-error       `icmp_*`; the packet as it came */
struct ip4_scratch {
    struct adj_index adj; /* from ip4-lookup and its siblings: what the packet goes by */
    struct lb_index lb;   /* from ip4-lookup: the route's; into ip4-load-balance: the one to use */
    struct fib_index fib; /* from ip4-lookup; into it: the table to look up in, see above */
    u32 flow_hash;        /* where a hash was needed, else 0 */
    u8 icmp_type, icmp_code; /* into ip4-icmp-error */
    u16 lookups;             /* tables that the packet has passed: bounded */
    u32 icmp_data;           /* second word of the ICMP header, host order: next-hop MTU, pointer */
    be32 next_hop;           /* into ip4-frag and back; free otherwise */
};
static_assert(sizeof(struct ip4_scratch) <= BUFFER_SCRATCH_BYTES, "fits the buffer");

ALWAYS_INLINE struct ip4_scratch *ip4_scratch(struct buffer *b)
{
    return buffer_scratch(b);
}

/* Notes in b what ip4-icmp-error is to say about it, for the caller to send it there with a reason
 * to drop it (node_drop). data is the second word of the ICMP header, host order. */
ALWAYS_INLINE void ip4_note_icmp_error(struct buffer *b, u8 type, u8 code, u32 data)
{
    struct ip4_scratch *s = ip4_scratch(b);
    s->icmp_type = type;
    s->icmp_code = code;
    s->icmp_data = data;
}

/* By interface index; written by the control thread. */
struct ip4_if {
    u32 fib;        /* table */
    u32 address_if; /* whose addresses it has: its own, or those that it borrows (unnumbered) */
    u16 reply_next, proxy_next; /* edges of arp-reply and arp-proxy to its output node */
    u8 enabled;                 /* has an address, is unnumbered, or was enabled: takes IPv4 */
    u8 spare[3];
};
static_assert(sizeof(struct ip4_if) == 16, "four to a line");

extern struct ip4_if *ip4_if_base;

ALWAYS_INLINE struct fib_index ip4_if_fib(struct if_index i)
{
    return (struct fib_index){__atomic_load_n(&ip4_if_base[i.i].fib, __ATOMIC_RELAXED)};
}

ALWAYS_INLINE bool ip4_if_enabled(struct if_index i)
{
    return __atomic_load_n(&ip4_if_base[i.i].enabled, __ATOMIC_RELAXED);
}

/* Longest match in a data thread (or the control thread). */
ALWAYS_INLINE struct lb_index ip4_lookup(struct fib_index t, be32 dst)
{
    u32 host = be32_to_host(dst);
    return (struct lb_index){ip4_trie_lookup(fib_table_data(t), host)};
}

/* Whether the address is one of this switch's own in that table (a receive route). */
bool ip4_address_is_local(struct fib_index t, be32 addr);

/* --- addresses: control thread --- */

/* Prefix keeps its host bits: it is the address and the length of its subnet.
 * -EEXIST, -EADDRINUSE (conflict; the text is VPP's), -EOPNOTSUPP (the interface takes no
 * addresses). */
int ip4_address_add(struct piste *p, struct if_index i, struct ip4_prefix prefix,
                    struct error *e) MUST_CHECK;
/* -ENOENT. */
int ip4_address_del(struct piste *p, struct if_index i, struct ip4_prefix prefix,
                    struct error *e) MUST_CHECK;
void ip4_address_del_all(struct piste *p, struct if_index i);
/* Replacing all addresses: those that there are when it begins, and are not added again until its
 * end, go then. Adding one of them again changes nothing. */
void ip4_addresses_replace_begin(struct piste *p);
void ip4_addresses_replace_end(struct piste *p);
/* The k-th address of the interface in order of configuration; false behind the last. */
bool ip4_address_at(const struct piste *p, struct if_index i, u32 k, struct ip4_prefix *out);
/* Which interface has addr in table t; IF_NONE. */
struct if_index ip4_address_find(const struct piste *p, struct fib_index t, be32 addr);

/* Source address and egress interface for packets that this switch sends to dst in table t: an
 * address of the interface that they leave by, of dst's subnet if there is one. -ENETUNREACH: no
 * route; -EADDRNOTAVAIL: the interface has no address. */
int ip4_source_address(const struct piste *p, struct fib_index t, be32 dst, be32 *src,
                       struct if_index *i) MUST_CHECK;

/* The address that this switch uses on the link of i towards peer: of peer's subnet if there is
 * one. */
bool ip4_link_source(const struct piste *p, struct if_index i, be32 peer, be32 *src) MUST_CHECK;

/* IPv4 without an address, as DHCP clients need; counted. */
int ip4_enable(struct piste *p, struct if_index i, bool enable, struct error *e) MUST_CHECK;
/* How often it was. */
u32 ip4_enables(const struct piste *p, struct if_index i);
/* i borrows the addresses of `use`; IF_NONE ends that. */
int ip4_set_unnumbered(struct piste *p, struct if_index i, struct if_index use,
                       struct error *e) MUST_CHECK;
struct if_index ip4_unnumbered(const struct piste *p, struct if_index i); /* IF_NONE */
/* -ENOENT: no such table; -EBUSY: the interface has addresses. */
int ip4_set_table(struct piste *p, struct if_index i, u32 table_id, struct error *e) MUST_CHECK;

/* Directed broadcasts to the interface's subnets are sent to everybody on its link; default off. */
int ip4_set_directed_broadcast(struct piste *p, struct if_index i, bool on,
                               struct error *e) MUST_CHECK;
/* Whether addr is the broadcast address of one of i's subnets. */
bool ip4_is_subnet_broadcast(const struct piste *p, struct if_index i, be32 addr);
bool ip4_directed_broadcast(const struct piste *p, struct if_index i);

/* Called when an interface began to take IPv4, or takes it no more; when it went to another table
 * (after), or is deleted (before; to FIB_NONE). For ever. */
void ip4_on_enable(struct piste *p,
                   void (*fn)(struct piste *p, struct if_index i, bool enabled, void *arg),
                   void *arg);
void ip4_on_table(struct piste *p,
                  void (*fn)(struct piste *p, struct if_index i, struct fib_index from,
                             struct fib_index to, void *arg),
                  void *arg);

/* Called after an address was added, before it is deleted. For ever. */
void ip4_on_address(struct piste *p,
                    void (*fn)(struct piste *p, struct if_index i, struct ip4_prefix prefix,
                               bool add, void *arg),
                    void *arg);
