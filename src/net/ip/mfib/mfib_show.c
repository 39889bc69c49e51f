/* Text and JSON of multicast routes. Words and layout are VPP's, whose object numbers our own
 * indices stand for. */
#include "net/ip/mfib/mfib_show.h"

#include <errno.h>
#include <inttypes.h>

#include "base/text.h"
#include "net/ip/mfib/mfib_internal.h"
#include "net/link/interface/interface.h"

static const char *const short_names[IP_FAMILY_N] = {"ip4", "ip6"};

/* --- interfaces --- */

static void mfib_show_interface(struct out *o, const char *name, u32 flags)
{
    out_object(o, NULL);
    out_str(o, "interface", name, "   %s: ");
    out_array(o, "flags");
    for (const struct mfib_flag_name *n = mfib_itf_flag_names; n->flag; n++)
        if (flags & n->flag)
            out_str(o, NULL, n->name, "%s,");
    out_end(o);
    out_text(o, "\n");
    out_end(o);
}

static void mfib_show_host_interfaces(const struct mfib *m, struct out *o, u32 route)
{
    const struct interface *f;
    for (u32 i = 0; (f = interface_next(m->piste, i)); i = f->index.i + 1)
        if (mfib_host_accepts(m, route, f->index))
            mfib_show_interface(o, f->name, MFIB_ITF_ACCEPT);
}

static bool mfib_is_host(const struct mfib *m, u32 route)
{
    return mfib_route_at(m, route)->forwarding->flags & MFIB_ROUTE_HOST;
}

static void mfib_show_itfs(const struct mfib *m, struct out *o, u32 route)
{
    struct mfib_said said;
    out_array(o, "interfaces");
    if (mfib_is_host(m, route))
        mfib_show_host_interfaces(m, o, route);
    else if (mfib_said_by(m, route, mfib_source_of_route(m, route), &said))
        for (u32 k = 0; k < said.n_paths; k++) {
            const struct interface *f = if_is_none(said.paths[k].via.interface)
                                            ? NULL
                                            : interface_at(m->piste, said.paths[k].via.interface);
            if (f)
                mfib_show_interface(o, f->name,
                                    said.paths[k].flags | (mfib_itf_flags(m, route, f->index) &
                                                           MFIB_ITF_SIGNAL_PRESENT));
        }
    out_end(o);
}

/* --- where packets go --- */

static void mfib_show_way(const struct mfib *m, struct out *o, enum ip_family f, u32 k, u32 adj)
{
    struct text t = {0};
    adj_describe(fib_of(m->piste), (struct adj_index){adj}, f, &t);
    out_text(o, "    [%u] [@%u]: ", k, adj == ADJ_RECEIVE.i ? 1 : 2);
    out_str(o, NULL, text_str(&t), "%s\n");
    text_free(&t);
}

static bool mfib_has_replicate(const struct mfib *m, u32 route)
{
    const struct mfib_forwarding *w = mfib_route_at(m, route)->forwarding;
    return !(w->flags & MFIB_ROUTE_DROP) && w->n_to;
}

/* What makes the copies, if something does, and where each goes. */
static void mfib_show_replicate(const struct mfib *m, struct out *o, u32 route)
{
    const struct mfib_forwarding *w = mfib_route_at(m, route)->forwarding;
    enum ip_family f = fib_family((struct fib_index){mfib_route_at(m, route)->key.table});
    struct fib_counts n = mfib_counts(m, route);
    bool copies = mfib_has_replicate(m, route), local = false;
    for (u32 k = 0; k < w->n_to; k++)
        local |= w->to[k] == ADJ_RECEIVE.i;
    if (copies)
        out_text(o,
                 "dpo-replicate: [index:%u buckets:%u flags:[%s] to:[%" PRIu64 ":%" PRIu64 "]]\n",
                 route, w->n_to, local ? "has-local " : "none", n.packets, n.bytes);
    out_u64(o, "packets", n.packets, NULL);
    out_u64(o, "bytes", n.bytes, NULL);
    out_array(o, "replicate");
    for (u32 k = 0; copies && k < w->n_to; k++)
        mfib_show_way(m, o, f, k, w->to[k]);
    out_end(o);
}

