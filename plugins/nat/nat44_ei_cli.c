/* Commands of NAT44 EI. Words are VPP's. */
#include "plugins/nat/nat44_ei_cli.h"

#include "plugins/nat/nat44_cli.h"
#include "plugins/nat/nat44_ei.h"
#include "plugins/nat/nat44_ha.h"

static int nat44_ei_cli_plugin(struct cli_call *c)
{
    if (cli_has(c, "disable"))
        return nat44_disable(c->piste, c->err);
    struct nat44_options o = {
        .sessions = (u32)cli_u64(c, "sessions", 0),
        .users = (u32)cli_u64(c, "users", 0),
        .user_sessions = (u32)cli_u64(c, "user-sessions", 0),
        .static_only = cli_has(c, "static-mapping-only"),
        .tracking = cli_has(c, "connection-tracking"),
        .inside_vrf = (u32)cli_u64(c, "inside-vrf", 0),
        .outside_vrf = (u32)cli_u64(c, "outside-vrf", 0),
    };
    return nat44_enable(c->piste, &o, c->err);
}

static int nat44_ei_cli_del_user(struct cli_call *c)
{
    struct fib_index fib = {(u32)cli_u64(c, "fib", 0)};
    return nat44_del_user(c->piste, load_be32(cli_get(c, "address")->ip.addr), fib, c->err);
}

static int nat44_ei_cli_ports(struct cli_call *c)
{
    struct nat44_port_config x = {
        .psid = (u16)cli_u64(c, "psid", 0),
        .psid_offset = (u8)cli_u64(c, "psid-offset", 0),
        .psid_len = (u8)cli_u64(c, "psid-len", 0),
        .first = (u16)cli_u64(c, "first", 0),
        .last = (u16)cli_u64(c, "last", 0),
    };
    x.alg = cli_has(c, "map-e")        ? NAT44_PORTS_MAP_E
            : cli_has(c, "port-range") ? NAT44_PORTS_RANGE
                                       : NAT44_PORTS_ANY;
    return nat44_set_ports(c->piste, &x, c->err);
}

static int nat44_ei_cli_listener(struct cli_call *c)
{
    const struct cli_value *at = cli_get(c, "address");
    return nat44_ha_set_listener(c->piste, load_be32(at->raw), get_be16(at->raw + 4),
                                 (u32)cli_u64(c, "path-mtu", NAT44_HA_PATH_MTU), c->err);
}

static int nat44_ei_cli_failover(struct cli_call *c)
{
    const struct cli_value *at = cli_get(c, "address");
    return nat44_ha_set_failover(c->piste, load_be32(at->raw), get_be16(at->raw + 4),
                                 (u32)cli_u64(c, "refresh-interval", NAT44_HA_REFRESH_S), c->err);
}

static int nat44_ei_cli_flush(struct cli_call *c)
{
    return nat44_ha_flush(c->piste, c->err);
}

static int nat44_ei_cli_resync(struct cli_call *c)
{
    return nat44_ha_resync(c->piste, c->err);
}

const struct cli_type nat44_ei_types[] = {
    {"nat44-ei-endpoint", "no address and port:", nat44_parse_endpoint, NULL},
    {0},
};

