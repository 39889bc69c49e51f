/* What the files of fib/ share: entries (routes), path lists, vias, adjacencies.
 *
 *   entry ── sources ──► path list ── paths ──► adjacency
 *     │                     │            └─ recursive ──► via ──► the entry that the next hop is
 * (source RR) └── forwards by ──────┘
 *
 * An entry forwards by the path list of its best source that is active. A via's entry follows what
 * covers it; so does a neighbour's entry (source ADJ), which is active only under a subnet of its
 * own interface. These stand in their table's ordered set of linked entries, with those of
 * addresses of interfaces, and are looked at again when a prefix around them changes. Changes run
 * through a queue until nothing changes any more (fib_settle).
 *
 * What IPv4 and IPv6 do not share is behind struct fib_protocol: how addresses are kept, and the
 * structure that data threads look up in. */
#pragma once

#include "base/hash.h"
#include "base/index_list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/ordset.h"
#include "base/pool.h"
#include "base/vec.h"
#include "net/ip/fib/fib.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/fib/ip4_trie.h"
#include "net/ip/fib/ip6_trie.h"
#include "net/ip/fib/lb.h"

#define FIB_ROUTES_MAX MEM_MOST(1u << 21) /* as many as there are counters */
#define FIB_TRACKS_MAX MEM_MOST(1u << 20)
#define FIB_NAME_BYTES 64
#define FIB_LOOKUPS_MAX 8 /* load balances and tables that one packet passes */
#define FIB_IF_MAX 65536
#define FIB_TABLES_ALL (IP_FAMILY_N * FIB_TABLES_MAX)

#define NONE UINT32_MAX

/* What an adjacency needs to know of an interface. */
struct fib_interface {
    const char *name;
    bool ethernet; /* neighbours have addresses; else a neighbour is always reachable */
    u8 mac[6];
    u8 n_tags_bytes; /* VLAN tags between the addresses and the ethertype */
    u8 tags[8];
    u16 mtu[IP_FAMILY_N];
    u16 rewrite_next[IP_FAMILY_N];  /* edges of the rewrite nodes to its output, */
    u16 midchain_next[IP_FAMILY_N]; /* and of the midchain nodes, */
    u16 mcast_next[IP_FAMILY_N];    /* and of those that rewrite multicast */
};

enum fib_if_state { FIB_IF_NONE, FIB_IF_DOWN, FIB_IF_UP };

/* What the FIB gets from outside; tests bring their own. */
struct fib_ops {
    void *ctx;
    /* fn(arg) when no data thread can still see what was taken away before. */
    void (*defer)(void *ctx, void (*fn)(void *arg), void *arg);
    /* Whether there is such an interface, and whether it is up (its link, too). */
    enum fib_if_state (*if_state)(void *ctx, struct if_index i);
    /* false: no such interface. */
    bool (*interface)(void *ctx, struct if_index i, struct fib_interface *out);
    /* The edge that all lookup nodes of the protocol have to node. */
    u16 (*lookup_edge)(void *ctx, enum ip_family family, struct node_index node);
    /* Counters of a route start from 0; NULL: there are none. */
    void (*route_new)(void *ctx, u32 lb);
    /* The same of an adjacency. */
    void (*adj_new)(void *ctx, u32 adj);
    /* Packets may go another way from now on: all, those of a route, those that leave by an
     * adjacency. NULL, or not is_remembered: nobody wants to know. */
    void (*changed)(void *ctx);
    void (*route_changed)(void *ctx, u32 lb);
    void (*adj_changed)(void *ctx, u32 adj);
    bool (*is_remembered)(void *ctx);
    /* Work that goes on when others had their turn: as loop_work_add. NULL: at once. */
    void (*work)(void *ctx, bool (*piece)(void *arg), void *arg);
};

/* --- entries --- */

struct fib_src { /* what one source said */
    u32 list;    /* owned reference; RR: what was derived from the cover */
    u8 source;   /* enum fib_source */
    bool stale;  /* the source replaces what it said */
    u8 spare[2];
};

struct fib_more { /* a source beside the first */
    struct fib_src src;
    u32 next;
};

enum {
    ENTRY_INSTALLED = 1 << 0,
    ENTRY_LINKED = 1 << 1, /* stands among its table's linked entries */
    ENTRY_QUEUED = 1 << 2,
    ENTRY_LOOPED = 1 << 3,   /* drops, because its next hops lead back to it */
    ENTRY_DEAD = 1 << 4,     /* waits for data threads to pass */
    ENTRY_ALONE = 1 << 5,    /* has no prefix, and is in no table: fib_paths_new */
    ENTRY_PATH_MTU = 1 << 6, /* its word is an adjacency in front of what it forwards by */
};

