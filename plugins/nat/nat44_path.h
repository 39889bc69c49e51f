/* What packets go through in both NATs: the nodes of each are these functions, with its mode, its
 * directions and its places as constants.
 *
 * A packet of a session that is established takes three passes: parse and hash, look up, translate.
 */
#pragma once

#include "engine/feature.h"
#include "engine/trace.h"
#include "net/ip/address/address_data.h"
#include "net/ip/ip4/ip4.h"
#include "net/link/interface/own.h"
#include "plugins/nat/nat44_node.h"

/* --- one packet --- */

static inline void note_packet(struct thread *t, const struct nat44_data *n, struct buffer *b,
                               const union nat44_key *search, u32 session, enum nat44_dir dir,
                               u32 fate)
{
    struct nat44_trace note = {
        .search = *search, .session = session, .dir = (u8)dir, .fate = (u8)fate};
    if (session != SESSION_NONE) {
        const struct nat44_session *s = session_at(session_table_of(n->sessions, t), session);
        memcpy(note.key, s->key, sizeof(note.key));
    }
    trace_note(t, b, &note, sizeof(note));
}

/* From its current header to its IP header, and how far that was. */
ALWAYS_INLINE u16 to_ip_header(struct buffer *b, enum feature_place place)
{
    int link_bytes = place == AT_IP_OUTPUT ? b->l3_start - b->start : 0;
    buffer_advance(b, link_bytes);
    return (u16)link_bytes;
}

/* What a packet of a session with key k becomes, turned around; made: room for it. */
ALWAYS_INLINE const union nat44_key *nat44_becomes(const struct nat44_session *s,
                                                   const union nat44_key *k, enum nat44_dir dir,
                                                   enum nat44_mode mode, union nat44_key *made)
{
    const union nat44_key *back = &s->key[1 - dir];
    if (mode == NAT44_ED)
        return back;
    bool query = nat44_key_protocol(k) == IP_PROTOCOL_ICMP;
    *made = *back;
    if (dir == NAT44_I2O) {
        made->src = k->dst;
        made->sport = query ? back->sport : k->dport;
    } else {
        made->dst = k->src;
        made->dport = query ? back->dport : k->sport;
    }
    return made;
}

/* b is p, and of that session, and has hops left. */
ALWAYS_INLINE void nat44_translate(struct nat44_data *n, struct thread *t, struct buffer *b,
                                   const struct nat44_packet *p, enum feature_place place,
                                   u32 session, enum nat44_dir dir, enum nat44_mode mode)
{
    struct nat44_session *s = session_at(session_table_of(n->sessions, t), session);
    const union nat44_key *k = &p->key;
    enum nat44_kind kind = (enum nat44_kind)p->kind;
    u8 tcp_flags = p->tcp_flags;
    union nat44_key made;
    const union nat44_key *back = nat44_becomes(s, k, dir, mode, &made);
    u16 ip_delta = dir == NAT44_I2O ? s->ip_delta : (u16)~s->ip_delta;
    u16 l4_delta = dir == NAT44_I2O ? s->l4_delta : (u16)~s->l4_delta;

    if (kind != NAT44_ERROR) /* which say nothing of the session (RFC 5508 REQ-6) */
        nat44_session_heard(n, t, session, s, dir, buffer_packet_len(b), tcp_flags);
    if (unlikely(tcp_flags & TCP_SYN))
        nat44_clamp(b, __atomic_load_n(&n->mss, __ATOMIC_RELAXED));
    if (likely(kind == NAT44_PORTS || kind == NAT44_QUERY))
        nat44_rewrite(b, back, ip_delta, l4_delta);
    else if (kind == NAT44_ERROR && !(s->flags & NAT44_SESSION_BYPASS))
        nat44_rewrite_error(b, k, back, dir);
    else if (kind != NAT44_ERROR)
        nat44_rewrite_other(b, back, ip_delta);
    /* of a hairpin, the host that it is for says the table */
    bool placed = mode == NAT44_EI && dir == NAT44_I2O && b->flags & BUFFER_NATTED;
    b->flags |= BUFFER_NATTED;
    if (place == AT_IP_INPUT && !placed &&
        unlikely((s->key[0].fib_protocol ^ s->key[1].fib_protocol) >> 8)) {
        ip_scratch(b)->fib = nat44_key_fib(back);
        b->flags |= BUFFER_IN_FIB;
    }
}

