/* Users: hosts inside, and how many sessions they have. See nat44_ei.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "plugins/nat/nat44_choose.h"
#include "plugins/nat/nat44_ei.h"
#include "plugins/nat/nat44_internal.h"

#define NAT44_USERS 1024 /* by default */

static struct nat44_user *user_at(const struct nat44_data *n, const struct thread *t, u32 i)
{
    return session_at(session_table_of(n->users, t), i);
}

static u32 is_static(u8 session_flags)
{
    return session_flags & NAT44_SESSION_STATIC ? 1 : 0;
}

static u32 sessions_of(const struct nat44_user *u)
{
    return u->sessions[0].n + u->sessions[1].n + u->held;
}

static void count_users(struct nat44_data *n, struct thread *t, int change)
{
    struct nat44_thread *own = &n->threads[thread_index(t)];
    own->n_users += (u32)change;
    tally_set(counter_simple(n->total_users, thread_index(t)), own->n_users);
}

/* That of a session's host; SESSION_NONE: there is no room for one more. */
static u32 find_or_make(struct nat44_data *n, struct thread *t, const union nat44_key *i2o)
{
    struct session_table *table = session_table_of(n->users, t);
    struct nat44_user wanted = {.addr = i2o->src, .fib = nat44_key_fib(i2o).i};
    u32 i = session_find(table, 0, &wanted.word, 1);
    if (i != SESSION_NONE)
        return i;
    if (n->threads[thread_index(t)].n_users >= n->max_users)
        return SESSION_NONE;
    i = session_new(table);
    if (i == SESSION_NONE)
        return i;
    *user_at(n, t, i) =
        (struct nat44_user){.word = wanted.word, .sessions = {INDEX_LIST_EMPTY, INDEX_LIST_EMPTY}};
    if (!session_add(table, i))
        return SESSION_NONE;
    count_users(n, t, 1);
    return i;
}

static void user_let_go(struct nat44_data *n, struct thread *t, u32 user)
{
    if (sessions_of(user_at(n, t, user)))
        return;
    session_delete(session_table_of(n->users, t), user);
    count_users(n, t, -1);
}

u32 nat44_make(struct nat44_data *n, struct thread *t, const union nat44_key key[NAT44_DIRS],
               u8 flags, u32 *session)
{
    struct nat44_thread *own = &n->threads[thread_index(t)];
    u32 user = find_or_make(n, t, &key[NAT44_I2O]);
    if (user == SESSION_NONE)
        return NAT44_ERR_NO_USER;
    struct nat44_user *u = user_at(n, t, user);
    u->held++; /* it stays while others of its sessions make room */
    while (sessions_of(u) > n->max_user_sessions && u->sessions[0].n)
        nat44_session_delete(n, t, u->sessions[0].first);
    *session =
        sessions_of(u) > n->max_user_sessions ? SESSION_NONE : nat44_session_new(n, t, key, flags);
    u->held--;
    if (*session == SESSION_NONE) {
        user_let_go(n, t, user);
        return NAT44_ERR_MAX_SESSIONS;
    }
    own->links[*session].user = user;
    index_list_add(&u->sessions[is_static(flags)], &own->links->by_age, sizeof(*own->links),
                   *session);
    return NAT44_TRANSLATE;
}

static struct index_list *list_of(const struct nat44_data *n, struct thread *t, u32 session)
{
    const struct nat44_session *s = session_at(session_table_of(n->sessions, t), session);
    u32 user = n->threads[thread_index(t)].links[session].user;
    return &user_at(n, t, user)->sessions[is_static(s->flags)];
}

void nat44_session_ends(struct nat44_data *n, struct thread *t, u32 session)
{
    struct nat44_user_link *links = n->threads[thread_index(t)].links;
    index_list_remove(list_of(n, t, session), &links->by_age, sizeof(*links), session);
    user_let_go(n, t, links[session].user);
}

void nat44_session_aged(struct nat44_data *n, struct thread *t, u32 session)
{
    struct nat44_user_link *links = n->threads[thread_index(t)].links;
    struct index_list *l = list_of(n, t, session);
    if (!n->stateless) { /* packets of it come here now */
        struct nat44_session *s = session_at(session_table_of(n->sessions, t), session);
        s->flags &= (u8)~NAT44_SESSION_QUIET;
    }
    index_list_remove(l, &links->by_age, sizeof(*links), session);
    index_list_add(l, &links->by_age, sizeof(*links), session);
}

