/* The plugin's life, its interfaces, and what there is. See nat64.h. */
#include "plugins/nat/nat64.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/feature.h"
#include "net/ip/address/address.h"
#include "net/ip/reass/sv_reass.h"
#include "net/link/interface/interface.h"
#include "plugins/nat/nat64_session.h"

const char nat64_module_name[] = "nat64";

struct nat64_data *nat64_data;

const u32 nat64_default_timeouts[NAT64_TIMEOUTS] = {
    [NAT64_TIMEOUT_UDP] = 300,
    [NAT64_TIMEOUT_TCP_ESTABLISHED] = 7440,
    [NAT64_TIMEOUT_TCP_TRANSITORY] = 240,
    [NAT64_TIMEOUT_ICMP] = 60,
};

struct nat64_state *nat64_state_of(const struct piste *p)
{
    return module_state(p, nat64_module_name);
}

int nat64_must_be_enabled(const struct piste *p, struct error *e)
{
    return nat64_is_enabled(p) ? 0 : error_set(e, EOPNOTSUPP, "Plugin disabled.");
}

/* --- the plugin --- */

bool nat64_is_enabled(const struct piste *p)
{
    return nat64_state_of(p)->enabled;
}

static void nat64_threads_init(struct engine *e, struct nat64_data *d)
{
    memset(d->threads, 0, sizeof(d->threads));
    d->n_threads = engine_n_threads(e) - 1;
    for (u32 i = 1; i <= d->n_threads; i++) {
        d->threads[i].transitory = INDEX_LIST_EMPTY;
        d->threads[i].random = (clock_ns() ^ (u64)i << 32) | 1;
        tally_set(counter_simple(d->total_bibs, i), 0);
        tally_set(counter_simple(d->total_sessions, i), 0);
    }
}

static void nat64_tables_new(struct engine *e, struct nat64_data *d)
{
    struct node_index expire = node_must_find(e, "nat64-expire");
    d->bibs = sessions_new(e, &(struct sessions_args){
                                  .name = "nat64-bib",
                                  .object_bytes = sizeof(struct nat64_bib),
                                  .max = d->max_sessions + NAT64_STATICS_MAX,
                                  .keys = {{offsetof(struct nat64_bib, in), NAT64_INSIDE_WORDS},
                                           {offsetof(struct nat64_bib, out), NAT64_OUTSIDE_WORDS}},
                                  .expire = expire, /* which goes by sessions */
                              });
    d->sessions =
        sessions_new(e, &(struct sessions_args){
                            .name = "nat64-st",
                            .object_bytes = sizeof(struct nat64_session),
                            .max = d->max_sessions,
                            .keys = {{offsetof(struct nat64_session, with), NAT64_WITH_WORDS}},
                            .expire = expire,
                        });
}

int nat64_enable(struct piste *p, u32 sessions, struct error *e)
{
    struct nat64_state *s = nat64_state_of(p);
    struct nat64_data *d = &s->data;
    struct engine *engine = engine_of(p);
    if (s->enabled)
        return error_set(e, EALREADY, "already enabled");
    if (!sessions || sessions > NAT64_SESSIONS_MAX)
        return error_set(e, EINVAL, "1 to %u sessions of a thread", NAT64_SESSIONS_MAX);
    s->sessions = d->max_sessions = sessions;
    d->default_fib = fib_table_find(fib_of(p), IP_FAMILY_6, 0);
    memcpy(d->timeout_s, nat64_default_timeouts, sizeof(d->timeout_s));
    d->in_node = node_must_find(engine, "nat64-in2out");
    d->out_node = node_must_find(engine, "nat64-out2in");
    d->hairpin_node = node_must_find(engine, "nat64-hairpin");
    nat64_threads_init(engine, d);
    nat64_tables_new(engine, d);
    nat64_pool_new(d);
    nat64_statics_new(&d->statics);
    s->enabled = true;
    __atomic_store_n(&nat64_data, d, __ATOMIC_RELEASE);
    return 0;
}

