/* What the expresses of IPv4 and IPv6 have in common, which is all but what a sound header is, and
 * how a route is found. Three passes over a vector:
 *
 *   gather    frames to this station with a sound header, hop left
 *   find      (the protocol's) their routes; then the routes' load balances: one adjacency
 *   leave     of all with the same adjacency: counted, one hop less, the link's header, the port
 *
 * See net/link/ethernet/express.h. Context: data threads. */
#pragma once

#include "engine/counter.h"
#include "engine/node_within.h"
#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib_data.h"
#include "net/link/ethernet/express.h"
#include "net/link/gso/gso.h"
#include "net/link/interface/leave.h"

struct module;

/* What has to be done about a packet by others. */
#define IP_EXPRESS_ODD_FLAGS                                                                       \
    (BUFFER_LINK_GROUP | BUFFER_LOCAL | BUFFER_IN_FIB | BUFFER_TUNNEL | BUFFER_TRACED)

/* Blocks of a size that what was asked for is still there when it is needed. */
#define IP_EXPRESS_BLOCK 32

/* What an express needs to know of the nodes in whose place it works. */
struct ip_express {
    const struct feature_arc *unicast; /* that would start at ipX-input */
    struct node_index input, lookup, rewrite;
    u16 ethernet_next, input_next; /* edges of ethernet-input to ipX-input, of that to ipX-lookup */
};

/* What has to be right about a header: for ipX-input, and for sending on. Between these are the
 * features. */
enum ip_express_check { IP_EXPRESS_SOUND = 1 << 0, IP_EXPRESS_HOP = 1 << 1 };

/* What is the protocol's own: known when its express is compiled. */
struct ip_express_protocol {
    enum ip_family family;
    u32 buffer_flag; /* of packets behind ipX-input */
    u32 counter;     /* of interfaces */
    u32 start, mask; /* of four bytes from the ethernet type on: no other packets are taken */
    u32 header_bytes;
    /* 0, unless there is more to do; checks: IP_EXPRESS_* */
    u32 (*odd)(const u8 *header, u32 len, u32 checks);
    /* of a packet without that start: whether it is one that nodes send on, too; p: its type */
    bool (*detours)(const u8 *p);
    u32 (*length)(const u8 *header);
    void (*hop)(u8 *header);            /* one less */
    u32 (*fragment)(const u8 *header);  /* not 0: it may be one */
    u32 (*elsewhere)(const u8 *header); /* not 0: its destination is none to be looked up here */
    u32 (*flow_hash)(const u8 *header, u32 len, u32 fields);
};

/* Packets of one view that go on, and what their protocol knows of their routes. */
struct ip_gathered {
    u32 n;
    u32 flags;            /* of any */
    u32 longest;          /* datagram, bytes */
    i16 lowest;           /* place of a header in its buffer */
    u16 at[FRAME_PKTS];   /* place in the vector */
    u32 leaf[FRAME_PKTS]; /* 2 * route + 1, when that was found; IPv4: a word of the trie before */
    u32 adj[FRAME_PKTS];
    union {
        struct {
            bool same;           /* all are to one destination */
            bool deeper;         /* not all are at a leaf */
            u32 dst[FRAME_PKTS]; /* host order */
        } ip4;
        struct ip6_destinations {
            u64 first[2];
            u64 differ; /* 0: all have the first one's */
        } ip6;
    };
};

/* For each view: what does not change while it is under way. */
struct ip_way {
    const struct ip_express *s;
    const struct express_view *v;
    const struct fib_table_data *table;
    struct counter_pair *to;
    u32 default_leaf;
    u32 flow_fields;
    u32 packets; /* taken of the view, and their bytes as they came in */
    u64 rx_bytes;
};

/* What packets of one adjacency have in common. */
struct ip_exit {
    struct adj_head head;
    struct leave leave;
    u64 first, second, last; /* the rewrite's first 16 bytes, and its last 8 */
};

/* --- gather --- */

/* What has to be kept of packet k, b, before its route is found. */
typedef void ip_express_keep(void *own, struct ip_gathered *g, u32 k, struct buffer *b,
                             const u8 *header);

