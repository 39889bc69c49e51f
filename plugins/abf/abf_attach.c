/* Policies on interfaces: what packets meet there; see abf.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/feature.h"
#include "engine/probe.h"
#include "engine/thread.h"
#include "net/link/interface/interface.h"
#include "plugins/abf/abf.h"

static struct log_class log_class = {"abf", NULL};

struct abf_interface *abf_interfaces;

static const struct {
    const char *arc, *node;
} points[IP_FAMILY_N] = {
    [IP_FAMILY_4] = {"ip4-unicast", "abf-input-ip4"},
    [IP_FAMILY_6] = {"ip6-unicast", "abf-input-ip6"},
};

/* --- chains --- */

static bool abf_is_of(const struct abf_attachment *a, struct if_index i, enum ip_family f)
{
    return if_equal(a->interface, i) && a->family == f;
}

/* What the attachments of an interface come to: *out, NULL for none. old: what it replaces. */
static int abf_chain_new(const struct abf_state *s, struct if_index i, enum ip_family f,
                         const struct abf_chain *old, struct abf_chain **out, struct error *e)
{
    const struct acl_use_exports *acl = acl_use_of(s->piste);
    u32 values[2] = {i.i, 0}, n = 0, *lists = mem_alloc(s->attachments.n * sizeof(*lists));
    struct abf_chain *c = mem_alloc(sizeof(*c) + s->attachments.n * sizeof(*c->lb));
    for (u32 k = 0; k < s->attachments.n; k++) {
        const struct abf_attachment *a = &s->attachments.v[k];
        const struct abf_policy *x =
            abf_is_of(a, i, f) ? abf_policy_find(s->piste, a->policy) : NULL;
        if (!x)
            continue;
        lists[n] = x->acl;
        c->lb[n++] = x->lb;
    }
    *out = n ? c : NULL;
    int rc = n ? acl->context_new(s->piste, &abf_user, values, lists, n, old ? old->context : NULL,
                                  &c->context, e)
               : 0;
    if (rc || !n)
        free(c);
    free(lists);
    return rc;
}

static void abf_chain_free(const struct abf_state *s, struct abf_chain *c)
{
    if (!c)
        return;
    acl_use_of(s->piste)->context_free(s->piste, c->context);
    engine_defer_free(engine_of(s->piste), free, c);
}

/* The attachments of an interface have changed: packets on their way meet those of before. */
static int abf_apply(struct abf_state *s, struct if_index i, enum ip_family f, struct error *e)
{
    struct engine *engine = engine_of(s->piste);
    struct abf_chain **at = &abf_interfaces[i.i].chain[f], *old = *at, *c = NULL;
    int rc = 0;
    if (!old) {
        rc = feature_enable(engine, points[f].arc, points[f].node, i, true, 0, e);
        if (rc)
            return rc;
    }
    rc = abf_chain_new(s, i, f, old, &c, e);
    if (!rc) {
        __atomic_store_n(at, c, __ATOMIC_RELEASE);
        abf_chain_free(s, old);
    }
    if (!*at && feature_enable(engine, points[f].arc, points[f].node, i, false, 0, NULL))
        log_warn(&log_class, "%s stays on interface %u", points[f].node, i.i);
    forwarding_changed(engine);
    return rc;
}

/* --- attachments --- */

static u32 abf_attachment_find(const struct abf_state *s, const struct abf_attachment *x)
{
    for (u32 k = 0; k < s->attachments.n; k++)
        if (abf_is_of(&s->attachments.v[k], x->interface, x->family) &&
            s->attachments.v[k].policy == x->policy)
            return k;
    return UINT32_MAX;
}

bool abf_is_attached(const struct piste *p, u32 policy)
{
    const struct abf_state *s = abf_state_of(p);
    for (u32 k = 0; k < s->attachments.n; k++)
        if (s->attachments.v[k].policy == policy)
            return true;
    return false;
}

static bool abf_is_before(const struct abf_attachment *a, const struct abf_attachment *b)
{
    if (a->interface.i != b->interface.i)
        return a->interface.i < b->interface.i;
    if (a->family != b->family)
        return a->family < b->family;
    return a->priority < b->priority;
}

static void abf_attachment_put(struct abf_state *s, const struct abf_attachment *x)
{
    u32 at = s->attachments.n;
    vec_add(&s->attachments, *x);
    for (; at && abf_is_before(x, &s->attachments.v[at - 1]); at--)
        s->attachments.v[at] = s->attachments.v[at - 1];
    s->attachments.v[at] = *x;
}

int abf_attach(struct piste *p, const struct abf_attachment *x, struct error *e)
{
    struct abf_state *s = abf_state_of(p);
    const struct abf_policy *policy = abf_policy_find(p, x->policy);
    if (!policy)
        return error_set(e, ENOENT, "there is no policy %u", x->policy);
    if (policy->family != x->family)
        return error_set(e, EINVAL, "policy %u is of %s", x->policy,
                         ip_family_name(policy->family));
    if (abf_attachment_find(s, x) != UINT32_MAX)
        return error_set(e, EEXIST, "policy %u is attached there", x->policy);
    abf_attachment_put(s, x);
    int rc = abf_apply(s, x->interface, x->family, e);
    if (rc)
        vec_del(&s->attachments, abf_attachment_find(s, x));
    return rc;
}

int abf_detach(struct piste *p, const struct abf_attachment *x, struct error *e)
{
    struct abf_state *s = abf_state_of(p);
    u32 at = abf_attachment_find(s, x);
    if (at == UINT32_MAX)
        return error_set(e, ENOENT, "policy %u is not attached there", x->policy);
    vec_del(&s->attachments, at);
    return abf_apply(s, x->interface, x->family, e);
}

/* --- life --- */

static void abf_on_interface(struct piste *p, struct interface *it, enum if_event ev, void *arg)
{
    struct abf_state *s = arg;
    struct error e;
    if (ev != IF_EVENT_DELETE)
        return;
    for (u32 k = s->attachments.n; k--;)
        if (if_equal(s->attachments.v[k].interface, it->index))
            vec_del(&s->attachments, k);
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        if (abf_interfaces[it->index.i].chain[f] && abf_apply(s, it->index, (enum ip_family)f, &e))
            log_warn(&log_class, "%s: %s", it->name, e.text);
}

int abf_attach_init(struct abf_state *s, struct error *e)
{
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    int rc = mem_map_new(&s->interfaces_map, "ABF interfaces", IF_MAX * sizeof(*abf_interfaces),
                         page, false, e);
    if (rc)
        return rc;
    abf_interfaces = s->interfaces_map.base;
    interface_on_event(s->piste, abf_on_interface, s);
    return 0;
}

void abf_attach_fini(struct abf_state *s)
{
    struct error e;
    while (s->attachments.n) {
        struct abf_attachment x = s->attachments.v[s->attachments.n - 1];
        s->attachments.n--;
        if (abf_apply(s, x.interface, x.family, &e))
            log_warn(&log_class, "%s", e.text);
    }
    engine_synchronize(engine_of(s->piste));
    vec_free(&s->attachments);
    mem_map_free(&s->interfaces_map);
    abf_interfaces = NULL;
}
