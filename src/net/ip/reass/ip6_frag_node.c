/* ip6-frag; see frag_node.h. ip6-rewrite sends here what this switch made itself. */
#include "base/clock.h"
#include "net/ip/fib/path_mtu_data.h"
#include "net/ip/reass/frag_node.h"
#include "net/ip/reass/ip6_reass_nodes.h"

/* Numbers that come again as late as can be, and that strangers do not guess (RFC 7739): a thread's
 * count and its number, mixed in a way that keeps them apart. */
static u32 ip6_frag_id(struct thread *t, struct node *n)
{
    u64 *count = &n->local[0], *seed = &n->local[1];
    if (!*seed)
        *seed = (clock_cycles() ^ (u64)(uintptr_t)count) | 1;
    u32 x = (u32)(++*count * THREADS_MAX + thread_index(t)) ^ (u32)(*seed >> 32);
    x *= (u32)*seed | 1;
    x ^= x >> 15;
    return x * 0x2c1b3c6du;
}

static int ip6_frag_start(struct frag *f, struct thread *t, struct node *n, const struct buffer *b,
                          u32 mtu)
{
    return ip6_frag_begin(f, b, path_mtu_leave(b, mtu), ip6_frag_id(t, n));
}

void NODE_FN(ip6_frag)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    frag_all(t, n, b, next, count, ip6_frag_start);
}
