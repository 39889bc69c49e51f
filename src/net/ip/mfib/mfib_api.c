/* Messages of ip.api about multicast routes. As in VPP paths are always added to those that there
 * are, or taken away (is_multipath says nothing), and (S,G) has twice an address's bits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_ip.h"
#include "api/api_mfib_types.h"
#include "control/api.h"
#include "net/ip/mfib/mfib_internal.h"
#include "net/ip/route/ip_path_api.h"
#include "net/link/interface/interface.h"

static_assert((u32)MFIB_ITF_NEGATE_SIGNAL == MFIB_API_ITF_FLAG_NEGATE_SIGNAL &&
                  (u32)MFIB_ITF_ACCEPT == MFIB_API_ITF_FLAG_ACCEPT &&
                  (u32)MFIB_ITF_FORWARD == MFIB_API_ITF_FLAG_FORWARD &&
                  (u32)MFIB_ITF_SIGNAL_PRESENT == MFIB_API_ITF_FLAG_SIGNAL_PRESENT &&
                  (u32)MFIB_ITF_DONT_PRESERVE == MFIB_API_ITF_FLAG_DONT_PRESERVE &&
                  (u32)MFIB_ROUTE_SIGNAL == MFIB_API_ENTRY_FLAG_SIGNAL &&
                  (u32)MFIB_ROUTE_CONNECTED == MFIB_API_ENTRY_FLAG_CONNECTED &&
                  (u32)MFIB_ROUTE_DROP == MFIB_API_ENTRY_FLAG_DROP &&
                  (u32)MFIB_ROUTE_ACCEPT_ALL_ITF == MFIB_API_ENTRY_FLAG_ACCEPT_ALL_ITF,
              "the API's bits are ours");

static i32 name_from_api(const struct fib *f, u32 table_id, const struct api_type_mprefix *m,
                         struct mfib_name *out)
{
    if (m->af >= IP_FAMILY_N)
        return API_INVALID_ADDRESS_FAMILY;
    enum ip_family family = (enum ip_family)m->af;
    u32 bits = ip_family_bits(family), len = m->grp_address_length;
    struct ip_address group = ip_address_from_bytes(family, m->grp_address);
    *out = (struct mfib_name){.source = ip_address_from_bytes(family, m->src_address)};
    out->has_source = !ip_address_is_zero(&out->source);
    if (out->has_source && (len == bits || len == 2 * bits))
        len = bits;
    else if (out->has_source || len > bits)
        return API_INVALID_PREFIX_LENGTH;
    out->group = (struct ip_prefix){ip_address_mask(&group, len), (u8)family, (u8)len, {0}};
    return api_fib_table(f, family, table_id, &out->table);
}

static void name_to_api(const struct mfib_name *name, struct api_type_mprefix *out)
{
    *out = (struct api_type_mprefix){.af = name->group.family,
                                     .grp_address_length =
                                         (u16)(name->group.len * (name->has_source ? 2 : 1))};
    memcpy(out->grp_address, name->group.addr.bytes, sizeof(out->grp_address));
    memcpy(out->src_address, name->source.bytes, sizeof(out->src_address));
}

static i32 paths_from_api(struct piste *p, const struct api_type_ip_mroute *m, enum ip_family f,
                          struct mfib_path out[UINT8_MAX])
{
    for (u32 k = 0; k < m->n_paths; k++) {
        struct fib_path via[FIB_PATHS_MAX];
        i32 wrong = api_fib_paths(p, &m->paths[k].path, 1, f, via);
        if (wrong)
            return wrong;
        /* what is dumped can be said again */
        u32 flags = m->paths[k].itf_flags & ~(u32)MFIB_ITF_SIGNAL_PRESENT;
        if (flags & ~(u32)MFIB_ITF_FLAGS)
            return API_UNSUPPORTED;
        out[k] = (struct mfib_path){via[0], flags};
        if (via[0].kind == FIB_PATH_LOCAL) /* what this switch takes itself comes from others */
            out[k].flags = MFIB_ITF_FORWARD;
    }
    return 0;
}

