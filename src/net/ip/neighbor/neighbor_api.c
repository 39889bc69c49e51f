/* Messages of ip_neighbor.api. */
#include "net/ip/neighbor/neighbor_api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_ip_neighbor.h"
#include "base/byteorder.h"
#include "base/clock.h"
#include "base/mem.h"
#include "control/api.h"
#include "control/cli.h"
#include "control/module.h"
#include "net/ip/address/address_api.h"
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
    u8 addr[16]; /* all zero: any, of any protocol */
};
static_assert(sizeof(struct wish) <= API_EVENT_KEY_BYTES, "is a key");

static void to_api(const struct neighbor *n, struct api_type_ip_neighbor *out)
{
    memset(out, 0, sizeof(*out));
    out->sw_if_index = n->host.interface.i;
    out->flags = (n->flags & NEIGHBOR_STATIC ? IP_API_NEIGHBOR_FLAG_STATIC : 0) |
                 (n->flags & NEIGHBOR_NO_FIB_ENTRY ? IP_API_NEIGHBOR_FLAG_NO_FIB_ENTRY : 0);
    memcpy(out->mac_address, n->mac, 6);
    api_ip_address_to((enum ip_family)n->host.family, &n->host.addr, &out->ip_address);
}

/* What the user said for ever is not changed by what counts as learnt. */
static bool is_weaker(struct piste *p, const struct link_host *host, const u8 *mac, u8 flags)
{
    struct neighbor n;
    return (flags & NEIGHBOR_DYNAMIC) && neighbor_find(p, host, &n) &&
           (n.flags & NEIGHBOR_STATIC) && memcmp(n.mac, mac, 6) != 0;
}

static i32 neighbor_api_add(struct api_call *c, const struct link_host *host,
                            const struct api_type_ip_neighbor *n)
{
    u8 flags = n->flags & IP_API_NEIGHBOR_FLAG_STATIC ? NEIGHBOR_STATIC : NEIGHBOR_DYNAMIC;
    if (n->flags & IP_API_NEIGHBOR_FLAG_NO_FIB_ENTRY)
        flags |= NEIGHBOR_NO_FIB_ENTRY;
    if (is_weaker(c->piste, host, n->mac_address, flags))
        return API_INVALID_SW_IF_INDEX; /* as VPP says it */
    return api_retval(neighbor_add(c->piste, host, n->mac_address, flags, NULL));
}

static void neighbor_api_add_del(struct api_call *c)
{
    const struct api_ip_neighbor_add_del *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->neighbor.sw_if_index);
    struct api_ip_neighbor_add_del_reply reply = {.stats_index = UINT32_MAX};
    struct link_host host = {.interface = f ? f->index : IF_NONE};
    enum ip_family family = IP_FAMILY_4;
    reply.retval = api_ip_address(&m->neighbor.ip_address, &family, &host.addr);
    host.family = family;
    if (!f)
        reply.retval = API_INVALID_SW_IF_INDEX;
    else if (!reply.retval && m->is_add)
        reply.retval = neighbor_api_add(c, &host, &m->neighbor);
    else if (!reply.retval)
        reply.retval = api_retval(neighbor_del(c->piste, &host, NULL));
    if (!reply.retval && m->is_add)
        reply.stats_index = adj_neighbor_find(fib_of(c->piste), &host, family).i;
    api_reply(c, &api_message_ip_neighbor_add_del_reply, &reply);
}

/* --- dump --- */

static bool neighbor_api_dump_more(struct api_call *c, void *state)
{
    const struct api_ip_neighbor_dump *m = c->msg;
    u32 *next = state;
    while (api_room(c)) {
        struct neighbor n;
        *next = neighbor_next(c->piste, *next, &n);
        if (*next == UINT32_MAX)
            return false;
        ++*next;
        if (n.host.family != m->af ||
            (m->sw_if_index != UINT32_MAX && n.host.interface.i != m->sw_if_index))
            continue;
        struct api_ip_neighbor_details d = {.age = (double)(clock_ns() - n.updated_ns) * 1e-9};
        to_api(&n, &d.neighbor);
        api_reply(c, &api_message_ip_neighbor_details, &d);
    }
    return true;
}

static void neighbor_api_dump(struct api_call *c)
{
    const struct api_ip_neighbor_dump *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (m->af >= IP_FAMILY_N || (!f && m->sw_if_index != UINT32_MAX))
        return;
    api_continue(c, neighbor_api_dump_more, free, mem_alloc(sizeof(u32)));
}

/* --- settings --- */

static bool neighbor_api_is_spoken(struct piste *p, u8 af)
{
    return af < IP_FAMILY_N && neighbor_is_spoken(p, (enum ip_family)af);
}

