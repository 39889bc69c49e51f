/* nat64-in2out, nat64-out2in, nat64-hairpin; see nat64.h. */
#include <string.h>

#include "engine/feature.h"
#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib_way.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip6/ip6.h"
#include "net/ip/reass/frag.h"
#include "net/ip/reass/sv_reass.h"
#include "net/link/gso/gso.h"
#include "net/link/interface/own.h"
#include "plugins/nat/nat64_path.h"
#include "plugins/nat/nat64_plain.h"

/* Longest IPv4 fragment that is no longer than any IPv6 link takes: with a fragment header. */
#define NAT64_CUT_BYTES (IP6_MIN_MTU_BYTES - 40 - 8 + 20)

/* A packet that a node has. */
struct nat64_one {
    struct nat64_data *n;
    struct thread *t;
    struct node *nd;
    struct buffer *b; /* the node's to write in */
    struct nat64_packet p;
    struct nat64_found f;
};

/* In a buffer of its own, with its headers in one piece. false: it is lost. */
static bool make_ready(struct nat64_one *x)
{
    x->b = own_to_write(x->t, x->b);
    if (unlikely(!x->b)) {
        node_count(x->nd, NAT64_ERR_NO_BUFFER, 1);
        return false;
    }
    u32 want = (u32)min_u64(buffer_packet_len(x->b), NAT64_HEADERS_BYTES);
    if (unlikely(x->b->len < want))
        (void)!buffer_pull(x->t, x->b, want); /* what is missing then may not be needed */
    return true;
}

static void nat64_count(const struct nat64_one *x, enum nat64_dir dir, struct if_index rx, u32 fate)
{
    enum nat64_count what =
        fate == NAT64_TRANSLATE ? nat64_count_of(x->p.protocol) : NAT64_COUNT_DROPS;
    tally_add(&counter_simple(x->n->counters[dir][what], thread_index(x->t))[rx.i], 1);
}

/* Its session has heard of it, unless it is about another one. */
static void nat64_hear(const struct nat64_one *x, enum nat64_dir dir)
{
    if (x->p.kind != NAT64_ERROR)
        nat64_session_heard(x->n, x->t, x->f.session, dir, x->p.tcp_flags);
}

/* No packet goes by such a way: whoever sends one is told, unless it just drops them. */
static bool ends_nowhere(struct adj_head head)
{
    return head.kind == ADJ_KIND_NO_ROUTE || head.kind == ADJ_KIND_UNREACHABLE ||
           head.kind == ADJ_KIND_PROHIBIT || head.kind == ADJ_KIND_DROP;
}

/* --- from inside --- */

/* An address that a host outside may have. */
static bool is_host4(be32 a)
{
    return !ip4_is_multicast(a) && !ip4_is_loopback(a) && !ip4_is_this_network(a) &&
           !ip4_is_class_e(a) && !ip4_is_limited_broadcast(a);
}

/* Whether it may go to that address outside by way of `a': NAT64_TRANSLATE, or the reason why not,
 * of which its sender is told if it has an ICMP type. mtu: that way's. own: to somebody inside. */
static u32 check_way_out(struct nat64_one *x, const struct adj *a, u32 mtu, bool own)
{
    const struct ip6_header *ip = buffer_current(x->b);
    struct adj_head head = adj_head(a);
    if (ip->hop_limit <= 1 && (own || head.kind != ADJ_KIND_RECEIVE)) {
        ip6_note_icmp_error(x->b, ICMP6_TIME_EXCEEDED, ICMP6_HOP_LIMIT_EXCEEDED, 0);
        return NAT64_ERR_TTL;
    }
    if (own)
        return NAT64_TRANSLATE;
    if (ends_nowhere(head)) {
        ip6_note_icmp_error(
            x->b, head.kind == ADJ_KIND_DROP ? 0 : ICMP6_DESTINATION_UNREACHABLE,
            head.kind == ADJ_KIND_PROHIBIT ? ICMP6_ADMIN_PROHIBITED : ICMP6_NO_ROUTE, 0);
        return NAT64_ERR_UNREACHABLE;
    }
    u32 bytes = nat64_bytes_as4(x->b, &x->p);
    if (fib_way_leaves(a) && bytes > mtu && bytes > IP6_MIN_MTU_BYTES - 20 &&
        !x->p.upper.fragment) {
        mtu += 20;
        ip6_note_icmp_error(x->b, ICMP6_PACKET_TOO_BIG, 0,
                            mtu < IP6_MIN_MTU_BYTES ? IP6_MIN_MTU_BYTES : mtu);
        return NAT64_ERR_MTU;
    }
    return NAT64_TRANSLATE;
}