static i32 change_mroute(struct api_call *c, const struct api_ip_mroute_add_del *m, u32 *index)
{
    struct mfib *mfib = mfib_of(c->piste);
    struct mfib_path paths[UINT8_MAX];
    struct mfib_name name;
    i32 wrong = name_from_api(fib_of(c->piste), m->route.table_id, &m->route.prefix, &name);
    if (!wrong && (m->route.entry_flags & ~(u32)MFIB_ROUTE_FLAGS))
        wrong = API_UNSUPPORTED;
    if (!wrong)
        wrong = paths_from_api(c->piste, &m->route, (enum ip_family)name.group.family, paths);
    const struct mfib_said said = {
        .flags = m->route.entry_flags,
        .rpf_id = m->route.rpf_id == UINT32_MAX ? 0 : m->route.rpf_id,
        .n_paths = m->route.n_paths,
        .paths = paths,
    };
    if (!wrong && m->is_add && !said.n_paths && !said.flags && !said.rpf_id)
        wrong = API_NO_PATHS_IN_ROUTE;
    if (wrong)
        return wrong;
    return api_retval(m->is_add ? mfib_add(mfib, &name, FIB_SOURCE_API, &said, index, NULL)
                                : mfib_del(mfib, &name, FIB_SOURCE_API, &said, NULL));
}

static void mroute_add_del(struct api_call *c)
{
    struct api_ip_mroute_add_del_reply reply = {.stats_index = UINT32_MAX};
    reply.retval = change_mroute(c, c->msg, &reply.stats_index);
    if (reply.retval)
        reply.stats_index = UINT32_MAX;
    api_reply(c, &api_message_ip_mroute_add_del_reply, &reply);
}

/* --- looking --- */

static void path_to_api(const struct fib *f, struct fib_index table, const struct mfib_path *path,
                        struct api_type_mfib_path *out)
{
    out->itf_flags = path->flags;
    api_fib_path_to(f, &path->via, table, &out->path);
}

/* Of the groups that this switch is in: it, and the interfaces from which. */
static u32 host_paths(const struct mfib *m, u32 route, struct fib_index table,
                      struct api_type_mfib_path out[UINT8_MAX])
{
    const struct fib *f = fib_of(m->piste);
    struct mfib_path path = {fib_path_special(FIB_PATH_LOCAL), MFIB_ITF_FORWARD};
    const struct interface *it;
    u32 n = 0;
    path_to_api(f, table, &path, &out[n++]);
    for (u32 i = 0; n < UINT8_MAX && (it = interface_next(m->piste, i)); i = it->index.i + 1) {
        if (!mfib_host_accepts(m, route, it->index))
            continue;
        path = (struct mfib_path){fib_path_special(FIB_PATH_ATTACHED), MFIB_ITF_ACCEPT};
        path.via.interface = it->index;
        path.via.family = (u8)fib_family(table);
        path_to_api(f, table, &path, &out[n++]);
    }
    return n;
}

static void mroute_details(struct api_call *c, u32 route)
{
    const struct mfib *m = mfib_of(c->piste);
    const struct mfib_name name = mfib_name_of(m, route);
    struct api_type_mfib_path paths[UINT8_MAX];
    struct api_ip_mroute_details d = {.route.table_id = fib_table_id(fib_of(c->piste), name.table),
                                      .route.paths = paths};
    struct mfib_said said = {0};
    u32 flags = mfib_route_at(m, route)->forwarding->flags;
    if (flags & MFIB_ROUTE_HOST) {
        d.route.n_paths = (u8)host_paths(m, route, name.table, paths);
    } else if (mfib_said_by(m, route, mfib_source_of_route(m, route), &said)) {
        for (u32 k = 0; k < said.n_paths; k++) {
            struct mfib_path path = said.paths[k];
            path.flags |= mfib_itf_flags(m, route, path.via.interface) & MFIB_ITF_SIGNAL_PRESENT;
            path_to_api(fib_of(c->piste), name.table, &path, &paths[k]);
        }
        d.route.n_paths = (u8)said.n_paths;
        d.route.rpf_id = said.rpf_id;
    }
    d.route.entry_flags = flags & MFIB_ROUTE_FLAGS;
    name_to_api(&name, &d.route.prefix);
    api_reply(c, &api_message_ip_mroute_details, &d);
}

