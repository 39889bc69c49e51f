/* What the front end says, and what it is answered. Each message is a row of a table: how long it
 * is, how many descriptors come with it, and who handles it. A handler returns 0, REPLIES when the
 * message is now the answer, or -errno: then the peer is told so if it wants to be told
 * (REPLY_ACK), otherwise it has to go, since it would go on as if all was well. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/foreign_fd.h"
#include "base/log.h"
#include "engine/thread.h"
#include "net/packet/ethernet_packet.h"
#include "plugins/vhost/vhost_internal.h"

#define REPLIES 1
#define MTU_MIN 68
#define MTU_MAX 65535

static struct log_class log_class = {"vhost-user", "message"};

/* --- features --- */

#define FEATURES_ALWAYS                                                                            \
    (VHOST_BIT(VIRTIO_NET_F_MTU) | VHOST_BIT(VIRTIO_NET_F_MRG_RXBUF) |                             \
     VHOST_BIT(VIRTIO_NET_F_CTRL_VQ) | VHOST_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) |                    \
     VHOST_BIT(VIRTIO_NET_F_MQ) | VHOST_BIT(VHOST_F_LOG_ALL) | VHOST_BIT(VIRTIO_F_ANY_LAYOUT) |    \
     VHOST_BIT(VIRTIO_F_INDIRECT_DESC) | VHOST_BIT(VHOST_USER_F_PROTOCOL_FEATURES) |               \
     VHOST_BIT(VIRTIO_F_VERSION_1))
/* With `gso', in VPP, too; */
#define FEATURES_GSO_VPP                                                                           \
    (VHOST_BIT(VIRTIO_NET_F_CSUM) | VHOST_BIT(VIRTIO_NET_F_GUEST_CSUM) |                           \
     VHOST_BIT(VIRTIO_NET_F_GUEST_TSO4) | VHOST_BIT(VIRTIO_NET_F_GUEST_TSO6) |                     \
     VHOST_BIT(VIRTIO_NET_F_GUEST_UFO) | VHOST_BIT(VIRTIO_NET_F_HOST_TSO4) |                       \
     VHOST_BIT(VIRTIO_NET_F_HOST_TSO6) | VHOST_BIT(VIRTIO_NET_F_HOST_UFO))
/* IP fragments in one piece nobody here can make or take, and large UDP packets took their place */
#define FEATURES_GSO                                                                               \
    ((FEATURES_GSO_VPP &                                                                           \
      ~(VHOST_BIT(VIRTIO_NET_F_GUEST_UFO) | VHOST_BIT(VIRTIO_NET_F_HOST_UFO))) |                   \
     VHOST_BIT(VIRTIO_NET_F_GUEST_ECN) | VHOST_BIT(VIRTIO_NET_F_HOST_ECN) |                        \
     VHOST_BIT(VIRTIO_NET_F_GUEST_USO4) | VHOST_BIT(VIRTIO_NET_F_GUEST_USO6) |                     \
     VHOST_BIT(VIRTIO_NET_F_HOST_USO))

#define PROTOCOL_FEATURES                                                                          \
    (VHOST_BIT(VHOST_PROTOCOL_F_MQ) | VHOST_BIT(VHOST_PROTOCOL_F_LOG_SHMFD) |                      \
     VHOST_BIT(VHOST_PROTOCOL_F_INFLIGHT_SHMFD) | VHOST_BIT(VHOST_PROTOCOL_F_RARP) |               \
     VHOST_BIT(VHOST_PROTOCOL_F_REPLY_ACK) | VHOST_BIT(VHOST_PROTOCOL_F_MTU) |                     \
     VHOST_BIT(VHOST_PROTOCOL_F_BACKEND_REQ) | VHOST_BIT(VHOST_PROTOCOL_F_RESET_DEVICE) |          \
     VHOST_BIT(VHOST_PROTOCOL_F_CONFIGURE_MEM_SLOTS) | VHOST_BIT(VHOST_PROTOCOL_F_STATUS))

u64 vhost_feature_mask(const struct vhost *port)
{
    u64 mask = port->args.feature_mask;
    if (!port->args.gso)
        mask &= ~FEATURES_GSO_VPP;
    if (!port->args.packed)
        mask &= ~VHOST_BIT(VIRTIO_F_RING_PACKED);
    if (!port->args.event_idx)
        mask &= ~VHOST_BIT(VIRTIO_F_EVENT_IDX);
    return mask;
}

