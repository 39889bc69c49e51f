/* See control_packet.h. */
#include "engine/control_packet.h"

#include <errno.h>
#include <string.h>

#include "engine/engine_internal.h"

struct given {
    control_packet_fn *fn;
    u32 bi;
    u8 about[CONTROL_PACKET_ABOUT_BYTES];
};
static_assert(sizeof(struct given) <= EVENT_BYTES, "fits an event");

u32 control_packet_new(struct engine *e, const void *bytes, u32 n)
{
    struct thread *t = engine_main_thread(e);
    u32 bi;
    if (!buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1))
        return BUFFER_NONE;
    buffer_at(bi)->flags = BUFFER_LOCAL;
    if (!buffer_append(t, buffer_at(bi), bytes, n))
        return bi;
    buffer_free_one(t, bi);
    return BUFFER_NONE;
}

int control_packet_send(struct engine *e, struct if_index near, struct node_index node, u32 bi)
{
    if (thread_handoff(engine_main_thread(e), thread_of_interface(e, near), node, &bi, 1))
        return 0;
    buffer_free_one(engine_main_thread(e), bi);
    return -ENOBUFS;
}

u32 control_packet_room(const struct engine *e, struct if_index near)
{
    const struct handoff *r = &e->threads[thread_of_interface(e, near)]->handoff[0];
    return HANDOFF_SLOTS - (atomic_load_explicit(&r->tail, memory_order_relaxed) -
                            atomic_load_explicit(&r->head, memory_order_acquire));
}

static void on_given(struct piste *p, const void *payload)
{
    struct given g;
    memcpy(&g, payload, sizeof(g));
    g.fn(p, g.bi, g.about);
}

bool control_packet_give(struct thread *t, control_packet_fn *fn, u32 bi, const void *about,
                         u32 bytes)
{
    struct given g = {.fn = fn, .bi = bi};
    assert(bytes <= sizeof(g.about));
    memcpy(g.about, about, bytes);
    return thread_post(t, on_given, &g, sizeof(g));
}
