/* See udp4_send.h. */
#include "net/ip/ip4/udp4_send.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/control_packet.h"
#include "engine/engine.h"
#include "net/packet/checksum.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/l4_packet.h"

#define IF_LOCAL ((struct if_index){0})

struct udp4_headers {
    struct ip4_header ip;
    struct udp_header udp;
};
static_assert(sizeof(struct udp4_headers) == 28, "wire format");

static void write_headers(struct udp4_headers *h, struct udp4_flow *u, u32 n)
{
    u32 udp_bytes = (u32)sizeof(h->udp) + n;
    h->ip = (struct ip4_header){
        .version_ihl = IP4_VERSION_IHL_PLAIN,
        .length = be16_from_host((u16)(sizeof(h->ip) + udp_bytes)),
        .id = be16_from_host(u->next_id++),
        .ttl = 64,
        .protocol = IP_PROTOCOL_UDP,
        .src = u->src,
        .dst = u->dst,
    };
    ip4_set_checksum(&h->ip);
    h->udp = (struct udp_header){
        .src_port = u->src_port,
        .dst_port = u->dst_port,
        .length = be16_from_host((u16)udp_bytes),
    };
    if (u->checksum)
        h->udp.checksum = csum_finish_udp(csum_add(
            csum_pseudo_ip4(u->src, u->dst, IP_PROTOCOL_UDP, udp_bytes), &h->udp, udp_bytes));
}

int udp4_send(struct piste *p, struct udp4_flow *u, const void *bytes, u32 n)
{
    struct engine *e = engine_of(p);
    struct udp4_headers *h;
    assert(n <= UDP4_BYTES_MAX);
    u8 *packet = mem_alloc(sizeof(*h) + n);
    h = (struct udp4_headers *)(void *)packet;
    memcpy(packet + sizeof(*h), bytes, n);
    write_headers(h, u, n);
    u32 bi = control_packet_new(e, packet, (u32)sizeof(*h) + n);
    free(packet);
    if (bi == BUFFER_NONE)
        return -ENOBUFS;
    struct buffer *b = buffer_at(bi);
    b->rx_if = IF_LOCAL;
    b->flags |= BUFFER_IS_IP4;
    b->l3_start = b->start;
    *ip_scratch(b) = (struct ip_scratch){.adj = ADJ_NONE, .lb = LB_NONE, .fib = u->fib};
    return control_packet_send(e, IF_LOCAL, node_must_find(e, "ip4-lookup"), bi);
}

u32 udp4_room(const struct piste *p)
{
    return control_packet_room(engine_of(p), IF_LOCAL);
}
