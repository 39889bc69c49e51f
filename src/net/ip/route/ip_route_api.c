/* Messages of ip.api about routes and tables, and those of fib.api. */
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "api/api_fib.h"
#include "api/api_ip.h"
#include "base/byteorder.h"
#include "base/mem.h"
#include "control/api.h"
#include "net/ip/address/address.h"
#include "net/ip/address/address_api.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/route/ip_path_api.h"
#include "net/ip/route/ip_route_api.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"

/* 0: the API's own. Clients may speak for those sources that users have, and for no others. */
static i32 source_from_api(u8 number, enum fib_source *out)
{
    *out = FIB_SOURCE_API;
    for (enum fib_source s = 0; number && s < FIB_SOURCE_N; s++)
        if (fib_source_is_users(s) && fib_source_def(s)->number == number) {
            *out = s;
            return 0;
        }
    return number ? API_INVALID_VALUE : 0;
}

/* --- adding and deleting --- */

struct change {
    u32 table_id;
    const struct api_type_prefix *prefix;
    const struct api_type_fib_path *paths;
    u32 n_paths;
    bool is_add, is_multipath;
    u8 src;
};

static int change_route(struct fib *f, struct fib_index t, struct ip_prefix prefix,
                        enum fib_source source, const struct change *m,
                        const struct fib_path *paths)
{
    int rc;
    if (m->is_add)
        return (m->is_multipath ? fib_route_path_add : fib_route_update)(f, t, prefix, source,
                                                                         paths, m->n_paths, NULL);
    if (m->is_multipath && m->n_paths)
        rc = fib_route_path_remove(f, t, prefix, source, paths, m->n_paths, NULL);
    else
        rc = fib_route_delete(f, t, prefix, source, NULL);
    return rc == -ENOENT ? 0 : rc; /* it is gone as it should be */
}

static i32 change_by_message(struct piste *p, const struct change *m, u32 *stats_index)
{
    struct fib *f = fib_of(p);
    struct fib_path paths[FIB_PATHS_MAX];
    struct fib_index t = FIB_NONE;
    struct ip_prefix prefix;
    struct fib_route route;
    enum fib_source source;
    *stats_index = UINT32_MAX;
    i32 wrong = api_ip_prefix(m->prefix, &prefix);
    if (!wrong)
        wrong = api_fib_table(f, (enum ip_family)prefix.family, m->table_id, &t);
    if (!wrong)
        wrong = source_from_api(m->src, &source);
    if (!wrong && m->is_add && !m->n_paths)
        wrong = API_NO_PATHS_IN_ROUTE;
    if (!wrong)
        wrong = api_fib_paths(p, m->paths, m->n_paths, (enum ip_family)prefix.family, paths);
    if (wrong)
        return wrong;
    int rc = change_route(f, t, prefix, source, m, paths);
    if (!rc && m->is_add && fib_lookup_exact(f, t, prefix, &route))
        *stats_index = route.lb.i;
    return api_retval(rc);
}

static void route_add_del(struct api_call *c)
{
    const struct api_ip_route_add_del *m = c->msg;
    const struct change change = {m->route.table_id,
                                  &m->route.prefix,
                                  m->route.paths,
                                  m->route.n_paths,
                                  m->is_add,
                                  m->is_multipath,
                                  0};
    struct api_ip_route_add_del_reply reply = {0};
    reply.retval = change_by_message(c->piste, &change, &reply.stats_index);
    api_reply(c, &api_message_ip_route_add_del_reply, &reply);
}

static void route_add_del_v2(struct api_call *c)
{
    const struct api_ip_route_add_del_v2 *m = c->msg;
    const struct change change = {m->route.table_id, &m->route.prefix, m->route.paths,
                                  m->route.n_paths,  m->is_add,        m->is_multipath,
                                  m->route.src};
    struct api_ip_route_add_del_v2_reply reply = {0};
    reply.retval = change_by_message(c->piste, &change, &reply.stats_index);
    api_reply(c, &api_message_ip_route_add_del_v2_reply, &reply);
}

/* --- looking --- */

