/* See gro.h. */
#include "net/link/gso/gro.h"

#include <string.h>

#include "base/byteorder.h"
#include "engine/node.h"
#include "net/packet/checksum.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/l4_packet.h"
#include "net/packet/layers.h"

#define FLOWS 8          /* that are joined at the same time */
#define HEADERS_MAX 256u /* bytes; more is odd */

/* A segment that could be joined: where its parts are in the frame. */
struct segment {
    struct buffer *b;
    u8 *p;
    struct layers l;
    u32 header_bytes, payload_bytes; /* all headers */
    struct tcp_header *tcp;
};

/* A packet that more may be joined to. */
struct flow {
    struct segment first;
    struct buffer *last;
    u32 n, payload_bytes; /* segments, and what they have */
    u32 next_seq;
};

/* --- what is a segment --- */

static u64 gro_pseudo_sum(const struct segment *s, u32 l4_bytes)
{
    const u8 *ip = s->p + s->l.l3;
    return s->l.is_ip6
               ? csum_pseudo_ip6(ip + 8, ip + 24, IP_PROTOCOL_TCP, l4_bytes)
               : csum_pseudo_ip4(load_be32(ip + 12), load_be32(ip + 16), IP_PROTOCOL_TCP, l4_bytes);
}

static bool has_right_checksum(const struct segment *s)
{
    u32 l4_bytes = s->b->len - s->l.l4;
    if (s->b->flags & BUFFER_CSUM_PARTIAL)
        return s->b->csum_start - s->b->start == (int)s->l.l4 &&
               s->b->csum_offset == offsetof(struct tcp_header, checksum);
    return (s->b->flags & BUFFER_CSUM_VALID) ||
           !csum_is_wrong(csum_add(gro_pseudo_sum(s, l4_bytes), s->tcp, l4_bytes));
}

/* An IP header without options, whose length is that of the frame: nothing is behind. */
static bool has_plain_ip(const struct segment *s)
{
    const u8 *ip = s->p + s->l.l3;
    u32 bytes = s->b->len - s->l.l3;
    if (s->l.is_ip6)
        return s->l.l4 == s->l.l3 + IP6_HEADER_BYTES &&
               get_be16(ip + 4) == bytes - IP6_HEADER_BYTES;
    const struct ip4_header *h = (const struct ip4_header *)ip;
    return h->version_ihl == IP4_VERSION_IHL_PLAIN && ip4_length(h) == bytes &&
           get_be16(ip + 6) == IP4_DF && ip4_checksum_is_right(h);
}

/* is_tcp: whether it is of TCP at all, and so must not be overtaken. */
static bool segment_read(struct buffer *b, struct segment *s, bool *is_tcp)
{
    *s = (struct segment){.b = b, .p = buffer_current(b)};
    *is_tcp = layers_find(s->p, b->len, false, &s->l) && s->l.protocol == IP_PROTOCOL_TCP;
    if (!*is_tcp || s->l.is_fragment || buffer_is_shared(b) ||
        (b->flags & (BUFFER_NEXT | BUFFER_GSO | BUFFER_TUNNEL | BUFFER_TRACED)) ||
        s->l.l4 + sizeof(struct tcp_header) > b->len || !has_plain_ip(s))
        return false;
    s->tcp = (struct tcp_header *)(s->p + s->l.l4);
    u32 tcp_bytes = tcp_header_bytes(s->tcp);
    s->header_bytes = s->l.l4 + tcp_bytes;
    if (tcp_bytes < sizeof(struct tcp_header) || s->header_bytes >= b->len ||
        s->header_bytes > HEADERS_MAX || (s->tcp->flags & ~TCP_PSH) != TCP_ACK)
        return false;
    s->payload_bytes = b->len - s->header_bytes;
    return has_right_checksum(s);
}

/* --- what is of one flow --- */

/* Bytes [from, to) of both. */
static bool gro_same_bytes(const struct segment *a, const struct segment *b, u32 from, u32 to)
{
    return !memcmp(a->p + from, b->p + from, to - from);
}

/* Whether the headers differ in lengths, sums, number of the packet and PSH only. */
static bool is_same_flow(const struct segment *a, const struct segment *b)
{
    u32 l3 = a->l.l3, l4 = a->l.l4;
    if (l3 != b->l.l3 || l4 != b->l.l4 || a->header_bytes != b->header_bytes ||
        a->l.is_ip6 != b->l.is_ip6 || !gro_same_bytes(a, b, 0, l3))
        return false;
    bool ip = a->l.is_ip6
                  ? gro_same_bytes(a, b, l3, l3 + 4) && gro_same_bytes(a, b, l3 + 6, l4)
                  : gro_same_bytes(a, b, l3, l3 + 2) && gro_same_bytes(a, b, l3 + 6, l3 + 10) &&
                        gro_same_bytes(a, b, l3 + 12, l4);
    return ip && gro_same_bytes(a, b, l4, l4 + 4) && gro_same_bytes(a, b, l4 + 8, l4 + 13) &&
           gro_same_bytes(a, b, l4 + 14, l4 + 16) &&
           gro_same_bytes(a, b, l4 + sizeof(struct tcp_header), a->header_bytes);
}

