/* Messages of ip.api about punt redirects. */
#include <string.h>

#include "api/api_ip.h"
#include "net/ip/punt/punt_redirect.h"
#include "net/ip/route/ip_path_api.h"
#include "net/link/interface/interface_api.h"

/* sw_if_index: what packets came in by; UINT32_MAX: all. */
static i32 punt_redirect_api_change(struct piste *p, bool is_add, u32 sw_if_index, u8 af,
                                    const struct api_type_fib_path *m, u32 n)
{
    struct fib_path paths[FIB_PATHS_MAX];
    struct if_index rx = {sw_if_index};
    if (!if_is_none(rx) && !api_interface(p, sw_if_index))
        return API_INVALID_SW_IF_INDEX;
    if (af >= IP_FAMILY_N)
        return API_INVALID_ADDRESS_FAMILY;
    enum ip_family f = (enum ip_family)af;
    if (!is_add)
        return api_retval(punt_redirect_del(p, f, rx, NULL));
    i32 wrong = n ? api_fib_paths(p, m, n, f, paths) : API_INVALID_VALUE;
    return wrong ? wrong : api_retval(punt_redirect_set(p, f, rx, paths, n, NULL));
}

/* With one path, and no word about it but its next hop and interface. */
static void ip_punt_redirect(struct api_call *c)
{
    const struct api_ip_punt_redirect *m = c->msg;
    struct api_type_fib_path path = {
        .sw_if_index = m->punt.tx_sw_if_index,
        .weight = 1,
        .proto =
            m->punt.nh.af == ADDRESS_IP6 ? FIB_API_PATH_NH_PROTO_IP6 : FIB_API_PATH_NH_PROTO_IP4,
    };
    memcpy(path.nh.address, m->punt.nh.un, sizeof(m->punt.nh.un));
    api_reply_retval(c, punt_redirect_api_change(c->piste, m->is_add, m->punt.rx_sw_if_index,
                                                 m->punt.nh.af, &path, 1));
}

static void add_del_ip_punt_redirect_v2(struct api_call *c)
{
    const struct api_add_del_ip_punt_redirect_v2 *m = c->msg;
    api_reply_retval(c, punt_redirect_api_change(c->piste, m->is_add, m->punt.rx_sw_if_index,
                                                 m->punt.af, m->punt.paths, m->punt.n_paths));
}

/* --- dumps: there are at most as many as interfaces, and one more --- */

struct punt_redirect_dump {
    struct api_call *c;
    enum ip_family family;
    u32 asked; /* UINT32_MAX: all */
};

/* Of several paths, the first one. */
static void punt_redirect_details(void *arg, struct if_index rx, struct lb_index lb)
{
    const struct punt_redirect_dump *d = arg;
    struct api_type_fib_path paths[FIB_PATHS_MAX];
    if (d->asked != UINT32_MAX && d->asked != rx.i)
        return;
    if (!api_fib_paths_to(fib_of(d->c->piste), lb, d->family, paths))
        paths[0] = (struct api_type_fib_path){.sw_if_index = UINT32_MAX}; /* its interface went */
    struct api_ip_punt_redirect_details details = {.punt = {.rx_sw_if_index = rx.i,
                                                            .tx_sw_if_index = paths[0].sw_if_index,
                                                            .nh = {.af = (u8)d->family}}};
    memcpy(details.punt.nh.un, paths[0].nh.address, sizeof(details.punt.nh.un));
    api_reply(d->c, &api_message_ip_punt_redirect_details, &details);
}

static void punt_redirect_v2_details(void *arg, struct if_index rx, struct lb_index lb)
{
    const struct punt_redirect_dump *d = arg;
    struct api_type_fib_path paths[FIB_PATHS_MAX];
    if (d->asked != UINT32_MAX && d->asked != rx.i)
        return;
    u32 n = api_fib_paths_to(fib_of(d->c->piste), lb, d->family, paths);
    struct api_ip_punt_redirect_v2_details details = {
        .punt = {.rx_sw_if_index = rx.i, .af = (u8)d->family, .n_paths = n, .paths = paths}};
    api_reply(d->c, &api_message_ip_punt_redirect_v2_details, &details);
}

static void ip_punt_redirect_dump(struct api_call *c)
{
    const struct api_ip_punt_redirect_dump *m = c->msg;
    struct punt_redirect_dump d = {c, ip_family_of(m->is_ipv6), m->sw_if_index};
    punt_redirect_each(c->piste, d.family, punt_redirect_details, &d);
}

static void ip_punt_redirect_v2_dump(struct api_call *c)
{
    const struct api_ip_punt_redirect_v2_dump *m = c->msg;
    struct punt_redirect_dump d = {c, (enum ip_family)m->af, m->sw_if_index};
    if (m->af < IP_FAMILY_N)
        punt_redirect_each(c->piste, d.family, punt_redirect_v2_details, &d);
}

const struct api_handler punt_redirect_api[] = {
    {&api_message_ip_punt_redirect, ip_punt_redirect},
    {&api_message_ip_punt_redirect_dump, ip_punt_redirect_dump},
    {&api_message_add_del_ip_punt_redirect_v2, add_del_ip_punt_redirect_v2},
    {&api_message_ip_punt_redirect_v2_dump, ip_punt_redirect_v2_dump},
    {0},
};
