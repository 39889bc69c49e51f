/* Packets whose first bytes a node is about to change, where others may hold them too. */
#pragma once

#include "engine/buffer.h"

/* b itself, or, when others hold it, a copy in the same place of the same walk; b is not the
 * caller's any more then. NULL: no buffer was left, and it is lost. */
static inline struct buffer *own_to_write(struct thread *t, struct buffer *b)
{
    if (likely(!buffer_is_shared(b)))
        return b;
    u32 bi = buffer_copy(t, b);
    struct buffer *c = bi == BUFFER_NONE ? NULL : buffer_at(bi);
    if (c) {
        c->flags |= b->flags & BUFFER_TRACED;
        c->trace = b->trace;
    }
    buffer_free_one(t, buffer_index(b));
    return c;
}