/* Whether who sent it, or quotes what he got, can be somebody inside. */
static bool is_from_host(const struct nat64_prefix *prefix, const u8 src[16])
{
    be32 loops;
    return !ip6_is_unspecified(src) && !ip6_is_multicast(src) && !ip6_is_link_local(src) &&
           !ip6_is_loopback(src) && !nat64_extract(&prefix->addr, prefix->len, src, &loops);
}

/* dst: the address outside that it is for. */
static u32 in2out_fate(struct nat64_one *x, const struct nat64_prefix *prefix, struct fib_index fib,
                       be32 dst, bool own)
{
    struct buffer *b = x->b;
    const struct ip6_header *ip = buffer_current(b);
    const struct nat64_packet *p = &x->p;
    if (!is_from_host(prefix, ip->src))
        return NAT64_ERR_SOURCE;
    if (!is_host4(dst))
        return NAT64_ERR_NO_TRANSLATION;
    if (p->kind == NAT64_ICMP_FRAGMENT)
        return NAT64_PUT_TOGETHER;
    if (p->kind == NAT64_SOURCE_ROUTED)
        ip6_note_icmp_error(b, ICMP6_PARAMETER_PROBLEM, ICMP6_BAD_FIELD, p->at);
    if (p->kind >= NAT64_BAD)
        return nat64_why_not(p);
    if (p->kind == NAT64_ERROR && !ip6_is_equal(p->dst6.bytes, ip->dst))
        return NAT64_ERR_NO_TRANSLATION;
    if (p->kind == NAT64_ERROR && !nat64_error_is_whole(b, p))
        return NAT64_ERR_MALFORMED;
    struct ip_address host = ip_address_from_ip4(dst);
    u16 mtu;
    const struct adj *a = fib_way_mtu(ip_if_fib(IP_FAMILY_4, b->rx_if), IP_FAMILY_4, &host, &mtu);
    u32 fate = check_way_out(x, a, mtu, own);
    if (fate != NAT64_TRANSLATE)
        return fate;
    struct nat64_wish wish = {
        .in = {.addr = p->src6, .fib = fib.i, .port = p->sport, .protocol = p->protocol},
        .tx = fib_way_leaves(a) ? a->tx_if : IF_NONE,
    };
    return nat64_from_inside(x->n, x->t, p, &wish, dst, &x->f);
}

static be16 nat64_next_id(const struct nat64_one *x)
{
    return be16_from_host(++x->n->threads[thread_index(x->t)].ip4_id);
}

static bool in2out_translate(struct nat64_one *x, be32 dst)
{
    const struct nat64_bib *bib = nat64_bib_at(x->n, x->t, x->f.bib);
    struct nat64_to4 to = {
        .src = bib->out.addr,
        .dst = dst,
        .sport = bib->out.port,
        .dport = x->p.dport,
        .from = bib->out.addr, /* a router inside has no address outside */
        .id = nat64_next_id(x),
    };
    if (!nat64_to_ip4(x->t, x->b, &x->p, &to))
        return false;
    nat64_hear(x, NAT64_IN2OUT);
    if (x->p.kind == NAT64_LATER)
        sv_note(x->b)->sport = to.sport; /* as a hairpin asks */
    x->b->flags = (x->b->flags | BUFFER_NATTED) & ~(u32)(BUFFER_IN_FIB | BUFFER_WAS_CUT);
    return true;
}

