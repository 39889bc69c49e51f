/* Commands of access lists. Source: VPP's words. */
#include <errno.h>

#include "base/text.h"
#include "control/module.h"
#include "net/features/classify/acl.h"
#include "net/features/classify/acl_internal.h"
#include "net/features/classify/classify_binding.h"
#include "net/link/interface/interface.h"

static int acl_cli_set_input(struct cli_call *c)
{
    const struct interface *f = cli_interface(c, "interface");
    if (f && f->index.i && (cli_get(c, "ip4-punt-table") || cli_get(c, "ip6-punt-table")))
        return error_set(c->err, EINVAL, "What is punted is looked up in the table of local0");
    return classify_bind_command(c, acl_kinds, acl_of(c->piste)->bound, ACL_KIND_N, "input");
}

static int acl_cli_set_output(struct cli_call *c)
{
    return classify_bind_command(c, acl_kinds, acl_of(c->piste)->bound, ACL_KIND_N, "output");
}

static int acl_cli_show(struct cli_call *c, enum acl_kind ip4, enum acl_kind ip6, enum acl_kind l2)
{
    const struct acl *s = acl_of(c->piste);
    enum acl_kind kind = cli_has(c, "ip6") ? ip6 : cli_has(c, "ip4") ? ip4 : l2;
    classify_show_bound(c, &s->bound[kind], "No IN_OUT_ACL tables configured");
    return 0;
}

static int show_input(struct cli_call *c)
{
    return acl_cli_show(c, ACL_IP4_INPUT, ACL_IP6_INPUT, ACL_L2_INPUT);
}

static int show_output(struct cli_call *c)
{
    return acl_cli_show(c, ACL_IP4_OUTPUT, ACL_IP6_OUTPUT, ACL_L2_OUTPUT);
}

const struct cli_command acl_commands[] = {
    {"set interface input acl [intfc <interface>] [ip4-table <ip4-table:u32>] [ip4-punt-table "
     "<ip4-punt-table:u32>]"
     " [ip6-table <ip6-table:u32>] [ip6-punt-table <ip6-punt-table:u32>] [l2-table <l2-table:u32>] "
     "[del]",
     "Looks up what an interface receives in a classifier table, to deny or permit it",
     acl_cli_set_input, 0},
    {"set interface output acl [intfc <interface>] [ip4-table <ip4-table:u32>] [ip6-table "
     "<ip6-table:u32>]"
     " [l2-table <l2-table:u32>] [del]",
     "Looks up what an interface sends in a classifier table, to deny or permit it",
     acl_cli_set_output, 0},
    {"show inacl (type ( ip4 | ip6 | l2 ))", "Which tables deny what interfaces receive",
     show_input, 0},
    {"show outacl (type ( ip4 | ip6 | l2 ))", "Which tables deny what interfaces send", show_output,
     0},
    {0},
};

void acl_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct acl *s = state;
    for (u32 k = 0; phase == RC_INTERFACE && k < ACL_KIND_N; k++)
        for (u32 i = 0; i < s->bound[k].tables.n; i++)
            if (s->bound[k].tables.v[i])
                text_add(t, "set interface %s acl intfc %s %s %u\n", acl_kinds[k].direction,
                         interface_at(p, (struct if_index){i})->name, acl_kinds[k].word,
                         s->bound[k].tables.v[i] - 1);
}
