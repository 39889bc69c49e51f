/* Sections `interface` and `ethernet` of startup.conf. */
#include <errno.h>

#include "control/config.h"
#include "engine/rx_queue.h"
#include "net/link/interface/interface_internal.h"

const struct interface_settings interface_default_settings = {.rx_mode = RX_MODE_ADAPTIVE,
                                                              .default_mtu = 9000};

static int interface_settings_set_rx_mode(struct cli_call *c)
{
    struct interface_settings *s = module_settings(c->piste, interface_module_name);
    s->has_rx_mode = true;
    s->rx_mode = cli_has(c, "polling")     ? RX_MODE_POLLING
                 : cli_has(c, "interrupt") ? RX_MODE_INTERRUPT
                                           : RX_MODE_ADAPTIVE;
    return 0;
}

static int interface_settings_set_mtu(struct cli_call *c)
{
    struct interface_settings *s = module_settings(c->piste, interface_module_name);
    u64 mtu = cli_u64(c, "mtu", 0);
    if (mtu < 64 || mtu > 9000)
        return error_set(c->err, EINVAL, "default MTU must be >= 64 and <= 9000");
    s->default_mtu = (u32)mtu;
    return 0;
}

static const struct config_key interface_keys[] = {
    {"default-rx-mode ( polling | interrupt | adaptive )", "mode of new interfaces, adaptive",
     interface_settings_set_rx_mode},
    {NULL, NULL, NULL},
};

static const struct config_key ethernet_keys[] = {
    {"default-mtu <mtu:u32>", "MTU of new interfaces, 9000", interface_settings_set_mtu},
    {NULL, NULL, NULL},
};

const struct config_section interface_sections[] = {
    {"interface", interface_keys}, {"ethernet", ethernet_keys}, {NULL, NULL}};
