/* Commands of bridge domains, ports and patches. Words, layouts and errors are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "control/cli.h"
#include "net/packet/ethernet_format.h"
#include "net/l2/l2_internal.h"

static struct l2_state *l2_cli_state_of(const struct cli_call *c)
{
    return l2_state_of(c->piste);
}

void l2_centered_number(struct out *o, unsigned width, i64 n)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, n);
    out_aligned(o, text, width, OUT_CENTER);
}

const char *l2_name_of(const struct cli_call *c, struct if_index i)
{
    const struct interface *f = if_is_none(i) ? NULL : interface_at(c->piste, i);
    return f ? f->name : "N/A";
}

/* --- domains --- */

static struct l2_bd *l2_cli_domain(struct cli_call *c)
{
    u32 id = (u32)cli_u64(c, "bridge-domain-id", 0);
    struct l2_bd *bd = l2_bd_find(l2_cli_state_of(c), id);
    if (!id)
        error_set(c->err, EPERM, "No operations on the default bridge domain are supported");
    else if (!bd)
        error_set(c->err, ENOENT, "No such bridge domain %u", id);
    return id ? bd : NULL;
}

static int create_domain(struct cli_call *c)
{
    static const struct {
        const char *name, *value;
        u8 flag;
    } settings[] = {
        {"learn", "learn-on", L2_IF_LEARN},          {"forward", "forward-on", L2_IF_FORWARD},
        {"uu-flood", "uu-flood-on", L2_IF_UU_FLOOD}, {"flood", "flood-on", L2_IF_FLOOD},
        {"arp-term", "arp-term-on", L2_IF_ARP_TERM},
    };
    struct l2_state *s = l2_cli_state_of(c);
    u32 id = (u32)cli_u64(c, "bridge-domain-id", 0);
    const char *tag = cli_str(c, "tag", "");
    struct l2_bd *bd;
    if (!id)
        return error_set(c->err, EPERM, "bridge domain 0 can not be modified");
    if (cli_has(c, "del"))
        return l2_bd_delete(s, id, c->err);
    int rc = interface_check_tag(tag, c->err);
    if (rc)
        return rc;
    if (cli_u64(c, "nn", 0) > 255)
        return error_set(c->err, EINVAL, "mac-age is at most 255 minutes");
    rc = l2_bd_create(s, id, &bd, c->err);
    if (rc)
        return rc;
    for (u32 i = 0; i < array_len(settings); i++)
        if (cli_has(c, settings[i].name))
            l2_bd_set_flags(s, bd, settings[i].flag, cli_u64(c, settings[i].value, 0));
    snprintf(bd->tag, sizeof(bd->tag), "%s", tag);
    l2_bd_set_arp_ufwd(bd, cli_u64(c, "arp-ufwd-on", 0));
    l2_bd_set_age(s, bd, (u8)cli_u64(c, "nn", 0));
    l2_bd_publish(s, bd);
    out_text(c->out, "bridge-domain %u\n", id);
    out_u64(c->out, "bridge_domain", id, NULL);
    return 0;
}

static int set_flag(struct cli_call *c, u8 flag)
{
    struct l2_bd *bd = l2_cli_domain(c);
    if (!bd)
        return -c->err->code;
    l2_bd_set_flags(l2_cli_state_of(c), bd, flag, !cli_has(c, "disable"));
    return 0;
}

static int set_learn(struct cli_call *c)
{
    return set_flag(c, L2_IF_LEARN);
}

static int set_forward(struct cli_call *c)
{
    return set_flag(c, L2_IF_FORWARD);
}

static int set_flood(struct cli_call *c)
{
    return set_flag(c, L2_IF_FLOOD);
}

static int set_uu_flood(struct cli_call *c)
{
    return set_flag(c, L2_IF_UU_FLOOD);
}

static int set_arp_term(struct cli_call *c)
{
    return set_flag(c, L2_IF_ARP_TERM);
}

