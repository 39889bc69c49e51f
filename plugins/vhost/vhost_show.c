/* `show vhost-user`, and what `show hardware-interfaces` says of one. Lines are VPP's. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/cli.h"
#include "engine/thread.h"
#include "plugins/vhost/vhost_ring.h"

static const struct feature_name {
    u32 bit;
    const char *name;
} feature_names[] = {
    {VIRTIO_NET_F_CSUM, "VIRTIO_NET_F_CSUM"},
    {VIRTIO_NET_F_GUEST_CSUM, "VIRTIO_NET_F_GUEST_CSUM"},
    {VIRTIO_NET_F_MTU, "VIRTIO_NET_F_MTU"},
    {VIRTIO_NET_F_GUEST_TSO4, "VIRTIO_NET_F_GUEST_TSO4"},
    {VIRTIO_NET_F_GUEST_TSO6, "VIRTIO_NET_F_GUEST_TSO6"},
    {VIRTIO_NET_F_GUEST_ECN, "VIRTIO_NET_F_GUEST_ECN"},
    {VIRTIO_NET_F_HOST_TSO4, "VIRTIO_NET_F_HOST_TSO4"},
    {VIRTIO_NET_F_HOST_TSO6, "VIRTIO_NET_F_HOST_TSO6"},
    {VIRTIO_NET_F_HOST_ECN, "VIRTIO_NET_F_HOST_ECN"},
    {VIRTIO_NET_F_MRG_RXBUF, "VIRTIO_NET_F_MRG_RXBUF"},
    {VIRTIO_NET_F_CTRL_VQ, "VIRTIO_NET_F_CTRL_VQ"},
    {VIRTIO_NET_F_GUEST_ANNOUNCE, "VIRTIO_NET_F_GUEST_ANNOUNCE"},
    {VIRTIO_NET_F_MQ, "VIRTIO_NET_F_MQ"},
    {VHOST_F_LOG_ALL, "VHOST_F_LOG_ALL"},
    {VIRTIO_F_ANY_LAYOUT, "VIRTIO_F_ANY_LAYOUT"},
    {VIRTIO_F_INDIRECT_DESC, "VIRTIO_F_INDIRECT_DESC"},
    {VIRTIO_F_EVENT_IDX, "VIRTIO_RING_F_EVENT_IDX"},
    {VHOST_USER_F_PROTOCOL_FEATURES, "VHOST_USER_F_PROTOCOL_FEATURES"},
    {VIRTIO_F_VERSION_1, "VIRTIO_F_VERSION_1"},
    {VIRTIO_F_RING_PACKED, "VIRTIO_F_RING_PACKED"},
    {VIRTIO_NET_F_GUEST_USO4, "VIRTIO_NET_F_GUEST_USO4"},
    {VIRTIO_NET_F_GUEST_USO6, "VIRTIO_NET_F_GUEST_USO6"},
    {VIRTIO_NET_F_HOST_USO, "VIRTIO_NET_F_HOST_USO"},
};

static const struct feature_name protocol_names[] = {
    {VHOST_PROTOCOL_F_MQ, "VHOST_USER_PROTOCOL_F_MQ"},
    {VHOST_PROTOCOL_F_LOG_SHMFD, "VHOST_USER_PROTOCOL_F_LOG_FD"},
    {VHOST_PROTOCOL_F_RARP, "VHOST_USER_PROTOCOL_F_RARP"},
    {VHOST_PROTOCOL_F_REPLY_ACK, "VHOST_USER_PROTOCOL_F_REPLY_ACK"},
    {VHOST_PROTOCOL_F_MTU, "VHOST_USER_PROTOCOL_F_NET_MTU"},
    {VHOST_PROTOCOL_F_BACKEND_REQ, "VHOST_USER_PROTOCOL_F_BACKEND_REQ"},
    {VHOST_PROTOCOL_F_INFLIGHT_SHMFD, "VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD"},
    {VHOST_PROTOCOL_F_RESET_DEVICE, "VHOST_USER_PROTOCOL_F_RESET_DEVICE"},
    {VHOST_PROTOCOL_F_CONFIGURE_MEM_SLOTS, "VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS"},
    {VHOST_PROTOCOL_F_STATUS, "VHOST_USER_PROTOCOL_F_STATUS"},
};

static void vhost_show_bits(struct out *o, const char *key, u64 bits,
                            const struct feature_name *names, u32 n)
{
    out_array(o, key);
    for (u32 i = 0; i < n; i++)
        if (bits & VHOST_BIT(names[i].bit)) {
            out_text(o, "   %s (%u)\n", names[i].name, names[i].bit);
            if (out_format(o) == OUT_JSON)
                out_str(o, NULL, names[i].name, NULL);
        }
    out_end(o);
}

/* --- all interfaces --- */

