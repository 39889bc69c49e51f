/* Commands about neighbors, and their running configuration. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/clock.h"
#include "control/cli.h"
#include "engine/counter.h"
#include "net/link/interface/interface.h"
#include "net/ip/neighbor/neighbor_internal.h"
#include "net/packet/ethernet_format.h"

#define NEIGHBORS_A_PIECE 128 /* of a running config */

/* --- set ip neighbor --- */

static int set_neighbor(struct cli_call *c)
{
    const struct interface *f = cli_interface(c, "interface");
    const struct cli_value *ip = cli_get(c, "ip-address"), *mac = cli_get(c, "mac");
    enum ip_family family = ip_family_of(ip->ip.is_ip6);
    struct {
        struct ip_address next;
        u64 done;
    } *at = cli_kept(c, sizeof(*at), NULL);
    u8 flags = cli_has(c, "static") ? NEIGHBOR_STATIC : NEIGHBOR_DYNAMIC;
    if (cli_has(c, "no-fib-entry"))
        flags |= NEIGHBOR_NO_FIB_ENTRY;
    if (!cli_has(c, "del") && !mac)
        return error_set(c->err, EINVAL, "expected a MAC address");
    if (!c->again)
        at->next = ip_address_from_bytes(family, ip->ip.addr);
    for (; at->done < cli_u64(c, "count", 1); at->done++) {
        struct link_host host = {at->next, f->index, family};
        if (cli_full(c))
            return CLI_MORE;
        int rc = cli_has(c, "del") ? neighbor_del(c->piste, &host, c->err)
                                   : neighbor_add(c->piste, &host, mac->mac, flags, c->err);
        if (rc)
            return rc;
        if (!ip_address_next(&at->next, ip_family_bits(family)))
            break;
    }
    return 0;
}

static int flush_neighbors(struct cli_call *c)
{
    const struct interface *f = cli_interface(c, "interface");
    for (u32 k = 0; k < IP_FAMILY_N; k++)
        neighbor_flush(c->piste, (enum ip_family)k, f ? f->index : IF_NONE, false);
    return 0;
}

/* --- show ip neighbors --- */

static void neighbor_cli_show_one(struct cli_call *c, const struct neighbor *n)
{
    char text[IP_ADDRESS_TEXT_BYTES], age[32];
    double age_s = (double)(clock_ns() - n->updated_ns) / 1e9;

    out_object(c->out, NULL);
    /* VPP writes no 0 in front of the point */
    snprintf(age, sizeof(age), "%.4f", age_s);
    out_text(c->out, "%12s", age[0] == '0' ? age + 1 : age);
    out_f64(c->out, "age", age_s, NULL);
    ip_address_text((enum ip_family)n->host.family, &n->host.addr, text);
    out_str(c->out, "ip", text, NULL);
    out_aligned(c->out, text, 40, OUT_CENTER);
    snprintf(text, sizeof(text), "%s%s%s", n->flags & NEIGHBOR_STATIC ? "S" : "",
             n->flags & NEIGHBOR_DYNAMIC ? "D" : "", n->flags & NEIGHBOR_NO_FIB_ENTRY ? "N" : "");
    out_str(c->out, "flags", text, NULL);
    out_aligned(c->out, text, 6, OUT_CENTER);
    ethernet_mac_text(n->mac, text);
    out_str(c->out, "mac", text, NULL);
    out_aligned(c->out, text, 20, OUT_CENTER);
    const struct interface *f = interface_at(c->piste, n->host.interface);
    out_str(c->out, "interface", f ? f->name : "DELETED", "%s\n");
    out_end(c->out);
}

static void neighbor_walk_fini(void *kept)
{
    free(((struct neighbor_walk *)kept)->keys);
}

struct shown_neighbors {
    struct neighbor_walk walk; /* first: neighbor_walk_fini ends it */
    bool titled;
};

