/* Data threads: rounds, sleep and wake, rings between threads, calls at quiescent points. See
 * thread.h. */
#include "engine/thread.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <urcu-qsbr.h>

#include "base/backtrace.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/tally.h"
#include "control/loop.h"
#include "engine/engine_internal.h"

#define EVENT_SLOTS 512
#define SLICE_NS (100 * NS_PER_USEC) /* the shortest that the kernel gives */

struct event {
    void (*fn)(struct piste *p, const void *payload);
    u8 payload[EVENT_BYTES];
};

const char *thread_name(const struct engine *e, u32 thread)
{
    return e->threads[thread]->name;
}

void thread_at_round_end(struct thread *t, void (*fn)(struct thread *t, void *arg), void *arg)
{
    for (u32 i = 0; i < t->n_round_end; i++)
        if (t->round_end[i].fn == fn && t->round_end[i].arg == arg)
            return;
    if (t->n_round_end == ROUND_END_MAX) { /* more than there are places: this one is run at once */
        atomic_thread_fence(memory_order_seq_cst);
        fn(t, arg);
        return;
    }
    t->round_end[t->n_round_end++] = (struct round_end){fn, arg};
}

/* --- wake: a thread says that it will sleep, looks once more, and then sleeps --- */

void thread_wake(struct thread *t)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&t->sleeping, memory_order_relaxed)) {
        u64 one = 1;
        if (write(t->wake_fd, &one, sizeof(one)) < 0) {
            /* the counter is at its limit: the thread is being woken already */
        }
    }
}

static bool thread_has_work(struct thread *t)
{
    return handoff_waits(t) || atomic_load(&t->call_fn) || atomic_load(&t->stop);
}

/* --- one round --- */

static void run_call(struct thread *t)
{
    void (*fn)(struct thread *, void *) = atomic_load_explicit(&t->call_fn, memory_order_acquire);
    if (likely(!fn))
        return;
    fn(t, t->call_arg);
    atomic_store_explicit(&t->call_fn, NULL, memory_order_release);
}

static void round_end_run(struct thread *t)
{
    if (!t->n_round_end)
        return;
    atomic_thread_fence(memory_order_seq_cst);
    for (u32 i = 0; i < t->n_round_end; i++)
        t->round_end[i].fn(t, t->round_end[i].arg);
    t->n_round_end = 0;
}

/* Returns packets received or injected. */
u32 thread_round(struct thread *t)
{
    t->now_ns = clock_ns();
    tally_add(&t->loops, 1);
    run_call(t);
    u32 work = 0;
    if (unlikely(handoff_waits(t))) {
        handoff_run(t);
        work++;
    }
    work += timers_run(t);
    work += rx_queues_run(t);
    if (t->pending_first) {
        t->last_cycles = clock_cycles();
        node_run_pending(t);
    }
    round_end_run(t);
    return work;
}

static void thread_sleep(struct thread *t)
{
    atomic_store_explicit(&t->sleeping, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    if (!thread_has_work(t)) {
        tally_add(&t->sleeps, 1);
        tsan_quiescent(t->engine);
        urcu_qsbr_thread_offline();
        int ms = timers_sleep_ms(t);
        rx_queues_wait(t, t->late_ns && (ms < 0 || ms > RX_LATE_SLEEP_MS) ? RX_LATE_SLEEP_MS : ms);
        urcu_qsbr_thread_online();
    }
    atomic_store_explicit(&t->sleeping, 0, memory_order_relaxed);
}

/* Asks for short slices. When other programs keep all cores busy, a packet then wakes its thread at
 * once; else it waits until one of them has used up its slice of milliseconds. The share of the
 * core stays the same. Kernels before 6.12 take no notice; other policies than SCHED_OTHER have no
 * use for it. Source: sched_setattr(2). */
static void ask_for_short_slices(void)
{
    struct {
        u32 size, policy;
        u64 flags;
        i32 nice;
        u32 priority;
        u64 runtime_ns, deadline_ns, period_ns;
    } attr;
    if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) || attr.policy != SCHED_OTHER)
        return;
    attr.runtime_ns = SLICE_NS;
    if (syscall(SYS_sched_setattr, 0, &attr, 0)) {
        /* then it waits with the others */
    }
}

static void *thread_main(void *arg)
{
    struct thread *t = arg;
    struct error err;
    if (backtrace_thread_init(&err)) {
        /* a crash of this thread would be reported on its own stack */
    }
    pthread_setname_np(pthread_self(), t->name);
    __atomic_store_n(&t->lwp, (int)syscall(SYS_gettid), __ATOMIC_RELAXED);
    ask_for_short_slices();
    urcu_qsbr_register_thread();
    while (!atomic_load_explicit(&t->stop, memory_order_acquire)) {
        tsan_quiescent(t->engine);
        urcu_qsbr_quiescent_state();
        if (!thread_round(t) && !t->ready)
            thread_sleep(t);
    }
    urcu_qsbr_unregister_thread();
    return NULL;
}

/* --- making and ending --- */

