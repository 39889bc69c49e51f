/* See nat64_path.h. Source: RFC 6146 3.5. */
#include "plugins/nat/nat64_path.h"

u32 nat64_why_not(const struct nat64_packet *p)
{
    switch (p->kind) {
    case NAT64_PORTS:
        return NAT64_ERR_NON_SYN;
    case NAT64_LATER:
        return NAT64_ERR_FRAGMENT;
    case NAT64_BAD:
        return NAT64_ERR_MALFORMED;
    case NAT64_UNSUPPORTED:
        return NAT64_ERR_UNSUPPORTED;
    case NAT64_SOURCE_ROUTED:
        return NAT64_ERR_SOURCE_ROUTED;
    default:
        return NAT64_ERR_NO_TRANSLATION;
    }
}

/* Collectors hear of it. */
static u32 no_session(struct nat64_data *n, struct thread *t, u32 why)
{
    nat64_log_failure(n, t, why == NAT64_ERR_MAX_SESSIONS ? NAT_LOG_QUOTA : NAT_LOG_EXHAUSTED);
    return why;
}

/* Finds the session of f->bib with that end outside: NAT64_TRANSLATE; else whether the packet may
 * begin one, for which there is room then: NAT64_BEGIN, or why not. Bindings may have gone. */
static u32 find_session(struct nat64_data *n, struct thread *t, const struct nat64_packet *p,
                        struct nat64_found *f, be32 host, be16 port)
{
    f->session = SESSION_NONE;
    if (likely(f->bib != SESSION_NONE))
        f->session = nat64_session_find(n, t, f->bib, host, port);
    if (likely(f->session != SESSION_NONE))
        return NAT64_TRANSLATE;
    if (!p->asks || p->kind == NAT64_LATER || p->kind == NAT64_ERROR)
        return nat64_why_not(p);
    return nat64_make_room(n, t) ? NAT64_BEGIN : no_session(n, t, NAT64_ERR_MAX_SESSIONS);
}

static u32 begin_session(struct nat64_data *n, struct thread *t, struct nat64_found *f, be32 host,
                         be16 port, enum nat64_dir first)
{
    f->session = nat64_session_new(n, t, f->bib, host, port, first);
    return f->session == SESSION_NONE ? no_session(n, t, NAT64_ERR_MAX_SESSIONS) : NAT64_TRANSLATE;
}

/* The port of the host outside, as sessions know it. */
static be16 port_outside(const struct nat64_packet *p, be16 port)
{
    return p->protocol == IP_PROTOCOL_ICMP ? (be16){0} : port;
}

u32 nat64_from_inside(struct nat64_data *n, struct thread *t, const struct nat64_packet *p,
                      const struct nat64_wish *wish, be32 host, struct nat64_found *f)
{
    be16 port = port_outside(p, p->dport);
    f->bib = nat64_bib_inside(n, t, &wish->in);
    u32 fate = find_session(n, t, p, f, host, port);
    if (likely(fate != NAT64_BEGIN))
        return fate;
    f->bib = nat64_bib_inside(n, t, &wish->in);
    bool made = f->bib == SESSION_NONE;
    if (made)
        f->bib = nat64_bib_new(n, t, wish);
    if (f->bib == SESSION_NONE)
        return no_session(n, t, NAT64_ERR_OUT_OF_PORTS);
    fate = begin_session(n, t, f, host, port, NAT64_IN2OUT);
    if (fate != NAT64_TRANSLATE && made)
        nat64_bib_delete(n, t, f->bib);
    return fate;
}

u32 nat64_from_outside(struct nat64_data *n, struct thread *t, const struct nat64_packet *p,
                       const union nat64_outside *out, struct nat64_found *f)
{
    be16 port = port_outside(p, p->sport);
    u32 fate = find_session(n, t, p, f, p->src4, port);
    if (likely(fate != NAT64_BEGIN))
        return fate;
    f->bib = nat64_bib_outside(n, t, out);
    return f->bib == SESSION_NONE ? NAT64_ERR_NO_TRANSLATION
                                  : begin_session(n, t, f, p->src4, port, NAT64_OUT2IN);
}
