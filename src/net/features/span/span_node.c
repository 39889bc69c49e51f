/* span-input, span-output, span-l2-input, span-l2-output: copies of what passes, in full, since the
 * frame goes on and may be changed. */
#include "net/packet/ethernet_packet.h"
#include "net/link/interface/interface.h"
#include "net/features/span/span_internal.h"
#include "net/link/vlan/vlan_data.h"

/* The sub-interface that will take a frame as it was received; IF_NONE: none. */
static struct if_index span_taker(const struct buffer *b)
{
    const struct vlan_port *vlans = __atomic_load_n(&if_data(b->rx_if)->vlans, __ATOMIC_ACQUIRE);
    if (!vlans || b->len < ETHERNET_HEADER_BYTES)
        return IF_NONE;
    struct vlan_header h = vlan_parse(buffer_current(b), b->len);
    return vlan_slot_if(vlan_match(vlans, &h));
}

static void span_mirror(struct thread *t, struct node *n, const struct buffer *b,
                        const struct span_targets *targets)
{
    struct if_index taker = targets->by_sub ? span_taker(b) : IF_NONE;
    for (u32 k = 0; k < targets->n; k++) {
        if (!if_is_none(targets->to[k].only) && !if_equal(targets->to[k].only, taker))
            continue;
        u32 bi = buffer_copy(t, b);
        if (bi == BUFFER_NONE) {
            node_count(n, SPAN_ERR_NO_BUFFER, targets->n - k);
            return;
        }
        struct buffer *copy = buffer_at(bi);
        copy->flags |= BUFFER_SPAN;
        copy->tx_if = targets->to[k].interface;
        copy->l2_start = copy->start;
        copy->l3_start =
            (i16)(copy->start + (int)ethernet_header_bytes(buffer_current(copy), copy->len));
        node_enqueue(t, n, targets->to[k].edge, &bi, 1);
        node_count(n, SPAN_ERR_COPIES, 1);
    }
}

void NODE_FN(span)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const struct span_targets *targets =
            (const struct span_targets *)(uintptr_t)feature_data(b[i]);
        if (targets && !(b[i]->flags & BUFFER_SPAN)) /* NULL: `set interface feature` */
            span_mirror(t, n, b[i], targets);
        next[i] = feature_next(b[i]);
    }
}
