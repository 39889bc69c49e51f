/* What collectors of IPFIX are told of NAT: sessions that begin and end, addresses that have no
 * port left, sessions that there is no room for. Source: RFC 8158; templates are VPP's, with the
 * other end of sessions added. */
#pragma once

#include "net/features/ipfix/ipfix.h"
#include "plugins/nat/nat_log.h"

/* See ipfix_stream_new. */
struct ipfix_stream *nat_ipfix_new(struct piste *p, u32 domain, u16 src_port);
void nat_ipfix_tell(struct piste *p, struct ipfix_stream *s, const struct nat_log_event *ev);
