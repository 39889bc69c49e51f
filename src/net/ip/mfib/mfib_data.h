/* Multicast forwarding as data threads see it: which route a packet's source and group have, where
 * it may come from, and the adjacencies that it is copied to.
 *
 *   ipX-mfib-forward-lookup ─► ipX-mfib-forward-rpf ─► ipX-replicate ─► ipX-rewrite-mcast, for each
 *            │ no route               │ came the wrong way       └────► ipX-receive, a copy
 *            └────────► ipX-drop ◄────┘
 *
 * Routes of all tables and both protocols are in one hash. A table's lengths say which keys there
 * may be: they are tried from the longest on, of which (S,G) is the first. */
#pragma once

#include "base/shared_hash.h"
#include "engine/counter.h"
#include "engine/node.h"
#include "net/ip/fib/fib_data.h"
#include "net/packet/ip_address.h"

/* (*,G/len) of that length; behind all those, (S,G). */
#define MFIB_LEN_SOURCE (IP6_ADDRESS_BITS + 1)
#define MFIB_LEN_WORDS (MFIB_LEN_SOURCE / 64 + 1)
#define MFIB_KEY_WORDS 5
#define MFIB_ROUTES_MAX MEM_MOST(1u << 20)
#define MFIB_NO_ROUTE SHARED_HASH_NONE
#define MFIB_PATHS_MAX 254 /* of a route: as many as can share a buffer */

struct mfib_key {
    u32 table; /* struct fib_index */
    u32 len;   /* of group, or MFIB_LEN_SOURCE */
    struct ip_address group, source;
} __attribute__((aligned(8)));
static_assert(sizeof(struct mfib_key) == MFIB_KEY_WORDS * sizeof(u64), "no padding: it is a key");

/* Flags of a route. Numbers are those of the binary API; what it does not have is ours alone. */
enum {
    MFIB_ROUTE_SIGNAL = 1 << 0, /* packets from an interface of it are signalled */
    MFIB_ROUTE_DROP = 1 << 1,
    MFIB_ROUTE_CONNECTED = 1 << 2,      /* so are those from a subnet of the interface */
    MFIB_ROUTE_ACCEPT_ALL_ITF = 1 << 3, /* from wherever it comes */
    MFIB_ROUTE_HOST = 1 << 6,           /* what this switch as a host is in: from interfaces that
                                           take the protocol */
    MFIB_ROUTE_MISS = 1 << 7,           /* stands for no route */
};

/* Flags of an interface of a route. Numbers are those of the binary API. */
enum {
    MFIB_ITF_NEGATE_SIGNAL = 1 << 0, /* packets from it are signalled where the route's are not,
                                        and not where they are */
    MFIB_ITF_ACCEPT = 1 << 1,
    MFIB_ITF_FORWARD = 1 << 2,
    MFIB_ITF_SIGNAL_PRESENT = 1 << 3, /* a signal of it waits: there are no others meanwhile */
    MFIB_ITF_DONT_PRESERVE = 1 << 4,  /* its signals have no packet */
};

struct mfib_itf {
    u32 interface;
    u32 flags; /* MFIB_ITF_SIGNAL_PRESENT: data threads set it */
};

/* Never changed otherwise, but replaced. */
struct mfib_forwarding {
    u32 flags;
    u32 n_itf, n_to;
    struct mfib_itf *itf; /* by interface, ascending */
    const u32 *to;        /* adjacencies */
};

struct mfib_src;
struct mfib_fixed;

/* Index: also that of its counter. */
struct mfib_route {
    struct mfib_key key;
    const struct mfib_forwarding *forwarding; /* replaced by one store */
    /* the control thread's */
    const struct mfib_fixed *fixed; /* what all tables have of it; NULL */
    struct mfib_src *sources;       /* what users said, the best first */
};

/* What lengths a table has: bits. A bit is there before the first route of its length, and until
 * the last one has gone. */
struct mfib_lens {
    u64 bits[MFIB_LEN_WORDS];
};

