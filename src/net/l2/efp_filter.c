/* The control side of l2-efp-filter. Tags that a rewrite takes away on the way out are looked at by
 * l2-output, which does that (struct l2_rewrites: strict). Source: VPP's behaviour and words. */
#include "net/l2/efp_filter.h"

#include <errno.h>
#include <stdlib.h>

#include "base/vec.h"
#include "control/module.h"
#include "net/l2/efp_filter_internal.h"
#include "net/link/interface/interface.h"
#include "net/l2/l2.h"

const char efp_filter_module_name[] = "efp-filter";

static struct efp_filter *efp_filter_state_of(const struct piste *p)
{
    return module_state(p, efp_filter_module_name);
}

/* Place of i in the list, or its length. */
static u32 efp_filter_place_of(const struct efp_filter *s, struct if_index i)
{
    u32 k = 0;
    while (k < s->on.n && !if_equal(s->on.v[k], i))
        k++;
    return k;
}

bool efp_filter_is_on(const struct piste *p, struct if_index i)
{
    const struct efp_filter *s = efp_filter_state_of(p);
    return s && efp_filter_place_of(s, i) < s->on.n;
}

int efp_filter_set(struct piste *p, struct if_index i, bool on, struct error *e)
{
    struct efp_filter *s = efp_filter_state_of(p);
    const struct interface *f = interface_at(p, i);
    u32 k = efp_filter_place_of(s, i);
    if (!f || !f->has_mac || f->cls->is_ip)
        return error_set(e, EOPNOTSUPP, "bridged interface must be ethernet");
    if (on == (k < s->on.n))
        return 0;
    int rc = feature_enable(engine_of(p), "l2-output", "l2-efp-filter", i, on, f->parent.i, e);
    if (rc)
        return rc;
    if (on)
        vec_add(&s->on, i);
    else
        vec_del(&s->on, k);
    l2_rewrites_changed(p, i);
    return 0;
}

static void efp_filter_on_interface(struct piste *p, struct interface *f, enum if_event ev,
                                    void *arg)
{
    struct efp_filter *s = arg;
    u32 k = efp_filter_place_of(s, f->index);
    if (ev == IF_EVENT_DELETE && k < s->on.n)
        vec_del(&s->on, k); /* its features go with it */
}

/* --- commands --- */

/* --- node --- */

/* --- module --- */

int efp_filter_init(struct piste *p, void **state, struct error *e)
{
    struct efp_filter *s = mem_alloc(sizeof(*s));
    interface_on_event(p, efp_filter_on_interface, s);
    *state = s;
    return 0;
}

void efp_filter_stop(struct piste *p, void *state)
{
    struct efp_filter *s = state;
    vec_free(&s->on);
    free(s);
}
