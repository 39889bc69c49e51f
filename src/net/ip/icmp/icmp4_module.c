/* The module icmp4: its nodes, and their start. */
#include <stdlib.h>

#include "base/mem.h"
#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/icmp/icmp4.h"
#include "net/packet/ip4_format.h"
#include "net/packet/ip4_packet.h"

NODE_DECLARE(ip4_icmp_input);
NODE_DECLARE(ip4_icmp_echo_request);
NODE_DECLARE(ip4_icmp_error);

static const struct node_def input_node = {
    .name = "ip4-icmp-input",
    .run = NODE_VARIANTS(ip4_icmp_input),
    .plain = NODE_PLAIN_ECHO,
    .next = {[ICMP4_INPUT_NEXT_PUNT] = "ip4-punt",
             [ICMP4_INPUT_NEXT_DROP] = "error-drop",
             [ICMP4_INPUT_NEXT_ECHO_REQUEST] = "ip4-icmp-echo-request"},
    .n_next = ICMP4_INPUT_N_NEXT,
    .errors = icmp4_errors,
    .n_errors = ICMP4_ERROR_N,
    .format_trace = ip4_format_trace,
};

static const struct node_def echo_request_node = {
    .name = "ip4-icmp-echo-request",
    .run = NODE_VARIANTS(ip4_icmp_echo_request),
    .plain = NODE_PLAIN_ECHO,
    .next = {"error-drop", "ip4-load-balance"},
    .n_next = 2,
    .format_trace = ip4_format_trace,
};

static const struct node_def error_node = {
    .name = "ip4-icmp-error",
    .run = NODE_VARIANTS(ip4_icmp_error),
    .next = {"error-drop", "ip4-lookup", "ip4-punt"},
    .n_next = 3,
    .errors = icmp4_errors,
    .n_errors = ICMP4_ERROR_N,
    .format_trace = ip4_format_trace,
};

static int icmp4_init(struct piste *p, void **state, struct error *e)
{
    struct icmp4 *icmp = mem_alloc(sizeof(*icmp));
    icmp->next_by_type[ICMP4_ECHO_REQUEST] = ICMP4_INPUT_NEXT_ECHO_REQUEST;
    icmp->input_node = node_register(engine_of(p), &input_node, NULL, icmp);
    *state = icmp;
    return 0;
}

static void icmp4_stop(struct piste *p, void *state)
{
    free(state);
}

const struct module icmp4_module = {
    .abi = MODULE_ABI,
    .name = icmp4_module_name,
    .description = "Internet Control Message Protocol (ICMP) for IPv4",
    .needs = (const char *const[]){"ip4", NULL},
    .nodes = (const struct node_def *const[]){&echo_request_node, &error_node, NULL},
    .init = icmp4_init,
    .stop = icmp4_stop,
};