struct thread *thread_new(struct engine *e, u32 index, const char *name)
{
    struct mem_map m;
    struct thread *t = mem_reserve(&m, "thread", sizeof(*t));
    t->engine = e;
    t->index = index;
    snprintf(t->name, sizeof(t->name), "%s", name);
    t->nodes = mem_reserve(&m, "thread-nodes", (u64)NODES_MAX * sizeof(struct node));
    t->errors = counter_simple(e->errors, index);
    t->errors_shown = mem_reserve(&m, "thread-errors-shown", (u64)NODE_ERRORS_MAX * sizeof(u64));
    t->frames = mem_reserve(&m, "thread-frames", (u64)FRAMES_MAX * sizeof(struct frame));
    t->trace.records =
        mem_reserve(&m, "thread-trace", (u64)TRACE_RECORDS_MAX * sizeof(struct trace_record));
    t->pending_last = &t->pending_first;
    t->cpu = -1;
    t->ready_last = &t->ready;
    t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    t->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (t->epoll_fd < 0 || t->wake_fd < 0)
        panic("cannot make the descriptors of thread %s", name);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, t->wake_fd, &ev);
    handoff_init(t);
    ring_init(&t->events, index ? EVENT_SLOTS : 2, sizeof(struct event));
    timers_init(t);
    probe_thread_init(t);
    t->start_ns = clock_ns();
    return t;
}

static void thread_pin(struct thread *t, pthread_attr_t *attr)
{
    if (t->cpu < 0)
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)t->cpu, &set);
    pthread_setaffinity_np(t->tid, sizeof(set), &set);
}

int thread_start(struct thread *t, struct error *err)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 << 10);
    int rc = pthread_create(&t->tid, &attr, thread_main, t);
    pthread_attr_destroy(&attr);
    if (rc)
        return error_errno(err, rc, "cannot start thread %s", t->name);
    t->running = true;
    thread_pin(t, NULL);
    return 0;
}

void thread_stop(struct thread *t)
{
    if (!t->running)
        return;
    atomic_store(&t->stop, 1);
    thread_wake(t);
    pthread_join(t->tid, NULL);
    t->running = false;
}

void thread_free(struct thread *t)
{
    buffer_thread_flush(t);
    timers_fini(t);
    probe_thread_fini(t);
    handoff_fini(t);
    ring_fini(&t->events);
    vec_free(&t->queues);
    close(t->epoll_fd);
    close(t->wake_fd);
    for (u32 i = 0; i < NODES_MAX && i < t->engine->nodes.n; i++)
        free(t->nodes[i].next_vectors);
    struct mem_map maps[] = {
        {.base = t->nodes, .size_bytes = (u64)NODES_MAX * sizeof(struct node), .fd = -1},
        {.base = t->errors_shown, .size_bytes = (u64)NODE_ERRORS_MAX * sizeof(u64), .fd = -1},
        {.base = t->frames, .size_bytes = (u64)FRAMES_MAX * sizeof(struct frame), .fd = -1},
        {.base = t->trace.records,
         .size_bytes = (u64)TRACE_RECORDS_MAX * sizeof(struct trace_record),
         .fd = -1},
        {.base = t, .size_bytes = sizeof(*t), .fd = -1},
    };
    for (u32 i = 0; i < array_len(maps); i++)
        mem_map_free(&maps[i]);
}

/* --- what could not be passed on --- */

static void losses_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = 0;
}

static const struct node_error losses[LOSS_N] = {
    [LOSS_HANDOFF] = {"handoff_full", "packets for which another thread's queue was full",
                      SEVERITY_ERROR},
    [LOSS_EVENT] = {"events_full", "events for which the control thread's queue was full",
                    SEVERITY_ERROR},
    [LOSS_FRAME] = {"no_frame", "packets for which no frame was left", SEVERITY_ERROR},
    [LOSS_TRACE] = {"trace_full", "hops of traced packets for which the trace was full",
                    SEVERITY_WARN},
};

/* Has no packets: only its counters are of use. Who could not pass on a packet drops it, too, for a
 * reason of its own. */
const struct node_def engine_thread_losses_node = {
    .name = "thread-losses",
    .run = {[CPU_LEVEL_BASE] = losses_run},
    .next = {"null-node"},
    .n_next = 1,
    .errors = losses,
    .n_errors = LOSS_N,
};

void thread_count_loss(struct thread *t, enum thread_loss loss, u64 n)
{
    node_count(&t->nodes[t->engine->thread_losses.i], loss, n);
}

/* --- between threads --- */

void thread_call(struct thread *t, void (*fn)(struct thread *t, void *arg), void *arg)
{
    if (!t->running) {
        fn(t, arg);
        return;
    }
    t->call_arg = arg;
    atomic_store_explicit(&t->call_fn, fn, memory_order_release);
    thread_wake(t);
    for (u32 spins = 0; atomic_load_explicit(&t->call_fn, memory_order_acquire); spins++)
        if (spins > 100)
            sched_yield();
}

bool thread_post(struct thread *t, void (*fn)(struct piste *p, const void *payload),
                 const void *payload, u32 bytes)
{
    struct event ev = {.fn = fn};
    assert(bytes <= EVENT_BYTES);
    memcpy(ev.payload, payload, bytes);
    if (!ring_push(&t->events, &ev, sizeof(ev))) {
        thread_count_loss(t, LOSS_EVENT, 1);
        return false;
    }
    loop_wake(t->engine->piste->loop);
    return true;
}

/* Control thread, once a round. */
void thread_drain_events(struct engine *e)
{
    forwarding_round(e);
    for (u32 i = 1; i < e->n_threads; i++) {
        struct event ev;
        for (u32 n = 0; n < EVENT_SLOTS && ring_pop(&e->threads[i]->events, &ev); n++)
            ev.fn(e->piste, ev.payload);
        if (!ring_empty(&e->threads[i]->events))
            loop_wake(e->piste->loop);
    }
}
