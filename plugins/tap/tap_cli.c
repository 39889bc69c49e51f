/* Commands of taps. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/cli.h"
#include "net/link/interface/interface_api.h"
#include "net/packet/ethernet_format.h"
#include "plugins/tap/tap_internal.h"

/* --- create --- */

static const struct tap_word {
    const char *word;
    u32 flag;
} flag_words[] = {
    {"gso", TAP_GSO},
    {"gro-coalesce", TAP_GRO_COALESCE},
    {"csum-offload", TAP_CSUM},
    {"persist", TAP_PERSIST},
    {"attach", TAP_ATTACH},
    {"tun", TAP_TUN},
    {"packed", TAP_PACKED},
    {"in-order", TAP_IN_ORDER},
    {"consistent-qp", TAP_CONSISTENT_QP},
};

static int tap_cli_take_name(const struct cli_call *c, const char *label, const char *what,
                             char *out, size_t bytes)
{
    const char *name = cli_str(c, label, "");
    if (strlen(name) >= bytes)
        return error_set(c->err, EINVAL, "%s: at most %zu characters", what, bytes - 1);
    memcpy(out, name, strlen(name) + 1);
    return 0;
}

static bool tap_cli_take_mac(const struct cli_call *c, const char *label, u8 mac[6])
{
    const struct cli_value *v = cli_get(c, label);
    if (v)
        memcpy(mac, v->mac, 6);
    return v;
}

static void take_host_ip(const struct cli_call *c, struct tap_host_ip *ip, const char *addr,
                         const char *gateway)
{
    const struct cli_value *a = cli_get(c, addr), *g = cli_get(c, gateway);
    if (a) {
        ip->has_addr = true;
        memcpy(ip->addr.bytes, a->ip.addr, 16);
        ip->prefix_len = a->ip.prefix_len;
    }
    if (g) {
        ip->has_gateway = true;
        memcpy(ip->gateway.bytes, g->ip.addr, 16);
    }
}

static int take_args(const struct cli_call *c, struct tap_args *a)
{
    *a = (struct tap_args){
        .id = (u32)cli_u64(c, "if-id", UINT32_MAX),
        .n_rx_queues = (u32)cli_u64(c, "rx-queues", 0),
        .n_tx_queues = (u32)cli_u64(c, "tx-queues", 0),
        .rx_ring_size = (u32)cli_u64(c, "rx-size", 0),
        .tx_ring_size = (u32)cli_u64(c, "tx-size", 0),
        .host_mtu = (u32)cli_u64(c, "mtu", 0),
    };
    a->has_mac = tap_cli_take_mac(c, "mac-address", a->mac);
    a->has_host_mac = tap_cli_take_mac(c, "host-mac-address", a->host_mac);
    for (u32 i = 0; i < array_len(flag_words); i++)
        if (cli_has(c, flag_words[i].word))
            a->flags |= flag_words[i].flag;
    take_host_ip(c, &a->host_ip[IP_FAMILY_4], "ip4-addr", "ip4-gw");
    take_host_ip(c, &a->host_ip[IP_FAMILY_6], "ip6-addr", "ip6-gw");
    int rc = tap_cli_take_name(c, "name", "if-name", a->if_name, sizeof(a->if_name));
    if (!rc)
        rc = tap_cli_take_name(c, "host-name", "host-if-name", a->host_name, sizeof(a->host_name));
    if (!rc)
        rc = tap_cli_take_name(c, "netns", "host-ns", a->host_ns, sizeof(a->host_ns));
    if (!rc)
        rc = tap_cli_take_name(c, "bridge", "host-bridge", a->host_bridge, sizeof(a->host_bridge));
    return rc;
}

static int tap_cli_create(struct cli_call *c)
{
    struct tap_args a;
    struct if_index i;
    int rc = take_args(c, &a);
    if (!rc)
        rc = tap_create(c->piste, &a, &i, c->err);
    if (rc)
        return rc;
    out_str(c->out, "name", interface_at(c->piste, i)->name, "%s\n");
    out_u64(c->out, "sw_if_index", i.i, NULL);
    return 0;
}

static void add_host_ip(struct text *t, enum ip_family f, const struct tap_host_ip *ip)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    if (ip->has_addr)
        text_add(t, " host-%s-addr %s/%u", ip_family_name(f), ip_address_text(f, &ip->addr, text),
                 ip->prefix_len);
    if (ip->has_gateway)
        text_add(t, " host-%s-gw %s", ip_family_name(f), ip_address_text(f, &ip->gateway, text));
}

/* Names and addresses are those that there are, also where they were made up: neighbours know
 * them. */