/* A session of NAT44 EI without connection tracking has served its packet. */
ALWAYS_INLINE void nat44_forget(struct nat44_data *n, struct thread *t, u32 session,
                                enum nat44_mode mode)
{
    if (mode == NAT44_EI && unlikely(n->stateless) && session != SESSION_NONE)
        nat44_session_delete(n, t, session);
}

/* Whether a router has to say that it goes no further. */
ALWAYS_INLINE bool is_at_end(const struct buffer *b)
{
    const struct ip4_header *ip = buffer_current(b);
    return ip->ttl <= 1;
}

static inline u16 end_of_life(struct node *nd, struct buffer *b)
{
    ip4_note_icmp_error(b, ICMP4_TIME_EXCEEDED, ICMP4_TTL_EXCEEDED, 0);
    return node_drop(nd, b, NAT44_ERR_TTL, NAT44_NEXT_ICMP_ERROR);
}

/* Its sender hears that it can have no session now (RFC 5508 REQ-8). */
static inline u16 tell_none_left(struct node *nd, struct buffer *b, u32 error)
{
    ip4_note_icmp_error(b, ICMP4_DESTINATION_UNREACHABLE, ICMP4_ADMIN_PROHIBITED, 0);
    return node_drop(nd, b, error, NAT44_NEXT_ICMP_ERROR);
}

/* The table that it came from: what this switch says itself is in that of the way out. */
ALWAYS_INLINE struct fib_index fib_of_packet(const struct buffer *b, enum feature_place place)
{
    bool local = place == AT_IP_OUTPUT && (b->flags & BUFFER_LOCAL || if_is_none(b->rx_if));
    return ip_if_fib(IP_FAMILY_4, local ? b->tx_if : b->rx_if);
}

/* --- the fast path --- */

/* Packets of a vector that came in by the same interface: counted together. */
struct fast_counts {
    struct if_index rx;
    u32 n[NAT44_COUNTS];
};

static inline void count_fast(struct nat44_data *n, struct thread *t, enum nat44_dir dir,
                              struct fast_counts *c)
{
    for (u32 k = 0; k < NAT44_COUNTS; k++) {
        if (c->n[k])
            nat44_count(n, t, dir, NAT44_FAST, (enum nat44_count)k, c->rx, c->n[k]);
        c->n[k] = 0;
    }
}

/* So many packets lie between asking for something and looking at it. */
#define FAST_AHEAD 16

/* What is known of a packet. */
struct fast_packet {
    union nat44_key key;
    u64 hash;                      /* 0: it is not plain */
    struct nat44_session *session; /* that is likely its own; NULL */
};

/* Of a packet in its place on the arc. */
ALWAYS_INLINE struct ip4_header *fast_ip(const struct buffer *b, enum feature_place place)
{
    return (struct ip4_header *)(void *)(b->data +
                                         (place == AT_IP_OUTPUT ? b->l3_start : b->start));
}

/* Of NAT44 EI, from inside to what may be an end outside, or this switch's: not translated yet. */
ALWAYS_INLINE bool may_be_hairpin(const struct nat44_data *n, const struct buffer *b,
                                  const struct ip4_header *ip, enum nat44_dir dir,
                                  enum feature_place place, enum nat44_mode mode)
{
    return mode == NAT44_EI && dir == NAT44_I2O && place == AT_IP_INPUT &&
           unlikely(nat44_may_be_own(n, ip->dst)) && !(b->flags & BUFFER_NATTED);
}

/* Whether a packet with so many bytes is as nearly all are: of TCP or UDP, whole, without options,
 * the node's to write in, with hops left, and says nothing of its session's state. */
