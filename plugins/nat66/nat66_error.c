/* Errors of this switch about packets that it has translated already (too large for the next link,
 * no neighbour there ...): for who sent the packet, about what he sent. See nat66.h. */
#include "net/ip/fib/fib_data.h"
#include "net/packet/ip6_packet.h"
#include "plugins/nat66/nat66.h"
#include "plugins/nat66/nat66_packet.h"

void nat66_undo(struct buffer *message, struct fib_index fib)
{
    const struct nat66_data *n = nat66_now();
    const struct ip6_header *in = nat66_quoted(buffer_current(message), message->len);
    if (!n || !in)
        return;
    struct nat66_change c = {
        .src = nat66_mapping_at(n, nat66_find(&n->by_local, in->dst, fib.i)),
        .dst = nat66_mapping_at(n, nat66_find(&n->by_external, in->src, 0)),
        .by_switch = true,
    };
    if (!nat66_translate(buffer_current(message), message->len, &c, 0) || !c.dst)
        return;
    ip_scratch(message)->fib = (struct fib_index){c.dst->local.fib};
}
