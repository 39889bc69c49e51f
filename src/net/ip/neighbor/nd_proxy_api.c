/* Messages of ip6_nd.api about proxies. */
#include <string.h>

#include "api/api_ip6_nd.h"
#include "control/api.h"
#include "net/ip/neighbor/nd_proxy_internal.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"

static void nd_proxy_api_enable(struct api_call *c)
{
    const struct api_ip6nd_proxy_enable_disable *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, nd_proxy_set_all(c->piste, f->index, m->is_enable, NULL));
}

static void nd_proxy_api_add_del(struct api_call *c)
{
    const struct api_ip6nd_proxy_add_del *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
        return;
    }
    struct link_host host = {ip6_address_of(m->ip), f->index, IP_FAMILY_6};
    api_reply_errno(c, m->is_add ? nd_proxy_add(c->piste, &host, NULL)
                                 : nd_proxy_del(c->piste, &host, NULL));
}

static void nd_proxy_api_dump(struct api_call *c)
{
    struct link_host host;
    for (u32 i = 0; (i = nd_proxy_next(c->piste, i, &host)) != UINT32_MAX; i++) {
        struct api_ip6nd_proxy_details d = {.sw_if_index = host.interface.i};
        memcpy(d.ip, host.addr.bytes, sizeof(d.ip));
        api_reply(c, &api_message_ip6nd_proxy_details, &d);
    }
}

const struct api_handler nd_proxy_api_handlers[] = {
    {&api_message_ip6nd_proxy_enable_disable, nd_proxy_api_enable},
    {&api_message_ip6nd_proxy_add_del, nd_proxy_api_add_del},
    {&api_message_ip6nd_proxy_dump, nd_proxy_api_dump},
    {0},
};