static void mfib_show_forwarding(const struct mfib *m, struct out *o, u32 route)
{
    enum ip_family f = fib_family((struct fib_index){mfib_route_at(m, route)->key.table});
    out_text(o, "  multicast-%s-chain\n", short_names[f]);
    if (mfib_has_replicate(m, route))
        out_text(o, "  [@1]: ");
    else
        out_text(o, "  [@0]: dpo-drop %s\n", short_names[f]);
    mfib_show_replicate(m, o, route);
}

/* --- a route --- */

static void mfib_show_flags(struct out *o, u32 flags)
{
    if (flags & MFIB_ROUTE_FLAGS)
        out_text(o, " flags:");
    out_array(o, "flags");
    for (const struct mfib_flag_name *n = mfib_route_flag_names; n->flag; n++)
        if (flags & n->flag)
            out_str(o, NULL, n->name, "%s,");
    out_end(o);
}

/* What each source says. */
static void mfib_show_sources(const struct mfib *m, struct out *o, u32 route)
{
    struct mfib_said said;
    out_array(o, "sources");
    for (enum fib_source s = 0; s < FIB_SOURCE_N; s++) {
        if (!mfib_said_by(m, route, s, &said))
            continue;
        out_object(o, NULL);
        out_str(o, "source", fib_source_name(s), "  src:%s");
        if (!(said.flags & MFIB_ROUTE_FLAGS))
            out_text(o, " flags:none");
        mfib_show_flags(o, said.flags);
        out_text(o, " locks:1:");
        out_u64(o, "rpf_id", said.rpf_id, said.rpf_id ? " rpf-id:%" PRIu64 : NULL);
        out_text(o, " \n    Interface-Forwarding:\n");
        for (u32 k = 0; k < said.n_paths; k++) {
            struct text t = {0};
            for (const struct mfib_flag_name *n = mfib_itf_flag_names; n->flag; n++)
                if (said.paths[k].flags & n->flag)
                    text_add(&t, "%s,", n->name);
            const struct interface *f = if_is_none(said.paths[k].via.interface)
                                            ? NULL
                                            : interface_at(m->piste, said.paths[k].via.interface);
            out_text(o, "     %s: %s\n", f ? f->name : "local", text_str(&t));
            text_free(&t);
        }
        out_end(o);
    }
    out_end(o);
}

static void mfib_show_route(const struct mfib *m, struct out *o, u32 route, bool detail)
{
    const struct mfib_name name = mfib_name_of(m, route);
    struct text t = {0};
    mfib_name_text(&name, &t);
    out_object(o, NULL);
    out_str(o, "group", text_str(&t), "%s: ");
    mfib_show_flags(o, mfib_route_at(m, route)->forwarding->flags);
    out_text(o, "\n");
    text_free(&t);
    out_u64(o, "index", route, NULL);
    if (detail) {
        out_text(o, " fib:%u index:%u locks:1\n", fib_number(name.table), route);
        mfib_show_sources(m, o, route);
        out_text(o, "\n");
    }
    out_text(o, "  Interfaces:\n");
    mfib_show_itfs(m, o, route);
    mfib_show_forwarding(m, o, route);
    out_end(o);
}

/* --- tables --- */

static void mfib_show_table_line(const struct mfib *m, struct out *o, struct fib_index t)
{
    out_str(o, "table", fib_table_name(fib_of(m->piste), t), "%s");
    out_u64(o, "fib_index", fib_number(t),
            fib_family(t) == IP_FAMILY_4 ? ", fib_index:%" PRIu64 " flags:none\n"
                                         : ", fib_index %" PRIu64 "\n");
}

/* The words of a command. */
struct show_words {
    struct fib_index only; /* a table; FIB_NONE: all */
    u32 n_addresses;       /* [SOURCE] GROUP */
    struct mfib_name name;
    bool exact; /* a prefix, not an address */
};

