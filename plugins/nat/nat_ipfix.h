/* What collectors of IPFIX are told of NAT: sessions, and NAT64's bindings, that begin and end,
 * addresses that have no port left, sessions that there is no room for. Source: RFC 8158; templates
 * are VPP's, with the other end of NAT44's sessions added. */
#pragma once

#include "net/features/ipfix/ipfix.h"
#include "plugins/nat/nat_log.h"

#define NAT_IPFIX_DOMAIN 1
#define NAT64_IPFIX_DOMAIN 64 /* a collector tells streams of one exporter apart by it */
#define NAT_IPFIX_PORT 4739

/* Of a NAT. */
struct nat_ipfix {
    struct nat_log *log;
    struct ipfix_stream *stream; /* NULL: nothing is logged there */
    u32 domain;
    u16 src_port;
    bool is64; /* NAT64's */
};

/* Events go to log->tell, with NAT_LOG_IPFIX, as long as there is a stream and an exporter. log is
 * initialized. */
void nat_ipfix_init(struct nat_ipfix *x, struct nat_log *log, bool is64);
void nat_ipfix_fini(struct nat_ipfix *x);

/* With this observation domain and from this port, or not any more. -EINVAL. */
int nat_ipfix_set(struct nat_ipfix *x, bool on, u32 domain, u16 src_port,
                  struct error *e) MUST_CHECK;
void nat_ipfix_tell(const struct nat_ipfix *x, const struct nat_log_event *ev);
