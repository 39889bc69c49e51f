/* What is punted; see punt.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/ip/icmp/icmp4.h"
#include "net/ip/ip4/ip4_local.h"
#include "net/ip/ip6/ip6_local.h"
#include "net/ip/punt/punt_internal.h"
#include "net/packet/l4_packet.h"

const char punt_module_name[] = "punt";

static struct punt *punt_of(const struct piste *p)
{
    return module_state(p, punt_module_name);
}

/* --- datagrams and segments --- */

static const struct {
    int (*udp)(struct piste *p, u16 port);
    void (*udp_not)(struct piste *p, u16 port);
    void (*udp_rest)(struct piste *p, bool on);
    void (*tcp_rest)(struct piste *p, bool on);
} punts[IP_FAMILY_N] = {
    [IP_FAMILY_4] = {ip4_udp_punt, ip4_udp_unregister, ip4_udp_punt_rest, ip4_tcp_punt_rest},
    [IP_FAMILY_6] = {ip6_udp_punt, ip6_udp_unregister, ip6_udp_punt_rest, ip6_tcp_punt_rest},
};

static int punt_udp_port(struct piste *p, enum ip_family f, u16 port, bool on, struct error *e)
{
    struct punt_l4 *s = &punt_of(p)->l4[f];
    if (punt_has_port(s, port) == on)
        return 0;
    if (on && punts[f].udp(p, port))
        return error_set(e, EADDRINUSE, "UDP port %u is taken here", port);
    if (!on)
        punts[f].udp_not(p, port);
    s->ports[port / 64] ^= 1ull << port % 64;
    return 0;
}

int punt_l4(struct piste *p, enum ip_family f, u8 protocol, u16 port, bool on, struct error *e)
{
    struct punt_l4 *s = &punt_of(p)->l4[f];
    bool udp = protocol == IP_PROTOCOL_UDP;
    if (!udp && protocol != IP_PROTOCOL_TCP)
        return error_set(e, EOPNOTSUPP, "only UDP (%d) and TCP (%d) can be punted, not %u",
                         IP_PROTOCOL_UDP, IP_PROTOCOL_TCP, protocol);
    if (port != PUNT_PORT_REST)
        return udp ? punt_udp_port(p, f, port, on, e)
                   : error_set(e, EOPNOTSUPP, "TCP is punted whole, not by port");
    if (udp)
        punts[f].udp_rest(p, s->udp_rest = on);
    else
        punts[f].tcp_rest(p, s->tcp_rest = on);
    return 0;
}

/* --- exceptions --- */

static const struct {
    const char *name;
    enum icmp4_exception exception;
} reasons[] = {
    {"ip4-ttl-expired", ICMP4_EXCEPTION_TTL_EXPIRED},
    {"ip4-fragmentation-needed", ICMP4_EXCEPTION_FRAGMENTATION_NEEDED},
    {"ip4-unreachable", ICMP4_EXCEPTION_UNREACHABLE},
    {"ip4-parameter-problem", ICMP4_EXCEPTION_PARAMETER_PROBLEM},
};

const char *punt_reason(u32 reason)
{
    return reason - 1 < array_len(reasons) ? reasons[reason - 1].name : NULL;
}

bool punt_has_exception(const struct punt *s, u32 reason)
{
    return s->exceptions & reasons[reason - 1].exception;
}

int punt_exception(struct piste *p, u32 reason, bool on, struct error *e)
{
    struct punt *s = punt_of(p);
    if (!punt_reason(reason))
        return error_set(e, ENOENT, "no punt reason %u", reason);
    u32 bit = reasons[reason - 1].exception;
    s->exceptions = on ? s->exceptions | bit : s->exceptions & ~bit;
    icmp4_punt_exceptions(p, s->exceptions);
    return 0;
}

/* --- life --- */

int punt_init(struct piste *p, void **state, struct error *e)
{
    *state = mem_alloc(sizeof(struct punt));
    return 0;
}

void punt_stop(struct piste *p, void *state)
{
    free(state);
}
