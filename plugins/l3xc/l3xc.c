/* Cross-connects: what there is; see l3xc.h. */
#include "plugins/l3xc/l3xc.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/vec.h"
#include "engine/feature.h"
#include "engine/thread.h"
#include "net/link/interface/interface.h"

const char l3xc_module_name[] = "l3xc";

static struct log_class log_class = {"l3xc", NULL};

struct l3xc_state {
    VEC(struct l3xc) all;               /* by index; lb LB_NONE: free */
    VEC(u32) of_interface[IP_FAMILY_N]; /* index + 1; 0: none */
};

static const struct {
    const char *arc, *node;
} points[IP_FAMILY_N] = {
    [IP_FAMILY_4] = {"ip4-unicast", "l3xc-input-ip4"},
    [IP_FAMILY_6] = {"ip6-unicast", "l3xc-input-ip6"},
};

static struct l3xc_state *l3xc_state_of(const struct piste *p)
{
    return module_state(p, l3xc_module_name);
}

u32 l3xc_find(const struct piste *p, struct if_index i, enum ip_family f)
{
    const struct l3xc_state *s = l3xc_state_of(p);
    return i.i < s->of_interface[f].n ? s->of_interface[f].v[i.i] - 1 : L3XC_NONE;
}

const struct l3xc *l3xc_next(const struct piste *p, u32 from, u32 *index)
{
    const struct l3xc_state *s = l3xc_state_of(p);
    for (; from < s->all.n; from++)
        if (s->all.v[from].lb.i != LB_NONE.i) {
            *index = from;
            return &s->all.v[from];
        }
    return NULL;
}

static u32 l3xc_place(struct l3xc_state *s)
{
    for (u32 k = 0; k < s->all.n; k++)
        if (s->all.v[k].lb.i == LB_NONE.i)
            return k;
    vec_add(&s->all, ((struct l3xc){.lb = LB_NONE}));
    return s->all.n - 1;
}

static int l3xc_new(struct piste *p, struct if_index i, enum ip_family f,
                    const struct fib_path *paths, u32 n, u32 *index, struct error *e)
{
    struct l3xc_state *s = l3xc_state_of(p);
    struct l3xc x = {i, f, LB_NONE};
    int rc = fib_paths_new(fib_of(p), f, paths, n, &x.lb, e);
    if (rc)
        return rc;
    *index = l3xc_place(s);
    rc = feature_enable(engine_of(p), points[f].arc, points[f].node, i, true,
                        l3xc_data(*index, x.lb), e);
    if (rc) {
        fib_paths_free(fib_of(p), x.lb);
        return rc;
    }
    s->all.v[*index] = x;
    while (s->of_interface[f].n <= i.i)
        vec_add(&s->of_interface[f], 0);
    s->of_interface[f].v[i.i] = *index + 1;
    return 0;
}

int l3xc_set(struct piste *p, struct if_index i, enum ip_family f, const struct fib_path *paths,
             u32 n, u32 *index, struct error *e)
{
    *index = l3xc_find(p, i, f);
    if (*index == L3XC_NONE)
        return l3xc_new(p, i, f, paths, n, index, e);
    return fib_paths_update(fib_of(p), l3xc_state_of(p)->all.v[*index].lb, paths, n, e);
}

int l3xc_del(struct piste *p, struct if_index i, enum ip_family f, struct error *e)
{
    struct l3xc_state *s = l3xc_state_of(p);
    u32 index = l3xc_find(p, i, f);
    if (index == L3XC_NONE)
        return error_set(e, ENOENT, "no cross-connect of %s there", ip_family_name(f));
    int rc = feature_enable(engine_of(p), points[f].arc, points[f].node, i, false, 0, e);
    if (rc)
        return rc;
    fib_paths_free(fib_of(p), s->all.v[index].lb);
    s->all.v[index].lb = LB_NONE;
    s->of_interface[f].v[i.i] = 0;
    return 0;
}

/* --- life --- */

static void l3xc_on_interface(struct piste *p, struct interface *it, enum if_event ev, void *arg)
{
    const struct l3xc *x;
    struct error e;
    if (ev != IF_EVENT_DELETE)
        return;
    for (u32 k, from = 0; (x = l3xc_next(p, from, &k)); from = k + 1)
        if (fib_paths_forget(fib_of(p), x->lb, it->index, &e))
            log_warn(&log_class, "paths through %s: %s", it->name, e.text);
    for (enum ip_family f = 0; f < IP_FAMILY_N; f++)
        if (l3xc_find(p, it->index, f) != L3XC_NONE && l3xc_del(p, it->index, f, &e))
            log_warn(&log_class, "%s: %s", it->name, e.text);
}

int l3xc_init(struct piste *p, void **state, struct error *e)
{
    *state = mem_alloc(sizeof(struct l3xc_state));
    interface_on_event(p, l3xc_on_interface, NULL);
    return 0;
}

void l3xc_stop(struct piste *p, void *state)
{
    struct l3xc_state *s = state;
    vec_free(&s->all);
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        vec_free(&s->of_interface[f]);
    free(s);
}