void tap_running_config(void *arg, struct text *t)
{
    const struct tap *tap = arg;
    const struct tap_args *a = &tap->args;
    char mac[MAC_TEXT_BYTES];
    text_add(t, "create tap id %u", a->id);
    if (*a->if_name)
        text_add(t, " if-name %s", a->if_name);
    if (!(a->flags & TAP_TUN))
        text_add(t, " hw-addr %s", ethernet_mac_text(a->mac, mac));
    if (a->n_rx_queues > 1)
        text_add(t, " num-rx-queues %u", a->n_rx_queues);
    if (a->n_tx_queues > 1)
        text_add(t, " num-tx-queues %u", a->n_tx_queues);
    if (a->rx_ring_size)
        text_add(t, " rx-ring-size %u", a->rx_ring_size);
    if (a->tx_ring_size)
        text_add(t, " tx-ring-size %u", a->tx_ring_size);
    text_add(t, " host-if-name %s", tap->host_name);
    if (*a->host_ns)
        text_add(t, " host-ns %s", a->host_ns);
    if (*a->host_bridge)
        text_add(t, " host-bridge %s", a->host_bridge);
    if (!(a->flags & TAP_TUN))
        text_add(t, " host-mac-addr %s", ethernet_mac_text(tap->host_mac, mac));
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        add_host_ip(t, f, &a->host_ip[f]);
    if (a->host_mtu)
        text_add(t, " host-mtu-size %u", a->host_mtu);
    for (u32 i = 0; i < array_len(flag_words); i++)
        if (a->flags & flag_words[i].flag)
            text_add(t, " %s", flag_words[i].word);
    text_putc(t, '\n');
}

/* --- the others --- */

static struct if_index tap_cli_interface(const struct cli_call *c)
{
    const struct interface *f = cli_get(c, "interface")
                                    ? cli_interface(c, "interface")
                                    : api_interface(c->piste, (u32)cli_u64(c, "sw-idx", IF_MAX));
    return f ? f->index : IF_NONE;
}

static int tap_cli_delete(struct cli_call *c)
{
    return tap_delete(c->piste, tap_cli_interface(c), c->err);
}

static int tap_cli_set_offload(struct cli_call *c)
{
    const struct tap *tap = tap_of(c->piste, tap_cli_interface(c));
    if (!tap)
        return error_set(c->err, ENODEV, "not a tap interface");
    u32 flags = tap->args.flags;
    if (cli_has(c, "gso-enable"))
        flags = (flags & ~(u32)TAP_CSUM) | TAP_GSO;
    if (cli_has(c, "gso-disable"))
        flags &= ~(u32)(TAP_GSO | TAP_GRO_COALESCE);
    if (cli_has(c, "csum-offload-enable"))
        flags = (flags & ~(u32)(TAP_GSO | TAP_GRO_COALESCE)) | TAP_CSUM;
    if (cli_has(c, "csum-offload-disable"))
        flags &= ~(u32)(TAP_CSUM | TAP_GSO | TAP_GRO_COALESCE);
    if (cli_has(c, "gro-coalesce"))
        flags |= TAP_GRO_COALESCE;
    return tap_set_offload(c->piste, tap->interface, flags, c->err);
}

static int show_kind(struct cli_call *c, bool tun)
{
    const struct tap_state *s = tap_state_of(c->piste);
    struct tap *only = NULL;
    if (cli_get(c, "interface")) {
        only = tap_of(c->piste, cli_interface(c, "interface")->index);
        if (!only || !(only->args.flags & TAP_TUN) == tun)
            return error_set(c->err, EINVAL, "not a %s interface", tun ? "tun" : "tap");
    }
    out_array(c->out, "interfaces");
    for (u32 i = 0; i < s->taps.n; i++) {
        struct tap *tap = s->taps.v[i];
        if ((only && tap != only) || !(tap->args.flags & TAP_TUN) == tun)
            continue;
        out_object(c->out, NULL);
        tap_show_one(c->out, tap);
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

static int show_taps(struct cli_call *c)
{
    return show_kind(c, false);
}

static int show_tuns(struct cli_call *c)
{
    return show_kind(c, true);
}

const struct cli_command tap_commands[] = {
    {"create tap [id <if-id:u32>] [hw-addr <mac-address:mac>] [if-name <name:string>] "
     "[num-rx-queues <rx-queues:u32>] [num-tx-queues <tx-queues:u32>] [rx-ring-size <rx-size:u32>] "
     "[tx-ring-size <tx-size:u32>] [host-ns <netns:string>] [host-bridge <bridge:string>] "
     "[host-ip4-addr <ip4-addr:ip4-prefix>] [host-ip6-addr <ip6-addr:ip6-prefix>] "
     "[host-ip4-gw <ip4-gw:ip4-address>] [host-ip6-gw <ip6-gw:ip6-address>] "
     "[host-mac-addr <host-mac-address:mac>] [host-if-name <host-name:string>] "
     "[host-mtu-size <mtu:u32>] [no-gso|gso|csum-offload] [gro-coalesce] [persist] [attach] [tun] "
     "[packed] [in-order] [consistent-qp]",
     "Makes a tap or tun interface, and the Linux device at its other end", tap_cli_create, 0},
    {"delete tap ( <interface> | sw_if_index <sw-idx:u32> )",
     "Deletes a tap or tun interface, and its Linux device", tap_cli_delete, 0},
    {"set tap offload ( <interface> | sw_if_index <sw-idx:u32> ) "
     "(gso-enable|gso-disable|csum-offload-enable|csum-offload-disable) [gro-coalesce]",
     "Which checksums and large packets pass between a tap and Linux", tap_cli_set_offload, 0},
    {"show tap [<interface>] [descriptors]", "Shows tap interfaces", show_taps, 0},
    {"show tun [<interface>] [descriptors]", "Shows tun interfaces", show_tuns, 0},
    {0},
};
