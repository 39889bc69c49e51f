/* Messages of l2.api about tags: their rewriting, and the filter of what is sent. */
#include <errno.h>

#include "api/api_interface.h"
#include "api/api_l2.h"
#include "base/types.h"
#include "control/api.h"
#include "control/module.h"
#include "net/l2/efp_filter.h"
#include "net/l2/l2_internal.h"
#include "net/l2/tag_rewrite.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"

/* As clients number them. */
static const u8 tag_ops[] = {
    TAG_OP_NONE,          TAG_OP_PUSH_1,        TAG_OP_PUSH_2,
    TAG_OP_POP_1,         TAG_OP_POP_2,         TAG_OP_TRANSLATE_1_1,
    TAG_OP_TRANSLATE_1_2, TAG_OP_TRANSLATE_2_1, TAG_OP_TRANSLATE_2_2,
};

static u16 tag_from_api(u32 tag)
{
    return (u16)min_u64(tag, UINT16_MAX);
}

static void tag_api_set_rewrite(struct api_call *c)
{
    const struct api_l2_interface_vlan_tag_rewrite *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    } else if (m->vtr_op >= array_len(tag_ops)) {
        api_reply_retval(c, API_INVALID_VALUE);
    } else {
        const struct tag_rewrite t = {.op = tag_ops[m->vtr_op],
                                      .dot1ad = !m->push_dot1q,
                                      .tags = {tag_from_api(m->tag1), tag_from_api(m->tag2)}};
        int rc = tag_rewrite_set(c->piste, f->index, &t, NULL);
        api_reply_retval(c, rc == -EINVAL       ? API_INVALID_VLAN_TAG_COUNT
                            : rc == -EOPNOTSUPP ? API_INVALID_INTERFACE
                            : rc == -ERANGE     ? API_INVALID_VLAN
                                                : api_retval(rc));
    }
}

static void tag_api_set_efp_filter(struct api_call *c)
{
    const struct api_l2_interface_efp_filter *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, efp_filter_set(c->piste, f->index, m->enable_disable, NULL));
}

/* Adds an interface's rewrite to what is said of it. */
static void tag_api_details(const struct piste *p, struct if_index i,
                            struct api_sw_interface_details *out)
{
    struct tag_rewrite t = tag_rewrite_of(p, i);
    while (tag_ops[out->vtr_op] != t.op)
        out->vtr_op++;
    out->vtr_push_dot1q = t.op && !t.dot1ad;
    out->vtr_tag1 = t.tags[0];
    out->vtr_tag2 = t.tags[1];
}

int tag_api_init(struct piste *p, void **state, struct error *e)
{
    interface_api_on_details(p, tag_api_details);
    return 0;
}

const struct api_handler tag_api[] = {
    {&api_message_l2_interface_vlan_tag_rewrite, tag_api_set_rewrite},
    {&api_message_l2_interface_efp_filter, tag_api_set_efp_filter},
    {0},
};
