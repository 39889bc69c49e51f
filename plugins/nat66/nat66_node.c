/* nat66-in2out, nat66-out2in; see nat66.h. */
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib_way.h"
#include "net/ip/ip6/ip6.h"
#include "net/link/interface/own.h"
#include "plugins/nat66/nat66_node.h"
#include "plugins/nat66/nat66_packet.h"

/* What is found for a packet: indices of mappings, SHARED_HASH_NONE. */
struct nat66_found {
    u32 src, dst;
};

/* Of each packet its source by local addresses, or (O2I and hairpinning) its destination by
 * external ones. Shapes: index[count]. */
ALWAYS_INLINE void find_ends(const struct nat66_data *n, struct buffer **b, u32 count, bool local,
                             u32 *index)
{
    union nat66_end end[FRAME_PKTS];
    for (u32 i = 0; i < count; i++) {
        const struct ip6_header *ip = buffer_current(b[i]);
        end[i] = (union nat66_end){.addr = ip6_address_of(local ? ip->src : ip->dst),
                                   .fib = local ? ip_if_fib(IP_FAMILY_6, b[i]->rx_if).i : 0};
    }
    shared_hash_find_many(local ? &n->by_local : &n->by_external, end[0].words, NAT66_END_WORDS,
                          count, index);
}

static bool nat66_leads_out(const struct nat66_data *n, const struct adj *a)
{
    return fib_way_leaves(a) && !if_is_none(a->tx_if) &&
           __atomic_load_n(&n->if_flags[a->tx_if.i], __ATOMIC_RELAXED) & NAT_IF_OUT;
}

/* From inside to outside: in its own table, or, if it ends nowhere there, in that of the outside,
 * which *fib is then. */
static bool has_way_out(const struct nat66_data *n, const u8 dst[16], struct fib_index *fib)
{
    struct ip_address x = ip6_address_of(dst);
    const struct adj *a = fib_way(*fib, IP_FAMILY_6, &x);
    if (fib->i == n->outside_fib.i || fib_way_leaves(a) || adj_head(a).kind == ADJ_KIND_RECEIVE)
        return nat66_leads_out(n, a);
    *fib = n->outside_fib;
    return nat66_leads_out(n, fib_way(*fib, IP_FAMILY_6, &x));
}

/* An error by a router inside, which nobody outside is to know of: it comes from the host that the
 * packet was for. */
static u32 find_quoted(const struct nat66_data *n, const struct buffer *b)
{
    const struct ip6_header *in = nat66_quoted(buffer_current(b), b->len);
    return in ? nat66_find(&n->by_local, in->dst, ip_if_fib(IP_FAMILY_6, b->rx_if).i)
              : SHARED_HASH_NONE;
}

/* Whether b is translated; *fib: the table in which it goes on. */
static bool nat66_wants(const struct nat66_data *n, const struct buffer *b, enum nat66_dir dir,
                        struct nat66_found *f, struct fib_index *fib)
{
    const struct ip6_header *ip = buffer_current(b);
    const struct nat66_mapping *to = nat66_mapping_at(n, f->dst);
    if (nat66_is_of_link(buffer_current(b), b->len))
        return false;
    if (dir == NAT66_IN2OUT && f->src == SHARED_HASH_NONE)
        f->src = find_quoted(n, b);
    if (dir == NAT66_IN2OUT && f->src == SHARED_HASH_NONE)
        return false;
    if (to)
        *fib = (struct fib_index){to->local.fib};
    return to || has_way_out(n, ip->dst, fib);
}

/* Whether a router has to say that it goes no further: it is not for this switch. */
static bool nat66_is_at_end(const struct ip6_header *ip, const struct nat66_mapping *to,
                            struct fib_index fib)
{
    if (likely(ip->hop_limit > 1))
        return false;
    return !to || adj_head(fib_way(fib, IP_FAMILY_6, &to->local.addr)).kind != ADJ_KIND_RECEIVE;
}

static void nat66_count(const struct nat66_data *n, struct thread *t, const struct buffer *b,
                        enum nat66_dir dir, const struct nat66_found *f)
{
    struct counter_pair *c = counter_combined(n->by_mapping, thread_index(t));
    u32 bytes = buffer_packet_len(b);
    if (f->src != SHARED_HASH_NONE)
        counter_pair_add(&c[f->src], 1, bytes);
    if (f->dst != SHARED_HASH_NONE)
        counter_pair_add(&c[f->dst], 1, bytes);
    tally_add(&counter_simple(n->counter[dir], thread_index(t))[b->rx_if.i], 1);
}