/* --- interfaces --- */

/* A feature on the interface, and in front of it fragments that are noted. */
static int nat64_set_feature(struct piste *p, struct if_index i, u8 flag, bool on, struct error *e)
{
    bool in = flag == NAT_IF_IN;
    enum ip_family f = in ? IP_FAMILY_6 : IP_FAMILY_4;
    int rc = sv_reass_enable(p, f, i, AT_IP_INPUT, on, e);
    if (rc)
        return rc;
    rc = feature_enable(engine_of(p), in ? "ip6-unicast" : "ip4-unicast",
                        in ? "nat64-in2out" : "nat64-out2in", i, on, 0, e);
    if (rc)
        (void)!sv_reass_enable(p, f, i, AT_IP_INPUT, !on, NULL);
    return rc;
}

static bool is_of_table(const struct nat64_bib *bib, const void *arg)
{
    const struct fib_index *t = arg;
    return bib->in.fib == t->i;
}

/* Bindings name tables: none may outlive its own. */
static void nat64_leave_table(struct piste *p, struct fib_index table)
{
    const u8 *flags = nat64_state_of(p)->if_flags;
    struct if_index i;
    for (u32 from = 0; !if_is_none(i = nat_if_next(p, flags, from)); from = i.i + 1)
        if (flags[i.i] & NAT_IF_IN && ip_if_fib(IP_FAMILY_6, i).i == table.i)
            return;
    nat64_end_sessions(p, is_of_table, &table);
}

int nat64_set_interface(struct piste *p, struct if_index i, u8 flag, bool add, struct error *e)
{
    struct nat64_state *s = nat64_state_of(p);
    u8 *flags = &s->if_flags[i.i];
    int rc = nat64_must_be_enabled(p, e);
    if (!rc && add && *flags & flag)
        rc = error_set(e, EEXIST, "%s NAT64 feature already enabled.", interface_at(p, i)->name);
    if (!rc && !add && !(*flags & flag))
        rc = error_set(e, ENOENT, "%s NAT64 feature not enabled.", interface_at(p, i)->name);
    if (!rc)
        rc = nat64_set_feature(p, i, flag, add, e);
    if (rc)
        return rc;
    *flags = (u8)(add ? *flags | flag : *flags & ~flag);
    nat_own_sync(&s->own, NULL);
    if (!add && flag == NAT_IF_IN)
        nat64_leave_table(p, ip_if_fib(IP_FAMILY_6, i));
    return 0;
}

static bool nat64_outside_at(const struct piste *p, u32 k, struct fib_index *table)
{
    const u8 *flags = nat64_state_of(p)->if_flags;
    struct if_index i;
    for (u32 from = 0; !if_is_none(i = nat_if_next(p, flags, from)); from = i.i + 1)
        if (flags[i.i] & NAT_IF_OUT && !k--) {
            *table = ip_if_fib(IP_FAMILY_4, i);
            return true;
        }
    return false;
}

static void nat64_on_interface(struct piste *p, struct interface *it, enum if_event ev, void *arg)
{
    const struct nat64_state *s = nat64_state_of(p);
    for (u32 dir = 0; ev == IF_EVENT_NEW && dir < NAT64_DIRS; dir++)
        for (u32 k = 0; k < NAT64_COUNTS; k++)
            counter_zero(s->data.counters[dir][k], it->index.i);
    if (ev == IF_EVENT_DELETE && s->enabled)
        nat_if_forget(p, s->if_flags, it->index, nat64_set_interface);
}

static void nat64_on_table(struct piste *p, struct if_index i, struct fib_index from,
                           struct fib_index to, void *arg)
{
    struct nat64_state *s = nat64_state_of(p);
    if (!s || !s->enabled || fib_is_none(from) || !s->if_flags[i.i])
        return;
    if (fib_family(from) == IP_FAMILY_4)
        nat_own_sync(&s->own, NULL);
    else if (s->if_flags[i.i] & NAT_IF_IN)
        nat64_leave_table(p, from);
}

