/* Forwarding information: tables, routes, adjacencies, load balances.
 *
 *   table ──► route (prefix; one list of paths for each source, the best source forwards)
 *               │
 *               ▼ trie leaf = index of the route = index of its load balance (and of its counters)
 *             load balance ── buckets, a power of two ──► adjacency ──► next node
 *
 * An adjacency is how packets leave, or end: a rewrite to a neighbour, glean, incomplete, receive,
 * drop ... A recursive path ends in an adjacency that stands for another route's load balance, so
 * that a million routes through one next hop change with one store.
 *
 * Data threads read words that the control thread stores (fib_data.h); what is replaced is used
 * again only after a grace period.
 *
 * Context: control thread. Source: behaviour of VPP's FIB; own design (docs/decisions/0010-fib.md).
 */
#pragma once

#include "base/ordered_walk.h"
#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"
#include "net/packet/ip_address.h"

struct piste;
struct fib;
struct module;
struct text;
struct out;
struct encap;

/* A table, of either protocol: those of IPv6 begin at FIB_TABLES_MAX. What people see as
 * "fib-index" is counted for each protocol by itself: fib_number. */
struct fib_index {
    u32 i;
};
struct adj_index {
    u32 i;
};
struct lb_index {
    u32 i;
};

#define FIB_NONE ((struct fib_index){UINT32_MAX})
#define ADJ_NONE ((struct adj_index){UINT32_MAX})
#define LB_NONE ((struct lb_index){UINT32_MAX})

#define FIB_TABLES_MAX (1u << 17) /* of each protocol */

static inline enum ip_family fib_family(struct fib_index t)
{
    return t.i < FIB_TABLES_MAX ? IP_FAMILY_4 : IP_FAMILY_6;
}

static inline u32 fib_number(struct fib_index t)
{
    return t.i % FIB_TABLES_MAX;
}

/* Adjacencies that always exist; special paths end in them. */
#define ADJ_DROP ((struct adj_index){0})
#define ADJ_PUNT ((struct adj_index){1})
#define ADJ_UNREACHABLE ((struct adj_index){2}) /* ICMP host unreachable */
#define ADJ_PROHIBIT ((struct adj_index){3})    /* ICMP administratively prohibited */
#define ADJ_RECEIVE                                                                                \
    ((struct adj_index){4}) /* `via local`: to ip4-receive, for no address in particular */
#define ADJ_NO_ROUTE ((struct adj_index){5}) /* drops; IPv6 tells the sender (RFC 4443 3.1) */
#define ADJ_N_SPECIAL 6

static inline bool fib_is_none(struct fib_index x)
{
    return x.i == UINT32_MAX;
}

/* Who says so; of two, the one that fib_source_is_before says. Names and order are VPP's. */
enum fib_source {
    FIB_SOURCE_SPECIAL,
    FIB_SOURCE_CLASSIFY,
    FIB_SOURCE_PROXY,
    FIB_SOURCE_NAT64,     /* addresses outside of NAT64, which another NAT may have, too */
    FIB_SOURCE_INTERFACE, /* addresses: connected, receive, broadcast */
    FIB_SOURCE_API,
    FIB_SOURCE_CLI,
    FIB_SOURCE_DHCP,
    FIB_SOURCE_ND_PROXY,      /* hosts that neighbour discovery answers for */
    FIB_SOURCE_ND,            /* default routers that hosts are told of */
    FIB_SOURCE_ADJ,           /* neighbours */
    FIB_SOURCE_EXPORT,        /* what lies under an attached route in the table of its interface */
    FIB_SOURCE_RR,            /* a next hop that recursive paths go through */
    FIB_SOURCE_DEFAULT_ROUTE, /* the drop routes that every table has */
    FIB_SOURCE_ADDED,         /* and those behind it: users' (fib_source_add) */
    FIB_SOURCE_N = FIB_SOURCE_ADDED + 8
};
const char *fib_source_name(enum fib_source s); /* "adjacency", "CLI", ... */
/* What people and programs know it by, as in VPP. */
struct fib_source_def {
    const char *name, *behaviour;
    u8 number, priority, slot; /* slot: among those of one priority */
};
const struct fib_source_def *fib_source_def(enum fib_source s); /* NULL: it was not added */
/* Whether what a says counts more than what b says; FIB_SOURCE_N counts least. */
bool fib_source_is_before(enum fib_source a, enum fib_source b);
/* One more for people and programs, until the switch ends; one that there is already is found. Of
 * two of a priority the older one is before. -EINVAL: not a name; -EEXIST: it has another priority;
 * -ENOSPC. */
