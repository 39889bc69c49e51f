/* See chain.h. */
#include "net/packet/chain.h"

#include <errno.h>

int chain_append(struct thread *t, struct buffer *to, const struct buffer *from, u32 offset, u32 n)
{
    for (;;) {
        if (offset < from->len) {
            u32 here = (u32)min_u64(n, from->len - offset);
            int rc = buffer_append(t, to, (const u8 *)buffer_current(from) + offset, here);
            if (rc)
                return rc;
            n -= here;
            offset = 0;
        } else {
            offset -= from->len;
        }
        if (!n)
            return 0;
        if (!(from->flags & BUFFER_NEXT))
            return -EINVAL;
        from = buffer_at(from->next);
    }
}
