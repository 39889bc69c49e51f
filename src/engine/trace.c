/* Recording of traced packets in data threads. Records are appended to the thread's log; a reader
 * sees those that were published, which do not change any more. */
#include "engine/trace.h"

#include <string.h>

#include "base/clock.h"
#include "engine/engine_internal.h"

static struct trace_record *record_add(struct thread *t, struct node *n, struct buffer *b,
                                       u32 *index)
{
    u32 i = t->trace.n;
    if (i == TRACE_RECORDS_MAX) {
        thread_count_loss(t, LOSS_TRACE, 1);
        return NULL;
    }
    struct trace_record *r = &t->trace.records[i];
    t->trace.n = i + 1;
    r->time_ns = clock_ns();
    r->node = n->index;
    r->thread = t->index;
    r->handle = b->trace;
    r->buffer = buffer_index(b);
    memset(r->extra, 0, sizeof(r->extra));
    *index = i;
    return r;
}

static void trace_publish(struct thread *t)
{
    atomic_store_explicit(&t->trace.published, t->trace.n, memory_order_release);
}

static void keep_packet(struct engine *e, struct trace_record *r, struct buffer *b)
{
    const struct node_def *def = node_def_at(e, r->node);
    u32 want = def->trace_bytes ? def->trace_bytes : 96;
    r->meta = *b;
    r->data_start = b->start;
    r->data_len = (u16)buffer_copy_out(b, 0, r->data, (u32)min_u64(want, TRACE_BYTES));
}

/* NULL: b is not traced. */
static struct trace_record *hop_before(struct thread *t, struct node *n, struct buffer *b,
                                       u32 *index)
{
    struct trace_record *r = NULL;
    if ((t->traces & THREAD_TRACES_PACKETS) && unlikely(b->flags & BUFFER_TRACED))
        r = record_add(t, n, b, index);
    if (r)
        keep_packet(t->engine, r, b);
    return r;
}

void trace_before(struct thread *t, struct node *n, struct buffer **b, u32 count)
{
    if (t->traces & THREAD_TRACES_PROBE)
        probe_before(t, n, b, count);
    t->trace.n_hops = 0;
    if (!(t->traces & ~(u32)THREAD_TRACES_PROBE))
        return;
    if (t->trace.dispatch)
        t->trace.dispatch(t->trace.dispatch_arg, n->index, b, count);
    t->trace.n_hops = count;
    for (u32 i = 0; i < count; i++) {
        u32 index;
        t->trace.hop_record[i] = hop_before(t, n, b[i], &index) ? index + 1 : 0;
    }
}

static void hop_after(struct thread *t, struct trace_record *r, struct buffer *b, u16 next,
                      bool after)
{
    r->next = next;
    if (next == NEXT_CONSUMED)
        return;
    if (after)
        keep_packet(t->engine, r, b);
    else
        r->meta = *b;
}

void trace_after(struct thread *t, struct node *n, struct buffer **b, const u16 *next, u32 count)
{
    bool after = node_def_at(t->engine, n->index)->trace_after;
    if (t->traces & THREAD_TRACES_PROBE)
        probe_after(t, n, next, count);
    if (!t->trace.n_hops)
        return;
    for (u32 i = 0; i < count; i++) {
        u32 record = t->trace.hop_record[i];
        if (unlikely(record))
            hop_after(t, &t->trace.records[record - 1], b[i], next[i], after);
    }
    t->trace.n_hops = 0;
    trace_publish(t);
}

struct trace_record *trace_before_one(struct thread *t, struct node *n, struct buffer *b)
{
    u32 index;
    if (t->traces & THREAD_TRACES_PROBE)
        probe_before_one(t, n, b);
    if (t->trace.dispatch)
        t->trace.dispatch(t->trace.dispatch_arg, n->index, &b, 1);
    return hop_before(t, n, b, &index);
}

void trace_after_one(struct thread *t, struct node *n, struct trace_record *r, struct buffer *b,
                     u16 next)
{
    hop_after(t, r, b, next, node_def_at(t->engine, n->index)->trace_after);
}

static bool trace_is_wanted(struct thread *t, const struct buffer *b)
{
    bool (*wanted)(struct thread *, const struct buffer *) =
        __atomic_load_n(&t->engine->trace_wanted, __ATOMIC_ACQUIRE);
    return wanted && wanted(t, b);
}

void trace_set_filter(struct engine *e, bool (*fn)(struct thread *t, const struct buffer *b))
{
    __atomic_store_n(&e->trace_wanted, fn, __ATOMIC_RELEASE);
}

struct dispatch_setting {
    trace_dispatch_fn *fn;
    void *arg;
};

static void trace_dispatch_on_thread(struct thread *t, void *arg)
{
    const struct dispatch_setting *s = arg;
    t->trace.dispatch = s->fn;
    t->trace.dispatch_arg = s->arg;
    t->traces &= ~(u32)THREAD_TRACES_DISPATCH;
    t->traces |= s->fn ? THREAD_TRACES_DISPATCH : 0;
}

void trace_set_dispatch(struct engine *e, trace_dispatch_fn *fn, void *arg)
{
    struct dispatch_setting s = {fn, arg};
    for (u32 i = 0; i < e->n_threads; i++)
        thread_call(e->threads[i], trace_dispatch_on_thread, &s);
}

bool trace_start(struct thread *t, struct node *n, struct buffer *b)
{
    if (!n->traced || (n->trace_filtered && !trace_is_wanted(t, b)))
        return false;
    n->traced--;
    b->flags |= BUFFER_TRACED;
    b->trace = t->index << 24 | (t->trace.packets++ & 0xffffff);
    t->traces |= THREAD_TRACES_PACKETS;
    return true;
}

void trace_input_hop(struct thread *t, struct node *n, struct buffer *b, u16 next,
                     const void *extra, u32 bytes)
{
    u32 index;
    struct trace_record *r = record_add(t, n, b, &index);
    if (!r)
        return;
    keep_packet(t->engine, r, b);
    r->next = next;
    memcpy(r->extra, extra, min_u64(bytes, TRACE_EXTRA_BYTES));
    trace_publish(t);
}

void trace_note(struct thread *t, struct buffer *b, const void *extra, u32 bytes)
{
    for (u32 i = 0; i < t->trace.n_hops; i++) {
        struct trace_record *r = &t->trace.records[t->trace.hop_record[i] - 1];
        if (t->trace.hop_record[i] && r->handle == b->trace)
            memcpy(r->extra, extra, min_u64(bytes, TRACE_EXTRA_BYTES));
    }
}
