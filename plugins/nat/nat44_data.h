/* What data threads know of NAT44, endpoint-dependent; see nat44.h.
 *
 *   inside A:a ─► B:b     i2o key       translated      P:p ─► C:c
 *   inside A:a ◄─ B:b     translated    o2i key         P:p ◄─ C:c
 *
 * A session is two keys, those that its packets have before they are translated. A packet of one
 * direction becomes the other direction's key, turned around: so there is nothing else to keep.
 * B:b and C:c are the same host, unless its address is translated, too. */
#pragma once

#include "base/index_list.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/shared_hash.h"
#include "engine/counter.h"
#include "engine/sessions.h"
#include "engine/thread.h"
#include "net/ip/fib/fib.h"
#include "net/packet/ip4_packet.h"
#include "plugins/nat/nat_log.h"

#define NAT44_SESSIONS_MAX MEM_MOST(1u << 22) /* of a thread */
#define NAT44_IFS_MAX 65536u

/* As packets of one direction come. Of ICMP queries both ports are the identifier; of protocols
 * without ports both are 0. */
union nat44_key {
    u64 words[2];
    struct {
        be32 src, dst;
        be16 sport, dport;
        u32 fib_protocol; /* the table's index << 8, and the protocol */
    };
};

ALWAYS_INLINE u8 nat44_key_protocol(const union nat44_key *k)
{
    return (u8)k->fib_protocol;
}

/* Whether sessions of a protocol have ports, or an identifier in their place. */
ALWAYS_INLINE bool nat44_has_ports(u8 protocol)
{
    return protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP ||
           protocol == IP_PROTOCOL_ICMP;
}

ALWAYS_INLINE struct fib_index nat44_key_fib(const union nat44_key *k)
{
    return (struct fib_index){k->fib_protocol >> 8};
}

enum nat44_dir { NAT44_I2O, NAT44_O2I, NAT44_DIRS };

/* What is known of a session from its packets. Of TCP as RFC 6146 3.5.2.2 has it; of other
 * protocols only the first two. */
enum nat44_session_state {
    NAT44_STATE_INIT, /* packets of the direction that it began with, only */
    NAT44_STATE_ESTABLISHED,
    NAT44_STATE_FIN_I2O, /* that side is done */
    NAT44_STATE_FIN_O2I,
    NAT44_STATE_FIN_BOTH,
    NAT44_STATE_TRANS, /* reset; a packet that is no reset says otherwise */
};

enum nat44_session_flags {
    NAT44_SESSION_FROM_OUTSIDE = 1 << 0, /* its first packet was of O2I */
    NAT44_SESSION_STATIC = 1 << 1,       /* by a static mapping */
    NAT44_SESSION_BYPASS = 1 << 2,       /* forwarded as it is; both keys are the same */
    NAT44_SESSION_TWICE = 1 << 3,        /* the host outside has another address inside */
    NAT44_SESSION_LB = 1 << 4,           /* by a load-balanced mapping */
    NAT44_SESSION_AFFINITY = 1 << 5,     /* held: see nat44_affinity.h */
    NAT44_SESSION_QUIET = 1 << 6,        /* nobody is told that it begins and ends */
};

struct nat44_session {
    union nat44_key key[NAT44_DIRS];
    u64 last_heard_ns;
    u64 packets, bytes;
    u16 ip_delta, l4_delta; /* what I2O adds to the sums; O2I takes it away */
    u8 state;               /* enum nat44_session_state */
    u8 flags;
    bool transitory; /* in the list of these */
    u8 aged;         /* nat44_age_of when it went to the end of its lists */
};
static_assert(sizeof(struct nat44_session) == CACHE_LINE_BYTES, "a miss");

/* Time as lists by age tell it apart: in steps of 2^33 ns, which have the same number again after
 * 37 minutes. A session that is heard of just then stays where it is for a step. */
ALWAYS_INLINE u8 nat44_age_of(u64 ns)
{
    return (u8)(ns >> 33);
}

/* Not answered, or done (RFC 6146 3.5.2.2). */
ALWAYS_INLINE bool nat44_session_is_transitory(const struct nat44_session *s)
{
    return s->state == NAT44_STATE_INIT || s->state == NAT44_STATE_FIN_BOTH ||
           s->state == NAT44_STATE_TRANS;
}

/* --- settings --- */

enum nat44_timeout {
    NAT44_TIMEOUT_UDP,
    NAT44_TIMEOUT_TCP_ESTABLISHED,
    NAT44_TIMEOUT_TCP_TRANSITORY,
    NAT44_TIMEOUT_ICMP,
    NAT44_TIMEOUTS
};

#define NAT44_TENANT_ANY UINT32_MAX

struct nat44_address {
    be32 addr;
    u32 tenant; /* index of the table whose hosts it is for; NAT44_TENANT_ANY */
};

/* What addresses are for: hosts inside, as others see them outside; or hosts outside, as those
 * inside see them. */
enum nat44_pool_kind { NAT44_POOL, NAT44_POOL_TWICE, NAT44_POOLS };

/* Never changed, but replaced. */
struct nat44_pool {
    u32 n;
    struct nat44_address v[];
};

