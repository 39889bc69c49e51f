/* ip4-sv-reassembly-feature, and what goes with it; see ip4_sv_reass.h. */
#include "base/clock.h"
#include "engine/feature.h"
#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/reass/ip4_sv_reass_node.h"
#include "net/packet/ip4_packet.h"

static_assert(sizeof(struct ip_scratch) <= IP4_SV_NOTE_OFFSET, "side by side");
static_assert(IP4_SV_NOTE_OFFSET + sizeof(struct ip4_sv_note) < BUFFER_SCRATCH_BYTES,
              "leaves the last byte, see reass_module.h");

/* The next one that waits, in the scratch of the one before. */
static u32 *sv_link(u32 bi)
{
    return (u32 *)buffer_scratch(buffer_at(bi));
}

struct sv_batch {
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

static void sv_begin(struct sv_batch *x, struct thread *t, struct node *n, enum feature_place place)
{
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

ALWAYS_INLINE const struct ip4_header *sv_header(const struct buffer *b, enum feature_place place)
{
    return (const struct ip4_header *)(const void *)((u8 *)buffer_current(b) + sv_offset(b, place));
}

static void sv_flush(struct sv_batch *x)
{
    node_enqueue_each(x->t, x->n, x->bi, x->next, x->count);
    x->count = 0;
}

static void sv_put(struct sv_batch *x, u32 bi, u16 next)
{
    x->bi[x->count] = bi;
    x->next[x->count++] = next;
    if (x->count == FRAME_PKTS)
        sv_flush(x);
}

static void sv_go_on(struct sv_batch *x, u32 bi, const struct ip4_sv_note *note)
{
    struct buffer *b = buffer_at(bi);
    *ip4_sv_note(b) = *note;
    sv_put(x, bi, x->feature ? feature_next(b) : SV_NEXT_RESUME);
}

static void sv_drop(struct sv_batch *x, u32 bi, u32 error)
{
    sv_put(x, bi, node_drop(x->n, buffer_at(bi), error, SV_NEXT_DROP));
}

/* --- datagrams --- */

static struct sv_datagram *sv_at(const struct sv_batch *x, u32 d)
{
    return session_at(x->table, d);
}

/* Those that wait: with the note, or dropped for a reason. */
static void sv_release(struct sv_batch *x, struct sv_datagram *g, u32 error)
{
    __atomic_store_n(&x->own->n_waiting, x->own->n_waiting - g->n_waiting, __ATOMIC_RELAXED);
    for (u32 bi = g->first, next; bi != BUFFER_NONE; bi = next) {
        next = *sv_link(bi);
        if (g->known)
            sv_go_on(x, bi, &g->note);
        else
            sv_drop(x, bi, error);
    }
    g->first = g->last = BUFFER_NONE;
    g->n_waiting = 0;
}

static void sv_end(struct sv_batch *x, u32 d, u32 error)
{
    sv_release(x, sv_at(x, d), error);
    index_list_remove(&x->own->by_age, &sv_at(x, 0)->by_age, x->table->pool.stride_bytes, d);
    session_delete(x->table, d);
}

static u32 sv_new(struct sv_batch *x, const union reass_key *key)
{
    while (x->own->by_age.n >= x->m->config.max_datagrams)
        sv_end(x, x->own->by_age.first, IP4_ERROR_REASS_LIMIT_REACHED);
    u32 d = session_new(x->table);
    if (d == SESSION_NONE)
        return d;
    *sv_at(x, d) = (struct sv_datagram){.key = *key, .first = BUFFER_NONE, .last = BUFFER_NONE};
    if (!session_add(x->table, d))
        return SESSION_NONE;
    session_set_timer(x->table, d, thread_now_ns(x->t) + x->m->config.timeout_ms * NS_PER_MSEC);
    index_list_add(&x->own->by_age, &sv_at(x, 0)->by_age, x->table->pool.stride_bytes, d);
    return d;
}

static void sv_wait(struct sv_batch *x, struct sv_datagram *g, u32 bi)
{
    if (g->n_waiting >= x->m->config.max_fragments ||
        x->own->n_waiting >= x->m->config.max_buffers) {
        sv_drop(x, bi, IP4_ERROR_REASS_LIMIT_REACHED);
        return;
    }
    u32 owned = reass_own(x->t, bi);
    if (owned == BUFFER_NONE) {
        sv_drop(x, bi, IP4_ERROR_REASS_NO_BUF);
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

/* What the first fragment says. false: it is too short to say it. */
static bool sv_read(const struct sv_batch *x, struct buffer *b, struct ip4_sv_note *note)
{
    const struct ip4_header *ip = sv_header(b, x->place);
    u32 at = ip4_header_bytes(ip);
    u32 need = ip->protocol == IP_PROTOCOL_TCP ? sizeof(struct tcp_header)
               : ip->protocol == IP_PROTOCOL_UDP || ip->protocol == IP_PROTOCOL_ICMP ? 8
                                                                                     : 0;
    *note = (struct ip4_sv_note){0};
    if (ip4_length(ip) < at + need || !buffer_pull(x->t, b, sv_offset(b, x->place) + at + need))
        return false;
    ip = sv_header(b, x->place);
    const u8 *l4 = ip4_payload(ip);
    if (ip->protocol == IP_PROTOCOL_ICMP) {
        note->icmp_type = l4[0];
        if (!icmp4_is_error(l4[0]))
            note->sport = note->dport = load_be16(l4 + 4);
    } else if (need) {
        note->sport = load_be16(l4);
        note->dport = load_be16(l4 + 2);
        note->tcp_flags =
            ip->protocol == IP_PROTOCOL_TCP ? l4[offsetof(struct tcp_header, flags)] : 0;
    }
    return true;
}

/* Takes over a fragment of a datagram; returns whether that was all of it, so that its id may be
 * another one's from now on. What comes twice counts twice: at worst others of a datagram in pieces
 * come too late. */
static bool sv_take(struct sv_batch *x, struct sv_datagram *g, u32 bi, u32 offset)
{
    struct buffer *b = buffer_at(bi);
    const struct ip4_header *ip = sv_header(b, x->place);
    u32 bytes = ip4_length(ip) - ip4_header_bytes(ip);

    if (!offset && !sv_read(x, b, &g->note)) {
        sv_drop(x, bi, IP4_ERROR_REASS_MALFORMED_PACKET);
        return false;
    }
    g->got_bytes += bytes;
    if (!be16_has(ip->fragment, IP4_MF))
        g->total_bytes = offset + bytes;
    g->known |= !offset;
    if (!g->known) {
        sv_wait(x, g, bi);
        return false;
    }
    sv_go_on(x, bi, &g->note);
    sv_release(x, g, 0);
    return g->total_bytes && g->got_bytes >= g->total_bytes;
}

/* The table of the interface, and whether its datagrams come in or leave. */
static u32 sv_scope(const struct buffer *b, enum feature_place place)
{
    bool out = place == AT_IP_OUTPUT;
    return ip_if_fib(IP_FAMILY_4, out ? b->tx_if : b->rx_if).i << 1 | out;
}

/* Takes over a fragment of this thread's. */
static void sv_add(struct sv_batch *x, u32 bi)
{
    const struct buffer *b = buffer_at(bi);
    const struct ip4_header *ip = sv_header(b, x->place);
    u32 offset = ip4_fragment_offset_bytes(ip);
    union reass_key key = {
        .ip4 = {ip->src, ip->dst, sv_scope(b, x->place), ip->id, ip->protocol, 0}};

    if (offset && offset < sizeof(struct tcp_header) && ip->protocol == IP_PROTOCOL_TCP) {
        sv_drop(x, bi, IP4_ERROR_REASS_MALFORMED_PACKET);
        return;
    }
    u32 d = session_find(x->table, 0, key.words, 2);
    if (d == SESSION_NONE)
        d = sv_new(x, &key);
    if (d == SESSION_NONE) {
        sv_drop(x, bi, IP4_ERROR_REASS_LIMIT_REACHED);
        return;
    }
    if (sv_take(x, sv_at(x, d), bi, offset))
        sv_end(x, d, 0);
}

static u64 sv_mix(const struct ip4_header *h, u64 seed)
{
    u64 x = (((u64)h->src.raw << 32 | h->dst.raw) ^ seed) * 0x9e3779b97f4a7c15ull;
    return (x ^ x >> 29 ^ ((u64)h->id.raw << 8 | h->protocol)) * 0xbf58476d1ce4e5b9ull;
}

ALWAYS_INLINE void sv_come_by(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                              u32 count, enum feature_place place)
{
    struct sv_batch x;
    struct handoff_batch away;
    sv_begin(&x, t, n, place);
    x.feature = true;
    away.n = 0;

    for (u32 i = 0; i < count; i++) {
        const struct ip4_header *ip = sv_header(b[i], place);
        if (likely(!ip4_is_fragment(ip))) {
            next[i] = feature_next(b[i]);
            continue;
        }
        u32 owner = x.m->n_owners == 1 ? thread_index(t)
                                       : 1 + (u32)(sv_mix(ip, x.m->seed) >> 32) % x.m->n_owners;
        next[i] = NEXT_CONSUMED;
        if (owner == thread_index(t))
            sv_add(&x, buffer_index(b[i]));
        else
            handoff_add(&away, b[i], owner);
    }
    thread_handoff_batch(t, place == AT_IP_OUTPUT ? x.m->output_handoff_node : x.m->handoff_node,
                         &away, n, IP4_ERROR_REASS_CONGESTION, SV_NEXT_DROP);
    sv_flush(&x);
}

void NODE_FN(ip4_sv_reassembly_feature)(struct thread *t, struct node *n, struct buffer **b,
                                        u16 *next, u32 count)
{
    sv_come_by(t, n, b, next, count, AT_IP_INPUT);
}

void NODE_FN(ip4_sv_reassembly_output_feature)(struct thread *t, struct node *n, struct buffer **b,
                                               u16 *next, u32 count)
{
    sv_come_by(t, n, b, next, count, AT_IP_OUTPUT);
}

/* Fragments that other threads sent here. */
static void sv_sent_here(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count,
                         enum feature_place place)
{
    struct sv_batch x;
    sv_begin(&x, t, n, place);
    for (u32 i = 0; i < count; i++) {
        sv_add(&x, buffer_index(b[i]));
        next[i] = NEXT_CONSUMED;
    }
    sv_flush(&x);
}

void NODE_FN(ip4_sv_reassembly_feature_hoff)(struct thread *t, struct node *n, struct buffer **b,
                                             u16 *next, u32 count)
{
    sv_sent_here(t, n, b, next, count, AT_IP_INPUT);
}

void NODE_FN(ip4_sv_reass_output_feature_hoff)(struct thread *t, struct node *n, struct buffer **b,
                                               u16 *next, u32 count)
{
    sv_sent_here(t, n, b, next, count, AT_IP_OUTPUT);
}

/* The last fragments have had their time. */
void NODE_FN(ip4_sv_reassembly_expire)(struct thread *t, struct node *n, const u32 *timers,
                                       u32 count)
{
    struct sv_batch x;
    sv_begin(&x, t, n, AT_IP_INPUT); /* of either place: they are dropped */
    for (u32 i = 0; i < count; i++)
        sv_end(&x, timers[i], IP4_ERROR_REASS_TIMEOUT);
    sv_flush(&x);
}
