/* The record of af_packet. */
#include "control/module.h"
#include "ports/af_packet/af_packet.h"
#include "ports/af_packet/af_packet_internal.h"

static const struct node_def *const nodes[] = {&af_packet_input_node, NULL};
static const char *const needs[] = {"interface", "ethernet", "host", NULL};

const struct module af_packet_module = {
    .abi = MODULE_ABI,
    .name = af_packet_module_name,
    .description = "Host interfaces through packet sockets",
    .needs = needs,
    .nodes = nodes,
    .commands = af_packet_commands,
    .api = af_packet_api,
    .init = af_packet_init,
    .stop = af_packet_stop,
};
