/* Messages of span.api. */
#include "api/api_span.h"
#include "control/api.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "net/features/span/span_internal.h"

static_assert((u32)SPAN_RX == SPAN_STATE_API_RX && (u32)SPAN_TX == SPAN_STATE_API_TX,
              "the API's states are our directions");

static void span_enable_disable(struct api_call *c)
{
    const struct api_sw_interface_span_enable_disable *m = c->msg;
    struct interface *from = api_interface(c->piste, m->sw_if_index_from);
    struct interface *to = api_interface(c->piste, m->sw_if_index_to);
    bool to_all = m->sw_if_index_to == UINT32_MAX && !m->state; /* disabled for all */
    if (m->state > SPAN_STATE_API_RX_TX)
        api_reply_retval(c, API_UNIMPLEMENTED);
    else if (!from)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else if (from == to)
        api_reply_retval(c, API_INVALID_INTERFACE);
    else if (!to && !to_all)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX_2);
    else
        api_reply_errno(c, span_set(c->piste, from->index, to ? to->index : IF_NONE,
                                    m->is_l2 ? SPAN_L2 : SPAN_DEVICE, m->state, NULL));
}

static void span_dump(struct api_call *c)
{
    const struct api_sw_interface_span_dump *m = c->msg;
    const struct span_entry *x;
    for (u32 k = 0; (x = span_at(c->piste, k)); k++) {
        struct api_sw_interface_span_details d = {
            .sw_if_index_from = x->from.i,
            .sw_if_index_to = x->to.i,
            .state = x->directions[m->is_l2 ? SPAN_L2 : SPAN_DEVICE],
            .is_l2 = m->is_l2,
        };
        if (d.state)
            api_reply(c, &api_message_sw_interface_span_details, &d);
    }
}

const struct api_handler span_api[] = {
    {&api_message_sw_interface_span_enable_disable, span_enable_disable},
    {&api_message_sw_interface_span_dump, span_dump},
    {0},
};
