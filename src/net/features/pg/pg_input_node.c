/* pg-input: packets of one stream. A packet that never changes is one copy; else its fields and
 * sums are written over the copy (pg_packet.h). */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/trace.h"
#include "net/features/pg/pg_internal.h"

/* End of the round in which the last packet was made: all have passed the graph. */
static void pg_input_finish(struct thread *t, void *arg)
{
    struct pg_stream *s = arg;
    atomic_store_explicit(&s->finished, true, memory_order_release);
    s->told = thread_post(t, pg_stream_on_finished, &s->id, sizeof(s->id));
}

/* How many packets to make now. */
static u32 pg_input_due(const struct pg_stream *s, const struct thread *t, u64 made)
{
    u64 n = s->set.max_frame;
    if (s->set.limit)
        n = made < s->set.limit ? min_u64(n, s->set.limit - made) : 0; /* it may be made lower */
    if (s->set.rate > 0) {
        double passed = (double)(thread_now_ns(t) - s->start_ns) * s->set.rate / NS_PER_SEC;
        u64 until_now = s->resumed_at + 1 + (u64)passed;
        n = until_now > made ? min_u64(n, until_now - made) : 0;
    }
    if (unlikely(atomic_load_explicit(&s->pg->backlog, memory_order_relaxed) >= PG_CAPTURE_HIGH))
        n = 0;
    return (u32)n;
}

static u32 nothing_due(struct pg_stream *s, struct thread *t, u64 made)
{
    u64 ticks;
    if (s->set.limit && made >= s->set.limit && !s->told)
        thread_at_round_end(t, pg_input_finish,
                            s); /* no room to tell it, or the limit is lower now */
    if (s->rx.fd >= 0 && read(s->rx.fd, &ticks, sizeof(ticks)) < 0) {
        /* the timer was read already */
    }
    return 0;
}

ALWAYS_INLINE void copy_lines(u8 *to, const u8 *from, u32 bytes)
{
    to = __builtin_assume_aligned(to, CACHE_LINE_BYTES);
    from = __builtin_assume_aligned(from, CACHE_LINE_BYTES);
    for (u32 i = 0; i < bytes; i += CACHE_LINE_BYTES)
        memcpy(to + i, from + i, CACHE_LINE_BYTES);
}

ALWAYS_INLINE void pg_input_set_metadata(const struct pg_stream *s, const struct pg_frame *f,
                                         struct buffer *b)
{
    b->rx_if = s->set.rx_if;
    b->tx_if = s->set.tx_if;
    if (likely(!f->flags))
        return;
    b->flags |= f->flags;
    b->l3_start = (i16)(b->start + f->l3);
    b->l4_start = b->csum_start = (i16)(b->start + f->csum_start);
    b->csum_offset = f->csum_offset;
    b->gso_size = f->gso_size;
    b->gso_l4_len = f->gso_l4_len;
}

/* All packets are the same, and each fits in a buffer. */
static u64 make_constant(const struct pg_stream *s, const u32 *bi, u32 n)
{
    const struct pg_frame *f = &s->frames.v[0];
    u32 len = f->len;
    for (u32 i = 0; i < n; i++) {
        struct buffer *b = buffer_at(bi[i]);
        if (i + 4 < n)
            __builtin_prefetch(buffer_at(bi[i + 4])->data + BUFFER_HEADROOM_BYTES, 1);
        copy_lines(buffer_current(b), f->bytes, len);
        b->len = (u16)len;
        pg_input_set_metadata(s, f, b);
    }
    return (u64)n * len;
}

/* All packets have the same size and fit in a buffer, but fields change. */
static u64 make_blocks(struct pg_stream *s, const u32 *bi, u32 n)
{
    const struct pg_frame *f = &s->frames.v[0];
    u8 *data[PG_BLOCK];
    for (u32 i = 0; i < n; i += PG_BLOCK) {
        u32 block = (u32)min_u64(n - i, PG_BLOCK);
        for (u32 j = 0; j < block; j++) {
            struct buffer *b = buffer_at(bi[i + j]);
            if (i + j + 4 < n)
                __builtin_prefetch(buffer_at(bi[i + j + 4])->data + BUFFER_HEADROOM_BYTES, 1);
            data[j] = buffer_current(b);
            copy_lines(data[j], f->bytes, f->len);
            b->len = (u16)f->len;
            pg_input_set_metadata(s, f, b);
        }
        pg_block_write(&s->packet, data, block, &s->random);
    }
    return (u64)n * f->len;
}

