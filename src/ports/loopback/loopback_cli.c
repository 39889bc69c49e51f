/* Commands of loopback interfaces. */
#include "net/link/interface/interface.h"
#include "ports/loopback/loopback.h"
#include "ports/loopback/loopback_internal.h"

static int create_kind(struct cli_call *c, bool is_bvi)
{
    struct if_index i;
    const struct cli_value *mac = cli_get(c, "mac");
    int rc = loopback_make(c->piste, is_bvi, mac ? mac->mac : NULL,
                           (u32)cli_u64(c, "instance-number", UINT32_MAX), &i, c->err);
    if (rc)
        return rc;
    out_str(c->out, "name", interface_at(c->piste, i)->name, "%s\n");
    out_u64(c->out, "sw_if_index", i.i, NULL);
    return 0;
}

static int loopback_cli_create(struct cli_call *c)
{
    return create_kind(c, false);
}

static int loopback_cli_create_bvi(struct cli_call *c)
{
    return create_kind(c, true);
}

static int loopback_cli_delete(struct cli_call *c)
{
    return loopback_delete(c->piste, cli_interface(c, "interface")->index, c->err);
}

static int loopback_cli_delete_bvi(struct cli_call *c)
{
    return bvi_delete(c->piste, cli_interface(c, "interface")->index, c->err);
}

const struct cli_command loopback_commands[] = {
    {"create loopback interface [mac <mac>] [instance <instance-number:u32>]",
     "Makes a loopback interface", loopback_cli_create, 0},
    {"delete loopback interface (intfc <interface>)", "Deletes a loopback interface",
     loopback_cli_delete, 0},
    {"bvi create [mac <mac>] [instance <instance-number:u32>]",
     "Makes an interface to be the BVI of a bridge domain", loopback_cli_create_bvi, 0},
    {"bvi delete <interface>", "Deletes a BVI", loopback_cli_delete_bvi, 0},
    {0},
};
