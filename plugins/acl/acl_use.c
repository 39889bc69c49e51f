/* Contexts that other plugins have; see acl_use.h. */
#include "plugins/acl/acl_use.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/acl/acl_internal.h"

const struct acl_user acl_user_interface = {"interface ACL", {"sw_if_index", "is_input"}};

static void use_user_add(struct piste *p, const struct acl_user *user)
{
    vec_add(&acl_state_of(p)->users, user);
}

static struct acl_used *use_find(struct acl_state *s, const struct acl_context *c)
{
    for (u32 k = 0; k < s->used.n; k++)
        if (s->used.v[k].context == c)
            return &s->used.v[k];
    return NULL;
}

static int use_context_new(struct piste *p, const struct acl_user *user, const u32 values[2],
                           const u32 *lists, u32 n, const struct acl_context *old,
                           struct acl_context **out, struct error *e)
{
    struct acl_state *s = acl_state_of(p);
    for (u32 k = 0; k < n; k++)
        if (!acl_list_at(p, lists[k]))
            return error_set(e, ENOENT, "there is no ACL %u", lists[k]);
    struct acl_context *c = acl_context_new(s, lists, n, old);
    struct acl_used *used = old ? use_find(s, old) : NULL;
    if (used)
        used->context = c;
    else
        vec_add(&s->used, ((struct acl_used){user, {values[0], values[1]}, c}));
    *out = c;
    return 0;
}

static void use_context_free(struct piste *p, struct acl_context *c)
{
    struct acl_state *s = acl_state_of(p);
    struct acl_used *used = use_find(s, c);
    if (used) { /* nothing stands for it */
        vec_del(&s->used, (u32)(used - s->used.v));
        acl_context_end(s, c);
    }
    engine_defer_free(engine_of(p), free, c);
}

const struct acl_used *acl_use_has(const struct acl_state *s, u32 list)
{
    for (u32 k = 0; k < s->used.n; k++)
        if (acl_context_has(s->used.v[k].context, list))
            return &s->used.v[k];
    return NULL;
}

void acl_use_init(struct acl_state *s)
{
    s->exports = (struct acl_use_exports){.lists = acl_lists,
                                          .common = acl_common,
                                          .user_add = use_user_add,
                                          .context_new = use_context_new,
                                          .context_free = use_context_free};
    vec_add(&s->users, &acl_user_interface);
}

void acl_use_fini(struct acl_state *s)
{
    vec_free(&s->users);
    vec_free(&s->used);
}
