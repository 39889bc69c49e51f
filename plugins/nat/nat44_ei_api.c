/* Messages of nat44_ei.api; they do what the commands do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_nat44_ei.h"
#include "api_nat_types.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/cli.h"
#include "engine/engine.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "plugins/nat/nat44_api.h"
#include "plugins/nat/nat44_ei.h"
#include "plugins/nat/nat44_ei_cli.h"
#include "plugins/nat/nat44_ha.h"
#include "plugins/nat/nat44_internal.h"

#define NAT44_INTERFACES_A_REPLY 1000 /* and then a cursor to go on from */

/* --- the plugin --- */

static void nat44_ei_api_plugin(struct api_call *c)
{
    const struct api_nat44_ei_plugin_enable_disable *m = c->msg;
    struct nat44_options o = {.sessions = m->sessions,
                              .users = m->users,
                              .user_sessions = m->user_sessions,
                              .inside_vrf = m->inside_vrf,
                              .outside_vrf = m->outside_vrf,
                              .static_only = m->flags & NAT44_EI_STATIC_MAPPING_ONLY,
                              .tracking = m->flags & NAT44_EI_CONNECTION_TRACKING};
    if (m->enable && m->flags & NAT44_EI_OUT2IN_DPO)
        api_reply_retval(c, API_UNSUPPORTED);
    else if (!m->enable != nat44_is_enabled(c->piste))
        api_reply_retval(c, m->enable ? API_FEATURE_ALREADY_ENABLED : API_FEATURE_ALREADY_DISABLED);
    else
        nat44_api_reply(c, m->enable ? nat44_enable(c->piste, &o, NULL)
                                     : nat44_disable(c->piste, NULL));
}

static void nat44_ei_api_show_config(struct api_call *c)
{
    const struct nat44_state *s = nat44_state_of(c->piste);
    const u32 *timeouts = nat44_timeouts(c->piste);
    struct api_nat44_ei_show_running_config_reply reply = {
        .ipfix_logging_enabled = s->ipfix.stream != NULL,
        .log_level = s->log_level,
        .timeouts = {.udp = timeouts[NAT44_TIMEOUT_UDP],
                     .tcp_established = timeouts[NAT44_TIMEOUT_TCP_ESTABLISHED],
                     .tcp_transitory = timeouts[NAT44_TIMEOUT_TCP_TRANSITORY],
                     .icmp = timeouts[NAT44_TIMEOUT_ICMP]},
    };
    if (s->enabled) {
        reply.inside_vrf = s->options.inside_vrf;
        reply.outside_vrf = s->options.outside_vrf;
        reply.users = s->options.users;
        reply.sessions = s->options.sessions;
        reply.user_sessions = s->options.user_sessions;
        reply.user_buckets = shared_hash_places(&s->data.users->of_thread[1]->by_key[0]);
        reply.translation_buckets = shared_hash_places(&s->data.sessions->of_thread[1]->by_key[0]);
        reply.forwarding_enabled = s->data.forwarding;
        reply.flags = (u8)((s->options.static_only ? NAT44_EI_STATIC_MAPPING_ONLY : 0) |
                           (s->options.tracking ? NAT44_EI_CONNECTION_TRACKING : 0));
    }
    api_reply(c, &api_message_nat44_ei_show_running_config_reply, &reply);
}

static void nat44_ei_api_forwarding(struct api_call *c)
{
    const struct api_nat44_ei_forwarding_enable_disable *m = c->msg;
    nat44_api_reply(c, nat44_set_forwarding(c->piste, m->enable, NULL));
}

static void nat44_ei_api_timeouts(struct api_call *c)
{
    const struct api_nat44_ei_set_timeouts *m = c->msg;
    const u32 seconds[NAT44_TIMEOUTS] = {[NAT44_TIMEOUT_UDP] = m->udp,
                                         [NAT44_TIMEOUT_TCP_ESTABLISHED] = m->tcp_established,
                                         [NAT44_TIMEOUT_TCP_TRANSITORY] = m->tcp_transitory,
                                         [NAT44_TIMEOUT_ICMP] = m->icmp};
    nat44_api_reply(c, nat44_set_timeouts(c->piste, seconds, NULL));
}

