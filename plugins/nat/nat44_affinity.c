/* See nat44_affinity.h. */
#include "plugins/nat/nat44_affinity.h"

#include "base/clock.h"

static union nat44_key affinity_key(const union nat44_key *o2i)
{
    union nat44_key key = *o2i;
    key.sport = (be16){0};
    return key;
}

static u32 affinity_index(const struct session_table *table, const union nat44_key *o2i)
{
    union nat44_key key = affinity_key(o2i);
    return session_find(table, 0, key.words, 2);
}

static void affinity_arm(struct session_table *table, struct thread *t, u32 i)
{
    const struct nat44_affinity *a = session_at(table, i);
    session_set_timer(table, i, thread_now_ns(t) + a->timeout_s * NS_PER_SEC);
}

u32 nat44_affinity_find(const struct nat44_data *n, struct thread *t, const union nat44_key *o2i)
{
    const struct session_table *table = session_table_of(n->affinities, t);
    u32 i = affinity_index(table, o2i);
    return i == SESSION_NONE ? POOL_NONE
                             : ((const struct nat44_affinity *)session_at(table, i))->backend;
}

bool nat44_affinity_hold(struct nat44_data *n, struct thread *t, const union nat44_key *o2i,
                         u32 backend, u32 timeout_s)
{
    struct session_table *table = session_table_of(n->affinities, t);
    u32 i = affinity_index(table, o2i);
    if (i == SESSION_NONE) {
        i = session_new(table);
        if (i == SESSION_NONE)
            return false;
        ((struct nat44_affinity *)session_at(table, i))->key = affinity_key(o2i);
        if (!session_add(table, i))
            return false;
    }
    struct nat44_affinity *a = session_at(table, i);
    a->backend = backend;
    a->timeout_s = timeout_s;
    a->n_sessions++;
    affinity_arm(table, t, i);
    return true;
}

void nat44_affinity_release(struct nat44_data *n, struct thread *t, const union nat44_key *o2i)
{
    struct session_table *table = session_table_of(n->affinities, t);
    u32 i = affinity_index(table, o2i);
    if (i == SESSION_NONE)
        return;
    ((struct nat44_affinity *)session_at(table, i))->n_sessions--;
    affinity_arm(table, t, i);
}

void nat44_affinity_expire(struct nat44_data *n, struct thread *t, u32 i)
{
    struct session_table *table = session_table_of(n->affinities, t);
    if (((const struct nat44_affinity *)session_at(table, i))->n_sessions)
        affinity_arm(table, t, i);
    else
        session_delete(table, i);
}
