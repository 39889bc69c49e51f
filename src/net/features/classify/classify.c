/* Tables and sessions of the classifier. See classify.h. */
#include "net/features/classify/classify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/vec.h"
#include "control/loop.h"
#include "control/module.h"
#include "net/features/classify/classify_internal.h"
#include "net/ip/fib/fib.h"

#define SESSIONS_A_PIECE 1024

struct classify_table **classify_tables;
struct shared_hash *classify_sessions;
struct counter_vec *classify_hits;

const char classify_module_name[] = "classify";

struct classify *classify_of(const struct piste *p)
{
    return module_state(p, classify_module_name);
}

static struct classify_table_full *table_at(u32 i)
{
    return (struct classify_table_full *)(void *)(i < CLASSIFY_TABLES_MAX ? classify_tables[i]
                                                                          : NULL);
}

struct classify_table_full *classify_table_find(u32 i, struct error *e)
{
    struct classify_table_full *t = table_at(i);
    if (!t)
        error_set(e, ENOENT, "no such classifier table %u", i);
    return t;
}

/* --- tables --- */

/* Before t's next table becomes that one. */
static void table_chain(const struct classify_table_full *t, u32 next)
{
    if (table_at(t->data.next_table))
        table_at(t->data.next_table)->chained--;
    if (table_at(next))
        table_at(next)->chained++;
}

static int classify_check_args(const struct classify_table_args *a, struct error *e)
{
    if (!a->match || a->match > CLASSIFY_MATCH_MAX)
        return error_set(e, EINVAL, "a classifier table matches 1 to %d vectors of %d bytes",
                         CLASSIFY_MATCH_MAX, CLASSIFY_VECTOR_BYTES);
    if (a->skip > CLASSIFY_SKIP_MAX)
        return error_set(e, EINVAL, "a classifier table skips up to %d vectors", CLASSIFY_SKIP_MAX);
    if (a->offset < INT16_MIN || a->offset > INT16_MAX)
        return error_set(e, EINVAL, "the offset %d is too far away", a->offset);
    if (a->next_table != CLASSIFY_NONE && !table_at(a->next_table))
        return error_set(e, ENOENT, "no such classifier table %u", a->next_table);
    return 0;
}

int classify_table_add(struct piste *p, const struct classify_table_args *a, u32 *index,
                       struct error *e)
{
    struct classify *c = classify_of(p);
    u32 i = *index;
    int rc = classify_check_args(a, e);
    if (rc)
        return rc;
    if (i == CLASSIFY_NONE)
        i = numbers_lowest(&c->table_indices);
    if (i >= CLASSIFY_TABLES_MAX)
        return error_set(e, ENOSPC, "at most %d classifier tables are possible",
                         CLASSIFY_TABLES_MAX);
    if (classify_tables[i])
        return error_set(e, EEXIST, "there is a classifier table %u", i);
    struct classify_table_full *t = mem_alloc(sizeof(*t));
    classify_sessions_prepare(c, a->match);
    memcpy(t->data.mask, a->mask, a->match * (size_t)CLASSIFY_VECTOR_BYTES);
    t->sessions = INDEX_LIST_EMPTY;
    t->data.serial = c->n_serials++;
    t->data.index = i;
    t->data.next_table = CLASSIFY_NONE;
    table_chain(t, a->next_table);
    t->data.next_table = a->next_table;
    t->data.miss_next = a->miss_next;
    t->data.offset = (i16)a->offset;
    t->data.skip = (u16)a->skip;
    t->data.match = (u16)a->match;
    t->data.current = a->current;
    t->buckets = a->buckets;
    __atomic_store_n(&classify_tables[i], &t->data, __ATOMIC_RELEASE);
    numbers_take(&c->table_indices, i);
    c->n_tables++;
    *index = i;
    return 0;
}

int classify_table_set(struct piste *p, u32 index, u32 next_table, u32 miss_next, struct error *e)
{
    struct classify_table_full *t = classify_table_find(index, e);
    if (!t || (next_table != CLASSIFY_NONE && !classify_table_find(next_table, e)))
        return -ENOENT;
    table_chain(t, next_table);
    __atomic_store_n(&t->data.next_table, next_table, __ATOMIC_RELAXED);
    __atomic_store_n(&t->data.miss_next, miss_next, __ATOMIC_RELAXED);
    return 0;
}

/* Sessions of a table that nobody finds any more: their keys have its serial number, so that a
 * later table of the same index has nothing to do with them. false: there are none left. */
static bool leave_piece(void *arg)
{
    struct piste *p = arg;
    struct classify *c = classify_of(p);
    if (!c->leaving.n)
        return false;
    if (!classify_sessions_delete(p, c->leaving.v[0], SESSIONS_A_PIECE)) {
        engine_defer_free(engine_of(p), free, c->leaving.v[0]);
        vec_del(&c->leaving, 0);
    }
    return c->leaving.n;
}

