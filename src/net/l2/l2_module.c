/* The records of the modules of layer 2: what they bring. */
#include "control/module.h"
#include "net/l2/l2.h"
#include "net/l2/l2_api.h"
#include "net/l2/l2_fib.h"
#include "net/l2/l2_internal.h"

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
