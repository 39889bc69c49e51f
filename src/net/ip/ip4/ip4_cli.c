/* Commands about tables of both protocols and their flow hash, and the running configuration of
 * tables and routes. */
#include <errno.h>
#include <inttypes.h>

#include "control/cli.h"
#include "net/ip/ip4/ip4_internal.h"
#include "net/ip/route/ip_route_cli.h"
#include "net/link/interface/interface.h"

/* --- tables --- */

static int ip_table_change(struct cli_call *c, enum ip_family family)
{
    struct fib *f = fib_of(c->piste);
    u32 id = (u32)cli_u64(c, "table-id", 0);
    struct fib_index t = fib_table_find(f, family, id);
    enum fib_source source = FIB_SOURCE_CLI;
    const char *source_name = cli_str(c, "source", NULL);
    if (source_name && !fib_user_source_find(source_name, &source))
        return error_set(c->err, EINVAL, "unknown source `%s'", source_name);
    bool ours = !fib_is_none(t) && fib_table_is_locked_by(f, t, source);
    if (!id)
        return error_set(c->err, EINVAL, "the default table is always there");
    if (cli_has(c, "add"))
        return ours ? 0
                    : fib_table_lock(f, family, id, cli_str(c, "name", NULL), source, &t, c->err);
    if (!ours)
        return error_set(c->err, ENOENT, "no such table %u", id);
    struct fib_sweep_place *at = cli_kept(c, sizeof(*at), NULL);
    while (fib_table_sweep_next(f, t, source, FIB_SWEEP_FLUSH, at))
        if (cli_full(c))
            return CLI_MORE;
    fib_table_unlock(f, t, source);
    return 0;
}

static int ip_table(struct cli_call *c)
{
    return ip_table_change(c, IP_FAMILY_4);
}

static int ip6_table(struct cli_call *c)
{
    return ip_table_change(c, IP_FAMILY_6);
}

static int ip_set_flow_hash(struct cli_call *c, enum ip_family family)
{
    struct fib *f = fib_of(c->piste);
    u32 id = (u32)cli_u64(c, "table-id", 0), fields = 0;
    struct fib_index t = fib_table_find(f, family, id);
    const char *name;
    if (fib_is_none(t))
        return error_set(c->err, ENOENT, "no such FIB table %u", id);
    for (u32 bit = 0; (name = fib_flow_field_name(bit)); bit++)
        if (cli_has(c, name))
            fields |= 1u << bit;
    fib_table_set_flow_fields(f, t, fields);
    return 0;
}

static int ip4_cli_set_flow_hash(struct cli_call *c)
{
    return ip_set_flow_hash(c, IP_FAMILY_4);
}

static int ip6_cli_set_flow_hash(struct cli_call *c)
{
    return ip_set_flow_hash(c, IP_FAMILY_6);
}

const struct cli_command ip4_commands[] = {
    {"ip route <rest>",
     "Add or delete a route: (add | del) [count N] PREFIX [table N] via PATH ...", ip_route_command,
     0},
    {"ip table (add | del) <table-id:u32> [name <name:string>] [source <source:string>]",
     "Add or delete an IPv4 table; source: whose, as `show fib source' names them", ip_table, 0},
    {"set ip flow-hash (table <table-id:u32>) [src] [dst] [sport] [dport] [proto] [reverse] "
     "[symmetric] [flowlabel]",
     "What of a flow chooses among equal paths", ip4_cli_set_flow_hash, 0},
    {"ip6 table (add | del) <table-id:u32> [name <name:string>] [source <source:string>]",
     "Add or delete an IPv6 table; source: whose, as `show fib source' names them", ip6_table, 0},
    {"set ip6 flow-hash (table <table-id:u32>) [src] [dst] [sport] [dport] [proto] [reverse] "
     "[symmetric] [flowlabel]",
     "What of a flow of IPv6 chooses among equal paths", ip6_cli_set_flow_hash, 0},
    {0},
};

int ip4_init(struct piste *p, void **state, struct error *e)
{
    interface_reserve_names(p, ip_route_words);
    return 0;
}

/* --- running config --- */

static const char *const ip_words[IP_FAMILY_N] = {"ip", "ip6"};

static void write_table(const struct fib *f, struct fib_index k, enum fib_source source,
                        struct text *t)
{
    text_add(t, "%s table add %u", ip_words[fib_family(k)], fib_table_id(f, k));
    if (fib_table_is_named(f, k)) {
        text_puts(t, " name ");
        cli_add_braced(t, fib_table_name(f, k));
    }
    if (source != FIB_SOURCE_CLI)
        text_add(t, " source %s", fib_source_name(source));
    text_putc(t, '\n');
}

static void write_flow_hash(const struct fib *f, struct fib_index k, struct text *t)
{
    u32 fields = fib_table_flow_fields(f, k);
    const char *name;
    if (fields == FLOW_DEFAULT)
        return;
    text_add(t, "set %s flow-hash table %u", ip_words[fib_family(k)], fib_table_id(f, k));
    for (u32 bit = 0; (name = fib_flow_field_name(bit)); bit++)
        if (fields & (1u << bit))
            text_add(t, " %s", name);
    text_putc(t, '\n');
}

static void write_tables(struct piste *p, enum ip_family family, struct text *t)
{
    struct fib *f = fib_of(p);
    for (struct fib_index k = fib_table_next(f, family, 0); !fib_is_none(k);
         k = fib_table_next(f, family, fib_number(k) + 1)) {
        u32 id = fib_table_id(f, k);
        bool held = !id;
        if (id == FIB_TABLE_NO_ID)
            continue; /* of a link: it comes with the interface */
        for (enum fib_source s = 0; id && s < FIB_SOURCE_N; s++)
            if (fib_source_is_users(s) && fib_table_is_locked_by(f, k, s)) {
                write_table(f, k, s, t);
                held = true;
            }
        if (!held) /* only by its users: they name it */
            write_table(f, k, FIB_SOURCE_CLI, t);
        write_flow_hash(f, k, t);
    }
}

void ip4_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    for (u32 k = 0; phase == RC_TABLES && k < IP_FAMILY_N; k++)
        write_tables(p, (enum ip_family)k, t);
}
