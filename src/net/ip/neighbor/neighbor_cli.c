/* Commands about neighbours and proxy ARP, and the running configuration of both. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "control/cli.h"
#include "net/link/interface/interface.h"
#include "net/ip/neighbor/neighbor_internal.h"
#include "net/packet/ethernet_format.h"

/* --- set ip neighbor --- */

static int set_neighbor(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "interface");
    const struct cli_value *ip = cli_get(c, "ip-address"), *mac = cli_get(c, "mac");
    u64 count = cli_u64(c, "count", 1);
    u8 flags = cli_has(c, "static") ? NEIGHBOR_STATIC : NEIGHBOR_DYNAMIC;
    if (ip->ip.is_ip6)
        return error_set(c->err, EOPNOTSUPP, "IPv6 is not supported");
    if (cli_has(c, "no-fib-entry"))
        flags |= NEIGHBOR_NO_FIB_ENTRY;
    if (!cli_has(c, "del") && !mac)
        return error_set(c->err, EINVAL, "expected a MAC address");
    for (u64 i = 0; i < count; i++) {
        be32 addr = be32_from_host(get_be32(ip->ip.addr) + (u32)i);
        int rc = cli_has(c, "del")
                     ? neighbor_del(c->piste, f->index, addr, c->err)
                     : neighbor_add(c->piste, f->index, addr, mac->mac, flags, c->err);
        if (rc)
            return rc;
    }
    return 0;
}

static int flush_neighbors(struct cli_call *c)
{
    const struct interface *f = cli_interface(c, "interface");
    neighbor_flush(c->piste, f ? f->index : IF_NONE, false);
    return 0;
}

/* --- show ip neighbors --- */

static bool neighbor_cli_show_one(const struct neighbor *n, void *arg)
{
    struct cli_call *c = arg;
    char text[32], age[32];
    const u8 *a = (const u8 *)&n->addr;
    double age_s = (double)(clock_ns() - n->updated_ns) / 1e9;

    out_object(c->out, NULL);
    /* VPP writes no 0 in front of the point */
    snprintf(age, sizeof(age), "%.4f", age_s);
    out_text(c->out, "%12s", age[0] == '0' ? age + 1 : age);
    out_f64(c->out, "age", age_s, NULL);
    snprintf(text, sizeof(text), "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
    out_str(c->out, "ip", text, NULL);
    out_aligned(c->out, text, 40, OUT_CENTER);
    snprintf(text, sizeof(text), "%s%s%s", n->flags & NEIGHBOR_STATIC ? "S" : "",
             n->flags & NEIGHBOR_DYNAMIC ? "D" : "", n->flags & NEIGHBOR_NO_FIB_ENTRY ? "N" : "");
    out_str(c->out, "flags", text, NULL);
    out_aligned(c->out, text, 6, OUT_CENTER);
    ethernet_mac_text(n->mac, text);
    out_str(c->out, "mac", text, NULL);
    out_aligned(c->out, text, 20, OUT_CENTER);
    const struct interface *f = interface_at(c->piste, n->interface);
    out_str(c->out, "interface", f ? f->name : "DELETED", "%s\n");
    out_end(c->out);
    return true;
}

static int show_neighbors(struct cli_call *c)
{
    const struct neighbors *ns = neighbors_of(c->piste);
    const struct interface *f = cli_interface(c, "interface");
    if (ns->entries.n_used) {
        out_aligned(c->out, "Age", 12, OUT_CENTER);
        out_aligned(c->out, "IP", 40, OUT_CENTER);
        out_aligned(c->out, "Flags", 6, OUT_CENTER);
        out_aligned(c->out, "Ethernet", 20, OUT_CENTER);
        out_aligned(c->out, "Interface", 24, OUT_CENTER);
        out_text(c->out, "\n");
    }
    out_array(c->out, "neighbors");
    neighbor_each(c->piste, f ? f->index : IF_NONE, neighbor_cli_show_one, c);
    out_end(c->out);
    return 0;
}

static int show_stats(struct cli_call *c)
{
    const struct neighbors *ns = neighbors_of(c->piste);
    static const char *const names[ARP_COUNTER_N] = {"rx requests", "rx replies", "rx gratuitous",
                                                     "tx requests", "tx replies", "tx gratuitous"};
    const struct interface *only = cli_interface(c, "interface"), *f;
    out_array(c->out, "interfaces");
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1) {
        if (only && only != f)
            continue;
        out_object(c->out, NULL);
        out_str(c->out, "interface", f->name, "%s:\n");
        for (u32 k = 0; k < ARP_COUNTER_N; k++) {
            u64 n = counter_get(arp_counters[k], f->index.i);
            out_text(c->out, "  %s: %" PRIu64 "\n", names[k], n);
            out_u64(c->out, names[k], n, NULL);
        }
        out_end(c->out);
    }
    out_end(c->out);
    out_u64(c->out, "resolving", ns->resolving.n_used, "resolving: %" PRIu64 "\n");
    out_u64(c->out, "packets_waiting", __atomic_load_n(&neighbor_pending, __ATOMIC_RELAXED),
            "packets waiting: %" PRIu64 "\n");
    out_u64(c->out, "timed_out", ns->n_timed_out, "timed out: %" PRIu64 "\n");
    out_u64(c->out, "packets_dropped", ns->n_held_dropped, "packets dropped: %" PRIu64 "\n");
    out_u64(c->out, "not_learnt", ns->n_learn_dropped, "not learnt: %" PRIu64 "\n");
    out_u64(c->out, "recycled", ns->n_recycled, "recycled: %" PRIu64 "\n");
    return 0;
}

