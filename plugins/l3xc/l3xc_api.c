/* Messages of l3xc.api. */
#include "api_l3xc.h"
#include "net/ip/route/ip_path_api.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "plugins/l3xc/l3xc.h"

static void l3xc_api_version(struct api_call *c)
{
    struct api_l3xc_plugin_get_version_reply reply = {.major = 1, .minor = 0};
    api_reply(c, &api_message_l3xc_plugin_get_version_reply, &reply);
}

static i32 l3xc_api_set(struct piste *p, const struct api_type_l3xc *m, u32 *stats_index)
{
    struct fib_path paths[FIB_PATHS_MAX];
    const struct interface *it = api_interface(p, m->sw_if_index);
    enum ip_family f = ip_family_of(m->is_ip6);
    u32 index;
    if (!it)
        return API_INVALID_SW_IF_INDEX;
    if (!m->n_paths)
        return API_INVALID_VALUE;
    i32 wrong = api_fib_paths(p, m->paths, m->n_paths, f, paths);
    if (wrong)
        return wrong;
    int rc = l3xc_set(p, it->index, f, paths, m->n_paths, &index, NULL);
    if (!rc)
        *stats_index = l3xc_next(p, index, &index)->lb.i;
    return api_retval(rc);
}

static void l3xc_api_update(struct api_call *c)
{
    const struct api_l3xc_update *m = c->msg;
    struct api_l3xc_update_reply reply = {.stats_index = UINT32_MAX};
    reply.retval = l3xc_api_set(c->piste, &m->l3xc, &reply.stats_index);
    api_reply(c, &api_message_l3xc_update_reply, &reply);
}

static void l3xc_api_del(struct api_call *c)
{
    const struct api_l3xc_del *m = c->msg;
    const struct interface *it = api_interface(c->piste, m->sw_if_index);
    enum ip_family f = ip_family_of(m->is_ip6);
    if (!it)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else if (l3xc_find(c->piste, it->index, f) == L3XC_NONE)
        api_reply_retval(c, API_INVALID_VALUE);
    else
        api_reply_errno(c, l3xc_del(c->piste, it->index, f, NULL));
}

static void l3xc_api_details(struct api_call *c, const struct l3xc *x)
{
    struct api_type_fib_path paths[FIB_PATHS_MAX];
    u32 n = api_fib_paths_to(fib_of(c->piste), x->lb, x->family, paths);
    struct api_l3xc_details d = {.l3xc = {.sw_if_index = x->interface.i,
                                          .is_ip6 = x->family == IP_FAMILY_6,
                                          .n_paths = (u8)n,
                                          .paths = paths}};
    api_reply(c, &api_message_l3xc_details, &d);
}

/* There are at most two an interface. */
static void l3xc_api_dump(struct api_call *c)
{
    const struct api_l3xc_dump *m = c->msg;
    const struct l3xc *x;
    for (u32 k, from = 0; (x = l3xc_next(c->piste, from, &k)); from = k + 1)
        if (m->sw_if_index == UINT32_MAX || m->sw_if_index == x->interface.i)
            l3xc_api_details(c, x);
}

const struct api_handler l3xc_api_handlers[] = {
    {&api_message_l3xc_plugin_get_version, l3xc_api_version},
    {&api_message_l3xc_update, l3xc_api_update},
    {&api_message_l3xc_del, l3xc_api_del},
    {&api_message_l3xc_dump, l3xc_api_dump},
    {0},
};
