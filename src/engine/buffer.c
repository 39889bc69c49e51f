/* Whole packets: appending, copying, making contiguous. See buffer.h. */
#include "engine/buffer_copies.h"

#include <errno.h>

#include "engine/engine_internal.h"

int buffer_append(struct thread *t, struct buffer *b, const void *bytes, u32 n)
{
    struct buffer *last = b;
    while (last->flags & BUFFER_NEXT)
        last = buffer_at(last->next);
    u32 room = buffer_storage_bytes(last) - (u32)last->start - last->len;
    u32 in_last = (u32)min_u64(n, room), per = buffer_pool_data_bytes(BUFFER_POOL_DEFAULT);
    u32 need = (n - in_last + per - 1) / per, more[64];
    if (need > array_len(more))
        return -ENOBUFS;
    u32 got = buffer_alloc(t, BUFFER_POOL_DEFAULT, more, need);
    if (got < need) {
        buffer_free(t, more, got);
        return -ENOBUFS;
    }
    const u8 *from = bytes;
    memcpy((u8 *)buffer_current(last) + last->len, from, in_last);
    last->len = (u16)(last->len + in_last);
    if (last != b)
        b->tail_len += in_last;
    from += in_last;
    n -= in_last;
    for (u32 i = 0; i < need; i++) {
        struct buffer *seg = buffer_at(more[i]);
        u32 k = (u32)min_u64(n, per);
        memcpy(buffer_current(seg), from, k);
        seg->len = (u16)k;
        last->flags |= BUFFER_NEXT;
        last->next = more[i];
        last = seg;
        if (i == 0 && !(b->flags & BUFFER_NEXT))
            b->tail_len = 0;
        b->tail_len += k;
        from += k;
        n -= k;
    }
    return 0;
}

u32 buffer_copy_out(const struct buffer *b, u32 offset, void *to, u32 n)
{
    u32 done = 0;
    for (;;) {
        if (offset < b->len) {
            u32 k = (u32)min_u64(n - done, b->len - offset);
            memcpy((u8 *)to + done, (u8 *)buffer_current(b) + offset, k);
            done += k;
            offset = 0;
        } else {
            offset -= b->len;
        }
        if (done == n || !(b->flags & BUFFER_NEXT))
            return done;
        b = buffer_at(b->next);
    }
}

/* What describes the packet. */
static void copy_description(struct buffer *to, const struct buffer *from)
{
    to->start = from->start;
    to->len = from->len;
    to->flags = from->flags & ~(u32)(BUFFER_TRACED | BUFFER_NEXT);
    to->rx_if = from->rx_if;
    to->tx_if = from->tx_if;
    to->l2_start = from->l2_start;
    to->l3_start = from->l3_start;
    to->l4_start = from->l4_start;
    to->gso_l4_len = from->gso_l4_len;
    to->gso_size = from->gso_size;
    to->csum_start = from->csum_start;
    to->csum_offset = from->csum_offset;
    to->flow_hash = from->flow_hash;
    to->inner_l3_start = from->inner_l3_start;
}

static void copy_metadata(struct buffer *to, const struct buffer *from)
{
    copy_description(to, from);
    to->feature = from->feature;
    memcpy(to->scratch, from->scratch, sizeof(to->scratch));
}

u32 buffer_copy(struct thread *t, const struct buffer *b)
{
    u32 first = BUFFER_NONE;
    struct buffer *last = NULL;
    for (const struct buffer *seg = b;; seg = buffer_at(seg->next)) {
        u32 small = buffer_pool_data_bytes(BUFFER_POOL_DEFAULT) + BUFFER_HEADROOM_BYTES;
        u32 pool = buffer_storage_bytes(seg) > small ? BUFFER_POOL_LARGE : BUFFER_POOL_DEFAULT;
        u32 bi;
        if (!buffer_alloc(t, pool, &bi, 1)) {
            if (first != BUFFER_NONE)
                buffer_free_one(t, first);
            return BUFFER_NONE;
        }
        struct buffer *c = buffer_at(bi);
        copy_metadata(c, seg);
        memcpy(buffer_current(c), buffer_current(seg), seg->len);
        if (last) {
            last->flags |= BUFFER_NEXT;
            last->next = bi;
        } else {
            first = bi;
            c->tail_len = b->tail_len;
        }
        last = c;
        if (!(seg->flags & BUFFER_NEXT))
            return first;
    }
}

