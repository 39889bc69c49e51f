/* Calls that wait in the kernel, made aside: a packet socket waits for a grace period of RCU, some
 * 60 ms, when it is closed, and as much again when a ring is made or given back; a file until it is
 * on disk. Many of these waits fit beside each other, so each has a thread, which ends when there
 * is nothing left to do. */
#pragma once

#include <pthread.h>

#include "base/error.h"
#include "base/types.h"
#include "base/vec.h"

struct loop;

struct aside_job {
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

struct aside {
    struct loop *loop;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t idle;  /* n_threads is 0 */
    VEC(struct aside_job) waiting, done;
    u32 n_threads;
    int done_fd; /* readable: something is done */
};

/* Zeros before. */
int aside_init(struct aside *a, struct loop *loop, struct error *e) MUST_CHECK;
/* Waits until all is done, and told. */
void aside_fini(struct aside *a);
/* Calls work(arg) in another thread, which is in this process's namespace and has its capabilities,
 * then done(arg) in the loop, or in aside_fini; done may be NULL. Context: control thread; work and
 * the control thread share only arg. */
void aside_run(struct aside *a, void (*work)(void *arg), void (*done)(void *arg), void *arg);
