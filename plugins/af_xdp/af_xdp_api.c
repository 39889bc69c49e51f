/* Messages of af_xdp.api. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api_af_xdp.h"
#include "base/clock.h"
#include "control/loop.h"
#include "net/link/interface/interface_api.h"
#include "plugins/af_xdp/af_xdp_internal.h"

static i32 af_xdp_api_args(const struct api_af_xdp_create_v3 *m, struct af_xdp_args *a)
{
    *a = (struct af_xdp_args){
        .n_rx_queues = m->rxq_num,
        .rx_size = m->rxq_size,
        .tx_size = m->txq_size,
        .mode = m->mode == AF_XDP_API_MODE_COPY        ? AF_XDP_COPY
                : m->mode == AF_XDP_API_MODE_ZERO_COPY ? AF_XDP_ZERO_COPY
                                                       : AF_XDP_AUTO,
        .no_syscall_lock = m->flags & AF_XDP_API_FLAGS_NO_SYSCALL_LOCK,
        .mac_reuse = m->flags & AF_XDP_API_FLAGS_MAC_REUSE,
    };
    if (strlen(m->host_if) >= sizeof(a->host_name) || strlen(m->name) >= sizeof(a->name) ||
        strlen(m->prog) >= sizeof(a->program) || strlen(m->netns) >= sizeof(a->netns))
        return API_INVALID_VALUE;
    memcpy(a->host_name, m->host_if, strlen(m->host_if));
    memcpy(a->name, m->name, strlen(m->name));
    memcpy(a->program, m->prog, strlen(m->prog));
    memcpy(a->netns, m->netns, strlen(m->netns));
    return 0;
}

static void af_xdp_api_created(struct api_call *c, i32 retval, struct if_index i)
{
    struct api_af_xdp_create_v3_reply reply = {.retval = retval, .sw_if_index = i.i};
    api_reply(c, &api_message_af_xdp_create_v3_reply, &reply);
}

/* Until a queue that is in use is tried again. */
struct af_xdp_api_wait {
    struct api_call *call;
    struct af_xdp_args args;
    struct loop_timer *timer;
    u32 tries;
};

static void af_xdp_api_wait_end(void *arg)
{
    struct af_xdp_api_wait *w = arg;
    loop_timer_del(w->call->piste->loop, w->timer);
    free(w);
}

static void af_xdp_api_again(void *arg)
{
    struct af_xdp_api_wait *w = arg;
    struct api_call *c = w->call;
    struct if_index i = IF_NONE;
    int rc = af_xdp_create(c->piste, &w->args, &i, NULL);
    if (rc == -EAGAIN && ++w->tries < AF_XDP_BUSY_TRIES) {
        loop_timer_set(c->piste->loop, w->timer, clock_ns() + AF_XDP_BUSY_WAIT_NS);
        return;
    }
    af_xdp_api_created(c, rc == -EAGAIN ? api_retval(-EBUSY) : api_retval(rc), i);
    af_xdp_api_wait_end(w);
    api_done(c);
}

static void af_xdp_api_create_v3(struct api_call *c)
{
    struct if_index i = IF_NONE;
    struct af_xdp_args a;
    i32 wrong = af_xdp_api_args(c->msg, &a);
    int rc = wrong ? 0 : af_xdp_create(c->piste, &a, &i, NULL);
    if (rc != -EAGAIN) {
        af_xdp_api_created(c,
                           wrong           ? wrong
                           : rc == -ENODEV ? API_INVALID_INTERFACE
                                           : api_retval(rc),
                           i);
        return;
    }
    struct af_xdp_api_wait *w = mem_alloc(sizeof(*w));
    w->args = a;
    w->call = api_pend(c, af_xdp_api_wait_end, w);
    w->timer =
        loop_timer_add(c->piste->loop, clock_ns() + AF_XDP_BUSY_WAIT_NS, 0, af_xdp_api_again, w);
}

static void af_xdp_api_delete(struct api_call *c)
{
    const struct api_af_xdp_delete *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    api_reply_errno(c, f ? af_xdp_delete(c->piste, f->index, NULL) : -ENODEV);
}

const struct api_handler af_xdp_api[] = {
    {&api_message_af_xdp_create_v3, af_xdp_api_create_v3},
    {&api_message_af_xdp_delete, af_xdp_api_delete},
    {0},
};
