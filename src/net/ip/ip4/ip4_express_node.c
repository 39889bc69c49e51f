/* The express of IPv4: what ethernet-input, ip4-input, ip4-lookup, ip4-rewrite and X-output do with
 * the packets that a router sees in their millions, in three passes over a vector. Those nodes say
 * what is right; see net/link/ethernet/express.h.
 *
 *   gather    frames to this station with a sound IPv4 header, hop left: their word of the root
 *   find      deeper into the trie, then the route's load balance: one adjacency
 *   leave     of all with the same adjacency: counted, one hop less, the link's header, the port */
#include "engine/counter.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_express.h"
#include "net/ip/ip4/ip4_flow_hash.h"
#include "net/ip/ip4/ip4_forward.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/link/ethernet/express.h"
#include "net/link/gso/gso.h"
#include "net/link/interface/leave.h"
#include "net/packet/ip4_packet.h"

/* What has to be done about a packet by others. */
#define IP4_EXPRESS_ODD_FLAGS                                                                      \
    (BUFFER_LINK_GROUP | BUFFER_LOCAL | BUFFER_IN_FIB | BUFFER_TUNNEL | BUFFER_TRACED)

/* Blocks of a size that what was asked for is still there when it is needed. */
#define IP4_BLOCK 32

/* Packets of one view that go on. */
struct gathered {
    u32 n;
    u32 deeper;           /* a word with bit 0 clear: not all are at a leaf */
    u32 differ;           /* 0: all have the same word */
    u32 flags;            /* of any */
    u32 longest;          /* datagram, bytes */
    i16 lowest;           /* place of a header in its buffer */
    u16 at[FRAME_PKTS];   /* place in the vector */
    u32 dst[FRAME_PKTS];  /* host order */
    u32 word[FRAME_PKTS]; /* of the trie; then the leaf */
    u32 adj[FRAME_PKTS];
};

/* What packets of one adjacency have in common. */
struct ip4_exit {
    struct adj_head head;
    struct leave leave;
    u64 first, second, last; /* the rewrite's first 16 bytes, and its last 8 */
};

/* In each vector: what does not change while it is under way. */
struct ip4_way {
    const struct ip4_express *s;
    const struct express_view *v;
    struct counter_pair *to;
    u32 default_leaf;
    u32 flow_fields;
    u32 packets; /* taken of the view, and their bytes as they came in */
    u64 rx_bytes;
};

/* The type, IPv4, and a header without options: four bytes from the type on, without the TOS. */
#define IP4_PLAIN_START                                                                            \
    (BYTEORDER_SWAP ? 0x450008u : (u32)ETHERTYPE_IP4 << 16 | IP4_VERSION_IHL_PLAIN << 8)
#define IP4_PLAIN_MASK (BYTEORDER_SWAP ? 0xffffffu : 0xffffff00u)

/* 0, unless a router has more to do with h than to send it on. len: of the packet from h on. */
ALWAYS_INLINE u32 header_is_odd(const u8 *p, const struct ip4_header *h, u32 len)
{
    u32 odd = ip4_length(h) - (u32)sizeof(*h) > len - (u32)sizeof(*h);
    odd |= h->ttl <= 1;
    odd |= (h->fragment.raw & be16_from_host(IP4_OFFSET_MASK).raw) == be16_from_host(1).raw;
    odd |= ip4_special_bytes[p[12]] | ip4_special_bytes[p[16]];
    odd |= csum_is_wrong(csum_add64(csum_add64(load_u32(p + 16), load_u64(p)), load_u64(p + 8)));
    return odd;
}