/* To a node's edge for a fate that is none of NAT64_TRANSLATE. */
static u16 nat64_refuse(struct nat64_one *x, u32 fate, u16 icmp_error)
{
    bool told = fate == NAT64_ERR_TTL || fate == NAT64_ERR_MTU || fate == NAT64_ERR_SOURCE_ROUTED ||
                (fate == NAT64_ERR_UNREACHABLE && ip_scratch(x->b)->icmp_type);
    return node_drop(x->nd, x->b, fate, told ? icmp_error : NAT64_NEXT_DROP);
}

/* Of ICMP, whose sum nobody can translate in pieces: they come back as a whole, by the protocol's
 * input node. */
static u16 put_together(struct nat64_one *x, u16 next)
{
    x->b->flags |= BUFFER_WAS_CUT;
    return next;
}

/* Returns its edge, NEXT_CONSUMED: it is away. */
static u16 in2out_one(struct nat64_one *x, const struct nat64_prefix *prefix, struct fib_index fib,
                      be32 dst, struct handoff_batch *away)
{
    struct if_index rx = x->b->rx_if;
    if (!make_ready(x))
        return NEXT_CONSUMED;
    nat64_parse6(buffer_current(x->b), x->b->len, sv_note(x->b), &x->p);
    if (unlikely(x->b->flags & BUFFER_WAS_CUT)) {
        x->p.upper.fragment = true;
        x->p.upper.id = be32_from_host(be16_to_host(nat64_next_id(x)));
    }
    u32 owner = nat64_owner_of_port(x->n, x->p.sport);
    if (owner != thread_index(x->t) && x->p.kind < NAT64_BAD) {
        handoff_add(away, x->b, owner);
        return NEXT_CONSUMED;
    }
    bool own = nat64_is_own(__atomic_load_n(&x->n->own, __ATOMIC_ACQUIRE), dst);
    u32 fate = in2out_fate(x, prefix, fib, dst, own);
    if (fate == NAT64_PUT_TOGETHER)
        return put_together(x, NAT64_NEXT_REASS6);
    if (fate == NAT64_TRANSLATE && !in2out_translate(x, dst))
        fate = NAT64_ERR_UNSUPPORTED;
    nat64_count(x, NAT64_IN2OUT, rx, fate);
    if (fate != NAT64_TRANSLATE)
        return nat64_refuse(x, fate, NAT64_NEXT_ICMP6_ERROR);
    return own ? NAT64_NEXT_HAIRPIN : NAT64_NEXT_LOOKUP4;
}

/* Sends x->b by the edge of b, whose place it may have taken. Returns the edge of b. */
static u16 put_in_place(struct nat64_one *x, const struct buffer *b, u16 next)
{
    if (likely(x->b == b) || next == NEXT_CONSUMED)
        return next;
    u32 bi = buffer_index(x->b);
    node_enqueue(x->t, x->nd, next, &bi, 1);
    return NEXT_CONSUMED;
}

void NODE_FN(nat64_in2out)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                           u32 count)
{
    struct nat64_one x = {.n = nat64_now(), .t = t, .nd = nd};
    struct nat64_prefix prefix = {0};
    struct fib_index of = FIB_NONE;
    struct handoff_batch away;
    away.n = 0;
    if (likely(x.n))
        plain_run(t, x.n, b, next, count, NAT64_IN2OUT);
    for (u32 i = 0; i < count; i++) {
        if (likely(x.n) && likely(next[i] != NAT64_N_NEXT))
            continue;
        struct fib_index fib = ip_if_fib(IP_FAMILY_6, b[i]->rx_if);
        const struct ip6_header *ip = buffer_current(b[i]);
        be32 dst;
        if (unlikely(fib.i != of.i) && x.n) {
            prefix = nat64_prefix_of(x.n, fib.i);
            of = fib;
        }
        if (!x.n || b[i]->flags & BUFFER_NATTED ||
            !nat64_extract(&prefix.addr, prefix.len, ip->dst, &dst)) {
            next[i] = feature_next(b[i]);
            continue;
        }
        x.b = b[i];
        next[i] = put_in_place(&x, b[i], in2out_one(&x, &prefix, fib, dst, &away));
    }
    if (away.n)
        thread_handoff_batch(t, x.n->in_node, &away, nd, NAT64_ERR_CONGESTION, NAT64_NEXT_DROP);
}

