/* The life of virtqueues (control thread): when data threads may look at one, and what it is like
 * then. A ring is up when all that has to be said of it was said: size, addresses, kick, and that
 * it is enabled. Whatever changes what data threads see of it stops it before, and it starts where
 * it was. */
#include "base/foreign_fd.h"
#include "base/log.h"
#include "engine/thread.h"
#include "plugins/vhost/vhost_ring.h"

#include <unistd.h>

static struct log_class log_class = {"vhost-user", NULL};

/* --- what the data thread asks of its queue --- */

/* Whether `event` is among the `shown` indices before `now`. */
static bool vhost_is_passed(u16 event, u16 now, u32 shown)
{
    return (u16)(now - event - 1) < shown;
}

static bool vhost_packed_wants_call(const struct vhost_ring *r, u32 shown)
{
    u16 flags = vhost_load16(r, r->avail + offsetof(struct vring_event, flags)) & 3;
    if (flags != VRING_EVENT_AT || !r->event_idx)
        return flags != VRING_EVENT_NEVER;
    u16 event = vhost_load16(r, r->avail + offsetof(struct vring_event, at)), at = event & 0x7fff;
    return vhost_is_passed(r->wrap == event >> 15 ? at : (u16)(at - r->size), r->at, shown);
}

static bool vhost_wants_call(const struct vhost_ring *r, u32 shown)
{
    if (r->packed)
        return vhost_packed_wants_call(r, shown);
    if (r->event_idx)
        return vhost_is_passed(vhost_load16(r, vhost_avail_ring(r, r->size)), r->at, shown);
    return !(vhost_load16(r, r->avail + offsetof(struct vring_avail, flags)) &
             VRING_AVAIL_NO_INTERRUPT);
}

void vhost_ring_call(struct vhost_ring *r)
{
    u32 shown = r->unasked;
    r->unasked = 0;
    int fd = vhost_wants_call(r, shown) ? __atomic_load_n(&r->call_fd, __ATOMIC_ACQUIRE) : -1;
    if (fd < 0)
        return;
    __atomic_store_n(&r->calls, r->calls + 1, __ATOMIC_RELAXED); /* it is shown */
    foreign_event_signal(fd);
}

/* The guest is told first; what it has put there before it could read that is seen after that. */
static bool vhost_arm(struct thread *t, struct rx_queue *rx)
{
    struct vhost_rx *q = rx->port;
    struct vhost_ring *r = &q->ring;
    if (r->fault)
        return r->told;
    r->armed = true;
    vhost_ring_want_kick(r, true);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !vhost_waiting(r);
}

static void vhost_acknowledge(struct thread *t, struct rx_queue *rx, u32 events)
{
    struct vhost_rx *q = rx->port;
    foreign_event_drain(rx->fd);
    __atomic_store_n(&q->ring.kicks, q->ring.kicks + 1, __ATOMIC_RELAXED);
}

static void vhost_mode_changed(struct thread *t, struct rx_queue *rx)
{
    struct vhost_rx *q = rx->port;
    q->ring.armed = false;
    vhost_ring_want_kick(&q->ring, false);
}

const struct rx_queue_ops vhost_rx_ops = {vhost_arm, vhost_acknowledge, vhost_mode_changed,
                                          .lingers = true};

/* --- a guest that breaks the rules --- */

struct fault_event {
    struct if_index interface;
    u32 index, fault;
    u64 serial;
};

static void vhost_stop_faulty(struct piste *p, const void *payload)
{
    static const char *const reasons[] = {
        [VHOST_FAULT_INDEX] = "index of available descriptors out of range",
        [VHOST_FAULT_HEAD] = "head of a chain out of range",
        [VHOST_FAULT_CHAIN] = "chain of descriptors without end",
    };
    struct fault_event ev;
    memcpy(&ev, payload, sizeof(ev));
    struct vhost *port = vhost_of(p, ev.interface);
    if (!port || !port->conn || port->conn->serial != ev.serial)
        return;
    struct vhost_ring *r = vhost_ring_at(port, ev.index);
    if (!r->fault)
        return; /* it has begun anew meanwhile */
    log_error(&log_class, "%s: virtqueue %u is stopped: %s", vhost_name(port), ev.index,
              reasons[ev.fault]);
    vhost_ring_stop(port, r);
    r->broken = true;
    if (r->err_fd >= 0)
        foreign_event_signal(r->err_fd);
    vhost_rings_start(port); /* what the link is without it */
}

