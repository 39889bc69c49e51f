/* `show ip6 interface`: addresses, groups, and what is said to and about the link. */
#include <inttypes.h>

#include "control/cli.h"
#include "net/ip/address/address.h"
#include "net/ip/address/address_data.h"
#include "net/ip/nd/dad.h"
#include "net/ip/nd/nd_show.h"
#include "net/ip/nd/ra.h"
#include "net/link/interface/interface.h"

static void nd_show_groups(struct cli_call *c, struct if_index i)
{
    struct ip_address a;
    char text[IP_ADDRESS_TEXT_BYTES];
    out_text(c->out, "  Joined group address(es):\n");
    out_array(c->out, "groups");
    for (u32 k = 0; ip6_group_next(i, &k, &a);)
        out_str(c->out, "", ip_address_text(IP_FAMILY_6, &a, text), "    %s\n");
    out_end(c->out);
}

static void nd_show_addresses(struct cli_call *c, struct if_index i)
{
    struct if_index lender = ip_if_lender(IP_FAMILY_6, i);
    struct ip_prefix prefix;
    char text[IP_PREFIX_TEXT_BYTES];
    if (ip_address_at(c->piste, IP_FAMILY_6, lender, 0, &prefix))
        out_text(c->out, "  Global unicast address(es):\n");
    out_array(c->out, "addresses");
    for (u32 k = 0; ip_address_at(c->piste, IP_FAMILY_6, lender, k, &prefix); k++)
        out_str(c->out, "", ip_prefix_text(&prefix, text),
                ip_address_is_deprecated(c->piste, lender, &prefix) ? "    %s deprecated\n"
                                                                    : "    %s\n");
    out_end(c->out);
    out_str(c->out, "link_local", ip_address_text(IP_FAMILY_6, &ip6_link(i)->address, text),
            "  Link-local address(es):\n    %s\n");
}

static void nd_show_common(struct cli_call *c)
{
    out_text(c->out,
             "    ICMP redirects are disabled\n    ICMP unreachables are sent\n"
             "    ND DAD is %s\n",
             dad_config(c->piste).enabled ? "enabled" : "disabled");
}

static void nd_show_prefixes(struct cli_call *c, const struct ra_settings *s)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    out_text(c->out, "  Advertised Prefixes:\n");
    out_array(c->out, "prefixes");
    for (u32 k = 0; k < s->n_prefixes; k++) {
        const struct ra_prefix *x = &s->prefixes[k];
        out_object(c->out, NULL);
        out_str(c->out, "prefix", ip_address_text(IP_FAMILY_6, &x->prefix.addr, text),
                "      prefix %s,");
        out_u64(c->out, "length", x->prefix.len, " length %" PRIu64 "\n");
        out_u64(c->out, "valid", x->valid_s, NULL);
        out_u64(c->out, "preferred", x->preferred_s, NULL);
        out_end(c->out);
    }
    out_end(c->out);
}

static bool nd_has_autonomous(const struct ra_settings *s)
{
    for (u32 k = 0; k < s->n_prefixes; k++)
        if (!s->prefixes[k].no_autoconfig && !s->prefixes[k].no_advertise)
            return true;
    return false;
}

static void nd_show_advertisements(struct cli_call *c, const struct interface *f)
{
    struct ra_settings s = ra_settings(c->piste, f->index);
    struct ra_counts n = ra_counts(c->piste, f->index);
    nd_show_prefixes(c, &s);
    out_u64(c->out, "mtu", interface_mtu(f, IF_MTU_IP6), "    MTU is %" PRIu64 "\n");
    out_text(c->out, "    ICMP error messages are limited\n");
    nd_show_common(c);
    out_text(c->out, "    ND advertised reachable time is 0\n"
                     "    ND advertised retransmit interval is 0 (msec)\n");
    if (s.suppress || s.cease) {
        out_text(c->out, "    ND router advertisements are suppressed\n");
    } else {
        out_u64(c->out, "max_interval", s.max_s,
                "    ND router advertisements are sent every %" PRIu64 ".0 seconds");
        out_u64(c->out, "min_interval", s.min_s, " (min interval is %" PRIu64 ".0)\n");
    }
    out_bool(c->out, "suppressed", s.suppress || s.cease, NULL, NULL);
    out_u64(c->out, "lifetime", s.lifetime_s,
            "    ND router advertisements live for %" PRIu64 " seconds\n");
    out_text(c->out, "    Hosts %s stateless autoconfig for addresses\n",
             nd_has_autonomous(&s) ? "use" : " don't use");
    out_u64(c->out, "advertisements_sent", n.sent,
            "    ND router advertisements sent %" PRIu64 "\n");
    out_u64(c->out, "solicitations_received", n.solicited,
            "    ND router solicitations received %" PRIu64 "\n");
    out_u64(c->out, "solicitations_dropped", n.dropped,
            "    ND router solicitations dropped %" PRIu64 "\n");
}

static void nd_show_one(struct cli_call *c, const struct interface *f)
{
    out_object(c->out, NULL);
    out_str(c->out, "interface", f->name, "%s");
    out_text(c->out, " is admin %s\n", f->admin_up ? "up" : "down");
    out_bool(c->out, "admin_up", f->admin_up, NULL, NULL);
    nd_show_addresses(c, f->index);
    nd_show_groups(c, f->index);
    out_text(c->out, "  Neighbor Discovery: %s\n", f->has_mac ? "enabled" : "disabled");
    nd_show_common(c);
    if (f->has_mac)
        nd_show_advertisements(c, f);
    out_end(c->out);
}

int nd_show_interface(struct cli_call *c)
{
    const struct interface *only = cli_interface(c, "interface"), *f;
    out_array(c->out, "interfaces");
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1)
        if ((!only || only == f) && ip6_link(f->index))
            nd_show_one(c, f);
    out_end(c->out);
    if (only && !ip6_link(only->index))
        out_text(c->out, "IP6 disabled\n");
    return 0;
}
