/* `set interface l2 efp-filter`. */
#include "base/text.h"
#include "control/module.h"
#include "net/l2/efp_filter.h"
#include "net/l2/efp_filter_internal.h"
#include "net/link/interface/interface.h"

static int efp_filter_cli_set(struct cli_call *c)
{
    return efp_filter_set(c->piste, cli_interface(c, "interface")->index, !cli_has(c, "disable"),
                          c->err);
}

const struct cli_command efp_filter_commands[] = {
    {"set interface l2 efp-filter <interface> [disable]",
     "Drops what layer 2 would send with tags that do not come in by the interface",
     efp_filter_cli_set, 0},
    {0},
};

void efp_filter_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct efp_filter *s = state;
    for (u32 k = 0; phase == RC_INTERFACE && k < s->on.n; k++)
        text_add(t, "set interface l2 efp-filter %s\n", interface_at(p, s->on.v[k])->name);
}
