/* Commands of port mirroring. Source: VPP's words. */
#include "control/module.h"
#include "net/features/span/span.h"
#include "net/features/span/span_internal.h"
#include "net/link/interface/interface.h"

static int span_cli_set(struct cli_call *c)
{
    struct interface *to = cli_interface(c, "to-interface");
    enum span_layer layer = cli_has(c, "l2") ? SPAN_L2 : SPAN_DEVICE;
    u32 directions = cli_has(c, "disable") ? 0
                     : cli_has(c, "rx")    ? SPAN_RX
                     : cli_has(c, "tx")    ? SPAN_TX
                                           : SPAN_RX | SPAN_TX;
    return span_set(c->piste, cli_interface(c, "interface")->index, to ? to->index : IF_NONE, layer,
                    directions, c->err);
}

static int span_cli_show(struct cli_call *c)
{
    static const char *const words[] = {"none", "rx", "tx", "both"};
    const struct span *s = span_of(c->piste);
    if (s->entries.n)
        out_text(c->out, "%-32s %-32s  Device       L2\n", "Source", "Destination");
    out_array(c->out, "mirrors");
    for (u32 i = 0; i < s->entries.n; i++) {
        const struct span_entry *x = &s->entries.v[i];
        out_object(c->out, NULL);
        out_str(c->out, "source", interface_at(c->piste, x->from)->name, "%-32s ");
        out_str(c->out, "destination", interface_at(c->piste, x->to)->name, "%-32s ");
        out_str(c->out, "device", words[x->directions[SPAN_DEVICE]], "(%6s) ");
        out_str(c->out, "l2", words[x->directions[SPAN_L2]], "(%6s)\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

const struct cli_command span_commands[] = {
    {"set interface span <interface> [l2] ( disable [destination <to-interface:interface>] | "
     "destination <to-interface:interface> [both|rx|tx] )",
     "Copies what passes an interface to another", span_cli_set, 0},
    {"show interface span", "Which interfaces are copied where", span_cli_show, 0},
    {0},
};

void span_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    static const char *const words[] = {"", " rx", " tx", " both"};
    const struct span *s = state;
    for (u32 i = 0; phase == RC_INTERFACE && i < s->entries.n; i++)
        for (u32 layer = 0; layer < SPAN_LAYERS; layer++)
            if (s->entries.v[i].directions[layer])
                text_add(t, "set interface span %s%s destination %s%s\n",
                         interface_at(p, s->entries.v[i].from)->name, layer == SPAN_L2 ? " l2" : "",
                         interface_at(p, s->entries.v[i].to)->name,
                         words[s->entries.v[i].directions[layer]]);
}
