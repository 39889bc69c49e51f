/* The record of af_xdp, and those of its nodes. */
#include <inttypes.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/socket.h>

#include "control/module.h"
#include "engine/trace.h"
#include "net/link/interface/buffer_format.h"
#include "net/link/interface/interface_tx.h"
#include "net/packet/ethernet_format.h"
#include "plugins/af_xdp/af_xdp_internal.h"

NODE_DECLARE_INPUT(af_xdp_input);
NODE_DECLARE(af_xdp_tx);

static void af_xdp_format_input(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct af_xdp_trace x;
    memcpy(&x, r->extra, sizeof(x));
    text_add(out, "af_xdp: hw_if_index %u rx-queue %u next-index %u\n  len %u address 0x%" PRIx64,
             x.interface.i, x.queue, r->next, x.len, x.address);
}

static void af_xdp_format_tx(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct tx_trace x;
    memcpy(&x, r->extra, sizeof(x));
    text_add(out, "af_xdp: hw_if_index %u tx-queue %u\n  buffer 0x%x: ", r->meta.tx_if.i, x.queue,
             r->buffer);
    buffer_format(out, &r->meta);
    text_puts(out, "\n  ");
    buffer_format_packet(out, &r->meta);
    text_putc(out, '\n');
    ethernet_format_frame(out, r->data, r->data_len, 2);
}

static const struct node_error input_errors[AF_XDP_INPUT_ERR_N] = {
    [AF_XDP_INPUT_ERR_SYSCALL_REQUIRED] = {"syscall_required", "syscall required", SEVERITY_INFO},
    [AF_XDP_INPUT_ERR_SYSCALL_FAILURE] = {"syscall_failures", "syscall failures", SEVERITY_ERROR},
    [AF_XDP_INPUT_ERR_NO_BUFFER] = {"no_buffer", "no buffer free", SEVERITY_ERROR},
    [AF_XDP_INPUT_ERR_BAD_DESCRIPTOR] = {"bad_descriptor", "bad descriptor", SEVERITY_ERROR},
};

static const struct node_error tx_errors[AF_XDP_TX_ERR_N] = {
    [AF_XDP_TX_ERR_NO_FREE_SLOTS] = {"no_free_slots", "no free tx slots", SEVERITY_ERROR},
    [AF_XDP_TX_ERR_SYSCALL_REQUIRED] = {"syscall_required", "syscall required", SEVERITY_INFO},
    [AF_XDP_TX_ERR_SYSCALL_FAILURE] = {"syscall_failures", "syscall failures", SEVERITY_ERROR},
    [AF_XDP_TX_ERR_TOO_LONG] = {"too_long", "longer than a chunk of the UMEM", SEVERITY_ERROR},
    [AF_XDP_TX_ERR_GONE] = {"gone", "device is gone", SEVERITY_ERROR},
    [AF_XDP_TX_ERR_NO_QUEUE] = {"no_tx_queue", "no tx queue available", SEVERITY_ERROR},
    [AF_XDP_TX_ERR_NOT_CUT] = {"gso", "large packet cannot be segmented", SEVERITY_ERROR},
};

const struct node_def af_xdp_input_node = {
    .name = "af_xdp-input",
    .kind = NODE_INPUT,
    .input = NODE_VARIANTS(af_xdp_input),
    .next = {[AF_XDP_INPUT_NEXT_ETHERNET] = "ethernet-input"},
    .n_next = AF_XDP_INPUT_NEXT_N,
    .errors = input_errors,
    .errors_by_description = true,
    .n_errors = AF_XDP_INPUT_ERR_N,
    .format_trace = af_xdp_format_input,
};

const struct node_def af_xdp_tx_node = {
    .name = "af_xdp-tx",
    .run = NODE_VARIANTS(af_xdp_tx),
    .next = {[AF_XDP_TX_NEXT_DROP] = "error-drop"},
    .n_next = 1,
    .errors = tx_errors,
    .errors_by_description = true,
    .n_errors = AF_XDP_TX_ERR_N,
    .format_trace = af_xdp_format_tx,
};

static const struct need system_needs[] = {
    NEEDS_CAP(CAP_NET_RAW, "AF_XDP interfaces"),
    NEEDS_CAP(CAP_NET_ADMIN, "AF_XDP interfaces"),
    NEEDS_CAP_AT_TIMES(CAP_IPC_LOCK, "memory of AF_XDP interfaces"),
    NEEDS_CAP_AT_TIMES(CAP_BPF, "programs of AF_XDP interfaces"),
    NEEDS_SOCKET(AF_XDP, "AF_XDP interfaces"),
    NEEDS_CALL(bpf, "programs of AF_XDP interfaces"),
    {0},
};

const struct module piste_module = {
    .abi = MODULE_ABI,
    .name = af_xdp_module_name,
    .description = "AF_XDP interfaces",
    .needs = (const char *const[]){"api", "interface", "ethernet", "host", NULL},
    .nodes = (const struct node_def *const[]){&af_xdp_input_node, NULL},
    .commands = af_xdp_commands,
    .api = af_xdp_api,
    .system = system_needs,
    .init = af_xdp_init,
    .stop = af_xdp_stop,
};