/* Paths of the best source; returns how many. */
static u32 paths_to_api(const struct fib *f, const struct fib_route *r,
                        struct api_type_fib_path out[FIB_PATHS_MAX])
{
    struct fib_path paths[FIB_PATHS_MAX];
    u32 n = fib_route_paths(f, r->lb, r->source, paths, FIB_PATHS_MAX);
    n = n > FIB_PATHS_MAX ? FIB_PATHS_MAX : n;
    for (u32 i = 0; i < n; i++)
        api_fib_path_to(f, &paths[i], r->table, &out[i]);
    return n;
}

static void fill_route(const struct fib *f, const struct fib_route *r,
                       struct api_type_ip_route *out, struct api_type_fib_path paths[FIB_PATHS_MAX])
{
    *out = (struct api_type_ip_route){.table_id = fib_table_id(f, r->table),
                                      .stats_index = r->lb.i,
                                      .n_paths = (u8)paths_to_api(f, r, paths),
                                      .paths = paths};
    api_ip_prefix_to(&r->prefix, &out->prefix);
}

static void fill_route_v2(const struct fib *f, const struct fib_route *r,
                          struct api_type_ip_route_v2 *out,
                          struct api_type_fib_path paths[FIB_PATHS_MAX])
{
    *out = (struct api_type_ip_route_v2){.table_id = fib_table_id(f, r->table),
                                         .stats_index = r->lb.i,
                                         .n_paths = (u8)paths_to_api(f, r, paths),
                                         .src = fib_source_def(r->source)->number,
                                         .paths = paths};
    api_ip_prefix_to(&r->prefix, &out->prefix);
}

static i32 ip_route_api_lookup(struct api_call *c, u32 table_id, bool exact,
                               const struct api_type_prefix *m, struct fib_route *r)
{
    const struct fib *f = fib_of(c->piste);
    struct fib_index t;
    struct ip_prefix prefix;
    i32 wrong = api_ip_prefix(m, &prefix);
    if (!wrong)
        wrong = api_fib_table(f, (enum ip_family)prefix.family, table_id, &t);
    if (wrong)
        return wrong;
    bool found = exact ? fib_lookup_exact(f, t, prefix, r) : fib_lookup(f, t, &prefix.addr, r);
    return found ? 0 : API_NO_SUCH_ENTRY;
}

static void route_lookup(struct api_call *c)
{
    const struct api_ip_route_lookup *m = c->msg;
    struct api_type_fib_path paths[FIB_PATHS_MAX];
    struct api_ip_route_lookup_reply reply = {0};
    struct fib_route r;
    reply.retval = ip_route_api_lookup(c, m->table_id, m->exact, &m->prefix, &r);
    if (!reply.retval)
        fill_route(fib_of(c->piste), &r, &reply.route, paths);
    api_reply(c, &api_message_ip_route_lookup_reply, &reply);
}

static void route_lookup_v2(struct api_call *c)
{
    const struct api_ip_route_lookup_v2 *m = c->msg;
    struct api_type_fib_path paths[FIB_PATHS_MAX];
    struct api_ip_route_lookup_v2_reply reply = {0};
    struct fib_route r;
    reply.retval = ip_route_api_lookup(c, m->table_id, m->exact, &m->prefix, &r);
    if (!reply.retval)
        fill_route_v2(fib_of(c->piste), &r, &reply.route, paths);
    api_reply(c, &api_message_ip_route_lookup_v2_reply, &reply);
}

static void source_add(struct api_call *c)
{
    const struct api_fib_source_add *m = c->msg;
    enum fib_source source = FIB_SOURCE_N;
    struct api_fib_source_add_reply reply = {
        .retval = api_retval(fib_source_add(m->src.name, m->src.priority, &source, NULL))};
    if (!reply.retval)
        reply.id = fib_source_def(source)->number;
    api_reply(c, &api_message_fib_source_add_reply, &reply);
}

static void source_dump(struct api_call *c)
{
    const struct fib_source_def *def;
    for (u32 k = 0; (def = fib_source_def((enum fib_source)k)); k++) {
        struct api_fib_source_details d = {.src = {.priority = def->priority, .id = def->number}};
        snprintf(d.src.name, sizeof(d.src.name), "%s", def->name);
        api_reply(c, &api_message_fib_source_details, &d);
    }
}

