/* Host interfaces: making, opening, closing and deleting them (control thread). */
#include "ports/af_packet/af_packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "control/loop.h"
#include "ports/af_packet/af_packet_internal.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

#define SOCKET_BUFFER_BYTES (8 << 20)
#define DISCARD_MAX 65536
#define RX_RING_FRAMES 512
#define TX_RING_FRAMES 128
#define RING_FRAME_BYTES 2048
#define RING_BLOCK_BYTES 65536

static struct log_class log_class = {"af-packet", NULL};

static struct af_packet_state *state_of(const struct piste *p)
{
    return module_state(p, af_packet_module.name);
}

struct af_packet *af_packet_find(const struct piste *p, const char *host_name)
{
    struct af_packet_state *s = state_of(p);
    for (u32 i = 0; i < s->ports.n; i++)
        if (!strcmp(s->ports.v[i]->host_name, host_name))
            return s->ports.v[i];
    return NULL;
}

/* --- sockets --- */

static int option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

/* Queue space: as much as asked for with CAP_NET_ADMIN, else what the system allows. */
static void set_buffers(int fd)
{
    if (option(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER_BYTES))
        option(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_BYTES);
    if (option(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER_BYTES))
        option(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_BYTES);
}

static int promiscuous(int fd, int host_index)
{
    struct packet_mreq m = {.mr_ifindex = host_index, .mr_type = PACKET_MR_PROMISC};
    return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof(m)) ? -errno : 0;
}

static int fail(struct error *e, int fd, const char *host, const char *what)
{
    int code = errno;
    if (fd >= 0)
        close(fd);
    return error_errno(e, code, "%s: %s", host, what);
}

/* A packet socket that receives nothing until bind_socket. */
static int open_socket(const char *host, struct error *e)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 && (errno == EPERM || errno == EACCES))
        return error_errno(
            e, errno, "%s: cannot open a packet socket, which needs the capability CAP_NET_RAW",
            host);
    if (fd < 0)
        return fail(e, fd, host, "cannot open a packet socket");
    if (option(fd, SOL_PACKET, PACKET_VNET_HDR, 1))
        return fail(e, fd, host, "the kernel gives no virtio headers (PACKET_VNET_HDR)");
    set_buffers(fd);
    return fd;
}

static int bind_socket(int fd, const struct af_packet *port, int protocol, struct error *e)
{
    struct sockaddr_ll a = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons((u16)protocol),
        .sll_ifindex = port->host_index,
    };
    return bind(fd, (struct sockaddr *)&a, sizeof(a))
               ? fail(e, -1, port->host_name, "cannot bind a packet socket")
               : 0;
}

/* side: PACKET_RX_RING or PACKET_TX_RING. A ring has as many frames as are wanted, up to whole
 * blocks. */
static int open_ring(const struct af_packet *port, int fd, int side, u32 frames,
                     struct af_packet_ring *r, struct error *e)
{
    u32 per_block = RING_BLOCK_BYTES / RING_FRAME_BYTES;
    struct tpacket_req req = {
        .tp_block_size = RING_BLOCK_BYTES,
        .tp_block_nr = (frames + per_block - 1) / per_block,
        .tp_frame_size = RING_FRAME_BYTES,
    };
    req.tp_frame_nr = req.tp_block_nr * per_block;
    if (option(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2) ||
        setsockopt(fd, SOL_PACKET, side, &req, sizeof(req)))
        return fail(e, -1, port->host_name, "cannot make a ring of frames");
    size_t bytes = (size_t)req.tp_block_size * req.tp_block_nr;
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return fail(e, -1, port->host_name, "cannot map a ring of frames");
    *r = (struct af_packet_ring){
        .map = map, .bytes = bytes, .n_frames = req.tp_frame_nr, .frame_bytes = req.tp_frame_size};
    return 0;
}

static void close_ring(struct af_packet_ring *r)
{
    if (r->map)
        munmap(r->map, r->bytes);
    *r = (struct af_packet_ring){0};
}

