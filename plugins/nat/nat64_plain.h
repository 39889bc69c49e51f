/* What most packets of NAT64 are: of TCP or UDP, whole, without options or extensions, not too long
 * for where they go, and of a session that they say nothing new of. These are taken in passes over
 * a block, so that what one pass asks memory for is there in the next:
 *
 *   parse ─► their bindings ─► their sessions ─► their way, translate
 *
 * All others are left to the nodes (nat64_node.c), which do with these the same, one by one. No
 * table changes meanwhile, since what is left comes behind. */
#pragma once

#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib_way.h"
#include "plugins/nat/nat64_node.h"
#include "plugins/nat/nat64_packet.h"
#include "plugins/nat/nat64_session.h"

#define PLAIN_BLOCK 64

/* What is found of the packets of a block. */
struct plain_block {
    u64 key[PLAIN_BLOCK][NAT64_INSIDE_WORDS]; /* of its binding */
    union nat64_with with[PLAIN_BLOCK];
    u64 hash[PLAIN_BLOCK];
    u32 bib[PLAIN_BLOCK], session[PLAIN_BLOCK]; /* likely ones; SESSION_NONE */
};

/* What packets of a vector have in common, more often than not. */
struct plain {
    struct nat64_data *n;
    struct thread *t;
    const struct nat64_own *own;
    struct if_index rx; /* by which those came that are counted, by NAT64_COUNT_TCP and _UDP */
    u32 count[2];
    struct nat64_prefix prefix; /* len 0: none is known yet */
    u32 way_fib;
    struct ip_address way_to; /* the last destination */
    u32 way_mtu;              /* 0: not one for plain packets */
};

/* Two words of memory as one. */
ALWAYS_INLINE u64 plain_words(u32 first, u32 second)
{
    return BYTEORDER_SWAP ? (u64)second << 32 | first : (u64)first << 32 | second;
}

/* A port, a protocol and a zero, as they lie in keys. */
ALWAYS_INLINE u32 plain_end(be16 port, u8 protocol)
{
    return BYTEORDER_SWAP ? (u32)protocol << 16 | port.raw : (u32)port.raw << 16 | protocol << 8;
}

ALWAYS_INLINE void plain_count_all(struct plain *x, enum nat64_dir dir)
{
    for (u32 k = 0; k < 2; k++) {
        struct counter_vec *c = x->n->counters[dir][NAT64_COUNT_TCP + k];
        if (x->count[k])
            tally_add(&counter_simple(c, thread_index(x->t))[x->rx.i], x->count[k]);
        x->count[k] = 0;
    }
}

ALWAYS_INLINE void plain_count(struct plain *x, enum nat64_dir dir, struct if_index rx, u8 protocol)
{
    if (unlikely(!if_equal(x->rx, rx))) {
        plain_count_all(x, dir);
        x->rx = rx;
    }
    x->count[nat64_count_of(protocol) - NAT64_COUNT_TCP]++;
}

/* The prefix of a table; false: one that is not of 96 bits. */
ALWAYS_INLINE bool plain_prefix(struct plain *x, u32 fib)
{
    if (unlikely(x->prefix.fib != fib) || unlikely(!x->prefix.len)) {
        x->prefix = nat64_prefix_of(x->n, fib);
        x->prefix.addr = ip_address_mask(&x->prefix.addr, x->prefix.len);
        x->prefix.fib = fib;
    }
    return x->prefix.len == 96;
}

ALWAYS_INLINE bool plain_has(const struct nat64_prefix *prefix, const u8 addr[16])
{
    const u8 *p = prefix->addr.bytes;
    return !((load_u64(addr) ^ load_u64(p)) | (load_u32(addr + 8) ^ load_u32(p + 8)));
}

/* Whether so many bytes leave for that address as they are. */
ALWAYS_INLINE bool plain_leaves(struct plain *x, struct fib_index fib, enum ip_family f,
                                const struct ip_address *to, u32 bytes)
{
    if (x->way_fib != fib.i || !ip6_is_equal(to->bytes, x->way_to.bytes)) {
        struct adj_head head = adj_head(adj_at(lb_pick(fib_way_route(fib, f, to), 0)));
        x->way_fib = fib.i;
        x->way_to = *to;
        x->way_mtu = head.kind == ADJ_KIND_REWRITE ? head.mtu : 0;
    }
    return bytes <= x->way_mtu;
}

/* Whether a packet of that protocol, with so long a header, and so many bytes as that says, is
 * plain as far as its protocol does not matter. */
