/* See ip_local_cli.h. */
#include "net/ip/ip4/ip_local_cli.h"

#include <inttypes.h>

#include "control/cli.h"
#include "engine/node.h"
#include "engine/thread.h"
#include "net/packet/ip4_format.h"

static void ip_local_row(struct out *o, enum ip_family f, u8 protocol, const char *node)
{
    struct text t = {0};
    ip_format_protocol(&t, protocol);
    out_object(o, NULL);
    out_u64(o, "protocol", protocol, f == IP_FAMILY_6 ? "%" PRIu64 ": " : NULL);
    out_str(o, "name", text_str(&t), f == IP_FAMILY_4 ? " %s: " : NULL);
    out_str(o, "node", node, "%s\n");
    out_end(o);
    text_free(&t);
}

void ip_local_show(struct cli_call *c, enum ip_family f, struct node_index from,
                   const u16 *next_by_protocol, u16 nobody)
{
    struct engine *e = engine_of(c->piste);
    out_text(c->out, "Protocols handled by %s_local\n", ip_family_name(f));
    out_array(c->out, "protocols");
    for (u32 i = 0; i < 256; i++)
        if (next_by_protocol[i] != nobody)
            ip_local_row(c->out, f, (u8)i, node_name(e, node_next(e, from, next_by_protocol[i])));
    out_end(c->out);
}
