/* Commands of l2-rw. Source: VPP's commands and behaviour. */
#include <errno.h>
#include <stdlib.h>

#include "base/hex.h"
#include "base/mem.h"
#include "base/text.h"
#include "control/module.h"
#include "net/features/l2_rw/l2_rw.h"
#include "net/features/l2_rw/l2_rw_internal.h"
#include "net/l2/l2_internal.h"
#include "net/link/interface/interface.h"

/* An even number of hex digits, after an optional 0x; returns bytes, or a negative error. */
static int parse_bytes(const char *text, u8 *out, struct error *e)
{
    text += text[0] == '0' && text[1] == 'x' ? 2 : 0;
    size_t n = hex_digits(text);
    if (n > 2 * L2_RW_BYTES)
        return error_set(e, EINVAL, "at most %d bytes can be rewritten", L2_RW_BYTES);
    if (!n || n & 1 || text[n])
        return error_set(e, EINVAL, "expected hex digits, got `%s'", text);
    hex_bytes(text, out, n / 2);
    return (int)(n / 2);
}

/* Index that was given, or the first that is free. */
static int index_wanted(struct cli_call *c, u32 *i)
{
    *i = (u32)cli_u64(c, "index", L2_RW_NONE);
    if (*i == L2_RW_NONE && !cli_has(c, "del"))
        for (*i = 0; *i < L2_RW_ENTRIES && l2_rw_data->entries[*i];)
            ++*i;
    return *i < L2_RW_ENTRIES
               ? 0
               : error_set(c->err, EINVAL, "an entry has an index from 0 to %d", L2_RW_ENTRIES - 1);
}

static int set_entry(struct cli_call *c)
{
    u32 i;
    u64 skip = cli_u64(c, "skip", 0);
    int rc = index_wanted(c, &i);
    if (rc)
        return rc;
    if (cli_has(c, "del")) {
        if (!l2_rw_data->entries[i])
            return error_set(c->err, ENOENT, "no entry %u", i);
        l2_rw_entry_publish(c->piste, i, NULL);
        return 0;
    }
    if (!cli_get(c, "mask") || !cli_get(c, "value"))
        return error_set(c->err, EINVAL, "mask and value required");
    if (skip > UINT8_MAX)
        return error_set(c->err, EINVAL, "at most %d bytes can be skipped", UINT8_MAX);
    struct l2_rw_entry *new = mem_alloc(sizeof(*new));
    int mask = parse_bytes(cli_str(c, "mask", ""), new->mask, c->err);
    int value = mask < 0 ? mask : parse_bytes(cli_str(c, "value", ""), new->value, c->err);
    if (value < 0) {
        free(new);
        return value;
    }
    new->skip = (u16)skip;
    new->n = (u16)mask;
    for (u32 k = 0; k < L2_RW_BYTES; k++)
        new->value[k] &= new->mask[k];
    l2_rw_entry_publish(c->piste, i, new);
    return 0;
}

static int show_entries(struct cli_call *c)
{
    out_array(c->out, "entries");
    for (u32 i = 0; i < L2_RW_ENTRIES; i++) {
        const struct l2_rw_entry *e = l2_rw_data->entries[i];
        struct text mask = {0}, value = {0};
        if (!e)
            continue;
        text_hex(&mask, e->mask, e->n);
        text_hex(&value, e->value, e->n);
        out_object(c->out, NULL);
        out_u64(c->out, "index", i, "%llu - ");
        out_str(c->out, "mask", text_str(&mask), "mask:%s ");
        out_str(c->out, "value", text_str(&value), "value:%s\n");
        out_u64(c->out, "skip_bytes", e->skip, "      skip_bytes:%llu\n");
        out_end(c->out);
        text_free(&mask);
        text_free(&value);
    }
    out_end(c->out);
    return 0;
}

