/* Who is told of sessions that begin and end. */
#include <stdlib.h>

#include "base/mem.h"
#include "plugins/nat/nat_syslog.h"
#include "plugins/nat/nat44_internal.h"

static void nat44_log_on_bell(struct piste *p, const void *payload)
{
    struct nat44_state *s = nat44_state_of(p);
    if (s)
        nat_log_drain(&s->log);
}

static void nat44_log_tell(struct piste *p, u32 to, const struct nat_log_event *ev)
{
    if (to & NAT_LOG_SYSLOG)
        nat_syslog_tell(p, ev);
    if (to & NAT_LOG_IPFIX)
        nat_ipfix_tell(&nat44_state_of(p)->ipfix, ev);
    if (to & NAT_LOG_FAILOVER)
        nat44_flavor.tell_failover(p, ev);
}

int nat44_set_ipfix(struct piste *p, bool on, u32 domain, u16 src_port, struct error *e)
{
    return nat_ipfix_set(&nat44_state_of(p)->ipfix, on, domain, src_port, e);
}

bool nat44_ipfix(const struct piste *p, u32 *domain, u16 *src_port)
{
    const struct nat_ipfix *x = &nat44_state_of(p)->ipfix;
    *domain = x->domain;
    *src_port = x->src_port;
    return x->stream;
}

void nat44_log_init(struct piste *p)
{
    struct nat44_state *s = nat44_state_of(p);
    s->log.p = p;
    s->log.on_bell = nat44_log_on_bell;
    s->log.tell = nat44_log_tell;
    s->data.log = &s->log;
    char *lost = mem_printf("/%s/log-lost", nat44_flavor.prefix);
    nat_log_init(&s->log, lost);
    free(lost);
    nat_syslog_init(&s->log);
    nat_ipfix_init(&s->ipfix, &s->log, false);
}

void nat44_log_fini(struct nat44_state *s)
{
    nat_log_fini(&s->log);
    nat_ipfix_fini(&s->ipfix);
}
