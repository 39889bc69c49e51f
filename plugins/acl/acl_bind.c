/* What interfaces have of access lists: contexts, and types of frames that are no IP. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/probe.h"
#include "net/link/interface/interface.h"
#include "plugins/acl/acl_internal.h"

static struct log_class log_class = {"acl", "interface"};

struct acl_interface *acl_interfaces;

#define BIND_POINTS 4
static const struct acl_bind_point bind_points[ACL_DIRECTION_N][BIND_POINTS] = {
    [ACL_INPUT] = {{"ip4-unicast", "acl-plugin-in-ip4-fa"},
                   {"ip6-unicast", "acl-plugin-in-ip6-fa"},
                   {"l2-input", "acl-plugin-in-ip4-l2"},
                   {"l2-input", "acl-plugin-in-ip6-l2"}},
    [ACL_OUTPUT] = {{"ip4-output", "acl-plugin-out-ip4-fa"},
                    {"ip6-output", "acl-plugin-out-ip6-fa"},
                    {"l2-output", "acl-plugin-out-ip4-l2"},
                    {"l2-output", "acl-plugin-out-ip6-l2"}},
};
static const struct acl_bind_point types_points[ACL_DIRECTION_N] = {
    [ACL_INPUT] = {"l2-input", "acl-plugin-in-nonip-l2"},
    [ACL_OUTPUT] = {"l2-output", "acl-plugin-out-nonip-l2"},
};

int acl_bind_enable(struct engine *e, const struct acl_bind_point *points, u32 n, struct if_index i,
                    bool on, struct error *err)
{
    for (u32 k = 0; k < n; k++) {
        int rc = feature_enable(e, points[k].arc, points[k].node, i, on, 0, err);
        if (!rc)
            continue;
        while (k--) /* as it was */
            (void)!feature_enable(e, points[k].arc, points[k].node, i, !on, 0, NULL);
        return rc;
    }
    return 0;
}

/* --- contexts --- */

const struct acl_context *acl_bind_context(const struct piste *p, struct if_index i,
                                           enum acl_direction d)
{
    return acl_interfaces[i.i].context[d];
}

bool acl_context_has(const struct acl_context *c, u32 list)
{
    for (u32 k = 0; c && k < c->n; k++)
        if (c->lists[k] == list)
            return true;
    return false;
}

bool acl_bind_has(const struct piste *p, u32 list, enum acl_direction d, struct if_index i)
{
    return acl_context_has(acl_bind_context(p, i, d), list);
}

bool acl_bind_any(const struct piste *p, u32 list, enum acl_direction d)
{
    struct interface *f;
    for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1)
        if (acl_bind_has(p, list, d, f->index))
            return true;
    return false;
}

static u32 bind_context_index(struct acl_state *s)
{
    if (!s->contexts_free.n)
        return s->n_contexts++;
    u32 least = 0;
    for (u32 k = 1; k < s->contexts_free.n; k++)
        if (s->contexts_free.v[k] < s->contexts_free.v[least])
            least = k;
    u32 index = s->contexts_free.v[least];
    vec_del(&s->contexts_free, least);
    return index;
}

struct acl_context *acl_context_new(struct acl_state *s, const u32 *lists, u32 n,
                                    const struct acl_context *old)
{
    struct acl_context *c = mem_alloc(sizeof(*c) + n * sizeof(*lists));
    c->index = old ? old->index : bind_context_index(s);
    c->n = n;
    memcpy(c->lists, lists, n * sizeof(*lists));
    return c;
}

void acl_context_end(struct acl_state *s, const struct acl_context *c)
{
    vec_add(&s->contexts_free, c->index);
}

static bool bind_reflects(const struct acl_context *c)
{
    bool any = false;
    for (u32 k = 0; c && k < c->n; k++)
        any |= acl_lists[c->lists[k]]->reflects;
    return any;
}

/* Its lists, or rules of theirs, have changed. Sessions stay, unless there are no lists any more.
 */
