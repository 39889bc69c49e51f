/* Messages of static mappings: of one host, identities and load-balanced ones. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_nat44_ed.h"
#include "api_nat_types.h"
#include "base/mem.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "plugins/nat/nat44_api.h"
#include "plugins/nat/nat44_internal.h"

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
    nat44_api_put_mapping(c, x->external_sw_if_index, &m, x->is_add);
}

void nat44_api_static_v2(struct api_call *c)
{
    nat44_api_put_static(c, c->msg);
}

void nat44_api_static(struct api_call *c)
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

void nat44_api_identity(struct api_call *c)
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
    nat44_api_put_mapping(c, x->sw_if_index, &m, x->is_add);
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

void nat44_api_static_dump(struct api_call *c)
{
    nat44_api_each_mapping(c, false, tell_static);
}

void nat44_api_identity_dump(struct api_call *c)
{
    nat44_api_each_mapping(c, true, tell_identity);
}

/* --- load balancing --- */

static struct nat44_lb_local lb_local_of(const struct api_type_nat44_lb_addr_port *x)
{
    return (struct nat44_lb_local){.addr = load_be32(x->addr),
                                   .port = be16_from_host(x->port),
                                   .probability = x->probability,
                                   .vrf = x->vrf_id};
}

void nat44_api_lb(struct api_call *c)
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
    nat44_api_reply(c, m->is_add ? nat44_add_lb(c->piste, &x, locals, m->local_num, NULL)
                                 : nat44_del_lb(c->piste, &x, NULL));
    free(locals);
}

void nat44_api_lb_local(struct api_call *c)
{
    const struct api_nat44_lb_static_mapping_add_del_local *m = c->msg;
    struct nat44_lb_local l = lb_local_of(&m->local);
    struct nat44_lb_config x = {
        .external = load_be32(m->external_addr),
        .external_port = be16_from_host(m->external_port),
        .protocol = m->protocol,
    };
    nat44_api_reply(c, m->is_add ? nat44_add_lb_local(c->piste, &x, &l, NULL)
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

void nat44_api_lb_dump(struct api_call *c)
{
    api_continue(c, nat44_api_lb_more, free, mem_alloc(sizeof(u32)));
}