int fib_source_add(const char *name, u8 priority, enum fib_source *out, struct error *e) MUST_CHECK;
/* Whether people and programs speak for it: what it says is configuration. */
bool fib_source_is_users(enum fib_source s);
/* Such a source by its name. */
bool fib_user_source_find(const char *name, enum fib_source *out);

enum fib_path_kind {
    FIB_PATH_NEXT_HOP, /* next_hop, and interface or (IF_NONE) recursive in table */
    FIB_PATH_ATTACHED, /* interface only: every destination is on its link */
    FIB_PATH_DROP,
    FIB_PATH_NO_ROUTE, /* drops, as a table without the route would */
    FIB_PATH_PUNT,
    FIB_PATH_UNREACHABLE,
    FIB_PATH_PROHIBIT,
    FIB_PATH_LOCAL,        /* to this switch */
    FIB_PATH_RECEIVE,      /* to this switch, as address next_hop of interface; classify_table: the
                            * sessions of that have their say first */
    FIB_PATH_LOOKUP,       /* look the destination up again in table, */
    FIB_PATH_LOOKUP_SRC,   /* or the source */
    FIB_PATH_INTERFACE_RX, /* as if interface had received it */
    FIB_PATH_ADJ,          /* any adjacency that a module made */
    FIB_PATH_CLASSIFY,     /* where the sessions of classify_table say */
};

enum {
    FIB_PATH_RESOLVE_HOST = 1 << 0,
    FIB_PATH_RESOLVE_ATTACHED = 1 << 1,
    FIB_PATH_GLEAN = 1 << 2,
    FIB_PATH_DEAD = 1 << 3 /* set by the FIB: its interface is gone, the index may be reused */
};

struct fib_path {
    u8 kind;                   /* enum fib_path_kind */
    u8 weight;                 /* 0 counts as 1 */
    u8 preference;             /* the lowest that resolves is used, the others wait */
    u8 flags;                  /* FIB_PATH_* flags */
    struct if_index interface; /* IF_NONE: none */
    struct fib_index table; /* of a recursive next hop, or of a lookup; FIB_NONE: the route's own */
    union {
        struct adj_index adj; /* FIB_PATH_ADJ; of other kinds ADJ_NONE, */
        u32 classify_table;   /* but FIB_PATH_CLASSIFY, _RECEIVE: of the classifier */
    };
    struct ip_address next_hop;
    u8 family;     /* of next_hop; a neighbour's need not be the route's (RFC 8950) */
    u8 prefix_len; /* with FIB_PATH_GLEAN: the link's subnet is next_hop/prefix_len */
    u8 spare[2];   /* 0 */
};
static_assert(sizeof(struct fib_path) == 36, "no padding: lists are compared byte by byte");

/* A path of that kind with everything else at its neutral value. */
struct fib_path fib_path_special(enum fib_path_kind kind);
struct fib_path fib_path_via(enum ip_family f, struct ip_address next_hop,
                             struct if_index interface);
static inline struct fib_path fib_path_via4(be32 next_hop, struct if_index interface)
{
    return fib_path_via(IP_FAMILY_4, ip_address_from_ip4(next_hop), interface);
}

#define FIB_PATHS_MAX 64

extern const struct module fib_module;
struct fib *fib_of(const struct piste *p);

/* --- tables --- */

/* The table of that protocol and id, FIB_NONE when there is none. IPv4's table 0 is index 0 and
 * always there; IPv6's comes with the module of IPv6. */
struct fib_index fib_table_find(const struct fib *f, enum ip_family family, u32 table_id);
u32 fib_table_id(const struct fib *f, struct fib_index t);
const char *fib_table_name(const struct fib *f,
                           struct fib_index t); /* "ipv4-VRF:0" or the user's */
