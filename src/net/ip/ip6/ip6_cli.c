/* Commands about interfaces of IPv6. Routes and tables are in ip4/, for both protocols. */
#include <errno.h>

#include "control/cli.h"
#include "net/ip/address/address.h"
#include "net/ip/address/address_data.h"
#include "net/ip/ip6/ip6_internal.h"
#include "net/link/interface/interface.h"

static void ip6_show_groups(struct cli_call *c, struct if_index i)
{
    struct ip_address a;
    char text[IP_ADDRESS_TEXT_BYTES];
    out_text(c->out, "  Joined group address(es):\n");
    out_array(c->out, "groups");
    for (u32 k = 0; ip6_group_at(c->piste, i, k, &a); k++)
        out_str(c->out, "", ip_address_text(IP_FAMILY_6, &a, text), "    %s\n");
    out_end(c->out);
}

static void ip6_show_addresses(struct cli_call *c, struct if_index i)
{
    struct if_index lender = ip_if_lender(IP_FAMILY_6, i);
    struct ip_prefix prefix;
    char text[IP_PREFIX_TEXT_BYTES];
    if (ip_address_at(c->piste, IP_FAMILY_6, lender, 0, &prefix))
        out_text(c->out, "  Global unicast address(es):\n");
    out_array(c->out, "addresses");
    for (u32 k = 0; ip_address_at(c->piste, IP_FAMILY_6, lender, k, &prefix); k++)
        out_str(c->out, "", ip_prefix_text(&prefix, text), "    %s\n");
    out_end(c->out);
    out_str(c->out, "link_local", ip_address_text(IP_FAMILY_6, &ip6_link(i)->address, text),
            "  Link-local address(es):\n    %s\n");
}

static void ip6_show_one(struct cli_call *c, const struct interface *f)
{
    out_object(c->out, NULL);
    out_str(c->out, "interface", f->name, "%s");
    out_text(c->out, " is admin %s\n", f->admin_up ? "up" : "down");
    out_bool(c->out, "admin_up", f->admin_up, NULL, NULL);
    ip6_show_addresses(c, f->index);
    ip6_show_groups(c, f->index);
    out_text(c->out, "  Neighbor Discovery: %s\n", f->has_mac ? "enabled" : "disabled");
    out_text(c->out, "    ICMP redirects are disabled\n    ICMP unreachables are sent\n"
                     "    ND DAD is disabled\n");
    out_end(c->out);
}

static int ip6_show_interface(struct cli_call *c)
{
    const struct interface *only = cli_interface(c, "interface"), *f;
    out_array(c->out, "interfaces");
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1)
        if ((!only || only == f) && ip6_link(f->index))
            ip6_show_one(c, f);
    out_end(c->out);
    if (only && !ip6_link(only->index))
        out_text(c->out, "IP6 disabled\n");
    return 0;
}

const struct cli_command ip6_commands[] = {
    {"show ip6 interface [<interface>]", "Addresses and groups of interfaces that take IPv6",
     ip6_show_interface, 0},
    {0},
};
