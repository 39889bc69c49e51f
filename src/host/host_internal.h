/* What the files of src/host share. */
#pragma once

#include <linux/netlink.h>
#include <pthread.h>

#include "base/vec.h"
#include "host/host_net.h"

#define HOST_FEATURE_WORDS 4 /* of the kernel's bits: 128 */

struct host_job {
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

struct host_aside {
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t idle;  /* n_threads is 0 */
    VEC(struct host_job) waiting, done;
    u32 n_threads;
    int done_fd; /* readable: something is done */
};

struct host_nets {
    struct piste *piste;
    struct host_aside aside;
    VEC(struct host_net *) nets;
    /* for each of the kernel's feature bits, what it is here (enum host_features); asked for once
     */
    u32 features[32 * HOST_FEATURE_WORDS];
    u32 n_features;
};

struct host_nets *host_nets_of(const struct host_net *n);

/* Whether a whole message is at h. libmnl 1.0.4 takes lengths past 2 GB for negative ones. */
static inline bool host_message_ok(const struct nlmsghdr *h, int left)
{
    return left >= (int)sizeof(*h) && h->nlmsg_len >= sizeof(*h) && h->nlmsg_len <= (u32)left;
}

/* host_aside.c */
int host_aside_init(struct host_aside *a, struct piste *p, struct error *e) MUST_CHECK;
/* Waits until all is done. */
void host_aside_fini(struct host_aside *a, struct piste *p);

extern const char host_module_name[];
int host_init(struct piste *p, void **state, struct error *e);
void host_stop(struct piste *p, void *state);