ALWAYS_INLINE bool fast_is_plain(const struct buffer *b, const struct ip4_header *ip, u32 bytes,
                                 enum feature_place place)
{
    bool tcp = ip->protocol == IP_PROTOCOL_TCP;
    u32 odd = ip->version_ihl ^ IP4_VERSION_IHL_PLAIN;
    odd |= ip->fragment.raw & be16_from_host(IP4_MF | IP4_OFFSET_MASK).raw;
    odd |= bytes < sizeof(*ip) + (tcp ? sizeof(struct tcp_header) : sizeof(struct udp_header));
    odd |= !tcp & (ip->protocol != IP_PROTOCOL_UDP);
    odd |= b->flags & BUFFER_TRACED;
    odd |= place == AT_IP_INPUT && ip->ttl <= 1;
    odd |= buffer_is_shared(b);
    if (unlikely(odd))
        return false;
    return !tcp || likely(!(((const struct tcp_header *)(const void *)(ip + 1))->flags &
                            (TCP_SYN | TCP_FIN | TCP_RST)));
}

/* Parses a packet, and asks for where the table may have its session. */
ALWAYS_INLINE void fast_parse(const struct nat44_data *n, const struct shared_hash *h,
                              const struct shared_hash_shape *shape, struct fast_packet *x,
                              const struct buffer *b, enum nat44_dir dir, enum feature_place place,
                              enum nat44_mode mode)
{
    const struct ip4_header *ip = fast_ip(b, place);
    u32 bytes = b->len - (place == AT_IP_OUTPUT ? (u32)(b->l3_start - b->start) : 0);
    x->hash = 0;
    if (unlikely(!fast_is_plain(b, ip, bytes, place)) ||
        unlikely(may_be_hairpin(n, b, ip, dir, place, mode)))
        return;
    x->key = nat44_key_with(ip, fib_of_packet(b, place), load_u32(ip + 1));
    union nat44_key told = nat44_key_told(&x->key, dir, mode);
    x->hash = shared_hash_of(h, told.words, 2);
    __builtin_prefetch(shared_hash_bucket_of(shape, x->hash));
}

/* A packet with that key seems to have no session: asks for where the table has what is looked up
 * then. Of the other direction, its own key, and from inside, that of the session that it is likely
 * to begin. */
__attribute__((noinline)) static void fast_expect(const struct nat44_data *n,
                                                  const struct session_table *table,
                                                  const union nat44_key *k, enum nat44_dir dir)
{
    const struct shared_hash *h = &table->by_key[1 - dir];
    const struct nat44_pool *pool = __atomic_load_n(&n->pool[NAT44_POOL], __ATOMIC_ACQUIRE);
    shared_hash_prefetch_bucket(h, shared_hash_of(h, k->words, 2));
    if (dir != NAT44_I2O || pool->n != 1)
        return;
    union nat44_key back = nat44_key_back(k, n->outside_fib);
    nat44_key_set_dst(&back, pool->v[0].addr);
    shared_hash_prefetch_bucket(h, shared_hash_of(h, back.words, 2));
}

/* Asks for its session, which is one of these. */
ALWAYS_INLINE void fast_find_session(const struct nat44_data *n, const struct session_table *table,
                                     const struct shared_hash_shape *shape, struct fast_packet *x,
                                     enum nat44_dir dir, enum nat44_mode mode)
{
    struct nat44_session *sessions = session_at(table, 0);
    u32 i = likely(x->hash) ? shared_hash_first(shape, x->hash) : SHARED_HASH_NONE;
    if (likely(i != SHARED_HASH_NONE)) {
        x->session = &sessions[i];
        __builtin_prefetch(x->session);
        return;
    }
    x->session = NULL;
    if (mode == NAT44_ED && x->hash)
        fast_expect(n, table, &x->key, dir);
}

/* Translates a packet that is plain, with that key, if s is its session, and is told nothing new by
 * it. */
