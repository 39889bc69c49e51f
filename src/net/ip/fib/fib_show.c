/* Text and JSON of routes. Words and layout are VPP's, whose object numbers our own indices stand
 * for. */
#include "net/ip/fib/fib_show.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/byteorder.h"
#include "base/text.h"

/* --- tables --- */

static void show_locks(struct fib *f, struct out *o, u32 table)
{
    const struct fib_table *t = fib_table_at(f, table);
    out_text(o, "locks:[");
    out_object(o, "locks");
    for (u32 s = 0; s < FIB_SOURCE_N; s++) {
        /* neighbours hold one for all of them */
        u32 n = s == FIB_SOURCE_ADJ ? t->n_by_source[s] != 0 : t->locks[s];
        if (!n)
            continue;
        out_text(o, "%s:%u, ", fib_source_name(s), n);
        out_u64(o, fib_source_name(s), n, NULL);
    }
    out_end(o);
    out_text(o, "]\n");
}

const char *fib_flow_field_name(u32 bit)
{
    static const char *const names[] = {"src",   "dst",     "sport",     "dport",
                                        "proto", "reverse", "symmetric", "flowlabel"};
    return bit < array_len(names) ? names[bit] : NULL;
}

void fib_show_table_line(struct fib *f, struct out *o, u32 table)
{
    struct fib_index t = {table};
    out_str(o, "name", fib_table_name(f, t), "%s, ");
    out_u64(o, "fib_index", fib_number(t), "fib_index:%" PRIu64 ", ");
    out_u64(o, "table_id", fib_table_id(f, t), NULL);
    out_text(o, "flow hash:[");
    out_array(o, "flow_hash");
    u32 fields = fib_table_flow_fields(f, t);
    const char *name;
    for (u32 bit = 0; (name = fib_flow_field_name(bit)); bit++)
        if (fields & (1u << bit))
            out_str(o, "", name, "%s ");
    out_end(o);
    out_text(o, "] epoch:0 flags:%s ",
             fib_table_id(f, t) == FIB_TABLE_NO_ID ? "ip6-ll" : "none");
    show_locks(f, o, table);
}

/* --- adjacencies and load balances --- */

/* VPP's numbers for kinds of forwarding objects. */
static u32 kind_number(enum adj_kind kind)
{
    static const u8 numbers[ADJ_KIND_N] = {
        [ADJ_KIND_PUNT] = 1,          [ADJ_KIND_UNREACHABLE] = 2, [ADJ_KIND_PROHIBIT] = 2,
        [ADJ_KIND_INCOMPLETE] = 3,    [ADJ_KIND_GLEAN] = 4,       [ADJ_KIND_REWRITE] = 5,
        [ADJ_KIND_MIDCHAIN] = 6,      [ADJ_KIND_LOOKUP] = 11,     [ADJ_KIND_RECEIVE] = 12,
        [ADJ_KIND_LB] = 13,           [ADJ_KIND_CUSTOM] = 16,     [ADJ_KIND_LOOKUP_SRC] = 11,
        [ADJ_KIND_INTERFACE_RX] = 16, [ADJ_KIND_MCAST] = 7,       [ADJ_KIND_PATH_MTU] = 16,
        [ADJ_KIND_CLASSIFY] = 16,
    };
    return numbers[kind];
}

static const char *kind_name(enum adj_kind kind)
{
    static const char *const names[ADJ_KIND_N] = {
        [ADJ_KIND_DROP] = "drop",
        [ADJ_KIND_NO_ROUTE] = "drop",
        [ADJ_KIND_PUNT] = "punt",
        [ADJ_KIND_UNREACHABLE] = "unreachable",
        [ADJ_KIND_PROHIBIT] = "prohibit",
        [ADJ_KIND_RECEIVE] = "receive",
        [ADJ_KIND_INCOMPLETE] = "arp",
        [ADJ_KIND_REWRITE] = "rewrite",
        [ADJ_KIND_GLEAN] = "glean",
        [ADJ_KIND_LB] = "load-balance",
        [ADJ_KIND_LOOKUP] = "lookup",
        [ADJ_KIND_LOOKUP_SRC] = "lookup-source",
        [ADJ_KIND_INTERFACE_RX] = "interface-rx",
        [ADJ_KIND_MIDCHAIN] = "midchain",
        [ADJ_KIND_MCAST] = "mcast",
        [ADJ_KIND_PATH_MTU] = "path-mtu",
        [ADJ_KIND_CLASSIFY] = "classify",
        [ADJ_KIND_CUSTOM] = "custom",
    };
    return names[kind];
}

