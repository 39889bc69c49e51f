/* Commands of the packet generator. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli_grammar.h"
#include "net/packet/ethernet_format.h"
#include "net/features/pg/pg_internal.h"

/* --- value types --- */

static int parse_stream(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    char word[PG_NAME_BYTES];
    size_t n = strcspn(*text, " \t\r\n");
    if (!n || n >= sizeof(word))
        return -ENOENT;
    memcpy(word, *text, n);
    word[n] = '\0';
    v->ptr = pg_stream_find(pg_of(p), word);
    if (!v->ptr)
        return -ENOENT;
    *text += n;
    return 0;
}

static void complete_stream(struct piste *p, const char *prefix,
                            void (*add)(void *arg, const char *word), void *arg)
{
    const struct pg *pg = pg_of(p);
    for (u32 i = 0; i < pg->streams.n; i++)
        if (!strncmp(pg->streams.v[i]->set.name, prefix, strlen(prefix)))
            add(arg, pg->streams.v[i]->set.name);
}

/* "pg7", of an interface that need not be there */
static int parse_pg_name(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    const char *at = *text;
    char *end;
    if (at[0] != 'p' || at[1] != 'g' || (!isdigit((u8)at[2]) && at[2] != '-'))
        return -ENOENT;
    long long n = strtoll(at + 2, &end, 10);
    if (n >= PG_ID_NONE || n < INT32_MIN || (*end && !isspace((u8)*end)))
        return -ENOENT;
    v->u = (u32)n; /* a high number has the name of a negative one; -1: PG_ID_NONE */
    *text = end;
    return 0;
}

const struct cli_type pg_types[] = {
    {"pg-stream", "expected stream name", parse_stream, complete_stream},
    {"pg-stream-or-all", NULL, parse_stream, complete_stream},
    {"pg-name", NULL, parse_pg_name, NULL},
    {0},
};

/* --- interfaces --- */

static int pg_cli_create(struct cli_call *c)
{
    struct pg_interface_args args = {
        .id = (u32)cli_u64(c, "pg-name", 0),
        .mode = cli_has(c, "ip4")   ? PG_MODE_IP4
                : cli_has(c, "ip6") ? PG_MODE_IP6
                                    : PG_MODE_ETHERNET,
        .mac = cli_get(c, "mac") ? cli_get(c, "mac")->mac : NULL,
        .csum_offload = cli_has(c, "csum-offload-enabled"),
        .gso = cli_has(c, "gso-enabled"),
        .gso_size = (u32)cli_u64(c, "size", 0),
        .coalesce = cli_has(c, "coalesce-enabled"),
    };
    struct if_index i;
    int rc = pg_interface_create(c->piste, &args, &i, c->err);
    if (!rc) {
        out_str(c->out, "name", interface_at(c->piste, i)->name, NULL);
        out_u64(c->out, "sw_if_index", i.i, NULL);
    }
    return rc;
}

static int interface_of(struct cli_call *c, struct interface **f)
{
    *f = cli_get(c, "interface")
             ? cli_interface(c, "interface")
             : interface_at(c->piste, (struct if_index){(u32)cli_u64(c, "index", UINT32_MAX - 1)});
    return *f ? 0 : error_set(c->err, ENOENT, "unknown interface");
}

static int pg_cli_delete(struct cli_call *c)
{
    struct interface *f;
    int rc = interface_of(c, &f);
    return rc ? rc : pg_interface_delete(c->piste, f->index, c->err);
}

static int pg_cli_show_interface(struct cli_call *c)
{
    struct interface *f;
    struct text mac = {0};
    int rc = interface_of(c, &f);
    const struct pg_port *port = rc ? NULL : pg_port_at(pg_of(c->piste), f->index);
    if (rc)
        return rc;
    if (!port)
        return error_set(c->err, EINVAL, "Please specify packet-generator interface");
    ethernet_format_mac(&mac, f->mac);
    out_str(c->out, "interface", f->name, "Interface: %s\n");
    out_u64(c->out, "id", port->id, "  id: %" PRIu64 "\n");
    out_str(c->out, "mode", pg_mode_name(port->mode), "  mode: %s\n");
    if (port->mode == PG_MODE_ETHERNET)
        out_str(c->out, "hw_addr", text_str(&mac), "  hw-addr: %s\n");
    out_u64(c->out, "csum_offload_enabled", port->csum_offload,
            "  csum_offload_enabled: %" PRIu64 "\n");
    out_u64(c->out, "gso_enabled", port->gso, "  gso_enabled: %" PRIu64 "\n");
    if (port->gso)
        out_u64(c->out, "gso_size", port->gso_size, "    gso_size: %" PRIu64 "\n");
    out_u64(c->out, "coalesce_enabled", port->coalesce, "  coalesce_enabled: %" PRIu64 "\n");
    text_free(&mac);
    return 0;
}

