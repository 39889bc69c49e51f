/* See pmtu.h. */
#include "net/ip/pmtu/pmtu_internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/loop.h"
#include "engine/thread.h"
#include "net/ip/icmp/icmp6.h"

#define PMTUS_MAX MEM_MOST(4096u)
#define PMTU_AGE_NS (600 * NS_PER_SEC) /* RFC 8201 4: at least five minutes; it recommends ten */

const char pmtu_module_name[] = "pmtu";

struct path_mtu_data *path_mtus;

static struct path_mtu *pmtu_at(const struct pmtu *m, u32 i)
{
    return pool_at(&m->pool, i);
}

struct pmtu_dead {
    struct pmtu *pmtu;
    u32 i;
};

/* No data thread sees it any more. */
static void pmtu_put(void *arg)
{
    struct pmtu_dead *d = arg;
    pool_put(&d->pmtu->pool, d->i);
    free(d);
}

static void pmtu_forget(struct pmtu *m, u32 i)
{
    struct pmtu_dead *d = mem_alloc(sizeof(*d));
    shared_hash_remove(&m->data.hash, i);
    pmtu_at(m, i)->until_ns = 0;
    *d = (struct pmtu_dead){m, i};
    engine_defer_free(engine_of(m->piste), pmtu_put, d);
}

/* Forgets those whose time is over, and comes again for the next. */
static void pmtu_tick(void *arg)
{
    struct pmtu *m = arg;
    u64 now = clock_ns(), next = UINT64_MAX;
    pool_each(&m->pool, i)
    {
        u64 until_ns = pmtu_at(m, i)->until_ns;
        if (!until_ns)
            continue; /* on its way out */
        if (until_ns <= now)
            pmtu_forget(m, i);
        else
            next = min_u64(next, until_ns);
    }
    if (next == UINT64_MAX)
        return;
    if (m->timer)
        loop_timer_set(m->piste->loop, m->timer, next);
    else
        m->timer = loop_timer_add(m->piste->loop, next, 0, pmtu_tick, m);
}

void pmtu_on_said(struct piste *p, const void *payload)
{
    struct pmtu *m = module_state(p, pmtu_module_name);
    struct pmtu_said said;
    memcpy(&said, payload, sizeof(said));
    u32 i =
        shared_hash_find(&m->data.hash, (const u64 *)(const void *)&said.key, PATH_MTU_KEY_WORDS);
    bool is_new = i == SHARED_HASH_NONE;
    if (is_new)
        i = pool_get(&m->pool);
    if (i == POOL_NONE)
        return; /* no room: the next one says it again, when others have been forgotten */
    struct path_mtu *x = pmtu_at(m, i);
    if (!is_new && said.mtu >= x->mtu)
        return;
    if (is_new)
        x->key = said.key;
    x->until_ns = clock_ns() + PMTU_AGE_NS;
    __atomic_store_n(&x->mtu, said.mtu, __ATOMIC_RELAXED);
    if (is_new && !shared_hash_add(&m->data.hash, i))
        pool_put(&m->pool, i);
    pmtu_tick(m);
}

int pmtu_init(struct piste *p, void **state, struct error *e)
{
    struct pmtu *m = mem_alloc(sizeof(*m));
    m->piste = p;
    m->data.seed = clock_cycles() ^ (u64)(uintptr_t)m;
    pool_init(&m->pool, "path MTUs", sizeof(struct path_mtu), 8, PMTUS_MAX);
    m->data.paths = (struct path_mtu *)(void *)m->pool.base;
    shared_hash_init(&m->data.hash, &(struct shared_hash_args){.name = "path MTUs by destination",
                                                               .max = PMTUS_MAX,
                                                               .keys = m->pool.base,
                                                               .stride_bytes = m->pool.stride_bytes,
                                                               .key_words = PATH_MTU_KEY_WORDS,
                                                               .gives_back = true});
    m->data.seed ^= m->data.hash.seed[0];
    icmp6_register_type(p, ICMP6_PACKET_TOO_BIG,
                        node_register(engine_of(p), &pmtu_node, NULL, &m->data));
    __atomic_store_n(&path_mtus, &m->data, __ATOMIC_RELEASE);
    *state = m;
    return 0;
}

static void pmtu_free(void *arg)
{
    struct pmtu *m = arg;
    shared_hash_fini(&m->data.hash);
    pool_fini(&m->pool);
    free(m);
}

void pmtu_stop(struct piste *p, void *state)
{
    struct pmtu *m = state;
    __atomic_store_n(&path_mtus, NULL, __ATOMIC_RELEASE);
    if (m->timer)
        loop_timer_del(p->loop, m->timer);
    engine_defer_free(engine_of(p), pmtu_free, m); /* behind those that wait for that */
}
