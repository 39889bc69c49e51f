/* Messages of nat44_ed.api; they do what the commands do. Static mappings: nat44_mapping_api.c;
 * sessions: nat44_session_api.c. */
#include "plugins/nat/nat44_api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_nat44_ed.h"
#include "api_nat_types.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "plugins/nat/nat44_internal.h"

#define NAT44_INTERFACES_A_REPLY 1000 /* and then a cursor to go on from */

/* --- the plugin --- */

static void nat44_api_plugin(struct api_call *c)
{
    const struct api_nat44_ed_plugin_enable_disable *m = c->msg;
    struct nat44_options o = {
        .sessions = m->sessions, .inside_vrf = m->inside_vrf, .outside_vrf = m->outside_vrf};
    if (m->enable && m->flags & (NAT44_IS_STATIC_MAPPING_ONLY | NAT44_IS_CONNECTION_TRACKING))
        api_reply_retval(c, API_UNSUPPORTED);
    else if (!m->enable != nat44_is_enabled(c->piste))
        api_reply_retval(c, m->enable ? API_FEATURE_ALREADY_ENABLED : API_FEATURE_ALREADY_DISABLED);
    else
        nat44_api_reply(c, m->enable ? nat44_enable(c->piste, &o, NULL)
                                     : nat44_disable(c->piste, NULL));
}

static void nat44_api_forwarding(struct api_call *c)
{
    const struct api_nat44_forwarding_enable_disable *m = c->msg;
    nat44_api_reply(c, nat44_set_forwarding(c->piste, m->enable, NULL));
}

static void nat44_api_timeouts(struct api_call *c)
{
    const struct api_nat_set_timeouts *m = c->msg;
    nat44_api_reply(c, nat44_set_timeouts(c->piste,
                                          (u32[NAT44_TIMEOUTS]){
                                              [NAT44_TIMEOUT_UDP] = m->udp,
                                              [NAT44_TIMEOUT_TCP_ESTABLISHED] = m->tcp_established,
                                              [NAT44_TIMEOUT_TCP_TRANSITORY] = m->tcp_transitory,
                                              [NAT44_TIMEOUT_ICMP] = m->icmp},
                                          NULL));
}

static void nat44_api_session_limit(struct api_call *c)
{
    const struct api_nat44_set_session_limit *m = c->msg;
    nat44_api_reply(c, m->vrf_id ? nat44_set_vrf_limit(c->piste, m->vrf_id, m->session_limit, NULL)
                                 : nat44_set_session_limit(c->piste, m->session_limit, NULL));
}

static void nat44_api_vrf_table(struct api_call *c)
{
    const struct api_nat44_ed_add_del_vrf_table *m = c->msg;
    nat44_api_reply(c, m->is_add ? nat44_add_vrf_table(c->piste, m->table_vrf_id, NULL)
                                 : nat44_del_vrf_table(c->piste, m->table_vrf_id, NULL));
}

static void nat44_api_vrf_route(struct api_call *c)
{
    const struct api_nat44_ed_add_del_vrf_route *m = c->msg;
    nat44_api_reply(c, nat44_set_vrf_route(c->piste, m->table_vrf_id, m->vrf_id, m->is_add, NULL));
}

/* Of both versions, whose details are the same but for their names. */
static void tell_vrf_tables(struct api_call *c, const struct api_message *details)
{
    const struct nat44_vrf_table *t;
    for (u32 k = 0; (t = nat44_vrf_table_at(c->piste, k)) != NULL; k++) {
        struct api_nat44_ed_vrf_tables_v2_details d = {
            .table_vrf_id = t->vrf, .n_vrf_ids = t->routes.n, .vrf_ids = t->routes.v};
        api_reply(c, details, &d);
    }
}
static_assert(sizeof(struct api_nat44_ed_vrf_tables_details) ==
                  sizeof(struct api_nat44_ed_vrf_tables_v2_details),
              "told by one function");

static void nat44_api_vrf_tables(struct api_call *c)
{
    tell_vrf_tables(c, &api_message_nat44_ed_vrf_tables_details);
}

