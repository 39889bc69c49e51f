/* The MAC table's control side: configured entries, flushing, ageing, growing, events. */
#include "net/l2/l2_fib.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/loop.h"
#include "control/piste.h"
#include "control/plugin.h"
#include "engine/probe.h"
#include "net/l2/l2_internal.h"

#define BUCKETS_FIRST 1024 /* a burst of some thousand new addresses fits at once */
#define BUCKETS_MAX_LOG2 24
#define DEAD_MAX 1024     /* slots that may wait for a grace period before one is waited for, */
#define DEAD_SHARE 16     /* and no more than one of so many */
#define COPY_BUCKETS 8192 /* a step of growing: some milliseconds at most */
#define TOUCH_BUCKETS (4 * COPY_BUCKETS) /* the same, of memory that the kernel has to clear */
#define FLUSH_BUCKETS 2048               /* a step of flushing: a millisecond */
#define SHRINK_SHARE 8     /* a table is too large that needs no more than one bucket of so many */
#define SCAN_BUCKETS 16384 /* a step of ageing, and of looking for events, or more: */
#define EVENT_STEPS 32     /* clients hear of the largest table within a second, too */
#define SCAN_DELAY_MS_MAX 60000
#define SCAN_STEP_NS (10 * NS_PER_MSEC)
#define LOOKED_AT 4096 /* slots of a walk, before others may want their turn */
#define AGE_PERIOD_NS (20 * NS_PER_SEC)

static struct log_class log_class = {"l2", "fib"};

static struct mac_table *l2_fib_table_of(const struct l2_state *s)
{
    return (struct mac_table *)(uintptr_t)&s->shared.macs;
}

static struct l2_fib_entry l2_fib_entry_of(u64 key, u32 value)
{
    struct l2_fib_entry e = {
        .bd = mac_key_bd(key),
        .interface = mac_value_if(value) == MAC_NO_INTERFACE
                         ? IF_NONE
                         : (struct if_index){mac_value_if(value)},
        .is_static = value & MAC_STATIC,
        .filter = value & MAC_FILTER,
        .bvi = value & MAC_BVI,
        .provisioned = value & MAC_PROVISIONED,
    };
    mac_key_address(key, e.mac);
    e.age = e.provisioned ? 0 : (u8)(l2_minute(clock_ns()) - mac_value_stamp(value));
    return e;
}

static void l2_fib_tell(struct l2_state *s, enum l2_fib_event ev, u64 key, u32 value)
{
    struct l2_fib_entry e = l2_fib_entry_of(key, value);
    if (s->on_fib)
        s->on_fib(s->piste, ev, &e, s->on_fib_arg);
}

/* Makes dead slots free; false: there are none. */
static bool l2_fib_reap(struct l2_state *s)
{
    struct mac_table *t = l2_fib_table_of(s);
    if (!t->dead.n)
        return false;
    engine_synchronize(engine_of(s->piste));
    mac_table_reap(t, t->dead.n);
    return true;
}

static void reap_many(struct l2_state *s)
{
    const struct mac_table *t = l2_fib_table_of(s);
    if (t->dead.n >= DEAD_MAX || t->dead.n > t->cur->mask * MAC_SLOTS / DEAD_SHARE)
        l2_fib_reap(s);
}

/* --- growing --- */

/* The new generation that has begun becomes the current one. */
static void grow_follow(struct l2_state *s)
{
    struct mac_table *t = l2_fib_table_of(s);
    engine_synchronize(engine_of(s->piste));
    mac_table_grow_follow(t);
    engine_synchronize(engine_of(s->piste));
    s->grow_at = 0;
}

/* Learners may ask again. */
static void grow_answered(struct l2_state *s)
{
    __atomic_store_n(&s->shared.bigger_posted, 0, __ATOMIC_RELEASE);
}

static void grow_step(struct l2_state *s)
{
    struct mac_table *t = l2_fib_table_of(s);
    struct error e;
    if (!mac_table_growing(t) && mac_table_grow_begin(t, &e)) {
        log_warn(&log_class, "%s", e.text);
        return; /* bigger_posted stays: nobody asks again */
    }
    if (t->coming) {
        if (mac_table_grow_touch(t, TOUCH_BUCKETS))
            return;
        grow_follow(s);
    }
    s->grow_at = mac_table_grow_copy(t, s->grow_at, COPY_BUCKETS);
    if (s->grow_at)
        return;
    mac_table_grow_end(t);
    engine_synchronize(engine_of(s->piste));
    mac_table_grow_drop(t);
    grow_answered(s);
    log_debug(&log_class, "the MAC table has %u buckets now", t->cur->mask + 1);
}

