/* Messages of sessions, and of the hosts inside that have them. */
#include <stdlib.h>
#include <string.h>

#include "api_nat44_ed.h"
#include "api_nat_types.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
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

void nat44_api_sessions_v1(struct api_call *c)
{
    const struct api_nat44_user_session_dump *m = c->msg;
    nat44_api_sessions(c, m->ip_address, m->vrf_id, tell_v1);
}

void nat44_api_sessions_v2(struct api_call *c)
{
    const struct api_nat44_user_session_v2_dump *m = c->msg;
    nat44_api_sessions(c, m->ip_address, m->vrf_id, tell_v2);
}

void nat44_api_sessions_v3(struct api_call *c)
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

void nat44_api_users(struct api_call *c)
{
    struct user_dump *x = mem_alloc(sizeof(*x));
    x->at.thread = 1;
    hash_init(&x->by_host, 8);
    api_continue(c, nat44_api_user_more, user_dump_end, x);
}