static void nat44_api_vrf_tables_v2(struct api_call *c)
{
    tell_vrf_tables(c, &api_message_nat44_ed_vrf_tables_v2_details);
}

static void nat44_api_show_config(struct api_call *c)
{
    const struct nat44_state *s = nat44_state_of(c->piste);
    const u32 *timeouts = nat44_timeouts(c->piste);
    struct api_nat44_show_running_config_reply reply = {
        .inside_vrf = s->enabled ? s->options.inside_vrf : 0,
        .outside_vrf = s->enabled ? s->options.outside_vrf : 0,
        .sessions = s->enabled ? s->options.sessions : 0,
        .translation_buckets =
            s->enabled ? shared_hash_places(&s->data.sessions->of_thread[1]->by_key[0]) : 0,
        .forwarding_enabled = s->enabled && s->data.forwarding,
        .ipfix_logging_enabled = s->ipfix.stream != NULL,
        .timeouts = {.udp = timeouts[NAT44_TIMEOUT_UDP],
                     .tcp_established = timeouts[NAT44_TIMEOUT_TCP_ESTABLISHED],
                     .tcp_transitory = timeouts[NAT44_TIMEOUT_TCP_TRANSITORY],
                     .icmp = timeouts[NAT44_TIMEOUT_ICMP]},
        .flags = NAT44_IS_ENDPOINT_DEPENDENT,
    };
    api_reply(c, &api_message_nat44_show_running_config_reply, &reply);
}

/* A domain or port of 0 is the default. */
static void nat44_api_ipfix(struct api_call *c)
{
    const struct api_nat_ipfix_enable_disable *m = c->msg;
    nat44_api_reply(c, nat44_set_ipfix(c->piste, m->enable,
                                       m->domain_id ? m->domain_id : NAT_IPFIX_DOMAIN,
                                       m->src_port ? m->src_port : NAT_IPFIX_PORT, NULL));
}

static void nat44_api_set_workers(struct api_call *c)
{
    const struct api_nat_set_workers *m = c->msg;
    nat44_api_workers_reply(c, nat44_set_workers(c->piste, m->worker_mask, NULL));
}

static void nat44_api_set_fq(struct api_call *c)
{
    const struct api_nat44_ed_set_fq_options *m = c->msg;
    nat44_api_fq_reply(c, nat44_set_fq_nelts(c->piste, m->frame_queue_nelts, NULL));
}

static void nat44_api_show_fq(struct api_call *c)
{
    struct api_nat44_ed_show_fq_options_reply reply = {.frame_queue_nelts =
                                                           nat44_fq_nelts(c->piste)};
    api_reply(c, &api_message_nat44_ed_show_fq_options_reply, &reply);
}

static void nat44_api_workers(struct api_call *c)
{
    struct engine *e = engine_of(c->piste);
    u32 n = engine_n_threads(e);
    for (u32 i = 1; n > 2 && i < n; i++) {
        if (!(nat44_workers(c->piste) >> (i - 1) & 1))
            continue;
        struct api_nat_worker_details d = {.worker_index = i - 1};
        snprintf(d.name, sizeof(d.name), "%s", thread_name(e, i));
        api_reply(c, &api_message_nat_worker_details, &d);
    }
}

/* --- addresses and interfaces --- */

static enum nat44_pool_kind pool_of_flags(u8 flags)
{
    return flags & NAT_IS_TWICE_NAT ? NAT44_POOL_TWICE : NAT44_POOL;
}

static u8 flags_of_pool(u32 kind)
{
    return kind == NAT44_POOL_TWICE ? NAT_IS_TWICE_NAT : 0;
}

static void nat44_api_interface_addr(struct api_call *c)
{
    const struct api_nat44_add_del_interface_addr *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        nat44_api_reply(c, nat44_set_interface_address(c->piste, pool_of_flags(m->flags), f->index,
                                                       m->is_add, NULL));
}