static int open_rx_ring(const struct af_packet *port, struct af_packet_queue *q, struct error *e)
{
    u32 frames = port->args.rx_frames ? port->args.rx_frames : RX_RING_FRAMES;
    if (option(q->fd, SOL_PACKET, PACKET_COPY_THRESH, 1))
        return fail(e, -1, port->host_name, "no PACKET_COPY_THRESH");
    return open_ring(port, q->fd, PACKET_RX_RING, frames, &q->ring, e);
}

static void close_rx(struct af_packet_queue *q)
{
    close_ring(&q->ring);
    close(q->fd);
    q->fd = q->rx.fd = -1;
}

/* The flow hash spreads packets over the queues; fragments are put together first, so that they
 * stay with their flow. The first queue gets a group that nobody else on the device has. */
static int join_fanout(const struct af_packet *port, int fd, struct error *e)
{
    int first = port->queues[0]->fd, rc = 0;
    u32 mode = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_DEFRAG | PACKET_FANOUT_FLAG_UNIQUEID;
    u32 group = mode << 16;
    socklen_t len = sizeof(group);
    if (port->n_queues == 1)
        return 0;
    if (fd != first)
        rc = getsockopt(first, SOL_PACKET, PACKET_FANOUT, &group, &len);
    if (rc || option(fd, SOL_PACKET, PACKET_FANOUT, (int)group))
        return fail(e, -1, port->host_name, "cannot join a fanout group");
    return 0;
}

static int open_rx(struct af_packet *port, struct af_packet_queue *q, struct error *e)
{
    int fd = open_socket(port->host_name, e), rc = 0;
    if (fd < 0)
        return fd;
    q->fd = q->rx.fd = fd;
    if (option(fd, SOL_PACKET, PACKET_AUXDATA, 1))
        rc = fail(e, -1, port->host_name, "no PACKET_AUXDATA");
    else if (option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1))
        rc = fail(e, -1, port->host_name,
                  "no PACKET_IGNORE_OUTGOING: Linux 4.20 or later is needed");
    if (!rc && !port->args.no_ring)
        rc = open_rx_ring(port, q, e);
    if (!rc)
        rc = bind_socket(fd, port, ETH_P_ALL, e);
    if (!rc && promiscuous(fd, port->host_index))
        rc = fail(e, -1, port->host_name, "cannot make the device promiscuous");
    if (!rc)
        rc = join_fanout(port, fd, e);
    if (rc)
        close_rx(q);
    return rc;
}

/* A socket that only sends. */
static int open_sender(const struct af_packet *port, struct error *e)
{
    int fd = open_socket(port->host_name, e);
    if (fd < 0)
        return fd;
    if (!port->args.qdisc_bypass_off && option(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1))
        log_warn(&log_class, "%s: qdisc-bypass is not possible: %s", port->host_name,
                 strerror(errno));
    int rc = bind_socket(fd, port, 0, e); /* protocol 0: it receives nothing */
    if (rc)
        close(fd);
    return rc ? rc : fd;
}

static void close_tx(struct af_packet_tx *x)
{
    close_ring(&x->ring);
    if (x->ring_fd >= 0)
        close(x->ring_fd);
    x->ring_fd = -1;
}

static int open_tx(const struct af_packet *port, struct af_packet_tx *x, struct error *e)
{
    int fd = open_sender(port, e), rc = 0;
    if (fd < 0)
        return fd;
    if (!port->args.no_ring) {
        x->ring_fd = open_sender(port, e);
        rc = x->ring_fd < 0
                 ? x->ring_fd
                 : open_ring(port, x->ring_fd, PACKET_TX_RING, TX_RING_FRAMES, &x->ring, e);
    }
    if (rc) {
        close_tx(x);
        close(fd);
        return rc;
    }
    __atomic_store_n(&x->fd, fd, __ATOMIC_RELEASE);
    return 0;
}

/* --- opening and closing all of a port --- */

