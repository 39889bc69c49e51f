/* Commands about checks of sources, and their lines of the running configuration; see urpf.h. */
#include <errno.h>
#include <inttypes.h>

#include "base/out.h"
#include "base/text.h"
#include "net/ip/route/ip_path_cli.h"
#include "net/link/interface/interface.h"
#include "plugins/urpf/urpf.h"

/* The table that a command names; FIB_NONE: none. */
static int urpf_cli_table(struct cli_call *c, enum ip_family f, struct fib_index *out)
{
    *out = FIB_NONE;
    if (!cli_get(c, "table-id"))
        return 0;
    return ip_path_table(fib_of(c->piste), f, cli_u64(c, "table-id", 0), out, c->err);
}

/* What is not said is VPP's: of received packets of IPv4, strictly. */
static int urpf_command(struct cli_call *c)
{
    enum ip_family f = ip_family_of(cli_has(c, "ip6"));
    struct urpf x = {URPF_STRICT, FIB_NONE};
    if (cli_has(c, "off"))
        x.mode = URPF_OFF;
    else if (cli_has(c, "loose"))
        x.mode = URPF_LOOSE;
    int rc = urpf_cli_table(c, f, &x.table);
    return rc ? rc
              : urpf_set(c->piste, cli_interface(c, "interface")->index, f,
                         cli_has(c, "tx") ? URPF_TX : URPF_RX, x, c->err);
}

static int urpf_accept_command(struct cli_call *c)
{
    const struct cli_value *v = cli_get(c, "prefix");
    enum ip_family f = ip_family_of(v->ip.is_ip6);
    struct ip_prefix prefix = ip_prefix_host(f, ip_address_from_bytes(f, v->ip.addr));
    struct fib_index table;
    prefix.len = v->ip.prefix_len;
    int rc = urpf_cli_table(c, f, &table);
    if (!rc && fib_is_none(table))
        rc = ip_path_table(fib_of(c->piste), f, 0, &table, c->err);
    return rc ? rc : urpf_accept(c->piste, table, prefix, !cli_has(c, "del"), c->err);
}

/* --- show --- */

static void urpf_show_one(struct cli_call *c, const struct interface *it, enum ip_family f,
                          enum urpf_dir d)
{
    struct urpf x = urpf_of(c->piste, it->index, f, d);
    if (!x.mode)
        return;
    out_object(c->out, NULL);
    out_str(c->out, "interface", it->name, "%s");
    out_str(c->out, "family", ip_family_name(f), " %s");
    out_str(c->out, "direction", urpf_dir_words[d], " %s");
    out_str(c->out, "mode", urpf_mode_words[x.mode], " %s");
    if (!fib_is_none(x.table))
        out_u64(c->out, "table_id", fib_table_id(fib_of(c->piste), x.table), " table %" PRIu64);
    out_text(c->out, "\n");
    out_end(c->out);
}

static int urpf_show(struct cli_call *c)
{
    const struct urpf_accept_list *l = urpf_state_of(c->piste)->accepted;
    const struct interface *it;
    char text[IP_PREFIX_TEXT_BYTES];
    out_array(c->out, "interfaces");
    for (u32 i = 0; (it = interface_next(c->piste, i)); i = it->index.i + 1)
        for (enum ip_family f = 0; f < IP_FAMILY_N; f++)
            for (u32 d = URPF_DIR_N; d--;)
                urpf_show_one(c, it, f, (enum urpf_dir)d);
    out_end(c->out);
    out_array(c->out, "accepted");
    for (u32 k = 0; l && k < l->n; k++) {
        out_object(c->out, NULL);
        out_u64(c->out, "table_id", fib_table_id(fib_of(c->piste), l->v[k].table),
                "accepted: table %" PRIu64);
        out_str(c->out, "prefix", ip_prefix_text(&l->v[k].prefix, text), " %s\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

const struct cli_command urpf_commands[] = {
    {"set urpf [ip4|ip6] [rx|tx] [off|strict|loose] <interface> [table <table-id:u32>]",
     "Drops packets whose source is not where a route to it leads", urpf_command, 0},
    {"set urpf-accept [table <table-id:u32>] [add|del] <prefix:ip-prefix>",
     "Sources that loose checks of a table let pass without a route", urpf_accept_command, 0},
    {"show urpf", "Interfaces that check sources", urpf_show, 0},
    {0},
};

/* --- running config --- */

static void urpf_write(struct piste *p, const struct interface *it, enum ip_family f,
                       enum urpf_dir d, struct text *t)
{
    struct urpf x = urpf_of(p, it->index, f, d);
    if (!x.mode)
        return;
    text_add(t, "set urpf %s %s %s %s", ip_family_name(f), urpf_dir_words[d],
             urpf_mode_words[x.mode], it->name);
    if (!fib_is_none(x.table))
        text_add(t, " table %u", fib_table_id(fib_of(p), x.table));
    text_putc(t, '\n');
}

void urpf_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct urpf_accept_list *l = ((struct urpf_state *)state)->accepted;
    const struct interface *it;
    char prefix[IP_PREFIX_TEXT_BYTES];
    for (u32 i = 0; phase == RC_INTERFACE && (it = interface_next(p, i)); i = it->index.i + 1)
        for (enum ip_family f = 0; f < IP_FAMILY_N; f++)
            for (u32 d = URPF_DIR_N; d--;)
                urpf_write(p, it, f, (enum urpf_dir)d, t);
    for (u32 k = 0; phase == RC_ROUTES && l && k < l->n; k++)
        text_add(t, "set urpf-accept table %u add %s\n", fib_table_id(fib_of(p), l->v[k].table),
                 ip_prefix_text(&l->v[k].prefix, prefix));
}
