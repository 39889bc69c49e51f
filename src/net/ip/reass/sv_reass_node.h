/* The nodes of virtual reassembly, of either protocol; see sv_reass.h. */
#pragma once

#include <string.h>

#include "base/clock.h"
#include "engine/feature.h"
#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/reass/sv_reass_module.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"

static_assert(sizeof(struct ip_scratch) <= SV_NOTE_OFFSET, "side by side");
static_assert(SV_NOTE_OFFSET + sizeof(struct sv_note) < BUFFER_SCRATCH_BYTES,
              "leaves the last byte, see reass_module.h");

/* What a protocol's nodes do by themselves; current headers are IP's. */
struct sv_family {
    const struct reass_protocol *protocol;
    enum ip_family ip;
    bool overlap_voids;
    bool (*is_fragment)(struct thread *t, struct buffer *b);
    /* Which header follows f's, and in the first fragment, where; false: it has not all of them. */
    bool (*upper)(const struct buffer *b, const struct reass_fragment *f, u32 *at, u8 *protocol);
};

/* The next one that waits, in the scratch of the one before. */
static inline u32 *sv_link(u32 bi)
{
    return (u32 *)buffer_scratch(buffer_at(bi));
}

struct sv_batch {
    const struct sv_family *family;
    struct sv_main *m;
    struct thread *t;
    struct node *n;
    struct sv_thread *own;
    struct session_table *table;
    enum feature_place place;
    bool feature; /* n is the feature itself, so that packets go on along the arc */
    u32 bi[FRAME_PKTS];
    u16 next[FRAME_PKTS];
    u32 count;
};

static inline void sv_begin(struct sv_batch *x, const struct sv_family *family, struct thread *t,
                            struct node *n, enum feature_place place)
{
    x->family = family;
    x->m = n->state;
    x->t = t;
    x->n = n;
    x->own = &x->m->threads[thread_index(t)];
    x->table = session_table_of(x->m->sessions, t);
    x->place = place;
    x->feature = false;
    x->count = 0;
}

/* Where the IP header of b is, from its current header on. */
ALWAYS_INLINE u32 sv_offset(const struct buffer *b, enum feature_place place)
{
    return place == AT_IP_OUTPUT ? (u32)(b->l3_start - b->start) : 0;
}

static inline void sv_flush(struct sv_batch *x)
{
    node_enqueue_each(x->t, x->n, x->bi, x->next, x->count);
    x->count = 0;
}

static inline void sv_put(struct sv_batch *x, u32 bi, u16 next)
{
    x->bi[x->count] = bi;
    x->next[x->count++] = next;
    if (x->count == FRAME_PKTS)
        sv_flush(x);
}

static inline void sv_go_on(struct sv_batch *x, u32 bi, const struct sv_note *note)
{
    struct buffer *b = buffer_at(bi);
    *sv_note(b) = *note;
    sv_put(x, bi, x->feature ? feature_next(b) : SV_NEXT_RESUME);
}

static inline void sv_drop(struct sv_batch *x, u32 bi, enum reass_fate fate)
{
    u32 error = x->family->protocol->error_of[fate];
    sv_put(x, bi, node_drop(x->n, buffer_at(bi), error, SV_NEXT_DROP));
}

/* --- datagrams --- */

static inline struct sv_datagram *sv_at(const struct sv_batch *x, u32 d)
{
    return session_at(x->table, d);
}

/* Those that wait: with the note, or dropped for a reason. */
static inline void sv_release(struct sv_batch *x, struct sv_datagram *g, enum reass_fate fate)
{
    __atomic_store_n(&x->own->n_waiting, x->own->n_waiting - g->n_waiting, __ATOMIC_RELAXED);
    for (u32 bi = g->first, next; bi != BUFFER_NONE; bi = next) {
        next = *sv_link(bi);
        if (fate == REASS_WHOLE)
            sv_go_on(x, bi, &g->note);
        else
            sv_drop(x, bi, fate);
    }
    g->first = g->last = BUFFER_NONE;
    g->n_waiting = 0;
}

static inline void sv_end(struct sv_batch *x, u32 d, enum reass_fate fate)
{
    sv_release(x, sv_at(x, d), fate);
    index_list_remove(&x->own->by_age, &sv_at(x, 0)->by_age, x->table->pool.stride_bytes, d);
    session_delete(x->table, d);
}