/* What is left to the Linux device. A frame that goes around the queueing discipline is not cut
 * into segments there: a device that does not do that itself refuses it (ENOBUFS). Checksums are
 * finished either way. */
static u32 caps(const struct af_packet *port)
{
    if (port->args.cksum_gso_off)
        return 0;
    bool segments = port->args.qdisc_bypass_off || (port->features & AF_PACKET_FEATURE_TSO);
    return IF_CAP_CSUM_ALL | (segments ? IF_CAP_GSO_ALL : 0);
}

int af_packet_update_caps(struct af_packet *port, struct error *e)
{
    if (port->host_index)
        port->features = af_packet_host_features(port->host_name);
    u32 now = caps(port);
    return now == interface_at(port->piste, port->interface)->caps
               ? 0
               : interface_set_caps(port->piste, port->interface, now, e);
}

static void free_posted(struct piste *p, struct af_packet_queue *q)
{
    struct thread *t = engine_main_thread(engine_of(p));
    buffer_free(t, q->small, q->n_posted);
    buffer_free(t, q->large, q->n_posted);
    q->n_posted = 0;
}

void af_packet_close(struct af_packet *port)
{
    struct engine *e = engine_of(port->piste);
    for (u32 i = 0; i < port->n_queues; i++) {
        struct af_packet_queue *q = port->queues[i];
        if (q->fd < 0)
            continue;
        rx_queue_delete(e, &q->rx);
        close_rx(q);
        free_posted(port->piste, q);
    }
    for (u32 i = 0; i < port->n_tx; i++) {
        int fd = __atomic_exchange_n(&port->tx[i].fd, -1, __ATOMIC_ACQ_REL);
        if (fd < 0)
            continue;
        engine_synchronize(e);
        close_tx(&port->tx[i]);
        close(fd);
    }
}

int af_packet_open(struct af_packet *port, struct error *e)
{
    struct engine *engine = engine_of(port->piste);
    int rc = af_packet_update_caps(port, e);
    for (u32 i = 0; i < port->n_tx && !rc; i++)
        rc = open_tx(port, &port->tx[i], e);
    for (u32 i = 0; i < port->n_queues && !rc; i++) {
        struct af_packet_queue *q = port->queues[i];
        u32 thread =
            q->rx.thread ? q->rx.thread : UINT32_MAX; /* where it was before the device went away */
        rc = open_rx(port, q, e);
        if (rc)
            break;
        rc = rx_queue_add(engine, &q->rx, thread, e);
        if (rc) {
            close_rx(q);
            break;
        }
        rx_queue_enable(engine, &q->rx, port->admin_up);
    }
    if (rc)
        af_packet_close(port);
    else if (!port->was_open)
        port->first_features = port->features;
    port->was_open |= !rc;
    return rc;
}

/* --- what the interface asks of its port --- */

/* What came while the interface was down is not for it. The queue is disabled: nobody else looks at
 * it. */