static void neighbor_cli_show_titles(struct cli_call *c)
{
    out_aligned(c->out, "Age", 12, OUT_CENTER);
    out_aligned(c->out, "IP", 40, OUT_CENTER);
    out_aligned(c->out, "Flags", 6, OUT_CENTER);
    out_aligned(c->out, "Ethernet", 20, OUT_CENTER);
    out_aligned(c->out, "Interface", 24, OUT_CENTER);
    out_text(c->out, "\n");
}

static int show_neighbors_of(struct cli_call *c, enum ip_family first, enum ip_family last)
{
    const struct interface *f = cli_interface(c, "interface");
    struct shown_neighbors *x = cli_kept(c, sizeof(*x), neighbor_walk_fini);
    struct neighbor n;
    if (!c->again) {
        x->walk = (struct neighbor_walk){.piste = c->piste, .only = f ? f->index : IF_NONE};
        out_array(c->out, "neighbors");
    }
    for (int rc; (rc = neighbor_walk_next(&x->walk, &n));) {
        if (rc == 1 && n.host.family >= first && n.host.family <= last) {
            if (!x->titled)
                neighbor_cli_show_titles(c);
            x->titled = true;
            neighbor_cli_show_one(c, &n);
        }
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}

static int show_neighbors(struct cli_call *c)
{
    return show_neighbors_of(c, IP_FAMILY_4, IP_FAMILY_6);
}

static int show_ip4_neighbors(struct cli_call *c)
{
    return show_neighbors_of(c, IP_FAMILY_4, IP_FAMILY_4);
}

static int show_ip6_neighbors(struct cli_call *c)
{
    return show_neighbors_of(c, IP_FAMILY_6, IP_FAMILY_6);
}

/* Counters of a protocol on an interface. */
static void neighbor_cli_show_counters(struct cli_call *c, const char *title,
                                       const struct neighbor_protocol *x, const struct interface *f)
{
    u64 n[NEIGHBOR_COUNTER_N] = {0};
    for (u32 k = 0; x && k < NEIGHBOR_COUNTER_N; k++) {
        n[k] = counter_get(x->counters[k].v, f->index.i);
        out_u64(c->out, x->counters[k].name, n[k], NULL);
    }
    out_text(c->out, "    %s rx:[reply:%" PRIu64 " request:%" PRIu64 " gratuitous:%" PRIu64 " ]",
             title, n[1], n[0], n[2]);
    out_text(c->out, " tx:[reply:%" PRIu64 " request:%" PRIu64 " gratuitous:%" PRIu64 " ]\n", n[4],
             n[3], n[5]);
}

static int show_stats(struct cli_call *c)
{
    const struct neighbors *ns = neighbors_of(c->piste);
    if (!c->again)
        out_array(c->out, "interfaces");
    for (struct interface *f; (f = interface_cli_next(c, INTERFACE_BY_INDEX));) {
        out_object(c->out, NULL);
        out_str(c->out, "interface", f->name, "  %s\n");
        neighbor_cli_show_counters(c, "arp:", ns->protocols[IP_FAMILY_4], f);
        neighbor_cli_show_counters(c, "nd: ", ns->protocols[IP_FAMILY_6], f);
        out_end(c->out);
        if (cli_full(c))
            return CLI_MORE;
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

static int neighbor_cli_set_config(struct cli_call *c)
{
    enum ip_family f = ip_family_of(cli_has(c, "ip6"));
    struct neighbor_config config = neighbor_config(c->piste, f);
    if (!neighbor_is_spoken(c->piste, f))
        return error_set(c->err, EAFNOSUPPORT, "IPv6 is not supported");
    config.limit = (u32)cli_u64(c, "limit", config.limit);
    config.age_s = (u32)cli_u64(c, "age", config.age_s);
    if (cli_has(c, "recycle"))
        config.recycle = true;
    if (cli_has(c, "norecycle") || cli_has(c, "no-recycle"))
        config.recycle = false;
    neighbor_set_config(c->piste, f, config);
    return 0;
}

static int neighbor_cli_show_config(struct cli_call *c)
{
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        const char *name = ip_family_name((enum ip_family)f);
        struct neighbor_config config = neighbor_config(c->piste, (enum ip_family)f);
        out_text(c->out, "%s:\n", name);
        out_object(c->out, name);
        out_u64(c->out, "limit", config.limit, "  limit:%" PRIu64);
        out_u64(c->out, "age", config.age_s, ", age:%" PRIu64);
        out_text(c->out, ", recycle:%u\n", config.recycle);
        out_bool(c->out, "recycle", config.recycle, NULL, NULL);
        out_end(c->out);
    }
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
    {"show ip4 neighbors [<interface>]", "Neighbors of IPv4", show_ip4_neighbors, 0},
    {"show ip4 neighbor [<interface>]", "Neighbors of IPv4", show_ip4_neighbors, 0},
    {"show ip6 neighbors [<interface>]", "Neighbors of IPv6", show_ip6_neighbors, 0},
    {"show ip6 neighbor [<interface>]", "Neighbors of IPv6", show_ip6_neighbors, 0},
    {"show ip4 neighbor-sorted", "Neighbors of IPv4", show_ip4_neighbors, 0},
    {"show ip6 neighbor-sorted", "Neighbors of IPv6", show_ip6_neighbors, 0},
    {"show ip neighbor-stats [<interface>]", "Counters of ARP and neighbor discovery", show_stats,
     0},
    {"set ip neighbor-config (ip4 | ip6) [limit <limit:u32>] [age <age:u32>] "
     "[recycle | norecycle | no-recycle]",
     "Limits and age of learnt neighbors", neighbor_cli_set_config, 0},
    {"show ip neighbor-config", "Limits and age of learnt neighbors", neighbor_cli_show_config, 0},
    {0},
};

/* --- running config --- */

static void write_neighbor(struct piste *p, const struct neighbor *n, struct text *t)
{
    char address[IP_ADDRESS_TEXT_BYTES];
    char mac[MAC_TEXT_BYTES];
    const struct interface *f = interface_at(p, n->host.interface);
    if (f)
        text_add(t, "set ip neighbor static %s%s %s %s\n",
                 n->flags & NEIGHBOR_NO_FIB_ENTRY ? "no-fib-entry " : "", f->name,
                 ip_address_text((enum ip_family)n->host.family, &n->host.addr, address),
                 ethernet_mac_text(n->mac, mac));
}

/* Those that the user wants to stay, in an order that does not depend on time. */
bool neighbor_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                                  struct text *t)
{
    struct neighbor_walk *w = *place;
    if (phase != RC_ROUTES)
        return false;
    if (!w) {
        w = *place = mem_alloc(sizeof(*w));
        *w = (struct neighbor_walk){.piste = p, .only = IF_NONE, .flags = NEIGHBOR_STATIC};
    }
    struct neighbor found;
    int rc = 1;
    for (u32 n = 0; n < NEIGHBORS_A_PIECE && (rc = neighbor_walk_next(w, &found)) == 1; n++)
        write_neighbor(p, &found, t);
    return rc != 0;
}

void neighbor_place_free(void *place)
{
    neighbor_walk_fini(place);
    free(place);
}

static void write_config(struct neighbor_config c, enum ip_family f, struct text *t)
{
    if (c.limit != NEIGHBORS_DEFAULT_LIMIT || c.age_s || !c.recycle)
        text_add(t, "set ip neighbor-config %s limit %u age %u %s\n", ip_family_name(f), c.limit,
                 c.age_s, c.recycle ? "recycle" : "norecycle");
}

void neighbor_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct neighbors *ns = state;
    if (phase != RC_ROUTES)
        return;
    /* the limit may be below what was there before it */
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        write_config(ns->config[f], (enum ip_family)f, t);
}
