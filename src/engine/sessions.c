/* See sessions.h. */
#include "engine/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Where there are many sessions, a packet would wait for where a small page is, too. A few take no
 * more memory than they need. */
static void prefer_huge_pages(void *p, u64 bytes)
{
    if (bytes > 2 * MEM_HUGE_PAGE_BYTES)
        mem_prefer_huge_pages((u8 *)p + MEM_HUGE_PAGE_BYTES, bytes - MEM_HUGE_PAGE_BYTES);
}

static struct session_table *sessions_table_new(const struct sessions *s, u32 thread)
{
    const struct sessions_args *a = &s->args;
    struct session_table *t = mem_alloc(sizeof(*t));
    pool_init_steady(&t->pool, a->name, a->object_bytes, 8, a->max);
    for (u32 k = 0; k < SESSION_KEYS_MAX && a->keys[k].words; k++, t->n_keys++)
        shared_hash_init(&t->by_key[k], &(struct shared_hash_args){
                                            .name = a->name,
                                            .max = a->max,
                                            .keys = t->pool.base + a->keys[k].offset_bytes,
                                            .stride_bytes = t->pool.stride_bytes,
                                            .key_words = a->keys[k].words,
                                        });
    prefer_huge_pages(t->pool.base, (u64)a->max * t->pool.stride_bytes);
    for (u32 k = 0; k < t->n_keys; k++)
        prefer_huge_pages(t->by_key[k].buckets,
                          t->by_key[k].max_buckets * sizeof(struct shared_hash_bucket));
    t->wheel = thread_timers(engine_thread(s->engine, thread));
    t->kind = s->kind;
    return t;
}

struct sessions *sessions_new(struct engine *e, const struct sessions_args *a)
{
    struct sessions *s = mem_alloc(sizeof(*s));
    *s = (struct sessions){.engine = e, .args = *a};
    s->kind = timer_kind_new(e, a->expire, a->max);
    for (u32 i = 1; i < engine_n_threads(e); i++)
        s->of_thread[i] = sessions_table_new(s, i);
    return s;
}

static void stop_one(struct thread *t, struct session_table *table, u32 i, void *arg)
{
    session_stop_timer(table, i);
}

void sessions_free(struct sessions *s)
{
    if (!s)
        return;
    for (u32 i = 1; i < engine_n_threads(s->engine); i++) {
        struct session_table *t = s->of_thread[i];
        sessions_each(s, i, stop_one, NULL);
        for (u32 k = 0; k < t->n_keys; k++)
            shared_hash_fini(&t->by_key[k]);
        pool_fini(&t->pool);
        free(t);
    }
    timer_kind_free(s->engine, s->kind);
    free(s);
}

u32 sessions_count(const struct sessions *s, u32 thread)
{
    return shared_hash_count(&s->of_thread[thread]->by_key[0]);
}

void sessions_tables(const struct sessions *s, module_table_fn *tell, void *arg)
{
    for (u32 i = 1; i < engine_n_threads(s->engine); i++)
        for (u32 k = 0; k < s->of_thread[i]->n_keys; k++) {
            char *name = mem_printf("%s, thread %u", s->args.name, i);
            module_tell_shared_hash(tell, arg, name, &s->of_thread[i]->by_key[k]);
            free(name);
        }
}

/* --- pieces, on the thread that owns them --- */

struct piece {
    struct session_table *table;
    u32 from, max;
    /* copy */
    u8 *out;
    u32 *index, object_bytes, n;
    /* or call */
    void (*fn)(struct thread *t, struct session_table *table, u32 session, void *arg);
    void *arg;
};

static void copy_piece(struct thread *t, void *arg)
{
    struct piece *x = arg;
    const struct pool *pool = &x->table->pool;
    for (; x->n < x->max; x->from++) {
        x->from = pool_next(pool, x->from);
        if (x->from == POOL_NONE)
            return;
        memcpy(x->out + (size_t)x->n * x->object_bytes, pool_at(pool, x->from), x->object_bytes);
        if (x->index)
            x->index[x->n] = x->from;
        x->n++;
    }
}

u32 sessions_copy(const struct sessions *s, u32 thread, u32 *from, void *out, u32 *index, u32 max)
{
    struct piece x = {.table = s->of_thread[thread],
                      .from = *from,
                      .max = (u32)min_u64(max, SESSIONS_A_PIECE),
                      .out = out,
                      .index = index,
                      .object_bytes = s->args.object_bytes};
    thread_call(engine_thread(s->engine, thread), copy_piece, &x);
    *from = x.from;
    return x.n;
}

static void call_piece(struct thread *t, void *arg)
{
    struct piece *x = arg;
    for (x->n = 0; x->n < SESSIONS_A_PIECE; x->from++, x->n++) {
        x->from = pool_next(&x->table->pool, x->from);
        if (x->from == POOL_NONE)
            return;
        x->fn(t, x->table, x->from, x->arg);
    }
}

void sessions_each(const struct sessions *s, u32 thread,
                   void (*fn)(struct thread *t, struct session_table *table, u32 session,
                              void *arg),
                   void *arg)
{
    struct piece x = {.table = s->of_thread[thread], .fn = fn, .arg = arg};
    while (x.from != POOL_NONE)
        thread_call(engine_thread(s->engine, thread), call_piece, &x);
}

/* --- the data thread --- */

u32 session_new(struct session_table *t)
{
    return pool_get(&t->pool);
}

bool session_add(struct session_table *t, u32 i)
{
    u32 k = 0;
    while (k < t->n_keys && shared_hash_add(&t->by_key[k], i))
        k++;
    if (likely(k == t->n_keys))
        return true;
    while (k-- > 0)
        shared_hash_remove(&t->by_key[k], i);
    pool_put(&t->pool, i);
    return false;
}

void session_delete(struct session_table *t, u32 i)
{
    session_stop_timer(t, i);
    for (u32 k = 0; k < t->n_keys; k++)
        shared_hash_remove(&t->by_key[k], i);
    pool_put(&t->pool, i);
}
