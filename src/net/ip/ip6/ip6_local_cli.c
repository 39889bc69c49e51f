/* Who takes what is for this switch, as a command shows it. */
#include "control/cli.h"
#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/ip6/ip6_local.h"
#include "net/packet/ip4_format.h"

static void ip6_local_row(struct out *o, struct engine *e, const struct ip6_local *local,
                          u8 protocol)
{
    struct text t = {0};
    struct node_index from = local->nodes[IP6_LOCAL_NODE],
                      to = node_next(e, from, local->next_by_protocol[IP6_LOCAL_NODE][protocol]);
    ip_format_protocol(&t, protocol);
    out_object(o, NULL);
    out_u64(o, "protocol", protocol, NULL);
    out_str(o, "name", text_str(&t), " %s: ");
    out_str(o, "node", node_name(e, to), "%s\n");
    out_end(o);
    text_free(&t);
}

static int ip6_local_show(struct cli_call *c)
{
    const struct ip6_local *local = module_state(c->piste, ip6_local_module_name);
    out_text(c->out, "Protocols handled by ip6_local\n");
    out_array(c->out, "protocols");
    for (u32 i = 0; i < 256; i++)
        if (local->next_by_protocol[IP6_LOCAL_NODE][i] != IP6_LOCAL_NEXT_ICMP_ERROR)
            ip6_local_row(c->out, engine_of(c->piste), local, (u8)i);
    out_end(c->out);
    return 0;
}

const struct cli_command ip6_local_commands[] = {
    {"show ip6 local", "Nodes that packets for this switch go to, by protocol", ip6_local_show, 0},
    {0},
};
