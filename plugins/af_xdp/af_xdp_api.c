/* Messages of af_xdp.api. */
#include <errno.h>
#include <string.h>

#include "api_af_xdp.h"
#include "net/link/interface/interface_api.h"
#include "plugins/af_xdp/af_xdp_internal.h"

static i32 af_xdp_api_create(struct piste *p, const struct api_af_xdp_create_v3 *m,
                             struct if_index *i)
{
    struct af_xdp_args a = {
        .n_rx_queues = m->rxq_num,
        .rx_size = m->rxq_size,
        .tx_size = m->txq_size,
        .mode = m->mode == AF_XDP_API_MODE_COPY        ? AF_XDP_COPY
                : m->mode == AF_XDP_API_MODE_ZERO_COPY ? AF_XDP_ZERO_COPY
                                                       : AF_XDP_AUTO,
        .no_syscall_lock = m->flags & AF_XDP_API_FLAGS_NO_SYSCALL_LOCK,
        .mac_reuse = m->flags & AF_XDP_API_FLAGS_MAC_REUSE,
    };
    if (strlen(m->host_if) >= sizeof(a.host_name) || strlen(m->name) >= sizeof(a.name) ||
        strlen(m->prog) >= sizeof(a.program) || strlen(m->netns) >= sizeof(a.netns))
        return API_INVALID_VALUE;
    memcpy(a.host_name, m->host_if, strlen(m->host_if));
    memcpy(a.name, m->name, strlen(m->name));
    memcpy(a.program, m->prog, strlen(m->prog));
    memcpy(a.netns, m->netns, strlen(m->netns));
    int rc = af_xdp_create(p, &a, i, NULL);
    return rc == -ENODEV ? API_INVALID_INTERFACE : api_retval(rc);
}

static void af_xdp_api_create_v3(struct api_call *c)
{
    struct api_af_xdp_create_v3_reply reply = {0};
    struct if_index i = IF_NONE;
    reply.retval = af_xdp_api_create(c->piste, c->msg, &i);
    reply.sw_if_index = i.i;
    api_reply(c, &api_message_af_xdp_create_v3_reply, &reply);
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
