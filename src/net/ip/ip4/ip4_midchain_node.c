/* ip4-midchain: IPv4 into a tunnel; see fib_midchain.h. */
#include "net/ip/fib/fib_midchain.h"
#include "net/ip/ip4/ip4_rewrite.h"

void NODE_FN(ip4_midchain)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count)
{
    fib_midchain(t, n, b, next, count, IP_FAMILY_4, ip4_leave);
}
