/* The fast path: when it is on, and what it hears of. */
#include "net/features/fast_path/fast_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/loop.h"
#include "control/module.h"
#include "engine/engine.h"
#include "net/features/fast_path/fast_path_internal.h"
#include "net/link/interface/interface.h"

#define TICK_NS NS_PER_SEC
#define FOLD_SHARE 20 /* of the time at most, one part is spent on adding up for whoever may read */

static struct log_class log_class = {"fast-path", NULL};

const char fast_path_module_name[] = "fast_path";

struct fast_path *fast_path_of(const struct piste *p)
{
    return module_state(p, fast_path_module_name);
}

const struct fast_path_settings *fast_path_settings_of(const struct piste *p)
{
    return module_settings(p, fast_path_module_name);
}

bool fast_path_is_wanted(const struct piste *p)
{
    const struct fast_path_settings *s = fast_path_settings_of(p);
    return s && s->wish != FAST_PATH_OFF;
}

const char *fast_path_why_not(const struct piste *p)
{
    const struct fast_path *s = fast_path_of(p);
    return !s ? "this program has none" : s->on ? NULL : s->why_not;
}

u64 fast_path_configured_ns(const struct piste *p)
{
    return fast_path_of(p)->configured_ns;
}

/* --- the stats segment --- */

static void add_stats(struct fast_path *s)
{
    struct stats *to = stats_of(engine_of(s->piste));
    s->stats = (struct fast_path_stats){
        stats_add_gauge(to, "/net/fast-path/on"),
        stats_add_gauge(to, "/net/fast-path/flows"),
        stats_add_scalar(to, "/net/fast-path/packets"),
        stats_add_scalar(to, "/net/fast-path/bytes"),
        stats_add_scalar(to, "/net/fast-path/probes"),
    };
}

static void set_stats(const struct fast_path *s)
{
    struct stats *to = stats_of(engine_of(s->piste));
    stats_set(to, s->stats.on, s->on);
    stats_set(to, s->stats.flows, s->on ? s->n_live : 0);
    stats_set(to, s->stats.packets, s->n.packets);
    stats_set(to, s->stats.bytes, s->n.bytes);
    stats_set(to, s->stats.probes, s->n.probes);
}

/* --- on and off --- */

static void set_why_not(struct fast_path *s, const char *why)
{
    snprintf(s->why_not, sizeof(s->why_not), "%s", why);
}

static void fast_path_on_change(void *arg, u32 generation)
{
    struct fast_path *s = arg;
    s->backend->set_generation(s->backend->arg, generation);
    fast_path_pace_reset(s);
}

static void fast_path_on_part(void *arg, struct forwarding_part part)
{
    fast_path_part_changed(arg, part);
}

static bool begins_with_one(const char *what, const char *const *begins, u32 n)
{
    for (u32 i = 0; i < n; i++)
        if (!strncmp(what, begins[i], strlen(begins[i])))
            return true;
    return false;
}

/* Of a message or a command, by its name: whether it leaves everything as it is. */
static bool only_shows(const char *what)
{
    static const char *const begins[] = {
        "show ",   "show_",        "sw_interface_get", "cli",   "sockclnt",
        "memclnt", "control_ping", "api_versions",     "want_", "set clock ",
    };
    size_t n = strlen(what);
    return begins_with_one(what, begins, array_len(begins)) ||
           (n > 5 && !strcmp(what + n - 5, "_dump")) || (n > 4 && !strcmp(what + n - 4, "_get"));
}

/* Whether it changes routes and neighbours only, which are told of one by one. */
static bool tells_by_itself(const char *what)
{
    static const char *const begins[] = {
        "ip route ", "ip_route_add_del", "set ip neighbor ", "ip neighbor ", "ip_neighbor_",
    };
    return begins_with_one(what, begins, array_len(begins));
}

/* Whether it has to do with counters for sure. */
static bool reads_counters(const char *what)
{
    static const char *const begins[] = {"show ", "clear ", "fast_path_", "sw_interface_clear_stats"};
    return begins_with_one(what, begins, array_len(begins));
}

void fast_path_watch_before(void *arg, const char *what)
{
    struct fast_path *s = arg;
    if (s->on && (s->n_live || s->rest) &&
        (reads_counters(what) || clock_ns() - s->folded_ns >= FOLD_SHARE * s->fold_took_ns))
        fast_path_fold(s);
}

static void watch_after(void *arg, const char *what)
{
    struct fast_path *s = arg;
    if (only_shows(what))
        return;
    s->configured_ns = clock_ns();
    if (!tells_by_itself(what))
        forwarding_changed(engine_of(s->piste));
}

/* Pushes the deadline on by which packets go by their entries when this process has ended. */
static void keep_on(struct fast_path *s)
{
    u32 hold_s = fast_path_settings_of(s->piste)->hold_s;
    if (hold_s)
        s->backend->keep(s->backend->arg, clock_ns() + hold_s * NS_PER_SEC);
}

/* Nothing is learnt any more, and nobody looks after what there is. */
static void let_go(struct fast_path *s, const char *why)
{
    fast_path_fold(s);
    s->on = false;
    set_why_not(s, why);
    s->piste->watch = NULL;
    set_stats(s);
    forwarding_on_change(engine_of(s->piste), NULL);
    if (s->timer)
        loop_timer_del(s->piste->loop, s->timer);
    s->timer = NULL;
}

static void fast_path_turn_off(struct fast_path *s, const char *why)
{
    probe_set(engine_of(s->piste), NULL);
    fast_path_clear(s);
    s->backend->set_on(s->backend->arg, false);
    let_go(s, why);
}

