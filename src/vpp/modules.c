#include "vpp/modules.h"

#include "base/types.h"
#include "control/api.h"
#include "control/control_module.h"
#include "control/module.h"
#include "control/plugin.h"
#include "control/running_config.h"
#include "control/startup.h"
#include "engine/engine.h"
#include "host/host_net.h"
#include "net/features/classify/acl.h"
#include "net/features/classify/classify.h"
#include "net/features/classify/classify_api.h"
#include "net/features/classify/classify_filter.h"
#include "net/features/classify/ip_classify.h"
#include "net/features/classify/l2_classify.h"
#include "net/features/fast_path/fast_path.h"
#include "net/features/ipfix/ipfix.h"
#include "net/link/ethernet/ethernet.h"
#include "net/packet/ethernet_packet.h"
#include "net/ip/fib/fib.h"
#include "net/link/interface/detailed_stats.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "net/l2/l2.h"
#include "net/l2/l2_api.h"
#include "net/features/l2_rw/l2_rw.h"
#include "net/ip/address/address.h"
#include "net/ip/icmp/icmp4.h"
#include "net/ip/icmp/icmp6.h"
#include "net/features/span/span.h"
#include "net/features/syslog/syslog.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/route/ip_route_api.h"
#include "net/ip/reass/frag.h"
#include "net/ip/express/ip_express.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_local.h"
#include "net/ip/ip4/ip4_output.h"
#include "net/ip/ip6/ip6.h"
#include "net/ip/ip6/ip6_input.h"
#include "net/ip/ip6/ip6_local.h"
#include "net/ip/reass/reass_module.h"
#include "net/ip/reass/sv_reass.h"
#include "net/ip/mfib/mfib.h"
#include "net/ip/neighbor/arp.h"
#include "net/ip/punt/punt.h"
#include "net/ip/punt/punt_redirect.h"
#include "net/ip/punt/punt_socket.h"
#include "net/ip/nd/dad.h"
#include "net/ip/nd/mld.h"
#include "net/ip/nd/ra.h"
#include "net/ip/pmtu/pmtu.h"
#include "net/ip/pmtu/pmtu_peer.h"
#include "net/ip/neighbor/nd.h"
#include "net/ip/neighbor/nd_proxy.h"
#include "net/ip/neighbor/neighbor.h"
#include "net/features/pcap/pcap_api.h"
#include "net/features/pcap/pcap_trace.h"
#include "net/features/pg/pg.h"
#include "net/features/qos/qos.h"
#include "net/l2/efp_filter.h"
#include "net/l2/tag_rewrite.h"
#include "net/features/pg/pg_api.h"
#include "net/link/vlan/vlan.h"
#include "net/link/vlan/vlan_api.h"
#include "net/ip/neighbor/neighbor_api.h"
#include "ports/af_packet/af_packet.h"
#include "ports/loopback/loopback.h"
#include "ports/pipe/pipe.h"

/* The engine is first, since it takes the nodes of all others; for the rest, init follows what each
 * needs. plugin: the name that VPP's plugin for the same thing has: startup.conf may disable it by
 * that. NULL: part of the core. */
static const struct {
    const struct module *module;
    const char *plugin;
} builtin[] = {
    /* clang-format off */
    {&engine_module, NULL},
    {&system_module, NULL},
    {&sandbox_module, NULL},
    {&logging_module, NULL},
    {&control_module, NULL},
    {&running_config_module, NULL},
    {&api_module, NULL},
    {&api_trace_module, NULL},
    {&trace_module, NULL},
    {&stats_module, NULL},
    {&node_module, NULL},
    {&thread_module, NULL},
    {&interface_module, NULL},
    {&ethernet_module, NULL},
    {&host_module, NULL},
    {&l2_module, NULL},
    {&l2_fib_module, NULL},
    {&span_module, NULL},
    {&detailed_stats_module, NULL},
    {&ip4_arcs_module, NULL},
    {&ip6_arcs_module, NULL},
    {&fib_module, NULL},
    {&address_module, NULL},
    {&ip4_module, NULL},
    {&ip4_input_module, NULL},
    {&ip4_express_module, NULL},
    {&ip4_frag_module, NULL},
    {&ip4_local_module, NULL},
    {&ip4_reass_module, NULL},
    {&ip4_sv_reass_module, NULL},
    {&icmp4_module, NULL},
    {&punt_module, NULL},
    {&punt_redirect_module, NULL},
    {&punt_socket_module, NULL},
    {&ip6_module, NULL},
    {&ip6_input_module, NULL},
    {&ip6_express_module, NULL},
    {&ip6_local_module, NULL},
    {&ip6_frag_module, NULL},
    {&ip6_reass_module, NULL},
    {&ip6_sv_reass_module, NULL},
    {&icmp6_module, NULL},
    {&mfib_module, NULL},
    {&neighbor_module, NULL},
    {&arp_module, NULL},
    {&nd_module, NULL},
    {&nd_proxy_module, NULL},
    {&ra_module, NULL},
    {&dad_module, NULL},
    {&mld_module, NULL},
    {&pmtu_peer_module, NULL},
    {&pmtu_module, NULL},
    {&vlan_module, NULL},
    {&tag_rewrite_module, NULL},
    {&efp_filter_module, NULL},
    {&l2_rw_module, NULL},
    {&ip4_output_module, NULL},
    {&ip6_output_module, NULL},
    {&classify_module, NULL},
    {&classify_acl_module, NULL},
    {&classify_filter_module, NULL},
    {&ip_classify_module, NULL},
    {&l2_classify_module, NULL},
    {&qos_module, NULL},
    {&syslog_module, NULL},
    {&ipfix_module, NULL},
    {&interface_api_module, NULL},
    {&address_api_module, NULL},
    {&ip_route_api_module, NULL},
    {&pmtu_peer_api_module, NULL},
    {&mfib_api_module, NULL},
    {&neighbor_api_module, NULL},
    {&arp_api_module, NULL},
    {&nd_proxy_api_module, NULL},
    {&ra_api_module, NULL},
    {&dad_api_module, NULL},
    {&punt_api_module, NULL},
    {&punt_redirect_api_module, NULL},
    {&punt_socket_api_module, NULL},
    {&l2_api_module, NULL},
    {&l2_flags_api_module, NULL},
    {&l2_event_api_module, NULL},
    {&classify_api_module, NULL},
    {&vlan_api_module, NULL},
    {&tag_api_module, NULL},
    {&pg_api_module, NULL},
    {&pcap_api_module, NULL},
    {&loopback_module, NULL},
    {&pipe_module, NULL},
    {&pg_module, NULL},
    {&pcap_module, NULL},
    {&fast_path_module, NULL},
    {&af_packet_module, "af_packet_plugin.so"},
    /* clang-format on */
};

int modules_add_builtin(struct piste *p, struct error *e)
{
    for (size_t i = 0; i < array_len(builtin); i++) {
        const char *plugin = builtin[i].plugin;
        if (plugin && !plugin_is_wanted(&p->startup->plugins, plugin))
            continue;
        int rc = modules_add(p->modules, builtin[i].module, plugin, e);
        if (rc) {
            error_prefix(e, "module '%s'", builtin[i].module->name);
            return rc;
        }
    }
    return 0;
}
