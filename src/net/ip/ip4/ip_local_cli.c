/* See ip_local_cli.h. */
#include "net/ip/ip4/ip_local_cli.h"

#include "control/cli.h"
#include "engine/node.h"
#include "engine/thread.h"
#include "net/packet/ip4_format.h"

static void ip_local_row(struct out *o, u8 protocol, const char *node)
{
    struct text t = {0};
    ip_format_protocol(&t, protocol);
    out_object(o, NULL);
    out_u64(o, "protocol", protocol, NULL);
    out_str(o, "name", text_str(&t), " %s: ");
    out_str(o, "node", node, "%s\n");
    out_end(o);
    text_free(&t);
}

void ip_local_show(struct cli_call *c, const char *title, struct node_index from,
                   const u16 *next_by_protocol, u16 nobody)
{
    struct engine *e = engine_of(c->piste);
    out_text(c->out, "Protocols handled by %s\n", title);
    out_array(c->out, "protocols");
    for (u32 i = 0; i < 256; i++)
        if (next_by_protocol[i] != nobody)
            ip_local_row(c->out, (u8)i, node_name(e, node_next(e, from, next_by_protocol[i])));
    out_end(c->out);
}