/* Packets on a chain of features, and where they are. */
struct ip_featured {
    const struct feature_chain *chain;
    struct node *node;
    struct feature_vector at;
    u32 n;
    struct buffer *b[FRAME_PKTS];
    enum feature_changes changes; /* of all features together */
    u32 ended;                    /* not 0: the last hop of one is here */
    u32 fragments;                /* not 0: one may be a fragment */
    u16 *next;                    /* of the vector that they were gathered from */
};

/* As ipX-input leaves them, before the first feature. */
ALWAYS_INLINE void ip_features_begin(const struct ip_way *way, struct ip_featured *x, u32 k,
                                     struct buffer *b, const u8 *header,
                                     const struct ip_express_protocol *ip)
{
    u32 link_bytes = way->v->header_bytes;
    b->len = (u16)(b->flags & BUFFER_NEXT ? b->len - link_bytes : ip->length(header));
    b->l2_start = b->start;
    b->start = b->l3_start = (i16)(b->start + (i32)link_bytes);
    b->rx_if = way->v->rx_if;
    b->flags |= ip->buffer_flag;
    x->b[k] = b;
}

/* Packets from i on that are of the view, with these checks (IP_EXPRESS_*); returns where another
 * view begins or a packet makes a detour, or count. Those that are known to be sound are behind
 * features, and begin with their header. x: features that come next, all are taken for them; NULL:
 * none. */
ALWAYS_INLINE u32 ip_express_gather(struct ip_way *way, struct thread *t, struct buffer **b, u32 i,
                                    u32 count, struct ip_gathered *g, struct ip_featured *x,
                                    const struct ip_express_protocol *ip, u32 checks,
                                    ip_express_keep *keep, void *own)
{
    const struct express_view *v = way->v;
    bool behind = !(checks & IP_EXPRESS_SOUND);
    u32 header = behind ? 0 : v->header_bytes, kept = 0, flags = 0, longest = 0, ended = 0;
    u32 fragments = 0;
    u64 rx_bytes = 0;
    i32 lowest = INT16_MAX;
    u64 mac = v->mac;
    for (; i < count; i++) {
        if (likely(i + 8 < count)) {
            __builtin_prefetch(b[i + 8]);
            __builtin_prefetch(buffer_current(b[i + 4]));
        }
        const u8 *frame = buffer_current(b[i]), *p = frame + header;
        u32 len = b[i]->len, f = b[i]->flags;
        if (unlikely(len < header + ip->header_bytes)) {
            if (!(f & BUFFER_NEXT))
                continue;
            thread_detour(t); /* the header is in two */
            break;
        }
        if (unlikely(behind ? !if_equal(b[i]->rx_if, v->port) : !express_view_has(v, b[i], frame)))
            break;
        if (unlikely((load_u32(p - 2) & ip->mask) != ip->start)) {
            if (!ip->detours(p - 2))
                continue;
            thread_detour(t);
            break;
        }
        u32 length = ip->length(p), odd = f & IP_EXPRESS_ODD_FLAGS;
        if (unlikely(f & BUFFER_NEXT)) {
            len = buffer_packet_len(b[i]);
            if (length != len - header) { /* more than one buffer to cut */
                thread_detour(t);
                break;
            }
        }
        odd |= !behind && ((load_u64(frame) ^ mac) & MAC_MASK) != 0;
        odd |= ip->odd(p, len - header, checks);
        if (unlikely(odd))
            continue;
        flags |= f;
        longest = length > longest ? length : longest;
        lowest = b[i]->start < lowest ? b[i]->start : lowest;
        g->at[kept] = (u16)(x ? kept : i);
        if (!x || x->changes == FEATURE_CHANGES_NOTHING)
            keep(own, g, kept, b[i], p);
        if (x) {
            rx_bytes += len;
            ended |= ip->odd(p, len - header, IP_EXPRESS_HOP);
            fragments |= ip->fragment(p);
            x->next[i] = NEXT_CONSUMED;
            ip_features_begin(way, x, kept, b[i], p, ip);
        }
        kept++;
    }
    if (x) {
        way->rx_bytes += rx_bytes;
        x->ended = ended;
        x->fragments = fragments;
    }
    g->n = kept;
    g->flags = flags;
    g->longest = longest;
    g->lowest = (i16)(lowest + (i32)header);
    return i;
}