static void discard_waiting(struct af_packet_queue *q)
{
    struct af_packet_ring *r = &q->ring;
    for (u32 i = 0; r->map && i < r->n_frames; i++) {
        struct tpacket2_hdr *h = af_packet_slot(r, r->next);
        if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
            break;
        __atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        r->next = af_packet_slot_after(r, r->next);
    }
    for (u32 i = 0; i < DISCARD_MAX && recv(q->fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0; i++) {
    }
}

static int set_admin(void *arg, bool up, struct error *e)
{
    struct af_packet *port = arg;
    struct error err;
    port->admin_up = up;
    /* the device follows where we may: with the link up already, nothing needs to be allowed */
    if (port->host_index && af_packet_host_set_up(port->host_name, up, &err))
        log_warn(&log_class, "%s", err.text);
    for (u32 i = 0; i < port->n_queues; i++) {
        if (port->queues[i]->fd < 0)
            continue;
        if (up)
            discard_waiting(port->queues[i]);
        rx_queue_enable(engine_of(port->piste), &port->queues[i]->rx, up);
    }
    interface_set_link(port->piste, port->interface,
                       port->host_index && af_packet_host_link_up(port->host_name));
    return 0;
}

static int set_mac(void *arg, const u8 mac[6], struct error *e)
{
    struct af_packet *port = arg;
    struct error err;
    /* frames for us come in whatever the device's own address is; that it is the same is a courtesy
     * to others */
    if (port->host_index && af_packet_host_set_mac(port->host_name, mac, &err))
        log_notice(&log_class, "%s", err.text);
    memcpy(port->mac, mac, 6);
    port->fixed_mac = true;
    return 0;
}

static int set_mtu(void *arg, u32 bytes, struct error *e)
{
    struct af_packet *port = arg;
    if (!port->host_index || bytes <= port->host_mtu)
        return 0;
    /* longer frames than the device's would be refused one by one */
    int rc = af_packet_host_set_mtu(port->host_name, bytes, e);
    if (!rc)
        port->host_mtu = bytes;
    return rc;
}

static void show_offloads(struct out *o, const char *key, u32 f)
{
    static const struct {
        u32 bit;
        const char *name;
    } names[] = {
        {AF_PACKET_FEATURE_RX_CSUM, "rx checksum"},
        {AF_PACKET_FEATURE_TX_CSUM, "tx checksum"},
        {AF_PACKET_FEATURE_TSO, "tcp segmentation offload"},
        {AF_PACKET_FEATURE_GSO, "generic segmentation offload"},
        {AF_PACKET_FEATURE_GRO, "generic receive offload"},
    };
    out_array(o, key);
    for (u32 i = 0; i < array_len(names); i++)
        if (f & names[i].bit)
            out_str(o, NULL, names[i].name, "     %s\n");
    out_end(o);
}

static void show_ring(struct out *o, const struct af_packet_ring *r)
{
    if (r->map)
        out_text(o, "    block size:%u nr:%u  frame size:%u nr:%u next frame:%u\n",
                 RING_BLOCK_BYTES, (u32)(r->bytes / RING_BLOCK_BYTES), r->frame_bytes, r->n_frames,
                 r->next);
}

/* How many slots are free, wait to be sent, are at the device, were refused. */
static void show_tx(struct out *o, u32 i, const struct af_packet_tx *x)
{
    const struct af_packet_ring *r = &x->ring;
    u32 available = 0, request = 0, sending = 0, wrong = 0;
    for (u32 k = 0; k < r->n_frames; k++) {
        u32 status = __atomic_load_n(&af_packet_slot(r, k)->tp_status, __ATOMIC_RELAXED);
        available += status == TP_STATUS_AVAILABLE;
        request += !!(status & TP_STATUS_SEND_REQUEST);
        sending += !!(status & TP_STATUS_SENDING);
        wrong += !!(status & TP_STATUS_WRONG_FORMAT);
    }
    out_text(o, "  TX Queue %u:\n", i);
    show_ring(o, r);
    if (r->map)
        out_text(o, "    available:%u request:%u sending:%u wrong:%u total:%u\n", available,
                 request, sending, wrong, r->n_frames);
    out_object(o, NULL);
    out_u64(o, "queue", i, NULL);
    out_u64(o, "slots", r->n_frames, NULL);
    out_u64(o, "next_slot", r->next, NULL);
    out_u64(o, "available", available, NULL);
    out_end(o);
}

static void show(void *arg, struct out *o, bool verbose)
{
    struct af_packet *port = arg;
    out_text(o, "  Linux PACKET socket interface%s\n  FEATURES:\n",
             port->args.no_ring ? "" : " v2");
    if (!port->args.qdisc_bypass_off)
        out_text(o, "    qdisc-bpass-enabled\n");
    if (!port->args.cksum_gso_off)
        out_text(o, "    cksum-gso-enabled\n");
    if (port->n_queues > 1)
        out_text(o, "    fanout-enabled\n");
    out_bool(o, "qdisc_bypass", !port->args.qdisc_bypass_off, NULL, NULL);
    out_bool(o, "cksum_gso", !port->args.cksum_gso_off, NULL, NULL);
    out_str(o, "host_interface", port->host_name, NULL);
    if (!port->host_index) {
        out_text(o, "  Host Interface %s: no such device at present\n", port->host_name);
        return;
    }
    out_text(o, "  Host Interface Offload:\n    creation time:\n");
    show_offloads(o, "host_offloads_at_creation", port->first_features);
    out_text(o, "    now:\n");
    show_offloads(o, "host_offloads", af_packet_host_features(port->host_name));
    out_array(o, "sockets");
    for (u32 i = 0; i < port->n_queues; i++) {
        struct af_packet_queue *q = port->queues[i];
        out_text(o, "  RX Queue %u:\n    socket %d batch %u buffers %u\n", i, q->fd, q->batch,
                 q->n_posted);
        show_ring(o, &q->ring);
        out_object(o, NULL);
        out_u64(o, "queue", i, NULL);
        out_u64(o, "batch", q->batch, NULL);
        out_u64(o, "buffers", q->n_posted, NULL);
        out_end(o);
    }
    out_end(o);
    out_array(o, "tx_queues");
    for (u32 i = 0; i < port->n_tx; i++)
        show_tx(o, i, &port->tx[i]);
    out_end(o);
}

static const struct if_class class_ethernet = {
    .name = "Linux PACKET socket interface",
    .tx = &af_packet_tx_node,
    .set_admin = set_admin,
    .set_mac = set_mac,
    .set_mtu = set_mtu,
    .show = show,
    .running_config = af_packet_running_config,
    .saves_mac = true,
};

static const struct if_class class_ip = {
    .name = "Linux PACKET socket interface",
    .tx = &af_packet_tx_node,
    .is_ip = true,
    .set_admin = set_admin,
    .set_mtu = set_mtu,
    .show = show,
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

static struct af_packet *port_new(struct piste *p, const struct af_packet_args *a, int host_index)
{
    struct af_packet *port = mem_alloc(sizeof(*port));
    port->piste = p;
    snprintf(port->host_name, sizeof(port->host_name), "%s", a->host_name);
    port->host_index = host_index;
    port->host_mtu = af_packet_host_mtu(a->host_name);
    port->args = *a;
    port->args.host_name = NULL;
    port->args.hw_addr = NULL;
    port->n_queues = a->n_rx_queues ? a->n_rx_queues : 1;
    /* as a rule each thread has a queue of its own */
    port->n_tx = a->n_tx_queues ? a->n_tx_queues : engine_n_threads(engine_of(p)) - 1;
    port->device_input = feature_arc_find(engine_of(p), "device-input");
    port->queues = mem_alloc(port->n_queues * sizeof(*port->queues));
    port->rx = mem_alloc(port->n_queues * sizeof(*port->rx));
    if (a->hw_addr) {
        memcpy(port->mac, a->hw_addr, 6);
        port->fixed_mac = true;
    } else {
        interface_random_mac(port->mac);
    }
    struct node_index input;
    node_find(engine_of(p), af_packet_input_node.name, &input);
    for (u32 i = 0; i < port->n_queues; i++) {
        struct af_packet_queue *q = port->queues[i] = mem_alloc(sizeof(*q));
        q->port = port;
        q->fd = -1;
        q->batch = AF_PACKET_LARGE_BATCH;
        q->rx = (struct rx_queue){
            .queue = i, .node = input, .fd = -1, .port = q, .mode = RX_MODE_DEFAULT};
        port->rx[i] = &q->rx;
    }
    port->tx = mem_alloc(port->n_tx * sizeof(*port->tx));
    port->tx_queue = mem_alloc(port->n_tx * sizeof(*port->tx_queue));
    for (u32 i = 0; i < port->n_tx; i++) {
        struct af_packet_tx *x = &port->tx[i];
        x->fd = x->ring_fd = -1;
        x->q.port = x;
        port->tx_queue[i] = &x->q;
    }
    tx_queues_init(engine_of(p), &port->tx_queues, port->tx_queue, port->n_tx);
    return port;
}

static void port_free(struct af_packet *port)
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
                               .caps = caps(port),
                               .mtu = (u32)min_u64(port->host_mtu, interface_default_mtu(p)),
                           },
                           &port->interface, e);
    if (rc)
        return rc;
    interface_set_queues(p, port->interface, port->rx, port->n_queues, &port->tx_queues);
    return 0;
}

