/* Commands about interfaces. Layouts and error words are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/cli.h"
#include "net/link/interface/interface_internal.h"
#include "net/packet/ethernet_format.h"

/* --- <interface> values --- */

static int interface_parse(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    struct interface *f = interface_take(p, text);
    if (!f)
        return -ENOENT;
    v->ptr = f;
    return 0;
}

static void interface_complete(struct piste *p, const char *prefix,
                               void (*add)(void *arg, const char *word), void *arg)
{
    for (struct interface *f = interface_next(p, 0); f; f = interface_next(p, f->index.i + 1))
        if (!strncmp(f->name, prefix, strlen(prefix)))
            add(arg, f->name);
}

const struct cli_type interface_types[] = {
    {"interface", "unknown interface", interface_parse, interface_complete},
    {0},
};

struct interface *cli_interface(const struct cli_call *c, const char *label)
{
    const struct cli_value *v = cli_get(c, label);
    return v ? v->ptr : NULL;
}

/* How far a command about many interfaces is. */
struct interface_cli_place {
    u32 at;           /* of those that it names; of the list; or the next index */
    VEC(u32) by_name; /* all there were when it began */
};

static void interface_cli_place_fini(void *kept)
{
    vec_free(&((struct interface_cli_place *)kept)->by_name);
}

static void interface_cli_note_all(struct cli_call *c, struct interface_cli_place *place)
{
    struct interface **list;
    u32 n = interface_list_sorted(c->piste, &list);
    for (u32 i = 0; i < n; i++)
        vec_add(&place->by_name, list[i]->index.i);
    free(list);
}

struct interface *interface_cli_from(const struct cli_call *c, u32 *at)
{
    bool named = cli_get(c, "interface");
    for (; named && *at < c->n_args; ++*at)
        if (!strcmp(c->args[*at].name, "interface"))
            return c->args[*at].value.ptr;
    struct interface *f = named ? NULL : interface_next(c->piste, *at);
    *at = f ? f->index.i : UINT32_MAX;
    return f;
}

struct interface *interface_cli_next(struct cli_call *c, enum interface_order order)
{
    struct interface_cli_place *place = cli_kept(c, sizeof(*place), interface_cli_place_fini);
    struct interface *f = NULL;
    if (order == INTERFACE_BY_INDEX || cli_get(c, "interface")) {
        f = interface_cli_from(c, &place->at);
        place->at += f != NULL;
        return f;
    }
    if (!place->by_name.v)
        interface_cli_note_all(c, place);
    while (!f && place->at < place->by_name.n)
        f = interface_at(c->piste, (struct if_index){place->by_name.v[place->at++]});
    return f;
}

/* --- show interface --- */

static const struct {
    enum if_counter counter;
    const char *packets, *bytes;
} shown[] = {
    {IF_RX, "rx packets", "rx bytes"},
    {IF_TX, "tx packets", "tx bytes"},
    {IF_RX_UNICAST, "rx-unicast packets", "rx-unicast bytes"},
    {IF_RX_MULTICAST, "rx-multicast packets", "rx-multicast bytes"},
    {IF_RX_BROADCAST, "rx-broadcast packets", "rx-broadcast bytes"},
    {IF_TX_UNICAST, "tx-unicast packets", "tx-unicast bytes"},
    {IF_TX_MULTICAST, "tx-multicast packets", "tx-multicast bytes"},
    {IF_TX_BROADCAST, "tx-broadcast packets", "tx-broadcast bytes"},
    {IF_DROP, "drops", NULL},
    {IF_PUNT, "punt", NULL},
    {IF_IP4, "ip4", NULL},
    {IF_IP6, "ip6", NULL},
    {IF_RX_NO_BUF, "rx-no-buf", NULL},
    {IF_RX_MISS, "rx-miss", NULL},
    {IF_RX_ERROR, "rx-error", NULL},
    {IF_TX_ERROR, "tx-error", NULL},
    {IF_MPLS, "mpls", NULL},
};

struct counter_rows {
    struct out *o;
    u32 n;
};

