/* Messages of ip6_nd.api and rd_cp.api. */
#include <stdlib.h>
#include <string.h>

#include "api/api_ip6_nd.h"
#include "api/api_rd_cp.h"
#include "base/clock.h"
#include "control/api.h"
#include "net/ip/address/address_api.h"
#include "net/ip/address/address_data.h"
#include "net/ip/nd/ra_internal.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "net/packet/nd_packet.h"

const char ra_api_module_name[] = "ra_api";

struct ra_api {
    struct api_events events;
};

/* --- router --- */

static void ra_api_flags(const struct api_sw_interface_ip6nd_ra_config *m, struct ra_settings *s)
{
    const struct {
        u8 given;
        bool *flag;
    } flags[] = {{m->suppress, &s->suppress}, {m->managed, &s->managed},
                 {m->other, &s->other},       {m->ll_option, &s->no_mac},
                 {m->cease, &s->cease},       {m->send_unicast, &s->unicast}};
    for (u32 i = 0; i < array_len(flags); i++)
        if (flags[i].given)
            *flags[i].flag = !m->is_no;
}

static void ra_api_numbers(const struct api_sw_interface_ip6nd_ra_config *m, struct ra_settings *s)
{
    bool no = m->is_no;
    if (m->default_router)
        s->lifetime_s = no ? RA_INTERVAL_S * 3 : m->lifetime;
    if (m->max_interval) {
        s->max_s = no ? RA_INTERVAL_S : m->max_interval;
        s->min_s = no || !m->min_interval ? s->max_s * 3 / 4 : m->min_interval;
        if (s->min_s < 3)
            s->min_s = 3;
    }
    if (m->initial_count)
        s->initial_count = no ? RA_INITIAL_COUNT : m->initial_count;
    if (m->initial_interval)
        s->initial_s = no ? RA_INITIAL_S : m->initial_interval;
}

static void ra_api_config(struct api_call *c)
{
    const struct api_sw_interface_ip6nd_ra_config *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
        return;
    }
    struct ra_settings s = ra_settings(c->piste, f->index);
    ra_api_flags(m, &s);
    ra_api_numbers(m, &s);
    api_reply_errno(c, ra_set(c->piste, f->index, &s, NULL));
}

static void ra_api_prefix(struct api_call *c)
{
    const struct api_sw_interface_ip6nd_ra_prefix *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
        return;
    }
    struct ra_prefix x = {
        .prefix.len = m->prefix.len,
        .valid_s = m->use_default ? RA_VALID_S : m->val_lifetime,
        .preferred_s = m->use_default ? RA_PREFERRED_S : m->pref_lifetime,
        .off_link = m->off_link || m->no_onlink,
        .no_autoconfig = m->no_autoconfig,
        .no_advertise = m->no_advertise,
        .fixed =
            m->use_default || (m->val_lifetime == ND_FOREVER && m->pref_lifetime == ND_FOREVER),
        .since_ns = clock_ns(),
    };
    enum ip_family family = IP_FAMILY_6;
    i32 retval = api_ip_address(&m->prefix.address, &family, &x.prefix.addr);
    x.prefix.family = (u8)family;
    struct ra_settings s = ra_settings(c->piste, f->index);
    if (!retval)
        retval =
            api_retval(m->is_no ? ra_prefix_del(&s, &x.prefix, NULL) : ra_prefix_add(&s, &x, NULL));
    if (!retval)
        retval = api_retval(ra_set(c->piste, f->index, &s, NULL));
    api_reply_retval(c, retval);
}

/* Seconds from now to a time; 0: never. */
static double ra_api_seconds(u64 at_ns, u64 now)
{
    return at_ns ? ((double)at_ns - (double)now) * 1e-9 : 0;
}

static void ra_api_prefix_to(const struct ra_prefix *x, u64 now,
                             struct api_type_ip6nd_ra_prefix *out)
{
    *out = (struct api_type_ip6nd_ra_prefix){
        .onlink_flag = !x->off_link,
        .autonomous_flag = !x->no_autoconfig,
        .val_lifetime = x->valid_s,
        .pref_lifetime = x->preferred_s,
        .decrement_lifetime_flag = !x->fixed,
        .no_advertise = x->no_advertise,
    };
    out->prefix.len = x->prefix.len;
    api_ip_address_to(IP_FAMILY_6, &x->prefix.addr, &out->prefix.address);
    if (!x->fixed) {
        double since = ra_api_seconds(x->since_ns, now);
        out->valid_lifetime_expires = since + x->valid_s;
        out->pref_lifetime_expires = since + x->preferred_s;
    }
}