static void on_grow_timer(void *arg);

static void grow_soon(struct l2_state *s)
{
    if (!s->grow_timer)
        s->grow_timer = loop_timer_add(s->piste->loop, clock_ns(), 0, on_grow_timer, s);
    else
        loop_timer_set(s->piste->loop, s->grow_timer, clock_ns());
}

/* What it was set for may have been settled since. */
static void on_grow_timer(void *arg)
{
    struct l2_state *s = arg;
    const struct mac_table *t = l2_fib_table_of(s);
    if (!mac_table_growing(t) && !__atomic_load_n(&t->want_bigger, __ATOMIC_RELAXED))
        return grow_answered(s);
    grow_step(s);
    if (mac_table_growing(t))
        grow_soon(s);
}

void l2_fib_wants_bigger(struct piste *p, const void *payload)
{
    struct l2_state *s = l2_state_of(p);
    if (s && !mac_table_growing(l2_fib_table_of(s)))
        grow_soon(s);
}

/* A table that does not grow just now; at once, for what cannot be called again. */
static void l2_fib_settle(struct l2_state *s)
{
    while (mac_table_growing(l2_fib_table_of(s)))
        grow_step(s);
}

/* --- entries --- */

int l2_fib_add(struct l2_state *s, u32 bd, const u8 mac[6], struct if_index i, u32 flags,
               struct error *e)
{
    struct mac_table *t = l2_fib_table_of(s);
    u64 key = mac_key_of(mac, bd);
    if (flags & L2_FIB_FILTER) /* it leads nowhere */
        flags &= ~(u32)L2_FIB_BVI;
    if ((flags & L2_FIB_BVI) && !if_equal(l2_bd_at(s, bd)->bvi, i))
        return error_set(e, EINVAL, "%s is not the BVI of bridge domain %u",
                         interface_at(s->piste, i)->name, l2_bd_at(s, bd)->id);
    u8 f = (u8)(MAC_VALID | MAC_PROVISIONED |
                (flags & (L2_FIB_STATIC | L2_FIB_FILTER) ? MAC_STATIC : 0) |
                (flags & L2_FIB_FILTER ? MAC_FILTER : 0) | (flags & L2_FIB_BVI ? MAC_BVI : 0));
    u32 value = mac_value(if_is_none(i) ? MAC_NO_INTERFACE : i.i, 0, f), was;
    while (mac_table_set(t, key, value, &was)) {
        if (l2_fib_reap(s))
            continue;
        grow_step(s);
        if (!mac_table_growing(t) && t->cur->mask + 1 >= t->max_buckets)
            return error_set(e, ENOSPC, "the MAC table is full");
        l2_fib_settle(s);
    }
    if (!was && __atomic_load_n(&t->want_bigger, __ATOMIC_RELAXED))
        l2_fib_wants_bigger(s->piste, NULL);
    l2_fib_tell(s, L2_FIB_ADDED, key, value);
    return 0;
}

int l2_fib_del(struct l2_state *s, u32 bd, const u8 mac[6], struct error *e)
{
    struct mac_table *t = l2_fib_table_of(s);
    u64 key = mac_key_of(mac, bd);
    if (!mac_table_take_over(t, key))
        l2_fib_settle(s);
    if (t->cur->old) /* nobody adds it to cur for having seen it in old */
        engine_synchronize(engine_of(s->piste));
    u32 value = mac_table_del(t, key);
    if (!value)
        return error_set(e, ENOENT, "mac entry not found");
    reap_many(s);
    l2_fib_tell(s, L2_FIB_REMOVED, key, value);
    return 0;
}

bool l2_fib_find(const struct l2_state *s, u32 bd, const u8 mac[6], struct l2_fib_entry *out)
{
    const struct mac_generation *g = mac_table_current(&s->shared.macs);
    u64 key = mac_key_of(mac, bd);
    u32 value = mac_table_find(g, mac_home(g, key), key);
    if (value)
        *out = l2_fib_entry_of(key, value);
    return value;
}

