/* The plugin's life, settings and sessions. See nat44.h. */
#include "plugins/nat/nat44.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/feature.h"
#include "net/link/interface/interface.h"
#include "plugins/nat/nat44_internal.h"
#include "plugins/nat/nat44_session.h"

struct nat44_data *nat44_data;

const u32 nat44_default_timeouts[NAT44_TIMEOUTS] = {
    [NAT44_TIMEOUT_UDP] = 300,
    [NAT44_TIMEOUT_TCP_ESTABLISHED] = 7440,
    [NAT44_TIMEOUT_TCP_TRANSITORY] = 240,
    [NAT44_TIMEOUT_ICMP] = 60,
};

struct nat44_state *nat44_state_of(const struct piste *p)
{
    return module_state(p, nat44_module_name);
}

int nat44_must_be_enabled(const struct piste *p, struct error *e)
{
    return nat44_is_enabled(p) ? 0 : error_set(e, EOPNOTSUPP, "Plugin disabled.");
}

/* --- the plugin --- */

bool nat44_is_enabled(const struct piste *p)
{
    return nat44_state_of(p)->enabled;
}

static int lock_tables(struct piste *p, const struct nat44_options *o, struct nat44_data *d,
                       struct error *e)
{
    int rc = nat44_table_lock(p, o->inside_vrf, &d->inside_fib, e);
    if (rc)
        return rc;
    rc = nat44_table_lock(p, o->outside_vrf, &d->outside_fib, e);
    if (rc)
        nat44_table_unlock(p, o->inside_vrf);
    return rc;
}

static void threads_init(struct engine *e, struct nat44_data *d)
{
    memset(d->threads, 0, sizeof(d->threads));
    for (u32 i = 1; i < engine_n_threads(e); i++) {
        struct nat44_thread *own = &d->threads[i];
        own->transitory = INDEX_LIST_EMPTY;
        own->by_age =
            mem_reserve(&own->by_age_map, "nat44 ages", NAT44_SESSIONS_MAX * sizeof(*own->by_age));
        own->random = (clock_ns() ^ (u64)i << 32) | 1;
        tally_set(counter_simple(d->total_sessions, i), 0);
    }
    d->n_threads = engine_n_threads(e) - 1;
}

static void unlock_tables(struct piste *p, const struct nat44_options *o)
{
    nat44_table_unlock(p, o->inside_vrf);
    nat44_table_unlock(p, o->outside_vrf);
}

/* Of packets that this switch sends to itself. */
static int nat44_set_local_errors(struct engine *e, bool on, struct error *err)
{
    const struct if_index local0 = {0};
    return feature_enable(e, "ip4-local", nat44_flavor.local_error, local0, on, 0, err);
}

/* The NAT's own. */
static struct node_index find_node(const struct engine *e, const char *what)
{
    char *name = mem_printf("%s-%s", nat44_flavor.prefix, what);
    struct node_index found = node_must_find(e, name);
    free(name);
    return found;
}

