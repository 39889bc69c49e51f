/* The records of the modules of layer 2: what they bring. */
#include "control/module.h"
#include "engine/feature.h"
#include "net/l2/l2.h"
#include "net/l2/l2_api.h"
#include "net/l2/l2_fib.h"
#include "net/l2/l2_internal.h"

static const char *const l2_needs[] = {"interface", "ethernet", NULL};

static const char *const l2_input_start[] = {"l2-input", NULL}, *const l2_output_start[] = {
                                                                    "l2-output", NULL};
/* The order in which VPP goes through its bits. */
static const char *const l2_input_slots[] = {
    "span-l2-input",
    "l2-input-classify",
    "l2-policer-classify",
    "l2-policer-input",
    "l2-input-acl",
    "l2-ip-qos-record",
    NULL,
};
static const char *const l2_output_slots[] = {
    "l2-output-classify", "l2-efp-filter",  "l2-output-acl",
    "l2-policer-output",  "span-l2-output", NULL,
};
static const struct feature_arc_def input_arc = {"l2-input", l2_input_start,
                                                 "l2-input-feat-arc-end", l2_input_slots};
static const struct feature_arc_def output_arc = {"l2-output", l2_output_start,
                                                  "l2-output-feat-arc-end", l2_output_slots};
static const struct feature_arc_def *const arcs[] = {&input_arc, &output_arc, NULL};
static const struct feature_def patch_feature = {"device-input", "l2-patch"};
static const struct feature_def *const features[] = {&patch_feature, NULL};

static const struct l2_settings default_settings;

static int l2_set_learn_limit_at_start(struct cli_call *c)
{
    struct l2_settings *s = module_settings(c->piste, l2_module_name);
    s->learn_limit = cli_u64(c, "n", 0);
    return 0;
}

static const char mac_table_grows[] = "the MAC table grows as addresses are learned";

static const struct config_key l2fib_keys[] = {
    {"table-size <size>", mac_table_grows, NULL},
    {"num-buckets <n:u32>", mac_table_grows, NULL},
    {NULL, NULL, NULL},
};

static const struct config_key l2learn_keys[] = {
    {"limit <n:u64>", "most MAC addresses that are learned", l2_set_learn_limit_at_start},
    {NULL, NULL, NULL},
};

static const struct config_section sections[] = {
    {"l2fib", l2fib_keys}, {"l2learn", l2learn_keys}, {NULL, NULL}};

const struct module l2_module = {
    .abi = MODULE_ABI,
    .name = l2_module_name,
    .description = "Bridge domains, cross-connects, patches",
    .needs = l2_needs,
    .nodes = l2_nodes,
    .arcs = arcs,
    .features = features,
    .commands = l2_commands,
    .config = sections,
    .settings = &default_settings,
    .settings_bytes = sizeof(default_settings),
    .init = l2_init,
    .stop = l2_stop,
    .running_config = l2_running_config,
    .running_config_rows = l2_running_config_rows,
    .place_free = l2_place_free,
    .tables = l2_tables,
};

static const char *const fib_needs[] = {"l2", NULL};

const struct module l2_fib_module = {
    .abi = MODULE_ABI,
    .name = "l2-fib",
    .description = "Commands of the MAC table",
    .needs = fib_needs,
    .commands = l2_fib_commands,
};

static const char *const api_needs[] = {"api", "l2", NULL};

const struct module l2_api_module = {
    .abi = MODULE_ABI,
    .name = "l2_api",
    .description = "Binary API of layer 2",
    .needs = api_needs,
    .api = l2_api,
};

const struct module l2_flags_api_module = {
    .abi = MODULE_ABI,
    .name = "l2_flags_api",
    .description = "Binary API of what ports of layer 2 do",
    .needs = api_needs,
    .api = l2_flags_api,
};

const struct module l2_event_api_module = {
    .abi = MODULE_ABI,
    .name = l2_event_api_module_name,
    .description = "Events of layer 2 for the binary API",
    .needs = api_needs,
    .api = l2_event_api,
    .init = l2_event_api_init,
    .stop = l2_event_api_stop,
};

static const char *const tag_api_needs[] = {"interface_api", "tag-rewrite", "efp-filter", NULL};

const struct module tag_api_module = {
    .abi = MODULE_ABI,
    .name = "tag_api",
    .description = "Binary API of VLAN tags in layer 2",
    .needs = tag_api_needs,
    .api = tag_api,
    .init = tag_api_init,
};
