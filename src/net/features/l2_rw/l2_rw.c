/* The state of l2-rw: entries, and what interfaces have of them. */
#include "net/features/l2_rw/l2_rw.h"

#include <stdlib.h>

#include "base/mem.h"
#include "net/features/classify/classify.h"
#include "net/features/l2_rw/l2_rw_internal.h"
#include "net/link/interface/interface.h"

struct l2_rw_data *l2_rw_data;

struct l2_rw {
    struct mem_map map;
};

/* --- entries --- */

void l2_rw_entry_publish(struct piste *p, u32 i, const struct l2_rw_entry *new)
{
    const struct l2_rw_entry *old =
        __atomic_exchange_n(&l2_rw_data->entries[i], new, __ATOMIC_ACQ_REL);
    engine_defer_free(engine_of(p), free, (void *)(uintptr_t)old);
}

/* --- interfaces --- */

int l2_rw_interface_set(struct piste *p, struct if_index i, u32 table, u32 miss, struct error *e)
{
    u64 old = l2_rw_data->of_interface[i.i];
    int rc = table == L2_RW_NONE ? 0 : classify_table_ref(p, table, e);
    if (rc)
        return rc;
    __atomic_store_n(&l2_rw_data->of_interface[i.i], l2_rw_word(table, miss), __ATOMIC_RELAXED);
    if (l2_rw_table(old) != L2_RW_NONE)
        classify_table_unref(p, l2_rw_table(old));
    return 0;
}

/* --- life --- */

static void l2_rw_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct error e;
    if (ev != IF_EVENT_DELETE || !l2_rw_data->of_interface[f->index.i])
        return;
    if (l2_rw_interface_set(p, f->index, L2_RW_NONE, L2_RW_NONE, &e)) {
        /* without a table there is nothing to fail */
    }
}

int l2_rw_init(struct piste *p, void **state, struct error *e)
{
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    struct l2_rw *s = mem_alloc(sizeof(*s));
    int rc = mem_map_new(&s->map, "l2-rewrites",
                         sizeof(struct l2_rw_data) + (u64)IF_MAX * sizeof(u64), page, false, e);
    if (rc) {
        free(s);
        return rc;
    }
    __atomic_store_n(&l2_rw_data, s->map.base, __ATOMIC_RELEASE);
    interface_on_event(p, l2_rw_on_interface, s);
    *state = s;
    return 0;
}

void l2_rw_stop(struct piste *p, void *state)
{
    struct l2_rw *s = state;
    for (u32 i = 0; i < L2_RW_ENTRIES; i++)
        free((void *)(uintptr_t)l2_rw_data->entries[i]);
    l2_rw_data = NULL;
    mem_map_free(&s->map);
    free(s);
}
