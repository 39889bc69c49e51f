/* What nodes of both NAT44 say: why they drop packets, and in traces. */
#include "engine/trace.h"
#include "plugins/nat/nat44_node.h"

const struct node_error nat44_errors[NAT44_ERRS] = {
    [NAT44_ERR_UNSUPPORTED] = {"unsupported_protocol", "unsupported protocol", SEVERITY_ERROR},
    [NAT44_ERR_OUT_OF_PORTS] = {"out_of_ports", "out of ports", SEVERITY_ERROR},
    [NAT44_ERR_NO_TRANSLATION] = {"no_translation", "no translation", SEVERITY_ERROR},
    [NAT44_ERR_MAX_SESSIONS] = {"max_sessions_exceeded", "maximum sessions exceeded",
                                SEVERITY_ERROR},
    [NAT44_ERR_FRAGMENT] = {"drop_fragment", "drop fragment", SEVERITY_ERROR},
    [NAT44_ERR_NON_SYN] = {"non_syn", "non-SYN packet try to create session", SEVERITY_ERROR},
    [NAT44_ERR_MALFORMED] = {"malformed", "malformed packet", SEVERITY_ERROR},
    [NAT44_ERR_TTL] = {"time_expired", "ip4 ttl <= 1", SEVERITY_ERROR},
    [NAT44_ERR_NO_BUFFER] = {"no_buffer", "no buffer to translate in", SEVERITY_ERROR},
    [NAT44_ERR_CONGESTION] = {"congestion_drop", "congestion drop", SEVERITY_ERROR},
    [NAT44_ERR_NO_USER] = {"cannot_create_user", "cannot create NAT user", SEVERITY_ERROR},
};

void nat44_format_handoff(struct piste *p, const struct trace_record *r, struct text *t)
{
    text_puts(t, r->next == NEXT_CONSUMED ? "to another thread" : "same thread");
}

void nat44_format_local_error(struct piste *p, const struct trace_record *r, struct text *t)
{
    text_puts(t, r->next == NEXT_CONSUMED     ? "to another thread"
                 : r->next == NAT44_NEXT_FAST ? "of a session: to the inside"
                                              : "of no session");
}
