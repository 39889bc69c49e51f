/* Policies; see abf.h. */
#include "plugins/abf/abf.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

const char abf_module_name[] = "abf";

struct acl_list **acl_lists;
struct acl_common *acl_common;

const struct acl_user abf_user = {"ABF plugin", {"sw_if_index", NULL}};

struct abf_state *abf_state_of(const struct piste *p)
{
    return module_state(p, abf_module_name);
}

/* --- policies --- */

static struct abf_policy *abf_policy_of(struct abf_state *s, u32 id)
{
    for (u32 k = 0; k < s->policies.n; k++)
        if (s->policies.v[k].lb.i != LB_NONE.i && s->policies.v[k].id == id)
            return &s->policies.v[k];
    return NULL;
}

const struct abf_policy *abf_policy_find(const struct piste *p, u32 id)
{
    return abf_policy_of(abf_state_of(p), id);
}

static int abf_policy_new(struct abf_state *s, const struct abf_policy *x,
                          const struct fib_path *paths, u32 n, struct error *e)
{
    struct abf_policy new = *x;
    u32 at = 0;
    int rc = fib_paths_new(fib_of(s->piste), x->family, paths, n, &new.lb, e);
    if (rc)
        return rc;
    while (at < s->policies.n && s->policies.v[at].lb.i != LB_NONE.i)
        at++;
    if (at == s->policies.n)
        vec_add(&s->policies, new);
    s->policies.v[at] = new;
    return 0;
}

int abf_policy_add(struct piste *p, const struct abf_policy *x, const struct fib_path *paths, u32 n,
                   struct error *e)
{
    struct abf_state *s = abf_state_of(p);
    const struct abf_policy *have = abf_policy_of(s, x->id);
    if (!have)
        return abf_policy_new(s, x, paths, n, e);
    if (have->acl != x->acl)
        return error_set(e, EEXIST, "policy %u is by ACL %u", x->id, have->acl);
    if (have->family != x->family)
        return error_set(e, EEXIST, "policy %u is of %s", x->id, ip_family_name(have->family));
    return fib_paths_add(fib_of(p), have->lb, paths, n, e);
}

int abf_policy_del(struct piste *p, u32 id, const struct fib_path *paths, u32 n, struct error *e)
{
    struct abf_policy *x = abf_policy_of(abf_state_of(p), id);
    if (!x)
        return error_set(e, ENOENT, "there is no policy %u", id);
    int rc = n ? fib_paths_remove(fib_of(p), x->lb, paths, n, e) : -ENODATA;
    if (rc != -ENODATA)
        return rc;
    if (abf_is_attached(p, id))
        return error_set(e, EBUSY, "policy %u is attached to an interface", id);
    fib_paths_free(fib_of(p), x->lb);
    x->lb = LB_NONE;
    return 0;
}

/* --- life --- */

int abf_init(struct piste *p, void **state, struct error *e)
{
    struct abf_state *s = mem_alloc(sizeof(*s));
    s->piste = p;
    int rc = abf_attach_init(s, e);
    if (rc) {
        free(s);
        return rc;
    }
    acl_use_begin(p, &abf_user);
    *state = s;
    return 0;
}

void abf_stop(struct piste *p, void *state)
{
    struct abf_state *s = state;
    abf_attach_fini(s);
    for (u32 k = 0; k < s->policies.n; k++)
        if (s->policies.v[k].lb.i != LB_NONE.i)
            fib_paths_free(fib_of(p), s->policies.v[k].lb);
    vec_free(&s->policies);
    acl_lists = NULL;
    acl_common = NULL;
    free(s);
}