u64 vhost_features(const struct vhost *port)
{
    return vhost_feature_mask(port) &
           (FEATURES_ALWAYS | VHOST_BIT(VIRTIO_F_EVENT_IDX) | VHOST_BIT(VIRTIO_F_RING_PACKED) |
            (port->args.gso ? FEATURES_GSO : 0));
}

/* What the guest takes, a cap for each feature; large UDP packets it takes over both or not. */
static u32 vhost_caps(const struct vhost_conn *c)
{
    bool uso = vhost_acked(c, VIRTIO_NET_F_GUEST_USO4) && vhost_acked(c, VIRTIO_NET_F_GUEST_USO6);
    bool large =
        c->features & (VHOST_BIT(VIRTIO_NET_F_HOST_TSO4) | VHOST_BIT(VIRTIO_NET_F_HOST_TSO6));
    u32 caps =
        (vhost_acked(c, VIRTIO_NET_F_CSUM) ? IF_CAP_RX_CSUM : 0) | (large ? IF_CAP_RX_LARGE : 0);
    if (!vhost_acked(c, VIRTIO_NET_F_GUEST_CSUM))
        return caps;
    return caps | IF_CAP_CSUM_ALL | (vhost_acked(c, VIRTIO_NET_F_GUEST_TSO4) ? IF_CAP_TSO4 : 0) |
           (vhost_acked(c, VIRTIO_NET_F_GUEST_TSO6) ? IF_CAP_TSO6 : 0) | (uso ? IF_CAP_USO : 0);
}

void vhost_offloads_follow(struct vhost *port)
{
    const struct vhost_conn *c = port->conn;
    u32 caps = c ? vhost_caps(c) : 0;
    struct error e;
    if (interface_at(port->piste, port->interface)->caps != caps &&
        interface_set_caps(port->piste, port->interface, caps, &e))
        log_error(&log_class, "%s: %s", vhost_name(port), e.text);
    interface_set_limit(port->piste, port->interface,
                        (struct if_limit){.bytes = c ? (u32)c->mtu : 0});
}

static int on_get_features(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    m->u64 = vhost_features(c->port);
    return REPLIES;
}

static int on_set_features(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    u64 wrong = m->u64 & ~vhost_features(c->port);
    if (wrong)
        return error_set(e, EINVAL, "features 0x%llx were not offered", (unsigned long long)wrong);
    if (c->has_features && c->features == m->u64)
        return 0; /* said for each pair of queues */
    vhost_rings_stop(c->port);
    c->features = m->u64;
    c->has_features = true;
    vhost_offloads_follow(c->port);
    vhost_rings_start(c->port);
    return 0;
}

static int on_get_protocol_features(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    m->u64 = PROTOCOL_FEATURES;
    return REPLIES;
}

static int on_set_protocol_features(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    u64 wrong = m->u64 & ~PROTOCOL_FEATURES;
    if (wrong)
        return error_set(e, EINVAL, "protocol features 0x%llx were not offered",
                         (unsigned long long)wrong);
    c->protocol_features = m->u64;
    return 0;
}

static int on_get_queue_num(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    m->u64 = VHOST_PAIRS_MAX;
    return REPLIES;
}

/* --- the device --- */

/* There is one connection a device: it is its owner's. And nobody has to be woken for the log. */
static int on_nothing(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    return 0;
}

/* There is nothing that we request; but user-mode Linux has no interrupts without it. */
static int on_request_fd(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    if (c->request_fd >= 0)
        close(c->request_fd);
    c->request_fd = c->fds[0];
    c->n_fds = 0;
    return 0;
}

/* As it was before its driver came; memory and what was negotiated stay. */
static int on_reset(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    vhost_rings_stop(c->port);
    vhost_rings_reset(c->port);
    c->features = 0;
    c->has_features = false;
    c->status = 0;
    vhost_rings_start(c->port);
    vhost_offloads_follow(c->port);
    return 0;
}

static int on_set_status(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    if (m->u64 > UINT8_MAX)
        return error_set(e, EINVAL, "status out of range");
    c->status = (u8)m->u64;
    return 0;
}

static int on_get_status(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    m->u64 = c->status;
    return REPLIES;
}

static int on_set_mtu(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    if (m->u64 < MTU_MIN || m->u64 > MTU_MAX)
        return error_set(e, EINVAL, "MTU out of range");
    c->mtu = m->u64;
    vhost_offloads_follow(c->port);
    return 0;
}

/* What the guest has moved to another machine would say, so that bridges there learn it: a RARP
 * request from its address. */