ALWAYS_INLINE bool fast_translate(struct buffer *b, const union nat44_key *k,
                                  struct nat44_session *s, u64 now_ns, enum nat44_dir dir,
                                  enum feature_place place, enum nat44_mode mode)
{
    struct ip4_header *ip = fast_ip(b, place);
    u32 link_bytes = place == AT_IP_OUTPUT ? (u32)(b->l3_start - b->start) : 0;
    union nat44_key told = nat44_key_told(k, dir, mode), made;
    enum nat44_dir first = s->flags & NAT44_SESSION_FROM_OUTSIDE ? NAT44_O2I : NAT44_I2O;
    const union nat44_key *back;
    if (unlikely(!shared_hash_same(s->key[dir].words, told.words, 2)) ||
        unlikely((s->key[NAT44_I2O].fib_protocol ^ s->key[NAT44_O2I].fib_protocol) >> 8))
        return false;
    bool established = likely(s->state == NAT44_STATE_ESTABLISHED);
    if (!established && (s->state != NAT44_STATE_INIT || first != dir))
        return false;
    if ((mode == NAT44_EI || !established) && unlikely(s->aged != nat44_age_of(now_ns)))
        return false;
    s->last_heard_ns = now_ns;
    s->packets++;
    s->bytes += buffer_packet_len(b) - link_bytes;
    back = nat44_becomes(s, k, dir, mode, &made);
    nat44_rewrite_ports(b, ip, ip + 1, back, dir == NAT44_I2O ? s->ip_delta : (u16)~s->ip_delta,
                        dir == NAT44_I2O ? s->l4_delta : (u16)~s->l4_delta);
    b->flags |= BUFFER_NATTED;
    return true;
}

ALWAYS_INLINE void count_fast_one(struct nat44_data *n, struct thread *t, enum nat44_dir dir,
                                  struct fast_counts *counts, struct if_index rx,
                                  enum nat44_count what)
{
    if (unlikely(!if_equal(counts->rx, rx))) {
        count_fast(n, t, dir, counts);
        counts->rx = rx;
    }
    counts->n[what]++;
}

/* Another packet than fast_translate knows. Returns its edge; NAT44_N_NEXT: on. */
__attribute__((noinline)) static u16 fast_other(struct thread *t, struct nat44_data *n,
                                                struct buffer *b, enum nat44_dir dir,
                                                enum feature_place place,
                                                struct fast_counts *counts, enum nat44_mode mode)
{
    u16 link_bytes = to_ip_header(b, place), next = NAT44_N_NEXT;
    struct nat44_packet p;
    enum nat44_dir found = dir;
    u32 session = SESSION_NONE;
    if (nat44_parse_plain(b, fib_of_packet(b, place), &p))
        session = nat44_find(session_table_of(n->sessions, t), &p.key, &found, mode);
    if (b->flags & BUFFER_TRACED)
        note_packet(t, n, b, &p.key, session, found, NAT44_TRANSLATE);
    if (may_be_hairpin(n, b, buffer_current(b), dir, place, mode)) {
        next = NAT44_NEXT_HAIRPIN;
    } else if (session == SESSION_NONE || (place == AT_IP_INPUT && is_at_end(b))) {
        next = NAT44_NEXT_SLOW;
    } else {
        count_fast_one(n, t, dir, counts, b->rx_if, nat44_count_of(nat44_key_protocol(&p.key)));
        nat44_translate(n, t, b, &p, place, session, found, mode);
    }
    buffer_advance(b, -(int)link_bytes);
    return next;
}

/* feature: the node is one of the arc, and packets go on along it. */
ALWAYS_INLINE void nat44_fast(struct thread *t, struct nat44_data *n, struct buffer **b, u16 *next,
                              u32 count, enum nat44_dir dir, enum feature_place place, bool feature,
                              enum nat44_mode mode)
{
    const struct session_table *table = session_table_of(n->sessions, t);
    const struct feature_vector *vector = feature_vector_of(t);
    struct shared_hash_shape shape = shared_hash_shape_of(&table->by_key[dir]);
    struct fast_counts counts = {.rx = count ? b[0]->rx_if : IF_NONE};
    struct fast_packet packets[2 * FAST_AHEAD];
    u64 now_ns = thread_now_ns(t);
    u32 ahead = (u32)min_u64(count, FAST_AHEAD);
    for (u32 at = 0; at < count + 2 * ahead; at++) {
        u32 i = at - 2 * ahead;
        if (i < count) {
            const struct fast_packet *x = &packets[i % (2 * FAST_AHEAD)];
            u16 edge = NAT44_N_NEXT;
            if (likely(x->session) &&
                likely(fast_translate(b[i], &x->key, x->session, now_ns, dir, place, mode)))
                count_fast_one(n, t, dir, &counts, b[i]->rx_if,
                               nat44_key_protocol(&x->key) == IP_PROTOCOL_TCP ? NAT44_COUNT_TCP
                                                                              : NAT44_COUNT_UDP);
            else
                edge = fast_other(t, n, b[i], dir, place, &counts, mode);
            if (likely(edge == NAT44_N_NEXT))
                edge = feature ? feature_vector_next(vector, b[i]) : NAT44_NEXT_RESUME;
            next[i] = edge;
        }
        i += ahead;
        if (i < count)
            fast_find_session(n, table, &shape, &packets[i % (2 * FAST_AHEAD)], dir, mode);
        if (at < count)
            fast_parse(n, &table->by_key[dir], &shape, &packets[at % (2 * FAST_AHEAD)], b[at], dir,
                       place, mode);
    }
    count_fast(n, t, dir, &counts);
}

