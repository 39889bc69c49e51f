/* Messages of ip_neighbor.api and arp.api. */
#include "net/ip/neighbor/neighbor_api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_arp.h"
#include "api/api_ip_neighbor.h"
#include "base/byteorder.h"
#include "base/clock.h"
#include "base/mem.h"
#include "control/api.h"
#include "control/module.h"
#include "net/ip/fib/fib.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "net/ip/neighbor/neighbor_internal.h"

struct neighbor_api {
    struct api_events v1, v2;
};

/* Which neighbours' events a client wants. */
struct wish {
    u32 sw_if_index; /* ~0: any */
    u8 af;
    u8 addr[16]; /* all zero: any */
};
static_assert(sizeof(struct wish) <= API_EVENT_KEY_BYTES, "is a key");

static void to_api(const struct neighbor *n, struct api_type_ip_neighbor *out)
{
    memset(out, 0, sizeof(*out));
    out->sw_if_index = n->interface.i;
    out->flags = (n->flags & NEIGHBOR_STATIC ? IP_API_NEIGHBOR_FLAG_STATIC : 0) |
                 (n->flags & NEIGHBOR_NO_FIB_ENTRY ? IP_API_NEIGHBOR_FLAG_NO_FIB_ENTRY : 0);
    memcpy(out->mac_address, n->mac, 6);
    memcpy(out->ip_address.un, &n->addr, 4);
}

static void neighbor_api_add_del(struct api_call *c)
{
    const struct api_ip_neighbor_add_del *m = c->msg;
    const struct api_type_ip_neighbor *n = &m->neighbor;
    struct interface *f = api_interface(c->piste, n->sw_if_index);
    struct api_ip_neighbor_add_del_reply reply = {.stats_index = UINT32_MAX};
    u8 flags = n->flags & IP_API_NEIGHBOR_FLAG_STATIC ? NEIGHBOR_STATIC : NEIGHBOR_DYNAMIC;
    be32 addr;
    memcpy(&addr, n->ip_address.un, 4);
    if (n->flags & IP_API_NEIGHBOR_FLAG_NO_FIB_ENTRY)
        flags |= NEIGHBOR_NO_FIB_ENTRY;
    if (!f)
        reply.retval = API_INVALID_SW_IF_INDEX;
    else if (n->ip_address.af != ADDRESS_IP4)
        reply.retval = API_INVALID_ADDRESS_FAMILY;
    else if (m->is_add)
        reply.retval =
            api_retval(neighbor_add(c->piste, f->index, addr, n->mac_address, flags, NULL));
    else
        reply.retval = api_retval(neighbor_del(c->piste, f->index, addr, NULL));
    if (!reply.retval && m->is_add)
        reply.stats_index = adj_neighbor_find(fib_of(c->piste), addr, f->index).i;
    api_reply(c, &api_message_ip_neighbor_add_del_reply, &reply);
}

/* --- dump: those that there are now are noted, and sent as there is room --- */

struct noted {
    u32 interface;
    be32 addr;
};

struct neighbor_dump {
    VEC(struct noted) all;
    u32 next;
};

static bool neighbor_api_note(const struct neighbor *n, void *arg)
{
    struct neighbor_dump *d = arg;
    struct noted x = {n->interface.i, n->addr};
    vec_add(&d->all, x);
    return true;
}

static bool neighbor_api_dump_more(struct api_call *c, void *state)
{
    struct neighbor_dump *d = state;
    while (d->next < d->all.n && api_room(c)) {
        struct noted x = d->all.v[d->next++];
        struct neighbor n;
        if (!neighbor_find(c->piste, (struct if_index){x.interface}, x.addr, &n))
            continue;
        struct api_ip_neighbor_details m = {.age = (double)(clock_ns() - n.updated_ns) * 1e-9};
        to_api(&n, &m.neighbor);
        api_reply(c, &api_message_ip_neighbor_details, &m);
    }
    return d->next < d->all.n;
}

static void dump_end(void *state)
{
    struct neighbor_dump *d = state;
    vec_free(&d->all);
    free(d);
}

