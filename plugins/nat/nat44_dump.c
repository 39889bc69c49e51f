/* What messages of both NATs have in common: replies, and walks for dumps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "plugins/nat/nat44_api.h"
#include "plugins/nat/nat44_internal.h"

void nat44_api_reply(struct api_call *c, int rc)
{
    i32 retval = api_retval(rc);
    if (rc == -EEXIST)
        retval = API_VALUE_EXIST;
    api_reply_retval(c, retval);
}

void nat44_api_workers_reply(struct api_call *c, int rc)
{
    api_reply_retval(c, rc == -EOPNOTSUPP ? API_FEATURE_DISABLED
                        : rc == -EINVAL   ? API_INVALID_WORKER
                                          : api_retval(rc));
}

void nat44_api_fq_reply(struct api_call *c, int rc)
{
    api_reply_retval(c, rc == -EALREADY ? API_FEATURE_ALREADY_ENABLED : api_retval(rc));
}

/* -ENODEV: there is no such interface. */
static int external_of(struct api_call *c, u32 sw_if_index, struct nat44_mapping_config *m)
{
    m->external_if = IF_NONE;
    if (sw_if_index == IF_NONE.i)
        return 0;
    const struct interface *f = api_interface(c->piste, sw_if_index);
    if (!f)
        return -ENODEV;
    m->external_if = f->index;
    m->external = (be32){0};
    if (m->identity)
        m->local = (be32){0};
    return 0;
}

void nat44_api_put_mapping(struct api_call *c, u32 sw_if_index, struct nat44_mapping_config *m,
                           bool add)
{
    if (external_of(c, sw_if_index, m))
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        nat44_api_reply(c, add ? nat44_add_mapping(c->piste, m, NULL)
                               : nat44_del_mapping(c->piste, m, NULL));
}

/* --- static mappings --- */

struct mapping_dump {
    u32 next;
    bool identity;
    nat44_tell_mapping_fn *tell;
};

/* Those of an interface come as they are outside, and as they were asked for. */
static bool mapping_more(struct api_call *c, void *state)
{
    struct mapping_dump *x = state;
    struct nat44_mapping_config m;
    be32 resolved;
    for (; nat44_mapping_at(c->piste, x->next, &m, &resolved); x->next++) {
        if (!api_room(c))
            return true;
        if (m.identity != x->identity)
            continue;
        struct nat44_mapping_config now = m;
        now.external_if = IF_NONE;
        now.external = resolved;
        now.local = m.identity ? resolved : m.local;
        if (!be32_is_zero(resolved))
            x->tell(c, &now);
        if (!if_is_none(m.external_if))
            x->tell(c, &m);
    }
    return false;
}

void nat44_api_each_mapping(struct api_call *c, bool identity, nat44_tell_mapping_fn *tell)
{
    struct mapping_dump *x = mem_alloc(sizeof(*x));
    *x = (struct mapping_dump){.identity = identity, .tell = tell};
    api_continue(c, mapping_more, free, x);
}

/* --- sessions --- */

struct session_dump {
    struct nat44_place at;
    struct fib_index fib;
    be32 user;
    nat44_tell_session_fn *tell;
};

static bool session_more(struct api_call *c, void *state)
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

void nat44_api_each_session(struct api_call *c, const u8 *user, u32 vrf,
                            nat44_tell_session_fn *tell)
{
    struct session_dump *x = mem_alloc(sizeof(*x));
    *x = (struct session_dump){.at = {.thread = 1},
                               .fib = fib_table_find(fib_of(c->piste), IP_FAMILY_4, vrf),
                               .user = load_be32(user),
                               .tell = tell};
    api_continue(c, session_more, free, x);
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
    nat44_tell_user_fn *tell;
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

static bool user_more(struct api_call *c, void *state)
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
        const struct user *u = &x->users.v[x->told];
        if (!api_room(c))
            return true;
        x->tell(c, u->addr, fib_table_id(fib_of(c->piste), u->fib), u->n[0], u->n[1]);
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

void nat44_api_each_user(struct api_call *c, nat44_tell_user_fn *tell)
{
    struct user_dump *x = mem_alloc(sizeof(*x));
    x->at.thread = 1;
    x->tell = tell;
    hash_init(&x->by_host, 8);
    api_continue(c, user_more, user_dump_end, x);
}