/* --- set ip neighbor-config --- */

static int set_config(struct cli_call *c)
{
    struct neighbor_config config = neighbor_config(c->piste);
    if (cli_has(c, "ip6"))
        return error_set(c->err, EOPNOTSUPP, "IPv6 is not supported");
    config.limit = (u32)cli_u64(c, "limit", config.limit);
    config.age_s = (u32)cli_u64(c, "age", config.age_s);
    if (cli_has(c, "recycle"))
        config.recycle = true;
    if (cli_has(c, "norecycle") || cli_has(c, "no-recycle"))
        config.recycle = false;
    neighbor_set_config(c->piste, config);
    return 0;
}

static void show_config_of(struct cli_call *c, const char *name, struct neighbor_config config)
{
    out_text(c->out, "%s:\n", name);
    out_object(c->out, name);
    out_u64(c->out, "limit", config.limit, "  limit:%" PRIu64);
    out_u64(c->out, "age", config.age_s, ", age:%" PRIu64);
    out_text(c->out, ", recycle:%u\n", config.recycle);
    out_bool(c->out, "recycle", config.recycle, NULL, NULL);
    out_end(c->out);
}

static int neighbor_cli_show_config(struct cli_call *c)
{
    show_config_of(c, "ip4", neighbor_config(c->piste));
    show_config_of(c, "ip6", (struct neighbor_config){.limit = 50000});
    return 0;
}

/* --- proxy ARP --- */

static u32 address_of(const struct cli_call *c, const char *label)
{
    return get_be32(cli_get(c, label)->ip.addr);
}

static int set_proxy(struct cli_call *c)
{
    return neighbor_proxy_range(c->piste, (u32)cli_u64(c, "table-id", 0), address_of(c, "first"),
                                address_of(c, "last"), !cli_has(c, "del"), c->err);
}

static int set_interface_proxy(struct cli_call *c)
{
    return neighbor_proxy_enable(c->piste, cli_interface(c, "interface")->index,
                                 !cli_has(c, "disable"), c->err);
}

static const char *host_text(u32 a, char out[16])
{
    snprintf(out, 16, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
    return out;
}

static int show_proxy(struct cli_call *c)
{
    const struct neighbors *ns = neighbors_of(c->piste);
    struct interface *f;
    char text[16];
    out_text(c->out, "Proxy arps enabled for:\n");
    out_array(c->out, "ranges");
    for (u32 i = 0; ns->ranges && i < ns->ranges->n; i++) {
        const struct proxy_range *r = &ns->ranges->v[i];
        out_object(c->out, NULL);
        out_u64(c->out, "fib_index", r->fib, "Fib_index %" PRIu64 "   ");
        out_str(c->out, "first", host_text(r->first, text), "%s - ");
        out_str(c->out, "last", host_text(r->last, text), "%s \n");
        out_end(c->out);
    }
    out_end(c->out);
    out_text(c->out, "Interfaces enabled:\n");
    out_array(c->out, "interfaces");
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1)
        if (neighbor_proxy_is_enabled(c->piste, f->index))
            out_str(c->out, NULL, f->name, "  %s\n");
    out_end(c->out);
    return 0;
}

#define NEIGHBOR_GRAMMAR                                                                           \
    "[del] [static] [no-fib-entry] [count <count:u32>] <interface> <ip-address> [<mac>] [static] " \
    "[no-fib-entry] [count <count:u32>]"