static void neighbor_api_dump(struct api_call *c)
{
    const struct api_ip_neighbor_dump *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (m->af != ADDRESS_IP4 || (!f && m->sw_if_index != UINT32_MAX))
        return;
    struct neighbor_dump *d = mem_alloc(sizeof(*d));
    neighbor_each(c->piste, f ? f->index : IF_NONE, neighbor_api_note, d);
    api_continue(c, neighbor_api_dump_more, dump_end, d);
}

/* --- settings --- */

static void neighbor_api_config(struct api_call *c)
{
    const struct api_ip_neighbor_config *m = c->msg;
    if (m->af == ADDRESS_IP4)
        neighbor_set_config(c->piste, (struct neighbor_config){.limit = m->max_number,
                                                               .age_s = m->max_age,
                                                               .recycle = m->recycle});
    api_reply_retval(c, m->af == ADDRESS_IP4 ? API_OK : API_INVALID_ADDRESS_FAMILY);
}

static void config_get(struct api_call *c)
{
    const struct api_ip_neighbor_config_get *m = c->msg;
    struct neighbor_config now = neighbor_config(c->piste);
    struct api_ip_neighbor_config_get_reply reply = {.af = m->af};
    if (m->af == ADDRESS_IP4) {
        reply.max_number = now.limit;
        reply.max_age = now.age_s;
        reply.recycle = now.recycle;
    } else {
        reply.retval = API_INVALID_ADDRESS_FAMILY;
    }
    api_reply(c, &api_message_ip_neighbor_config_get_reply, &reply);
}

static void neighbor_api_flush(struct api_call *c)
{
    const struct api_ip_neighbor_flush *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (m->af != ADDRESS_IP4) {
        api_reply_retval(c, API_INVALID_ADDRESS_FAMILY);
    } else if (!f && m->sw_if_index != UINT32_MAX) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    } else {
        neighbor_flush(c->piste, f ? f->index : IF_NONE, true);
        api_reply_retval(c, 0);
    }
}

static void replace_begin(struct api_call *c)
{
    neighbor_replace_begin(c->piste);
    api_reply_retval(c, 0);
}

static void replace_end(struct api_call *c)
{
    neighbor_replace_end(c->piste);
    api_reply_retval(c, 0);
}

/* --- proxy ARP --- */

static void proxy_add_del(struct api_call *c)
{
    const struct api_proxy_arp_add_del *m = c->msg;
    const struct api_type_proxy_arp *x = &m->proxy;
    if (fib_is_none(fib_table_find(fib_of(c->piste), x->table_id)))
        api_reply_retval(c, API_NO_SUCH_FIB);
    else
        api_reply_errno(c, neighbor_proxy_range(c->piste, x->table_id, get_be32(x->low),
                                                get_be32(x->hi), m->is_add, NULL));
}

static void proxy_dump(struct api_call *c)
{
    const struct neighbors *ns = neighbors_of(c->piste);
    for (u32 i = 0; ns->ranges && i < ns->ranges->n; i++) {
        const struct proxy_range *r = &ns->ranges->v[i];
        struct api_proxy_arp_details d = {.proxy.table_id =
                                              fib_table_id(ns->fib, (struct fib_index){r->fib})};
        put_be32(d.proxy.low, r->first);
        put_be32(d.proxy.hi, r->last);
        api_reply(c, &api_message_proxy_arp_details, &d);
    }
}

static void proxy_interface(struct api_call *c)
{
    const struct api_proxy_arp_intfc_enable_disable *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, neighbor_proxy_enable(c->piste, f->index, m->enable, NULL));
}

static void proxy_interface_dump(struct api_call *c)
{
    struct interface *f;
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1) {
        struct api_proxy_arp_intfc_details d = {.sw_if_index = f->index.i};
        if (neighbor_proxy_is_enabled(c->piste, f->index))
            api_reply(c, &api_message_proxy_arp_intfc_details, &d);
    }
}

/* --- events --- */