static void neighbor_api_config(struct api_call *c)
{
    const struct api_ip_neighbor_config *m = c->msg;
    struct neighbor_config config = {m->max_number, m->max_age, m->recycle};
    bool known = neighbor_api_is_spoken(c->piste, m->af);
    if (known)
        neighbor_set_config(c->piste, (enum ip_family)m->af, config);
    api_reply_retval(c, known ? API_OK : API_INVALID_ADDRESS_FAMILY);
}

static void config_get(struct api_call *c)
{
    const struct api_ip_neighbor_config_get *m = c->msg;
    struct api_ip_neighbor_config_get_reply reply = {.af = m->af};
    if (neighbor_api_is_spoken(c->piste, m->af)) {
        struct neighbor_config now = neighbor_config(c->piste, (enum ip_family)m->af);
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
    if (!neighbor_api_is_spoken(c->piste, m->af)) {
        api_reply_retval(c, API_INVALID_ADDRESS_FAMILY);
    } else if (!f && m->sw_if_index != UINT32_MAX) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    } else {
        neighbor_flush(c->piste, (enum ip_family)m->af, f ? f->index : IF_NONE, true);
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

/* --- events --- */

static i32 neighbor_api_want(struct api_call *c, struct api_events *ev, bool enable, u32 pid,
                             u32 sw_if_index, const struct api_type_address *ip)
{
    struct wish wish;
    memset(&wish, 0, sizeof(wish)); /* with its padding: it is compared byte by byte */
    wish.sw_if_index = sw_if_index;
    wish.af = ip->af;
    if (ip->af < IP_FAMILY_N) {
        struct ip_address a = ip_address_from_bytes((enum ip_family)ip->af, ip->un);
        memcpy(wish.addr, a.bytes, sizeof(wish.addr));
    }
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
    i32 retval = neighbor_api_want(c, &s->v2, m->enable, m->pid, m->sw_if_index, &m->ip);
    /* as VPP: who wants them already is told so by version 1 only */
    api_reply_retval(c, m->enable && retval == API_INVALID_REGISTRATION ? API_OK : retval);
}

static bool neighbor_api_wanted(const struct api_registration *r, const void *arg)
{
    static const u8 any[16];
    const struct neighbor *n = arg;
    struct wish wish;
    memcpy(&wish, r->key, sizeof(wish));
    if (wish.sw_if_index != UINT32_MAX && wish.sw_if_index != n->host.interface.i)
        return false;
    if (!memcmp(wish.addr, any, sizeof(any)))
        return true;
    return wish.af == n->host.family && !memcmp(wish.addr, n->host.addr.bytes, sizeof(wish.addr));
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

static void show_watchers_of(struct cli_call *c, const struct api_events *ev)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    for (u32 k = 0; k < ev->list.n; k++) {
        const struct api_registration *r = &ev->list.v[k];
        struct wish wish;
        memcpy(&wish, r->key, sizeof(wish));
        const struct interface *f = api_interface(c->piste, wish.sw_if_index);
        enum ip_family family = wish.af < IP_FAMILY_N ? (enum ip_family)wish.af : IP_FAMILY_4;
        struct ip_address a = ip_address_from_bytes(family, wish.addr);
        out_object(c->out, NULL);
        out_str(c->out, "interface", f ? f->name : "any", "Key: [%s, ");
        out_str(c->out, "address", ip_address_text(family, &a, text), "%s]\n");
        out_u64(c->out, "pid", r->pid, "  pid:%" PRIu64);
        out_u64(c->out, "client", r->client_index, ", client:%" PRIu64 "\n");
        out_end(c->out);
    }
}

static int show_watchers(struct cli_call *c)
{
    const struct neighbor_api *s = module_state(c->piste, neighbor_api_module_name);
    out_array(c->out, "watchers");
    show_watchers_of(c, &s->v1);
    show_watchers_of(c, &s->v2);
    out_end(c->out);
    return 0;
}

const struct cli_command neighbor_api_commands[] = {
    {"show ip neighbor-watcher", "Clients that are told of neighbors, and of which", show_watchers,
     0},
    {0},
};

const struct api_handler neighbor_api_handlers[] = {
    {&api_message_ip_neighbor_add_del, neighbor_api_add_del},
    {&api_message_ip_neighbor_dump, neighbor_api_dump},
    {&api_message_ip_neighbor_config, neighbor_api_config},
    {&api_message_ip_neighbor_config_get, config_get},
    {&api_message_ip_neighbor_flush, neighbor_api_flush},
    {&api_message_ip_neighbor_replace_begin, replace_begin},
    {&api_message_ip_neighbor_replace_end, replace_end},
    {&api_message_want_ip_neighbor_events, want_v1},
    {&api_message_want_ip_neighbor_events_v2, want_v2},
    {0},
};