/* --- life --- */

static bool any_binding(const struct nat64_bib *bib, const void *arg)
{
    return true;
}

int nat64_disable(struct piste *p, struct error *e)
{
    struct nat64_state *s = nat64_state_of(p);
    struct nat64_data *d = &s->data;
    if (!s->enabled)
        return error_set(e, EALREADY, "already disabled");
    nat_ifs_forget(p, s->if_flags, nat64_set_interface);
    nat64_end_sessions(p, any_binding, NULL);
    nat64_pool_clear(p);
    __atomic_store_n(&nat64_data, NULL, __ATOMIC_RELEASE);
    engine_synchronize(engine_of(p));
    nat64_statics_free(p);
    sessions_free(d->sessions);
    sessions_free(d->bibs);
    d->sessions = d->bibs = NULL;
    nat64_pool_free(d);
    s->enabled = false;
    return 0;
}

int nat64_init(struct piste *p, void **state, struct error *e)
{
    static const char *const dirs[NAT64_DIRS] = {"in2out", "out2in"};
    static const char *const counts[NAT64_COUNTS] = {"tcp", "udp", "icmp", "other", "drops"};
    struct nat64_state *s = mem_alloc(sizeof(*s));
    struct engine *engine = engine_of(p);
    for (u32 dir = 0; dir < NAT64_DIRS; dir++)
        for (u32 k = 0; k < NAT64_COUNTS; k++) {
            char *name = mem_printf("/nat64/%s/%s", dirs[dir], counts[k]);
            s->data.counters[dir][k] = counter_vec_new(engine, name, false, IF_MAX);
            free(name);
        }
    s->data.total_bibs = counter_vec_new(engine, "/nat64/total-bibs", false, THREADS_MAX);
    s->data.total_sessions = counter_vec_new(engine, "/nat64/total-sessions", false, THREADS_MAX);
    counter_zero(s->data.total_bibs, engine_n_threads(engine) - 1);
    counter_zero(s->data.total_sessions, engine_n_threads(engine) - 1);
    s->if_flags = mem_alloc(IF_MAX);
    s->own.p = p;
    s->own.source = FIB_SOURCE_NAT64;
    s->own.outside_at = nat64_outside_at;
    nat_own_init(&s->own);
    *state = s;
    interface_on_event(p, nat64_on_interface, NULL);
    ip_on_table(p, nat64_on_table, NULL);
    nat64_pool_init(p);
    nat64_log_init(p);
    return 0;
}

void nat64_stop(struct piste *p, void *state)
{
    struct nat64_state *s = state;
    if (s->enabled && nat64_disable(p, NULL))
        return;
    for (u32 dir = 0; dir < NAT64_DIRS; dir++)
        for (u32 k = 0; k < NAT64_COUNTS; k++)
            counter_vec_free(s->data.counters[dir][k]);
    counter_vec_free(s->data.total_bibs);
    counter_vec_free(s->data.total_sessions);
    nat64_log_fini(s);
    nat_own_fini(&s->own);
    vec_free(&s->pool);
    vec_free(&s->pool_ifs);
    vec_free(&s->prefixes);
    free(s->if_flags);
    free(s);
}

void nat64_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct nat64_data *d = &((const struct nat64_state *)state)->data;
    if (!((const struct nat64_state *)state)->enabled)
        return;
    sessions_tables(d->bibs, tell, arg);
    sessions_tables(d->sessions, tell, arg);
    module_tell_shared_hash(tell, arg, "nat64 static bindings by outside", &d->statics.by_out);
    module_tell_shared_hash(tell, arg, "nat64 static bindings by inside", &d->statics.by_in);
}

/* --- timeouts --- */

static void nat64_rearm(struct thread *t, struct session_table *table, u32 session, void *arg)
{
    nat64_session_arm(arg, t, session);
}