/* "[@5]: ipv4 via ..." */
static void fib_show_adj(struct fib *f, struct out *o, u32 adj, enum ip_family family,
                         bool as_bucket)
{
    struct text t = {0};
    const struct adj *a = adj_at(adj);
    struct link_host host = adj_host(f, (struct adj_index){adj});
    struct fib_interface i;
    char address[IP_ADDRESS_TEXT_BYTES];
    adj_describe(f, (struct adj_index){adj}, family, &t);
    out_text(o, "[@%u]: %s\n", as_bucket ? kind_number(a->head.kind) : 0, text_str(&t));
    out_u64(o, "adjacency", adj, NULL);
    out_str(o, "kind", kind_name(a->head.kind), NULL);
    out_str(o, "description", text_str(&t), NULL);
    if (a->head.kind == ADJ_KIND_REWRITE || a->head.kind == ADJ_KIND_INCOMPLETE)
        out_str(o, "next_hop", ip_address_text((enum ip_family)host.family, &host.addr, address),
                NULL);
    if (f->ops.interface(f->ops.ctx, a->tx_if, &i))
        out_str(o, "interface", i.name, NULL);
    text_free(&t);
}

static void show_lb(struct fib *f, struct out *o, u32 entry, unsigned indent, u32 depth);

static void show_bucket(struct fib *f, struct out *o, u32 first, u32 last, u32 adj,
                        enum ip_family family, unsigned indent, u32 depth)
{
    out_text(o, "%*s", indent, "");
    if (first == last)
        out_text(o, "[%u] ", first);
    else
        out_text(o, "[%u-%u] ", first, last);
    out_object(o, NULL);
    out_u64(o, "first", first, NULL);
    out_u64(o, "last", last, NULL);
    if (adj_at(adj)->head.kind == ADJ_KIND_LB && depth < FIB_LOOKUPS_MAX) {
        out_text(o, "[@%u]: ", kind_number(ADJ_KIND_LB));
        show_lb(f, o, (u32)adj_at(adj)->data, indent + 6, depth + 1);
    } else {
        fib_show_adj(f, o, adj, family, true);
    }
    if (adj_at(adj)->head.kind == ADJ_KIND_PATH_MTU && depth < FIB_LOOKUPS_MAX) {
        out_text(o, "%*s[@%u]: ", indent + 6, "", kind_number(ADJ_KIND_LB));
        show_lb(f, o, (u32)adj_at(adj)->data, indent + 8, depth + 1);
    }
    out_end(o);
}

static void show_buckets(struct fib *f, struct out *o, struct lb lb, enum ip_family family,
                         unsigned indent, u32 depth)
{
    out_array(o, "buckets");
    for (u32 i = 0, first = 0; i <= lb.mask; i++) {
        u32 adj = lb_pick(lb, i);
        if (i < lb.mask && lb_pick(lb, i + 1) == adj)
            continue;
        show_bucket(f, o, first, i, adj, family, indent, depth);
        first = i + 1;
    }
    out_end(o);
}

/* The rest of the line that begins with the object's number, then the buckets. */
static void show_lb(struct fib *f, struct out *o, u32 entry, unsigned indent, u32 depth)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    struct lb lb = lb_load(entry);
    struct fib_counts to = {0}, via = {0};
    if (fib_counters_to) {
        to = fib_route_counts(f, (struct lb_index){entry});
        via = fib_route_via_counts(f, (struct lb_index){entry});
    }
    out_object(o, "load_balance");
    enum ip_family family = fib_entry_family(f, entry);
    out_text(o, "dpo-load-balance: [proto:%s index:", ip_family_name(family));
    out_u64(o, "index", entry, "%" PRIu64);
    out_u64(o, "n_buckets", lb.mask + 1, " buckets:%" PRIu64);
    out_u64(o, "urpf", e->list == NONE ? 0 : e->list, " uRPF:%" PRIu64);
    out_u64(o, "packets", to.packets, " to:[%" PRIu64);
    out_u64(o, "bytes", to.bytes, ":%" PRIu64 "]");
    if (via.packets)
        out_text(o, " via:[%" PRIu64 ":%" PRIu64 "]", via.packets, via.bytes);
    out_u64(o, "via_packets", via.packets, NULL);
    out_u64(o, "via_bytes", via.bytes, NULL);
    out_text(o, "]\n");
    show_buckets(f, o, lb, family, indent, depth);
    out_end(o);
}

