#include "net/link/vlan/vlan_api.h"

#include <errno.h>

#include "api/api_interface.h"
#include "control/api.h"
#include "control/module.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "net/link/vlan/vlan_internal.h"

static i32 vlan_api_create(struct piste *p, u32 sw_if_index, u32 id,
                           const struct vlan_match_spec *m, u32 *made)
{
    struct interface *f = api_interface(p, sw_if_index);
    struct if_index i = IF_NONE;
    *made = UINT32_MAX;
    if (!f)
        return API_INVALID_SW_IF_INDEX;
    if (!if_is_none(vlan_find(p, f->index, id)))
        return API_VLAN_ALREADY_EXISTS;
    int rc = vlan_create(p, f->index, id, m, &i, NULL);
    *made = i.i;
    /* another one has those tags: as VPP says it */
    return rc == -EEXIST ? API_UNSPECIFIED : rc == -EINVAL ? API_INVALID_VLAN : api_retval(rc);
}

static void create_vlan_subif(struct api_call *c)
{
    const struct api_create_vlan_subif *m = c->msg;
    const struct vlan_match_spec spec = {
        .kind = VLAN_KIND_ONE_TAG, .exact = true, .outer = (u16)m->vlan_id};
    struct api_create_vlan_subif_reply reply = {.retval = API_INVALID_VLAN,
                                                .sw_if_index = UINT32_MAX};
    if (m->vlan_id && m->vlan_id <= VLAN_ID_MAX)
        reply.retval =
            vlan_api_create(c->piste, m->sw_if_index, m->vlan_id, &spec, &reply.sw_if_index);
    else if (!api_interface(c->piste, m->sw_if_index))
        reply.retval = API_INVALID_SW_IF_INDEX;
    api_reply(c, &api_message_create_vlan_subif_reply, &reply);
}

static void create_subif(struct api_call *c)
{
    const struct api_create_subif *m = c->msg;
    u32 f = m->sub_if_flags;
    const struct vlan_match_spec spec = {
        .kind = f & SUB_IF_API_FLAG_DEFAULT    ? VLAN_KIND_DEFAULT
                : f & SUB_IF_API_FLAG_TWO_TAGS ? VLAN_KIND_TWO_TAGS
                : f & SUB_IF_API_FLAG_ONE_TAG  ? VLAN_KIND_ONE_TAG
                                               : VLAN_KIND_UNTAGGED,
        .dot1ad = (f & SUB_IF_API_FLAG_DOT1AD) != 0,
        .exact = (f & SUB_IF_API_FLAG_EXACT_MATCH) != 0,
        .outer = f & SUB_IF_API_FLAG_OUTER_VLAN_ID_ANY ? VLAN_ANY : m->outer_vlan_id,
        .inner = f & SUB_IF_API_FLAG_INNER_VLAN_ID_ANY ? VLAN_ANY : m->inner_vlan_id,
    };
    struct api_create_subif_reply reply;
    reply.retval = vlan_api_create(c->piste, m->sw_if_index, m->sub_id, &spec, &reply.sw_if_index);
    api_reply(c, &api_message_create_subif_reply, &reply);
}

static void delete_subif(struct api_call *c)
{
    const struct api_delete_subif *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else if (vlan_delete(c->piste, f->index, NULL))
        api_reply_retval(c, API_INVALID_SUB_SW_IF_INDEX);
    else
        api_reply_retval(c, 0);
}

/* --- details --- */

static void sub_details(const struct sub *sub, struct api_sw_interface_details *out)
{
    static const u32 kinds[] = {
        [VLAN_KIND_UNTAGGED] = SUB_IF_API_FLAG_NO_TAGS,
        [VLAN_KIND_DEFAULT] = SUB_IF_API_FLAG_DEFAULT,
        [VLAN_KIND_ONE_TAG] = SUB_IF_API_FLAG_ONE_TAG,
        [VLAN_KIND_TWO_TAGS] = SUB_IF_API_FLAG_TWO_TAGS,
    };
    const struct vlan_match_spec *m = &sub->m;
    u8 n_tags = m->kind == VLAN_KIND_TWO_TAGS ? 2 : m->kind == VLAN_KIND_ONE_TAG ? 1 : 0;
    bool any_outer = n_tags && m->outer == VLAN_ANY, any_inner = n_tags > 1 && m->inner == VLAN_ANY;
    out->sub_id = sub->id;
    out->sub_number_of_tags = n_tags;
    out->sub_outer_vlan_id = n_tags && !any_outer ? m->outer : 0;
    out->sub_inner_vlan_id = n_tags > 1 && !any_inner ? m->inner : 0;
    out->sub_if_flags = kinds[m->kind] | (m->dot1ad ? SUB_IF_API_FLAG_DOT1AD : 0) |
                        (m->exact ? SUB_IF_API_FLAG_EXACT_MATCH : 0) |
                        (any_outer ? SUB_IF_API_FLAG_OUTER_VLAN_ID_ANY : 0) |
                        (any_inner ? SUB_IF_API_FLAG_INNER_VLAN_ID_ANY : 0);
}

/* What is said of an interface's tags: those that it takes. */
static void vlan_api_details(const struct piste *p, struct if_index i,
                             struct api_sw_interface_details *out)
{
    const struct vlans *s = vlans_of(p);
    if (i.i < s->subs.n && s->subs.v[i.i])
        sub_details(s->subs.v[i.i], out);
}

int vlan_api_init(struct piste *p, void **state, struct error *e)
{
    interface_api_on_details(p, vlan_api_details);
    return 0;
}

const struct api_handler vlan_api[] = {
    {&api_message_create_vlan_subif, create_vlan_subif},
    {&api_message_create_subif, create_subif},
    {&api_message_delete_subif, delete_subif},
    {0},
};
