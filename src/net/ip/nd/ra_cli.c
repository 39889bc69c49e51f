/* Commands of router discovery, and its part of the running configuration. */
#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/text.h"
#include "control/cli.h"
#include "net/ip/nd/nd_show.h"
#include "net/ip/nd/ra_internal.h"
#include "net/link/interface/interface.h"
#include "net/packet/nd_packet.h"

static int ra_cli_prefix(struct cli_call *c, struct ra_settings *s)
{
    const struct cli_value *v = cli_get(c, "prefix");
    bool forever = cli_has(c, "infinite"), given = cli_has(c, "valid");
    struct ra_prefix x = {
        .prefix = {.addr = ip_address_from_bytes(IP_FAMILY_6, v->ip.addr),
                   .family = IP_FAMILY_6,
                   .len = v->ip.prefix_len},
        .valid_s = forever ? ND_FOREVER : (u32)cli_u64(c, "valid", RA_VALID_S),
        .preferred_s = forever ? ND_FOREVER : (u32)cli_u64(c, "preferred", RA_PREFERRED_S),
        .off_link = cli_has(c, "off-link") || cli_has(c, "no-onlink"),
        .no_autoconfig = cli_has(c, "no-autoconfig"),
        .no_advertise = cli_has(c, "no-advertise"),
        .fixed = !given,
        .since_ns = clock_ns(),
    };
    if (given && (forever || cli_has(c, "default")))
        return error_set(c->err, EINVAL, "lifetimes are given twice");
    return cli_has(c, "no") ? ra_prefix_del(s, &x.prefix, c->err) : ra_prefix_add(s, &x, c->err);
}

static void ra_cli_flag(const struct cli_call *c, const char *word, bool *flag)
{
    if (cli_has(c, word))
        *flag = !cli_has(c, "no");
}

static void ra_cli_numbers(const struct cli_call *c, struct ra_settings *s)
{
    /* a running configuration may say them in any order, and they bound each other */
    if (cli_has(c, "ra-interval")) {
        s->max_s = (u32)cli_u64(c, "max", RA_INTERVAL_S);
        s->min_s = (u32)cli_u64(c, "min", s->max_s * 3 / 4);
        if (s->min_s < 3)
            s->min_s = 3;
    }
    if (cli_has(c, "ra-lifetime"))
        s->lifetime_s = (u32)cli_u64(c, "lifetime", RA_INTERVAL_S * 3);
    if (cli_has(c, "ra-initial")) {
        s->initial_count = (u32)cli_u64(c, "count", RA_INITIAL_COUNT);
        s->initial_s = (u32)cli_u64(c, "apart", RA_INITIAL_S);
    }
}

static int ra_cli_set(struct cli_call *c)
{
    struct if_index i = cli_interface(c, "interface")->index;
    struct ra_settings s = ra_settings(c->piste, i);
    ra_cli_flag(c, "ra-suppress", &s.suppress);
    ra_cli_flag(c, "ra-suppress-link-layer", &s.no_mac);
    ra_cli_flag(c, "ra-send-unicast", &s.unicast);
    ra_cli_flag(c, "ra-managed-config-flag", &s.managed);
    ra_cli_flag(c, "ra-other-config-flag", &s.other);
    ra_cli_flag(c, "ra-cease", &s.cease);
    ra_cli_numbers(c, &s);
    int rc = cli_has(c, "prefix") ? ra_cli_prefix(c, &s) : 0;
    return rc ? rc : ra_set(c->piste, i, &s, c->err);
}

static int ra_cli_autoconfig(struct cli_call *c)
{
    enum ra_autoconfig what = cli_has(c, "disable")         ? RA_AUTOCONFIG_OFF
                              : cli_has(c, "default-route") ? RA_AUTOCONFIG_ROUTES
                                                            : RA_AUTOCONFIG_ADDRESSES;
    return ra_set_autoconfig(c->piste, cli_interface(c, "interface")->index, what, c->err);
}

