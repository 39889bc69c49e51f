/* The module ip4-local: its nodes, and their start. */
#include <stdlib.h>

#include "base/mem.h"
#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/ip4/ip4_forward.h"
#include "net/ip/ip4/ip4_local.h"
#include "net/ip/ip4/ip4_nodes.h"
#include "net/packet/ip4_format.h"
#include "net/packet/l4_packet.h"

#define LOCAL_NEXT                                                                                 \
    {                                                                                              \
        [IP4_LOCAL_NEXT_DROP] = "error-drop", [IP4_LOCAL_NEXT_PUNT] = "ip4-punt",                  \
        [IP4_LOCAL_NEXT_UDP_LOOKUP] = "ip4-udp-lookup", [IP4_LOCAL_NEXT_ICMP] = "ip4-icmp-input",  \
        [IP4_LOCAL_NEXT_REASSEMBLY] = "ip4-local-full-reassembly",                                 \
        [IP4_LOCAL_NEXT_ICMP_ERROR] = "ip4-icmp-error",                                            \
    }

static const struct node_def local_node = {
    .name = "ip4-local",
    .run = NODE_VARIANTS(ip4_local),
    .next = LOCAL_NEXT,
    .n_next = IP4_LOCAL_N_NEXT,
    .errors = ip4_errors,
    .n_errors = IP4_ERROR_N,
    .format_trace = ip4_format_forward_trace,
};

static const struct node_def receive_node = {
    .name = "ip4-receive",
    .run = NODE_VARIANTS(ip4_receive),
    .plain = NODE_PLAIN_ECHO,
    .next = LOCAL_NEXT,
    .n_next = IP4_LOCAL_N_NEXT,
    .errors = ip4_errors,
    .n_errors = IP4_ERROR_N,
    .format_trace = ip4_format_forward_trace,
};

static const struct node_def end_of_arc_node = {
    .name = "ip4-local-end-of-arc",
    .run = NODE_VARIANTS(ip4_local_end_of_arc),
    .next = LOCAL_NEXT,
    .n_next = IP4_LOCAL_N_NEXT,
    .errors = ip4_errors,
    .n_errors = IP4_ERROR_N,
    .format_trace = ip4_format_forward_trace,
};

static const struct node_error udp_errors[UDP_ERROR_N] = {
    [UDP_ERROR_NONE] = {"none", "no error", SEVERITY_INFO},
    [UDP_ERROR_NO_LISTENER] = {"no_listener", "no listener for dst port", SEVERITY_ERROR},
    [UDP_ERROR_PUNT] = {"punt", "no listener punt", SEVERITY_ERROR},
};

static const struct node_def udp_lookup_node = {
    .name = "ip4-udp-lookup",
    .run = NODE_VARIANTS(ip4_udp_lookup),
    .next = {[UDP_LOOKUP_NEXT_ICMP_ERROR] = "ip4-icmp-error", [UDP_LOOKUP_NEXT_PUNT] = "ip4-punt"},
    .n_next = UDP_LOOKUP_N_NEXT,
    .errors = udp_errors,
    .n_errors = UDP_ERROR_N,
    .format_trace = ip4_format_trace,
};

static int ip4_local_init(struct piste *p, void **state, struct error *e)
{
    struct engine *engine = engine_of(p);
    struct ip4_local *local = mem_alloc(sizeof(*local));

    local->arc = feature_arc_find(engine, "ip4-local");
    local->next_by_port = mem_alloc(65536 * sizeof(local->next_by_port[0]));
    for (u32 i = 0; i < IP4_LOCAL_NODES; i++) {
        for (u32 protocol = 0; protocol < 256; protocol++)
            local->next_by_protocol[i][protocol] = IP4_LOCAL_NEXT_ICMP_ERROR;
        local->next_by_protocol[i][IP_PROTOCOL_ICMP] = IP4_LOCAL_NEXT_ICMP;
        local->next_by_protocol[i][IP_PROTOCOL_UDP] = IP4_LOCAL_NEXT_UDP_LOOKUP;
    }
    local->nodes[IP4_LOCAL_NODE] = node_register(engine, &local_node, NULL, local);
    local->nodes[IP4_LOCAL_RECEIVE] = node_register(engine, &receive_node, NULL, local);
    local->nodes[IP4_LOCAL_END_OF_ARC] = node_register(engine, &end_of_arc_node, NULL, local);
    local->udp_node = node_register(engine, &udp_lookup_node, NULL, local);
    *state = local;
    return 0;
}

static void ip4_local_stop(struct piste *p, void *state)
{
    struct ip4_local *local = state;
    free(local->next_by_port);
    free(local);
}

const struct module ip4_local_module = {
    .abi = MODULE_ABI,
    .name = ip4_local_module_name,
    .description = "IPv4 packets for this switch",
    .needs = (const char *const[]){"ip4-arcs", "ip4", NULL},
    .commands = ip4_local_commands,
    .init = ip4_local_init,
    .stop = ip4_local_stop,
};
