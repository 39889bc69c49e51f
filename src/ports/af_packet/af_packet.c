/* Host interfaces: making, opening, closing and deleting them (control thread). */
#include "ports/af_packet/af_packet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "control/loop.h"
#include "host/host_aside.h"
#include "engine/probe.h"
#include "ports/af_packet/af_packet_internal.h"

#define DISCARD_MAX 65536
/* Slots of the rings of several queues, which are asked for by those who expect much. */
#define FIXED_FRAMES 2048

const char af_packet_module_name[] = "af_packet";

static struct log_class log_class = {"af-packet", NULL};

struct af_packet_state *af_packet_state_of(const struct piste *p)
{
    return module_state(p, af_packet_module_name);
}

/* By the device's name; else what the interface was made for, though the device has another name
 * now. */
struct af_packet *af_packet_find(const struct piste *p, const char *host_name)
{
    struct af_packet_state *s = af_packet_state_of(p);
    char name[IF_NAME_BYTES];
    for (u32 i = 0; i < s->ports.n; i++)
        if (!strcmp(s->ports.v[i]->host_name, host_name))
            return s->ports.v[i];
    snprintf(name, sizeof(name), "host-%s", host_name);
    const struct interface *f = interface_find(p, name);
    return f && (f->cls->tx == &af_packet_tx_node) ? f->port : NULL;
}

static struct host_net *net_of(const struct af_packet *port)
{
    return af_packet_state_of(port->piste)->net;
}

/* --- opening and closing all of a port --- */

/* What is left to the Linux device. A frame that goes around the queueing discipline is not cut
 * into segments there: a device that does not do that itself refuses it (ENOBUFS). Checksums are
 * finished either way. */
static u32 port_caps(const struct af_packet *port)
{
    static const struct {
        u32 feature, cap;
    } segments[] = {
        {HOST_TSO4, IF_CAP_TSO4},
        {HOST_TSO6, IF_CAP_TSO6},
        {HOST_USO, IF_CAP_USO},
    };
    u32 all = IF_CAP_RX_CSUM | IF_CAP_RX_LARGE | IF_CAP_RX_VLAN;
    if (port->args.cksum_gso_off)
        return all;
    all |= IF_CAP_CSUM_ALL;
    for (u32 i = 0; i < array_len(segments); i++)
        if (port->args.qdisc_bypass_off || (port->features & segments[i].feature))
            all |= segments[i].cap;
    return all;
}

int af_packet_update_caps(struct af_packet *port, struct error *e)
{
    if (port->host_index)
        port->features = host_link_features(net_of(port), port->host_index);
    u32 now = port_caps(port);
    return now == interface_at(port->piste, port->interface)->caps
               ? 0
               : interface_set_caps(port->piste, port->interface, now, e);
}

void af_packet_update_link(struct af_packet *port, const struct host_link *l)
{
    /* packet sockets: one tag is on top of the MTU, when it is 802.1Q's */
    struct if_limit limit = {.bytes = l->mtu, .spares_tag = true};
    bool up = l->up && l->running;
    interface_set_limit(port->piste, port->interface, limit);
    interface_set_link(port->piste, port->interface, up);
    interface_set_speed(port->piste, port->interface,
                        up ? host_link_kbps(net_of(port), l->index) : 0);
}

static void free_posted(struct thread *t, struct af_packet_queue *q)
{
    buffer_free(t, q->small, q->n_posted);
    buffer_free(t, q->large, q->n_posted);
    q->n_posted = 0;
}

void af_packet_close(struct af_packet *port)
{
    struct engine *e = engine_of(port->piste);
    af_packet_fast_closing(port);
    af_packet_changes_forget(port);
    for (u32 i = 0; i < port->n_queues; i++) {
        struct af_packet_queue *q = port->queues[i];
        if (q->now.fd < 0)
            continue;
        if (q->rx.added)
            rx_queue_delete(e, &q->rx);
        af_packet_socket_close(port->piste, &q->now);
        af_packet_socket_close(port->piste, &q->next);
        q->rx.fd = -1;
        free_posted(engine_main_thread(e), q);
    }
    bool any = false;
    for (u32 i = 0; i < port->n_tx; i++)
        any |= port->tx[i].fd >= 0;
    if (!any)
        return;
    struct af_packet_socket was[AF_PACKET_QUEUES_MAX];
    for (u32 i = 0; i < port->n_tx; i++) {
        was[i].fd = __atomic_exchange_n(&port->tx[i].fd, -1, __ATOMIC_ACQ_REL);
        __atomic_store_n(&port->tx[i].has_ring, false, __ATOMIC_RELEASE);
    }
    engine_synchronize(e);
    for (u32 i = 0; i < port->n_tx; i++) {
        host_close(port->piste, was[i].fd);
        af_packet_socket_close(port->piste, &port->tx[i].by_ring);
    }
}