bool fast_path_leave_backend(struct piste *p)
{
    struct fast_path *s = fast_path_of(p);
    bool holds = s && s->on && fast_path_settings_of(p)->hold_s;
    if (holds) {
        keep_on(s);
        let_go(s, "it is ending");
    }
    fast_path_set_backend(p, NULL, "it is ending");
    return holds;
}

/* Who decides about a packet is the socket's filter, and the device's program obeys. One that comes
 * to the program without a decision may be in two places now, so that is the end of it. */
static bool all_were_decided(struct fast_path *s)
{
    u64 now = s->backend->undecided(s->backend->arg), was = s->undecided;
    s->undecided = now;
    if (now == was)
        return true;
    log_error(
        &log_class,
        "%llu packets came to the kernel's fast path without a decision: it is off. Packets may "
        "have been received twice",
        (unsigned long long)(now - was));
    fast_path_turn_off(s, "packets came by it undecided; see the log");
    return false;
}

static void on_tick(void *arg)
{
    struct fast_path *s = arg;
    if (!all_were_decided(s))
        return;
    keep_on(s);
    fast_path_fold(s);
    fast_path_sweep(s);
    fast_path_end_rests(s);
    fast_path_pace_tick(s);
    set_stats(s);
}

static void fast_path_turn_on(struct fast_path *s)
{
    struct engine *e = engine_of(s->piste);
    s->undecided = s->backend->undecided(s->backend->arg);
    forwarding_on_change(e, &s->changes);
    forwarding_changed(e);
    keep_on(s);
    s->backend->set_on(s->backend->arg, true);
    s->piste->watch = &s->watch;
    s->on = true;
    set_stats(s);
    probe_set(e, fast_path_learn);
    s->timer = loop_timer_add(s->piste->loop, clock_ns() + TICK_NS, TICK_NS, on_tick, s);
}

int fast_path_set_on(struct piste *p, bool on, struct error *e)
{
    struct fast_path *s = fast_path_of(p);
    if (!s->backend && on)
        return error_set(e, EOPNOTSUPP, "no fast path: %s", s->why_not);
    if (on == s->on)
        return 0;
    if (on)
        fast_path_turn_on(s);
    else
        fast_path_turn_off(s, "set fast-path off");
    s->off_by_user = !on;
    return 0;
}

void fast_path_set_backend(struct piste *p, const struct fast_path_backend *b, const char *why_not)
{
    struct fast_path *s = fast_path_of(p);
    if (s->on)
        fast_path_turn_off(s, "it is ending");
    fast_path_entries_fini(s);
    s->backend = b;
    if (!b) {
        set_why_not(s, why_not);
        if (fast_path_settings_of(p)->wish == FAST_PATH_ON && !s->had_one)
            log_warn(&log_class, "there is none: %s", why_not);
        return;
    }
    s->had_one = true;
    s->node = node_must_find(engine_of(p), "host-fast-path");
    s->icmp[0] = node_must_find(engine_of(p), "ip4-icmp-input");
    s->icmp[1] = node_must_find(engine_of(p), "ip6-icmp-input");
    fast_path_entries_init(s);
    fast_path_turn_on(s);
}

/* --- module --- */

static bool way_has(const struct way_counts *c, struct if_index f)
{
    bool has = false;
    for (u32 i = 0; i < c->n_rx; i++)
        has |= if_equal(c->rx[i], f);
    for (u32 i = 0; i < c->n_tx; i++)
        has |= if_equal(c->tx[i], f);
    return has;
}

/* What is counted late is not the next owner's of the index. */
static void on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct fast_path *s = arg;
    if (ev != IF_EVENT_DELETE || !s->n_ways_used)
        return;
    if (s->on)
        fast_path_fold(s);
    for (u32 w = 0; w < s->n_ways_used; w++)
        if (way_has(&s->ways[w].key.counts, f->index))
            fast_path_way_forget(s, w);
    if (forwarding_is_remembered(engine_of(p)))
        forwarding_changed(engine_of(p));
}

int fast_path_init(struct piste *p, void **state, struct error *e)
{
    struct fast_path *s = mem_alloc(sizeof(*s));
    s->piste = p;
    s->watch = (struct control_watch){fast_path_watch_before, watch_after, s};
    s->changes = (struct forwarding_watch){fast_path_on_change, fast_path_on_part, s};
    set_why_not(s, fast_path_is_wanted(p) ? "no port has one"
                                          : "startup.conf does not say fast-path { on }");
    s->stats = (struct fast_path_stats){STATS_NO_HANDLE, STATS_NO_HANDLE, STATS_NO_HANDLE,
                                        STATS_NO_HANDLE, STATS_NO_HANDLE};
    if (fast_path_is_wanted(p))
        add_stats(s);
    interface_on_event(p, on_interface, s);
    *state = s;
    return 0;
}

void fast_path_stop(struct piste *p, void *state)
{
    struct fast_path *s = state;
    if (s->on)
        fast_path_turn_off(s, "it is ending");
    fast_path_entries_fini(s);
    free(s);
}

void fast_path_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct fast_path *s = state;
    if (!s->entries)
        return;
    const struct module_table entries = {"fast-path entries", s->n_live, s->backend->max,
                                         mem_map_resident_bytes(&s->map) +
                                             mem_map_resident_bytes(&s->key_rests_map) +
                                             mem_map_resident_bytes(&s->heads_map)};
    tell(arg, &entries);
    module_tell_hash(tell, arg, "fast-path ways", &s->way_by_key);
}
