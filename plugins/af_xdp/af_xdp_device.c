/* The Linux device below an AF_XDP interface: sockets and program are there as long as it is. When
 * it goes away they are closed, and when one of its name comes they are opened again. */
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/loop.h"
#include "net/packet/ethernet_packet.h"
#include "plugins/af_xdp/af_xdp_internal.h"

#define KERNEL_HEADROOM_BYTES 256 /* XDP_PACKET_HEADROOM: in front of what is received */
#define TAGS_BYTES 8
#define CHUNK_BYTES 2048
#define CHUNK_LARGE_BYTES 4096
#define MTU_IN_ONE_PIECE 3500 /* what a veth takes whose frames are in one page each */
#define OVER_FRAMES 256 /* chunks of a queue that are packets on their way, beside its rings */

static struct log_class log_class = {"af_xdp", "device"};

/* --- opening and closing --- */

/* Of pages, so that large frames do not fit a small one. */
static u32 chunk_bytes_for(u32 mtu)
{
    u32 need = KERNEL_HEADROOM_BYTES + ETHERNET_HEADER_BYTES + TAGS_BYTES + mtu;
    return need <= CHUNK_BYTES ? CHUNK_BYTES : CHUNK_LARGE_BYTES;
}

/* The interface that has the sockets of a device; NULL: none of this switch. */
static const struct af_xdp *user_of(const struct af_xdp *port, int host_index)
{
    const struct af_xdp_state *s = af_xdp_state_of(port->piste);
    for (u32 k = 0; k < s->ports.n; k++) {
        const struct af_xdp *other = s->ports.v[k];
        if (other != port && other->host_index == host_index &&
            !strcmp(other->args.netns, port->args.netns))
            return other;
    }
    return NULL;
}

static int bind_sockets(struct af_xdp *port, const struct host_link *link, struct error *e)
{
    const struct af_xdp_args *a = &port->args;
    u32 queues = host_link_rx_queues(port->net, link->index);
    u32 each = 2 * a->rx_size + a->tx_size + OVER_FRAMES;
    if (port->n_sockets > queues)
        return error_set(e, EINVAL, "too many rxq requested (%u > %u)", port->n_sockets, queues);
    const struct af_xdp *user = user_of(port, link->index);
    if (user) /* else its sockets would be waited for, as if they were being closed */
        return error_set(e, EBUSY,
                         "xsk_socket__create() failed (is linux netdev %s up?): queue 0 is %s's",
                         a->host_name, interface_at(port->piste, user->interface)->name);
    port->in_pieces = link->mtu > MTU_IN_ONE_PIECE;
    int rc = af_xdp_umem_new(port, port->n_sockets * each, chunk_bytes_for(link->mtu), e);
    if (rc)
        return rc;
    rc = host_net_enter(port->net, e);
    if (rc)
        return rc;
    for (u32 i = 0; i < port->n_sockets && !rc; i++)
        rc = af_xdp_socket_open(port, i, e);
    if (!rc)
        rc = af_xdp_program_attach(port, e);
    host_net_leave(port->net);
    return rc;
}

static void note_zero_copy(struct af_xdp *port)
{
    struct xdp_options o = {0};
    socklen_t len = sizeof(o);
    port->zero_copy = !getsockopt(port->queue[0].fd, SOL_XDP, XDP_OPTIONS, &o, &len) &&
                      (o.flags & XDP_OPTIONS_ZEROCOPY);
}

int af_xdp_open_sockets(struct af_xdp *port, const struct host_link *link, struct error *e)
{
    port->host_index = link->index;
    int rc = bind_sockets(port, link, e);
    if (rc)
        af_xdp_close(port);
    return rc;
}

int af_xdp_start(struct af_xdp *port, struct error *e)
{
    struct engine *engine = engine_of(port->piste);
    int rc = 0;
    for (u32 i = 0; i < port->n_rx && !rc; i++) {
        struct rx_queue *rx = &port->queue[i].rx;
        u32 thread = rx->thread ? rx->thread : UINT32_MAX; /* where it was before */
        rc = rx_queue_add(engine, rx, thread, e);
        if (!rc)
            rx_queue_enable(engine, rx, port->admin_up);
    }
    if (!rc && port->admin_up)
        rc = af_xdp_program_direct(port, true, e);
    if (rc)
        af_xdp_close(port);
    else
        note_zero_copy(port);
    return rc;
}