/* In which tables, in order, the way outside may be for hosts of one. */
struct nat44_vrf_way {
    u32 from; /* index of that one */
    struct fib_index to;
};

/* Never changed, but replaced. */
struct nat44_vrf_ways {
    u32 n;
    bool any_table; /* somebody says of tables: there is no other way by default */
    struct nat44_vrf_way v[];
};

/* A static mapping. Found by what it is outside, and, unless sessions begin outside only, by what
 * it is inside; without ports, where there is none with. */
union nat44_end {
    u64 words[2];
    struct {
        be32 addr;
        be16 port;
        u8 protocol, zero;
        u32 fib; /* 0 outside */
        u32 zero2;
    };
};

/* Whose address outside is translated, too, by the pool for that. */
enum nat44_twice {
    NAT44_TWICE_NONE,
    NAT44_TWICE_ALL,
    NAT44_TWICE_SELF /* the host inside's own */
};

struct nat44_backend {
    u32 mapping; /* index, of the one with its end inside */
    u32 probability;
};

/* Never changed, but replaced. */
struct nat44_backends {
    u32 n, total; /* of probabilities */
    u32 affinity_s;
    struct nat44_backend v[];
};

struct nat44_mapping {
    union nat44_end outside, inside;
    struct nat44_backends *backends; /* NULL: it has an end inside */
    bool identity;
    bool only_outside; /* sessions begin outside only, though it is found inside */
    u8 twice;          /* enum nat44_twice */
    be32 exact;        /* the address of the pool for that; 0: any */
};

/* The control thread changes it. */
struct nat44_mappings {
    struct pool pool;
    struct shared_hash by_outside, by_inside;
    u32 n; /* read by others */
};
#define NAT44_MAPPINGS_MAX MEM_MOST(1u << 20)

enum nat44_if_flags {
    NAT44_IF_IN = 1 << 0,
    NAT44_IF_OUT = 1 << 1,
    NAT44_IF_OUTPUT = 1 << 2, /* alone: packets are translated when they leave by it */
};

/* --- counters, by interface --- */

enum nat44_path { NAT44_FAST, NAT44_SLOW, NAT44_PATHS };
enum nat44_count {
    NAT44_COUNT_TCP,
    NAT44_COUNT_UDP,
    NAT44_COUNT_ICMP,
    NAT44_COUNT_OTHER,
    NAT44_COUNT_DROPS,
    NAT44_COUNTS
};

/* --- one thread's --- */

/* Data threads that have sessions. Never changed, but replaced. */
struct nat44_owners {
    u32 n;
    u8 thread[THREADS_MAX];
};

struct nat44_thread {
    struct index_list transitory; /* sessions that go when others need their place, by age */
    struct index_links *by_age;   /* of each session, if it is one */
    struct mem_map by_age_map;
    u32 *n_by_fib; /* sessions, by the table inside */
    u64 random;
    /* of NAT44 EI (nat44_ei.h) */
    u32 n_users;
    struct nat44_user_link *links; /* by session */
    struct mem_map link_map;
    u32 n_sessions;                         /* read by others */
    u64 exhausted_again_ns, quota_again_ns; /* from when on these are logged again */
} CACHE_ALIGNED;

/* Ports that sessions get outside: n of them, in blocks of 2^block_bits ports that begin
 * 2^step_bits from each other. Changes as one word. */
union nat44_port_set {
    u64 word;
    struct {
        u16 first;
        u8 block_bits, step_bits; /* 16: there is one block */
        u32 n;                    /* 0: any port */
    };
};

ALWAYS_INLINE union nat44_port_set nat44_port_range(u32 first, u32 last)
{
    return (union nat44_port_set){
        .first = (u16)first, .block_bits = 16, .step_bits = 16, .n = last - first + 1};
}

/* The k-th, of n. */
ALWAYS_INLINE u32 nat44_port_set_at(union nat44_port_set s, u32 k)
{
    return s.first + (k >> s.block_bits << s.step_bits) + (k & ((1u << s.block_bits) - 1));
}

ALWAYS_INLINE bool nat44_port_set_has(union nat44_port_set s, u32 port)
{
    u32 d = port - s.first, block = d >> s.step_bits, k = d & ((1u << s.step_bits) - 1);
    return port >= s.first && !(k >> s.block_bits) && (block << s.block_bits | k) < s.n;
}

#define NAT44_OWN_BITS 4096u

