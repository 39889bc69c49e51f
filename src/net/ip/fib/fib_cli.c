/* Commands of the FIB itself: tables, adjacencies, objects. `ip route` and `ip table` are in ip/.
 */
#include "net/ip/fib/fib_cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "control/cli.h"
#include "net/ip/fib/fib_show.h"
#include "net/link/interface/interface.h"

/* --- show ip fib --- */

static void show_summary(struct fib *f, struct out *o, u32 table)
{
    const struct fib_table *t = fib_table_at(f, table);
    out_text(o, "    Prefix length         Count     \n");
    out_array(o, "summary");
    for (u32 k = 0, bits = ip_family_bits(t->family); k <= bits; k++) {
        bool ip6 = t->family == IP_FAMILY_6; /* the longest first, and in the middle of columns */
        u32 len = ip6 ? bits - k : k;
        if (!t->n_by_len[len])
            continue;
        out_object(o, NULL);
        out_u64(o, "length", len, ip6 ? "%12" PRIu64 : "%20" PRIu64);
        out_u64(o, "count", t->n_by_len[len], ip6 ? "%17" PRIu64 "\n" : "%16" PRIu64 "\n");
        out_end(o);
    }
    out_end(o);
}

static void show_trie(struct fib *f, struct out *o, u32 table)
{
    const struct fib_table *t = fib_table_at(f, table);
    u32 leaves = 0, nodes = 0;
    for (u32 i = 0; i < IP4_TRIE_ROOT_WORDS; i++) {
        leaves += t->root[i] & 1;
        nodes += trie_is_node(t->root[i]);
    }
    out_text(o, "16-8-8 trie: ");
    out_u64(o, "root_leaves", leaves, "%" PRIu64 " leaves and ");
    out_u64(o, "root_nodes", nodes, "%" PRIu64 " nodes in the root, ");
    out_u64(o, "root_bytes", mem_resident_bytes(t->root, IP4_TRIE_ROOT_WORDS * sizeof(u32)),
            "%" PRIu64 " bytes; ");
    out_u64(o, "bytes", f->tries.slabs.used_bytes, "%" PRIu64 " bytes of nodes in all tables\n");
}

static void show_table_memory(struct fib *f, struct out *o, u32 table)
{
    const struct fib_table *t = fib_table_at(f, table);
    out_u64(o, "routes", t->n_used, "%" PRIu64 " routes, ");
    out_u64(o, "route_bytes", (u64)t->n_used * (f->entries.stride_bytes + sizeof(struct lb) + 1),
            "%" PRIu64 " bytes, ");
    out_u64(o, "hash_bytes", ((u64)t->slots.n + t->old.n) * sizeof(u32),
            "%" PRIu64 " bytes of hash, ");
    if (t->family == IP_FAMILY_6) {
        out_u64(o, "trie_bytes", f->tries.slabs.used_bytes, "%" PRIu64 " bytes of trie and ");
        out_u64(o, "prefix_bytes", ip6_long_bytes(),
                "%" PRIu64 " bytes of prefixes in all tables\n");
        return;
    }
    out_u64(o, "root_bytes", mem_resident_bytes(t->root, IP4_TRIE_ROOT_WORDS * sizeof(u32)),
            "%" PRIu64 " bytes of trie root\n");
}

/* Exactly that prefix; else the route that its address takes. */
static void fib_cli_show_one(struct cli_call *c, struct fib *f, struct fib_index t,
                             const struct ip_prefix *prefix)
{
    struct fib_route r;
    if (fib_lookup_exact(f, t, *prefix, &r) || fib_lookup(f, t, &prefix->addr, &r))
        fib_show_entry(f, c->out, r.lb.i, cli_has(c, "detail"));
}

/* The prefix or address of the command; false: neither was given. */
static bool fib_cli_one_of(const struct cli_call *c, enum ip_family family, struct ip_prefix *out)
{
    const struct cli_value *prefix = cli_get(c, "prefix"), *address = cli_get(c, "address");
    const struct cli_value *v = prefix ? prefix : address;
    if (!v)
        return false;
    *out = ip_prefix_host(family, ip_address_from_bytes(family, v->ip.addr));
    if (prefix)
        out->len = (u8)v->ip.prefix_len;
    return true;
}

