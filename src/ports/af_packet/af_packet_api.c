/* Messages of af_packet.api. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/api_af_packet.h"
#include "control/api.h"
#include "control/module.h"
#include "net/link/interface/interface_api.h"
#include "ports/af_packet/af_packet_internal.h"

static i32 af_packet_api_create(struct piste *p, struct af_packet_args *args, u32 *sw_if_index)
{
    struct if_index i = IF_NONE;
    bool there = af_packet_find(p, args->host_name) != NULL;
    int rc = af_packet_create(p, args, &i, NULL);
    *sw_if_index = i.i;
    if (!rc && there)
        return API_IF_ALREADY_EXISTS;
    return rc == -ENODEV ? API_INVALID_INTERFACE : api_retval(rc);
}

static void af_packet_api_create_v1(struct api_call *c)
{
    const struct api_af_packet_create *m = c->msg;
    struct af_packet_args args = {.host_name = m->host_if_name,
                                  .hw_addr = m->use_random_hw_addr ? NULL : m->hw_addr};
    struct api_af_packet_create_reply reply;
    reply.retval = af_packet_api_create(c->piste, &args, &reply.sw_if_index);
    api_reply(c, &api_message_af_packet_create_reply, &reply);
}

static void af_packet_api_create_v2(struct api_call *c)
{
    const struct api_af_packet_create_v2 *m = c->msg;
    struct af_packet_args args = {
        .host_name = m->host_if_name,
        .hw_addr = m->use_random_hw_addr ? NULL : m->hw_addr,
        .n_rx_queues = m->num_rx_queues,
        .rx_per_block = m->rx_frames_per_block,
        .tx_per_block = m->tx_frames_per_block,
    };
    struct api_af_packet_create_v2_reply reply;
    reply.retval = af_packet_api_create(c->piste, &args, &reply.sw_if_index);
    api_reply(c, &api_message_af_packet_create_v2_reply, &reply);
}

static void af_packet_api_create_v3(struct api_call *c)
{
    const struct api_af_packet_create_v3 *m = c->msg;
    struct af_packet_args args = {
        .host_name = m->host_if_name,
        .hw_addr = m->use_random_hw_addr ? NULL : m->hw_addr,
        .n_rx_queues = m->num_rx_queues,
        .n_tx_queues = m->num_tx_queues,
        .mode = m->mode == AF_PACKET_API_MODE_IP ? AF_PACKET_MODE_IP : AF_PACKET_MODE_ETHERNET,
        .qdisc_bypass_off = !(m->flags & AF_PACKET_API_FLAG_QDISC_BYPASS),
        .cksum_gso_off = !(m->flags & AF_PACKET_API_FLAG_CKSUM_GSO),
        .version = m->flags & AF_PACKET_API_FLAG_VERSION_2 ? 2 : 0,
        .rx_per_block = m->rx_frames_per_block,
        .tx_per_block = m->tx_frames_per_block,
    };
    struct api_af_packet_create_v3_reply reply;
    reply.retval = af_packet_api_create(c->piste, &args, &reply.sw_if_index);
    api_reply(c, &api_message_af_packet_create_v3_reply, &reply);
}

static void af_packet_api_delete(struct api_call *c)
{
    const struct api_af_packet_delete *m = c->msg;
    int rc = af_packet_delete(c->piste, m->host_if_name, NULL);
    api_reply_retval(c, rc == -ENODEV ? API_SYSCALL_ERROR_1 : api_retval(rc)); /* as VPP says it */
}

static void af_packet_api_set_offload(struct api_call *c)
{
    const struct api_af_packet_set_l4_cksum_offload *m = c->msg;
    const struct af_packet_state *s = af_packet_state_of(c->piste);
    for (u32 k = 0; k < s->ports.n; k++)
        if (s->ports.v[k]->interface.i == m->sw_if_index) {
            api_reply_errno(
                c, af_packet_set_cksum_offload(c->piste, s->ports.v[k]->host_name, m->set, NULL));
            return;
        }
    api_reply_retval(c, API_INVALID_SW_IF_INDEX);
}

static void af_packet_api_dump(struct api_call *c)
{
    const struct af_packet_state *s = af_packet_state_of(c->piste);
    for (u32 k = 0; k < s->ports.n; k++) {
        const struct af_packet *port = s->ports.v[k];
        struct api_af_packet_details d = {.sw_if_index = port->interface.i};
        snprintf(d.host_if_name, sizeof(d.host_if_name), "%s", port->host_name);
        api_reply(c, &api_message_af_packet_details, &d);
    }
}

const struct api_handler af_packet_api[] = {
    {&api_message_af_packet_create, af_packet_api_create_v1},
    {&api_message_af_packet_create_v2, af_packet_api_create_v2},
    {&api_message_af_packet_create_v3, af_packet_api_create_v3},
    {&api_message_af_packet_delete, af_packet_api_delete},
    {&api_message_af_packet_set_l4_cksum_offload, af_packet_api_set_offload},
    {&api_message_af_packet_dump, af_packet_api_dump},
    {0},
};