struct nat44_data {
    struct sessions *sessions;
    struct sessions *affinities;      /* of NAT44 ED */
    struct sessions *users;           /* of NAT44 EI */
    u32 timeout_s[NAT44_TIMEOUTS];    /* read by data threads while they change, as all below */
    u32 max_sessions;                 /* of a thread */
    u32 max_users, max_user_sessions; /* of NAT44 EI: of a thread, of a host inside */
    u32 *limit_by_fib;                /* the same of a table inside; 0: none of its own */
    bool forwarding;
    u32 n_threads; /* data threads */
    struct nat44_owners *owners;
    struct fib_index inside_fib, outside_fib;
    struct nat44_pool *pool[NAT44_POOLS];
    struct nat44_mappings mappings;
    struct nat44_vrf_ways *ways;
    u64 own_bits[NAT44_OWN_BITS / 64]; /* see nat44_may_be_own */
    u16 mss;                           /* 0: not clamped */
    union nat44_port_set ports;        /* of NAT44 EI, as what follows */
    bool static_only;                  /* hosts have sessions by static mappings only */
    bool stateless;                    /* and these for a packet only: nat44_forget */
    u8 *if_flags;                      /* by interface */
    struct counter_vec *counters[NAT44_DIRS][NAT44_PATHS][NAT44_COUNTS];
    struct counter_vec *total_sessions; /* by thread */
    struct counter_vec *total_users;    /* the same, of NAT44 EI */
    struct node_index in_node[NAT44_DIRS], output_node, error_node, hairpin_node; /* of NAT44 EI */
    struct nat_log *log;
    struct nat44_thread threads[THREADS_MAX];
};

/* NULL: the plugin is not enabled. Published when all of it is there. */
extern struct nat44_data *nat44_data;

ALWAYS_INLINE struct nat44_data *nat44_now(void)
{
    return __atomic_load_n(&nat44_data, __ATOMIC_ACQUIRE);
}

ALWAYS_INLINE void nat44_count(struct nat44_data *n, struct thread *t, enum nat44_dir dir,
                               enum nat44_path path, enum nat44_count what, struct if_index i,
                               u64 packets)
{
    tally_add(&counter_simple(n->counters[dir][path][what], thread_index(t))[i.i], packets);
}

ALWAYS_INLINE enum nat44_count nat44_count_of(u8 protocol)
{
    return protocol == IP_PROTOCOL_TCP    ? NAT44_COUNT_TCP
           : protocol == IP_PROTOCOL_UDP  ? NAT44_COUNT_UDP
           : protocol == IP_PROTOCOL_ICMP ? NAT44_COUNT_ICMP
                                          : NAT44_COUNT_OTHER;
}

/* The mapping of an end inside (of that table) or outside (fib 0); NULL. Valid for this round. */
ALWAYS_INLINE const struct nat44_mapping *nat44_mapping_find(const struct nat44_mappings *m,
                                                             const struct shared_hash *h, be32 addr,
                                                             be16 port, u8 protocol, u32 fib)
{
    union nat44_end end = {.addr = addr, .port = port, .protocol = protocol, .fib = fib};
    if (likely(!__atomic_load_n(&m->n, __ATOMIC_RELAXED)))
        return NULL;
    u32 i = shared_hash_find(h, end.words, 2);
    if (i == SHARED_HASH_NONE) {
        end = (union nat44_end){.addr = addr, .fib = fib};
        i = shared_hash_find(h, end.words, 2);
    }
    return i == SHARED_HASH_NONE ? NULL : pool_at(&m->pool, i);
}

ALWAYS_INLINE const struct nat44_mapping *nat44_mapping_outside(const struct nat44_data *n,
                                                                be32 addr, be16 port, u8 protocol)
{
    return nat44_mapping_find(&n->mappings, &n->mappings.by_outside, addr, port, protocol, 0);
}

ALWAYS_INLINE const struct nat44_mapping *
nat44_mapping_inside(const struct nat44_data *n, be32 addr, be16 port, u8 protocol, u32 fib)
{
    return nat44_mapping_find(&n->mappings, &n->mappings.by_inside, addr, port, protocol, fib);
}

ALWAYS_INLINE const struct nat44_backends *nat44_backends_of(const struct nat44_mapping *m)
{
    return __atomic_load_n(&m->backends, __ATOMIC_ACQUIRE);
}

ALWAYS_INLINE u32 nat44_owner_of_hash(const struct nat44_data *n, u32 hash)
{
    const struct nat44_owners *o = __atomic_load_n(&n->owners, __ATOMIC_ACQUIRE);
    return o->thread[(u64)hash * o->n >> 32];
}

ALWAYS_INLINE u32 nat44_own_bit(be32 addr)
{
    return addr.raw * 0x9e3779b1u >> 20;
}
static_assert(NAT44_OWN_BITS == 1u << (32 - 20), "the bit of an address");

/* false: an address is none by which anybody is seen outside, nor one of an interface of NAT. */
ALWAYS_INLINE bool nat44_may_be_own(const struct nat44_data *n, be32 addr)
{
    u32 bit = nat44_own_bit(addr);
    return __atomic_load_n(&n->own_bits[bit / 64], __ATOMIC_RELAXED) >> bit % 64 & 1;
}

/* Which thread has sessions by that port of the outside: the same for the inside's port, which is
 * kept wherever it can be, so that both directions find their thread without a table. */
ALWAYS_INLINE u32 nat44_owner_of_port(const struct nat44_data *n, be16 port)
{
    return nat44_owner_of_hash(n, be16_to_host(port) * 0x9e3779b1u);
}

/* The same of protocols without ports, by the host outside (but see owner_without_ports). */
ALWAYS_INLINE u32 nat44_owner_of_host(const struct nat44_data *n, be32 host)
{
    return nat44_owner_of_hash(n, be32_to_host(host) * 0x9e3779b1u);
}