static int set_arp_ufwd(struct cli_call *c)
{
    struct l2_bd *bd = l2_cli_domain(c);
    if (!bd)
        return -c->err->code;
    l2_bd_set_arp_ufwd(bd, !cli_has(c, "disable"));
    return 0;
}

static int l2_cli_set_mac_age(struct cli_call *c)
{
    struct l2_bd *bd = l2_cli_domain(c);
    u64 minutes = cli_u64(c, "mins", 0);
    if (!bd)
        return -c->err->code;
    if (minutes > 255)
        return error_set(c->err, EINVAL, "mac aging time exceed 255 minutes");
    l2_bd_set_age(l2_cli_state_of(c), bd, (u8)minutes);
    return 0;
}

static int l2_cli_set_learn_limit(struct cli_call *c)
{
    struct l2_bd *bd = l2_cli_domain(c);
    if (!bd)
        return -c->err->code;
    l2_bd_set_learn_limit(bd, (u32)cli_u64(c, "learn-limit", 0));
    return 0;
}

static int l2_cli_set_default_learn_limit(struct cli_call *c)
{
    l2_cli_state_of(c)->default_learn_limit = (u32)cli_u64(c, "maxentries", 0);
    return 0;
}

static struct arp_key l2_cli_key_of(const struct cli_value *v)
{
    return v->ip.is_ip6 ? arp_key_ip6(v->ip.addr) : arp_key_ip4(load_be32(v->ip.addr));
}

static int set_arp_entry(struct cli_call *c)
{
    struct l2_bd *bd = l2_cli_domain(c);
    const struct cli_value *ip = cli_get(c, "ip-addr"), *mac = cli_get(c, "mac-addr");
    if (!bd)
        return -c->err->code;
    if (cli_has(c, "del-all")) {
        l2_bd_arp_clear(l2_cli_state_of(c), bd);
        return 0;
    }
    struct arp_key key = l2_cli_key_of(ip);
    if (cli_has(c, "del"))
        return l2_bd_arp_del(l2_cli_state_of(c), bd, &key, c->err);
    return l2_bd_arp_set(l2_cli_state_of(c), bd, &key, mac->mac, c->err);
}

/* --- show bridge-domain --- */

static const struct {
    const char *title;
    int width;
} domain_columns[] = {
    {"BD-ID", 8},    {"Index", 7},     {"BSN", 4},       {"Age(min)", 9}, {"Learning", 9},
    {"U-Forwrd", 9}, {"UU-Flood", 11}, {"Flooding", 9},  {"ARP-Term", 9}, {"arp-ufwd", 9},
    {"Learn-co", 8}, {"Learn-li", 8},  {"BVI-Intf", 11},
};

static void domain_row(struct out *o, const char *const cells[])
{
    for (u32 i = 0; i < array_len(domain_columns); i++) {
        out_text(o, i ? " " : "");
        out_aligned(o, cells[i], domain_columns[i].width, OUT_CENTER);
    }
    out_text(o, "\n");
}

static void domain_title(struct out *o)
{
    const char *titles[array_len(domain_columns)];
    for (u32 i = 0; i < array_len(domain_columns); i++)
        titles[i] = domain_columns[i].title;
    domain_row(o, titles);
}

static const char *on_off(u32 x)
{
    return x ? "on" : "off";
}