static void vhost_show_polling(struct out *o, const struct vhost_state *s)
{
    const struct engine *e = engine_of(s->piste);
    u32 polled[THREADS_MAX] = {0}, interrupts = 0;
    for (u32 i = 0; i < s->ports.n; i++)
        for (u32 k = 0; k < s->ports.v[i]->n_rx; k++) {
            const struct rx_queue *q = s->ports.v[i]->rx_queue[k];
            if (rx_queue_mode(e, q) == RX_MODE_POLLING)
                polled[q->thread]++;
            else
                interrupts++;
        }
    out_u64(o, "interrupt_queues", interrupts,
            "  Number of rx virtqueues in interrupt mode: %" PRIu64 "\n");
    u32 gso = 0;
    for (u32 i = 0; i < s->ports.n; i++)
        gso += s->ports.v[i]->args.gso;
    out_u64(o, "gso_interfaces", gso, "  Number of GSO interfaces: %" PRIu64 "\n");
    for (u32 i = 0; i < THREADS_MAX; i++)
        if (polled[i])
            out_text(o, "  Thread %u: Polling queue count %u\n", i, polled[i]);
}

/* --- an interface --- */

static void vhost_show_features(struct out *o, const struct vhost *port, bool verbose)
{
    const struct vhost_conn *c = port->conn;
    u64 offered = vhost_features(port), features = c ? c->features : 0;
    u64 protocol = c ? c->protocol_features : 0;
    out_text(o, " features mask (0x%" PRIx64 "): \n", vhost_feature_mask(port));
    if (verbose)
        vhost_show_bits(o, "offered", offered, feature_names, array_len(feature_names));
    out_text(o, " features (0x%" PRIx64 "): \n", features);
    vhost_show_bits(o, "features", features, feature_names, array_len(feature_names));
    out_text(o, "  protocol features (0x%" PRIx64 ")\n", protocol);
    vhost_show_bits(o, "protocol_features", protocol, protocol_names, array_len(protocol_names));
}

static void vhost_show_placement(struct out *o, const struct vhost *port)
{
    const struct engine *e = engine_of(port->piste);
    out_text(o, " rx placement: \n");
    for (u32 i = 0; i < port->n_rx; i++)
        out_text(o, "   thread %u on vring %u, %s\n", port->rx_queue[i]->thread, 2 * i + 1,
                 rx_mode_name(rx_queue_mode(e, port->rx_queue[i])));
    out_text(o, " tx placement\n");
    for (u32 i = 0; i < port->n_tx; i++) {
        struct text t = {0};
        if (!port->tx[i]->ring.up)
            continue;
        tx_threads_format(&t, port->tx_queue[i]->threads);
        out_text(o, "   threads %s on vring %u: %s\n", text_str(&t), 2 * i,
                 port->tx_queue[i]->shared ? "spin-lock" : "lock-free");
        text_free(&t);
    }
}

static void vhost_show_memory(struct out *o, const struct vhost_memory *m)
{
    out_text(o, "\n Memory regions (total %u)\n", m ? m->n : 0);
    if (m && m->n)
        out_text(o, " region guest_phys_addr    memory_size        userspace_addr     "
                    "mmap_offset        mmap_addr\n"
                    " ====== ================== ================== ================== "
                    "================== ==================\n");
    out_array(o, "regions");
    for (u32 i = 0; m && i < m->n; i++) {
        const struct vhost_region *r = &m->region[i];
        out_object(o, NULL);
        out_u64(o, "region", i, "  %-5" PRIu64);
        out_u64(o, "guest_phys_addr", r->guest, " 0x%016" PRIx64);
        out_u64(o, "memory_size", r->bytes, " 0x%016" PRIx64);
        out_u64(o, "userspace_addr", r->user, " 0x%016" PRIx64);
        out_u64(o, "mmap_offset", r->offset, " 0x%016" PRIx64);
        out_text(o, " 0x%016" PRIx64 "\n", (u64)(uintptr_t)r->map.base);
        out_end(o);
    }
    out_end(o);
}

