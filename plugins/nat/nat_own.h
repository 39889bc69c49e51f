/* Addresses outside that are a NAT's: routes by which this switch takes what is sent to them, in
 * the tables of interfaces to outside. Context: control thread. */
#pragma once

#include "base/hash.h"
#include "base/vec.h"
#include "net/ip/fib/fib.h"

struct piste;

/* A route by which this switch takes what is sent to an address outside. */
struct nat_route {
    struct fib_index table;
    be32 addr;
};

/* An address outside, and how many say so. */
struct nat_own_address {
    be32 addr;
    u32 refs;
};

struct nat_own {
    struct piste *p;
    enum fib_source source; /* of the routes; plugins that may be enabled together have two */
    /* The table of the k-th interface to outside; false: there are no more. */
    bool (*outside_at)(const struct piste *p, u32 k, struct fib_index *table);
    VEC(struct nat_own_address) v;
    VEC(struct nat_route) routes;
    struct hash by_addr, by_route;
};

/* p, source and outside_at are set. */
void nat_own_init(struct nat_own *o);
/* There are none. */
void nat_own_fini(struct nat_own *o);
/* addr is one that this switch takes outside, as often as it is said, until it is not any more.
 * Returns how often it has been said. */
u32 nat_own_add(struct nat_own *o, be32 addr);
u32 nat_own_remove(struct nat_own *o, be32 addr);
/* How often it has been said. */
u32 nat_own_refs(const struct nat_own *o, be32 addr);
/* Interfaces, tables or their addresses have changed: routes follow. leaving: an interface's
 * address that still stands there, and goes next; NULL: none. */
void nat_own_sync(struct nat_own *o, const struct nat_route *leaving);