/* Index: also that of its load balance, its leaf and its counters. */
struct fib_entry {
    u32 key;   /* IPv4: the address, host order, masked; IPv6: in ip6_route_addresses */
    u32 table; /* of ENTRY_ALONE: any of its protocol, which need not be there */
    u8 len;
    u8 flags;     /* ENTRY_* */
    u8 cover_len; /* ENTRY_LINKED: of the prefix that it was last seen under; 255: none */
    u8 spare;
    struct fib_src first; /* best priority */
    u32 more;             /* the others by priority; NONE */
    u32 list;             /* forwards by it (owned reference); NONE: not installed */
    u32 next, prev;       /* others that forward by the same list */
    u32 via;              /* NONE, or the via that this entry is for */
};
static_assert(sizeof(struct fib_entry) == 40, "a million of them");

/* --- path lists --- */

enum { PATH_RESOLVED = 1 << 0 };

static inline bool fib_path_drops(const struct fib_path *path)
{
    return path->kind == FIB_PATH_DROP || path->kind == FIB_PATH_NO_ROUTE;
}

struct path {
    struct fib_path cfg;
    u32 list, next;         /* its list; next path of it */
    u32 adj;                /* owned reference */
    u32 via;                /* recursive: owned reference; else NONE */
    u32 via_next, via_prev; /* others through the same via */
    u32 if_next, if_prev;   /* others of the same interface */
    u8 flags;               /* PATH_* */
    u8 spare[3];
};

enum {
    LIST_SHARED = 1 << 0,
    LIST_QUEUED = 1 << 1,
    LIST_RESOLVED = 1 << 2,
    LIST_MANY =
        1 << 3, /* many entries: of several paths it has buckets, also where one is usable */
    LIST_STAMPING = 1 << 4, /* among those of struct fib */
};
#define LIST_MANY_ENTRIES 64 /* as VPP's "popular" */

struct path_list {
    u32 refs;
    u32 first; /* path */
    u16 n_paths;
    u8 flags; /* LIST_* */
    u8 bucket_log2;
    u32 bucket_first;  /* NONE */
    struct lb word;    /* how its entries forward now */
    u32 entries, last; /* those that forward by it, ones with a via in front; NONE */
    u32 n_entries;
    u32 stamp_next;              /* LIST_STAMPING: the first entry that the word is news to; NONE */
    struct index_links stamping; /* and its place among others */
    u32 hash_next;               /* lists whose paths hash alike */
    u64 hash;
    u8 family;      /* enum ip_family, of the packets */
    u8 walk_reason; /* LIST_STAMPING: enum fib_walk_reason */
    bool walk_in_pieces;
    u8 spare;
    u32 walk_visits; /* entries that were told so far */
    u64 walk_begun_ns;
};

/* Why the entries of a list are told; names are VPP's. */
enum fib_walk_reason {
    FIB_WALK_EVALUATE,
    FIB_WALK_IF_UP,
    FIB_WALK_IF_DOWN,
    FIB_WALK_IF_DELETE,
    FIB_WALK_REASONS
};

struct fib_walk_record {
    u32 list, visits;
    u64 begun_ns, ended_ns;
    enum fib_walk_reason reason;
    bool in_pieces;
};

#define FIB_WALKS_KEPT 128
#define FIB_WALK_SIZES 32

/* What was told to entries, for people to see. [1]: what did not fit into the change that caused
 * it, and went on in pieces. */
struct fib_walks {
    u64 n_begun[2], n_ended[2];
    u64 by_visits[FIB_WALK_SIZES]; /* by the binary logarithm */
    u64 n_kept;                    /* the last is [(n_kept - 1) % FIB_WALKS_KEPT] */
    struct fib_walk_record kept[FIB_WALKS_KEPT];
};

/* The next hop of recursive paths and of what is tracked: an entry of source RR. */
enum { VIA_RESOLVED = 1 << 0, VIA_HOST = 1 << 1, VIA_ATTACHED = 1 << 2, VIA_QUEUED = 1 << 3 };

struct via {
    u32 refs;
    u32 entry;
    u32 adj;    /* kind LB: the entry's load balance; owned */
    u32 paths;  /* first of those through it; NONE */
    u32 tracks; /* first of those that follow it; NONE */
    u8 state;   /* VIA_* */
};