static u32 port_header_bytes(const struct vhost *port)
{
    for (u32 i = 0; i < port->n_rx; i++)
        if (port->rx[i]->ring.up)
            return port->rx[i]->ring.header_bytes;
    return 0;
}

/* All but its rings; in JSON the object stays open. */
static void vhost_show_port(struct out *o, const struct vhost *port, bool verbose)
{
    const struct vhost_conn *c = port->conn;
    out_object(o, NULL);
    out_str(o, "name", vhost_name(port), "Interface: %s");
    out_u64(o, "sw_if_index", port->interface.i, " (ifindex %" PRIu64 ")\n");
    out_u64(o, "qids", 2 * port->n_rx, "  Number of qids %" PRIu64 "\n");
    out_bool(o, "gso", port->args.gso, "  GSO enable\n", NULL);
    out_bool(o, "packed", port->args.packed, "  Packed ring enable\n", NULL);
    out_bool(o, "event_idx", port->args.event_idx, "  Event index enable\n", NULL);
    out_u64(o, "virtio_net_hdr_sz", port_header_bytes(port), "virtio_net_hdr_sz %" PRIu64 "\n");
    vhost_show_features(o, port, verbose);
    out_str(o, "socket", port->filename, "\n socket filename %s");
    out_str(o, "type", port->args.is_server ? "server" : "client", " type %s");
    out_str(o, "errno", port->error ? strerror(port->error) : "Success", " errno \"%s\"\n\n");
    out_bool(o, "connected", c, NULL, NULL);
    if (c && c->mtu)
        out_u64(o, "mtu", c->mtu, " MTU of the guest %" PRIu64 "\n\n");
    vhost_show_placement(o, port);
    vhost_show_memory(o, c ? c->memory : NULL);
    out_text(o, "\n");
    out_array(o, "rings");
}

/* --- rings and their descriptors --- */

static void vhost_show_words(struct out *o, const struct vhost_ring *r)
{
    if (r->packed) {
        out_text(o, "  avail wrap counter %u driver event 0x%x flags %u device event flags %u\n",
                 r->wrap, vhost_load16(r, r->avail), vhost_load16(r, r->avail + 2),
                 vhost_load16(r, r->used + 2));
        return;
    }
    out_text(o,
             "  avail.flags %x avail event idx %u avail.idx %u used.flags %x used event idx %u "
             "used.idx %u\n",
             vhost_load16(r, r->avail),
             r->event_idx ? vhost_load16(r, vhost_avail_ring(r, r->size)) : 0, vhost_avail_idx(r),
             vhost_load16(r, r->used),
             r->event_idx ? vhost_load16(r, vhost_used_ring(r, r->size)) : 0,
             vhost_load16(r, r->used + offsetof(struct vring_used, idx)));
}

static void vhost_show_ring(struct out *o, const struct vhost_ring *r)
{
    const char *role = r->index & 1 ? "RX" : "TX";
    u16 at = __atomic_load_n(&r->at, __ATOMIC_RELAXED);
    out_object(o, NULL);
    out_u64(o, "virtqueue", r->index, " Virtqueue %" PRIu64);
    out_text(o, " (%s%s)\n  global %s queue index %u\n", role, r->up ? "" : " disabled", role,
             r->index / 2);
    out_bool(o, "up", r->up, NULL, NULL);
    out_bool(o, "broken", r->broken, "  stopped: the guest has broken it\n", NULL);
    out_u64(o, "size", r->size, "  qsz %" PRIu64);
    out_u64(o, "last_avail_idx", at, " last_avail_idx %" PRIu64);
    out_text(o, " last_used_idx %u", at);
    out_u64(o, "kicks", __atomic_load_n(&r->kicks, __ATOMIC_RELAXED), " last_kick %" PRIu64 "\n");
    out_u64(o, "calls", __atomic_load_n(&r->calls, __ATOMIC_RELAXED), NULL);
    if (r->up)
        vhost_show_words(o, r);
    out_text(o, "  kickfd %d callfd %d errfd %d\n", r->kick_fd, r->call_fd, r->err_fd);
    out_array(o, "descriptors");
}

