/* See nat_interfaces_use.h. */
#include "plugins/nat/nat_interfaces_use.h"

#include "api_nat_types.h"
#include "base/log.h"
#include "base/out.h"
#include "base/text.h"
#include "control/cli.h"
#include "net/link/interface/interface.h"

static struct log_class log_class = {"nat", "interface"};

struct if_index nat_if_next(const struct piste *p, const u8 *flags, u32 from)
{
    const struct interface *it;
    for (; (it = interface_next(p, from)); from = it->index.i + 1)
        if (flags[it->index.i])
            return it->index;
    return IF_NONE;
}

void nat_if_forget(struct piste *p, const u8 *flags, struct if_index i, nat_if_set_fn *set)
{
    struct error e;
    for (u8 flag = NAT_IF_IN; flag <= NAT_IF_OUT; flag <<= 1)
        if (flags[i.i] & flag && set(p, i, flag, false, &e))
            log_warn(&log_class, "%s: %s", interface_at(p, i)->name, e.text);
}

void nat_ifs_forget(struct piste *p, const u8 *flags, nat_if_set_fn *set)
{
    struct if_index i;
    for (u32 from = 0; !if_is_none(i = nat_if_next(p, flags, from)); from = i.i + 1)
        nat_if_forget(p, flags, i, set);
}

u8 nat_if_api_flags(u8 flags)
{
    return (u8)((flags & NAT_IF_IN ? NAT_IS_INSIDE : 0) |
                (flags & NAT_IF_OUT ? NAT_IS_OUTSIDE : 0));
}

int nat_ifs_show(struct cli_call *c, const char *name, const u8 *flags)
{
    struct if_index i;
    out_text(c->out, "%s interfaces:\n", name);
    out_array(c->out, "interfaces");
    for (u32 from = 0; !if_is_none(i = nat_if_next(c->piste, flags, from)); from = i.i + 1) {
        out_object(c->out, NULL);
        out_str(c->out, "name", interface_at(c->piste, i)->name, " %s");
        out_bool(c->out, "in", flags[i.i] & NAT_IF_IN, " in", "");
        out_bool(c->out, "out", flags[i.i] & NAT_IF_OUT, " out", "");
        out_text(c->out, "\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

void nat_ifs_config(const struct piste *p, const char *word, const u8 *flags, struct text *t)
{
    struct if_index i;
    for (u32 from = 0; !if_is_none(i = nat_if_next(p, flags, from)); from = i.i + 1) {
        const char *name = interface_at(p, i)->name;
        if (flags[i.i] & NAT_IF_IN)
            text_add(t, "set interface %s in %s\n", word, name);
        if (flags[i.i] & NAT_IF_OUT)
            text_add(t, "set interface %s out %s\n", word, name);
    }
}