/* What the class `nat' of the log has from then on, with all else that NATs have to say. */
static void nat44_ei_api_log_level(struct api_call *c)
{
    static const enum log_level levels[] = {
        [NAT_LOG_NONE] = LOG_LEVEL_DISABLED, [NAT_LOG_ERROR] = LOG_LEVEL_ERROR,
        [NAT_LOG_WARNING] = LOG_LEVEL_WARN,  [NAT_LOG_NOTICE] = LOG_LEVEL_NOTICE,
        [NAT_LOG_INFO] = LOG_LEVEL_INFO,     [NAT_LOG_DEBUG] = LOG_LEVEL_DEBUG};
    const struct api_nat44_ei_set_log_level *m = c->msg;
    char command[64], *said = NULL;
    if (m->log_level >= array_len(levels)) {
        api_reply_retval(c, API_UNSUPPORTED);
        return;
    }
    snprintf(command, sizeof(command), "set logging class nat level %s",
             log_level_name(levels[m->log_level]));
    int rc = cli_run(c->piste->cli, command, OUT_TEXT, &said);
    free(said);
    if (!rc)
        nat44_state_of(c->piste)->log_level = m->log_level;
    nat44_api_reply(c, rc);
}

/* A domain or port of 0 is the default. */
static void nat44_ei_api_ipfix(struct api_call *c)
{
    const struct api_nat44_ei_ipfix_enable_disable *m = c->msg;
    u32 domain = m->domain_id ? m->domain_id : NAT_IPFIX_DOMAIN;
    u16 port = m->src_port ? m->src_port : NAT_IPFIX_PORT;
    nat44_api_reply(c, nat44_set_ipfix(c->piste, m->enable, domain, port, NULL));
}

static void nat44_ei_api_set_workers(struct api_call *c)
{
    const struct api_nat44_ei_set_workers *m = c->msg;
    nat44_api_workers_reply(c, nat44_set_workers(c->piste, m->worker_mask, NULL));
}

static void nat44_ei_api_set_fq(struct api_call *c)
{
    const struct api_nat44_ei_set_fq_options *m = c->msg;
    nat44_api_fq_reply(c, nat44_set_fq_nelts(c->piste, m->frame_queue_nelts, NULL));
}

static void nat44_ei_api_show_fq(struct api_call *c)
{
    struct api_nat44_ei_show_fq_options_reply reply = {.frame_queue_nelts =
                                                           nat44_fq_nelts(c->piste)};
    api_reply(c, &api_message_nat44_ei_show_fq_options_reply, &reply);
}

static void nat44_ei_api_workers(struct api_call *c)
{
    struct engine *e = engine_of(c->piste);
    u64 workers = engine_n_threads(e) > 2 ? nat44_workers(c->piste) : 0;
    for (u32 i = 0; workers >> i; i++) {
        struct api_nat44_ei_worker_details d = {.worker_index = i};
        if (!(workers >> i & 1))
            continue;
        snprintf(d.name, sizeof(d.name), "%s", thread_name(e, i + 1));
        api_reply(c, &api_message_nat44_ei_worker_details, &d);
    }
}

static void nat44_ei_api_set_mss(struct api_call *c)
{
    const struct api_nat44_ei_set_mss_clamping *m = c->msg;
    if (m->enable && !m->mss_value)
        api_reply_retval(c, API_INVALID_VALUE);
    else
        nat44_api_reply(c, nat44_set_mss(c->piste, m->enable ? m->mss_value : 0, NULL));
}

static void nat44_ei_api_get_mss(struct api_call *c)
{
    u16 mss = nat44_mss(c->piste);
    struct api_nat44_ei_get_mss_clamping_reply reply = {.mss_value = mss, .enable = mss != 0};
    api_reply(c, &api_message_nat44_ei_get_mss_clamping_reply, &reply);
}