int nat44_enable(struct piste *p, const struct nat44_options *o, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    struct engine *engine = engine_of(p);
    struct nat44_data *d = &s->data;
    struct nat44_options with = *o;
    const struct nat44_state *other = module_state(p, nat44_flavor.other);
    if (s->enabled)
        return error_set(e, EALREADY, "already enabled");
    if (other && other->enabled) /* both would take the same packets */
        return error_set(e, EBUSY, "enable failed: `%s' is enabled", nat44_flavor.other_words);
    if (!with.sessions)
        with.sessions = nat44_flavor.sessions;
    if (with.sessions > NAT44_SESSIONS_MAX)
        return error_set(e, EINVAL, "at most %u sessions of a thread", NAT44_SESSIONS_MAX);
    if (with.users > NAT44_USERS_MAX)
        return error_set(e, EINVAL, "at most %u users of a thread", NAT44_USERS_MAX);
    int rc = lock_tables(p, &with, d, e);
    if (!rc) {
        rc = nat44_set_local_errors(engine, true, e);
        if (rc)
            unlock_tables(p, &with);
    }
    if (rc)
        return rc;
    d->max_sessions = with.sessions;
    d->forwarding = false;
    d->mss = 0;
    d->ports = (union nat44_port_set){0};
    d->static_only = with.static_only;
    d->stateless = with.static_only && !with.tracking;
    s->ports = (struct nat44_port_config){0};
    memcpy(d->timeout_s, nat44_default_timeouts, sizeof(d->timeout_s));
    for (u32 k = 0; k < NAT44_POOLS; k++)
        d->pool[k] = mem_alloc(sizeof(*d->pool[k]));
    d->sessions =
        sessions_new(engine, &(struct sessions_args){
                                 .name = nat44_flavor.prefix,
                                 .object_bytes = sizeof(struct nat44_session),
                                 .max = NAT44_SESSIONS_MAX,
                                 .keys = {{offsetof(struct nat44_session, key[NAT44_I2O]), 2},
                                          {offsetof(struct nat44_session, key[NAT44_O2I]), 2}},
                                 .expire = find_node(engine, "expire"),
                             });
    nat44_mappings_new(&d->mappings);
    threads_init(engine, d);
    nat44_workers_new(p);
    nat44_vrfs_new(d);
    d->in_node[NAT44_I2O] = find_node(engine, "in2out");
    d->in_node[NAT44_O2I] = find_node(engine, "out2in");
    d->output_node = find_node(engine, "in2out-output");
    d->error_node = node_must_find(engine, nat44_flavor.local_error);
    nat44_flavor.enable(p, &with);
    s->options = with;
    s->enabled = true;
    __atomic_store_n(&nat44_data, d, __ATOMIC_RELEASE);
    return 0;
}

static bool any_session(const struct nat44_session *s, const void *arg)
{
    return true;
}

int nat44_disable(struct piste *p, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    struct nat44_data *d = &s->data;
    if (!s->enabled)
        return error_set(e, EALREADY, "already disabled");
    int rc = nat44_set_local_errors(engine_of(p), false, e);
    if (rc)
        return rc;
    nat44_interfaces_clear(p);
    nat44_end_sessions(p, any_session, NULL); /* at once, not mapping by mapping */
    nat44_mappings_clear(p);
    nat44_lbs_clear(p);
    nat44_vrfs_clear(p);
    nat44_pool_clear(p);
    __atomic_store_n(&nat44_data, NULL, __ATOMIC_RELEASE);
    engine_synchronize(engine_of(p));
    sessions_free(d->sessions);
    d->sessions = NULL;
    for (u32 i = 1; i <= d->n_threads; i++)
        mem_map_free(&d->threads[i].by_age_map);
    nat44_flavor.disable(p);
    nat44_mappings_free(&d->mappings);
    nat44_vrfs_free(d);
    nat44_workers_free(d);
    for (u32 k = 0; k < NAT44_POOLS; k++) {
        free(d->pool[k]);
        d->pool[k] = NULL;
    }
    unlock_tables(p, &s->options);
    s->enabled = false;
    return 0;
}

/* --- settings --- */

static void nat44_rearm(struct thread *t, struct session_table *table, u32 session, void *arg)
{
    nat44_session_arm(arg, t, session);
}

static void each_session(struct piste *p,
                         void (*fn)(struct thread *t, struct session_table *table, u32 session,
                                    void *arg),
                         void *arg)
{
    for (u32 i = 1; i < engine_n_threads(engine_of(p)); i++)
        sessions_each(nat44_state_of(p)->data.sessions, i, fn, arg);
}

int nat44_set_timeouts(struct piste *p, const u32 seconds[NAT44_TIMEOUTS], struct error *e)
{
    struct nat44_data *d = &nat44_state_of(p)->data;
    int rc = nat44_must_be_enabled(p, e);
    for (u32 k = 0; !rc && k < NAT44_TIMEOUTS; k++)
        if (!seconds[k] || seconds[k] > 24 * 86400)
            rc = error_set(e, EINVAL, "timeouts are 1 second to 24 days");
    if (rc)
        return rc;
    for (u32 k = 0; k < NAT44_TIMEOUTS; k++)
        __atomic_store_n(&d->timeout_s[k], seconds[k], __ATOMIC_RELAXED);
    each_session(p, nat44_rearm, d);
    return 0;
}

