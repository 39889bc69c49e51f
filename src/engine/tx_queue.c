/* Placement of transmit queues. See tx_queue.h. */
#include "engine/tx_queue.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "engine/engine_internal.h"

#define SPINS 200 /* and then the CPU goes to whom the lock's holder may wait for */

static u64 data_threads(const struct engine *e)
{
    u64 all = e->n_threads == THREADS_MAX ? UINT64_MAX : (1ull << e->n_threads) - 1;
    return all & ~1ull;
}

static bool tx_queue_has(const struct tx_queue *q, u32 thread)
{
    return !q->disabled && (q->threads >> thread & 1);
}

static struct tx_map *tx_queue_map_new(const struct tx_queues *s)
{
    u32 entries = 0;
    for (u32 i = 0; i < s->n; i++)
        entries += (u32)__builtin_popcountll(s->v[i]->threads);
    struct tx_map *m = mem_alloc(sizeof(*m) + entries * sizeof(m->queue[0]));
    u16 n = 0;
    for (u32 thread = 0; thread < THREADS_MAX; thread++) {
        m->of[thread].first = n;
        for (u32 i = 0; i < s->n; i++)
            if (tx_queue_has(s->v[i], thread))
                m->queue[n++] = s->v[i];
        m->of[thread].n = (u16)(n - m->of[thread].first);
    }
    return m;
}

static void set_shared(struct tx_queue *q, bool shared)
{
    __atomic_store_n(&q->shared, shared, __ATOMIC_RELAXED);
}

static bool is_shared(const struct engine *e, const struct tx_queue *q)
{
    return __builtin_popcountll(q->threads & data_threads(e)) > 1;
}

/* While some threads go by the old map and some by the new one, all queues are locked. */
static void tx_queue_publish(struct engine *e, struct tx_queues *s)
{
    struct tx_map *old = s->map;
    for (u32 i = 0; i < s->n; i++)
        set_shared(s->v[i], true);
    if (old)
        engine_synchronize(e);
    __atomic_store_n(&s->map, tx_queue_map_new(s), __ATOMIC_RELEASE);
    if (old)
        engine_synchronize(e);
    free(old);
    for (u32 i = 0; i < s->n; i++)
        set_shared(s->v[i], is_shared(e, s->v[i]));
}

void tx_queues_init(struct engine *e, struct tx_queues *s, struct tx_queue **v, u32 n)
{
    u32 workers = e->n_threads - 1;
    *s = (struct tx_queues){.v = v, .n = n};
    for (u32 i = 0; i < n; i++) {
        v[i]->queue = i;
        v[i]->threads = 0;
    }
    for (u32 i = 0; n && i < max_u64(n, workers); i++)
        v[i % n]->threads |= 1ull << (1 + i % workers);
    tx_queue_publish(e, s);
}

void tx_queues_fini(struct engine *e, struct tx_queues *s)
{
    struct tx_map *old = s->map;
    __atomic_store_n(&s->map, NULL, __ATOMIC_RELEASE);
    if (old)
        engine_synchronize(e);
    free(old);
    *s = (struct tx_queues){0};
}

int tx_queue_place(struct engine *e, struct tx_queues *s, u32 queue, u64 threads, struct error *err)
{
    u64 wrong = threads & ~(data_threads(e) | 1);
    if (queue >= s->n)
        return error_set(err, ENOENT, "no transmit queue %u", queue);
    if (wrong)
        return error_set(err, EINVAL, "no thread %d", __builtin_ctzll(wrong));
    s->v[queue]->threads = threads;
    s->v[queue]->placed_by_user = true;
    tx_queue_publish(e, s);
    return 0;
}

void tx_queues_resize(struct engine *e, struct tx_queues *s, struct tx_queue **v, u32 n)
{
    u64 *placed = mem_alloc((n + 1) * sizeof(placed[0]));
    for (u32 i = 0; i < n; i++)
        placed[i] = v[i]->placed_by_user ? v[i]->threads : 0;
    tx_queues_fini(e, s);
    tx_queues_init(e, s, v, n);
    for (u32 i = 0; i < n; i++)
        if (v[i]->placed_by_user)
            v[i]->threads = placed[i];
    tx_queue_publish(e, s);
    free(placed);
}

void tx_queue_enable(struct engine *e, struct tx_queues *s, u32 queue, bool enable)
{
    if (s->v[queue]->disabled == !enable)
        return;
    s->v[queue]->disabled = !enable;
    tx_queue_publish(e, s);
}

u64 tx_queues_threads_without(const struct engine *e, const struct tx_queues *s)
{
    u64 with = 0;
    for (u32 i = 0; i < s->n; i++)
        with |= s->v[i]->threads;
    return data_threads(e) & ~with;
}

void tx_queue_wait(struct tx_queue *q)
{
    for (u32 spins = 0;; spins++) {
        if (!__atomic_load_n(&q->lock, __ATOMIC_RELAXED) &&
            !__atomic_exchange_n(&q->lock, 1, __ATOMIC_ACQUIRE))
            return;
        if (spins >= SPINS)
            sched_yield();
    }
}

/* --- texts --- */

void tx_threads_format(struct text *t, u64 threads)
{
    if (!threads)
        text_puts(t, "n/a");
    for (const char *comma = ""; threads; comma = ",") {
        u32 first = (u32)__builtin_ctzll(threads), last = first;
        while (last + 1 < THREADS_MAX && (threads >> (last + 1) & 1))
            last++;
        text_add(t, last > first ? "%s%u-%u" : "%s%u", comma, first, last);
        threads &= last + 1 == THREADS_MAX ? 0 : ~0ull << (last + 1);
    }
}

/* A number below THREADS_MAX; moves *s behind it. */
static bool parse_thread(const char **s, u32 *out)
{
    char *end;
    if (**s < '0' || **s > '9')
        return false;
    unsigned long n = strtoul(*s, &end, 10);
    *s = end;
    *out = (u32)n;
    return n < THREADS_MAX;
}

int tx_threads_parse(const char *list, u64 *threads, struct error *err)
{
    const char *s = list;
    *threads = 0;
    for (;; s++) {
        u32 first, last;
        if (!parse_thread(&s, &first))
            break;
        last = first;
        if (*s == '-') {
            s++;
            if (!parse_thread(&s, &last) || last < first)
                break;
        }
        for (u32 i = first; i <= last; i++)
            *threads |= 1ull << i;
        if (!*s)
            return 0;
        if (*s != ',')
            break;
    }
    return error_set(err, EINVAL, "`%s' is no list of threads, such as 1-2,4", list);
}
