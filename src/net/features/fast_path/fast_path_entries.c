/* Entries of the fast path: making, counting, ending. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "control/loop.h"
#include "engine/counter.h"
#include "engine/engine.h"
#include "net/features/fast_path/fast_path_internal.h"
#include "net/ip/fib/fib_data.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/l2/l2.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_packet.h"

#define IDLE_NS (10 * NS_PER_SEC) /* without a packet, and then an entry goes */
#define IDLE_FULL_NS NS_PER_SEC   /* the same, when there is hardly room for more */
#define REST_NS NS_PER_SEC
/* A piece of a sweep: so many entries are looked at; one that ends is as much work as some. */
#define SWEEP_PIECE (32u << 10)
#define SWEEP_END 64u
/* More entries than this that depend on one part end as all end, at once. */
#define PART_MOST 1024u

static struct log_class log_class = {"fast-path", "entries"};

/* --- time, in few bytes --- */

#define ENTRY_TIME_SHIFT 26 /* 67 ms; less than four years apart */

static u32 entry_time(u64 ns)
{
    return (u32)(ns >> ENTRY_TIME_SHIFT);
}

/* Since then, at least. */
static u64 entry_since_ns(u32 then, u64 now)
{
    i32 n = (i32)(entry_time(now) - then);
    return n > 0 ? (u64)(n - 1) << ENTRY_TIME_SHIFT : 0;
}

u32 fast_path_entry_age_s(const struct fast_path *s, u32 entry)
{
    return (u32)(entry_since_ns(s->entries[entry].made, clock_ns()) / NS_PER_SEC);
}

/* --- counting --- */