/* The plugin was disabled while packets were on their way: they are as they were. */
static inline void nat44_off(struct buffer **b, u16 *next, u32 count, bool feature)
{
    for (u32 i = 0; i < count; i++)
        next[i] = feature ? feature_next(b[i]) : NAT44_NEXT_RESUME;
}

ALWAYS_INLINE void nat44_fast_node(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                                   u32 count, enum nat44_dir dir, enum feature_place place,
                                   enum nat44_mode mode)
{
    struct nat44_data *n = nat44_now();
    if (unlikely(!n))
        nat44_off(b, next, count, false);
    else
        nat44_fast(t, n, b, next, count, dir, place, false, mode);
}

/* --- the slow path --- */

/* b, whose IP header is so far behind what is its first byte, is the caller's to write in; NULL: it
 * is lost. */
static inline struct buffer *slow_own(struct thread *t, struct buffer *b, u16 link_bytes)
{
    buffer_advance(b, -(int)link_bytes);
    b = own_to_write(t, b);
    if (b)
        buffer_advance(b, link_bytes);
    return b;
}

/* Most of these, too, have ports in their first buffer. */
static inline void slow_parse(struct thread *t, struct buffer *b, struct fib_index fib,
                              struct nat44_packet *p)
{
    const struct ip4_header *ip = buffer_current(b);
    if (ip4_length(ip) == b->len && nat44_parse_plain(b, fib, p) && p->kind == NAT44_PORTS)
        p->asks = ip->protocol != IP_PROTOCOL_TCP || nat44_tcp_asks(p->tcp_flags);
    else
        nat44_parse(t, b, fib, p);
}

/* b may be another buffer afterwards, NULL: it is lost. Returns its fate. */
static inline u32 slow_packet(struct nat44_data *n, struct thread *t, struct buffer **b,
                              enum nat44_dir dir, enum feature_place place, u16 link_bytes,
                              enum nat44_mode mode)
{
    struct nat44_packet p;
    u32 session, fate = NAT44_TRANSLATE;
    enum nat44_dir found = dir;

    slow_parse(t, *b, fib_of_packet(*b, place), &p);
    session = p.kind < NAT44_BAD
                  ? nat44_find(session_table_of(n->sessions, t), &p.key, &found, mode)
                  : SESSION_NONE;
    if (session == SESSION_NONE)
        fate = nat44_begin(n, t, *b, place, &p, &found, &session);
    if (unlikely(fate == NAT44_ERR_OUT_OF_PORTS) || unlikely(fate == NAT44_ERR_MAX_SESSIONS))
        nat44_log_failure(n, t, nat44_key_fib(&p.key),
                          fate == NAT44_ERR_MAX_SESSIONS ? NAT_LOG_QUOTA : NAT_LOG_EXHAUSTED);
    if (fate == NAT44_TRANSLATE && place == AT_IP_INPUT && is_at_end(*b))
        fate = NAT44_ERR_TTL;
    if (unlikely((*b)->flags & BUFFER_TRACED))
        note_packet(t, n, *b, &p.key, session, found, fate);
    if (fate == NAT44_TRANSLATE) {
        *b = slow_own(t, *b, link_bytes);
        if (*b)
            nat44_translate(n, t, *b, &p, place, session, found, mode);
        else
            fate = NAT44_ERR_NO_BUFFER;
    }
    nat44_forget(n, t, session, mode);
    return fate;
}

