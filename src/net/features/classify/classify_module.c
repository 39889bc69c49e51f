/* The records of the modules classify, classify-filter and classify_api. */
#include "control/module.h"
#include "net/features/classify/classify.h"
#include "net/features/classify/classify_api.h"
#include "net/features/classify/classify_filter.h"
#include "net/features/classify/classify_filter_internal.h"
#include "net/features/classify/classify_internal.h"

static const char *const classify_needs[] = {"engine", "fib", NULL};

const struct module classify_module = {
    .abi = MODULE_ABI,
    .name = classify_module_name,
    .description = "Classifier tables",
    .needs = classify_needs,
    .commands = classify_commands,
    .types = classify_types,
    .init = classify_init,
    .stop = classify_stop,
    .running_config = classify_running_config,
    .running_config_rows = classify_running_config_rows,
    .place_free = classify_place_free,
    .tables = classify_show_tables,
};

static const char *const filter_needs[] = {"classify", "interface", NULL};

const struct module classify_filter_module = {
    .abi = MODULE_ABI,
    .name = classify_filter_module_name,
    .description = "Filters of traces and captures by classifier tables",
    .needs = filter_needs,
    .commands = classify_filter_commands,
    .init = classify_filter_init,
    .stop = classify_filter_stop,
    .running_config = classify_filter_running_config,
};

static const char *const api_needs[] = {"api", "classify-acl", "classify-filter", "l2-classify",
                                        NULL};

const struct module classify_api_module = {
    .abi = MODULE_ABI,
    .name = "classify_api",
    .description = "Binary API of the classifier",
    .needs = api_needs,
    .api = classify_api,
};
