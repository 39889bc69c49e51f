/* Commands of layer 2. Words, layouts and errors are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>

#include "base/clock.h"
#include "control/cli.h"
#include "engine/engine.h"
#include "net/ethernet/ethernet_format.h"
#include "net/l2/l2_internal.h"

static struct l2_state *state_of(const struct cli_call *c)
{
    return l2_state_of(c->piste);
}

/* `width` characters, s in the middle; an odd blank goes to the left, as VPP does. */
static void centered(struct out *o, int width, const char *s)
{
    int len = (int)strlen(s), left = len < width ? (width - len + 1) / 2 : 0;
    out_text(o, "%*s%s%*s", left, "", s, width > len + left ? width - len - left : 0, "");
}

static void centered_number(struct out *o, int width, i64 n)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, n);
    centered(o, width, text);
}

static void mac_text(char out[18], const u8 m[6])
{
    snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static const char *name_of(const struct cli_call *c, struct if_index i)
{
    const struct interface *f = if_is_none(i) ? NULL : interface_at(c->piste, i);
    return f ? f->name : "N/A";
}

/* --- domains --- */

static struct l2_bd *domain(struct cli_call *c)
{
    u32 id = (u32)cli_u64(c, "bridge-domain-id", 0);
    struct l2_bd *bd = l2_bd_find(state_of(c), id);
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
    struct l2_state *s = state_of(c);
    u32 id = (u32)cli_u64(c, "bridge-domain-id", 0);
    const char *tag = cli_str(c, "tag", "");
    struct l2_bd *bd;
    if (!id)
        return error_set(c->err, EPERM, "bridge domain 0 can not be modified");
    if (cli_has(c, "del"))
        return l2_bd_delete(s, id, c->err);
    if (strlen(tag) >= L2_TAG_BYTES)
        return error_set(c->err, EINVAL, "a tag has at most %d characters", L2_TAG_BYTES - 1);
    if (cli_u64(c, "nn", 0) > 255)
        return error_set(c->err, EINVAL, "mac-age is at most 255 minutes");
    int rc = l2_bd_create(s, id, &bd, c->err);
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
    struct l2_bd *bd = domain(c);
    if (!bd)
        return -c->err->code;
    l2_bd_set_flags(state_of(c), bd, flag, !cli_has(c, "disable"));
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
    struct l2_bd *bd = domain(c);
    if (!bd)
        return -c->err->code;
    l2_bd_set_arp_ufwd(bd, !cli_has(c, "disable"));
    return 0;
}

static int set_mac_age(struct cli_call *c)
{
    struct l2_bd *bd = domain(c);
    u64 minutes = cli_u64(c, "mins", 0);
    if (!bd)
        return -c->err->code;
    if (minutes > 255)
        return error_set(c->err, EINVAL, "mac aging time exceed 255 minutes");
    l2_bd_set_age(state_of(c), bd, (u8)minutes);
    return 0;
}

static int set_learn_limit(struct cli_call *c)
{
    struct l2_bd *bd = domain(c);
    if (!bd)
        return -c->err->code;
    l2_bd_set_learn_limit(bd, (u32)cli_u64(c, "learn-limit", 0));
    return 0;
}

static int set_default_learn_limit(struct cli_call *c)
{
    state_of(c)->default_learn_limit = (u32)cli_u64(c, "maxentries", 0);
    return 0;
}

static struct arp_key key_of(const struct cli_value *v)
{
    return v->ip.is_ip6 ? arp_key_ip6(v->ip.addr) : arp_key_ip4(load_u32(v->ip.addr));
}

static int set_arp_entry(struct cli_call *c)
{
    struct l2_bd *bd = domain(c);
    const struct cli_value *ip = cli_get(c, "ip-addr"), *mac = cli_get(c, "mac-addr");
    if (!bd)
        return -c->err->code;
    if (cli_has(c, "del-all")) {
        l2_bd_arp_clear(state_of(c), bd);
        return 0;
    }
    struct arp_key key = key_of(ip);
    if (cli_has(c, "del"))
        return l2_bd_arp_del(bd, &key, c->err);
    l2_bd_arp_set(state_of(c), bd, &key, mac->mac);
    return 0;
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
        centered(o, domain_columns[i].width, cells[i]);
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
    u32 learned = mac_table_learned_of(&state_of(c)->shared.macs, bd->index);
    snprintf(id, sizeof(id), "%u", bd->id);
    snprintf(index, sizeof(index), "%u", bd->index);
    snprintf(seq, sizeof(seq), "%u", bd->seq);
    if (bd->mac_age)
        snprintf(age, sizeof(age), "%u", bd->mac_age);
    snprintf(count, sizeof(count), "%u", learned);
    snprintf(limit, sizeof(limit), "%u", bd->learn_limit);
    const char *unknown = !if_is_none(bd->uu_fwd)      ? name_of(c, bd->uu_fwd)
                          : bd->flags & L2_IF_UU_FLOOD ? "flood"
                                                       : "drop";
    domain_row(o,
               (const char *[]){id, index, seq, age, on_off(bd->flags & L2_IF_LEARN),
                                on_off(bd->flags & L2_IF_FORWARD), unknown,
                                on_off(bd->flags & L2_IF_FLOOD), on_off(bd->flags & L2_IF_ARP_TERM),
                                on_off(bd->arp_ufwd), count, limit, name_of(c, bd->bvi)});
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
    out_str(o, "bvi", if_is_none(bd->bvi) ? "" : name_of(c, bd->bvi), NULL);
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
    struct l2_state *s = state_of(c);
    const struct l2_if *l = l2_if(port->interface);
    struct text rewrite = {0};
    l2_rewrite_name(s, port->interface, &rewrite);
    out_object(c->out, NULL);
    centered(c->out, 30, name_of(c, port->interface));
    centered_number(c->out, 7, port->interface.i);
    centered_number(c->out, 5, l->seq);
    centered_number(c->out, 5, l->shg);
    centered(c->out, 5, port->kind == L2_PORT_BVI ? "*" : "-");
    centered(c->out, 9, port->kind == L2_PORT_UU_FWD ? "-" : "*");
    centered(c->out, 30, text_str(&rewrite));
    out_text(c->out, "\n");
    out_str(c->out, "interface", name_of(c, port->interface), NULL);
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

static void key_text(const struct arp_key *key, char ip[INET6_ADDRSTRLEN])
{
    if (arp_key_is_ip4(key))
        inet_ntop(AF_INET, (const u8 *)&key->lo + 4, ip, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, key, ip, INET6_ADDRSTRLEN);
}

static void domain_arp(struct cli_call *c, const struct l2_bd *bd)
{
    struct arp_key key;
    u8 bytes[6];
    u32 at = 0;
    if (!(bd->flags & L2_IF_ARP_TERM))
        return;
    out_text(c->out, "\n  IP4/IP6 to MAC table for ARP Termination\n");
    out_array(c->out, "arp_entries");
    while (l2_bd_arp_next(bd, &at, &key, bytes)) {
        char ip[INET6_ADDRSTRLEN], mac[18];
        mac_text(mac, bytes);
        key_text(&key, ip);
        centered(c->out, 40, ip);
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
    struct l2_state *s = state_of(c);
    if (cli_get(c, "bridge-domain-id"))
        return show_one_domain(c, domain(c));
    struct l2_bd *bd = l2_bd_next(s, 1);
    if (!bd)
        out_text(c->out, "no bridge-domains in use\n");
    else
        domain_title(c->out);
    out_array(c->out, "bridge_domains");
    for (; bd; bd = l2_bd_next(s, bd->index + 1)) {
        out_object(c->out, NULL);
        domain_line(c, bd);
        out_end(c->out);
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
        return error_set(c->err, EINVAL, "%s is not in a bridge domain", name_of(c, i));
    l2_port_set_flags(state_of(c), i, flag, !cli_has(c, "disable"));
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
    const struct l2_bd *bd = l2_bd_at(state_of(c), l->bd);
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
                 if_is_none(l->peer) ? "DELETED" : name_of(c, l->peer));
        out_str(c->out, "mode", "xconnect", NULL);
        out_str(c->out, "peer", name_of(c, l->peer), NULL);
        break;
    default:
        out_text(c->out, "l3 %s  \n", f->name);
        out_str(c->out, "mode", "l3", NULL);
    }
    out_end(c->out);
}

static int show_mode(struct cli_call *c)
{
    u32 named = 0;
    out_array(c->out, "interfaces");
    for (u32 i = 0; i < c->n_args; i++)
        if (!strcmp(c->args[i].name, "interface") && ++named)
            show_mode_of(c, c->args[i].value.ptr);
    for (struct interface *f = interface_next(c->piste, 0); !named && f;
         f = interface_next(c->piste, f->index.i + 1))
        show_mode_of(c, f);
    out_end(c->out);
    return 0;
}

/* --- patches --- */

static int test_patch(struct cli_call *c)
{
    return l2_patch_set(state_of(c), cli_interface(c, "rx-interface")->index,
                        cli_interface(c, "tx-interface")->index, !cli_has(c, "del"), c->err);
}

static int show_patches(struct cli_call *c)
{
    struct l2_state *s = state_of(c);
    if (!s->patches.n)
        out_text(c->out, "no l2patch entries\n");
    out_array(c->out, "patches");
    for (u32 i = 0; i < s->patches.n; i++) {
        out_object(c->out, NULL);
        out_str(c->out, "rx", name_of(c, s->patches.v[i].rx), "%26s -> ");
        out_str(c->out, "tx", name_of(c, s->patches.v[i].tx), "%s\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

/* --- MAC table --- */

static int fib_domain(struct cli_call *c, struct l2_bd **bd)
{
    u32 id = (u32)cli_u64(c, "bridge-domain-id", 0);
    *bd = l2_bd_find(state_of(c), id);
    return *bd && id ? 0 : error_set(c->err, ENOENT, "bridge domain ID %u invalid", id);
}

static int fib_add(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "intf");
    struct l2_bd *bd;
    u32 flags = cli_has(c, "filter")   ? L2_FIB_FILTER
                : cli_has(c, "bvi")    ? L2_FIB_BVI | L2_FIB_STATIC
                : cli_has(c, "static") ? L2_FIB_STATIC
                                       : 0;
    int rc = fib_domain(c, &bd);
    if (rc)
        return rc;
    if (f && (l2_if(f->index)->mode != L2_MODE_BRIDGE || l2_if(f->index)->bd != bd->index))
        return error_set(c->err, EINVAL, "interface %s is not in bridge domain %u", f->name,
                         bd->id);
    return l2_fib_add(state_of(c), bd->index, cli_get(c, "mac")->mac, f ? f->index : IF_NONE, flags,
                      c->err);
}

static int fib_del(struct cli_call *c)
{
    struct l2_bd *bd;
    int rc = fib_domain(c, &bd);
    return rc ? rc : l2_fib_del(state_of(c), bd->index, cli_get(c, "mac")->mac, c->err);
}

static int flush_all(struct cli_call *c)
{
    l2_fib_flush(state_of(c), UINT32_MAX, IF_NONE, false);
    return 0;
}

static int flush_interface(struct cli_call *c)
{
    struct if_index i = cli_interface(c, "if-name")->index;
    l2_fib_flush(state_of(c), UINT32_MAX, i, false);
    l2_if(i)->seq++;
    return 0;
}

static int flush_domain(struct cli_call *c)
{
    struct l2_bd *bd;
    int rc = fib_domain(c, &bd);
    if (!rc)
        l2_fib_flush(state_of(c), bd->index, IF_NONE, false);
    return rc;
}

static int clear_fib(struct cli_call *c)
{
    struct l2_state *s = state_of(c);
    struct l2_fib_entry *list;
    u32 n = l2_fib_list(s, UINT32_MAX, &list);
    /* a BVI without its entry could not be reached */
    for (u32 i = 0; i < n; i++)
        if (!list[i].bvi && l2_fib_del(s, list[i].bd, list[i].mac, c->err)) {
            /* it aged a moment ago */
        }
    free(list);
    return 0;
}

static int set_scan_delay(struct cli_call *c)
{
    return l2_fib_set_scan_delay(state_of(c), (u32)cli_u64(c, "delay", 0), c->err);
}

static void fib_line(struct cli_call *c, const struct l2_fib_entry *e)
{
    const struct l2_bd *bd = l2_bd_at(state_of(c), e->bd);
    char mac[18], seq[16] = "0/0", age[8] = "-";
    mac_text(mac, e->mac);
    if (!e->provisioned && bd)
        snprintf(seq, sizeof(seq), "%u/%u", bd->seq, l2_if(e->interface)->seq);
    if (e->provisioned)
        snprintf(age, sizeof(age), "no");
    else if (bd && bd->mac_age)
        snprintf(age, sizeof(age), "%u", e->age);
    out_object(c->out, NULL);
    centered(c->out, 19, mac);
    centered_number(c->out, 7, e->bd);
    centered_number(c->out, 7, (i32)e->interface.i);
    centered(c->out, 8, seq);
    centered(c->out, 9, age);
    centered(c->out, 7, e->is_static ? "*" : "-");
    centered(c->out, 7, e->filter ? "*" : "-");
    centered(c->out, 5, e->bvi ? "*" : "-");
    centered(c->out, 30, name_of(c, e->interface));
    out_text(c->out, "\n");
    out_str(c->out, "mac", mac, NULL);
    out_u64(c->out, "bridge_domain", bd ? bd->id : 0, NULL);
    out_str(c->out, "interface", if_is_none(e->interface) ? "" : name_of(c, e->interface), NULL);
    out_bool(c->out, "static", e->is_static, NULL, NULL);
    out_bool(c->out, "filter", e->filter, NULL, NULL);
    out_bool(c->out, "bvi", e->bvi, NULL, NULL);
    out_bool(c->out, "learned", !e->provisioned, NULL, NULL);
    out_u64(c->out, "age_minutes", e->age, NULL);
    out_end(c->out);
}

static void fib_lines(struct cli_call *c, u32 bd)
{
    struct l2_fib_entry *list;
    u32 n = l2_fib_list(state_of(c), bd, &list), shown = 0;
    bool learn = cli_has(c, "learn"), add = cli_has(c, "add");
    out_array(c->out, "entries");
    for (u32 i = 0; i < n; i++) {
        if ((learn && list[i].provisioned) || (add && !list[i].provisioned))
            continue;
        if (!shown++)
            out_text(c->out,
                     "    Mac-Address     BD-Idx If-Idx BSN-ISN Age(min) static filter bvi         "
                     "Interface-Name        \n");
        fib_line(c, &list[i]);
    }
    out_end(c->out);
    free(list);
}

static int show_fib(struct cli_call *c)
{
    struct l2_state *s = state_of(c);
    u32 bd = UINT32_MAX;
    if (cli_get(c, "bd-id")) {
        struct l2_bd *d = l2_bd_find(s, (u32)cli_u64(c, "bd-id", 0));
        bd = d ? d->index : UINT32_MAX - 1;
    } else if (cli_get(c, "bd-index")) {
        bd = (u32)cli_u64(c, "bd-index", 0);
    }
    if (bd != UINT32_MAX || cli_has(c, "all") || cli_has(c, "verbose") || cli_has(c, "learn") ||
        cli_has(c, "add"))
        fib_lines(c, bd);
    struct l2_fib_totals t = l2_fib_totals(s);
    struct text scan = {0};
    text_sci(&scan, (double)s->last_scan_ns / NS_PER_SEC, 4);
    out_text(c->out,
             "L2FIB total/learned entries: %" PRIu64 "/%" PRIu64
             "  Last scan time: %ssec  Learn limit: %u \n",
             t.entries, t.learned, text_str(&scan), t.learn_limit);
    if (cli_has(c, "raw"))
        out_text(c->out, "%u buckets of %u entries, %" PRIu64 " bytes\n", t.buckets, MAC_SLOTS,
                 t.bytes);
    text_free(&scan);
    out_u64(c->out, "total", t.entries, NULL);
    out_u64(c->out, "learned", t.learned, NULL);
    out_u64(c->out, "learn_limit", t.learn_limit, NULL);
    out_u64(c->out, "buckets", t.buckets, NULL);
    out_u64(c->out, "bytes", t.bytes, NULL);
    return 0;
}

/* --- for tests: many entries at once --- */

static void next_mac(u8 mac[6])
{
    for (int i = 5; i >= 0 && !++mac[i]; i--)
        continue;
}

static int test_fib(struct cli_call *c)
{
    struct l2_state *s = state_of(c);
    struct l2_bd *bd;
    u8 mac[6];
    struct l2_fib_entry entry;
    u64 count = cli_u64(c, "nn", 1);
    struct if_index i = cli_get(c, "intf") ? cli_interface(c, "intf")->index : IF_NONE;
    int rc = fib_domain(c, &bd);
    memcpy(mac, cli_get(c, "base-addr")->mac, 6);
    if (!rc && cli_has(c, "add") && if_is_none(i))
        rc = error_set(c->err, EINVAL, "interface required");
    for (; !rc && count; count--, next_mac(mac)) {
        if (cli_has(c, "add"))
            rc = l2_fib_add(s, bd->index, mac, i, 0, c->err);
        else if (cli_has(c, "del"))
            rc = l2_fib_del(s, bd->index, mac, c->err);
        else if (!l2_fib_find(s, bd->index, mac, &entry))
            rc = error_set(c->err, ENOENT, "key not found");
    }
    return rc;
}

static int test_fib_age(struct cli_call *c)
{
    l2_fib_pass_time(state_of(c), (u8)cli_u64(c, "minutes", 0));
    return 0;
}

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
     "Minutes until a learnt address is forgotten; 0: never", set_mac_age, 0},
    {"set bridge-domain learn-limit <bridge-domain-id:u32> <learn-limit:u32>",
     "How many addresses a domain learns at most", set_learn_limit, 0},
    {"set bridge-domain default-learn-limit <maxentries:u32>",
     "Learn limit of domains made from now on", set_default_learn_limit, 0},
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
    {"test l2patch rx <rx-interface:interface> tx <tx-interface:interface> [del]",
     "Patches all that an interface receives to another, before layer 2", test_patch, 0},
    {"show l2patch", "Patches between interfaces", show_patches, 0},
    {"l2fib add <mac> <bridge-domain-id:u32> ( filter | <intf:interface> [static|bvi] )",
     "Adds an address to the MAC table", fib_add, 0},
    {"l2fib del <mac> <bridge-domain-id:u32>", "Takes an address out of the MAC table", fib_del, 0},
    {"l2fib flush-mac all", "Forgets all that was learnt", flush_all, 0},
    {"l2fib flush-mac interface <if-name:interface>", "Forgets what was learnt on an interface",
     flush_interface, 0},
    {"l2fib flush-mac bridge-domain <bridge-domain-id:u32>", "Forgets what was learnt in a domain",
     flush_domain, 0},
    {"clear l2fib", "Empties the MAC table, but for addresses of BVIs", clear_fib, 0},
    {"set l2fib scan-delay <delay:u32>",
     "Milliseconds between two scans for learnt addresses, of which API clients are told",
     set_scan_delay, 0},
    {"show l2fib [all] [verbose] [bd_id <bd-id:u32>] [bd_index <bd-index:u32>] [learn|add] [raw]",
     "The MAC table", show_fib, 0},
    {"test l2fib ( add | del | check ) (mac <base-addr:mac>) [count <nn:u32>] [bridge-domain "
     "<bridge-domain-id:u32>] "
     "[interface <intf:interface>]",
     "Many addresses at once", test_fib, CLI_HIDDEN},
    {"test l2fib age <minutes:u8>", "As if so many minutes went by at once", test_fib_age,
     CLI_HIDDEN},
    {0},
};

/* --- running config --- */

static void config_of_domain(const struct l2_bd *bd, struct text *t)
{
    static const struct {
        const char *word;
        u8 flag;
        bool on; /* in a new domain */
    } flags[] = {
        {"learn", L2_IF_LEARN, true},        {"forward", L2_IF_FORWARD, true},
        {"uu-flood", L2_IF_UU_FLOOD, true},  {"flood", L2_IF_FLOOD, true},
        {"arp-term", L2_IF_ARP_TERM, false},
    };
    text_add(t, "create bridge-domain %u", bd->id);
    for (u32 i = 0; i < array_len(flags); i++)
        if (!!(bd->flags & flags[i].flag) != flags[i].on)
            text_add(t, " %s %d", flags[i].word, !flags[i].on);
    if (bd->arp_ufwd)
        text_puts(t, " arp-ufwd 1");
    if (bd->mac_age)
        text_add(t, " mac-age %u", bd->mac_age);
    if (bd->tag[0])
        text_add(t, " bd-tag {%s}", bd->tag);
    text_putc(t, '\n');
}

static void config_of_table(const struct l2_bd *bd, struct text *t)
{
    char ip[INET6_ADDRSTRLEN];
    struct arp_key key;
    u8 mac[6];
    u32 at = 0;
    while (l2_bd_arp_next(bd, &at, &key, mac)) {
        key_text(&key, ip);
        text_add(t, "set bridge-domain arp entry %u %s ", bd->id, ip);
        ethernet_format_mac(t, mac);
        text_putc(t, '\n');
    }
}

static void config_of_port(struct l2_state *s, struct if_index i, struct text *t)
{
    static const struct {
        const char *word;
        u8 flag;
    } flags[] = {{"learn", L2_IF_LEARN},
                 {"forward", L2_IF_FORWARD},
                 {"flood", L2_IF_FLOOD},
                 {"uu-flood", L2_IF_UU_FLOOD},
                 {"arp-term", L2_IF_ARP_TERM}};
    const struct l2_if *l = l2_if(i);
    const char *name = interface_at(s->piste, i)->name;
    if (l->mode == L2_MODE_XCONNECT) {
        if (!if_is_none(l->peer))
            text_add(t, "set interface l2 xconnect %s %s\n", name,
                     interface_at(s->piste, l->peer)->name);
        return;
    }
    const struct l2_bd *bd = l2_bd_at(s, l->bd);
    bool bvi = if_equal(bd->bvi, i);
    text_add(t, "set interface l2 bridge %s %u%s", name, bd->id,
             bvi                       ? " bvi"
             : if_equal(bd->uu_fwd, i) ? " uu-fwd"
                                       : "");
    if (l->shg)
        text_add(t, " %u", l->shg);
    text_putc(t, '\n');
    for (u32 k = 0; k < array_len(flags); k++)
        if (!(l->port_flags & flags[k].flag) && !(bvi && flags[k].flag == L2_IF_LEARN))
            text_add(t, "set interface l2 %s %s disable\n", flags[k].word, name);
}

static void config_of_entries(struct l2_state *s, struct text *t)
{
    struct l2_fib_entry *list;
    u32 n = l2_fib_list(s, UINT32_MAX, &list);
    for (u32 i = 0; i < n; i++) {
        const struct l2_fib_entry *e = &list[i];
        const struct interface *f =
            if_is_none(e->interface) ? NULL : interface_at(s->piste, e->interface);
        const struct l2_bd *bd = l2_bd_at(s, e->bd);
        if (!e->provisioned || e->bvi || !bd || (!f && !e->filter) ||
            (f && (l2_if(f->index)->mode != L2_MODE_BRIDGE || l2_if(f->index)->bd != e->bd)))
            continue;
        text_puts(t, "l2fib add ");
        ethernet_format_mac(t, e->mac);
        text_add(t, " %u %s%s\n", bd->id, e->filter ? "filter" : f->name,
                 e->is_static && !e->filter ? " static" : "");
    }
    free(list);
}

void l2_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    struct l2_state *s = state;
    if (phase == RC_GLOBAL && s->default_learn_limit != L2_LEARN_LIMIT_DEFAULT)
        text_add(t, "set bridge-domain default-learn-limit %u\n", s->default_learn_limit);
    if (phase == RC_GLOBAL && s->scan_delay_ms != L2_SCAN_DELAY_MS_DEFAULT)
        text_add(t, "set l2fib scan-delay %u\n", s->scan_delay_ms);
    for (struct l2_bd *bd = l2_bd_next(s, 1); phase == RC_TABLES && bd;
         bd = l2_bd_next(s, bd->index + 1)) {
        config_of_domain(bd, t);
        config_of_table(bd, t);
        if (bd->learn_limit != s->default_learn_limit)
            text_add(t, "set bridge-domain learn-limit %u %u\n", bd->id, bd->learn_limit);
    }
    for (u32 i = 0; phase == RC_INTERFACE && i < s->in_l2.n; i++)
        config_of_port(s, s->in_l2.v[i], t);
    for (u32 i = 0; phase == RC_INTERFACE && i < s->patches.n; i++)
        text_add(t, "test l2patch rx %s tx %s\n", interface_at(p, s->patches.v[i].rx)->name,
                 interface_at(p, s->patches.v[i].tx)->name);
    if (phase == RC_ROUTES)
        config_of_entries(s, t);
}
