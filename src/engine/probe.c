#include "engine/probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/engine_internal.h"

/* How far probes of a thread are apart: more, while those that come are of no use. */
#define SLOTS 32u
#define APART_NS (250 * NS_PER_USEC)
#define APART_MOST_NS (16 * NS_PER_MSEC)
static_assert(APART_NS << PROBE_RARE_MOST <= APART_MOST_NS, "of some use is better than of none");
#define NEVER UINT64_MAX

/* A thread's. */
struct probes {
    struct probe slot[SLOTS];
    u32 busy[SLOTS]; /* atomic: the control thread has not yet seen it */
    u64 apart_ns;
    u32 next;
    struct probe *now; /* under way; NULL: none */
    struct buffer *b;  /* its packet */
    u32 at;            /* place in the vector being run; UINT32_MAX: not in it */
};

/* --- data threads --- */

static void sight_take(struct probe_sight *s, struct buffer *b)
{
    s->len = buffer_packet_len(b);
    s->n = (u16)buffer_copy_out(b, 0, s->data, PROBE_BYTES);
}

static void probe_end(struct thread *t, bool useful)
{
    struct probes *x = t->probes;
    x->now = NULL;
    x->b = NULL;
    t->traces &= ~(u32)THREAD_TRACES_PROBE;
    u32 rare = __atomic_load_n(&t->engine->forwarding.probes_rare, __ATOMIC_RELAXED);
    x->apart_ns = useful ? APART_NS << rare : min_u64(2 * x->apart_ns, APART_MOST_NS);
    if (t->probe_due_ns != NEVER)
        t->probe_due_ns = t->now_ns + x->apart_ns;
}

/* One that waits somewhere, or that somebody else has now. */
static void probe_round_end(struct thread *t, void *arg)
{
    if (t->probes && t->probes->now)
        probe_end(t, false);
}

/* false: the node is not plain, or there are too many. */
static bool probe_pass(struct thread *t, struct probe *p, const struct node *n)
{
    u32 plain = node_def_at(t->engine, n->index)->plain;
    if (!plain || p->n_nodes == PROBE_NODES_MOST)
        return false;
    p->plain |= plain;
    p->node[p->n_nodes++] = n->index;
    return true;
}

void probe_start(struct thread *t, struct node *n, struct buffer *b)
{
    struct probes *x = t->probes;
    if (!x || x->now || (t->traces & THREAD_TRACES_DISPATCH) || (b->flags & BUFFER_TRACED))
        return;
    if (__atomic_load_n(&x->busy[x->next], __ATOMIC_ACQUIRE)) { /* the control thread is busy */
        t->probe_due_ns = t->now_ns + x->apart_ns;
        return;
    }
    struct probe *p = &x->slot[x->next];
    p->serial = __atomic_load_n(&t->engine->forwarding.serial, __ATOMIC_ACQUIRE);
    p->plain = p->n_nodes = 0;
    p->port = p->rx = b->rx_if;
    p->between = IF_NONE;
    x->now = p;
    x->b = b;
    x->at = UINT32_MAX;
    sight_take(&p->in, b);
    p->rx_len = p->in.len;
    if (!probe_pass(t, p, n)) {
        probe_end(t, false);
        return;
    }
    t->traces |= THREAD_TRACES_PROBE;
    thread_at_round_end(t, probe_round_end, NULL);
}

/* Who has received it, up to layer 3: behind that an answer comes from nowhere, and a BVI sends.
 * false: more than there is room for. */
static bool probe_receives(struct probe *p, const struct buffer *b)
{
    if ((p->plain & NODE_PLAIN_DST) || if_equal(p->rx, b->rx_if))
        return true;
    if (!if_is_none(p->between))
        return false;
    if (!if_equal(p->rx, p->port))
        p->between = p->rx;
    p->rx = b->rx_if;
    p->rx_len = buffer_packet_len(b);
    return true;
}

void probe_before(struct thread *t, const struct node *n, struct buffer **b, u32 count)
{
    struct probes *x = t->probes;
    x->at = 0;
    while (x->at < count && b[x->at] != x->b)
        x->at++;
    if (x->at == count) {
        x->at = UINT32_MAX;
        return;
    }
    if (!probe_receives(x->now, x->b) || !probe_pass(t, x->now, n)) {
        probe_end(t, false);
        return;
    }
    if (!(node_def_at(t->engine, n->index)->plain & NODE_PLAIN_SENDS))
        return;
    sight_take(&x->now->out, x->b);
    x->now->meta = *x->b;
}

void probe_before_one(struct thread *t, const struct node *n, const struct buffer *b)
{
    struct probes *x = t->probes;
    if (b == x->b && !probe_pass(t, x->now, n))
        probe_end(t, false);
}

struct probe_event {
    u32 thread, slot;
};

