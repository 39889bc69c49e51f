/* Filters of traces and captures. Source: VPP's behaviour and words. */
#include "net/features/classify/classify_filter.h"

#include <stdlib.h>

#include "base/vec.h"
#include "engine/trace.h"
#include "net/features/classify/classify.h"
#include "net/features/classify/classify_filter_internal.h"
#include "net/link/interface/interface.h"

const char classify_filter_module_name[] = "classify-filter";

struct classify_filter *classify_filter_state(const struct piste *p)
{
    return module_state(p, classify_filter_module_name);
}

/* --- data path --- */

bool classify_matches(struct thread *t, u32 table, const struct buffer *b, int frame)
{
    const struct classify_table *at = classify_table_at(table);
    struct classify_tally sum = {0};
    struct classify_session *e = at ? classify_walk(&at, b, frame, frame, &sum) : NULL;
    if (e)
        classify_hit(t, e);
    return e;
}

static u32 trace_table = CLASSIFY_NONE; /* as data threads see it */

static bool is_to_be_traced(struct thread *t, const struct buffer *b)
{
    return classify_matches(t, __atomic_load_n(&trace_table, __ATOMIC_RELAXED), b, b->start);
}

/* --- setting --- */

u32 classify_filter_trace(const struct piste *p)
{
    return classify_filter_state(p)->trace;
}

u32 classify_filter_pcap(const struct piste *p, struct if_index i)
{
    const struct classify_filter *s = classify_filter_state(p);
    for (u32 k = 0; k < s->pcap.n; k++)
        if (if_equal(s->pcap.v[k].interface, i))
            return s->pcap.v[k].table;
    return CLASSIFY_NONE;
}

/* The new one is held before the old one is let go: they may be the same. */
static int classify_filter_replace(struct piste *p, u32 old, u32 new, struct error *e)
{
    int rc = new == CLASSIFY_NONE ? 0 : classify_table_ref(p, new, e);
    if (!rc && old != CLASSIFY_NONE)
        classify_table_unref(p, old);
    return rc;
}

int classify_filter_set_trace(struct piste *p, u32 table, struct error *e)
{
    struct classify_filter *s = classify_filter_state(p);
    int rc = classify_filter_replace(p, s->trace, table, e);
    if (rc)
        return rc;
    s->trace = table;
    __atomic_store_n(&trace_table, table, __ATOMIC_RELAXED);
    trace_set_filter(engine_of(p), table == CLASSIFY_NONE ? NULL : is_to_be_traced);
    return 0;
}

int classify_filter_set_pcap(struct piste *p, struct if_index i, u32 table, struct error *e)
{
    struct classify_filter *s = classify_filter_state(p);
    int rc = classify_filter_replace(p, classify_filter_pcap(p, i), table, e);
    u32 k = 0;
    if (rc)
        return rc;
    while (k < s->pcap.n && !if_equal(s->pcap.v[k].interface, i))
        k++;
    if (k == s->pcap.n && table != CLASSIFY_NONE)
        vec_add(&s->pcap, ((struct classify_filter_of){i, table}));
    else if (k < s->pcap.n && table != CLASSIFY_NONE)
        s->pcap.v[k].table = table;
    else if (k < s->pcap.n)
        vec_del(&s->pcap, k);
    return 0;
}

static void classify_filter_on_interface(struct piste *p, struct interface *f, enum if_event ev,
                                         void *arg)
{
    if (ev == IF_EVENT_DELETE)
        (void)!classify_filter_set_pcap(p, f->index, CLASSIFY_NONE, NULL);
}

u32 classify_filter_find(u32 first, u32 skip, u32 match, const u8 *mask)
{
    const struct classify_table *t = classify_table_at(first);
    for (; t; t = classify_table_at(t->next_table))
        if (t->skip == skip && t->match == match && !t->current && !t->offset &&
            !memcmp(t->mask, mask, match * (size_t)CLASSIFY_VECTOR_BYTES))
            return t->index;
    return CLASSIFY_NONE;
}

/* --- life --- */

int classify_filter_init(struct piste *p, void **state, struct error *e)
{
    struct classify_filter *s = mem_alloc(sizeof(*s));
    s->trace = CLASSIFY_NONE;
    interface_on_event(p, classify_filter_on_interface, s);
    *state = s;
    return 0;
}

void classify_filter_stop(struct piste *p, void *state)
{
    struct classify_filter *s = state;
    trace_table = CLASSIFY_NONE;
    vec_free(&s->pcap);
    free(s);
}
