/* See wheel.h. */
#include "base/wheel.h"

#include <string.h>

#include "base/log.h"

#define LOOKS_PER_FIRED 8u /* bound of one wheel_advance */
#define JUMP (1u << 30)    /* farther than any slot */

void wheel_init(struct wheel *w, const char *name, u32 max_timers, u32 now)
{
    assert(now);
    memset(w, 0, sizeof(*w));
    w->now = now;
    /* a chunk of each slot may be nearly empty; then as much again for handles to be passed over */
    w->n_chunks = 2 * (max_timers / WHEEL_CHUNK_HANDLES + WHEEL_NEAR_SLOTS + WHEEL_FAR_SLOTS + 4);
    w->chunks = mem_reserve(&w->map, name, (u64)w->n_chunks * sizeof(struct wheel_chunk));
}

void wheel_fini(struct wheel *w)
{
    mem_map_free(&w->map);
}

void wheel_set_kind(struct wheel *w, u32 kind, struct wheel_timer *timers)
{
    w->timers[kind] = timers;
}

/* --- chunks --- */

static u32 chunk_new(struct wheel *w)
{
    u32 c = w->free;
    if (c) {
        w->free = w->chunks[c - 1].next;
        if (w->free) /* what is asked for next */
            __builtin_prefetch(&w->chunks[w->free - 1], 1);
    } else if (w->opened < w->n_chunks)
        c = ++w->opened;
    return c;
}

static void chunk_free(struct wheel *w, u32 c)
{
    w->chunks[c - 1].next = w->free;
    w->free = c;
}

static void slot_add_slowly(struct wheel *w, u32 *slot, u32 handle);

/* What starting writes is little, so that many starts wait for their timers in memory at the same
 * time. */
ALWAYS_INLINE void slot_add(struct wheel *w, u32 *slot, u32 handle)
{
    struct wheel_chunk *c = likely(*slot != 0) ? &w->chunks[*slot - 1] : NULL;
    if (likely(c && c->n < WHEEL_CHUNK_HANDLES))
        c->handle[c->n++] = handle;
    else
        slot_add_slowly(w, slot, handle);
}

/* --- slots --- */

/* Time of a far slot, as timers have it: odd, and so never 0. */
static u32 far_time(u32 block)
{
    return block * WHEEL_NEAR_SLOTS | 1;
}

static u32 block_of(u32 tick)
{
    return tick / WHEEL_NEAR_SLOTS;
}

