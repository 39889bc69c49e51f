/* The event loop: level-triggered epoll, a heap of timers behind one timerfd, an eventfd to be
 * woken by, a signalfd. A handler may add and remove anything, itself included: each watch has a
 * generation, and an event that was fetched for an older one is dropped. */
#include "control/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"

#define EVENTS_A_ROUND 64
#define WORK_SLICE_NS (2 * NS_PER_MSEC) /* of work that was left, in a round */
#define MAX_SIGNAL 64

struct watch {
    void (*fn)(void *arg, u32 events); /* NULL: not watched */
    void *arg;
    u32 generation;
    bool always_ready; /* a file: epoll does not take it, and reading it never waits */
};

struct loop_timer {
    u64 at_ns, period_ns;
    void (*fn)(void *arg);
    void *arg;
    u32 position; /* in the heap, or NOT_ARMED */
};

#define NOT_ARMED UINT32_MAX

struct call {
    void (*fn)(void *arg);
    void *arg;
};

struct loop_piece {
    bool (*piece)(void *arg);
    void *arg;
};

struct signal_watch {
    void (*fn)(void *arg, const struct loop_signal *s);
    void *arg;
};

struct loop {
    int epoll_fd, wake_fd, timer_fd, signal_fd;
    bool stop;
    int status;
    u64 armed_ns;                  /* what timer_fd is set to; 0: nothing */
    VEC(struct watch) fds;         /* by fd number */
    VEC(struct loop_timer *) heap; /* armed timers, the earliest first */
    VEC(struct loop_timer *) all;  /* for loop_free */
    VEC(struct call) deferred, each_round, on_idle;
    VEC(struct loop_piece) work; /* the first is under way */
    u64 n_work_added;
    u32 n_always_ready;
    u64 cpu_ns; /* of the thread, at the end of the round before */
    struct loop_stats stats;
    sigset_t signals;
    struct signal_watch on_signal[MAX_SIGNAL + 1];
};

/* --- file descriptors
 * ----------------------------------------------------------------------------- */

static u64 watch_key(int fd, u32 generation)
{
    return (u64)generation << 32 | (u32)fd;
}

int loop_fd_add(struct loop *l, int fd, u32 events, void (*fn)(void *arg, u32 events), void *arg,
                struct error *e)
{
    if (fd < 0)
        return error_set(e, EBADF, "bad file descriptor");
    while (l->fds.n <= (u32)fd) {
        struct watch none = {0};
        vec_add(&l->fds, none);
    }
    struct watch *w = &l->fds.v[fd];
    if (w->fn)
        return error_set(e, EEXIST, "file descriptor %d is watched already", fd);
    struct epoll_event ev = {.events = events, .data.u64 = watch_key(fd, ++w->generation)};
    w->always_ready = false;
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev)) {
        if (errno != EPERM)
            return error_errno(e, errno, "epoll");
        w->always_ready = true;
        l->n_always_ready++;
    }
    w->fn = fn;
    w->arg = arg;
    return 0;
}

void loop_fd_mod(struct loop *l, int fd, u32 events)
{
    assert((u32)fd < l->fds.n && l->fds.v[fd].fn);
    if (l->fds.v[fd].always_ready)
        return;
    struct epoll_event ev = {.events = events, .data.u64 = watch_key(fd, l->fds.v[fd].generation)};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, fd, &ev))
        panic("epoll: cannot change file descriptor %d: %s", fd, strerror(errno));
}