static i32 neighbor_api_want(struct api_call *c, struct api_events *ev, bool enable, u32 pid,
                             u32 sw_if_index, const struct api_type_address *ip)
{
    struct wish wish;
    memset(&wish, 0, sizeof(wish)); /* with its padding: it is compared byte by byte */
    wish.sw_if_index = sw_if_index;
    wish.af = ip->af;
    memcpy(wish.addr, ip->un, sizeof(wish.addr));
    if (sw_if_index != UINT32_MAX && !api_interface(c->piste, sw_if_index))
        return API_INVALID_SW_IF_INDEX;
    return api_events_want(c, ev, enable, pid, &wish, sizeof(wish));
}

const char neighbor_api_module_name[] = "neighbor_api";

static void want_v1(struct api_call *c)
{
    const struct api_want_ip_neighbor_events *m = c->msg;
    struct neighbor_api *s = module_state(c->piste, neighbor_api_module_name);
    api_reply_retval(c, neighbor_api_want(c, &s->v1, m->enable, m->pid, m->sw_if_index, &m->ip));
}

static void want_v2(struct api_call *c)
{
    const struct api_want_ip_neighbor_events_v2 *m = c->msg;
    struct neighbor_api *s = module_state(c->piste, neighbor_api_module_name);
    api_reply_retval(c, neighbor_api_want(c, &s->v2, m->enable, m->pid, m->sw_if_index, &m->ip));
}

static bool neighbor_api_wanted(const struct api_registration *r, const void *arg)
{
    static const u8 any[16];
    const struct neighbor *n = arg;
    struct wish wish;
    memcpy(&wish, r->key, sizeof(wish));
    if (wish.sw_if_index != UINT32_MAX && wish.sw_if_index != n->interface.i)
        return false;
    if (!memcmp(wish.addr, any, sizeof(any)))
        return true;
    return wish.af == ADDRESS_IP4 && !memcmp(wish.addr, &n->addr, 4);
}

static void neighbor_api_on_event(struct piste *p, const struct neighbor *n, enum neighbor_event ev,
                                  void *arg)
{
    struct neighbor_api *s = module_state(p, neighbor_api_module_name); /* NULL: stopped */
    bool removed = ev == NEIGHBOR_REMOVED;
    struct api_ip_neighbor_event m = {0};
    struct api_ip_neighbor_event_v2 m2 = {.flags = removed ? IP_NEIGHBOR_API_EVENT_FLAG_REMOVED
                                                           : IP_NEIGHBOR_API_EVENT_FLAG_ADDED};
    if (!s)
        return;
    to_api(n, &m.neighbor);
    to_api(n, &m2.neighbor);
    if (!removed)
        api_events_send(p, &s->v1, &api_message_ip_neighbor_event, &m, neighbor_api_wanted, n);
    api_events_send(p, &s->v2, &api_message_ip_neighbor_event_v2, &m2, neighbor_api_wanted, n);
}

int neighbor_api_init(struct piste *p, void **state, struct error *e)
{
    *state = mem_alloc(sizeof(struct neighbor_api));
    neighbor_on_event(p, neighbor_api_on_event, NULL);
    return 0;
}

void neighbor_api_stop(struct piste *p, void *state)
{
    struct neighbor_api *s = state;
    api_events_free(&s->v1);
    api_events_free(&s->v2);
    free(s);
}

const struct api_handler neighbor_api_handlers[] = {
    {&api_message_ip_neighbor_add_del, neighbor_api_add_del},
    {&api_message_ip_neighbor_dump, neighbor_api_dump},
    {&api_message_ip_neighbor_config, neighbor_api_config},
    {&api_message_ip_neighbor_config_get, config_get},
    {&api_message_ip_neighbor_flush, neighbor_api_flush},
    {&api_message_ip_neighbor_replace_begin, replace_begin},
    {&api_message_ip_neighbor_replace_end, replace_end},
    {&api_message_proxy_arp_add_del, proxy_add_del},
    {&api_message_proxy_arp_dump, proxy_dump},
    {&api_message_proxy_arp_intfc_enable_disable, proxy_interface},
    {&api_message_proxy_arp_intfc_dump, proxy_interface_dump},
    {&api_message_want_ip_neighbor_events, want_v1},
    {&api_message_want_ip_neighbor_events_v2, want_v2},
    {0},
};