/* Who wants to know where an address is to be found. */
struct track {
    u32 via; /* owned reference */
    u32 next, prev;
    bool queued;
    void (*fn)(struct piste *p, void *arg);
    void *arg;
};

/* --- adjacencies --- */

/* Beside struct adj, which data threads read. */
struct adj_info {
    u32 refs;
    u8 kind; /* enum adj_kind, of what it is for; INCOMPLETE, REWRITE, MIDCHAIN: ADJ_KIND_REWRITE */
    u8 family;                 /* enum ip_family, of its address */
    u8 link;                   /* and of the packets that it takes */
    u8 prefix_len;             /* GLEAN */
    u32 if_next, if_prev;      /* others of the same interface */
    u8 mac[6];                 /* REWRITE: the neighbour's */
    const struct encap *encap; /* the tunnel's; borrowed */
    void (*describe)(const struct piste *p, u64 data, struct text *t);
};

/* What hangs on an interface. */
struct fib_if {
    u32 adjs, paths; /* index + 1 of the first; 0: none */
    void (*link)(struct piste *p, struct adj_index a, void *arg);
    void *link_arg;
};

/* --- tables --- */

/* An open-addressing hash of entries; NONE: free. */
struct prefix_slots {
    u32 *v; /* NULL: n is 0 */
    u32 n;  /* a power of two */
};

struct fib_table {
    u32 id;
    enum ip_family family;
    char name[FIB_NAME_BYTES];
    bool named; /* by the user */
    u32 locks[FIB_SOURCE_N];
    u32 n_by_source[FIB_SOURCE_N];
    u32 n_by_len[IP6_ADDRESS_BITS + 1]; /* installed */
    struct prefix_slots slots, old;     /* old: what slots are being filled from */
    u32 old_at;                         /* slots of old before this one have moved */
    u32 n_used;                         /* of both */
    struct ordset linked;               /* entries of links and next hops, by address and length */
    VEC(u32)
    exports; /* attached routes of other tables, which have a copy of what lies under
                them here */
    struct mem_map root_map; /* IPv4; IPv6: of wide words */
    u32 *root;
};

/* A route that all tables of a protocol have. */
struct fib_fixed {
    struct ip_prefix prefix;
    enum fib_source source;
    u8 kind; /* enum fib_path_kind; FIB_PATH_ADJ: of struct fib's link_local */
};

/* What is a protocol's own. Addresses are masked. */
struct fib_protocol {
    u32 tables_max;
    const struct fib_fixed *fixed;
    u32 n_fixed;
    void (*init)(struct fib *f);
    void (*fini)(struct fib *f);
    /* What data threads look up in. After table_end they find nothing; table_free is called when
     * none can have seen it before. */
    int (*table_new)(struct fib_table *t, struct fib_table_data *d, struct error *e);
    void (*table_end)(struct fib *f, struct fib_table_data *d);
    void (*table_free)(struct fib_table *t);
    u32 (*lookup)(const struct fib_table_data *d, const struct ip_address *a);
    /* Puts a route of at least one bit in; false: no room. */
    bool (*insert)(struct fib *f, struct fib_table *t, u32 entry);
    /* Takes it out: what it covered goes by the route `cover`; NONE: by the table's default. */
    void (*remove)(struct fib *f, struct fib_table *t, u32 entry, u32 cover);
    u32 (*hash)(const struct ip_address *a, u8 len);
    void (*set_address)(struct fib *f, u32 entry, const struct ip_address *a);
    bool (*has_address)(const struct fib *f, u32 entry, const struct ip_address *a);
    struct ip_address (*address)(const struct fib *f, u32 entry);
    /* Sorts by address, then by length. */
    void (*sort)(const struct fib *f, u32 *entries, u32 n);
};
extern const struct fib_protocol fib_ip4, fib_ip6;

static inline const struct fib_protocol *fib_protocol(enum ip_family f)
{
    return f == IP_FAMILY_4 ? &fib_ip4 : &fib_ip6;
}

/* --- the queue, and what waits for data threads --- */

enum work_kind { WORK_ENTRY, WORK_LIST, WORK_VIA };
struct work {
    u32 kind, index;
};

/* Buckets that entries may forward by until no list is stamping. */
struct fib_buckets {
    u32 first, log2;
};

