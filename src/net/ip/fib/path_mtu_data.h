/* Path MTUs of this switch as a host: how long a packet to a destination may be, where a router on
 * the way has said that it is shorter than the link's (RFC 8201). What it sends is cut by them.
 *
 * A router's word counts for packets that were sent. Of each long one a thread leaves a mark, of
 * its destination and of what its transport header begins with, which nobody guesses: checksum,
 * identifier, number; of a fragment, its identification. */
#pragma once

#include "base/shared_hash.h"
#include "net/ip/fib/fib_data.h"
#include "net/packet/ip6_packet.h"

#define PATH_MTU_KEY_WORDS 3
#define PATH_MTU_MARKS 4096 /* a power of two: longer ones sent since are forgotten by chance */

struct path_mtu_key {
    u32 table; /* struct fib_index */
    u32 zero;
    struct ip_address dst;
} __attribute__((aligned(8)));
static_assert(sizeof(struct path_mtu_key) == PATH_MTU_KEY_WORDS * sizeof(u64), "it is a key");

struct path_mtu {
    struct path_mtu_key key;
    u32 mtu;
    u32 spare;
    u64 until_ns; /* the control thread's */
};

struct path_mtu_data {
    struct shared_hash hash;
    struct path_mtu *paths;
    u64 seed;
    u64 marks[PATH_MTU_MARKS]; /* data threads' */
};

/* NULL: none are learnt. */
extern struct path_mtu_data *path_mtus;

/* The mark of a packet: its header, and the 8 bytes behind that. */
static inline u64 path_mtu_mark(const struct path_mtu_data *d, const struct ip6_header *h)
{
    u64 low, high, begin;
    memcpy(&low, h->dst, sizeof(low));
    memcpy(&high, h->dst + 8, sizeof(high));
    memcpy(&begin, h + 1, sizeof(begin));
    u64 mark = shared_hash_mix(low ^ d->seed, high ^ 0x9e3779b97f4a7c15ull);
    return shared_hash_mix(mark ^ d->seed, begin ^ h->protocol ^ 0xd1b54a32d192ed03ull) | 1;
}

static inline bool path_mtu_was_sent(const struct path_mtu_data *d, const struct ip6_header *h)
{
    u64 mark = path_mtu_mark(d, h);
    return __atomic_load_n(&d->marks[mark / 2 % PATH_MTU_MARKS], __ATOMIC_RELAXED) == mark;
}

/* How long the packet may be, whose adjacency allows `mtu`. */
static inline u32 path_mtu_of(const struct path_mtu_data *d, struct fib_index table,
                              const struct ip6_header *h, u32 mtu)
{
    const struct path_mtu_key key = {.table = table.i, .dst = ip6_address_of(h->dst)};
    if (!__atomic_load_n(&d->hash.n_used, __ATOMIC_RELAXED))
        return mtu;
    u32 i = shared_hash_find(&d->hash, (const u64 *)(const void *)&key, PATH_MTU_KEY_WORDS);
    if (i == SHARED_HASH_NONE)
        return mtu;
    return (u32)min_u64(mtu, __atomic_load_n(&d->paths[i].mtu, __ATOMIC_RELAXED));
}

/* The same as this switch sends b, an IPv6 packet of its own; long ones leave their mark. */
static inline u32 path_mtu_leave(const struct buffer *b, u32 mtu)
{
    struct path_mtu_data *d = __atomic_load_n(&path_mtus, __ATOMIC_ACQUIRE);
    const struct ip6_header *h = buffer_current(b);
    if (!d || b->len < sizeof(*h) + 8 || buffer_packet_len(b) <= IP6_MIN_MTU_BYTES)
        return mtu;
    u64 mark = path_mtu_mark(d, h);
    __atomic_store_n(&d->marks[mark / 2 % PATH_MTU_MARKS], mark, __ATOMIC_RELAXED);
    return path_mtu_of(d, ((const struct ip_scratch *)b->scratch)->fib, h, mtu);
}
