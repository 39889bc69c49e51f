/* Entries of the fast path: making, ending, counting; and when it is on. */
#include "net/features/fast_path/fast_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/loop.h"
#include "control/module.h"
#include "engine/counter.h"
#include "engine/engine.h"
#include "net/features/fast_path/fast_path_internal.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/l2/l2.h"
#include "net/link/interface/interface.h"

#define TICK_NS NS_PER_SEC
#define IDLE_NS (10 * NS_PER_SEC) /* without a packet, and then an entry goes */
#define IDLE_FULL_NS NS_PER_SEC   /* the same, when there is hardly room for more */
#define REST_NS NS_PER_SEC
#define FOLD_SHARE 20 /* of the time at most, one part is spent on adding up for readers */

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

/* --- counting --- */

static void count_entry(struct fast_path *s, struct fast_path_entry *x, u64 packets, u64 bytes)
{
    struct thread *t = engine_main_thread(engine_of(s->piste));
    const struct entry_counts *c = &x->counts;
    u64 out = bytes + packets * (u64)(i64)c->grow;
    for (u32 i = 0; i < c->n_rx; i++)
        interface_count(t, IF_RX, c->rx[i], packets, bytes);
    for (u32 i = 0; i < c->n_tx; i++)
        interface_count(t, IF_TX, c->tx[i], packets, out);
    node_had(thread_node(t, s->node), packets);
    s->n.packets += packets;
    s->n.bytes += bytes;
    if (!c->n_rx)
        return;
    if (c->bridged)
        l2_seen(s->piste, c->rx[c->n_rx - 1], x->key.ethernet + 6);
    if (!c->routed)
        return;
    interface_count(t, c->is6 ? IF_IP6 : IF_IP4, c->rx[c->n_rx - 1], packets, 0);
    u64 l3 = bytes - packets * c->header_bytes;
    struct counter_pair *to = counter_combined(fib_counters_to, 0),
                        *via = counter_combined(fib_counters_via, 0);
    /* ip4-load-balance is where IPv4's answers go on */
    counter_pair_add(c->echo && !c->is6 ? &via[c->route] : &to[c->route], packets, l3);
    for (u32 i = 0; i < c->n_via; i++)
        counter_pair_add(&via[c->via[i]], packets, l3);
    if (!c->echo)
        return;
    counter_pair_add(&to[c->own], packets, l3);
    node_count_main(engine_of(s->piste), s->icmp[c->is6],
                    c->is6 ? ICMP6_ERROR_ECHO_REPLIES_SENT : ICMP4_ERROR_ECHO_REPLIES_SENT,
                    packets);
}

static void fold_entry(struct fast_path *s, u32 i)
{
    struct fast_path_entry *x = &s->entries[i];
    const struct fast_path_count *c = &s->backend->counts[i];
    /* packets are counted behind their bytes: none is seen whose bytes are not */
    u64 packets = __atomic_load_n(&c->packets, __ATOMIC_ACQUIRE) - x->packets;
    u64 bytes = __atomic_load_n(&c->bytes, __ATOMIC_RELAXED) - x->bytes;
    if (!packets && !bytes)
        return;
    x->packets += packets;
    x->bytes += bytes;
    x->last_ns = clock_ns();
    count_entry(s, x, packets, bytes);
}

