/* Commands of the MAC table. Words, layouts and errors are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control/cli.h"
#include "net/l2/l2_internal.h"
#include "net/packet/ethernet_format.h"

static struct l2_state *l2_fib_cli_state_of(const struct cli_call *c)
{
    return l2_state_of(c->piste);
}

static int fib_domain(struct cli_call *c, struct l2_bd **bd)
{
    u32 id = (u32)cli_u64(c, "bridge-domain-id", 0);
    *bd = l2_bd_find(l2_fib_cli_state_of(c), id);
    return *bd && id ? 0 : error_set(c->err, ENOENT, "bridge domain ID %u invalid", id);
}

static int fib_add(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "intf");
    struct l2_bd *bd;
    u32 flags = cli_has(c, "filter")   ? L2_FIB_FILTER
                : cli_has(c, "bvi")    ? L2_FIB_BVI | L2_FIB_STATIC
                : cli_has(c, "static") ? L2_FIB_STATIC
                                       : 0;
    int rc = fib_domain(c, &bd);
    if (rc)
        return rc;
    return l2_fib_add(l2_fib_cli_state_of(c), bd->index, cli_get(c, "mac")->mac,
                      f ? f->index : IF_NONE, flags, c->err);
}

static int fib_del(struct cli_call *c)
{
    struct l2_bd *bd;
    int rc = fib_domain(c, &bd);
    return rc ? rc : l2_fib_del(l2_fib_cli_state_of(c), bd->index, cli_get(c, "mac")->mac, c->err);
}

static int l2_fib_cli_flush(struct cli_call *c, u32 bd, struct if_index i, enum l2_fib_flushed what)
{
    struct l2_fib_flush *f = cli_kept(c, sizeof(*f), NULL);
    if (!c->again)
        *f = (struct l2_fib_flush){.bd = bd, .interface = i, .what = what};
    while (l2_fib_flush_next(l2_fib_cli_state_of(c), f))
        if (cli_full(c))
            return CLI_MORE;
    return 0;
}

static int flush_all(struct cli_call *c)
{
    return l2_fib_cli_flush(c, UINT32_MAX, IF_NONE, L2_FIB_FLUSH_LEARNT);
}

static int flush_interface(struct cli_call *c)
{
    struct if_index i = cli_interface(c, "if-name")->index;
    int rc = l2_fib_cli_flush(c, UINT32_MAX, i, L2_FIB_FLUSH_LEARNT);
    if (!rc)
        l2_if(i)->seq++;
    return rc;
}

static int flush_domain(struct cli_call *c)
{
    struct l2_bd *bd;
    int rc = fib_domain(c, &bd);
    return rc ? rc : l2_fib_cli_flush(c, bd->index, IF_NONE, L2_FIB_FLUSH_LEARNT);
}

/* A BVI without its entry could not be reached. */
static int clear_fib(struct cli_call *c)
{
    return l2_fib_cli_flush(c, UINT32_MAX, IF_NONE, L2_FIB_FLUSH_ALL_BUT_BVI);
}

static int l2_fib_cli_set_scan_delay(struct cli_call *c)
{
    return l2_fib_set_scan_delay(l2_fib_cli_state_of(c), (u32)cli_u64(c, "delay", 0), c->err);
}