/* Makes the table or counts another lock of that source. name may be NULL. -ENOSPC. */
int fib_table_lock(struct fib *f, enum ip_family family, u32 table_id, const char *name,
                   enum fib_source s, struct fib_index *out, struct error *e) MUST_CHECK;
/* Counts another lock of a table that has one. */
void fib_table_lock_again(struct fib *f, struct fib_index t, enum fib_source s);
/* A table that no id leads to (that of a link's own addresses), with one lock. Its id is shown as
 * FIB_TABLE_NO_ID. */
#define FIB_TABLE_NO_ID UINT32_MAX
int fib_table_private(struct fib *f, enum ip_family family, const char *name, enum fib_source s,
                      struct fib_index *out, struct error *e) MUST_CHECK;
/* Takes the lock back; with the last one the table and its routes go. */
void fib_table_unlock(struct fib *f, struct fib_index t, enum fib_source s);
bool fib_table_is_locked_by(const struct fib *f, struct fib_index t, enum fib_source s);
/* The protocol's first table whose number is not below `from`, FIB_NONE at the end. */
struct fib_index fib_table_next(const struct fib *f, enum ip_family family, u32 from);
bool fib_table_is_named(const struct fib *f, struct fib_index t); /* not by default */
/* FLOW_* of fib_data.h. */
/* Name of field bit k: "src", "dst" ...; NULL behind the last. */
const char *fib_flow_field_name(u32 bit);
u32 fib_table_flow_fields(const struct fib *f, struct fib_index t);
void fib_table_set_flow_fields(struct fib *f, struct fib_index t, u32 fields);
/* Mixed into the flow hashes of all tables, so that routers in a row with the same fields do not
 * all choose alike; 0: nothing. */
void fib_set_flow_router_id(struct fib *f, u32 id);
u32 fib_table_n_routes(const struct fib *f, struct fib_index t);

/* See fib_table_sweep_next. */
enum fib_sweep { FIB_SWEEP_FLUSH, FIB_SWEEP_REPLACE_BEGIN, FIB_SWEEP_REPLACE_END };
#define FIB_SWEEP_PIECE 1024 /* routes that are looked at in one */

/* What else there is by table (multicast), behind another module. Of a table without an id it hears
 * nothing. */
struct fib_table_user {
    void (*begin)(void *arg, struct fib_index t); /* it is there, with its routes */
    void (*end)(void *arg, struct fib_index t);   /* all in it goes */
    /* what fib_table_sweep_next does to the routes of source s, done to what else there is: a piece
     * of it, from *at on, which is 0 at first. Returns whether there is more. */
    bool (*sweep)(void *arg, struct fib_index t, enum fib_source s, enum fib_sweep what, u32 *at);
    void *arg;
};
/* One; begin is called at once for the tables that there are. u is copied; NULL: none any more. */
void fib_set_table_user(struct fib *f, const struct fib_table_user *u);

/* Where fe80::/10 of every IPv6 table leads that is made from now on: to the table of the link that
 * a packet came by. Takes over a. ADJ_NONE: it drops. */
void fib_set_link_local(struct fib *f, struct adj_index a);

/* --- routes --- */

/* An update replaces the paths that source s gave; an add puts paths beside those, and a remove
 * takes them away: with the last path the source leaves the route. paths are copied; host bits of
 * the prefix do not count. Errors: -EINVAL (text), -ENOSPC, -ENOENT for removing what is not
 * there. */
int fib_route_update(struct fib *f, struct fib_index t, struct ip_prefix prefix, enum fib_source s,
                     const struct fib_path *paths, u32 n, struct error *e) MUST_CHECK;
int fib_route_path_add(struct fib *f, struct fib_index t, struct ip_prefix prefix,
                       enum fib_source s, const struct fib_path *paths, u32 n,
                       struct error *e) MUST_CHECK;
int fib_route_path_remove(struct fib *f, struct fib_index t, struct ip_prefix prefix,
                          enum fib_source s, const struct fib_path *paths, u32 n,
                          struct error *e) MUST_CHECK;
/* All that source s said about the prefix; -ENOENT when it said nothing. */
int fib_route_delete(struct fib *f, struct fib_index t, struct ip_prefix prefix, enum fib_source s,
                     struct error *e) MUST_CHECK;
