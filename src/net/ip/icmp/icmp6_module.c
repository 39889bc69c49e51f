/* The module icmp6: its nodes, and their start. */
#include <stdlib.h>

#include "base/mem.h"
#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/icmp/icmp6.h"
#include "net/packet/ip6_format.h"

NODE_DECLARE(ip6_icmp_input);
NODE_DECLARE(ip6_icmp_echo_request);
NODE_DECLARE(ip6_icmp_error);

static const struct node_def input_node = {
    .name = "ip6-icmp-input",
    .run = NODE_VARIANTS(ip6_icmp_input),
    .plain = NODE_PLAIN_ECHO,
    .next = {[ICMP6_INPUT_NEXT_PUNT] = "ip6-punt",
             [ICMP6_INPUT_NEXT_DROP] = "error-drop",
             [ICMP6_INPUT_NEXT_ECHO_REQUEST] = "ip6-icmp-echo-request"},
    .n_next = ICMP6_INPUT_N_NEXT,
    .errors = icmp6_errors,
    .n_errors = ICMP6_ERROR_N,
    .format_trace = ip6_format_trace,
};

static const struct node_def echo_request_node = {
    .name = "ip6-icmp-echo-request",
    .run = NODE_VARIANTS(ip6_icmp_echo_request),
    .plain = NODE_PLAIN_ECHO,
    .next = {"error-drop", "ip6-lookup"},
    .n_next = 2,
    .format_trace = ip6_format_trace,
};

static const struct node_def error_node = {
    .name = "ip6-icmp-error",
    .run = NODE_VARIANTS(ip6_icmp_error),
    .next = {"error-drop", "ip6-lookup", "ip6-punt"},
    .n_next = 3,
    .errors = icmp6_errors,
    .n_errors = ICMP6_ERROR_N,
    .format_trace = ip6_format_trace,
};

static int icmp6_init(struct piste *p, void **state, struct error *e)
{
    struct icmp6 *icmp = mem_alloc(sizeof(*icmp));
    icmp->next_by_type[ICMP6_ECHO_REQUEST] = ICMP6_INPUT_NEXT_ECHO_REQUEST;
    icmp->input_node = node_register(engine_of(p), &input_node, NULL, icmp);
    *state = icmp;
    return 0;
}

static void icmp6_stop(struct piste *p, void *state)
{
    free(state);
}

const struct module icmp6_module = {
    .abi = MODULE_ABI,
    .name = icmp6_module_name,
    .description = "Internet Control Message Protocol (ICMP) for IPv6",
    .needs = (const char *const[]){"ip6", NULL},
    .nodes = (const struct node_def *const[]){&echo_request_node, &error_node, NULL},
    .init = icmp6_init,
    .stop = icmp6_stop,
};
