/* What collectors of syslog are told of sessions: SADD and SDEL, with an element `nsess'; of
 * those that are told by the host inside alone APMADD and APMDEL, with `napmap'.
 * What else there is they are not told.
 * Source: draft-ietf-behave-syslog-nat-logging, as VPP has it. */
#pragma once

#include "net/features/syslog/syslog.h"
#include "plugins/nat/nat_log.h"

#define NAT_SYSLOG_SEVERITY SYSLOG_INFO

/* Events go to l->tell, with NAT_LOG_SYSLOG, as long as there is a collector that wants them. */
void nat_syslog_init(struct nat_log *l);
void nat_syslog_tell(struct piste *p, const struct nat_log_event *ev);