/* All that was gathered is behind features that may have changed addresses: what else was found
 * then is so. false: others have more to do about one of them. */
ALWAYS_INLINE bool ip_express_look_again(struct ip_gathered *g, struct buffer *const *b,
                                         const struct ip_express_protocol *ip,
                                         ip_express_keep *keep, void *own)
{
    u32 flags = 0, odd = 0;
    for (u32 k = 0; k < g->n; k++) {
        const u8 *p = buffer_current(b[k]);
        flags |= b[k]->flags;
        odd |= ip->elsewhere(p);
        keep(own, g, k, b[k], p);
    }
    g->flags = flags;
    return !(odd | (flags & IP_EXPRESS_ODD_FLAGS));
}

/* --- find: from the route to the adjacency --- */

ALWAYS_INLINE u32 ip_express_adj_of(u32 leaf)
{
    struct lb lb = lb_load(leaf >> 1);
    return lb.mask ? ADJ_DROP.i : lb.first;
}

/* Of several: that of the packet's flow, of which what lies behind the datagram is no part. */
ALWAYS_INLINE u32 ip_express_adj_of_flow(const struct ip_way *way, u32 leaf, const struct buffer *b,
                                         const struct ip_express_protocol *ip)
{
    struct lb lb = lb_load(leaf >> 1);
    u32 header = way->v->header_bytes, hash = 0;
    const u8 *p = (const u8 *)buffer_current(b) + header;
    if (lb.mask)
        hash = ip->flow_hash(p, (u32)min_u64(ip->length(p), b->len - header), way->flow_fields);
    return lb_pick(lb, hash);
}

/* The adjacency of each in [from, to) by its route alone, whose region of routes does not say it.
 */
ALWAYS_INLINE bool ip_express_find_differing(const struct ip_way *way, struct ip_gathered *g,
                                             struct buffer *const *b, u32 from, u32 to,
                                             const struct ip_express_protocol *ip)
{
    u32 differ = 0;
    for (u32 i = from; i < to; i++) {
        u32 route = g->leaf[i] >> 1;
        if (g->adj[i] == LB_DIFFER)
            g->adj[i] = lb_group_load(route);
        __builtin_prefetch(&lb_base[g->adj[i] == LB_DIFFER ? route : 0]);
    }
    for (u32 i = from; i < to; i++) {
        if (g->adj[i] == LB_DIFFER) /* its group of routes does not say it, either */
            g->adj[i] = ip_express_adj_of_flow(way, g->leaf[i], b[g->at[i]], ip);
        differ |= g->adj[i] ^ g->adj[0];
    }
    return !differ;
}

/* The adjacency of each in [from, to), whose leaves are known; ADJ_DROP where it takes more than a
 * look to know. Returns whether all have that of the first packet. */
ALWAYS_INLINE bool ip_express_find(const struct ip_way *way, struct ip_gathered *g,
                                   struct buffer *const *b, u32 from, u32 to,
                                   const struct ip_express_protocol *ip)
{
    u32 differ = 0, unknown = 0;
    for (u32 i = from; i < to; i++) {
        u32 route = g->leaf[i] >> 1, adj = lb_region_load(route);
        unknown |= adj == LB_DIFFER;
        g->adj[i] = adj;
        differ |= adj ^ g->adj[0];
        __builtin_prefetch(&lb_group_adj[adj == LB_DIFFER ? route / LB_GROUP : 0]);
    }
    if (likely(!unknown))
        return !differ;
    return ip_express_find_differing(way, g, b, from, to, ip);
}

/* --- leave --- */

