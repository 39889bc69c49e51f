/* nat44-ei-ha: datagrams to the listener, to the control thread. See nat44_ha.h. */
#include "engine/control_packet.h"
#include "plugins/nat/nat44_ha.h"

void NODE_FN(nat44_ei_ha)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = control_packet_give(t, nat44_ha_on_packet, buffer_index(b[i]), "", 1)
                      ? NEXT_CONSUMED
                      : node_drop(n, b[i], 0, 0);
}