/* Room for `limit` entries at less than half full. */
static u32 buckets_for(u64 limit)
{
    u32 log2 = 8;
    while (log2 < BUCKETS_MAX_LOG2 && (MAC_SLOTS * (1ull << log2)) / 2 < limit)
        log2++;
    return 1u << log2;
}

/* --- flushing --- */

struct flush {
    struct l2_state *s;
    struct l2_fib_goes what;
};

static u32 flush_one(void *arg, u64 key, u32 value)
{
    const struct l2_fib_goes *f = &((const struct flush *)arg)->what;
    bool goes = (f->bd == UINT32_MAX || f->bd == mac_key_bd(key)) &&
                (f->interface == UINT32_MAX || f->interface == mac_value_if(value)) &&
                !(value & f->keep) && (value & f->only) == f->only;
    return goes ? 0 : value;
}

static void l2_fib_flushed(void *arg, u64 key, u32 value)
{
    const struct flush *f = arg;
    l2_fib_tell(f->s, L2_FIB_REMOVED, key, value);
}

/* A piece of those of an interface or a domain; false: it was the last. */
static bool flush_owner(struct l2_state *s, struct l2_fib_goes *what)
{
    struct flush f = {s, *what};
    bool of_if = what->interface != UINT32_MAX;
    if (mac_table_growing(l2_fib_table_of(s))) {
        grow_step(s);
        return true;
    }
    bool more = mac_table_walk_of(l2_fib_table_of(s), of_if ? MAC_OF_INTERFACE : MAC_OF_DOMAIN,
                                  of_if ? what->interface : what->bd, &what->region, FLUSH_BUCKETS,
                                  flush_one, l2_fib_flushed, &f);
    l2_fib_reap(s);
    return more;
}

/* The same of what is to go first; false: there is nothing more to do. */
static bool goes_piece(void *arg)
{
    struct l2_state *s = arg;
    if (!s->goes.n || flush_owner(s, &s->goes.v[0]))
        return s->goes.n;
    struct l2_fib_goes done = s->goes.v[0];
    bool of_if = done.interface != UINT32_MAX;
    vec_del(&s->goes, 0);
    if (done.forget)
        mac_table_forget(l2_fib_table_of(s), of_if ? MAC_OF_INTERFACE : MAC_OF_DOMAIN,
                         of_if ? done.interface : done.bd);
    return s->goes.n;
}

static void l2_fib_let_go(struct l2_state *s, struct l2_fib_goes what)
{
    vec_add(&s->goes, what);
    if (s->goes.n > 1 || goes_piece(s))
        loop_work_add(s->piste->loop, goes_piece, s);
}

static bool goes_matches(const struct l2_fib_goes *g, u32 bd, struct if_index i)
{
    return (bd != UINT32_MAX && g->bd == bd) || (!if_is_none(i) && g->interface == i.i);
}

void l2_fib_finish(struct l2_state *s, u32 bd, struct if_index i)
{
    for (u32 k = 0; k < s->goes.n;)
        if (goes_matches(&s->goes.v[k], bd, i)) {
            goes_piece(s); /* those before it go first */
            k = 0;
        } else {
            k++;
        }
}

/* After a flush, as people see it: entries that were learnt before are of an earlier time. */
static void l2_fib_flush_end(struct l2_state *s, u32 bd, struct if_index i)
{
    if (!if_is_none(i))
        return;
    if (bd != UINT32_MAX)
        l2_bd_at(s, bd)->seq++;
    else
        for (struct l2_bd *d = l2_bd_next(s, 0); d; d = l2_bd_next(s, d->index + 1))
            d->seq++;
}

void l2_fib_flush(struct l2_state *s, u32 bd, struct if_index i)
{
    l2_fib_let_go(s, (struct l2_fib_goes){bd, i.i, .keep = MAC_PROVISIONED});
}

/* A table that has become much too large. */
static void l2_fib_shrink(struct l2_state *s)
{
    struct mac_table *t = l2_fib_table_of(s);
    u64 entries = __atomic_load_n(&t->n_entries, __ATOMIC_RELAXED);
    u32 buckets = (u32)max_u64(buckets_for(entries), min_u64(BUCKETS_FIRST, t->max_buckets));
    struct error e;
    if (mac_table_growing(t) || (t->cur->mask + 1) / SHRINK_SHARE < buckets)
        return;
    if (mac_table_shrink_begin(t, buckets, &e)) {
        log_warn(&log_class, "%s", e.text);
        return;
    }
    grow_soon(s);
}

