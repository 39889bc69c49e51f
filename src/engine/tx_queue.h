/* Transmit queues: what a port sends by, and which thread sends by which.
 *
 *   threads    1   2   3          the map of an interface, one word, replaced as a whole:
 *   queues     0   1   0          1 -> 0, 2 -> 1, 3 -> 0 (queue 0 is shared)
 *
 * A thread has one queue of an interface, or several, over which it spreads flows (a guest with
 * many queues, a switch with one thread), or none, when somebody has placed them so: then it cannot
 * send there. A queue that several threads have is locked while one of them sends by it; one that
 * is a thread's alone is not. net/link/interface/interface_tx.h is what a port's tx node calls. */
#pragma once

#include "base/error.h"
#include "base/text.h"
#include "base/types.h"
#include "engine/index.h"
#include "engine/thread.h"

struct engine;

struct tx_queue {
    struct if_index interface;
    u32 queue;  /* number within the interface */
    void *port; /* the port's own state for this queue */
    /* engine's */
    u64 threads;   /* a bit for each thread that has it */
    bool disabled; /* its other end does not take packets: no thread has it now */
    bool placed_by_user;
    bool shared; /* by more than one thread, or while the map changes: data threads read it */
    u32 lock;
};

struct tx_map {
    struct tx_share {
        u16 first, n; /* in queue[] */
    } of[THREADS_MAX];
    struct tx_queue *queue[];
};

/* Of one interface; a port has it in its own state. */
struct tx_queues {
    struct tx_map *map; /* what data threads look at; NULL: there are no queues */
    struct tx_queue **v;
    u32 n;
};

/* All below: control thread. A change returns when all data threads go by it. */

/* v and its queues are the port's, which has set port in each, and stay until tx_queues_fini.
 * Numbers and places are set here: queue i is for data thread 1 + i, and on from the first when
 * there are more of these or those. */
void tx_queues_init(struct engine *e, struct tx_queues *s, struct tx_queue **v, u32 n);
/* As many as n of v are there now. Where people have placed one it stays so. */
void tx_queues_resize(struct engine *e, struct tx_queues *s, struct tx_queue **v, u32 n);
/* No data thread is at any of them any more. */
void tx_queues_fini(struct engine *e, struct tx_queues *s);
/* Gives a queue to these threads; the control thread may be among them, and sends nothing.
 * -ENOENT: no such queue, -EINVAL: no such thread. */
int tx_queue_place(struct engine *e, struct tx_queues *s, u32 queue, u64 threads,
                   struct error *err) MUST_CHECK;
/* A queue whose other end does not take packets now (one of a guest that uses fewer) is left out.
 */
void tx_queue_enable(struct engine *e, struct tx_queues *s, u32 queue, bool enable);
/* Data threads that no queue is for. */
u64 tx_queues_threads_without(const struct engine *e, const struct tx_queues *s);

/* "0-2,4"; "n/a" for none. */
void tx_threads_format(struct text *t, u64 threads);
/* -EINVAL: not such a list, or a number of THREADS_MAX or more. */
int tx_threads_parse(const char *list, u64 *threads, struct error *err) MUST_CHECK;

/* ---- data path ---- */

ALWAYS_INLINE const struct tx_map *tx_queues_map(const struct tx_queues *s)
{
    return __atomic_load_n(&s->map, __ATOMIC_ACQUIRE);
}

void tx_queue_wait(struct tx_queue *q);

/* Returns whether it is locked, for tx_queue_unlock. */
ALWAYS_INLINE bool tx_queue_lock(struct tx_queue *q)
{
    if (likely(!__atomic_load_n(&q->shared, __ATOMIC_RELAXED)))
        return false;
    if (__atomic_exchange_n(&q->lock, 1, __ATOMIC_ACQUIRE))
        tx_queue_wait(q);
    return true;
}

ALWAYS_INLINE void tx_queue_unlock(struct tx_queue *q, bool locked)
{
    if (unlikely(locked))
        __atomic_store_n(&q->lock, 0, __ATOMIC_RELEASE);
}