static void socket_args(const struct af_packet *port, u32 frames, struct af_packet_socket_args *a)
{
    *a = (struct af_packet_socket_args){.host_index = port->host_index,
                                        .frames = frames,
                                        .qdisc_bypass = !port->args.qdisc_bypass_off};
    memcpy(a->host_name, port->host_name, sizeof(a->host_name));
}

static int open_tx(const struct af_packet *port, struct af_packet_tx *x, struct error *e)
{
    struct af_packet_socket_args a;
    struct af_packet_socket s;
    socket_args(port, 0, &a);
    int rc = af_packet_socket_tx(&a, &s, e);
    if (rc)
        return rc;
    x->demand = (struct af_packet_demand){.asked = port->args.no_ring};
    __atomic_store_n(&x->fd, s.fd, __ATOMIC_RELEASE);
    return 0;
}

/* Several queues share the flows; the first one gets a group that nobody else on the device has. A
 * queue whose ring may change has a group of its own, and from the beginning: a socket that joins
 * while it listens is on no list of the kernel for a moment, in which frames pass it by. Where
 * there is a fast path filters do the same, and packets save the way by a group. */
static int open_rx(const struct af_packet *port, struct af_packet_queue *q, struct error *e)
{
    const struct af_packet_args *args = &port->args;
    u32 frames = args->rx_frames ? args->rx_frames : FIXED_FRAMES;
    bool shared = port->n_queues > 1, as_it_is = port->fixed_rings || args->no_ring;
    bool grouped = shared || !(as_it_is || af_packet_fast_may_turn(port));
    struct af_packet_socket_args a;
    socket_args(port, port->fixed_rings && !args->no_ring ? frames : 0, &a);
    int rc = af_packet_socket_rx(&a, grouped || port->is_held, &q->now, e);
    if (rc)
        return rc;
    q->rx.fd = q->now.fd;
    q->demand = (struct af_packet_demand){.asked = as_it_is, .asked_more = as_it_is};
    q->batch = AF_PACKET_LARGE_BATCH;
    q->long_frames = 0;
    if (!grouped)
        return 0;
    int with = q == port->queues[0] ? -1 : port->queues[0]->now.fd;
    rc = af_packet_group_join(q->now.fd, with, shared ? AF_PACKET_GROUP_FLOWS : AF_PACKET_GROUP_ONE,
                              e);
    if (!shared)
        rc = 0; /* before Linux 6.13 a device that is down has no groups: it is tried again later */
    return rc || port->is_held ? rc : af_packet_socket_listen(q->now.fd, e);
}

int af_packet_open(struct af_packet *port, struct error *e)
{
    struct engine *engine = engine_of(port->piste);
    int rc = af_packet_update_caps(port, e);
    af_packet_fast_opening(port);
    for (u32 i = 0; i < port->n_tx && !rc; i++)
        rc = open_tx(port, &port->tx[i], e);
    for (u32 i = 0; i < port->n_queues && !rc; i++) {
        struct af_packet_queue *q = port->queues[i];
        u32 thread =
            q->rx.thread ? q->rx.thread : UINT32_MAX; /* where it was before the device went away */
        rc = open_rx(port, q, e);
        if (!rc)
            rc = rx_queue_add(engine, &q->rx, thread, e);
        if (!rc)
            rx_queue_enable(engine, &q->rx, port->admin_up);
    }
    if (rc)
        af_packet_close(port);
    else
        af_packet_fast_opened(port);
    if (!rc && !port->was_open)
        port->first_features = port->features;
    port->was_open |= !rc;
    return rc;
}

void af_packet_count_drops(const struct af_packet_queue *q, int fd)
{
    struct engine *e = engine_of(q->port->piste);
    struct tpacket_stats stats;
    socklen_t len = sizeof(stats);
    if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) || !stats.tp_drops)
        return;
    node_count_main(e, q->rx.node, AF_PACKET_INPUT_ERR_KERNEL_DROP, stats.tp_drops);
    interface_count(engine_main_thread(e), IF_RX_MISS, q->rx.interface, stats.tp_drops, 0);
}

/* --- what the thread asks of its queue --- */

