/* `set punt', `show punt'. Words are VPP's, but for those of exceptions. */
#include <errno.h>
#include <inttypes.h>

#include "engine/counter.h"
#include "engine/node.h"
#include "engine/thread.h"
#include "net/ip/ip4/ip4_local.h"
#include "net/ip/ip6/ip6_local.h"
#include "net/ip/punt/punt_internal.h"
#include "net/packet/l4_packet.h"

static const struct punt *punt_cli_state(const struct cli_call *c)
{
    return module_state(c->piste, punt_module_name);
}

static enum ip_family punt_cli_family(const struct cli_call *c)
{
    return cli_has(c, "ip6") || cli_has(c, "ipv6") ? IP_FAMILY_6 : IP_FAMILY_4;
}

static int punt_cli_set(struct cli_call *c)
{
    u64 port = cli_u64(c, "port-num", PUNT_PORT_REST);
    return punt_l4(c->piste, punt_cli_family(c),
                   cli_has(c, "tcp") ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP, (u16)port,
                   !cli_has(c, "del"), c->err);
}

static int punt_cli_set_exception(struct cli_call *c)
{
    const char *name = cli_str(c, "reason", "");
    u32 reason = punt_reason_find(name);
    return reason ? punt_exception(c->piste, reason, !cli_has(c, "del"), c->err)
                  : error_set(c->err, ENOENT, "no punt reason %s", name);
}

static int punt_cli_show_udp(struct cli_call *c)
{
    enum ip_family f = punt_cli_family(c);
    const struct punt_l4 *s = &punt_cli_state(c)->l4[f];
    out_text(c->out, "%s UDP ports punt:", f == IP_FAMILY_6 ? "IPV6" : "IPV4");
    out_bool(c->out, "rest", s->udp_rest, " all that nobody takes", "");
    out_array(c->out, "ports");
    for (u32 port = 0; port < PUNT_PORT_REST; port++)
        if (punt_has_port(s, port))
            out_u64(c->out, NULL, port, " %" PRIu64);
    out_end(c->out);
    out_text(c->out, "\n");
    return 0;
}

static void punt_cli_udp_ports(struct cli_call *c, const char *protocol, struct node_index from,
                               const u16 *next_by_port)
{
    struct engine *e = engine_of(c->piste);
    for (u32 port = 0; port <= UINT16_MAX; port++) {
        if (next_by_port[port] == UDP_LOOKUP_NEXT_ICMP_ERROR || cli_u64(c, "port", port) != port)
            continue;
        out_object(c->out, NULL);
        out_u64(c->out, "port", port, "%-5" PRIu64);
        out_str(c->out, "protocol", protocol, " %-5s");
        out_str(c->out, "node", node_name(e, node_next(e, from, next_by_port[port])), " %s\n");
        out_end(c->out);
    }
}

static int punt_cli_show_udp_ports(struct cli_call *c)
{
    static_assert((u32)UDP_LOOKUP_NEXT_ICMP_ERROR == (u32)IP6_UDP_LOOKUP_NEXT_ICMP_ERROR,
                  "nobody, in both tables");
    const struct ip4_local *ip4 = module_state(c->piste, ip4_local_module_name);
    const struct ip6_local *ip6 = module_state(c->piste, ip6_local_module_name);
    out_text(c->out, "port  proto node\n");
    out_array(c->out, "ports");
    if (!cli_has(c, "ip6"))
        punt_cli_udp_ports(c, "ip4", ip4->udp_node, ip4->next_by_port);
    if (!cli_has(c, "ip4"))
        punt_cli_udp_ports(c, "ip6", ip6->udp_node, ip6->next_by_port);
    out_end(c->out);
    return 0;
}

static int punt_cli_show_tcp(struct cli_call *c)
{
    const struct punt *s = punt_cli_state(c);
    out_bool(c->out, "rest", s->l4[IP_FAMILY_4].tcp_rest, "IPV4 TCP punt: enabled\n",
             "IPV4 TCP punt: disabled\n");
    out_bool(c->out, "rest_ip6", s->l4[IP_FAMILY_6].tcp_rest, "IPV6 TCP punt: enabled\n",
             "IPV6 TCP punt: disabled\n");
    return 0;
}

static int punt_cli_show_reasons(struct cli_call *c)
{
    out_array(c->out, "reasons");
    for (u32 i = 1; punt_reason(i); i++) {
        out_object(c->out, NULL);
        out_u64(c->out, "id", i, "[%" PRIu64 "] ");
        out_str(c->out, "name", punt_reason(i), "%s");
        out_bool(c->out, "punted", punt_has_exception(punt_cli_state(c), i), ": punted\n", "\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

static int punt_cli_show_stats(struct cli_call *c)
{
    out_array(c->out, "reasons");
    for (u32 i = 1; punt_reason(i); i++) {
        struct counter_pair n = counter_get_pair(punt_cli_state(c)->counts, i);
        out_object(c->out, NULL);
        out_u64(c->out, "id", i, "[%" PRIu64 "] ");
        out_str(c->out, "name", punt_reason(i), "%s: ");
        out_u64(c->out, "packets", n.packets, "[packets:%" PRIu64 ", ");
        out_u64(c->out, "bytes", n.bytes, "bytes:%" PRIu64 "]\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

static void punt_config_of(const struct punt_l4 *s, const char *family, struct text *t)
{
    for (u32 port = 0; port < PUNT_PORT_REST; port++)
        if (punt_has_port(s, port))
            text_add(t, "set punt %s udp %u\n", family, port);
    if (s->udp_rest)
        text_add(t, "set punt %s udp all\n", family);
    if (s->tcp_rest)
        text_add(t, "set punt %s tcp all\n", family);
}

void punt_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct punt *s = state;
    if (phase != RC_GLOBAL)
        return;
    punt_config_of(&s->l4[IP_FAMILY_4], "ipv4", t);
    punt_config_of(&s->l4[IP_FAMILY_6], "ipv6", t);
    for (u32 i = 1; punt_reason(i); i++)
        if (punt_has_exception(s, i))
            text_add(t, "set punt exception %s\n", punt_reason(i));
}

const struct cli_command punt_commands[] = {
    {"set punt [ipv4|ip6|ipv6] [udp|tcp] [del] ( all | <port-num:u16> )",
     "Hands on to ip4-punt or ip6-punt what is for this switch and nobody here takes", punt_cli_set,
     0},
    {"set punt exception <reason:string> [del]",
     "Hands on to ip4-punt or ip6-punt what an ICMP error would be the answer to: `show punt "
     "reasons`",
     punt_cli_set_exception, 0},
    {"show punt reasons", "Reasons by which packets are exceptions", punt_cli_show_reasons, 0},
    {"show punt stats",
     "Exceptions by their reasons: packets that were punted or given to a socket",
     punt_cli_show_stats, 0},
    {"show udp ports [ip4|ip6] [bind|all|<port:u16>]", "Nodes that UDP for this switch goes to",
     punt_cli_show_udp_ports, 0},
    {"show udp punt [ipv4|ipv6]", "UDP ports that are punted", punt_cli_show_udp, 0},
    {"show tcp punt", "Whether TCP is punted", punt_cli_show_tcp, 0},
    {0},
};