int nat64_set_timeouts(struct piste *p, const u32 seconds[NAT64_TIMEOUTS], struct error *e)
{
    struct nat64_data *d = &nat64_state_of(p)->data;
    int rc = nat64_must_be_enabled(p, e);
    for (u32 k = 0; !rc && k < NAT64_TIMEOUTS; k++)
        if (!seconds[k] || seconds[k] > 24 * 86400)
            rc = error_set(e, EINVAL, "timeouts are 1 second to 24 days");
    if (rc)
        return rc;
    for (u32 k = 0; k < NAT64_TIMEOUTS; k++)
        __atomic_store_n(&d->timeout_s[k], seconds[k], __ATOMIC_RELAXED);
    for (u32 i = 1; i <= d->n_threads; i++)
        sessions_each(d->sessions, i, nat64_rearm, d);
    return 0;
}

const u32 *nat64_timeouts(const struct piste *p)
{
    const struct nat64_state *s = nat64_state_of(p);
    return s->enabled ? s->data.timeout_s : nat64_default_timeouts;
}

/* --- what there is --- */

struct nat64_ending {
    struct nat64_data *data;
    bool (*fn)(const struct nat64_bib *bib, const void *arg);
    const void *arg;
};

static void nat64_end_one(struct thread *t, struct session_table *table, u32 session, void *arg)
{
    const struct nat64_ending *x = arg;
    const struct nat64_session *s = session_at(table, session);
    if (x->fn(nat64_bib_at(x->data, t, s->with.bib), x->arg))
        nat64_session_delete(x->data, t, session);
}

void nat64_end_sessions(struct piste *p, bool (*fn)(const struct nat64_bib *bib, const void *arg),
                        const void *arg)
{
    struct nat64_ending x = {&nat64_state_of(p)->data, fn, arg};
    for (u32 i = 1; i <= x.data->n_threads; i++)
        sessions_each(x.data->sessions, i, nat64_end_one, &x);
}

/* Of a thread: the next one's, where it is done. false: that was the last. */
static bool to_next_thread(const struct piste *p, struct nat64_place *at)
{
    if (at->from == SESSION_NONE)
        *at = (struct nat64_place){.thread = at->thread + 1};
    return nat64_is_enabled(p) && at->thread <= nat64_state_of(p)->data.n_threads;
}

bool nat64_bibs_next(const struct piste *p, struct nat64_place *at, struct nat64_bib *out, u32 max,
                     u32 *n)
{
    if (!to_next_thread(p, at))
        return false;
    *n = sessions_copy(nat64_state_of(p)->data.bibs, at->thread, &at->from, out, NULL, max);
    return true;
}

struct seeing {
    struct nat64_data *data;
    struct nat64_place *at;
    struct nat64_seen *out;
    u32 max, n;
};

static void see_some(struct thread *t, void *arg)
{
    struct seeing *x = arg;
    const struct session_table *table = session_table_of(x->data->sessions, t);
    for (; x->n < x->max; x->at->from++) {
        x->at->from = pool_next(&table->pool, x->at->from);
        if (x->at->from == POOL_NONE)
            return;
        struct nat64_seen *seen = &x->out[x->n++];
        seen->session = *(const struct nat64_session *)session_at(table, x->at->from);
        seen->bib = *nat64_bib_at(x->data, t, seen->session.with.bib);
    }
}

bool nat64_sessions_next(const struct piste *p, struct nat64_place *at, struct nat64_seen *out,
                         u32 max, u32 *n)
{
    struct seeing x = {&nat64_state_of(p)->data, at, out, (u32)min_u64(max, SESSIONS_A_PIECE), 0};
    if (!to_next_thread(p, at))
        return false;
    thread_call(engine_thread(engine_of(p), at->thread), see_some, &x);
    *n = x.n;
    return true;
}

bool nat64_is_wanted(u8 protocol, u8 wanted)
{
    if (wanted == 255)
        return true;
    if (wanted == IP_PROTOCOL_ICMP6)
        wanted = IP_PROTOCOL_ICMP;
    return nat64_has_ports(wanted) ? protocol == wanted : !nat64_has_ports(protocol);
}
