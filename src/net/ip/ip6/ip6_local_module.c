/* The module ip6-local: its nodes, and their start. */
#include <stdlib.h>

#include "base/mem.h"
#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/ip6/ip6_forward.h"
#include "net/ip/ip6/ip6_local.h"
#include "net/ip/ip6/ip6_nodes.h"
#include "net/packet/ip6_format.h"
#include "net/packet/l4_packet.h"

#define LOCAL_NODE(text_name, c_name, its_plain)                                                   \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name),                                           \
        .next = {[IP6_LOCAL_NEXT_DROP] = "error-drop",                                             \
                 [IP6_LOCAL_NEXT_PUNT] = "ip6-punt",                                               \
                 [IP6_LOCAL_NEXT_UDP_LOOKUP] = "ip6-udp-lookup",                                   \
                 [IP6_LOCAL_NEXT_ICMP] = "ip6-icmp-input",                                         \
                 [IP6_LOCAL_NEXT_ICMP_ERROR] = "ip6-icmp-error"},                                  \
        .n_next = IP6_LOCAL_N_NEXT, .errors = ip6_errors, .n_errors = IP6_ERROR_N,                 \
        .format_trace = ip6_format_forward_trace, .plain = its_plain,                              \
    }

static const struct node_def local_node = LOCAL_NODE("ip6-local", ip6_local, 0);
static const struct node_def receive_node = LOCAL_NODE("ip6-receive", ip6_receive, NODE_PLAIN_ECHO);
static const struct node_def end_of_arc_node =
    LOCAL_NODE("ip6-local-end-of-arc", ip6_local_end_of_arc, 0);

static const struct node_error udp_errors[IP6_UDP_ERROR_N] = {
    [IP6_UDP_ERROR_NONE] = {"none", "no error", SEVERITY_INFO},
    [IP6_UDP_ERROR_NO_LISTENER] = {"no_listener", "no listener for dst port", SEVERITY_ERROR},
    [IP6_UDP_ERROR_PUNT] = {"punt", "no listener punt", SEVERITY_ERROR},
};

static const struct node_def udp_lookup_node = {
    .name = "ip6-udp-lookup",
    .run = NODE_VARIANTS(ip6_udp_lookup),
    .next = {[IP6_UDP_LOOKUP_NEXT_ICMP_ERROR] = "ip6-icmp-error",
             [IP6_UDP_LOOKUP_NEXT_PUNT] = "ip6-punt"},
    .n_next = IP6_UDP_LOOKUP_N_NEXT,
    .errors = udp_errors,
    .n_errors = IP6_UDP_ERROR_N,
    .format_trace = ip6_format_trace,
};

static int ip6_local_init(struct piste *p, void **state, struct error *e)
{
    struct engine *engine = engine_of(p);
    struct ip6_local *local = mem_alloc(sizeof(*local));

    local->arc = feature_arc_find(engine, "ip6-local");
    local->next_by_port = mem_alloc(65536 * sizeof(local->next_by_port[0]));
    for (u32 i = 0; i < IP6_LOCAL_NODES; i++) {
        for (u32 protocol = 0; protocol < 256; protocol++)
            local->next_by_protocol[i][protocol] = IP6_LOCAL_NEXT_ICMP_ERROR;
        local->next_by_protocol[i][IP_PROTOCOL_ICMP6] = IP6_LOCAL_NEXT_ICMP;
        local->next_by_protocol[i][IP_PROTOCOL_UDP] = IP6_LOCAL_NEXT_UDP_LOOKUP;
    }
    local->nodes[IP6_LOCAL_NODE] = node_register(engine, &local_node, NULL, local);
    local->nodes[IP6_LOCAL_RECEIVE] = node_register(engine, &receive_node, NULL, local);
    local->nodes[IP6_LOCAL_END_OF_ARC] = node_register(engine, &end_of_arc_node, NULL, local);
    local->udp_node = node_register(engine, &udp_lookup_node, NULL, local);
    *state = local;
    return 0;
}

static void ip6_local_stop(struct piste *p, void *state)
{
    struct ip6_local *local = state;
    free(local->next_by_port);
    free(local);
}

const struct module ip6_local_module = {
    .abi = MODULE_ABI,
    .name = ip6_local_module_name,
    .description = "IPv6 packets for this switch",
    .needs = (const char *const[]){"ip6-arcs", "ip6", NULL},
    .commands = ip6_local_commands,
    .init = ip6_local_init,
    .stop = ip6_local_stop,
};
