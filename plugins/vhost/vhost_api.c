/* Messages of vhost_user.api. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api_vhost_user.h"
#include "net/link/interface/interface_api.h"
#include "plugins/vhost/vhost_internal.h"

static i32 vhost_api_retval(int rc)
{
    switch (rc) {
    case -EEXIST:
        return API_IF_ALREADY_EXISTS;
    case -ENODEV:
        return API_INVALID_SW_IF_INDEX;
    case -EINVAL:
        return API_INVALID_ARGUMENT;
    default:
        return rc ? API_SYSCALL_ERROR_1 : API_OK;
    }
}

static i32 vhost_api_make(struct api_call *c, const struct api_create_vhost_user_if_v2 *m,
                          u32 *sw_if_index)
{
    struct if_index i;
    struct vhost_args a = {
        .filename = m->sock_filename,
        .is_server = m->is_server,
        .gso = m->enable_gso,
        .packed = m->enable_packed,
        .event_idx = m->enable_event_idx,
        .renumber = m->renumber,
        .instance = m->custom_dev_instance,
        .feature_mask = ~((m->disable_mrg_rxbuf ? VHOST_BIT(VIRTIO_NET_F_MRG_RXBUF) : 0) |
                          (m->disable_indirect_desc ? VHOST_BIT(VIRTIO_F_INDIRECT_DESC) : 0)),
        .hw_addr = m->use_custom_mac ? m->mac_address : NULL,
    };
    *sw_if_index = UINT32_MAX;
    int rc = *m->tag ? interface_check_tag(m->tag, NULL) : 0;
    if (!rc)
        rc = vhost_create(c->piste, &a, &i, NULL);
    if (rc)
        return vhost_api_retval(rc);
    *sw_if_index = i.i;
    return *m->tag ? api_retval(interface_set_tag(c->piste, i, m->tag, NULL)) : API_OK;
}

static void vhost_api_create_v2(struct api_call *c)
{
    struct api_create_vhost_user_if_v2_reply reply;
    reply.retval = vhost_api_make(c, c->msg, &reply.sw_if_index);
    api_reply(c, &api_message_create_vhost_user_if_v2_reply, &reply);
}

static void vhost_api_create(struct api_call *c)
{
    const struct api_create_vhost_user_if *m = c->msg;
    struct api_create_vhost_user_if_reply reply;
    struct api_create_vhost_user_if_v2 v2 = {
        .is_server = m->is_server,
        .renumber = m->renumber,
        .disable_mrg_rxbuf = m->disable_mrg_rxbuf,
        .disable_indirect_desc = m->disable_indirect_desc,
        .enable_gso = m->enable_gso,
        .enable_packed = m->enable_packed,
        .custom_dev_instance = m->custom_dev_instance,
        .use_custom_mac = m->use_custom_mac,
    };
    memcpy(v2.sock_filename, m->sock_filename, sizeof(v2.sock_filename));
    memcpy(v2.mac_address, m->mac_address, sizeof(v2.mac_address));
    memcpy(v2.tag, m->tag, sizeof(v2.tag));
    reply.retval = vhost_api_make(c, &v2, &reply.sw_if_index);
    api_reply(c, &api_message_create_vhost_user_if_reply, &reply);
}

static void vhost_api_change(struct api_call *c, u32 sw_if_index, const struct vhost_args *a)
{
    api_reply_retval(
        c, vhost_api_retval(vhost_modify(c->piste, (struct if_index){sw_if_index}, a, NULL)));
}

static void vhost_api_modify_v2(struct api_call *c)
{
    const struct api_modify_vhost_user_if_v2 *m = c->msg;
    vhost_api_change(c, m->sw_if_index,
                     &(struct vhost_args){.filename = m->sock_filename,
                                          .is_server = m->is_server,
                                          .gso = m->enable_gso,
                                          .packed = m->enable_packed,
                                          .event_idx = m->enable_event_idx});
}

static void vhost_api_modify(struct api_call *c)
{
    const struct api_modify_vhost_user_if *m = c->msg;
    vhost_api_change(c, m->sw_if_index,
                     &(struct vhost_args){.filename = m->sock_filename,
                                          .is_server = m->is_server,
                                          .gso = m->enable_gso,
                                          .packed = m->enable_packed});
}

static void vhost_api_delete(struct api_call *c)
{
    const struct api_delete_vhost_user_if *m = c->msg;
    api_reply_retval(
        c, vhost_api_retval(vhost_delete(c->piste, (struct if_index){m->sw_if_index}, NULL)));
}

static void vhost_api_details(struct api_call *c, const struct vhost *port)
{
    const struct vhost_conn *conn = port->conn;
    u64 features = conn ? conn->features : 0;
    struct api_sw_interface_vhost_user_details d = {
        .sw_if_index = port->interface.i,
        .virtio_net_hdr_sz = port->rx[0]->ring.up ? port->rx[0]->ring.header_bytes : 0,
        .features_first_32 = (u32)features,
        .features_last_32 = (u32)(features >> 32),
        .is_server = port->args.is_server,
        .num_regions = conn && conn->memory ? conn->memory->n : 0,
        .sock_errno = port->error,
    };
    snprintf(d.interface_name, sizeof(d.interface_name), "%s", vhost_name(port));
    snprintf(d.sock_filename, sizeof(d.sock_filename), "%s", port->filename);
    api_reply(c, &api_message_sw_interface_vhost_user_details, &d);
}

static bool vhost_api_dump_more(struct api_call *c, void *state)
{
    u32 *next = state;
    for (const struct interface *f; (f = interface_next(c->piste, *next)); *next = f->index.i + 1) {
        const struct vhost *port = vhost_of(c->piste, f->index);
        if (!port)
            continue;
        if (!api_room(c))
            return true;
        vhost_api_details(c, port);
    }
    return false;
}

static void vhost_api_dump(struct api_call *c)
{
    const struct api_sw_interface_vhost_user_dump *m = c->msg;
    const struct vhost *one = vhost_of(c->piste, (struct if_index){m->sw_if_index});
    if (m->sw_if_index == UINT32_MAX)
        api_continue(c, vhost_api_dump_more, free, mem_alloc(sizeof(u32)));
    else if (one)
        vhost_api_details(c, one);
}

const struct api_handler vhost_api[] = {
    {&api_message_create_vhost_user_if, vhost_api_create},
    {&api_message_create_vhost_user_if_v2, vhost_api_create_v2},
    {&api_message_modify_vhost_user_if, vhost_api_modify},
    {&api_message_modify_vhost_user_if_v2, vhost_api_modify_v2},
    {&api_message_delete_vhost_user_if, vhost_api_delete},
    {&api_message_sw_interface_vhost_user_dump, vhost_api_dump},
    {0},
};
