/* ipX-udp-punt-socket, ipX-proto-punt-socket, exception-punt-socket: packets to clients, a datagram
 * each; see punt_socket.h. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/trace.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/icmp/icmp_exception.h"
#include "net/ip/punt/punt_socket.h"
#include "net/link/gso/gso.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/layers.h"

enum { NEXT_DROP };

#define PUNT_SOCKET_IOVS 256 /* buffers of a packet, and the head */

/* --- whose packet it is --- */

static u16 punt_socket_of_port(const struct punt_sockets *s, enum ip_family f,
                               const struct buffer *b)
{
    const struct udp_header *udp = (const void *)(b->data + b->l4_start);
    return __atomic_load_n(&s->by_port[f][be16_to_host(udp->dst_port)], __ATOMIC_ACQUIRE);
}

static u16 punt_socket_of_protocol(const struct punt_sockets *s, enum ip_family f,
                                   const struct buffer *b)
{
    struct layers l;
    if (!layers_find_ip(buffer_current(b), b->len, 0, &l))
        return 0;
    return __atomic_load_n(&s->by_protocol[f][l.protocol], __ATOMIC_ACQUIRE);
}

static u16 punt_socket_of_exception(const struct punt_sockets *s, enum ip_family f,
                                    const struct buffer *b)
{
    const struct ip_scratch *scratch = (const struct ip_scratch *)b->scratch;
    u32 exception = f == IP_FAMILY_4 ? icmp4_exception_of(scratch) : icmp6_exception_of(scratch);
    return __atomic_load_n(&s->by_reason[punt_reason_of(f, exception)], __ATOMIC_ACQUIRE);
}

/* --- a datagram --- */

/* What is in front of the packet. */
struct punt_head {
    struct punt_packet packet;
    u8 ethernet[ETHERNET_HEADER_BYTES];
};
#define PUNT_HEAD_TYPE_AT 12 /* behind both addresses */
#define PUNT_HEAD_BYTES (sizeof(struct punt_packet) + ETHERNET_HEADER_BYTES)

/* Whether it came in a frame. */
static bool punt_socket_has_frame(const struct buffer *b)
{
    return !(b->flags & BUFFER_LOCAL) && !if_is_none(b->rx_if) &&
           !(if_data(b->rx_if)->flags & IF_DATA_IS_IP) && b->l2_start >= 0 &&
           b->l3_start - b->l2_start >= ETHERNET_HEADER_BYTES;
}

/* The addresses are those of the frame. */
static void punt_head_make(struct punt_head *h, const struct buffer *b, enum ip_family f)
{
    *h = (struct punt_head){.packet = {.sw_if_index = b->rx_if.i}};
    if (punt_socket_has_frame(b))
        memcpy(h->ethernet, b->data + b->l2_start, PUNT_HEAD_TYPE_AT);
    put_be16(h->ethernet + PUNT_HEAD_TYPE_AT, f == IP_FAMILY_4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6);
}

/* Never waits. A client whose socket is connected takes datagrams of its peer's alone, which is the
 * socket that clients send to. */