/* A piece of the whole table; false: it was the last. */
static bool flush_whole(struct l2_state *s, struct l2_fib_flush *f, const struct l2_fib_goes *what)
{
    struct mac_table *t = l2_fib_table_of(s);
    struct flush one = {s, *what};
    if (mac_table_growing(t)) {
        grow_step(s);
        return true;
    }
    if (f->buckets != t->cur->mask + 1) { /* entries lie elsewhere now */
        f->bucket = 0;
        f->buckets = t->cur->mask + 1;
        s->last_scan_ns = 0;
    }
    f->bucket = mac_table_walk(t, f->bucket, FLUSH_BUCKETS, flush_one, l2_fib_flushed, &one);
    l2_fib_reap(s);
    return f->bucket;
}

bool l2_fib_flush_next(struct l2_state *s, struct l2_fib_flush *f)
{
    static const u32 keep[] = {MAC_PROVISIONED, MAC_BVI, 0};
    struct l2_fib_goes what = {f->bd, f->interface.i, keep[f->what], .region = f->region};
    bool of_one = f->bd != UINT32_MAX || !if_is_none(f->interface);
    u64 from = clock_ns();
    bool more = of_one ? flush_owner(s, &what) : flush_whole(s, f, &what);
    f->region = what.region;
    s->last_scan_ns += clock_ns() - from;
    if (more)
        return true;
    l2_fib_flush_end(s, f->bd, f->interface);
    l2_fib_shrink(s);
    return false;
}

void l2_fib_forget_bvi(struct l2_state *s, u32 bd, struct if_index i)
{
    l2_fib_let_go(s, (struct l2_fib_goes){bd, i.i, .only = MAC_BVI});
}

void l2_fib_forget(struct l2_state *s, u32 bd, struct if_index i)
{
    l2_fib_flush_end(s, bd, i);
    l2_fib_let_go(s, (struct l2_fib_goes){bd, i.i, .forget = true});
}

/* --- ageing --- */

u64 l2_station(struct if_index i, const u8 mac[6])
{
    return mac_key_of(mac, l2_if(i)->bd);
}

void l2_seen(struct piste *p, struct if_index i, const u8 mac[6])
{
    struct mac_table *t = l2_fib_table_of(l2_state_of(p));
    const struct mac_generation *g = mac_table_current(t);
    u8 minute = l2_minute(clock_ns());
    u64 key = mac_key_of(mac, l2_if(i)->bd);
    u32 was, value = mac_table_find(g, mac_home(g, key), key);
    if (value && mac_value_if(value) == i.i && !(value & MAC_PROVISIONED) &&
        mac_value_stamp(value) != minute)
        mac_table_learn(t, key, mac_value(i.i, minute, (u8)value), &was);
}

static u32 age_one(void *arg, u64 key, u32 value)
{
    struct l2_state *s = arg;
    const struct l2_bd *bd = l2_bd_at(s, mac_key_bd(key));
    u8 age = (u8)(l2_minute(clock_ns()) - mac_value_stamp(value));
    return (value & MAC_PROVISIONED) || !bd || !bd->mac_age || age <= bd->mac_age ? value : 0;
}

static void l2_fib_aged(void *arg, u64 key, u32 value)
{
    struct l2_state *s = arg;
    l2_fib_tell(s, L2_FIB_REMOVED, key, value);
    forwarding_part_changed(engine_of(s->piste), (struct forwarding_part){key, FORWARDING_STATION});
}

static void on_age_timer(void *arg)
{
    struct l2_state *s = arg;
    struct mac_table *t = l2_fib_table_of(s);
    u64 now = clock_ns();
    if (!s->age_at)
        s->age_started_ns = now;
    if (!mac_table_growing(t)) {
        s->age_at = mac_table_walk(t, s->age_at > t->cur->mask ? 0 : s->age_at, SCAN_BUCKETS,
                                   age_one, l2_fib_aged, s);
        l2_fib_reap(s);
    }
    if (!s->age_at)
        s->last_scan_ns = clock_ns() - s->age_started_ns;
    loop_timer_set(s->piste->loop, s->age_timer, now + (s->age_at ? SCAN_STEP_NS : AGE_PERIOD_NS));
}

