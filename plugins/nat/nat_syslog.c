/* See nat_syslog.h. */
#include "plugins/nat/nat_syslog.h"

#include "net/ip/fib/fib.h"

static void param_address(struct text *t, const char *name, enum ip_family f,
                          const struct ip_address *addr)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    syslog_param(t, name, "%s", ip_address_text(f, addr, text));
}

static void param_end(struct text *t, const char *address_name, be32 addr, const char *port_name,
                      be16 port)
{
    struct ip_address a = ip_address_from_ip4(addr);
    param_address(t, address_name, IP_FAMILY_4, &a);
    syslog_param(t, port_name, "%u", be16_to_host(port));
}

static void param_inside(struct text *t, const struct nat_log_event *ev)
{
    bool is_ip6 = !ip_address_is_zero(&ev->inside6);
    syslog_param(t, "IATYP", is_ip6 ? "IPv6" : "IPv4");
    if (!is_ip6) {
        param_end(t, "ISADDR", ev->inside, "ISPORT", ev->inside_port);
        return;
    }
    param_address(t, "ISADDR", IP_FAMILY_6, &ev->inside6);
    syslog_param(t, "ISPORT", "%u", be16_to_host(ev->inside_port));
}

void nat_syslog_tell(struct piste *p, const struct nat_log_event *ev)
{
    bool any_host = be32_is_zero(ev->host), add = ev->kind == NAT_LOG_SESSION_ADD;
    bool twice = !any_host && (!be32_equal(ev->host, ev->host_inside) ||
                               !be16_equal(ev->host_port, ev->host_inside_port));
    struct text t = {0};
    if (ev->kind > NAT_LOG_SESSION_DELETE)
        return;
    syslog_begin(&t, p,
                 &(struct syslog_header){
                     .facility = SYSLOG_LOCAL0,
                     .severity = NAT_SYSLOG_SEVERITY,
                     .app = "NAT",
                     .msgid = any_host ? (add ? "APMADD" : "APMDEL") : (add ? "SADD" : "SDEL"),
                     .at_ns = ev->at_ns,
                 });
    syslog_element(&t, any_host ? "napmap" : "nsess");
    syslog_param(&t, "SSUBIX", "%u", fib_number((struct fib_index){ev->fib}));
    param_inside(&t, ev);
    if (twice)
        param_end(&t, "IDADDR", ev->host_inside, "IDPORT", ev->host_inside_port);
    syslog_param(&t, "XATYP", "IPv4");
    param_end(&t, "XSADDR", ev->outside, "XSPORT", ev->outside_port);
    syslog_param(&t, "PROTO", "%u", ev->protocol);
    if (!any_host)
        param_end(&t, "XDADDR", ev->host, "XDPORT", ev->host_port);
    syslog_element_end(&t);
    (void)!syslog_send(p, &t); /* counted */
}

static void nat_syslog_on_change(void *arg)
{
    struct nat_log *l = arg;
    nat_log_want(l, NAT_LOG_SYSLOG, syslog_wants(l->p, NAT_SYSLOG_SEVERITY));
}

void nat_syslog_init(struct nat_log *l)
{
    syslog_on_change(l->p, nat_syslog_on_change, l);
    nat_syslog_on_change(l);
}