static bool punt_socket_send_message(const struct punt_sockets *s, const struct punt_client *c,
                                     const struct msghdr *m)
{
    return sendmsg(c->fd, m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
           (errno == EPERM && sendmsg(s->rx.fd, m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0);
}

static bool punt_socket_send(const struct punt_sockets *s, const struct punt_client *c,
                             struct punt_head *h, const struct buffer *b)
{
    struct iovec iov[PUNT_SOCKET_IOVS];
    struct sockaddr_un to = c->to;
    u32 n = 0;
    iov[n++] = (struct iovec){h, PUNT_HEAD_BYTES};
    for (;; b = buffer_at(b->next)) {
        iov[n++] = (struct iovec){buffer_current(b), b->len};
        if (!(b->flags & BUFFER_NEXT))
            break;
        if (n == PUNT_SOCKET_IOVS)
            return false;
    }
    const struct msghdr m = {
        .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov, .msg_iovlen = n};
    return punt_socket_send_message(s, c, &m);
}

/* A packet as it would be on a link: cut, with its checksum. Returns how many were sent; those that
 * were not are counted. */
static COLD u32 punt_socket_send_open(struct thread *t, struct node *n, const struct punt_client *c,
                                      struct punt_head *h, const struct buffer *b)
{
    u32 out[GSO_SEGMENTS_MAX], count, sent = 0;
    if (b->flags & BUFFER_GSO) {
        count = gso_segment(t, b, out, GSO_SEGMENTS_MAX);
    } else {
        out[0] = buffer_copy(t, b);
        count = out[0] != BUFFER_NONE;
    }
    for (u32 i = 0; i < count; i++)
        sent +=
            csum_complete(buffer_at(out[i])) && punt_socket_send(n->state, c, h, buffer_at(out[i]));
    buffer_free(t, out, count);
    if (count > sent)
        node_count(n, PUNT_SOCKET_ERR_TX_ERROR, count - sent);
    return sent;
}

static u32 punt_socket_give(struct thread *t, struct node *n, const struct punt_client *c,
                            const struct buffer *b, enum ip_family f)
{
    struct punt_head h;
    punt_head_make(&h, b, f);
    if (unlikely(b->flags & (BUFFER_GSO | BUFFER_CSUM_PARTIAL)))
        return punt_socket_send_open(t, n, c, &h, b);
    return punt_socket_send(n->state, c, &h, b);
}

/* --- nodes --- */

typedef u16 punt_socket_whose(const struct punt_sockets *s, enum ip_family f,
                              const struct buffer *b);

static u16 punt_socket_one(struct thread *t, struct node *n, struct buffer *b, enum ip_family f,
                           u16 word)
{
    const struct punt_sockets *s = n->state;
    if (unlikely(b->flags & BUFFER_TRACED)) {
        struct punt_socket_trace note = {{.sw_if_index = b->rx_if.i},
                                         word ? word - 1u : PUNT_CLIENTS_MAX};
        trace_note(t, b, &note, sizeof(note));
    }
    u32 sent = word ? punt_socket_give(t, n, &s->client[word - 1], b, f) : 0;
    if (!sent) /* nobody has it any more, or does not take it now */
        return node_drop(n, b, PUNT_SOCKET_ERR_TX_ERROR, NEXT_DROP);
    node_count(n, PUNT_SOCKET_ERR_TX, sent);
    buffer_free_one(t, buffer_index(b));
    return NEXT_CONSUMED;
}

ALWAYS_INLINE void punt_socket_all(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                   u32 count, enum ip_family f, punt_socket_whose *whose)
{
    for (u32 i = 0; i < count; i++)
        next[i] = punt_socket_one(t, n, b[i], f, whose(n->state, f, b[i]));
}

void NODE_FN(ip4_udp_punt_socket)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                  u32 count)
{
    punt_socket_all(t, n, b, next, count, IP_FAMILY_4, punt_socket_of_port);
}

void NODE_FN(ip6_udp_punt_socket)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                  u32 count)
{
    punt_socket_all(t, n, b, next, count, IP_FAMILY_6, punt_socket_of_port);
}

void NODE_FN(ip4_proto_punt_socket)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                    u32 count)
{
    punt_socket_all(t, n, b, next, count, IP_FAMILY_4, punt_socket_of_protocol);
}

void NODE_FN(ip6_proto_punt_socket)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                    u32 count)
{
    punt_socket_all(t, n, b, next, count, IP_FAMILY_6, punt_socket_of_protocol);
}

/* Of both protocols. */
void NODE_FN(exception_punt_socket)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                                    u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const struct ip4_header *h = buffer_current(b[i]);
        enum ip_family f = h->version_ihl >> 4 == 6 ? IP_FAMILY_6 : IP_FAMILY_4;
        next[i] = punt_socket_one(t, n, b[i], f, punt_socket_of_exception(n->state, f, b[i]));
    }
}