static u32 made_older(void *arg, u64 key, u32 value)
{
    const u8 *minutes = arg;
    return value & MAC_PROVISIONED
               ? value
               : mac_value(mac_value_if(value), (u8)(mac_value_stamp(value) - *minutes), (u8)value);
}

void l2_fib_pass_time(struct l2_state *s, u8 minutes)
{
    l2_fib_settle(s);
    mac_table_walk(l2_fib_table_of(s), 0, UINT32_MAX, made_older, NULL, &minutes);
    if (!s->age_timer)
        return;
    s->age_at = 0;
    do
        on_age_timer(s);
    while (s->age_at);
}

void l2_fib_ageing_changed(struct l2_state *s)
{
    bool wanted = s->n_ageing;
    if (wanted && !s->age_timer)
        s->age_timer =
            loop_timer_add(s->piste->loop, clock_ns() + AGE_PERIOD_NS, 0, on_age_timer, s);
    if (!wanted && s->age_timer) {
        loop_timer_del(s->piste->loop, s->age_timer);
        s->age_timer = NULL;
    }
}

/* --- events --- */

static u32 event_one(void *arg, u64 key, u32 value)
{
    struct l2_state *s = arg;
    bool learnt = (value & MAC_NEW) || (s->tell_all && !(value & MAC_PROVISIONED));
    if (value & MAC_MOVED || learnt)
        l2_fib_tell(s, value & MAC_MOVED ? L2_FIB_MOVED : L2_FIB_LEARNED, key, value);
    return value & ~(u32)(MAC_NEW | MAC_MOVED);
}

static void on_event_timer(void *arg)
{
    struct l2_state *s = arg;
    struct mac_table *t = l2_fib_table_of(s);
    u64 now = clock_ns();
    if (!mac_table_growing(t)) {
        if (s->event_buckets != t->cur->mask + 1) /* it has grown: entries lie elsewhere */
            s->event_at = 0;
        s->event_buckets = t->cur->mask + 1;
        u32 step = (u32)max_u64(SCAN_BUCKETS, s->event_buckets / EVENT_STEPS);
        s->event_at = mac_table_walk(t, s->event_at, step, event_one, NULL, s);
        s->tell_all &= s->event_at != 0;
    }
    s->on_fib(s->piste, L2_FIB_SCANNED, NULL, s->on_fib_arg);
    if (s->event_timer) /* who listens may have had enough */
        loop_timer_set(s->piste->loop, s->event_timer,
                       now + (s->event_at ? SCAN_STEP_NS : s->scan_delay_ms * NS_PER_MSEC));
}

void l2_fib_on_event(struct piste *p, l2_fib_fn *fn, void *arg)
{
    struct l2_state *s = l2_state_of(p);
    s->on_fib = fn;
    s->on_fib_arg = arg;
    s->event_at = 0;
    s->tell_all = fn != NULL;
    __atomic_store_n(&s->shared.event_flags, fn ? MAC_NEW | MAC_MOVED : 0, __ATOMIC_RELAXED);
    if (fn && !s->event_timer)
        s->event_timer = loop_timer_add(p->loop, clock_ns(), 0, on_event_timer, s);
    if (!fn && s->event_timer) {
        loop_timer_del(p->loop, s->event_timer);
        s->event_timer = NULL;
    }
}

int l2_fib_set_scan_delay(struct l2_state *s, u32 ms, struct error *e)
{
    if (ms < 1 || ms > SCAN_DELAY_MS_MAX)
        return error_set(e, EINVAL, "scan-delay is 1 to %d milliseconds", SCAN_DELAY_MS_MAX);
    s->scan_delay_ms = ms;
    return 0;
}

/* --- listing --- */

struct fib_key {
    u32 bd, interface;
    u8 mac[8];
};

static int l2_fib_walk_compare(const void *x, const void *y)
{
    const struct fib_key *a = x, *b = y;
    if (a->bd != b->bd)
        return a->bd < b->bd ? -1 : 1;
    if (a->interface != b->interface)
        return a->interface < b->interface ? -1 : 1;
    return memcmp(a->mac, b->mac, 6);
}

