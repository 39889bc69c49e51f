/* Messages of ip.api about reassembly. */
#include "api/api_ip.h"
#include "control/api.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "net/ip/reass/reass_module.h"

static_assert(IP_REASS_TYPE_FULL == (int)REASS_FULL &&
                  IP_REASS_TYPE_SHALLOW_VIRTUAL == (int)REASS_VIRTUAL,
              "as messages number them");

/* 0, and which kind; or the retval that says that there is none of that. */
static i32 reass_api_kind(u32 type, enum reass_kind *kind)
{
    *kind = type == IP_REASS_TYPE_SHALLOW_VIRTUAL ? REASS_VIRTUAL : REASS_FULL;
    return type >= REASS_N_KINDS ? API_UNSUPPORTED : 0;
}

static void reass_api_set(struct api_call *c)
{
    const struct api_ip_reassembly_set *m = c->msg;
    enum ip_family f = ip_family_of(m->is_ip6);
    enum reass_kind kind;
    i32 wrong = reass_api_kind(m->type, &kind);
    struct reass_config config = reass_get(c->piste, kind, f);
    config.timeout_ms = m->timeout_ms;
    config.max_datagrams = m->max_reassemblies;
    config.max_fragments = m->max_reassembly_length;
    config.expire_walk_ms = m->expire_walk_interval_ms;
    api_reply_retval(c, wrong ? wrong : api_retval(reass_set(c->piste, kind, f, &config, NULL)));
}

static void reass_api_get(struct api_call *c)
{
    const struct api_ip_reassembly_get *m = c->msg;
    enum reass_kind kind;
    struct api_ip_reassembly_get_reply reply = {.retval = reass_api_kind(m->type, &kind),
                                                .is_ip6 = m->is_ip6};
    struct reass_config config = reass_get(c->piste, kind, ip_family_of(m->is_ip6));
    if (!reply.retval) {
        reply.timeout_ms = config.timeout_ms;
        reply.max_reassemblies = config.max_datagrams;
        reply.max_reassembly_length = config.max_fragments;
        reply.expire_walk_interval_ms = config.expire_walk_ms;
    }
    api_reply(c, &api_message_ip_reassembly_get_reply, &reply);
}

static void reass_api_enable_disable(struct api_call *c)
{
    const struct api_ip_reassembly_enable_disable *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    enum reass_kind kind;
    i32 retval = reass_api_kind(m->type, &kind);
    if (!f)
        retval = API_INVALID_SW_IF_INDEX;
    if (!retval)
        retval = api_retval(
            reass_set_interface(c->piste, kind, IP_FAMILY_4, f->index, m->enable_ip4, NULL));
    if (!retval)
        retval = api_retval(
            reass_set_interface(c->piste, kind, IP_FAMILY_6, f->index, m->enable_ip6, NULL));
    api_reply_retval(c, retval);
}

static void local_enable_disable(struct api_call *c)
{
    const struct api_ip_local_reass_enable_disable *m = c->msg;
    reass_set_local(c->piste, IP_FAMILY_4, m->enable_ip4);
    reass_set_local(c->piste, IP_FAMILY_6, m->enable_ip6);
    api_reply_retval(c, 0);
}

static void local_get(struct api_call *c)
{
    struct api_ip_local_reass_get_reply reply = {
        .ip4_is_enabled = reass_local(c->piste, IP_FAMILY_4),
        .ip6_is_enabled = reass_local(c->piste, IP_FAMILY_6)};
    api_reply(c, &api_message_ip_local_reass_get_reply, &reply);
}

const struct api_handler reass_api[] = {
    {&api_message_ip_reassembly_set, reass_api_set},
    {&api_message_ip_reassembly_get, reass_api_get},
    {&api_message_ip_reassembly_enable_disable, reass_api_enable_disable},
    {&api_message_ip_local_reass_enable_disable, local_enable_disable},
    {&api_message_ip_local_reass_get, local_get},
    {0},
};
