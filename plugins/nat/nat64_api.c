/* Messages of nat64.api; they do what the commands do. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api_nat64.h"
#include "api_nat_types.h"
#include "base/mem.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "plugins/nat/nat64.h"

static void nat64_api_reply(struct api_call *c, int rc)
{
    if (rc == -EEXIST)
        api_reply_retval(c, API_VALUE_EXIST);
    else
        api_reply_errno(c, rc);
}

static void nat64_api_plugin(struct api_call *c)
{
    const struct api_nat64_plugin_enable_disable *m = c->msg;
    if (!m->enable != nat64_is_enabled(c->piste))
        api_reply_retval(c, m->enable ? API_FEATURE_ALREADY_ENABLED : API_FEATURE_ALREADY_DISABLED);
    else
        nat64_api_reply(c, m->enable ? nat64_enable(c->piste, NAT64_SESSIONS_DEFAULT, NULL)
                                     : nat64_disable(c->piste, NULL));
}

static void nat64_api_set_timeouts(struct api_call *c)
{
    const struct api_nat64_set_timeouts *m = c->msg;
    const u32 seconds[NAT64_TIMEOUTS] = {
        [NAT64_TIMEOUT_UDP] = m->udp,
        [NAT64_TIMEOUT_TCP_ESTABLISHED] = m->tcp_established,
        [NAT64_TIMEOUT_TCP_TRANSITORY] = m->tcp_transitory,
        [NAT64_TIMEOUT_ICMP] = m->icmp,
    };
    nat64_api_reply(c, nat64_set_timeouts(c->piste, seconds, NULL));
}

static void nat64_api_get_timeouts(struct api_call *c)
{
    const u32 *seconds = nat64_timeouts(c->piste);
    struct api_nat64_get_timeouts_reply r = {
        .udp = seconds[NAT64_TIMEOUT_UDP],
        .tcp_established = seconds[NAT64_TIMEOUT_TCP_ESTABLISHED],
        .tcp_transitory = seconds[NAT64_TIMEOUT_TCP_TRANSITORY],
        .icmp = seconds[NAT64_TIMEOUT_ICMP],
    };
    api_reply(c, &api_message_nat64_get_timeouts_reply, &r);
}

/* --- pool and prefixes --- */

static void nat64_api_pool(struct api_call *c)
{
    const struct api_nat64_add_del_pool_addr_range *m = c->msg;
    u32 first = get_be32(m->start_addr), last = get_be32(m->end_addr);
    nat64_api_reply(c, m->is_add ? nat64_add_addresses(c->piste, first, last, m->vrf_id, NULL)
                                 : nat64_del_addresses(c->piste, first, last, NULL));
}

static void nat64_api_pool_dump(struct api_call *c)
{
    struct nat_pool_entry x;
    for (u32 k = 0; nat64_address_at(c->piste, k, &x); k++) {
        struct api_nat64_pool_addr_details d = {.vrf_id = x.tenant_vrf};
        memcpy(d.address, &x.addr, sizeof(d.address));
        api_reply(c, &api_message_nat64_pool_addr_details, &d);
    }
}

static void nat64_api_interface_address(struct api_call *c)
{
    const struct api_nat64_add_del_interface_addr *m = c->msg;
    const struct interface *it = api_interface(c->piste, m->sw_if_index);
    if (!it)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        nat64_api_reply(c, nat64_set_interface_address(c->piste, it->index, m->is_add, NULL));
}

static void nat64_api_prefix(struct api_call *c)
{
    const struct api_nat64_add_del_prefix *m = c->msg;
    struct nat64_prefix_entry x = {
        .prefix = {.addr = ip_address_from_bytes(IP_FAMILY_6, m->prefix.address),
                   .family = IP_FAMILY_6,
                   .len = m->prefix.len},
        .vrf = m->vrf_id,
        .via = IF_NONE,
    };
    if (m->prefix.len > IP6_ADDRESS_BITS)
        api_reply_retval(c, API_INVALID_VALUE);
    else
        nat64_api_reply(c, m->is_add ? nat64_add_prefix(c->piste, &x, NULL)
                                     : nat64_del_prefix(c->piste, &x, NULL));
}

static void nat64_api_prefix_dump(struct api_call *c)
{
    struct nat64_prefix_entry x;
    for (u32 k = 0; nat64_prefix_at(c->piste, k, &x); k++) {
        struct api_nat64_prefix_details d = {.prefix.len = x.prefix.len, .vrf_id = x.vrf};
        memcpy(d.prefix.address, x.prefix.addr.bytes, sizeof(d.prefix.address));
        api_reply(c, &api_message_nat64_prefix_details, &d);
    }
}

/* --- interfaces --- */

static void nat64_api_interface(struct api_call *c)
{
    const struct api_nat64_add_del_interface *m = c->msg;
    const struct interface *it = api_interface(c->piste, m->sw_if_index);
    u8 flag = m->flags & NAT_IS_INSIDE ? NAT_IF_IN : NAT_IF_OUT;
    if (!it)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        nat64_api_reply(c, nat64_set_interface(c->piste, it->index, flag, m->is_add, NULL));
}

static void nat64_api_interface_dump(struct api_call *c)
{
    const u8 *flags = nat64_state_of(c->piste)->if_flags;
    struct if_index i;
    for (u32 from = 0; !if_is_none(i = nat_if_next(c->piste, flags, from)); from = i.i + 1) {
        struct api_nat64_interface_details d = {.flags = nat_if_api_flags(flags[i.i]),
                                                .sw_if_index = i.i};
        api_reply(c, &api_message_nat64_interface_details, &d);
    }
}

