/* Commands of vhost-user, and the line of the running configuration. */
#include <errno.h>
#include <inttypes.h>

#include "control/cli.h"
#include "control/running_config.h"
#include "net/link/interface/interface_api.h"
#include "net/packet/ethernet_format.h"
#include "plugins/vhost/vhost_internal.h"

static int vhost_cli_create(struct cli_call *c)
{
    struct vhost_args a = {
        .filename = cli_str(c, "path", NULL),
        .is_server = cli_has(c, "server"),
        .gso = cli_has(c, "gso"),
        .packed = cli_has(c, "packed"),
        .event_idx = cli_has(c, "event-idx"),
        .waits = running_config_is_replaying(c->piste),
        .renumber = cli_has(c, "renumber"),
        .instance = (u32)cli_u64(c, "instance", 0),
        .feature_mask = cli_u64(c, "mask", UINT64_MAX),
        .hw_addr = cli_get(c, "mac") ? cli_get(c, "mac")->mac : NULL,
    };
    struct if_index i;
    int rc = vhost_create(c->piste, &a, &i, c->err);
    if (rc)
        return rc;
    out_str(c->out, "name", interface_at(c->piste, i)->name, "%s\n");
    out_u64(c->out, "sw_if_index", i.i, NULL);
    return 0;
}

static int vhost_cli_delete(struct cli_call *c)
{
    const struct interface *f = cli_get(c, "interface")
                                    ? cli_interface(c, "interface")
                                    : api_interface(c->piste, (u32)cli_u64(c, "index", IF_MAX));
    return vhost_delete(c->piste, f ? f->index : IF_NONE, c->err);
}

const struct cli_command vhost_commands[] = {
    {"create vhost-user socket <path:string> [server] [feature-mask <mask:u64>] [hwaddr <mac>] "
     "[renumber <instance:u32>] [gso] [packed] [event-idx]",
     "Makes an interface to a virtual machine", vhost_cli_create, 0},
    {"delete vhost-user ( <interface> | sw_if_index <index:u32> )", "Deletes such an interface",
     vhost_cli_delete, 0},
    {"show vhost-user [<interface> ...] [descriptors] [verbose]",
     "Interfaces to virtual machines, their memory and virtqueues", vhost_show_command, 0},
    {0},
};

/* The address is kept even when it was made up: guests know it. So is the number: names are made of
 * it. */
void vhost_port_config(void *arg, struct text *t)
{
    const struct vhost *port = arg;
    const struct vhost_args *a = &port->args;
    char mac[MAC_TEXT_BYTES];
    text_add(t, "create vhost-user socket %s renumber %u hwaddr %s", port->filename, a->instance,
             ethernet_mac_text(port->mac, mac));
    text_puts(t, a->is_server ? " server" : "");
    if (a->feature_mask != UINT64_MAX)
        text_add(t, " feature-mask 0x%" PRIx64, a->feature_mask);
    text_add(t, "%s%s%s\n", a->gso ? " gso" : "", a->packed ? " packed" : "",
             a->event_idx ? " event-idx" : "");
}
