/* Which interfaces check sources; see urpf.h. */
#include "plugins/urpf/urpf.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/feature.h"
#include "engine/thread.h"
#include "net/link/interface/interface.h"

const char urpf_module_name[] = "urpf";
const char *const urpf_mode_words[URPF_MODE_N] = {"off", "loose", "strict"};
const char *const urpf_dir_words[URPF_DIR_N] = {"tx", "rx"};

static struct log_class log_class = {"urpf", NULL};

static const char *const arcs[URPF_DIR_N][IP_FAMILY_N] = {
    [URPF_TX] = {"ip4-output", "ip6-output"},
    [URPF_RX] = {"ip4-unicast", "ip6-unicast"},
};
static const char *const nodes[URPF_DIR_N][IP_FAMILY_N][URPF_MODE_N] = {
    [URPF_TX] = {{NULL, "ip4-tx-urpf-loose", "ip4-tx-urpf-strict"},
                 {NULL, "ip6-tx-urpf-loose", "ip6-tx-urpf-strict"}},
    [URPF_RX] = {{NULL, "ip4-rx-urpf-loose", "ip4-rx-urpf-strict"},
                 {NULL, "ip6-rx-urpf-loose", "ip6-rx-urpf-strict"}},
};

struct urpf_state *urpf_state_of(const struct piste *p)
{
    return module_state(p, urpf_module_name);
}

struct urpf urpf_of(const struct piste *p, struct if_index i, enum ip_family f, enum urpf_dir dir)
{
    const struct urpf_state *s = urpf_state_of(p);
    return i.i < s->of[dir][f].n ? s->of[dir][f].v[i.i] : (struct urpf){URPF_OFF, FIB_NONE};
}

/* The node of x, if any, is enabled with its table, and the other one is not. */
static int urpf_enable(struct piste *p, struct if_index i, enum ip_family f, enum urpf_dir dir,
                       struct urpf x, struct error *e)
{
    for (enum urpf_mode m = URPF_LOOSE; m < URPF_MODE_N; m++) {
        int rc = feature_enable(engine_of(p), arcs[dir][f], nodes[dir][f][m], i, false, 0, e);
        if (!rc && m == x.mode)
            rc =
                feature_enable(engine_of(p), arcs[dir][f], nodes[dir][f][m], i, true, x.table.i, e);
        if (rc)
            return rc;
    }
    return 0;
}

int urpf_set(struct piste *p, struct if_index i, enum ip_family f, enum urpf_dir dir, struct urpf x,
             struct error *e)
{
    struct urpf_state *s = urpf_state_of(p);
    struct fib *fib = fib_of(p);
    struct urpf was = urpf_of(p, i, f, dir);
    int rc = 0;
    if (x.mode == URPF_OFF)
        x.table = FIB_NONE;
    if (!fib_is_none(x.table))
        rc = fib_table_lock(fib, f, fib_table_id(fib, x.table), NULL, FIB_SOURCE_SPECIAL, &x.table,
                            e);
    if (rc)
        return rc;
    rc = urpf_enable(p, i, f, dir, x, e);
    if (rc)
        (void)!urpf_enable(p, i, f, dir, was, NULL);
    struct fib_index done_with = rc ? x.table : was.table;
    if (!fib_is_none(done_with))
        fib_table_unlock(fib, done_with, FIB_SOURCE_SPECIAL);
    if (rc)
        return rc;
    while (s->of[dir][f].n <= i.i)
        vec_add(&s->of[dir][f], ((struct urpf){URPF_OFF, FIB_NONE}));
    s->of[dir][f].v[i.i] = x;
    return 0;
}

/* --- life --- */

static void urpf_on_interface(struct piste *p, struct interface *it, enum if_event ev, void *arg)
{
    struct error e;
    if (ev != IF_EVENT_DELETE)
        return;
    for (enum urpf_dir d = 0; d < URPF_DIR_N; d++)
        for (enum ip_family f = 0; f < IP_FAMILY_N; f++)
            if (urpf_of(p, it->index, f, d).mode &&
                urpf_set(p, it->index, f, d, (struct urpf){URPF_OFF, FIB_NONE}, &e))
                log_warn(&log_class, "%s: %s", it->name, e.text);
}

int urpf_init(struct piste *p, void **state, struct error *e)
{
    *state = mem_alloc(sizeof(struct urpf_state));
    interface_on_event(p, urpf_on_interface, NULL);
    return 0;
}

void urpf_stop(struct piste *p, void *state)
{
    struct urpf_state *s = state;
    for (u32 d = 0; d < URPF_DIR_N; d++)
        for (u32 f = 0; f < IP_FAMILY_N; f++)
            vec_free(&s->of[d][f]);
    free(s->accepted);
    free(s);
}