/* Sends another buffer by the edge of a packet; NULL: there is none. Returns the packet's edge. */
static inline u16 put_instead(struct thread *t, struct node *nd, const struct buffer *now, u16 next)
{
    if (now && next != NEXT_CONSUMED) {
        u32 bi = buffer_index(now);
        node_enqueue(t, nd, next, &bi, 1);
    }
    return NEXT_CONSUMED;
}

static inline void slow_one(struct thread *t, struct node *nd, struct nat44_data *n,
                            struct buffer *b, u16 *next, enum nat44_dir dir,
                            enum feature_place place, enum nat44_mode mode)
{
    u16 link_bytes = to_ip_header(b, place);
    const struct ip4_header *ip = buffer_current(b);
    enum nat44_count what = nat44_count_of(ip->protocol);
    struct if_index rx = b->rx_if;
    struct buffer *now = b;
    u32 fate = slow_packet(n, t, &now, dir, place, link_bytes, mode);

    nat44_count(n, t, dir, NAT44_SLOW, fate < NAT44_ERRS ? NAT44_COUNT_DROPS : what, rx, 1);
    if (!now) {
        node_count(nd, NAT44_ERR_NO_BUFFER, 1);
        *next = NEXT_CONSUMED;
        return;
    }
    /* a hairpin's packet is for its host inside already: its sender does not know it */
    bool none_left =
        dir == NAT44_I2O && !(now->flags & BUFFER_NATTED) &&
        (fate == NAT44_ERR_OUT_OF_PORTS || fate == NAT44_ERR_MAX_SESSIONS ||
         fate == NAT44_ERR_NO_USER);
    if (!none_left)
        buffer_advance(now, -(int)link_bytes);
    if (fate == NAT44_ERR_TTL)
        *next = end_of_life(nd, now);
    else if (none_left)
        *next = tell_none_left(nd, now, fate);
    else if (fate < NAT44_ERRS)
        *next = node_drop(nd, now, fate, NAT44_NEXT_DROP);
    else
        *next = NAT44_NEXT_RESUME;
    if (now != b)
        *next = put_instead(t, nd, now, *next);
}

ALWAYS_INLINE void nat44_slow(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                              u32 count, enum nat44_dir dir, enum feature_place place,
                              enum nat44_mode mode)
{
    struct nat44_data *n = nat44_now();
    if (unlikely(!n)) {
        nat44_off(b, next, count, false);
        return;
    }
    for (u32 i = 0; i < count; i++)
        slow_one(t, nd, n, b[i], &next[i], dir, place, mode);
}

/* --- to the right node, and the right thread --- */

static inline void parse_any(struct thread *t, struct buffer *b, enum feature_place place,
                             struct nat44_packet *p)
{
    u16 link_bytes = to_ip_header(b, place);
    if (!nat44_parse_plain(b, fib_of_packet(b, place), p))
        nat44_parse(t, b, fib_of_packet(b, place), p);
    buffer_advance(b, -(int)link_bytes);
}

static inline void send_away(struct thread *t, struct node *nd, struct node_index to,
                             const struct handoff_batch *away)
{
    thread_handoff_batch(t, to, away, nd, NAT44_ERR_CONGESTION, NAT44_NEXT_DROP);
}

/* Which thread has the session of packets with that key, which came in that way. */
typedef u32 nat44_owner_fn(const struct nat44_data *n, const union nat44_key *k,
                           enum nat44_dir dir);

enum nat44_way { NAT44_WAY_IN2OUT, NAT44_WAY_OUT2IN, NAT44_WAY_BOTH, NAT44_WAY_OUTPUT };