/* false: packets with that adjacency are left. */
static bool ip_exit_of(struct ip_exit *x, const struct ip_express *s, struct thread *t, u32 adj)
{
    const struct adj *a = adj_at(adj);
    u64 words[ADJ_REWRITE_BYTES_MAX / 8];
    x->head = adj_head(a);
    if (x->head.kind != ADJ_KIND_REWRITE || x->head.rewrite_len < ETHERNET_HEADER_BYTES ||
        x->head.rewrite_len > 24)
        return false;
    struct node_index output = node_target(thread_node(t, s->rewrite), x->head.rewrite_next);
    if (!leave_find(&x->leave, a->tx_if, output))
        return false;
    for (u32 i = 0; i < array_len(words); i++)
        words[i] = __atomic_load_n(&a->rewrite[i], __ATOMIC_RELAXED);
    x->first = words[0];
    x->second = words[1];
    x->last = load_u64((const u8 *)words + x->head.rewrite_len - 8);
    return true;
}

/* One hop less, and the link's header in front (never a byte before: that may be a peer's memory);
 * everything that the nodes on the way leave in the packet. bytes: of that header. */
ALWAYS_INLINE void ip_exit_take(const struct ip_exit *x, struct buffer *b, u32 header, u32 bytes,
                                u32 length, struct if_index rx_if, struct if_index tx_if,
                                const struct ip_express_protocol *ip)
{
    i16 l3 = (i16)(b->start + (i32)header), l2 = (i16)(l3 - (i32)bytes);
    u8 *p = b->data + l3, *frame = p - bytes;
    ip->hop(p);
    store_u64(frame, x->first);
    if (bytes > 16)
        store_u64(frame + 8, x->second);
    store_u64(frame + bytes - 8, x->last);
    b->start = l2;
    b->len = (u16)(length + bytes);
    b->flags |= ip->buffer_flag;
    b->rx_if = rx_if;
    b->tx_if = tx_if;
    b->l2_start = l2;
    b->l3_start = l3;
}

ALWAYS_INLINE void ip_exit_send(struct ip_way *way, const struct ip_exit *x, struct thread *t,
                                const u32 *bi, u32 n, u64 bytes)
{
    way->packets += n;
    node_did(thread_node(t, way->s->rewrite), x->head.rewrite_next, n);
    leave_send(&x->leave, t, bi, n, bytes + (u64)n * x->head.rewrite_len);
}

/* The counters of a block's routes are asked for. */
ALWAYS_INLINE void ip_prefetch_counters(const struct ip_way *way, const struct ip_gathered *g,
                                        u32 from)
{
    u32 to = (u32)min_u64(g->n, from + IP_EXPRESS_BLOCK);
    for (u32 i = from; i < to; i++)
        __builtin_prefetch(&way->to[g->leaf[i] >> 1], 1);
}

/* For those that leave behind the i-th packet: a counter of the next block, and a buffer, which the
 * vector's other lines have put out of the nearest cache. One by one: no more at once than can be
 * under way. */
ALWAYS_INLINE void ip_prefetch_behind(const struct ip_way *way, const struct ip_gathered *g,
                                      struct buffer *const *b, u32 i)
{
    u32 last = g->n - 1, next = (u32)min_u64(i + IP_EXPRESS_BLOCK, last);
    __builtin_prefetch(&way->to[g->leaf[next] >> 1], 1);
    __builtin_prefetch(b[g->at[min_u64(i + 8, last)]], 1);
}

/* What leaves by one adjacency. */
struct ip_left {
    u64 bytes, rx_bytes;
    u32 bi[FRAME_PKTS];
    u32 lengths[FRAME_PKTS]; /* of datagrams */
};

/* Packets of [from, to), none of which is odd in any way. */
ALWAYS_INLINE void ip_take_alike(const struct ip_way *way, const struct ip_exit *x,
                                 const struct ip_gathered *g, struct buffer **b, u16 *next,
                                 u32 from, u32 to, u32 header, u32 rewrite, bool one,
                                 struct ip_left *left, const struct ip_express_protocol *ip)
{
    u64 bytes = 0, rx_bytes = 0;
    struct if_index rx_if = way->v->rx_if, tx_if = leave_port(&x->leave);
    for (u32 i = from; i < to; i++) {
        struct buffer *p = b[g->at[i]];
        if (!one)
            ip_prefetch_behind(way, g, b, i);
        u32 length = ip->length(p->data + p->start + header);
        rx_bytes += p->len;
        bytes += length;
        ip_exit_take(x, p, header, rewrite, length, rx_if, tx_if, ip);
        next[g->at[i]] = NEXT_CONSUMED;
        left->bi[i] = buffer_index(p);
        if (!one)
            left->lengths[i] = length;
    }
    left->bytes += bytes;
    left->rx_bytes += rx_bytes;
}

