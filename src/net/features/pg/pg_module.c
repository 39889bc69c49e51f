
#include "net/features/pg/pg_api.h"
#include "net/features/pg/pg_internal.h"

static const struct node_def *const nodes[] = {&pg_input_node, &pg_mac_filter_node, NULL};
static const struct feature_def mac_filter = {"device-input", "pg-input-mac-filter"};
static const struct feature_def *const features[] = {&mac_filter, NULL};
static const char *const needs[] = {"interface", "ethernet", NULL};

const struct module pg_module = {
    .abi = MODULE_ABI,
    .name = pg_module_name,
    .description = "Packet generator",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .commands = pg_commands,
    .types = pg_types,
    .init = pg_init,
    .stop = pg_stop,
    .running_config = pg_running_config,
};

static const char *const api_needs[] = {"api", "pg", NULL};

const struct module pg_api_module = {
    .abi = MODULE_ABI,
    .name = "pg_api",
    .description = "Binary API of the packet generator",
    .needs = api_needs,
    .api = pg_api_handlers,
};
