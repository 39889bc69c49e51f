#include "net/features/pg/pg_api.h"

#include <errno.h>

#include "api/api_pg.h"
#include "control/api.h"
#include "net/features/pg/pg.h"

#define CANNOT_CREATE_PCAP_FILE (-93) /* VPP's number for any failure of pg_capture */

static i32 pg_api_create(struct api_call *c, u32 id, bool gso, u32 gso_size, u8 mode, u32 flags,
                         u32 *index)
{
    struct if_index i;
    *index = UINT32_MAX;
    if (mode > PG_API_MODE_IP6)
        return API_INVALID_VALUE;
    struct pg_interface_args args = {
        .id = id,
        .mode = (enum pg_mode)mode,
        .gso = gso,
        .gso_size = gso_size,
        .csum_offload = flags & PG_API_FLAG_CSUM_OFFLOAD,
        .coalesce = flags & PG_API_FLAG_GRO_COALESCE,
    };
    int rc = pg_interface_create(c->piste, &args, &i, NULL);
    if (!rc)
        *index = i.i;
    return api_retval(rc);
}

static void pg_api_create_v1(struct api_call *c)
{
    const struct api_pg_create_interface *m = c->msg;
    struct api_pg_create_interface_reply reply = {0};
    reply.retval =
        pg_api_create(c, m->interface_id, m->gso_enabled, m->gso_size, 0, 0, &reply.sw_if_index);
    api_reply(c, &api_message_pg_create_interface_reply, &reply);
}

static void pg_api_create_v2(struct api_call *c)
{
    const struct api_pg_create_interface_v2 *m = c->msg;
    struct api_pg_create_interface_v2_reply reply = {0};
    reply.retval = pg_api_create(c, m->interface_id, m->gso_enabled, m->gso_size, m->mode, 0,
                                 &reply.sw_if_index);
    api_reply(c, &api_message_pg_create_interface_v2_reply, &reply);
}

static void pg_api_create_v3(struct api_call *c)
{
    const struct api_pg_create_interface_v3 *m = c->msg;
    struct api_pg_create_interface_v3_reply reply = {0};
    reply.retval = pg_api_create(c, m->interface_id, m->pg_flags & PG_API_FLAG_GSO, m->gso_size,
                                 m->mode, m->pg_flags, &reply.sw_if_index);
    api_reply(c, &api_message_pg_create_interface_v3_reply, &reply);
}

static struct if_index index_of(u32 sw_if_index)
{
    return (struct if_index){sw_if_index};
}

static void pg_api_delete(struct api_call *c)
{
    const struct api_pg_delete_interface *m = c->msg;
    int rc = pg_interface_delete(c->piste, index_of(m->sw_if_index), NULL);
    api_reply_retval(c, rc ? API_INVALID_SW_IF_INDEX : 0);
}

static void set_coalesce(struct api_call *c)
{
    const struct api_pg_interface_enable_disable_coalesce *m = c->msg;
    struct if_index i = index_of(m->sw_if_index);
    if (!pg_interface_is(c->piste, i))
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_errno(c, pg_interface_set_coalesce(c->piste, i, m->coalesce_enabled, NULL));
}

static void pg_api_capture(struct api_call *c)
{
    const struct api_pg_capture *m = c->msg;
    struct if_index i;
    int rc = 0;
    if (!pg_interface_by_id(c->piste, m->interface_id, &i)) {
        api_reply_retval(c, 0); /* as VPP does: clients stop captures of what is gone */
        return;
    }
    if (m->is_enabled)
        rc = pg_capture_start(c->piste, i, m->pcap_file_name, m->count, NULL);
    else
        pg_capture_stop(c->piste, i);
    api_reply_retval(c, rc ? CANNOT_CREATE_PCAP_FILE : 0);
}

/* An unknown name stands for all. */
static void pg_api_enable_disable(struct api_call *c)
{
    const struct api_pg_enable_disable *m = c->msg;
    const char *name = *m->stream_name ? m->stream_name : NULL;
    int rc = name ? pg_stream_enable(c->piste, name, m->is_enabled, NULL) : -ENOENT;
    if (rc == -ENOENT)
        rc = pg_stream_enable(c->piste, NULL, m->is_enabled, NULL);
    api_reply_errno(c, rc);
}

const struct api_handler pg_api_handlers[] = {
    {&api_message_pg_create_interface, pg_api_create_v1},
    {&api_message_pg_create_interface_v2, pg_api_create_v2},
    {&api_message_pg_create_interface_v3, pg_api_create_v3},
    {&api_message_pg_delete_interface, pg_api_delete},
    {&api_message_pg_interface_enable_disable_coalesce, set_coalesce},
    {&api_message_pg_capture, pg_api_capture},
    {&api_message_pg_enable_disable, pg_api_enable_disable},
    {0},
};
