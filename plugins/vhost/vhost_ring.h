/* Virtqueues as the device uses them, split and packed. The guest may write anything there at any
 * time: each word is read once, checked, and the copy is used.
 *
 *   split    avail.ring[at ...] names heads of chains; used.ring[at ...] gives them back, all at
 *            once by used.idx
 *   packed   desc[at ...] are the chains themselves, available while AVAIL is as `wrap` says and
 *            USED is not; they are given back in their places, the first one last
 *
 * A chain is descriptors one behind the other, or one that points at a table of them (indirect). */
#pragma once

#include "engine/node.h"
#include "plugins/vhost/vhost_internal.h"

#define VHOST_SEGMENTS_MAX 512 /* pieces of memory, or descriptors, that a packet may have, */
#define VHOST_HEADS_MAX 256    /* and chains, with mergeable buffers */
#define VHOST_PACKET_BYTES (65535u + 22)

/* A packed descriptor; of a split one, `id` is the next one. */
struct vhost_desc {
    u64 addr;
    u32 len;
    u16 id, flags;
};

enum { VRING_PACKED_AVAIL = 1 << 7, VRING_PACKED_USED = 1 << 15, VRING_PACKED_FLAGS_AT = 14 };

/* When an end of a packed ring wants to hear of the other. */
struct vring_event {
    u16 at; /* bit 15: the wrap counter */
    u16 flags;
};
enum { VRING_EVENT_ALWAYS, VRING_EVENT_NEVER, VRING_EVENT_AT };

/* --- words of the ring --- */

ALWAYS_INLINE u16 vhost_load16(const struct vhost_ring *r, const u8 *p)
{
    return virtio_u16(__atomic_load_n((const u16 *)(const void *)p, __ATOMIC_RELAXED), r->order);
}

ALWAYS_INLINE u16 vhost_load16_acquire(const struct vhost_ring *r, const u8 *p)
{
    return virtio_u16(__atomic_load_n((const u16 *)(const void *)p, __ATOMIC_ACQUIRE), r->order);
}

ALWAYS_INLINE void vhost_store16(const struct vhost_ring *r, u8 *p, u16 x)
{
    __atomic_store_n((u16 *)(void *)p, virtio_u16(x, r->order), __ATOMIC_RELAXED);
}

ALWAYS_INLINE void vhost_store16_release(const struct vhost_ring *r, u8 *p, u16 x)
{
    __atomic_store_n((u16 *)(void *)p, virtio_u16(x, r->order), __ATOMIC_RELEASE);
}

ALWAYS_INLINE void vhost_store32(const struct vhost_ring *r, u8 *p, u32 x)
{
    __atomic_store_n((u32 *)(void *)p, virtio_u32(x, r->order), __ATOMIC_RELAXED);
}

/* Behind the address of a packed descriptor, in one store. */
ALWAYS_INLINE void vhost_store_used(const struct vhost_ring *r, u8 *p, u32 len, u16 id, u16 flags)
{
    struct {
        u32 len;
        u16 id, flags;
    } used = {virtio_u32(len, r->order), virtio_u16(id, r->order), virtio_u16(flags, r->order)};
    u64 word;
    memcpy(&word, &used, sizeof(word));
    __atomic_store_n((u64 *)(void *)p, word, __ATOMIC_RELEASE);
}