bool buffer_is_small(const struct buffer *b)
{
    return !(b->flags & BUFFER_NEXT) &&
           buffer_storage_bytes(b) <=
               buffer_pool_data_bytes(BUFFER_POOL_DEFAULT) + BUFFER_HEADROOM_BYTES;
}

u32 buffer_copy_each(struct thread *t, struct buffer *const *b, u32 *bi, u32 n)
{
    u32 got = buffer_alloc(t, BUFFER_POOL_DEFAULT, bi, n);
    for (u32 i = 0; i < got; i++) {
        struct buffer *c = buffer_at(bi[i]);
        if (i + 4 < got) {
            const struct buffer *later = buffer_at(bi[i + 4]);
            __builtin_prefetch(&later->feature, 1);
            __builtin_prefetch(later->data + b[i + 4]->start, 1);
        }
        copy_metadata(c, b[i]);
        memcpy(buffer_current(c), buffer_current(b[i]), b[i]->len);
    }
    return got;
}

u32 buffer_copy_head(struct thread *t, const struct buffer *b, u32 n)
{
    u32 bi;
    if (!buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1))
        return BUFFER_NONE;
    struct buffer *c = buffer_at(bi);
    int shift = c->start - b->start;
    copy_description(c, b);
    c->start = (i16)(c->start + shift);
    c->l2_start = (i16)(c->l2_start + shift);
    c->l3_start = (i16)(c->l3_start + shift);
    c->l4_start = (i16)(c->l4_start + shift);
    c->csum_start = (i16)(c->csum_start + shift);
    c->inner_l3_start = (i16)(c->inner_l3_start + shift);
    c->flags |= b->flags & BUFFER_TRACED;
    c->trace = b->trace;
    c->len = (u16)n;
    memcpy(buffer_current(c), buffer_current(b), n);
    return bi;
}

bool buffer_share(struct buffer *b)
{
    if (__atomic_load_n(&b->refs, __ATOMIC_RELAXED) >= 254)
        return false;
    __atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
    return true;
}

/* Moves what b holds to the front of its storage, behind the headroom. */
static void move_to_front(struct buffer *b)
{
    int shift = b->start - BUFFER_HEADROOM_BYTES;
    memmove(b->data + BUFFER_HEADROOM_BYTES, buffer_current(b), b->len);
    b->start = BUFFER_HEADROOM_BYTES;
    b->l2_start = (i16)(b->l2_start - shift);
    b->l3_start = (i16)(b->l3_start - shift);
    b->l4_start = (i16)(b->l4_start - shift);
    b->csum_start = (i16)(b->csum_start - shift);
    b->inner_l3_start = (i16)(b->inner_l3_start - shift);
}

void buffer_trim(struct thread *t, struct buffer *b, u32 bytes)
{
    struct buffer *seg = b;
    u32 left = bytes;
    while (left > seg->len) {
        left -= seg->len;
        seg = buffer_at(seg->next);
    }
    seg->len = (u16)left;
    if (seg->flags & BUFFER_NEXT) {
        seg->flags &= ~(u32)BUFFER_NEXT;
        buffer_free_one(t, seg->next);
    }
    b->tail_len = bytes - b->len;
}

bool buffer_pull(struct thread *t, struct buffer *b, u32 bytes)
{
    if (b->len >= bytes)
        return true;
    if (buffer_packet_len(b) < bytes || buffer_storage_bytes(b) - BUFFER_HEADROOM_BYTES < bytes ||
        buffer_is_shared(b))
        return false;
    if (buffer_storage_bytes(b) - (u32)b->start < bytes)
        move_to_front(b);
    while (b->len < bytes) {
        struct buffer *seg = buffer_at(b->next);
        u32 k = (u32)min_u64(bytes - b->len, seg->len);
        if (buffer_is_shared(seg))
            return false; /* others hold it as it is */
        memcpy((u8 *)buffer_current(b) + b->len, buffer_current(seg), k);
        b->len = (u16)(b->len + k);
        b->tail_len -= k;
        buffer_advance(seg, (int)k);
        if (seg->len)
            continue;
        u32 gone = b->next;
        if (seg->flags & BUFFER_NEXT)
            b->next = seg->next;
        else
            b->flags &= ~(u32)BUFFER_NEXT;
        seg->flags &= ~(u32)BUFFER_NEXT;
        buffer_free_one(t, gone);
    }
    return true;
}