ALWAYS_INLINE bool plain_is_whole(const struct buffer *b, u8 protocol, u32 header, u32 bytes)
{
    bool tcp = protocol == IP_PROTOCOL_TCP;
    const u8 *l4 = (const u8 *)buffer_current(b) + header;
    u32 odd = b->flags & (BUFFER_NATTED | BUFFER_GSO | BUFFER_WAS_CUT);
    odd |= !tcp & (protocol != IP_PROTOCOL_UDP);
    odd |= b->len < header + (tcp ? sizeof(struct tcp_header) : sizeof(struct udp_header));
    odd |= bytes ^ buffer_packet_len(b);
    odd |= buffer_is_shared(b);
    if (unlikely(odd))
        return false;
    u8 flags = tcp ? l4[offsetof(struct tcp_header, flags)] : 0;
    return !(flags & (TCP_SYN | TCP_FIN | TCP_RST));
}

/* The bindings and sessions of packets whose bindings' keys and hashes are known, and hosts. */
ALWAYS_INLINE void plain_find(const struct plain *x, struct plain_block *k, u32 count,
                              enum nat64_dir dir)
{
    const struct session_table *bibs = session_table_of(x->n->bibs, x->t);
    const struct session_table *sessions = session_table_of(x->n->sessions, x->t);
    const struct shared_hash *h = &sessions->by_key[0];
    struct shared_hash_shape shape = shared_hash_shape_of(&bibs->by_key[dir]);
    for (u32 i = 0; i < count; i++) {
        k->bib[i] |= shared_hash_first(&shape, k->hash[i]);
        __builtin_prefetch(session_at(bibs, k->bib[i]));
    }
    shape = shared_hash_shape_of(h);
    for (u32 i = 0; i < count; i++) {
        const struct nat64_bib *bib = session_at(bibs, k->bib[i]);
        union nat64_with *with = &k->with[i];
        k->session[i] = SESSION_NONE;
        if (unlikely(k->bib[i] == SESSION_NONE) ||
            unlikely(dir == NAT64_IN2OUT
                         ? !shared_hash_same(bib->in.words, k->key[i], NAT64_INSIDE_WORDS)
                         : !shared_hash_same(bib->out.words, k->key[i], NAT64_OUTSIDE_WORDS)))
            continue;
        k->session[i] = 0;
        with->words[0] |= plain_words(k->bib[i], 0);
        k->hash[i] = shared_hash_of(h, with->words, NAT64_WITH_WORDS);
        __builtin_prefetch(shared_hash_bucket_of(&shape, k->hash[i]));
    }
    for (u32 i = 0; i < count; i++) {
        k->session[i] |= shared_hash_first(&shape, k->hash[i]);
        __builtin_prefetch(session_at(sessions, k->session[i]));
    }
}

/* The session of packet i; NULL: it is another, or is told something new. */
ALWAYS_INLINE struct nat64_session *
plain_session(const struct plain *x, const struct plain_block *k, u32 i, enum nat64_dir dir)
{
    struct nat64_session *s = nat64_session_at(x->n, x->t, k->session[i]);
    if (unlikely(k->session[i] == SESSION_NONE) ||
        unlikely(!shared_hash_same(s->with.words, k->with[i].words, NAT64_WITH_WORDS)))
        return NULL;
    if (likely(s->state == NAT64_STATE_ESTABLISHED))
        return s;
    bool known = s->state == NAT64_STATE_INIT && s->first == dir;
    return known && s->aged == nat64_age_of(thread_now_ns(x->t)) ? s : NULL;
}

/* Its header is another now, so far behind the old one. */
ALWAYS_INLINE void plain_becomes(struct buffer *b, int at, u32 header, u32 flags)
{
    buffer_advance(b, at);
    b->l3_start = b->start;
    b->l4_start = (i16)(b->start + (i32)header);
    b->flags =
        (b->flags & ~(u32)(BUFFER_IS_IP4 | BUFFER_IS_IP6 | BUFFER_FLOW_HASH | BUFFER_IN_FIB)) |
        flags | BUFFER_NATTED;
}

/* --- from inside --- */

