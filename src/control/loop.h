/* The control thread's event loop: file descriptors, timers, deferred calls. Single-threaded; only
 * loop_wake may be called from other threads. */
#pragma once

#include "base/error.h"
#include "base/types.h"

struct loop;
struct loop_timer;

struct loop *loop_new(struct error *e);
void loop_free(struct loop *l);
/* Runs until loop_stop; returns the exit status given there. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l, int status);
/* One round, waiting at most timeout_ms (-1: for ever): for tests and for start-up. */
void loop_once(struct loop *l, int timeout_ms);

/* events: EPOLLIN, EPOLLOUT, ... level-triggered; fn gets what is ready. fd stays the caller's; del
 * before close. A regular file is always ready for reading. */
int loop_fd_add(struct loop *l, int fd, u32 events, void (*fn)(void *arg, u32 events), void *arg,
                struct error *e) MUST_CHECK;
void loop_fd_mod(struct loop *l, int fd, u32 events);
void loop_fd_del(struct loop *l, int fd);

/* Calls fn(arg) once at clock_ns() >= at_ns; or every period_ns when that is not 0. Freed by
 * loop_timer_del, also one that has fired (a one-shot timer may be deleted in its own fn). */
struct loop_timer *loop_timer_add(struct loop *l, u64 at_ns, u64 period_ns, void (*fn)(void *arg),
                                  void *arg);
/* Sets a new time for a timer, fired or not. */
void loop_timer_set(struct loop *l, struct loop_timer *t, u64 at_ns);
void loop_timer_del(struct loop *l, struct loop_timer *t);

/* Runs fn(arg) once at the end of this round. */
void loop_defer(struct loop *l, void (*fn)(void *arg), void *arg);
/* Work that a change leaves and that may be long: piece(arg) does some hundred microseconds of it
 * and says whether there is more; it is called in this round and those that follow, so that others
 * have their turn between. Who leaves the same again before it is done does not leave it twice.
 * Whoever caused it (a command, a client's request) is answered when there is none left. */
void loop_work_add(struct loop *l, bool (*piece)(void *arg), void *arg);
/* What is not done is not done any more. */
void loop_work_del(struct loop *l, bool (*piece)(void *arg), void *arg);
bool loop_has_work(const struct loop *l);
/* How often work was left: who runs something sees by this whether it did. */
u64 loop_work_count(const struct loop *l);
/* Calls fn(arg) once when no work is left, in a later call of the loop. */
void loop_on_idle(struct loop *l, void (*fn)(void *arg), void *arg);
void loop_on_idle_del(struct loop *l, void (*fn)(void *arg), void *arg);
/* Registers fn to run at the end of every round (engine: RCU reclaim). */
void loop_each_round(struct loop *l, void (*fn)(void *arg), void *arg);
/* Any thread, async-signal-safe: makes the loop go round. */
void loop_wake(struct loop *l);

/* How long others wait for the loop: what is ready waits for the round to end, and a timer is as
 * late as the loop comes to it. Since loop_stats_clear. */
#define LOOP_OVER 4
struct loop_stats {
    u64 since_ns;
    u64 rounds, busy_ns;       /* from when epoll returned to when it is asked again */
    u64 worst_ns, worst_at_ns; /* the longest, and when it ended; 0: there was none */
    /* CPU time of the longest round, the most of any: a round that others kept from the CPU, or
     * that waited in the kernel, is told from one that worked. That of asking epoll is in it. */
    u64 worst_cpu_ns, most_cpu_ns;
    u64 over[LOOP_OVER]; /* rounds longer than loop_over_ms[] */
    u64 timers, late_ns; /* that ran, and how late they were */
    u64 worst_late_ns;
    u64 work_rounds; /* that went on with work which changes left */
};
extern const u32 loop_over_ms[LOOP_OVER];
struct loop_stats loop_stats_get(const struct loop *l);
void loop_stats_clear(struct loop *l);

struct loop_signal {
    int number;
    int pid; /* of the sender; 0: the kernel */
    u32 uid;
};

/* Calls fn in the loop when the process gets signal `number`; a later call for it replaces fn. The
 * signal is blocked from here on: call before threads are made, which inherit that. */
int loop_signal_add(struct loop *l, int number, void (*fn)(void *arg, const struct loop_signal *s),
                    void *arg, struct error *e) MUST_CHECK;