/* --- dumps: in pieces, a million routes must not hold up anything --- */

struct route_dump {
    enum ip_family family;
    u32 table_id, next;
    u8 src; /* 0: all */
    bool v2;
};

static void route_details(struct api_call *c, const struct route_dump *d, const struct fib_route *r)
{
    const struct fib *f = fib_of(c->piste);
    struct api_type_fib_path paths[FIB_PATHS_MAX];
    if (!fib_route_is_installed(f, r->lb))
        return;
    if (d->v2 && (!d->src || d->src == fib_source_def(r->source)->number)) {
        struct api_ip_route_v2_details m;
        fill_route_v2(f, r, &m.route, paths);
        api_reply(c, &api_message_ip_route_v2_details, &m);
    } else if (!d->v2) {
        struct api_ip_route_details m;
        fill_route(f, r, &m.route, paths);
        api_reply(c, &api_message_ip_route_details, &m);
    }
}

static bool route_dump_more(struct api_call *c, void *state)
{
    struct route_dump *d = state;
    while (api_room(c)) {
        const struct fib *f = fib_of(c->piste);
        struct fib_index t = fib_table_find(f, d->family, d->table_id);
        struct fib_route r;
        if (fib_is_none(t))
            return false;
        if (fib_table_scan(f, t, &d->next, 1024, &r))
            route_details(c, d, &r);
        else if (d->next == UINT32_MAX)
            return false;
    }
    return true;
}

static void begin_dump(struct api_call *c, const struct api_type_ip_table *table, u8 src, bool v2)
{
    struct route_dump *d = mem_alloc(sizeof(*d));
    *d = (struct route_dump){ip_family_of(table->is_ip6), table->table_id, 0, src, v2};
    api_continue(c, route_dump_more, free, d);
}

static void route_dump(struct api_call *c)
{
    const struct api_ip_route_dump *m = c->msg;
    begin_dump(c, &m->table, 0, false);
}

static void route_v2_dump(struct api_call *c)
{
    const struct api_ip_route_v2_dump *m = c->msg;
    begin_dump(c, &m->table, m->src, true);
}

/* --- tables --- */

static i32 add_table(struct fib *f, const struct api_type_ip_table *m)
{
    enum ip_family family = ip_family_of(m->is_ip6);
    struct fib_index t = fib_table_find(f, family, m->table_id);
    if (!fib_is_none(t) && fib_table_is_locked_by(f, t, FIB_SOURCE_API))
        return 0;
    return api_retval(fib_table_lock(f, family, m->table_id, m->name[0] ? m->name : NULL,
                                     FIB_SOURCE_API, &t, NULL));
}

/* What is done to all routes of the API in a table, in pieces. */
struct table_sweep {
    enum ip_family family;
    u32 id;
    struct fib_sweep_place at;
    enum fib_sweep what;
    bool deletes; /* the table is to go, too */
};

static bool table_sweep_more(struct api_call *c, void *state)
{
    struct table_sweep *x = state;
    struct fib *f = fib_of(c->piste);
    struct fib_index t = fib_table_find(f, x->family, x->id); /* none: it has gone meanwhile */
    while (!fib_is_none(t) && fib_table_sweep_next(f, t, FIB_SOURCE_API, x->what, &x->at))
        if (!api_room(c))
            return true;
    if (x->deletes && !fib_is_none(t) && fib_table_is_locked_by(f, t, FIB_SOURCE_API))
        fib_table_unlock(f, t, FIB_SOURCE_API);
    api_reply_retval(c, 0);
    return false;
}

static void sweep_table(struct api_call *c, const struct api_type_ip_table *m, enum fib_sweep what,
                        bool deletes)
{
    struct table_sweep *x = mem_alloc(sizeof(*x));
    *x = (struct table_sweep){ip_family_of(m->is_ip6), m->table_id, {0}, what, deletes};
    api_continue(c, table_sweep_more, free, x);
}

/* While interfaces are in it, it stays for those, without the API's routes. */
static void del_table(struct api_call *c, const struct api_type_ip_table *m)
{
    struct fib *f = fib_of(c->piste);
    struct fib_index t = fib_table_find(f, ip_family_of(m->is_ip6), m->table_id);
    if (fib_is_none(t) || !fib_table_is_locked_by(f, t, FIB_SOURCE_API))
        api_reply_retval(c, 0);
    else
        sweep_table(c, m, FIB_SWEEP_FLUSH, true);
}

