/* Messages of syslog.api; they do what the commands do. */
#include "api/api_syslog.h"
#include "control/api.h"
#include "net/features/syslog/syslog_internal.h"

static void syslog_api_set_sender(struct api_call *c)
{
    const struct api_syslog_set_sender *m = c->msg;
    struct syslog_sender s = {
        .collector = load_be32(m->collector_address),
        .src = load_be32(m->src_address),
        .port = m->collector_port,
        .vrf = m->vrf_id,
        .max_bytes = m->max_msg_size,
    };
    api_reply_errno(c, syslog_set_sender(c->piste, &s, NULL));
}

static void syslog_api_get_sender(struct api_call *c)
{
    const struct syslog_sender *s = syslog_sender(c->piste);
    struct api_syslog_get_sender_reply reply = {0};
    if (s) {
        store_be32(reply.collector_address, s->collector);
        store_be32(reply.src_address, s->src);
        reply.collector_port = s->port;
        reply.vrf_id = s->vrf;
        reply.max_msg_size = s->max_bytes;
    }
    api_reply(c, &api_message_syslog_get_sender_reply, &reply);
}

static void syslog_api_set_filter(struct api_call *c)
{
    const struct api_syslog_set_filter *m = c->msg;
    if (m->severity >= SYSLOG_SEVERITIES) {
        api_reply_retval(c, API_INVALID_VALUE);
        return;
    }
    syslog_set_filter(c->piste, (enum syslog_severity)m->severity);
    api_reply_retval(c, 0);
}

static void syslog_api_get_filter(struct api_call *c)
{
    struct api_syslog_get_filter_reply reply = {.severity = syslog_filter(c->piste)};
    api_reply(c, &api_message_syslog_get_filter_reply, &reply);
}

const struct api_handler syslog_api_handlers[] = {
    {&api_message_syslog_set_sender, syslog_api_set_sender},
    {&api_message_syslog_get_sender, syslog_api_get_sender},
    {&api_message_syslog_set_filter, syslog_api_set_filter},
    {&api_message_syslog_get_filter, syslog_api_get_filter},
    {0},
};