ALWAYS_INLINE bool plain_parse6(struct plain *x, const struct buffer *b, struct plain_block *k,
                                u32 i, const struct shared_hash *h)
{
    const struct ip6_header *ip = buffer_current(b);
    u32 fib = ip_if_fib(IP_FAMILY_6, b->rx_if).i;
    if (unlikely(!plain_is_whole(b, ip->protocol, sizeof(*ip), ip6_length(ip))) ||
        unlikely(!plain_prefix(x, fib)) || !plain_has(&x->prefix, ip->dst))
        return false;
    be32 host = load_be32(ip->dst + 12);
    const struct udp_header *udp = (const void *)(ip + 1); /* ports of TCP are in the same place */
    /* among sources from fe00:: on, and below 0:0:0:1::, are those that are no hosts */
    bool odd = ip->hop_limit <= 1 || !load_u64(ip->src) || ip->src[0] >= 0xfe ||
               plain_has(&x->prefix, ip->src) || ip4_special_bytes[ip->dst[12]];
    if (unlikely(odd) || unlikely(nat64_is_own(x->own, host)) ||
        unlikely(nat64_owner_of_port(x->n, udp->src_port) != thread_index(x->t)))
        return false;
    k->key[i][0] = load_u64(ip->src);
    k->key[i][1] = load_u64(ip->src + 8);
    k->key[i][2] = plain_words(fib, plain_end(udp->src_port, ip->protocol));
    k->hash[i] = shared_hash_of(h, k->key[i], NAT64_INSIDE_WORDS);
    k->with[i].words[0] = plain_words(0, host.raw);
    k->with[i].words[1] = plain_words(plain_end(udp->dst_port, 0), 0);
    return true;
}

/* Makes b one of IPv4 from src and sport. false: it is left. */
ALWAYS_INLINE bool plain_to_ip4(struct plain *x, struct buffer *b, const struct nat64_bib *bib)
{
    u8 *packet = buffer_current(b), *l4 = packet + sizeof(struct ip6_header);
    const struct ip6_header *from = (const struct ip6_header *)packet;
    struct ip4_header *ip = (struct ip4_header *)(l4 - sizeof(*ip));
    u32 bytes = buffer_packet_len(b) - 20;
    u8 tos = ip6_traffic_class(from), ttl = from->hop_limit, protocol = from->protocol;
    be32 src = bib->out.addr, dst = load_be32(from->dst + 12);
    struct ip_address to = ip_address_from_ip4(dst);
    if (unlikely(!plain_leaves(x, ip_if_fib(IP_FAMILY_4, b->rx_if), IP_FAMILY_4, &to, bytes)))
        return false;
    bool may_be_cut = bytes <= IP6_MIN_MTU_BYTES - 20;
    be16 id = be16_from_host(++x->n->threads[thread_index(x->t)].ip4_id);
    be16 first = be16_from_host((u16)(IP4_VERSION_IHL_PLAIN << 8 | tos));
    be16 hops = be16_from_host((u16)(ttl << 8 | protocol)), length = be16_from_host((u16)bytes);
    be16 fragment = be16_from_host(may_be_cut ? 0 : IP4_DF);
    id.raw = may_be_cut ? id.raw : 0;
    u64 addresses = (u64)src.raw + dst.raw;
    nat64_rewrite_ports(l4, UINT32_MAX, protocol,
                        nat64_sum_instead(csum_pseudo_ip6(from->src, from->dst, 0, 0), addresses),
                        bib->out.port, load_be16(l4 + 2), csum_is_open(b, l4));
    store_be16(ip, first);
    ip->length = length;
    ip->id = id;
    ip->fragment = fragment;
    store_be16(&ip->ttl, hops);
    ip->checksum =
        csum_finish(addresses + first.raw + length.raw + id.raw + fragment.raw + hops.raw);
    ip->src = src;
    ip->dst = dst;
    plain_becomes(b, 20, sizeof(*ip), BUFFER_IS_IP4);
    return true;
}

/* --- from outside --- */

ALWAYS_INLINE bool plain_parse4(struct plain *x, const struct buffer *b, struct plain_block *k,
                                u32 i, const struct shared_hash *h)
{
    const struct ip4_header *ip = buffer_current(b);
    if (!nat64_is_own(x->own, ip->dst) ||
        unlikely(!plain_is_whole(b, ip->protocol, sizeof(*ip), ip4_length(ip))))
        return false;
    const struct udp_header *udp = (const void *)(ip + 1); /* ports of TCP are in the same place */
    bool no_sum = ip->protocol == IP_PROTOCOL_UDP && be16_is_zero(udp->checksum);
    bool cut = !be16_has(ip->fragment, IP4_DF) && buffer_packet_len(b) > IP6_MIN_MTU_BYTES - 20;
    union nat64_outside out = {
        .words = {plain_words(ip->dst.raw, plain_end(udp->dst_port, ip->protocol))}};
    if (unlikely(no_sum || cut || ip->version_ihl != IP4_VERSION_IHL_PLAIN || ip->ttl <= 1 ||
                 ip4_is_fragment(ip) || b->start < 20) ||
        unlikely(nat64_owner_outside(x->n, &out) != thread_index(x->t)))
        return false;
    k->key[i][0] = out.words[0];
    k->hash[i] = shared_hash_of(h, k->key[i], NAT64_OUTSIDE_WORDS);
    k->with[i].words[0] = plain_words(0, ip->src.raw);
    k->with[i].words[1] = plain_words(plain_end(udp->src_port, 0), 0);
    return true;
}

