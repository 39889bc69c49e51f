/* The record of af_packet. */
#include <linux/capability.h>
#include <sys/socket.h>

#include "control/module.h"
#include "ports/af_packet/af_packet.h"
#include "ports/af_packet/af_packet_internal.h"

static const struct node_def *const nodes[] = {&af_packet_input_node, NULL};
static const char *const needs[] = {"interface", "ethernet", "fast_path", "host", NULL};

static const struct need system_needs[] = {
    NEEDS_CAP(CAP_NET_RAW, "host interfaces"),
    NEEDS_SOCKET(AF_PACKET, "host interfaces"),
    {0},
};

const struct module af_packet_module = {
    .abi = MODULE_ABI,
    .name = af_packet_module_name,
    .description = "Host interfaces through packet sockets",
    .needs = needs,
    .nodes = nodes,
    .commands = af_packet_commands,
    .api = af_packet_api,
    .system = system_needs,
    .init = af_packet_init,
    .stop = af_packet_stop,
};