/* All packets, of one adjacency. one: and of the first's route. */
ALWAYS_INLINE void ip_leave_alike(struct ip_way *way, const struct ip_exit *x, struct thread *t,
                                  const struct ip_gathered *g, struct buffer **b, u16 *next,
                                  u32 header, u32 rewrite, bool one,
                                  const struct ip_express_protocol *ip)
{
    struct ip_left left;
    left.bytes = left.rx_bytes = 0;
    if (one) {
        ip_take_alike(way, x, g, b, next, 0, g->n, header, rewrite, true, &left, ip);
        counter_pair_add(&way->to[g->leaf[0] >> 1], g->n, left.bytes);
    } else {
        ip_prefetch_counters(way, g, 0);
        for (u32 from = 0, to; from < g->n; from = to) {
            to = (u32)min_u64(g->n, from + IP_EXPRESS_BLOCK);
            ip_take_alike(way, x, g, b, next, from, to, header, rewrite, false, &left, ip);
            for (u32 i = from; i < to; i++)
                counter_pair_add(&way->to[g->leaf[i] >> 1], 1, left.lengths[i]);
        }
    }
    way->rx_bytes += left.rx_bytes;
    ip_exit_send(way, x, t, left.bi, g->n, left.bytes);
}

/* The same for links of all kinds, once for each protocol. */
static void ip_leave_tagged(struct ip_way *way, const struct ip_exit *x, struct thread *t,
                            const struct ip_gathered *g, struct buffer **b, u16 *next, bool one,
                            const struct ip_express_protocol *ip)
{
    struct ip_exit local = *x; /* which stores into packets cannot change */
    ip_leave_alike(way, &local, t, g, b, next, way->v->header_bytes, local.head.rewrite_len, one,
                   ip);
}

/* The way out by that adjacency for all packets; false: they have to be looked at one by one. */
ALWAYS_INLINE bool ip_exit_of_all(struct ip_exit *x, const struct ip_way *way, struct thread *t,
                                  const struct ip_gathered *g, u32 adj)
{
    return ip_exit_of(x, way->s, t, adj) && g->longest <= x->head.mtu &&
           g->lowest >= x->head.rewrite_len &&
           !(g->flags & (BUFFER_NEXT | BUFFER_GSO | x->leave.stay_flags));
}

/* All packets have the leaf of the first one; false: as ip_exit_of_all. behind: features. */
ALWAYS_INLINE bool ip_express_all(struct ip_way *way, struct thread *t, const struct ip_gathered *g,
                                  struct buffer **b, u16 *next, bool behind,
                                  const struct ip_express_protocol *ip)
{
    struct ip_exit x;
    u32 header = behind ? 0 : ETHERNET_HEADER_BYTES;
    if (!ip_exit_of_all(&x, way, t, g, ip_express_adj_of(g->leaf[0])))
        return false;
    if (way->v->header_bytes == header && x.head.rewrite_len == ETHERNET_HEADER_BYTES)
        ip_leave_alike(way, &x, t, g, b, next, header, ETHERNET_HEADER_BYTES, true, ip);
    else
        ip_leave_tagged(way, &x, t, g, b, next, true, ip);
    return true;
}

/* All of [from, to) with the adjacency of the first of them; they have none any more, unless all
 * have it. */