static void counter_row(struct counter_rows *rows, const char *name, u64 value)
{
    if (!value)
        return;
    if (rows->n++)
        out_text(rows->o, "%68s", "");
    out_text(rows->o, "%-16s%16" PRIu64 "\n", name, value);
    out_u64(rows->o, name, value, NULL);
}

static void interface_cli_show_counters(struct out *o, struct interface *f)
{
    struct counter_rows rows = {o, 0};
    out_object(o, "counters");
    for (u32 i = 0; i < array_len(shown); i++) {
        if (shown[i].bytes) {
            struct counter_pair v = counter_get_pair(if_counters[shown[i].counter], f->index.i);
            counter_row(&rows, shown[i].packets, v.packets);
            counter_row(&rows, shown[i].bytes, v.bytes);
        } else {
            counter_row(&rows, shown[i].packets,
                        counter_get(if_counters[shown[i].counter], f->index.i));
        }
    }
    out_end(o);
    if (!rows.n)
        out_text(o, "\n");
}

static void show_one(struct out *o, struct interface *f)
{
    char text[64];
    u32 mtu[IF_MTU_N];
    for (u32 i = 0; i < IF_MTU_N; i++)
        mtu[i] = interface_shown_mtu(f, (enum if_mtu)i);
    out_object(o, NULL);
    out_str(o, "name", f->name, "%-32.32s");
    out_u64(o, "sw_if_index", f->index.i, NULL);
    snprintf(text, sizeof(text), "%u", f->index.i);
    out_aligned(o, text, 5, OUT_CENTER);
    out_str(o, "state", f->admin_up ? "up" : "down", NULL);
    out_str(o, "link", f->link_up ? "up" : "down", NULL);
    out_aligned(o, f->admin_up ? "up" : "down", 10, OUT_CENTER);
    snprintf(text, sizeof(text), "%u/%u/%u/%u", mtu[IF_MTU_L3], mtu[IF_MTU_IP4], mtu[IF_MTU_IP6],
             mtu[IF_MTU_MPLS]);
    out_u64(o, "mtu", mtu[IF_MTU_L3], NULL);
    out_u64(o, "mtu_ip4", mtu[IF_MTU_IP4], NULL);
    out_u64(o, "mtu_ip6", mtu[IF_MTU_IP6], NULL);
    out_u64(o, "mtu_mpls", mtu[IF_MTU_MPLS], NULL);
    out_aligned(o, text, 21, OUT_CENTER);
    interface_cli_show_counters(o, f);
    out_end(o);
}

static int show_interface(struct cli_call *c)
{
    if (!c->again) {
        out_aligned(c->out, "Name", 32, OUT_CENTER);
        out_aligned(c->out, "Idx", 5, OUT_CENTER);
        out_aligned(c->out, "State", 10, OUT_CENTER);
        out_aligned(c->out, "MTU (L3/IP4/IP6/MPLS)", 21, OUT_CENTER);
        out_aligned(c->out, "Counter", 16, OUT_CENTER);
        out_aligned(c->out, "Count", 16, OUT_CENTER);
        out_text(c->out, "\n");
        out_array(c->out, "interfaces");
    }
    for (struct interface *f; (f = interface_cli_next(c, INTERFACE_BY_NAME));) {
        show_one(c->out, f);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}

static int show_tag(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "interface");
    if (!f)
        return error_set(c->err, EINVAL, "Interface not specified...");
    out_text(c->out, "%s tag: %s\n", f->name, f->tag[0] ? f->tag : "(none)");
    out_str(c->out, "name", f->name, NULL);
    out_str(c->out, "tag", f->tag, NULL);
    return 0;
}

/* --- features --- */

struct feature_list {
    struct out *o;
    const char *arc; /* whose title was printed */
    u32 n;
    bool only_enabled;
};

static void finish_arc(struct feature_list *l)
{
    if (!l->arc)
        return;
    if (l->only_enabled && !l->n)
        out_text(l->o, "  none configured\n");
    out_end(l->o);
}