static int mfib_show_words(struct cli_call *c, enum ip_family f, struct show_words *w)
{
    struct fib *fib = fib_of(c->piste);
    *w = (struct show_words){.only = FIB_NONE};
    for (u32 k = 0; k < c->n_args; k++) {
        const struct cli_value *v = &c->args[k].value;
        const char *name = c->args[k].name;
        if (!strcmp(name, "table-id")) {
            w->only = fib_table_find(fib, f, (u32)v->u);
            if (fib_is_none(w->only))
                return error_set(c->err, ENOENT, "no such table %u", (u32)v->u);
        } else if (!strcmp(name, "fib-id")) {
            w->only = fib_table_next(fib, f, (u32)v->u);
            if (fib_is_none(w->only) || fib_number(w->only) != v->u)
                return error_set(c->err, ENOENT, "no such FIB index %u", (u32)v->u);
        } else if (!strcmp(name, "address") || !strcmp(name, "prefix")) {
            bool prefix = *name == 'p';
            u32 len = prefix ? v->ip.prefix_len : ip_family_bits(f);
            struct ip_address a = ip_address_from_bytes(f, v->ip.addr);
            if (w->n_addresses == 2)
                return error_set(c->err, EINVAL, "expected [SOURCE] GROUP");
            w->name.source = w->name.group.addr;
            w->name.group = (struct ip_prefix){ip_address_mask(&a, len), (u8)f, (u8)len, {0}};
            w->name.has_source = w->n_addresses++;
            w->exact = prefix;
        }
    }
    return 0;
}

static int mfib_show_one(struct cli_call *c, enum ip_family f, struct show_words *w)
{
    const struct mfib *m = mfib_of(c->piste);
    w->name.table = fib_is_none(w->only) ? fib_table_find(fib_of(c->piste), f, 0) : w->only;
    if (!w->name.has_source)
        w->name.source = (struct ip_address){{{0}}};
    u32 route = w->exact ? mfib_find_exact(m, &w->name) : mfib_find_longest(m, &w->name);
    if (route == MFIB_NO_ROUTE)
        return error_set(c->err, ENOENT, "no such multicast route");
    out_array(c->out, "tables");
    out_object(c->out, NULL);
    mfib_show_table_line(m, c->out, w->name.table);
    out_array(c->out, "groups");
    mfib_show_route(m, c->out, route, true);
    out_end(c->out);
    out_end(c->out);
    out_end(c->out);
    return 0;
}

struct show_place {
    struct mfib_place at;
    struct fib_index table; /* the one that is open; FIB_NONE before the first */
    u64 n;                  /* its routes, for a summary */
};

static void mfib_show_table_end(struct cli_call *c, const struct show_place *at)
{
    if (fib_is_none(at->table))
        return;
    out_end(c->out);
    if (cli_has(c, "summary"))
        out_u64(c->out, "count", at->n, "  %" PRIu64 " multicast routes\n");
    out_end(c->out);
}

static int mfib_show_all(struct cli_call *c, enum ip_family f, const struct show_words *w)
{
    const struct mfib *m = mfib_of(c->piste);
    struct show_place *at = cli_kept(c, sizeof(*at), NULL);
    if (!c->again) {
        at->table = FIB_NONE;
        at->at = fib_is_none(w->only) ? mfib_place_first(f) : mfib_place_in(w->only);
        out_array(c->out, "tables");
    }
    while (!cli_full(c)) {
        u32 route = mfib_next(m, &at->at);
        if (route == MFIB_NO_ROUTE) {
            mfib_show_table_end(c, at);
            out_end(c->out);
            return 0;
        }
        struct fib_index t = {mfib_route_at(m, route)->key.table};
        if (t.i != at->table.i) {
            mfib_show_table_end(c, at);
            at->table = t;
            at->n = 0;
            out_object(c->out, NULL);
            mfib_show_table_line(m, c->out, t);
            out_array(c->out, "groups");
        }
        at->n++;
        if (!cli_has(c, "summary"))
            mfib_show_route(m, c->out, route, false);
    }
    return CLI_MORE;
}

static int mfib_show_family(struct cli_call *c, enum ip_family f)
{
    struct show_words w;
    int rc = mfib_show_words(c, f, &w);
    if (rc)
        return rc;
    return w.n_addresses ? mfib_show_one(c, f, &w) : mfib_show_all(c, f, &w);
}

int mfib_show_ip4(struct cli_call *c)
{
    return mfib_show_family(c, IP_FAMILY_4);
}

