/* Messages of ip.api about reassembly. */
#include "api/api_ip.h"
#include "control/api.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "net/ip/reass/ip4_reass_module.h"

/* Which reassembly a message is about: 0, or the retval that says that there is none of that. */
static i32 ip4_reass_api_check(bool is_ip6, u32 type)
{
    return is_ip6 ? API_INVALID_ADDRESS_FAMILY : type != IP_REASS_TYPE_FULL ? API_UNSUPPORTED : 0;
}

static void ip4_reass_api_set(struct api_call *c)
{
    const struct api_ip_reassembly_set *m = c->msg;
    struct ip4_reass_config config = ip4_reass_get(c->piste);
    i32 wrong = ip4_reass_api_check(m->is_ip6, m->type);
    config.timeout_ms = m->timeout_ms;
    config.max_datagrams = m->max_reassemblies;
    config.max_fragments = m->max_reassembly_length;
    config.expire_walk_ms = m->expire_walk_interval_ms;
    api_reply_retval(c, wrong ? wrong : api_retval(ip4_reass_set(c->piste, &config, NULL)));
}

static void ip4_reass_api_get(struct api_call *c)
{
    const struct api_ip_reassembly_get *m = c->msg;
    struct ip4_reass_config config = ip4_reass_get(c->piste);
    struct api_ip_reassembly_get_reply reply = {.retval = ip4_reass_api_check(m->is_ip6, m->type),
                                                .is_ip6 = m->is_ip6};
    if (!reply.retval) {
        reply.timeout_ms = config.timeout_ms;
        reply.max_reassemblies = config.max_datagrams;
        reply.max_reassembly_length = config.max_fragments;
        reply.expire_walk_interval_ms = config.expire_walk_ms;
    }
    api_reply(c, &api_message_ip_reassembly_get_reply, &reply);
}

static void ip4_reass_api_enable_disable(struct api_call *c)
{
    const struct api_ip_reassembly_enable_disable *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    i32 wrong = f ? ip4_reass_api_check(m->enable_ip6, m->type) : API_INVALID_SW_IF_INDEX;
    if (wrong)
        api_reply_retval(c, wrong);
    else
        api_reply_errno(c, ip4_reass_set_interface(c->piste, f->index, m->enable_ip4, NULL));
}

static void local_enable_disable(struct api_call *c)
{
    const struct api_ip_local_reass_enable_disable *m = c->msg;
    if (!m->enable_ip6)
        ip4_reass_set_local(c->piste, m->enable_ip4);
    api_reply_retval(c, m->enable_ip6 ? API_INVALID_ADDRESS_FAMILY : 0);
}

static void local_get(struct api_call *c)
{
    struct api_ip_local_reass_get_reply reply = {.ip4_is_enabled = ip4_reass_local(c->piste)};
    api_reply(c, &api_message_ip_local_reass_get_reply, &reply);
}

const struct api_handler ip4_reass_api[] = {
    {&api_message_ip_reassembly_set, ip4_reass_api_set},
    {&api_message_ip_reassembly_get, ip4_reass_api_get},
    {&api_message_ip_reassembly_enable_disable, ip4_reass_api_enable_disable},
    {&api_message_ip_local_reass_enable_disable, local_enable_disable},
    {&api_message_ip_local_reass_get, local_get},
    {0},
};