void af_xdp_close(struct af_xdp *port)
{
    struct engine *e = engine_of(port->piste);
    port->host_index = 0;
    if (port->retry)
        loop_timer_del(port->piste->loop, port->retry);
    port->retry = NULL;
    if (!port->umem)
        return;
    af_xdp_program_detach(port);
    for (u32 i = 0; i < port->n_sockets; i++) {
        struct af_xdp_queue *q = &port->queue[i];
        if (q->rx.added)
            rx_queue_delete(e, &q->rx);
        __atomic_store_n(&q->tx_fd, -1, __ATOMIC_RELEASE);
    }
    engine_synchronize(e);
    for (u32 i = 0; i < port->n_sockets; i++)
        af_xdp_socket_close(&port->queue[i]);
    af_xdp_umem_close(port->umem);
    port->umem = NULL;
}

/* --- following the device --- */

void af_xdp_follow(struct af_xdp *port, const struct host_link *l)
{
    bool up = l->up && l->running;
    interface_set_limit(port->piste, port->interface, (struct if_limit){.bytes = l->mtu});
    interface_set_link(port->piste, port->interface, up);
    interface_set_speed(port->piste, port->interface, up ? host_link_kbps(port->net, l->index) : 0);
}

static void af_xdp_gone(struct af_xdp *port)
{
    log_warn(&log_class, "%s: the device is gone", port->args.host_name);
    af_xdp_close(port);
    interface_set_link(port->piste, port->interface, false);
}

static void af_xdp_on_retry(void *arg);

static void af_xdp_here(struct af_xdp *port, const struct host_link *l)
{
    struct error e;
    int rc = af_xdp_open_sockets(port, l, &e);
    if (rc == -EAGAIN && port->tries++ < AF_XDP_BUSY_TRIES) {
        port->retry = loop_timer_add(port->piste->loop, clock_ns() + AF_XDP_BUSY_WAIT_NS, 0,
                                     af_xdp_on_retry, port);
        return;
    }
    port->tries = 0;
    if (rc || af_xdp_start(port, &e)) {
        log_error(&log_class, "%s", e.text);
        return;
    }
    if (port->admin_up && host_link_set_up(port->net, l->index, true, &e))
        log_warn(&log_class, "%s", e.text);
    log_notice(&log_class, "%s: the device is there", port->args.host_name);
}

/* The device may be another one by now, or gone. */
static void af_xdp_on_retry(void *arg)
{
    struct af_xdp *port = arg;
    struct host_link l;
    struct error e;
    loop_timer_del(port->piste->loop, port->retry);
    port->retry = NULL;
    if (host_link_find(port->net, port->args.host_name, &l, &e)) {
        port->tries = 0;
        return;
    }
    af_xdp_here(port, &l);
    if (port->host_index)
        af_xdp_follow(port, &l);
}

static void af_xdp_on_link(void *arg, const struct host_event *ev)
{
    struct af_xdp *port = arg;
    const struct host_link *l = &ev->link;
    if (ev->gone) {
        if (port->host_index == l->index)
            af_xdp_gone(port);
        return;
    }
    if (!port->host_index && !port->retry && !strcmp(l->name, port->args.host_name))
        af_xdp_here(port, l);
    if (port->host_index == l->index) {
        /* so is it found when the configuration is replayed */
        memcpy(port->args.host_name, l->name, IFNAMSIZ);
        af_xdp_follow(port, l);
    }
}

static void af_xdp_on_lost(void *arg)
{
    struct af_xdp *port = arg;
    struct host_link l;
    struct error e;
    if (port->host_index && host_link_get(port->net, port->host_index, &l, &e))
        af_xdp_gone(port);
    if (!host_link_find(port->net, port->args.host_name, &l, &e))
        af_xdp_on_link(port, &(struct host_event){.kind = HOST_LINK, .link = l});
}