static bool is_next(const struct flow *f, const struct segment *s)
{
    const struct segment *first = &f->first;
    u32 l3_bytes = first->header_bytes - first->l.l3 + f->payload_bytes + s->payload_bytes;
    /* one that is shorter, or is to be handed up at once, is the last */
    bool is_open =
        f->payload_bytes == f->n * first->payload_bytes && !(first->tcp->flags & TCP_PSH);
    return is_open && f->n < GRO_SEGMENTS_MAX && l3_bytes <= IP4_LENGTH_MAX_BYTES &&
           s->payload_bytes <= first->payload_bytes && be32_to_host(s->tcp->seq) == f->next_seq;
}

/* --- joining --- */

static void flow_begin(struct flow *f, const struct segment *s)
{
    *f = (struct flow){.first = *s,
                       .last = s->b,
                       .n = 1,
                       .payload_bytes = s->payload_bytes,
                       .next_seq = be32_to_host(s->tcp->seq) + s->payload_bytes};
}

static void flow_join(struct flow *f, const struct segment *s)
{
    struct buffer *head = f->first.b;
    f->first.tcp->flags |= s->tcp->flags & TCP_PSH;
    if (f->n++ == 1)
        head->tail_len = 0;
    f->last->flags |= BUFFER_NEXT;
    f->last->next = buffer_index(s->b);
    f->last = s->b;
    s->b->flags = 0;
    buffer_advance(s->b, (int)s->header_bytes);
    head->tail_len += s->payload_bytes;
    f->payload_bytes += s->payload_bytes;
    f->next_seq += s->payload_bytes;
}

/* The headers say what was joined. */
static void flow_end(const struct flow *f)
{
    const struct segment *s = &f->first;
    struct buffer *b = s->b;
    u8 *ip = s->p + s->l.l3;
    u32 l4_bytes = s->header_bytes - s->l.l4 + f->payload_bytes;
    if (f->n < 2)
        return;
    if (s->l.is_ip6) {
        put_be16(ip + 4, (u16)l4_bytes);
    } else {
        put_be16(ip + 2, (u16)(s->l.l4 - s->l.l3 + l4_bytes));
        store_u16(ip + 10, 0);
        store_u16(ip + 10, csum_finish(csum_add(0, ip, s->l.l4 - s->l.l3)).raw);
    }
    store_u16((u8 *)s->tcp + offsetof(struct tcp_header, checksum),
              csum_fold(gro_pseudo_sum(s, l4_bytes)));
    b->flags = (b->flags & ~(u32)BUFFER_CSUM_VALID) | BUFFER_CSUM_PARTIAL | BUFFER_GSO |
               (s->l.is_ip6 ? BUFFER_GSO_IP6 : 0);
    b->l3_start = (i16)(b->start + (int)s->l.l3);
    b->csum_start = (i16)(b->start + (int)s->l.l4);
    b->csum_offset = offsetof(struct tcp_header, checksum);
    b->gso_size = (u16)s->payload_bytes;
    b->gso_l4_len = (u8)(s->header_bytes - s->l.l4);
}

u32 gro_join(struct buffer **b, u16 *next, u32 count)
{
    struct flow flow[FLOWS];
    u32 n_flows = 0, oldest = 0, joined = 0;
    for (u32 i = 0; i < count; i++) {
        struct segment s;
        bool is_tcp;
        u32 k = 0;
        next[i] = 0;
        if (!segment_read(b[i], &s, &is_tcp)) {
            for (; is_tcp && n_flows; n_flows--)
                flow_end(&flow[n_flows - 1]);
            continue;
        }
        while (k < n_flows && !is_same_flow(&flow[k].first, &s))
            k++;
        if (k < n_flows && is_next(&flow[k], &s)) {
            flow_join(&flow[k], &s);
            next[i] = NEXT_CONSUMED;
            joined++;
            continue;
        }
        if (k == n_flows && n_flows < FLOWS) {
            n_flows++;
        } else {
            k = k < n_flows ? k : oldest++ % FLOWS;
            flow_end(&flow[k]);
        }
        flow_begin(&flow[k], &s);
    }
    while (n_flows)
        flow_end(&flow[--n_flows]);
    return joined;
}
