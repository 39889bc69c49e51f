/* Where IPv6 packets end: ip6-drop, ip6-punt, ip6-not-enabled. */
#include "engine/thread.h"
#include "net/ip/ip6/ip6.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/ip6/ip6_input.h"
#include "net/ip/ip6/ip6_nodes.h"

/* The reason was given where the packet was refused. What happens to such packets is not a matter
 * of interfaces: the features are those of local0, as in VPP. */
ALWAYS_INLINE void ip6_ends_start(const struct feature_arc *arc, struct buffer **b, u16 *next,
                                  u32 count)
{
    static const struct if_index local0 = {0};
    for (u32 i = 0; i < count; i++)
        next[i] = feature_start(arc, local0, b[i], 0);
}

void NODE_FN(ip6_drop)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    ip6_ends_start(((const struct ip6_input *)n->state)->drop, b, next, count);
}

void NODE_FN(ip6_punt)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    ip6_ends_start(((const struct ip6_input *)n->state)->punt, b, next, count);
}

/* A feature that is on while an interface takes no IPv6. */
void NODE_FN(ip6_not_enabled)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                              u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = node_drop(n, b[i], IP6_ERROR_NOT_ENABLED, 0);
}