const u32 *nat44_timeouts(const struct piste *p)
{
    const struct nat44_state *s = nat44_state_of(p);
    return s->enabled ? s->data.timeout_s : nat44_default_timeouts;
}

int nat44_set_session_limit(struct piste *p, u32 limit, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    int rc = nat44_must_be_enabled(p, e);
    if (!rc && (!limit || limit > NAT44_SESSIONS_MAX))
        rc = error_set(e, EINVAL, "1 to %u sessions of a thread", NAT44_SESSIONS_MAX);
    if (rc)
        return rc;
    s->options.sessions = limit;
    __atomic_store_n(&s->data.max_sessions, limit, __ATOMIC_RELAXED);
    return 0;
}

int nat44_set_forwarding(struct piste *p, bool on, struct error *e)
{
    int rc = nat44_must_be_enabled(p, e);
    if (!rc)
        __atomic_store_n(&nat44_state_of(p)->data.forwarding, on, __ATOMIC_RELAXED);
    return rc;
}

int nat44_set_mss(struct piste *p, u16 mss, struct error *e)
{
    int rc = nat44_must_be_enabled(p, e);
    if (!rc)
        __atomic_store_n(&nat44_state_of(p)->data.mss, mss, __ATOMIC_RELAXED);
    return rc;
}

u16 nat44_mss(const struct piste *p)
{
    const struct nat44_state *s = nat44_state_of(p);
    return s->enabled ? s->data.mss : 0;
}

/* --- sessions --- */

struct ending {
    struct nat44_data *data;
    bool (*fn)(const struct nat44_session *s, const void *arg);
    const void *arg;
    u32 n;
};

static void nat44_end_one(struct thread *t, struct session_table *table, u32 session, void *arg)
{
    struct ending *x = arg;
    if (!x->fn(session_at(table, session), x->arg))
        return;
    nat44_session_delete(x->data, t, session);
    x->n++;
}

u32 nat44_end_sessions(struct piste *p, bool (*fn)(const struct nat44_session *s, const void *arg),
                       const void *arg)
{
    struct ending x = {.data = &nat44_state_of(p)->data, .fn = fn, .arg = arg};
    each_session(p, nat44_end_one, &x);
    return x.n;
}

int nat44_clear_sessions(struct piste *p, struct error *e)
{
    int rc = nat44_must_be_enabled(p, e);
    if (!rc)
        nat44_end_sessions(p, any_session, NULL);
    return rc;
}

struct match_in_fib {
    const struct nat44_match *m;
    struct fib_index fib;
};

static bool is_match(const struct nat44_session *s, const void *arg)
{
    const struct match_in_fib *x = arg;
    const struct nat44_match *m = x->m;
    const union nat44_key *i2o = &s->key[NAT44_I2O], *o2i = &s->key[NAT44_O2I];
    be32 addr = m->side == NAT44_I2O ? i2o->src : o2i->dst;
    be16 port = m->side == NAT44_I2O ? i2o->sport : o2i->dport;
    be32 host = m->side == NAT44_I2O ? i2o->dst : o2i->src;
    be16 host_port = m->side == NAT44_I2O ? i2o->dport : o2i->sport;
    return nat44_key_protocol(i2o) == m->protocol && be32_equal(addr, m->addr) &&
           be16_equal(port, m->port) && nat44_key_fib(&s->key[m->side]).i == x->fib.i &&
           (m->any_host || (be32_equal(host, m->host) && be16_equal(host_port, m->host_port)));
}

int nat44_del_sessions(struct piste *p, const struct nat44_match *m, struct error *e)
{
    struct match_in_fib x = {m, fib_table_find(fib_of(p), IP_FAMILY_4, m->vrf)};
    int rc = nat44_must_be_enabled(p, e);
    if (rc)
        return rc;
    if (fib_is_none(x.fib) || !nat44_end_sessions(p, is_match, &x))
        return error_set(e, ENOENT, "no such session");
    return 0;
}

u32 nat44_sessions_copy(const struct piste *p, u32 thread, u32 *from, struct nat44_session *out,
                        u32 *index, u32 max)
{
    return sessions_copy(nat44_state_of(p)->data.sessions, thread, from, out, index, max);
}