void vhost_ring_fault(struct thread *t, struct vhost_ring *r, enum vhost_fault fault)
{
    struct fault_event ev = {r->interface, r->index, r->fault ? r->fault : fault, r->serial};
    r->fault = (u8)ev.fault;
    if (!r->told)
        r->told = thread_post(t, vhost_stop_faulty, &ev, sizeof(ev));
}

/* --- rings by number --- */

static bool vhost_ring_is_rx(const struct vhost_ring *r)
{
    return r->index & 1; /* the guest sends by it */
}

static struct vhost_ring *vhost_ring_if_made(const struct vhost *port, u32 index)
{
    if (!port->rx[index / 2])
        return NULL;
    return index & 1 ? &port->rx[index / 2]->ring : &port->tx[index / 2]->ring;
}

struct vhost_ring *vhost_ring_at(struct vhost *port, u32 index)
{
    if (index / 2 >= VHOST_PAIRS_MAX)
        return NULL;
    vhost_make_pair(port, index / 2);
    return vhost_ring_if_made(port, index);
}

/* --- stopping --- */

void vhost_ring_stop(struct vhost *port, struct vhost_ring *r)
{
    struct engine *e = engine_of(port->piste);
    if (!r->up)
        return;
    __atomic_store_n(&r->up, false, __ATOMIC_RELEASE);
    if (vhost_ring_is_rx(r)) {
        struct rx_queue *q = &port->rx[r->index / 2]->q;
        rx_queue_delete(e, q);
        q->fd = -1;
    } else {
        engine_synchronize(e);
    }
}

void vhost_rings_stop(struct vhost *port)
{
    for (u32 i = 0; i < 2 * VHOST_PAIRS_MAX; i++) {
        struct vhost_ring *r = vhost_ring_if_made(port, i);
        if (r)
            vhost_ring_stop(port, r);
    }
}

/* --- starting --- */

static bool is_aligned(const void *p, u32 to)
{
    return !((uintptr_t)p & (to - 1));
}

/* Finds the three parts of a ring. false: they are not where they were said to be. */
static bool vhost_ring_find(const struct vhost_conn *c, struct vhost_ring *r)
{
    const struct vhost_vring_addr *a = &r->addr;
    bool packed = vhost_acked(c, VIRTIO_F_RING_PACKED);
    u64 more = vhost_acked(c, VIRTIO_F_EVENT_IDX) ? sizeof(u16) : 0;
    u64 avail = packed ? sizeof(struct vring_event)
                       : sizeof(struct vring_avail) + r->size * sizeof(u16) + more;
    u64 used = packed ? sizeof(struct vring_event) : vhost_used_bytes(r->size) + more;
    r->desc = vhost_memory_of_user(c, a->desc, r->size * sizeof(struct vring_desc));
    r->avail = vhost_memory_of_user(c, a->avail, avail);
    r->used = vhost_memory_of_user(c, a->used, used);
    return r->desc && r->avail && r->used && is_aligned(r->desc, sizeof(u64)) &&
           is_aligned(r->avail, packed ? sizeof(u32) : sizeof(u16)) &&
           is_aligned(r->used, sizeof(u32));
}

static u32 vhost_ring_takes(const struct vhost_conn *c)
{
    return (vhost_acked(c, VIRTIO_NET_F_HOST_TSO4) ? VIRTIO_TAKES(VIRTIO_GSO_TCP4) : 0) |
           (vhost_acked(c, VIRTIO_NET_F_HOST_TSO6) ? VIRTIO_TAKES(VIRTIO_GSO_TCP6) : 0) |
           (vhost_acked(c, VIRTIO_NET_F_HOST_USO) ? VIRTIO_TAKES(VIRTIO_GSO_UDP_L4) : 0);
}

/* What of its memory is written is noted, for as long as the guest moves to another machine. */
static void vhost_ring_set_log(const struct vhost_conn *c, struct vhost_ring *r)
{
    const struct vhost_area *log = &c->log;
    bool logs = log->map.base && vhost_acked(c, VHOST_F_LOG_ALL);
    r->log = logs ? log->map.base + log->offset : NULL;
    r->log_bytes = log->bytes;
    r->logs_used = logs && (r->addr.flags & VHOST_VRING_LOG);
    r->log_used = r->addr.log;
}