/* owner_of_key NULL: there is one data thread. */
ALWAYS_INLINE void nat44_direct(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                                u32 count, enum nat44_way way, nat44_owner_fn *owner_of_key)
{
    struct nat44_data *n = nat44_now();
    struct handoff_batch away[NAT44_DIRS];
    away[NAT44_I2O].n = away[NAT44_O2I].n = 0;
    if (unlikely(!n)) {
        nat44_off(b, next, count, true);
        return;
    }
    for (u32 i = 0; i < count; i++) {
        struct nat44_packet p;
        if (way == NAT44_WAY_OUTPUT && b[i]->flags & BUFFER_NATTED) {
            next[i] = feature_next(b[i]);
            continue;
        }
        parse_any(t, b[i], way == NAT44_WAY_OUTPUT ? AT_IP_OUTPUT : AT_IP_INPUT, &p);
        enum nat44_dir dir = way == NAT44_WAY_OUT2IN ? NAT44_O2I : NAT44_I2O;
        if (way == NAT44_WAY_BOTH && nat44_is_outside_end(n, &p.key))
            dir = NAT44_O2I;
        /* of the classifying nodes, one edge leads to each direction */
        next[i] = dir == NAT44_O2I && way == NAT44_WAY_BOTH ? NAT44_NEXT_SLOW : NAT44_NEXT_FAST;
        u32 owner =
            owner_of_key && p.kind < NAT44_BAD ? owner_of_key(n, &p.key, dir) : thread_index(t);
        if (owner == thread_index(t))
            continue;
        handoff_add(&away[dir], b[i], owner);
        next[i] = NEXT_CONSUMED;
    }
    send_away(t, nd, way == NAT44_WAY_OUTPUT ? n->output_node : n->in_node[NAT44_I2O],
              &away[NAT44_I2O]);
    send_away(t, nd, n->in_node[NAT44_O2I], &away[NAT44_O2I]);
}

/* --- errors of this switch --- */

/* Its session; SESSION_NONE: it is no error about a packet of one, or another thread has it, who is
 * in *owner. */
static inline u32 session_of_error(struct nat44_data *n, struct thread *t, struct buffer *b,
                                   struct nat44_packet *p, enum nat44_dir *dir, u32 *owner,
                                   nat44_owner_fn *owner_of_key, enum nat44_mode mode)
{
    const struct ip4_header *ip = buffer_current(b);
    *owner = thread_index(t);
    *dir = NAT44_O2I;
    if (ip->protocol != IP_PROTOCOL_ICMP || !(b->flags & BUFFER_LOCAL) || buffer_is_shared(b))
        return SESSION_NONE;
    nat44_parse(t, b, ip_scratch(b)->fib, p);
    if (p->kind != NAT44_ERROR)
        return SESSION_NONE;
    *owner = owner_of_key(n, &p->key, NAT44_O2I);
    if (*owner != thread_index(t))
        return SESSION_NONE;
    u32 session = nat44_find(session_table_of(n->sessions, t), &p->key, dir, mode);
    if (mode == NAT44_EI && unlikely(n->stateless))
        (void)nat44_begin(n, t, b, AT_IP_INPUT, p, dir, &session);
    return session;
}

/* What this switch says of packets that it translated, such as that they are too large for the link
 * outside, is for an end outside: the host inside gets it. All else that local0 sends here is none
 * of this. */
ALWAYS_INLINE void nat44_local_errors(struct thread *t, struct node *nd, struct buffer **b,
                                      u16 *next, u32 count, nat44_owner_fn *owner_of_key,
                                      enum nat44_mode mode)
{
    struct nat44_data *n = nat44_now();
    struct handoff_batch away;
    away.n = 0;
    for (u32 i = 0; i < count; i++) {
        struct nat44_packet p = {0};
        enum nat44_dir dir;
        u32 owner = thread_index(t);
        next[i] = NAT44_NEXT_RESUME;
        u32 session =
            n ? session_of_error(n, t, b[i], &p, &dir, &owner, owner_of_key, mode) : SESSION_NONE;
        if (session != SESSION_NONE) {
            nat44_translate(n, t, b[i], &p, AT_IP_INPUT, session, dir, mode);
            const struct nat44_session *s = session_at(session_table_of(n->sessions, t), session);
            ip_scratch(b[i])->fib = nat44_key_fib(&s->key[1 - dir]);
            nat44_forget(n, t, session, mode);
            /* forwarded from now on: if it ends here again, that is its end */
            b[i]->flags = (b[i]->flags & ~(u32)BUFFER_LOCAL) | BUFFER_IN_FIB;
            next[i] = NAT44_NEXT_FAST;
        } else if (n && owner != thread_index(t)) {
            handoff_add(&away, b[i], owner);
            next[i] = NEXT_CONSUMED;
        }
    }
    if (n)
        send_away(t, nd, n->error_node, &away);
}