ALWAYS_INLINE void ip_leave_by(struct ip_way *way, struct thread *t, struct ip_gathered *g,
                               struct buffer **b, u16 *next, u32 from, u32 to, bool all,
                               const struct ip_express_protocol *ip)
{
    struct ip_exit x;
    u32 bi[FRAME_PKTS], n = 0, adj = g->adj[from];
    u32 routes[IP_EXPRESS_BLOCK], lengths[IP_EXPRESS_BLOCK], header = way->v->header_bytes;
    u64 bytes = 0;
    bool open = !thread_detours(t) && ip_exit_of(&x, way->s, t, adj);
    for (u32 i = from; i < to; i++) {
        if (g->adj[i] != adj)
            continue;
        if (!all)
            g->adj[i] = UINT32_MAX;
        struct buffer *p = b[g->at[i]];
        u32 length = ip->length(p->data + p->start + header);
        u32 longest = unlikely(p->flags & BUFFER_GSO) ? gso_longest_bytes(p) - header : length;
        u32 here = unlikely(p->flags & BUFFER_NEXT) ? p->len - header : length;
        open = open && !leave_stays(&x.leave, t, p);
        if (unlikely(!open || longest > x.head.mtu || p->start + (i32)header < x.head.rewrite_len))
            continue;
        routes[n] = g->leaf[i] >> 1;
        lengths[n] = length;
        bytes += length;
        way->rx_bytes += buffer_packet_len(p);
        ip_exit_take(&x, p, header, x.head.rewrite_len, here, way->v->rx_if, leave_port(&x.leave),
                     ip);
        next[g->at[i]] = NEXT_CONSUMED;
        bi[n++] = buffer_index(p);
    }
    if (unlikely(!n))
        return;
    for (u32 i = 0; i < n; i++)
        counter_pair_add(&way->to[routes[i]], 1, lengths[i]);
    ip_exit_send(way, &x, t, bi, n, bytes);
}

/* Packets of a block, whose adjacencies are known. alike: all have the same. */
ALWAYS_INLINE void ip_express_leave(struct ip_way *way, struct thread *t, struct ip_gathered *g,
                                    struct buffer **b, u16 *next, u32 from, u32 to, bool alike,
                                    const struct ip_express_protocol *ip)
{
    for (u32 i = from; i < to; i = alike ? to : i + 1)
        if (g->adj[i] != UINT32_MAX)
            ip_leave_by(way, t, g, b, next, i, to, alike, ip);
}

/* Packets whose leaves are known, one by one. */
ALWAYS_INLINE void ip_express_each(struct ip_way *way, struct thread *t, struct ip_gathered *g,
                                   struct buffer **b, u16 *next,
                                   const struct ip_express_protocol *ip)
{
    struct ip_exit x;
    bool alike = true;
    for (u32 from = 0, to; from < g->n; from = to) {
        to = (u32)min_u64(g->n, from + IP_EXPRESS_BLOCK);
        alike &= ip_express_find(way, g, b, from, to, ip);
    }
    if (alike && ip_exit_of_all(&x, way, t, g, g->adj[0])) {
        ip_leave_tagged(way, &x, t, g, b, next, false, ip);
        return;
    }
    for (u32 from = 0, to; from < g->n; from = to) {
        to = (u32)min_u64(g->n, from + IP_EXPRESS_BLOCK);
        ip_prefetch_counters(way, g, from);
        ip_express_leave(way, t, g, b, next, from, to, alike, ip);
    }
}

/* --- a vector --- */

/* Of the protocol: as ip_express_gather. */
typedef u32 ip_express_gather_fn(struct ip_way *way, struct thread *t, struct buffer **b, u32 i,
                                 u32 count, struct ip_gathered *g, struct ip_featured *x,
                                 u32 checks);
/* Of the protocol: as ip_express_look_again. */
typedef bool ip_express_look_again_fn(struct ip_gathered *g, struct buffer *const *b);
/* Of the protocol: finds, and leaves with, what was gathered, which is not nothing. behind:
 * features. */
typedef void ip_express_send_fn(struct ip_way *way, struct thread *t, struct ip_gathered *g,
                                struct buffer **b, u16 *next, bool behind);

/* Packets that came in and went along that edge of ipX-input. */
ALWAYS_INLINE void ip_express_count_input(const struct ip_way *way, struct thread *t,
                                          struct node *n, u16 edge,
                                          const struct ip_express_protocol *ip)
{
    express_count_rx(way->v, t, way->packets, way->rx_bytes);
    interface_count(t, ip->counter, way->v->rx_if, way->packets, 0);
    node_sent(n, way->s->ethernet_next, way->packets);
    node_did(thread_node(t, way->s->input), edge, way->packets);
}

