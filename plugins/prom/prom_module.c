/* The plugin's record: what it brings. */
#include "plugins/prom/prom_internal.h"

const struct module piste_module = {
    .abi = MODULE_ABI,
    .name = prom_module_name,
    .description = "Prometheus Stats Exporter",
    .commands = prom_commands,
    .config = prom_sections,
    .settings = &prom_default_config,
    .settings_bytes = sizeof(prom_default_config),
    .settings_free = prom_config_free,
    .init = prom_init,
    .stop = prom_stop,
    .running_config = prom_running_config,
};