static int l2_rw_cli_set_interface(struct cli_call *c)
{
    return l2_rw_interface_set(c->piste, cli_interface(c, "interface")->index,
                               (u32)cli_u64(c, "table-index", L2_RW_NONE),
                               (u32)cli_u64(c, "entry-index", L2_RW_NONE), c->err);
}

static int show_interfaces(struct cli_call *c)
{
    if (!c->again)
        out_array(c->out, "interfaces");
    for (struct interface *f; (f = interface_cli_next(c, INTERFACE_BY_INDEX));) {
        u64 word = l2_rw_data->of_interface[f->index.i];
        if (word) {
            out_object(c->out, NULL);
            out_u64(c->out, "sw_if_index", f->index.i, "sw_if_index:%llu ");
            out_i64(c->out, "table_index", (i32)l2_rw_table(word), "table-index:%lld ");
            out_i64(c->out, "miss_index", (i32)l2_rw_miss(word), "miss-index:%lld\n");
            out_end(c->out);
        }
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}

static int set_domain(struct cli_call *c)
{
    struct l2_state *s = l2_state_of(c->piste);
    u32 id = (u32)cli_u64(c, "bridge-domain", 0);
    struct l2_bd *bd = l2_bd_find(s, id);
    if (!id)
        return error_set(c->err, EPERM, "No operations on the default bridge domain are supported");
    if (!bd)
        return error_set(c->err, ENOENT, "No such bridge domain %u", id);
    l2_bd_set_flags(s, bd, L2_IF_RW, !cli_has(c, "disable"));
    return 0;
}

const struct cli_command l2_rw_commands[] = {
    {"l2 rewrite entry [index <index:u32>] [mask <mask:string>] [value <value:string>] "
     "[skip <skip:u32>] [del]",
     "What bytes of frames become; the first one is that behind those skipped", set_entry, 0},
    {"set interface l2 rewrite <interface> [table <table-index:u32>] [miss-index "
     "<entry-index:u32>]",
     "Which entry is for a frame: the opaque index of its session in a table, or that of a miss",
     l2_rw_cli_set_interface, 0},
    {"set bridge-domain rewrite <bridge-domain:u32> [disable]",
     "Whether frames of a domain are rewritten", set_domain, 0},
    {"show l2 rewrite entries", "Rewrites of bytes", show_entries, 0},
    {"show l2 rewrite interfaces", "Interfaces whose frames are rewritten", show_interfaces, 0},
    {0},
};

static void l2_rw_cli_config_of_entries(struct text *t)
{
    for (u32 i = 0; i < L2_RW_ENTRIES; i++) {
        const struct l2_rw_entry *e = l2_rw_data->entries[i];
        if (!e)
            continue;
        text_add(t, "l2 rewrite entry index %u mask ", i);
        text_hex(t, e->mask, e->n);
        text_puts(t, " value ");
        text_hex(t, e->value, e->n);
        text_add(t, " skip %u\n", e->skip);
    }
}

void l2_rw_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct l2_state *s = l2_state_of(p);
    if (phase == RC_TABLES) {
        l2_rw_cli_config_of_entries(t);
        for (struct l2_bd *bd = l2_bd_next(s, 1); bd; bd = l2_bd_next(s, bd->index + 1))
            if (bd->flags & L2_IF_RW)
                text_add(t, "set bridge-domain rewrite %u\n", bd->id);
    }
    for (struct interface *f = interface_next(p, 0); phase == RC_INTERFACE && f;
         f = interface_next(p, f->index.i + 1)) {
        u64 word = l2_rw_data->of_interface[f->index.i];
        if (!word)
            continue;
        text_add(t, "set interface l2 rewrite %s", f->name);
        if (l2_rw_table(word) != L2_RW_NONE)
            text_add(t, " table %u", l2_rw_table(word));
        if (l2_rw_miss(word) != L2_RW_NONE)
            text_add(t, " miss-index %u", l2_rw_miss(word));
        text_putc(t, '\n');
    }
}