/* Packets from i on that are of view v; returns where another view begins, or count. */
ALWAYS_INLINE u32 ip4_gather(const struct express_view *v, const u32 *root, struct buffer **b,
                             u32 i, u32 count, struct gathered *g)
{
    u32 header = v->header_bytes, kept = 0, deeper = ~0u, same = ~0u, any = 0, flags = 0;
    u32 longest = 0;
    i32 lowest = INT16_MAX;
    u64 mac = v->mac;
    for (; i < count; i++) {
        if (likely(i + 8 < count)) {
            __builtin_prefetch(b[i + 8]);
            __builtin_prefetch(buffer_current(b[i + 4]));
        }
        const u8 *frame = buffer_current(b[i]), *p = frame + header;
        const struct ip4_header *h = (const void *)p;
        u32 len = b[i]->len, f = b[i]->flags;
        if (unlikely(len < header + sizeof(*h)))
            continue;
        if (unlikely(!express_view_has(v, b[i], frame)))
            break;
        if (unlikely((load_u32(p - 2) & IP4_PLAIN_MASK) != IP4_PLAIN_START))
            continue;
        u32 length = ip4_length(h), odd = f & IP4_EXPRESS_ODD_FLAGS;
        if (unlikely(f & BUFFER_NEXT)) {
            len = buffer_packet_len(b[i]);
            odd |= length != len - header; /* more than one buffer to cut */
        }
        odd |= ((load_u64(frame) ^ mac) & MAC_MASK) != 0;
        odd |= header_is_odd(p, h, len - header);
        if (unlikely(odd))
            continue;
        u32 dst = be32_to_host(h->dst), w = ip4_trie_load(&root[dst >> 16]);
        flags |= f;
        longest = length > longest ? length : longest;
        lowest = b[i]->start < lowest ? b[i]->start : lowest;
        deeper &= w;
        same &= w;
        any |= w;
        g->at[kept] = (u16)i;
        g->dst[kept] = dst;
        g->word[kept] = w;
        kept++;
    }
    g->n = kept;
    g->deeper = ~deeper & 1;
    g->differ = same ^ any;
    g->flags = flags;
    g->longest = longest;
    g->lowest = (i16)(lowest + (i32)header);
    return i;
}

/* A level further for all that are not at a leaf; shift: where the level's byte lies. Returns
 * whether any still is not. */
ALWAYS_INLINE u32 ip4_descend(const struct ip4_way *way, struct gathered *g, u32 from, u32 to,
                              unsigned shift)
{
    u32 deeper = 0;
    for (u32 i = from; i < to; i++) {
        u32 w = g->word[i];
        /* at a leaf: itself again, without a branch */
        const u32 *p = &ip4_trie_blocks[(size_t)w * 128 + ((g->dst[i] >> shift) & 255)];
        p = w & 1 ? &g->word[i] : p;
        w = ip4_trie_load(p);
        w = w ? w : way->default_leaf;
        g->word[i] = w;
        deeper |= ~w & 1;
    }
    return deeper;
}

ALWAYS_INLINE u32 ip4_adj_of(u32 leaf)
{
    struct lb lb = lb_load(leaf >> 1);
    return lb.mask ? ADJ_DROP.i : lb.first;
}

/* Of several: that of the packet's flow. */
ALWAYS_INLINE u32 ip4_adj_of_flow(const struct ip4_way *way, u32 leaf, const struct buffer *b)
{
    struct lb lb = lb_load(leaf >> 1);
    u32 header = way->v->header_bytes, hash = 0;
    const u8 *p = (const u8 *)buffer_current(b) + header;
    if (lb.mask)
        hash = ip4_flow_hash_of((const void *)p, b->len - header, way->flow_fields);
    return lb_pick(lb, hash);
}

/* The same for those whose group of routes does not say it. Returns 0 when all have the same. */
static u32 ip4_find_each(const struct ip4_way *way, struct gathered *g, struct buffer *const *b,
                         u32 from, u32 to)
{
    u32 differ = 0;
    for (u32 i = from; i < to; i++) {
        if (g->adj[i] == LB_DIFFER)
            g->adj[i] = ip4_adj_of_flow(way, g->word[i], b[g->at[i]]);
        differ |= g->adj[i] ^ g->adj[from];
    }
    return differ;
}

/* The adjacency of each; ADJ_DROP where it takes more than a look to know. Returns whether all have
 * the same. */
ALWAYS_INLINE bool ip4_find(const struct ip4_way *way, struct gathered *g, struct buffer *const *b,
                            u32 from, u32 to)
{
    if (g->deeper) {
        for (u32 i = from; i < to; i++)
            g->word[i] = g->word[i] ? g->word[i] : way->default_leaf;
        if (ip4_descend(way, g, from, to, 8))
            ip4_descend(way, g, from, to, 0);
    }
    u32 differ = 0, unknown = 0;
    for (u32 i = from; i < to; i++) {
        u32 route = g->word[i] >> 1, adj = lb_group_load(route);
        unknown |= adj == LB_DIFFER;
        g->adj[i] = adj;
        differ |= adj ^ g->adj[from];
        __builtin_prefetch(&way->to[route], 1);
        __builtin_prefetch(&lb_base[adj == LB_DIFFER ? route : 0]);
    }
    if (unlikely(unknown))
        differ = ip4_find_each(way, g, b, from, to);
    return !differ;
}