static void bind_changed(struct piste *p, struct if_index i)
{
    struct acl_interface *x = &acl_interfaces[i.i];
    bool none = !x->context[ACL_INPUT] && !x->context[ACL_OUTPUT];
    /* behind them: who reads it first may have asked those of before, and says so */
    __atomic_store_n(&x->epoch, x->epoch + 1, __ATOMIC_RELEASE);
    if (none && x->stateful) {
        engine_synchronize(engine_of(p)); /* no packet makes one any more */
        acl_sessions_clear(i);
        __atomic_store_n(&x->stateful, false, __ATOMIC_RELAXED);
    } else if (bind_reflects(x->context[ACL_INPUT]) || bind_reflects(x->context[ACL_OUTPUT])) {
        __atomic_store_n(&x->stateful, true, __ATOMIC_RELEASE);
    }
}

void acl_bind_list_changed(struct piste *p, u32 list)
{
    struct interface *f;
    for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1)
        if (acl_bind_has(p, list, ACL_INPUT, f->index) ||
            acl_bind_has(p, list, ACL_OUTPUT, f->index))
            bind_changed(p, f->index);
}

/* Packets that are on their way meet the lists, or no lists, of before. */
static int bind_replace(struct piste *p, struct if_index i, enum acl_direction d, const u32 *lists,
                        u32 n, struct error *e)
{
    struct acl_state *s = acl_state_of(p);
    struct acl_context **at = &acl_interfaces[i.i].context[d], *old = *at;
    struct acl_context *c = n ? acl_context_new(s, lists, n, old) : NULL;
    __atomic_store_n(at, c, __ATOMIC_RELEASE);
    int rc = !old == !c ? 0 : acl_bind_enable(engine_of(p), bind_points[d], BIND_POINTS, i, c, e);
    struct acl_context *gone = old;
    if (rc) {
        __atomic_store_n(at, old, __ATOMIC_RELEASE);
        gone = c;
    }
    if (gone && (rc ? !old : !c))
        acl_context_end(s, gone);
    if (gone)
        engine_defer_free(engine_of(p), free, gone);
    bind_changed(p, i);
    forwarding_changed(engine_of(p));
    return rc;
}

static int bind_check(struct piste *p, const u32 *lists, u32 n, struct error *e)
{
    for (u32 k = 0; k < n; k++) {
        if (!acl_list_at(p, lists[k]))
            return error_set(e, ENOENT, "there is no ACL %u", lists[k]);
        for (u32 j = 0; j < k; j++)
            if (lists[j] == lists[k])
                return error_set(e, EEXIST, "ACL %u is given twice", lists[k]);
    }
    return 0;
}

static u32 bind_lists(const struct piste *p, struct if_index i, enum acl_direction d,
                      u32 out[ACL_LISTS_ON_INTERFACE_MAX])
{
    const struct acl_context *c = acl_bind_context(p, i, d);
    if (c)
        memcpy(out, c->lists, c->n * sizeof(*out));
    return c ? c->n : 0;
}

int acl_bind_add(struct piste *p, struct if_index i, enum acl_direction d, u32 list,
                 struct error *e)
{
    u32 lists[ACL_LISTS_ON_INTERFACE_MAX + 1];
    u32 n = bind_lists(p, i, d, lists);
    const struct acl_context *other =
        acl_bind_context(p, i, d == ACL_INPUT ? ACL_OUTPUT : ACL_INPUT);
    if (!acl_list_at(p, list))
        return error_set(e, ENOENT, "there is no ACL %u", list);
    if (acl_bind_has(p, list, d, i))
        return error_set(e, EEXIST, "the interface has ACL %u already", list);
    if (n + (other ? other->n : 0) == ACL_LISTS_ON_INTERFACE_MAX)
        return error_set(e, ENOSPC, "an interface has at most %u ACLs", ACL_LISTS_ON_INTERFACE_MAX);
    lists[n++] = list;
    return bind_replace(p, i, d, lists, n, e);
}