static void nat44_ei_api_set_ports(struct api_call *c)
{
    const struct api_nat44_ei_set_addr_and_port_alloc_alg *m = c->msg;
    struct nat44_port_config x = {.alg = m->alg};
    if (m->alg == NAT44_PORTS_MAP_E) {
        x.psid = m->psid;
        x.psid_offset = m->psid_offset;
        x.psid_len = m->psid_length;
    } else if (m->alg == NAT44_PORTS_RANGE) {
        x.first = m->start_port;
        x.last = m->end_port;
    } else if (m->alg != NAT44_PORTS_ANY) {
        api_reply_retval(c, API_INVALID_VALUE);
        return;
    }
    nat44_api_reply(c, nat44_set_ports(c->piste, &x, NULL));
}

static void nat44_ei_api_get_ports(struct api_call *c)
{
    struct nat44_port_config x = nat44_ports(c->piste);
    struct api_nat44_ei_get_addr_and_port_alloc_alg_reply reply = {
        .alg = x.alg,
        .psid_offset = x.psid_offset,
        .psid_length = x.psid_len,
        .psid = x.psid,
        .start_port = x.first,
        .end_port = x.last,
    };
    api_reply(c, &api_message_nat44_ei_get_addr_and_port_alloc_alg_reply, &reply);
}

/* --- high availability --- */

static void nat44_ei_api_set_listener(struct api_call *c)
{
    const struct api_nat44_ei_ha_set_listener *m = c->msg;
    nat44_api_reply(
        c, nat44_ha_set_listener(c->piste, load_be32(m->ip_address), m->port, m->path_mtu, NULL));
}

static void nat44_ei_api_get_listener(struct api_call *c)
{
    const struct nat44_ha_config *x = &nat44_ha_of(c->piste)->c;
    struct api_nat44_ei_ha_get_listener_reply reply = {.port = x->listener_port,
                                                       .path_mtu = x->path_mtu};
    memcpy(reply.ip_address, &x->listener, sizeof(reply.ip_address));
    api_reply(c, &api_message_nat44_ei_ha_get_listener_reply, &reply);
}

static void nat44_ei_api_set_failover(struct api_call *c)
{
    const struct api_nat44_ei_ha_set_failover *m = c->msg;
    nat44_api_reply(c, nat44_ha_set_failover(c->piste, load_be32(m->ip_address), m->port,
                                             m->session_refresh_interval, NULL));
}

static void nat44_ei_api_get_failover(struct api_call *c)
{
    const struct nat44_ha_config *x = &nat44_ha_of(c->piste)->c;
    struct api_nat44_ei_ha_get_failover_reply reply = {.port = x->failover_port,
                                                       .session_refresh_interval = x->refresh_s};
    memcpy(reply.ip_address, &x->failover, sizeof(reply.ip_address));
    api_reply(c, &api_message_nat44_ei_ha_get_failover_reply, &reply);
}

static void nat44_ei_api_flush(struct api_call *c)
{
    nat44_api_reply(c, nat44_ha_flush(c->piste, NULL));
}

static void nat44_ei_api_resync(struct api_call *c)
{
    const struct api_nat44_ei_ha_resync *m = c->msg;
    int rc = nat44_ha_resync(c->piste, NULL);
    if (!rc && m->want_resync_event)
        (void)api_events_want(c, &nat44_ha_of(c->piste)->wanted, true, m->pid, NULL, 0);
    nat44_api_reply(c, rc);
}

/* Who asked hears it once. */
void nat44_ei_resynced(struct piste *p, u32 missed)
{
    struct nat44_ha *ha = nat44_ha_of(p);
    struct api_nat44_ei_ha_resync_completed_event ev = {.missed_count = missed};
    api_events_send(p, &ha->wanted, &api_message_nat44_ei_ha_resync_completed_event, &ev, NULL,
                    NULL);
    ha->wanted.list.n = 0;
}

/* --- addresses --- */

