/* Messages of sessions, and of the hosts inside that have them. */
#include <string.h>

#include "api_nat44_ed.h"
#include "api_nat_types.h"
#include "base/clock.h"
#include "plugins/nat/nat44_api.h"
#include "plugins/nat/nat44_internal.h"

void nat44_api_del_session(struct api_call *c)
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
    nat44_api_reply(c, nat44_del_sessions(c->piste, &x, NULL));
}

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

void nat44_api_sessions_v1(struct api_call *c)
{
    const struct api_nat44_user_session_dump *m = c->msg;
    nat44_api_each_session(c, m->ip_address, m->vrf_id, tell_v1);
}

void nat44_api_sessions_v2(struct api_call *c)
{
    const struct api_nat44_user_session_v2_dump *m = c->msg;
    nat44_api_each_session(c, m->ip_address, m->vrf_id, tell_v2);
}

void nat44_api_sessions_v3(struct api_call *c)
{
    const struct api_nat44_user_session_v3_dump *m = c->msg;
    nat44_api_each_session(c, m->ip_address, m->vrf_id, tell_v3);
}

static void tell_user(struct api_call *c, be32 addr, u32 vrf, u32 n_dynamic, u32 n_static)
{
    struct api_nat44_user_details d = {
        .vrf_id = vrf, .nsessions = n_dynamic, .nstaticsessions = n_static};
    memcpy(d.ip_address, &addr, sizeof(d.ip_address));
    api_reply(c, &api_message_nat44_user_details, &d);
}

void nat44_api_users(struct api_call *c)
{
    nat44_api_each_user(c, tell_user);
}
