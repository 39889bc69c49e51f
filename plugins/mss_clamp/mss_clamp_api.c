/* Messages of mss_clamp.api. */
#include "api_mss_clamp.h"
#include "control/api.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "plugins/mss_clamp/mss_clamp.h"

#define MSS_CLAMP_A_REPLY 1000 /* and then a cursor to go on from */

static void mss_clamp_api_set(struct api_call *c)
{
    const struct api_mss_clamp_enable_disable *m = c->msg;
    const struct interface *it = api_interface(c->piste, m->sw_if_index);
    const struct mss_clamp x[IP_FAMILY_N] = {{m->ipv4_mss, m->ipv4_direction},
                                             {m->ipv6_mss, m->ipv6_direction}};
    if (!it)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, mss_clamp_set(c->piste, it->index, x, NULL));
}

static void mss_clamp_api_details(struct api_call *c, struct if_index i)
{
    struct mss_clamp ip4 = mss_clamp_of(c->piste, i, IP_FAMILY_4);
    struct mss_clamp ip6 = mss_clamp_of(c->piste, i, IP_FAMILY_6);
    struct api_mss_clamp_details d = {
        .sw_if_index = i.i,
        .ipv4_mss = ip4.mss,
        .ipv6_mss = ip6.mss,
        .ipv4_direction = ip4.dirs,
        .ipv6_direction = ip6.dirs,
    };
    api_reply(c, &api_message_mss_clamp_details, &d);
}

/* One interface; else all that have a setting, from the cursor on. */
static void mss_clamp_api_get(struct api_call *c)
{
    const struct api_mss_clamp_get *m = c->msg;
    struct api_mss_clamp_get_reply reply = {.cursor = UINT32_MAX};
    const struct interface *it;
    if (m->sw_if_index != UINT32_MAX) {
        it = api_interface(c->piste, m->sw_if_index);
        if (it)
            mss_clamp_api_details(c, it->index);
        else
            reply.retval = API_INVALID_SW_IF_INDEX;
        api_reply(c, &api_message_mss_clamp_get_reply, &reply);
        return;
    }
    u32 from = m->cursor == UINT32_MAX ? 0 : m->cursor, n = 0;
    for (; (it = interface_next(c->piste, from)); from = it->index.i + 1) {
        if (!mss_clamp_any(c->piste, it->index))
            continue;
        if (n++ == MSS_CLAMP_A_REPLY) {
            reply.retval = API_EAGAIN;
            reply.cursor = it->index.i;
            break;
        }
        mss_clamp_api_details(c, it->index);
    }
    api_reply(c, &api_message_mss_clamp_get_reply, &reply);
}

const struct api_handler mss_clamp_api_handlers[] = {
    {&api_message_mss_clamp_enable_disable, mss_clamp_api_set},
    {&api_message_mss_clamp_get, mss_clamp_api_get},
    {0},
};