void loop_fd_del(struct loop *l, int fd)
{
    if (fd < 0 || (u32)fd >= l->fds.n || !l->fds.v[fd].fn)
        return;
    l->fds.v[fd].fn = NULL;
    if (l->fds.v[fd].always_ready)
        l->n_always_ready--;
    else
        epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* --- timers: a binary heap
 * ------------------------------------------------------------------------ */

static void heap_place(struct loop *l, u32 i, struct loop_timer *t)
{
    l->heap.v[i] = t;
    t->position = i;
}

static void heap_up(struct loop *l, u32 i)
{
    struct loop_timer *t = l->heap.v[i];
    while (i && l->heap.v[(i - 1) / 2]->at_ns > t->at_ns) {
        heap_place(l, i, l->heap.v[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_place(l, i, t);
}

static void heap_down(struct loop *l, u32 i)
{
    struct loop_timer *t = l->heap.v[i];
    for (u32 child; (child = 2 * i + 1) < l->heap.n; i = child) {
        if (child + 1 < l->heap.n && l->heap.v[child + 1]->at_ns < l->heap.v[child]->at_ns)
            child++;
        if (l->heap.v[child]->at_ns >= t->at_ns)
            break;
        heap_place(l, i, l->heap.v[child]);
    }
    heap_place(l, i, t);
}

static void timer_arm(struct loop *l, struct loop_timer *t, u64 at_ns)
{
    t->at_ns = at_ns;
    if (t->position == NOT_ARMED) {
        vec_add(&l->heap, t);
        t->position = l->heap.n - 1;
    }
    heap_up(l, t->position);
    heap_down(l, t->position);
}

static void timer_disarm(struct loop *l, struct loop_timer *t)
{
    u32 i = t->position;
    if (i == NOT_ARMED)
        return;
    t->position = NOT_ARMED;
    struct loop_timer *last = l->heap.v[--l->heap.n];
    if (last == t)
        return;
    heap_place(l, i, last);
    heap_up(l, i);
    heap_down(l, last->position);
}

struct loop_timer *loop_timer_add(struct loop *l, u64 at_ns, u64 period_ns, void (*fn)(void *arg),
                                  void *arg)
{
    struct loop_timer *t = mem_alloc(sizeof(*t));
    *t = (struct loop_timer){.period_ns = period_ns, .fn = fn, .arg = arg, .position = NOT_ARMED};
    vec_add(&l->all, t);
    timer_arm(l, t, at_ns);
    return t;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, u64 at_ns)
{
    timer_arm(l, t, at_ns);
}

void loop_timer_del(struct loop *l, struct loop_timer *t)
{
    if (!t)
        return;
    timer_disarm(l, t);
    for (u32 i = 0; i < l->all.n; i++)
        if (l->all.v[i] == t) {
            l->all.v[i] = l->all.v[--l->all.n];
            break;
        }
    free(t);
}

static void note_timer(struct loop_stats *s, u64 late_ns)
{
    s->timers++;
    s->late_ns += late_ns;
    s->worst_late_ns = max_u64(s->worst_late_ns, late_ns);
}

/* At most as many as there are now: a timer that sets itself to the past must not hold up the rest.
 */
static void run_timers(struct loop *l)
{
    u64 now = clock_ns();
    for (u32 left = l->heap.n; left && l->heap.n && l->heap.v[0]->at_ns <= now; left--) {
        struct loop_timer *t = l->heap.v[0];
        note_timer(&l->stats, now - t->at_ns);
        if (t->period_ns) {
            u64 next = t->at_ns + t->period_ns;
            timer_arm(l, t, next > now ? next : now + t->period_ns);
        } else {
            timer_disarm(l, t);
        }
        t->fn(t->arg); /* t may be gone after this */
    }
}

/* Milliseconds that epoll may wait at most; the timerfd ends the wait at the earliest timer. */
static int prepare_wait(struct loop *l, int timeout_ms)
{
    if (l->deferred.n || l->n_always_ready || l->work.n || l->on_idle.n || l->stop)
        return 0;
    if (l->heap.n && l->heap.v[0]->at_ns <= clock_ns())
        return 0;
    u64 ahead = __atomic_load_n(&clock_ahead_ns, __ATOMIC_RELAXED);
    u64 at = l->heap.n ? max_u64(l->heap.v[0]->at_ns, ahead + 1) - ahead : 0;
    if (at != l->armed_ns && timeout_ms) {
        struct itimerspec its = {0};
        its.it_value.tv_sec = (time_t)(at / NS_PER_SEC);
        its.it_value.tv_nsec = (long)(at % NS_PER_SEC);
        if (timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &its, NULL))
            panic("timerfd_settime: %s", strerror(errno));
        l->armed_ns = at;
    }
    return timeout_ms;
}

/* --- waking, signals
 * ------------------------------------------------------------------------------ */

static void drain_u64(int fd)
{
    u64 count;
    while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

static void on_wake(void *arg, u32 events)
{
    drain_u64(((struct loop *)arg)->wake_fd);
}

static void on_timer(void *arg, u32 events)
{
    struct loop *l = arg;
    drain_u64(l->timer_fd);
    l->armed_ns = 0;
}

void loop_wake(struct loop *l)
{
    int saved_errno = errno; /* this runs in signal handlers */
    u64 one = 1;
    while (write(l->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
    errno = saved_errno;
}

static void on_signal_fd(void *arg, u32 events)
{
    struct loop *l = arg;
    struct signalfd_siginfo si;
    while (read(l->signal_fd, &si, sizeof(si)) == sizeof(si)) {
        if (si.ssi_signo > MAX_SIGNAL || !l->on_signal[si.ssi_signo].fn)
            continue;
        struct loop_signal s = {(int)si.ssi_signo, (int)si.ssi_pid, si.ssi_uid};
        l->on_signal[s.number].fn(l->on_signal[s.number].arg, &s);
    }
}

int loop_signal_add(struct loop *l, int number, void (*fn)(void *arg, const struct loop_signal *s),
                    void *arg, struct error *e)
{
    if (number < 1 || number > MAX_SIGNAL)
        return error_set(e, EINVAL, "bad signal %d", number);
    sigset_t wider = l->signals;
    sigaddset(&wider, number);
    int fd = signalfd(l->signal_fd, &wider, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return error_errno(e, errno, "signalfd");
    bool first = l->signal_fd < 0;
    l->signal_fd = fd;
    l->signals = wider;
    l->on_signal[number] = (struct signal_watch){fn, arg};
    sigprocmask(SIG_BLOCK, &wider, NULL);
    return first ? loop_fd_add(l, fd, EPOLLIN, on_signal_fd, l, e) : 0;
}

/* --- the loop
 * ------------------------------------------------------------------------------------- */

void loop_defer(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct call c = {fn, arg};
    vec_add(&l->deferred, c);
}

void loop_each_round(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct call c = {fn, arg};
    vec_add(&l->each_round, c);
}

static void run_always_ready(struct loop *l)
{
    for (u32 fd = 0; fd < l->fds.n && l->n_always_ready; fd++) {
        struct watch w = l->fds.v[fd];
        if (w.fn && w.always_ready)
            w.fn(w.arg, EPOLLIN);
    }
}

/* What a deferred call defers in turn waits for the next round. */
static void run_deferred(struct loop *l)
{
    u32 n = l->deferred.n;
    for (u32 i = 0; i < n; i++) {
        struct call c = l->deferred.v[i];
        c.fn(c.arg);
    }
    memmove(l->deferred.v, l->deferred.v + n, (l->deferred.n - n) * sizeof(*l->deferred.v));
    l->deferred.n -= n;
}

/* --- work in pieces --- */

static u32 work_find(const struct loop *l, bool (*piece)(void *arg), const void *arg)
{
    u32 i = 0;
    while (i < l->work.n && (l->work.v[i].piece != piece || l->work.v[i].arg != arg))
        i++;
    return i;
}

void loop_work_add(struct loop *l, bool (*piece)(void *arg), void *arg)
{
    l->n_work_added++;
    if (work_find(l, piece, arg) == l->work.n)
        vec_add(&l->work, ((struct loop_piece){piece, arg}));
}

void loop_work_del(struct loop *l, bool (*piece)(void *arg), void *arg)
{
    u32 i = work_find(l, piece, arg);
    if (i < l->work.n)
        vec_del(&l->work, i);
}

bool loop_has_work(const struct loop *l)
{
    return l->work.n;
}

u64 loop_work_count(const struct loop *l)
{
    return l->n_work_added;
}

void loop_on_idle(struct loop *l, void (*fn)(void *arg), void *arg)
{
    vec_add(&l->on_idle, ((struct call){fn, arg}));
}

void loop_on_idle_del(struct loop *l, void (*fn)(void *arg), void *arg)
{
    for (u32 i = l->on_idle.n; i-- > 0;)
        if (l->on_idle.v[i].fn == fn && l->on_idle.v[i].arg == arg)
            vec_del(&l->on_idle, i);
}

/* A piece may leave more, of its own kind or another. */
static void run_work(struct loop *l)
{
    u64 end_ns = clock_ns() + WORK_SLICE_NS;
    l->stats.work_rounds++;
    do {
        struct loop_piece w = l->work.v[0];
        if (!w.piece(w.arg))
            loop_work_del(l, w.piece, w.arg);
    } while (l->work.n && clock_ns() < end_ns);
}

/* Those that wait; one of them may leave work, for which the others wait, too. */
static void run_on_idle(struct loop *l)
{
    for (u32 n = l->on_idle.n; n-- && l->on_idle.n && !l->work.n;) {
        struct call c = l->on_idle.v[0];
        vec_del(&l->on_idle, 0);
        c.fn(c.arg);
    }
}

/* --- how long others wait --- */

const u32 loop_over_ms[LOOP_OVER] = {1, 20, 100, 1000};

/* One look at the thread's CPU time a round, which is a system call: a round begins where the one
 * before ended, as nobody works between. */
static void note_round(struct loop *l, u64 begin_ns)
{
    struct loop_stats *s = &l->stats;
    u64 end_ns = clock_ns(), ns = end_ns - begin_ns;
    u64 cpu_end_ns = clock_thread_cpu_ns(), cpu_ns = cpu_end_ns - l->cpu_ns;
    l->cpu_ns = cpu_end_ns;
    s->rounds++;
    s->busy_ns += ns;
    for (u32 i = 0; i < LOOP_OVER && ns > loop_over_ms[i] * NS_PER_MSEC; i++)
        s->over[i]++;
    if (ns > s->worst_ns) {
        s->worst_ns = ns;
        s->worst_at_ns = end_ns;
        s->worst_cpu_ns = cpu_ns;
    }
    s->most_cpu_ns = max_u64(s->most_cpu_ns, cpu_ns);
}

struct loop_stats loop_stats_get(const struct loop *l)
{
    return l->stats;
}

void loop_stats_clear(struct loop *l)
{
    l->stats = (struct loop_stats){.since_ns = clock_ns()};
}

void loop_once(struct loop *l, int timeout_ms)
{
    struct epoll_event ev[EVENTS_A_ROUND];
    int n = epoll_wait(l->epoll_fd, ev, EVENTS_A_ROUND, prepare_wait(l, timeout_ms));
    if (n < 0 && errno != EINTR)
        panic("epoll_wait: %s", strerror(errno));
    u64 begin_ns = clock_ns();
    for (int i = 0; i < n; i++) {
        struct watch w = l->fds.v[(u32)ev[i].data.u64];
        if (w.fn && w.generation == ev[i].data.u64 >> 32)
            w.fn(w.arg, ev[i].events);
    }
    if (l->n_always_ready)
        run_always_ready(l);
    run_timers(l);
    if (l->deferred.n)
        run_deferred(l);
    if (l->work.n)
        run_work(l);
    if (l->on_idle.n)
        run_on_idle(l);
    for (u32 i = 0; i < l->each_round.n; i++)
        l->each_round.v[i].fn(l->each_round.v[i].arg);
    note_round(l, begin_ns);
}

int loop_run(struct loop *l)
{
    l->cpu_ns = clock_thread_cpu_ns();
    while (!l->stop)
        loop_once(l, -1);
    l->stop = false;
    return l->status;
}

void loop_stop(struct loop *l, int status)
{
    l->stop = true;
    l->status = status;
}

struct loop *loop_new(struct error *e)
{
    struct loop *l = mem_alloc(sizeof(*l));
    sigemptyset(&l->signals);
    loop_stats_clear(l);
    l->cpu_ns = clock_thread_cpu_ns();
    l->signal_fd = -1;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (l->epoll_fd < 0 || l->wake_fd < 0 || l->timer_fd < 0) {
        error_errno(e, errno, "cannot make the event loop");
        goto fail;
    }
    if (loop_fd_add(l, l->wake_fd, EPOLLIN, on_wake, l, e) ||
        loop_fd_add(l, l->timer_fd, EPOLLIN, on_timer, l, e))
        goto fail;
    return l;
fail:
    loop_free(l);
    return NULL;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    int fds[] = {l->signal_fd, l->timer_fd, l->wake_fd, l->epoll_fd};
    for (size_t i = 0; i < array_len(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    for (u32 i = 0; i < l->all.n; i++)
        free(l->all.v[i]);
    vec_free(&l->all);
    vec_free(&l->heap);
    vec_free(&l->fds);
    vec_free(&l->deferred);
    vec_free(&l->each_round);
    vec_free(&l->on_idle);
    vec_free(&l->work);
    free(l);
}