/* Which tables commands are about: those of a protocol, or those that links have for their own
 * addresses of IPv6. */
struct fib_cli_tables {
    enum ip_family family;
    bool of_links;
};

static const struct fib_cli_tables tables_ip4 = {IP_FAMILY_4, false},
                                   tables_ip6 = {IP_FAMILY_6, false},
                                   tables_of_links = {IP_FAMILY_6, true};

/* Whether a link's table is that of the command's interface, if it names one. */
static bool fib_cli_is_of_interface(const struct cli_call *c, const struct fib *f,
                                    struct fib_index t)
{
    const struct interface *i = cli_interface(c, "interface");
    const char *colon = strchr(fib_table_name(f, t), ':');
    return !i || (colon && !strcmp(colon + 1, i->name));
}

/* Whether the command is about table t. */
static bool fib_cli_is_wanted(const struct cli_call *c, const struct fib *f,
                              const struct fib_cli_tables *which, struct fib_index t)
{
    const struct cli_value *id = cli_get(c, "table-id"), *number = cli_get(c, "fib-id");
    bool of_link = fib_table_id(f, t) == FIB_TABLE_NO_ID;
    if (number)
        return fib_number(t) == number->u;
    if (of_link != which->of_links)
        return false;
    return of_link ? fib_cli_is_of_interface(c, f, t) : !id || fib_table_id(f, t) == id->u;
}

/* The table that the command is about, the first if there are more. */
static struct fib_index fib_cli_table(const struct cli_call *c, const struct fib *f,
                                      const struct fib_cli_tables *which)
{
    struct fib_index t = fib_table_next(f, which->family, 0);
    while (!fib_is_none(t) && !fib_cli_is_wanted(c, f, which, t))
        t = fib_table_next(f, which->family, fib_number(t) + 1);
    return t;
}

/* What tables are without their routes, or with one of them. */
static void fib_cli_show_tables(struct cli_call *c, struct fib *f,
                                const struct fib_cli_tables *which, const struct ip_prefix *one)
{
    for (struct fib_index t = fib_table_next(f, which->family, 0); !fib_is_none(t);
         t = fib_table_next(f, which->family, fib_number(t) + 1)) {
        if (!fib_cli_is_wanted(c, f, which, t))
            continue;
        out_object(c->out, NULL);
        fib_show_table_line(f, c->out, t.i);
        if (one)
            fib_cli_show_one(c, f, t, one);
        else if (cli_has(c, "summary"))
            show_summary(f, c->out, t.i);
        else if (cli_has(c, "mtrie"))
            show_trie(f, c->out, t.i);
        else
            show_table_memory(f, c->out, t.i);
        out_end(c->out);
    }
}

/* `show ip fib` of all routes: where it is. */
struct show_routes {
    struct fib_walk walk;
    struct fib_index table; /* whose line was shown; FIB_NONE: none yet */
};

static void show_routes_fini(void *kept)
{
    free(((struct show_routes *)kept)->walk.keys);
}

static void show_routes_of(struct show_routes *s, struct cli_call *c, struct fib_index t)
{
    if (s->table.i == t.i)
        return;
    if (!fib_is_none(s->table)) {
        out_end(c->out);
        out_end(c->out);
    }
    s->table = t;
    if (fib_is_none(t))
        return;
    out_object(c->out, NULL);
    fib_show_table_line(fib_of(c->piste), c->out, t.i);
    out_array(c->out, "routes");
}

static int show_routes(struct cli_call *c, const struct fib_cli_tables *which)
{
    struct fib *f = fib_of(c->piste);
    struct show_routes *s = cli_kept(c, sizeof(*s), show_routes_fini);
    struct fib_route r;
    int rc;
    if (!c->again)
        *s = (struct show_routes){{.fib = f, .family = which->family, .only = FIB_NONE}, FIB_NONE};
    if (cli_get(c, "table-id") || cli_get(c, "fib-id")) {
        s->walk.only = fib_cli_table(c, f, which);
        if (fib_is_none(s->walk.only))
            return 0;
    }
    while ((rc = fib_walk_next(&s->walk, &r))) {
        if (rc == 1 && fib_cli_is_wanted(c, f, which, r.table) && fib_route_is_installed(f, r.lb)) {
            show_routes_of(s, c, r.table);
            fib_show_route(f, c->out, r.lb.i);
        }
        if (cli_full(c))
            return CLI_MORE;
    }
    /* those without routes: routes of other tables lead to them, and keep them */
    for (struct fib_index t = fib_table_next(f, which->family, 0); !fib_is_none(t);
         t = fib_table_next(f, which->family, fib_number(t) + 1))
        if (fib_cli_is_wanted(c, f, which, t) && !fib_table_at(f, t.i)->n_used)
            show_routes_of(s, c, t);
    show_routes_of(s, c, FIB_NONE);
    return 0;
}

