/* Commands of QoS. Words and layouts are VPP's. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/link/interface/interface.h"
#include "net/features/qos/qos_internal.h"

/* --- types --- */

static bool qos_cli_take_source(const char **text, enum qos_source *out)
{
    for (u32 k = 0; k < QOS_SOURCE_N; k++) {
        const char *name = qos_source_name((enum qos_source)k);
        size_t n = strlen(name);
        if (!strncmp(*text, name, n) && !isalnum((u8)(*text)[n])) {
            *out = (enum qos_source)k;
            *text += n;
            return true;
        }
    }
    return false;
}

static bool take_char(const char **text, char c)
{
    if (**text != c)
        return false;
    ++*text;
    return true;
}

static bool take_value(const char **text, u8 *out)
{
    char *end;
    if (!isdigit((u8)(*text)[0]))
        return false;
    unsigned long x = strtoul(*text, &end, 0);
    *text = end;
    *out = (u8)x;
    return x < QOS_VALUES;
}

static int parse_source(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    enum qos_source source;
    if (!qos_cli_take_source(text, &source))
        return -ENOENT;
    v->u = source;
    return 0;
}

/* [ip][4]=8: source in the third byte, input in the second, output in the first. */
static int parse_row(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    enum qos_source source;
    const char *s = *text;
    u8 in, out;
    if (*s++ != '[' || !qos_cli_take_source(&s, &source) || !take_char(&s, ']') ||
        !take_char(&s, '[') || !take_value(&s, &in) || !take_char(&s, ']') || !take_char(&s, '=') ||
        !take_value(&s, &out) || (*s && !isspace((u8)*s)))
        return -ENOENT;
    *text = s;
    v->u = (u32)source << 16 | (u32)in << 8 | out;
    return 0;
}

const struct cli_type qos_types[] = {
    {"qos-source", "unknown source", parse_source, NULL},
    {"qos-row", NULL, parse_row, NULL},
    {0},
};

/* --- settings --- */

static enum qos_source source_of(const struct cli_call *c)
{
    return (enum qos_source)cli_u64(c, "source", 0);
}

static int qos_cli_record(struct cli_call *c)
{
    return qos_set_record(c->piste, cli_interface(c, "interface")->index, source_of(c),
                          !cli_has(c, "disable"), c->err);
}

static int qos_cli_store(struct cli_call *c)
{
    u32 value = (u32)cli_u64(c, "value", QOS_STORE_NONE);
    if (cli_has(c, "disable"))
        value = QOS_STORE_NONE;
    else if (value == QOS_STORE_NONE)
        return error_set(c->err, EINVAL, "value required");
    return qos_set_store(c->piste, cli_interface(c, "interface")->index, source_of(c), value,
                         c->err);
}

static int qos_cli_mark(struct cli_call *c)
{
    const struct interface *f = cli_interface(c, "interface");
    if (cli_has(c, "disable"))
        return qos_clear_mark(c->piste, f->index, source_of(c), c->err);
    if (!cli_get(c, "id"))
        return error_set(c->err, EINVAL, "map id required");
    return qos_set_mark(c->piste, f->index, source_of(c), (u32)cli_u64(c, "id", 0), c->err);
}

static int egress_map(struct cli_call *c)
{
    u32 id = (u32)cli_u64(c, "id", 0);
    if (cli_has(c, "delete") || cli_has(c, "del"))
        return qos_map_del(c->piste, id, c->err);
    const struct qos_map *old = qos_map_find(c->piste, id);
    struct qos_map *map = mem_alloc(sizeof(*map));
    if (old)
        *map = *old;
    for (u32 k = 0; k < c->n_args; k++)
        if (!strcmp(c->args[k].name, "row")) {
            u64 row = c->args[k].value.u;
            map->rows[row >> 16][row >> 8 & 255] = (u8)row;
        }
    qos_map_set(c->piste, id, map);
    free(map);
    return 0;
}

/* --- show --- */

enum shown { RECORDED, STORED, MARKED };

/* Whether there is something of the kind, and what it says behind its source. */
static bool qos_cli_says(struct piste *p, enum shown what, struct if_index i,
                         enum qos_source source, u64 *number)
{
    u32 x = 0;
    bool is = what == RECORDED ? qos_is_recorded(p, i, source)
              : what == STORED ? (x = qos_stored(p, i, source)) != QOS_STORE_NONE
                               : qos_marked_by(p, i, source, &x);
    *number = x;
    return is;
}

static void qos_cli_show_interface(struct cli_call *c, enum shown what, const struct interface *f)
{
    static const struct {
        const char *key, *format;
    } numbers[] = {{NULL, NULL}, {"value", " -> %" PRIu64}, {"map", " -> map:%" PRIu64}};
    bool any = false;
    u64 number;
    for (u32 k = 0; k < QOS_SOURCE_N; k++) {
        enum qos_source source = (enum qos_source)k;
        if (!qos_cli_says(c->piste, what, f->index, source, &number))
            continue;
        if (!any)
            out_text(c->out, " %s:\n", f->name);
        any = true;
        out_object(c->out, NULL);
        out_str(c->out, "interface", f->name, NULL);
        out_str(c->out, "source", qos_source_name(source), "  %s");
        if (what != RECORDED)
            out_u64(c->out, numbers[what].key, number, numbers[what].format);
        out_end(c->out);
        out_text(c->out, "\n");
    }
}

