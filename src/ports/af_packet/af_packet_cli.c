/* Commands of host interfaces, and the records of their nodes. */
#include <errno.h>
#include <string.h>

#include "control/cli.h"
#include "control/running_config.h"
#include "engine/trace.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/ethernet_format.h"
#include "net/link/interface/buffer_format.h"
#include "net/link/interface/interface_tx.h"
#include "ports/af_packet/af_packet_internal.h"

NODE_DECLARE_INPUT(af_packet_input);
NODE_DECLARE(af_packet_tx);

static int af_packet_cli_create(struct cli_call *c)
{
    struct af_packet_args a = {
        .host_name = cli_str(c, "ifname", ""),
        .hw_addr = cli_get(c, "mac") ? cli_get(c, "mac")->mac : NULL,
        .n_rx_queues = (u32)cli_u64(c, "rx-queues", 0),
        .n_tx_queues = (u32)cli_u64(c, "tx-queues", 0),
        .mode = cli_has(c, "ip") ? AF_PACKET_MODE_IP : AF_PACKET_MODE_ETHERNET,
        .qdisc_bypass_off = cli_has(c, "qdisc-bypass-disable"),
        .cksum_gso_off = cli_has(c, "cksum-gso-disable"),
        .waits = running_config_is_replaying(c->piste),
        .no_ring = cli_has(c, "no-ring"),
        .version = cli_has(c, "v2")   ? 2
                   : cli_has(c, "v3") ? 3
                                      : 0,
        .rx_frames = (u32)cli_u64(c, "rx-frames", 0),
        .tx_frames = (u32)cli_u64(c, "tx-frames", 0),
        .rx_per_block = (u32)cli_u64(c, "rx-block", 0),
        .tx_per_block = (u32)cli_u64(c, "tx-block", 0),
    };
    struct if_index i;
    int rc = af_packet_create(c->piste, &a, &i, c->err);
    if (rc)
        return rc;
    out_str(c->out, "name", interface_at(c->piste, i)->name, "%s\n");
    out_u64(c->out, "sw_if_index", i.i, NULL);
    return 0;
}

static int af_packet_cli_delete(struct cli_call *c)
{
    return af_packet_delete(c->piste, cli_str(c, "ifname", ""), c->err);
}

/* VPP takes the device's or the interface's name here. */
static const char *device_of(struct cli_call *c)
{
    const char *name = cli_str(c, "host-if-name", "");
    return strncmp(name, "host-", 5) || af_packet_find(c->piste, name) ? name : name + 5;
}

static int set_bypass(struct cli_call *c)
{
    return af_packet_set_qdisc_bypass(c->piste, device_of(c), cli_u64(c, "on-off", 0), c->err);
}

static int set_offload(struct cli_call *c)
{
    return af_packet_set_cksum_offload(c->piste, device_of(c), cli_u64(c, "on-off", 0), c->err);
}

const struct cli_command af_packet_commands[] = {
    {"create host-interface [v2|v3] (name <ifname:string>) [num-rx-queues <rx-queues:u32>] "
     "[num-tx-queues <tx-queues:u32>] "
     "[hw-addr <mac>] [mode ( ip | ethernet )] [rx-size <rx-frames:u32>] [tx-size <tx-frames:u32>] "
     "[rx-per-block <rx-block:u32>] [tx-per-block <tx-block:u32>] [no-ring] [qdisc-bypass-disable] "
     "[cksum-gso-disable]",
     "Makes an interface on a Linux network device", af_packet_cli_create, 0},
    {"delete host-interface (name <ifname:string>)",
     "Deletes the interface on a Linux network device", af_packet_cli_delete, 0},
    {"set host-interface qdisc-bypass <host-if-name:string> <on-off>",
     "Whether frames go around the queueing discipline of the Linux device", set_bypass, 0},
    {"set host-interface l4-cksum-offload <host-if-name:string> <on-off>",
     "Whether checksums and segmentation are left to the Linux device", set_offload, 0},
    {0},
};

void af_packet_running_config(void *arg, struct text *t)
{
    const struct af_packet *port = arg;
    const struct af_packet_args *a = &port->args;
    char mac[MAC_TEXT_BYTES];
    text_add(t, "create host-interface%s name %s",
             a->version == 2   ? " v2"
             : a->version == 3 ? " v3"
                               : "",
             port->host_name);
    if (a->n_rx_queues > 1)
        text_add(t, " num-rx-queues %u", a->n_rx_queues);
    if (a->n_tx_queues)
        text_add(t, " num-tx-queues %u", a->n_tx_queues);
    /* the address is kept even when it was made up: neighbours know it */
    if (a->mode == AF_PACKET_MODE_IP)
        text_puts(t, " mode ip");
    else
        text_add(t, " hw-addr %s", ethernet_mac_text(port->mac, mac));
    if (a->rx_frames)
        text_add(t, " rx-size %u", a->rx_frames);
    if (a->tx_frames)
        text_add(t, " tx-size %u", a->tx_frames);
    if (a->rx_per_block)
        text_add(t, " rx-per-block %u", a->rx_per_block);
    if (a->tx_per_block)
        text_add(t, " tx-per-block %u", a->tx_per_block);
    text_add(t, "%s%s%s\n", a->no_ring ? " no-ring" : "",
             a->qdisc_bypass_off ? " qdisc-bypass-disable" : "",
             a->cksum_gso_off ? " cksum-gso-disable" : "");
}