/* Buffers of a queue that is idle are for others, and what wakes it is mostly one frame: for more,
 * more is touched that is in no cache. While a socket is to be replaced, both are looked at. */
static bool port_arm(struct thread *t, struct rx_queue *rx)
{
    struct af_packet_queue *q = rx->port;
    free_posted(t, q);
    q->batch = 1;
    return q->next.fd < 0;
}

/* A device that goes down leaves an error at its sockets, which would wake the thread until
 * somebody reads it. */
static void port_acknowledge(struct thread *t, struct rx_queue *rx, u32 events)
{
    int error;
    socklen_t len = sizeof(error);
    if (getsockopt(rx->fd, SOL_SOCKET, SO_ERROR, &error, &len)) {
        /* there was none, then */
    }
}

static const struct rx_queue_ops queue_ops = {.arm = port_arm, .acknowledge = port_acknowledge};

/* --- what the interface asks of its port --- */

/* What came while the interface was down is not for it. The queue is disabled: nobody else looks at
 * it. */
static void discard_waiting(struct af_packet_socket *s)
{
    struct af_packet_ring *r = &s->ring;
    u8 header[VIRTIO_HEADER_BYTES];
    for (u32 i = 0; r->map && i < r->n_frames; i++) {
        struct tpacket2_hdr *h = af_packet_slot(r, r->next);
        if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
            break;
        __atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        r->next = af_packet_slot_after(r, r->next);
    }
    for (u32 i = 0; s->fd >= 0 && i < DISCARD_MAX &&
                    recv(s->fd, header, sizeof(header), MSG_DONTWAIT | MSG_TRUNC) >= 0;
         i++) {
    }
}

static int port_set_admin(void *arg, bool up, struct error *e)
{
    struct af_packet *port = arg;
    struct host_link link = {0};
    struct error err;
    port->admin_up = up;
    if (port->host_index && host_link_get(net_of(port), port->host_index, &link, &err))
        log_warn(&log_class, "%s", err.text);
    /* the device follows where we may: with the link up already, nothing needs to be allowed */
    if (link.index && link.up != up) {
        if (host_link_set_up(net_of(port), link.index, up, &err) ||
            host_link_get(net_of(port), link.index, &link, &err))
            log_warn(&log_class, "%s", err.text);
    }
    for (u32 i = 0; i < port->n_queues; i++) {
        struct af_packet_queue *q = port->queues[i];
        if (q->now.fd < 0)
            continue;
        if (up) {
            discard_waiting(&q->now);
            discard_waiting(&q->next);
        }
        rx_queue_enable(engine_of(port->piste), &q->rx, up);
        if (!up) /* nobody else looks at it now */
            free_posted(engine_main_thread(engine_of(port->piste)), q);
    }
    af_packet_update_link(port, &link);
    return 0;
}

static int set_mac(void *arg, const u8 mac[6], struct error *e)
{
    struct af_packet *port = arg;
    struct error err;
    /* frames for us come in whatever the device's own address is; that it is the same is a courtesy
     * to others */
    if (port->host_index && host_link_set_mac(net_of(port), port->host_index, mac, &err))
        log_notice(&log_class, "%s", err.text);
    memcpy(port->mac, mac, 6);
    return 0;
}

static int set_mtu(void *arg, u32 bytes, struct error *e)
{
    struct af_packet *port = arg;
    u32 own = port->own_mtu ? port->own_mtu : port->host_mtu;
    u32 wanted = (u32)max_u64(bytes, own);
    if (!port->host_index || wanted == port->host_mtu)
        return 0;
    /* longer frames than the device's would be refused one by one */
    int rc = host_link_set_mtu(net_of(port), port->host_index, wanted, e);
    if (rc)
        return rc;
    port->host_mtu = wanted;
    port->own_mtu = wanted == own ? 0 : own;
    return 0;
}

static const struct if_class class_ethernet = {
    .name = "af-packet",
    .tx = &af_packet_tx_node,
    .set_admin = port_set_admin,
    .set_mac = set_mac,
    .set_mtu = set_mtu,
    .show = af_packet_show,
    .counts = af_packet_counts,
    .running_config = af_packet_running_config,
    .saves_mac = true,
};

static const struct if_class class_ip = {
    .name = "af-packet",
    .tx = &af_packet_tx_node,
    .is_ip = true,
    .set_admin = port_set_admin,
    .set_mtu = set_mtu,
    .show = af_packet_show,
    .counts = af_packet_counts,
    .running_config = af_packet_running_config,
};

/* --- create and delete --- */

