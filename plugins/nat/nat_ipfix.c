/* See nat_ipfix.h. */
#include "plugins/nat/nat_ipfix.h"

#include "base/clock.h"
#include "net/ip/fib/fib.h"

/* IANA's registry of IPFIX information elements */
enum {
    ELEMENT_PROTOCOL = 4,
    ELEMENT_SOURCE_PORT = 7,
    ELEMENT_SOURCE = 8,
    ELEMENT_DESTINATION_PORT = 11,
    ELEMENT_DESTINATION = 12,
    ELEMENT_POST_SOURCE = 225,
    ELEMENT_POST_DESTINATION = 226,
    ELEMENT_POST_SOURCE_PORT = 227,
    ELEMENT_POST_DESTINATION_PORT = 228,
    ELEMENT_NAT_EVENT = 230,
    ELEMENT_INGRESS_VRF = 234,
    ELEMENT_NAT_POOL = 283,
    ELEMENT_TIME_MS = 323,
    ELEMENT_QUOTA_EVENT = 466,
    ELEMENT_MAX_SESSIONS = 471,
};

/* natEvent, natQuotaExceededEvent */
enum { EVENT_EXHAUSTED = 3, EVENT_SESSION_ADD = 4, EVENT_SESSION_DELETE = 5, EVENT_QUOTA = 13 };
enum { QUOTA_SESSIONS = 1 };

enum { TEMPLATE_SESSION, TEMPLATE_EXHAUSTED, TEMPLATE_QUOTA, TEMPLATES };

static const struct ipfix_template templates[TEMPLATES] = {
    [TEMPLATE_SESSION] = {12,
                          {{ELEMENT_TIME_MS, 8},
                           {ELEMENT_NAT_EVENT, 1},
                           {ELEMENT_SOURCE, 4},
                           {ELEMENT_POST_SOURCE, 4},
                           {ELEMENT_PROTOCOL, 1},
                           {ELEMENT_SOURCE_PORT, 2},
                           {ELEMENT_POST_SOURCE_PORT, 2},
                           {ELEMENT_INGRESS_VRF, 4},
                           {ELEMENT_DESTINATION, 4},
                           {ELEMENT_POST_DESTINATION, 4},
                           {ELEMENT_DESTINATION_PORT, 2},
                           {ELEMENT_POST_DESTINATION_PORT, 2}}},
    [TEMPLATE_EXHAUSTED] = {3,
                            {{ELEMENT_TIME_MS, 8}, {ELEMENT_NAT_EVENT, 1}, {ELEMENT_NAT_POOL, 4}}},
    [TEMPLATE_QUOTA] = {4,
                        {{ELEMENT_TIME_MS, 8},
                         {ELEMENT_NAT_EVENT, 1},
                         {ELEMENT_QUOTA_EVENT, 4},
                         {ELEMENT_MAX_SESSIONS, 4}}},
};

struct record_session {
    be64 time_ms;
    u8 event;
    be32 source, post_source;
    u8 protocol;
    be16 source_port, post_source_port;
    be32 vrf;
    be32 destination, post_destination;
    be16 destination_port, post_destination_port;
} __attribute__((packed));

struct record_exhausted {
    be64 time_ms;
    u8 event;
    be32 pool;
} __attribute__((packed));

struct record_quota {
    be64 time_ms;
    u8 event;
    be32 quota_event, max_sessions;
} __attribute__((packed));

static_assert(sizeof(struct record_session) == 38 && sizeof(struct record_exhausted) == 13 &&
                  sizeof(struct record_quota) == 17,
              "as the templates say");

struct ipfix_stream *nat_ipfix_new(struct piste *p, u32 domain, u16 src_port)
{
    return ipfix_stream_new(p, domain, src_port, templates, TEMPLATES);
}

static void tell_session(struct piste *p, struct ipfix_stream *s, const struct nat_log_event *ev,
                         be64 time_ms)
{
    struct record_session r = {
        .time_ms = time_ms,
        .event = ev->kind == NAT_LOG_SESSION_ADD ? EVENT_SESSION_ADD : EVENT_SESSION_DELETE,
        .source = ev->inside,
        .post_source = ev->outside,
        .protocol = ev->protocol,
        .source_port = ev->inside_port,
        .post_source_port = ev->outside_port,
        .vrf = be32_from_host(fib_table_id(fib_of(p), (struct fib_index){ev->fib})),
        .destination = ev->host_inside,
        .post_destination = ev->host,
        .destination_port = ev->host_inside_port,
        .post_destination_port = ev->host_port,
    };
    ipfix_record(s, TEMPLATE_SESSION, &r);
}

void nat_ipfix_tell(struct piste *p, struct ipfix_stream *s, const struct nat_log_event *ev)
{
    be64 time_ms = be64_from_host((clock_wall_base_ns() + ev->at_ns) / NS_PER_MSEC);
    if (ev->kind == NAT_LOG_EXHAUSTED) {
        struct record_exhausted r = {.time_ms = time_ms, .event = EVENT_EXHAUSTED};
        ipfix_record(s, TEMPLATE_EXHAUSTED, &r);
    } else if (ev->kind == NAT_LOG_QUOTA) {
        struct record_quota r = {.time_ms = time_ms,
                                 .event = EVENT_QUOTA,
                                 .quota_event = be32_from_host(QUOTA_SESSIONS),
                                 .max_sessions = be32_from_host(ev->limit)};
        ipfix_record(s, TEMPLATE_QUOTA, &r);
    } else {
        tell_session(p, s, ev, time_ms);
    }
}
