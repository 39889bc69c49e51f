/* punt-socket-rx: what clients send, by an interface or by routes; see punt_socket.h.
 *
 *   datagram -> [ struct punt_packet ][ small buffer: first 2 KB ][ large buffer: the rest ]
 *
 * Both buffers stay with the queue until a datagram used them. Nothing that a client says is
 * believed: interface, action and lengths are checked, and what is wrong is counted and gone. */
#include <errno.h>
#include <sys/socket.h>

#include "engine/trace.h"
#include "net/ip/address/address_data.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/ip6/ip6.h"
#include "net/ip/punt/punt_socket.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"

#define DATAGRAMS_A_CALL 64

/* --- what a client wants --- */

static bool punt_rx_ip4_is_right(struct thread *t, struct buffer *b)
{
    const struct ip4_header *h = buffer_current(b);
    if (b->len < sizeof(*h) || h->version_ihl >> 4 != 4 || ip4_header_bytes(h) < sizeof(*h) ||
        ip4_header_bytes(h) > b->len || ip4_length(h) < ip4_header_bytes(h) ||
        ip4_length(h) > buffer_packet_len(b) || !ip4_checksum_is_right(h))
        return false;
    buffer_trim(t, b, ip4_length(h));
    b->flags |= BUFFER_IS_IP4;
    return true;
}

static bool punt_rx_ip6_is_right(struct thread *t, struct buffer *b)
{
    const struct ip6_header *h = buffer_current(b);
    if (b->len < sizeof(*h) || !ip6_is_version(h) || ip6_length(h) > buffer_packet_len(b))
        return false;
    buffer_trim(t, b, ip6_length(h));
    b->flags |= BUFFER_IS_IP6;
    return true;
}

/* By the routes of an interface's table, as it is; 0 is local0. */
static bool punt_rx_route(struct thread *t, struct buffer *b, u32 sw_if_index, enum ip_family f)
{
    struct if_index rx = {sw_if_index};
    if (rx.i >= IF_MAX || (rx.i && !ip_if_enabled(f, rx)))
        return false;
    if (f == IP_FAMILY_4 ? !punt_rx_ip4_is_right(t, b) : !punt_rx_ip6_is_right(t, b))
        return false;
    b->rx_if = rx;
    b->l3_start = b->start;
    struct fib_index fib = FIB_NONE;
    if (f == IP_FAMILY_6)
        fib = ip6_fib_of(rx, ((const struct ip6_header *)buffer_current(b))->dst);
    *ip_scratch(b) = (struct ip_scratch){
        .adj = ADJ_NONE, .lb = LB_NONE, .fib = fib_is_none(fib) ? ip_if_fib(f, rx) : fib};
    return true;
}

/* A frame by an interface: to its X-output, in the next round. */
static bool punt_rx_frame(struct buffer *b, u32 sw_if_index, struct node_index *output)
{
    if (sw_if_index >= IF_MAX || b->len < ETHERNET_HEADER_BYTES)
        return false;
    const struct if_output *o =
        __atomic_load_n(&if_data((struct if_index){sw_if_index})->output, __ATOMIC_ACQUIRE);
    if (!o)
        return false;
    *output = o->node;
    b->rx_if = (struct if_index){0};
    b->tx_if = (struct if_index){sw_if_index};
    b->l2_start = b->start;
    b->l3_start = (i16)(b->start + ETHERNET_HEADER_BYTES);
    return true;
}

static COLD void punt_rx_trace(struct thread *t, struct node *n, struct buffer *b, u16 next,
                               const struct punt_packet *packet)
{
    struct punt_socket_trace note = {*packet, PUNT_CLIENTS_MAX};
    if (trace_start(t, n, b))
        trace_input_hop(t, n, b, next, &note, sizeof(note));
}

