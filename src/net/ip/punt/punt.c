/* What is punted; see punt.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/ip/icmp/icmp4.h"
#include "net/ip/icmp/icmp6.h"
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
    enum ip_family family;
    enum icmp_exception exception;
} reasons[] = {
    /* of each protocol in the order of the kinds' bits, as counters have them */
    {"ip4-ttl-expired", IP_FAMILY_4, ICMP_EXCEPTION_TTL_EXPIRED},
    {"ip4-fragmentation-needed", IP_FAMILY_4, ICMP_EXCEPTION_TOO_BIG},
    {"ip4-unreachable", IP_FAMILY_4, ICMP_EXCEPTION_UNREACHABLE},
    {"ip4-parameter-problem", IP_FAMILY_4, ICMP_EXCEPTION_PARAMETER_PROBLEM},
    {"ip6-hop-limit-expired", IP_FAMILY_6, ICMP_EXCEPTION_TTL_EXPIRED},
    {"ip6-packet-too-big", IP_FAMILY_6, ICMP_EXCEPTION_TOO_BIG},
    {"ip6-unreachable", IP_FAMILY_6, ICMP_EXCEPTION_UNREACHABLE},
    {"ip6-parameter-problem", IP_FAMILY_6, ICMP_EXCEPTION_PARAMETER_PROBLEM},
};
static_assert(array_len(reasons) == PUNT_REASONS, "all have a number");

const char *punt_reason(u32 reason)
{
    return reason - 1 < PUNT_REASONS ? reasons[reason - 1].name : NULL;
}

u32 punt_reason_find(const char *name)
{
    u32 reason = 1;
    while (reason <= PUNT_REASONS && strcmp(name, punt_reason(reason)) != 0)
        reason++;
    return reason <= PUNT_REASONS ? reason : 0;
}

u32 punt_exceptions_of(enum ip_family f, u32 wanted)
{
    u32 exceptions = 0;
    for (u32 i = 0; i < PUNT_REASONS; i++)
        if (reasons[i].family == f && wanted >> (i + 1) & 1)
            exceptions |= reasons[i].exception;
    return exceptions;
}

u32 punt_reason_of(enum ip_family f, u32 exception)
{
    for (u32 i = 0; i < PUNT_REASONS; i++)
        if (reasons[i].family == f && reasons[i].exception == exception)
            return i + 1;
    return 0;
}

bool punt_has_exception(const struct punt *s, u32 reason)
{
    return s->exceptions >> reason & 1;
}

int punt_exception(struct piste *p, u32 reason, bool on, struct error *e)
{
    struct punt *s = punt_of(p);
    if (!punt_reason(reason))
        return error_set(e, ENOENT, "no punt reason %u", reason);
    s->exceptions = on ? s->exceptions | 1u << reason : s->exceptions & ~(1u << reason);
    icmp4_punt_exceptions(p, punt_exceptions_of(IP_FAMILY_4, s->exceptions));
    icmp6_punt_exceptions(p, punt_exceptions_of(IP_FAMILY_6, s->exceptions));
    return 0;
}

/* --- life --- */

int punt_init(struct piste *p, void **state, struct error *e)
{
    struct punt *s = mem_alloc(sizeof(*s));
    s->counts = counter_vec_new(engine_of(p), "/net/punt", true, PUNT_REASONS + 1);
    icmp4_count_exceptions(p, s->counts, punt_reason_of(IP_FAMILY_4, ICMP_EXCEPTION_TTL_EXPIRED));
    icmp6_count_exceptions(p, s->counts, punt_reason_of(IP_FAMILY_6, ICMP_EXCEPTION_TTL_EXPIRED));
    *state = s;
    return 0;
}

void punt_stop(struct piste *p, void *state)
{
    struct punt *s = state;
    icmp4_count_exceptions(p, NULL, 0);
    icmp6_count_exceptions(p, NULL, 0);
    counter_vec_free(s->counts);
    free(s);
}
