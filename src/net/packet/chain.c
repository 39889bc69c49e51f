/* See chain.h. */
#include "net/packet/chain.h"

#include <errno.h>
#include <string.h>

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

#define KEPT_BYTES 256 /* of the packet, at least, stay in its first buffer: all headers do */

/* What the first buffer holds behind its first `keep` bytes becomes a buffer of its own. */
static int chain_split(struct thread *t, struct buffer *b, u32 keep)
{
    u32 bi, moved = b->len - keep;
    if (!buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1))
        return -ENOBUFS;
    struct buffer *tail = buffer_at(bi), *last = tail;
    if (buffer_append(t, tail, (const u8 *)buffer_current(b) + keep, moved)) {
        buffer_free_one(t, bi);
        return -ENOBUFS;
    }
    while (last->flags & BUFFER_NEXT)
        last = buffer_at(last->next);
    if (b->flags & BUFFER_NEXT) {
        last->flags |= BUFFER_NEXT;
        last->next = b->next;
    } else {
        b->tail_len = 0;
    }
    b->flags |= BUFFER_NEXT;
    b->next = bi;
    b->len = (u16)keep;
    b->tail_len += moved;
    return 0;
}

int chain_make_room(struct thread *t, struct buffer *b, u32 bytes)
{
    u32 storage = buffer_storage_bytes(b), keep = b->len;
    if (b->start >= (int)bytes)
        return 0;
    if (bytes > CHAIN_ROOM_BYTES_MAX || buffer_is_shared(b) || b->start < 0 || storage <= bytes)
        return -EINVAL;
    if (keep > storage - bytes)
        keep = storage - bytes;
    if (keep < b->len && keep < KEPT_BYTES)
        return -EINVAL;
    int rc = keep < b->len ? chain_split(t, b, keep) : 0;
    if (rc)
        return rc;
    i16 shift = (i16)((int)bytes - b->start);
    memmove(b->data + bytes, buffer_current(b), keep);
    b->start = (i16)bytes;
    b->l2_start = (i16)(b->l2_start + shift);
    b->l3_start = (i16)(b->l3_start + shift);
    b->l4_start = (i16)(b->l4_start + shift);
    b->csum_start = (i16)(b->csum_start + shift);
    b->inner_l3_start = (i16)(b->inner_l3_start + shift);
    return 0;
}