static void vhost_show_desc(struct out *o, const struct vhost_ring *r, u32 slot)
{
    const u8 *p = r->desc + (size_t)slot * sizeof(struct vring_desc);
    struct vhost_desc d = r->packed ? vhost_desc_copy(r, p) : vhost_split_desc(r, p);
    u64 len = d.len;
    const u8 *at = vhost_at(r->memory, d.addr, &len);
    out_object(o, NULL);
    out_u64(o, "slot", slot, "  %-5" PRIu64);
    out_u64(o, "addr", d.addr, " 0x%016" PRIx64);
    out_u64(o, "len", d.len, " %-5" PRIu64);
    out_u64(o, "flags", d.flags, " 0x%04" PRIx64);
    out_u64(o, r->packed ? "id" : "next", d.id, " %-5" PRIu64);
    out_text(o, " 0x%016" PRIx64 "\n", (u64)(uintptr_t)at);
    out_end(o);
}

/* Where the command is. */
struct shown {
    u32 interface;         /* its place */
    bool in_port, in_ring; /* whose objects are open */
    u64 serial;            /* of the connection that is shown */
    u32 ring, slot;
};

/* Returns whether there is more. */
static bool vhost_show_descs(struct cli_call *c, const struct vhost_ring *r, struct shown *at)
{
    if (!cli_has(c, "descriptors") || !r->up)
        return false;
    if (!at->slot)
        out_text(c->out,
                 "\n  descriptor table:\n  slot         addr         len  flags  %s    "
                 "user_addr\n  ===== ================== ===== ====== ===== "
                 "==================\n",
                 r->packed ? "id  " : "next");
    for (; at->slot < r->size; at->slot++) {
        if (cli_full(c))
            return true;
        vhost_show_desc(c->out, r, at->slot);
    }
    return false;
}

static struct vhost_ring *vhost_shown_ring(struct vhost *port, u32 index)
{
    return index < 2 * port->n_rx ? vhost_ring_at(port, index) : NULL;
}

static bool vhost_show_rings(struct cli_call *c, struct vhost *port, struct shown *at)
{
    struct vhost_ring *r;
    while (port->conn && port->conn->serial == at->serial &&
           (r = vhost_shown_ring(port, at->ring))) {
        if (!at->in_ring && r->size) {
            if (cli_full(c))
                return true;
            vhost_show_ring(c->out, r);
            at->in_ring = true;
            at->slot = 0;
        }
        if (at->in_ring) {
            if (vhost_show_descs(c, r, at))
                return true;
            out_text(c->out, "\n");
            out_end(c->out);
            out_end(c->out);
        }
        at->in_ring = false;
        at->ring++;
    }
    return false;
}

/* Ends what is open of an interface. */
static void vhost_show_end(struct cli_call *c, struct shown *at)
{
    for (u32 i = at->in_ring ? 4 : 2; at->in_port && i; i--)
        out_end(c->out);
    at->in_port = at->in_ring = false;
}

int vhost_show_command(struct cli_call *c)
{
    struct shown *at = cli_kept(c, sizeof(*at), NULL);
    if (!c->again) {
        out_text(c->out, "Virtio vhost-user interfaces\nGlobal:\n");
        vhost_show_polling(c->out, vhost_state_of(c->piste));
        out_array(c->out, "interfaces");
    }
    for (;; at->interface++) {
        u32 was = at->interface;
        const struct interface *f = interface_cli_from(c, &at->interface);
        struct vhost *port = f ? vhost_of(c->piste, f->index) : NULL;
        if (!port || at->interface != was)
            vhost_show_end(c, at); /* that one is gone */
        if (!f)
            break;
        if (!port)
            continue;
        if (!at->in_port) {
            if (cli_full(c))
                return CLI_MORE;
            vhost_show_port(c->out, port, cli_has(c, "verbose"));
            at->in_port = true;
            at->ring = 0;
            at->serial = port->conn ? port->conn->serial : 0;
        }
        if (vhost_show_rings(c, port, at))
            return CLI_MORE;
        vhost_show_end(c, at);
    }
    out_end(c->out);
    return 0;
}

/* VPP has no line for it. */
void vhost_show_hardware(void *arg, struct out *o, bool verbose)
{
    const struct vhost *port = arg;
    out_bool(o, "connected", port->conn, NULL, NULL);
}
