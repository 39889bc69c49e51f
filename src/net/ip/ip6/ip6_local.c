/* Who takes which protocol and port; see ip6_local.h. */
#include "net/ip/ip6/ip6_local.h"

#include <errno.h>

#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/ip6/ip6_nodes.h"

static void ip6_local_set_next(u16 *word, u16 next)
{
    __atomic_store_n(word, next, __ATOMIC_RELEASE);
}

const char ip6_local_module_name[] = "ip6-local";

void ip6_local_register(struct piste *p, u8 protocol, struct node_index node)
{
    struct ip6_local *local = module_state(p, ip6_local_module_name);
    for (u32 i = 0; i < IP6_LOCAL_NODES; i++)
        ip6_local_set_next(&local->next_by_protocol[i][protocol],
                           node_edge(engine_of(p), local->nodes[i], node));
}

void ip6_local_unregister(struct piste *p, u8 protocol)
{
    struct ip6_local *local = module_state(p, ip6_local_module_name);
    for (u32 i = 0; i < IP6_LOCAL_NODES; i++)
        ip6_local_set_next(&local->next_by_protocol[i][protocol], IP6_LOCAL_NEXT_ICMP_ERROR);
}

bool ip6_local_has(const struct piste *p, u8 protocol)
{
    const struct ip6_local *local = module_state(p, ip6_local_module_name);
    return local->next_by_protocol[0][protocol] != IP6_LOCAL_NEXT_ICMP_ERROR;
}

int ip6_udp_register(struct piste *p, u16 port, struct node_index node)
{
    struct ip6_local *local = module_state(p, ip6_local_module_name);
    if (local->next_by_port[port] != IP6_UDP_LOOKUP_NEXT_ICMP_ERROR)
        return -EADDRINUSE;
    ip6_local_set_next(&local->next_by_port[port], node_edge(engine_of(p), local->udp_node, node));
    return 0;
}

void ip6_udp_unregister(struct piste *p, u16 port)
{
    struct ip6_local *local = module_state(p, ip6_local_module_name);
    ip6_local_set_next(&local->next_by_port[port], IP6_UDP_LOOKUP_NEXT_ICMP_ERROR);
}

int ip6_udp_punt(struct piste *p, u16 port)
{
    struct ip6_local *local = module_state(p, ip6_local_module_name);
    if (local->next_by_port[port] != IP6_UDP_LOOKUP_NEXT_ICMP_ERROR)
        return -EADDRINUSE;
    ip6_local_set_next(&local->next_by_port[port], IP6_UDP_LOOKUP_NEXT_PUNT);
    return 0;
}

void ip6_udp_punt_rest(struct piste *p, bool on)
{
    struct ip6_local *local = module_state(p, ip6_local_module_name);
    ip6_local_set_next(&local->udp_rest_next,
                       on ? IP6_UDP_LOOKUP_NEXT_PUNT : IP6_UDP_LOOKUP_NEXT_ICMP_ERROR);
}

void ip6_tcp_punt_rest(struct piste *p, bool on)
{
    struct ip6_local *local = module_state(p, ip6_local_module_name);
    __atomic_store_n(&local->tcp_rest_punted, on, __ATOMIC_RELEASE);
}
