/* Commands of NAT66, and their lines of the running configuration. Words are VPP's. */
#include <inttypes.h>

#include "base/mem.h"
#include "base/out.h"
#include "base/text.h"
#include "net/link/interface/interface.h"
#include "plugins/nat66/nat66.h"

static int nat66_cli_plugin(struct cli_call *c)
{
    return cli_has(c, "disable")
               ? nat66_disable(c->piste, c->err)
               : nat66_enable(c->piste, (u32)cli_u64(c, "outside-vrf", 0), c->err);
}

static int nat66_cli_interface(struct cli_call *c)
{
    return nat66_set_interface(c->piste, cli_interface(c, "interface")->index,
                               cli_has(c, "in") ? NAT_IF_IN : NAT_IF_OUT, !cli_has(c, "del"),
                               c->err);
}

static int nat66_cli_mapping(struct cli_call *c)
{
    struct nat66_mapping_config m = {
        .local = ip_address_from_bytes(IP_FAMILY_6, cli_get(c, "local-address")->ip.addr),
        .external = ip_address_from_bytes(IP_FAMILY_6, cli_get(c, "external-address")->ip.addr),
        .vrf = (u32)cli_u64(c, "vrf", 0),
    };
    return cli_has(c, "del") ? nat66_del_mapping(c->piste, &m, c->err)
                             : nat66_add_mapping(c->piste, &m, c->err);
}

static int nat66_show_interfaces(struct cli_call *c)
{
    return nat_ifs_show(c, "NAT66", nat66_state_of(c->piste)->data.if_flags);
}

static void nat66_show_mapping(struct cli_call *c, const struct nat66_mapping_config *m,
                               const struct counter_pair *total)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    out_object(c->out, NULL);
    out_str(c->out, "local", ip_address_text(IP_FAMILY_6, &m->local, text), " local %s");
    out_str(c->out, "external", ip_address_text(IP_FAMILY_6, &m->external, text), " external %s");
    out_u64(c->out, "vrf", m->vrf, " vrf %" PRIu64 "\n");
    out_u64(c->out, "packets", total->packets, "  total pkts %" PRIu64);
    out_u64(c->out, "bytes", total->bytes, ", total bytes %" PRIu64 "\n");
    out_end(c->out);
}

static int nat66_show_mappings(struct cli_call *c)
{
    struct nat66_mapping_config m;
    struct counter_pair total;
    u32 *at = cli_kept(c, sizeof(*at), NULL);
    if (!c->again) {
        out_text(c->out, "NAT66 static mappings:\n");
        out_array(c->out, "static_mappings");
    }
    while (nat66_mapping_next(c->piste, at, &m, &total)) {
        nat66_show_mapping(c, &m, &total);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}

/* VPP has them only where it is told to load the plugin: so most of its users know shorter words
 * for NAT44's (CLI_OWN). */
const struct cli_command nat66_commands[] = {
    {"nat66 [plugin] ( enable | disable ) [outside-vrf <outside-vrf:u32>]",
     "Turns NAT66 on, with the table of ways outside for who has none in his own, or off with all "
     "that was set",
     nat66_cli_plugin, CLI_OWN},
    {"set interface nat66 ( in | out ) <interface> [del]",
     "Says which interfaces lead inside and outside", nat66_cli_interface, CLI_OWN},
    {"nat66 add static mapping (local <local-address:ip6-address>)"
     " (external <external-address:ip6-address>) [vrf <vrf:u32>] [del]",
     "Gives a host inside an address outside for good", nat66_cli_mapping, CLI_OWN},
    {"show nat66 interfaces", "Interfaces that lead inside and outside", nat66_show_interfaces,
     CLI_OWN},
    {"show nat66 static mappings", "Static mappings, and what was translated by them",
     nat66_show_mappings, CLI_OWN},
    {0},
};

/* --- running config --- */

void nat66_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    if (phase != RC_ROUTES || !nat66_is_enabled(p))
        return;
    text_puts(t, "nat66 plugin enable");
    if (nat66_outside_vrf(p))
        text_add(t, " outside-vrf %u", nat66_outside_vrf(p));
    text_putc(t, '\n');
    nat_ifs_config(p, "nat66", nat66_state_of(p)->data.if_flags, t);
}

bool nat66_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                               struct text *t)
{
    struct nat66_mapping_config m;
    struct counter_pair total;
    char text[IP_ADDRESS_TEXT_BYTES];
    u32 *at = *place;
    if (phase != RC_OVERRIDES || !nat66_is_enabled(p))
        return false;
    if (!at)
        at = *place = mem_alloc(sizeof(*at));
    for (u32 n = 0; n < 256; n++) {
        if (!nat66_mapping_next(p, at, &m, &total))
            return false;
        text_add(t, "nat66 add static mapping local %s",
                 ip_address_text(IP_FAMILY_6, &m.local, text));
        text_add(t, " external %s", ip_address_text(IP_FAMILY_6, &m.external, text));
        if (m.vrf)
            text_add(t, " vrf %u", m.vrf);
        text_putc(t, '\n');
    }
    return true;
}