static void count_entry(struct fast_path *s, const struct fast_path_entry *x, u64 packets,
                        u64 bytes)
{
    struct thread *t = engine_main_thread(engine_of(s->piste));
    const struct way_counts *c = &s->ways[x->way].key.counts;
    u64 out = bytes + packets * (u64)(i64)c->grow, l3 = bytes - packets * c->header_bytes;
    u64 bare = l3 + packets * ETHERNET_HEADER_BYTES;
    for (u32 i = 0; i < c->n_rx; i++)
        interface_count(t, IF_RX, c->rx[i], packets,
                        bytes + (i == c->n_rx - 1u ? packets * (u64)(i64)c->rx_grow : 0));
    for (u32 i = 0; i < c->n_tx; i++)
        interface_count(t, IF_TX, c->tx[i], packets, c->tx_bvi && !i ? bare : out);
    node_had(thread_node(t, s->node), packets);
    s->n.packets += packets;
    s->n.bytes += bytes;
    if (!c->n_rx)
        return;
    if (c->bridged)
        l2_seen(s->piste, way_l2_rx(c), x->key + offsetof(struct fast_path_key, ethernet) + 6);
    if (!c->routed)
        return;
    interface_count(t, c->is6 ? IF_IP6 : IF_IP4, c->rx[c->n_rx - 1], packets, 0);
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

static void fold_entry(struct fast_path *s, u32 i, u64 now)
{
    struct fast_path_count *c = &s->backend->counts[i];
    struct fast_path_entry *x = &s->entries[i];
    if (!__atomic_load_n(&c->packets, __ATOMIC_RELAXED))
        return;
    /* packets are counted behind their bytes: none is seen whose bytes are not */
    u64 packets = __atomic_exchange_n(&c->packets, 0, __ATOMIC_ACQUIRE);
    u64 bytes = __atomic_exchange_n(&c->bytes, 0, __ATOMIC_RELAXED);
    x->packets += packets;
    x->last = entry_time(now);
    count_entry(s, x, packets, bytes);
}

void fast_path_fold(struct fast_path *s)
{
    u64 begin = clock_ns();
    for (u32 i = 0; i < s->n_used; i++)
        fold_entry(s, i, begin);
    s->folded_ns = clock_ns();
    s->fold_took_ns = s->folded_ns - begin;
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

const struct fast_path_way *fast_path_way_of(const struct fast_path *s, u32 entry)
{
    return &s->ways[s->entries[entry].way];
}

static void set_entry_key(struct fast_path *s, u32 entry, const struct fast_path_key *key)
{
    const u8 *bytes = (const void *)key;
    memcpy(s->entries[entry].key, bytes, FAST_PATH_SHORT_BYTES);
    if (!fast_path_key_is_short(key))
        memcpy(&s->key_rests[entry], bytes + FAST_PATH_SHORT_BYTES, sizeof(s->key_rests[entry]));
}

void fast_path_entry_key(const struct fast_path *s, u32 entry, struct fast_path_key *out)
{
    u8 *bytes = (void *)out;
    *out = (struct fast_path_key){0};
    memcpy(bytes, s->entries[entry].key, FAST_PATH_SHORT_BYTES);
    if (!fast_path_key_is_short(out))
        memcpy(bytes + FAST_PATH_SHORT_BYTES, &s->key_rests[entry], sizeof(s->key_rests[entry]));
}

/* Packets between the kernel's two programs may still have its number. */
static void entry_rest(struct fast_path *s, u32 i)
{
    struct fast_path_entry *x = &s->entries[i];
    fast_path_parts_del(s, i);
    x->state = ENTRY_RESTS;
    x->last = entry_time(clock_ns());
    s->n_live--;
    if (s->rest)
        s->entries[s->rest_last - 1].link[0].next = i + 1;
    else
        s->rest = i + 1;
    s->rest_last = i + 1;
}

static void entry_spare(struct fast_path *s, u32 i)
{
    struct fast_path_entry *x = &s->entries[i];
    fast_path_way_leave(s, x->way);
    x->state = ENTRY_FREE;
    x->link[0].next = s->spare;
    s->spare = i + 1;
}

static void entry_end(struct fast_path *s, u32 i)
{
    struct fast_path_key key;
    fast_path_entry_key(s, i, &key);
    s->backend->del(s->backend->arg, &key);
    entry_rest(s, i);
}

void fast_path_end_rests(struct fast_path *s)
{
    u64 now = clock_ns();
    while (s->rest) {
        u32 i = s->rest - 1;
        if (entry_since_ns(s->entries[i].last, now) < REST_NS)
            return;
        s->rest = s->entries[i].link[0].next;
        fold_entry(s, i, now);
        entry_spare(s, i);
    }
}

/* UINT32_MAX: none is left now. */
static u32 number_take(struct fast_path *s)
{
    if (!s->spare && s->n_used == s->backend->max)
        fast_path_end_rests(s);
    if (!s->spare)
        return s->n_used < s->backend->max ? s->n_used++ : UINT32_MAX;
    u32 i = s->spare - 1;
    s->spare = s->entries[i].link[0].next;
    return i;
}

/* A live entry with a number and a way of its own, which no packet has yet; UINT32_MAX: there is no
 * room. */
static u32 entry_make(struct fast_path *s, const struct fast_path_key *key,
                      const struct way_key *way)
{
    u32 i = number_take(s);
    if (i == UINT32_MAX)
        return i;
    struct fast_path_entry *x = &s->entries[i];
    u32 w = fast_path_way_take(s, way);
    if (w == UINT32_MAX) {
        *x = (struct fast_path_entry){.link[0].next = s->spare};
        s->spare = i + 1;
        return w;
    }
    *x = (struct fast_path_entry){.state = ENTRY_LIVE,
                                  .way = w & 0x3fffffff,
                                  .generation = forwarding_generation(engine_of(s->piste)),
                                  .made = entry_time(clock_ns())};
    x->last = x->made;
    set_entry_key(s, i, key);
    return i;
}

/* The key's flow; what it had before rests from now on. -EEXIST: that says the same. */
static int entry_put(struct fast_path *s, const struct fast_path_key *key,
                     const struct fast_path_flow *flow)
{
    const struct fast_path_backend *b = s->backend;
    struct fast_path_flow old;
    int rc = b->put(b->arg, key, flow, true);
    if (rc != -EEXIST)
        return rc;
    bool had = b->find(b->arg, key, &old);
    if (had && old.generation == flow->generation && old.action == flow->action)
        return rc;
    rc = b->put(b->arg, key, flow, false);
    if (had && !rc)
        entry_rest(s, old.entry);
    return rc;
}

u32 fast_path_add(struct fast_path *s, const struct fast_path_key *key, const struct way_key *way,
                  u32 longest)
{
    struct fast_path_flow flow;
    u32 i = entry_make(s, key, way);
    if (i == UINT32_MAX) {
        s->n.full++;
        return i;
    }
    flow = (struct fast_path_flow){.entry = i,
                                   .action = s->entries[i].way,
                                   .generation = s->entries[i].generation,
                                   .longest = (u16)min_u64(longest, UINT16_MAX),
                                   .flags = way->counts.routed ? FAST_PATH_ROUTED : 0};
    int rc = entry_put(s, key, &flow);
    if (rc) {
        entry_spare(s, i);
        if (rc == -EEXIST)
            return UINT32_MAX;
        log_debug(&log_class, "no entry is made: %s", strerror(-rc));
        s->n.full++;
        return UINT32_MAX;
    }
    fast_path_parts_add(s, i);
    s->n_live++;
    s->n.made++;
    return i;
}

void fast_path_part_changed(struct fast_path *s, struct forwarding_part part)
{
    u32 n = 0;
    for (u32 i; (i = fast_path_parts_find(s, part)) != UINT32_MAX; n++) {
        if (n == PART_MOST) {
            forwarding_changed(engine_of(s->piste));
            return;
        }
        s->n.ended++;
        entry_end(s, i);
    }
}

/* --- sweeping --- */

/* When packets were last counted: of those behind it nothing is known, however late a sweep is. */
static bool entry_is_idle(const struct fast_path *s, const struct fast_path_entry *x)
{
    return entry_since_ns(x->last, s->folded_ns - s->fold_took_ns) > s->sweep_idle_ns;
}

/* Those of no use any more, and those that nobody uses. */
static bool sweep_piece(void *arg)
{
    struct fast_path *s = arg;
    u32 generation = forwarding_generation(engine_of(s->piste)), n = 0;
    for (; s->sweep_at < s->n_used && n < SWEEP_PIECE; s->sweep_at++, n++) {
        const struct fast_path_entry *x = &s->entries[s->sweep_at];
        if (x->state != ENTRY_LIVE ||
            (x->generation == generation && !entry_is_idle(s, x)))
            continue;
        entry_end(s, s->sweep_at);
        n += SWEEP_END;
    }
    s->sweeps = s->sweep_at < s->n_used;
    return s->sweeps;
}

void fast_path_sweep(struct fast_path *s)
{
    if (!s->sweeps) {
        s->sweep_at = 0;
        s->sweep_idle_ns = s->n_live > s->backend->max / 8 * 7 ? IDLE_FULL_NS : IDLE_NS;
    }
    s->sweeps = true;
    loop_work_add(s->piste->loop, sweep_piece, s);
}

void fast_path_clear(struct fast_path *s)
{
    forwarding_changed(engine_of(s->piste));
    fast_path_sweep(s);
}

/* --- start and end --- */

void fast_path_entries_init(struct fast_path *s)
{
    u64 max = s->backend->max;
    s->entries = mem_reserve(&s->map, "fast-path entries", max * sizeof(s->entries[0]));
    s->key_rests = mem_reserve(&s->key_rests_map, "fast-path keys", max * sizeof(s->key_rests[0]));
    fast_path_ways_init(s);
    fast_path_parts_init(s);
}

void fast_path_entries_fini(struct fast_path *s)
{
    if (!s->entries)
        return;
    if (s->sweeps)
        loop_work_del(s->piste->loop, sweep_piece, s);
    s->sweeps = false;
    fast_path_parts_fini(s);
    fast_path_ways_fini(s);
    mem_map_free(&s->map);
    mem_map_free(&s->key_rests_map);
    s->entries = NULL;
    s->n_used = s->n_live = s->spare = s->rest = 0;
}
