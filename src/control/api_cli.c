/* `show api ...': clients and messages of the binary API. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/out.h"
#include "control/api_trace_file.h"

static int show_api_clients(struct cli_call *c)
{
    static const struct out_column cols[] = {
        {"Name", "name", 24, OUT_LEFT, OUT_LEFT},
        {"Handle", "handle", 12, OUT_LEFT, OUT_LEFT},
        {"FD", "fd", 6, OUT_RIGHT, OUT_RIGHT},
        {"Requests", "requests", 12, OUT_RIGHT, OUT_RIGHT},
        {"Answers", "answers", 12, OUT_RIGHT, OUT_RIGHT},
        {"Ignored", "ignored", 10, OUT_RIGHT, OUT_RIGHT},
        {"Waiting", "waiting-bytes", 10, OUT_RIGHT, OUT_RIGHT},
        {"Seconds", "seconds", 10, OUT_RIGHT, OUT_RIGHT},
    };
    const struct api_server *s = api_server_of(c->piste);
    if (!s->n_clients && out_format(c->out) == OUT_TEXT)
        return 0;
    out_table(c->out, "clients", cols, array_len(cols));
    for (u32 i = 0; i < s->clients.n; i++) {
        const struct api_client *x = s->clients.v[i];
        if (!x)
            continue;
        out_cell(c->out, "%s", x->name);
        out_cell(c->out, "0x%08x", API_HANDLE_BIT | x->slot);
        out_cell_i64(c->out, x->fd);
        out_cell_u64(c->out, x->n_in);
        out_cell_u64(c->out, x->n_out);
        out_cell_u64(c->out, x->n_bad);
        out_cell_u64(c->out, x->out.n - x->out_sent);
        out_cell_u64(c->out, (clock_ns() - x->since_ns) / NS_PER_SEC);
    }
    out_table_end(c->out);
    return 0;
}

static int show_api_message_table(struct cli_call *c)
{
    const struct api_server *s = api_server_of(c->piste);
    bool verbose = cli_has(c, "verbose");
    if (verbose)
        out_text(c->out, "%-4s %-49s %8s %12s\n", "ID", "Name", "CRC", "Calls");
    else
        out_text(c->out, "%-4s %s\n", "ID", "Name");
    out_array(c->out, "messages");
    for (u32 i = 1; i < s->ids.n; i++) {
        const struct api_id *id = &s->ids.v[i];
        if (verbose && id->listed)
            out_text(c->out, "%-4u %-49s %08x %12" PRIu64 "\n", i, id->message->name,
                     id->message->crc, id->calls);
        else
            out_text(c->out, "%-4u %s\n", i, id->listed ? id->message->name : "  [no handler]");
        if (!id->listed)
            continue;
        char crc[16];
        snprintf(crc, sizeof(crc), "%08x", id->message->crc);
        out_object(c->out, NULL);
        out_u64(c->out, "id", i, NULL);
        out_str(c->out, "name", id->message->name, NULL);
        out_str(c->out, "crc", crc, NULL);
        out_bool(c->out, "request", id->handler != NULL, "", "");
        out_u64(c->out, "calls", id->calls, NULL);
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

static int show_api_plugin(struct cli_call *c)
{
    static const struct out_column cols[] = {
        {"Plugin API message ID ranges", "name", 35, OUT_LEFT, OUT_LEFT},
        {"First", "first", 8, OUT_RIGHT, OUT_RIGHT},
        {"Last", "last", 8, OUT_RIGHT, OUT_RIGHT},
    };
    const struct api_server *s = api_server_of(c->piste);
    out_table(c->out, "modules", cols, array_len(cols));
    for (u32 i = 0; i < s->files.n; i++) {
        const struct api_file *f = s->files.v[i].file;
        u32 end = i + 1 < s->files.n ? s->files.v[i + 1].base : s->ids.n;
        if (s->files.v[i].base == end)
            continue;
        out_cell(c->out, "%s_%08x", f->module, f->crc);
        out_cell_u64(c->out, s->files.v[i].base);
        out_cell_u64(c->out, end - 1);
    }
    out_table_end(c->out);
    return 0;
}

static int show_api_histogram(struct cli_call *c)
{
    static const struct out_column cols[] = {
        {"Message", "message", 40, OUT_LEFT, OUT_LEFT},
        {"Calls", "calls", 16, OUT_RIGHT, OUT_RIGHT},
    };
    const struct api_server *s = api_server_of(c->piste);
    out_table(c->out, "messages", cols, array_len(cols));
    for (u32 i = 1; i < s->ids.n; i++)
        if (s->ids.v[i].calls) {
            out_cell(c->out, "%s", s->ids.v[i].message->name);
            out_cell_u64(c->out, s->ids.v[i].calls);
        }
    out_table_end(c->out);
    return 0;
}

static int clear_api_histogram(struct cli_call *c)
{
    struct api_server *s = api_server_of(c->piste);
    for (u32 i = 1; i < s->ids.n; i++)
        s->ids.v[i].calls = 0;
    return 0;
}

static int show_api_ring_stats(struct cli_call *c)
{
    const struct api_server *s = api_server_of(c->piste);
    u64 in = 0, out = 0, waiting = 0;
    for (u32 i = 0; i < s->clients.n; i++)
        if (s->clients.v[i]) {
            in += s->clients.v[i]->n_in;
            out += s->clients.v[i]->n_out;
            waiting += s->clients.v[i]->out.n - s->clients.v[i]->out_sent;
        }
    out_u64(c->out, "clients", s->n_clients, "Clients:                  %" PRIu64 "\n");
    out_u64(c->out, "accepted", s->n_accepted, "Clients since start:      %" PRIu64 "\n");
    out_u64(c->out, "requests", in, "Requests of the clients:  %" PRIu64 "\n");
    out_u64(c->out, "answers", out, "Answers to the clients:   %" PRIu64 "\n");
    out_u64(c->out, "waiting-bytes", waiting, "Bytes not yet taken:      %" PRIu64 "\n");
    return 0;
}

/* --- a saved table --- */