/* false: packets with that adjacency are left. */
static bool ip4_exit_of(struct ip4_exit *x, const struct ip4_express *s, struct thread *t, u32 adj)
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
ALWAYS_INLINE void ip4_exit_take(const struct ip4_exit *x, struct buffer *b, u32 header, u32 bytes,
                                 u32 length, struct if_index rx_if, struct if_index tx_if)
{
    i16 l3 = (i16)(b->start + (i32)header), l2 = (i16)(l3 - (i32)bytes);
    u8 *p = b->data + l3, *frame = p - bytes;
    ip4_decrement_ttl((struct ip4_header *)p);
    store_u64(frame, x->first);
    if (bytes > 16)
        store_u64(frame + 8, x->second);
    store_u64(frame + bytes - 8, x->last);
    b->start = l2;
    b->len = (u16)(length + bytes);
    b->flags |= BUFFER_IS_IP4;
    b->rx_if = rx_if;
    b->tx_if = tx_if;
    b->l2_start = l2;
    b->l3_start = l3;
}

ALWAYS_INLINE void ip4_exit_send(struct ip4_way *way, const struct ip4_exit *x, struct thread *t,
                                 const u32 *bi, u32 n, u64 bytes)
{
    way->packets += n;
    node_did(thread_node(t, way->s->rewrite), x->head.rewrite_next, n);
    leave_send(&x->leave, t, bi, n, bytes + (u64)n * x->head.rewrite_len);
}

/* All packets, of one route and adjacency, none of which is odd in any way. */
ALWAYS_INLINE void ip4_leave_alike(struct ip4_way *way, const struct ip4_exit *x, struct thread *t,
                                   const struct gathered *g, struct buffer **b, u16 *next,
                                   u32 header, u32 rewrite)
{
    u32 bi[FRAME_PKTS];
    u64 bytes = 0, rx_bytes = 0;
    struct if_index rx_if = way->v->rx_if, tx_if = leave_port(&x->leave);
    for (u32 i = 0; i < g->n; i++) {
        struct buffer *p = b[g->at[i]];
        u32 length = ip4_length((const void *)(p->data + p->start + header));
        rx_bytes += p->len;
        bytes += length;
        ip4_exit_take(x, p, header, rewrite, length, rx_if, tx_if);
        next[g->at[i]] = NEXT_CONSUMED;
        bi[i] = buffer_index(p);
    }
    way->rx_bytes += rx_bytes;
    counter_pair_add(&way->to[g->word[0] >> 1], g->n, bytes);
    ip4_exit_send(way, x, t, bi, g->n, bytes);
}

/* All of [from, to) with the adjacency of the first of them; they have none any more, unless all
 * have it. */
static void ip4_leave_by(struct ip4_way *way, struct thread *t, struct gathered *g,
                         struct buffer **b, u16 *next, u32 from, u32 to, bool all)
{
    struct ip4_exit x;
    u32 bi[FRAME_PKTS], n = 0, adj = g->adj[from];
    u32 routes[IP4_BLOCK], lengths[IP4_BLOCK], header = way->v->header_bytes;
    u64 bytes = 0;
    bool open = ip4_exit_of(&x, way->s, t, adj);
    for (u32 i = from; i < to; i++) {
        if (g->adj[i] != adj)
            continue;
        if (!all)
            g->adj[i] = UINT32_MAX;
        struct buffer *p = b[g->at[i]];
        u32 length = ip4_length((const void *)(p->data + p->start + header));
        u32 longest = unlikely(p->flags & BUFFER_GSO) ? gso_longest_bytes(p) - header : length;
        u32 here = unlikely(p->flags & BUFFER_NEXT) ? p->len - header : length;
        if (unlikely(!open || longest > x.head.mtu || p->start + (i32)header < x.head.rewrite_len))
            continue;
        routes[n] = g->word[i] >> 1;
        lengths[n] = length;
        bytes += length;
        way->rx_bytes += buffer_packet_len(p);
        ip4_exit_take(&x, p, header, x.head.rewrite_len, here, way->v->rx_if, leave_port(&x.leave));
        next[g->at[i]] = NEXT_CONSUMED;
        bi[n++] = buffer_index(p);
    }
    if (unlikely(!n))
        return;
    for (u32 i = 0; i < n; i++)
        counter_pair_add(&way->to[routes[i]], 1, lengths[i]);
    ip4_exit_send(way, &x, t, bi, n, bytes);
}

