/* Commands about addresses and tables of interfaces, and their part of the running configuration.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "control/cli.h"
#include "net/ip/address/address_internal.h"
#include "net/link/interface/interface.h"

/* --- addresses --- */

static struct ip_prefix prefix_of(const struct cli_value *v)
{
    enum ip_family f = ip_family_of(v->ip.is_ip6);
    return (struct ip_prefix){
        .addr = ip_address_from_bytes(f, v->ip.addr), .family = (u8)f, .len = v->ip.prefix_len};
}

static int set_address(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "interface");
    const struct cli_value *v = cli_get(c, "ip-prefix");
    if (!v) { /* all */
        if (!cli_has(c, "del"))
            return error_set(c->err, EINVAL, "`all' is for deleting");
        ip_address_del_all(c->piste, f->index);
        return 0;
    }
    if (cli_has(c, "del"))
        return ip_address_del(c->piste, f->index, prefix_of(v), c->err);
    return ip_address_add(c->piste, f->index, prefix_of(v), c->err);
}

static void show_one_address(struct out *o, struct fib *fib, struct fib_index t,
                             const struct ip_prefix *a, bool deprecated)
{
    char text[IP_PREFIX_TEXT_BYTES];
    out_object(o, NULL);
    out_str(o, "prefix", ip_prefix_text(a, text), "  L3 %s");
    out_u64(o, "table_id", fib_table_id(fib, t), NULL);
    if (fib_number(t))
        out_text(o, " %s table-id %u fib-idx %u", ip_family_name((enum ip_family)a->family),
                 fib_table_id(fib, t), fib_number(t));
    if (deprecated)
        out_text(o, " deprecated");
    out_bool(o, "deprecated", deprecated, NULL, NULL);
    out_text(o, "\n");
    out_end(o);
}

void address_show(struct piste *p, struct interface *f, struct out *o)
{
    struct if_index lender = ip_unnumbered(p, f->index);
    struct if_index owner = if_is_none(lender) ? f->index : lender;
    struct ip_prefix a;
    if (!if_is_none(lender))
        out_str(o, "unnumbered", interface_at(p, lender)->name, "  unnumbered, use %s\n");
    out_array(o, "addresses");
    for (u32 k = 0; k < IP_FAMILY_N; k++)
        for (u32 n = 0; ip_address_at(p, (enum ip_family)k, owner, n, &a); n++)
            show_one_address(o, fib_of(p), ip_if_fib((enum ip_family)k, f->index), &a,
                             ip_address_is_deprecated(p, owner, &a));
    out_end(o);
}

/* --- settings of an interface --- */

static int address_cli_set_table(struct cli_call *c)
{
    return ip_set_table(c->piste, IP_FAMILY_4, cli_interface(c, "interface")->index,
                        (u32)cli_u64(c, "table-id", 0), c->err);
}

static int address_cli_set_table6(struct cli_call *c)
{
    return ip_set_table(c->piste, IP_FAMILY_6, cli_interface(c, "interface")->index,
                        (u32)cli_u64(c, "table-id", 0), c->err);
}

static int address_cli_set_unnumbered(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "interface"), *use = cli_interface(c, "lender");
    return ip_set_unnumbered(c->piste, f->index, use ? use->index : IF_NONE, c->err);
}

static int address_cli_set_directed_broadcast(struct cli_call *c)
{
    return ip4_set_directed_broadcast(c->piste, cli_interface(c, "interface")->index,
                                      !cli_has(c, "disable"), c->err);
}

static int enable_ip4(struct cli_call *c)
{
    return ip_enable(c->piste, IP_FAMILY_4, cli_interface(c, "interface")->index, true, c->err);
}

static int enable_ip6(struct cli_call *c)
{
    return ip_enable(c->piste, IP_FAMILY_6, cli_interface(c, "interface")->index, true, c->err);
}

static int disable_ip6(struct cli_call *c)
{
    return ip_enable(c->piste, IP_FAMILY_6, cli_interface(c, "interface")->index, false, c->err);
}

const struct cli_command address_commands[] = {
    {"set interface ip address [del] <interface> (<ip-prefix> | all)",
     "Add or delete an interface's address", set_address, 0},
    {"enable ip4 interface <interface>", "Let an interface take IPv4 without an address of its own",
     enable_ip4, 0},
    {"enable ip6 interface <interface>", "Let an interface take IPv6 without an address of its own",
     enable_ip6, 0},
    {"disable ip6 interface <interface>", "Take back what `enable ip6 interface' said", disable_ip6,
     0},
    {"set interface ip table <interface> <table-id:u32>", "Put an interface in an IPv4 table",
     address_cli_set_table, 0},
    {"set interface ip6 table <interface> <table-id:u32>", "Put an interface in an IPv6 table",
     address_cli_set_table6, 0},
    {"set interface unnumbered (del <interface> | <interface> use <lender:interface>)",
     "Let an interface borrow another's addresses", address_cli_set_unnumbered, 0},
    {"set interface ip directed-broadcast <interface> (enable | disable)",
     "Send broadcasts to the interface's subnets to all on its link",
     address_cli_set_directed_broadcast, 0},
    {0},
};

/* --- running config --- */

static void write_addresses(struct piste *p, const struct interface *f, struct text *t)
{
    static const char *const words[IP_FAMILY_N] = {"ip", "ip6"};
    struct ip_prefix a;
    char text[IP_PREFIX_TEXT_BYTES];
    for (u32 k = 0; k < IP_FAMILY_N; k++) {
        struct fib_index table = ip_if_fib((enum ip_family)k, f->index);
        if (fib_number(table))
            text_add(t, "set interface %s table %s %u\n", words[k], f->name,
                     fib_table_id(fib_of(p), table));
        for (u32 n = 0; ip_address_at(p, (enum ip_family)k, f->index, n, &a); n++)
            if (!ip_address_is_learnt(p, f->index, &a))
                text_add(t, "set interface ip address %s %s\n", f->name, ip_prefix_text(&a, text));
        if (ip_is_on(p, (enum ip_family)k, f->index))
            text_add(t, "enable %s interface %s\n", ip_family_name((enum ip_family)k), f->name);
    }
    if (ip6_link_local_is_set(p, f->index, &a.addr))
        text_add(t, "set interface ip address %s %s/128\n", f->name,
                 ip_address_text(IP_FAMILY_6, &a.addr, text));
    if (ip4_directed_broadcast(p, f->index))
        text_add(t, "set interface ip directed-broadcast %s enable\n", f->name);
}

static void write_unnumbered(struct piste *p, const struct interface *f, struct text *t)
{
    struct if_index lender = ip_unnumbered(p, f->index);
    if (!if_is_none(lender))
        text_add(t, "set interface unnumbered %s use %s\n", f->name, interface_at(p, lender)->name);
}

/* Lenders have their addresses and tables by the second round. */
static void write_interface(struct piste *p, struct interface *f, u32 round, struct text *t)
{
    if (round)
        write_unnumbered(p, f, t);
    else
        write_addresses(p, f, t);
}

bool address_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                                 struct text *t)
{
    return phase == RC_INTERFACE && interface_config_rows(p, 2, write_interface, place, t);
}