void fib_show_load_balance(struct fib *f, struct out *o, u32 entry)
{
    show_lb(f, o, entry, 2, 0);
}

void fib_show_route(struct fib *f, struct out *o, u32 entry)
{
    struct ip_prefix prefix = fib_entry_prefix(f, entry);
    char text[IP_PREFIX_TEXT_BYTES];
    out_object(o, NULL);
    out_str(o, "prefix", ip_prefix_text(&prefix, text), "%s\n");
    enum fib_source best = fib_entry_best(f, fib_entry_at(f, entry));
    out_str(o, "source", fib_source_name(best), NULL);
    out_text(o, "  unicast-%s-chain\n  [@0]: ", ip_family_name(fib_entry_family(f, entry)));
    show_lb(f, o, entry, 4, 0);
    out_end(o);
}

/* --- circles --- */

/* The list that an entry would forward by if next hops did not lead in a circle: then it drops. */
static u32 list_meant(struct fib *f, u32 entry)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    if (e->first.source != FIB_SOURCE_RR)
        return e->first.source == FIB_SOURCE_N ? e->list : e->first.list;
    struct ip_address a = fib_entry_address(f, entry);
    u32 cover = fib_entry_cover(f, fib_table_at(f, e->table), &a, e->len);
    return cover == NONE ? NONE : list_meant(f, cover);
}

/* Whether a path leads to a list through next hops; bounded: so deep a way is as good as a circle.
 */
static bool path_leads_to_list(struct fib *f, const struct path *pa, u32 list, u32 depth,
                               u32 *steps)
{
    if (pa->via == NONE)
        return false;
    u32 next = list_meant(f, via_at(f, pa->via)->entry);
    if (next == list || !depth || ++*steps > 1000)
        return true;
    for (u32 k = next == NONE ? NONE : path_list_at(f, next)->first; k != NONE;
         k = path_at(f, k)->next)
        if (path_leads_to_list(f, path_at(f, k), list, depth - 1, steps))
            return true;
    return false;
}

static bool path_is_looped(struct fib *f, const struct path *pa)
{
    u32 steps = 0;
    return path_leads_to_list(f, pa, pa->list, FIB_LOOKUPS_MAX, &steps);
}

static bool list_is_looped(struct fib *f, const struct path_list *l)
{
    for (u32 k = l->first; k != NONE; k = path_at(f, k)->next)
        if (path_is_looped(f, path_at(f, k)))
            return true;
    return false;
}

/* --- paths --- */

static const char *path_kind_name(const struct fib_path *c)
{
    switch ((enum fib_path_kind)c->kind) {
    case FIB_PATH_NEXT_HOP:
        return if_is_none(c->interface) ? "recursive" : "attached-nexthop";
    case FIB_PATH_ATTACHED:
        return "attached";
    case FIB_PATH_LOOKUP:
    case FIB_PATH_LOOKUP_SRC:
        return "deag";
    case FIB_PATH_INTERFACE_RX:
        return "intf-rx";
    case FIB_PATH_LOCAL:
    case FIB_PATH_RECEIVE:
        return "receive";
    case FIB_PATH_ADJ:
        return "exclusive";
    case FIB_PATH_CLASSIFY:
    case FIB_PATH_UNREACHABLE:
    case FIB_PATH_PROHIBIT:
    case FIB_PATH_PUNT:
    case FIB_PATH_DROP:
    case FIB_PATH_NO_ROUTE:
        break;
    }
    return "special";
}

