/* The record of ping, and its nodes. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/icmp/icmp4.h"
#include "net/ip/icmp/icmp6.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip4_format.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_format.h"
#include "plugins/ping/ping.h"
#include "plugins/ping/ping_internal.h"

static const struct node_error errors[PING_ERROR_N] = {
    [PING_ERROR_NONE] = {"none", "echo replies received", SEVERITY_INFO},
    [PING_ERROR_NOT_OURS] = {"not_ours", "echo replies that nobody waits for", SEVERITY_ERROR},
    [PING_ERROR_CONGESTED] = {"congested", "echo replies lost on the way to their session",
                              SEVERITY_ERROR},
};

static const struct node_def request_node = {
    .name = "ip4-ping-request",
    .run = NODE_VARIANTS(ip4_ping_request),
    .next = {"ip4-lookup"},
    .n_next = 1,
    .format_trace = ip4_format_trace,
};

static const struct node_def echo_reply_node = {
    .name = "ip4-icmp-echo-reply",
    .run = NODE_VARIANTS(ip4_icmp_echo_reply),
    .next = {[PING_NEXT_DROP] = "error-drop", [PING_NEXT_PUNT] = "ip4-punt"},
    .n_next = PING_N_NEXT,
    .errors = errors,
    .n_errors = PING_ERROR_N,
    .format_trace = ip4_format_trace,
};

static const struct node_def request6_node = {
    .name = "ip6-ping-request",
    .run = NODE_VARIANTS(ip6_ping_request),
    .next = {"ip6-lookup"},
    .n_next = 1,
    .format_trace = ip6_format_trace,
};

static const struct node_def echo_reply6_node = {
    .name = "ip6-icmp-echo-reply",
    .run = NODE_VARIANTS(ip6_icmp_echo_reply),
    .next = {[PING_NEXT_DROP] = "error-drop", [PING_NEXT_PUNT] = "ip6-punt"},
    .n_next = PING_N_NEXT,
    .errors = errors,
    .n_errors = PING_ERROR_N,
    .format_trace = ip6_format_trace,
};

static int ping_init(struct piste *p, void **state, struct error *e)
{
    struct ping *ping = mem_alloc(sizeof(*ping));

    ping->random = clock_cycles() | 1;
    ping->request_nodes[IP_FAMILY_4] = node_register(engine_of(p), &request_node, NULL, NULL);
    ping->request_nodes[IP_FAMILY_6] = node_register(engine_of(p), &request6_node, NULL, NULL);
    icmp4_register_type(p, ICMP4_ECHO_REPLY,
                        node_register(engine_of(p), &echo_reply_node, NULL, &ping->slots));
    icmp6_register_type(p, ICMP6_ECHO_REPLY,
                        node_register(engine_of(p), &echo_reply6_node, NULL, &ping->slots));
    interface_on_event(p, ping_on_interface, NULL);
    *state = ping;
    return 0;
}

static void ping_stop(struct piste *p, void *state)
{
    struct ping *ping = state;

    for (u32 i = 0; i < PING_SESSIONS_MAX; i++)
        if (ping->sessions[i])
            ping_session_finish(ping->sessions[i]);
    api_events_free(&ping->ends);
    free(ping);
}

const struct module piste_module = {
    .abi = MODULE_ABI,
    .name = ping_module_name,
    .description = "Ping (ping)",
    .needs = (const char *const[]){"api", "interface", "ip4", "icmp4", "icmp6", NULL},
    .commands = ping_commands,
    .api = ping_handlers,
    .init = ping_init,
    .stop = ping_stop,
};
