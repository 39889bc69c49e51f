/* Packets from thread to thread: a ring for each pair, so that there is one writer and one reader
 * to each, and packets of a flow that come from one thread stay in their order. A bit for each
 * writer tells the reader which rings to look at. */
#include "engine/engine_internal.h"

#define HANDOFF_BATCH 256 /* of one ring in a round */

void handoff_init(struct thread *t)
{
    u64 bytes = (u64)t->engine->n_threads * HANDOFF_SLOTS * sizeof(u64);
    u64 *items = mem_reserve(&t->handoff_map, "thread-handoff", bytes);
    for (u32 i = 0; i < t->engine->n_threads; i++)
        t->handoff[i].items = items + (size_t)i * HANDOFF_SLOTS;
}

void handoff_fini(struct thread *t)
{
    mem_map_free(&t->handoff_map);
}

/* The reader sets the word to 0 before it looks at the rings, so either it sees these packets, or
 * this the 0. */
static void handoff_tell(struct thread *to, u32 from)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (!(atomic_load_explicit(&to->handoff_from, memory_order_relaxed) >> from & 1))
        atomic_fetch_or_explicit(&to->handoff_from, 1ull << from, memory_order_seq_cst);
    thread_wake(to);
}

u32 thread_handoff(struct thread *from, u32 to_thread, struct node_index node, const u32 *bi, u32 n)
{
    struct thread *to = from->engine->threads[to_thread];
    struct handoff *r = &to->handoff[from->index];
    u32 tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (HANDOFF_SLOTS - (tail - r->head_seen) < n)
        r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
    u32 count = (u32)min_u64(n, HANDOFF_SLOTS - (tail - r->head_seen));
    for (u32 i = 0; i < count; i++)
        r->items[(tail + i) % HANDOFF_SLOTS] = (u64)node.i << 32 | bi[i];
    if (unlikely(count < n))
        thread_count_loss(from, LOSS_HANDOFF, n - count);
    if (!count)
        return 0;
    atomic_store_explicit(&r->tail, tail + count, memory_order_release);
    handoff_tell(to, from->index);
    return count;
}

void thread_handoff_batch(struct thread *from, struct node_index to, const struct handoff_batch *h,
                          struct node *n, u32 error, u16 drop)
{
    u32 part[FRAME_PKTS], refused[FRAME_PKTS], n_refused = 0;
    u64 left = 0;
    for (u32 i = 0; i < h->n; i++)
        left |= 1ull << h->to[i];
    for (; left; left &= left - 1) {
        u32 thread = (u32)__builtin_ctzll(left), count = 0;
        for (u32 i = 0; i < h->n; i++)
            if (h->to[i] == thread)
                part[count++] = h->bi[i];
        for (u32 i = thread_handoff(from, thread, to, part, count); i < count; i++) {
            node_drop(n, buffer_at(part[i]), error, drop);
            refused[n_refused++] = part[i];
        }
    }
    if (n_refused)
        node_enqueue(from, n, drop, refused, n_refused);
}

/* Some of the packets of one ring; returns whether there are more. */
static bool handoff_take(struct thread *t, struct handoff *r)
{
    u32 bi[HANDOFF_BATCH], node[HANDOFF_BATCH];
    u32 head = atomic_load_explicit(&r->head, memory_order_relaxed);
    u32 there = atomic_load_explicit(&r->tail, memory_order_acquire) - head;
    u32 n = (u32)min_u64(there, HANDOFF_BATCH);
    for (u32 i = 0; i < n; i++) {
        u64 item = r->items[(head + i) % HANDOFF_SLOTS];
        bi[i] = (u32)item;
        node[i] = (u32)(item >> 32);
        __builtin_prefetch(buffer_at(bi[i]));
    }
    atomic_store_explicit(&r->head, head + n, memory_order_release);
    for (u32 i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && node[i + run] == node[i];)
            run++;
        node_enqueue_to(t, (struct node_index){node[i]}, bi + i, run);
    }
    return n < there;
}

bool handoff_waits(const struct thread *t)
{
    return atomic_load_explicit(&t->handoff_from, memory_order_relaxed);
}

void handoff_run(struct thread *t)
{
    u64 from = atomic_exchange_explicit(&t->handoff_from, 0, memory_order_seq_cst), more = 0;
    for (u64 left = from; left; left &= left - 1) {
        u32 i = (u32)__builtin_ctzll(left);
        if (handoff_take(t, &t->handoff[i]))
            more |= 1ull << i;
    }
    if (more)
        atomic_fetch_or_explicit(&t->handoff_from, more, memory_order_relaxed);
}

u32 thread_of_interface(const struct engine *e, struct if_index i)
{
    u32 thread = 1, queue = UINT32_MAX;
    for (u32 t = 1; t < e->n_threads; t++)
        for (u32 k = 0; k < e->threads[t]->queues.n; k++) {
            const struct rx_queue *q = e->threads[t]->queues.v[k];
            if (!if_equal(q->interface, i) || q->queue >= queue)
                continue;
            thread = t;
            queue = q->queue;
        }
    return thread;
}
