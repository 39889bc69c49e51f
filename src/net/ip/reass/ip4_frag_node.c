/* ip4-frag; see frag_node.h. ip4-rewrite sends here what may be fragmented, its TTL taken down
 * already; what must not be (DF) it sends to ip4-icmp-error itself. */
#include "net/ip/ip4/ip4_nodes.h"
#include "net/ip/reass/frag_node.h"

static int ip4_frag_start(struct frag *f, struct thread *t, struct node *n, const struct buffer *b,
                          u32 mtu)
{
    return ip4_frag_begin(f, b, mtu);
}

void NODE_FN(ip4_frag)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    frag_all(t, n, b, next, count, ip4_frag_start);
}