ALWAYS_INLINE void ip_express_count(const struct ip_way *way, struct thread *t, struct node *n,
                                    const struct ip_express_protocol *ip)
{
    if (unlikely(!way->packets))
        return;
    ip_express_count_input(way, t, n, way->s->input_next, ip);
    node_did(thread_node(t, way->s->lookup), FIB_NEXT_REWRITE, way->packets);
}

/* --- with features: their nodes' functions between gathering and finding --- */

/* What packets that come to the chain's end may have changed since its start. */
static enum feature_changes ip_features_change(const struct ip_way *way,
                                               const struct feature_chain *chain, struct thread *t)
{
    enum feature_changes all = FEATURE_CHANGES_NOTHING;
    for (u32 slot = 0; chain->nodes[slot] != way->s->lookup.i;) {
        u8 its = thread_node(t, (struct node_index){chain->nodes[slot]})->feature_changes;
        all = its < all ? (enum feature_changes)its : all;
        slot = feature_slot(chain->step[slot].at);
    }
    return all;
}

/* Whether all go on along the chain. */
ALWAYS_INLINE bool ip_features_all_on(const u16 *next, u32 n, u16 on)
{
    u32 differ = 0;
    for (u32 k = 0; k < n; k++)
        differ |= next[k] ^ on;
    return !differ;
}

/* Those that go on along the chain stay; others are sent where they go. */
static void ip_features_part(struct thread *t, struct ip_featured *x, const u16 *next)
{
    u32 bi[FRAME_PKTS], n = 0, on = 0;
    u16 elsewhere[FRAME_PKTS];
    for (u32 k = 0; k < x->n; k++) {
        struct buffer *b = x->b[k];
        if (next[k] == x->at.on) {
            x->b[on++] = b;
        } else if (next[k] != NEXT_CONSUMED) {
            if (x->node->feature_vectors)
                feature_vector_keep(&x->at, b);
            bi[n] = buffer_index(b);
            elsewhere[n++] = next[k];
        }
    }
    x->n = on;
    node_enqueue_each(t, x->node, bi, elsewhere, n);
}

/* Runs the features, up to the chain's end. */
static void ip_features_run(const struct ip_way *way, struct ip_featured *x, struct thread *t,
                            struct node *n)
{
    u16 next[FRAME_PKTS];
    for (u32 slot = 0; x->n;) {
        x->node = thread_node(t, (struct node_index){x->chain->nodes[slot]});
        x->at.here = x->chain->step[slot];
        slot = feature_slot(x->at.here.at);
        x->at.on = feature_edge(x->chain->step[slot].at);
        if (x->node->feature_fragments && !x->fragments) {
            node_had(x->node, x->n);
        } else {
            node_run_within(t, n, x->node, &x->at, x->b, next, x->n);
            if (unlikely(!ip_features_all_on(next, x->n, x->at.on)))
                ip_features_part(t, x, next);
        }
        if (x->chain->nodes[slot] == way->s->lookup.i)
            return;
        node_sent(x->node, x->at.on, x->n);
    }
}

/* What is left goes to ipX-lookup. */
static void ip_features_leave(struct thread *t, const struct ip_featured *x, const u16 *next,
                              u32 taken)
{
    u32 bi[FRAME_PKTS], n = 0;
    for (u32 k = 0; k < x->n && taken < x->n; k++)
        if (next[k] == EXPRESS_LEFT)
            bi[n++] = buffer_index(x->b[k]);
    if (n)
        node_enqueue(t, x->node, x->at.on, bi, n);
    if (taken)
        node_sent(x->node, x->at.on, taken);
}

/* Whether what was gathered, of which all is behind the features, is as it was, or was looked at
 * again. */
ALWAYS_INLINE bool ip_features_know(const struct ip_featured *x, struct ip_gathered *g,
                                    ip_express_look_again_fn *look_again)
{
    if (x->ended || x->n != g->n || x->changes == FEATURE_CHANGES_ANYTHING)
        return false;
    return x->changes == FEATURE_CHANGES_NOTHING || look_again(g, x->b);
}