static void nat44_ei_api_addresses(struct api_call *c)
{
    const struct api_nat44_ei_add_del_address_range *m = c->msg;
    u32 first = get_be32(m->first_ip_address), last = get_be32(m->last_ip_address);
    nat44_api_reply(c, m->is_add
                           ? nat44_add_addresses(c->piste, NAT44_POOL, first, last, m->vrf_id, NULL)
                           : nat44_del_addresses(c->piste, NAT44_POOL, first, last, NULL));
}

static bool nat44_ei_api_address_more(struct api_call *c, void *state)
{
    struct nat_pool_entry a;
    for (u32 *next = state; nat44_address_at(c->piste, NAT44_POOL, *next, &a); ++*next) {
        struct api_nat44_ei_address_details d = {.vrf_id = a.tenant_vrf};
        if (!api_room(c))
            return true;
        memcpy(d.ip_address, &a.addr, sizeof(d.ip_address));
        api_reply(c, &api_message_nat44_ei_address_details, &d);
    }
    return false;
}

static void nat44_ei_api_address_dump(struct api_call *c)
{
    api_continue(c, nat44_ei_api_address_more, free, mem_alloc(sizeof(u32)));
}

static void nat44_ei_api_interface_addr(struct api_call *c)
{
    const struct api_nat44_ei_add_del_interface_addr *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        nat44_api_reply(
            c, nat44_set_interface_address(c->piste, NAT44_POOL, f->index, m->is_add, NULL));
}

static void nat44_ei_api_interface_addr_dump(struct api_call *c)
{
    struct if_index i;
    for (u32 k = 0; !if_is_none(i = nat44_address_if_at(c->piste, NAT44_POOL, k)); k++) {
        struct api_nat44_ei_interface_addr_details d = {.sw_if_index = i.i};
        api_reply(c, &api_message_nat44_ei_interface_addr_details, &d);
    }
}

/* --- interfaces --- */