static void domain_line(struct cli_call *c, const struct l2_bd *bd)
{
    struct out *o = c->out;
    char id[12], index[12], seq[12], age[12] = "off", count[12], limit[12];
    u32 learned = mac_table_learned_of(&l2_cli_state_of(c)->shared.macs, bd->index);
    snprintf(id, sizeof(id), "%u", bd->id);
    snprintf(index, sizeof(index), "%u", bd->index);
    snprintf(seq, sizeof(seq), "%u", bd->seq);
    if (bd->mac_age)
        snprintf(age, sizeof(age), "%u", bd->mac_age);
    snprintf(count, sizeof(count), "%u", learned);
    snprintf(limit, sizeof(limit), "%u", bd->learn_limit);
    const char *unknown = !if_is_none(bd->uu_fwd)      ? l2_name_of(c, bd->uu_fwd)
                          : bd->flags & L2_IF_UU_FLOOD ? "flood"
                                                       : "drop";
    domain_row(o,
               (const char *[]){id, index, seq, age, on_off(bd->flags & L2_IF_LEARN),
                                on_off(bd->flags & L2_IF_FORWARD), unknown,
                                on_off(bd->flags & L2_IF_FLOOD), on_off(bd->flags & L2_IF_ARP_TERM),
                                on_off(bd->arp_ufwd), count, limit, l2_name_of(c, bd->bvi)});
    out_u64(o, "bridge_domain", bd->id, NULL);
    out_u64(o, "index", bd->index, NULL);
    out_u64(o, "sequence", bd->seq, NULL);
    out_u64(o, "mac_age_minutes", bd->mac_age, NULL);
    out_bool(o, "learn", bd->flags & L2_IF_LEARN, NULL, NULL);
    out_bool(o, "forward", bd->flags & L2_IF_FORWARD, NULL, NULL);
    out_bool(o, "uu_flood", bd->flags & L2_IF_UU_FLOOD, NULL, NULL);
    out_bool(o, "flood", bd->flags & L2_IF_FLOOD, NULL, NULL);
    out_bool(o, "arp_term", bd->flags & L2_IF_ARP_TERM, NULL, NULL);
    out_bool(o, "arp_ufwd", bd->arp_ufwd, NULL, NULL);
    out_u64(o, "learned", learned, NULL);
    out_u64(o, "learn_limit", bd->learn_limit, NULL);
    out_str(o, "bvi", if_is_none(bd->bvi) ? "" : l2_name_of(c, bd->bvi), NULL);
    out_str(o, "bd_tag", bd->tag, NULL);
}

/* What frames of a domain may pass, in VPP's order. */
static void domain_features(struct out *o, const struct l2_bd *bd)
{
    out_text(o,
             "span-l2-input l2-input-classify l2-input-feat-arc l2-policer-classify "
             "l2-policer-input l2-input-acl "
             "vpath-input-l2 l2-ip-qos-record l2-input-vtr sr-pl-rewrite-encaps-l2 %sl2-rw "
             "%s%s%s%s%sl2-output \n",
             bd->flags & L2_IF_LEARN ? "l2-learn " : "", bd->flags & L2_IF_FORWARD ? "l2-fwd " : "",
             if_is_none(bd->uu_fwd) ? "" : "l2-uu-fwd ",
             bd->flags & L2_IF_UU_FLOOD ? "l2-flood " : "",
             bd->flags & L2_IF_ARP_TERM ? "arp-term-l2bd " : "",
             bd->flags & L2_IF_FLOOD ? "l2-flood " : "");
}

static void domain_port(struct cli_call *c, const struct l2_port *port)
{
    struct l2_state *s = l2_cli_state_of(c);
    const struct l2_if *l = l2_if(port->interface);
    struct text rewrite = {0};
    l2_rewrite_name(s, port->interface, &rewrite);
    out_object(c->out, NULL);
    out_aligned(c->out, l2_name_of(c, port->interface), 30, OUT_CENTER);
    l2_centered_number(c->out, 7, port->interface.i);
    l2_centered_number(c->out, 5, l->seq);
    l2_centered_number(c->out, 5, l->shg);
    out_aligned(c->out, port->kind == L2_PORT_BVI ? "*" : "-", 5, OUT_CENTER);
    out_aligned(c->out, port->kind == L2_PORT_UU_FWD ? "-" : "*", 9, OUT_CENTER);
    out_aligned(c->out, text_str(&rewrite), 30, OUT_CENTER);
    out_text(c->out, "\n");
    out_str(c->out, "interface", l2_name_of(c, port->interface), NULL);
    out_u64(c->out, "sw_if_index", port->interface.i, NULL);
    out_u64(c->out, "shg", l->shg, NULL);
    out_bool(c->out, "bvi", port->kind == L2_PORT_BVI, NULL, NULL);
    out_bool(c->out, "uu_fwd", port->kind == L2_PORT_UU_FWD, NULL, NULL);
    out_str(c->out, "tag_rewrite", text_str(&rewrite), NULL);
    out_end(c->out);
    text_free(&rewrite);
}