/* --- bindings and sessions --- */

static void nat64_api_static(struct api_call *c)
{
    const struct api_nat64_add_del_static_bib *m = c->msg;
    struct nat64_static_config x = {
        .inside = ip_address_from_bytes(IP_FAMILY_6, m->i_addr),
        .outside = load_be32(m->o_addr),
        .in_port = be16_from_host(m->i_port),
        .out_port = be16_from_host(m->o_port),
        .vrf = m->vrf_id,
        .protocol = m->proto,
    };
    nat64_api_reply(c, m->is_add ? nat64_add_static(c->piste, &x, NULL)
                                 : nat64_del_static(c->piste, &x, NULL));
}

struct nat64_dump {
    struct nat64_place at;
    u8 wanted;
};

static void nat64_tell_bib(struct api_call *c, const struct nat64_bib *b)
{
    struct api_nat64_bib_details d = {
        .i_port = be16_to_host(b->in.port),
        .o_port = be16_to_host(b->out.port),
        .vrf_id = fib_table_id(fib_of(c->piste), (struct fib_index){b->in.fib}),
        .proto = b->in.protocol,
        .flags = b->is_static ? NAT_IS_STATIC : 0,
        .ses_num = b->sessions.n,
    };
    memcpy(d.i_addr, b->in.addr.bytes, sizeof(d.i_addr));
    memcpy(d.o_addr, &b->out.addr, sizeof(d.o_addr));
    api_reply(c, &api_message_nat64_bib_details, &d);
}

static bool nat64_api_bib_more(struct api_call *c, void *state)
{
    struct nat64_dump *x = state;
    struct nat64_bib bibs[64];
    u32 n;
    for (u32 k = 0; k < 1024 && api_room(c); k++) {
        if (!nat64_bibs_next(c->piste, &x->at, bibs, array_len(bibs), &n))
            return false;
        for (u32 i = 0; i < n; i++)
            if (nat64_is_wanted(bibs[i].in.protocol, x->wanted))
                nat64_tell_bib(c, &bibs[i]);
    }
    return true;
}

static void nat64_tell_session(struct api_call *c, const struct nat64_seen *x)
{
    const struct nat64_bib *b = &x->bib;
    struct ip_address host = nat64_seen_inside(c->piste, b->in.fib, x->session.with.addr);
    struct api_nat64_st_details d = {
        .il_port = be16_to_host(b->in.port),
        .ol_port = be16_to_host(b->out.port),
        .r_port = be16_to_host(x->session.with.port),
        .vrf_id = fib_table_id(fib_of(c->piste), (struct fib_index){b->in.fib}),
        .proto = b->in.protocol,
    };
    memcpy(d.il_addr, b->in.addr.bytes, sizeof(d.il_addr));
    memcpy(d.ol_addr, &b->out.addr, sizeof(d.ol_addr));
    memcpy(d.ir_addr, host.bytes, sizeof(d.ir_addr));
    memcpy(d.or_addr, &x->session.with.addr, sizeof(d.or_addr));
    api_reply(c, &api_message_nat64_st_details, &d);
}

static bool nat64_api_session_more(struct api_call *c, void *state)
{
    struct nat64_dump *x = state;
    struct nat64_seen seen[64];
    u32 n;
    for (u32 k = 0; k < 1024 && api_room(c); k++) {
        if (!nat64_sessions_next(c->piste, &x->at, seen, array_len(seen), &n))
            return false;
        for (u32 i = 0; i < n; i++)
            if (nat64_is_wanted(seen[i].bib.in.protocol, x->wanted))
                nat64_tell_session(c, &seen[i]);
    }
    return true;
}

static void nat64_begin_dump(struct api_call *c, bool (*more)(struct api_call *c, void *state),
                             u8 wanted)
{
    struct nat64_dump *x = mem_alloc(sizeof(*x));
    *x = (struct nat64_dump){.at = {.thread = 1}, .wanted = wanted};
    api_continue(c, more, free, x);
}

static void nat64_api_bib_dump(struct api_call *c)
{
    nat64_begin_dump(c, nat64_api_bib_more, ((const struct api_nat64_bib_dump *)c->msg)->proto);
}

static void nat64_api_session_dump(struct api_call *c)
{
    nat64_begin_dump(c, nat64_api_session_more, ((const struct api_nat64_st_dump *)c->msg)->proto);
}

const struct api_handler nat64_api_handlers[] = {
    {&api_message_nat64_plugin_enable_disable, nat64_api_plugin},
    {&api_message_nat64_set_timeouts, nat64_api_set_timeouts},
    {&api_message_nat64_get_timeouts, nat64_api_get_timeouts},
    {&api_message_nat64_add_del_pool_addr_range, nat64_api_pool},
    {&api_message_nat64_pool_addr_dump, nat64_api_pool_dump},
    {&api_message_nat64_add_del_interface, nat64_api_interface},
    {&api_message_nat64_interface_dump, nat64_api_interface_dump},
    {&api_message_nat64_add_del_static_bib, nat64_api_static},
    {&api_message_nat64_bib_dump, nat64_api_bib_dump},
    {&api_message_nat64_st_dump, nat64_api_session_dump},
    {&api_message_nat64_add_del_prefix, nat64_api_prefix},
    {&api_message_nat64_prefix_dump, nat64_api_prefix_dump},
    {&api_message_nat64_add_del_interface_addr, nat64_api_interface_address},
    {0},
};
