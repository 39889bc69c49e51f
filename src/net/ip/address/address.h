/* Addresses of interfaces, of both protocols: with the routes that they bring, the tables that
 * interfaces are in, and unnumbered interfaces.
 *
 * An address brings its own host route, its subnet's, and for IPv4 those of the subnet's first and
 * last address, for as long as the interface is up (its link, too). Context: control thread. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"
#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib.h"

struct piste;
struct module;

extern const struct module address_module, address_api_module;

/* --- addresses --- */

/* Prefix keeps its host bits: it is the address and the length of its subnet.
 * -EADDRINUSE (conflict; the text is VPP's), -EOPNOTSUPP (the interface takes no addresses),
 * -EINVAL. */
int ip_address_add(struct piste *p, struct if_index i, struct ip_prefix prefix,
                   struct error *e) MUST_CHECK;
/* -ENOENT. */
int ip_address_del(struct piste *p, struct if_index i, struct ip_prefix prefix,
                   struct error *e) MUST_CHECK;
/* An address that is there was learnt by a protocol, which deletes it again: it is not saved.
 * Adding it once more makes it the user's. */
void ip_address_set_learnt(struct piste *p, struct if_index i, const struct ip_prefix *a);
bool ip_address_is_learnt(const struct piste *p, struct if_index i, const struct ip_prefix *a);
/* Whether its preferred lifetime is over: what is sent has another source if there is one. What was
 * configured, or becomes the user's, is preferred. */
void ip_address_set_deprecated(struct piste *p, struct if_index i, const struct ip_prefix *a,
                               bool deprecated);
bool ip_address_is_deprecated(const struct piste *p, struct if_index i, const struct ip_prefix *a);
/* Of both protocols. */
void ip_address_del_all(struct piste *p, struct if_index i);
/* Replacing all addresses: those that there are when it begins, and are not added again until its
 * end, go then. Adding one of them again changes nothing. */
void ip_addresses_replace_begin(struct piste *p);
void ip_addresses_replace_end(struct piste *p);
/* The k-th address of the interface in order of configuration; false behind the last. */
bool ip_address_at(const struct piste *p, enum ip_family f, struct if_index i, u32 k,
                   struct ip_prefix *out);
/* Which interface has addr in table t; IF_NONE. */
struct if_index ip_address_find(const struct piste *p, struct fib_index t,
                                const struct ip_address *addr);
/* Whether the address is one of this switch's own in that table (a receive route). */
bool ip_address_is_local(const struct piste *p, struct fib_index t, const struct ip_address *addr);

/* Source address and egress interface for packets that this switch sends to dst in table t: the
 * best address of the interface that they leave by (address_source.h); where it has only those that
 * do not lead far enough, of all interfaces of the table. -ENETUNREACH: no route; -EADDRNOTAVAIL:
 * the interface has no address. */
int ip_source_address(const struct piste *p, struct fib_index t, const struct ip_address *dst,
                      struct ip_address *src, struct if_index *i) MUST_CHECK;
/* The address that this switch uses on the link of i towards peer; false: it has none. */
bool ip_link_source(enum ip_family f, struct if_index i, const struct ip_address *peer,
                    struct ip_address *src) MUST_CHECK;

/* A group that i is in, from *place on (0: the first), which moves on; false behind the last. */
bool ip6_group_next(struct if_index i, u32 *place, struct ip_address *out);

/* --- settings of an interface --- */

/* This switch's address on the link of i, which is otherwise made from the MAC address; counts as
 * an address of the interface. -EINVAL: not in fe80::/10. */
int ip6_set_link_local(struct piste *p, struct if_index i, const struct ip_address *a,
                       struct error *e) MUST_CHECK;
/* Whether it was set. */
bool ip6_link_local_is_set(const struct piste *p, struct if_index i, struct ip_address *out);

/* The protocol without an address. Twice is as once; and where an address has it on it stays on,
 * whatever is said here. -ENOENT: it is off already. */
int ip_enable(struct piste *p, enum ip_family f, struct if_index i, bool enable,
              struct error *e) MUST_CHECK;
bool ip_is_on(const struct piste *p, enum ip_family f, struct if_index i);
/* The same for what is configured otherwise, and is not saved as such; of an interface that is
 * there and takes addresses. */
void ip_need(struct piste *p, enum ip_family f, struct if_index i, bool need);
/* What routers of the link of i say of sending there (RFC 4861 6.3.4), which is not saved; zeros:
 * nothing. See struct ip_if. */
void ip6_set_said(struct piste *p, struct if_index i, u8 hop_limit, u32 retransmit_ms);
/* i borrows the addresses of `use`; IF_NONE ends that. */
int ip_set_unnumbered(struct piste *p, struct if_index i, struct if_index use,
                      struct error *e) MUST_CHECK;
struct if_index ip_unnumbered(const struct piste *p, struct if_index i); /* IF_NONE */
/* -ENOENT: no such table; -EBUSY: the interface has addresses. */
int ip_set_table(struct piste *p, enum ip_family f, struct if_index i, u32 table_id,
                 struct error *e) MUST_CHECK;
/* Sets all interfaces down that are in the table. */
void ip_table_interfaces_down(struct piste *p, struct fib_index t);

/* Directed broadcasts to the interface's IPv4 subnets are sent to everybody on its link; default
 * off. */
int ip4_set_directed_broadcast(struct piste *p, struct if_index i, bool on,
                               struct error *e) MUST_CHECK;
bool ip4_directed_broadcast(const struct piste *p, struct if_index i);
/* Whether addr is the broadcast address of one of i's subnets. */
bool ip4_is_subnet_broadcast(const struct piste *p, struct if_index i, be32 addr);

/* --- who wants to know; for ever --- */

/* An interface began to take packets of the protocol, or takes them no more. */
void ip_on_enable(struct piste *p,
                  void (*fn)(struct piste *p, enum ip_family f, struct if_index i, bool enabled,
                             void *arg),
                  void *arg);
/* It went to another table (after), or is deleted (before; to FIB_NONE). */
void ip_on_table(struct piste *p,
                 void (*fn)(struct piste *p, struct if_index i, struct fib_index from,
                            struct fib_index to, void *arg),
                 void *arg);
/* After an address was added, before it is deleted. */
void ip_on_address(struct piste *p,
                   void (*fn)(struct piste *p, struct if_index i, struct ip_prefix prefix, bool add,
                              void *arg),
                   void *arg);
