/* See timer.h. */
#include "engine/timer.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/engine_internal.h"

struct wheel *thread_timers(struct thread *t)
{
    return &t->timers.wheel;
}

/* One that was freed, is large enough, and not so large that somebody else will miss it. */
static bool kind_again(struct engine *e, struct node_index node, u32 max, struct timer_kind *out)
{
    for (u32 k = 0; k < e->n_timer_kinds; k++) {
        struct timer_kind_of *kind = &e->timer_kinds[k];
        if (!kind->used && kind->max >= max && kind->max / 2 < max) {
            kind->used = true;
            __atomic_store_n(&kind->node.i, node.i, __ATOMIC_RELEASE);
            out->i = k;
            return true;
        }
    }
    return false;
}

struct timer_kind timer_kind_new(struct engine *e, struct node_index node, u32 max)
{
    struct timer_kind again;
    if (kind_again(e, node, max, &again))
        return again;
    u32 k = e->n_timer_kinds;
    if (k == WHEEL_KINDS_MAX || max > TIMERS_MAX - e->n_timers)
        panic("timers of %s: there are %u kinds and %u timers already", node_name(e, node), k,
              e->n_timers);
    for (u32 i = 1; i < e->n_threads; i++) {
        struct thread_timers *s = &e->threads[i]->timers;
        u64 bytes = (u64)max * sizeof(struct wheel_timer);
        wheel_set_kind(&s->wheel, k, mem_reserve(&s->maps[k], "thread-timers", bytes));
    }
    e->timer_kinds[k] = (struct timer_kind_of){node, max, true};
    e->n_timers += max;
    e->n_timer_kinds = k + 1;
    return (struct timer_kind){k};
}

void timer_kind_free(struct engine *e, struct timer_kind k)
{
    e->timer_kinds[k.i].used = false;
}

static u32 tick_at(u64 ns)
{
    return (u32)(ns >> TIMER_TICK_SHIFT);
}

void timers_init(struct thread *t)
{
    u32 now = tick_at(clock_ns());
    if (t->index)
        wheel_init(&t->timers.wheel, "thread-timers", TIMERS_MAX, now ? now : 1);
}

void timers_fini(struct thread *t)
{
    for (u32 k = 0; k < WHEEL_KINDS_MAX; k++)
        mem_map_free(&t->timers.maps[k]);
    wheel_fini(&t->timers.wheel);
}

static struct node_index timer_node_of(const struct engine *e, u32 kind)
{
    return (struct node_index){__atomic_load_n(&e->timer_kinds[kind].node.i, __ATOMIC_ACQUIRE)};
}

/* The nodes of those that fired, each with as many as follow each other. */
static void tell_nodes(struct thread *t, const u32 *handles, u32 n)
{
    u32 index[TIMER_BATCH];
    for (u32 i = 0; i < n;) {
        u32 kind = wheel_handle_kind(handles[i]), count = 0;
        while (i < n && wheel_handle_kind(handles[i]) == kind)
            index[count++] = wheel_handle_index(handles[i++]);
        node_run_timers(t, timer_node_of(t->engine, kind), index, count);
    }
}

u32 timers_run(struct thread *t)
{
    u32 handles[TIMER_BATCH], n, tick = tick_at(t->now_ns);
    struct thread_timers *s = &t->timers;
    if (likely(tick == s->wheel.now && !s->more))
        return 0;
    n = wheel_advance(&s->wheel, tick, handles, TIMER_BATCH, &s->more);
    tell_nodes(t, handles, n);
    return s->more;
}

int timers_sleep_ms(const struct thread *t)
{
    u32 tick;
    u64 now = clock_ns();
    if (!wheel_next(&t->timers.wheel, &tick))
        return -1;
    i32 ticks = (i32)(tick - tick_at(now));
    if (ticks <= 0)
        return 0;
    u64 at = ((now >> TIMER_TICK_SHIFT) + (u32)ticks) << TIMER_TICK_SHIFT;
    return (int)((at - now + NS_PER_MSEC - 1) / NS_PER_MSEC);
}