const struct cli_command nat44_ei_commands[] = {
    {"nat44 ei plugin ( enable | disable ) [sessions <sessions:u32>] [users <users:u32>]"
     " [user-sessions <user-sessions:u32>] [static-mapping-only [connection-tracking]]"
     " [inside-vrf <inside-vrf:u32>] [outside-vrf <outside-vrf:u32>]",
     "Turns NAT44 EI on, with at most so many sessions and hosts of a thread, or by static "
     "mappings "
     "alone, which have sessions or none; or off with all that was set",
     nat44_ei_cli_plugin, 0},
    {"set nat44 ei timeout [udp <udp:u32>] [tcp-established <tcp-established:u32>]"
     " [tcp-transitory <tcp-transitory:u32>] [icmp <icmp:u32>] [reset]",
     "Sets how many seconds a session lives without packets", nat44_cli_timeout, 0},
    {"nat44 ei forwarding ( enable | disable )",
     "Lets packets from outside pass untranslated that belong to no session", nat44_cli_forwarding,
     0},
    {"nat44 ei add address <first:ip4-address> [- <last:ip4-address>]"
     " [tenant-vrf <tenant-vrf:u32>] [del]",
     "Adds addresses to the pool, for hosts of all tables or of one", nat44_cli_addresses, 0},
    {"nat44 ei add interface address <interface> [del]",
     "Gives the pool the addresses of an interface, whatever they are", nat44_cli_interface_address,
     0},
    {"nat44 ei add static mapping [ tcp | udp | icmp ] (local <local-address:ip4-address>"
     " [<local-port:u16>])"
     " (external ( <external-address:ip4-address> | <external-interface:interface> )"
     " [<external-port:u16>])"
     " [vrf <vrf:u32>] [tag <text:string>] [del]",
     "Gives a host inside, or a port of it, an address outside for good", nat44_cli_mapping, 0},
    {"nat44 ei add identity mapping ( <address:ip4-address>"
     " | external <external-interface:interface> ) [ ( tcp | udp | icmp ) <port:u16> ]"
     " [vrf <vrf:u32>] [tag <text:string>] [del]",
     "Leaves packets of an address, or of a port of it, as they are", nat44_cli_identity, 0},
    {"set nat44 ei workers [<list:string>]",
     "Says which data threads have sessions: numbers and ranges, as `0,2-3'; sessions end",
     nat44_cli_workers, 0},
    {"set nat44 ei frame-queue-nelts <nelts:u32>",
     "Takes how long queues between data threads are to be, while NAT is off; here they have one "
     "length",
     nat44_cli_fq_nelts, 0},
    {"show nat44 ei workers", "Which data threads have sessions, where there are several",
     nat44_show_workers, 0},
    {"nat44 ei ipfix logging ( disable | enable ) [domain <domain-id:u32>]"
     " [src-port <port-number:u16>]",
     "Tells collectors of IPFIX of sessions, or does not any more", nat44_cli_ipfix, 0},
    {"nat44 ei mss-clamping ( disable | <mss:u16> )",
     "Bounds the segments of TCP connections through NAT", nat44_cli_mss, 0},
    {"show nat44 ei mss-clamping", "How segments of TCP are bounded", nat44_show_mss, 0},
    {"nat44 ei addr-port-assignment-alg ( default | map-e psid <psid:u16>"
     " psid-offset <psid-offset:u8> psid-len <psid-len:u8> | port-range <first:u16> - <last:u16> )",
     "Says which ports sessions get outside: any, those of a MAP-E port set, or some range",
     nat44_ei_cli_ports, 0},
    {"show nat44 ei addr-port-assignment-alg", "Which ports sessions get outside",
     nat44_ei_show_ports, 0},
    {"nat44 ei ha listener <address:nat44-ei-endpoint> [path-mtu <path-mtu:u32>]",
     "Takes sessions of another switch at this address and port, and tells of its own from there; "
     "port 0: not any more",
     nat44_ei_cli_listener, 0},
    {"nat44 ei ha failover <address:nat44-ei-endpoint> [refresh-interval <refresh-interval:u32>]",
     "Tells another switch of all sessions as they begin and end, and that they live; port 0: not "
     "any more",
     nat44_ei_cli_failover, 0},
    {"nat44 ei ha flush", "Sends at once what waits to be sent to the failover", nat44_ei_cli_flush,
     0},
    {"nat44 ei ha resync", "Tells the failover of all sessions that there are", nat44_ei_cli_resync,
     0},
    {"show nat44 ei hash tables [ detail | verbose ]",
     "Tables of sessions, hosts and mappings: how many there are, and what they take",
     nat44_show_hash_tables, 0},
    {"show nat44 ei ha", "The listener, the failover, and what was told", nat44_ha_show, 0},
    {"set interface nat44 ei [( in <inside:interface> | out <outside:interface> ) ...]"
     " [output-feature] [del]",
     "Says which interfaces lead inside and outside, or translate what leaves by them",
     nat44_cli_interface, 0},
    {"nat44 ei del session ( in | out ) <address:nat44-ei-endpoint> ( tcp | udp | icmp )"
     " [vrf <vrf:u32>]",
     "Ends the session of an address and port inside or outside", nat44_cli_del_session, 0},
    {"nat44 ei del user <address:ip4-address> [fib <fib:u32>]",
     "Ends all sessions of a host inside", nat44_ei_cli_del_user, 0},
    {"show nat44 ei timeouts", "How long sessions live without packets", nat44_show_timeouts, 0},
    {"show nat44 ei interfaces", "Interfaces that lead inside and outside", nat44_show_interfaces,
     0},
    {"show nat44 ei addresses", "Addresses of the pool, and how many of their ports are taken",
     nat44_ei_show_addresses, 0},
    {"show nat44 ei interface address", "Interfaces whose addresses the pool has",
     nat44_show_address_ifs, 0},
    {"show nat44 ei static mappings", "Static mappings, and those of interfaces",
     nat44_show_mappings, 0},
    {"show nat44 ei sessions [detail]", "Hosts inside that have sessions of each thread, and these",
     nat44_ei_show_sessions, 0},
    {0},
};
