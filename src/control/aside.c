/* See aside.h. */
#include "control/aside.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "control/loop.h"

#define THREADS_AT_ONCE 256
#define STACK_BYTES (256 << 10)

static void *work_off(void *arg)
{
    struct aside *a = arg;
    const u64 one = 1;
    pthread_mutex_lock(&a->lock);
    while (a->waiting.n) {
        struct aside_job j = a->waiting.v[0];
        vec_del(&a->waiting, 0);
        pthread_mutex_unlock(&a->lock);
        j.work(j.arg);
        pthread_mutex_lock(&a->lock);
        if (!j.done)
            continue;
        vec_add(&a->done, j);
        if (write(a->done_fd, &one, sizeof(one)) < 0) {
            /* the counter is at its limit: the loop is being woken already */
        }
    }
    if (!--a->n_threads)
        pthread_cond_signal(&a->idle);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

static bool aside_start(struct aside *a)
{
    pthread_attr_t attr;
    pthread_t t;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    int rc = pthread_create(&t, &attr, work_off, a);
    pthread_attr_destroy(&attr);
    return !rc;
}

void aside_run(struct aside *a, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    pthread_mutex_lock(&a->lock);
    vec_add(&a->waiting, ((struct aside_job){work, done, arg}));
    bool more = a->n_threads < THREADS_AT_ONCE;
    a->n_threads += more;
    pthread_mutex_unlock(&a->lock);
    /* without threads, this one waits */
    if (more && !aside_start(a))
        work_off(a);
}

static bool take_done(struct aside *a, struct aside_job *out)
{
    pthread_mutex_lock(&a->lock);
    bool any = a->done.n;
    if (any) {
        *out = a->done.v[0];
        vec_del(&a->done, 0);
    }
    pthread_mutex_unlock(&a->lock);
    return any;
}

static void on_done(void *arg, u32 events)
{
    struct aside *a = arg;
    struct aside_job j;
    u64 count;
    if (read(a->done_fd, &count, sizeof(count)) < 0) {
        /* read before */
    }
    while (take_done(a, &j))
        j.done(j.arg);
}

int aside_init(struct aside *a, struct loop *loop, struct error *e)
{
    a->loop = loop;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->idle, NULL);
    a->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (a->done_fd < 0)
        return error_errno(e, errno, "eventfd");
    return loop_fd_add(loop, a->done_fd, EPOLLIN, on_done, a, e);
}

void aside_fini(struct aside *a)
{
    struct aside_job j;
    do { /* what is done may make more work */
        pthread_mutex_lock(&a->lock);
        while (a->n_threads)
            pthread_cond_wait(&a->idle, &a->lock);
        pthread_mutex_unlock(&a->lock);
        if (a->done.n)
            on_done(a, 0);
    } while (a->n_threads || a->done.n);
    while (take_done(a, &j))
        j.done(j.arg);
    if (a->done_fd >= 0) {
        loop_fd_del(a->loop, a->done_fd);
        close(a->done_fd);
    }
    vec_free(&a->waiting);
    vec_free(&a->done);
    pthread_cond_destroy(&a->idle);
    pthread_mutex_destroy(&a->lock);
}
