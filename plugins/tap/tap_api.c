/* Messages of tapv2.api. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api_tapv2.h"
#include "net/link/interface/interface_api.h"
#include "plugins/tap/tap_internal.h"

static_assert((u32)TAP_API_FLAG_CONSISTENT_QP == (u32)TAP_CONSISTENT_QP, "flags are the API's");

static int tap_api_take_name(char *to, size_t bytes, bool is_set, const char *from)
{
    if (!is_set)
        return 0;
    if (strlen(from) >= bytes)
        return -EINVAL;
    memcpy(to, from, strlen(from) + 1);
    return 0;
}

/* What both versions say; n_tx_queues is the newer one's. */
static int tap_api_args(const struct api_tap_create_v3 *m, struct tap_args *a)
{
    struct tap_host_ip *ip4 = &a->host_ip[IP_FAMILY_4], *ip6 = &a->host_ip[IP_FAMILY_6];
    *a = (struct tap_args){.id = m->id,
                           .flags = m->tap_flags & TAP_FLAGS_ALL,
                           .has_mac = !m->use_random_mac,
                           .n_rx_queues = m->num_rx_queues,
                           .n_tx_queues = m->num_tx_queues,
                           .rx_ring_size = m->rx_ring_sz,
                           .tx_ring_size = m->tx_ring_sz,
                           .has_host_mac = m->host_mac_addr_set,
                           .host_mtu = m->host_mtu_set ? m->host_mtu_size : 0};
    memcpy(a->mac, m->mac_address, 6);
    memcpy(a->host_mac, m->host_mac_addr, 6);
    ip4->has_addr = m->host_ip4_prefix_set;
    memcpy(ip4->addr.bytes, m->host_ip4_prefix.address, 4);
    ip4->prefix_len = m->host_ip4_prefix.len;
    ip4->has_gateway = m->host_ip4_gw_set;
    memcpy(ip4->gateway.bytes, m->host_ip4_gw, 4);
    ip6->has_addr = m->host_ip6_prefix_set;
    memcpy(ip6->addr.bytes, m->host_ip6_prefix.address, 16);
    ip6->prefix_len = m->host_ip6_prefix.len;
    ip6->has_gateway = m->host_ip6_gw_set;
    memcpy(ip6->gateway.bytes, m->host_ip6_gw, 16);
    int rc =
        tap_api_take_name(a->host_name, sizeof(a->host_name), m->host_if_name_set, m->host_if_name);
    if (!rc)
        rc = tap_api_take_name(a->host_ns, sizeof(a->host_ns), m->host_namespace_set,
                               m->host_namespace);
    if (!rc)
        rc = tap_api_take_name(a->host_bridge, sizeof(a->host_bridge), m->host_bridge_set,
                               m->host_bridge);
    if (!rc && *m->tag)
        rc = interface_check_tag(m->tag, NULL);
    return rc;
}

static i32 tap_api_create(struct piste *p, const struct api_tap_create_v3 *m, u32 *sw_if_index)
{
    struct tap_args a;
    struct if_index i;
    *sw_if_index = UINT32_MAX;
    int rc = tap_api_args(m, &a);
    if (!rc)
        rc = tap_create(p, &a, &i, NULL);
    if (rc)
        return rc == -EEXIST ? API_IF_ALREADY_EXISTS : api_retval(rc);
    *sw_if_index = i.i;
    return *m->tag ? api_retval(interface_set_tag(p, i, m->tag, NULL)) : 0;
}

static void tap_api_create_v3(struct api_call *c)
{
    struct api_tap_create_v3_reply reply = {0};
    reply.retval = tap_api_create(c->piste, c->msg, &reply.sw_if_index);
    api_reply(c, &api_message_tap_create_v3_reply, &reply);
}