int af_packet_create(struct piste *p, const struct af_packet_args *a, struct if_index *out,
                     struct error *e)
{
    int rc = check_args(a, e);
    if (rc)
        return rc;
    struct af_packet *port = af_packet_find(p, a->host_name);
    if (port) {
        *out = port->interface;
        return 0;
    }
    int host_index = (int)if_nametoindex(a->host_name);
    if (!host_index && !a->waits)
        return error_errno(e, errno ? errno : ENODEV, "Invalid interface name: %s", a->host_name);
    port = port_new(p, a, host_index);
    rc = make_interface(p, port, e);
    if (rc) {
        port_free(port);
        return rc;
    }
    rc = host_index ? af_packet_open(port, e) : 0;
    if (rc) {
        interface_delete(p, port->interface);
        port_free(port);
        return rc;
    }
    vec_add(&state_of(p)->ports, port);
    if (host_index)
        interface_set_link(p, port->interface, af_packet_host_link_up(port->host_name));
    else
        log_warn(&log_class, "%s: no such device yet: the interface waits for it", a->host_name);
    *out = port->interface;
    return 0;
}

static void destroy(struct piste *p, struct af_packet *port)
{
    af_packet_close(port);
    interface_delete(p, port->interface);
    port_free(port);
}

int af_packet_delete(struct piste *p, const char *host_name, struct error *e)
{
    struct af_packet_state *s = state_of(p);
    for (u32 i = 0; i < s->ports.n; i++) {
        struct af_packet *port = s->ports.v[i];
        if (strcmp(port->host_name, host_name))
            continue;
        vec_del(&s->ports, i);
        destroy(p, port);
        return 0;
    }
    return error_set(e, ENODEV, "no host interface on %s", host_name);
}