static void domain_ports(struct cli_call *c, const struct l2_bd *bd)
{
    if (bd->ports.n)
        out_text(c->out, "\n           Interface           If-idx ISN  SHG  BVI  TxFlood        "
                         "VLAN-Tag-Rewrite       \n");
    out_array(c->out, "ports");
    for (u32 i = 0; i < bd->ports.n; i++)
        domain_port(c, &bd->ports.v[i]);
    out_end(c->out);
}

const char *l2_arp_key_text(const struct arp_key *key, char out[IP_ADDRESS_TEXT_BYTES])
{
    enum ip_family f = ip_family_of(!arp_key_is_ip4(key));
    const u8 *bytes = f == IP_FAMILY_4 ? (const u8 *)&key->lo + 4 : (const u8 *)key;
    struct ip_address address = ip_address_from_bytes(f, bytes);
    return ip_address_text(f, &address, out);
}

static void domain_arp(struct cli_call *c, const struct l2_bd *bd)
{
    struct arp_key key;
    u8 bytes[6];
    u32 at = bd->arp.first;
    if (!(bd->flags & L2_IF_ARP_TERM))
        return;
    out_text(c->out, "\n  IP4/IP6 to MAC table for ARP Termination\n");
    out_array(c->out, "arp_entries");
    while (l2_bd_arp_next(l2_cli_state_of(c), &at, &key, bytes)) {
        char ip[IP_ADDRESS_TEXT_BYTES], mac[MAC_TEXT_BYTES];
        ethernet_mac_text(bytes, mac);
        l2_arp_key_text(&key, ip);
        out_aligned(c->out, ip, 40, OUT_CENTER);
        out_text(c->out, " =>   %s \n", mac);
        out_object(c->out, NULL);
        out_str(c->out, "ip", ip, NULL);
        out_str(c->out, "mac", mac, NULL);
        out_end(c->out);
    }
    out_end(c->out);
}

static int show_one_domain(struct cli_call *c, const struct l2_bd *bd)
{
    bool detail = cli_has(c, "detail");
    if (!bd)
        return -c->err->code;
    out_object(c->out, NULL);
    domain_title(c->out);
    domain_line(c, bd);
    if (detail)
        domain_features(c->out, bd);
    if (detail || cli_has(c, "int"))
        domain_ports(c, bd);
    if (detail || cli_has(c, "arp"))
        domain_arp(c, bd);
    if (bd->tag[0] && (detail || cli_has(c, "bd-tag")))
        out_text(c->out, "\n  BD-Tag: %s\n", bd->tag);
    out_end(c->out);
    return 0;
}

static int show_domains(struct cli_call *c)
{
    struct l2_state *s = l2_cli_state_of(c);
    if (cli_get(c, "bridge-domain-id"))
        return show_one_domain(c, l2_cli_domain(c));
    u32 *shown =
        cli_kept(c, sizeof(*shown), NULL); /* index of the last one; 0: none, and is no domain */
    struct l2_bd *bd = l2_bd_next(s, *shown + 1);
    if (!c->again && !bd)
        out_text(c->out, "no bridge-domains in use\n");
    else if (!c->again)
        domain_title(c->out);
    if (!c->again)
        out_array(c->out, "bridge_domains");
    for (; bd; bd = l2_bd_next(s, bd->index + 1)) {
        if (cli_full(c))
            return CLI_MORE;
        out_object(c->out, NULL);
        domain_line(c, bd);
        out_end(c->out);
        *shown = bd->index;
    }
    out_end(c->out);
    return 0;
}

/* --- interfaces --- */