static void ra_api_details(struct api_call *c, const struct interface *f)
{
    struct ra_settings s = ra_settings(c->piste, f->index);
    struct ra_counts n = ra_counts(c->piste, f->index);
    struct api_type_ip6nd_ra_prefix prefixes[RA_PREFIXES_MAX];
    u64 now = clock_ns();
    struct api_sw_interface_ip6nd_ra_details d = {
        .sw_if_index = f->index.i,
        .cur_hop_limit = 64,
        .adv_managed_flag = s.managed,
        .adv_other_flag = s.other,
        .adv_router_lifetime = (u16)s.lifetime_s,
        .adv_link_mtu = interface_mtu(f, IF_MTU_IP6),
        .send_radv = !s.suppress,
        .cease_radv = s.cease,
        .send_unicast = s.unicast,
        .adv_link_layer_address = !s.no_mac,
        .max_radv_interval = s.max_s,
        .min_radv_interval = s.min_s,
        .last_multicast_time = -ra_api_seconds(n.multicast_ns, now),
        .next_multicast_time = ra_api_seconds(n.next_ns, now),
        .initial_adverts_count = s.initial_count,
        .initial_adverts_interval = s.initial_s,
        .initial_adverts_sent = !n.initial_left,
        .n_advertisements_sent = n.sent,
        .n_solicitations_rcvd = n.solicited,
        .n_solicitations_dropped = n.dropped,
        .n_prefixes = s.n_prefixes,
        .prefixes = prefixes,
    };
    for (u32 k = 0; k < s.n_prefixes; k++)
        ra_api_prefix_to(&s.prefixes[k], now, &prefixes[k]);
    api_reply(c, &api_message_sw_interface_ip6nd_ra_details, &d);
}

static void ra_api_dump(struct api_call *c)
{
    const struct api_sw_interface_ip6nd_ra_dump *m = c->msg;
    const struct interface *f;
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1)
        if ((m->sw_if_index == UINT32_MAX || m->sw_if_index == f->index.i) && f->has_mac &&
            ip6_link(f->index))
            ra_api_details(c, f);
}

/* --- host --- */

static void ra_api_solicit(struct api_call *c)
{
    const struct api_ip6nd_send_router_solicitation *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    struct ra_soliciting how = {m->irt, m->mrt, m->mrc, m->mrd};
    if (!f) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
        return;
    }
    if (m->stop)
        ra_solicit_stop(c->piste, f->index);
    api_reply_errno(c, m->stop ? 0 : ra_solicit(c->piste, f->index, &how, NULL));
}

static void ra_api_autoconfig(struct api_call *c)
{
    const struct api_ip6_nd_address_autoconfig *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    enum ra_autoconfig what = !m->enable                  ? RA_AUTOCONFIG_OFF
                              : m->install_default_routes ? RA_AUTOCONFIG_ROUTES
                                                          : RA_AUTOCONFIG_ADDRESSES;
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, ra_set_autoconfig(c->piste, f->index, what, NULL));
}

/* --- events --- */

static void ra_api_want(struct api_call *c)
{
    const struct api_want_ip6_ra_events *m = c->msg;
    struct ra_api *s = module_state(c->piste, ra_api_module_name);
    api_reply_retval(c, api_events_want(c, &s->events, m->enable, m->pid, NULL, 0));
}

static void ra_api_on_advertisement(struct piste *p, struct if_index i,
                                    const struct ip_address *router, const struct ra_message *m,
                                    void *arg)
{
    struct ra_api *s = module_state(p, ra_api_module_name); /* NULL: stopped */
    struct api_type_ip6_ra_prefix_info prefixes[RA_PREFIXES_MAX];
    struct api_ip6_ra_event ev = {
        .sw_if_index = i.i,
        .current_hop_limit = m->hop_limit,
        .flags = m->flags,
        .router_lifetime_in_sec = m->lifetime_s,
        .neighbor_reachable_time_in_msec = m->reachable_ms,
        .time_in_msec_between_retransmitted_neighbor_solicitations = m->retransmit_ms,
        .n_prefixes = m->n_prefixes,
        .prefixes = prefixes,
    };
    if (!s || !s->events.list.n)
        return;
    memcpy(ev.router_addr, router->bytes, sizeof(ev.router_addr));
    for (u32 k = 0; k < m->n_prefixes; k++) {
        const struct ra_prefix_info *x = &m->prefixes[k];
        prefixes[k] = (struct api_type_ip6_ra_prefix_info){
            .flags = x->flags, .valid_time = x->valid_s, .preferred_time = x->preferred_s};
        prefixes[k].prefix.len = x->prefix.len;
        api_ip_address_to(IP_FAMILY_6, &x->prefix.addr, &prefixes[k].prefix.address);
    }
    api_events_send(p, &s->events, &api_message_ip6_ra_event, &ev, NULL, NULL);
}

int ra_api_init(struct piste *p, void **state, struct error *e)
{
    *state = mem_alloc(sizeof(struct ra_api));
    ra_on_advertisement(p, ra_api_on_advertisement, NULL);
    return 0;
}

void ra_api_stop(struct piste *p, void *state)
{
    struct ra_api *s = state;
    api_events_free(&s->events);
    free(s);
}

const struct api_handler ra_api_handlers[] = {
    {&api_message_sw_interface_ip6nd_ra_config, ra_api_config},
    {&api_message_sw_interface_ip6nd_ra_prefix, ra_api_prefix},
    {&api_message_sw_interface_ip6nd_ra_dump, ra_api_dump},
    {&api_message_ip6nd_send_router_solicitation, ra_api_solicit},
    {&api_message_want_ip6_ra_events, ra_api_want},
    {&api_message_ip6_nd_address_autoconfig, ra_api_autoconfig},
    {0},
};
