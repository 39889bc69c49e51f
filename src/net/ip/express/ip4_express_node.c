/* The express of IPv4: what ethernet-input, ip4-input, ip4-lookup, ip4-rewrite and X-output do with
 * the packets that a router sees in their millions. Those nodes say what is right; what is not said
 * here is in ip_express.h. */
#include "net/ip/express/ip_express.h"
#include "net/ip/ip4/ip4_flow_hash.h"
#include "net/packet/ip4_packet.h"

/* Destinations of packets of one view, host order. */
struct ip4_destinations {
    u32 *all;
    u32 first;
    u32 differ; /* 0: all have the first one's */
};

/* The type, IPv4, and a header without options: four bytes from the type on, without the TOS. */
#define IP4_PLAIN_START                                                                            \
    (BYTEORDER_SWAP ? 0x450008u : (u32)ETHERTYPE_IP4 << 16 | IP4_VERSION_IHL_PLAIN << 8)
#define IP4_PLAIN_MASK (BYTEORDER_SWAP ? 0xffffffu : 0xffffff00u)

ALWAYS_INLINE u32 ip4_express_length(const u8 *header)
{
    return ip4_length((const struct ip4_header *)header);
}

ALWAYS_INLINE void ip4_express_hop(u8 *header)
{
    ip4_decrement_ttl((struct ip4_header *)header);
}

static u32 ip4_express_flow_hash(const u8 *header, u32 len, u32 fields)
{
    return ip4_flow_hash_of((const struct ip4_header *)header, len, fields);
}

ALWAYS_INLINE u32 ip4_express_elsewhere(const u8 *header)
{
    return ip4_special_bytes[header[16]];
}

ALWAYS_INLINE u32 ip4_express_odd(const u8 *p, u32 len, u32 checks)
{
    const struct ip4_header *h = (const struct ip4_header *)p;
    u32 odd = ip4_length(h) - (u32)sizeof(*h) > len - (u32)sizeof(*h);
    odd |= h->ttl <= (checks & IP_EXPRESS_HOP ? 1 : 0);
    odd |= ip4_express_elsewhere(p);
    if (!(checks & IP_EXPRESS_SOUND))
        return odd;
    odd |= (h->fragment.raw & be16_from_host(IP4_OFFSET_MASK).raw) == be16_from_host(1).raw;
    odd |= ip4_special_bytes[p[12]];
    odd |= csum_is_wrong(csum_add64(csum_add64(load_u32(p + 16), load_u64(p)), load_u64(p + 8)));
    return odd;
}

ALWAYS_INLINE u32 ip4_express_fragment(const u8 *header)
{
    return ip4_is_fragment((const struct ip4_header *)header);
}

/* A header with options, of which one to a group is of no flow that an express takes. */
static COLD bool ip4_express_detours(const u8 *p)
{
    return be16_is(load_be16(p), ETHERTYPE_IP4) && p[2] > IP4_VERSION_IHL_PLAIN && p[2] >> 4 == 4 &&
           !ip4_special_bytes[p[2 + 16]];
}

static const struct ip_express_protocol ip4_protocol = {
    .family = IP_FAMILY_4,
    .buffer_flag = BUFFER_IS_IP4,
    .counter = IF_IP4,
    .start = IP4_PLAIN_START,
    .mask = IP4_PLAIN_MASK,
    .header_bytes = sizeof(struct ip4_header),
    .odd = ip4_express_odd,
    .detours = ip4_express_detours,
    .length = ip4_express_length,
    .hop = ip4_express_hop,
    .fragment = ip4_express_fragment,
    .elsewhere = ip4_express_elsewhere,
    .flow_hash = ip4_express_flow_hash,
};

ALWAYS_INLINE void ip4_keep(void *own, struct ip_gathered *g, u32 k, struct buffer *b,
                            const u8 *header)
{
    struct ip4_destinations *d = own;
    u32 dst = be32_to_host(((const struct ip4_header *)header)->dst);
    d->first = k ? d->first : dst;
    d->differ |= dst ^ d->first;
    d->all[k] = dst;
}

/* What the root of the trie says of all: a loop of its own, so short that many words are waited for
 * at once. Returns whether it is the same leaf. */
static bool ip4_roots(const struct ip_way *way, struct ip_gathered *g)
{
    const u32 *root = __atomic_load_n(&way->table->root, __ATOMIC_ACQUIRE);
    u32 all = ~0u, any = 0;
    for (u32 i = 0; i < g->n; i++) {
        u32 w = trie_load(&root[g->ip4.dst[i] >> 16]);
        g->leaf[i] = w;
        all &= w;
        any |= w;
    }
    g->ip4.deeper = !(all & 1);
    if (all != any || trie_is_node(all))
        return false;
    g->leaf[0] = all ? all : way->default_leaf;
    return true;
}

