/* See nat_ipfix.h. */
#include "plugins/nat/nat_ipfix.h"

#include <errno.h>

#include "base/clock.h"
#include "net/ip/fib/fib.h"

/* IANA's registry of IPFIX information elements */
enum {
    ELEMENT_PROTOCOL = 4,
    ELEMENT_SOURCE_PORT = 7,
    ELEMENT_SOURCE = 8,
    ELEMENT_DESTINATION_PORT = 11,
    ELEMENT_DESTINATION = 12,
    ELEMENT_SOURCE6 = 27,
    ELEMENT_DESTINATION6 = 28,
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
enum {
    EVENT_EXHAUSTED = 3,
    EVENT_SESSION44_ADD = 4,
    EVENT_SESSION44_DELETE = 5,
    EVENT_SESSION64_ADD = 6,
    EVENT_SESSION64_DELETE = 7,
    EVENT_BIB64_ADD = 10,
    EVENT_BIB64_DELETE = 11,
    EVENT_QUOTA = 13
};
enum { QUOTA_SESSIONS = 1 };

/* NAT44 has the first three, NAT64 the last four. */
enum {
    TEMPLATE_SESSION44,
    TEMPLATE_EXHAUSTED,
    TEMPLATE_QUOTA,
    TEMPLATE_SESSION64,
    TEMPLATE_BIB64,
    TEMPLATES
};

static const struct ipfix_template templates[TEMPLATES] = {
    [TEMPLATE_SESSION44] = {12,
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
    [TEMPLATE_SESSION64] = {12,
                            {{ELEMENT_TIME_MS, 8},
                             {ELEMENT_NAT_EVENT, 1},
                             {ELEMENT_SOURCE6, 16},
                             {ELEMENT_POST_SOURCE, 4},
                             {ELEMENT_PROTOCOL, 1},
                             {ELEMENT_SOURCE_PORT, 2},
                             {ELEMENT_POST_SOURCE_PORT, 2},
                             {ELEMENT_INGRESS_VRF, 4},
                             {ELEMENT_DESTINATION6, 16},
                             {ELEMENT_POST_DESTINATION, 4},
                             {ELEMENT_DESTINATION_PORT, 2},
                             {ELEMENT_POST_DESTINATION_PORT, 2}}},
    [TEMPLATE_BIB64] = {8,
                        {{ELEMENT_TIME_MS, 8},
                         {ELEMENT_NAT_EVENT, 1},
                         {ELEMENT_SOURCE6, 16},
                         {ELEMENT_POST_SOURCE, 4},
                         {ELEMENT_PROTOCOL, 1},
                         {ELEMENT_SOURCE_PORT, 2},
                         {ELEMENT_POST_SOURCE_PORT, 2},
                         {ELEMENT_INGRESS_VRF, 4}}},
};

struct record_session44 {
    be64 time_ms;
    u8 event;
    be32 source, post_source;
    u8 protocol;
    be16 source_port, post_source_port;
    be32 vrf;
    be32 destination, post_destination;
    be16 destination_port, post_destination_port;
} __attribute__((packed));

/* A binding's is the same without the host outside. */
struct record_session64 {
    be64 time_ms;
    u8 event;
    struct ip_address source;
    be32 post_source;
    u8 protocol;
    be16 source_port, post_source_port;
    be32 vrf;
    struct ip_address destination;
    be32 post_destination;
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

static_assert(sizeof(struct record_session44) == 38 && sizeof(struct record_session64) == 62 &&
                  offsetof(struct record_session64, destination) == 38 &&
                  sizeof(struct record_exhausted) == 13 && sizeof(struct record_quota) == 17,
              "as the templates say");

static u32 first_template(const struct nat_ipfix *x)
{
    return x->is64 ? TEMPLATE_EXHAUSTED : TEMPLATE_SESSION44;
}

static void add_record(const struct nat_ipfix *x, u32 template, const void *record)
{
    ipfix_record(x->stream, template - first_template(x), record);
}

static void nat_ipfix_on_change(void *arg)
{
    struct nat_ipfix *x = arg;
    nat_log_want(x->log, NAT_LOG_IPFIX, x->stream && ipfix_exporter(x->log->p));
}

void nat_ipfix_init(struct nat_ipfix *x, struct nat_log *log, bool is64)
{
    x->log = log;
    x->is64 = is64;
    ipfix_on_change(log->p, nat_ipfix_on_change, x);
}

void nat_ipfix_fini(struct nat_ipfix *x)
{
    ipfix_stream_free(x->stream);
}

int nat_ipfix_set(struct nat_ipfix *x, bool on, u32 domain, u16 src_port, struct error *e)
{
    if (!src_port)
        return error_set(e, EINVAL, "a stream has a port");
    if (!!x->stream == on && (!on || (x->domain == domain && x->src_port == src_port)))
        return 0;
    ipfix_stream_free(x->stream);
    x->domain = domain;
    x->src_port = src_port;
    x->stream = NULL;
    if (on)
        x->stream = ipfix_stream_new(x->log->p, domain, src_port, templates + first_template(x),
                                     x->is64 ? TEMPLATES - TEMPLATE_EXHAUSTED : TEMPLATE_SESSION64);
    nat_ipfix_on_change(x);
    return 0;
}

static be32 vrf_of(const struct nat_ipfix *x, const struct nat_log_event *ev)
{
    return be32_from_host(fib_table_id(fib_of(x->log->p), (struct fib_index){ev->fib}));
}

static void tell_session44(const struct nat_ipfix *x, const struct nat_log_event *ev, be64 time_ms)
{
    struct record_session44 r = {
        .time_ms = time_ms,
        .event = ev->kind == NAT_LOG_SESSION_ADD ? EVENT_SESSION44_ADD : EVENT_SESSION44_DELETE,
        .source = ev->inside,
        .post_source = ev->outside,
        .protocol = ev->protocol,
        .source_port = ev->inside_port,
        .post_source_port = ev->outside_port,
        .vrf = vrf_of(x, ev),
        .destination = ev->host_inside,
        .post_destination = ev->host,
        .destination_port = ev->host_inside_port,
        .post_destination_port = ev->host_port,
    };
    add_record(x, TEMPLATE_SESSION44, &r);
}

static void tell64(const struct nat_ipfix *x, const struct nat_log_event *ev, be64 time_ms)
{
    static const u8 events[] = {
        [NAT_LOG_SESSION_ADD] = EVENT_SESSION64_ADD,
        [NAT_LOG_SESSION_DELETE] = EVENT_SESSION64_DELETE,
        [NAT_LOG_BIB_ADD] = EVENT_BIB64_ADD,
        [NAT_LOG_BIB_DELETE] = EVENT_BIB64_DELETE,
    };
    bool is_bib = ev->kind == NAT_LOG_BIB_ADD || ev->kind == NAT_LOG_BIB_DELETE;
    struct record_session64 r = {
        .time_ms = time_ms,
        .event = events[ev->kind],
        .source = ev->inside6,
        .post_source = ev->outside,
        .protocol = ev->protocol,
        .source_port = ev->inside_port,
        .post_source_port = ev->outside_port,
        .vrf = vrf_of(x, ev),
        .destination = ev->host_inside6,
        .post_destination = ev->host,
        .destination_port = ev->host_inside_port,
        .post_destination_port = ev->host_port,
    };
    add_record(x, is_bib ? TEMPLATE_BIB64 : TEMPLATE_SESSION64, &r);
}

void nat_ipfix_tell(const struct nat_ipfix *x, const struct nat_log_event *ev)
{
    be64 time_ms = be64_from_host((clock_wall_base_ns() + ev->at_ns) / NS_PER_MSEC);
    if (ev->kind == NAT_LOG_EXHAUSTED) {
        struct record_exhausted r = {.time_ms = time_ms, .event = EVENT_EXHAUSTED};
        add_record(x, TEMPLATE_EXHAUSTED, &r);
    } else if (ev->kind == NAT_LOG_QUOTA) {
        struct record_quota r = {.time_ms = time_ms,
                                 .event = EVENT_QUOTA,
                                 .quota_event = be32_from_host(QUOTA_SESSIONS),
                                 .max_sessions = be32_from_host(ev->limit)};
        add_record(x, TEMPLATE_QUOTA, &r);
    } else if (x->is64) {
        tell64(x, ev, time_ms);
    } else {
        tell_session44(x, ev, time_ms);
    }
}