static int mac_filter(struct cli_call *c)
{
    return pg_mac_filter(c->piste, cli_interface(c, "interface")->index, cli_u64(c, "on-off", 0),
                         c->err);
}

/* --- captures --- */

static int pg_cli_capture(struct cli_call *c)
{
    const struct cli_value *interface = cli_get(c, "interface");
    const char *path = cli_str(c, "file", NULL);
    bool disable = cli_has(c, "disable");
    if (!interface && !path && !disable)
        return 0;
    if (!interface)
        return error_set(c->err, EINVAL, "Please specify interface name");
    struct if_index i = cli_interface(c, "interface")->index;
    if (!pg_port_at(pg_of(c->piste), i))
        return error_set(c->err, EINVAL, "Please specify packet-generator interface");
    if (disable) {
        pg_capture_stop(c->piste, i);
        return 0;
    }
    if (!path)
        return error_set(c->err, EINVAL, "Please specify pcap file name");
    return pg_capture_start(c->piste, i, path, (u32)cli_u64(c, "n", PG_CAPTURE_UNLIMITED), c->err);
}

/* --- streams --- */

static int pg_cli_new(struct cli_call *c)
{
    return pg_stream_new(c->piste, cli_str(c, "definition", ""), c->err);
}

static struct pg_stream *stream_of(const struct cli_call *c, const char *label)
{
    return cli_get(c, label) ? cli_get(c, label)->ptr : NULL;
}

static int pg_cli_configure(struct cli_call *c)
{
    return pg_stream_configure(stream_of(c, "pg-stream"), cli_str(c, "settings", ""), c->err);
}

static int delete_stream(struct cli_call *c)
{
    pg_stream_delete(stream_of(c, "pg-stream"));
    return 0;
}

static int pg_cli_set_enabled(struct cli_call *c, bool enable)
{
    struct pg_stream *s = stream_of(c, "pg-stream-or-all");
    return s ? pg_stream_set_enabled(s, enable, c->err)
             : pg_stream_enable(c->piste, NULL, enable, c->err);
}

static int enable_stream(struct cli_call *c)
{
    return pg_cli_set_enabled(c, true);
}

static int disable_stream(struct cli_call *c)
{
    return pg_cli_set_enabled(c, false);
}

/* --- show packet-generator --- */

static void pg_cli_parameters(const struct pg_stream *s, struct text *t)
{
    const struct pg_stream_settings *set = &s->set;
    text_add(t, "limit %" PRId64 ", rate ", (i64)set->limit); /* VPP's: -1 of none */
    text_sci(t, set->rate, 2);
    text_add(t, " pps, size %u%c%u, buffer-size %u, worker %u, ", set->min_bytes,
             set->size_kind == PG_SIZE_RANDOM ? '+' : '-', set->max_bytes, set->buffer_bytes,
             set->worker);
}

static void json_settings(struct cli_call *c, const struct pg_stream *s)
{
    const struct pg_stream_settings *set = &s->set;
    out_u64(c->out, "limit", set->limit, NULL);
    out_f64(c->out, "rate", set->rate, NULL);
    out_u64(c->out, "min_size", set->min_bytes, NULL);
    out_u64(c->out, "max_size", set->max_bytes, NULL);
    out_bool(c->out, "random_size", set->size_kind == PG_SIZE_RANDOM, NULL, NULL);
    out_u64(c->out, "worker", set->worker, NULL);
}

static void show_groups(struct cli_call *c, const struct pg_stream *s)
{
    out_array(c->out, "headers");
    for (u32 i = 0; i < s->packet.groups.n; i++) {
        const struct pg_group *g = &s->packet.groups.v[i];
        out_text(c->out, "%44shdr-size %u, offset %u, ", "", g->bytes, g->at);
        if (g->edit_function)
            out_text(c->out, "edit-function %s, ", g->edit_function);
        out_text(c->out, "\n");
        out_object(c->out, NULL);
        out_u64(c->out, "size", g->bytes, NULL);
        out_u64(c->out, "offset", g->at, NULL);
        if (g->edit_function)
            out_str(c->out, "edit_function", g->edit_function, NULL);
        out_end(c->out);
    }
    out_end(c->out);
}