/* Packets from i on that are of the view, which has features; returns as ip_express_gather. All
 * that it gathers are taken: behind features they are no more as they came. They are gathered
 * again, unless these say that they change less. */
ALWAYS_INLINE u32 ip_express_featured(
    struct ip_way *way, struct thread *t, struct node *n, const struct feature_chain *chain,
    struct buffer **b, u16 *next, u32 i, u32 count, const struct ip_express_protocol *ip,
    ip_express_gather_fn *gather, ip_express_look_again_fn *look_again, ip_express_send_fn *send)
{
    struct express_view behind = {.port = way->v->rx_if, .rx_if = way->v->rx_if};
    struct ip_featured x;
    struct ip_gathered g;
    u16 left[FRAME_PKTS];
    x.chain = chain;
    x.changes = ip_features_change(way, chain, t);
    x.next = next;
    i = gather(way, t, b, i, count, &g, &x, IP_EXPRESS_SOUND);
    u32 all = g.n;
    if (!all)
        return i;
    x.n = way->packets = all;
    ip_express_count_input(way, t, n, feature_edge(chain->step[0].at), ip);
    ip_features_run(way, &x, t, n);
    memset(left, 0, x.n * sizeof(left[0])); /* EXPRESS_LEFT */
    way->v = &behind;
    way->packets = 0;
    bool known = ip_features_know(&x, &g, look_again);
    for (u32 k = 0; k < x.n && !thread_detours(t);) {
        u32 to = known ? all : gather(way, t, x.b, k, x.n, &g, NULL, IP_EXPRESS_HOP);
        if (likely(g.n))
            send(way, t, &g, x.b, left, true);
        k = to > k ? to : k + 1; /* a feature gave it another interface */
    }
    if (way->packets)
        node_did(thread_node(t, way->s->lookup), FIB_NEXT_REWRITE, way->packets);
    ip_features_leave(t, &x, left, way->packets);
    way->packets = all;
    return i;
}

/* The whole express; arguments and result of an express_fn. */
ALWAYS_INLINE u32 ip_express_run(struct thread *t, struct node *n, const struct ip_express *s,
                                 const struct express_view *v, struct buffer **b, u16 *next,
                                 u32 count, const struct ip_express_protocol *ip,
                                 ip_express_gather_fn *gather, ip_express_look_again_fn *look_again,
                                 ip_express_send_fn *send)
{
    struct ip_way way = {.s = s, .to = counter_combined(fib_counters_to, thread_index(t))};
    struct express_view later;
    struct ip_gathered g;
    u32 all = 0;
    if (unlikely(adj_is_counting()))
        return 0;
    for (u32 i = 0; i < count && !thread_detours(t);) {
        bool found = !i || express_view_of(&later, b[i]);
        way.v = i ? &later : v;
        if (unlikely(!found) || way.v->l2_mode) {
            i++;
            continue;
        }
        const struct feature_chain *chain = feature_chain_of(s->unicast, way.v->rx_if);
        way.table = fib_table_data(ip_if_fib(ip->family, way.v->rx_if));
        way.default_leaf = __atomic_load_n(&way.table->default_leaf, FIB_LOAD_ORDER);
        way.flow_fields = fib_flow_fields(way.table);
        way.packets = 0;
        way.rx_bytes = 0;
        if (unlikely(chain)) {
            i = ip_express_featured(&way, t, n, chain, b, next, i, count, ip, gather, look_again,
                                    send);
        } else {
            i = gather(&way, t, b, i, count, &g, NULL, IP_EXPRESS_HOP | IP_EXPRESS_SOUND);
            if (likely(g.n))
                send(&way, t, &g, b, next, false);
            ip_express_count(&way, t, n, ip);
        }
        all += way.packets;
    }
    return all;
}

/* --- their modules --- */

extern const struct module ip4_express_module, ip6_express_module;

NODE_DECLARE_AS(express_fn, ip4_express);
NODE_DECLARE_AS(express_fn, ip6_express);