/* Whether the protocol of a message about a table is spoken. */
static bool ip_route_api_is_spoken(const struct fib *f, const struct api_type_ip_table *m)
{
    return !fib_is_none(fib_table_next(f, ip_family_of(m->is_ip6), 0));
}

static void change_table(struct api_call *c, const struct api_type_ip_table *m, bool is_add)
{
    struct fib *f = fib_of(c->piste);
    if (!ip_route_api_is_spoken(f, m))
        api_reply_retval(c, API_INVALID_ADDRESS_FAMILY);
    else if (!m->table_id) /* always there */
        api_reply_retval(c, 0);
    else if (is_add)
        api_reply_retval(c, add_table(f, m));
    else
        del_table(c, m);
}

static void table_add_del(struct api_call *c)
{
    const struct api_ip_table_add_del *m = c->msg;
    change_table(c, &m->table, m->is_add);
}

static void table_add_del_v2(struct api_call *c)
{
    const struct api_ip_table_add_del_v2 *m = c->msg;
    change_table(c, &m->table, m->is_add);
}

static void table_allocate(struct api_call *c)
{
    const struct api_ip_table_allocate *m = c->msg;
    struct fib *f = fib_of(c->piste);
    struct api_ip_table_allocate_reply reply = {.table = m->table};
    u32 *id = &reply.table.table_id;
    if (!ip_route_api_is_spoken(f, &m->table)) {
        reply.retval = API_INVALID_ADDRESS_FAMILY;
    } else {
        if (*id == UINT32_MAX)
            for (*id = 1; !fib_is_none(fib_table_find(f, ip_family_of(m->table.is_ip6), *id));)
                ++*id;
        reply.retval = *id ? add_table(f, &reply.table) : 0;
    }
    api_reply(c, &api_message_ip_table_allocate_reply, &reply);
}

/* The table of a message; FIB_NONE, and the answer is given. */
static struct fib_index ip_route_api_table_of(struct api_call *c, const struct api_type_ip_table *m)
{
    struct fib_index t;
    i32 wrong = api_fib_table(fib_of(c->piste), ip_family_of(m->is_ip6), m->table_id, &t);
    if (wrong)
        api_reply_retval(c, wrong);
    return t;
}

static void table_flush(struct api_call *c)
{
    const struct api_ip_table_flush *m = c->msg;
    struct fib_index t = ip_route_api_table_of(c, &m->table);
    if (fib_is_none(t))
        return;
    ip_table_interfaces_down(c->piste, t); /* as VPP: nothing is forwarded by it any more */
    sweep_table(c, &m->table, FIB_SWEEP_FLUSH, false);
}

static void table_replace_begin(struct api_call *c)
{
    const struct api_ip_table_replace_begin *m = c->msg;
    struct fib_index t = ip_route_api_table_of(c, &m->table);
    if (fib_is_none(t))
        return;
    sweep_table(c, &m->table, FIB_SWEEP_REPLACE_BEGIN, false);
}

static void table_replace_end(struct api_call *c)
{
    const struct api_ip_table_replace_end *m = c->msg;
    struct fib_index t = ip_route_api_table_of(c, &m->table);
    if (fib_is_none(t))
        return;
    sweep_table(c, &m->table, FIB_SWEEP_REPLACE_END, false);
}

static void table_dump(struct api_call *c)
{
    const struct fib *f = fib_of(c->piste);
    for (u32 k = 0; k < IP_FAMILY_N; k++)
        for (struct fib_index t = fib_table_next(f, (enum ip_family)k, 0); !fib_is_none(t);
             t = fib_table_next(f, (enum ip_family)k, fib_number(t) + 1)) {
            if (fib_table_id(f, t) == FIB_TABLE_NO_ID)
                continue; /* of a link: as VPP, nobody's business */
            struct api_ip_table_details d = {.table.table_id = fib_table_id(f, t),
                                             .table.is_ip6 = k == IP_FAMILY_6};
            snprintf(d.table.name, sizeof(d.table.name), "%s", fib_table_name(f, t));
            api_reply(c, &api_message_ip_table_details, &d);
        }
}