/* --- from outside --- */

/* Whether this switch itself has the address, besides. */
static bool is_of_switch(const struct nat64_data *n, be32 addr)
{
    const struct nat64_pool *pool = __atomic_load_n(&n->pool, __ATOMIC_ACQUIRE);
    for (u32 i = 0; i < pool->n; i++)
        if (be32_equal(pool->v[i].addr, addr))
            return pool->v[i].is_ours;
    return true; /* of a static binding alone */
}

static u32 check_way_in(struct nat64_one *x, const struct adj *a, u32 mtu, bool hairpin)
{
    const struct ip4_header *ip = buffer_current(x->b);
    struct adj_head head = adj_head(a);
    bool whole = (be16_has(ip->fragment, IP4_DF) && !(x->b->flags & BUFFER_WAS_CUT)) ||
                 x->b->flags & BUFFER_GSO;
    if (ip->ttl <= 1 && head.kind != ADJ_KIND_RECEIVE) {
        ip4_note_icmp_error(x->b, ICMP4_TIME_EXCEEDED, ICMP4_TTL_EXCEEDED, 0);
        return NAT64_ERR_TTL;
    }
    if (ends_nowhere(head)) {
        ip4_note_icmp_error(
            x->b, head.kind == ADJ_KIND_DROP ? 0 : ICMP4_DESTINATION_UNREACHABLE,
            head.kind == ADJ_KIND_PROHIBIT ? ICMP4_ADMIN_PROHIBITED : ICMP4_HOST_UNREACHABLE, 0);
        return NAT64_ERR_UNREACHABLE;
    }
    u32 bytes = nat64_bytes_as6(x->b, &x->p);
    bool too_long = fib_way_leaves(a) && bytes > mtu;
    if ((!whole && bytes > IP6_MIN_MTU_BYTES) ||
        (too_long && hairpin && !(x->b->flags & BUFFER_GSO))) /* nobody inside could be told */
        return NAT64_CUT;
    if (too_long) {
        u32 more = ip4_is_fragment(ip) ? 28 : 20;
        ip4_note_icmp_error(x->b, ICMP4_DESTINATION_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED,
                            mtu - more);
        return NAT64_ERR_MTU;
    }
    return NAT64_TRANSLATE;
}

static u32 out2in_fate(struct nat64_one *x, const union nat64_outside *out, bool hairpin)
{
    struct buffer *b = x->b;
    const struct ip4_header *ip = buffer_current(b);
    const struct nat64_packet *p = &x->p;
    if (p->kind == NAT64_ICMP_FRAGMENT && !hairpin)
        return NAT64_PUT_TOGETHER;
    bool other = p->kind >= NAT64_BAD || (p->kind == NAT64_ERROR && !be32_equal(p->dst4, ip->dst));
    x->f.bib = other ? SESSION_NONE : nat64_bib_outside(x->n, x->t, out);
    if (x->f.bib == SESSION_NONE) {
        if (is_of_switch(x->n, ip->dst))
            return NAT64_PASS;
        return other ? nat64_why_not(p) : NAT64_ERR_NO_TRANSLATION;
    }
    if (p->kind == NAT64_ERROR && !nat64_error_is_whole(b, p))
        return NAT64_ERR_MALFORMED;
    const struct nat64_bib *bib = nat64_bib_at(x->n, x->t, x->f.bib);
    if (p->kind == NAT64_QUERY && p->asks && !bib->is_static && is_of_switch(x->n, ip->dst))
        return NAT64_PASS; /* a ping of the switch, whatever its identifier */
    u16 mtu;
    const struct adj *a =
        fib_way_mtu((struct fib_index){bib->in.fib}, IP_FAMILY_6, &bib->in.addr, &mtu);
    u32 way = check_way_in(x, a, mtu, hairpin);
    if (way != NAT64_TRANSLATE && way != NAT64_CUT)
        return way;
    u32 fate = nat64_from_outside(x->n, x->t, p, out, &x->f);
    return fate == NAT64_TRANSLATE ? way : fate;
}