int af_packet_set_qdisc_bypass(struct piste *p, const char *host_name, bool on, struct error *e)
{
    struct af_packet *port = af_packet_find(p, host_name);
    if (!port)
        return error_set(e, ENODEV, "no host interface on %s", host_name);
    for (u32 i = 0; i < port->n_tx; i++) {
        const struct af_packet_tx *x = &port->tx[i];
        if ((x->fd >= 0 && option(x->fd, SOL_PACKET, PACKET_QDISC_BYPASS, on)) ||
            (x->ring_fd >= 0 && option(x->ring_fd, SOL_PACKET, PACKET_QDISC_BYPASS, on)))
            return error_errno(e, errno, "%s: cannot change qdisc-bypass", host_name);
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
    return af_packet_update_caps(port, e);
}

/* --- module --- */

static int init(struct piste *p, void **state, struct error *e)
{
    struct af_packet_state *s = mem_alloc(sizeof(*s));
    struct error err;
    s->piste = p;
    if (af_packet_link_start(s, &err))
        log_warn(&log_class, "link state of host devices will not be followed: %s", err.text);
    *state = s;
    return 0;
}

static void stop(struct piste *p, void *state)
{
    struct af_packet_state *s = state;
    af_packet_link_stop(s);
    for (u32 i = 0; i < s->ports.n; i++)
        destroy(p, s->ports.v[i]);
    vec_free(&s->ports);
    free(s);
}

static const struct node_def *const nodes[] = {&af_packet_input_node, NULL};
static const char *const needs[] = {"interface", "ethernet", NULL};

const struct module af_packet_module = {
    .abi = MODULE_ABI,
    .name = "af_packet",
    .description = "Host interfaces through packet sockets",
    .needs = needs,
    .nodes = nodes,
    .commands = af_packet_commands,
    .api = af_packet_api,
    .init = init,
    .stop = stop,
};
