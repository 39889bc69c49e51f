/* Commands of duplicate address detection, and its part of the running configuration. */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "control/cli.h"
#include "net/ip/nd/dad_internal.h"
#include "net/link/interface/interface.h"

const char *dad_delay_text(double s, char out[DAD_DELAY_TEXT_BYTES])
{
    snprintf(out, DAD_DELAY_TEXT_BYTES, "%.1f", s);
    return out[0] == '0' ? out + 1 : out;
}

static int dad_cli_enable(struct cli_call *c)
{
    const struct cli_value *delay = cli_get(c, "delay");
    struct dad_config now = dad_config(c->piste);
    struct dad_config x = {.enabled = true,
                           .transmits = (u8)cli_u64(c, "transmits", now.transmits),
                           .delay_s = delay ? delay->f : now.delay_s};
    return dad_set_config(c->piste, &x, c->err);
}

static int dad_cli_disable(struct cli_call *c)
{
    struct dad_config x = dad_config(c->piste);
    x.enabled = false;
    return dad_set_config(c->piste, &x, c->err);
}

static void dad_cli_show_probes(struct cli_call *c)
{
    struct dad_probe x;
    char text[IP_ADDRESS_TEXT_BYTES];
    out_array(c->out, "entries");
    for (u32 i = 0; (i = dad_next(c->piste, i, &x)) != UINT32_MAX; i++) {
        const struct interface *f = interface_at(c->piste, x.host.interface);
        out_object(c->out, NULL);
        out_str(c->out, "address", ip_address_text(IP_FAMILY_6, &x.host.addr, text), "  %s");
        out_str(c->out, "interface", f ? f->name : "?", " on %s:");
        out_u64(c->out, "sent", x.sent, " %" PRIu64);
        out_u64(c->out, "transmits", x.transmits, " of %" PRIu64 " sent\n");
        out_end(c->out);
    }
    out_end(c->out);
}

static int dad_cli_show(struct cli_call *c)
{
    struct dad_config x = dad_config(c->piste);
    struct dad_probe probe;
    char text[DAD_DELAY_TEXT_BYTES];
    u64 n = 0;
    for (u32 i = 0; (i = dad_next(c->piste, i, &probe)) != UINT32_MAX; i++)
        n++;
    out_text(c->out, "DAD Configuration:\n");
    out_bool(c->out, "enabled", x.enabled, "  Enabled: yes\n", "  Enabled: no\n");
    out_u64(c->out, "transmits", x.transmits, "  Transmits: %" PRIu64 "\n");
    out_f64(c->out, "delay", x.delay_s, NULL);
    out_text(c->out, "  Delay: %s seconds\n", dad_delay_text(x.delay_s, text));
    out_u64(c->out, "active", n, "Active DAD entries: %" PRIu64 "\n");
    dad_cli_show_probes(c);
    return 0;
}

const struct cli_command dad_commands[] = {
    {"set ip6 dad enable [transmits <transmits:u8>] [delay <delay:float>]",
     "Ask for addresses that interfaces get: so often, so many seconds apart", dad_cli_enable, 0},
    {"set ip6 dad disable", "Ask for addresses no more", dad_cli_disable, 0},
    {"show ip6 dad", "Whether addresses are asked for, and which are now", dad_cli_show, 0},
    {0},
};

void dad_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    struct dad_config x = dad_config(p);
    bool is_default = x.transmits == DAD_DEFAULT_TRANSMITS && !(x.delay_s > DAD_DEFAULT_DELAY_S) &&
                      !(x.delay_s < DAD_DEFAULT_DELAY_S);
    if (phase != RC_GLOBAL || (!x.enabled && is_default))
        return;
    text_add(t, "set ip6 dad enable transmits %u delay %g\n", x.transmits, x.delay_s);
    if (!x.enabled)
        text_puts(t, "set ip6 dad disable\n");
}