static void fib_line(struct cli_call *c, const struct l2_fib_entry *e)
{
    const struct l2_bd *bd = l2_bd_at(l2_fib_cli_state_of(c), e->bd);
    char mac[MAC_TEXT_BYTES], seq[16] = "0/0", age[8] = "-";
    ethernet_mac_text(e->mac, mac);
    if (!e->provisioned && bd)
        snprintf(seq, sizeof(seq), "%u/%u", bd->seq, l2_if(e->interface)->seq);
    if (e->provisioned)
        snprintf(age, sizeof(age), "no");
    else if (bd && bd->mac_age)
        snprintf(age, sizeof(age), "%u", e->age);
    out_object(c->out, NULL);
    out_aligned(c->out, mac, 19, OUT_CENTER);
    l2_centered_number(c->out, 7, e->bd);
    l2_centered_number(c->out, 7, (i32)e->interface.i);
    out_aligned(c->out, seq, 8, OUT_CENTER);
    out_aligned(c->out, age, 9, OUT_CENTER);
    out_aligned(c->out, e->is_static ? "*" : "-", 7, OUT_CENTER);
    out_aligned(c->out, e->filter ? "*" : "-", 7, OUT_CENTER);
    out_aligned(c->out, e->bvi ? "*" : "-", 5, OUT_CENTER);
    out_aligned(c->out, l2_name_of(c, e->interface), 30, OUT_CENTER);
    out_text(c->out, "\n");
    out_str(c->out, "mac", mac, NULL);
    out_u64(c->out, "bridge_domain", bd ? bd->id : 0, NULL);
    out_str(c->out, "interface", if_is_none(e->interface) ? "" : l2_name_of(c, e->interface), NULL);
    out_bool(c->out, "static", e->is_static, NULL, NULL);
    out_bool(c->out, "filter", e->filter, NULL, NULL);
    out_bool(c->out, "bvi", e->bvi, NULL, NULL);
    out_bool(c->out, "learned", !e->provisioned, NULL, NULL);
    out_u64(c->out, "age_minutes", e->age, NULL);
    out_end(c->out);
}

/* `show l2fib`: where it is. */
struct show_fib {
    struct l2_fib_walk walk;
    u32 shown;
};

static void show_fib_fini(void *kept)
{
    free(((struct show_fib *)kept)->walk.keys);
}

