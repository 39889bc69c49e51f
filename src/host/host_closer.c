/* See host_closer.h. */
#include "host/host_closer.h"

#include <pthread.h>
#include <unistd.h>

#include "control/module.h"
#include "host/host_internal.h"

#define THREADS_AT_ONCE 256
#define STACK_BYTES (32 << 10)

static void *close_all(void *arg)
{
    struct host_closer *c = arg;
    pthread_mutex_lock(&c->lock);
    while (c->fds.n) {
        int fd = c->fds.v[--c->fds.n];
        pthread_mutex_unlock(&c->lock);
        close(fd);
        pthread_mutex_lock(&c->lock);
    }
    if (!--c->n_threads)
        pthread_cond_signal(&c->idle);
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

static bool start_thread(struct host_closer *c)
{
    pthread_attr_t attr;
    pthread_t t;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    int rc = pthread_create(&t, &attr, close_all, c);
    pthread_attr_destroy(&attr);
    return !rc;
}

void host_close(struct piste *p, int fd)
{
    struct host_nets *all = module_state(p, host_module_name);
    struct host_closer *c = &all->closer;
    if (fd < 0)
        return;
    pthread_mutex_lock(&c->lock);
    vec_add(&c->fds, fd);
    bool more = c->n_threads < THREADS_AT_ONCE;
    c->n_threads += more;
    pthread_mutex_unlock(&c->lock);
    /* without threads, this one waits */
    if (more && !start_thread(c))
        close_all(c);
}

void host_closer_init(struct host_closer *c)
{
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->idle, NULL);
}

void host_closer_fini(struct host_closer *c)
{
    pthread_mutex_lock(&c->lock);
    while (c->n_threads)
        pthread_cond_wait(&c->idle, &c->lock);
    pthread_mutex_unlock(&c->lock);
    vec_free(&c->fds);
    pthread_cond_destroy(&c->idle);
    pthread_mutex_destroy(&c->lock);
}
