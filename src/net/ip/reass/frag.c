/* What both protocols do alike; see frag.h. */
#include "net/ip/reass/frag.h"

#include <string.h>

#include "net/packet/chain.h"

static void frag_set_metadata(const struct frag *f, struct buffer *to)
{
    const struct buffer *b = f->b;
    i16 moved = (i16)(to->start - b->start);

    to->flags |= b->flags & (BUFFER_LOCAL | BUFFER_IS_IP4 | BUFFER_IS_IP6 | BUFFER_FLOW_HASH |
                             BUFFER_NATTED | BUFFER_TRACED);
    to->trace = b->trace;
    to->flow_hash = b->flow_hash;
    to->rx_if = b->rx_if;
    to->tx_if = b->tx_if;
    to->l2_start = (i16)(b->l2_start + moved);
    to->l3_start = to->start;
    memcpy(to->scratch, b->scratch, sizeof(to->scratch));
}

u32 frag_next(struct thread *t, struct frag *f)
{
    bool first = f->at == 0;
    const u8 *header = first ? f->first_header : f->later_header;
    u32 header_bytes = first ? f->first_header_bytes : f->later_header_bytes;
    u32 left = f->payload_bytes - f->at, bytes = f->mtu - header_bytes, bi;

    if (bytes >= left)
        bytes = left;
    else
        bytes &= ~7u;
    if (!buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1))
        return BUFFER_NONE;
    struct buffer *to = buffer_at(bi);
    if (buffer_append(t, to, header, header_bytes) ||
        chain_append(t, to, f->b, f->source_bytes + f->at, bytes)) {
        buffer_free_one(t, bi);
        return BUFFER_NONE;
    }
    frag_set_metadata(f, to);
    f->finish(f, buffer_current(to), header_bytes, bytes);
    f->at += bytes;
    return bi;
}