/* --- node records --- */

static void vnet_text(struct text *out, const struct virtio_header *h)
{
    text_add(out,
             "  vnet-hdr:\n    flags 0x%02x gso_type 0x%02x hdr_len %u\n    gso_size %u csum_start "
             "%u csum_offset %u",
             h->flags, h->gso_type, h->hdr_len, h->gso_size, h->csum_start, h->csum_offset);
}

static void af_packet_cli_format_input(struct piste *p, const struct trace_record *r,
                                       struct text *out)
{
    struct af_packet_trace x;
    memcpy(&x, r->extra, sizeof(x));
    text_add(out, "af_packet: hw_if_index %u rx-queue %u next-index %u\n", x.interface.i, x.queue,
             r->next);
    text_add(out, "  len %u vlan %u vlan_tpid %u\n", x.len, x.vlan_tci, x.vlan_tpid);
    vnet_text(out, &x.vnet);
}

static void format_tx(struct piste *p, const struct trace_record *r, struct text *out)
{
    const struct interface *f = interface_at(p, r->meta.tx_if);
    struct tx_trace x;
    memcpy(&x, r->extra, sizeof(x));
    text_add(out, "af_packet: hw_if_index %u tx-queue %u\n", r->meta.tx_if.i, x.queue);
    text_add(out, "  buffer 0x%x:\n    ", r->buffer);
    buffer_format(out, &r->meta);
    text_puts(out, "\n    ");
    buffer_format_packet(out, &r->meta);
    text_putc(out, '\n');
    if (f && f->cls->is_ip)
        ethernet_format_payload(out, ETHERTYPE_IP4, r->data, r->data_len, 2);
    else
        ethernet_format_frame(out, r->data, r->data_len, 2);
}

static const struct node_error input_errors[AF_PACKET_INPUT_ERR_N] = {
    [AF_PACKET_INPUT_ERR_TRUNCATED] = {"truncated", "frame longer than the buffers",
                                       SEVERITY_ERROR},
    [AF_PACKET_INPUT_ERR_BAD_VNET] = {"bad_vnet", "bad virtio header", SEVERITY_ERROR},
    [AF_PACKET_INPUT_ERR_GSO] = {"gso", "large packet of a kind that cannot be cut",
                                 SEVERITY_ERROR},
    [AF_PACKET_INPUT_ERR_NO_BUFFER] = {"no_buffer", "no buffer free", SEVERITY_ERROR},
    [AF_PACKET_INPUT_ERR_IP6] = {"ip6", "IPv6 is not supported", SEVERITY_ERROR},
    [AF_PACKET_INPUT_ERR_NO_IP] = {"no_ip", "neither IPv4 nor IPv6", SEVERITY_ERROR},
    [AF_PACKET_INPUT_ERR_KERNEL_DROP] = {"socket_full", "dropped by the kernel, socket queue full",
                                         SEVERITY_ERROR},
};

static const struct node_error tx_errors[AF_PACKET_TX_ERR_N] = {
    [AF_PACKET_TX_ERR_CONGESTED] = {"congested", "device queue full", SEVERITY_ERROR},
    [AF_PACKET_TX_ERR_REFUSED] = {"refused", "refused by the kernel", SEVERITY_ERROR},
    [AF_PACKET_TX_ERR_TOO_LONG] = {"too_long", "longer than the device's MTU", SEVERITY_ERROR},
    [AF_PACKET_TX_ERR_DOWN] = {"down", "device is down", SEVERITY_ERROR},
    [AF_PACKET_TX_ERR_GONE] = {"gone", "device is gone", SEVERITY_ERROR},
    [AF_PACKET_TX_ERR_NOT_CUT] = {"gso", "large packet cannot be segmented", SEVERITY_ERROR},
    [AF_PACKET_TX_ERR_NO_QUEUE] = {"no_tx_queue", "no tx queue available", SEVERITY_ERROR},
};

const struct node_def af_packet_input_node = {
    .name = "af-packet-input",
    .kind = NODE_INPUT,
    .input = NODE_VARIANTS(af_packet_input),
    .plain = NODE_PLAIN_LINK,
    .next =
        {
            [AF_PACKET_INPUT_NEXT_ETHERNET] = "ethernet-input",
            [AF_PACKET_INPUT_NEXT_IP4] = "ip4-input",
            [AF_PACKET_INPUT_NEXT_IP6] = "ip6-input",
            [AF_PACKET_INPUT_NEXT_DROP] = "error-drop",
        },
    .n_next = AF_PACKET_INPUT_NEXT_N,
    .errors = input_errors,
    .errors_by_description = true,
    .n_errors = AF_PACKET_INPUT_ERR_N,
    .format_trace = af_packet_cli_format_input,
};

const struct node_def af_packet_tx_node = {
    .name = "af-packet-tx",
    .run = NODE_VARIANTS(af_packet_tx),
    .plain = NODE_PLAIN_LINK | NODE_PLAIN_SENDS,
    .next = {[AF_PACKET_TX_NEXT_DROP] = "error-drop"},
    .n_next = 1,
    .errors = tx_errors,
    .errors_by_description = true,
    .n_errors = AF_PACKET_TX_ERR_N,
    .format_trace = format_tx,
};
