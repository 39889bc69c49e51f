/* Token buckets; policers by name and index. See policer.h. */
#include "plugins/policer/policer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wide.h"
#include "control/cli.h"
#include "engine/thread.h"
#include "net/features/classify/classify.h"
#include "plugins/policer/policer_internal.h"

struct policer **policers;
struct counter_vec *policer_counters[POLICER_COLOR_N];

const char policer_module_name[] = "policer";

struct policer_state *policer_state_of(const struct piste *p)
{
    return module_state(p, policer_module_name);
}

/* --- data path --- */

static u64 policer_pack(u64 current, u64 extended)
{
    return extended << 32 | current;
}

/* What n periods add. What the current bucket does not hold goes to the extended one, where the
 * type says so; more periods than fill both are as good as that many. */
static u64 policer_filled(const struct policer *x, u64 buckets, u64 n)
{
    u64 room = (u64)x->current_limit + x->extended_limit;
    u64 current = (u32)buckets + min_u64(n, room / x->current_rate + 1) * x->current_rate;
    u64 extended = buckets >> 32, over = 0;
    if (current > x->current_limit) {
        over = current - x->current_limit;
        current = x->current_limit;
    }
    if (x->type >= POLICER_2R3C_2698)
        extended += min_u64(n, x->extended_limit / x->extended_rate + 1) * x->extended_rate;
    if (x->type == POLICER_1R3C_2697 || x->type == POLICER_2R3C_MEF5CF1)
        extended += over;
    return policer_pack(current, min_u64(extended, x->extended_limit));
}

/* Of a packet of that many tokens; *buckets are the less for it. */
static enum policer_color policer_take(const struct policer *x, u64 *buckets, u64 tokens,
                                       enum policer_color color)
{
    u64 current = (u32)*buckets, extended = *buckets >> 32;
    if (x->type == POLICER_2R3C_2698) { /* what conforms is within the peak rate, too */
        if (color == POLICER_VIOLATE || extended < tokens)
            return POLICER_VIOLATE;
        bool conforms = color == POLICER_CONFORM && current >= tokens;
        *buckets = policer_pack(current - (conforms ? tokens : 0), extended - tokens);
        return conforms ? POLICER_CONFORM : POLICER_EXCEED;
    }
    if (color == POLICER_CONFORM && current >= tokens) {
        *buckets = policer_pack(current - tokens, extended);
        return POLICER_CONFORM;
    }
    if (color != POLICER_VIOLATE && extended >= tokens) {
        *buckets = policer_pack(current, extended - tokens);
        return POLICER_EXCEED;
    }
    return POLICER_VIOLATE;
}

