/* See reass.h. Fragments hang together by words in their scratch; nothing is allocated while
 * packets come. */
#include "net/ip/reass/reass.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/index_list.h"
#include "base/log.h"
#include "engine/thread.h"

#define NONE SESSION_NONE

/* A fragment that is held, in its first buffer's scratch. */
struct piece {
    u32 next;       /* by offset: buffer index, NONE */
    u32 first, end; /* payload bytes that it has */
    u32 header_bytes;
    u32 n_buffers;
};
static_assert(sizeof(struct piece) <= BUFFER_SCRATCH_BYTES, "fits the scratch");

struct datagram {
    union reass_key key;
    struct index_links by_age;
    u32 head, tail; /* pieces by offset: buffer indices */
    u32 n_fragments, n_buffers;
    u32 got_bytes;   /* of payload */
    u32 total_bytes; /* 0: the last fragment has not come */
    u8 ecn_seen;     /* a bit for each of the four values */
    u8 fate;         /* not REASS_WHOLE: void, and what comes is dropped for this reason */
    u8 scratch[BUFFER_SCRATCH_BYTES]; /* of the fragment at offset 0 */
};

struct reass {
    const struct reass_protocol *protocol;
    const struct reass_config *config;
    struct session_table *table; /* of datagrams */
    struct index_list by_age;    /* the oldest first */
    u32 n_buffers;               /* read by others */
};

struct reass_config reass_config_default(void)
{
    return (struct reass_config){
        .timeout_ms = 2000,
        .max_datagrams = 1024,
        .max_fragments = 128, /* 64 KB in pieces of 512 bytes */
        .max_buffers = 2048,
        .expire_walk_ms = 500,
    };
}

struct sessions_args reass_sessions(const struct reass_protocol *protocol, struct node_index expire)
{
    return (struct sessions_args){
        .name = protocol->name,
        .object_bytes = sizeof(struct datagram),
        .max = REASS_DATAGRAMS_MAX,
        .keys = {{offsetof(struct datagram, key), protocol->key_words}},
        .expire = expire,
    };
}

struct reass *reass_new(const struct reass_protocol *protocol, const struct reass_config *config,
                        struct session_table *table)
{
    struct reass *r = mem_alloc(sizeof(*r));

    r->protocol = protocol;
    r->config = config;
    r->table = table;
    r->by_age = INDEX_LIST_EMPTY;
    return r;
}

static void reass_publish(u32 *count, u32 value)
{
    __atomic_store_n(count, value, __ATOMIC_RELAXED);
}

u32 reass_n_datagrams(const struct reass *r)
{
    return shared_hash_count(&r->table->by_key[0]);
}

u32 reass_n_buffers(const struct reass *r)
{
    return __atomic_load_n(&r->n_buffers, __ATOMIC_RELAXED);
}

static struct piece *piece_of(u32 bi)
{
    return buffer_scratch(buffer_at(bi));
}

/* --- the table --- */

static struct datagram *datagram_at(const struct reass *r, u32 d)
{
    return session_at(r->table, d);
}

/* Its fragments have gone already. */
static void datagram_delete(struct reass *r, u32 d)
{
    index_list_remove(&r->by_age, &datagram_at(r, 0)->by_age, r->table->pool.stride_bytes, d);
    session_delete(r->table, d);
}

/* Gives away all fragments of d for this reason; the datagram itself stays. */
static void give_fragments(struct reass *r, struct datagram *g, enum reass_fate fate,
                           struct reass_out *out)
{
    reass_publish(&r->n_buffers, r->n_buffers - g->n_buffers);
    for (u32 bi = g->head, next; bi != NONE; bi = next) {
        const struct piece *p = piece_of(bi);
        next = p->next;
        bool first = fate == REASS_TIMEOUT && p->first == 0;
        if (first)
            memcpy(buffer_at(bi)->scratch, g->scratch, sizeof(g->scratch));
        out->give(out->arg, bi, first ? REASS_TIMEOUT_FIRST : fate);
    }
    g->head = g->tail = NONE;
    g->n_buffers = g->n_fragments = 0;
}

