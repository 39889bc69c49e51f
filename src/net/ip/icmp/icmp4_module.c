/* The module icmp4: its nodes, and their start. */
#include <stdlib.h>

#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/icmp/icmp4.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip4_format.h"
#include "net/packet/ip4_packet.h"

NODE_DECLARE(ip4_icmp_input);
NODE_DECLARE(ip4_icmp_echo_request);
NODE_DECLARE(ip4_icmp_error);

static const struct node_def input_node = {
    .name = "ip4-icmp-input",
    .run = NODE_VARIANTS(ip4_icmp_input),
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
    .next = {"error-drop", "ip4-load-balance"},
    .n_next = 2,
    .format_trace = ip4_format_trace,
};

static const struct node_def error_node = {
    .name = "ip4-icmp-error",
    .run = NODE_VARIANTS(ip4_icmp_error),
    .next = {"error-drop", "ip4-lookup"},
    .n_next = 2,
    .errors = icmp4_errors,
    .n_errors = ICMP4_ERROR_N,
    .format_trace = ip4_format_trace,
};

static int icmp4_init(struct piste *p, void **state, struct error *e)
{
    struct icmp4 *icmp = mem_alloc(sizeof(*icmp));
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    int rc =
        mem_map_new(&icmp->if_address_map, "icmp4-sources", IF_MAX * sizeof(be32), page, false, e);

    if (rc) {
        free(icmp);
        return rc;
    }
    icmp->if_address = icmp->if_address_map.base;
    icmp->next_by_type[ICMP4_ECHO_REQUEST] = ICMP4_INPUT_NEXT_ECHO_REQUEST;
    icmp->input_node = node_register(engine_of(p), &input_node, NULL, icmp);
    ip4_on_address(p, icmp4_on_address, icmp->if_address_map.base);
    interface_on_event(p, icmp4_on_interface, icmp->if_address_map.base);
    *state = icmp;
    return 0;
}

static void icmp4_stop(struct piste *p, void *state)
{
    struct icmp4 *icmp = state;
    mem_map_free(&icmp->if_address_map);
    free(icmp);
}

const struct module icmp4_module = {
    .abi = MODULE_ABI,
    .name = icmp4_module_name,
    .description = "Internet Control Message Protocol (ICMP) for IPv4",
    .needs = (const char *const[]){"interface", "ip4", NULL},
    .nodes = (const struct node_def *const[]){&echo_request_node, &error_node, NULL},
    .init = icmp4_init,
    .stop = icmp4_stop,
};