/* Whatever is read from here on was copied before, and is not read again. */
ALWAYS_INLINE void vhost_copied(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

ALWAYS_INLINE u16 vhost_avail_idx(const struct vhost_ring *r)
{
    return vhost_load16_acquire(r, r->avail + offsetof(struct vring_avail, idx));
}

ALWAYS_INLINE u8 *vhost_avail_ring(const struct vhost_ring *r, u32 i)
{
    return r->avail + offsetof(struct vring_avail, ring) + (size_t)i * sizeof(u16);
}

ALWAYS_INLINE u8 *vhost_used_ring(const struct vhost_ring *r, u32 i)
{
    return r->used + offsetof(struct vring_used, ring) + (size_t)i * sizeof(struct vring_used_elem);
}

ALWAYS_INLINE u64 vhost_used_bytes(u32 size)
{
    return sizeof(struct vring_used) + (u64)size * sizeof(struct vring_used_elem);
}

/* Slot `ahead` (at most size, unless it is only to be warmed) places ahead of at, and its wrap
 * counter. */
ALWAYS_INLINE u32 vhost_slot(const struct vhost_ring *r, u32 ahead, bool *wrap)
{
    u32 slot = r->at + ahead;
    *wrap = slot >= r->size ? !r->wrap : r->wrap;
    return slot >= r->size ? slot - r->size : slot;
}

ALWAYS_INLINE bool vhost_packed_is_available(u16 flags, bool wrap)
{
    return !!(flags & VRING_PACKED_AVAIL) == wrap && !!(flags & VRING_PACKED_USED) != wrap;
}

/* Whether a chain waits; of a split ring, how many. More than size: the guest lies. */
ALWAYS_INLINE u32 vhost_waiting(const struct vhost_ring *r)
{
    if (r->packed)
        return vhost_packed_is_available(
            vhost_load16_acquire(r, r->desc + (size_t)r->at * sizeof(struct vring_desc) +
                                        VRING_PACKED_FLAGS_AT),
            r->wrap);
    return (u16)(vhost_avail_idx(r) - r->at);
}

/* --- the guest's memory --- */

/* Where the guest has `addr`; *len: at most so many bytes, and how many there are in one piece.
 * NULL: it has not. */
ALWAYS_INLINE u8 *vhost_at(const struct vhost_memory *m, u64 addr, u64 *len)
{
    for (u32 i = 0; i < m->n; i++) {
        u64 offset = addr - m->region[i].guest;
        if (likely(offset < m->region[i].bytes)) {
            *len = min_u64(*len, m->region[i].bytes - offset);
            return m->region[i].at + offset;
        }
    }
    return NULL;
}

/* NULL also when it is in several pieces. */
ALWAYS_INLINE u8 *vhost_at_whole(const struct vhost_memory *m, u64 addr, u64 len)
{
    u64 got = len;
    u8 *p = vhost_at(m, addr, &got);
    return likely(got == len) ? p : NULL;
}

/* A descriptor, from wherever. */
ALWAYS_INLINE struct vhost_desc vhost_desc_copy(const struct vhost_ring *r, const u8 *p)
{
    u64 words[2];
    memcpy(words, p, sizeof(words));
    vhost_copied();
    struct vhost_desc d;
    memcpy(&d, words, sizeof(d));
    d.addr = virtio_u64(d.addr, r->order);
    d.len = virtio_u32(d.len, r->order);
    d.id = virtio_u16(d.id, r->order);
    d.flags = virtio_u16(d.flags, r->order);
    return d;
}

/* A split one: its flags stand where a packed one has the id. */
ALWAYS_INLINE struct vhost_desc vhost_split_desc(const struct vhost_ring *r, const u8 *p)
{
    struct vhost_desc d = vhost_desc_copy(r, p);
    u16 flags = d.id;
    d.id = d.flags;
    d.flags = flags;
    return d;
}

static_assert(offsetof(struct vring_desc, flags) == offsetof(struct vhost_desc, id), "as it says");

/* --- chains --- */

enum vhost_chain {
    VHOST_CHAIN_OK,
    VHOST_CHAIN_NONE,    /* there is none */
    VHOST_CHAIN_ADDRESS, /* points to where the guest has no memory */
    VHOST_CHAIN_TABLE,   /* does not end, or is not of the kind that it should be */
    VHOST_CHAIN_BROKEN,  /* what comes behind it cannot be found */
};

struct vhost_segment {
    u8 *at;
    u32 len;
    u64 addr;
};

struct vhost_segments {
    u32 n;
    u32 n_desc; /* looked at: some may be of no bytes */
    u64 bytes;
    struct vhost_segment v[VHOST_SEGMENTS_MAX];
};

/* There are none, before the first chain of a packet. */
ALWAYS_INLINE void vhost_segments_clear(struct vhost_segments *s)
{
    s->n = s->n_desc = 0;
    s->bytes = 0;
}

/* What has to be said to give a chain back. */
struct vhost_head {
    u16 id, slots;
    u32 bytes; /* written */
};

static inline enum vhost_chain vhost_segment_add(const struct vhost_ring *r,
                                                 const struct vhost_desc *d, bool write,
                                                 struct vhost_segments *s)
{
    u64 addr = d->addr, left = d->len;
    if (!(d->flags & VRING_DESC_WRITE) == write || s->n_desc == VHOST_SEGMENTS_MAX)
        return VHOST_CHAIN_TABLE;
    s->n_desc++;
    while (left) {
        u64 len = left;
        u8 *at = vhost_at(r->memory, addr, &len);
        if (!at)
            return VHOST_CHAIN_ADDRESS;
        if (s->n == VHOST_SEGMENTS_MAX)
            return VHOST_CHAIN_TABLE;
        s->v[s->n++] = (struct vhost_segment){at, (u32)len, addr};
        s->bytes += len;
        addr += len;
        left -= len;
    }
    return VHOST_CHAIN_OK;
}

/* Copies out of the guest's memory; false: not all of it is there. */
static inline bool vhost_read(const struct vhost_memory *m, u64 addr, void *to, u32 bytes)
{
    for (u32 done = 0; done < bytes;) {
        u64 len = bytes - done;
        const u8 *from = vhost_at(m, addr + done, &len);
        if (!from)
            return false;
        memcpy((u8 *)to + done, from, (size_t)len);
        done += (u32)len;
    }
    vhost_copied();
    return true;
}

/* The table that d points at. */
static inline enum vhost_chain vhost_chain_indirect(const struct vhost_ring *r,
                                                    const struct vhost_desc *d, bool write,
                                                    struct vhost_segments *s)
{
    u32 n = d->len / sizeof(struct vring_desc), i = 0;
    if (!n || d->len % sizeof(struct vring_desc) || n > VRING_SIZE_MAX)
        return VHOST_CHAIN_TABLE;
    for (u32 count = 0; count < n; count++) {
        u8 bytes[sizeof(struct vring_desc)];
        if (!vhost_read(r->memory, d->addr + (u64)i * sizeof(bytes), bytes, sizeof(bytes)))
            return VHOST_CHAIN_ADDRESS;
        struct vhost_desc e = r->packed ? vhost_desc_copy(r, bytes) : vhost_split_desc(r, bytes);
        if (e.flags & VRING_DESC_INDIRECT)
            return VHOST_CHAIN_TABLE;
        enum vhost_chain rc = vhost_segment_add(r, &e, write, s);
        if (rc)
            return rc;
        if (!r->packed && !(e.flags & VRING_DESC_NEXT))
            return VHOST_CHAIN_OK;
        i = r->packed ? i + 1 : e.id;
        if (!r->packed && i >= n)
            return VHOST_CHAIN_TABLE;
    }
    return r->packed ? VHOST_CHAIN_OK : VHOST_CHAIN_TABLE;
}

static inline enum vhost_chain vhost_chain_split(const struct vhost_ring *r, u32 ahead, u32 waiting,
                                                 bool write, struct vhost_head *h,
                                                 struct vhost_segments *s)
{
    if (ahead >= waiting)
        return VHOST_CHAIN_NONE;
    u32 i = vhost_load16(r, vhost_avail_ring(r, (r->at + ahead) & (r->size - 1u)));
    if (i >= r->size)
        return VHOST_CHAIN_BROKEN;
    *h = (struct vhost_head){.id = (u16)i, .slots = 1};
    for (u32 count = 0; count < r->size; count++) {
        struct vhost_desc d = vhost_split_desc(r, r->desc + (size_t)i * sizeof(struct vring_desc));
        if (d.flags & VRING_DESC_INDIRECT)
            return d.flags & VRING_DESC_NEXT ? VHOST_CHAIN_TABLE
                                             : vhost_chain_indirect(r, &d, write, s);
        enum vhost_chain rc = vhost_segment_add(r, &d, write, s);
        if (rc || !(d.flags & VRING_DESC_NEXT))
            return rc;
        i = d.id;
        if (i >= r->size)
            return VHOST_CHAIN_TABLE;
    }
    return VHOST_CHAIN_TABLE;
}

/* Of a packed ring it has to be gone through to its end, whatever is wrong with it. */
static inline enum vhost_chain vhost_chain_packed(const struct vhost_ring *r, u32 ahead, bool write,
                                                  struct vhost_head *h, struct vhost_segments *s)
{
    enum vhost_chain rc = VHOST_CHAIN_OK;
    *h = (struct vhost_head){0};
    if (ahead >= r->size)
        return VHOST_CHAIN_NONE;
    for (u32 count = 0; ahead + count < r->size; count++) {
        bool wrap;
        u32 slot = vhost_slot(r, ahead + count, &wrap);
        const u8 *p = r->desc + (size_t)slot * sizeof(struct vring_desc);
        u16 flags = vhost_load16_acquire(r, p + VRING_PACKED_FLAGS_AT);
        if (!count && !vhost_packed_is_available(flags, wrap))
            return VHOST_CHAIN_NONE;
        struct vhost_desc d = vhost_desc_copy(r, p);
        d.flags = flags;
        if (!rc && (flags & VRING_DESC_INDIRECT))
            rc = count || (flags & VRING_DESC_NEXT) ? VHOST_CHAIN_TABLE
                                                    : vhost_chain_indirect(r, &d, write, s);
        else if (!rc)
            rc = vhost_segment_add(r, &d, write, s);
        h->id = d.id;
        h->slots = (u16)(count + 1);
        if (!(flags & VRING_DESC_NEXT))
            return rc;
    }
    return VHOST_CHAIN_BROKEN;
}

/* The chain that is `ahead` chains (of a packed ring: slots) ahead, whose memory is added to s.
 * waiting: of a split ring, what vhost_waiting said. Of all but NONE and BROKEN, *h gives it back.
 */
static inline enum vhost_chain vhost_chain_take(const struct vhost_ring *r, u32 ahead, u32 waiting,
                                                bool write, struct vhost_head *h,
                                                struct vhost_segments *s)
{
    return r->packed ? vhost_chain_packed(r, ahead, write, h, s)
                     : vhost_chain_split(r, ahead, waiting, write, h, s);
}

#define VHOST_WARM_CHAINS 8

/* Whoever takes chains of one descriptor in order calls it for each. What they are given back in,
 * of a packed ring the descriptors themselves, is on its way to this core before it is looked at:
 * lines that the other end has written, once each. */
ALWAYS_INLINE void vhost_warm(const struct vhost_ring *r, bool packed, u32 ahead)
{
    u32 bytes = packed ? sizeof(struct vring_desc) : sizeof(struct vring_used_elem);
    bool wrap;
    const u8 *p = packed ? r->desc + (size_t)vhost_slot(r, ahead + VHOST_WARM_CHAINS, &wrap) * bytes
                         : vhost_used_ring(r, (r->at + ahead + VHOST_WARM_CHAINS) & (r->size - 1u));
    if (!ahead || (uintptr_t)p % CACHE_LINE_BYTES < bytes)
        __builtin_prefetch(p, 1);
}

/* The descriptor that a chain `ahead` begins with, for who takes those of one descriptor by itself;
 * `id` is what gives it back then. packed: as of the ring. false: none is there, or it lies. */
ALWAYS_INLINE bool vhost_chain_first(const struct vhost_ring *r, bool packed, u32 ahead,
                                     u32 waiting, struct vhost_desc *d)
{
    if (packed) {
        bool wrap;
        if (unlikely(ahead >= r->size))
            return false;
        const u8 *at = r->desc + (size_t)vhost_slot(r, ahead, &wrap) * sizeof(struct vring_desc);
        u16 flags = vhost_load16_acquire(r, at + VRING_PACKED_FLAGS_AT);
        if (!vhost_packed_is_available(flags, wrap))
            return false;
        *d = vhost_desc_copy(r, at);
        d->flags = flags;
        return true;
    }
    if (ahead >= waiting)
        return false;
    u16 head = vhost_load16(r, vhost_avail_ring(r, (r->at + ahead) & (r->size - 1u)));
    if (unlikely(head >= r->size))
        return false;
    *d = vhost_split_desc(r, r->desc + (size_t)head * sizeof(struct vring_desc));
    d->id = head;
    return true;
}

/* --- pages that are written, while somebody wants to know --- */

static COLD void vhost_log_pages(const struct vhost_ring *r, u64 addr, u64 bytes)
{
    u64 last = (addr + bytes - 1) >> VHOST_LOG_PAGE_BITS;
    for (u64 page = addr >> VHOST_LOG_PAGE_BITS; bytes && page <= last && page / 8 < r->log_bytes;
         page++)
        __atomic_fetch_or(&r->log[page / 8], (u8)(1 << page % 8), __ATOMIC_RELEASE);
}

/* Behind the write, and before the guest hears of it. */
ALWAYS_INLINE void vhost_log(const struct vhost_ring *r, u64 addr, u64 bytes)
{
    if (unlikely(r->log != NULL))
        vhost_log_pages(r, addr, bytes);
}

/* The same of the ring; of a packed one, `offset` is in the descriptors. */
ALWAYS_INLINE void vhost_log_used(const struct vhost_ring *r, u64 offset, u64 bytes)
{
    if (unlikely(r->logs_used))
        vhost_log_pages(r, r->log_used + offset, bytes);
}

/* --- for the one that takes our place --- */

static inline struct vhost_inflight_packed *vhost_inflight_packed(const struct vhost_ring *r)
{
    return (struct vhost_inflight_packed *)(void *)r->inflight;
}

/* Where it is: all is given back. */
static inline void vhost_inflight_begin(const struct vhost_ring *r)
{
    struct vhost_inflight_split *split = (struct vhost_inflight_split *)(void *)r->inflight;
    struct vhost_inflight_packed *packed = vhost_inflight_packed(r);
    split->version = VHOST_INFLIGHT_VERSION; /* these two are in the same place of both */
    split->size = r->size;
    if (r->packed) {
        packed->used_idx = packed->old_used_idx = r->at;
        packed->used_wrap = packed->old_used_wrap = r->wrap;
    } else {
        split->used_idx = r->at;
    }
}

/* It will be there, when the guest has been shown what is done. */
static inline void vhost_inflight_goes(const struct vhost_ring *r, u16 at, bool wrap)
{
    struct vhost_inflight_packed *p = vhost_inflight_packed(r);
    __atomic_store_n(&p->used_wrap, wrap, __ATOMIC_RELAXED);
    __atomic_store_n(&p->used_idx, at, __ATOMIC_RELEASE);
}

/* It is there. */
static inline void vhost_inflight_went(const struct vhost_ring *r)
{
    struct vhost_inflight_packed *p = vhost_inflight_packed(r);
    struct vhost_inflight_split *split = (struct vhost_inflight_split *)(void *)r->inflight;
    if (!r->packed) {
        __atomic_store_n(&split->used_idx, r->at, __ATOMIC_RELEASE);
        return;
    }
    __atomic_store_n(&p->old_used_wrap, r->wrap, __ATOMIC_RELEASE);
    __atomic_store_n(&p->old_used_idx, r->at, __ATOMIC_RELEASE);
}

/* --- giving back --- */

/* Chains that are given back, and that the guest does not see yet. Zero at first. */
struct vhost_done {
    u32 ahead; /* chains; of a packed ring: slots */
    u16 first_flags;
};

ALWAYS_INLINE void vhost_done_packed(const struct vhost_ring *r, struct vhost_done *done,
                                     const struct vhost_head *h)
{
    bool wrap;
    u32 slot = vhost_slot(r, done->ahead, &wrap);
    u8 *p = r->desc + (size_t)slot * sizeof(struct vring_desc);
    u16 flags = (u16)((h->bytes ? VRING_DESC_WRITE : 0) |
                      (wrap ? VRING_PACKED_AVAIL | VRING_PACKED_USED : 0));
    if (done->ahead) {
        vhost_store_used(r, p + offsetof(struct vhost_desc, len), h->bytes, h->id, flags);
    } else { /* shown last */
        vhost_store32(r, p + offsetof(struct vhost_desc, len), h->bytes);
        vhost_store16(r, p + offsetof(struct vhost_desc, id), h->id);
        done->first_flags = flags;
    }
    vhost_log_used(r, (u64)slot * sizeof(struct vring_desc), sizeof(struct vring_desc));
    done->ahead += h->slots;
}

ALWAYS_INLINE void vhost_done_add(const struct vhost_ring *r, struct vhost_done *done,
                                  const struct vhost_head *h)
{
    if (r->packed) {
        vhost_done_packed(r, done, h);
        return;
    }
    u32 i = (r->at + done->ahead) & (r->size - 1u);
    u8 *p = vhost_used_ring(r, i);
    struct vring_used_elem elem = {virtio_u32(h->id, r->order), virtio_u32(h->bytes, r->order)};
    memcpy(p, &elem, sizeof(elem)); /* one store: it waits for a line that the guest has */
    vhost_log_used(r, offsetof(struct vring_used, ring) + (u64)i * sizeof(struct vring_used_elem),
                   sizeof(struct vring_used_elem));
    done->ahead++;
}

/* The guest sees all of them, and is to be asked whether to interrupt it. done->ahead is not 0. */
ALWAYS_INLINE void vhost_done_show(struct vhost_ring *r, const struct vhost_done *done)
{
    if (r->packed) {
        u8 *first = r->desc + (size_t)r->at * sizeof(struct vring_desc);
        bool wrap;
        u16 at = (u16)vhost_slot(r, done->ahead, &wrap);
        if (unlikely(r->inflight != NULL))
            vhost_inflight_goes(r, at, wrap);
        vhost_store16_release(r, first + VRING_PACKED_FLAGS_AT, done->first_flags);
        vhost_log_used(r, (u64)r->at * sizeof(struct vring_desc), sizeof(struct vring_desc));
        r->at = at;
        r->wrap = wrap;
    } else {
        r->at = (u16)(r->at + done->ahead);
        vhost_store16_release(r, r->used + offsetof(struct vring_used, idx), r->at);
        vhost_log_used(r, 0, sizeof(struct vring_used));
    }
    if (unlikely(r->inflight != NULL))
        vhost_inflight_went(r);
    r->unasked += done->ahead;
}

/* --- who is to be woken --- */

/* The guest is interrupted if it wants to be, for what it was shown since it was asked the last
 * time. A full fence is behind that: who goes to sleep says so, and looks at the index after that.
 */
void vhost_ring_call(struct vhost_ring *r);

/* Whether the guest is to kick when it has something for us, or room. */
static inline void vhost_ring_want_kick(const struct vhost_ring *r, bool wanted)
{
    if (r->packed)
        vhost_store16(r, r->used + offsetof(struct vring_event, flags),
                      wanted ? VRING_EVENT_ALWAYS : VRING_EVENT_NEVER);
    else if (!r->event_idx)
        vhost_store16(r, r->used + offsetof(struct vring_used, flags),
                      wanted ? 0 : VRING_USED_NO_NOTIFY);
    else if (wanted) /* otherwise it stays behind, and is not passed */
        vhost_store16(r, vhost_used_ring(r, r->size), r->at);
    if (!r->packed)
        vhost_log_used(r, 0, vhost_used_bytes(r->size) + sizeof(u16));
}