static int on_send_rarp(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    static const u8 head[] = {0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3};
    struct engine *engine = engine_of(c->port->piste);
    struct thread *t = engine_main_thread(engine);
    const u8 *mac = (const u8 *)&m->u64;
    u8 frame[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    u32 bi;
    if (!c->port->admin_up || !buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1))
        return 0;
    memcpy(frame + 6, mac, 6);
    memcpy(frame + 12, head, sizeof(head));
    memcpy(frame + 22, mac, 6); /* sender, */
    memcpy(frame + 32, mac, 6); /* and who is asked for */
    struct buffer *b = buffer_at(bi);
    memcpy(buffer_current(b), frame, sizeof(frame));
    b->len = sizeof(frame);
    b->rx_if = c->port->interface;
    if (!thread_handoff(t, thread_of_interface(engine, c->port->interface),
                        node_must_find(engine, "ethernet-input"), &bi, 1))
        buffer_free_one(t, bi);
    return 0;
}

/* --- memory --- */

static int on_set_mem_table(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    u32 n = m->table.n;
    if (!n || n > VHOST_TABLE_REGIONS ||
        m->header.bytes <
            offsetof(struct vhost_table_message, region) + n * sizeof(struct vhost_region_message))
        return error_set(e, EINVAL, "memory table of %u regions", n);
    if (n != c->n_fds)
        return error_set(e, EINVAL, "memory table of %u regions with %u descriptors", n, c->n_fds);
    vhost_rings_stop(c->port);
    int rc = vhost_memory_set(c, m->table.region, n, c->fds, e);
    vhost_rings_start(c->port);
    return rc;
}

static int on_get_max_mem_slots(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    m->u64 = VHOST_REGIONS_MAX;
    return REPLIES;
}

static int on_add_mem_reg(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    vhost_rings_stop(c->port);
    int rc = vhost_memory_add(c, &m->region.region, c->fds[0], e);
    vhost_rings_start(c->port);
    return rc;
}

static int on_rem_mem_reg(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    vhost_rings_stop(c->port);
    int rc = vhost_memory_remove(c, &m->region.region, e);
    vhost_rings_start(c->port);
    return rc;
}

/* --- memory beside that --- */

static int on_log_base(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    vhost_rings_stop(c->port);
    int rc = vhost_log_set(c, &m->log, c->fds[0], e);
    vhost_rings_start(c->port);
    if (rc)
        return rc;
    m->u64 = 0;
    m->header.bytes = sizeof(m->u64);
    return REPLIES;
}

static int on_get_inflight(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    c->reply_fd = vhost_inflight_make(&m->inflight, vhost_acked(c, VIRTIO_F_RING_PACKED), e);
    return c->reply_fd < 0 ? c->reply_fd : REPLIES;
}

static int on_set_inflight(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    vhost_rings_stop(c->port);
    int rc = vhost_inflight_set(c, &m->inflight, c->fds[0], e);
    if (!rc)
        vhost_rings_recover(c->port);
    vhost_rings_start(c->port);
    return rc;
}

/* --- rings --- */

/* NULL: *rc says why. */
static struct vhost_ring *ring_of(struct vhost_conn *c, u32 index, int *rc, struct error *e)
{
    struct vhost_ring *r = vhost_ring_at(c->port, index);
    *rc = r ? 0 : error_set(e, EINVAL, "virtqueue %u out of range", index);
    return r;
}

static int on_vring_num(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    int rc;
    struct vhost_ring *r = ring_of(c, m->state.index, &rc, e);
    if (!r)
        return rc;
    if (!m->state.num || m->state.num > VRING_SIZE_MAX)
        return error_set(e, EINVAL, "virtqueue of %u descriptors", m->state.num);
    vhost_ring_stop(c->port, r);
    r->size = (u16)m->state.num;
    vhost_rings_start(c->port);
    return 0;
}

static int on_vring_addr(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    int rc;
    struct vhost_ring *r = ring_of(c, m->addr.index, &rc, e);
    if (!r)
        return rc;
    vhost_ring_stop(c->port, r);
    r->addr = m->addr;
    r->has_addr = true;
    vhost_rings_start(c->port);
    return 0;
}

/* Of a packed ring, bits 0 to 15 are what is available next; what was used is the same, since
 * nothing is held back. */
static int on_set_vring_base(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    int rc;
    struct vhost_ring *r = ring_of(c, m->state.index, &rc, e);
    if (!r)
        return rc;
    vhost_ring_stop(c->port, r);
    bool packed = vhost_acked(c, VIRTIO_F_RING_PACKED);
    r->at = (u16)(packed ? m->state.num & 0x7fff : m->state.num);
    r->wrap = packed && m->state.num & 0x8000;
    r->positioned = r->broken = false;
    vhost_rings_start(c->port);
    return 0;
}

