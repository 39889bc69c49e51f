/* Commands about IPv4 on interfaces, tables, and the running configuration of both. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli.h"
#include "net/link/interface/interface.h"
#include "net/ip/ip4/ip4_internal.h"
#include "net/ip/ip4/ip_route_cli.h"

/* --- addresses --- */

static struct ip4_prefix prefix_of(const struct cli_value *v)
{
    struct ip4_prefix a = {.len = v->ip.prefix_len};
    memcpy(&a.addr, v->ip.addr, 4);
    return a;
}

static int set_address(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "interface");
    const struct cli_value *v = cli_get(c, "ip-prefix");
    if (!v) { /* all */
        if (!cli_has(c, "del"))
            return error_set(c->err, EINVAL, "`all' is for deleting");
        ip4_address_del_all(c->piste, f->index);
        return 0;
    }
    if (v->ip.is_ip6)
        return error_set(c->err, EOPNOTSUPP, "IPv6 is not supported");
    if (cli_has(c, "del"))
        return ip4_address_del(c->piste, f->index, prefix_of(v), c->err);
    return ip4_address_add(c->piste, f->index, prefix_of(v), c->err);
}

void ip4_show_address(struct piste *p, struct interface *f, struct out *o)
{
    struct if_index lender = ip4_unnumbered(p, f->index);
    struct if_index owner = if_is_none(lender) ? f->index : lender;
    struct fib_index t = ip4_if_fib(f->index);
    struct ip4_prefix a;
    char text[IP4_PREFIX_TEXT_BYTES];
    if (!if_is_none(lender))
        out_str(o, "unnumbered", interface_at(p, lender)->name, "  unnumbered, use %s\n");
    out_array(o, "addresses");
    for (u32 k = 0; ip4_address_at(p, owner, k, &a); k++) {
        ip4_prefix_text(a, text);
        out_object(o, NULL);
        out_str(o, "prefix", text, "  L3 %s");
        out_u64(o, "table_id", fib_table_id(fib_of(p), t), NULL);
        if (t.i)
            out_text(o, " ip4 table-id %u fib-idx %u", fib_table_id(fib_of(p), t), t.i);
        out_text(o, "\n");
        out_end(o);
    }
    out_end(o);
}

/* --- settings of an interface --- */

static int ip4_cli_set_table(struct cli_call *c)
{
    return ip4_set_table(c->piste, cli_interface(c, "interface")->index,
                         (u32)cli_u64(c, "table-id", 0), c->err);
}

static int ip4_cli_set_unnumbered(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "interface"), *use = cli_interface(c, "lender");
    return ip4_set_unnumbered(c->piste, f->index, use ? use->index : IF_NONE, c->err);
}

static int ip4_cli_set_directed_broadcast(struct cli_call *c)
{
    return ip4_set_directed_broadcast(c->piste, cli_interface(c, "interface")->index,
                                      !cli_has(c, "disable"), c->err);
}

static int enable_ip4(struct cli_call *c)
{
    return ip4_enable(c->piste, cli_interface(c, "interface")->index, true, c->err);
}

/* --- tables --- */

static int ip_table(struct cli_call *c)
{
    struct fib *f = fib_of(c->piste);
    u32 id = (u32)cli_u64(c, "table-id", 0);
    struct fib_index t = fib_table_find(f, id);
    enum fib_source source = FIB_SOURCE_CLI;
    const char *source_name = cli_str(c, "source", NULL);
    if (source_name && !fib_user_source_find(source_name, &source))
        return error_set(c->err, EINVAL, "unknown source `%s'", source_name);
    bool ours = !fib_is_none(t) && fib_table_is_locked_by(f, t, source);
    if (!id)
        return error_set(c->err, EINVAL, "the default table is always there");
    if (cli_has(c, "add"))
        return ours ? 0 : fib_table_lock(f, id, cli_str(c, "name", NULL), source, &t, c->err);
    if (!ours)
        return error_set(c->err, ENOENT, "no such table %u", id);
    fib_table_flush(f, t, source);
    fib_table_unlock(f, t, source);
    return 0;
}

static int ip4_cli_set_flow_hash(struct cli_call *c)
{
    struct fib *f = fib_of(c->piste);
    u32 id = (u32)cli_u64(c, "table-id", 0), fields = 0;
    struct fib_index t = fib_table_find(f, id);
    const char *name;
    if (fib_is_none(t))
        return error_set(c->err, ENOENT, "no such FIB table %u", id);
    for (u32 bit = 0; (name = fib_flow_field_name(bit)); bit++)
        if (cli_has(c, name))
            fields |= 1u << bit;
    fib_table_set_flow_fields(f, t, fields);
    return 0;
}