int mfib_show_ip6(struct cli_call *c)
{
    return mfib_show_family(c, IP_FAMILY_6);
}

/* --- by index --- */

int mfib_show_entries(struct cli_call *c)
{
    const struct mfib *m = mfib_of(c->piste);
    const struct cli_value *index = cli_get(c, "index");
    u32 *from = cli_kept(c, sizeof(*from), NULL);
    if (!c->again)
        out_array(c->out, "entries");
    for (u32 i; (i = mfib_pool_next(m, *from)) != POOL_NONE; *from = i + 1) {
        if (cli_full(c))
            return CLI_MORE;
        const struct mfib_name name = mfib_name_of(m, i);
        struct text t = {0};
        if (index && index->u != i)
            continue;
        mfib_name_text(&name, &t);
        out_object(c->out, NULL);
        out_u64(c->out, "index", i, "%" PRIu64 "@");
        out_u64(c->out, "fib_index", fib_number(name.table), NULL);
        out_str(c->out, "group", text_str(&t), "%s\n");
        text_free(&t);
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

int mfib_show_replicates(struct cli_call *c)
{
    const struct mfib *m = mfib_of(c->piste);
    const struct cli_value *index = cli_get(c, "index");
    u32 *from = cli_kept(c, sizeof(*from), NULL);
    if (!c->again)
        out_array(c->out, "replicates");
    for (u32 i; (i = mfib_pool_next(m, *from)) != POOL_NONE; *from = i + 1) {
        if (cli_full(c))
            return CLI_MORE;
        if ((index && index->u != i) || !mfib_has_replicate(m, i))
            continue;
        out_object(c->out, NULL);
        out_u64(c->out, "index", i, NULL);
        mfib_show_replicate(m, c->out, i);
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

int mfib_show_interfaces(struct cli_call *c)
{
    const struct mfib *m = mfib_of(c->piste);
    u32 *from = cli_kept(c, sizeof(*from), NULL);
    if (!c->again)
        out_array(c->out, "entries");
    for (u32 i; (i = mfib_pool_next(m, *from)) != POOL_NONE; *from = i + 1) {
        if (cli_full(c))
            return CLI_MORE;
        const struct mfib_name name = mfib_name_of(m, i);
        struct text t = {0};
        mfib_name_text(&name, &t);
        out_object(c->out, NULL);
        out_str(c->out, "group", text_str(&t), "%s\n");
        text_free(&t);
        mfib_show_itfs(m, c->out, i);
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

/* --- signals --- */

int mfib_show_signals(struct cli_call *c)
{
    struct mfib *m = mfib_of(c->piste);
    (void)mfib_signal_first(m);
    out_array(c->out, "signals");
    for (const struct mfib_signal *s = m->signals; s; s = s->next) {
        u32 route = mfib_find(&m->data, &s->route);
        const struct interface *f = interface_at(m->piste, s->interface);
        if (route == MFIB_NO_ROUTE || !f)
            continue;
        const struct mfib_name name = mfib_name_of(m, route);
        struct text t = {0};
        mfib_name_text(&name, &t);
        out_object(c->out, NULL);
        out_str(c->out, "table", fib_table_name(fib_of(m->piste), name.table), "%s ");
        out_str(c->out, "group", text_str(&t), "%s");
        out_str(c->out, "interface", f->name, " %s");
        out_u64(c->out, "bytes", s->n_bytes, " %" PRIu64 " bytes\n");
        out_end(c->out);
        text_free(&t);
    }
    out_end(c->out);
    return 0;
}

/* --- flags --- */

static int mfib_show_flag_names(struct cli_call *c, const struct mfib_flag_name *names)
{
    out_array(c->out, "flags");
    for (; names->flag; names++) {
        out_object(c->out, NULL);
        out_str(c->out, "abbreviation", names->abbreviation, "%s = ");
        out_str(c->out, "name", names->name, "%s\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

int mfib_show_itf_flags(struct cli_call *c)
{
    return mfib_show_flag_names(c, mfib_itf_flag_names);
}

int mfib_show_route_flags(struct cli_call *c)
{
    return mfib_show_flag_names(c, mfib_route_flag_names);
}