static void reass_give_up(struct reass *r, u32 d, enum reass_fate fate, struct reass_out *out)
{
    give_fragments(r, datagram_at(r, d), fate, out);
    datagram_delete(r, d);
}

/* What has come is dropped, and what comes later will be, until it times out. */
static void make_void(struct reass *r, struct datagram *g, enum reass_fate fate,
                      struct reass_out *out)
{
    g->fate = (u8)fate;
    give_fragments(r, g, fate, out);
}

static u32 datagram_new(struct reass *r, const union reass_key *key, u64 now_ns,
                        struct reass_out *out)
{
    u32 max = reass_setting(&r->config->max_datagrams);
    if (max > REASS_DATAGRAMS_MAX)
        max = REASS_DATAGRAMS_MAX;
    if (!max)
        return NONE;
    while (r->by_age.n >= max)
        reass_give_up(r, r->by_age.first, REASS_LIMIT, out);
    u32 d = session_new(r->table);
    if (d == SESSION_NONE)
        return NONE;
    *datagram_at(r, d) = (struct datagram){
        .key = *key,
        .head = NONE,
        .tail = NONE,
        .fate = REASS_WHOLE,
    };
    if (!session_add(r->table, d))
        return NONE;
    session_set_timer(r->table, d, now_ns + reass_setting(&r->config->timeout_ms) * NS_PER_MSEC);
    index_list_add(&r->by_age, &datagram_at(r, 0)->by_age, r->table->pool.stride_bytes, d);
    return d;
}

/* --- fragments --- */

static u32 count_buffers(const struct buffer *b)
{
    u32 n = 1;
    while (b->flags & BUFFER_NEXT) {
        b = buffer_at(b->next);
        n++;
    }
    return n;
}

