/* Walks along arcs by number, as packets remember them, and packets that come back to one. */
#include <errno.h>
#include <stdlib.h>

#include "engine/engine_internal.h"
#include "engine/feature_internal.h"

#define ARCS_MAX 64
static_assert(ARCS_MAX * FEATURE_IF_MAX == 1u << FEATURE_WALK_BITS, "a walk says both");

/* One set in a process, as there is one of buffers: a walk is told by 32 bits. */
static struct {
    struct arc *arcs[ARCS_MAX]; /* by walk / FEATURE_IF_MAX */
    struct mem_map chains_map, generations_map;
    u16 *generations; /* by interface index; each is a 16-bit word */
    u32 n;
} walks;

struct feature_chain *_Atomic *feature_chains;

/* --- walks and generations --- */

static u32 free_walk(void)
{
    u32 id = 0;
    while (id < ARCS_MAX && walks.arcs[id])
        id++;
    return id;
}

int feature_walk_new(struct arc *a, struct error *err)
{
    u32 id = free_walk();
    if (id == ARCS_MAX)
        return error_set(err, ENOSPC, "at most %d feature arcs are possible", ARCS_MAX);
    if (!walks.n++) {
        feature_chains = mem_reserve(&walks.chains_map, "feature-chains",
                                     (u64)ARCS_MAX * FEATURE_IF_MAX * sizeof(*feature_chains));
        walks.generations = mem_reserve(&walks.generations_map, "feature-generations",
                                        FEATURE_IF_MAX * sizeof(u16));
    }
    a->arc.walk = id * FEATURE_IF_MAX;
    a->arc.chains = feature_chains + a->arc.walk;
    walks.arcs[id] = a;
    return 0;
}

void feature_walk_free(struct arc *a)
{
    walks.arcs[a->arc.walk / FEATURE_IF_MAX] = NULL;
    if (--walks.n)
        return;
    mem_map_free(&walks.chains_map);
    mem_map_free(&walks.generations_map);
    feature_chains = NULL;
}

u16 feature_generation_of(struct if_index i)
{
    return __atomic_load_n(&walks.generations[i.i], __ATOMIC_ACQUIRE);
}

void feature_generation_next(struct if_index i)
{
    if (walks.n)
        __atomic_store_n(&walks.generations[i.i], (u16)(feature_generation_of(i) + 1),
                         __ATOMIC_RELEASE);
}

/* --- packets that come back --- */

static const struct arc *arc_of(u64 at)
{
    return walks.arcs[feature_walk(at) / FEATURE_IF_MAX];
}

u16 feature_next_lost(const struct buffer *b)
{
    const struct feature_slot *s = &arc_of(b->feature.at)->slots[feature_slot(b->feature.at)];
    return __atomic_load_n(&s->resume_edge, __ATOMIC_ACQUIRE);
}

/* The node behind b's slot, as things are now. */
static u32 node_behind(struct buffer *b)
{
    u64 at = b->feature.at;
    u32 slot = feature_slot(at), interface = feature_walk(at) % FEATURE_IF_MAX;
    const struct arc *a = arc_of(at);
    const struct feature_chain *c = __atomic_load_n(
        (struct feature_chain **)&feature_chains[feature_walk(at)], __ATOMIC_ACQUIRE);
    if (!c)
        return __atomic_load_n(a->ends ? &a->ends[interface].i : &a->end.i, __ATOMIC_RELAXED);
    while (feature_slot(c->step[slot].at) == slot)
        slot--; /* not enabled: what follows the one before follows it too */
    feature_step_take(&c->step[slot], b);
    return c->nodes[slot];
}

static void feature_resume_run(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                               u32 count)
{
    for (u32 i = 0; i < count; i++) {
        u64 at = b[i]->feature.at;
        if (feature_generation(at) !=
            feature_generation_of((struct if_index){feature_walk(at) % FEATURE_IF_MAX})) {
            next[i] = node_drop(n, b[i], 0, 0);
            continue;
        }
        u32 bi = buffer_index(b[i]);
        node_enqueue_to(t, (struct node_index){node_behind(b[i])}, &bi, 1);
        next[i] = NEXT_CONSUMED;
    }
}

static const struct node_error resume_errors[] = {
    {"interface_deleted", "interface was deleted while the packet waited", SEVERITY_INFO},
};

const struct node_def engine_feature_resume_node = {
    .name = "feature-resume",
    .run = {[CPU_LEVEL_BASE] = feature_resume_run},
    .next = {"error-drop"},
    .n_next = 1,
    .errors = resume_errors,
    .n_errors = array_len(resume_errors),
};