int acl_bind_delete(struct piste *p, struct if_index i, enum acl_direction d, u32 list,
                    struct error *e)
{
    u32 lists[ACL_LISTS_ON_INTERFACE_MAX], n = bind_lists(p, i, d, lists), kept = 0;
    for (u32 k = 0; k < n; k++)
        if (lists[k] != list)
            lists[kept++] = lists[k];
    if (kept == n)
        return error_set(e, ESRCH, "the interface has no ACL %u in that direction", list);
    return bind_replace(p, i, d, lists, kept, e);
}

int acl_bind_set(struct piste *p, struct if_index i, const u32 *lists, u32 n_input, u32 n_output,
                 struct error *e)
{
    u32 before[ACL_LISTS_ON_INTERFACE_MAX], n_before = bind_lists(p, i, ACL_INPUT, before);
    int rc = bind_check(p, lists, n_input, e);
    if (!rc)
        rc = bind_check(p, lists + n_input, n_output, e);
    if (!rc)
        rc = bind_replace(p, i, ACL_INPUT, lists, n_input, e);
    if (rc)
        return rc;
    rc = bind_replace(p, i, ACL_OUTPUT, lists + n_input, n_output, e);
    if (rc)
        (void)!bind_replace(p, i, ACL_INPUT, before, n_before, NULL);
    return rc;
}

/* --- types of frames --- */

const struct acl_types *acl_bind_types(const struct piste *p, struct if_index i,
                                       enum acl_direction d)
{
    return acl_interfaces[i.i].types[d];
}

static int bind_types(struct piste *p, struct if_index i, enum acl_direction d, const u16 *types,
                      u32 n, struct error *e)
{
    struct acl_types **at = &acl_interfaces[i.i].types[d], *old = *at, *x = NULL;
    if (n) {
        x = mem_alloc(sizeof(*x) + n * sizeof(*types));
        x->n = n;
        memcpy(x->types, types, n * sizeof(*types));
    }
    __atomic_store_n(at, x, __ATOMIC_RELEASE);
    int rc = !old == !x ? 0 : acl_bind_enable(engine_of(p), &types_points[d], 1, i, x, e);
    if (rc)
        __atomic_store_n(at, old, __ATOMIC_RELEASE);
    if (rc ? x : old)
        engine_defer_free(engine_of(p), free, rc ? x : old);
    forwarding_changed(engine_of(p));
    return rc;
}

int acl_bind_set_types(struct piste *p, struct if_index i, const u16 *types, u32 n_input,
                       u32 n_output, struct error *e)
{
    int rc = bind_types(p, i, ACL_INPUT, types, n_input, e);
    return rc ? rc : bind_types(p, i, ACL_OUTPUT, types + n_input, n_output, e);
}

/* --- life --- */

static void bind_release(struct piste *p, struct interface *f)
{
    struct error e = {0};
    if (acl_bind_set(p, f->index, NULL, 0, 0, &e) ||
        acl_bind_set_types(p, f->index, NULL, 0, 0, &e) ||
        acl_macip_bind(p, f->index, ACL_NONE, &e))
        log_warn(&log_class, "%s: %s", f->name, e.text);
}

static void bind_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    if (ev == IF_EVENT_DELETE)
        bind_release(p, f);
}

void acl_bind_release(struct piste *p)
{
    struct interface *f;
    for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1)
        bind_release(p, f);
    engine_synchronize(engine_of(p));
}

int acl_bind_init(struct acl_state *s, struct error *e)
{
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    int rc = mem_map_new(&s->interfaces_map, "ACL interfaces", IF_MAX * sizeof(*acl_interfaces),
                         page, false, e);
    if (rc)
        return rc;
    acl_interfaces = s->interfaces_map.base;
    interface_on_event(s->piste, bind_on_interface, NULL);
    return 0;
}

void acl_bind_fini(struct acl_state *s)
{
    vec_free(&s->contexts_free);
    mem_map_free(&s->interfaces_map);
    acl_interfaces = NULL;
}
