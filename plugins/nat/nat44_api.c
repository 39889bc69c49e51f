/* Messages of nat44_ed.api; they do what the commands do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_nat44_ed.h"
#include "api_nat_types.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "plugins/nat/nat44_internal.h"

#define NAT44_INTERFACES_A_REPLY 1000 /* and then a cursor to go on from */

/* In VPP's numbers where it has its own. */
static void nat44_reply(struct api_call *c, int rc)
{
    i32 retval = api_retval(rc);
    if (rc == -EEXIST)
        retval = API_VALUE_EXIST;
    api_reply_retval(c, retval);
}

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
        nat44_reply(c,
                    m->enable ? nat44_enable(c->piste, &o, NULL) : nat44_disable(c->piste, NULL));
}

static void nat44_api_forwarding(struct api_call *c)
{
    const struct api_nat44_forwarding_enable_disable *m = c->msg;
    nat44_reply(c, nat44_set_forwarding(c->piste, m->enable, NULL));
}

static void nat44_api_timeouts(struct api_call *c)
{
    const struct api_nat_set_timeouts *m = c->msg;
    nat44_reply(c, nat44_set_timeouts(
                       c->piste,
                       (u32[NAT44_TIMEOUTS]){[NAT44_TIMEOUT_UDP] = m->udp,
                                             [NAT44_TIMEOUT_TCP_ESTABLISHED] = m->tcp_established,
                                             [NAT44_TIMEOUT_TCP_TRANSITORY] = m->tcp_transitory,
                                             [NAT44_TIMEOUT_ICMP] = m->icmp},
                       NULL));
}

static void nat44_api_session_limit(struct api_call *c)
{
    const struct api_nat44_set_session_limit *m = c->msg;
    nat44_reply(c, m->vrf_id ? nat44_set_vrf_limit(c->piste, m->vrf_id, m->session_limit, NULL)
                             : nat44_set_session_limit(c->piste, m->session_limit, NULL));
}

static void nat44_api_vrf_table(struct api_call *c)
{
    const struct api_nat44_ed_add_del_vrf_table *m = c->msg;
    nat44_reply(c, m->is_add ? nat44_add_vrf_table(c->piste, m->table_vrf_id, NULL)
                             : nat44_del_vrf_table(c->piste, m->table_vrf_id, NULL));
}

static void nat44_api_vrf_route(struct api_call *c)
{
    const struct api_nat44_ed_add_del_vrf_route *m = c->msg;
    nat44_reply(c, nat44_set_vrf_route(c->piste, m->table_vrf_id, m->vrf_id, m->is_add, NULL));
}

static void nat44_api_vrf_tables(struct api_call *c)
{
    const struct nat44_vrf_table *t;
    for (u32 k = 0; (t = nat44_vrf_table_at(c->piste, k)) != NULL; k++) {
        struct api_nat44_ed_vrf_tables_details d = {
            .table_vrf_id = t->vrf, .n_vrf_ids = t->routes.n, .vrf_ids = t->routes.v};
        api_reply(c, &api_message_nat44_ed_vrf_tables_details, &d);
    }
}

static void nat44_api_vrf_tables_v2(struct api_call *c)
{
    const struct nat44_vrf_table *t;
    for (u32 k = 0; (t = nat44_vrf_table_at(c->piste, k)) != NULL; k++) {
        struct api_nat44_ed_vrf_tables_v2_details d = {
            .table_vrf_id = t->vrf, .n_vrf_ids = t->routes.n, .vrf_ids = t->routes.v};
        api_reply(c, &api_message_nat44_ed_vrf_tables_v2_details, &d);
    }
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
        .timeouts = {.udp = timeouts[NAT44_TIMEOUT_UDP],
                     .tcp_established = timeouts[NAT44_TIMEOUT_TCP_ESTABLISHED],
                     .tcp_transitory = timeouts[NAT44_TIMEOUT_TCP_TRANSITORY],
                     .icmp = timeouts[NAT44_TIMEOUT_ICMP]},
        .flags = NAT44_IS_ENDPOINT_DEPENDENT,
    };
    api_reply(c, &api_message_nat44_show_running_config_reply, &reply);
}

