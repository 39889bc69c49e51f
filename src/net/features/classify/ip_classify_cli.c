/* Commands of ip-classify. Source: VPP's words. */
#include <errno.h>

#include "base/text.h"
#include "net/features/classify/ip_classify_internal.h"
#include "net/ip/address/address.h"
#include "net/link/interface/interface.h"

static int ip_classify_cli_set(struct cli_call *c, enum ip_family family)
{
    const struct interface *f = cli_interface(c, "interface");
    if (!cli_get(c, "table-index") && !cli_has(c, "del"))
        return error_set(c->err, EINVAL, "classify table-index must be specified");
    if (!f)
        return error_set(c->err, EINVAL, "interface / subif must be specified");
    u32 table = cli_has(c, "del") ? CLASSIFY_NONE : (u32)cli_u64(c, "table-index", CLASSIFY_NONE);
    return ip_classify_set(c->piste, family, f->index, table, c->err);
}

static int ip_classify_cli_set4(struct cli_call *c)
{
    return ip_classify_cli_set(c, IP_FAMILY_4);
}

static int ip_classify_cli_set6(struct cli_call *c)
{
    return ip_classify_cli_set(c, IP_FAMILY_6);
}

#define ARGUMENTS " classify [intfc <interface>] [table-index <table-index:u32>] [del]"
#define HELP                                                                                       \
    "Sends what comes to an interface's first address where the sessions of a classifier table "   \
    "say"

const struct cli_command ip_classify_commands[] = {
    {"set ip" ARGUMENTS, HELP, ip_classify_cli_set4, 0},
    {"set ip6" ARGUMENTS, HELP, ip_classify_cli_set6, 0},
    {0},
};

/* What goes with an address that was learnt is not saved, as that is not. */
static bool ip_classify_is_saved(const struct piste *p, const struct classify_binding *b,
                                 enum ip_family f, struct if_index i)
{
    struct ip_prefix first;
    return classify_bound(b, i) != CLASSIFY_NONE && ip_address_at(p, f, i, 0, &first) &&
           !ip_address_is_learnt(p, i, &first);
}

void ip_classify_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct ip_classify *s = state;
    for (u32 k = 0; phase == RC_ROUTES && k < IP_FAMILY_N; k++)
        for (u32 i = 0; i < s->bound[k].tables.n; i++)
            if (ip_classify_is_saved(p, &s->bound[k], (enum ip_family)k, (struct if_index){i}))
                text_add(t, "set %s classify intfc %s table-index %u\n",
                         k == IP_FAMILY_4 ? "ip" : "ip6",
                         interface_at(p, (struct if_index){i})->name, s->bound[k].tables.v[i] - 1);
}
