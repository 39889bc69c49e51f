/* See ip4_reass.h. Fragments hang together by words in their scratch; nothing is allocated while
 * packets come. */
#include "net/ip/reass/ip4_reass.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/index_list.h"
#include "base/log.h"
#include "engine/thread.h"
#include "net/packet/ip4_packet.h"

#define NONE SESSION_NONE
#define KEY_WORDS 2u
#define IP4_DATAGRAM_PAYLOAD_MAX (IP4_LENGTH_MAX_BYTES - sizeof(struct ip4_header))

/* A fragment that is held, in its first buffer's scratch. */
struct piece {
    u32 next;       /* by offset: buffer index, NONE */
    u32 first, end; /* payload bytes that it has */
    u32 n_buffers;
};
static_assert(sizeof(struct piece) <= BUFFER_SCRATCH_BYTES, "fits the scratch");

struct key {
    be32 src, dst;
    u32 scope;
    be16 id;
    u8 protocol;
    u8 zero;
};

static_assert(sizeof(struct key) == 16, "whole words, no padding");

struct datagram {
    struct key key;
    struct index_links by_age;
    u32 head, tail; /* pieces by offset: buffer indices */
    u32 n_fragments, n_buffers;
    u32 got_bytes;   /* of payload */
    u32 total_bytes; /* 0: the last fragment has not come */
    u8 ecn_seen;     /* a bit for each of the four values */
    u8 fate;         /* not IP4_REASS_WHOLE: void, and what comes is dropped for this reason */
    u8 scratch[BUFFER_SCRATCH_BYTES]; /* of the fragment at offset 0 */
};

struct ip4_reass {
    const struct ip4_reass_config *config;
    struct session_table *table; /* of datagrams */
    struct index_list by_age;    /* the oldest first */
    u32 n_buffers;               /* read by others */
};

struct ip4_reass_config ip4_reass_config_default(void)
{
    return (struct ip4_reass_config){
        .timeout_ms = 2000,
        .max_datagrams = 1024,
        .max_fragments = 128, /* 64 KB in pieces of 512 bytes */
        .max_buffers = 2048,
        .expire_walk_ms = 500,
    };
}

struct sessions_args ip4_reass_sessions(struct node_index expire)
{
    return (struct sessions_args){
        .name = "ip4-reassembly",
        .object_bytes = sizeof(struct datagram),
        .max = IP4_REASS_DATAGRAMS_MAX,
        .keys = {{offsetof(struct datagram, key), KEY_WORDS}},
        .expire = expire,
    };
}

struct ip4_reass *ip4_reass_new(const struct ip4_reass_config *config, struct session_table *table)
{
    struct ip4_reass *r = mem_alloc(sizeof(*r));

    r->config = config;
    r->table = table;
    r->by_age = INDEX_LIST_EMPTY;
    return r;
}

