/* What commands of both NATs do that change it. Words are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/startup.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip4_format.h"
#include "plugins/nat/nat44_cli.h"
#include "plugins/nat/nat44_internal.h"

/* --- types --- */

/* A.B.C.D:PORT */
int nat44_parse_endpoint(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    u8 a[4];
    u32 at = 0;
    const char *s = *text;
    for (u32 i = 0; i < 5; i++, s += at) {
        u32 x;
        int used = 0;
        if (*s < '0' || *s > '9' || sscanf(s, "%u%n", &x, &used) != 1)
            return -ENOENT;
        at = (u32)used;
        if (i == 4) {
            if (x > 65535 || !strchr(" \t\r\n", s[at]))
                return -ENOENT;
            memcpy(v->raw, a, 4);
            put_be16(v->raw + 4, (u16)x);
            *text = s + at;
            return 0;
        }
        if (x > 255 || s[at] != (i < 3 ? '.' : ':'))
            return -ENOENT;
        a[i] = (u8)x;
        at++;
    }
    return -ENOENT;
}

static u32 nat44_cli_address(const struct cli_call *c, const char *label)
{
    return get_be32(cli_get(c, label)->ip.addr);
}

static u8 nat44_cli_protocol(const struct cli_call *c)
{
    return cli_has(c, "tcp")   ? IP_PROTOCOL_TCP
           : cli_has(c, "udp") ? IP_PROTOCOL_UDP
                               : IP_PROTOCOL_ICMP;
}

const char *const nat44_timeout_words[NAT44_TIMEOUTS] = {"udp", "tcp-established", "tcp-transitory",
                                                         "icmp"};

int nat44_cli_timeout(struct cli_call *c)
{
    u32 seconds[NAT44_TIMEOUTS];
    if (!c->n_args)
        return error_set(c->err, EINVAL, "expected required argument(s)");
    for (u32 k = 0; k < NAT44_TIMEOUTS; k++)
        seconds[k] = (u32)cli_u64(c, nat44_timeout_words[k], nat44_timeouts(c->piste)[k]);
    return nat44_set_timeouts(c->piste, cli_has(c, "reset") ? nat44_default_timeouts : seconds,
                              c->err);
}

int nat44_cli_forwarding(struct cli_call *c)
{
    return nat44_set_forwarding(c->piste, cli_has(c, "enable"), c->err);
}

int nat44_cli_workers(struct cli_call *c)
{
    const char *list = cli_str(c, "list", NULL);
    struct cpu_bitmap workers = {0};
    u64 mask = 0;
    if (!list)
        return error_set(c->err, EINVAL, "List of workers must be specified.");
    int rc = cpu_bitmap_parse_list(list, &workers, c->err);
    if (rc)
        return rc;
    for (u32 i = 0; i < STARTUP_MAX_CPUS; i++)
        if (cpu_bitmap_has(&workers, i))
            mask |= i < 64 ? 1ull << i : 1ull << 63; /* which is nobody's */
    return nat44_set_workers(c->piste, mask, c->err);
}

int nat44_cli_fq_nelts(struct cli_call *c)
{
    return nat44_set_fq_nelts(c->piste, (u32)cli_u64(c, "nelts", 0), c->err);
}

int nat44_cli_ipfix(struct cli_call *c)
{
    return nat44_set_ipfix(c->piste, cli_has(c, "enable"),
                           (u32)cli_u64(c, "domain-id", NAT_IPFIX_DOMAIN),
                           (u16)cli_u64(c, "port-number", NAT_IPFIX_PORT), c->err);
}

/* --- addresses and interfaces --- */

static enum nat44_pool_kind pool_of_words(const struct cli_call *c)
{
    return cli_has(c, "twice-nat") ? NAT44_POOL_TWICE : NAT44_POOL;
}

int nat44_cli_addresses(struct cli_call *c)
{
    u32 first = nat44_cli_address(c, "first");
    u32 last = cli_get(c, "last") ? nat44_cli_address(c, "last") : first;
    if (cli_has(c, "del"))
        return nat44_del_addresses(c->piste, pool_of_words(c), first, last, c->err);
    return nat44_add_addresses(c->piste, pool_of_words(c), first, last,
                               (u32)cli_u64(c, "tenant-vrf", NAT_VRF_ANY), c->err);
}

int nat44_cli_interface_address(struct cli_call *c)
{
    const struct interface *f = cli_interface(c, "interface");
    bool del = cli_has(c, "del");
    struct error e;
    int rc = nat44_set_interface_address(c->piste, pool_of_words(c), f->index, !del, &e);
    return rc ? error_set(c->err, -rc, "%s %s address failed: %s", del ? "del" : "add", f->name,
                          e.text)
              : 0;
}

/* What a word of `set interface nat44' says of the interface behind it; 0: nothing. */
static u8 flag_of_word(const char *word)
{
    return !strcmp(word, "inside") ? NAT44_IF_IN : !strcmp(word, "outside") ? NAT44_IF_OUT : 0;
}

typedef int set_interface_fn(struct piste *p, struct if_index i, u8 flag, bool add,
                             struct error *e);

/* fn for the first n words of the command, as far as they name interfaces. *done: up to which it
 * went. */