/* s in the middle of width characters, cut to it. */
static void pg_cli_centred(struct text *t, const char *s, size_t width)
{
    size_t n = min_u64(strlen(s), width);
    text_repeat(t, ' ', (width - n + 1) / 2);
    text_putn(t, s, n);
    text_repeat(t, ' ', (width - n) / 2);
}

static void show_stream(struct cli_call *c, const struct pg_stream *s)
{
    struct text line = {0};
    char count[24];
    u64 made = atomic_load_explicit(&s->made, memory_order_relaxed);
    snprintf(count, sizeof(count), "%" PRIu64, made);
    bool enabled = pg_stream_is_enabled(s);
    text_add(&line, "%-16.16s", s->set.name);
    pg_cli_centred(&line, enabled ? "Yes" : "No", 12);
    pg_cli_centred(&line, count, 16);
    pg_cli_parameters(s, &line);
    out_text(c->out, "%s\n", text_str(&line));
    text_free(&line);
    out_object(c->out, NULL);
    out_str(c->out, "name", s->set.name, NULL);
    out_bool(c->out, "enabled", enabled, NULL, NULL);
    out_u64(c->out, "count", made, NULL);
    json_settings(c, s);
    if (cli_has(c, "verbose"))
        show_groups(c, s);
    out_end(c->out);
}

static int pg_cli_show(struct cli_call *c)
{
    struct pg *pg = pg_of(c->piste);
    struct text title = {0};
    out_array(c->out, "streams");
    if (!pg->streams.n)
        out_text(c->out, "no streams currently defined\n");
    text_add(&title, "%-16s", "Name");
    pg_cli_centred(&title, "Enabled", 12);
    pg_cli_centred(&title, "Count", 16);
    if (pg->streams.n)
        out_text(c->out, "%sParameters\n", text_str(&title));
    text_free(&title);
    for (u32 i = 0; i < pg->streams.n; i++)
        show_stream(c, pg->streams.v[i]);
    out_end(c->out);
    /* what a stream that is shown as finished has sent is in the file */
    pg_captures_drain(pg);
    return 0;
}

const struct cli_command pg_commands[] = {
    {"create packet-generator interface <pg-name> [hw-addr <mac>] "
     "[gso-enabled [gso-size <size:u32>] [coalesce-enabled]] [csum-offload-enabled] "
     "[mode ( ethernet | ip4 | ip6 )]",
     "Makes an interface that streams enter through and captures are made on", pg_cli_create, 0},
    {"delete packet-generator interface ( <interface> | sw_if_index <index:u32> )",
     "Deletes a packet-generator interface and its streams", pg_cli_delete, 0},
    {"show packet-generator interface ( <interface> | sw_if_index <index:u32> )",
     "Settings of a packet-generator interface", pg_cli_show_interface, 0},
    {"packet-generator new <definition:rest>",
     "Makes a stream: { name S limit N rate PPS size A-B node NODE source pgN data { ... } }, or "
     "pcap FILE instead of data",
     pg_cli_new, 0},
    {"packet-generator configure <pg-stream> <settings:rest>",
     "Changes a stream: limit N, rate PPS, size A-B", pg_cli_configure, 0},
    {"packet-generator delete <pg-stream>", "Deletes a stream", delete_stream, 0},
    {"packet-generator enable-stream [<pg-stream-or-all>]", "Starts a stream, or all",
     enable_stream, 0},
    {"packet-generator disable-stream [<pg-stream-or-all>]", "Stops a stream, or all",
     disable_stream, 0},
    {"packet-generator capture [<interface>] [pcap <file>] [count <n:u32>] [disable]",
     "Writes packets that leave through an interface to a file", pg_cli_capture, 0},
    {"packet-generator mac-filter <interface> <on-off>",
     "Drops frames for other MAC addresses than the interface's", mac_filter, 0},
    {"show packet-generator [verbose]", "Streams and how many packets they have made", pg_cli_show,
     0},
    {0},
};
