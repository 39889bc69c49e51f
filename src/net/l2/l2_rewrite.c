/* Tags of frames whose data others hold too, or that have no room in front. */
#include "net/link/interface/own.h"
#include "net/l2/l2_node.h"

/* b's headers in a buffer of their own, which goes on with the rest of b. Takes b over. */
static struct buffer *own_header(struct thread *t, struct buffer *b)
{
    u32 own = (u32)min_u64(b->len, l2_header_bytes(b)), rest = buffer_packet_len(b) - own;
    u32 bi = buffer_copy_head(t, b, own);
    struct buffer *c = bi == BUFFER_NONE ? NULL : buffer_at(bi);
    if (c && rest) {
        c->flags |= BUFFER_NEXT;
        c->tail_len = rest;
        c->next = own < b->len ? buffer_index(b) : b->next;
    }
    if (c && own < b->len) {
        buffer_advance(b, (int)own);
        b->flags &= BUFFER_NEXT; /* the rest is no packet of its own */
        return c;
    }
    if (c)
        b->flags &= ~(u32)BUFFER_NEXT;
    buffer_free_one(t, buffer_index(b));
    return c;
}

struct buffer *l2_rewrite_copy(struct thread *t, const struct l2_rewrite *r, struct buffer *b)
{
    b = own_to_write(t, b);
    if (!b || l2_rewrite_apply(r, b))
        return b;
    b = own_header(t, b);
    if (b && !l2_rewrite_apply(r, b)) {
        assert(!"a new buffer has its headroom");
        buffer_free_one(t, buffer_index(b));
        return NULL;
    }
    return b;
}
