/* Messages of nat66.api; they do what the commands do. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api_nat66.h"
#include "api_nat_types.h"
#include "base/mem.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "plugins/nat66/nat66.h"

static void nat66_api_reply(struct api_call *c, int rc)
{
    if (rc == -EEXIST)
        api_reply_retval(c, API_VALUE_EXIST);
    else
        api_reply_errno(c, rc);
}

static void nat66_api_plugin(struct api_call *c)
{
    const struct api_nat66_plugin_enable_disable *m = c->msg;
    if (!m->enable != nat66_is_enabled(c->piste))
        api_reply_retval(c, m->enable ? API_FEATURE_ALREADY_ENABLED : API_FEATURE_ALREADY_DISABLED);
    else
        nat66_api_reply(c, m->enable ? nat66_enable(c->piste, m->outside_vrf, NULL)
                                     : nat66_disable(c->piste, NULL));
}

static void nat66_api_interface(struct api_call *c)
{
    const struct api_nat66_add_del_interface *m = c->msg;
    const struct interface *it = api_interface(c->piste, m->sw_if_index);
    u8 flag = m->flags & NAT_IS_INSIDE ? NAT_IF_IN : NAT_IF_OUT;
    if (!it)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        nat66_api_reply(c, nat66_set_interface(c->piste, it->index, flag, m->is_add, NULL));
}

static void nat66_api_interface_dump(struct api_call *c)
{
    const u8 *flags = nat66_state_of(c->piste)->data.if_flags;
    struct if_index i;
    for (u32 from = 0; !if_is_none(i = nat_if_next(c->piste, flags, from)); from = i.i + 1) {
        struct api_nat66_interface_details d = {.flags = nat_if_api_flags(flags[i.i]),
                                                .sw_if_index = i.i};
        api_reply(c, &api_message_nat66_interface_details, &d);
    }
}

static void nat66_api_mapping(struct api_call *c)
{
    const struct api_nat66_add_del_static_mapping *m = c->msg;
    struct nat66_mapping_config x = {
        .local = ip_address_from_bytes(IP_FAMILY_6, m->local_ip_address),
        .external = ip_address_from_bytes(IP_FAMILY_6, m->external_ip_address),
        .vrf = m->vrf_id,
    };
    nat66_api_reply(c, m->is_add ? nat66_add_mapping(c->piste, &x, NULL)
                                 : nat66_del_mapping(c->piste, &x, NULL));
}

/* state: where the walk is. */
static bool nat66_api_mapping_more(struct api_call *c, void *state)
{
    struct nat66_mapping_config m;
    struct counter_pair total;
    while (api_room(c)) {
        if (!nat66_mapping_next(c->piste, state, &m, &total))
            return false;
        struct api_nat66_static_mapping_details d = {
            .vrf_id = m.vrf, .total_bytes = total.bytes, .total_pkts = total.packets};
        memcpy(d.local_ip_address, m.local.bytes, sizeof(d.local_ip_address));
        memcpy(d.external_ip_address, m.external.bytes, sizeof(d.external_ip_address));
        api_reply(c, &api_message_nat66_static_mapping_details, &d);
    }
    return true;
}

static void nat66_api_mapping_dump(struct api_call *c)
{
    api_continue(c, nat66_api_mapping_more, free, mem_alloc(sizeof(u32)));
}

const struct api_handler nat66_api_handlers[] = {
    {&api_message_nat66_plugin_enable_disable, nat66_api_plugin},
    {&api_message_nat66_add_del_interface, nat66_api_interface},
    {&api_message_nat66_interface_dump, nat66_api_interface_dump},
    {&api_message_nat66_add_del_static_mapping, nat66_api_mapping},
    {&api_message_nat66_static_mapping_dump, nat66_api_mapping_dump},
    {0},
};