static u32 next_size(struct pg_stream *s)
{
    const struct pg_packet *k = &s->packet;
    u32 size = s->next_size;
    if (s->set.size_kind == PG_SIZE_RANDOM)
        return k->min_bytes + (u32)pg_random_within(&s->random, k->max_bytes - k->min_bytes);
    s->next_size = size == k->max_bytes ? k->min_bytes : size + 1;
    return size;
}

/* One packet into b, whose storage is empty; false when there are not enough buffers for the rest
 * of it. */
static bool make_one(struct pg_stream *s, struct thread *t, struct buffer *b, u32 room)
{
    const struct pg_frame *f = &s->frames.v[s->next_frame];
    u32 size = s->is_replay ? f->len : next_size(s);
    if (likely(size <= room)) {
        copy_lines(buffer_current(b), f->bytes, size);
        b->len = (u16)size;
    } else if (buffer_append(t, b, f->bytes, size)) {
        return false;
    }
    if (!s->is_replay) {
        pg_fields_write(&s->packet, buffer_current(b), size, &s->random);
        pg_sums_write(&s->packet, buffer_current(b), size);
    }
    pg_input_set_metadata(s, f, b);
    if (++s->next_frame == s->frames.n)
        s->next_frame = 0;
    return true;
}

/* Returns how many were made; the buffers of the others are freed. */
static u32 make_each(struct pg_stream *s, struct thread *t, const u32 *bi, u32 n, u32 room,
                     u64 *bytes)
{
    for (u32 i = 0; i < n; i++) {
        struct buffer *b = buffer_at(bi[i]);
        if (i + 4 < n)
            __builtin_prefetch(buffer_at(bi[i + 4])->data + BUFFER_HEADROOM_BYTES, 1);
        if (unlikely(!make_one(s, t, b, room))) {
            buffer_free(t, bi + i, n - i);
            return i;
        }
        *bytes += buffer_packet_len(b);
    }
    return n;
}

static COLD void trace_all(struct pg_stream *s, struct thread *t, struct node *n, const u32 *bi,
                           const u16 *next, u32 count)
{
    for (u32 i = 0; i < count && trace_wants(n); i++) {
        struct buffer *b = buffer_at(bi[i]);
        u16 to = next ? next[i] : s->next;
        struct pg_trace x = {
            .interface = b->rx_if, .next.i = n->next_nodes[to], .bytes = buffer_packet_len(b)};
        memcpy(x.stream, s->set.name, sizeof(x.stream) - 1);
        if (trace_start(t, n, b))
            trace_input_hop(t, n, b, to, &x, sizeof(x));
    }
}

static void pg_input_send(struct pg_stream *s, struct thread *t, struct node *n, const u32 *bi,
                          u32 count)
{
    u16 next[FRAME_PKTS];
    bool featured = s->device_input && feature_any(s->device_input, s->set.rx_if);
    if (likely(!featured)) {
        if (unlikely(trace_wants(n)))
            trace_all(s, t, n, bi, NULL, count);
        node_enqueue(t, n, s->next, bi, count);
        return;
    }
    for (u32 i = 0; i < count; i++)
        next[i] = feature_start(s->device_input, s->set.rx_if, buffer_at(bi[i]), s->next);
    if (unlikely(trace_wants(n)))
        trace_all(s, t, n, bi, next, count);
    node_enqueue_each(t, n, bi, next, count);
}

u32 NODE_FN(pg_input)(struct thread *t, struct node *n, struct rx_queue *rx)
{
    struct pg_stream *s = rx->port;
    u32 bi[FRAME_PKTS];
    u64 bytes = 0, made = atomic_load_explicit(&s->made, memory_order_relaxed);
    u32 want = pg_input_due(s, t, made);
    if (unlikely(!want))
        return nothing_due(s, t, made);
    u32 got = buffer_alloc(t, BUFFER_POOL_DEFAULT, bi, want);
    u32 room = got ? buffer_storage_bytes(buffer_at(bi[0])) - BUFFER_HEADROOM_BYTES : 0;
    bool fits = s->frames.v[0].len <= room;
    if (likely(s->is_constant && fits))
        bytes = make_constant(s, bi, got);
    else if (!s->is_replay && s->packet.min_bytes == s->packet.max_bytes && fits)
        bytes = make_blocks(s, bi, got);
    else
        got = make_each(s, t, bi, got, room, &bytes);
    if (unlikely(got < want))
        node_count(n, PG_INPUT_ERR_NO_BUFFER, 1);
    if (unlikely(!got))
        return 0;
    interface_count(t, IF_RX, s->set.rx_if, got, bytes);
    pg_input_send(s, t, n, bi, got);
    made += got;
    atomic_store_explicit(&s->made, made, memory_order_relaxed);
    if (unlikely(made == s->set.limit))
        thread_at_round_end(t, pg_input_finish, s);
    return got;
}