bool nat44_sessions_next(const struct piste *p, struct nat44_place *at, struct nat44_session *out,
                         u32 max, u32 *n)
{
    if (at->from == SESSION_NONE)
        *at = (struct nat44_place){.thread = at->thread + 1};
    if (!nat44_is_enabled(p) || at->thread >= engine_n_threads(engine_of(p)))
        return false;
    *n = nat44_sessions_copy(p, at->thread, &at->from, out, NULL, max);
    return true;
}

bool nat44_session_is_over(const struct piste *p, const struct nat44_session *s, u64 *left_ns)
{
    u64 end = s->last_heard_ns + nat44_session_timeout_ns(&nat44_state_of(p)->data, s);
    u64 now = clock_ns();
    *left_ns = end > now ? end - now : 0;
    return end <= now;
}

/* --- module --- */

static void make_counters(struct engine *e, struct nat44_data *d)
{
    static const char *const dirs[] = {"in2out", "out2in"}, *const paths[] = {"fastpath",
                                                                              "slowpath"};
    static const char *const counts[] = {"tcp", "udp", "icmp", "other", "drops"};
    for (u32 i = 0; i < NAT44_DIRS; i++)
        for (u32 j = 0; j < NAT44_PATHS; j++)
            for (u32 k = 0; k < NAT44_COUNTS; k++) {
                char *name =
                    mem_printf("/%s/%s/%s/%s", nat44_flavor.prefix, dirs[i], paths[j], counts[k]);
                d->counters[i][j][k] = counter_vec_new(e, name, false, IF_MAX);
                free(name);
            }
    char *name = mem_printf("/%s/total-sessions", nat44_flavor.prefix);
    d->total_sessions = counter_vec_new(e, name, false, THREADS_MAX);
    free(name);
    counter_zero(d->total_sessions, engine_n_threads(e) - 1);
}

int nat44_init(struct piste *p, void **state, struct error *e)
{
    struct nat44_state *s = mem_alloc(sizeof(*s));
    struct engine *engine = engine_of(p);
    s->data.if_flags = mem_alloc(IF_MAX);
    make_counters(engine, &s->data);
    *state = s;
    nat44_routes_init(p, s);
    nat44_pool_init(p);
    nat44_mappings_init(p);
    nat44_interfaces_init(p);
    nat44_log_init(p);
    return 0;
}

void nat44_stop(struct piste *p, void *state)
{
    struct nat44_state *s = state;
    if (s->enabled && nat44_disable(p, NULL))
        return;
    for (u32 i = 0; i < NAT44_DIRS; i++)
        for (u32 j = 0; j < NAT44_PATHS; j++)
            for (u32 k = 0; k < NAT44_COUNTS; k++)
                counter_vec_free(s->data.counters[i][j][k]);
    counter_vec_free(s->data.total_sessions);
    nat44_log_fini(s);
    free(s->data.if_flags);
    for (u32 k = 0; k < NAT44_POOLS; k++) {
        vec_free(&s->addresses[k].v);
        vec_free(&s->addresses[k].ifs);
    }
    vec_free(&s->ifs);
    vec_free(&s->mappings);
    vec_free(&s->lbs);
    vec_free(&s->limits);
    vec_free(&s->vrf_tables);
    nat_own_fini(&s->own);
    free(s);
}

static void tell_mappings(module_table_fn *tell, void *arg, const char *by,
                          const struct shared_hash *h)
{
    char *name = mem_printf("%s static mappings by %s", nat44_flavor.prefix, by);
    module_tell_shared_hash(tell, arg, name, h);
    free(name);
}

void nat44_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct nat44_data *d = &((const struct nat44_state *)state)->data;
    if (!((const struct nat44_state *)state)->enabled)
        return;
    sessions_tables(d->sessions, tell, arg);
    if (d->affinities)
        sessions_tables(d->affinities, tell, arg);
    if (d->users)
        sessions_tables(d->users, tell, arg);
    tell_mappings(tell, arg, "external", &d->mappings.by_outside);
    tell_mappings(tell, arg, "local", &d->mappings.by_inside);
}