/* Things taken out of use that data threads may still see. */
enum limbo_kind { LIMBO_ENTRY, LIMBO_NODE, LIMBO_BUCKETS, LIMBO_ADJ, LIMBO_TABLE, LIMBO_HEAP };
struct limbo_item {
    u32 kind;
    u32 index;
    u64 more;
};
typedef VEC(struct limbo_item) limbo_vec;

/* `ip` of startup.conf. */
struct fib_settings {
    char *ip4_table_name; /* owned; NULL: not given */
};
extern const char fib_module_name[];

struct fib_many;

struct fib {
    struct piste *piste;
    struct fib_ops ops;
    struct pool entries, more, lists, paths, vias, adjs, tracks;
    struct mem_map adj_info_map, adj_address_map, table_map, tables_map, ifs_map, ip6_address_map;
    struct adj_info *adj_info;
    struct fib_if *ifs;
    struct tries tries;
    struct lb_store lbs;
    struct hash list_by_hash, adj_by_key, table_by_id;
    struct hash import_by_entry;       /* to the table that it imports from */
    struct hash path_mtu_by_entry;     /* ENTRY_PATH_MTU: to its adjacency */
    struct hash mtu_by_neighbor;       /* struct link_host: to less than its link's */
    struct fib_table **tables;         /* by fib_index */
    u32 n_tables[IP_FAMILY_N];         /* numbers below were used */
    VEC(u32) free_tables[IP_FAMILY_N]; /* numbers */
    u32 drop_list[IP_FAMILY_N];        /* path lists that drop; never go */
    struct adj_index link_local;       /* where fe80::/10 leads; ADJ_NONE: nowhere */
    VEC(struct work) work, put_off;    /* put_off: more than a change may do at once */
    VEC(u32) looped;                   /* entries; looked at again when something changed */
    VEC(u32) moved;                    /* tracks that are to be told */
    struct index_list stamping; /* lists whose entries do not all forward by their word yet */
    VEC(struct fib_buckets) held_buckets;
    u32 stamps_left;                  /* of this settling, or piece */
    u32 walk_quota;                   /* of a piece */
    enum fib_walk_reason walk_reason; /* of what is changed now */
    struct fib_walks walks;
    u64 begun_ns;
    bool settling, changed, telling;
    u32 completing;           /* adjacencies that a link's own module looks at */
    limbo_vec limbo, waiting; /* since the last grace period began; for the one that runs */
    bool in_grace, stopping;
    struct if_index leaving; /* an interface that is being deleted; IF_NONE */
    struct fib_graph *graph; /* NULL in tests; owned by the module */
    struct fib_many *many;   /* the module's, while there are many routes; else NULL */
    struct fib_table_user table_user;
    struct fib_classifier classifier; /* zeros: there is none */
    struct fib_index (*table_of)(const struct piste *p, enum ip_family family, struct if_index i);
    struct {
        void (*fn)(struct piste *p, struct adj_index a, bool present, void *arg);
        void *arg;
    } on_neighbor;
};

struct fib_graph;

struct fib *fib_new(struct piste *p, const struct fib_ops *ops);
void fib_free(struct fib *f);
void fib_limbo(struct fib *f, enum limbo_kind kind, u32 index, u64 more);
void fib_queue(struct fib *f, enum work_kind kind, u32 index);
/* Runs the queue to its end: every public change ends with it. Of very much it puts a part off,
 * which fib_stamp_piece comes to. */
void fib_settle(struct fib *f);
/* The same with some of what was put off. */
void fib_settle_more(struct fib *f);
/* Forwarding, not only by some routes and neighbours. */
void fib_tell_changed(struct fib *f);
/* Interface events: its state, MTU or address changed; it goes away. */
void fib_interface_changed(struct fib *f, struct if_index i);
void fib_interface_deleted(struct fib *f, struct if_index i);

static inline struct fib_if *fib_if_at(const struct fib *f, struct if_index i)
{
    return &f->ifs[i.i];
}

/* --- table.c --- */
/* The end of a table; its routes are gone, or everything is going. */
void fib_table_drop(struct fib *f, u32 table);
/* false: it was deleted, and is there, without routes, only as long as others' routes lead to it.
 */
bool fib_table_is_kept(const struct fib *f, struct fib_index t);
void fib_tables_lock_rr(struct fib *f, u32 table);
void fib_tables_unlock_rr(struct fib *f, u32 table);
static inline struct fib_table *fib_table_at(const struct fib *f, u32 i)
{
    return f->tables[i];
}
static inline bool fib_table_exists(const struct fib *f, struct fib_index t)
{
    return t.i < FIB_TABLES_ALL && f->tables[t.i];
}