static int fib_lines(struct cli_call *c, u32 bd)
{
    struct show_fib *s = cli_kept(c, sizeof(*s), show_fib_fini);
    bool learn = cli_has(c, "learn"), add = cli_has(c, "add");
    struct l2_fib_entry e;
    if (!c->again) {
        s->walk = (struct l2_fib_walk){.l2 = l2_fib_cli_state_of(c), .bd = bd};
        out_array(c->out, "entries");
    }
    for (int rc; (rc = l2_fib_walk_next(&s->walk, &e));) {
        bool wanted = rc == 1 && !(learn && e.provisioned) && !(add && !e.provisioned);
        if (wanted && !s->shown++)
            out_text(c->out,
                     "    Mac-Address     BD-Idx If-Idx BSN-ISN Age(min) static filter bvi         "
                     "Interface-Name        \n");
        if (wanted)
            fib_line(c, &e);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}

static int show_fib(struct cli_call *c)
{
    struct l2_state *s = l2_fib_cli_state_of(c);
    u32 bd = UINT32_MAX;
    if (cli_get(c, "bd-id")) {
        struct l2_bd *d = l2_bd_find(s, (u32)cli_u64(c, "bd-id", 0));
        bd = d ? d->index : UINT32_MAX - 1;
    } else if (cli_get(c, "bd-index")) {
        bd = (u32)cli_u64(c, "bd-index", 0);
    }
    if (bd != UINT32_MAX || cli_has(c, "all") || cli_has(c, "verbose") || cli_has(c, "learn") ||
        cli_has(c, "add")) {
        int rc = fib_lines(c, bd);
        if (rc)
            return rc;
    }
    struct l2_fib_totals t = l2_fib_totals(s);
    struct text scan = {0};
    text_sci(&scan, (double)s->last_scan_ns / NS_PER_SEC, 4);
    if (t.entries)
        out_text(c->out,
                 "L2FIB total/learned entries: %" PRIu64 "/%" PRIu64
                 "  Last scan time: %ssec  Learn limit: %u \n",
                 t.entries, t.learned, text_str(&scan), t.learn_limit);
    else
        out_text(c->out, "no l2fib entries\n");
    if (cli_has(c, "raw"))
        out_text(c->out, "%u buckets of %u entries, %" PRIu64 " bytes\n", t.buckets, MAC_SLOTS,
                 t.bytes);
    text_free(&scan);
    out_u64(c->out, "total", t.entries, NULL);
    out_u64(c->out, "learned", t.learned, NULL);
    out_u64(c->out, "learn_limit", t.learn_limit, NULL);
    out_u64(c->out, "buckets", t.buckets, NULL);
    out_u64(c->out, "bytes", t.bytes, NULL);
    return 0;
}

/* --- for tests: many entries at once --- */

static void next_mac(u8 mac[6])
{
    for (int i = 5; i >= 0 && !++mac[i]; i--)
        continue;
}

/* How far `test l2fib` is. */
struct test_place {
    u64 done;
    u8 mac[6];
};

static int test_fib_one(struct cli_call *c, const struct l2_bd *bd, const u8 mac[6])
{
    struct l2_state *s = l2_fib_cli_state_of(c);
    struct l2_fib_entry entry;
    struct if_index i = cli_get(c, "intf") ? cli_interface(c, "intf")->index : IF_NONE;
    if (cli_has(c, "add"))
        return if_is_none(i) ? error_set(c->err, EINVAL, "interface required")
                             : l2_fib_add(s, bd->index, mac, i, 0, c->err);
    if (cli_has(c, "del"))
        return l2_fib_del(s, bd->index, mac, c->err);
    return l2_fib_find(s, bd->index, mac, &entry) ? 0 : error_set(c->err, ENOENT, "key not found");
}

static int test_fib(struct cli_call *c)
{
    struct l2_bd *bd;
    struct test_place *at = cli_kept(c, sizeof(*at), NULL);
    int rc = fib_domain(c, &bd);
    if (!c->again)
        memcpy(at->mac, cli_get(c, "base-addr")->mac, 6);
    for (; !rc && at->done < cli_u64(c, "nn", 1); at->done++, next_mac(at->mac)) {
        if (cli_full(c))
            return CLI_MORE;
        rc = test_fib_one(c, bd, at->mac);
    }
    return rc;
}

static int test_fib_age(struct cli_call *c)
{
    l2_fib_pass_time(l2_fib_cli_state_of(c), (u8)cli_u64(c, "minutes", 0));
    return 0;
}

const struct cli_command l2_fib_commands[] = {
    {"l2fib add <mac> <bridge-domain-id:u32> ( filter | <intf:interface> [static|bvi] )",
     "Adds an address to the MAC table", fib_add, 0},
    {"l2fib del <mac> <bridge-domain-id:u32>", "Takes an address out of the MAC table", fib_del, 0},
    {"l2fib flush-mac all", "Forgets all that was learnt", flush_all, 0},
    {"l2fib flush-mac interface <if-name:interface>", "Forgets what was learnt on an interface",
     flush_interface, 0},
    {"l2fib flush-mac bridge-domain <bridge-domain-id:u32>", "Forgets what was learnt in a domain",
     flush_domain, 0},
    {"clear l2fib", "Empties the MAC table, but for addresses of BVIs", clear_fib, 0},
    {"set l2fib scan-delay <delay:u32>",
     "Milliseconds between two scans for learnt addresses, of which API clients are told",
     l2_fib_cli_set_scan_delay, 0},
    {"show l2fib [all] [verbose] [bd_id <bd-id:u32>] [bd_index <bd-index:u32>] [learn|add] [raw]",
     "The MAC table", show_fib, 0},
    {"test l2fib ( add | del | check ) (mac <base-addr:mac>) [count <nn:u32>] [bridge-domain "
     "<bridge-domain-id:u32>] "
     "[interface <intf:interface>]",
     "Many addresses at once", test_fib, CLI_HIDDEN},
    {"test l2fib age <minutes:u8>", "As if so many minutes went by at once", test_fib_age,
     CLI_HIDDEN},
    {0},
};
