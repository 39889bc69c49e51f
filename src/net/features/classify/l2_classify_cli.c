/* Commands of l2-classify. Source: VPP's words. */
#include <errno.h>

#include "base/text.h"
#include "control/module.h"
#include "net/features/classify/classify.h"
#include "net/features/classify/l2_classify.h"
#include "net/features/classify/l2_classify_internal.h"
#include "net/link/interface/interface.h"

static int l2_classify_cli_set(struct cli_call *c, bool is_input)
{
    const struct interface *f = cli_interface(c, "interface");
    u32 tables[L2_CLASSIFY_KIND_N];
    bool any = false;
    if (!f)
        return error_set(c->err, EINVAL, "interface must be specified");
    for (u32 k = 0; k < L2_CLASSIFY_KIND_N; k++) {
        tables[k] = (u32)cli_u64(c, l2_classify_kind_words[k], CLASSIFY_NONE);
        any |= cli_get(c, l2_classify_kind_words[k]) != NULL;
    }
    if (!any)
        return error_set(c->err, EINVAL, "at least one table must be specified");
    return l2_classify_set(c->piste, is_input, f->index, tables, c->err);
}

static int l2_classify_cli_set_input(struct cli_call *c)
{
    return l2_classify_cli_set(c, true);
}

static int l2_classify_cli_set_output(struct cli_call *c)
{
    return l2_classify_cli_set(c, false);
}

#define ARGUMENTS                                                                                  \
    " [intfc <interface>] [ip4-table <ip4-table:u32>] [ip6-table <ip6-table:u32>]"                 \
    " [other-table <other-table:u32>]"

const struct cli_command l2_classify_commands[] = {
    {"set interface l2 input classify" ARGUMENTS,
     "Sends what an interface in layer 2 receives where classifier tables say",
     l2_classify_cli_set_input, 0},
    {"set interface l2 output classify" ARGUMENTS,
     "Sends what leaves by an interface in layer 2 where classifier tables say",
     l2_classify_cli_set_output, 0},
    {0},
};

void l2_classify_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct l2_classify *s = state;
    if (phase != RC_INTERFACE)
        return;
    for (u32 d = 0; d < L2_CLASSIFY_DIRECTIONS; d++)
        for (u32 i = 0; i < s->words[d].n; i++) {
            if (!s->words[d].v[i])
                continue;
            text_add(t, "set interface l2 %s classify intfc %s", l2_classify_directions[d].word,
                     interface_at(p, (struct if_index){i})->name);
            for (u32 k = 0; k < L2_CLASSIFY_KIND_N; k++) {
                u32 table = l2_classify_table_of(s->words[d].v[i], (enum l2_classify_kind)k);
                if (table != CLASSIFY_NONE)
                    text_add(t, " %s %u", l2_classify_kind_words[k], table);
            }
            text_putc(t, '\n');
        }
}