static void policer_fill(struct policer *x, u64 now)
{
    u64 last = __atomic_load_n(&x->last_period, __ATOMIC_RELAXED);
    if (now <= last || !__atomic_compare_exchange_n(&x->last_period, &last, now, false,
                                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return;
    u64 old = __atomic_load_n(&x->buckets, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&x->buckets, &old, policer_filled(x, old, now - last), true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

enum policer_color policer_police(struct policer *x, u64 now_ns, u32 bytes,
                                  enum policer_color color)
{
    u64 tokens = (u64)(x->packets ? 1 : bytes) << x->scale, old, new;
    if (!x->color_aware)
        color = POLICER_CONFORM;
    policer_fill(x, now_ns >> x->period_shift);
    old = __atomic_load_n(&x->buckets, __ATOMIC_RELAXED);
    enum policer_color result;
    do {
        new = old;
        result = policer_take(x, &new, tokens, color);
    } while (new != old && !__atomic_compare_exchange_n(&x->buckets, &old, new, true,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return result;
}

/* --- what a configuration means --- */

#define SCALE_MAX 30
#define PERIOD_SHIFT_MIN 13 /* 8 us */
#define PERIOD_SHIFT_MAX 26 /* 67 ms */
#define RATE_PRECISE 1024   /* tokens a period, so that rounding is below a thousandth */
#define LIMIT_MAX UINT32_MAX

/* Of a rate in kilobits or packets a second, in a period. */
static u64 tokens_per_period(const struct policer_config *c, u32 rate, u32 scale, u32 shift)
{
    /* at most 2^32 x 125 x 2^30 x 2^26: 128 bits */
    struct u128 scaled =
        wide_mul((u64)rate * (c->rate == POLICER_KBPS ? 125u : 1u), 1ull << (scale + shift));
    u32 second = 1000000000;
    u64 up = c->round == POLICER_UP ? second - 1 : c->round == POLICER_CLOSEST ? second / 2 : 0;
    u64 tokens = wide_div(wide_add(scaled, up), second);
    return tokens ? tokens : 1;
}

/* In bytes or packets. */
static u64 policer_burst(const struct policer_config *c, u32 rate, u64 given)
{
    if (c->rate == POLICER_KBPS)
        return given;
    u64 packets = wide_div(wide_mul(rate, given), 1000);
    return packets > LIMIT_MAX ? (u64)LIMIT_MAX + 1 : given && !packets ? 1 : packets;
}

static bool is_two_rate(u8 type)
{
    return type >= POLICER_2R3C_2698;
}

static bool makes_sense(const struct policer_config *c)
{
    if (c->type >= POLICER_TYPE_N || c->rate >= POLICER_RATE_N || c->round >= POLICER_ROUND_N)
        return false;
    for (u32 k = 0; k < POLICER_COLOR_N; k++)
        if (c->acts[k].action >= POLICER_ACTION_N || c->acts[k].dscp > 63)
            return false;
    if (!c->cir || !c->cb)
        return false;
    if (is_two_rate(c->type) && (!c->eir || !c->eb))
        return false;
    return c->type != POLICER_2R3C_2698 || c->eir >= c->cir;
}

int policer_compute(const struct policer_config *c, struct policer *x, struct error *e)
{
    u64 current = policer_burst(c, c->cir, c->cb);
    u64 extended = c->type == POLICER_1R2C        ? 0
                   : c->type == POLICER_1R3C_2697 ? policer_burst(c, c->cir, c->eb)
                                                  : policer_burst(c, c->eir, c->eb);
    u64 most = max_u64(current, extended);
    if (!makes_sense(c) || most > LIMIT_MAX)
        return error_set(e, EINVAL, "Config failed sanity check");
    memset(x, 0, sizeof(*x));
    while (x->scale < SCALE_MAX && most << (x->scale + 1) <= LIMIT_MAX)
        x->scale++;
    for (x->period_shift = PERIOD_SHIFT_MIN;; x->period_shift++) {
        x->current_rate = tokens_per_period(c, c->cir, x->scale, x->period_shift);
        x->extended_rate =
            tokens_per_period(c, is_two_rate(c->type) ? c->eir : 0, x->scale, x->period_shift);
        if (x->period_shift == PERIOD_SHIFT_MAX ||
            (x->current_rate >= RATE_PRECISE &&
             (!is_two_rate(c->type) || x->extended_rate >= RATE_PRECISE)))
            break;
    }
    x->current_limit = (u32)(current << x->scale);
    x->extended_limit = (u32)(extended << x->scale);
    x->buckets = policer_pack(x->current_limit, x->extended_limit);
    x->type = c->type;
    x->packets = c->rate == POLICER_PPS;
    x->color_aware = c->color_aware;
    memcpy(x->acts, c->acts, sizeof(x->acts));
    return 0;
}

/* --- policers --- */

static struct policer_entry *policer_entry_at(const struct piste *p, u32 index)
{
    const struct policer_state *s = policer_state_of(p);
    return index < s->entries.n && s->entries.v[index].used ? &s->entries.v[index] : NULL;
}

static struct policer_entry *policer_must_find(const struct piste *p, u32 index, struct error *e)
{
    struct policer_entry *x = policer_entry_at(p, index);
    if (!x)
        (void)error_set(e, ENOENT, "No such policer");
    return x;
}

static void policer_publish(struct piste *p, u32 index, struct policer *new)
{
    struct policer *old = __atomic_exchange_n(&policers[index], new, __ATOMIC_ACQ_REL);
    engine_defer_free(engine_of(p), free, old);
}

static void policer_name_key(char key[POLICER_NAME_BYTES], const char *name)
{
    memset(key, 0, POLICER_NAME_BYTES);
    snprintf(key, POLICER_NAME_BYTES, "%s", name);
}

/* Without what is not looked at. */
static struct policer_config plain_config(const struct policer_config *c)
{
    struct policer_config plain = *c;
    for (u32 k = 0; k < POLICER_COLOR_N; k++)
        if (plain.acts[k].action != POLICER_MARK)
            plain.acts[k].dscp = 0;
    return plain;
}

int policer_add(struct piste *p, const char *name, const struct policer_config *c, u32 *index,
                struct error *e)
{
    struct policer_state *s = policer_state_of(p);
    struct policer *x = mem_alloc(sizeof(*x));
    u32 i = numbers_lowest(&s->indices);
    int rc = policer_compute(c, x, e);
    if (!rc && (!*name || strlen(name) >= POLICER_NAME_BYTES))
        rc = error_set(e, EINVAL, "a policer's name has 1 to %d bytes", POLICER_NAME_BYTES - 1);
    if (!rc && !cli_is_plain_word(name))
        rc = error_set(e, EINVAL, "a policer's name is one word");
    if (!rc && policer_find(p, name) != POLICER_NONE)
        rc = error_set(e, EEXIST, "Policer already exists");
    if (!rc && i >= POLICERS_MAX)
        rc = error_set(e, ENOSPC, "at most %d policers are possible", POLICERS_MAX);
    if (rc) {
        free(x);
        return rc;
    }
    if (i == s->entries.n)
        vec_add(&s->entries, ((struct policer_entry){0}));
    struct policer_entry *entry = &s->entries.v[i];
    *entry =
        (struct policer_entry){.config = plain_config(c), .bound_to = POLICER_NONE, .used = true};
    policer_name_key(entry->name, name);
    numbers_take(&s->indices, i);
    hash_set(&s->by_name, entry->name, i);
    for (u32 k = 0; k < POLICER_COLOR_N; k++)
        counter_zero(policer_counters[k], i);
    policer_publish(p, i, x);
    *index = i;
    return 0;
}

int policer_update(struct piste *p, u32 index, const struct policer_config *c, struct error *e)
{
    struct policer_entry *entry = policer_must_find(p, index, e);
    struct policer *x = mem_alloc(sizeof(*x));
    int rc = entry ? policer_compute(c, x, e) : -ENOENT;
    if (rc) {
        free(x);
        return rc;
    }
    entry->config = plain_config(c);
    policer_publish(p, index, x);
    return 0;
}

int policer_del(struct piste *p, u32 index, struct error *e)
{
    struct policer_state *s = policer_state_of(p);
    struct policer_entry *entry = policer_must_find(p, index, e);
    if (!entry)
        return -ENOENT;
    policer_interfaces_forget(p, index);
    classify_forget_policer(p, index);
    entry->used = false;
    numbers_give(&s->indices, index);
    hash_del(&s->by_name, entry->name);
    policer_publish(p, index, NULL);
    return 0;
}

int policer_reset(struct piste *p, u32 index, struct error *e)
{
    if (!policer_must_find(p, index, e))
        return -ENOENT;
    struct policer *x = policers[index];
    __atomic_store_n(&x->buckets, policer_pack(x->current_limit, x->extended_limit),
                     __ATOMIC_RELAXED);
    return 0;
}

int policer_bind(struct piste *p, u32 index, u32 thread, struct error *e)
{
    struct policer_entry *entry = policer_must_find(p, index, e);
    if (!entry)
        return -ENOENT;
    if (thread != POLICER_NONE && thread >= engine_n_threads(engine_of(p)) - 1)
        return error_set(e, ERANGE, "no such worker %u", thread);
    entry->bound_to = thread;
    return 0;
}

u32 policer_find(const struct piste *p, const char *name)
{
    char key[POLICER_NAME_BYTES];
    u64 i;
    if (strlen(name) >= sizeof(key))
        return POLICER_NONE;
    policer_name_key(key, name);
    return hash_get(&policer_state_of(p)->by_name, key, &i) ? (u32)i : POLICER_NONE;
}

u32 policer_next(const struct piste *p, u32 from)
{
    const struct policer_state *s = policer_state_of(p);
    while (from < s->entries.n && !s->entries.v[from].used)
        from++;
    return from < s->entries.n ? from : POLICER_NONE;
}

const char *policer_name(const struct piste *p, u32 index)
{
    const struct policer_entry *x = policer_entry_at(p, index);
    return x ? x->name : NULL;
}

u32 policer_bound_to(const struct piste *p, u32 index)
{
    return policer_entry_at(p, index)->bound_to;
}

const struct policer_config *policer_config_of(const struct piste *p, u32 index)
{
    return &policer_entry_at(p, index)->config;
}

/* --- for sessions of classifier tables --- */

static int find_for_classify(struct piste *p, const char *name, u32 *index, struct error *e)
{
    *index = policer_find(p, name);
    return *index == POLICER_NONE ? error_set(e, ENOENT, "No such policer") : 0;
}

static const char *name_for_classify(struct piste *p, u32 index)
{
    return policer_name(p, index);
}

static const struct classify_policers for_classify = {find_for_classify, name_for_classify,
                                                      policer_each_table};

/* --- module --- */

int policer_init(struct piste *p, void **state, struct error *e)
{
    static const char *const names[POLICER_COLOR_N] = {
        "/net/policer/conform", "/net/policer/exceed", "/net/policer/violate"};
    struct policer_state *s = mem_alloc(sizeof(*s));
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    int rc = mem_map_new(&s->map, "policers", POLICERS_MAX * sizeof(void *), page, false, e);
    if (rc) {
        free(s);
        return rc;
    }
    policers = s->map.base;
    hash_init(&s->by_name, POLICER_NAME_BYTES);
    for (u32 k = 0; k < POLICER_COLOR_N; k++)
        policer_counters[k] = counter_vec_new(engine_of(p), names[k], true, POLICERS_MAX);
    classify_set_policers(p, &for_classify);
    policer_interfaces_init(p);
    *state = s;
    return 0;
}

void policer_stop(struct piste *p, void *state)
{
    struct policer_state *s = state;
    for (u32 i = 0; i < s->entries.n; i++)
        if (s->entries.v[i].used)
            policer_publish(p, i, NULL);
    engine_synchronize(engine_of(p));
    for (u32 k = 0; k < POLICER_COLOR_N; k++)
        counter_vec_free(policer_counters[k]);
    vec_free(&s->entries);
    numbers_fini(&s->indices);
    hash_fini(&s->by_name);
    policer_interfaces_fini(s);
    mem_map_free(&s->map);
    policers = NULL;
    free(s);
}