int af_xdp_listen(struct af_xdp *port, struct error *e)
{
    port->listener = (struct host_listener){.kinds = HOST_KINDS(HOST_LINK),
                                            .event = af_xdp_on_link,
                                            .lost = af_xdp_on_lost,
                                            .arg = port};
    return host_net_listen(port->net, &port->listener, e);
}

int af_xdp_set_admin(void *arg, bool up, struct error *e)
{
    struct af_xdp *port = arg;
    struct host_link link = {0};
    struct error err;
    int rc = port->umem ? af_xdp_program_direct(port, up, e) : 0;
    if (rc)
        return rc;
    port->admin_up = up;
    for (u32 i = 0; i < port->n_rx && port->umem; i++)
        rx_queue_enable(engine_of(port->piste), &port->queue[i].rx, up);
    if (!port->host_index)
        return 0;
    /* the device follows where we may */
    if (host_link_set_up(port->net, port->host_index, up, &err) ||
        host_link_get(port->net, port->host_index, &link, &err))
        log_warn(&log_class, "%s", err.text);
    if (link.index)
        af_xdp_follow(port, &link);
    return 0;
}

/* --- show --- */

void af_xdp_show(void *arg, struct out *o, bool verbose)
{
    const struct af_xdp *port = arg;
    const struct interface *f = interface_at(port->piste, port->interface);
    out_str(o, "netdev", port->args.host_name, "  netdev %s");
    out_text(o, *port->args.netns ? " netns %s\n" : "\n", port->args.netns);
    if (!port->umem) {
        out_text(o, "  no such device at present\n");
        return;
    }
    out_text(o, "  flags: initialized%s%s%s%s%s\n", f->admin_up ? " admin-up" : "",
             f->link_up ? " link-up" : "", port->zero_copy ? " zero-copy" : "",
             port->in_pieces ? " multi-buffer" : "", port->args.busy_poll ? " busy-poll" : "");
    out_bool(o, "zero_copy", port->zero_copy, NULL, NULL);
    out_bool(o, "multi_buffer", port->in_pieces, NULL, NULL);
    out_bool(o, "busy_poll", port->args.busy_poll, NULL, NULL);
    out_bool(o, "native", port->native, "  xdp mode: native\n", "  xdp mode: generic\n");
    out_u64(o, "chunk_bytes", port->umem->chunk_bytes, NULL);
    if (verbose)
        out_text(o, "  rx queues %u, tx queues %u, ring sizes %u and %u, %u chunks of %u bytes\n",
                 port->n_rx, port->n_tx, port->args.rx_size, port->args.tx_size,
                 port->umem->n_chunks, port->umem->chunk_bytes);
}

void af_xdp_counts(void *arg, if_count_fn *tell, void *to)
{
    const struct af_xdp *port = arg;
    struct xdp_statistics all = {0};
    for (u32 i = 0; i < port->n_sockets; i++) {
        struct xdp_statistics s = {0};
        socklen_t len = sizeof(s);
        if (port->queue[i].fd < 0 ||
            getsockopt(port->queue[i].fd, SOL_XDP, XDP_STATISTICS, &s, &len))
            continue;
        all.rx_dropped += s.rx_dropped;
        all.rx_invalid_descs += s.rx_invalid_descs;
        all.tx_invalid_descs += s.tx_invalid_descs;
        all.rx_ring_full += s.rx_ring_full;
        all.rx_fill_ring_empty_descs += s.rx_fill_ring_empty_descs;
    }
    tell(to, "xdp rx dropped", all.rx_dropped);
    tell(to, "xdp rx invalid descriptors", all.rx_invalid_descs);
    tell(to, "xdp tx invalid descriptors", all.tx_invalid_descs);
    tell(to, "xdp rx ring full", all.rx_ring_full);
    tell(to, "xdp fill ring empty", all.rx_fill_ring_empty_descs);
    if (port->host_index)
        host_link_counts(port->net, port->host_index, tell, to);
}
