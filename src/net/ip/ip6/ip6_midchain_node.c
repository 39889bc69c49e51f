/* ip6-midchain: IPv6 into a tunnel; see fib_midchain.h. */
#include "net/ip/fib/fib_midchain.h"
#include "net/ip/ip6/ip6_forward.h"
#include "net/ip/ip6/ip6_rewrite.h"

void NODE_FN(ip6_midchain)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                           u32 count)
{
    fib_midchain(t, n, b, next, count, IP_FAMILY_6, ip6_leave);
}
