/* `set punt', `show punt'. Words are VPP's, but for those of exceptions. */
#include <errno.h>
#include <string.h>

#include "net/ip/punt/punt_internal.h"
#include "net/packet/l4_packet.h"

static const struct punt *punt_cli_state(const struct cli_call *c)
{
    return module_state(c->piste, punt_module_name);
}

static int punt_cli_set(struct cli_call *c)
{
    u64 port = cli_u64(c, "port-num", PUNT_PORT_REST);
    if (cli_has(c, "ip6") || cli_has(c, "ipv6"))
        return error_set(c->err, EAFNOSUPPORT, "IPv6 is not spoken here");
    return punt_l4(c->piste, cli_has(c, "tcp") ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP, (u16)port,
                   !cli_has(c, "del"), c->err);
}

static int punt_cli_set_exception(struct cli_call *c)
{
    const char *name = cli_str(c, "reason", "");
    for (u32 i = 1; punt_reason(i); i++)
        if (!strcmp(name, punt_reason(i)))
            return punt_exception(c->piste, i, !cli_has(c, "del"), c->err);
    return error_set(c->err, ENOENT, "no punt reason %s", name);
}

static int punt_cli_show_udp(struct cli_call *c)
{
    const struct punt *s = punt_cli_state(c);
    out_text(c->out, "IPV4 UDP ports punt:");
    out_bool(c->out, "rest", s->udp_rest, " all that nobody takes", "");
    out_array(c->out, "ports");
    for (u32 port = 0; port < PUNT_PORT_REST; port++)
        if (punt_has_port(s, port))
            out_u64(c->out, NULL, port, " %lu");
    out_end(c->out);
    out_text(c->out, "\n");
    return 0;
}

static int punt_cli_show_tcp(struct cli_call *c)
{
    out_bool(c->out, "rest", punt_cli_state(c)->tcp_rest, "IPV4 TCP punt: enabled\n",
             "IPV4 TCP punt: disabled\n");
    return 0;
}

static int punt_cli_show_reasons(struct cli_call *c)
{
    out_array(c->out, "reasons");
    for (u32 i = 1; punt_reason(i); i++) {
        out_object(c->out, NULL);
        out_u64(c->out, "id", i, "[%lu] ");
        out_str(c->out, "name", punt_reason(i), "%s");
        out_bool(c->out, "punted", punt_has_exception(punt_cli_state(c), i), ": punted\n", "\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

void punt_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct punt *s = state;
    if (phase != RC_GLOBAL)
        return;
    for (u32 port = 0; port < PUNT_PORT_REST; port++)
        if (punt_has_port(s, port))
            text_add(t, "set punt ipv4 udp %u\n", port);
    if (s->udp_rest)
        text_puts(t, "set punt ipv4 udp all\n");
    if (s->tcp_rest)
        text_puts(t, "set punt ipv4 tcp all\n");
    for (u32 i = 1; punt_reason(i); i++)
        if (punt_has_exception(s, i))
            text_add(t, "set punt exception %s\n", punt_reason(i));
}

const struct cli_command punt_commands[] = {
    {"set punt [ipv4|ip6|ipv6] [udp|tcp] [del] ( all | <port-num:u16> )",
     "Hands on to ip4-punt what is for this switch and nobody here takes", punt_cli_set, 0},
    {"set punt exception <reason:string> [del]",
     "Hands on to ip4-punt what an ICMP error would be the answer to: `show punt reasons`",
     punt_cli_set_exception, 0},
    {"show punt reasons", "Reasons by which packets are exceptions", punt_cli_show_reasons, 0},
    {"show udp punt [ipv4|ipv6]", "UDP ports that are punted", punt_cli_show_udp, 0},
    {"show tcp punt", "Whether TCP is punted", punt_cli_show_tcp, 0},
    {0},
};