/* State of the nodes; the first member of the module's. */
struct mfib_data {
    struct shared_hash hash;
    struct mfib_route *routes;
    struct mfib_lens *lens; /* by table */
    struct counter_vec *counters;
};

/* A packet's words from ipX-mfib-forward-lookup to ipX-replicate; what comes behind that is ip's.
 */
struct mfib_scratch {
    struct ip_scratch ip; /* adj: of the first copy, for a trace */
    u32 route;            /* MFIB_NO_ROUTE */
    u32 accepted;         /* came a right way */
};
static_assert(sizeof(struct mfib_scratch) <= BUFFER_SCRATCH_BYTES, "fits the buffer");

ALWAYS_INLINE struct mfib_scratch *mfib_scratch(struct buffer *b)
{
    return buffer_scratch(b);
}

ALWAYS_INLINE const struct mfib_forwarding *mfib_forwarding(const struct mfib_data *m, u32 route)
{
    return __atomic_load_n(&m->routes[route].forwarding, __ATOMIC_ACQUIRE);
}

/* NULL: the route has no such interface. */
static inline struct mfib_itf *mfib_itf_find(const struct mfib_forwarding *w, struct if_index i)
{
    u32 low = 0, high = w->n_itf;
    while (low < high) {
        u32 middle = (low + high) / 2;
        if (w->itf[middle].interface == i.i)
            return &w->itf[middle];
        if (w->itf[middle].interface < i.i)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* A packet of a route came by an interface for which that is signalled. */
struct mfib_signalled {
    u32 route;
    struct if_index interface;
};
#define MFIB_SIGNAL_BYTES 256 /* of the packet, at most */

/* The key of a route of that length for such packets. */
static inline struct mfib_key mfib_key_of(struct fib_index t, u32 len, const struct ip_address *src,
                                          const struct ip_address *group)
{
    struct mfib_key key = {.table = t.i, .len = len};
    if (len == MFIB_LEN_SOURCE) {
        key.group = *group;
        key.source = *src;
    } else {
        key.group = ip_address_mask(group, len);
    }
    return key;
}

static inline u32 mfib_find(const struct mfib_data *m, const struct mfib_key *key)
{
    return shared_hash_find(&m->hash, (const u64 *)(const void *)key, MFIB_KEY_WORDS);
}

/* The longest match; MFIB_NO_ROUTE. In data threads, valid for this round. */
static inline u32 mfib_lookup(const struct mfib_data *m, struct fib_index t,
                              const struct ip_address *src, const struct ip_address *group)
{
    for (u32 w = MFIB_LEN_WORDS; w--;) {
        u64 bits = __atomic_load_n(&m->lens[t.i].bits[w], __ATOMIC_RELAXED);
        while (bits) {
            u32 top = 63 - (u32)__builtin_clzll(bits);
            struct mfib_key key = mfib_key_of(t, w * 64 + top, src, group);
            u32 route = mfib_find(m, &key);
            if (route != MFIB_NO_ROUTE)
                return route;
            bits &= ~(1ull << top);
        }
    }
    return MFIB_NO_ROUTE;
}

/* --- nodes --- */

enum { MFIB_LOOKUP_NEXT_DROP, MFIB_LOOKUP_NEXT_RPF, MFIB_LOOKUP_N_NEXT };
enum { MFIB_RPF_NEXT_DROP, MFIB_RPF_NEXT_REPLICATE, MFIB_RPF_N_NEXT };
/* Reasons of the replicate nodes, whose edges are those of lookup nodes. */
enum { REPLICATE_ERR_NO_BUFFER, REPLICATE_ERR_NOWHERE, REPLICATE_ERR_N };

NODE_DECLARE(ip4_mfib_forward_lookup);
NODE_DECLARE(ip6_mfib_forward_lookup);
NODE_DECLARE(ip4_mfib_forward_rpf);
NODE_DECLARE(ip6_mfib_forward_rpf);
NODE_DECLARE(ip4_replicate);
NODE_DECLARE(ip6_replicate);