/* All routes of source s in table t. Returns how many. */
u32 fib_table_flush(struct fib *f, struct fib_index t, enum fib_source s);
/* The same in pieces, or replacing them: what source s says of routes when it begins counts no more
 * as soon as it says something new, and goes at the end if it says nothing. *at is zeroed at first,
 * and the table is there each time. Returns whether there is more. */
struct fib_sweep_place {
    bool is_behind_routes; /* what else there is has its turn */
    u32 next;
};
bool fib_table_sweep_next(struct fib *f, struct fib_index t, enum fib_source s, enum fib_sweep what,
                          struct fib_sweep_place *at);

/* What a route is, for those who look. */
struct fib_route {
    struct fib_index table;
    struct ip_prefix prefix;
    struct lb_index lb;     /* its index */
    enum fib_source source; /* the best */
};
/* Longest match, or exactly that prefix; false when there is none. */
bool fib_lookup(const struct fib *f, struct fib_index t, const struct ip_address *addr,
                struct fib_route *out);
bool fib_lookup_exact(const struct fib *f, struct fib_index t, struct ip_prefix prefix,
                      struct fib_route *out);
/* Paths that source s gave; returns how many there are, and writes at most max. */
u32 fib_route_paths(const struct fib *f, struct lb_index route, enum fib_source s,
                    struct fib_path *out, u32 max);
bool fib_route_has_source(const struct fib *f, struct lb_index route, enum fib_source s);

/* The routes of a protocol, of all tables or of one, in order of table, address and length, in
 * pieces: the next, while routes and tables change. 1; 0 at the end; -EAGAIN for the caller to come
 * again, when others had their turn. */
struct fib_walk {
    const struct fib *fib;
    enum ip_family family;
    struct fib_index only;     /* FIB_NONE: all tables */
    struct ordered_walk *keys; /* NULL to begin with; the caller frees it */
};
int fib_walk_next(struct fib_walk *w, struct fib_route *out);

/* The routes of a table in pieces and in no order: looks at routes from number *from on, at
 * most `most` of them. Returns true with *from behind the one that was found; else *from is
 * UINT32_MAX at the end of the table, or where to go on. */
bool fib_table_scan(const struct fib *f, struct fib_index t, u32 *from, u32 most,
                    struct fib_route *out);
/* Whether packets can go by it, as opposed to one that is only remembered. */
bool fib_route_is_installed(const struct fib *f, struct lb_index route);

/* Where packets for dst leave, as far as the control thread can tell: the adjacency that they reach
 * with flow hash `hash`, recursion followed. ADJ_DROP for a miss. */
struct adj_index fib_resolve(const struct fib *f, struct fib_index t, const struct ip_address *dst,
                             u32 hash);

/* Packets and bytes that took the route. */
struct fib_counts {
    u64 packets, bytes;
};
struct fib_counts fib_route_counts(const struct fib *f, struct lb_index route);
/* Those that came to it from ip4-load-balance: through recursion, or made here. */
struct fib_counts fib_route_via_counts(const struct fib *f, struct lb_index route);

/* --- the way to an address, and by a set of paths --- */

/* Follows the route to an address: tunnels are stacked on it, others want to know when it moves.
 * Packets to the address go by its load balance (fib_track_lb), which stays the same for as long as
 * it is tracked, wherever the route leads: from any node by ip4-load-balance or ip6-load-balance,
 * with `lb` and `fib` of struct ip_scratch. */
struct fib_track_index {
    u32 i;
};
#define FIB_TRACK_NONE ((struct fib_track_index){UINT32_MAX})
/* fn, which may be NULL, is called after any change of the way that packets take to the address:
 * other paths, or whether there are any; not when a neighbour on it is resolved. It may change
 * routes. -ENOSPC. */
int fib_track(struct fib *f, struct fib_index t, const struct ip_address *addr,
              void (*fn)(struct piste *p, void *arg), void *arg, struct fib_track_index *out,
              struct error *e) MUST_CHECK;
void fib_untrack(struct fib *f, struct fib_track_index track);
struct lb_index fib_track_lb(const struct fib *f, struct fib_track_index track);
/* Whether packets can go there, as far as routes and interfaces tell. */
bool fib_track_is_resolved(const struct fib *f, struct fib_track_index track);

