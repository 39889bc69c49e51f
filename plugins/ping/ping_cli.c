/* The command `ping`. Source: what it prints is what VPP prints. */
#include <errno.h>

#include "control/cli.h"
#include "control/module.h"
#include "net/ip/fib/fib.h"
#include "net/ip/ip4/ip4.h"
#include "net/link/interface/interface.h"
#include "plugins/ping/ping.h"
#include "plugins/ping/ping_internal.h"

static int ping_bad_usage(struct cli_call *c, const char *rest)
{
    return error_set(
        c->err, EINVAL,
        "expecting IP4/IP6 address `%s'. Usage: ping <addr> [source <intf>] [size <datasz>] "
        "[repeat <count>] [verbose]",
        rest);
}

static int ping_parse(struct cli_call *c, struct ping_session *s)
{
    const struct cli_value *v = cli_get(c, "address");
    struct fib *fib = fib_of(c->piste);

    if (!v)
        v = cli_get(c, "ipv4");
    if (!v)
        v = cli_get(c, "ipv6");
    if (!v)
        return ping_bad_usage(c, cli_str(c, "rest", ""));
    s->family = ip_family_of(v->ip.is_ip6);
    s->dst = ip_address_from_bytes(s->family, v->ip.addr);
    s->data_bytes = (u32)cli_u64(c, "size", PING_DATA_BYTES);
    if (s->data_bytes > PING_DATA_MAX_BYTES)
        return error_set(c->err, EINVAL, "size is at most %u", PING_DATA_MAX_BYTES);
    const struct cli_value *interval = cli_get(c, "interval");
    if (!ping_set_interval(s, interval ? interval->f : 1))
        return error_set(c->err, EINVAL, "interval is 0.001 to 86400 seconds");
    s->repeat = (u32)cli_u64(c, "repeat", 5);
    s->burst = (u32)cli_u64(c, "burst", 1);
    if (!s->burst || s->burst > PING_SENT_KEPT)
        return error_set(c->err, EINVAL, "burst is 1 to %u", PING_SENT_KEPT);
    s->verbose = cli_has(c, "verbose");
    const struct interface *f = cli_interface(c, "source");
    s->source_if = f ? f->index : IF_NONE;
    s->table_id = f ? fib_table_id(fib, ip_if_fib(s->family, f->index)) : 0;
    if (cli_has(c, "table-id")) {
        s->table_id = (u32)cli_u64(c, "table-id", 0);
        if (fib_is_none(fib_table_find(fib, s->family, s->table_id)))
            return error_set(c->err, ENOENT, "no table %u", s->table_id);
    }
    return 0;
}

static int ping_run(struct cli_call *c)
{
    struct ping *ping = module_state(c->piste, ping_module_name);
    struct ping_session args = {.p = c->piste, .ping = ping, .call = c};
    int rc = ping_parse(c, &args);

    if (rc)
        return rc;
    struct ping_session *s = ping_session_new(&args);
    if (!s)
        return error_set(c->err, EBUSY, "%u pings run already", PING_SESSIONS_MAX);
    cli_pend(c, ping_session_cancel, s);
    return CLI_PENDING;
}

const struct cli_command ping_commands[] = {
    {"ping [ <address:ip-address> | ipv4 <ipv4:ip4-address> | ipv6 <ipv6:ip6-address> ] "
     "[source <source:interface>] [size <size:u32>] [interval <interval:float>] [repeat "
     "<repeat:u32>] "
     "[table-id <table-id:u32>] [burst <burst:u32>] [verbose]",
     "Send ICMP echo requests and show the replies", ping_run, 0},
    {NULL, NULL, NULL, 0},
};