/* --- flow hash --- */

static_assert((u32)FLOW_SRC == IP_API_FLOW_HASH_SRC_IP &&
                  (u32)FLOW_DST == IP_API_FLOW_HASH_DST_IP &&
                  (u32)FLOW_SPORT == IP_API_FLOW_HASH_SRC_PORT &&
                  (u32)FLOW_DPORT == IP_API_FLOW_HASH_DST_PORT &&
                  (u32)FLOW_PROTO == IP_API_FLOW_HASH_PROTO &&
                  (u32)FLOW_REVERSE == IP_API_FLOW_HASH_REVERSE &&
                  (u32)FLOW_SYMMETRIC == IP_API_FLOW_HASH_SYMETRIC,
              "the API's bits are ours");

static void set_fields(struct api_call *c, u32 table_id, bool is_ip6, u32 fields)
{
    struct fib *f = fib_of(c->piste);
    struct fib_index t;
    i32 wrong = api_fib_table(f, ip_family_of(is_ip6), table_id, &t);
    if (!wrong && fields > 0xff)
        wrong = API_UNSUPPORTED;
    if (!wrong)
        fib_table_set_flow_fields(f, t, fields);
    api_reply_retval(c, wrong);
}

static void ip_route_api_set_flow_hash(struct api_call *c)
{
    const struct api_set_ip_flow_hash *m = c->msg;
    u32 fields =
        (m->src ? IP_API_FLOW_HASH_SRC_IP : 0) | (m->dst ? IP_API_FLOW_HASH_DST_IP : 0) |
        (m->sport ? IP_API_FLOW_HASH_SRC_PORT : 0) | (m->dport ? IP_API_FLOW_HASH_DST_PORT : 0) |
        (m->proto ? IP_API_FLOW_HASH_PROTO : 0) | (m->reverse ? IP_API_FLOW_HASH_REVERSE : 0) |
        (m->symmetric ? IP_API_FLOW_HASH_SYMETRIC : 0);
    set_fields(c, m->vrf_id, m->is_ipv6, fields);
}

static void set_flow_hash_v2(struct api_call *c)
{
    const struct api_set_ip_flow_hash_v2 *m = c->msg;
    set_fields(c, m->table_id, m->af != ADDRESS_IP4, m->flow_hash_config);
}

static void handle_flow_hash_router_id(struct api_call *c)
{
    const struct api_set_ip_flow_hash_router_id *m = c->msg;
    fib_set_flow_router_id(fib_of(c->piste), m->router_id);
    api_reply_retval(c, 0);
}

static void set_flow_hash_v3(struct api_call *c)
{
    const struct api_set_ip_flow_hash_v3 *m = c->msg;
    set_fields(c, m->table_id, m->af != ADDRESS_IP4, m->flow_hash_config);
}

const struct api_handler ip_route_handlers[] = {
    {&api_message_ip_route_add_del, route_add_del},
    {&api_message_ip_route_add_del_v2, route_add_del_v2},
    {&api_message_ip_route_lookup, route_lookup},
    {&api_message_ip_route_lookup_v2, route_lookup_v2},
    {&api_message_fib_source_add, source_add},
    {&api_message_fib_source_dump, source_dump},
    {&api_message_ip_route_dump, route_dump},
    {&api_message_ip_route_v2_dump, route_v2_dump},
    {&api_message_ip_table_add_del, table_add_del},
    {&api_message_ip_table_add_del_v2, table_add_del_v2},
    {&api_message_ip_table_allocate, table_allocate},
    {&api_message_ip_table_flush, table_flush},
    {&api_message_ip_table_replace_begin, table_replace_begin},
    {&api_message_ip_table_replace_end, table_replace_end},
    {&api_message_ip_table_dump, table_dump},
    {&api_message_set_ip_flow_hash, ip_route_api_set_flow_hash},
    {&api_message_set_ip_flow_hash_v2, set_flow_hash_v2},
    {&api_message_set_ip_flow_hash_router_id, handle_flow_hash_router_id},
    {&api_message_set_ip_flow_hash_v3, set_flow_hash_v3},
    {0},
};