/* --- stamp.c: a path list's word to all entries that forward by it, and work in pieces --- */
/* The word of list is another one. Context: fib_settle. */
void fib_stamp(struct fib *f, u32 list);
/* Entry leaves the list that it forwards by, or the list ends. */
void fib_stamp_skip(struct fib *f, u32 list, u32 entry);
void fib_stamp_end(struct fib *f, u32 list);
/* Around what is settled: how much of it is done at once; what is left goes on in pieces. */
void fib_stamp_begin_settle(struct fib *f);
void fib_stamp_end_settle(struct fib *f);
bool fib_stamp_piece(void *fib);
#define FIB_STAMPS_A_PIECE 4096

/* --- prefixes.c: the prefixes of a table --- */
u32 fib_entry_find(const struct fib *f, const struct fib_table *t, const struct ip_address *a,
                   u8 len);
void fib_prefixes_add(const struct fib *f, struct fib_table *t, u32 entry);
void fib_prefixes_del(const struct fib *f, struct fib_table *t, u32 entry);
void fib_prefixes_free(struct fib_table *t);
/* Longest installed prefix shorter than len that covers a; NONE. */
u32 fib_entry_cover(const struct fib *f, const struct fib_table *t, const struct ip_address *a,
                    u8 len);
/* Entries of a table in order; the caller frees it. */
u32 *fib_table_sorted(const struct fib *f, const struct fib_table *t, u32 *n);

/* --- linked.c: entries that follow what covers them, and those that others follow --- */
void fib_link(struct fib *f, u32 entry);
void fib_unlink(struct fib *f, u32 entry);
/* Linked entries under this one look at it again, unless something longer covers them. */
void fib_linked_notify(struct fib *f, u32 entry);
/* The installed prefix that a linked entry is under, remembered; NONE. */
u32 fib_linked_cover(struct fib *f, u32 entry);
/* Calls fn for the linked entries of t under the prefix, that itself left out. Nothing is linked
 * meanwhile. */
void fib_linked_under(struct fib *f, const struct fib_table *t, const struct ip_prefix *p,
                      void (*fn)(struct fib *f, u32 entry, void *arg), void *arg);

/* --- import.c: attached routes in another table than their interface's --- */
/* The entry forwards by another list: whether it imports, and from where. */
void fib_import_evaluate(struct fib *f, u32 entry);
/* What the imports of its table have of this entry. */
void fib_export_evaluate(struct fib *f, u32 entry);
/* All attached routes of i: it is in another table, or gone. */
void fib_import_interface(struct fib *f, struct if_index i);

/* --- entry.c --- */
static inline struct fib_entry *fib_entry_at(const struct fib *f, u32 i)
{
    return pool_at(&f->entries, i);
}
static inline enum ip_family fib_entry_family(const struct fib *f, u32 entry)
{
    return fib_family((struct fib_index){fib_entry_at(f, entry)->table});
}
static inline struct ip_address fib_entry_address(const struct fib *f, u32 entry)
{
    return fib_protocol(fib_entry_family(f, entry))->address(f, entry);
}
struct ip_prefix fib_entry_prefix(const struct fib *f, u32 entry);
/* What a route is, for those who look (route.c). */
void fib_route_fill(const struct fib *f, u32 entry, struct fib_route *out);
/* Takes over the caller's reference to list. NONE when there is no room (the reference is given
 * back). */
u32 fib_entry_source_set(struct fib *f, u32 table, const struct ip_address *a, u8 len,
                         enum fib_source s, u32 list);
void fib_entry_source_del(struct fib *f, u32 entry, enum fib_source s);
struct fib_src *fib_entry_source(const struct fib *f, u32 entry, enum fib_source s);
/* The source that it forwards by; FIB_SOURCE_N: none. */
enum fib_source fib_entry_best(const struct fib *f, const struct fib_entry *e);
/* false: the data plane has no room, it is not installed. */
bool fib_entry_evaluate(struct fib *f, u32 entry);
/* Writes the word that data threads forward it by. */
void fib_entry_set_word(struct fib *f, u32 entry);
/* Its list forwards differently now. */
void fib_entry_restamp(struct fib *f, u32 entry);
/* It is a via now: those stand in front in their list. */
void fib_entry_set_via(struct fib *f, u32 entry, u32 via);
void fib_entry_free_now(struct fib *f, u32 entry);
/* One without a prefix: takes over the reference to list. NONE: no room (it is given back). */
u32 fib_entry_alone_new(struct fib *f, enum ip_family family, u32 list);
void fib_entry_alone_set(struct fib *f, u32 entry, u32 list);
void fib_entry_alone_free(struct fib *f, u32 entry);
/* Of an ENTRY_PATH_MTU: its load balance's word; and what it forwards by is another list now. */
struct lb fib_path_mtu_word(const struct fib *f, u32 entry);
void fib_path_mtu_follow(struct fib *f, u32 entry);

