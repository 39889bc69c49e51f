/* Messages of ipfix_export.api about the one exporter; they do what the commands do. */
#include "api/api_ipfix_export.h"
#include "control/api.h"
#include "net/features/ipfix/ipfix_internal.h"

/* What VPP's clients leave out. */
static u32 or_default(u32 x, u32 otherwise)
{
    return x == UINT32_MAX ? otherwise : x;
}

static void ipfix_api_set_exporter(struct api_call *c)
{
    const struct api_set_ipfix_exporter *m = c->msg;
    struct ipfix_exporter x = {
        .collector = load_be32(m->collector_address.un),
        .src = load_be32(m->src_address.un),
        .port = m->collector_port == UINT16_MAX ? IPFIX_PORT : m->collector_port,
        .vrf = or_default(m->vrf_id, 0),
        .path_mtu = or_default(m->path_mtu, IPFIX_PATH_MTU),
        .template_interval_s = or_default(m->template_interval, IPFIX_TEMPLATE_INTERVAL_S),
        .udp_checksum = m->udp_checksum,
    };
    if (m->collector_address.af != ADDRESS_IP4 || m->src_address.af != ADDRESS_IP4)
        api_reply_retval(c, API_UNIMPLEMENTED);
    else
        api_reply_errno(c, ipfix_set_exporter(c->piste, &x, NULL));
}

static struct api_ipfix_exporter_details exporter_details(const struct piste *p)
{
    const struct ipfix_exporter *x = ipfix_exporter(p);
    struct api_ipfix_exporter_details d = {0};
    if (x) {
        store_be32(d.collector_address.un, x->collector);
        store_be32(d.src_address.un, x->src);
        d.collector_port = x->port;
        d.vrf_id = x->vrf;
        d.path_mtu = x->path_mtu;
        d.template_interval = x->template_interval_s;
        d.udp_checksum = x->udp_checksum;
    }
    return d;
}

static void ipfix_api_exporter_dump(struct api_call *c)
{
    struct api_ipfix_exporter_details d = exporter_details(c->piste);
    api_reply(c, &api_message_ipfix_exporter_details, &d);
}

static_assert(sizeof(struct api_ipfix_all_exporter_details) ==
                  sizeof(struct api_ipfix_exporter_details),
              "told by one function");

static void ipfix_api_all_exporters(struct api_call *c)
{
    struct api_ipfix_all_exporter_get_reply reply = {.cursor = UINT32_MAX};
    struct api_ipfix_exporter_details d = exporter_details(c->piste);
    api_reply(c, &api_message_ipfix_all_exporter_details, &d);
    api_reply(c, &api_message_ipfix_all_exporter_get_reply, &reply);
}

static void ipfix_api_flush(struct api_call *c)
{
    ipfix_flush(c->piste);
    api_reply_retval(c, 0);
}

const struct api_handler ipfix_api_handlers[] = {
    {&api_message_set_ipfix_exporter, ipfix_api_set_exporter},
    {&api_message_ipfix_exporter_dump, ipfix_api_exporter_dump},
    {&api_message_ipfix_all_exporter_get, ipfix_api_all_exporters},
    {&api_message_ipfix_flush, ipfix_api_flush},
    {0},
};
