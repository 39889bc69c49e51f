/* Messages of interface.api about loopback interfaces. */
#include <errno.h>

#include "api/api_interface.h"
#include "api/api_l2.h"
#include "control/api.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "ports/loopback/loopback.h"
#include "ports/loopback/loopback_internal.h"

/* All zero: the switch chooses. */
static const u8 *given_mac(const u8 mac[6])
{
    static const u8 none[6];
    return memcmp(mac, none, 6) ? mac : NULL;
}

static i32 loopback_api_create(struct piste *p, bool is_bvi, const u8 mac[6], u32 instance,
                               u32 *sw_if_index)
{
    struct if_index i = IF_NONE;
    int rc = (is_bvi ? bvi_create : loopback_create)(p, given_mac(mac), instance, &i, NULL);
    *sw_if_index = i.i;
    return rc == -EEXIST ? API_INVALID_REGISTRATION : api_retval(rc);
}

static void create_loopback(struct api_call *c)
{
    const struct api_create_loopback *m = c->msg;
    struct api_create_loopback_reply reply;
    reply.retval =
        loopback_api_create(c->piste, false, m->mac_address, UINT32_MAX, &reply.sw_if_index);
    api_reply(c, &api_message_create_loopback_reply, &reply);
}

static void create_loopback_instance(struct api_call *c)
{
    const struct api_create_loopback_instance *m = c->msg;
    struct api_create_loopback_instance_reply reply;
    reply.retval =
        loopback_api_create(c->piste, false, m->mac_address,
                            m->is_specified ? m->user_instance : UINT32_MAX, &reply.sw_if_index);
    api_reply(c, &api_message_create_loopback_instance_reply, &reply);
}

static void delete_loopback(struct api_call *c)
{
    const struct api_delete_loopback *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f || loopback_delete(c->piste, f->index, NULL))
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_retval(c, 0);
}

static void loopback_api_create_bvi(struct api_call *c)
{
    const struct api_bvi_create *m = c->msg;
    struct api_bvi_create_reply reply;
    reply.retval =
        loopback_api_create(c->piste, true, m->mac, m->user_instance, &reply.sw_if_index);
    api_reply(c, &api_message_bvi_create_reply, &reply);
}

static void loopback_api_delete_bvi(struct api_call *c)
{
    const struct api_bvi_delete *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f || bvi_delete(c->piste, f->index, NULL))
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_retval(c, 0);
}

const struct api_handler loopback_api[] = {
    {&api_message_bvi_create, loopback_api_create_bvi},
    {&api_message_bvi_delete, loopback_api_delete_bvi},
    {&api_message_create_loopback, create_loopback},
    {&api_message_create_loopback_instance, create_loopback_instance},
    {&api_message_delete_loopback, delete_loopback},
    {0},
};
