/* `show ip6 mfib`: the groups that this switch is in, and where. */
#include <errno.h>
#include <inttypes.h>

#include "control/cli.h"
#include "net/ip/address/address.h"
#include "net/ip/address/address_data.h"
#include "net/ip/nd/mld_internal.h"
#include "net/link/interface/interface.h"

/* Those in a table that are in the group; all are asked for in one of ff02::1:ff00:0/104. */
static void mld_show_interfaces(struct cli_call *c, struct fib_index t, u8 group)
{
    struct ip_address a = ip6_link_group(group);
    const struct interface *f;
    out_text(c->out, "  Interfaces:\n");
    out_array(c->out, "interfaces");
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1)
        if (ip_if_fib(IP_FAMILY_6, f->index).i == t.i &&
            (group ? ip6_if_has_joined(f->index, a.bytes) : ip6_link(f->index) != NULL))
            out_str(c->out, NULL, f->name, "   %s: Accept,\n");
    out_end(c->out);
}

static void mld_show_group(struct cli_call *c, struct fib_index t, const char *prefix, u8 group)
{
    out_object(c->out, NULL);
    out_str(c->out, "group", prefix, "(*, %s): \n");
    mld_show_interfaces(c, t, group);
    out_text(c->out, "  multicast-ip6-chain\n"
                     "  [@1]: dpo-replicate: [buckets:1 flags:[has-local ]]\n"
                     "    [0] [@1]: dpo-receive\n");
    out_end(c->out);
}

static bool mld_has_interfaces(const struct piste *p, struct fib_index t)
{
    const struct interface *f;
    for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1)
        if (ip_if_fib(IP_FAMILY_6, f->index).i == t.i && ip6_link(f->index))
            return true;
    return false;
}

static void mld_show_table(struct cli_call *c, struct fib_index t)
{
    struct fib *fib = fib_of(c->piste);
    out_object(c->out, NULL);
    out_str(c->out, "table", fib_table_name(fib, t), "%s");
    out_u64(c->out, "fib_index", fib_number(t), ", fib_index %" PRIu64 "\n");
    out_text(c->out, "(*, ::/0):  flags:Drop,\n  Interfaces:\n  multicast-ip6-chain\n"
                     "  [@0]: dpo-drop ip6\n");
    out_array(c->out, "groups");
    if (mld_has_interfaces(c->piste, t)) {
        mld_show_group(c, t, "ff02::1/128", IP6_ALL_NODES);
        mld_show_group(c, t, "ff02::2/128", IP6_ALL_ROUTERS);
        mld_show_group(c, t, "ff02::16/128", IP6_ALL_MLD_ROUTERS);
        mld_show_group(c, t, "ff02::1:ff00:0/104", 0);
    }
    out_end(c->out);
    out_end(c->out);
}

static int mld_show_mfib(struct cli_call *c)
{
    const struct cli_value *id = cli_get(c, "table-id");
    struct fib *fib = fib_of(c->piste);
    struct fib_index t = FIB_NONE;
    if (id && fib_is_none(fib_table_find(fib, IP_FAMILY_6, (u32)id->u)))
        return error_set(c->err, ENOENT, "no such table %u", (u32)id->u);
    out_array(c->out, "tables");
    for (u32 n = 0; !fib_is_none(t = fib_table_next(fib, IP_FAMILY_6, n)); n = fib_number(t) + 1)
        if (fib_table_id(fib, t) != FIB_TABLE_NO_ID && (!id || fib_table_id(fib, t) == id->u))
            mld_show_table(c, t);
    out_end(c->out);
    return 0;
}

const struct cli_command mld_commands[] = {
    {"show ip6 mfib [table <table-id:u32>]",
     "The groups that this switch is in, by table and interface", mld_show_mfib, 0},
    {0},
};