static int on_get_vring_base(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    int rc;
    struct vhost_ring *r = ring_of(c, m->state.index, &rc, e);
    if (!r)
        return rc;
    vhost_ring_stop(c->port, r);
    if (r->kick_fd >= 0)
        close(r->kick_fd);
    r->kick_fd = -1;
    r->has_kick = r->positioned = r->recovers = false;
    m->state.num = r->at;
    if (vhost_acked(c, VIRTIO_F_RING_PACKED)) {
        u32 half = r->at | (r->wrap ? 0x8000u : 0);
        m->state.num = half | half << 16;
    }
    m->header.bytes = sizeof(m->state);
    vhost_rings_start(c->port);
    return REPLIES;
}

static int on_vring_enable(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    int rc;
    struct vhost_ring *r = ring_of(c, m->state.index, &rc, e);
    if (!r)
        return rc;
    if (m->state.num > 1)
        return error_set(e, EINVAL, "virtqueue is to be enabled %u", m->state.num);
    if (r->enabled == m->state.num)
        return 0;
    vhost_ring_stop(c->port, r);
    r->enabled = m->state.num;
    vhost_rings_start(c->port);
    return 0;
}

/* The descriptor of a message about one, which the caller has then; -1: it says that there is none.
 */
static int vhost_take_event(struct vhost_conn *c, const struct vhost_message *m,
                            struct vhost_ring **r, int *fd, struct error *e)
{
    int rc;
    *r = ring_of(c, (u32)(m->u64 & VHOST_FD_RING), &rc, e);
    if (!*r)
        return rc;
    bool none = m->u64 & VHOST_FD_NONE;
    if (none != !c->n_fds)
        return error_set(e, EINVAL, "event with %u descriptors", c->n_fds);
    if (!none && !foreign_event_take(c->fds[0], FOREIGN_EVENTFD_OR_STREAM))
        return error_set(e, EINVAL, "the descriptor of an event is no eventfd");
    *fd = none ? -1 : c->fds[0];
    c->n_fds = 0;
    return 0;
}

static int on_vring_kick(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    struct vhost_ring *r;
    int fd, rc = vhost_take_event(c, m, &r, &fd, e);
    if (rc)
        return rc;
    vhost_ring_set_kick(c->port, r, fd);
    vhost_rings_start(c->port);
    return 0;
}

static int on_vring_call(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    struct vhost_ring *r;
    int fd, rc = vhost_take_event(c, m, &r, &fd, e);
    if (!rc)
        vhost_ring_set_call(c->port, r, fd);
    return rc;
}

static int on_vring_err(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    struct vhost_ring *r;
    int fd, rc = vhost_take_event(c, m, &r, &fd, e);
    if (rc)
        return rc;
    if (r->err_fd >= 0)
        close(r->err_fd);
    r->err_fd = fd;
    return 0;
}

/* --- the table --- */

struct request {
    int (*fn)(struct vhost_conn *c, struct vhost_message *m, struct error *e);
    u16 bytes, bytes_most; /* of the payload; the latter 0: the same */
    u8 fds, fds_most;      /* likewise */
};

#define U64 8

