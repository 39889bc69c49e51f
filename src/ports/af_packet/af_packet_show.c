/* What `show hardware-interfaces` says of a host interface. Lines are VPP's. */
#include "net/features/fast_path/fast_path.h"
#include "ports/af_packet/af_packet_internal.h"

#define BLOCK_BYTES 65536

/* Segmentation of UDP, which VPP has no line for, is in JSON only. */
static void af_packet_show_offloads(struct out *o, const char *key, u32 f)
{
    static const struct {
        u32 bit;
        const char *name;
    } names[] = {
        {HOST_RX_CSUM, "rx checksum"},
        {HOST_TX_CSUM, "tx checksum"},
        {HOST_TSO4 | HOST_TSO6, "tcp segmentation offload"},
        {HOST_USO, "udp segmentation offload"},
        {HOST_GSO, "generic segmentation offload"},
        {HOST_GRO, "generic receive offload"},
        {HOST_LRO, "large receive offload"},
    };
    out_array(o, key);
    for (u32 i = 0; i < array_len(names); i++)
        if (f & names[i].bit)
            out_str(o, NULL, names[i].name, names[i].bit == HOST_USO ? NULL : "     %s\n");
    out_end(o);
}

static void show_ring(struct out *o, const struct af_packet_ring *r)
{
    if (r->map)
        out_text(o, "    block size:%u nr:%u  frame size:%u nr:%u next frame:%u\n", BLOCK_BYTES,
                 (u32)(r->bytes / BLOCK_BYTES), r->frame_bytes, r->n_frames,
                 __atomic_load_n(&r->next, __ATOMIC_RELAXED));
}

/* What the data thread has of a queue, as of one moment. */
struct rx_shown {
    struct af_packet_queue *q;
    struct af_packet_socket now;
    u32 batch, n_posted;
};

static void call_look(struct thread *t, void *arg)
{
    struct rx_shown *x = arg;
    x->now = x->q->now;
    x->batch = x->q->batch;
    x->n_posted = x->q->n_posted;
}

static void show_rx(struct out *o, u32 i, struct af_packet_queue *q)
{
    struct rx_shown x = {.q = q};
    if (q->rx.added)
        rx_queue_call(engine_of(q->port->piste), &q->rx, call_look, &x);
    else
        call_look(NULL, &x);
    out_text(o, "  RX Queue %u:\n    socket %d batch %u buffers %u\n", i, x.now.fd, x.batch,
             x.n_posted);
    show_ring(o, &x.now.ring);
    out_object(o, NULL);
    out_u64(o, "queue", i, NULL);
    out_u64(o, "batch", x.batch, NULL);
    out_u64(o, "buffers", x.n_posted, NULL);
    out_u64(o, "slots", x.now.ring.n_frames, NULL);
    out_end(o);
}

/* How many slots are free, wait to be sent, are at the device, were refused. */
static void show_tx(struct out *o, u32 i, const struct af_packet_tx *x)
{
    const struct af_packet_ring *r = &x->by_ring.ring;
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
    out_u64(o, "next_slot", __atomic_load_n(&r->next, __ATOMIC_RELAXED), NULL);
    out_u64(o, "available", available, NULL);
    out_end(o);
}

void af_packet_counts(void *arg, if_count_fn *tell, void *to)
{
    const struct af_packet *port = arg;
    if (port->host_index)
        host_link_counts(af_packet_state_of(port->piste)->net, port->host_index, tell, to);
}

static void show_fast_path(struct out *o, const struct af_packet *port)
{
    const char *why_not = fast_path_why_not(port->piste);
    if (!fast_path_is_wanted(port->piste))
        return;
    if (!why_not && !port->is_fast)
        why_not = "not for this device; see the log";
    out_bool(o, "fast_path", port->is_fast, "    fast-path-enabled\n", NULL);
    if (why_not)
        out_str(o, "no_fast_path", why_not, "    no fast path: %s\n");
}

void af_packet_show(void *arg, struct out *o, bool verbose)
{
    const struct af_packet *port = arg;
    out_text(o, "  Linux PACKET socket interface%s\n  FEATURES:\n",
             port->args.no_ring ? "" : " v2");
    if (!port->args.qdisc_bypass_off)
        out_text(o, "    qdisc-bpass-enabled\n");
    if (!port->args.cksum_gso_off)
        out_text(o, "    cksum-gso-enabled\n");
    if (port->n_queues > 1)
        out_text(o, "    fanout-enabled\n");
    show_fast_path(o, port);
    out_bool(o, "qdisc_bypass", !port->args.qdisc_bypass_off, NULL, NULL);
    out_bool(o, "cksum_gso", !port->args.cksum_gso_off, NULL, NULL);
    out_str(o, "host_interface", port->host_name, NULL);
    if (!port->host_index) {
        out_text(o, "  Host Interface %s: no such device at present\n", port->host_name);
        return;
    }
    out_text(o, "  Host Interface Offload:\n    creation time:\n");
    af_packet_show_offloads(o, "host_offloads_at_creation", port->first_features);
    out_text(o, "    now:\n");
    af_packet_show_offloads(o, "host_offloads", port->features);
    out_array(o, "sockets");
    for (u32 i = 0; i < port->n_queues; i++)
        show_rx(o, i, port->queues[i]);
    out_end(o);
    out_array(o, "tx_queues");
    for (u32 i = 0; i < port->n_tx; i++)
        show_tx(o, i, &port->tx[i]);
    out_end(o);
}