static void nat44_api_interface_addr_dump(struct api_call *c)
{
    struct if_index i;
    for (u32 kind = 0; kind < NAT44_POOLS; kind++)
        for (u32 k = 0;
             !if_is_none(i = nat44_address_if_at(c->piste, (enum nat44_pool_kind)kind, k)); k++) {
            struct api_nat44_interface_addr_details d = {.sw_if_index = i.i,
                                                         .flags = flags_of_pool(kind)};
            api_reply(c, &api_message_nat44_interface_addr_details, &d);
        }
}

static void nat44_api_addresses(struct api_call *c)
{
    const struct api_nat44_add_del_address_range *m = c->msg;
    u32 first = get_be32(m->first_ip_address), last = get_be32(m->last_ip_address);
    enum nat44_pool_kind kind = pool_of_flags(m->flags);
    nat44_api_reply(c, m->is_add ? nat44_add_addresses(c->piste, kind, first, last, m->vrf_id, NULL)
                                 : nat44_del_addresses(c->piste, kind, first, last, NULL));
}

struct address_dump {
    u32 kind, next; /* enum nat44_pool_kind, and which of it */
};

static bool nat44_api_address_more(struct api_call *c, void *state)
{
    struct address_dump *x = state;
    struct nat_pool_entry a;
    for (; x->kind < NAT44_POOLS; x->kind++, x->next = 0)
        for (; nat44_address_at(c->piste, (enum nat44_pool_kind)x->kind, x->next, &a); x->next++) {
            struct api_nat44_address_details d = {.vrf_id = a.tenant_vrf,
                                                  .flags = flags_of_pool(x->kind)};
            if (!api_room(c))
                return true;
            memcpy(d.ip_address, &a.addr, sizeof(d.ip_address));
            api_reply(c, &api_message_nat44_address_details, &d);
        }
    return false;
}

static void nat44_api_address_dump(struct api_call *c)
{
    api_continue(c, nat44_api_address_more, free, mem_alloc(sizeof(struct address_dump)));
}

static void nat44_api_interface(struct api_call *c)
{
    const struct api_nat44_interface_add_del_feature *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    u8 flag = m->flags & NAT_IS_INSIDE ? NAT44_IF_IN : NAT44_IF_OUT;
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        nat44_api_reply(c, nat44_set_interface(c->piste, f->index, flag, m->is_add, NULL));
}

static void nat44_api_output_interface(struct api_call *c)
{
    const struct api_nat44_ed_add_del_output_interface *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        nat44_api_reply(c,
                        nat44_set_interface(c->piste, f->index, NAT44_IF_OUTPUT, m->is_add, NULL));
}

/* Cursor: how many interfaces of NAT44 were looked at. */
static void nat44_api_output_interfaces(struct api_call *c)
{
    const struct api_nat44_ed_output_interface_get *m = c->msg;
    struct api_nat44_ed_output_interface_get_reply reply = {.cursor = UINT32_MAX};
    struct if_index i;
    u8 flags;
    u32 told = 0;
    for (u32 k = m->cursor; nat44_interface_at(c->piste, k, &i, &flags); k++) {
        struct api_nat44_ed_output_interface_details d = {.sw_if_index = i.i};
        if (!(flags & NAT44_IF_OUTPUT))
            continue;
        if (told++ == NAT44_INTERFACES_A_REPLY) {
            reply.retval = API_EAGAIN;
            reply.cursor = k;
            break;
        }
        api_reply(c, &api_message_nat44_ed_output_interface_details, &d);
    }
    api_reply(c, &api_message_nat44_ed_output_interface_get_reply, &reply);
}

static void nat44_api_interface_dump(struct api_call *c)
{
    struct if_index i;
    u8 flags;
    for (u32 k = 0; nat44_interface_at(c->piste, k, &i, &flags); k++) {
        if (flags & NAT44_IF_OUTPUT) /* which have messages of their own */
            continue;
        struct api_nat44_interface_details d = {
            .sw_if_index = i.i,
            .flags = (u8)((flags & NAT44_IF_IN ? NAT_IS_INSIDE : 0) |
                          (flags & NAT44_IF_OUT ? NAT_IS_OUTSIDE : 0))};
        api_reply(c, &api_message_nat44_interface_details, &d);
    }
}