static void tap_api_create_v2(struct api_call *c)
{
    const struct api_tap_create_v2 *m = c->msg;
    struct api_tap_create_v2_reply reply = {0};
    struct api_tap_create_v3 same = {
        .id = m->id,
        .use_random_mac = m->use_random_mac,
        .num_rx_queues = m->num_rx_queues,
        .tx_ring_sz = m->tx_ring_sz,
        .rx_ring_sz = m->rx_ring_sz,
        .host_mtu_set = m->host_mtu_set,
        .host_mtu_size = m->host_mtu_size,
        .host_mac_addr_set = m->host_mac_addr_set,
        .host_ip4_prefix_set = m->host_ip4_prefix_set,
        .host_ip4_prefix = m->host_ip4_prefix,
        .host_ip6_prefix_set = m->host_ip6_prefix_set,
        .host_ip6_prefix = m->host_ip6_prefix,
        .host_ip4_gw_set = m->host_ip4_gw_set,
        .host_ip6_gw_set = m->host_ip6_gw_set,
        .tap_flags = m->tap_flags,
        .host_namespace_set = m->host_namespace_set,
        .host_if_name_set = m->host_if_name_set,
        .host_bridge_set = m->host_bridge_set,
        .tag = m->tag,
    };
    memcpy(same.mac_address, m->mac_address, sizeof(same.mac_address));
    memcpy(same.host_mac_addr, m->host_mac_addr, sizeof(same.host_mac_addr));
    memcpy(same.host_ip4_gw, m->host_ip4_gw, sizeof(same.host_ip4_gw));
    memcpy(same.host_ip6_gw, m->host_ip6_gw, sizeof(same.host_ip6_gw));
    memcpy(same.host_namespace, m->host_namespace, sizeof(same.host_namespace));
    memcpy(same.host_if_name, m->host_if_name, sizeof(same.host_if_name));
    memcpy(same.host_bridge, m->host_bridge, sizeof(same.host_bridge));
    reply.retval = tap_api_create(c->piste, &same, &reply.sw_if_index);
    api_reply(c, &api_message_tap_create_v2_reply, &reply);
}

static void tap_api_delete(struct api_call *c)
{
    const struct api_tap_delete_v2 *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    api_reply_errno(c, f ? tap_delete(c->piste, f->index, NULL) : -ENODEV);
}

static void tap_api_details(struct api_call *c, const struct tap *tap)
{
    const struct tap_args *a = &tap->args;
    const struct tap_host_ip *ip4 = &a->host_ip[IP_FAMILY_4], *ip6 = &a->host_ip[IP_FAMILY_6];
    struct api_sw_interface_tap_v2_details d = {
        .sw_if_index = tap->interface.i,
        .id = a->id,
        .tx_ring_sz = (u16)(a->tx_ring_size ? a->tx_ring_size : TAP_RING_SIZE),
        .rx_ring_sz = (u16)(a->rx_ring_size ? a->rx_ring_size : TAP_RING_SIZE),
        .host_mtu_size = a->host_mtu,
        .tap_flags = a->flags,
    };
    memcpy(d.host_mac_addr, tap->host_mac, 6);
    memcpy(d.host_ip4_prefix.address, ip4->addr.bytes, 4);
    d.host_ip4_prefix.len = ip4->prefix_len;
    memcpy(d.host_ip6_prefix.address, ip6->addr.bytes, 16);
    d.host_ip6_prefix.len = ip6->prefix_len;
    snprintf(d.dev_name, sizeof(d.dev_name), "%s", interface_at(c->piste, tap->interface)->name);
    snprintf(d.host_if_name, sizeof(d.host_if_name), "%s", tap->host_name);
    snprintf(d.host_namespace, sizeof(d.host_namespace), "%s", a->host_ns);
    snprintf(d.host_bridge, sizeof(d.host_bridge), "%s", a->host_bridge);
    api_reply(c, &api_message_sw_interface_tap_v2_details, &d);
}

static void tap_api_dump(struct api_call *c)
{
    const struct api_sw_interface_tap_v2_dump *m = c->msg;
    const struct tap_state *s = tap_state_of(c->piste);
    for (u32 i = 0; i < s->taps.n; i++)
        if (m->sw_if_index == UINT32_MAX || m->sw_if_index == s->taps.v[i]->interface.i)
            tap_api_details(c, s->taps.v[i]);
}

const struct api_handler tap_api[] = {
    {&api_message_tap_create_v3, tap_api_create_v3},
    {&api_message_tap_create_v2, tap_api_create_v2},
    {&api_message_tap_delete_v2, tap_api_delete},
    {&api_message_sw_interface_tap_v2_dump, tap_api_dump},
    {0},
};