static int each_interface(struct cli_call *c, u32 n, bool add, set_interface_fn *fn, u32 *done)
{
    bool output = cli_has(c, "output-feature");
    for (*done = 0; *done < n; ++*done) {
        const struct cli_arg *a = &c->args[*done];
        u8 word = flag_of_word(a->name), flag = word && output ? NAT44_IF_OUTPUT : word;
        const struct interface *f = a->value.ptr;
        struct error e;
        int rc = flag ? fn(c->piste, f->index, flag, add, &e) : 0;
        if (rc)
            return error_set(c->err, -rc, "%s %s failed: %s", add ? "add" : "del", f->name, e.text);
    }
    return 0;
}

/* All of them or none. */
int nat44_cli_interface(struct cli_call *c)
{
    bool add = !cli_has(c, "del");
    u32 done, undone, n = 0;
    for (u32 i = 0; i < c->n_args; i++)
        n += flag_of_word(c->args[i].name) != 0;
    if (!n)
        return error_set(c->err, EINVAL, "expected required argument(s)");
    int rc = each_interface(c, c->n_args, add, nat44_check_interface, &done);
    if (rc)
        return rc;
    rc = each_interface(c, c->n_args, add, nat44_set_interface, &done);
    if (rc) { /* one is named twice, or there is no memory */
        struct cli_call back = *c;
        back.err = NULL;
        (void)!each_interface(&back, done, !add, nat44_set_interface, &undone);
    }
    return rc;
}

/* --- static mappings --- */

/* The external end, and what all mappings have; local and identity: the caller's. */
static struct nat44_mapping_config nat44_cli_mapping_config(const struct cli_call *c)
{
    const struct interface *f = cli_interface(c, "external-interface");
    bool ports = cli_has(c, "tcp") || cli_has(c, "udp") || cli_has(c, "icmp");
    return (struct nat44_mapping_config){
        .external_if = f ? f->index : IF_NONE,
        .protocol = ports ? nat44_cli_protocol(c) : 0,
        .vrf = (u32)cli_u64(c, "vrf", 0),
    };
}

static be32 nat44_cli_be32(const struct cli_call *c, const char *label)
{
    const struct cli_value *v = cli_get(c, label);
    return v ? load_be32(v->ip.addr) : (be32){0};
}

static be16 nat44_cli_port(const struct cli_call *c, const char *label)
{
    return be16_from_host((u16)cli_u64(c, label, 0));
}

int nat44_cli_tag(struct cli_call *c, char tag[NAT44_TAG_BYTES])
{
    int n = snprintf(tag, NAT44_TAG_BYTES, "%s", cli_str(c, "text", ""));
    return n < 0 || n >= NAT44_TAG_BYTES
               ? error_set(c->err, EINVAL, "a tag has at most %d bytes", NAT44_TAG_BYTES - 1)
               : 0;
}

u8 nat44_cli_twice(const struct cli_call *c)
{
    return cli_has(c, "twice-nat")        ? NAT44_TWICE_ALL
           : cli_has(c, "self-twice-nat") ? NAT44_TWICE_SELF
                                          : NAT44_TWICE_NONE;
}

static int nat44_cli_put_mapping(struct cli_call *c, struct nat44_mapping_config *m)
{
    int rc = nat44_cli_tag(c, m->tag);
    if (rc)
        return rc;
    return cli_has(c, "del") ? nat44_del_mapping(c->piste, m, c->err)
                             : nat44_add_mapping(c->piste, m, c->err);
}

int nat44_cli_mapping(struct cli_call *c)
{
    struct nat44_mapping_config m = nat44_cli_mapping_config(c);
    m.local = nat44_cli_be32(c, "local-address");
    m.external = nat44_cli_be32(c, "external-address");
    m.local_port = nat44_cli_port(c, "local-port");
    m.external_port = nat44_cli_port(c, "external-port");
    m.out2in_only = cli_has(c, "out2in-only");
    m.twice = nat44_cli_twice(c);
    m.exact = nat44_cli_be32(c, "pool-address");
    return nat44_cli_put_mapping(c, &m);
}

int nat44_cli_identity(struct cli_call *c)
{
    struct nat44_mapping_config m = nat44_cli_mapping_config(c);
    m.local = m.external = nat44_cli_be32(c, "address");
    m.local_port = m.external_port = nat44_cli_port(c, "port");
    m.identity = true;
    return nat44_cli_put_mapping(c, &m);
}

int nat44_cli_mss(struct cli_call *c)
{
    u64 mss = cli_u64(c, "mss", 0);
    if (!cli_has(c, "disable") && !mss)
        return error_set(c->err, EINVAL, "a segment has at least one byte");
    return nat44_set_mss(c->piste, (u16)mss, c->err);
}

int nat44_cli_del_session(struct cli_call *c)
{
    const struct cli_value *at = cli_get(c, "address"), *host = cli_get(c, "host");
    struct nat44_match m = {
        .side = cli_has(c, "in") ? NAT44_I2O : NAT44_O2I,
        .addr = load_be32(at->raw),
        .port = load_be16(at->raw + 4),
        .protocol = nat44_cli_protocol(c),
        .vrf = (u32)cli_u64(c, "vrf", 0),
        .any_host = !host,
    };
    if (host) {
        m.host = load_be32(host->raw);
        m.host_port = load_be16(host->raw + 4);
    }
    struct error e;
    int rc = nat44_del_sessions(c->piste, &m, &e);
    return rc ? error_set(c->err, -rc, "nat44_del_session returned %d", api_retval(rc)) : 0;
}