/* --- control thread --- */

void nat44_users_new(struct piste *p, struct nat44_options *o)
{
    struct nat44_data *d = &nat44_state_of(p)->data;
    struct engine *e = engine_of(p);
    o->users = o->users ? o->users : NAT44_USERS;
    o->user_sessions = o->user_sessions ? o->user_sessions : o->sessions;
    d->hairpin_node = node_must_find(e, "nat44-ei-hairpinning");
    d->max_users = o->users;
    d->max_user_sessions = o->user_sessions;
    d->users =
        sessions_new(e, &(struct sessions_args){.name = "nat44-ei-users",
                                                .object_bytes = sizeof(struct nat44_user),
                                                .max = NAT44_USERS_MAX,
                                                .keys = {{offsetof(struct nat44_user, word), 1}},
                                                .expire = node_must_find(e, "nat44-ei-expire")});
    for (u32 i = 1; i < engine_n_threads(e); i++) {
        struct nat44_thread *own = &d->threads[i];
        own->links = mem_reserve(&own->link_map, "nat44-ei-links",
                                 (u64)NAT44_SESSIONS_MAX * sizeof(*own->links));
        tally_set(counter_simple(d->total_users, i), 0);
    }
}

void nat44_users_free(struct piste *p)
{
    struct nat44_data *d = &nat44_state_of(p)->data;
    for (u32 i = 1; i < engine_n_threads(engine_of(p)); i++)
        mem_map_free(&d->threads[i].link_map);
    sessions_free(d->users);
    d->users = NULL;
}

u32 nat44_users_copy(const struct piste *p, u32 thread, u32 *from, struct nat44_user *out,
                     u32 *index, u32 max)
{
    return sessions_copy(nat44_state_of(p)->data.users, thread, from, out, index, max);
}

struct sessions_piece {
    struct nat44_data *n;
    const struct nat44_user *user;
    u32 index, from, max, count;
    struct nat44_session *out;
    u32 *indices;
};

static void copy_sessions(struct thread *t, void *arg)
{
    struct sessions_piece *x = arg;
    const struct session_table *users = session_table_of(x->n->users, t);
    const struct session_table *table = session_table_of(x->n->sessions, t);
    const struct nat44_user_link *links = x->n->threads[thread_index(t)].links;
    bool there =
        pool_is_used(&users->pool, x->index) && user_at(x->n, t, x->index)->word == x->user->word;
    while (x->from != INDEX_LIST_NONE && x->count < x->max) {
        u32 i = x->from;
        if (!there || !pool_is_used(&table->pool, i) || links[i].user != x->index) {
            x->from = INDEX_LIST_NONE;
            return;
        }
        x->out[x->count] = *(const struct nat44_session *)session_at(table, i);
        x->indices[x->count++] = i;
        x->from = links[i].by_age.next;
    }
}

u32 nat44_user_sessions(const struct piste *p, u32 thread, const struct nat44_user *u, u32 index,
                        u32 *from, struct nat44_session *out, u32 *indices, u32 max)
{
    struct sessions_piece x = {.n = &nat44_state_of(p)->data,
                               .user = u,
                               .index = index,
                               .from = *from,
                               .max = max,
                               .out = out,
                               .indices = indices};
    thread_call(engine_thread(engine_of(p), thread), copy_sessions, &x);
    *from = x.from;
    return x.count;
}

struct host {
    be32 addr;
    struct fib_index fib;
};

static bool is_of_host(const struct nat44_session *s, const void *arg)
{
    const struct host *x = arg;
    const union nat44_key *k = &s->key[NAT44_I2O];
    return be32_equal(k->src, x->addr) && nat44_key_fib(k).i == x->fib.i;
}

int nat44_del_user(struct piste *p, be32 addr, struct fib_index fib, struct error *e)
{
    struct host x = {addr, fib};
    int rc = nat44_must_be_enabled(p, e);
    if (!rc && !nat44_end_sessions(p, is_of_host, &x))
        rc = error_set(e, ENOENT, "no such user");
    return rc;
}
