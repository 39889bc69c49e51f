/* What the files of fib/ share: entries (routes), path lists, vias, adjacencies.
 *
 *   entry ── sources ──► path list ── paths ──► adjacency
 *     │                     │            └─ recursive ──► via ──► the entry that the next hop is
 * (source RR) └── forwards by ──────┘
 *
 * An entry forwards by the path list of its best source that is active. A via's entry follows what
 * covers it; so does a neighbour's entry (source ADJ), which is active only under a subnet of its
 * own interface. These followers stand in their table's sorted list, and are looked at again when a
 * prefix around them changes. Changes run through a queue until nothing changes any more
 * (fib_settle). */
#pragma once

#include "base/hash.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/vec.h"
#include "net/ip/fib/fib.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/fib/ip4_trie.h"
#include "net/ip/fib/lb.h"

#define FIB_ROUTES_MAX (1u << 21) /* as many as there are counters */
#define FIB_ADJS_MAX (1u << 20)
#define FIB_NAME_BYTES 64
#define FIB_LOOKUPS_MAX 8 /* load balances and tables that one packet passes */

#define NONE UINT32_MAX

/* What an adjacency needs to know of an interface. */
struct fib_interface {
    const char *name;
    bool up;       /* admin and link */
    bool ethernet; /* neighbours have addresses; else a neighbour is always reachable */
    u8 mac[6];
    u8 n_tags_bytes; /* VLAN tags between the addresses and the ethertype */
    u8 tags[8];
    u16 mtu;
    u16 rewrite_next; /* edge of ip4-rewrite */
};

/* What the FIB gets from outside; tests bring their own. */
struct fib_ops {
    void *ctx;
    /* fn(arg) when no data thread can still see what was taken away before. */
    void (*defer)(void *ctx, void (*fn)(void *arg), void *arg);
    /* false: no such interface. */
    bool (*interface)(void *ctx, struct if_index i, struct fib_interface *out);
    u16 (*lookup_edge)(void *ctx, struct node_index node);
    /* Counters of a route start from 0; NULL: there are none. */
    void (*route_new)(void *ctx, u32 lb);
    /* The same of an adjacency. */
    void (*adj_new)(void *ctx, u32 adj);
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
    ENTRY_FOLLOWS = 1 << 1, /* stands among its table's followers */
    ENTRY_QUEUED = 1 << 2,
    ENTRY_LOOPED = 1 << 3, /* drops, because its next hops lead back to it */
    ENTRY_DEAD = 1 << 4,   /* waits for data threads to pass */
};

/* Index: also that of its load balance, its trie leaf and its counters. */
struct fib_entry {
    u32 addr; /* host order, masked */
    u16 table;
    u8 len;
    u8 flags;             /* ENTRY_* */
    struct fib_src first; /* best priority */
    u32 more;             /* the others by priority; NONE */
    u32 list;             /* forwards by it (owned reference); NONE: not installed */
    u32 next, prev;       /* others that forward by the same list */
    u32 via;              /* NONE, or the via that this entry is for */
};

/* --- path lists --- */

enum { PATH_RESOLVED = 1 << 0 };

struct path {
    struct fib_path cfg;
    u32 list, next;         /* its list; next path of it */
    u32 adj;                /* owned reference */
    u32 via;                /* recursive: owned reference; else NONE */
    u32 via_next, via_prev; /* others through the same via */
    u8 flags;               /* PATH_* */
    u8 spare[7];
};

enum { LIST_SHARED = 1 << 0, LIST_QUEUED = 1 << 1, LIST_RESOLVED = 1 << 2 };

struct path_list {
    u32 refs;
    u32 first; /* path */
    u16 n_paths;
    u8 flags; /* LIST_* */
    u8 bucket_log2;
    u32 bucket_first; /* NONE */
    struct lb word;   /* how its entries forward now */
    u32 entries;      /* first of those that forward by it; NONE */
    u32 n_entries;
    u32 hash_next; /* lists whose paths hash alike */
    u64 hash;
};

/* The next hop of recursive paths: an entry of source RR. */
enum { VIA_RESOLVED = 1 << 0, VIA_HOST = 1 << 1, VIA_ATTACHED = 1 << 2 };

struct via {
    u32 refs;
    u32 entry;
    u32 adj;   /* kind LB: the entry's load balance; owned */
    u32 paths; /* first of those through it; NONE */
    u8 state;  /* VIA_* */
};

/* --- adjacencies --- */

/* Beside struct adj, which data threads read. */
struct adj_info {
    u32 refs;
    u8 kind;       /* enum adj_kind, of what it is for; INCOMPLETE and REWRITE: ADJ_KIND_REWRITE */
    u8 prefix_len; /* GLEAN */
    u8 mac[6];     /* REWRITE: the neighbour's */
    void (*describe)(const struct piste *p, u64 data, struct text *t);
};

/* --- tables --- */

struct follower {
    u32 addr;
    u32 entry;
    u32 cover_len; /* of the prefix that it was last seen under; 255: none */
};

struct fib_table {
    u32 id;
    char name[FIB_NAME_BYTES];
    bool named; /* by the user */
    u32 locks[FIB_SOURCE_N];
    u32 n_by_source[FIB_SOURCE_N];
    u32 n_by_len[33];
    u32 *slots; /* open addressing: entry, NONE when free */
    u32 n_slots, n_used;
    VEC(struct follower) followers; /* by address */
    struct mem_map root_map;
    u32 *root;
    u32 default_entry; /* the /0 that is installed, or NONE */
};

enum work_kind { WORK_ENTRY, WORK_LIST };
struct work {
    u32 kind, index;
};