static int l2_fib_walk_scan(void *set, u64 *from, void *key)
{
    const struct l2_fib_walk *w = set;
    u64 k;
    u32 value;
    if (!mac_table_look(l2_fib_table_of(w->l2), (*from)++, &k, &value))
        return 0;
    if (!value || (w->bd != UINT32_MAX && w->bd != mac_key_bd(k)))
        return -EAGAIN;
    struct l2_fib_entry e = l2_fib_entry_of(k, value);
    struct fib_key *out = key;
    *out = (struct fib_key){e.bd, e.interface.i, {0}};
    memcpy(out->mac, e.mac, 6);
    return 1;
}

int l2_fib_walk_next(struct l2_fib_walk *w, struct l2_fib_entry *out)
{
    static const struct ordered_walk_ops ops = {sizeof(struct fib_key), l2_fib_walk_compare,
                                                l2_fib_walk_scan};
    struct fib_key key;
    if (!w->keys)
        w->keys = ordered_walk_new(&ops);
    if (mac_table_growing(l2_fib_table_of(w->l2))) {
        grow_step(w->l2);
        return -EAGAIN;
    }
    u32 buckets = l2_fib_table_of(w->l2)->cur->mask + 1;
    if (buckets != w->buckets) /* entries lie elsewhere now */
        ordered_walk_sweep_anew(w->keys);
    w->buckets = buckets;
    int rc = ordered_walk_next(w->keys, &ops, w, LOOKED_AT, &key);
    return rc == 1 && !l2_fib_find(w->l2, key.bd, key.mac, out) ? -EAGAIN : rc;
}

struct l2_fib_totals l2_fib_totals(const struct l2_state *s)
{
    const struct mac_table *t = l2_fib_table_of(s);
    return (struct l2_fib_totals){
        .entries = __atomic_load_n(&t->n_entries, __ATOMIC_RELAXED),
        .learned = __atomic_load_n(&t->n_learned, __ATOMIC_RELAXED),
        .learn_limit = s->shared.learn_limit,
        .buckets = t->cur->mask + 1,
        .bytes = (u64)(t->cur->mask + 1) * sizeof(struct mac_bucket),
    };
}

/* --- life --- */

static u32 startup_limit(const struct l2_state *s)
{
    const struct l2_settings *settings = module_settings(s->piste, l2_module_name);
    u64 limit = settings->learn_limit;
    return (u32)min_u64(limit ? limit : L2_LEARN_LIMIT_DEFAULT, L2_LEARN_LIMIT_DEFAULT);
}

void l2_fib_set_learn_limit(struct l2_state *s, u32 limit)
{
    __atomic_store_n(&s->shared.learn_limit, limit ? limit : startup_limit(s), __ATOMIC_RELAXED);
}

int l2_fib_init(struct l2_state *s, struct error *e)
{
    u64 multiplier = 0x9e3779b97f4a7c15ull, random;
    if (getrandom(&random, sizeof(random), 0) == (ssize_t)sizeof(random))
        multiplier ^=
            random & 0x0000ffffffff0000ull; /* who chooses addresses does not know where they lie */
    u32 limit = startup_limit(s), max = buckets_for(limit);
    s->shared.learn_limit = limit;
    s->scan_delay_ms = L2_SCAN_DELAY_MS_DEFAULT;
    return mac_table_new(&s->shared.macs, (u32)min_u64(BUCKETS_FIRST, max), max, multiplier, e);
}

void l2_fib_stop(struct l2_state *s)
{
    struct loop_timer *timers[] = {s->grow_timer, s->age_timer, s->event_timer};
    for (u32 i = 0; i < array_len(timers); i++)
        if (timers[i])
            loop_timer_del(s->piste->loop, timers[i]);
    loop_work_del(s->piste->loop, goes_piece, s);
    vec_free(&s->goes);
    mac_table_free(&s->shared.macs);
}

void l2_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct l2_state *s = state;
    const struct mac_generation *g = mac_table_current(l2_fib_table_of(s));
    struct module_table macs = {
        "l2 MAC addresses",
        .entries = l2_fib_totals(s).entries,
        .places = ((u64)g->mask + 1) * MAC_SLOTS,
        .bytes =
            mem_map_resident_bytes(&g->map) + (g->old ? mem_map_resident_bytes(&g->old->map) : 0),
    };
    tell(arg, &macs);
    module_tell_hash(tell, arg, "bridge domains", &s->bd_by_id);
    module_tell_shared_hash(tell, arg, "arp termination", &s->shared.arp->by_key);
}