static void nat44_api_set_mss(struct api_call *c)
{
    const struct api_nat_set_mss_clamping *m = c->msg;
    if (m->enable && !m->mss_value)
        api_reply_retval(c, API_INVALID_VALUE);
    else
        nat44_api_reply(c, nat44_set_mss(c->piste, m->enable ? m->mss_value : 0, NULL));
}

static void nat44_api_get_mss(struct api_call *c)
{
    struct api_nat_get_mss_clamping_reply reply = {.mss_value = nat44_mss(c->piste),
                                                   .enable = nat44_mss(c->piste) != 0};
    api_reply(c, &api_message_nat_get_mss_clamping_reply, &reply);
}

const struct api_handler nat44_ed_api_handlers[] = {
    {&api_message_nat44_ed_plugin_enable_disable, nat44_api_plugin},
    {&api_message_nat44_forwarding_enable_disable, nat44_api_forwarding},
    {&api_message_nat_set_timeouts, nat44_api_timeouts},
    {&api_message_nat44_set_session_limit, nat44_api_session_limit},
    {&api_message_nat44_ed_add_del_vrf_table, nat44_api_vrf_table},
    {&api_message_nat44_ed_add_del_vrf_route, nat44_api_vrf_route},
    {&api_message_nat44_ed_vrf_tables_dump, nat44_api_vrf_tables},
    {&api_message_nat44_ed_vrf_tables_v2_dump, nat44_api_vrf_tables_v2},
    {&api_message_nat44_show_running_config, nat44_api_show_config},
    {&api_message_nat_ipfix_enable_disable, nat44_api_ipfix},
    {&api_message_nat_set_workers, nat44_api_set_workers},
    {&api_message_nat_worker_dump, nat44_api_workers},
    {&api_message_nat44_ed_set_fq_options, nat44_api_set_fq},
    {&api_message_nat44_ed_show_fq_options, nat44_api_show_fq},
    {&api_message_nat44_add_del_interface_addr, nat44_api_interface_addr},
    {&api_message_nat44_interface_addr_dump, nat44_api_interface_addr_dump},
    {&api_message_nat44_add_del_address_range, nat44_api_addresses},
    {&api_message_nat44_address_dump, nat44_api_address_dump},
    {&api_message_nat44_interface_add_del_feature, nat44_api_interface},
    {&api_message_nat44_interface_dump, nat44_api_interface_dump},
    {&api_message_nat44_ed_add_del_output_interface, nat44_api_output_interface},
    {&api_message_nat44_ed_output_interface_get, nat44_api_output_interfaces},
    {&api_message_nat44_add_del_static_mapping, nat44_api_static},
    {&api_message_nat44_add_del_static_mapping_v2, nat44_api_static_v2},
    {&api_message_nat44_static_mapping_dump, nat44_api_static_dump},
    {&api_message_nat44_add_del_identity_mapping, nat44_api_identity},
    {&api_message_nat44_identity_mapping_dump, nat44_api_identity_dump},
    {&api_message_nat44_add_del_lb_static_mapping, nat44_api_lb},
    {&api_message_nat44_lb_static_mapping_add_del_local, nat44_api_lb_local},
    {&api_message_nat44_lb_static_mapping_dump, nat44_api_lb_dump},
    {&api_message_nat_set_mss_clamping, nat44_api_set_mss},
    {&api_message_nat_get_mss_clamping, nat44_api_get_mss},
    {&api_message_nat44_del_session, nat44_api_del_session},
    {&api_message_nat44_user_dump, nat44_api_users},
    {&api_message_nat44_user_session_dump, nat44_api_sessions_v1},
    {&api_message_nat44_user_session_v2_dump, nat44_api_sessions_v2},
    {&api_message_nat44_user_session_v3_dump, nat44_api_sessions_v3},
    {0},
};