/* Makes b one of IPv6. false: it is left. */
ALWAYS_INLINE bool plain_to_ip6(struct plain *x, struct buffer *b, const struct nat64_bib *bib)
{
    const struct ip4_header *from = buffer_current(b);
    u8 *l4 = (u8 *)buffer_current(b) + sizeof(*from);
    struct ip6_header *ip = (struct ip6_header *)(l4 - sizeof(*ip));
    u32 bytes = buffer_packet_len(b) - (u32)sizeof(*from);
    u8 tos = from->tos, ttl = from->ttl, protocol = from->protocol;
    be32 src = from->src, dst = from->dst;
    struct fib_index fib = {bib->in.fib};
    if (unlikely(!plain_prefix(x, fib.i)) ||
        unlikely(!plain_leaves(x, fib, IP_FAMILY_6, &bib->in.addr, bytes + (u32)sizeof(*ip))))
        return false;
    ip->version_class_flow = be32_from_host(0x60000000u | (u32)tos << 20);
    ip->payload_length = be16_from_host((u16)bytes);
    ip->protocol = protocol;
    ip->hop_limit = ttl;
    store_u64(ip->src, load_u64(x->prefix.addr.bytes));
    store_u32(ip->src + 8, load_u32(x->prefix.addr.bytes + 8));
    store_be32(ip->src + 12, src);
    store_u64(ip->dst, load_u64(bib->in.addr.bytes));
    store_u64(ip->dst + 8, load_u64(bib->in.addr.bytes + 8));
    u64 addresses = src.raw + csum_pseudo_ip6(x->prefix.addr.bytes, bib->in.addr.bytes, 0, 0);
    nat64_rewrite_ports(l4, UINT32_MAX, protocol,
                        nat64_sum_instead((u64)src.raw + dst.raw, addresses), load_be16(l4),
                        bib->in.port, csum_is_open(b, l4));
    plain_becomes(b, -20, sizeof(*ip), BUFFER_IS_IP6 | BUFFER_IN_FIB);
    ip_scratch(b)->fib = fib;
    return true;
}

/* --- a vector --- */

/* Takes what is plain: to next[i]; where that is NAT64_N_NEXT, a packet is left. */
ALWAYS_INLINE void plain_run(struct thread *t, struct nat64_data *n, struct buffer **b, u16 *next,
                             u32 count, enum nat64_dir dir)
{
    struct plain x = {.n = n,
                      .t = t,
                      .own = __atomic_load_n(&n->own, __ATOMIC_ACQUIRE),
                      .rx = count ? b[0]->rx_if : IF_NONE};
    const struct shared_hash *h = &session_table_of(n->bibs, t)->by_key[dir];
    struct shared_hash_shape shape = shared_hash_shape_of(h);
    struct plain_block k;
    for (u32 from = 0, some; from < count; from += some) {
        some = (u32)min_u64(count - from, PLAIN_BLOCK);
        for (u32 i = 0; i < some; i++) {
            bool plain = dir == NAT64_IN2OUT ? plain_parse6(&x, b[from + i], &k, i, h)
                                             : plain_parse4(&x, b[from + i], &k, i, h);
            k.bib[i] = plain ? 0 : SESSION_NONE;
            k.hash[i] = plain ? k.hash[i] : 0;
            __builtin_prefetch(shared_hash_bucket_of(&shape, k.hash[i]));
        }
        plain_find(&x, &k, some, dir);
        for (u32 i = 0; i < some; i++) {
            struct nat64_session *s = plain_session(&x, &k, i, dir);
            const struct nat64_bib *bib = nat64_bib_at(n, t, k.bib[i]);
            u16 *edge = &next[from + i];
            *edge = NAT64_N_NEXT;
            if (unlikely(!s) || unlikely(dir == NAT64_IN2OUT ? !plain_to_ip4(&x, b[from + i], bib)
                                                             : !plain_to_ip6(&x, b[from + i], bib)))
                continue;
            *edge = dir == NAT64_IN2OUT ? NAT64_NEXT_LOOKUP4 : NAT64_NEXT_LOOKUP6;
            s->last_heard_ns = thread_now_ns(t);
            plain_count(&x, dir, b[from + i]->rx_if,
                        dir == NAT64_IN2OUT ? bib->in.protocol : bib->out.protocol);
        }
    }
    plain_count_all(&x, dir);
}