/* b is the caller's to write in, and has its headers in one piece if that can be. */
static u16 nat66_one(const struct nat66_data *n, struct thread *t, struct node *nd,
                     struct buffer *b, enum nat66_dir dir, struct nat66_found f)
{
    struct fib_index own = ip_if_fib(IP_FAMILY_6, b->rx_if), fib = own;
    bool wants = nat66_wants(n, b, dir, &f, &fib);
    if (unlikely(b->flags & BUFFER_TRACED) && wants) {
        struct nat66_trace note = {1 + (f.src != SHARED_HASH_NONE ? f.src : f.dst)};
        trace_note(t, b, &note, sizeof(note));
    }
    if (!wants)
        return feature_next(b);
    struct nat66_change c = {nat66_mapping_at(n, f.src), nat66_mapping_at(n, f.dst)};
    if (nat66_is_at_end(buffer_current(b), c.dst, fib)) {
        ip6_note_icmp_error(b, ICMP6_TIME_EXCEEDED, ICMP6_HOP_LIMIT_EXCEEDED, 0);
        return node_drop(nd, b, NAT66_ERR_TTL, NAT66_NEXT_ICMP_ERROR);
    }
    u32 partial = b->flags & BUFFER_CSUM_PARTIAL ? (u32)(b->csum_start - b->start) : 0;
    if (!nat66_translate(buffer_current(b), b->len, &c, partial))
        return node_drop(nd, b, NAT66_ERR_MALFORMED, NAT66_NEXT_DROP);
    nat66_count(n, t, b, dir, &f);
    b->flags |= BUFFER_NATTED;
    if (fib.i != own.i) {
        ip_scratch(b)->fib = fib;
        b->flags |= BUFFER_IN_FIB;
    }
    return feature_next(b);
}

/* In a buffer of its own, with its headers in one piece. */
static u16 nat66_make_ready(const struct nat66_data *n, struct thread *t, struct node *nd,
                            struct buffer *b, enum nat66_dir dir, struct nat66_found f)
{
    struct buffer *own = own_to_write(t, b);
    if (unlikely(!own)) {
        node_count(nd, NAT66_ERR_NO_BUFFER, 1);
        return NEXT_CONSUMED;
    }
    u32 want = (u32)min_u64(buffer_packet_len(own), NAT66_HEADERS_BYTES);
    if (own->len < want)
        (void)!buffer_pull(t, own, want); /* what is missing then, nat66_translate may do without */
    u16 next = nat66_one(n, t, nd, own, dir, f);
    if (likely(own == b))
        return next;
    u32 bi = buffer_index(own);
    node_enqueue(t, nd, next, &bi, 1);
    return NEXT_CONSUMED;
}

/* Whether it is worth a closer look. */
ALWAYS_INLINE bool nat66_may_want(const struct buffer *b, enum nat66_dir dir,
                                  const struct nat66_found *f)
{
    const struct ip6_header *ip = buffer_current(b);
    if (unlikely(b->flags & BUFFER_NATTED)) /* once is enough */
        return false;
    if (dir == NAT66_OUT2IN)
        return f->dst != SHARED_HASH_NONE;
    return f->src != SHARED_HASH_NONE || ip->protocol == IP_PROTOCOL_ICMP6 ||
           ip6_is_extension(ip->protocol);
}

ALWAYS_INLINE void nat66_node(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                              u32 count, enum nat66_dir dir)
{
    const struct nat66_data *n = nat66_now();
    u32 src[FRAME_PKTS], dst[FRAME_PKTS];
    if (likely(n) && dir == NAT66_IN2OUT)
        find_ends(n, b, count, true, src);
    if (likely(n))
        find_ends(n, b, count, false, dst);
    for (u32 i = 0; i < count; i++) {
        struct nat66_found f = {SHARED_HASH_NONE, SHARED_HASH_NONE};
        if (likely(n))
            f = (struct nat66_found){dir == NAT66_IN2OUT ? src[i] : SHARED_HASH_NONE, dst[i]};
        next[i] = likely(n) && nat66_may_want(b[i], dir, &f)
                      ? nat66_make_ready(n, t, nd, b[i], dir, f)
                      : feature_next(b[i]);
    }
}

void NODE_FN(nat66_in2out)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                           u32 count)
{
    nat66_node(t, nd, b, next, count, NAT66_IN2OUT);
}

void NODE_FN(nat66_out2in)(struct thread *t, struct node *nd, struct buffer **b, u16 *next,
                           u32 count)
{
    nat66_node(t, nd, b, next, count, NAT66_OUT2IN);
}
