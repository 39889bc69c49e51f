/* Who takes what is for this switch, as a command shows it. */
#include "control/cli.h"
#include "control/module.h"
#include "net/ip/ip4/ip_local_cli.h"
#include "net/ip/ip6/ip6_local.h"

static int ip6_local_show(struct cli_call *c)
{
    const struct ip6_local *local = module_state(c->piste, ip6_local_module_name);
    ip_local_show(c, IP_FAMILY_6, local->nodes[IP6_LOCAL_NODE],
                  local->next_by_protocol[IP6_LOCAL_NODE], IP6_LOCAL_NEXT_ICMP_ERROR);
    return 0;
}

const struct cli_command ip6_local_commands[] = {
    {"show ip6 local", "Nodes that packets for this switch go to, by protocol", ip6_local_show, 0},
    {0},
};