static void show_path_flags(struct out *o, const struct path *pa, bool looped)
{
    const struct fib_path *c = &pa->cfg;
    struct text t = {0};
    if (fib_path_drops(c))
        text_puts(&t, "drop,");
    if (c->kind == FIB_PATH_LOCAL || c->kind == FIB_PATH_RECEIVE)
        text_puts(&t, "local,");
    if (c->kind == FIB_PATH_LOOKUP_SRC)
        text_puts(&t, "source-lookup,");
    if (c->kind == FIB_PATH_CLASSIFY)
        text_puts(&t, "classify,");
    if (c->flags & FIB_PATH_GLEAN)
        text_puts(&t, "glean,");
    if (c->flags & FIB_PATH_RESOLVE_HOST)
        text_puts(&t, "resolve-host,");
    if (c->flags & FIB_PATH_RESOLVE_ATTACHED)
        text_puts(&t, "resolve-attached,");
    out_bool(o, "resolved", pa->flags & PATH_RESOLVED, NULL, NULL);
    out_bool(o, "looped", looped, NULL, NULL);
    if (looped)
        out_text(o, " oper-flags:recursive-loop,");
    else if (pa->flags & PATH_RESOLVED)
        out_text(o, " oper-flags:resolved,");
    if (t.len)
        out_text(o, " cfg-flags:%s", text_str(&t));
    out_text(o, "\n");
    text_free(&t);
}

static void show_path_via(struct fib *f, struct out *o, const struct path *pa, bool looped)
{
    u32 entry = via_at(f, pa->via)->entry;
    out_text(o, " in fib:%u via-fib:%u via-dpo:[", fib_number(pa->cfg.table), entry);
    if (looped)
        out_text(o, "dpo-drop:%u]\n", ADJ_DROP.i);
    else
        out_text(o, "dpo-load-balance:%u]\n", entry);
}

static void show_path_where(struct fib *f, struct out *o, const struct path *pa, bool looped,
                            unsigned indent)
{
    const struct fib_path *c = &pa->cfg;
    struct fib_interface i;
    char address[IP_ADDRESS_TEXT_BYTES];
    bool known = !if_is_none(c->interface) && !(c->flags & FIB_PATH_DEAD) &&
                 f->ops.interface(f->ops.ctx, c->interface, &i);
    const char *name = known ? i.name : "DELETED";
    if (!if_is_none(c->interface))
        out_str(o, "interface", name, NULL);
    switch ((enum fib_path_kind)c->kind) {
    case FIB_PATH_NEXT_HOP:
        ip_address_text((enum ip_family)c->family, &c->next_hop, address);
        out_str(o, "next_hop", address, NULL);
        if (!if_is_none(c->interface)) {
            out_text(o, "%*s%s %s\n", indent + 2, "", address, name);
        } else {
            out_text(o, "%*svia %s", indent + 2, "", address);
            show_path_via(f, o, pa, looped);
        }
        break;
    case FIB_PATH_ATTACHED:
        out_text(o, "%*s%s\n", indent + 3, "", name);
        return;
    case FIB_PATH_LOOKUP:
    case FIB_PATH_LOOKUP_SRC:
        out_u64(o, "fib_index", fib_number(c->table), NULL);
        out_text(o, "%*sfib-index:%u\n", indent + 3, "", fib_number(c->table));
        return;
    default:
        indent += 2;
        break;
    }
    if (pa->via != NONE)
        return;
    out_text(o, "%*s", indent, "");
    fib_show_adj(f, o, pa->adj, (enum ip_family)path_list_at(f, pa->list)->family, false);
}

void fib_show_path(struct fib *f, struct out *o, u32 k, unsigned indent)
{
    const struct path *pa = path_at(f, k);
    bool looped = path_is_looped(f, pa);
    out_object(o, NULL);
    out_text(o, "%*s", indent, "");
    out_u64(o, "index", k, "path:[%" PRIu64 "]");
    out_u64(o, "path_list", pa->list, " pl-index:%" PRIu64);
    out_text(o, " %s", ip_family_name((enum ip_family)path_list_at(f, pa->list)->family));
    out_u64(o, "weight", pa->cfg.weight, " weight=%" PRIu64);
    out_u64(o, "preference", pa->cfg.preference, " pref=%" PRIu64);
    out_str(o, "kind", path_kind_name(&pa->cfg), " %s: ");
    show_path_flags(o, pa, looped);
    show_path_where(f, o, pa, looped, indent);
    out_end(o);
}

/* The interfaces of paths, those behind next hops too, each once. */
struct list_interfaces {
    u32 v[FIB_PATHS_MAX];
    u32 n;
};

