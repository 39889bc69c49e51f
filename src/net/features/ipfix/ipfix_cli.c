/* Commands of IPFIX. Words are VPP's. */
#include <inttypes.h>

#include "net/features/ipfix/ipfix_internal.h"
#include "net/packet/ip4_format.h"

static be32 ipfix_cli_address(const struct cli_call *c, const char *label)
{
    const struct cli_value *v = cli_get(c, label);
    return v ? load_be32(v->ip.addr) : (be32){0};
}

static int ipfix_cli_exporter(struct cli_call *c)
{
    struct ipfix_exporter x = {
        .collector = ipfix_cli_address(c, "collector-address"),
        .src = ipfix_cli_address(c, "source-address"),
        .port = (u16)cli_u64(c, "port-number", IPFIX_PORT),
        .vrf = (u32)cli_u64(c, "table", 0),
        .path_mtu = (u32)cli_u64(c, "bytes", IPFIX_PATH_MTU),
        .template_interval_s = (u32)cli_u64(c, "seconds", IPFIX_TEMPLATE_INTERVAL_S),
        .udp_checksum = cli_has(c, "udp-checksum"),
    };
    return ipfix_set_exporter(c->piste, &x, c->err);
}

static int ipfix_cli_flush(struct cli_call *c)
{
    ipfix_flush(c->piste);
    return 0;
}

static int ipfix_cli_show(struct cli_call *c)
{
    const struct ipfix_exporter *x = ipfix_exporter(c->piste);
    struct ipfix_counts counts = ipfix_counts(c->piste);
    struct text address = {0};
    if (!x) {
        out_text(c->out, "IPFIX Collector is disabled\n");
        return 0;
    }
    ip4_format_address(&address, x->collector);
    out_str(c->out, "collector", text_str(&address), "Collector %s");
    out_u64(c->out, "port", x->port, ":%" PRIu64);
    text_clear(&address);
    ip4_format_address(&address, x->src);
    out_str(c->out, "source", text_str(&address), ", src address %s");
    out_u64(c->out, "vrf", x->vrf, ", table %" PRIu64);
    out_u64(c->out, "path_mtu", x->path_mtu, ", path MTU %" PRIu64);
    out_u64(c->out, "template_interval", x->template_interval_s,
            ", template resend interval %" PRIu64 "s");
    out_bool(c->out, "udp_checksum", x->udp_checksum, ", udp checksum enabled\n",
             ", udp checksum disabled\n");
    out_u64(c->out, "records", counts.records, "  %" PRIu64 " records");
    out_u64(c->out, "messages", counts.messages, " in %" PRIu64 " messages sent");
    out_u64(c->out, "failed", counts.failed, ", %" PRIu64 " messages not sent\n");
    text_free(&address);
    return 0;
}

const struct cli_command ipfix_commands[] = {
    {"set ipfix exporter (collector <collector-address:ip4-address>) [port <port-number:u16>]"
     " [src <source-address:ip4-address>] [fib-id <table:u32>] [path-mtu <bytes:u32>]"
     " [template-interval <seconds:u32>] [udp-checksum]",
     "Sends records of what happens to traffic to a collector; 0.0.0.0: to none",
     ipfix_cli_exporter, 0},
    {"show ipfix exporter", "Who collects records, and how many there were", ipfix_cli_show,
     CLI_OWN},
    {"ipfix flush", "Sends the records that wait for more", ipfix_cli_flush, 0},
    {0},
};

void ipfix_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct ipfix_exporter *x = ipfix_exporter(p);
    if (phase != RC_ROUTES || !x)
        return;
    text_puts(t, "set ipfix exporter collector ");
    ip4_format_address(t, x->collector);
    text_add(t, " port %u src ", x->port);
    ip4_format_address(t, x->src);
    text_add(t, " fib-id %u path-mtu %u template-interval %u%s\n", x->vrf, x->path_mtu,
             x->template_interval_s, x->udp_checksum ? " udp-checksum" : "");
}