/* What there is to be read first of the i-th one's node. */
ALWAYS_INLINE void ip4_prefetch_node(const struct ip_gathered *g, u32 i)
{
    u32 w = g->leaf[i] & 1 ? 0 : g->leaf[i];
    __builtin_prefetch(trie_first(w, (g->ip4.dst[i] >> 8) & 255));
}

/* Where each of a block has its word behind the root, which is asked for; of a leaf: itself. The
 * next block's nodes are asked for one by one meanwhile: no more at once than can be under way. */
ALWAYS_INLINE void ip4_places(struct ip_gathered *g, u32 from, const u32 **place)
{
    u32 to = (u32)min_u64(g->n, from + IP_EXPRESS_BLOCK);
    for (u32 i = from; i < to; i++) {
        u32 *w = &g->leaf[i];
        const u32 *p = trie_is_node(*w) ? trie_place(*w, (g->ip4.dst[i] >> 8) & 255) : w;
        ip4_prefetch_node(g, (u32)min_u64(i + IP_EXPRESS_BLOCK, g->n - 1));
        __builtin_prefetch(p);
        place[i - from] = p;
    }
}

/* The leaves of [from, to), whose words are there. */
ALWAYS_INLINE void ip4_leaves(const struct ip_way *way, struct ip_gathered *g, u32 from, u32 to,
                              const u32 *const *place)
{
    for (u32 i = from; i < to; i++) {
        u32 w = trie_load(place[i - from]);
        if (unlikely(trie_is_node(w)))
            w = trie_step(w, g->ip4.dst[i] & 255);
        g->leaf[i] = w ? w : way->default_leaf;
    }
}

/* Leaves of all, of which words of the root are known. A block's nodes are asked for two blocks
 * before, its words one. */
ALWAYS_INLINE void ip4_routes(const struct ip_way *way, struct ip_gathered *g)
{
    const u32 *place[2][IP_EXPRESS_BLOCK];
    for (u32 i = 0; i < g->n && i < IP_EXPRESS_BLOCK; i++)
        ip4_prefetch_node(g, i);
    ip4_places(g, 0, place[0]);
    for (u32 from = 0; from < g->n; from += IP_EXPRESS_BLOCK) {
        u32 to = (u32)min_u64(g->n, from + IP_EXPRESS_BLOCK), k = from / IP_EXPRESS_BLOCK & 1;
        ip4_places(g, to, place[!k]);
        ip4_leaves(way, g, from, to, place[k]);
    }
}

static void ip4_each(struct ip_way *way, struct thread *t, struct ip_gathered *g, struct buffer **b,
                     u16 *next)
{
    if (g->ip4.same)
        for (u32 i = 1; i < g->n; i++)
            g->leaf[i] = g->leaf[0];
    else if (g->ip4.deeper)
        ip4_routes(way, g);
    ip_express_each(way, t, g, b, next, &ip4_protocol);
}

ALWAYS_INLINE u32 ip4_gather(struct ip_way *way, struct thread *t, struct buffer **b, u32 i,
                             u32 count, struct ip_gathered *g, struct ip_featured *x, u32 checks)
{
    struct ip4_destinations d = {.all = g->ip4.dst};
    i = ip_express_gather(way, t, b, i, count, g, x, &ip4_protocol, checks, ip4_keep, &d);
    g->ip4.same = !d.differ;
    return i;
}

ALWAYS_INLINE bool ip4_look_again(struct ip_gathered *g, struct buffer *const *b)
{
    struct ip4_destinations d = {.all = g->ip4.dst};
    bool known = ip_express_look_again(g, b, &ip4_protocol, ip4_keep, &d);
    g->ip4.same = !d.differ;
    return known;
}

ALWAYS_INLINE void ip4_send(struct ip_way *way, struct thread *t, struct ip_gathered *g,
                            struct buffer **b, u16 *next, bool behind)
{
    bool alike = g->ip4.same;
    if (alike)
        g->leaf[0] = ip4_trie_leaf(way->table, g->ip4.dst[0]);
    else
        alike = ip4_roots(way, g);
    if (!alike || !ip_express_all(way, t, g, b, next, behind, &ip4_protocol))
        ip4_each(way, t, g, b, next);
}

u32 NODE_FN(ip4_express)(struct thread *t, struct node *n, const void *state,
                         const struct express_view *v, struct buffer **b, u16 *next, u32 count)
{
    return ip_express_run(t, n, state, v, b, next, count, &ip4_protocol, ip4_gather, ip4_look_again,
                          ip4_send);
}
