/* Which table each interface's packets are looked up in; `set interface input acl`. See acl.h. */
#include "net/features/classify/acl.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/vec.h"
#include "control/module.h"
#include "net/features/classify/acl_internal.h"
#include "net/features/classify/classify_binding.h"
#include "net/link/interface/interface.h"

static struct log_class log_class = {"classify", "acl"};

const struct classify_point acl_kinds[ACL_KIND_N] = {
    [ACL_L2_INPUT] = {"l2-input", "l2-input-acl", "input", "l2-table"},
    [ACL_L2_OUTPUT] = {"l2-output", "l2-output-acl", "output", "l2-table"},
    [ACL_IP4_INPUT] = {"ip4-unicast", "ip4-inacl", "input", "ip4-table"},
    [ACL_IP4_OUTPUT] = {"ip4-output", "ip4-outacl", "output", "ip4-table"},
    [ACL_IP4_PUNT] = {"ip4-punt", "ip4-punt-acl", "input", "ip4-punt-table"},
    [ACL_IP6_INPUT] = {"ip6-unicast", "ip6-inacl", "input", "ip6-table"},
    [ACL_IP6_OUTPUT] = {"ip6-output", "ip6-outacl", "output", "ip6-table"},
    [ACL_IP6_PUNT] = {"ip6-punt", "ip6-punt-acl", "input", "ip6-punt-table"},
};

const char classify_acl_module_name[] = "classify-acl";

struct acl *acl_of(const struct piste *p)
{
    return module_state(p, classify_acl_module_name);
}

u32 acl_table(const struct piste *p, enum acl_kind kind, struct if_index i)
{
    return classify_bound(&acl_of(p)->bound[kind], i);
}

int acl_set(struct piste *p, struct if_index i, const u32 tables[ACL_KIND_N], bool add,
            struct error *e)
{
    return classify_bind(p, acl_kinds, acl_of(p)->bound, ACL_KIND_N, i, tables, add, e);
}

static void acl_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct acl *s = arg;
    struct error e = {0};
    if (ev == IF_EVENT_DELETE &&
        classify_unbind_all(p, acl_kinds, s->bound, ACL_KIND_N, f->index, &e))
        log_warn(&log_class, "%s: %s", f->name, e.text);
}

/* --- commands --- */

/* --- nodes --- */

/* --- module --- */

int acl_init(struct piste *p, void **state, struct error *e)
{
    struct acl *s = mem_alloc(sizeof(*s));
    interface_on_event(p, acl_on_interface, s);
    *state = s;
    return 0;
}

void acl_stop(struct piste *p, void *state)
{
    struct acl *s = state;
    for (u32 k = 0; k < ACL_KIND_N; k++)
        vec_free(&s->bound[k].tables);
    free(s);
}
