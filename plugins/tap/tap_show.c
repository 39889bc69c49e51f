/* `show tap', and what `show hardware-interfaces' says of a tap. Lines are VPP's. */
#include <inttypes.h>

#include "net/packet/ethernet_format.h"
#include "plugins/tap/tap_internal.h"

static void show_fds(const struct tap *tap, struct out *o)
{
    out_text(o, "  tap-fds");
    out_array(o, "tap_fds");
    for (u32 i = 0; i < tap->n_queues; i++)
        out_i64(o, NULL, tap->queue[i].rx.fd, " %" PRId64);
    out_end(o);
    out_text(o, "\n");
}

static void show_flag(struct out *o, const char *key, const struct tap *tap, u32 flag,
                      const char *fmt)
{
    out_bool(o, key, tap->args.flags & flag, NULL, NULL);
    out_text(o, "  %s %d\n", fmt, !!(tap->args.flags & flag));
}

static void tap_show_queues(const struct tap *tap, struct out *o)
{
    u32 rx_size = tap->args.rx_ring_size, tx_size = tap->args.tx_ring_size;
    out_u64(o, "rx_queues", tap->n_queues, "  Number of RX Virtqueue  %" PRIu64 "\n");
    out_u64(o, "tx_queues", tap->n_tx, "  Number of TX Virtqueue  %" PRIu64 "\n");
    for (u32 i = 0; i < tap->n_queues; i++)
        out_text(o, "  Virtqueue (RX) %u\n    qsz %u, tap-fd %d\n", i,
                 rx_size ? rx_size : TAP_RING_SIZE, tap->queue[i].rx.fd);
    for (u32 i = 0; i < tap->n_tx; i++)
        out_text(o, "  Virtqueue (TX) %u\n    qsz %u, tap-fd %d\n", i,
                 tx_size ? tx_size : TAP_RING_SIZE, tap->tx[i].fd);
}

void tap_show_one(struct out *o, struct tap *tap)
{
    const struct interface *f = interface_at(tap->piste, tap->interface);
    const struct tap_args *a = &tap->args;
    struct host_link l;
    struct error e;
    char mac[MAC_TEXT_BYTES];
    struct host_net *net = tap_device_net(tap, &e);
    bool there = net && !tap_device_link(tap, net, &l, &e);
    host_net_close(net);
    out_str(o, "interface", f->name, "Interface: %s");
    out_u64(o, "sw_if_index", tap->interface.i, " (ifindex %" PRIu64 ")\n");
    out_str(o, "host_if_name", there ? l.name : tap->host_name, "  name \"%s\"\n");
    if (!there)
        out_text(o, "  %s\n", e.text);
    if (*a->host_ns)
        out_str(o, "host_ns", a->host_ns, "  host-ns \"%s\"\n");
    if (a->host_mtu)
        out_u64(o, "host_mtu_size", a->host_mtu, "  host-mtu-size \"%" PRIu64 "\"\n");
    if (!(a->flags & TAP_TUN))
        out_str(o, "host_mac_addr", ethernet_mac_text(there ? l.mac : tap->host_mac, mac),
                "  host-mac-addr: %s\n");
    out_bool(o, "host_carrier_up", there && l.running, NULL, NULL);
    out_text(o, "  host-carrier-up: %d\n", there && l.running);
    show_fds(tap, o);
    show_flag(o, "gso_enabled", tap, TAP_GSO, "gso-enabled");
    show_flag(o, "csum_enabled", tap, TAP_CSUM, "csum-enabled");
    show_flag(o, "packet_coalesce", tap, TAP_GRO_COALESCE, "packet-coalesce");
    if (f->has_mac)
        out_str(o, "mac", ethernet_mac_text(f->mac, mac), "  Mac Address: %s\n");
    out_u64(o, "id", a->id, "  Device instance: %" PRIu64 "\n");
    out_bool(o, "admin_up", f->admin_up, NULL, NULL);
    out_text(o, "  admin state: %s\n", f->admin_up ? "up" : "down");
    tap_show_queues(tap, o);
}

void tap_show(void *arg, struct out *o, bool verbose)
{
    struct tap *tap = arg;
    out_text(o, "  VIRTIO interface\n");
    out_u64(o, "instance", tap->args.id, "     instance %" PRIu64 "\n");
    out_str(o, "host_interface", tap->host_name, "  Host Interface: %s\n");
    if (tap->is_gone)
        out_text(o, "  no such device at present\n");
    else if (verbose)
        tap_show_queues(tap, o);
}

void tap_counts(void *arg, if_count_fn *tell, void *to)
{
    const struct tap *tap = arg;
    struct host_link l;
    struct host_net *net = tap_device_net(tap, NULL);
    if (net && !tap_device_link(tap, net, &l, NULL))
        host_link_counts(net, l.index, tell, to);
    host_net_close(net);
}