/* What was chosen for all rings. */
static void vhost_ring_configure(const struct vhost_conn *c, struct vhost_ring *r)
{
    bool modern = vhost_acked(c, VIRTIO_F_VERSION_1);
    r->packed = vhost_acked(c, VIRTIO_F_RING_PACKED);
    r->event_idx = vhost_acked(c, VIRTIO_F_EVENT_IDX);
    r->mergeable = vhost_acked(c, VIRTIO_NET_F_MRG_RXBUF);
    r->order = modern ? VIRTIO_LITTLE : VIRTIO_NATIVE;
    r->header_bytes = modern || r->mergeable ? VIRTIO_HEADER_MRG_BYTES : VIRTIO_HEADER_BYTES;
    r->takes = vhost_ring_takes(c);
    r->takes_ecn = vhost_acked(c, VIRTIO_NET_F_GUEST_ECN);
    r->memory = c->memory;
    vhost_ring_set_log(c, r);
    r->serial = c->serial;
    r->interface = c->port->interface;
    r->fault = 0;
    r->told = r->armed = false;
    r->unasked = VHOST_UNASKED_ALL;
}

/* Of a packed ring, who was here before has noted where it will be behind a batch, shown the batch
 * by its first descriptor, then noted where it is: that descriptor says whether it came so far. */
static void vhost_packed_recover(struct vhost_ring *r)
{
    struct vhost_inflight_packed p;
    memcpy(&p, r->inflight, sizeof(p));
    vhost_copied();
    u16 at = p.old_used_idx;
    bool wrap = p.old_used_wrap;
    if (p.version != VHOST_INFLIGHT_VERSION || p.size != r->size || at >= r->size ||
        p.used_idx >= r->size)
        return;
    u16 flags = vhost_load16_acquire(r, r->desc + (size_t)at * sizeof(struct vring_desc) +
                                            VRING_PACKED_FLAGS_AT);
    bool is_shown = !!(flags & VRING_PACKED_AVAIL) == wrap && !!(flags & VRING_PACKED_USED) == wrap;
    bool is_behind = p.used_idx != at || !!p.used_wrap != wrap;
    r->at = is_behind && is_shown ? p.used_idx : at;
    r->wrap = is_behind && is_shown ? p.used_wrap : wrap;
}

/* Of a split ring, what the guest was shown says where we were: a front end that lost us does not
 * know, or says 0 for a ring that is not new. */
static void vhost_ring_position(const struct vhost_conn *c, struct vhost_ring *r)
{
    r->inflight = vhost_inflight_of(c, r);
    if (!r->positioned && !r->packed)
        r->at = vhost_load16(r, r->used + offsetof(struct vring_used, idx));
    if (!r->positioned && r->packed && r->inflight && r->recovers)
        vhost_packed_recover(r);
    r->positioned = true;
    if (r->inflight)
        vhost_inflight_begin(r);
}

static bool vhost_ring_is_ready(const struct vhost_conn *c, const struct vhost_ring *r)
{
    bool in_use = r->index < 2 || vhost_acked(c, VIRTIO_NET_F_MQ);
    bool enabled = r->enabled || !vhost_acked(c, VHOST_USER_F_PROTOCOL_FEATURES);
    bool fits = vhost_acked(c, VIRTIO_F_RING_PACKED) ? r->at < r->size : !(r->size & (r->size - 1));
    return c->has_features && c->memory && r->size && r->has_addr && r->has_kick && in_use &&
           enabled && fits && !r->broken;
}

static void vhost_ring_start(struct vhost *port, struct vhost_ring *r)
{
    struct engine *e = engine_of(port->piste);
    const struct vhost_conn *c = port->conn;
    struct error err;
    if (r->up || !vhost_ring_is_ready(c, r))
        return;
    /* there may be other memory, or other addresses, to come */
    if (!vhost_ring_find(c, r)) {
        log_debug(&log_class, "%s: virtqueue %u is not in the memory", vhost_name(port), r->index);
        return;
    }
    vhost_ring_configure(c, r);
    vhost_ring_position(c, r);
    vhost_ring_want_kick(r, false);
    if (!vhost_ring_is_rx(r)) {
        __atomic_store_n(&r->up, true, __ATOMIC_RELEASE);
        return;
    }
    struct vhost_rx *q = port->rx[r->index / 2];
    q->q.fd = r->kick_fd;
    if (rx_queue_add(e, &q->q, q->q.thread ? q->q.thread : UINT32_MAX, &err)) {
        log_error(&log_class, "%s: %s", vhost_name(port), err.text);
        return;
    }
    r->up = true; /* and enabled when there is a link, so that what waits there can be answered */
}

