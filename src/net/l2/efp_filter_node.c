/* l2-efp-filter: looks for the interface that would take the frame if it came in. A feature of the
 * arc "l2-output", behind the rewrite of tags; its data is the port. */
#include "engine/feature.h"
#include "engine/thread.h"
#include "net/link/interface/interface.h"
#include "net/l2/efp_filter.h"
#include "net/link/vlan/vlan_data.h"

static bool would_come_in_by(const struct buffer *b, struct if_index i, struct if_index port)
{
    struct vlan_header h = vlan_parse(buffer_current(b), b->len);
    const struct vlan_port *vlans = __atomic_load_n(&if_data(port)->vlans, __ATOMIC_ACQUIRE);
    u32 slot = vlans && h.bytes ? vlan_match(vlans, &h) : 0;
    return h.bytes && if_equal(slot ? vlan_slot_if(slot) : port, i);
}

void NODE_FN(l2_efp_filter)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    for (u32 i = 0; i < count; i++) {
        struct if_index port = {(u32)feature_data(b[i])};
        next[i] = would_come_in_by(b[i], b[i]->tx_if, port)
                      ? feature_next(b[i])
                      : node_drop(n, b[i], EFP_FILTER_ERR_DROP, 0);
    }
    node_count(n, EFP_FILTER_ERR_PACKETS, count);
}