static void ei_set_interface(struct api_call *c, u32 sw_if_index, u8 flag, bool add)
{
    const struct interface *f = api_interface(c->piste, sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        nat44_api_reply(c, nat44_set_interface(c->piste, f->index, flag, add, NULL));
}

static void nat44_ei_api_interface(struct api_call *c)
{
    const struct api_nat44_ei_interface_add_del_feature *m = c->msg;
    ei_set_interface(c, m->sw_if_index, m->flags & NAT44_EI_IF_INSIDE ? NAT44_IF_IN : NAT44_IF_OUT,
                     m->is_add);
}

static void nat44_ei_api_output_feature(struct api_call *c)
{
    const struct api_nat44_ei_interface_add_del_output_feature *m = c->msg;
    ei_set_interface(c, m->sw_if_index, NAT44_IF_OUTPUT, m->is_add);
}

static void nat44_ei_api_output_interface(struct api_call *c)
{
    const struct api_nat44_ei_add_del_output_interface *m = c->msg;
    ei_set_interface(c, m->sw_if_index, NAT44_IF_OUTPUT, m->is_add);
}

static void nat44_ei_api_interface_dump(struct api_call *c)
{
    struct if_index i;
    u8 flags;
    for (u32 k = 0; nat44_interface_at(c->piste, k, &i, &flags); k++) {
        struct api_nat44_ei_interface_details d = {
            .sw_if_index = i.i,
            .flags = (u8)((flags & NAT44_IF_IN ? NAT44_EI_IF_INSIDE : 0) |
                          (flags & NAT44_IF_OUT ? NAT44_EI_IF_OUTSIDE : 0))};
        if (!(flags & NAT44_IF_OUTPUT)) /* which have messages of their own */
            api_reply(c, &api_message_nat44_ei_interface_details, &d);
    }
}

static void nat44_ei_api_output_feature_dump(struct api_call *c)
{
    struct if_index i;
    u8 flags;
    for (u32 k = 0; nat44_interface_at(c->piste, k, &i, &flags); k++) {
        struct api_nat44_ei_interface_output_feature_details d = {
            .sw_if_index = i.i, .flags = NAT44_EI_IF_INSIDE | NAT44_EI_IF_OUTSIDE};
        if (flags & NAT44_IF_OUTPUT)
            api_reply(c, &api_message_nat44_ei_interface_output_feature_details, &d);
    }
}

/* Cursor: how many interfaces of NAT were looked at. */
static void nat44_ei_api_output_interfaces(struct api_call *c)
{
    const struct api_nat44_ei_output_interface_get *m = c->msg;
    struct api_nat44_ei_output_interface_get_reply reply = {.cursor = UINT32_MAX};
    struct if_index i;
    u8 flags;
    u32 told = 0;
    for (u32 k = m->cursor; nat44_interface_at(c->piste, k, &i, &flags); k++) {
        struct api_nat44_ei_output_interface_details d = {.sw_if_index = i.i};
        if (!(flags & NAT44_IF_OUTPUT))
            continue;
        if (told++ == NAT44_INTERFACES_A_REPLY) {
            reply.retval = API_EAGAIN;
            reply.cursor = k;
            break;
        }
        api_reply(c, &api_message_nat44_ei_output_interface_details, &d);
    }
    api_reply(c, &api_message_nat44_ei_output_interface_get_reply, &reply);
}

/* --- static mappings --- */

static void nat44_ei_api_static(struct api_call *c)
{
    const struct api_nat44_ei_add_del_static_mapping *x = c->msg;
    bool all = x->flags & NAT44_EI_ADDR_ONLY_MAPPING;
    struct nat44_mapping_config m = {
        .local = load_be32(x->local_ip_address),
        .external = load_be32(x->external_ip_address),
        .local_port = be16_from_host(all ? 0 : x->local_port),
        .external_port = be16_from_host(all ? 0 : x->external_port),
        .protocol = all ? 0 : x->protocol,
        .vrf = x->vrf_id,
    };
    snprintf(m.tag, sizeof(m.tag), "%s", x->tag);
    nat44_api_put_mapping(c, x->external_sw_if_index, &m, x->is_add);
}

static void nat44_ei_api_identity(struct api_call *c)
{
    const struct api_nat44_ei_add_del_identity_mapping *x = c->msg;
    bool all = x->flags & NAT44_EI_ADDR_ONLY_MAPPING;
    struct nat44_mapping_config m = {
        .identity = true,
        .local = load_be32(x->ip_address),
        .external = load_be32(x->ip_address),
        .local_port = be16_from_host(all ? 0 : x->port),
        .external_port = be16_from_host(all ? 0 : x->port),
        .protocol = all ? 0 : x->protocol,
        .vrf = x->vrf_id,
    };
    snprintf(m.tag, sizeof(m.tag), "%s", x->tag);
    nat44_api_put_mapping(c, x->sw_if_index, &m, x->is_add);
}

static void ei_tell_static(struct api_call *c, const struct nat44_mapping_config *m)
{
    struct api_nat44_ei_static_mapping_details d = {
        .flags = m->protocol ? NAT44_EI_NONE : NAT44_EI_ADDR_ONLY_MAPPING,
        .protocol = m->protocol,
        .local_port = be16_to_host(m->local_port),
        .external_port = be16_to_host(m->external_port),
        .external_sw_if_index = m->external_if.i,
        .vrf_id = m->vrf,
    };
    memcpy(d.local_ip_address, &m->local, sizeof(d.local_ip_address));
    memcpy(d.external_ip_address, &m->external, sizeof(d.external_ip_address));
    snprintf(d.tag, sizeof(d.tag), "%s", m->tag);
    api_reply(c, &api_message_nat44_ei_static_mapping_details, &d);
}

static void nat44_ei_api_static_dump(struct api_call *c)
{
    nat44_api_each_mapping(c, false, ei_tell_static);
}

static void ei_tell_identity(struct api_call *c, const struct nat44_mapping_config *m)
{
    struct api_nat44_ei_identity_mapping_details d = {
        .flags = m->protocol ? NAT44_EI_NONE : NAT44_EI_ADDR_ONLY_MAPPING,
        .protocol = m->protocol,
        .port = be16_to_host(m->local_port),
        .sw_if_index = m->external_if.i,
        .vrf_id = m->vrf,
    };
    memcpy(d.ip_address, &m->local, sizeof(d.ip_address));
    snprintf(d.tag, sizeof(d.tag), "%s", m->tag);
    api_reply(c, &api_message_nat44_ei_identity_mapping_details, &d);
}

static void nat44_ei_api_identity_dump(struct api_call *c)
{
    nat44_api_each_mapping(c, true, ei_tell_identity);
}

/* --- users and sessions --- */

static void ei_tell_user(struct api_call *c, be32 addr, u32 vrf, u32 n_dynamic, u32 n_static)
{
    struct api_nat44_ei_user_details d = {
        .vrf_id = vrf, .nsessions = n_dynamic, .nstaticsessions = n_static};
    memcpy(d.ip_address, &addr, sizeof(d.ip_address));
    api_reply(c, &api_message_nat44_ei_user_details, &d);
}

static void nat44_ei_api_users(struct api_call *c)
{
    nat44_api_each_user(c, ei_tell_user);
}

/* What both versions of the details have; there is no host outside. */
#define SESSION_DETAILS(c, s)                                                                      \
    .outside_port = be16_to_host((s)->key[NAT44_O2I].dport),                                       \
    .inside_port = be16_to_host((s)->key[NAT44_I2O].sport),                                        \
    .protocol = nat44_key_protocol(&(s)->key[NAT44_I2O]),                                          \
    .flags = (s)->flags & NAT44_SESSION_STATIC ? NAT44_EI_STATIC_MAPPING : NAT44_EI_NONE,          \
    .last_heard = ((s)->last_heard_ns - (c)->piste->start_ns) / NS_PER_SEC,                        \
    .total_bytes = (s)->bytes, .total_pkts = (u32)(s)->packets

static void ei_tell_session(struct api_call *c, const struct nat44_session *s)
{
    struct api_nat44_ei_user_session_details d = {SESSION_DETAILS(c, s)};
    memcpy(d.outside_ip_address, &s->key[NAT44_O2I].dst, sizeof(d.outside_ip_address));
    memcpy(d.inside_ip_address, &s->key[NAT44_I2O].src, sizeof(d.inside_ip_address));
    api_reply(c, &api_message_nat44_ei_user_session_details, &d);
}

static void ei_tell_session_v2(struct api_call *c, const struct nat44_session *s)
{
    u64 now = clock_ns();
    struct api_nat44_ei_user_session_v2_details d = {
        SESSION_DETAILS(c, s), .time_since_last_heard = now > s->last_heard_ns
                                                            ? (now - s->last_heard_ns) / NS_PER_SEC
                                                            : 0};
    memcpy(d.outside_ip_address, &s->key[NAT44_O2I].dst, sizeof(d.outside_ip_address));
    memcpy(d.inside_ip_address, &s->key[NAT44_I2O].src, sizeof(d.inside_ip_address));
    api_reply(c, &api_message_nat44_ei_user_session_v2_details, &d);
}

static void nat44_ei_api_sessions(struct api_call *c)
{
    const struct api_nat44_ei_user_session_dump *m = c->msg;
    nat44_api_each_session(c, m->ip_address, m->vrf_id, ei_tell_session);
}

static void nat44_ei_api_sessions_v2(struct api_call *c)
{
    const struct api_nat44_ei_user_session_v2_dump *m = c->msg;
    nat44_api_each_session(c, m->ip_address, m->vrf_id, ei_tell_session_v2);
}

static void nat44_ei_api_del_session(struct api_call *c)
{
    const struct api_nat44_ei_del_session *m = c->msg;
    struct nat44_match x = {
        .side = m->flags & NAT44_EI_IF_INSIDE ? NAT44_I2O : NAT44_O2I,
        .addr = load_be32(m->address),
        .port = be16_from_host(m->port),
        .any_host = true,
        .protocol = m->protocol,
        .vrf = m->vrf_id,
    };
    nat44_api_reply(c, nat44_del_sessions(c->piste, &x, NULL));
}

static void nat44_ei_api_del_user(struct api_call *c)
{
    const struct api_nat44_ei_del_user *m = c->msg;
    nat44_api_reply(c, nat44_del_user(c->piste, load_be32(m->ip_address),
                                      (struct fib_index){m->fib_index}, NULL));
}

const struct api_handler nat44_ei_api_handlers[] = {
    {&api_message_nat44_ei_plugin_enable_disable, nat44_ei_api_plugin},
    {&api_message_nat44_ei_show_running_config, nat44_ei_api_show_config},
    {&api_message_nat44_ei_forwarding_enable_disable, nat44_ei_api_forwarding},
    {&api_message_nat44_ei_set_timeouts, nat44_ei_api_timeouts},
    {&api_message_nat44_ei_ipfix_enable_disable, nat44_ei_api_ipfix},
    {&api_message_nat44_ei_set_log_level, nat44_ei_api_log_level},
    {&api_message_nat44_ei_set_workers, nat44_ei_api_set_workers},
    {&api_message_nat44_ei_worker_dump, nat44_ei_api_workers},
    {&api_message_nat44_ei_set_fq_options, nat44_ei_api_set_fq},
    {&api_message_nat44_ei_show_fq_options, nat44_ei_api_show_fq},
    {&api_message_nat44_ei_set_mss_clamping, nat44_ei_api_set_mss},
    {&api_message_nat44_ei_get_mss_clamping, nat44_ei_api_get_mss},
    {&api_message_nat44_ei_set_addr_and_port_alloc_alg, nat44_ei_api_set_ports},
    {&api_message_nat44_ei_get_addr_and_port_alloc_alg, nat44_ei_api_get_ports},
    {&api_message_nat44_ei_ha_set_listener, nat44_ei_api_set_listener},
    {&api_message_nat44_ei_ha_get_listener, nat44_ei_api_get_listener},
    {&api_message_nat44_ei_ha_set_failover, nat44_ei_api_set_failover},
    {&api_message_nat44_ei_ha_get_failover, nat44_ei_api_get_failover},
    {&api_message_nat44_ei_ha_flush, nat44_ei_api_flush},
    {&api_message_nat44_ei_ha_resync, nat44_ei_api_resync},
    {&api_message_nat44_ei_add_del_address_range, nat44_ei_api_addresses},
    {&api_message_nat44_ei_address_dump, nat44_ei_api_address_dump},
    {&api_message_nat44_ei_add_del_interface_addr, nat44_ei_api_interface_addr},
    {&api_message_nat44_ei_interface_addr_dump, nat44_ei_api_interface_addr_dump},
    {&api_message_nat44_ei_interface_add_del_feature, nat44_ei_api_interface},
    {&api_message_nat44_ei_interface_dump, nat44_ei_api_interface_dump},
    {&api_message_nat44_ei_interface_add_del_output_feature, nat44_ei_api_output_feature},
    {&api_message_nat44_ei_interface_output_feature_dump, nat44_ei_api_output_feature_dump},
    {&api_message_nat44_ei_add_del_output_interface, nat44_ei_api_output_interface},
    {&api_message_nat44_ei_output_interface_get, nat44_ei_api_output_interfaces},
    {&api_message_nat44_ei_add_del_static_mapping, nat44_ei_api_static},
    {&api_message_nat44_ei_static_mapping_dump, nat44_ei_api_static_dump},
    {&api_message_nat44_ei_add_del_identity_mapping, nat44_ei_api_identity},
    {&api_message_nat44_ei_identity_mapping_dump, nat44_ei_api_identity_dump},
    {&api_message_nat44_ei_user_dump, nat44_ei_api_users},
    {&api_message_nat44_ei_user_session_dump, nat44_ei_api_sessions},
    {&api_message_nat44_ei_user_session_v2_dump, nat44_ei_api_sessions_v2},
    {&api_message_nat44_ei_del_session, nat44_ei_api_del_session},
    {&api_message_nat44_ei_del_user, nat44_ei_api_del_user},
    {0},
};
