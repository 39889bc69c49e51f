/* Messages of arp.api. */
#include "api/api_arp.h"

#include "base/byteorder.h"
#include "control/api.h"
#include "net/ip/neighbor/arp_internal.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"

static void arp_api_proxy_add_del(struct api_call *c)
{
    const struct api_proxy_arp_add_del *m = c->msg;
    const struct api_type_proxy_arp *x = &m->proxy;
    if (fib_is_none(fib_table_find(fib_of(c->piste), IP_FAMILY_4, x->table_id)))
        api_reply_retval(c, API_NO_SUCH_FIB);
    else
        api_reply_errno(c, arp_proxy_range(c->piste, x->table_id, get_be32(x->low), get_be32(x->hi),
                                           m->is_add, NULL));
}

static void arp_api_proxy_dump(struct api_call *c)
{
    const struct arp *a = arp_of(c->piste);
    for (u32 i = 0; a->ranges && i < a->ranges->n; i++) {
        const struct proxy_range *r = &a->ranges->v[i];
        struct api_proxy_arp_details d = {
            .proxy.table_id = fib_table_id(fib_of(c->piste), (struct fib_index){r->fib})};
        put_be32(d.proxy.low, r->first);
        put_be32(d.proxy.hi, r->last);
        api_reply(c, &api_message_proxy_arp_details, &d);
    }
}

static void arp_api_proxy_interface(struct api_call *c)
{
    const struct api_proxy_arp_intfc_enable_disable *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, arp_proxy_enable(c->piste, f->index, m->enable, NULL));
}

static void arp_api_proxy_interface_dump(struct api_call *c)
{
    struct interface *f;
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1) {
        struct api_proxy_arp_intfc_details d = {.sw_if_index = f->index.i};
        if (arp_proxy_is_enabled(c->piste, f->index))
            api_reply(c, &api_message_proxy_arp_intfc_details, &d);
    }
}

const struct api_handler arp_api_handlers[] = {
    {&api_message_proxy_arp_add_del, arp_api_proxy_add_del},
    {&api_message_proxy_arp_dump, arp_api_proxy_dump},
    {&api_message_proxy_arp_intfc_enable_disable, arp_api_proxy_interface},
    {&api_message_proxy_arp_intfc_dump, arp_api_proxy_interface_dump},
    {0},
};
