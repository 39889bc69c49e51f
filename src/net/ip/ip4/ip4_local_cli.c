/* Who takes what is for this switch, as a command shows it. */
#include "control/cli.h"
#include "control/module.h"
#include "net/ip/ip4/ip_local_cli.h"
#include "net/ip/ip4/ip4_local.h"

static int ip4_local_show(struct cli_call *c)
{
    const struct ip4_local *local = module_state(c->piste, ip4_local_module_name);
    ip_local_show(c, IP_FAMILY_4, local->nodes[IP4_LOCAL_NODE],
                  local->next_by_protocol[IP4_LOCAL_NODE], IP4_LOCAL_NEXT_ICMP_ERROR);
    return 0;
}

const struct cli_command ip4_local_commands[] = {
    {"show ip local", "Nodes that packets for this switch go to, by protocol", ip4_local_show, 0},
    {0},
};
