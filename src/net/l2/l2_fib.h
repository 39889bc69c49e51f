/* The MAC table as people and programs see it. Context: control thread. */
#pragma once

#include "base/error.h"
#include "base/ordered_walk.h"
#include "base/types.h"
#include "engine/index.h"

struct piste;
struct l2_state;
struct l2_bd;

struct l2_fib_entry {
    u32 bd; /* index */
    u8 mac[6];
    struct if_index interface; /* IF_NONE: filter */
    bool is_static, filter, bvi;
    bool provisioned; /* does not age */
    u8 age;           /* minutes since it was last seen, up to 255 */
};

enum { L2_FIB_STATIC = 1 << 0, L2_FIB_FILTER = 1 << 1, L2_FIB_BVI = 1 << 2 };

/* interface: IF_NONE with L2_FIB_FILTER; the domain's own with L2_FIB_BVI (-EINVAL). One that is
 * not in the domain gets frames when it is. -ENOSPC. */
int l2_fib_add(struct l2_state *s, u32 bd, const u8 mac[6], struct if_index i, u32 flags,
               struct error *e) MUST_CHECK;
/* -ENOENT. */
int l2_fib_del(struct l2_state *s, u32 bd, const u8 mac[6], struct error *e) MUST_CHECK;
bool l2_fib_find(const struct l2_state *s, u32 bd, const u8 mac[6], struct l2_fib_entry *out);

/* Learnt entries of an interface in a domain (index) go. This and what follows begins at once; what
 * is left of a large table is work (loop_work_add). */
void l2_fib_flush(struct l2_state *s, u32 bd, struct if_index i);
/* Entries of a domain index and an interface go, UINT32_MAX and IF_NONE stand for all, in pieces,
 * for tables of any size; then a table that is too large gets smaller. */
enum l2_fib_flushed { L2_FIB_FLUSH_LEARNT, L2_FIB_FLUSH_ALL_BUT_BVI, L2_FIB_FLUSH_ALL };
struct l2_fib_flush {
    u32 bd;
    struct if_index interface;
    enum l2_fib_flushed what;
    u32 bucket,
        buckets; /* 0 to begin with: where it is, of how many; of one domain or interface: */
    u32 region;  /* 0 to begin with */
};
/* A piece: false: it was the last. */
bool l2_fib_flush_next(struct l2_state *s, struct l2_fib_flush *f);
/* What leads up into an interface as the BVI of a domain (index) goes. */
void l2_fib_forget_bvi(struct l2_state *s, u32 bd, struct if_index i);
/* Everything of an interface, or (IF_NONE) of a domain: it is going, and nobody learns for it. */
void l2_fib_forget(struct l2_state *s, u32 bd, struct if_index i);
/* What is left of such work for a domain (UINT32_MAX: none) or an interface (IF_NONE) is done now:
 * its number, or its part, is taken anew. */
void l2_fib_finish(struct l2_state *s, u32 bd, struct if_index i);

/* How many addresses are learnt at most in all domains; 0: as many as startup.conf said. */
void l2_fib_set_learn_limit(struct l2_state *s, u32 limit);
/* -EINVAL: 1 to 60000 are possible. */
int l2_fib_set_scan_delay(struct l2_state *s, u32 ms, struct error *e) MUST_CHECK;

/* Entries in order of domain, interface and address, in pieces: the next, while they come and go.
 * 1; 0 at the end; -EAGAIN for the caller to come again, when others had their turn. */
struct l2_fib_walk {
    struct l2_state *l2;
    u32 bd;                    /* index; UINT32_MAX: all */
    struct ordered_walk *keys; /* NULL to begin with; the caller frees it */
    u32 buckets;               /* of the table that is being looked through */
};
int l2_fib_walk_next(struct l2_fib_walk *w, struct l2_fib_entry *out);

struct l2_fib_totals {
    u64 entries, learned;
    u32 learn_limit, buckets;
    u64 bytes;
};
struct l2_fib_totals l2_fib_totals(const struct l2_state *s);

/* What happened to entries, for one who wants to know: learnt and moved ones are found by looking
 * through the table every scan-delay, so that learning itself costs nothing more. Who begins to
 * listen is told of all that were learnt before, in steps. SCANNED, whose entry is NULL, ends a
 * step. fn NULL: nobody any more. */
enum l2_fib_event { L2_FIB_LEARNED, L2_FIB_MOVED, L2_FIB_ADDED, L2_FIB_REMOVED, L2_FIB_SCANNED };
typedef void l2_fib_fn(struct piste *p, enum l2_fib_event ev, const struct l2_fib_entry *entry,
                       void *arg);
void l2_fib_on_event(struct piste *p, l2_fib_fn *fn, void *arg);