static inline u32 sv_new(struct sv_batch *x, const union reass_key *key)
{
    const struct reass_config *config = &x->m->settings.config;
    u32 max = reass_setting(&config->max_datagrams);
    if (!max)
        return SESSION_NONE;
    while (x->own->by_age.n >= max)
        sv_end(x, x->own->by_age.first, REASS_LIMIT);
    u32 d = session_new(x->table);
    if (d == SESSION_NONE)
        return d;
    *sv_at(x, d) = (struct sv_datagram){
        .key = *key, .first = BUFFER_NONE, .last = BUFFER_NONE, .later_from = UINT32_MAX};
    if (!session_add(x->table, d))
        return SESSION_NONE;
    session_set_timer(x->table, d,
                      thread_now_ns(x->t) + reass_setting(&config->timeout_ms) * NS_PER_MSEC);
    index_list_add(&x->own->by_age, &sv_at(x, 0)->by_age, x->table->pool.stride_bytes, d);
    return d;
}

static inline void sv_wait(struct sv_batch *x, struct sv_datagram *g, u32 bi)
{
    const struct reass_config *config = &x->m->settings.config;
    if (g->n_waiting >= reass_setting(&config->max_fragments) ||
        x->own->n_waiting >= reass_setting(&config->max_buffers)) {
        sv_drop(x, bi, REASS_LIMIT);
        return;
    }
    u32 owned = reass_own(x->t, bi);
    if (owned == BUFFER_NONE) {
        sv_drop(x, bi, REASS_NO_BUFFER);
        return;
    }
    *sv_link(owned) = BUFFER_NONE;
    if (g->first == BUFFER_NONE)
        g->first = owned;
    else
        *sv_link(g->last) = owned;
    g->last = owned;
    g->n_waiting++;
    __atomic_store_n(&x->own->n_waiting, x->own->n_waiting + 1, __ATOMIC_RELAXED);
}

/* --- fragments --- */

/* What the L4 header at `at` says, of a packet that ends at `end`. false: it is too short to say
 * it. */
static inline bool sv_read_upper(const struct sv_batch *x, struct buffer *b, u32 at, u32 end,
                                 struct sv_note *note)
{
    u8 protocol = note->protocol;
    bool tcp = protocol == IP_PROTOCOL_TCP, icmp4 = protocol == IP_PROTOCOL_ICMP,
         icmp6 = protocol == IP_PROTOCOL_ICMP6;
    u8 l4[sizeof(struct tcp_header)];
    u32 need = tcp                                             ? sizeof(struct tcp_header)
               : protocol == IP_PROTOCOL_UDP || icmp4 || icmp6 ? 8
                                                               : 0;
    if (at + need > end || buffer_copy_out(b, at, l4, need) != need)
        return false;
    if (icmp4 || icmp6) {
        note->icmp_type = l4[0];
        if (!(icmp4 ? icmp4_is_error(l4[0]) : icmp6_is_error(l4[0])))
            note->sport = note->dport = load_be16(l4 + 4);
    } else if (need) {
        note->sport = load_be16(l4);
        note->dport = load_be16(l4 + 2);
        note->tcp_flags = tcp ? l4[offsetof(struct tcp_header, flags)] : 0;
    }
    return true;
}

/* The table of the interface, and whether its datagrams come in or leave. */
static inline u32 sv_scope(const struct sv_batch *x, const struct buffer *b)
{
    bool out = x->place == AT_IP_OUTPUT;
    return ip_if_fib(x->family->ip, out ? b->tx_if : b->rx_if).i << 1 | out;
}

/* What b, whose current header is IP's, is a fragment of, and if it is the first one, what it says.
 * REASS_WHOLE: it is sound. */
static inline enum reass_fate sv_read(const struct sv_batch *x, struct buffer *b,
                                      struct reass_fragment *f, struct sv_note *note)
{
    u32 at = 0;
    *note = (struct sv_note){0};
    enum reass_fate fate = x->family->protocol->read(b, sv_scope(x, b), f);
    if (fate != REASS_WHOLE)
        return fate;
    if (!x->family->upper(b, f, &at, &note->protocol))
        return REASS_NO_UPPER;
    if (!f->first)
        return sv_read_upper(x, b, at, f->header_bytes + f->bytes, note) ? REASS_WHOLE
                                                                         : REASS_NO_UPPER;
    bool within_tcp = f->first < sizeof(struct tcp_header) && note->protocol == IP_PROTOCOL_TCP;
    return within_tcp ? REASS_MALFORMED : REASS_WHOLE;
}

/* Whether f would have another say in what the first fragment is or was. */
static inline bool sv_overlaps(const struct sv_datagram *g, const struct reass_fragment *f,
                               const struct sv_note *note)
{
    if (f->first)
        return g->known && f->first < g->first_bytes;
    if (g->known)
        return f->bytes != g->first_bytes || memcmp(note, &g->note, sizeof(*note));
    return f->bytes > g->later_from;
}