static void list_feature(void *arg, const char *arc, const char *node, bool enabled)
{
    struct feature_list *l = arg;
    if (!node) {
        finish_arc(l);
        out_text(l->o, l->only_enabled ? "\n%s:\n" : "%s:\n", arc);
        out_array(l->o, arc);
        l->arc = arc;
        l->n = 0;
        return;
    }
    if (l->only_enabled && !enabled)
        return;
    out_str(l->o, NULL, node, NULL);
    out_text(l->o, "  %s\n", node);
    l->n++;
}

static int show_interface_features(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "interface");
    if (!f)
        return error_set(c->err, EINVAL, "Interface not specified...");
    struct feature_list l = {.o = c->out, .only_enabled = true};
    out_text(c->out, "Feature paths configured on %s...\n", f->name);
    feature_each(engine_of(c->piste), f->index, list_feature, &l);
    finish_arc(&l);
    return 0;
}

static int show_features(struct cli_call *c)
{
    struct feature_list l = {.o = c->out};
    out_text(c->out, "Available feature paths\n");
    feature_each(engine_of(c->piste), IF_NONE, list_feature, &l);
    finish_arc(&l);
    return 0;
}

static int set_feature(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "interface");
    return feature_enable_by_user(engine_of(c->piste), cli_str(c, "arc-name", ""),
                                  cli_str(c, "feature", ""), f->index, !cli_has(c, "disable"),
                                  c->err);
}

/* --- clear --- */

static int clear_interfaces(struct cli_call *c)
{
    for (struct interface *f; (f = interface_cli_next(c, INTERFACE_BY_NAME));) {
        interface_clear_counters(c->piste, &f, 1);
        if (cli_full(c))
            return CLI_MORE;
    }
    return 0;
}

/* --- set interface --- */

static int set_state(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "interface");
    if (cli_has(c, "punt"))
        return error_set(c->err, EOPNOTSUPP,
                         "interfaces that punt all they receive are not supported");
    return interface_set_admin(c->piste, f->index, cli_has(c, "up") || cli_has(c, "enable"),
                               c->err);
}

static int interface_cli_set_mtu(struct cli_call *c)
{
    static const char *const which[IF_MTU_N] = {"packet", "ip4", "ip6", "mpls"};
    struct interface *f = cli_interface(c, "interface");
    u32 bytes = (u32)cli_u64(c, "value", 0);
    for (u32 i = 0; i < IF_MTU_N; i++)
        if (cli_has(c, which[i]))
            return interface_set_mtu(c->piste, f->index, (enum if_mtu)i, bytes, c->err);
    return interface_set_hw_mtu(c->piste, f->index, bytes, c->err);
}

static int interface_cli_reset_mtu(struct cli_call *c)
{
    return interface_reset_mtu(c->piste, cli_interface(c, "interface")->index, c->err);
}

static int interface_cli_set_mac(struct cli_call *c)
{
    return interface_set_mac(c->piste, cli_interface(c, "interface")->index, cli_get(c, "mac")->mac,
                             c->err);
}

static int set_promiscuous(struct cli_call *c)
{
    return interface_set_promiscuous(c->piste, cli_interface(c, "interface")->index,
                                     cli_has(c, "on"), c->err);
}

static int set_tag(struct cli_call *c)
{
    return interface_set_tag(c->piste, cli_interface(c, "interface")->index, cli_str(c, "tag", ""),
                             c->err);
}

static int clear_tag(struct cli_call *c)
{
    return interface_set_tag(c->piste, cli_interface(c, "interface")->index, "", c->err);
}

static int set_name(struct cli_call *c)
{
    return interface_rename(c->piste, cli_interface(c, "interface")->index, cli_str(c, "name", ""),
                            c->err);
}

static int set_gso(struct cli_call *c)
{
    return interface_set_software_offload(c->piste, cli_interface(c, "interface")->index,
                                          !cli_has(c, "disable"), c->err);
}

static void show_address_of(struct cli_call *c, struct interface *f)
{
    out_object(c->out, NULL);
    out_str(c->out, "name", f->name, "%s");
    out_bool(c->out, "admin_up", f->admin_up, " (up):\n", " (dn):\n");
    interface_show_address(c->piste, f, c->out);
    out_end(c->out);
}

