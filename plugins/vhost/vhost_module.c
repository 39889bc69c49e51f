/* The record of vhost, and its nodes. */
#include <string.h>
#include <sys/socket.h>

#include "engine/trace.h"
#include "net/link/interface/interface_tx.h"
#include "net/packet/ethernet_format.h"
#include "plugins/vhost/vhost_internal.h"

NODE_DECLARE_INPUT(vhost_input);
NODE_DECLARE(vhost_tx);

static void vhost_format_input(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct vhost_trace x;
    memcpy(&x, r->extra, sizeof(x));
    text_add(out, "VirtualEthernet: hw_if_index %u queue %u len %u\n", x.interface.i, x.queue,
             x.len);
    text_add(out,
             "  virtio_net_hdr: flags 0x%02x gso_type 0x%02x hdr_len %u gso_size %u csum_start %u "
             "csum_offset %u",
             x.vnet.flags, x.vnet.gso_type, x.vnet.hdr_len, x.vnet.gso_size, x.vnet.csum_start,
             x.vnet.csum_offset);
}

static void vhost_format_tx(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct tx_trace x;
    memcpy(&x, r->extra, sizeof(x));
    text_add(out, "VirtualEthernet: hw_if_index %u queue %u\n", r->meta.tx_if.i, x.queue);
    ethernet_format_frame(out, r->data, r->data_len, 2);
}

static const struct node_error input_errors[VHOST_INPUT_ERR_N] = {
    [VHOST_INPUT_ERR_NO_BUFFER] = {"no_buffer", "no available buffer", SEVERITY_ERROR},
    [VHOST_INPUT_ERR_MMAP] = {"mmap_failure", "mmap failure", SEVERITY_ERROR},
    [VHOST_INPUT_ERR_INDIRECT] = {"indirect_overflow", "indirect descriptor overflows table",
                                  SEVERITY_ERROR},
    [VHOST_INPUT_ERR_UNDERSIZED] = {"undersized_frame",
                                    "undersized ethernet frame received (< 14 bytes)",
                                    SEVERITY_ERROR},
    [VHOST_INPUT_ERR_OVERSIZED] = {"oversized_frame", "frame longer than 64 KB", SEVERITY_ERROR},
    [VHOST_INPUT_ERR_BAD_VNET] = {"bad_vnet", "bad virtio header", SEVERITY_ERROR},
    [VHOST_INPUT_ERR_GSO] = {"gso", "large packet of a kind that cannot be cut", SEVERITY_ERROR},
};

static const struct node_error tx_errors[VHOST_TX_ERR_N] = {
    [VHOST_TX_ERR_NOT_READY] = {"not_ready", "vhost vring not ready", SEVERITY_ERROR},
    [VHOST_TX_ERR_NO_DESC] = {"pkt_drop_nobuf", "tx packet drops (no available descriptors)",
                              SEVERITY_ERROR},
    [VHOST_TX_ERR_NO_MERGE] = {"pkt_drop_nomrg", "tx packet drops (cannot merge descriptors)",
                               SEVERITY_ERROR},
    [VHOST_TX_ERR_MMAP] = {"mmap_fail", "mmap failure", SEVERITY_ERROR},
    [VHOST_TX_ERR_INDIRECT] = {"indirect_overflow", "indirect descriptor table overflow",
                               SEVERITY_ERROR},
    [VHOST_TX_ERR_NO_QUEUE] = {"no_tx_queue", "no tx queue available", SEVERITY_ERROR},
    [VHOST_TX_ERR_NOT_CUT] = {"gso", "large packet cannot be segmented", SEVERITY_ERROR},
};

const struct node_def vhost_input_node = {
    .name = "vhost-user-input",
    .kind = NODE_INPUT,
    .input = NODE_VARIANTS(vhost_input),
    .next =
        {[VHOST_INPUT_NEXT_ETHERNET] = "ethernet-input", [VHOST_INPUT_NEXT_DROP] = "error-drop"},
    .n_next = VHOST_INPUT_NEXT_N,
    .errors = input_errors,
    .errors_by_description = true,
    .n_errors = VHOST_INPUT_ERR_N,
    .format_trace = vhost_format_input,
};

const struct node_def vhost_tx_node = {
    .name = "vhost-user-tx",
    .run = NODE_VARIANTS(vhost_tx),
    .next = {[VHOST_TX_NEXT_DROP] = "error-drop"},
    .n_next = 1,
    .errors = tx_errors,
    .errors_by_description = true,
    .n_errors = VHOST_TX_ERR_N,
    .format_trace = vhost_format_tx,
};

static const struct need system_needs[] = {
    NEEDS_SOCKET(AF_UNIX, "sockets of vhost-user"),
    NEEDS_CALL(preadv2, "kicks of vhost-user guests"),
    {0},
};

const struct module piste_module = {
    /* what a plugin exports */
    .abi = MODULE_ABI,
    .name = vhost_module_name,
    .description = "Vhost-User",
    .needs = (const char *const[]){"interface", NULL},
    .nodes = (const struct node_def *const[]){&vhost_input_node, NULL},
    .commands = vhost_commands,
    .api = vhost_api,
    .system = system_needs,
    .init = vhost_init,
    .stop = vhost_stop,
};
