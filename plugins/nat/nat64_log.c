/* Who is told of sessions that begin and end. See nat64.h. */
#include "plugins/nat/nat64.h"
#include "plugins/nat/nat_syslog.h"

static void nat64_log_on_bell(struct piste *p, const void *payload)
{
    struct nat64_state *s = nat64_state_of(p);
    if (s)
        nat_log_drain(&s->log);
}

static void nat64_log_tell(struct piste *p, u32 to, const struct nat_log_event *ev)
{
    if (to & NAT_LOG_SYSLOG)
        nat_syslog_tell(p, ev);
    if (to & NAT_LOG_IPFIX)
        nat_ipfix_tell(&nat64_state_of(p)->ipfix, ev);
}

int nat64_set_ipfix(struct piste *p, bool on, u32 domain, u16 src_port, struct error *e)
{
    return nat_ipfix_set(&nat64_state_of(p)->ipfix, on, domain, src_port, e);
}

void nat64_log_init(struct piste *p)
{
    struct nat64_state *s = nat64_state_of(p);
    s->log.p = p;
    s->log.on_bell = nat64_log_on_bell;
    s->log.tell = nat64_log_tell;
    s->data.log = &s->log;
    nat_log_init(&s->log, "/nat64/log-lost");
    nat_syslog_init(&s->log);
    nat_ipfix_init(&s->ipfix, &s->log, true);
}

void nat64_log_fini(struct nat64_state *s)
{
    nat_log_fini(&s->log);
    nat_ipfix_fini(&s->ipfix);
}