static void on_probe(struct piste *p, const void *payload)
{
    struct probe_event ev;
    struct engine *e = engine_of(p);
    memcpy(&ev, payload, sizeof(ev));
    struct probes *x = e->threads[ev.thread]->probes;
    if (e->forwarding.on_probe)
        e->forwarding.on_probe(p, &x->slot[ev.slot]);
    __atomic_store_n(&x->busy[ev.slot], 0, __ATOMIC_RELEASE);
}

void probe_after(struct thread *t, const struct node *n, const u16 *next, u32 count)
{
    struct probes *x = t->probes;
    if (x->at >= count || next[x->at] != NEXT_CONSUMED)
        return;
    bool sent = node_def_at(t->engine, n->index)->plain & NODE_PLAIN_SENDS;
    struct probe_event ev = {t->index, x->next};
    if (sent) {
        __atomic_store_n(&x->busy[x->next], 1, __ATOMIC_RELEASE);
        if (thread_post(t, on_probe, &ev, sizeof(ev)))
            x->next = (x->next + 1) % SLOTS;
        else
            __atomic_store_n(&x->busy[x->next], 0, __ATOMIC_RELEASE);
    }
    probe_end(t, sent);
}

static void on_part_changed(struct piste *p, const void *payload)
{
    struct forwarding_part part;
    memcpy(&part, payload, sizeof(part));
    forwarding_part_changed(engine_of(p), part);
}

void forwarding_part_changed_by(struct thread *t, struct forwarding_part part)
{
    struct forwarding *f = &t->engine->forwarding;
    if (!__atomic_load_n(&f->is_cached, __ATOMIC_RELAXED))
        return;
    /* the control thread looks at it at its next turn: all of it has changed, then */
    if (!thread_post(t, on_part_changed, &part, sizeof(part)))
        __atomic_store_n(&f->changed_meanwhile, 1, __ATOMIC_RELEASE);
}

/* --- control thread --- */

u32 forwarding_generation(const struct engine *e)
{
    return e->forwarding.generation;
}

u32 forwarding_serial(const struct engine *e)
{
    return e->forwarding.serial;
}

static void next_serial(struct forwarding *f)
{
    __atomic_store_n(&f->serial, f->serial + 1, __ATOMIC_RELEASE);
}

void forwarding_changed(struct engine *e)
{
    struct forwarding *f = &e->forwarding;
    f->generation++;
    next_serial(f);
    if (f->watch)
        f->watch->all(f->watch->arg, f->generation);
    /* of a change that is told of in its midst */
    f->changed_before = true;
}

void forwarding_part_changed(struct engine *e, struct forwarding_part part)
{
    struct forwarding *f = &e->forwarding;
    next_serial(f);
    if (f->watch)
        f->watch->part(f->watch->arg, part);
    f->part_before = true;
}

void forwarding_round(struct engine *e)
{
    struct forwarding *f = &e->forwarding;
    bool meanwhile = __atomic_load_n(&f->changed_meanwhile, __ATOMIC_RELAXED) &&
                     __atomic_exchange_n(&f->changed_meanwhile, 0, __ATOMIC_ACQ_REL);
    if (likely(!f->changed_before && !f->part_before && !meanwhile))
        return;
    if (f->changed_before || meanwhile)
        forwarding_changed(e);
    else
        next_serial(f); /* what depended on the part has ended, and no probe was looked at since */
    f->changed_before = f->part_before = false;
}

bool forwarding_is_remembered(const struct engine *e)
{
    return e->forwarding.watch;
}

void forwarding_on_change(struct engine *e, const struct forwarding_watch *w)
{
    e->forwarding.watch = w;
    __atomic_store_n(&e->forwarding.is_cached, w != NULL, __ATOMIC_RELAXED);
}

static void call_set(struct thread *t, void *arg)
{
    probe_fn *const *fn = arg;
    probe_round_end(t, NULL);
    t->probe_due_ns = *fn ? 0 : NEVER;
}

void probe_set(struct engine *e, probe_fn *fn)
{
    e->forwarding.on_probe = fn;
    for (u32 i = 1; i < e->n_threads; i++) {
        struct thread *t = e->threads[i];
        if (fn && !t->probes) {
            t->probes = mem_alloc(sizeof(*t->probes));
            t->probes->apart_ns = APART_NS;
        }
        thread_call(t, call_set, &fn);
    }
}

void probe_set_rare(struct engine *e, u32 rare)
{
    __atomic_store_n(&e->forwarding.probes_rare, rare, __ATOMIC_RELAXED);
}

void probe_thread_init(struct thread *t)
{
    t->probe_due_ns = NEVER;
}

void probe_thread_fini(struct thread *t)
{
    free(t->probes);
    t->probes = NULL;
}