static int set_bridge(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "interface");
    u64 shg = cli_u64(c, "shg", 0);
    enum l2_port_kind kind = cli_has(c, "bvi")      ? L2_PORT_BVI
                             : cli_has(c, "uu-fwd") ? L2_PORT_UU_FWD
                                                    : L2_PORT_NORMAL;
    return l2_set_bridge(c->piste, f->index, (u32)cli_u64(c, "bridge-domain-id", 0), kind, (u8)shg,
                         c->err);
}

static int set_xconnect(struct cli_call *c)
{
    return l2_set_xconnect(c->piste, cli_interface(c, "interface")->index,
                           cli_interface(c, "peer-interface")->index, c->err);
}

static int set_l3(struct cli_call *c)
{
    return l2_set_l3(c->piste, cli_interface(c, "interface")->index, c->err);
}

static int port_flag(struct cli_call *c, u8 flag)
{
    struct if_index i = cli_interface(c, "interface")->index;
    if (l2_if(i)->mode != L2_MODE_BRIDGE)
        return error_set(c->err, EINVAL, "%s is not in a bridge domain", l2_name_of(c, i));
    l2_port_set_flags(l2_cli_state_of(c), i, flag, !cli_has(c, "disable"));
    return 0;
}

static int port_learn(struct cli_call *c)
{
    return port_flag(c, L2_IF_LEARN);
}

static int port_forward(struct cli_call *c)
{
    return port_flag(c, L2_IF_FORWARD);
}

static int port_flood(struct cli_call *c)
{
    return port_flag(c, L2_IF_FLOOD);
}

static int port_uu_flood(struct cli_call *c)
{
    return port_flag(c, L2_IF_UU_FLOOD);
}

static int port_arp_term(struct cli_call *c)
{
    return port_flag(c, L2_IF_ARP_TERM);
}

static void show_mode_of(struct cli_call *c, const struct interface *f)
{
    const struct l2_if *l = l2_if(f->index);
    const struct l2_bd *bd = l2_bd_at(l2_cli_state_of(c), l->bd);
    out_object(c->out, NULL);
    out_str(c->out, "interface", f->name, NULL);
    switch (l->mode) {
    case L2_MODE_BRIDGE:
        out_text(c->out, "l2 bridge %s bd_id %u%s shg %u\n", f->name, bd->id,
                 if_equal(bd->bvi, f->index)      ? " bvi"
                 : if_equal(bd->uu_fwd, f->index) ? " uu-fwd"
                                                  : "",
                 l->shg);
        out_str(c->out, "mode", "bridge", NULL);
        out_u64(c->out, "bridge_domain", bd->id, NULL);
        out_u64(c->out, "shg", l->shg, NULL);
        break;
    case L2_MODE_XCONNECT:
        out_text(c->out, "l2 xconnect %s %s\n", f->name,
                 if_is_none(l->peer) ? "DELETED" : l2_name_of(c, l->peer));
        out_str(c->out, "mode", "xconnect", NULL);
        out_str(c->out, "peer", l2_name_of(c, l->peer), NULL);
        break;
    default:
        out_text(c->out, "l3 %s  \n", f->name);
        out_str(c->out, "mode", "l3", NULL);
    }
    out_end(c->out);
}

