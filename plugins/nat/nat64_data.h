/* What data threads know of NAT64; see nat64.h.
 *
 *   inside A6:a ─► P6::B4:b      BIB entry: A6:a = T4:t      T4:t ─► B4:b
 *   inside A6:a ◄─ P6::B4:b      session: with B4:b          T4:t ◄─ B4:b
 *
 * A binding (BIB entry) says what a host's port is outside, whoever it talks to; a session is a
 * binding and the host outside, whose address inside follows from the prefix. All of a binding is
 * of one data thread: which follows from the port inside, and ports outside are taken that have the
 * same one. */
#pragma once

#include "base/index_list.h"
#include "base/pool.h"
#include "base/shared_hash.h"
#include "engine/counter.h"
#include "engine/sessions.h"
#include "engine/thread.h"
#include "net/ip/fib/fib.h"
#include "net/packet/ip6_packet.h"
#include "net/packet/ip_address.h"
#include "plugins/nat/nat_log.h"

#define NAT64_SESSIONS_MAX MEM_MOST(1u << 22) /* of a thread */
#define NAT64_STATICS_MAX MEM_MOST(1u << 16)

/* --- bindings and sessions --- */

/* Ports of ICMP are the identifier; of protocols without ports 0. Protocols are IPv4's: ICMPv6 is
 * ICMP. */
union nat64_inside {
    u64 words[3];
    struct {
        struct ip_address addr;
        u32 fib; /* index of its table */
        be16 port;
        u8 protocol, zero;
    };
};
#define NAT64_INSIDE_WORDS 3

union nat64_outside {
    u64 words[1];
    struct {
        be32 addr;
        be16 port;
        u8 protocol, zero;
    };
};
#define NAT64_OUTSIDE_WORDS 1

struct nat64_bib {
    union nat64_inside in;
    union nat64_outside out;
    struct index_list sessions;
    bool is_static; /* else it goes with its last session */
};

union nat64_with {
    u64 words[2];
    struct {
        u32 bib;
        be32 addr; /* of the host outside */
        be16 port; /* 0: there is none, or of ICMP */
        u16 zero[3];
    };
};
#define NAT64_WITH_WORDS 2

/* What is known of a session from its packets. Of TCP as RFC 6146 3.5.2.2 has it; of other
 * protocols only the first two. */
enum nat64_session_state {
    NAT64_STATE_INIT, /* packets of the direction that it began with, only */
    NAT64_STATE_ESTABLISHED,
    NAT64_STATE_FIN_IN, /* that side is done */
    NAT64_STATE_FIN_OUT,
    NAT64_STATE_FIN_BOTH,
    NAT64_STATE_TRANS, /* reset; a packet that is no reset says otherwise */
};

enum nat64_dir { NAT64_IN2OUT, NAT64_OUT2IN, NAT64_DIRS };

struct nat64_session {
    union nat64_with with;
    u64 last_heard_ns;
    struct index_links by_age, of_bib;
    u8 state;        /* enum nat64_session_state */
    u8 first;        /* enum nat64_dir: that it began with */
    bool transitory; /* in the list of these, by age */
    u8 aged;         /* nat64_age_of when it went to its end */
};

/* Time as lists by age tell it apart: in steps of 2^33 ns. */
ALWAYS_INLINE u8 nat64_age_of(u64 ns)
{
    return (u8)(ns >> 33);
}

/* Not answered, or done. */
ALWAYS_INLINE bool nat64_session_is_transitory(const struct nat64_session *s)
{
    return s->state == NAT64_STATE_INIT || s->state == NAT64_STATE_FIN_BOTH ||
           s->state == NAT64_STATE_TRANS;
}

/* --- settings --- */

enum nat64_timeout {
    NAT64_TIMEOUT_UDP,
    NAT64_TIMEOUT_TCP_ESTABLISHED,
    NAT64_TIMEOUT_TCP_TRANSITORY,
    NAT64_TIMEOUT_ICMP,
    NAT64_TIMEOUTS
};

/* Where hosts of a table see IPv4 (RFC 6052). */
struct nat64_prefix {
    struct ip_address addr;
    u32 fib; /* index of that table */
    u8 len;
};

/* Never changed, but replaced: all of these. */
struct nat64_prefixes {
    u32 n;
    struct nat64_prefix v[];
};

#define NAT64_TENANT_ANY UINT32_MAX

struct nat64_pool {
    u32 n;
    struct nat64_address {
        be32 addr;
        u32 tenant;   /* index of the table whose hosts it is for; NAT64_TENANT_ANY */
        bool is_ours; /* an interface has it: what is for nobody inside is for this switch */
    } v[];
};

/* Addresses of the pool and of static bindings, in order of their bytes as a number. */
struct nat64_own {
    u32 n;
    be32 v[];
};

