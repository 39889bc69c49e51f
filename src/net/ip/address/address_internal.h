/* What the files of address/ share. */
#pragma once

#include "base/mem.h"
#include "base/ordset.h"
#include "base/pool.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "net/ip/address/address.h"

struct interface;
struct out;

#define ADDRESSES_MAX MEM_MOST(1u << 20)

/* An address: in the list of its interface, and in the order of all. */
struct if_address {
    struct ip_prefix prefix;
    struct if_index interface;
    u32 table;   /* of its interface */
    bool learnt; /* by a protocol: no configuration */
    bool is_deprecated;
    u32 generation; /* of the last replacing that it was said in */
};

/* What is known of an interface that ever had anything to do with IP. */
struct address_if {
    VEC(u32) addresses[IP_FAMILY_N]; /* in order of configuration */
    bool on[IP_FAMILY_N];            /* by the user, with or without an address */
    u32 needs[IP_FAMILY_N];
    struct if_index unnumbered; /* borrows from it; IF_NONE */
    u32 n_borrowers;            /* others that borrow from this one */
    bool routed;                /* it is up, and its addresses have their routes */
    bool directed_broadcast;
    struct ip_address link_local; /* set by the user; else zero */
};

struct enable_hook {
    void (*fn)(struct piste *p, enum ip_family f, struct if_index i, bool enabled, void *arg);
    void *arg;
};
struct table_hook {
    void (*fn)(struct piste *p, struct if_index i, struct fib_index from, struct fib_index to,
               void *arg);
    void *arg;
};
struct address_hook {
    void (*fn)(struct piste *p, struct if_index i, struct ip_prefix prefix, bool add, void *arg);
    void *arg;
};

struct addresses {
    struct piste *piste;
    struct pool pool; /* of struct if_address */
    u32 generation;   /* counts beginnings of replacing all; whoever is of an older one is stale */
    u32 sweep_below, sweep_at; /* those of older generations go, from this place of the pool on */
    struct ordset in_order;    /* by table, subnet, and address */
    struct mem_map if_maps[IP_FAMILY_N], list_maps[IP_FAMILY_N], link_map;
    VEC(struct address_if *) ifs; /* by interface; NULL: none */
    VEC(struct enable_hook) on_enable;
    VEC(struct table_hook) on_table;
    VEC(struct address_hook) on_address;
};

/* Those that were not said again: work that replacing leaves. */
bool address_sweep_piece(void *addresses);

struct addresses *addresses_of(const struct piste *p);
struct address_if *address_if_of(const struct piste *p, struct if_index i); /* NULL */
/* Made if need be: its routes follow its interface's state from then on. */
struct address_if *address_if_get(struct addresses *as, struct if_index i);
static inline struct if_address *if_address_at(const struct addresses *as, u32 k)
{
    return pool_at(&as->pool, k);
}
/* Whether it can have addresses of the protocol at all: 0, -ENODEV, -EOPNOTSUPP, -EAFNOSUPPORT. */
int address_check_interface(const struct piste *p, enum ip_family f, struct if_index i,
                            struct error *e) MUST_CHECK;
/* Brings the data plane's flag in line with why there would be packets of the protocol. */
void address_refresh_enabled(struct addresses *as, enum ip_family f, struct if_index i);

/* --- ip6_link.c --- */
/* Begins to take IPv6, or takes it no more. */
void ip6_link_begin(struct addresses *as, struct if_index i);
void ip6_link_end(struct addresses *as, struct if_index i);
/* The address that it should have may be another. */
void ip6_link_refresh(struct addresses *as, struct if_index i);
/* An address in fe80::/10 that is added to an interface, or deleted, is the link's. */
int ip6_link_address(struct addresses *as, struct if_index i, const struct ip_prefix *a, bool add,
                     struct error *e) MUST_CHECK;
int ip6_links_init(struct addresses *as, struct error *e) MUST_CHECK;
void ip6_links_free(struct addresses *as);

/* --- address_route.c --- */
/* The routes of an address of i; on failure some may be there. */
int address_routes_add(struct addresses *as, struct if_index i, const struct ip_prefix *a,
                       struct error *e) MUST_CHECK;
/* Those that no other address of i needs. */
void address_routes_del(struct addresses *as, struct if_index i, const struct ip_prefix *a);
/* Routes of all addresses of i come or go with its state. */
void address_follow_state(struct addresses *as, const struct interface *f);

/* --- address_cli.c --- */
void address_show(struct piste *p, struct interface *f, struct out *o);

/* --- for the records in address_module.c --- */
extern const char address_module_name[];
extern const struct cli_command address_commands[];
extern const struct api_handler address_api_handlers[];
int address_init(struct piste *p, void **state, struct error *e);
void address_stop(struct piste *p, void *state);
bool address_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                                 struct text *t);