static void list_interfaces_add(struct list_interfaces *s, u32 interface)
{
    for (u32 i = 0; i < s->n; i++)
        if (s->v[i] == interface)
            return;
    if (s->n < array_len(s->v))
        s->v[s->n++] = interface;
}

static void list_interfaces_of(struct fib *f, u32 list, u32 depth, struct list_interfaces *s)
{
    for (u32 k = path_list_at(f, list)->first; k != NONE; k = path_at(f, k)->next) {
        const struct path *pa = path_at(f, k);
        if (!if_is_none(pa->cfg.interface) && pa->cfg.kind != FIB_PATH_RECEIVE)
            list_interfaces_add(s, pa->cfg.interface.i);
        u32 next = pa->via == NONE ? NONE : fib_entry_at(f, via_at(f, pa->via)->entry)->list;
        if (next != NONE && depth)
            list_interfaces_of(f, next, depth - 1, s);
    }
}

void fib_show_list_interfaces(struct fib *f, struct out *o, u32 list)
{
    struct list_interfaces s = {.n = 0};
    list_interfaces_of(f, list, FIB_LOOKUPS_MAX, &s);
    out_u64(o, "urpf", list, "uPRF-list:%" PRIu64);
    out_text(o, " len:%u itfs:[", s.n);
    out_array(o, "interfaces");
    for (u32 i = 0; i < s.n; i++)
        out_u64(o, "", s.v[i], "%" PRIu64 ", ");
    out_end(o);
    out_text(o, "]\n");
}

static void show_list_head(struct fib *f, struct out *o, u32 list, unsigned indent)
{
    out_object(o, "path_list");
    out_text(o, "%*s", indent, "");
    out_u64(o, "index", list, "path-list:[%" PRIu64 "]");
    out_u64(o, "locks", path_list_at(f, list)->refs, " locks:%" PRIu64 " ");
}

static void show_list_paths(struct fib *f, struct out *o, u32 list, unsigned indent)
{
    out_array(o, "paths");
    for (u32 k = path_list_at(f, list)->first; k != NONE; k = path_at(f, k)->next)
        fib_show_path(f, o, k, indent);
    out_end(o);
}

void fib_show_path_list(struct fib *f, struct out *o, u32 list, unsigned indent)
{
    const struct path_list *l = path_list_at(f, list);
    bool drops = l->n_paths == 1 && fib_path_drops(&path_at(f, l->first)->cfg);
    bool looped = list_is_looped(f, l), shared = !drops && l->n_entries > 1;
    show_list_head(f, o, list, indent);
    if (drops || looped || shared)
        out_text(o, "flags:%s%s%s ", drops ? "drop," : "", shared ? "shared," : "",
                 looped ? "looped," : "");
    fib_show_list_interfaces(f, o, list);
    show_list_paths(f, o, list, indent + 2);
    out_end(o);
}

void fib_paths_show(struct fib *f, struct out *o, struct lb_index lb, unsigned indent)
{
    u32 list = fib_entry_at(f, lb.i)->list;
    show_list_head(f, o, list, indent);
    out_text(o, "flags:shared,no-uRPF, uRPF-list: None\n");
    show_list_paths(f, o, list, indent + 2);
    out_end(o);
}

void fib_paths_show_forwarding(struct fib *f, struct out *o, struct lb_index lb)
{
    struct lb buckets = lb_load(lb.i);
    struct text t = {0};
    out_text(o, "  [@1]: ");
    if (out_format(o) != OUT_TEXT || buckets.mask ||
        adj_at(lb_pick(buckets, 0))->head.kind == ADJ_KIND_LB) {
        show_lb(f, o, lb.i, 6, 0);
        return;
    }
    adj_describe(f, (struct adj_index){lb_pick(buckets, 0)}, fib_entry_family(f, lb.i), &t);
    out_text(o, "%s\n", text_str(&t));
    text_free(&t);
}

/* --- entries --- */