static bool out2in_translate(struct nat64_one *x)
{
    const struct nat64_bib *bib = nat64_bib_at(x->n, x->t, x->f.bib);
    const struct ip4_header *ip = buffer_current(x->b);
    struct nat64_prefix prefix = nat64_prefix_of(x->n, bib->in.fib);
    struct nat64_to6 to = {
        .src = nat64_embed(&prefix.addr, prefix.len, x->p.src4),
        .dst = bib->in.addr,
        .sport = x->p.sport,
        .dport = bib->in.port,
        .from = nat64_embed(&prefix.addr, prefix.len, ip->src),
    };
    if (!nat64_to_ip6(x->t, x->b, &x->p, &to))
        return false;
    ip_scratch(x->b)->fib = (struct fib_index){bib->in.fib};
    x->b->flags = (x->b->flags | BUFFER_NATTED | BUFFER_IN_FIB) & ~(u32)BUFFER_WAS_CUT;
    return true;
}

/* All pieces of what f cuts to ip6-lookup; those of IPv4 (p) are translated before. */
static u32 send_pieces(struct nat64_one *x, struct frag *f, const struct nat64_packet *p)
{
    while (!frag_done(f)) {
        u32 bi = frag_next(x->t, f);
        if (bi == BUFFER_NONE)
            return NAT64_ERR_NO_BUFFER;
        x->b = buffer_at(bi);
        if (p) {
            const struct ip4_header *ip = buffer_current(x->b);
            x->p = *p;
            x->p.at = (u16)ip4_header_bytes(ip);
            if (ip4_fragment_offset_bytes(ip) && p->kind != NAT64_OTHER)
                x->p.kind = NAT64_LATER;
        }
        if (p && !out2in_translate(x)) {
            buffer_free_one(x->t, bi);
            return NAT64_ERR_NO_BUFFER;
        }
        x->b->flags |= BUFFER_IN_FIB;
        node_enqueue(x->t, x->nd, NAT64_NEXT_LOOKUP6, &bi, 1);
    }
    return NAT64_TRANSLATE;
}

/* Cuts it, so that no link of IPv6 is too short (RFC 7915 4): a fragment as it is, what is whole
 * when it is translated. */
static u32 out2in_cut(struct nat64_one *x)
{
    const struct ip4_header *ip = buffer_current(x->b);
    const struct nat64_packet p = x->p;
    struct buffer *whole = x->b;
    struct frag f;
    bool piece = ip4_is_fragment(ip);
    be16 id = be16_has(ip->fragment, IP4_DF) ? nat64_next_id(x) : ip->id; /* RFC 6864 4.1 */
    if (!piece && !out2in_translate(x))
        return NAT64_ERR_UNSUPPORTED;
    if (!csum_complete(whole))
        return NAT64_ERR_MALFORMED;
    if (piece ? ip4_frag_begin(&f, whole, NAT64_CUT_BYTES)
              : ip6_frag_begin(&f, whole, IP6_MIN_MTU_BYTES, be16_to_host(id)))
        return NAT64_ERR_MALFORMED;
    u32 fate = send_pieces(x, &f, piece ? &p : NULL);
    x->b = whole;
    x->p = p;
    return fate;
}

