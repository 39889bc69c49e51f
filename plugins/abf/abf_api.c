/* Messages of abf.api. */
#include <stdlib.h>

#include "api_abf.h"
#include "base/mem.h"
#include "net/ip/route/ip_path_api.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "plugins/abf/abf.h"

static void abf_api_version(struct api_call *c)
{
    struct api_abf_plugin_get_version_reply reply = {.major = 1, .minor = 0};
    api_reply(c, &api_message_abf_plugin_get_version_reply, &reply);
}

/* Paths tell which packets they are for: by their next hops, whose protocol these have. */
static enum ip_family abf_api_family(const struct api_type_abf_policy *m)
{
    for (u32 i = 0; i < m->n_paths; i++)
        if (m->paths[i].proto == FIB_API_PATH_NH_PROTO_IP6)
            return IP_FAMILY_6;
    return IP_FAMILY_4;
}

static i32 abf_api_policy(struct piste *p, const struct api_type_abf_policy *m, bool is_add)
{
    struct fib_path paths[FIB_PATHS_MAX];
    struct abf_policy x = {m->policy_id, m->acl_index, abf_api_family(m), LB_NONE};
    if (!m->n_paths)
        return API_INVALID_VALUE;
    i32 wrong = api_fib_paths(p, m->paths, m->n_paths, x.family, paths);
    if (wrong)
        return wrong;
    return api_retval(is_add ? abf_policy_add(p, &x, paths, m->n_paths, NULL)
                             : abf_policy_del(p, m->policy_id, paths, m->n_paths, NULL));
}

static void abf_api_policy_add_del(struct api_call *c)
{
    const struct api_abf_policy_add_del *m = c->msg;
    api_reply_retval(c, abf_api_policy(c->piste, &m->policy, m->is_add));
}

static void abf_api_policy_details(struct api_call *c, const struct abf_policy *x)
{
    struct api_type_fib_path paths[FIB_PATHS_MAX];
    u32 n = api_fib_paths_to(fib_of(c->piste), x->lb, x->family, paths);
    struct api_abf_policy_details d = {
        .policy = {.policy_id = x->id, .acl_index = x->acl, .n_paths = (u8)n, .paths = paths}};
    api_reply(c, &api_message_abf_policy_details, &d);
}

/* *state: the first place that was not told yet. */
static bool abf_api_policies_more(struct api_call *c, void *state)
{
    const struct abf_state *s = abf_state_of(c->piste);
    for (u32 *at = state; *at < s->policies.n; ++*at) {
        if (!api_room(c))
            return true;
        if (s->policies.v[*at].lb.i != LB_NONE.i)
            abf_api_policy_details(c, &s->policies.v[*at]);
    }
    return false;
}

static void abf_api_policy_dump(struct api_call *c)
{
    api_continue(c, abf_api_policies_more, free, mem_alloc(sizeof(u32)));
}

static void abf_api_attach_add_del(struct api_call *c)
{
    const struct api_abf_itf_attach_add_del *m = c->msg;
    const struct interface *it = api_interface(c->piste, m->attach.sw_if_index);
    struct abf_attachment x = {m->attach.policy_id, m->attach.priority, IF_NONE,
                               ip_family_of(m->attach.is_ipv6)};
    if (!it) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
        return;
    }
    x.interface = it->index;
    api_reply_errno(c, m->is_add ? abf_attach(c->piste, &x, NULL) : abf_detach(c->piste, &x, NULL));
}

static bool abf_api_attachments_more(struct api_call *c, void *state)
{
    const struct abf_state *s = abf_state_of(c->piste);
    for (u32 *at = state; *at < s->attachments.n; ++*at) {
        const struct abf_attachment *a = &s->attachments.v[*at];
        struct api_abf_itf_attach_details d = {
            .attach = {a->policy, a->interface.i, a->priority, a->family == IP_FAMILY_6}};
        if (!api_room(c))
            return true;
        api_reply(c, &api_message_abf_itf_attach_details, &d);
    }
    return false;
}

static void abf_api_attach_dump(struct api_call *c)
{
    api_continue(c, abf_api_attachments_more, free, mem_alloc(sizeof(u32)));
}

const struct api_handler abf_api_handlers[] = {
    {&api_message_abf_plugin_get_version, abf_api_version},
    {&api_message_abf_policy_add_del, abf_api_policy_add_del},
    {&api_message_abf_policy_dump, abf_api_policy_dump},
    {&api_message_abf_itf_attach_add_del, abf_api_attach_add_del},
    {&api_message_abf_itf_attach_dump, abf_api_attach_dump},
    {0},
};