/* The link on which the address itself is a neighbour; IF_NONE: it is farther away, or nowhere. */
struct if_index fib_track_link(const struct fib *f, struct fib_track_index track);

/* What goes to the address, or on through it, is no longer than mtu bytes: it passes `node` of the
 * protocol first, one that fib_lookup_node_add would take, by an adjacency of ADJ_KIND_PATH_MTU. A
 * second call changes mtu. One track of an address may say so. -ENOSPC. */
int fib_path_mtu_set(struct fib *f, struct fib_track_index track, struct node_index node, u16 mtu,
                     struct error *e) MUST_CHECK;
void fib_path_mtu_clear(struct fib *f, struct fib_track_index track);

/* A set of paths that no prefix leads to (policies, cross-connects): its load balance, to be used
 * as that of a tracked address. family: of the packets. Counted as a route is. */
int fib_paths_new(struct fib *f, enum ip_family family, const struct fib_path *paths, u32 n,
                  struct lb_index *out, struct error *e) MUST_CHECK;
int fib_paths_update(struct fib *f, struct lb_index lb, const struct fib_path *paths, u32 n,
                     struct error *e) MUST_CHECK;
/* Puts paths beside those that are there, or takes them away. -EINVAL; -ENOENT: there is none of
 * them; -ENODATA: none would be left, and nothing was done. */
int fib_paths_add(struct fib *f, struct lb_index lb, const struct fib_path *paths, u32 n,
                  struct error *e) MUST_CHECK;
int fib_paths_remove(struct fib *f, struct lb_index lb, const struct fib_path *paths, u32 n,
                     struct error *e) MUST_CHECK;
/* Without those through an interface that goes; with none left, packets are dropped. */
int fib_paths_forget(struct fib *f, struct lb_index lb, struct if_index gone,
                     struct error *e) MUST_CHECK;
void fib_paths_free(struct fib *f, struct lb_index lb);
/* As fib_route_paths; one through an interface that has gone says FIB_PATH_DEAD. */
u32 fib_paths_get(const struct fib *f, struct lb_index lb, struct fib_path *out, u32 max);
/* Its path list, behind indent spaces, and where that leads, in VPP's layout. */
void fib_paths_show(struct fib *f, struct out *o, struct lb_index lb, unsigned indent);
void fib_paths_show_forwarding(struct fib *f, struct out *o, struct lb_index lb);

/* --- adjacencies --- */

/* A host on a link. */
struct link_host {
    struct ip_address addr;
    struct if_index interface;
    u32 family; /* enum ip_family, of addr */
};
static_assert(sizeof(struct link_host) == 24, "no padding: it is a key");

static inline struct link_host link_host4(be32 addr, struct if_index i)
{
    return (struct link_host){ip_address_from_ip4(addr), i, IP_FAMILY_4};
}

/* A reference to the adjacency by which packets of protocol `link` go to a neighbour: made
 * incomplete when it is new. Free it with adj_unref. ADJ_NONE: no room. */
struct adj_index adj_neighbor_ref(struct fib *f, const struct link_host *host,
                                  enum ip_family link) MUST_CHECK;
void adj_unref(struct fib *f, struct adj_index a);
/* The same, only if there is one already; no reference is taken. */
struct adj_index adj_neighbor_find(const struct fib *f, const struct link_host *host,
                                   enum ip_family link);
/* The same for packets to groups on the link of i. */
struct adj_index adj_mcast_ref(struct fib *f, struct if_index i, enum ip_family link) MUST_CHECK;
/* The neighbour answered: mac is its address; or it went away (mac NULL: incomplete again). All
 * adjacencies to it change. */
void adj_neighbor_set(struct fib *f, const struct link_host *host, const u8 *mac);
/* Packets to that neighbour, of either protocol, are no longer than mtu bytes, for as long as its
 * link stays; 0: than the link takes. */
void adj_neighbor_set_mtu(struct fib *f, const struct link_host *host, u16 mtu);
/* The neighbour that an adjacency is to, or the subnet or address that it stands for. */
struct link_host adj_host(const struct fib *f, struct adj_index a);
/* fn is called when an adjacency to a neighbour is made (present) or freed: the neighbour module
 * completes it. */