/* Sends a packet on its way; false: it cannot be what it says. */
static bool punt_rx_dispatch(struct thread *t, struct node *n, struct buffer *b,
                             const struct punt_packet *packet)
{
    struct node_index output;
    u32 bi = buffer_index(b);
    u16 next = NEXT_CONSUMED;
    bool right = false;
    b->flags |= BUFFER_LOCAL;
    if (packet->action == PUNT_L2) {
        right = punt_rx_frame(b, packet->sw_if_index, &output);
    } else if (packet->action == PUNT_IP4_ROUTED) {
        right = punt_rx_route(t, b, packet->sw_if_index, IP_FAMILY_4);
        next = PUNT_SOCKET_RX_NEXT_IP4;
    } else if (packet->action == PUNT_IP6_ROUTED) {
        right = punt_rx_route(t, b, packet->sw_if_index, IP_FAMILY_6);
        next = PUNT_SOCKET_RX_NEXT_IP6;
    }
    if (!right)
        return false;
    if (unlikely(trace_wants(n)))
        punt_rx_trace(t, n, b, next, packet);
    node_count(n, PUNT_SOCKET_ERR_RX, 1);
    if (next != NEXT_CONSUMED) {
        node_enqueue(t, n, next, &bi, 1);
    } else if (!thread_handoff(t, thread_index(t), output, &bi, 1)) {
        node_count(n, PUNT_SOCKET_ERR_RX_ERROR, 1);
        buffer_free_one(t, bi);
    }
    return true;
}

/* --- reading --- */

static bool punt_rx_has_buffer(struct thread *t, u32 pool, u32 *bi)
{
    if (*bi == BUFFER_NONE && unlikely(!buffer_alloc(t, pool, bi, 1)))
        *bi = BUFFER_NONE;
    return *bi != BUFFER_NONE;
}

static bool punt_rx_has_buffers(struct thread *t, struct punt_sockets *s)
{
    return punt_rx_has_buffer(t, BUFFER_POOL_DEFAULT, &s->small) &&
           punt_rx_has_buffer(t, BUFFER_POOL_LARGE, &s->large);
}

/* Without buffers a datagram is taken and thrown away. false: there is none. */
static COLD bool punt_rx_discard(struct node *n, const struct punt_sockets *s)
{
    u8 byte;
    if (recv(s->rx.fd, &byte, sizeof(byte), MSG_DONTWAIT) < 0)
        return false;
    node_count(n, PUNT_SOCKET_ERR_NO_BUFFERS, 1);
    return true;
}

/* The queue's buffers, as the packet of a datagram with so many bytes behind its head; they are the
 * queue's no more. */
static struct buffer *punt_rx_take(struct punt_sockets *s, u32 bytes, u32 room)
{
    struct buffer *b = buffer_at(s->small);
    s->small = BUFFER_NONE;
    b->len = (u16)min_u64(bytes, room);
    if (bytes > room) {
        struct buffer *rest = buffer_at(s->large);
        rest->len = (u16)(bytes - room);
        b->flags |= BUFFER_NEXT;
        b->next = s->large;
        b->tail_len = rest->len;
        s->large = BUFFER_NONE;
    }
    return b;
}

static u32 punt_rx_room(const struct buffer *b)
{
    return buffer_storage_bytes(b) - BUFFER_HEADROOM_BYTES;
}

/* One datagram; false: there is none. */
static bool punt_rx_read(struct thread *t, struct node *n, struct punt_sockets *s)
{
    if (unlikely(!punt_rx_has_buffers(t, s)))
        return punt_rx_discard(n, s);
    struct punt_packet packet;
    const struct buffer *small = buffer_at(s->small), *large = buffer_at(s->large);
    u32 room = punt_rx_room(small);
    struct iovec iov[] = {{&packet, sizeof(packet)},
                          {buffer_current(small), room},
                          {buffer_current(large), punt_rx_room(large)}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = array_len(iov)};
    ssize_t got = recvmsg(s->rx.fd, &m, MSG_DONTWAIT);
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR)
            node_count(n, PUNT_SOCKET_ERR_READ, 1);
        return false;
    }
    if (m.msg_flags & MSG_TRUNC) {
        node_count(n, PUNT_SOCKET_ERR_RX_ERROR, 1);
        return true;
    }
    if ((size_t)got <= sizeof(packet)) {
        node_count(n, PUNT_SOCKET_ERR_ACTION, 1);
        return true;
    }
    struct buffer *b = punt_rx_take(s, (u32)got - (u32)sizeof(packet), room);
    if (unlikely(!punt_rx_dispatch(t, n, b, &packet))) {
        node_count(n, PUNT_SOCKET_ERR_ACTION, 1);
        buffer_free_one(t, buffer_index(b));
    }
    return true;
}

u32 NODE_FN(punt_socket_rx)(struct thread *t, struct node *n, struct rx_queue *q)
{
    u32 datagrams = 0;
    while (datagrams < DATAGRAMS_A_CALL && punt_rx_read(t, n, q->port))
        datagrams++;
    return datagrams;
}
