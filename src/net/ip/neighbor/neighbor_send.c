/* Frames by which the protocols that find neighbours ask and answer of themselves. */
#include <errno.h>
#include <string.h>

#include "engine/control_packet.h"
#include "engine/counter.h"
#include "engine/thread.h"
#include "net/ip/neighbor/neighbor.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_packet.h"

const struct interface *neighbor_link(struct piste *p, struct if_index i)
{
    const struct interface *f = interface_at(p, i);
    return f && f->has_mac && f->admin_up ? f : NULL;
}

bool neighbor_link_has_others(const struct interface *f)
{
    return !f->cls->comes_back || f->is_bvi;
}

int neighbor_send(struct piste *p, const struct interface *f, const u8 mac[6], u16 ethertype,
                  const void *packet, u32 n, struct counter_vec *counter)
{
    struct engine *e = engine_of(p);
    u8 frame[FIB_LINK_HEADER_BYTES_MAX + NEIGHBOR_PACKET_BYTES_MAX];
    u32 link_bytes = fib_link_header(fib_of(p), f->index, mac, ethertype, frame);
    memcpy(frame + link_bytes, packet, n);
    u32 bi = link_bytes ? control_packet_new(e, frame, link_bytes + n) : BUFFER_NONE;
    if (bi == BUFFER_NONE)
        return -ENOBUFS;
    struct buffer *b = buffer_at(bi);
    b->tx_if = f->index;
    b->l2_start = b->start;
    b->l3_start = (i16)(b->start + (i32)link_bytes);
    if (ethertype == ETHERTYPE_IP6)
        b->flags |= BUFFER_IS_IP6;
    int rc = control_packet_send(e, f->parent, f->output_node, bi);
    if (!rc && counter)
        tally_add(&counter_simple(counter, 0)[f->index.i], 1);
    return rc;
}