static int show_mode(struct cli_call *c)
{
    if (!c->again)
        out_array(c->out, "interfaces");
    for (struct interface *f; (f = interface_cli_next(c, INTERFACE_BY_INDEX));) {
        show_mode_of(c, f);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}

/* --- patches --- */

static int test_patch(struct cli_call *c)
{
    return l2_patch_set(l2_cli_state_of(c), cli_interface(c, "rx-interface")->index,
                        cli_interface(c, "tx-interface")->index, !cli_has(c, "del"), c->err);
}

static int show_patches(struct cli_call *c)
{
    struct l2_state *s = l2_cli_state_of(c);
    if (!s->patches.n)
        out_text(c->out, "no l2patch entries\n");
    out_array(c->out, "patches");
    for (u32 i = 0; i < s->patches.n; i++) {
        out_object(c->out, NULL);
        out_str(c->out, "rx", l2_name_of(c, s->patches.v[i].rx), "%26s -> ");
        out_str(c->out, "tx", l2_name_of(c, s->patches.v[i].tx), "%s\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

/* --- the table --- */

const struct cli_command l2_commands[] = {
    {"create bridge-domain <bridge-domain-id:u32> [learn <learn-on:u8>] [forward <forward-on:u8>] "
     "[uu-flood <uu-flood-on:u8>] [flood <flood-on:u8>] [arp-term <arp-term-on:u8>] [arp-ufwd "
     "<arp-ufwd-on:u8>] "
     "[mac-age <nn:u32>] [bd-tag <tag:string>] [del]",
     "Makes a bridge domain, or deletes it", create_domain, 0},
    {"set bridge-domain learn <bridge-domain-id:u32> [disable]",
     "Whether a domain learns addresses", set_learn, 0},
    {"set bridge-domain forward <bridge-domain-id:u32> [disable]",
     "Whether a domain forwards known unicast", set_forward, 0},
    {"set bridge-domain flood <bridge-domain-id:u32> [disable]",
     "Whether a domain floods broadcast and multicast", set_flood, 0},
    {"set bridge-domain uu-flood <bridge-domain-id:u32> [disable]",
     "Whether a domain floods unicast to unknown addresses", set_uu_flood, 0},
    {"set bridge-domain arp term <bridge-domain-id:u32> [disable]",
     "Whether a domain answers ARP and ND from its table", set_arp_term, 0},
    {"set bridge-domain arp entry <bridge-domain-id:u32> ( del-all | <ip-addr:ip-address> "
     "<mac-addr:mac> [del] )",
     "Entries of the table that ARP termination answers from", set_arp_entry, 0},
    {"set bridge-domain arp-ufwd <bridge-domain-id:u32> [disable]",
     "Whether ARP termination sends requests on by unicast instead of answering", set_arp_ufwd, 0},
    {"set bridge-domain mac-age <bridge-domain-id:u32> <mins:u32>",
     "Minutes until a learnt address is forgotten; 0: never", l2_cli_set_mac_age, 0},
    {"set bridge-domain learn-limit <bridge-domain-id:u32> <learn-limit:u32>",
     "How many addresses a domain learns at most", l2_cli_set_learn_limit, 0},
    {"set bridge-domain default-learn-limit <maxentries:u32>",
     "Learn limit of domains made from now on", l2_cli_set_default_learn_limit, 0},
    {"show bridge-domain [<bridge-domain-id:u32>] [detail|int|arp|bd-tag]",
     "Bridge domains, or one with its ports and tables", show_domains, 0},
    {"set interface l2 bridge <interface> <bridge-domain-id:u32> [bvi|uu-fwd] [<shg:u8>]",
     "Makes an interface a port of a bridge domain", set_bridge, 0},
    {"set interface l2 xconnect <interface> <peer-interface:interface>",
     "Sends all that an interface receives out by another", set_xconnect, 0},
    {"set interface l3 <interface>", "Takes an interface out of layer 2", set_l3, 0},
    {"set interface l2 learn <interface> [disable]", "Whether addresses are learnt on a port",
     port_learn, 0},
    {"set interface l2 forward <interface> [disable]",
     "Whether unicast received on a port is forwarded by address", port_forward, 0},
    {"set interface l2 flood <interface> [disable]",
     "Whether broadcast and multicast received on a port is flooded", port_flood, 0},
    {"set interface l2 uu-flood <interface> [disable]",
     "Whether unicast to unknown addresses received on a port is flooded", port_uu_flood, 0},
    {"set interface l2 arp-term <interface> [disable]",
     "Whether ARP and ND received on a port are answered, in a domain that does", port_arp_term, 0},
    {"show mode [<interface> ...]", "Layer 3, bridge domain or cross-connect, by interface",
     show_mode, 0},
    {"test l2patch (rx <rx-interface:interface>) (tx <tx-interface:interface>) [del]",
     "Patches all that an interface receives to another, before layer 2", test_patch, 0},
    {"show l2patch", "Patches between interfaces", show_patches, 0},
    {0},
};
