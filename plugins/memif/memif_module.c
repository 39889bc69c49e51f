/* The record of memif, and its nodes. */
#include <string.h>
#include <sys/socket.h>

#include "engine/trace.h"
#include "net/link/interface/interface_tx.h"
#include "net/packet/ethernet_format.h"
#include "net/packet/ethernet_packet.h"
#include "plugins/memif/memif_internal.h"

NODE_DECLARE_INPUT(memif_input);
NODE_DECLARE(memif_tx);

static void memif_format_input(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct memif_trace x;
    memcpy(&x, r->extra, sizeof(x));
    text_add(out, "memif: hw_if_index %u next-index %u\n  slot: ring %u", x.interface.i, r->next,
             x.queue);
}

static void memif_format_tx(struct piste *p, const struct trace_record *r, struct text *out)
{
    const struct interface *f = interface_at(p, r->meta.tx_if);
    struct tx_trace x;
    memcpy(&x, r->extra, sizeof(x));
    text_add(out, "memif: hw_if_index %u ring %u\n", r->meta.tx_if.i, x.queue);
    if (f && f->cls->is_ip)
        ethernet_format_payload(out, ETHERTYPE_IP4, r->data, r->data_len, 2);
    else
        ethernet_format_frame(out, r->data, r->data_len, 2);
}

static const struct node_error input_errors[MEMIF_INPUT_ERR_N] = {
    [MEMIF_INPUT_ERR_BUFFER_ALLOC] = {"buffer_alloc", "buffer allocation failed", SEVERITY_ERROR},
    [MEMIF_INPUT_ERR_BAD_DESC] = {"bad_desc", "bad descriptor", SEVERITY_ERROR},
    [MEMIF_INPUT_ERR_NOT_IP] = {"not_ip", "not ip packet", SEVERITY_ERROR},
};

static const struct node_error tx_errors[MEMIF_TX_ERR_N] = {
    [MEMIF_TX_ERR_NO_FREE_SLOTS] = {"no_free_slots", "no free tx slots", SEVERITY_ERROR},
    [MEMIF_TX_ERR_ROLLBACK] = {"rollback", "no enough space in tx buffers", SEVERITY_ERROR},
    [MEMIF_TX_ERR_NOT_CONNECTED] = {"not_connected", "no peer is connected", SEVERITY_ERROR},
    [MEMIF_TX_ERR_NO_QUEUE] = {"no_tx_queue", "no tx queue available", SEVERITY_ERROR},
    [MEMIF_TX_ERR_NOT_CUT] = {"gso", "large packet cannot be segmented", SEVERITY_ERROR},
};

const struct node_def memif_input_node = {
    .name = "memif-input",
    .kind = NODE_INPUT,
    .input = NODE_VARIANTS(memif_input),
    .next =
        {
            [MEMIF_INPUT_NEXT_ETHERNET] = "ethernet-input",
            [MEMIF_INPUT_NEXT_IP4] = "ip4-input",
            [MEMIF_INPUT_NEXT_IP6] = "ip6-input",
            [MEMIF_INPUT_NEXT_DROP] = "error-drop",
        },
    .n_next = MEMIF_INPUT_NEXT_N,
    .errors = input_errors,
    .n_errors = MEMIF_INPUT_ERR_N,
    .format_trace = memif_format_input,
};

const struct node_def memif_tx_node = {
    .name = "memif-tx",
    .run = NODE_VARIANTS(memif_tx),
    .next = {[MEMIF_TX_NEXT_DROP] = "error-drop"},
    .n_next = 1,
    .errors = tx_errors,
    .n_errors = MEMIF_TX_ERR_N,
    .format_trace = memif_format_tx,
};

static const struct node_def *const nodes[] = {&memif_input_node, NULL};
static const char *const needs[] = {"interface", NULL};

static const struct need system_needs[] = {
    NEEDS_SOCKET(AF_UNIX, "sockets of memif"),
    NEEDS_CALL(preadv2, "interrupts of memif peers"),
    {0},
};

const struct module piste_module = {
    /* what a plugin exports */
    .abi = MODULE_ABI,
    .name = memif_module_name,
    .description = "Packet Memory Interface (memif)",
    .needs = needs,
    .nodes = nodes,
    .commands = memif_commands,
    .api = memif_api,
    .system = system_needs,
    .init = memif_init,
    .stop = memif_stop,
    .running_config = memif_running_config,
};
