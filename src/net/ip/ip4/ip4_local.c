/* Who takes which protocol and port; see ip4_local.h. */
#include "net/ip/ip4/ip4_local.h"

#include <errno.h>

#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/ip4/ip4_nodes.h"

static void ip4_local_set_next(u16 *word, u16 next)
{
    __atomic_store_n(word, next, __ATOMIC_RELEASE);
}

const char ip4_local_module_name[] = "ip4-local";

void ip4_local_register(struct piste *p, u8 protocol, struct node_index node)
{
    struct ip4_local *local = module_state(p, ip4_local_module_name);
    for (u32 i = 0; i < IP4_LOCAL_NODES; i++)
        ip4_local_set_next(&local->next_by_protocol[i][protocol],
                           node_edge(engine_of(p), local->nodes[i], node));
}

void ip4_local_unregister(struct piste *p, u8 protocol)
{
    struct ip4_local *local = module_state(p, ip4_local_module_name);
    for (u32 i = 0; i < IP4_LOCAL_NODES; i++)
        ip4_local_set_next(&local->next_by_protocol[i][protocol], IP4_LOCAL_NEXT_ICMP_ERROR);
}

bool ip4_local_has(const struct piste *p, u8 protocol)
{
    const struct ip4_local *local = module_state(p, ip4_local_module_name);
    return local->next_by_protocol[0][protocol] != IP4_LOCAL_NEXT_ICMP_ERROR;
}

int ip4_udp_register(struct piste *p, u16 port, struct node_index node)
{
    struct ip4_local *local = module_state(p, ip4_local_module_name);
    if (local->next_by_port[port] != UDP_LOOKUP_NEXT_ICMP_ERROR)
        return -EADDRINUSE;
    ip4_local_set_next(&local->next_by_port[port], node_edge(engine_of(p), local->udp_node, node));
    return 0;
}

int ip4_udp_punt(struct piste *p, u16 port)
{
    struct ip4_local *local = module_state(p, ip4_local_module_name);
    if (local->next_by_port[port] != UDP_LOOKUP_NEXT_ICMP_ERROR)
        return -EADDRINUSE;
    ip4_local_set_next(&local->next_by_port[port], UDP_LOOKUP_NEXT_PUNT);
    return 0;
}

void ip4_udp_punt_rest(struct piste *p, bool on)
{
    struct ip4_local *local = module_state(p, ip4_local_module_name);
    ip4_local_set_next(&local->udp_rest_next,
                       on ? UDP_LOOKUP_NEXT_PUNT : UDP_LOOKUP_NEXT_ICMP_ERROR);
}

void ip4_tcp_punt_rest(struct piste *p, bool on)
{
    struct ip4_local *local = module_state(p, ip4_local_module_name);
    __atomic_store_n(&local->tcp_rest_punted, on, __ATOMIC_RELEASE);
}

void ip4_udp_unregister(struct piste *p, u16 port)
{
    struct ip4_local *local = module_state(p, ip4_local_module_name);
    ip4_local_set_next(&local->next_by_port[port], UDP_LOOKUP_NEXT_ICMP_ERROR);
}
