/* The records of the modules interface and interface_api: what they bring. */
#include <stdlib.h>

#include "control/module.h"
#include "engine/feature.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "net/link/interface/interface_internal.h"

static const struct node_def *const nodes[] = {
    &interface_offload_node, &error_drop_node, &drop_node, &error_punt_node, &punt_node, NULL};
/* VPP's order; then what makes frames that the port can take of them, which copies are not. */
static const char *const output_slots[] = {
    "stats-collect-tx", "ipsec-if-output", "span-output", "interface-offload", NULL,
};
static const struct feature_arc_def output_arc = {.name = "interface-output",
                                                  .slots = output_slots};
static const struct feature_arc_def *const arcs[] = {&output_arc, NULL};
static const struct feature_def offload_feature = {"interface-output", "interface-offload"};
static const struct feature_def *const features[] = {&offload_feature, NULL};
static const char *const interface_needs[] = {"engine", NULL};

const struct module interface_module = {
    .abi = MODULE_ABI,
    .name = interface_module_name,
    .description = "Interfaces, their states and counters",
    .needs = interface_needs,
    .nodes = nodes,
    .arcs = arcs,
    .features = features,
    .commands = interface_commands,
    .types = interface_types,
    .config = interface_sections,
    .settings = &interface_default_settings,
    .settings_bytes = sizeof(interface_default_settings),
    .init = interface_init,
    .stop = interface_stop,
    .running_config = interface_running_config,
    .running_config_rows = interface_running_config_rows,
    .place_free = interface_config_place_free,
    .tables = interface_tables,
};

static const char *const api_needs[] = {"api", "interface", NULL};

const struct module interface_api_module = {
    .abi = MODULE_ABI,
    .name = interface_api_module_name,
    .description = "Binary API of interfaces",
    .needs = api_needs,
    .api = interface_api_handlers,
    .init = interface_api_init,
    .stop = interface_api_stop,
};