/* Packets with the same word of the root that is a leaf; false: they have to be looked at one by
 * one. */
ALWAYS_INLINE bool ip4_all_alike(struct ip4_way *way, struct thread *t, struct gathered *g,
                                 struct buffer **b, u16 *next)
{
    struct ip4_exit x;
    if (g->differ)
        return false;
    if (!g->word[0])
        g->word[0] = way->default_leaf;
    else if (g->deeper)
        return false;
    if (!ip4_exit_of(&x, way->s, t, ip4_adj_of(g->word[0])) || g->longest > x.head.mtu ||
        g->lowest < x.head.rewrite_len || (g->flags & (BUFFER_NEXT | BUFFER_GSO)))
        return false;
    if (likely(way->v->header_bytes == ETHERNET_HEADER_BYTES &&
               x.head.rewrite_len == ETHERNET_HEADER_BYTES))
        ip4_leave_alike(way, &x, t, g, b, next, ETHERNET_HEADER_BYTES, ETHERNET_HEADER_BYTES);
    else
        ip4_leave_alike(way, &x, t, g, b, next, way->v->header_bytes, x.head.rewrite_len);
    return true;
}

/* The words of the next block of packets, while this one is looked at. */
ALWAYS_INLINE void ip4_prefetch_words(const struct gathered *g, u32 from)
{
    u32 to = (u32)min_u64(g->n, from + IP4_BLOCK);
    for (u32 i = from; i < to; i++) {
        size_t block = g->word[i] & 1 ? 0 : g->word[i];
        __builtin_prefetch(&ip4_trie_blocks[block * 128 + ((g->dst[i] >> 8) & 255)]);
    }
}

static void ip4_each(struct ip4_way *way, struct thread *t, struct gathered *g, struct buffer **b,
                     u16 *next)
{
    for (u32 from = 0; from < g->n; from += IP4_BLOCK) {
        u32 to = (u32)min_u64(g->n, from + IP4_BLOCK);
        if (g->deeper)
            ip4_prefetch_words(g, to);
        if (ip4_find(way, g, b, from, to)) {
            ip4_leave_by(way, t, g, b, next, from, to, true);
            continue;
        }
        for (u32 i = from; i < to; i++)
            if (g->adj[i] != UINT32_MAX)
                ip4_leave_by(way, t, g, b, next, i, to, false);
    }
}

static void ip4_count_taken(const struct ip4_way *way, struct thread *t, struct node *n)
{
    if (unlikely(!way->packets))
        return;
    express_count_rx(way->v, t, way->packets, way->rx_bytes);
    interface_count(t, IF_IP4, way->v->rx_if, way->packets, 0);
    node_sent(n, ETHERNET_INPUT_NEXT_IP4, way->packets);
    node_did(thread_node(t, way->s->input), IP4_INPUT_NEXT_LOOKUP, way->packets);
    node_did(thread_node(t, way->s->lookup), FIB_NEXT_REWRITE, way->packets);
}

u32 NODE_FN(ip4_express)(struct thread *t, struct node *n, const void *state,
                         const struct express_view *v, struct buffer **b, u16 *next, u32 count)
{
    struct ip4_way way = {
        .s = state, .v = v, .to = counter_combined(fib_counters_to, thread_index(t))};
    struct express_view later;
    struct gathered g;
    u32 all = 0;
    if (unlikely(adj_is_counting()))
        return 0;
    for (u32 i = 0; i < count;) {
        bool found = !i || express_view_of(&later, b[i]);
        way.v = i ? &later : v;
        if (unlikely(!found) || way.v->l2_mode || feature_any(way.s->arcs->unicast, way.v->rx_if)) {
            i++;
            continue;
        }
        const struct fib_table_data *table = fib_table_data(ip_if_fib(IP_FAMILY_4, way.v->rx_if));
        way.default_leaf = ip4_trie_load(&table->default_leaf);
        way.flow_fields = table->flow_fields;
        way.packets = 0;
        way.rx_bytes = 0;
        const u32 *root = __atomic_load_n(&table->root, __ATOMIC_ACQUIRE);
        i = ip4_gather(way.v, root, b, i, count, &g);
        if (unlikely(!g.n))
            continue;
        if (!ip4_all_alike(&way, t, &g, b, next))
            ip4_each(&way, t, &g, b, next);
        ip4_count_taken(&way, t, n);
        all += way.packets;
    }
    return all;
}