struct mroute_dump {
    enum ip_family family;
    u32 table_id;
    struct mfib_place at;
    bool begun;
};

static bool mroute_dump_more(struct api_call *c, void *state)
{
    struct mroute_dump *d = state;
    const struct mfib *m = mfib_of(c->piste);
    struct fib_index t = fib_table_find(fib_of(c->piste), d->family, d->table_id);
    if (fib_is_none(t))
        return false;
    if (!d->begun)
        d->at = mfib_place_in(t);
    d->begun = true;
    while (api_room(c)) {
        u32 route = mfib_next(m, &d->at);
        if (route == MFIB_NO_ROUTE)
            return false;
        mroute_details(c, route);
    }
    return true;
}

static void mroute_dump(struct api_call *c)
{
    const struct api_ip_mroute_dump *m = c->msg;
    struct mroute_dump *d = mem_alloc(sizeof(*d));
    *d = (struct mroute_dump){.family = ip_family_of(m->table.is_ip6),
                              .table_id = m->table.table_id};
    api_continue(c, mroute_dump_more, free, d);
}

/* What is told is gone. */
static bool mfib_signals_more(struct api_call *c, void *state)
{
    struct mfib *m = mfib_of(c->piste);
    const struct mfib_signal *s;
    while (api_room(c)) {
        s = mfib_signal_first(m);
        if (!s)
            return false;
        const struct mfib_name name = mfib_name_of(m, mfib_find(&m->data, &s->route));
        struct api_mfib_signal_details d = {
            .sw_if_index = s->interface.i,
            .table_id = fib_table_id(fib_of(c->piste), name.table),
            .ip_packet_len = (u16)s->n_bytes,
        };
        static_assert(sizeof(d.ip_packet_data) == sizeof(s->bytes), "all of what is kept");
        name_to_api(&name, &d.prefix);
        memcpy(d.ip_packet_data, s->bytes, s->n_bytes);
        api_reply(c, &api_message_mfib_signal_details, &d);
        mfib_signal_done(m);
    }
    return true;
}

static void mfib_signals_dump(struct api_call *c)
{
    api_continue(c, mfib_signals_more, NULL, NULL);
}

/* The tables of routes have these, too. */
static void mtable_dump(struct api_call *c)
{
    const struct fib *f = fib_of(c->piste);
    for (u32 k = 0; k < IP_FAMILY_N; k++)
        for (struct fib_index t = fib_table_next(f, (enum ip_family)k, 0); !fib_is_none(t);
             t = fib_table_next(f, (enum ip_family)k, fib_number(t) + 1)) {
            if (fib_table_id(f, t) == FIB_TABLE_NO_ID)
                continue;
            struct api_ip_mtable_details d = {.table.table_id = fib_table_id(f, t),
                                              .table.is_ip6 = k == IP_FAMILY_6};
            snprintf(d.table.name, sizeof(d.table.name), "%s", fib_table_name(f, t));
            api_reply(c, &api_message_ip_mtable_details, &d);
        }
}

const struct api_handler mfib_handlers[] = {
    {&api_message_ip_mroute_add_del, mroute_add_del},
    {&api_message_ip_mroute_dump, mroute_dump},
    {&api_message_ip_mtable_dump, mtable_dump},
    {&api_message_mfib_signal_dump, mfib_signals_dump},
    {0},
};