/* hairpin: from inside, and on no arc. */
ALWAYS_INLINE u16 out2in_one(struct nat64_one *x, bool hairpin, struct handoff_batch *away)
{
    struct if_index rx = x->b->rx_if;
    if (!make_ready(x))
        return NEXT_CONSUMED;
    nat64_parse4(buffer_current(x->b), x->b->len, sv_note(x->b), &x->p);
    union nat64_outside out = {.addr = x->p.dst4, .port = x->p.dport, .protocol = x->p.protocol};
    u32 owner = nat64_owner_outside(x->n, &out);
    if (owner != thread_index(x->t) && x->p.kind < NAT64_BAD) {
        handoff_add(away, x->b, owner);
        return NEXT_CONSUMED;
    }
    u32 fate = out2in_fate(x, &out, hairpin);
    if (fate == NAT64_PUT_TOGETHER)
        return put_together(x, NAT64_NEXT_REASS4);
    if (fate == NAT64_PASS)
        return hairpin ? NAT64_NEXT_LOOKUP4 : feature_next(x->b);
    bool cut = fate == NAT64_CUT;
    if (cut)
        fate = out2in_cut(x);
    else if (fate == NAT64_TRANSLATE && !out2in_translate(x))
        fate = NAT64_ERR_UNSUPPORTED;
    if (fate == NAT64_TRANSLATE)
        nat64_hear(x, NAT64_OUT2IN);
    nat64_count(x, NAT64_OUT2IN, rx, fate);
    if (fate != NAT64_TRANSLATE)
        return nat64_refuse(x, fate, NAT64_NEXT_ICMP4_ERROR);
    if (!cut)
        return NAT64_NEXT_LOOKUP6;
    buffer_free_one(x->t, buffer_index(x->b));
    return NEXT_CONSUMED;
}

ALWAYS_INLINE void out2in_node(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                               u32 count, bool hairpin)
{
    struct nat64_one x = {.n = nat64_now(), .t = t, .nd = nd};
    const struct nat64_own *own = x.n ? __atomic_load_n(&x.n->own, __ATOMIC_ACQUIRE) : NULL;
    struct handoff_batch away;
    away.n = 0;
    if (!hairpin && likely(own))
        plain_run(t, x.n, b, next, count, NAT64_OUT2IN);
    for (u32 i = 0; i < count; i++) {
        const struct ip4_header *ip = buffer_current(b[i]);
        if (!hairpin && likely(own) && likely(next[i] != NAT64_N_NEXT))
            continue;
        if (!hairpin && (!own || b[i]->flags & BUFFER_NATTED || !nat64_is_own(own, ip->dst))) {
            next[i] = feature_next(b[i]);
            continue;
        }
        if (!own) { /* disabled while it was on its way */
            next[i] = node_drop(nd, b[i], NAT64_ERR_NO_TRANSLATION, NAT64_NEXT_DROP);
            continue;
        }
        x.b = b[i];
        next[i] = put_in_place(&x, b[i], out2in_one(&x, hairpin, &away));
    }
    if (away.n)
        thread_handoff_batch(t, hairpin ? x.n->hairpin_node : x.n->out_node, &away, nd,
                             NAT64_ERR_CONGESTION, NAT64_NEXT_DROP);
}

void NODE_FN(nat64_out2in)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                           u32 count)
{
    out2in_node(t, nd, b, next, count, false);
}

void NODE_FN(nat64_hairpin)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                            u32 count)
{
    out2in_node(t, nd, b, next, count, true);
}

/* --- timers --- */

void NODE_FN(nat64_expire)(struct thread *t, struct node *nd, const u32 *timers, u32 count)
{
    struct nat64_data *n = nat64_now();
    for (u32 i = 0; n && i < count; i++)
        nat64_session_expire(n, t, timers[i], thread_now_ns(t));
}
