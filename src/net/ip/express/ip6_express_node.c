/* The express of IPv6: what ethernet-input, ip6-input, ip6-lookup, ip6-rewrite and X-output do with
 * the packets that a router sees in their millions. Those nodes say what is right; what is not said
 * here is in ip_express.h. */
#include "net/ip/express/ip_express.h"
#include "net/ip/fib/ip6_trie.h"
#include "net/ip/ip6/ip6_flow_hash.h"
#include "net/packet/ip6_packet.h"

/* The type, and the version. */
#define IP6_PLAIN_START (BYTEORDER_SWAP ? 0x60dd86u : (u32)ETHERTYPE_IP6 << 16 | 6u << 12)
#define IP6_PLAIN_MASK (BYTEORDER_SWAP ? 0xf0ffffu : 0xfffff000u)

ALWAYS_INLINE u32 ip6_express_length(const u8 *header)
{
    return ip6_length((const struct ip6_header *)header);
}

ALWAYS_INLINE void ip6_express_hop(u8 *header)
{
    ((struct ip6_header *)header)->hop_limit--;
}

static u32 ip6_express_flow_hash(const u8 *header, u32 len, u32 fields)
{
    return ip6_flow_hash_of((const struct ip6_header *)header, len, fields);
}

/* Addresses of a link and of groups, :: and ::1 are not what they seem: see ip6_input_node.c. */
ALWAYS_INLINE u32 ip6_express_elsewhere(const u8 *header)
{
    const struct ip6_header *h = (const struct ip6_header *)header;
    return (h->dst[0] >= 0xfe) | !load_u64(h->dst);
}

ALWAYS_INLINE u32 ip6_express_odd(const u8 *p, u32 len, u32 checks)
{
    const struct ip6_header *h = (const struct ip6_header *)p;
    u32 odd = be16_to_host(h->payload_length) > len - (u32)sizeof(*h);
    odd |= (checks & IP_EXPRESS_HOP) && h->hop_limit <= 1;
    odd |= ip6_express_elsewhere(p);
    if (!(checks & IP_EXPRESS_SOUND))
        return odd;
    odd |= h->src[0] >= 0xfe;
    odd |= !load_u64(h->src);
    return odd;
}

/* A header of its own says so, first or behind others. */
ALWAYS_INLINE u32 ip6_express_fragment(const u8 *header)
{
    u8 protocol = ((const struct ip6_header *)header)->protocol;
    return (protocol != IP_PROTOCOL_TCP) & (protocol != IP_PROTOCOL_UDP);
}

/* Extension headers are behind the first one. */
static COLD bool ip6_express_detours(const u8 *p)
{
    return false;
}

static const struct ip_express_protocol ip6_protocol = {
    .family = IP_FAMILY_6,
    .buffer_flag = BUFFER_IS_IP6,
    .counter = IF_IP6,
    .start = IP6_PLAIN_START,
    .mask = IP6_PLAIN_MASK,
    .header_bytes = sizeof(struct ip6_header),
    .odd = ip6_express_odd,
    .detours = ip6_express_detours,
    .length = ip6_express_length,
    .hop = ip6_express_hop,
    .fragment = ip6_express_fragment,
    .elsewhere = ip6_express_elsewhere,
    .flow_hash = ip6_express_flow_hash,
};

ALWAYS_INLINE void ip6_keep(void *own, struct ip_gathered *g, u32 k, struct buffer *b,
                            const u8 *header)
{
    struct ip6_destinations *d = own;
    const struct ip6_header *h = (const struct ip6_header *)header;
    u64 high = load_u64(h->dst), low = load_u64(h->dst + 8);
    d->first[0] = k ? d->first[0] : high;
    d->first[1] = k ? d->first[1] : low;
    d->differ |= (high ^ d->first[0]) | (low ^ d->first[1]);
}

static const u8 *ip6_destination(const struct ip_way *way, const struct ip_gathered *g,
                                 struct buffer *const *b, u32 i)
{
    const u8 *frame = buffer_current(b[g->at[i]]);
    return ((const struct ip6_header *)(frame + way->v->header_bytes))->dst;
}

/* Routes of all. A packet to the same address as the one before takes its route. */
ALWAYS_INLINE void ip6_routes(const struct ip_way *way, struct ip_gathered *g,
                              struct buffer *const *b)
{
    struct ip6_search s;
    struct ip6_top top = ip6_top_of(way->table);
    u64 last_high = 0, last_low = 0;
    s.n = 0;
    for (u32 i = 0; i < g->n; i++) {
        const u8 *dst = ip6_destination(way, g, b, i);
        u64 high = get_be64(dst), low = load_u64(dst + 8);
        g->leaf[i] = UINT32_MAX; /* as before */
        if (i && high == last_high && low == last_low)
            continue;
        last_high = high;
        last_low = low;
        g->leaf[i] = ip6_search_add(&s, i, top, high, low);
    }
    ip6_search_run(&s, g->leaf);
    for (u32 i = 0, leaf = 0; i < g->n; i++) {
        if (g->leaf[i] != UINT32_MAX)
            leaf = g->leaf[i] ? g->leaf[i] : trie_load(&way->table->default_leaf);
        g->leaf[i] = leaf;
    }
}

static void ip6_each(struct ip_way *way, struct thread *t, struct ip_gathered *g, struct buffer **b,
                     u16 *next)
{
    ip6_routes(way, g, b);
    ip_express_each(way, t, g, b, next, &ip6_protocol);
}

ALWAYS_INLINE u32 ip6_gather(struct ip_way *way, struct thread *t, struct buffer **b, u32 i,
                             u32 count, struct ip_gathered *g, struct ip_featured *x, u32 checks)
{
    struct ip6_destinations d = {{0}};
    i = ip_express_gather(way, t, b, i, count, g, x, &ip6_protocol, checks, ip6_keep, &d);
    g->ip6 = d;
    return i;
}

ALWAYS_INLINE bool ip6_look_again(struct ip_gathered *g, struct buffer *const *b)
{
    struct ip6_destinations d = {{0}};
    bool known = ip_express_look_again(g, b, &ip6_protocol, ip6_keep, &d);
    g->ip6 = d;
    return known;
}

ALWAYS_INLINE void ip6_send(struct ip_way *way, struct thread *t, struct ip_gathered *g,
                            struct buffer **b, u16 *next, bool behind)
{
    const struct ip6_destinations *d = &g->ip6;
    if (!d->differ) {
        g->leaf[0] = ip6_trie_leaf(way->table, be64_to_host((be64){d->first[0]}), d->first[1]);
        if (ip_express_all(way, t, g, b, next, behind, &ip6_protocol))
            return;
    }
    ip6_each(way, t, g, b, next);
}

u32 NODE_FN(ip6_express)(struct thread *t, struct node *n, const void *state,
                         const struct express_view *v, struct buffer **b, u16 *next, u32 count)
{
    return ip_express_run(t, n, state, v, b, next, count, &ip6_protocol, ip6_gather, ip6_look_again,
                          ip6_send);
}