/* A setting, which the control thread may be changing. */
static u32 ip4_reass_setting(const u32 *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void ip4_reass_publish(u32 *count, u32 value)
{
    __atomic_store_n(count, value, __ATOMIC_RELAXED);
}

u32 ip4_reass_n_datagrams(const struct ip4_reass *r)
{
    return shared_hash_count(&r->table->by_key[0]);
}

u32 ip4_reass_n_buffers(const struct ip4_reass *r)
{
    return __atomic_load_n(&r->n_buffers, __ATOMIC_RELAXED);
}

static struct piece *piece_of(u32 bi)
{
    return buffer_scratch(buffer_at(bi));
}

/* --- the table --- */

static struct datagram *datagram_at(const struct ip4_reass *r, u32 d)
{
    return session_at(r->table, d);
}

/* Its fragments have gone already. */
static void datagram_delete(struct ip4_reass *r, u32 d)
{
    index_list_remove(&r->by_age, &datagram_at(r, 0)->by_age, r->table->pool.stride_bytes, d);
    session_delete(r->table, d);
}

/* Gives away all fragments of d for this reason; the datagram itself stays. */
static void give_fragments(struct ip4_reass *r, struct datagram *g, enum ip4_reass_fate fate,
                           struct ip4_reass_out *out)
{
    ip4_reass_publish(&r->n_buffers, r->n_buffers - g->n_buffers);
    for (u32 bi = g->head, next; bi != NONE; bi = next) {
        const struct piece *p = piece_of(bi);
        next = p->next;
        bool first = fate == IP4_REASS_TIMEOUT && p->first == 0;
        if (first)
            memcpy(buffer_at(bi)->scratch, g->scratch, sizeof(g->scratch));
        out->give(out->arg, bi, first ? IP4_REASS_TIMEOUT_FIRST : fate);
    }
    g->head = g->tail = NONE;
    g->n_buffers = g->n_fragments = 0;
}

static void ip4_reass_give_up(struct ip4_reass *r, u32 d, enum ip4_reass_fate fate,
                              struct ip4_reass_out *out)
{
    give_fragments(r, datagram_at(r, d), fate, out);
    datagram_delete(r, d);
}

/* What has come is dropped, and what comes later will be, until it times out. */
static void make_void(struct ip4_reass *r, struct datagram *g, enum ip4_reass_fate fate,
                      struct ip4_reass_out *out)
{
    g->fate = (u8)fate;
    give_fragments(r, g, fate, out);
}

static u32 datagram_new(struct ip4_reass *r, const struct key *key, u64 now_ns,
                        struct ip4_reass_out *out)
{
    u32 max = ip4_reass_setting(&r->config->max_datagrams);
    if (max > IP4_REASS_DATAGRAMS_MAX)
        max = IP4_REASS_DATAGRAMS_MAX;
    if (!max)
        return NONE;
    while (r->by_age.n >= max)
        ip4_reass_give_up(r, r->by_age.first, IP4_REASS_LIMIT, out);
    u32 d = session_new(r->table);
    if (d == SESSION_NONE)
        return NONE;
    *datagram_at(r, d) = (struct datagram){
        .key = *key,
        .head = NONE,
        .tail = NONE,
        .fate = IP4_REASS_WHOLE,
    };
    if (!session_add(r->table, d))
        return NONE;
    session_set_timer(r->table, d,
                      now_ns + ip4_reass_setting(&r->config->timeout_ms) * NS_PER_MSEC);
    index_list_add(&r->by_age, &datagram_at(r, 0)->by_age, r->table->pool.stride_bytes, d);
    return d;
}

/* --- fragments --- */

static enum ip4_reass_fate check_fragment(const struct buffer *b)
{
    const struct ip4_header *h = buffer_current(b);
    u32 header_bytes = ip4_header_bytes(h), bytes = ip4_length(h) - header_bytes;
    bool more = be16_has(h->fragment, IP4_MF);

    if (!bytes || (more && bytes % 8) || ip4_length(h) != buffer_packet_len(b))
        return IP4_REASS_MALFORMED;
    if (ip4_fragment_offset_bytes(h) + bytes > IP4_DATAGRAM_PAYLOAD_MAX)
        return IP4_REASS_MALFORMED;
    return IP4_REASS_WHOLE;
}

static u32 count_buffers(const struct buffer *b)
{
    u32 n = 1;
    while (b->flags & BUFFER_NEXT) {
        b = buffer_at(b->next);
        n++;
    }
    return n;
}

/* A port's own pages are not held for seconds, nor is what others hold too changed. */
static u32 ip4_reass_own(struct thread *t, u32 bi)
{
    const struct buffer *b = buffer_at(bi);
    bool ours = true;
    for (const struct buffer *seg = b; ours; seg = buffer_at(seg->next)) {
        ours = seg->pool <= BUFFER_POOL_LARGE && seg->refs == 1;
        if (!(seg->flags & BUFFER_NEXT))
            break;
    }
    if (ours)
        return bi;
    u32 copy = buffer_copy(t, b);
    if (copy != BUFFER_NONE)
        buffer_free_one(t, bi);
    return copy;
}

/* Puts the piece in its place by offset. IP4_REASS_WHOLE: done. */
static enum ip4_reass_fate ip4_reass_insert(struct datagram *g, u32 bi)
{
    struct piece *p = piece_of(bi);
    u32 before = NONE, after = g->head;

    if (g->tail != NONE && piece_of(g->tail)->end <= p->first) { /* in order: the common case */
        before = g->tail;
        after = NONE;
    }
    while (after != NONE && piece_of(after)->first < p->first) {
        before = after;
        after = piece_of(after)->next;
    }
    if (after != NONE && piece_of(after)->first == p->first && piece_of(after)->end == p->end)
        return IP4_REASS_DUPLICATE;
    if ((before != NONE && piece_of(before)->end > p->first) ||
        (after != NONE && piece_of(after)->first < p->end))
        return IP4_REASS_OVERLAP;
    p->next = after;
    if (before == NONE)
        g->head = bi;
    else
        piece_of(before)->next = bi;
    if (after == NONE)
        g->tail = bi;
    return IP4_REASS_WHOLE;
}

/* Whether the datagram's end, as far as it is known, fits this fragment. */
static bool end_agrees(struct datagram *g, const struct piece *p, bool more)
{
    if (more)
        return !g->total_bytes || p->end < g->total_bytes;
    if (g->total_bytes)
        return g->total_bytes == p->end;
    if (g->tail != NONE && piece_of(g->tail)->end >= p->end)
        return false;
    g->total_bytes = p->end;
    return true;
}

/* --- a whole datagram --- */

/* Hangs the payload of packet bi behind `last`; returns its last buffer. */
static struct buffer *ip4_reass_hang(struct thread *t, struct buffer *last, u32 bi)
{
    struct buffer *b = buffer_at(bi);
    const struct ip4_header *h = buffer_current(b);

    buffer_advance(b, (int)ip4_header_bytes(h));
    b->flags &= BUFFER_NEXT;
    if (!b->len) { /* the header had a buffer to itself; payload follows */
        u32 next = b->next;
        b->flags = 0;
        buffer_free_one(t, bi);
        bi = next;
        b = buffer_at(bi);
    }
    last->flags |= BUFFER_NEXT;
    last->next = bi;
    while (b->flags & BUFFER_NEXT)
        b = buffer_at(b->next);
    return b;
}

/* RFC 3168 5.3: congestion that any fragment met is told; a mixture that cannot be is refused. */
static bool join_ecn(struct ip4_header *h, u8 seen)
{
    if (!(seen & 1 << 3))
        return true;
    h->tos |= 3;
    return !(seen & 1 << 0);
}

static void ip4_reass_finish(struct ip4_reass *r, struct thread *t, u32 d,
                             struct ip4_reass_out *out)
{
    struct datagram *g = datagram_at(r, d);
    struct buffer *b = buffer_at(g->head), *last = b;
    struct ip4_header *h = buffer_current(b);
    u32 length = ip4_header_bytes(h) + g->total_bytes;

    if (length > IP4_LENGTH_MAX_BYTES || !join_ecn(h, g->ecn_seen)) {
        make_void(r, g, IP4_REASS_MALFORMED, out);
        return;
    }
    while (last->flags & BUFFER_NEXT)
        last = buffer_at(last->next);
    for (u32 bi = piece_of(g->head)->next, next; bi != NONE; bi = next) {
        next = piece_of(bi)->next;
        last = ip4_reass_hang(t, last, bi);
    }
    b->tail_len = length - b->len;
    /* what a port said was about fragments */
    b->flags &= ~(u32)(BUFFER_CSUM_VALID | BUFFER_CSUM_PARTIAL | BUFFER_FLOW_HASH);
    h->length = be16_from_host((u16)length);
    h->fragment = (be16){0};
    ip4_set_checksum(h);
    memcpy(b->scratch, g->scratch, sizeof(b->scratch));
    ip4_reass_publish(&r->n_buffers, r->n_buffers - g->n_buffers);
    out->n_joined += g->n_fragments;
    u32 bi = g->head;
    datagram_delete(r, d);
    out->give(out->arg, bi, IP4_REASS_WHOLE);
}

/* --- in and out --- */

static void bound_buffers(struct ip4_reass *r, struct ip4_reass_out *out)
{
    while (r->n_buffers > ip4_reass_setting(&r->config->max_buffers))
        ip4_reass_give_up(r, r->by_age.first, IP4_REASS_LIMIT, out);
}

void ip4_reass_add(struct ip4_reass *r, struct thread *t, u32 bi, u32 scope, u64 now_ns,
                   struct ip4_reass_out *out)
{
    const struct ip4_header *h = buffer_current(buffer_at(bi));
    enum ip4_reass_fate fate = check_fragment(buffer_at(bi));

    if (fate != IP4_REASS_WHOLE) {
        out->give(out->arg, bi, fate);
        return;
    }
    struct key key = {
        .src = h->src, .dst = h->dst, .scope = scope, .id = h->id, .protocol = h->protocol};
    u32 d = session_find(r->table, 0, (const u64 *)(const void *)&key, KEY_WORDS), owned;
    if (d == NONE)
        d = datagram_new(r, &key, now_ns, out);
    if (d == NONE || (owned = ip4_reass_own(t, bi)) == BUFFER_NONE) {
        out->give(out->arg, bi, d == NONE ? IP4_REASS_LIMIT : IP4_REASS_NO_BUFFER);
        return;
    }
    struct datagram *g = datagram_at(r, d);
    struct buffer *b = buffer_at(owned);
    h = buffer_current(b);
    if (g->fate != IP4_REASS_WHOLE) {
        out->give(out->arg, owned, g->fate);
        return;
    }
    u32 first = ip4_fragment_offset_bytes(h), bytes = ip4_length(h) - ip4_header_bytes(h);
    if (!first)
        memcpy(g->scratch, b->scratch, sizeof(g->scratch));
    struct piece *p = piece_of(owned);
    *p = (struct piece){
        .next = NONE, .first = first, .end = first + bytes, .n_buffers = count_buffers(b)};
    if (!end_agrees(g, p, be16_has(h->fragment, IP4_MF)))
        fate = IP4_REASS_MALFORMED;
    else if (g->n_fragments >= ip4_reass_setting(&r->config->max_fragments))
        fate = IP4_REASS_TOO_MANY;
    else
        fate = ip4_reass_insert(g, owned);
    if (fate != IP4_REASS_WHOLE) {
        if (fate != IP4_REASS_DUPLICATE)
            make_void(r, g, fate, out);
        out->give(out->arg, owned, fate);
        return;
    }
    g->n_fragments++;
    g->got_bytes += bytes;
    g->n_buffers += p->n_buffers;
    g->ecn_seen |= (u8)(1u << (h->tos & 3));
    ip4_reass_publish(&r->n_buffers, r->n_buffers + p->n_buffers);
    if (g->total_bytes && g->got_bytes == g->total_bytes)
        ip4_reass_finish(r, t, d, out);
    else
        bound_buffers(r, out);
}

void ip4_reass_timeout(struct ip4_reass *r, u32 datagram, struct ip4_reass_out *out)
{
    ip4_reass_give_up(r, datagram, IP4_REASS_TIMEOUT, out);
}

static void free_it(void *arg, u32 bi, enum ip4_reass_fate fate)
{
    buffer_free_one(arg, bi);
}

void ip4_reass_free(struct ip4_reass *r, struct thread *t)
{
    if (!r)
        return;
    while (r->by_age.first != NONE)
        ip4_reass_give_up(r, r->by_age.first, IP4_REASS_LIMIT,
                          &(struct ip4_reass_out){.give = free_it, .arg = t});
    free(r);
}