/* A static binding: found by what it is outside. Data threads have it as one of theirs, too. */
struct nat64_static {
    union nat64_inside in;
    union nat64_outside out;
};

struct nat64_statics {
    struct pool pool;
    struct shared_hash by_in, by_out;
    u32 n; /* read by data threads */
};

enum nat64_count {
    NAT64_COUNT_TCP,
    NAT64_COUNT_UDP,
    NAT64_COUNT_ICMP,
    NAT64_COUNT_OTHER,
    NAT64_COUNT_DROPS,
    NAT64_COUNTS
};

struct nat64_thread {
    struct index_list transitory; /* sessions that go when others need their place, by age */
    u64 random;
    u64 exhausted_again_ns, quota_again_ns; /* from when on these are logged again */
    u16 ip4_id;                             /* of the last packet that had none of its own */
} CACHE_ALIGNED;

struct nat64_data {
    struct sessions *bibs, *sessions;
    u32 timeout_s[NAT64_TIMEOUTS]; /* read by data threads while they change, as all below */
    u32 max_sessions;              /* of a thread */
    u32 n_threads;                 /* data threads */
    struct fib_index default_fib;  /* IPv6's table 0 */
    struct nat64_prefixes *prefixes;
    struct nat64_pool *pool;
    struct nat64_own *own;
    struct nat64_statics statics;
    struct counter_vec *counters[NAT64_DIRS][NAT64_COUNTS]; /* by interface */
    struct counter_vec *total_bibs, *total_sessions;        /* by thread */
    struct node_index in_node, out_node, hairpin_node;
    struct nat_log *log;
    struct nat64_thread threads[THREADS_MAX];
};

/* NULL: the plugin is not enabled. Published when all of it is there. */
extern struct nat64_data *nat64_data;

ALWAYS_INLINE struct nat64_data *nat64_now(void)
{
    return __atomic_load_n(&nat64_data, __ATOMIC_ACQUIRE);
}

ALWAYS_INLINE bool nat64_has_ports(u8 protocol)
{
    return protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP ||
           protocol == IP_PROTOCOL_ICMP;
}

ALWAYS_INLINE enum nat64_count nat64_count_of(u8 protocol)
{
    return protocol == IP_PROTOCOL_TCP    ? NAT64_COUNT_TCP
           : protocol == IP_PROTOCOL_UDP  ? NAT64_COUNT_UDP
           : protocol == IP_PROTOCOL_ICMP ? NAT64_COUNT_ICMP
                                          : NAT64_COUNT_OTHER;
}

/* Which thread has bindings of that port, inside, or outside unless a static one says otherwise. */
ALWAYS_INLINE u32 nat64_owner_of_port(const struct nat64_data *n, be16 port)
{
    u32 hash = be16_to_host(port) * 0x9e3779b1u;
    return 1 + (u32)((u64)hash * n->n_threads >> 32);
}

/* SHARED_HASH_NONE: there is none. Its index stays valid for this round. */
ALWAYS_INLINE u32 nat64_static_find(const struct nat64_data *n, const union nat64_outside *out)
{
    if (likely(!__atomic_load_n(&n->statics.n, __ATOMIC_RELAXED)))
        return SHARED_HASH_NONE;
    return shared_hash_find(&n->statics.by_out, out->words, NAT64_OUTSIDE_WORDS);
}

ALWAYS_INLINE u32 nat64_owner_outside(const struct nat64_data *n, const union nat64_outside *out)
{
    u32 i = nat64_static_find(n, out);
    const struct nat64_static *s = i == SHARED_HASH_NONE ? NULL : pool_at(&n->statics.pool, i);
    return nat64_owner_of_port(n, s ? s->in.port : out->port);
}

/* Whether packets for the address are NAT64's. Control thread and data threads. */
static inline bool nat64_is_own(const struct nat64_own *own, be32 addr)
{
    u32 from = 0, to = own->n;
    while (from < to) {
        u32 middle = (from + to) / 2;
        if (be32_equal(own->v[middle], addr))
            return true;
        if (own->v[middle].raw < addr.raw)
            from = middle + 1;
        else
            to = middle;
    }
    return false;
}

/* Where hosts of a table see IPv4: by what is said of it, else of the default table, else in
 * 64:ff9b::/96. */
static inline struct nat64_prefix nat64_prefix_of(const struct nat64_data *n, u32 fib)
{
    const struct nat64_prefixes *all = __atomic_load_n(&n->prefixes, __ATOMIC_ACQUIRE);
    struct nat64_prefix found = {.addr = {{{0, 0x64, 0xff, 0x9b}}}, .len = 96};
    for (u32 i = 0; i < all->n; i++) {
        if (all->v[i].fib == fib)
            return all->v[i];
        if (all->v[i].fib == n->default_fib.i)
            found = all->v[i];
    }
    return found;
}