/* --- path_list.c --- */
/* A reference to the list with these paths for packets of that protocol; they are complete (tables
 * set, spare bytes 0). NONE: no room. */
u32 path_list_get(struct fib *f, enum ip_family family, const struct fib_path *paths,
                  u32 n) MUST_CHECK;
void path_list_ref(struct fib *f, u32 list);
void path_list_unref(struct fib *f, u32 list);
void path_list_evaluate(struct fib *f, u32 list);
/* Interface of its first attached path; IF_NONE. */
struct if_index path_list_attached(const struct fib *f, u32 list);
bool path_list_is_resolved(const struct fib *f, u32 list);

static inline struct path_list *path_list_at(const struct fib *f, u32 i)
{
    return pool_at(&f->lists, i);
}

static inline struct path *path_at(const struct fib *f, u32 i)
{
    return pool_at(&f->paths, i);
}

/* --- path_buckets.c --- */
/* The list's buckets, made or changed in place, lead to the usable paths of the preference of path
 * `best`; NONE: they drop. moved: set if any is another than before. false: no room. */
bool path_buckets_fill(struct fib *f, struct path_list *l, u32 best, bool *moved) MUST_CHECK;
void path_buckets_drop(struct fib *f, struct path_list *l);

/* --- via.c --- */
/* A reference to the via of an address; NONE: no room. */
u32 via_get(struct fib *f, u32 table, const struct ip_address *a) MUST_CHECK;
void via_put(struct fib *f, u32 via);
/* The entry's forwarding may have changed: its via, if it is one, tells who goes through it. */
void via_evaluate(struct fib *f, u32 via);
/* From the queue: tells who follows it, and who follows what goes through it. */
void via_moved(struct fib *f, u32 via);
/* Whether forwarding entry `start` by list leads back to it. */
bool via_loops(const struct fib *f, u32 start, u32 list);
/* Calls those whose way has moved. */
void fib_tell_moved(struct fib *f);

static inline struct via *via_at(const struct fib *f, u32 i)
{
    return pool_at(&f->vias, i);
}

static inline struct track *track_at(const struct fib *f, u32 i)
{
    return pool_at(&f->tracks, i);
}

/* --- adj.c --- */
void adj_init(struct fib *f);
void adj_fini(struct fib *f);
u32 adj_get_neighbor(struct fib *f, const struct link_host *host, enum ip_family link);
u32 adj_get_glean(struct fib *f, const struct link_host *subnet, u8 len, enum ip_family link);
u32 adj_get_receive(struct fib *f, const struct link_host *own, enum ip_family link);
/* kind: ADJ_KIND_LOOKUP, _LOOKUP_SRC. */
u32 adj_get_lookup(struct fib *f, enum adj_kind kind, u32 table);
u32 adj_get_interface_rx(struct fib *f, struct if_index i, enum ip_family link);
/* There is such a table. own: the address that packets are for; its interface IF_NONE: any. */
u32 adj_get_classify(struct fib *f, u32 table, const struct link_host *own, enum ip_family link);
u32 adj_get_lb(struct fib *f, u32 lb);
/* Always a new one, of kind PATH_MTU; see fib_path_mtu_set. */
u32 adj_get_path_mtu(struct fib *f, u32 lb, struct node_index node, u16 mtu);
void adj_path_mtu_change(u32 a, u16 mtu);
void adj_ref(struct fib *f, u32 adj);
void adj_put(struct fib *f, u32 adj);
void adj_free_now(struct fib *f, u32 adj);
void adj_interface_changed(struct fib *f, struct if_index i);
void adj_interface_deleted(struct fib *f, struct if_index i);
/* The via that packets by a tunnel's adjacency go on through; NONE: it is none. */
u32 adj_via(const struct fib *f, u32 adj);

static inline struct adj *adj_rw(u32 i)
{
    return &adj_base[i];
}
static inline struct adj_info *adj_info_at(const struct fib *f, u32 a)
{
    return &f->adj_info[a];
}