static int check_args(const struct af_packet_args *a, struct error *e)
{
    if (!a->host_name || !*a->host_name)
        return error_set(e, EINVAL, "missing host interface name");
    if (strlen(a->host_name) >= IFNAMSIZ)
        return error_set(e, EINVAL, "Invalid interface name: at most %d characters", IFNAMSIZ - 1);
    if (a->n_rx_queues > AF_PACKET_QUEUES_MAX || a->n_tx_queues > AF_PACKET_QUEUES_MAX)
        return error_set(e, EINVAL, "at most %d queues", AF_PACKET_QUEUES_MAX);
    if (a->rx_frames > AF_PACKET_FRAMES_MAX)
        return error_set(e, EINVAL, "rx-size: at most %u frames", AF_PACKET_FRAMES_MAX);
    return 0;
}

static void make_queues(struct af_packet *port)
{
    struct engine *e = engine_of(port->piste);
    struct node_index input;
    node_find(e, af_packet_input_node.name, &input);
    port->queues = mem_alloc(port->n_queues * sizeof(*port->queues));
    port->rx = mem_alloc(port->n_queues * sizeof(*port->rx));
    for (u32 i = 0; i < port->n_queues; i++) {
        struct af_packet_queue *q = port->queues[i] = mem_alloc(sizeof(*q));
        q->port = port;
        q->now.fd = q->next.fd = -1;
        q->rx = (struct rx_queue){.node = input,
                                  .fd = -1,
                                  .port = q,
                                  .ops = &queue_ops,
                                  .acknowledged_events = EPOLLERR,
                                  .mode = RX_MODE_DEFAULT};
        port->rx[i] = &q->rx;
    }
    port->tx = mem_alloc(port->n_tx * sizeof(*port->tx));
    port->tx_queue = mem_alloc(port->n_tx * sizeof(*port->tx_queue));
    for (u32 i = 0; i < port->n_tx; i++) {
        struct af_packet_tx *x = &port->tx[i];
        x->fd = x->by_ring.fd = -1;
        x->q.port = x;
        port->tx_queue[i] = &x->q;
    }
    tx_queues_init(e, &port->tx_queues, port->tx_queue, port->n_tx);
}

static struct af_packet *port_new(struct piste *p, const struct af_packet_args *a,
                                  const struct host_link *link)
{
    struct engine *e = engine_of(p);
    struct af_packet *port = mem_alloc(sizeof(*port));
    struct node_index ip6;
    port->piste = p;
    snprintf(port->host_name, sizeof(port->host_name), "%s", link->name);
    port->ingress_fd = -1;
    port->host_index = link->index;
    port->host_mtu = link->mtu;
    port->args = *a;
    port->args.host_name = NULL;
    port->args.hw_addr = NULL;
    port->n_queues = a->n_rx_queues ? a->n_rx_queues : 1;
    port->fixed_rings = a->rx_frames || port->n_queues > 1;
    /* as a rule each thread has a queue of its own */
    u32 workers = engine_n_threads(e) - 1;
    port->n_tx = a->n_tx_queues ? a->n_tx_queues : (u32)min_u64(workers, AF_PACKET_QUEUES_MAX);
    port->device_input = feature_arc_find(e, "device-input");
    port->has_ip6 = node_find(e, "ip6-input", &ip6);
    if (a->hw_addr)
        memcpy(port->mac, a->hw_addr, 6);
    else
        interface_random_mac(port->mac);
    make_queues(port);
    return port;
}

static void af_packet_free(struct af_packet *port)
{
    for (u32 i = 0; i < port->n_queues; i++)
        free(port->queues[i]);
    free(port->queues);
    free(port->rx);
    tx_queues_fini(engine_of(port->piste), &port->tx_queues);
    free(port->tx_queue);
    free(port->tx);
    free(port);
}

static int make_interface(struct piste *p, struct af_packet *port, struct error *e)
{
    char name[IF_NAME_BYTES];
    bool ip = port->args.mode == AF_PACKET_MODE_IP;
    snprintf(name, sizeof(name), "host-%s", port->host_name);
    int rc = interface_new(p,
                           &(struct if_new_args){
                               .name = name,
                               .cls = ip ? &class_ip : &class_ethernet,
                               .port = port,
                               .mac = ip ? NULL : port->mac,
                               .caps = port_caps(port),
                               .mtu = (u32)min_u64(port->host_mtu, interface_default_mtu(p)),
                           },
                           &port->interface, e);
    if (rc)
        return rc;
    interface_set_queues(p, port->interface, port->rx, port->n_queues, &port->tx_queues);
    return 0;
}