static int fib_cli_show(struct cli_call *c, const struct fib_cli_tables *which)
{
    struct ip_prefix prefix;
    bool one = fib_cli_one_of(c, which->family, &prefix);
    int rc = 0;
    if (!c->again)
        out_array(c->out, "tables");
    if (one || cli_has(c, "summary") || cli_has(c, "mtrie") || cli_has(c, "memory"))
        fib_cli_show_tables(c, fib_of(c->piste), which, one ? &prefix : NULL);
    else
        rc = show_routes(c, which);
    if (!rc)
        out_end(c->out);
    return rc;
}

static int show_ip_fib(struct cli_call *c)
{
    return fib_cli_show(c, &tables_ip4);
}

static int show_ip6_fib(struct cli_call *c)
{
    return fib_cli_show(c, &tables_ip6);
}

static int show_ip6_ll(struct cli_call *c)
{
    return fib_cli_show(c, &tables_of_links);
}

static int fib_cli_list_tables(struct cli_call *c, enum ip_family family)
{
    struct fib *f = fib_of(c->piste);
    const struct cli_value *id = cli_get(c, "table-id");
    out_array(c->out, "tables");
    for (struct fib_index t = fib_table_next(f, family, 0); !fib_is_none(t);
         t = fib_table_next(f, family, fib_number(t) + 1)) {
        if (id && fib_table_id(f, t) != id->u)
            continue;
        out_object(c->out, NULL);
        out_u64(c->out, "index", fib_number(t), "[%" PRIu64 "] ");
        out_u64(c->out, "table_id", fib_table_id(f, t), "table_id:%" PRIu64 " ");
        out_str(c->out, "name", fib_table_name(f, t), "%s\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

static int show_ip_table(struct cli_call *c)
{
    return fib_cli_list_tables(c, IP_FAMILY_4);
}

static int show_ip6_table(struct cli_call *c)
{
    return fib_cli_list_tables(c, IP_FAMILY_6);
}

/* Where a command is that shows the objects of a pool. */
struct fib_cli_place {
    u32 next; /* object */
    u32 n;    /* shown */
};

/* --- show adj --- */

static void show_adj_line(struct cli_call *c, struct fib *f, u32 adj, bool detail)
{
    struct text t = {0};
    struct fib_counts n = adj_counts(f, (struct adj_index){adj});
    adj_describe(f, (struct adj_index){adj}, (enum ip_family)adj_info_at(f, adj)->link, &t);
    out_object(c->out, NULL);
    out_u64(c->out, "index", adj, "[@%" PRIu64 "] ");
    out_str(c->out, "description", text_str(&t), "%s\n");
    out_u64(c->out, "packets", n.packets, detail ? "   counts:[%" PRIu64 : NULL);
    out_u64(c->out, "bytes", n.bytes, detail ? ":%" PRIu64 "]\n" : NULL);
    out_u64(c->out, "refs", f->adj_info[adj].refs, detail ? "   locks:%" PRIu64 "\n" : NULL);
    out_end(c->out);
    text_free(&t);
}

static bool is_link_adj(const struct fib *f, u32 adj)
{
    u8 kind = f->adj_info[adj].kind;
    return f->adj_info[adj].refs &&
           (kind == ADJ_KIND_REWRITE || kind == ADJ_KIND_GLEAN || kind == ADJ_KIND_MCAST);
}

static bool fib_cli_is_wanted_adj(const struct cli_call *c, const struct fib *f, u32 a)
{
    const struct cli_value *index = cli_get(c, "adj_index");
    const struct interface *i = cli_interface(c, "interface");
    return (index ? a == index->u : is_link_adj(f, a)) &&
           (!i || if_equal(adj_at(a)->tx_if, i->index));
}

static int show_adj(struct cli_call *c)
{
    struct fib *f = fib_of(c->piste);
    const struct cli_value *index = cli_get(c, "adj_index");
    struct fib_cli_place *at = cli_kept(c, sizeof(*at), NULL);
    if (!c->again)
        out_array(c->out, "adjacencies");
    for (u32 a; (a = pool_next(&f->adjs, at->next)) != POOL_NONE; at->next = a + 1) {
        if (cli_full(c))
            return CLI_MORE;
        if (!fib_cli_is_wanted_adj(c, f, a))
            continue;
        at->n++;
        if (!cli_has(c, "summary"))
            show_adj_line(c, f, a, index != NULL);
    }
    out_end(c->out);
    if (cli_has(c, "summary"))
        out_u64(c->out, "count", at->n, "Number of adjacencies: %" PRIu64 "\n");
    if (index && !at->n)
        return error_set(c->err, ENOENT, "no such adjacency");
    return 0;
}

static int adjacency_counters(struct cli_call *c)
{
    adj_set_counting(fib_of(c->piste), cli_has(c, "enable"));
    return 0;
}

/* --- show fib --- */

static void show_pool_memory(struct out *o, const char *name, u64 size, u64 in_use, u64 allocated)
{
    out_object(o, NULL);
    out_str(o, "name", name, " %-18s");
    out_u64(o, "size", size, " %6" PRIu64);
    out_u64(o, "in_use", in_use, "  %8" PRIu64);
    out_u64(o, "allocated", allocated, " /%-9" PRIu64);
    out_u64(o, "bytes_in_use", in_use * size, "   %" PRIu64);
    out_u64(o, "bytes", allocated * size, "/%" PRIu64 "\n");
    out_end(o);
}

static int show_fib_memory(struct cli_call *c)
{
    struct fib *f = fib_of(c->piste);
    const struct slabs *tries = &f->tries.slabs;
    const struct {
        const char *name;
        const struct pool *pool;
    } pools[] = {
        {"Entry", &f->entries},  {"Entry Source", &f->more}, {"Path-list", &f->lists},
        {"Path", &f->paths},     {"Next hop", &f->vias},     {"Adjacency", &f->adjs},
        {"Tracked", &f->tracks},
    };
    out_text(c->out, "FIB memory\n");
    out_text(c->out, " %-18s %6s  %8s /%-9s   totals\n", "Name", "Size", "in-use", "allocated");
    out_array(c->out, "pools");
    for (u32 i = 0; i < array_len(pools); i++) {
        const struct pool *p = pools[i].pool;
        show_pool_memory(c->out, pools[i].name, p->stride_bytes, p->n_used, p->top);
    }
    show_pool_memory(c->out, "Trie line", SLAB_UNIT_BYTES, tries->used_bytes / SLAB_UNIT_BYTES,
                     (u64)tries->n_used_pages * SLAB_PAGE_UNITS);
    out_end(c->out);
    return 0;
}

/* Objects of a pool, or the one whose number the command says, each as `show` has it. */
static int fib_cli_objects(struct cli_call *c, const struct pool *pool, const char *title,
                           const char *json, void (*show)(struct fib *f, struct out *o, u32 i))
{
    struct fib *f = fib_of(c->piste);
    struct fib_cli_place *at = cli_kept(c, sizeof(*at), NULL);
    if (!c->again) {
        out_text(c->out, "%s", title);
        out_array(c->out, json);
    }
    for (u32 i; (i = pool_next(pool, at->next)) != POOL_NONE; at->next = i + 1) {
        if (cli_full(c))
            return CLI_MORE;
        if (!cli_get(c, "index") || i == cli_u64(c, "index", 0))
            show(f, c->out, i);
    }
    out_end(c->out);
    return 0;
}

static void show_one_list(struct fib *f, struct out *o, u32 i)
{
    out_object(o, NULL);
    fib_show_path_list(f, o, i, 0);
    out_end(o);
}

static int show_fib_path_lists(struct cli_call *c)
{
    return fib_cli_objects(c, &fib_of(c->piste)->lists, "FIB Path Lists\n", "path_lists",
                           show_one_list);
}

static void show_one_path(struct fib *f, struct out *o, u32 i)
{
    fib_show_path(f, o, i, 0);
}

static int show_fib_paths(struct cli_call *c)
{
    return fib_cli_objects(c, &fib_of(c->piste)->paths, "FIB Paths\n", "paths", show_one_path);
}

static void show_one_urpf(struct fib *f, struct out *o, u32 i)
{
    out_object(o, NULL);
    fib_show_list_interfaces(f, o, i);
    out_end(o);
}

static int show_fib_urpf(struct cli_call *c)
{
    return fib_cli_objects(c, &fib_of(c->piste)->lists, "FIB uRPF Lists\n", "urpf", show_one_urpf);
}

static void show_one_load_balance(struct fib *f, struct out *o, u32 i)
{
    if (fib_entry_at(f, i)->flags & (ENTRY_INSTALLED | ENTRY_ALONE)) {
        out_object(o, NULL);
        fib_show_load_balance(f, o, i);
        out_end(o);
    }
}

static int show_load_balance(struct cli_call *c)
{
    return fib_cli_objects(c, &fib_of(c->piste)->entries, "", "load_balances",
                           show_one_load_balance);
}

static void show_one_lookup(struct fib *f, struct out *o, u32 i)
{
    enum adj_kind kind = (enum adj_kind)adj_at(i)->head.kind;
    struct text t = {0};
    if (kind != ADJ_KIND_LOOKUP && kind != ADJ_KIND_LOOKUP_SRC)
        return;
    adj_describe(f, (struct adj_index){i}, IP_FAMILY_4, &t);
    out_object(o, NULL);
    out_u64(o, "index", i, "[%" PRIu64 "] ");
    out_str(o, "description", text_str(&t), "%s\n");
    out_end(o);
    text_free(&t);
}

static int show_lookup_dpo(struct cli_call *c)
{
    return fib_cli_objects(c, &fib_of(c->piste)->adjs, "", "lookups", show_one_lookup);
}

static bool has_prefix(const struct fib *f, u32 entry)
{
    return !(fib_entry_at(f, entry)->flags & (ENTRY_DEAD | ENTRY_ALONE));
}

static int show_fib_entry(struct cli_call *c, struct fib *f, u32 i)
{
    if (!pool_is_used(&f->entries, i) || !has_prefix(f, i))
        return error_set(c->err, ENOENT, "no such entry");
    fib_show_entry(f, c->out, i, true);
    return 0;
}

static int show_fib_entries(struct cli_call *c)
{
    struct fib *f = fib_of(c->piste);
    struct fib_cli_place *at = cli_kept(c, sizeof(*at), NULL);
    char text[IP_PREFIX_TEXT_BYTES];
    if (cli_get(c, "index"))
        return show_fib_entry(c, f, (u32)cli_u64(c, "index", 0));
    if (!c->again) {
        out_text(c->out, "FIB Entries:\n");
        out_array(c->out, "entries");
    }
    for (u32 i; (i = pool_next(&f->entries, at->next)) != POOL_NONE; at->next = i + 1) {
        if (cli_full(c))
            return CLI_MORE;
        if (!has_prefix(f, i))
            continue;
        struct ip_prefix prefix = fib_entry_prefix(f, i);
        out_object(c->out, NULL);
        out_u64(c->out, "index", i, "%" PRIu64 "@");
        out_u64(c->out, "fib_index", fib_number((struct fib_index){fib_entry_at(f, i)->table}),
                NULL);
        out_str(c->out, "prefix", ip_prefix_text(&prefix, text), "%s\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

/* Those that somebody follows or that have more to them than their sources say. */
static int show_fib_delegates(struct cli_call *c)
{
    struct fib *f = fib_of(c->piste);
    struct fib_cli_place *at = cli_kept(c, sizeof(*at), NULL);
    char text[IP_PREFIX_TEXT_BYTES];
    if (!c->again)
        out_array(c->out, "entries");
    for (u32 i; (i = pool_next(&f->entries, at->next)) != POOL_NONE; at->next = i + 1) {
        if (cli_full(c))
            return CLI_MORE;
        if (!has_prefix(f, i) || !fib_entry_has_delegates(f, i))
            continue;
        struct ip_prefix prefix = fib_entry_prefix(f, i);
        out_object(c->out, NULL);
        out_u64(c->out, "index", i, "%" PRIu64 "@");
        out_str(c->out, "prefix", ip_prefix_text(&prefix, text), "%s\n");
        fib_show_delegates(f, c->out, i);
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

/* --- walks --- */

static void show_fib_walk_queue(struct out *o, const struct fib_walks *w, u32 k, u32 waiting)
{
    out_text(o, " %s priority queue:\n  Stats: \n", k ? "low" : "high");
    out_object(o, k ? "low" : "high");
    out_u64(o, "scheduled", w->n_begun[k], "    scheduled:%" PRIu64 "\n");
    out_u64(o, "completed", w->n_ended[k], "    completed:%" PRIu64 "\n");
    out_u64(o, "occupancy", waiting, "  Occupancy:%" PRIu64 "\n");
    out_end(o);
}

static void show_fib_walk_record(const struct fib *f, struct out *o, u64 number)
{
    static const char *const reasons[FIB_WALK_REASONS] = {
        [FIB_WALK_EVALUATE] = "evaluate",
        [FIB_WALK_IF_UP] = "if-up",
        [FIB_WALK_IF_DOWN] = "if-down",
        [FIB_WALK_IF_DELETE] = "if-delete",
    };
    const struct fib_walk_record *r = &f->walks.kept[number % FIB_WALKS_KEPT];
    out_object(o, NULL);
    out_u64(o, "number", number, "[@%" PRIu64 "]: ");
    out_u64(o, "path_list", r->list, "path-list:%" PRIu64 " ");
    out_u64(o, "visits", r->visits, "visits:%" PRIu64 " ");
    out_f64(o, "seconds", (double)(r->ended_ns - r->begun_ns) / (double)NS_PER_SEC,
            "duration:%.2f ");
    out_f64(o, "completed", (double)(r->ended_ns - f->begun_ns) / (double)NS_PER_SEC,
            "completed:%.2f ");
    out_bool(o, "in_pieces", r->in_pieces, "async, ", "sync, ");
    out_str(o, "reason", reasons[r->reason], "reason:%s,\n");
    out_end(o);
}

static int show_fib_walk(struct cli_call *c)
{
    const struct fib *f = fib_of(c->piste);
    const struct fib_walks *w = &f->walks;
    struct out *o = c->out;
    out_u64(o, "quota", f->walk_quota, "FIB Walk Quota = %" PRIu64 " routes:\n");
    out_text(o, "FIB Walk queues:\n");
    show_fib_walk_queue(o, w, 0, 0);
    show_fib_walk_queue(o, w, 1, f->stamping.n);
    out_text(o, "Histogram Statistics:\n Number of Elements visited per-walk:\n  ");
    out_array(o, "visits");
    for (u32 k = 0; k < FIB_WALK_SIZES; k++) {
        if (!w->by_visits[k])
            continue;
        out_object(o, NULL);
        out_u64(o, "least", k ? 1ull << k : 0, "%" PRIu64);
        out_u64(o, "walks", w->by_visits[k], ":%" PRIu64 " ");
        out_end(o);
    }
    out_end(o);
    out_text(o, "\nBrief History (last %u walks):\n", FIB_WALKS_KEPT);
    out_array(o, "history");
    for (u64 k = 0; k < w->n_kept && k < FIB_WALKS_KEPT; k++)
        show_fib_walk_record(f, o, w->n_kept - 1 - k);
    out_end(o);
    return 0;
}

static int set_fib_walk_quota(struct cli_call *c)
{
    u64 quota = cli_u64(c, "routes", 0);
    if (!quota || quota > FIB_ROUTES_MAX)
        return error_set(c->err, EINVAL, "a quota is 1 to %u routes", FIB_ROUTES_MAX);
    fib_of(c->piste)->walk_quota = (u32)quota;
    return 0;
}

/* What is going on is not forgotten: it ends. */
static int clear_fib_walk(struct cli_call *c)
{
    struct fib *f = fib_of(c->piste);
    struct fib_walks *w = &f->walks;
    const u64 going[] = {w->n_begun[0] - w->n_ended[0], w->n_begun[1] - w->n_ended[1]};
    *w = (struct fib_walks){.n_begun = {going[0], going[1]}};
    return 0;
}

static int set_flow_hash_router_id(struct cli_call *c)
{
    fib_set_flow_router_id(fib_of(c->piste), (u32)cli_u64(c, "router-id", 0));
    return 0;
}

static int set_fib_source(struct cli_call *c)
{
    enum fib_source source;
    return fib_source_add(cli_str(c, "name", ""), (u8)cli_u64(c, "priority", 0), &source, c->err);
}

static int show_fib_source(struct cli_call *c)
{
    out_array(c->out, "sources");
    const struct fib_source_def *def;
    for (u32 s = 0; s < FIB_SOURCE_N && (def = fib_source_def(s)); s++) {
        out_object(c->out, NULL);
        out_u64(c->out, "id", def->number, "[%" PRIu64 "] ");
        out_str(c->out, "name", def->name, "%s ");
        out_u64(c->out, "priority", def->priority, "prio:%" PRIu64);
        out_u64(c->out, "slot", def->slot, ".%" PRIu64);
        out_str(c->out, "behaviour", def->behaviour, " behaviour:%s\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

const struct cli_command fib_commands[] = {
    {"show ip fib [ summary | memory | mtrie | detail | table <table-id:u32> | index <fib-id:u32> "
     "| "
     "<prefix:ip4-prefix> | <address:ip4-address> ] ...",
     "Routes of IPv4, or the one that an address takes", show_ip_fib, 0},
    {"show ip6 fib [ summary | memory | detail | table <table-id:u32> | index <fib-id:u32> | "
     "<prefix:ip6-prefix> | <address:ip6-address> ] ...",
     "Routes of IPv6, or the one that an address takes", show_ip6_fib, 0},
    {"show ip6-ll [<interface>] [summary] [<prefix:ip6-prefix> | <address:ip6-address>] [detail]",
     "Routes of link-local addresses", show_ip6_ll, 0},
    {"show ip table [<table-id:u32>]", "IPv4 tables", show_ip_table, 0},
    {"show ip6 table [<table-id:u32>]", "IPv6 tables", show_ip6_table, 0},
    {"show adj [<adj_index:u32>] [<interface>] [summary]", "Adjacencies on links", show_adj, 0},
    {"show adj nbr [<adj_index:u32>] [<interface>]", "Adjacencies to neighbors", show_adj, 0},
    {"adjacency counters ( enable | disable )",
     "Counts packets and bytes of each adjacency, or stops that", adjacency_counters, 0},
    {"set ip flow-hash router-id <router-id:u32>",
     "A number of this router's, by which it chooses otherwise than its neighbors among equal "
     "paths, of both protocols; 0: none",
     set_flow_hash_router_id, 0},
    {"show fib memory", "Memory that routes use", show_fib_memory, 0},
    {"show fib path-lists [<index:u32>]", "Sets of paths that routes share", show_fib_path_lists,
     0},
    {"show fib paths [<index:u32>]", "Paths of routes", show_fib_paths, 0},
    {"show fib uRPF [<index:u32>]", "Interfaces that paths of routes lead to", show_fib_urpf, 0},
    {"show load-balance [<index:u32>]", "How packets of routes and policies are shared out",
     show_load_balance, 0},
    {"show lookup-dpo [<index:u32>]", "What looks addresses up again, in which table",
     show_lookup_dpo, 0},
    {"show fib entry [<index:u32>]", "Routes of all tables by index", show_fib_entries, 0},
    {"show fib entry-delegate", "Routes that others follow: what hangs on each", show_fib_delegates,
     0},
    {"show fib walk", "How routes are told of what has changed, and the last times", show_fib_walk,
     0},
    {"set fib walk quota <routes:u32>",
     "How many routes are told in one piece, between which others have their turn",
     set_fib_walk_quota, 0},
    {"clear fib walk", "Counts such walks from 0", clear_fib_walk, 0},
    {"set fib source <name:string> priority <priority:u8>",
     "Adds a source that commands and clients may give routes and tables; the lowest priority wins",
     set_fib_source, 0},
    {"show fib source", "Sources of routes, with their priorities", show_fib_source, 0},
    {0},
};
