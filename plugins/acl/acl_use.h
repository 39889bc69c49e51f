/* Access lists as other plugins look them up: a context of theirs has the lists that packets meet
 * there, in order, and follows their rules by itself; a list that a context has is not deleted.
 *
 * A plugin that needs "acl-plugin" sets acl_lists and acl_common, its own (plugins do not see each
 * other's), by acl_use_begin; its nodes then call acl_look.
 *
 * Context: control thread; acl_look and acl_key_of: any. Source: VPP's acl_plugin_exports. */
#pragma once

#include "control/module.h"
#include "plugins/acl/acl_data.h"

/* Who has contexts, and what their two numbers are; NULL: nothing. Static. */
struct acl_user {
    const char *name, *labels[2];
};

/* What the state of module "acl-plugin" begins with. */
struct acl_use_exports {
    struct acl_list **lists;
    struct acl_common *common;
    void (*user_add)(struct piste *p, const struct acl_user *user);
    /* A context; old: what it stands for from now on, whose number it takes, or NULL. -ENOENT:
     * there is no such list; *out is untouched then. */
    int (*context_new)(struct piste *p, const struct acl_user *user, const u32 values[2],
                       const u32 *lists, u32 n, const struct acl_context *old,
                       struct acl_context **out, struct error *e);
    /* It is published nowhere any more. */
    void (*context_free)(struct piste *p, struct acl_context *c);
};

static inline const struct acl_use_exports *acl_use_of(const struct piste *p)
{
    return module_state(p, "acl-plugin");
}

static inline void acl_use_begin(struct piste *p, const struct acl_user *user)
{
    acl_lists = acl_use_of(p)->lists;
    acl_common = acl_use_of(p)->common;
    acl_use_of(p)->user_add(p, user);
}