static const struct request requests[VHOST_REQUESTS] = {
    [VHOST_GET_FEATURES] = {on_get_features},
    [VHOST_SET_FEATURES] = {on_set_features, U64},
    [VHOST_SET_OWNER] = {on_nothing},
    [VHOST_RESET_OWNER] = {on_reset},
    [VHOST_SET_MEM_TABLE] = {on_set_mem_table, 8, sizeof(struct vhost_table_message), 0,
                             VHOST_TABLE_REGIONS},
    [VHOST_SET_LOG_BASE] = {on_log_base, sizeof(struct vhost_log_message), 0, 1},
    [VHOST_SET_LOG_FD] = {on_nothing, 0, U64, 1},
    [VHOST_SET_VRING_NUM] = {on_vring_num, sizeof(struct vhost_vring_state)},
    [VHOST_SET_VRING_ADDR] = {on_vring_addr, sizeof(struct vhost_vring_addr)},
    [VHOST_SET_VRING_BASE] = {on_set_vring_base, sizeof(struct vhost_vring_state)},
    [VHOST_GET_VRING_BASE] = {on_get_vring_base, sizeof(struct vhost_vring_state)},
    [VHOST_SET_VRING_KICK] = {on_vring_kick, U64, 0, 0, 1},
    [VHOST_SET_VRING_CALL] = {on_vring_call, U64, 0, 0, 1},
    [VHOST_SET_VRING_ERR] = {on_vring_err, U64, 0, 0, 1},
    [VHOST_GET_PROTOCOL_FEATURES] = {on_get_protocol_features},
    [VHOST_SET_PROTOCOL_FEATURES] = {on_set_protocol_features, U64},
    [VHOST_GET_QUEUE_NUM] = {on_get_queue_num},
    [VHOST_SET_VRING_ENABLE] = {on_vring_enable, sizeof(struct vhost_vring_state)},
    [VHOST_SEND_RARP] = {on_send_rarp, U64},
    [VHOST_NET_SET_MTU] = {on_set_mtu, U64},
    [VHOST_SET_BACKEND_REQ_FD] = {on_request_fd, 0, 0, 1},
    /* some peers do not send what pads it */
    [VHOST_GET_INFLIGHT_FD] = {on_get_inflight, 20, sizeof(struct vhost_inflight_message)},
    [VHOST_SET_INFLIGHT_FD] = {on_set_inflight, 20, sizeof(struct vhost_inflight_message), 1},
    [VHOST_RESET_DEVICE] = {on_reset},
    [VHOST_GET_MAX_MEM_SLOTS] = {on_get_max_mem_slots},
    [VHOST_ADD_MEM_REG] = {on_add_mem_reg, sizeof(struct vhost_single_region_message), 0, 1},
    [VHOST_REM_MEM_REG] = {on_rem_mem_reg, sizeof(struct vhost_single_region_message), 0, 0, 1},
    [VHOST_SET_STATUS] = {on_set_status, U64},
    [VHOST_GET_STATUS] = {on_get_status},
};

static int vhost_handle(struct vhost_conn *c, struct vhost_message *m, struct error *e)
{
    const struct request *r =
        m->header.request < VHOST_REQUESTS ? &requests[m->header.request] : NULL;
    if ((m->header.flags & (VHOST_VERSION_MASK | VHOST_REPLY)) != VHOST_VERSION)
        return error_set(e, EPROTO, "flags 0x%x", m->header.flags);
    if (!r || !r->fn)
        return error_set(e, EOPNOTSUPP, "it is not known here");
    if (m->header.bytes < r->bytes || m->header.bytes > max_u64(r->bytes, r->bytes_most))
        return error_set(e, EPROTO, "it has %u bytes", m->header.bytes);
    if (c->n_fds < r->fds || c->n_fds > max_u64(r->fds, r->fds_most))
        return error_set(e, EPROTO, "%u descriptors came along", c->n_fds);
    return r->fn(c, m, e);
}

void vhost_take_message(struct vhost_conn *c)
{
    struct vhost_message *m = &c->message;
    u32 request = m->header.request, flags = m->header.flags;
    char why[96];
    struct error e = {0};
    int rc = vhost_handle(c, m, &e);
    /* user-mode Linux wants an answer to the message already by which it chooses to have answers */
    bool wants_ack = (flags & VHOST_NEED_REPLY) &&
                     (c->protocol_features & VHOST_BIT(VHOST_PROTOCOL_F_REPLY_ACK));
    for (u32 i = 0; i < c->n_fds; i++)
        close(c->fds[i]);
    c->n_fds = 0;
    snprintf(why, sizeof(why), "message %u: %.64s", request, e.text);
    if (rc < 0 && (!wants_ack || rc == -EPROTO)) {
        vhost_close(c, why);
        return;
    }
    if (rc < 0)
        log_notice(&log_class, "%s: refused %s", vhost_name(c->port), why);
    if (rc != REPLIES && !wants_ack)
        return;
    if (rc != REPLIES)
        m->u64 = rc < 0;
    if (rc != REPLIES || m->header.bytes == 0)
        m->header.bytes = sizeof(m->u64);
    m->header.flags = VHOST_VERSION | VHOST_REPLY;
    u8 answer[sizeof(*m)];
    memcpy(answer, &m->header, sizeof(m->header));
    memcpy(answer + sizeof(m->header), &m->u64, m->header.bytes);
    bool sent = foreign_fd_send(c->fd, answer, sizeof(m->header) + m->header.bytes, c->reply_fd);
    if (c->reply_fd >= 0)
        close(c->reply_fd);
    c->reply_fd = -1;
    if (!sent)
        vhost_close(c, "the peer does not read");
}