static void fast_path_fold(struct fast_path *s)
{
    u64 begin = clock_ns();
    for (u32 i = 0; i < s->n_used; i++)
        if (s->entries[i].state != ENTRY_FREE)
            fold_entry(s, i);
    s->folded_ns = clock_ns();
    s->fold_took_ns = s->folded_ns - begin;
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

/* --- entries --- */

bool fast_path_is_valid(const struct fast_path *s, u32 entry)
{
    const struct fast_path_entry *x = &s->entries[entry];
    return s->on && x->state == ENTRY_LIVE &&
           x->generation == forwarding_generation(engine_of(s->piste));
}

u32 fast_path_n_flows(const struct fast_path *s)
{
    u32 n = 0;
    for (u32 i = 0; i < s->n_used; i++)
        n += fast_path_is_valid(s, i);
    return n;
}

static void entry_rest(struct fast_path *s, u32 i)
{
    struct fast_path_entry *x = &s->entries[i];
    struct fast_path_rest r = {i, clock_ns() + REST_NS};
    fast_path_parts_del(s, i);
    x->state = ENTRY_RESTS;
    s->n_live--;
    vec_add(&s->rest, r);
}

static void entry_end(struct fast_path *s, u32 i)
{
    s->backend->del(s->backend->arg, &s->entries[i].key);
    hash_del(&s->by_key, &s->entries[i].key);
    entry_rest(s, i);
}

/* Numbers that have rested may be used again. */
static void end_rests(struct fast_path *s, u64 now)
{
    u32 n = 0;
    for (; n < s->rest.n && s->rest.v[n].until_ns <= now; n++) {
        u32 i = s->rest.v[n].entry;
        fold_entry(s, i);
        s->entries[i].state = ENTRY_FREE;
        vec_add(&s->spare, i);
    }
    if (!n)
        return;
    memmove(s->rest.v, s->rest.v + n, (s->rest.n - n) * sizeof(s->rest.v[0]));
    s->rest.n -= n;
}

/* UINT32_MAX: none is left now. */
static u32 number_take(struct fast_path *s)
{
    if (!s->spare.n && s->n_used == s->backend->max)
        end_rests(s, clock_ns());
    if (s->spare.n)
        return s->spare.v[--s->spare.n];
    return s->n_used < s->backend->max ? s->n_used++ : UINT32_MAX;
}

bool fast_path_add(struct fast_path *s, const struct fast_path_key *key,
                   const struct fast_path_action *action, u32 longest,
                   const struct entry_counts *counts)
{
    u64 old = UINT64_MAX;
    u32 i = number_take(s);
    if (i == UINT32_MAX) {
        s->n.full++;
        return false;
    }
    struct fast_path_flow flow = {i, forwarding_generation(engine_of(s->piste)), longest,
                                  counts->routed ? FAST_PATH_ROUTED : 0};
    const struct fast_path_count *c = &s->backend->counts[i];
    struct fast_path_entry *x = &s->entries[i];
    *x = (struct fast_path_entry){.key = *key,
                                  .counts = *counts,
                                  .state = ENTRY_LIVE,
                                  .generation = flow.generation,
                                  .packets = c->packets,
                                  .bytes = c->bytes,
                                  .first_packets = c->packets,
                                  .made_ns = clock_ns()};
    x->last_ns = x->made_ns;
    s->backend->actions[i] = *action;
    int rc = s->backend->put(s->backend->arg, key, &flow);
    if (rc) {
        log_debug(&log_class, "no entry is made: %s", strerror(-rc));
        x->state = ENTRY_FREE;
        vec_add(&s->spare, i);
        s->n.full++;
        return false;
    }
    if (hash_get(&s->by_key, key, &old))
        entry_rest(s, (u32)old);
    hash_set(&s->by_key, key, i);
    fast_path_parts_add(s, i);
    s->n_live++;
    s->n.made++;
    return true;
}

void fast_path_clear(struct fast_path *s)
{
    forwarding_changed(engine_of(s->piste));
    for (u32 i = 0; i < s->n_used; i++)
        if (s->entries[i].state == ENTRY_LIVE)
            entry_end(s, i);
}

/* Those of no use any more, and those that nobody uses. */
static void entries_sweep(struct fast_path *s, u64 now)
{
    u32 generation = forwarding_generation(engine_of(s->piste));
    u64 idle_ns = s->n_live > s->backend->max / 8 * 7 ? IDLE_FULL_NS : IDLE_NS;
    for (u32 i = 0; i < s->n_used; i++) {
        const struct fast_path_entry *x = &s->entries[i];
        if (x->state == ENTRY_LIVE && (x->generation != generation || now - x->last_ns > idle_ns))
            entry_end(s, i);
    }
}

/* --- on and off --- */

static void set_why_not(struct fast_path *s, const char *why)
{
    snprintf(s->why_not, sizeof(s->why_not), "%s", why);
}

static void fast_path_on_change(void *arg, u32 generation)
{
    const struct fast_path *s = arg;
    s->backend->set_generation(s->backend->arg, generation);
}

/* What depends on it ends before this returns. */
static void fast_path_on_part(void *arg, struct forwarding_part part)
{
    struct fast_path *s = arg;
    for (u32 i; (i = fast_path_parts_find(s, part)) != UINT32_MAX;) {
        s->n.ended++;
        entry_end(s, i);
    }
}

/* Of a message or a command, by its name: whether it leaves everything as it is, or changes routes
 * and neighbours only, which are told of one by one. */
static bool tells_by_itself(const char *what)
{
    static const char *const begins[] = {
        "show ",        "show_",        "sw_interface_get", "cli",
        "sockclnt",     "memclnt",      "control_ping",     "api_versions",
        "want_",        "ip route ",    "ip_route_add_del", "set ip neighbor ",
        "ip neighbor ", "ip_neighbor_", "set clock ",
    };
    size_t n = strlen(what);
    for (u32 i = 0; i < array_len(begins); i++)
        if (!strncmp(what, begins[i], strlen(begins[i])))
            return true;
    return (n > 5 && !strcmp(what + n - 5, "_dump")) || (n > 4 && !strcmp(what + n - 4, "_get"));
}

static void watch_before(void *arg, const char *what)
{
    struct fast_path *s = arg;
    if (s->on && (s->n_live || s->rest.n) &&
        clock_ns() - s->folded_ns >= FOLD_SHARE * s->fold_took_ns)
        fast_path_fold(s);
}

static void watch_after(void *arg, const char *what)
{
    const struct fast_path *s = arg;
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
    u64 now = clock_ns(); /* no earlier than what the entries had last */
    entries_sweep(s, now);
    end_rests(s, now);
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

static void fast_path_entries_init(struct fast_path *s, u32 max)
{
    s->entries = mem_reserve(&s->map, "fast-path entries", (u64)max * sizeof(s->entries[0]));
    fast_path_parts_init(s, max);
}

void fast_path_set_backend(struct piste *p, const struct fast_path_backend *b, const char *why_not)
{
    struct fast_path *s = fast_path_of(p);
    if (s->on)
        fast_path_turn_off(s, "it is ending");
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
    if (!s->entries)
        fast_path_entries_init(s, b->max);
    fast_path_turn_on(s);
}

/* --- module --- */

/* What is counted late is not the next owner's of the index. */
static void on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct fast_path *s = arg;
    if (ev != IF_EVENT_DELETE || !s->n_used)
        return;
    if (s->on)
        fast_path_fold(s);
    for (u32 i = 0; i < s->n_used; i++) {
        struct entry_counts *c = &s->entries[i].counts;
        bool has = false;
        for (u32 k = 0; k < c->n_rx; k++)
            has |= if_equal(c->rx[k], f->index);
        for (u32 k = 0; k < c->n_tx; k++)
            has |= if_equal(c->tx[k], f->index);
        if (!has)
            continue;
        if (s->entries[i].state == ENTRY_LIVE && s->on &&
            forwarding_is_remembered(engine_of(s->piste)))
            entry_end(s, i);
        *c = (struct entry_counts){0};
    }
}

int fast_path_init(struct piste *p, void **state, struct error *e)
{
    struct fast_path *s = mem_alloc(sizeof(*s));
    s->piste = p;
    s->watch = (struct control_watch){watch_before, watch_after, s};
    s->changes = (struct forwarding_watch){fast_path_on_change, fast_path_on_part, s};
    hash_init(&s->by_key, sizeof(struct fast_path_key));
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
    if (s->entries)
        mem_map_free(&s->map);
    fast_path_parts_fini(s);
    hash_fini(&s->by_key);
    vec_free(&s->spare);
    vec_free(&s->rest);
    free(s);
}

void fast_path_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct fast_path *s = state;
    module_tell_hash(tell, arg, "fast-path entries", &s->by_key);
}