static bool bit_is_set(const u64 *bits, u32 i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

/* How far the next bit is, from `from` on, once around; n: none is set. */
static u32 bits_next(const u64 *bits, u32 n, u32 from)
{
    u32 words = n / 64;
    for (u32 k = 0; k <= words; k++) {
        u32 word = (from / 64 + k) % words;
        u64 x = bits[word];
        if (k == 0)
            x &= ~0ull << (from % 64);
        if (k == words)
            x &= ~(~0ull << (from % 64));
        if (x)
            return (word * 64 + (u32)__builtin_ctzll(x) - from) % n;
    }
    return n;
}

/* The next tick of a slot with handles. */
static bool next_slot(const struct wheel *w, u32 *tick)
{
    u32 near = bits_next(w->near_bits, WHEEL_NEAR_SLOTS, (w->now + 1) % WHEEL_NEAR_SLOTS);
    u32 far = bits_next(w->far_bits, WHEEL_FAR_SLOTS, (block_of(w->now) + 1) % WHEEL_FAR_SLOTS);
    u32 to_far = (block_of(w->now) + 1 + far) * WHEEL_NEAR_SLOTS - w->now;
    if (near == WHEEL_NEAR_SLOTS && far == WHEEL_FAR_SLOTS)
        return false;
    *tick = w->now + (near == WHEEL_NEAR_SLOTS ? to_far
                      : far == WHEEL_FAR_SLOTS ? near + 1
                                               : (u32)min_u64(near + 1, to_far));
    return true;
}

/* Whether it is the timer's handle, and not one that it has left behind. */
static bool wheel_is_of(const struct wheel_timer *t, u32 time)
{
    return t->queued == time;
}

/* Takes out what timers have left behind in one slot. */
static void slot_sweep(struct wheel *w, u32 *slot, u32 time)
{
    u32 old = *slot;
    *slot = 0;
    while (old) {
        struct wheel_chunk c = w->chunks[old - 1];
        chunk_free(w, old);
        for (u32 i = 0; i < c.n; i++) {
            u32 h = c.handle[i];
            if (wheel_is_of(&w->timers[wheel_handle_kind(h)][wheel_handle_index(h)], time))
                slot_add(w, slot, h); /* there is room: where it was */
        }
        old = c.next;
    }
}

/* Rarely: half of all that there is room for is left behind. */
static COLD void wheel_sweep(struct wheel *w)
{
    for (u32 d = 1; d < WHEEL_NEAR_SLOTS; d++)
        if (bit_is_set(w->near_bits, (w->now + d) % WHEEL_NEAR_SLOTS))
            slot_sweep(w, &w->near[(w->now + d) % WHEEL_NEAR_SLOTS], w->now + d);
    for (u32 d = 1; d < WHEEL_FAR_SLOTS; d++) {
        u32 block = block_of(w->now) + d;
        if (bit_is_set(w->far_bits, block % WHEEL_FAR_SLOTS))
            slot_sweep(w, &w->far[block % WHEEL_FAR_SLOTS], far_time(block));
    }
}

/* The slot has no chunk with room. */
static COLD void slot_add_slowly(struct wheel *w, u32 *slot, u32 handle)
{
    u32 new = chunk_new(w);
    if (unlikely(!new)) {
        wheel_sweep(w);
        new = chunk_new(w);
        if (!new)
            panic("%s: more timers than there is room for", w->map.name);
    }
    struct wheel_chunk *c = &w->chunks[new - 1];
    c->next = *slot;
    c->n = 1;
    c->handle[0] = handle;
    *slot = new;
}

/* Puts the handle where its timer is due, or as near to that as there are slots. */
ALWAYS_INLINE void wheel_enqueue(struct wheel *w, u32 handle, struct wheel_timer *t, u32 due)
{
    u32 *slot, queued = due;
    if (due - w->now < WHEEL_NEAR_SLOTS) {
        u32 at = due % WHEEL_NEAR_SLOTS;
        slot = &w->near[at];
        if (!*slot)
            w->near_bits[at / 64] |= 1ull << at % 64;
    } else {
        u32 blocks = block_of(due - w->now / WHEEL_NEAR_SLOTS * WHEEL_NEAR_SLOTS);
        u32 block = block_of(w->now) + (u32)min_u64(blocks, WHEEL_FAR_SLOTS - 1);
        u32 at = block % WHEEL_FAR_SLOTS;
        slot = &w->far[at];
        if (unlikely(!*slot))
            w->far_bits[at / 64] |= 1ull << at % 64;
        queued = far_time(block);
    }
    *t = (struct wheel_timer){due, queued};
    slot_add(w, slot, handle);
}

void wheel_queue(struct wheel *w, u32 kind, u32 index, u32 due)
{
    wheel_enqueue(w, kind << WHEEL_INDEX_BITS | index, &w->timers[kind][index], due);
}

/* --- going on --- */

ALWAYS_INLINE struct wheel_timer *timer_of(const struct wheel *w, u32 handle)
{
    return &w->timers[wheel_handle_kind(handle)][wheel_handle_index(handle)];
}

/* Timers of the chunk that comes next, while those of one are looked at. */
ALWAYS_INLINE void prefetch_timers(const struct wheel *w, u32 chunk)
{
    const struct wheel_chunk *c = &w->chunks[chunk - 1];
    if (c->next) {
        __builtin_prefetch(&w->chunks[c->next - 1]);
        __builtin_prefetch((const u8 *)&w->chunks[c->next - 1] + CACHE_LINE_BYTES);
    }
    for (u32 i = 0; i < c->n; i++)
        __builtin_prefetch(timer_of(w, c->handle[i]), 1);
}

/* A handle whose slot's time has come: whether its timer fires. */
ALWAYS_INLINE bool wheel_look(struct wheel *w, u32 handle, u32 time)
{
    struct wheel_timer *t = timer_of(w, handle);
    u32 due = t->due;
    if (!wheel_is_of(t, time))
        return false;
    if (due && (i32)(due - w->now) > 0) {
        wheel_enqueue(w, handle, t, due);
        return false;
    }
    *t = (struct wheel_timer){0};
    return due;
}

/* Handles of a slot whose time has come, until max have fired. The rest stays. */
static u32 drain_list(struct wheel *w, u32 *list, bool far, u32 *handles, u32 max, u32 *looks)
{
    u32 n = 0, time = far ? far_time(block_of(w->now)) : w->now;
    while (*list && n < max && *looks) {
        struct wheel_chunk *c = &w->chunks[*list - 1];
        u32 k = (u32)min_u64(c->n, min_u64(max - n, *looks)), left = c->n - k, before = n;
        if (c->next && !left)
            prefetch_timers(w, c->next);
        for (u32 i = c->n; i-- > left;) {
            handles[n] = c->handle[i];
            n += wheel_look(w, c->handle[i], time);
        }
        w->n_running -= n - before;
        *looks -= k;
        c->n = left;
        if (!left) {
            u32 done = *list;
            *list = c->next;
            chunk_free(w, done);
        }
    }
    return n;
}

/* Takes out the slots of tick w->now. */
static void take_slots(struct wheel *w)
{
    u32 near = w->now % WHEEL_NEAR_SLOTS, far = block_of(w->now) % WHEEL_FAR_SLOTS;
    if (!near) {
        w->drain[0] = w->far[far];
        w->far[far] = 0;
        w->far_bits[far / 64] &= ~(1ull << far % 64);
    }
    w->drain[1] = w->near[near];
    w->near[near] = 0;
    w->near_bits[near / 64] &= ~(1ull << near % 64);
    u32 soon = w->near[(near + 1) % WHEEL_NEAR_SLOTS];
    if (soon)
        prefetch_timers(w, soon);
}

u32 wheel_advance(struct wheel *w, u32 tick, u32 *handles, u32 max, bool *more)
{
    u32 n = 0, looks = max * LOOKS_PER_FIRED, next, to = tick;
    *more = true;
    if (unlikely(tick - w->now > JUMP)) /* nothing ran, or it would have been called before */
        to = w->now + JUMP;
    for (;;) {
        for (u32 k = 0; k < 2; k++) {
            n += drain_list(w, &w->drain[k], k == 0, handles + n, max - n, &looks);
            if (w->drain[k])
                return n;
        }
        if (w->now == to || !next_slot(w, &next) || (i32)(next - to) > 0)
            break;
        w->now = next;
        take_slots(w);
    }
    w->now = tick;
    *more = false;
    return n;
}

bool wheel_next(const struct wheel *w, u32 *tick)
{
    if (w->drain[0] || w->drain[1]) {
        *tick = w->now;
        return true;
    }
    return w->n_running && next_slot(w, tick);
}
