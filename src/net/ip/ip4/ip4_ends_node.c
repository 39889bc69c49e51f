/* Where IPv4 packets end: ip4-drop, ip4-punt, ip4-not-enabled. */
#include "engine/thread.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_nodes.h"

/* The reason was given where the packet was refused. What happens to such packets is not a matter
 * of interfaces: the features are those of local0, as in VPP. */
ALWAYS_INLINE void ip4_ends_start(const struct feature_arc *arc, struct buffer **b, u16 *next,
                                  u32 count)
{
    static const struct if_index local0 = {0};
    for (u32 i = 0; i < count; i++)
        next[i] = feature_start(arc, local0, b[i], 0);
}

void NODE_FN(ip4_drop)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    ip4_ends_start(((const struct ip4_input *)n->state)->drop, b, next, count);
}

void NODE_FN(ip4_punt)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    ip4_ends_start(((const struct ip4_input *)n->state)->punt, b, next, count);
}

ALWAYS_INLINE void ip4_ends_drop(struct node *n, struct buffer **b, u16 *next, u32 count, u32 error)
{
    for (u32 i = 0; i < count; i++)
        next[i] = node_drop(n, b[i], error, 0);
}

/* A feature that is on while an interface takes no IPv4. */
void NODE_FN(ip4_not_enabled)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                              u32 count)
{
    ip4_ends_drop(n, b, next, count, IP4_ERROR_NOT_ENABLED);
}