const struct cli_command neighbor_commands[] = {
    {"set ip neighbor " NEIGHBOR_GRAMMAR, "Add or delete a neighbor", set_neighbor, 0},
    {"ip neighbor " NEIGHBOR_GRAMMAR, "Add or delete a neighbor", set_neighbor, 0},
    {"ip neighbor flush [<interface>]", "Forget learnt neighbors", flush_neighbors, 0},
    {"show ip neighbors [<interface>]", "Neighbors", show_neighbors, 0},
    {"show ip neighbor [<interface>]", "Neighbors", show_neighbors, 0},
    {"show ip4 neighbors [<interface>]", "Neighbors", show_neighbors, 0},
    {"show ip4 neighbor [<interface>]", "Neighbors", show_neighbors, 0},
    {"show ip neighbor-stats [<interface>]", "Counters of ARP", show_stats, 0},
    {"set ip neighbor-config (ip4 | ip6) [limit <limit:u32>] [age <age:u32>] "
     "[recycle | norecycle | no-recycle]",
     "Limits and age of learnt neighbors", set_config, 0},
    {"show ip neighbor-config", "Limits and age of learnt neighbors", neighbor_cli_show_config, 0},
    {"set arp proxy [del] [table-id <table-id:u32>] (start <first:ip4-address>) "
     "(end <last:ip4-address>)",
     "Addresses that are answered for", set_proxy, 0},
    {"set ip arp proxy [del] [table-id <table-id:u32>] <first:ip4-address> - <last:ip4-address>",
     "Addresses that are answered for", set_proxy, 0},
    {"set interface proxy-arp <interface> [enable | disable]",
     "Answer for the addresses of others on this interface", set_interface_proxy, 0},
    {"show arp proxy", "Addresses that are answered for", show_proxy, 0},
    {0},
};

/* --- running config --- */

static int by_place(const void *a, const void *b)
{
    const struct neighbor_entry *x = *(void *const *)a, *y = *(void *const *)b;
    if (x->key.interface.i != y->key.interface.i)
        return x->key.interface.i < y->key.interface.i ? -1 : 1;
    return memcmp(&x->key.addr, &y->key.addr, 4);
}

static void write_neighbor(struct piste *p, const struct neighbor_entry *n, struct text *t)
{
    const u8 *a = (const u8 *)&n->key.addr;
    char mac[MAC_TEXT_BYTES];
    const struct interface *f = interface_at(p, n->key.interface);
    if (f)
        text_add(t, "set ip neighbor static %s%s %u.%u.%u.%u %s\n",
                 n->flags & NEIGHBOR_NO_FIB_ENTRY ? "no-fib-entry " : "", f->name, a[0], a[1], a[2],
                 a[3], ethernet_mac_text(n->mac, mac));
}

/* Those that the user wants to stay, in an order that does not depend on time. */
static void write_neighbors(struct piste *p, const struct neighbors *ns, struct text *t)
{
    VEC(const struct neighbor_entry *) list = {0};
    pool_each(&ns->entries, n)
    {
        if (neighbor_at(ns, n)->flags & NEIGHBOR_STATIC)
            vec_add(&list, neighbor_at(ns, n));
    }
    if (list.n)
        qsort(list.v, list.n, sizeof(list.v[0]), by_place);
    for (u32 i = 0; i < list.n; i++)
        write_neighbor(p, list.v[i], t);
    vec_free(&list);
}

void neighbor_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct neighbors *ns = neighbors_of(p);
    struct neighbor_config c = ns->config;
    struct interface *f;
    char first[16], last[16];

    if (phase == RC_INTERFACE)
        for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1)
            if (neighbor_proxy_is_enabled(p, f->index))
                text_add(t, "set interface proxy-arp %s enable\n", f->name);
    if (phase != RC_ROUTES)
        return;
    for (u32 i = 0; ns->ranges && i < ns->ranges->n; i++)
        text_add(t, "set arp proxy table-id %u start %s end %s\n",
                 fib_table_id(ns->fib, (struct fib_index){ns->ranges->v[i].fib}),
                 host_text(ns->ranges->v[i].first, first), host_text(ns->ranges->v[i].last, last));
    write_neighbors(p, ns, t);
    /* the limit may be below what was there before it */
    if (c.limit != 50000 || c.age_s || c.recycle)
        text_add(t, "set ip neighbor-config ip4 limit %u age %u %s\n", c.limit, c.age_s,
                 c.recycle ? "recycle" : "norecycle");
}