/* Takes over a fragment of a datagram; returns whether that was all of it, so that its id may be
 * another one's from now on. What comes twice counts twice: at worst others of a datagram in pieces
 * come too late. */
static inline bool sv_take(struct sv_batch *x, struct sv_datagram *g, u32 bi,
                           const struct reass_fragment *f, const struct sv_note *note)
{
    if (x->family->overlap_voids && !g->is_void && sv_overlaps(g, f, note)) {
        g->is_void = true;
        sv_release(x, g, REASS_OVERLAP);
    }
    if (g->is_void) {
        sv_drop(x, bi, REASS_OVERLAP);
        return false;
    }
    g->got_bytes += f->bytes;
    if (!f->more)
        g->total_bytes = f->first + f->bytes;
    if (!f->first) {
        g->note = *note;
        g->first_bytes = f->bytes;
        g->known = true;
    }
    if (!g->known) {
        g->later_from = (u32)min_u64(g->later_from, f->first);
        sv_wait(x, g, bi);
        return false;
    }
    sv_go_on(x, bi, &g->note);
    sv_release(x, g, REASS_WHOLE);
    return g->total_bytes && g->got_bytes >= g->total_bytes;
}

/* Takes over a fragment of this thread's. */
static inline void sv_add(struct sv_batch *x, u32 bi)
{
    struct buffer *b = buffer_at(bi);
    struct reass_fragment f;
    struct sv_note note;
    u32 at = sv_offset(b, x->place);
    buffer_advance(b, (int)at);
    enum reass_fate fate = sv_read(x, b, &f, &note);
    buffer_advance(b, -(int)at);
    if (fate != REASS_WHOLE) {
        sv_drop(x, bi, fate);
        return;
    }
    u32 d = session_find(x->table, 0, f.key.words, x->family->protocol->key_words);
    if (d == SESSION_NONE)
        d = sv_new(x, &f.key);
    if (d == SESSION_NONE)
        sv_drop(x, bi, REASS_LIMIT);
    else if (sv_take(x, sv_at(x, d), bi, &f, &note))
        sv_end(x, d, REASS_WHOLE);
}

/* --- nodes --- */

ALWAYS_INLINE void sv_come_by(const struct sv_family *family, struct thread *t, struct node *n,
                              struct buffer **b, u16 *next, u32 count, enum feature_place place)
{
    const struct feature_vector *vector = feature_vector_of(t);
    struct sv_batch x;
    struct handoff_batch away;
    sv_begin(&x, family, t, n, place);
    x.feature = true;
    away.n = 0;

    for (u32 i = 0; i < count; i++) {
        u32 at = sv_offset(b[i], place), owner = 0;
        buffer_advance(b[i], (int)at);
        bool fragment = family->is_fragment(t, b[i]);
        if (unlikely(fragment))
            owner = reass_owner(family->protocol, t, b[i], x.m->n_owners, x.m->seed);
        buffer_advance(b[i], -(int)at);
        if (likely(!fragment)) {
            next[i] = feature_vector_next(vector, b[i]);
            continue;
        }
        feature_vector_keep(vector, b[i]);
        next[i] = NEXT_CONSUMED;
        if (owner == thread_index(t))
            sv_add(&x, buffer_index(b[i]));
        else
            handoff_add(&away, b[i], owner);
    }
    thread_handoff_batch(t, place == AT_IP_OUTPUT ? x.m->output_handoff_node : x.m->handoff_node,
                         &away, n, family->protocol->congestion, SV_NEXT_DROP);
    sv_flush(&x);
}

/* Fragments that other threads sent here. */
ALWAYS_INLINE void sv_sent_here(const struct sv_family *family, struct thread *t, struct node *n,
                                struct buffer **b, u16 *next, u32 count, enum feature_place place)
{
    struct sv_batch x;
    sv_begin(&x, family, t, n, place);
    for (u32 i = 0; i < count; i++) {
        sv_add(&x, buffer_index(b[i]));
        next[i] = NEXT_CONSUMED;
    }
    sv_flush(&x);
}

/* The last fragments have had their time. */
ALWAYS_INLINE void sv_expire(const struct sv_family *family, struct thread *t, struct node *n,
                             const u32 *timers, u32 count)
{
    struct sv_batch x;
    sv_begin(&x, family, t, n, AT_IP_INPUT); /* of either place: they are dropped */
    for (u32 i = 0; i < count; i++)
        sv_end(&x, timers[i], REASS_TIMEOUT);
    sv_flush(&x);
}