/* Things taken out of use that data threads may still see. */
enum limbo_kind { LIMBO_ENTRY, LIMBO_BLOCK, LIMBO_BUCKETS, LIMBO_ADJ, LIMBO_ROOT };
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

struct fib {
    struct piste *piste;
    struct fib_ops ops;
    struct pool entries, more, lists, paths, vias, adjs;
    struct mem_map adj_info_map, table_map;
    struct adj_info *adj_info;
    struct ip4_tries tries;
    struct lb_store lbs;
    struct hash list_by_hash, adj_by_key, table_by_id;
    struct fib_table *tables[FIB_TABLES_MAX];
    u32 n_tables;  /* indices below were used */
    u32 drop_list; /* path list that drops; never goes */
    VEC(struct work) work;
    VEC(u32) looped; /* entries; looked at again when something changed */
    bool settling, changed;
    limbo_vec limbo, waiting; /* since the last grace period began; for the one that runs */
    bool in_grace, stopping;
    VEC(u32) free_tables;
    struct if_index leaving; /* an interface that is being deleted; IF_NONE */
    struct node_index (*output)(struct piste *p, struct if_index i, struct node_index normal);
    struct {
        void (*fn)(struct piste *p, struct adj_index a, bool present, void *arg);
        void *arg;
    } on_neighbor;
};

struct fib *fib_new(struct piste *p, const struct fib_ops *ops);
void fib_free(struct fib *f);
void fib_limbo(struct fib *f, enum limbo_kind kind, u32 index, u64 more);
void fib_queue(struct fib *f, enum work_kind kind, u32 index);
/* Runs the queue to its end: every public change ends with it. */
void fib_settle(struct fib *f);
/* Interface events: its state, MTU or address changed; it goes away. */
void fib_interface_changed(struct fib *f, struct if_index i);
void fib_interface_deleted(struct fib *f, struct if_index i);

static inline struct fib_entry *fib_entry_at(const struct fib *f, u32 i)
{
    return pool_at(&f->entries, i);
}

static inline u32 prefix_mask(u8 len)
{
    return len ? ~0u << (32 - len) : 0;
}

/* --- entry.c --- */
u32 fib_entry_find(const struct fib *f, const struct fib_table *t, u32 addr, u8 len);
/* Longest installed prefix shorter than len that covers addr; NONE. */
u32 fib_entry_cover(const struct fib *f, const struct fib_table *t, u32 addr, u8 len);
/* Takes over the caller's reference to list. NONE when there is no room (the reference is given
 * back). */
u32 fib_entry_source_set(struct fib *f, u32 table, u32 addr, u8 len, enum fib_source s, u32 list);
void fib_entry_source_del(struct fib *f, u32 entry, enum fib_source s);
struct fib_src *fib_entry_source(const struct fib *f, u32 entry, enum fib_source s);
/* The source that it forwards by; FIB_SOURCE_N: none. */
enum fib_source fib_entry_best(const struct fib *f, const struct fib_entry *e);
/* false: the trie has no room, it is not installed. */
bool fib_entry_evaluate(struct fib *f, u32 entry);
/* Its list forwards differently now. */
void fib_entry_restamp(struct fib *f, u32 entry);
void fib_entry_free_now(struct fib *f, u32 entry);
/* Entries of a table in order; the caller frees it. */
u32 *fib_table_sorted(const struct fib *f, const struct fib_table *t, u32 *n);
void fib_table_slots_free(struct fib_table *t);

/* --- path_list.c --- */
/* A reference to the list with these paths, which are complete (tables set, spare bytes 0). NONE:
 * no room. */
u32 path_list_get(struct fib *f, const struct fib_path *paths, u32 n) MUST_CHECK;
void path_list_ref(struct fib *f, u32 list);
void path_list_unref(struct fib *f, u32 list);
void path_list_evaluate(struct fib *f, u32 list);
/* Interface of its first attached path; IF_NONE. */
struct if_index path_list_attached(const struct fib *f, u32 list);
bool path_list_is_resolved(const struct fib *f, u32 list);
/* The entry's forwarding may have changed: its via, if it is one, tells its paths. */
void via_evaluate(struct fib *f, u32 via);
/* Whether forwarding entry `start` by list leads back to it. */
bool via_loops(const struct fib *f, u32 start, u32 list);

static inline struct path_list *path_list_at(const struct fib *f, u32 i)
{
    return pool_at(&f->lists, i);
}

static inline struct path *path_at(const struct fib *f, u32 i)
{
    return pool_at(&f->paths, i);
}

static inline struct via *via_at(const struct fib *f, u32 i)
{
    return pool_at(&f->vias, i);
}

/* --- adj.c --- */
void adj_init(struct fib *f);
void adj_fini(struct fib *f);
u32 adj_get_neighbor(struct fib *f, be32 next_hop, struct if_index i);
u32 adj_get_glean(struct fib *f, struct if_index i, be32 addr, u8 len);
u32 adj_get_receive(struct fib *f, struct if_index i, be32 addr);
u32 adj_get_lookup(struct fib *f, u32 table);
u32 adj_get_lb(struct fib *f, u32 lb);
void adj_ref(struct fib *f, u32 adj);
void adj_put(struct fib *f, u32 adj);
void adj_free_now(struct fib *f, u32 adj);
void adj_interface_changed(struct fib *f, struct if_index i);
void adj_interface_deleted(struct fib *f, struct if_index i);

static inline struct adj *adj_rw(u32 i)
{
    return &adj_base[i];
}

/* --- table.c --- */
void fib_tables_lock_rr(struct fib *f, u32 table);
void fib_tables_unlock_rr(struct fib *f, u32 table);
static inline struct fib_table *fib_table_at(const struct fib *f, u32 i)
{
    return f->tables[i];
}