void vhost_rings_start(struct vhost *port)
{
    u32 n_rx = port->n_rx, n_tx = 1;
    bool rx_up = false, tx_up = false;
    for (u32 i = 0; port->conn && i < 2 * VHOST_PAIRS_MAX; i++) {
        const struct vhost_ring *r = vhost_ring_if_made(port, i);
        if (!r || !vhost_ring_is_ready(port->conn, r))
            continue;
        if (vhost_ring_is_rx(r))
            n_rx = (u32)max_u64(n_rx, i / 2 + 1);
        else
            n_tx = i / 2 + 1;
    }
    /* those that the guest does not use now are nobody's to send by */
    vhost_set_queues(port, n_rx, port->conn ? n_tx : port->n_tx);
    for (u32 i = 0; port->conn && i < 2 * VHOST_PAIRS_MAX; i++) {
        struct vhost_ring *r = vhost_ring_if_made(port, i);
        if (!r)
            continue;
        vhost_ring_start(port, r);
        *(vhost_ring_is_rx(r) ? &rx_up : &tx_up) |= r->up;
    }
    const struct interface *f = interface_at(port->piste, port->interface);
    if (f->link_up != (rx_up && tx_up)) {
        interface_set_link(port->piste, port->interface, rx_up && tx_up);
        log_notice(&log_class, "%s: link is %s", f->name, rx_up && tx_up ? "up" : "down");
    }
    for (u32 i = 0; i < port->n_rx; i++)
        if (port->rx[i]->ring.up && port->admin_up && !port->rx[i]->q.enabled)
            rx_queue_enable(engine_of(port->piste), &port->rx[i]->q, true);
}

/* --- what is said of one --- */

static void vhost_close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void vhost_ring_reset(struct vhost_ring *r)
{
    vhost_close_fd(&r->kick_fd);
    vhost_close_fd(&r->call_fd);
    vhost_close_fd(&r->err_fd);
    *r = vhost_ring_new(r->index);
}

void vhost_rings_reset(struct vhost *port)
{
    for (u32 i = 0; i < 2 * VHOST_PAIRS_MAX; i++) {
        struct vhost_ring *r = vhost_ring_if_made(port, i);
        if (r)
            vhost_ring_reset(r);
    }
}

void vhost_rings_recover(struct vhost *port)
{
    for (u32 i = 0; i < 2 * VHOST_PAIRS_MAX; i++) {
        struct vhost_ring *r = vhost_ring_if_made(port, i);
        if (r)
            r->recovers = true;
    }
}

void vhost_ring_set_call(struct vhost *port, struct vhost_ring *r, int fd)
{
    int old = r->call_fd;
    __atomic_store_n(&r->call_fd, fd, __ATOMIC_RELEASE);
    if (old < 0)
        return;
    engine_synchronize(engine_of(port->piste));
    close(old);
}

void vhost_ring_set_kick(struct vhost *port, struct vhost_ring *r, int fd)
{
    int old = r->kick_fd;
    r->kick_fd = fd;
    r->has_kick = true;
    if (r->up && vhost_ring_is_rx(r))
        rx_queue_set_fd(engine_of(port->piste), &port->rx[r->index / 2]->q, fd);
    if (old >= 0)
        close(old);
}

void vhost_ring_discard(struct vhost_ring *r)
{
    struct vhost_segments s;
    struct vhost_done done = {0};
    struct vhost_head h;
    u32 waiting = r->fault ? 0 : vhost_waiting(r);
    while (waiting && waiting <= r->size && done.ahead < r->size) {
        vhost_segments_clear(&s);
        enum vhost_chain rc = vhost_chain_take(r, done.ahead, waiting, false, &h, &s);
        if (rc == VHOST_CHAIN_NONE || rc == VHOST_CHAIN_BROKEN)
            break; /* the data thread will say so */
        vhost_done_add(r, &done, &h);
    }
    if (!done.ahead)
        return;
    vhost_done_show(r, &done);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    vhost_ring_call(r);
}
