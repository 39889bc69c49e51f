/* Which data threads have sessions. See nat44.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "plugins/nat/nat44_internal.h"

/* All data threads. */
static u64 all_workers(const struct piste *p)
{
    return (1ull << (engine_n_threads(engine_of(p)) - 1)) - 1;
}
static_assert(THREADS_MAX <= 64, "a bit each, and the control thread has none");

u64 nat44_workers(const struct piste *p)
{
    const struct nat44_state *s = nat44_state_of(p);
    return s->workers ? s->workers : all_workers(p);
}

static struct nat44_owners *owners_new(u64 workers)
{
    struct nat44_owners *o = mem_alloc(sizeof(*o));
    for (u32 i = 0; i < THREADS_MAX; i++)
        if (workers >> i & 1)
            o->thread[o->n++] = (u8)(i + 1);
    return o;
}

void nat44_workers_new(struct piste *p)
{
    nat44_state_of(p)->data.owners = owners_new(nat44_workers(p));
}

void nat44_workers_free(struct nat44_data *d)
{
    free(d->owners);
    d->owners = NULL;
}

int nat44_set_workers(struct piste *p, u64 workers, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    if (all_workers(p) == 1)
        return error_set(e, EOPNOTSUPP, "Supported only if 2 or more workers available.");
    if (!workers || workers & ~all_workers(p))
        return error_set(e, EINVAL, "Invalid worker(s).");
    bool same = workers == nat44_workers(p);
    s->workers = workers == all_workers(p) ? 0 : workers;
    if (same || !s->enabled)
        return 0;
    struct nat44_owners *old =
        __atomic_exchange_n(&s->data.owners, owners_new(workers), __ATOMIC_ACQ_REL);
    engine_defer_free(engine_of(p), free, old);
    return nat44_clear_sessions(p, e); /* which are where nobody looks for them now */
}

int nat44_set_fq_nelts(struct piste *p, u32 nelts, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    if (s->enabled)
        return error_set(e, EALREADY, "the plugin is enabled");
    if (!nelts)
        return error_set(e, EINVAL, "at least 1");
    s->fq_nelts = nelts == NAT44_FQ_NELTS ? 0 : nelts;
    return 0;
}

u32 nat44_fq_nelts(const struct piste *p)
{
    const struct nat44_state *s = nat44_state_of(p);
    return s->fq_nelts ? s->fq_nelts : NAT44_FQ_NELTS;
}