static int qos_cli_show(struct cli_call *c, enum shown what)
{
    if (!c->again)
        out_array(c->out, "interfaces");
    for (struct interface *f; (f = interface_cli_next(c, INTERFACE_BY_INDEX));) {
        qos_cli_show_interface(c, what, f);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}

static int show_record(struct cli_call *c)
{
    return qos_cli_show(c, RECORDED);
}

static int show_store(struct cli_call *c)
{
    return qos_cli_show(c, STORED);
}

static int show_mark(struct cli_call *c)
{
    return qos_cli_show(c, MARKED);
}

static void qos_cli_show_map(struct cli_call *c, u32 id)
{
    const struct qos_map *m = qos_map_find(c->piste, id);
    out_object(c->out, NULL);
    out_u64(c->out, "id", id, " Map-ID:%" PRIu64 "\n");
    for (u32 k = 0; k < QOS_SOURCE_N; k++) {
        const char *name = qos_source_name((enum qos_source)k);
        out_text(c->out, "  %s:[", name);
        out_array(c->out, name);
        for (u32 v = 0; v < QOS_VALUES; v++)
            out_u64(c->out, NULL, m->rows[k][v], v ? ",%" PRIu64 : "%" PRIu64);
        out_end(c->out);
        out_text(c->out, "]\n");
    }
    out_end(c->out);
}

static int qos_cli_show_maps(struct cli_call *c)
{
    const struct cli_value *one = cli_get(c, "id");
    u32 id;
    if (one && !qos_map_find(c->piste, (u32)one->u))
        return error_set(c->err, ENOENT, "No such map");
    out_array(c->out, "maps");
    for (u32 k = 0; qos_map_at(c->piste, k, &id); k++)
        if (!one || one->u == id)
            qos_cli_show_map(c, id);
    out_end(c->out);
    return 0;
}

const struct cli_command qos_commands[] = {
    {"qos record <source:qos-source> <interface> [disable]",
     "Keeps with what an interface receives what it says of its own priority", qos_cli_record, 0},
    {"qos store <source:qos-source> <interface> [value <value:u8>] [disable]",
     "Keeps with what an interface receives a value as if it had said so", qos_cli_store, 0},
    {"qos mark <source:qos-source> <interface> [id <id:u32>] [disable]",
     "Writes in what an interface sends what a map makes of what was kept", qos_cli_mark, 0},
    {"qos egress map (id <id:u32>) [delete|del] [<row:qos-row> ...]",
     "Makes, changes or deletes a map: [SOURCE][INPUT]=OUTPUT", egress_map, 0},
    {"show qos record [<interface>]", "Which interfaces record priorities", show_record, 0},
    {"show qos store [<interface>]", "Which interfaces give priorities", show_store, 0},
    {"show qos mark [<interface>]", "Which interfaces mark, by which map", show_mark, 0},
    {"show qos egress map [id <id:u32>]", "Maps of priorities", qos_cli_show_maps, 0},
    {0},
};

/* --- running config --- */

#define ROWS_A_LINE 16

static void config_of_map(struct piste *p, u32 id, struct text *t)
{
    const struct qos_map *m = qos_map_find(p, id);
    u32 n = 0;
    text_add(t, "qos egress map id %u", id);
    for (u32 k = 0; k < QOS_SOURCE_N; k++)
        for (u32 v = 0; v < QOS_VALUES; v++) {
            if (!m->rows[k][v])
                continue;
            if (n && n % ROWS_A_LINE == 0)
                text_add(t, "\nqos egress map id %u", id);
            text_add(t, " [%s][%u]=%u", qos_source_name((enum qos_source)k), v, m->rows[k][v]);
            n++;
        }
    text_putc(t, '\n');
}

static void config_of_interface(struct piste *p, const struct interface *f, struct text *t)
{
    u64 number;
    for (u32 k = 0; k < QOS_SOURCE_N; k++) {
        enum qos_source source = (enum qos_source)k;
        const char *name = qos_source_name(source);
        if (qos_cli_says(p, RECORDED, f->index, source, &number))
            text_add(t, "qos record %s %s\n", name, f->name);
        if (qos_cli_says(p, STORED, f->index, source, &number))
            text_add(t, "qos store %s %s value %u\n", name, f->name, (u32)number);
        if (qos_cli_says(p, MARKED, f->index, source, &number))
            text_add(t, "qos mark %s %s id %u\n", name, f->name, (u32)number);
    }
}

void qos_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    u32 id;
    for (u32 k = 0; phase == RC_GLOBAL && qos_map_at(p, k, &id); k++)
        config_of_map(p, id, t);
    const struct interface *f = phase == RC_INTERFACE ? interface_next(p, 0) : NULL;
    for (; f; f = interface_next(p, f->index.i + 1))
        config_of_interface(p, f, t);
}
