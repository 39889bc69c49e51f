/* Rings as data threads use them. The other end may write anything there at any time: each word is
 * read once, checked, and the copy is used.
 *
 *                      receive                               send
 *   slave, ahead = n   M2S: slots [at, tail) are filled      S2M: [tail, head) are not emptied yet
 *                      head = at + n gives slots back        free = tail + n - at
 *   master, ahead = 0  S2M: slots [at, head) are filled      M2S: [at, head) are empty buffers
 *                      tail = at gives slots back            free = head - at */
#pragma once

#include "plugins/memif/memif_internal.h"

ALWAYS_INLINE u16 memif_their_index(const struct memif_end *e)
{
    return __atomic_load_n(e->theirs, __ATOMIC_ACQUIRE);
}

/* Filled slots that wait to be received; more than e->size: the peer lies. */
ALWAYS_INLINE u32 memif_filled(const struct memif_end *e)
{
    return (u16)(memif_their_index(e) - e->at);
}

/* Slots that may be filled; more than e->size: the peer lies. */
ALWAYS_INLINE u32 memif_free_slots(const struct memif_end *e)
{
    return (u16)(memif_their_index(e) + e->ahead - e->at);
}

/* A slot's descriptor as it is now. */
ALWAYS_INLINE struct memif_desc memif_desc_read(const struct memif_end *e, u16 slot)
{
    const struct memif_desc *d = &e->ring->desc[slot & (e->size - 1)];
    return (struct memif_desc){
        .flags = __atomic_load_n(&d->flags, __ATOMIC_RELAXED),
        .region = __atomic_load_n(&d->region, __ATOMIC_RELAXED),
        .length = __atomic_load_n(&d->length, __ATOMIC_RELAXED),
        .offset = __atomic_load_n(&d->offset, __ATOMIC_RELAXED),
    };
}

ALWAYS_INLINE void memif_desc_set(const struct memif_end *e, u16 slot, u32 length, u16 flags)
{
    struct memif_desc *d = &e->ring->desc[slot & (e->size - 1)];
    __atomic_store_n(&d->flags, flags, __ATOMIC_RELAXED);
    __atomic_store_n(&d->length, length, __ATOMIC_RELAXED);
}

/* Where the bytes of a slot are; NULL: d says what is not so. A slave knows it without asking. */
ALWAYS_INLINE u8 *memif_slot_data(const struct memif_end *e, bool is_slave, u16 slot,
                                  const struct memif_desc *d)
{
    if (is_slave)
        return d->length <= e->slot_bytes
                   ? e->slots + (size_t)(slot & (e->size - 1)) * e->slot_bytes
                   : NULL;
    if (unlikely(d->region >= e->n_memory))
        return NULL;
    const struct memif_memory *m = &e->memory[d->region];
    return likely((u64)d->offset + d->length <= m->bytes) ? m->base + d->offset : NULL;
}