const struct cli_command ra_commands[] = {
    {"ip6 nd <interface> [no] [prefix <prefix:ip6-prefix> [<valid:u32> <preferred:u32>]] "
     "[infinite] [default] [off-link] [no-autoconfig] [no-advertise] [no-onlink] "
     "[ra-suppress] [ra-suppress-link-layer] [ra-send-unicast] [ra-managed-config-flag] "
     "[ra-other-config-flag] [ra-cease] [ra-lifetime [<lifetime:u32>]] "
     "[ra-initial [<count:u32> <apart:u32>]] [ra-interval [<max:u32> [<min:u32>]]]",
     "What this switch advertises as a router; `no' takes it back", ra_cli_set, 0},
    {"ip6 nd address autoconfig <interface> [default-route | disable]",
     "Take addresses from the advertisements of routers, and default routes", ra_cli_autoconfig, 0},
    {"show ip6 interface [<interface>]", "Interfaces that take IPv6, and what they advertise",
     nd_show_interface, 0},
    {0},
};

/* --- running config --- */

static void ra_write_prefix(const struct interface *f, const struct ra_prefix *x, struct text *t)
{
    char text[IP_PREFIX_TEXT_BYTES];
    text_add(t, "ip6 nd %s prefix %s", f->name, ip_prefix_text(&x->prefix, text));
    if (!x->fixed)
        text_add(t, " %" PRIu32 " %" PRIu32, x->valid_s, x->preferred_s);
    else if (x->valid_s == ND_FOREVER)
        text_puts(t, " infinite");
    text_add(t, "%s%s%s\n", x->off_link ? " off-link" : "",
             x->no_autoconfig ? " no-autoconfig" : "", x->no_advertise ? " no-advertise" : "");
}

static void ra_write_flags(const struct interface *f, const struct ra_settings *s, struct text *t)
{
    const struct {
        bool on;
        const char *word;
    } flags[] = {{s->suppress, "ra-suppress"},       {s->no_mac, "ra-suppress-link-layer"},
                 {s->unicast, "ra-send-unicast"},    {s->managed, "ra-managed-config-flag"},
                 {s->other, "ra-other-config-flag"}, {s->cease, "ra-cease"}};
    for (u32 k = 0; k < array_len(flags); k++)
        if (flags[k].on)
            text_add(t, "ip6 nd %s %s\n", f->name, flags[k].word);
}

static void ra_write_interface(const struct piste *p, const struct interface *f, struct text *t)
{
    static const char *const words[] = {
        [RA_AUTOCONFIG_ADDRESSES] = "", [RA_AUTOCONFIG_ROUTES] = " default-route"};
    struct ra_settings s = ra_settings(p, f->index), d = ra_settings(p, IF_NONE);
    enum ra_autoconfig autoconfig = ra_autoconfig(p, f->index);
    ra_write_flags(f, &s, t);
    if (s.max_s != d.max_s || s.min_s != d.min_s || s.lifetime_s != d.lifetime_s)
        text_add(t, "ip6 nd %s ra-lifetime %u ra-interval %u %u\n", f->name, s.lifetime_s, s.max_s,
                 s.min_s);
    if (s.initial_count != d.initial_count || s.initial_s != d.initial_s)
        text_add(t, "ip6 nd %s ra-initial %u %u\n", f->name, s.initial_count, s.initial_s);
    for (u32 k = 0; k < s.n_prefixes; k++)
        ra_write_prefix(f, &s.prefixes[k], t);
    if (autoconfig != RA_AUTOCONFIG_OFF)
        text_add(t, "ip6 nd address autoconfig %s%s\n", f->name, words[autoconfig]);
}

void ra_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    struct interface *f;
    if (phase == RC_INTERFACE)
        for (f = interface_next_written(p, NULL); f; f = interface_next_written(p, f))
            ra_write_interface(p, f, t);
}