static void show_source(struct fib *f, struct out *o, u32 entry, const struct fib_src *src)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    const struct path *first = path_at(f, path_list_at(f, src->list)->first);
    bool active = fib_entry_best(f, e) == (enum fib_source)src->source;
    const char *flags = "";
    if (src->source == FIB_SOURCE_ADJ)
        flags = "entry-flags:attached, ";
    else if (first->cfg.kind == FIB_PATH_ATTACHED)
        flags = "entry-flags:connected,attached, ";
    else if (fib_path_drops(&first->cfg))
        flags = "entry-flags:drop, ";
    else if (first->cfg.kind == FIB_PATH_RECEIVE || first->cfg.kind == FIB_PATH_LOCAL)
        flags = "entry-flags:connected,local, ";
    out_object(o, NULL);
    out_str(o, "source", fib_source_name(src->source), "  %s refs:1 ");
    out_text(o, "%ssrc-flags:added,%s", flags, active ? "contributing,active," : "");
    out_bool(o, "active", active, NULL, NULL);
    if (src->source == FIB_SOURCE_ADJ || src->source == FIB_SOURCE_RR) {
        struct ip_address a = fib_entry_address(f, entry);
        u32 cover = fib_entry_cover(f, fib_table_at(f, e->table), &a, e->len);
        out_i64(o, "cover", cover == NONE ? -1 : (i64)cover, " cover:%" PRId64);
    } else if (src->source == FIB_SOURCE_INTERFACE) {
        out_text(o, " cover:-1");
    }
    out_text(o, "\n");
    fib_show_path_list(f, o, src->list, 4);
    if (src->source == FIB_SOURCE_ADJ)
        out_text(o, "    Extensions:\n     path:%u adj-flags:[refines-cover]\n",
                 path_list_at(f, src->list)->first);
    else
        out_text(o, "\n");
    out_end(o);
}

bool fib_entry_has_delegates(const struct fib *f, u32 entry)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    return e->via != NONE || (e->flags & ENTRY_PATH_MTU) ||
           hash_get(&f->import_by_entry, &entry, NULL);
}

void fib_show_delegates(struct fib *f, struct out *o, u32 entry)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    u64 adj, table, n_tracks = 0, n_paths = 0;
    for (u32 k = e->via == NONE ? NONE : via_at(f, e->via)->tracks; k != NONE;
         k = track_at(f, k)->next)
        n_tracks++;
    for (u32 k = e->via == NONE ? NONE : via_at(f, e->via)->paths; k != NONE;
         k = path_at(f, k)->via_next)
        n_paths++;
    if (n_tracks)
        out_u64(o, "tracks", n_tracks, "  track:%" PRIu64 "\n");
    if (n_paths)
        out_u64(o, "recursive_paths", n_paths, "  recursive-paths:%" PRIu64 "\n");
    if (hash_get(&f->path_mtu_by_entry, &entry, &adj))
        out_u64(o, "path_mtu", adj_at((u32)adj)->head.mtu, "  path-mtu:%" PRIu64 "\n");
    if (hash_get(&f->import_by_entry, &entry, &table))
        out_str(o, "import", fib_table_name(f, (struct fib_index){(u32)table}),
                "  attached-import: %s\n");
}

void fib_show_entry(struct fib *f, struct out *o, u32 entry, bool detail)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    struct ip_prefix prefix = fib_entry_prefix(f, entry);
    char text[IP_PREFIX_TEXT_BYTES];
    out_str(o, "prefix", ip_prefix_text(&prefix, text), "%s");
    out_text(o, " fib:%u index:%u locks:2\n", fib_number((struct fib_index){e->table}), entry);
    out_u64(o, "index", entry, NULL);
    out_array(o, "sources");
    if (e->first.source != FIB_SOURCE_N)
        show_source(f, o, entry, &e->first);
    for (u32 m = e->more; m != NONE;) {
        const struct fib_more *more = pool_at(&f->more, m);
        show_source(f, o, entry, &more->src);
        m = more->next;
    }
    out_end(o);
    if (e->flags & ENTRY_INSTALLED) {
        out_text(o, " forwarding:   unicast-%s-chain\n  [@0]: ",
                 ip_family_name(fib_entry_family(f, entry)));
        show_lb(f, o, entry, 4, 0);
    } else {
        out_text(o, " forwarding:   as what covers it\n");
    }
    if (detail) {
        out_text(o, " Delegates:\n");
        fib_show_delegates(f, o, entry);
        out_text(o, " Children:\n");
        if (e->via != NONE)
            for (u32 k = via_at(f, e->via)->paths; k != NONE; k = path_at(f, k)->via_next)
                out_text(o, "{path:[%u]}\n", k);
    }
}