/* One that is not there yet has the name only, when it is to be waited for. */
static int find_device(const struct af_packet_state *s, const struct af_packet_args *a,
                       struct host_link *link, struct error *e)
{
    int rc = host_link_find(s->net, a->host_name, link, e);
    if (rc != -ENODEV || !a->waits)
        return rc;
    *link = (struct host_link){0};
    snprintf(link->name, sizeof(link->name), "%s", a->host_name);
    log_warn(&log_class, "%s: no such device yet: the interface waits for it", a->host_name);
    return 0;
}

int af_packet_create(struct piste *p, const struct af_packet_args *a, struct if_index *out,
                     struct error *e)
{
    struct af_packet_state *s = af_packet_state_of(p);
    struct host_link link;
    int rc = check_args(a, e);
    if (rc)
        return rc;
    struct af_packet *port = af_packet_find(p, a->host_name);
    if (port) {
        *out = port->interface;
        return 0;
    }
    rc = find_device(s, a, &link, e);
    if (rc)
        return rc;
    for (u32 i = 0; i < s->ports.n; i++)
        if (link.index && s->ports.v[i]->host_index == link.index) { /* by another name of it */
            *out = s->ports.v[i]->interface;
            return 0;
        }
    port = port_new(p, a, &link);
    rc = make_interface(p, port, e);
    if (rc) {
        af_packet_free(port);
        return rc;
    }
    rc = link.index ? af_packet_open(port, e) : 0;
    if (rc) {
        interface_delete(p, port->interface);
        af_packet_free(port);
        return rc;
    }
    vec_add(&s->ports, port);
    af_packet_update_link(port, &link);
    *out = port->interface;
    return 0;
}

static void af_packet_destroy(struct piste *p, struct af_packet *port)
{
    af_packet_close(port);
    interface_delete(p, port->interface);
    af_packet_free(port);
}

int af_packet_delete(struct piste *p, const char *host_name, struct error *e)
{
    struct af_packet_state *s = af_packet_state_of(p);
    struct af_packet *port = af_packet_find(p, host_name);
    for (u32 i = 0; port && i < s->ports.n; i++)
        if (s->ports.v[i] == port) {
            struct error not_back;
            vec_del(&s->ports, i);
            if (port->own_mtu &&
                host_link_set_mtu(s->net, port->host_index, port->own_mtu, &not_back))
                log_warn(&log_class, "%s", not_back.text);
            af_packet_destroy(p, port);
            af_packet_follow_names(s);
            return 0;
        }
    return error_set(e, ENODEV, "no host interface on %s", host_name);
}

int af_packet_set_qdisc_bypass(struct piste *p, const char *host_name, bool on, struct error *e)
{
    struct af_packet *port = af_packet_find(p, host_name);
    int value = on;
    if (!port)
        return error_set(e, ENODEV, "no host interface on %s", host_name);
    for (u32 i = 0; i < port->n_tx; i++) {
        struct af_packet_tx *x = &port->tx[i];
        if (x->fd >= 0 && setsockopt(x->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &value, sizeof(value)))
            return error_errno(e, errno, "%s: cannot change qdisc-bypass", host_name);
        af_packet_tx_ring_drop(port, x); /* it is made anew when it is wanted */
    }
    port->args.qdisc_bypass_off = !on;
    return af_packet_update_caps(port, e);
}

int af_packet_set_cksum_offload(struct piste *p, const char *host_name, bool on, struct error *e)
{
    struct af_packet *port = af_packet_find(p, host_name);
    if (!port)
        return error_set(e, ENODEV, "no host interface on %s", host_name);
    port->args.cksum_gso_off = !on;
    forwarding_changed(engine_of(p));
    return af_packet_update_caps(port, e);
}

/* --- module --- */

int af_packet_init(struct piste *p, void **state, struct error *e)
{
    struct af_packet_state *s = mem_alloc(sizeof(*s));
    s->piste = p;
    *state = s;
    int rc = af_packet_link_start(s, e);
    if (rc)
        free(s);
    else
        af_packet_fast_start(s);
    return rc;
}

void af_packet_stop(struct piste *p, void *state)
{
    struct af_packet_state *s = state;
    af_packet_fast_stop(s);
    for (u32 i = 0; i < s->ports.n; i++)
        af_packet_destroy(p, s->ports.v[i]);
    af_packet_rings_stop(s);
    af_packet_link_stop(s);
    vec_free(&s->ports);
    free(s);
}