const struct cli_command ip4_commands[] = {
    {"set interface ip address [del] <interface> (<ip-prefix> | all)",
     "Add or delete an interface's address", set_address, 0},
    {"enable ip4 interface <interface>", "Let an interface take IPv4 without an address of its own",
     enable_ip4, 0},
    {"set interface ip table <interface> <table-id:u32>", "Put an interface in an IPv4 table",
     ip4_cli_set_table, 0},
    {"set interface unnumbered (del <interface> | <interface> use <lender:interface>)",
     "Let an interface borrow another's addresses", ip4_cli_set_unnumbered, 0},
    {"set interface ip directed-broadcast <interface> (enable | disable)",
     "Send broadcasts to the interface's subnets to all on its link",
     ip4_cli_set_directed_broadcast, 0},
    {"ip route <rest>",
     "Add or delete a route: (add | del) [count N] PREFIX [table N] via PATH ...", ip_route_command,
     0},
    {"ip table (add | del) <table-id:u32> [name <name:string>] [source <source:string>]",
     "Add or delete an IPv4 table; source: whose, as `show fib source' names them", ip_table, 0},
    {"set ip flow-hash (table <table-id:u32>) [src] [dst] [sport] [dport] [proto] [reverse] "
     "[symmetric] [flowlabel]",
     "What of a flow chooses among equal paths", ip4_cli_set_flow_hash, 0},
    {0},
};

/* --- running config --- */

static void write_table(const struct fib *f, struct fib_index k, enum fib_source source,
                        struct text *t)
{
    text_add(t, "ip table add %u", fib_table_id(f, k));
    if (fib_table_is_named(f, k)) {
        text_puts(t, " name ");
        cli_add_braced(t, fib_table_name(f, k));
    }
    if (source != FIB_SOURCE_CLI)
        text_add(t, " source %s", fib_source_name(source));
    text_putc(t, '\n');
}

static void write_tables(struct piste *p, struct text *t)
{
    struct fib *f = fib_of(p);
    for (struct fib_index k = fib_table_next(f, 0); !fib_is_none(k);
         k = fib_table_next(f, k.i + 1)) {
        u32 id = fib_table_id(f, k), fields = fib_table_flow_fields(f, k);
        bool held = !id;
        for (enum fib_source s = 0; id && s < FIB_SOURCE_N; s++)
            if (fib_source_is_users(s) && fib_table_is_locked_by(f, k, s)) {
                write_table(f, k, s, t);
                held = true;
            }
        if (!held) /* only by its users: they name it */
            write_table(f, k, FIB_SOURCE_CLI, t);
        if (fields == FLOW_DEFAULT)
            continue;
        text_add(t, "set ip flow-hash table %u", id);
        const char *name;
        for (u32 bit = 0; (name = fib_flow_field_name(bit)); bit++)
            if (fields & (1u << bit))
                text_add(t, " %s", name);
        text_putc(t, '\n');
    }
}

static void write_interface(struct piste *p, const struct interface *f, struct text *t)
{
    struct fib_index table = ip4_if_fib(f->index);
    struct ip4_prefix a;
    char text[IP4_PREFIX_TEXT_BYTES];
    if (table.i)
        text_add(t, "set interface ip table %s %u\n", f->name, fib_table_id(fib_of(p), table));
    for (u32 k = 0; ip4_address_at(p, f->index, k, &a); k++) {
        ip4_prefix_text(a, text);
        text_add(t, "set interface ip address %s %s\n", f->name, text);
    }
    for (u32 k = ip4_enables(p, f->index); k; k--)
        text_add(t, "enable ip4 interface %s\n", f->name);
    if (ip4_directed_broadcast(p, f->index))
        text_add(t, "set interface ip directed-broadcast %s enable\n", f->name);
}

static void write_unnumbered(struct piste *p, const struct interface *f, struct text *t)
{
    struct if_index lender = ip4_unnumbered(p, f->index);
    if (!if_is_none(lender))
        text_add(t, "set interface unnumbered %s use %s\n", f->name, interface_at(p, lender)->name);
}

void ip4_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    struct interface *f;
    if (phase == RC_TABLES)
        write_tables(p, t);
    if (phase == RC_INTERFACE) {
        for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1)
            write_interface(p, f, t);
        /* lenders have their addresses and tables by then */
        for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1)
            write_unnumbered(p, f, t);
    }
    if (phase == RC_ROUTES)
        ip_route_running_config(p, t);
}