static int interface_cli_show_address(struct cli_call *c)
{
    if (!c->again)
        out_array(c->out, "interfaces");
    for (struct interface *f; (f = interface_cli_next(c, INTERFACE_BY_NAME));) {
        show_address_of(c, f);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}

const struct cli_command interface_commands[] = {
    {"show interface address [<interface>] ...", "Addresses of interfaces",
     interface_cli_show_address, CLI_ARGUMENT_WORD},
    {"show interface [<interface> ...]", "Interfaces, their states, MTUs and counters",
     show_interface, 0},
    {"show interface tag [<interface>]", "The tag that somebody gave an interface", show_tag,
     CLI_ARGUMENT_WORD},
    {"show interface features [<interface>]", "Features enabled on an interface, by arc",
     show_interface_features, CLI_ARGUMENT_WORD},
    {"show interface feat [<interface>]", "The same as `show interface features`",
     show_interface_features, CLI_HIDDEN | CLI_ARGUMENT_WORD},
    {"show interface rx-placement", "Which thread serves which receive queue",
     interface_cli_show_rx_placement, 0},
    {"show features [verbose]", "All feature arcs and what is on them, in order", show_features, 0},
    {"show hardware-interfaces [brief] [verbose] [detail] [<interface> ...]",
     "Interfaces as their drivers see them: link, queues, offloads", interface_cli_show_hardware,
     0},
    {"clear interfaces [<interface> ...]", "Starts counters of interfaces anew", clear_interfaces,
     0},
    {"clear interface tag <interface>", "Takes an interface's tag away", clear_tag, 0},
    {"clear hardware-interfaces [<interface> ...]", "Starts driver statistics anew",
     interface_cli_clear_hardware, 0},
    {"set interface state <interface> ( up | down | punt | enable ):flags",
     "Administrative state of an interface", set_state, 0},
    {"set interface mtu [packet|ip4|ip6|mpls] <value:u32> <interface>",
     "MTU in bytes: of the hardware, of all of layer 3 (packet) or of one protocol",
     interface_cli_set_mtu, 0},
    {"set interface mtu default <interface>",
     "The MTU that it has when nobody sets one; a Linux device gets back what it had",
     interface_cli_reset_mtu, CLI_OWN},
    {"set interface mac address <interface> <mac>", "Changes an interface's MAC address",
     interface_cli_set_mac, 0},
    {"set interface secondary-mac-address <interface> <mac> [add|del]",
     "Receives frames for another MAC address, too", interface_cli_set_secondary_mac, 0},
    {"show interface secondary-mac-address [<interface>]",
     "MAC addresses that interfaces receive frames for beside their own",
     interface_cli_show_secondary_macs, 0},
    {"set interface promiscuous ( on | off ) <interface>", "Receives frames for other stations too",
     set_promiscuous, 0},
    {"set interface tag <interface> <tag:string>",
     "Gives an interface a tag that people and programs may read", set_tag, 0},
    {"set interface name <interface> <name:string>", "Renames an interface", set_name, 0},
    {"set interface rx-mode <interface> [queue <number:u32>] ( polling | interrupt | adaptive | "
     "default )",
     "How receive queues are served", interface_cli_set_rx_mode, 0},
    {"set interface default rx-mode ( polling | interrupt | adaptive )",
     "How queues of new interfaces are served", interface_cli_set_default_rx_mode, 0},
    {"show interface default rx-mode", "How queues of new interfaces are served",
     interface_cli_show_default_rx_mode, 0},
    {"set interface rx-placement <interface> [queue <number:u32>] ( worker <thread:u32> | main )",
     "Gives receive queues to a data thread", interface_cli_set_rx_placement, 0},
    {"set interface tx-queue <interface> (queue <number:u32>) [threads <list:string>]",
     "Gives a transmit queue to threads, such as 1-2,4; or to none", interface_cli_set_tx_queue, 0},
    {"set interface feature gso <interface> [enable|disable]",
     "Whether large packets are cut, and checksums made, for a port that does not do it", set_gso,
     0},
    {"set interface feature <interface> <feature:string> arc <arc-name:string> [disable]",
     "Enables a feature node on an arc of an interface", set_feature, 0},
    {0},
};
