/* The record of tap, and those of its nodes. */
#include <linux/capability.h>
#include <string.h>

#include "control/module.h"
#include "engine/trace.h"
#include "net/link/interface/buffer_format.h"
#include "net/link/interface/interface_tx.h"
#include "net/packet/ethernet_format.h"
#include "net/packet/ethernet_packet.h"
#include "plugins/tap/tap_internal.h"

NODE_DECLARE_INPUT(tap_input);
NODE_DECLARE(tap_tx);

static void tap_format_input(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct tap_trace x;
    memcpy(&x, r->extra, sizeof(x));
    text_add(out, "virtio: hw_if_index %u next-index %u vring %u len %u\n", x.interface.i, r->next,
             x.queue, x.len);
    text_add(out,
             "  hdr: flags 0x%02x gso_type 0x%02x hdr_len %u gso_size %u csum_start %u "
             "csum_offset %u num_buffers 1",
             x.vnet.flags, x.vnet.gso_type, x.vnet.hdr_len, x.vnet.gso_size, x.vnet.csum_start,
             x.vnet.csum_offset);
}

static void tap_format_tx(struct piste *p, const struct trace_record *r, struct text *out)
{
    const struct interface *f = interface_at(p, r->meta.tx_if);
    struct tx_trace x;
    memcpy(&x, r->extra, sizeof(x));
    text_add(out, "tap: hw_if_index %u tx-queue %u\n  buffer 0x%x: ", r->meta.tx_if.i, x.queue,
             r->buffer);
    buffer_format(out, &r->meta);
    text_puts(out, "\n  ");
    buffer_format_packet(out, &r->meta);
    text_putc(out, '\n');
    if (f && f->cls->is_ip)
        ethernet_format_payload(out,
                                r->data_len && r->data[0] >> 4 == 6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4,
                                r->data, r->data_len, 2);
    else
        ethernet_format_frame(out, r->data, r->data_len, 2);
}

static const struct node_error input_errors[TAP_INPUT_ERR_N] = {
    [TAP_INPUT_ERR_NO_BUFFER] = {"no_buffer", "buffer alloc error", SEVERITY_ERROR},
    [TAP_INPUT_ERR_TRUNCATED] = {"truncated", "frame longer than the buffers", SEVERITY_ERROR},
    [TAP_INPUT_ERR_BAD_VNET] = {"bad_vnet", "bad virtio header", SEVERITY_ERROR},
    [TAP_INPUT_ERR_GSO] = {"gso", "large packet of a kind that cannot be cut", SEVERITY_ERROR},
    [TAP_INPUT_ERR_IP6] = {"ip6", "IPv6 is not supported", SEVERITY_ERROR},
    [TAP_INPUT_ERR_NO_IP] = {"no_ip", "unknown packet type", SEVERITY_ERROR},
};

static const struct node_error tx_errors[TAP_TX_ERR_N] = {
    [TAP_TX_ERR_FULL] = {"full", "no free tx slots", SEVERITY_ERROR},
    [TAP_TX_ERR_REFUSED] = {"refused", "refused by the kernel", SEVERITY_ERROR},
    [TAP_TX_ERR_DOWN] = {"down", "device is down", SEVERITY_ERROR},
    [TAP_TX_ERR_GONE] = {"gone", "device is gone", SEVERITY_ERROR},
    [TAP_TX_ERR_NO_QUEUE] = {"no_tx_queue", "no tx queue available", SEVERITY_ERROR},
    [TAP_TX_ERR_NOT_CUT] = {"gso", "large packet cannot be segmented", SEVERITY_ERROR},
};

const struct node_def tap_input_node = {
    .name = "tap-input",
    .kind = NODE_INPUT,
    .input = NODE_VARIANTS(tap_input),
    .next = {[TAP_INPUT_NEXT_ETHERNET] = "ethernet-input",
             [TAP_INPUT_NEXT_IP4] = "ip4-input",
             [TAP_INPUT_NEXT_IP6] = "ip6-input",
             [TAP_INPUT_NEXT_DROP] = "error-drop"},
    .n_next = TAP_INPUT_NEXT_N,
    .errors = input_errors,
    .errors_by_description = true,
    .n_errors = TAP_INPUT_ERR_N,
    .format_trace = tap_format_input,
};

const struct node_def tap_tx_node = {
    .name = "tap-tx",
    .run = NODE_VARIANTS(tap_tx),
    .next = {[TAP_TX_NEXT_DROP] = "error-drop"},
    .n_next = 1,
    .errors = tx_errors,
    .errors_by_description = true,
    .n_errors = TAP_TX_ERR_N,
    .format_trace = tap_format_tx,
};

static const struct need system_needs[] = {
    NEEDS_CAP(CAP_NET_ADMIN, "tap interfaces"),
    NEEDS_WRITE("/dev/net/tun", "tap interfaces"),
    {0},
};

const struct module piste_module = {
    .abi = MODULE_ABI,
    .name = tap_module_name,
    .description = "TAP and TUN interfaces",
    .needs = (const char *const[]){"api", "interface", "ethernet", "host", NULL},
    .nodes = (const struct node_def *const[]){&tap_input_node, NULL},
    .commands = tap_commands,
    .api = tap_api,
    .system = system_needs,
    .init = tap_init,
    .stop = tap_stop,
};
