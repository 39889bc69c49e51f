/* Signals: packets of routes and interfaces that a client (who speaks a multicast routing protocol)
 * wants to hear of. One waits for an interface of a route until the client asks for it
 * (mfib_signal_dump); what is signalled, and with which flags, is as VPP has it. */
#include <stdlib.h>

#include "engine/buffer.h"
#include "net/ip/mfib/mfib_internal.h"

/* The interface of the route that the signal is of, which waits for it to be told; NULL: the route
 * or its interface has gone, or become another. */
static struct mfib_itf *mfib_signal_itf(const struct mfib *m, u32 route, struct if_index i)
{
    if (route == MFIB_NO_ROUTE || !pool_is_used(&m->routes, route) ||
        mfib_find(&m->data, &mfib_route_at(m, route)->key) != route)
        return NULL;
    struct mfib_itf *itf = mfib_itf_find(mfib_forwarding(&m->data, route), i);
    u32 flags = itf ? __atomic_load_n(&itf->flags, __ATOMIC_RELAXED) : 0;
    return flags & MFIB_ITF_SIGNAL_PRESENT ? itf : NULL;
}

static bool mfib_signal_counts(const struct mfib *m, const struct mfib_signal *s)
{
    return mfib_signal_itf(m, mfib_find(&m->data, &s->route), s->interface);
}

static void mfib_signal_unlink(struct mfib *m, struct mfib_signal **at)
{
    struct mfib_signal *s = *at;
    *at = s->next;
    if (!s->next)
        m->signals_end = at;
    m->n_signals--;
    free(s);
}

/* NULL: it is of no use. Of too many that wait the oldest goes: its next packet is signalled again.
 */
static struct mfib_signal *mfib_signal_add(struct mfib *m, const struct mfib_signalled *from)
{
    struct mfib_itf *itf = mfib_signal_itf(m, from->route, from->interface);
    if (!itf)
        return NULL;
    if (m->n_signals == MFIB_SIGNALS_MAX)
        mfib_signal_done(m);
    struct mfib_signal *s = mem_alloc(sizeof(*s));
    s->next = NULL;
    s->route = mfib_route_at(m, from->route)->key;
    s->interface = from->interface;
    s->n_bytes = 0;
    *m->signals_end = s;
    m->signals_end = &s->next;
    m->n_signals++;
    return s;
}

void mfib_on_signal(struct piste *p, const void *about)
{
    (void)mfib_signal_add(mfib_of(p), about);
}

void mfib_on_signal_packet(struct piste *p, u32 bi, const void *about)
{
    struct mfib_signal *s = mfib_signal_add(mfib_of(p), about);
    if (s)
        s->n_bytes = buffer_copy_out(buffer_at(bi), 0, s->bytes, sizeof(s->bytes));
    buffer_free_one(engine_main_thread(engine_of(p)), bi);
}

const struct mfib_signal *mfib_signal_first(struct mfib *m)
{
    while (m->signals && !mfib_signal_counts(m, m->signals))
        mfib_signal_unlink(m, &m->signals);
    return m->signals;
}

void mfib_signal_done(struct mfib *m)
{
    const struct mfib_signal *s = m->signals;
    struct mfib_itf *itf = mfib_signal_itf(m, mfib_find(&m->data, &s->route), s->interface);
    if (itf)
        __atomic_fetch_and(&itf->flags, ~(u32)MFIB_ITF_SIGNAL_PRESENT, __ATOMIC_RELAXED);
    mfib_signal_unlink(m, &m->signals);
}

void mfib_signals_free(struct mfib *m)
{
    while (m->signals)
        mfib_signal_unlink(m, &m->signals);
}