void adj_on_neighbor(struct fib *f,
                     void (*fn)(struct piste *p, struct adj_index a, bool present, void *arg),
                     void *arg);
/* An adjacency of a module's own: packets go from the lookup nodes of a protocol to `node`, with
 * the adjacency's index in struct ip_scratch. describe writes its words in `show ip fib`; static.
 */
struct adj_index adj_custom_new(struct fib *f, enum ip_family link, struct node_index node,
                                struct if_index tx_if, u64 data,
                                void (*describe)(const struct piste *p, u64 data, struct text *t));
/* Whether there is one of that index, now. */
bool adj_is_used(const struct fib *f, struct adj_index a);
/* Packets that ip4-rewrite sent by it, and their bytes with what it puts in front, since it was
 * made and while that is counted; it is not unless it is asked for. */
struct fib_counts adj_counts(const struct fib *f, struct adj_index a);
void adj_set_counting(struct fib *f, bool on);
/* Words as in `show adj`: "ipv4 via 10.0.0.1 host-a: mtu:9000 next:3 flags:[] 02fe..". family: of
 * packets that take it, where the adjacency itself does not tell. */
void adj_describe(const struct fib *f, struct adj_index a, enum ip_family family, struct text *t);

/* --- links that are no Ethernet --- */

/* Tunnels: every adjacency on an interface whose class has no MAC addresses is handed to fn, when
 * it is made and when the interface changes, and fn says where packets go by adj_midchain. Without
 * fn they go to the interface as they are. fn NULL ends that. */
void fib_set_link(struct fib *f, struct if_index i,
                  void (*fn)(struct piste *p, struct adj_index a, void *arg), void *arg);
/* Packets that go by a are put into a tunnel: behind its header e, on the way of e's track (see
 * encap.h). e is borrowed until the adjacency has another, or none (NULL: packets are dropped), and
 * freed by encap_free, which waits for data threads. A tunnel whose own route leads into it drops
 * what goes there. */
void adj_midchain(struct fib *f, struct adj_index a, const struct encap *e);

/* --- nodes --- */

/* The nodes that send packets along adjacencies by adj_head.lookup_next: ip4-lookup and its kind.
 * They have the edges of enum fib_next, in its order, and after those the same for every module's
 * own adjacencies: a node that is added gets those that there are. -EINVAL: it has other edges
 * there. */
int fib_lookup_node_add(struct fib *f, enum ip_family family, struct node_index node,
                        struct error *e) MUST_CHECK;

/* Which node the protocol's rewrite node gives packets to that leave by an interface: fn gets the
 * interface's own output node. Set once, by the module that has features between the two. */
void fib_set_output(struct fib *f, enum ip_family family,
                    struct node_index (*fn)(struct piste *p, struct if_index i,
                                            struct node_index normal));
/* What fn says of i has changed. */
void fib_output_changed(struct fib *f, struct if_index i);

/* Who classifies the packets of FIB_PATH_CLASSIFY: they go to node, with the adjacency's index in
 * struct ip_scratch, whose data is the table. Between hold and release a table stays. */
struct fib_classifier {
    struct node_index node[IP_FAMILY_N];
    bool (*has)(u32 table);
    void (*hold)(struct piste *p, u32 table);
    void (*release)(struct piste *p, u32 table);
};
/* One, copied, by the module that has the nodes; NULL when it goes, with all routes soon. */
void fib_set_classifier(struct fib *f, const struct fib_classifier *c);
bool fib_classifier_has(const struct fib *f, u32 table);

/* Which table the protocol's packets from an interface are looked up in; set once, by the module
 * that has the addresses. An attached route in another table gets what lies under it there. */
void fib_set_table_of(struct fib *f,
                      struct fib_index (*fn)(const struct piste *p, enum ip_family family,
                                             struct if_index i));
/* What fn says of i has changed. */
void fib_table_of_changed(struct fib *f, struct if_index i);

/* What stands in front of a packet that leaves by i to dst: addresses, tags, ethertype. Returns its
 * bytes, 0 when the link has no such header. */
#define FIB_LINK_HEADER_BYTES_MAX 32
u32 fib_link_header(const struct fib *f, struct if_index i, const u8 *dst, u16 ethertype,
                    u8 out[FIB_LINK_HEADER_BYTES_MAX]);