static void table_delete(struct piste *p, u32 index)
{
    struct classify_table_full *t = table_at(index);
    table_chain(t, CLASSIFY_NONE);
    __atomic_store_n(&t->data.next_table, CLASSIFY_NONE, __ATOMIC_RELAXED);
    __atomic_store_n(&classify_tables[index], NULL, __ATOMIC_RELEASE);
    /* who chains to this index does not come upon a later table of the same index */
    for (u32 k = 0; k < CLASSIFY_TABLES_MAX && t->chained; k++)
        if (classify_tables[k] && classify_tables[k]->next_table == index)
            __atomic_store_n(&classify_tables[k]->next_table, CLASSIFY_NONE, __ATOMIC_RELAXED);
    numbers_give(&classify_of(p)->table_indices, index);
    classify_of(p)->n_tables--;
    vec_add(&classify_of(p)->leaving, t);
    if (leave_piece(p))
        loop_work_add(p->loop, leave_piece, p);
}

int classify_table_del(struct piste *p, u32 index, bool chain, struct error *e)
{
    struct classify_table_full *t = classify_table_find(index, e);
    if (!t)
        return -ENOENT;
    u32 depth = 0;
    for (u32 i = index; t; t = table_at(i)) {
        if (t->users)
            return error_set(e, EBUSY, "classifier table %u is in use", i);
        i = t->data.next_table;
        if (!chain || ++depth > CLASSIFY_TABLES_MAX) /* all of them: a ring */
            break;
    }
    while ((t = table_at(index))) {
        u32 next = t->data.next_table;
        table_delete(p, index);
        if (!chain)
            break;
        index = next;
    }
    return 0;
}

int classify_table_ref(struct piste *p, u32 index, struct error *e)
{
    struct classify_table_full *t = classify_table_find(index, e);
    if (!t)
        return -ENOENT;
    t->users++;
    return 0;
}

void classify_table_unref(struct piste *p, u32 index)
{
    table_at(index)->users--;
}

u32 classify_table_next(const struct piste *p, u32 from)
{
    if (!classify_of(p)->n_tables)
        return CLASSIFY_NONE;
    for (; from < CLASSIFY_TABLES_MAX; from++)
        if (classify_tables[from])
            return from;
    return CLASSIFY_NONE;
}

u32 classify_table_buckets(const struct piste *p, u32 table)
{
    return table_at(table)->buckets;
}

/* --- policers --- */

void classify_set_policers(struct piste *p, const struct classify_policers *x)
{
    classify_of(p)->policers = x;
}

int classify_policer_find(struct piste *p, const char *name, u32 *index, struct error *e)
{
    const struct classify_policers *x = classify_of(p)->policers;
    return x ? x->find(p, name, index, e) : error_set(e, ENOENT, "no such policer %s", name);
}

const char *classify_policer_name(struct piste *p, u32 index)
{
    const struct classify_policers *x = classify_of(p)->policers;
    return x ? x->name(p, index) : NULL;
}

static void mark_chain(void *arg, u32 table)
{
    bool *marked = arg;
    for (; table_at(table) && !marked[table]; table = table_at(table)->data.next_table)
        marked[table] = true;
}

bool *classify_policed_tables(struct piste *p)
{
    const struct classify_policers *x = classify_of(p)->policers;
    bool *marked = mem_alloc(CLASSIFY_TABLES_MAX * sizeof(*marked));
    if (x)
        x->each_table(p, mark_chain, marked);
    return marked;
}

/* --- module --- */

int classify_init(struct piste *p, void **state, struct error *e)
{
    struct classify *c = mem_alloc(sizeof(*c));
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    int rc = mem_map_new(&c->tables_map, "classify-tables", CLASSIFY_TABLES_MAX * sizeof(void *),
                         page, false, e);
    if (rc) {
        free(c);
        return rc;
    }
    classify_tables = c->tables_map.base;
    classify_sessions = c->by_key;
    classify_hits =
        counter_vec_new(engine_of(p), "/net/classify/hits", false, CLASSIFY_SESSIONS_MAX);
    pool_init(&c->ids, "classify-sessions", 8, 8, CLASSIFY_SESSIONS_MAX);
    *state = c;
    return 0;
}

static void classify_free(void *arg)
{
    struct classify *c = arg;
    classify_sessions_fini(c);
    pool_fini(&c->ids);
    numbers_fini(&c->table_indices);
    mem_map_free(&c->tables_map);
    free(c);
}

void classify_stop(struct piste *p, void *state)
{
    struct classify *c = state;
    u32 i = 0;
    while (c->n_tables && (i = classify_table_next(p, i)) != CLASSIFY_NONE)
        table_delete(p, i);
    while (leave_piece(p))
        ;
    loop_work_del(p->loop, leave_piece, p);
    vec_free(&c->leaving);
    for (struct classify_session_walk *w = c->walks; w; w = w->other)
        w->piste = NULL;
    counter_vec_free(classify_hits);
    classify_tables = NULL;
    classify_sessions = NULL;
    engine_defer_free(engine_of(p), classify_free, c); /* behind the sessions that wait for that */
}

void classify_show_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct classify *c = state;
    for (u32 k = 0; k < CLASSIFY_MATCH_MAX; k++) {
        char name[48];
        snprintf(name, sizeof(name), "classify sessions of %u vectors", k + 1);
        if (c->by_key[k].buckets)
            module_tell_shared_hash(tell, arg, name, &c->by_key[k]);
    }
}