u32 reass_own(struct thread *t, u32 bi)
{
    const struct buffer *b = buffer_at(bi);
    bool ours = true;
    for (const struct buffer *seg = b; ours; seg = buffer_at(seg->next)) {
        ours = seg->pool <= BUFFER_POOL_LARGE && !buffer_is_shared(seg);
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

/* Puts the piece in its place by offset. REASS_WHOLE: done. */
static enum reass_fate reass_insert(struct datagram *g, u32 bi)
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
        return REASS_DUPLICATE;
    if ((before != NONE && piece_of(before)->end > p->first) ||
        (after != NONE && piece_of(after)->first < p->end))
        return REASS_OVERLAP;
    p->next = after;
    if (before == NONE)
        g->head = bi;
    else
        piece_of(before)->next = bi;
    if (after == NONE)
        g->tail = bi;
    return REASS_WHOLE;
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
static struct buffer *reass_hang(struct thread *t, struct buffer *last, u32 bi)
{
    struct buffer *b = buffer_at(bi);

    buffer_advance(b, (int)piece_of(bi)->header_bytes);
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

static void reass_finish(struct reass *r, struct thread *t, u32 d, struct reass_out *out)
{
    enum { NOT_CAPABLE = 1 << 0, CONGESTED = 1 << 3 }; /* bits of ecn_seen */
    struct datagram *g = datagram_at(r, d);
    struct buffer *b = buffer_at(g->head), *last = b;
    u32 later_bytes = g->total_bytes - piece_of(g->head)->end;
    bool congested = g->ecn_seen & CONGESTED;

    /* a mixture that cannot be is refused */
    if ((congested && g->ecn_seen & NOT_CAPABLE) ||
        !r->protocol->finish(b, g->total_bytes, congested)) {
        make_void(r, g, REASS_MALFORMED, out);
        return;
    }
    u32 length = buffer_packet_len(b) + later_bytes;
    while (last->flags & BUFFER_NEXT)
        last = buffer_at(last->next);
    for (u32 bi = piece_of(g->head)->next, next; bi != NONE; bi = next) {
        next = piece_of(bi)->next;
        last = reass_hang(t, last, bi);
    }
    b->tail_len = length - b->len;
    /* what a port said was about fragments */
    b->flags &= ~(u32)(BUFFER_CSUM_VALID | BUFFER_CSUM_PARTIAL | BUFFER_FLOW_HASH);
    memcpy(b->scratch, g->scratch, sizeof(b->scratch));
    reass_publish(&r->n_buffers, r->n_buffers - g->n_buffers);
    out->n_joined += g->n_fragments;
    u32 bi = g->head;
    datagram_delete(r, d);
    out->give(out->arg, bi, REASS_WHOLE);
}

/* --- in and out --- */

static void bound_buffers(struct reass *r, struct reass_out *out)
{
    while (r->n_buffers > reass_setting(&r->config->max_buffers))
        reass_give_up(r, r->by_age.first, REASS_LIMIT, out);
}

/* A fragment that is ours, of datagram d. Returns its fate: REASS_WHOLE, it is held. */
static enum reass_fate reass_hold(struct reass *r, struct datagram *g, u32 bi,
                                  const struct reass_fragment *f)
{
    struct buffer *b = buffer_at(bi);
    struct piece *p = piece_of(bi);
    if (!f->first)
        memcpy(g->scratch, b->scratch, sizeof(g->scratch));
    *p = (struct piece){.next = NONE,
                        .first = f->first,
                        .end = f->first + f->bytes,
                        .header_bytes = f->header_bytes,
                        .n_buffers = count_buffers(b)};
    if (!end_agrees(g, p, f->more))
        return REASS_MALFORMED;
    if (g->n_fragments >= reass_setting(&r->config->max_fragments))
        return REASS_TOO_MANY;
    enum reass_fate fate = reass_insert(g, bi);
    if (fate != REASS_WHOLE)
        return fate;
    g->n_fragments++;
    g->got_bytes += f->bytes;
    g->n_buffers += p->n_buffers;
    g->ecn_seen |= (u8)(1u << f->ecn);
    reass_publish(&r->n_buffers, r->n_buffers + p->n_buffers);
    return REASS_WHOLE;
}

void reass_add(struct reass *r, struct thread *t, u32 bi, u32 scope, u64 now_ns,
               struct reass_out *out)
{
    struct reass_fragment f;
    enum reass_fate fate = r->protocol->read(buffer_at(bi), scope, &f);

    if (fate != REASS_WHOLE) {
        out->give(out->arg, bi, fate);
        return;
    }
    u32 d = session_find(r->table, 0, f.key.words, r->protocol->key_words), owned;
    if (d == NONE)
        d = datagram_new(r, &f.key, now_ns, out);
    if (d == NONE || (owned = reass_own(t, bi)) == BUFFER_NONE) {
        out->give(out->arg, bi, d == NONE ? REASS_LIMIT : REASS_NO_BUFFER);
        return;
    }
    struct datagram *g = datagram_at(r, d);
    if (g->fate != REASS_WHOLE) {
        out->give(out->arg, owned, (enum reass_fate)g->fate);
        return;
    }
    fate = reass_hold(r, g, owned, &f);
    if (fate != REASS_WHOLE) {
        if (fate != REASS_DUPLICATE)
            make_void(r, g, fate, out);
        out->give(out->arg, owned, fate);
        return;
    }
    if (g->total_bytes && g->got_bytes == g->total_bytes)
        reass_finish(r, t, d, out);
    else
        bound_buffers(r, out);
}

void reass_timeout(struct reass *r, u32 datagram, struct reass_out *out)
{
    reass_give_up(r, datagram, REASS_TIMEOUT, out);
}

static void free_it(void *arg, u32 bi, enum reass_fate fate)
{
    buffer_free_one(arg, bi);
}

void reass_free(struct reass *r, struct thread *t)
{
    if (!r)
        return;
    while (r->by_age.first != NONE)
        reass_give_up(r, r->by_age.first, REASS_LIMIT,
                      &(struct reass_out){.give = free_it, .arg = t});
    free(r);
}