static void nat44_api_workers(struct api_call *c)
{
    struct engine *e = engine_of(c->piste);
    u32 n = engine_n_threads(e);
    for (u32 i = 1; n > 2 && i < n; i++) {
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
        nat44_reply(c, nat44_set_interface_address(c->piste, pool_of_flags(m->flags), f->index,
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
    nat44_reply(c, m->is_add ? nat44_add_addresses(c->piste, kind, first, last, m->vrf_id, NULL)
                             : nat44_del_addresses(c->piste, kind, first, last, NULL));
}

struct address_dump {
    u32 kind, next; /* enum nat44_pool_kind, and which of it */
};

static bool nat44_api_address_more(struct api_call *c, void *state)
{
    struct address_dump *x = state;
    struct nat44_pool_entry a;
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
        nat44_reply(c, nat44_set_interface(c->piste, f->index, flag, m->is_add, NULL));
}

static void nat44_api_output_interface(struct api_call *c)
{
    const struct api_nat44_ed_add_del_output_interface *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        nat44_reply(c, nat44_set_interface(c->piste, f->index, NAT44_IF_OUTPUT, m->is_add, NULL));
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

/* --- static mappings --- */

/* -ENODEV: there is no such interface. */
static int nat44_api_external(struct api_call *c, u32 sw_if_index, struct nat44_mapping_config *m)
{
    m->external_if = IF_NONE;
    if (sw_if_index == IF_NONE.i)
        return 0;
    const struct interface *f = api_interface(c->piste, sw_if_index);
    if (!f)
        return -ENODEV;
    m->external_if = f->index;
    m->external = (be32){0};
    return 0;
}

static void nat44_api_put_mapping(struct api_call *c, const struct nat44_mapping_config *m,
                                  bool add)
{
    nat44_reply(c,
                add ? nat44_add_mapping(c->piste, m, NULL) : nat44_del_mapping(c->piste, m, NULL));
}

static u8 twice_of_flags(u8 flags)
{
    return flags & NAT_IS_TWICE_NAT        ? NAT44_TWICE_ALL
           : flags & NAT_IS_SELF_TWICE_NAT ? NAT44_TWICE_SELF
                                           : NAT44_TWICE_NONE;
}

static u8 flags_of_twice(u8 twice)
{
    return twice == NAT44_TWICE_ALL    ? NAT_IS_TWICE_NAT
           : twice == NAT44_TWICE_SELF ? NAT_IS_SELF_TWICE_NAT
                                       : 0;
}

/* Both versions: the newer one has all fields of the older. */
static void nat44_api_put_static(struct api_call *c,
                                 const struct api_nat44_add_del_static_mapping_v2 *x)
{
    bool all = x->flags & NAT_IS_ADDR_ONLY;
    struct nat44_mapping_config m = {
        .local = load_be32(x->local_ip_address),
        .external = load_be32(x->external_ip_address),
        .local_port = be16_from_host(all ? 0 : x->local_port),
        .external_port = be16_from_host(all ? 0 : x->external_port),
        .protocol = all ? 0 : x->protocol,
        .out2in_only = x->flags & NAT_IS_OUT2IN_ONLY,
        .twice = twice_of_flags(x->flags),
        .exact = x->match_pool ? load_be32(x->pool_ip_address) : (be32){0},
        .vrf = x->vrf_id,
    };
    snprintf(m.tag, sizeof(m.tag), "%s", x->tag);
    if (nat44_api_external(c, x->external_sw_if_index, &m))
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        nat44_api_put_mapping(c, &m, x->is_add);
}

static void nat44_api_static_v2(struct api_call *c)
{
    nat44_api_put_static(c, c->msg);
}

static void nat44_api_static(struct api_call *c)
{
    const struct api_nat44_add_del_static_mapping *m = c->msg;
    struct api_nat44_add_del_static_mapping_v2 x = {
        .is_add = m->is_add,
        .flags = m->flags,
        .protocol = m->protocol,
        .local_port = m->local_port,
        .external_port = m->external_port,
        .external_sw_if_index = m->external_sw_if_index,
        .vrf_id = m->vrf_id,
    };
    memcpy(x.local_ip_address, m->local_ip_address, sizeof(x.local_ip_address));
    memcpy(x.external_ip_address, m->external_ip_address, sizeof(x.external_ip_address));
    memcpy(x.tag, m->tag, sizeof(x.tag));
    nat44_api_put_static(c, &x);
}

static void nat44_api_identity(struct api_call *c)
{
    const struct api_nat44_add_del_identity_mapping *x = c->msg;
    bool all = x->flags & NAT_IS_ADDR_ONLY;
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
    if (nat44_api_external(c, x->sw_if_index, &m)) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
        return;
    }
    if (!if_is_none(m.external_if))
        m.local = (be32){0};
    nat44_api_put_mapping(c, &m, x->is_add);
}

static u8 flags_of_mapping(const struct nat44_mapping_config *m)
{
    return (u8)((m->protocol ? 0 : NAT_IS_ADDR_ONLY) | (m->out2in_only ? NAT_IS_OUT2IN_ONLY : 0) |
                flags_of_twice(m->twice));
}

static void tell_static(struct api_call *c, const struct nat44_mapping_config *m)
{
    struct api_nat44_static_mapping_details d = {
        .flags = flags_of_mapping(m),
        .protocol = m->protocol,
        .local_port = be16_to_host(m->local_port),
        .external_port = be16_to_host(m->external_port),
        .external_sw_if_index = m->external_if.i,
        .vrf_id = m->vrf,
    };
    memcpy(d.local_ip_address, &m->local, sizeof(d.local_ip_address));
    memcpy(d.external_ip_address, &m->external, sizeof(d.external_ip_address));
    snprintf(d.tag, sizeof(d.tag), "%s", m->tag);
    api_reply(c, &api_message_nat44_static_mapping_details, &d);
}

static void tell_identity(struct api_call *c, const struct nat44_mapping_config *m)
{
    struct api_nat44_identity_mapping_details d = {
        .flags = flags_of_mapping(m),
        .protocol = m->protocol,
        .port = be16_to_host(m->local_port),
        .sw_if_index = m->external_if.i,
        .vrf_id = m->vrf,
    };
    memcpy(d.ip_address, &m->local, sizeof(d.ip_address));
    snprintf(d.tag, sizeof(d.tag), "%s", m->tag);
    api_reply(c, &api_message_nat44_identity_mapping_details, &d);
}

struct mapping_dump {
    u32 next;
    bool identity;
};

/* Those of an interface come as they are outside, and as they were asked for. */
static bool nat44_api_mapping_more(struct api_call *c, void *state)
{
    struct mapping_dump *x = state;
    struct nat44_mapping_config m;
    be32 resolved;
    for (; nat44_mapping_at(c->piste, x->next, &m, &resolved); x->next++) {
        if (!api_room(c))
            return true;
        if (m.identity != x->identity)
            continue;
        void (*tell)(struct api_call * c, const struct nat44_mapping_config *m) =
            x->identity ? tell_identity : tell_static;
        struct nat44_mapping_config now = m;
        now.external_if = IF_NONE;
        now.external = resolved;
        now.local = m.identity ? resolved : m.local;
        if (!be32_is_zero(resolved))
            tell(c, &now);
        if (!if_is_none(m.external_if))
            tell(c, &m);
    }
    return false;
}

static void nat44_api_mapping_dump(struct api_call *c)
{
    struct mapping_dump *x = mem_alloc(sizeof(*x));
    x->identity = c->message == &api_message_nat44_identity_mapping_dump;
    api_continue(c, nat44_api_mapping_more, free, x);
}

/* --- load balancing --- */

static struct nat44_lb_local lb_local_of(const struct api_type_nat44_lb_addr_port *x)
{
    return (struct nat44_lb_local){.addr = load_be32(x->addr),
                                   .port = be16_from_host(x->port),
                                   .probability = x->probability,
                                   .vrf = x->vrf_id};
}

static void nat44_api_lb(struct api_call *c)
{
    const struct api_nat44_add_del_lb_static_mapping *m = c->msg;
    struct nat44_lb_local *locals = mem_alloc((m->local_num + 1) * sizeof(*locals));
    struct nat44_lb_config x = {
        .external = load_be32(m->external_addr),
        .external_port = be16_from_host(m->external_port),
        .protocol = m->protocol,
        .twice = twice_of_flags(m->flags),
        .out2in_only = m->flags & NAT_IS_OUT2IN_ONLY,
        .affinity_s = m->affinity,
    };
    snprintf(x.tag, sizeof(x.tag), "%s", m->tag);
    for (u32 i = 0; i < m->local_num; i++)
        locals[i] = lb_local_of(&m->locals[i]);
    nat44_reply(c, m->is_add ? nat44_add_lb(c->piste, &x, locals, m->local_num, NULL)
                             : nat44_del_lb(c->piste, &x, NULL));
    free(locals);
}

static void nat44_api_lb_local(struct api_call *c)
{
    const struct api_nat44_lb_static_mapping_add_del_local *m = c->msg;
    struct nat44_lb_local l = lb_local_of(&m->local);
    struct nat44_lb_config x = {
        .external = load_be32(m->external_addr),
        .external_port = be16_from_host(m->external_port),
        .protocol = m->protocol,
    };
    nat44_reply(c, m->is_add ? nat44_add_lb_local(c->piste, &x, &l, NULL)
                             : nat44_del_lb_local(c->piste, &x, &l, NULL));
}

static void tell_lb(struct api_call *c, const struct nat44_lb *lb)
{
    struct api_type_nat44_lb_addr_port *locals = mem_alloc((lb->locals.n + 1) * sizeof(*locals));
    struct api_nat44_lb_static_mapping_details d = {
        .external_port = be16_to_host(lb->c.external_port),
        .protocol = lb->c.protocol,
        .flags = (u8)((lb->c.out2in_only ? NAT_IS_OUT2IN_ONLY : 0) | flags_of_twice(lb->c.twice)),
        .affinity = lb->c.affinity_s,
        .local_num = lb->locals.n,
        .locals = locals,
    };
    memcpy(d.external_addr, &lb->c.external, sizeof(d.external_addr));
    snprintf(d.tag, sizeof(d.tag), "%s", lb->c.tag);
    for (u32 i = 0; i < lb->locals.n; i++) {
        const struct nat44_lb_local *l = &lb->locals.v[i].c;
        locals[i] = (struct api_type_nat44_lb_addr_port){
            .port = be16_to_host(l->port), .probability = l->probability, .vrf_id = l->vrf};
        memcpy(locals[i].addr, &l->addr, sizeof(locals[i].addr));
    }
    api_reply(c, &api_message_nat44_lb_static_mapping_details, &d);
    free(locals);
}

static bool nat44_api_lb_more(struct api_call *c, void *state)
{
    const struct nat44_lb *lb;
    for (u32 *k = state; (lb = nat44_lb_at(c->piste, *k)) != NULL; ++*k) {
        if (!api_room(c))
            return true;
        tell_lb(c, lb);
    }
    return false;
}

static void nat44_api_lb_dump(struct api_call *c)
{
    api_continue(c, nat44_api_lb_more, free, mem_alloc(sizeof(u32)));
}

static void nat44_api_set_mss(struct api_call *c)
{
    const struct api_nat_set_mss_clamping *m = c->msg;
    if (m->enable && !m->mss_value)
        api_reply_retval(c, API_INVALID_VALUE);
    else
        nat44_reply(c, nat44_set_mss(c->piste, m->enable ? m->mss_value : 0, NULL));
}

static void nat44_api_get_mss(struct api_call *c)
{
    struct api_nat_get_mss_clamping_reply reply = {.mss_value = nat44_mss(c->piste),
                                                   .enable = nat44_mss(c->piste) != 0};
    api_reply(c, &api_message_nat_get_mss_clamping_reply, &reply);
}

/* --- sessions --- */

static void nat44_api_del_session(struct api_call *c)
{
    const struct api_nat44_del_session *m = c->msg;
    struct nat44_match x = {
        .side = m->flags & NAT_IS_INSIDE ? NAT44_I2O : NAT44_O2I,
        .addr = load_be32(m->address),
        .port = be16_from_host(m->port),
        .host = load_be32(m->ext_host_address),
        .host_port = be16_from_host(m->ext_host_port),
        .any_host = !(m->flags & NAT_IS_EXT_HOST_VALID),
        .protocol = m->protocol,
        .vrf = m->vrf_id,
    };
    nat44_reply(c, nat44_del_sessions(c->piste, &x, NULL));
}

/* Where a dump of sessions is. */
struct session_dump {
    struct nat44_place at;
    struct fib_index fib;
    be32 user;
    void (*tell)(struct api_call *c, const struct nat44_session *s);
};

/* What all versions of the details have. */
#define SESSION_DETAILS(s)                                                                         \
    .outside_port = be16_to_host((s)->key[NAT44_O2I].dport),                                       \
    .inside_port = be16_to_host((s)->key[NAT44_I2O].sport),                                        \
    .protocol = nat44_key_protocol(&(s)->key[NAT44_I2O]),                                          \
    .flags = NAT_IS_EXT_HOST_VALID | ((s)->flags & NAT44_SESSION_STATIC ? NAT_IS_STATIC : 0) |     \
             ((s)->flags & NAT44_SESSION_TWICE ? NAT_IS_TWICE_NAT : 0),                            \
    .ext_host_nat_port =                                                                           \
        (s)->flags & NAT44_SESSION_TWICE ? be16_to_host((s)->key[NAT44_I2O].dport) : 0,            \
    .total_bytes = (s)->bytes, .total_pkts = (u32)(s)->packets,                                    \
    .ext_host_port = be16_to_host((s)->key[NAT44_O2I].sport)
#define SESSION_ADDRESSES(d, s)                                                                    \
    do {                                                                                           \
        memcpy((d)->outside_ip_address, &(s)->key[NAT44_O2I].dst, 4);                              \
        memcpy((d)->inside_ip_address, &(s)->key[NAT44_I2O].src, 4);                               \
        memcpy((d)->ext_host_address, &(s)->key[NAT44_O2I].src, 4);                                \
        if ((s)->flags & NAT44_SESSION_TWICE)                                                      \
            memcpy((d)->ext_host_nat_address, &(s)->key[NAT44_I2O].dst, 4);                        \
    } while (0)

static u64 heard_s(const struct api_call *c, const struct nat44_session *s)
{
    return (s->last_heard_ns - c->piste->start_ns) / NS_PER_SEC;
}

static void tell_v1(struct api_call *c, const struct nat44_session *s)
{
    struct api_nat44_user_session_details d = {SESSION_DETAILS(s), .last_heard = heard_s(c, s)};
    SESSION_ADDRESSES(&d, s);
    api_reply(c, &api_message_nat44_user_session_details, &d);
}

static void tell_v2(struct api_call *c, const struct nat44_session *s)
{
    u64 left;
    struct api_nat44_user_session_v2_details d = {SESSION_DETAILS(s), .last_heard = heard_s(c, s),
                                                  .is_timed_out =
                                                      nat44_session_is_over(c->piste, s, &left)};
    SESSION_ADDRESSES(&d, s);
    api_reply(c, &api_message_nat44_user_session_v2_details, &d);
}

static void tell_v3(struct api_call *c, const struct nat44_session *s)
{
    u64 left, now = clock_ns();
    struct api_nat44_user_session_v3_details d = {
        SESSION_DETAILS(s), .last_heard = heard_s(c, s),
        .time_since_last_heard = now > s->last_heard_ns ? (now - s->last_heard_ns) / NS_PER_SEC : 0,
        .is_timed_out = nat44_session_is_over(c->piste, s, &left)};
    SESSION_ADDRESSES(&d, s);
    api_reply(c, &api_message_nat44_user_session_v3_details, &d);
}

static bool nat44_api_session_more(struct api_call *c, void *state)
{
    struct session_dump *x = state;
    struct nat44_session s[64];
    u32 n;
    for (u32 k = 0; k < 1024 && api_room(c); k++) {
        if (!nat44_sessions_next(c->piste, &x->at, s, array_len(s), &n))
            return false;
        for (u32 i = 0; i < n; i++)
            if (be32_equal(s[i].key[NAT44_I2O].src, x->user) &&
                nat44_key_fib(&s[i].key[NAT44_I2O]).i == x->fib.i)
                x->tell(c, &s[i]);
    }
    return true;
}

static void nat44_api_sessions(struct api_call *c, const u8 *user, u32 vrf,
                               void (*tell)(struct api_call *c, const struct nat44_session *s))
{
    struct session_dump *x = mem_alloc(sizeof(*x));
    *x = (struct session_dump){.at = {.thread = 1},
                               .fib = fib_table_find(fib_of(c->piste), IP_FAMILY_4, vrf),
                               .user = load_be32(user),
                               .tell = tell};
    api_continue(c, nat44_api_session_more, free, x);
}

static void nat44_api_sessions_v1(struct api_call *c)
{
    const struct api_nat44_user_session_dump *m = c->msg;
    nat44_api_sessions(c, m->ip_address, m->vrf_id, tell_v1);
}

static void nat44_api_sessions_v2(struct api_call *c)
{
    const struct api_nat44_user_session_v2_dump *m = c->msg;
    nat44_api_sessions(c, m->ip_address, m->vrf_id, tell_v2);
}

static void nat44_api_sessions_v3(struct api_call *c)
{
    const struct api_nat44_user_session_v3_dump *m = c->msg;
    nat44_api_sessions(c, m->ip_address, m->vrf_id, tell_v3);
}

/* --- users: hosts inside that have sessions --- */

struct user {
    be32 addr;
    struct fib_index fib;
    u32 n[2]; /* dynamic, static */
};

struct user_dump {
    struct nat44_place at; /* sessions are counted, */
    u32 told;              /* and then users are told */
    VEC(struct user) users;
    struct hash by_host; /* address and table */
};

static void count_user(struct user_dump *x, const struct nat44_session *s)
{
    const union nat44_key *k = &s->key[NAT44_I2O];
    u32 key[2] = {k->src.raw, nat44_key_fib(k).i};
    u64 at;
    if (!hash_get(&x->by_host, key, &at)) {
        at = x->users.n;
        hash_set(&x->by_host, key, at);
        vec_add(&x->users, ((struct user){.addr = k->src, .fib = nat44_key_fib(k)}));
    }
    x->users.v[at].n[!!(s->flags & NAT44_SESSION_STATIC)]++;
}

static void tell_user(struct api_call *c, const struct user *u)
{
    struct api_nat44_user_details d = {.vrf_id = fib_table_id(fib_of(c->piste), u->fib),
                                       .nsessions = u->n[0],
                                       .nstaticsessions = u->n[1]};
    memcpy(d.ip_address, &u->addr, sizeof(d.ip_address));
    api_reply(c, &api_message_nat44_user_details, &d);
}

static bool nat44_api_user_more(struct api_call *c, void *state)
{
    struct user_dump *x = state;
    struct nat44_session s[64];
    u32 n;
    for (u32 k = 0; nat44_sessions_next(c->piste, &x->at, s, array_len(s), &n); k++) {
        for (u32 i = 0; i < n; i++)
            count_user(x, &s[i]);
        if (k == 1024)
            return true;
    }
    for (; x->told < x->users.n; x->told++) {
        if (!api_room(c))
            return true;
        tell_user(c, &x->users.v[x->told]);
    }
    return false;
}

static void user_dump_end(void *state)
{
    struct user_dump *x = state;
    vec_free(&x->users);
    hash_fini(&x->by_host);
    free(x);
}

static void nat44_api_users(struct api_call *c)
{
    struct user_dump *x = mem_alloc(sizeof(*x));
    x->at.thread = 1;
    hash_init(&x->by_host, 8);
    api_continue(c, nat44_api_user_more, user_dump_end, x);
}

const struct api_handler nat44_api_handlers[] = {
    {&api_message_nat44_ed_plugin_enable_disable, nat44_api_plugin},
    {&api_message_nat44_forwarding_enable_disable, nat44_api_forwarding},
    {&api_message_nat_set_timeouts, nat44_api_timeouts},
    {&api_message_nat44_set_session_limit, nat44_api_session_limit},
    {&api_message_nat44_ed_add_del_vrf_table, nat44_api_vrf_table},
    {&api_message_nat44_ed_add_del_vrf_route, nat44_api_vrf_route},
    {&api_message_nat44_ed_vrf_tables_dump, nat44_api_vrf_tables},
    {&api_message_nat44_ed_vrf_tables_v2_dump, nat44_api_vrf_tables_v2},
    {&api_message_nat44_show_running_config, nat44_api_show_config},
    {&api_message_nat_worker_dump, nat44_api_workers},
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
    {&api_message_nat44_static_mapping_dump, nat44_api_mapping_dump},
    {&api_message_nat44_add_del_identity_mapping, nat44_api_identity},
    {&api_message_nat44_identity_mapping_dump, nat44_api_mapping_dump},
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