static int api_cli_by_name(const void *a, const void *b)
{
    const struct api_table_entry *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->id > y->id) - (x->id < y->id);
}

static int api_cli_by_id(const void *a, const void *b)
{
    const struct api_table_entry *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static void api_cli_sort(struct api_table *t, int (*order)(const void *a, const void *b))
{
    if (t->list.n)
        qsort(t->list.v, t->list.n, sizeof(*t->list.v), order);
}

static void api_cli_show_table(struct cli_call *c, struct api_table *t)
{
    static const struct out_column cols[] = {
        {"Message name", "name", 49, OUT_LEFT, OUT_LEFT},
        {"ID", "id", 6, OUT_RIGHT, OUT_RIGHT},
        {"CRC", "crc", 9, OUT_RIGHT, OUT_RIGHT},
    };
    api_cli_sort(t, cli_has(c, "numeric") ? api_cli_by_id : api_cli_by_name);
    out_table(c->out, "messages", cols, array_len(cols));
    for (u32 i = 0; i < t->list.n; i++) {
        out_cell(c->out, "%s", t->list.v[i].name);
        out_cell_u64(c->out, t->list.v[i].id);
        out_cell(c->out, "%08x", t->list.v[i].crc);
    }
    out_table_end(c->out);
}

/* Names and definitions: numbers differ between any two daemons, clients ask for them. */
static void compare_tables(struct cli_call *c, struct api_table *file, struct api_table *here)
{
    static const struct out_column cols[] = {
        {"Message name", "name", 49, OUT_LEFT, OUT_LEFT},
        {"Result", "result", 24, OUT_LEFT, OUT_LEFT},
    };
    api_cli_sort(file, api_cli_by_name);
    api_cli_sort(here, api_cli_by_name);
    out_table(c->out, "differences", cols, array_len(cols));
    for (u32 i = 0, k = 0; i < file->list.n || k < here->list.n;) {
        const struct api_table_entry *f = i < file->list.n ? &file->list.v[i] : NULL;
        const struct api_table_entry *h = k < here->list.n ? &here->list.v[k] : NULL;
        int order = !f ? 1 : !h ? -1 : strcmp(f->name, h->name);
        i += order <= 0;
        k += order >= 0;
        if (!order && f->crc == h->crc)
            continue;
        out_cell(c->out, "%s", order <= 0 ? f->name : h->name);
        out_cell(c->out, "%s",
                 order < 0   ? "only in file"
                 : order > 0 ? "only in image"
                             : "definition changed");
    }
    out_table_end(c->out);
}

static int show_api_dump(struct cli_call *c)
{
    struct api_table file = {0}, here = {0};
    struct api_bytes b = {0};
    char *path = api_file_path(cli_str(c, "filename", ""), c->err);
    if (!path)
        return -EINVAL;
    int rc = api_file_read(path, &b, c->err);
    if (!rc) {
        rc = api_table_read((char *)b.v, b.n, &file, c->err);
        if (rc)
            error_prefix(c->err, "%s", path);
    }
    if (!rc && cli_has(c, "compare-current")) {
        api_table_of(api_server_of(c->piste), &here);
        compare_tables(c, &file, &here);
    } else if (!rc) {
        api_cli_show_table(c, &file);
    }
    api_table_free(&file);
    api_table_free(&here);
    api_bytes_free(&b);
    free(path);
    return rc;
}

const struct cli_command api_commands[] = {
    {"show api clients", "Clients of the binary API", show_api_clients},
    {"show api message-table [verbose]", "Messages of the binary API and their numbers",
     show_api_message_table},
    {"show api dump (file <filename:string>) [numeric | compare-current]",
     "Show the message table saved in /tmp/FILENAME, or how this one differs", show_api_dump},
    {"show api plugin", "Numbers of messages, by the file that defines them", show_api_plugin},
    {"show api histogram", "How often each message came", show_api_histogram},
    {"clear api histogram", "Count the messages from zero", clear_api_histogram},
    {"show api ring-stats", "Traffic of the binary API", show_api_ring_stats},
    {0},
};
