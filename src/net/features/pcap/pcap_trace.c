#include "net/features/pcap/pcap_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/vec.h"
#include "control/cli.h"
#include "control/module.h"
#include "engine/pcap.h"
#include "net/features/classify/classify.h"
#include "net/features/classify/classify_filter.h"
#include "net/link/interface/interface.h"

#define FOLDER "/tmp/"
#define PACKETS_DEFAULT 1000
#define BYTES_DEFAULT 512
#define BYTES_MIN 32
#define BYTES_MAX 9000
#define MEMORY_MAX_BYTES (1ull << 38)

/* A place for one packet; its bytes follow. */
struct place {
    u64 time_ns;
    u32 incl_bytes, orig_bytes;
};

struct pcap_trace {
    u32 directions, max_packets, max_packet_bytes, stride_bytes;
    struct if_index interface;
    u32 filter; /* classifier table, held; CLASSIFY_NONE: all */
    bool one_error;
    struct node_index error_node;
    u32 error;
    char path[PCAP_TRACE_FILE_BYTES];
    struct mem_map places; /* touched as far as they are used */
    _Atomic u64 taken;     /* may go beyond max_packets */
};

struct pcap_trace *pcap_trace_active;

static struct place *place_at(const struct pcap_trace *c, u64 i)
{
    return (struct place *)(void *)((u8 *)c->places.base + i * c->stride_bytes);
}

static u32 count_of(const struct pcap_trace *c)
{
    return (u32)min_u64(atomic_load(&c->taken), c->max_packets);
}

/* --- data path --- */

/* A dropped packet is shown as the frame it came in. */
static u32 bytes_before(const struct buffer *b)
{
    return b->start > b->l2_start && b->l2_start >= 0 ? (u32)(b->start - b->l2_start) : 0;
}

static bool is_wanted(const struct pcap_trace *c, enum pcap_direction direction,
                      const struct buffer *b, struct if_index tx, u32 rewind)
{
    struct if_index i = direction == PCAP_TX ? tx : b->rx_if;
    struct if_index of = {__atomic_load_n(&c->interface.i, __ATOMIC_RELAXED)};
    if (!if_is_none(of) && !if_equal(of, i))
        return false;
    if (direction == PCAP_DROP && c->one_error &&
        (b->error_node.i != c->error_node.i || b->error != c->error))
        return false;
    return c->filter == CLASSIFY_NONE || classify_matches(c->filter, b, b->start - (int)rewind);
}

static void keep(struct pcap_trace *c, const struct buffer *b, u32 rewind, u64 now)
{
    u64 i = atomic_fetch_add_explicit(&c->taken, 1, memory_order_relaxed);
    if (i >= c->max_packets) {
        /* full: the counter stays where it does not overflow */
        atomic_store_explicit(&c->taken, c->max_packets, memory_order_relaxed);
        return;
    }
    struct place *to = place_at(c, i);
    to->time_ns = now;
    to->orig_bytes = buffer_packet_len(b) + rewind;
    to->incl_bytes = (u32)min_u64(to->orig_bytes, c->max_packet_bytes);
    u8 *data = (u8 *)(to + 1);
    u32 first = (u32)min_u64(rewind, to->incl_bytes);
    memcpy(data, (u8 *)buffer_current(b) - rewind, first);
    buffer_copy_out(b, 0, data + first, to->incl_bytes - first);
}

void pcap_trace_vector(enum pcap_direction direction, struct if_index interface, struct buffer **b,
                       u32 count)
{
    struct pcap_trace *c = __atomic_load_n(&pcap_trace_active, __ATOMIC_ACQUIRE);
    if (!c || !(c->directions & direction))
        return;
    u64 now = clock_ns();
    for (u32 i = 0; i < count; i++) {
        u32 rewind = direction == PCAP_DROP ? bytes_before(b[i]) : 0;
        if (is_wanted(c, direction, b[i], interface, rewind))
            keep(c, b[i], rewind, now);
    }
}

/* --- starting --- */

static void trace_free(struct pcap_trace *c)
{
    mem_map_free(&c->places);
    free(c);
}

static int set_path(struct pcap_trace *c, const char *name, struct error *e)
{
    if (!name) {
        snprintf(c->path, sizeof(c->path), FOLDER "%s%s%s.pcap",
                 c->directions & PCAP_RX ? "rx" : "", c->directions & PCAP_TX ? "tx" : "",
                 c->directions & PCAP_DROP ? "drop" : "");
        return 0;
    }
    if (!*name || *name == '.' || strchr(name, '/') ||
        strlen(name) + sizeof(FOLDER) > sizeof(c->path))
        return error_set(e, EINVAL, "illegal characters in filename '%s'", name);
    snprintf(c->path, sizeof(c->path), FOLDER "%s", name);
    return 0;
}

/* NODE.REASON, as the counter is called in the statistics. */
static int set_error(struct piste *p, struct pcap_trace *c, const char *text, struct error *e)
{
    char node[64];
    const char *dot = text ? strrchr(text, '.') : NULL;
    if (!text)
        return 0;
    if (!dot || (size_t)(dot - text) >= sizeof(node))
        return error_set(e, EINVAL, "expected NODE.REASON, got `%s'", text);
    snprintf(node, sizeof(node), "%.*s", (int)(dot - text), text);
    if (!node_find(engine_of(p), node, &c->error_node))
        return error_set(e, ENOENT, "unknown node `%s'", node);
    if (!node_error_find(engine_of(p), c->error_node, dot + 1, &c->error))
        return error_set(e, ENOENT, "%s has no error %s", node, dot + 1);
    c->one_error = true;
    return 0;
}

/* The interface's own, or that of all; held until the capture ends. */
static int set_filter(struct piste *p, struct pcap_trace *c, bool filter, struct error *e)
{
    if (!filter)
        return 0;
    c->filter = classify_filter_pcap(p, c->interface);
    if (c->filter == CLASSIFY_NONE)
        c->filter = classify_filter_pcap(p, IF_NONE);
    if (c->filter == CLASSIFY_NONE)
        return error_set(e, EOPNOTSUPP, "No classify filter configured...");
    return classify_table_ref(p, c->filter, e);
}

int pcap_trace_start(struct piste *p, const struct pcap_trace_args *args, struct error *e)
{
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    if (pcap_trace_active)
        return error_set(e, EALREADY, "dispatch trace already enabled...");
    if (args->max_packet_bytes < BYTES_MIN || args->max_packet_bytes > BYTES_MAX)
        return error_set(e, EINVAL, "Max bytes per pkt must be > 32, < 9000...");
    struct pcap_trace *c = mem_alloc(sizeof(*c));
    *c = (struct pcap_trace){
        .directions = args->directions,
        .max_packets = args->max_packets,
        .max_packet_bytes = args->max_packet_bytes,
        .stride_bytes = (u32)round_up_u64(sizeof(struct place) + args->max_packet_bytes, 8),
        .interface = args->interface,
        .filter = CLASSIFY_NONE,
    };
    u64 bytes = (u64)c->max_packets * c->stride_bytes;
    int rc = set_path(c, args->file, e);
    if (!rc)
        rc = set_error(p, c, args->error, e);
    if (!rc && (!bytes || bytes > MEMORY_MAX_BYTES))
        rc = error_set(e, EINVAL, "%u packets of %u bytes cannot be kept", c->max_packets,
                       c->max_packet_bytes);
    if (!rc)
        rc = mem_map_new(&c->places, "pcap-trace", bytes, page, false, e);
    if (!rc)
        rc = set_filter(p, c, args->filter, e);
    if (rc) {
        mem_map_free(&c->places);
        free(c);
        return rc;
    }
    __atomic_store_n(&pcap_trace_active, c, __ATOMIC_RELEASE);
    return 0;
}

/* --- writing --- */

/* By time, then by place. */
static int by_time(const void *x, const void *y)
{
    const struct place *a = *(struct place *const *)x, *b = *(struct place *const *)y;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return a < b ? -1 : a > b;
}

static int write_file(const struct pcap_trace *c, u32 n, struct error *e)
{
    u8 header[PCAP_HEADER_BYTES], record[PCAP_RECORD_HEADER_BYTES];
    struct place **places = mem_alloc(n * sizeof(struct place *));
    for (u32 i = 0; i < n; i++)
        places[i] = place_at(c, i);
    qsort(places, n, sizeof(struct place *), by_time);
    u64 base = clock_wall_base_ns();
    int fd = open(c->path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    int failed = f ? 0 : errno;
    if (!f && fd >= 0)
        close(fd);
    pcap_put_header(header, PCAP_LINK_ETHERNET);
    if (f)
        fwrite(header, sizeof(header), 1, f);
    for (u32 i = 0; f && i < n; i++) {
        const struct place *at = places[i];
        pcap_put_record_header(record, base + at->time_ns, at->incl_bytes, at->orig_bytes);
        fwrite(record, sizeof(record), 1, f);
        fwrite(at + 1, at->incl_bytes, 1, f);
    }
    if (f && ferror(f))
        failed = EIO;
    if (f && fclose(f) && !failed)
        failed = errno;
    free(places);
    return failed ? error_errno(e, failed, "cannot write %s", c->path) : 0;
}

int pcap_trace_stop(struct piste *p, struct pcap_trace_status *status, struct error *e)
{
    struct pcap_trace *c = pcap_trace_active;
    if (!c)
        return error_set(e, EALREADY, "dispatch trace already disabled...");
    __atomic_store_n(&pcap_trace_active, NULL, __ATOMIC_RELEASE);
    engine_synchronize(engine_of(p));
    u32 n = count_of(c);
    *status = (struct pcap_trace_status){
        .directions = c->directions, .packets = n, .max_packets = c->max_packets};
    memcpy(status->path, c->path, sizeof(status->path));
    int rc = n ? write_file(c, n, e) : error_set(e, ENODATA, "No packets captured...");
    if (c->filter != CLASSIFY_NONE)
        classify_table_unref(p, c->filter);
    trace_free(c);
    return rc;
}

void pcap_trace_get_status(const struct piste *p, struct pcap_trace_status *out)
{
    const struct pcap_trace *c = pcap_trace_active;
    *out = (struct pcap_trace_status){0};
    if (!c)
        return;
    out->directions = c->directions;
    out->packets = count_of(c);
    out->max_packets = c->max_packets;
    memcpy(out->path, c->path, sizeof(out->path));
}

/* --- command --- */

static int show_status(struct cli_call *c)
{
    struct pcap_trace_status s;
    struct text names = {0};
    static const char *const words[] = {"rx", "tx", "drop"};
    pcap_trace_get_status(c->piste, &s);
    for (u32 i = 0; i < array_len(words); i++)
        if (s.directions & (1u << i))
            text_add(&names, "%s%s", names.len ? " and " : "", words[i]);
    if (s.directions)
        out_text(c->out, "pcap %s dispatch capture enabled: %u of %u pkts...\ncapture to file %s\n",
                 text_str(&names), s.packets, s.max_packets, s.path);
    else
        out_text(c->out, "pcap dispatch capture disabled\n");
    text_free(&names);
    out_bool(c->out, "enabled", s.directions != 0, NULL, NULL);
    if (s.directions) {
        out_bool(c->out, "rx", s.directions & PCAP_RX, NULL, NULL);
        out_bool(c->out, "tx", s.directions & PCAP_TX, NULL, NULL);
        out_bool(c->out, "drop", s.directions & PCAP_DROP, NULL, NULL);
        out_u64(c->out, "packets", s.packets, NULL);
        out_u64(c->out, "max_packets", s.max_packets, NULL);
        out_str(c->out, "file", s.path, NULL);
    }
    return 0;
}

static int turn_off(struct cli_call *c)
{
    struct pcap_trace_status s = {0};
    int rc = pcap_trace_stop(c->piste, &s, c->err);
    if (rc)
        return rc;
    out_text(c->out, "Write %u packets to %s, and stop capture...\n", s.packets, s.path);
    out_u64(c->out, "packets", s.packets, NULL);
    out_str(c->out, "file", s.path, NULL);
    return 0;
}

static int trace(struct cli_call *c)
{
    struct pcap_trace_args args = {
        .directions = (cli_has(c, "rx") ? PCAP_RX : 0u) | (cli_has(c, "tx") ? PCAP_TX : 0u) |
                      (cli_has(c, "drop") ? PCAP_DROP : 0u),
        .max_packets = (u32)cli_u64(c, "max-packets", PACKETS_DEFAULT),
        .max_packet_bytes = (u32)cli_u64(c, "bytes", BYTES_DEFAULT),
        .interface =
            cli_get(c, "interface-name") ? cli_interface(c, "interface-name")->index : IF_NONE,
        .file = cli_str(c, "name", NULL),
        .filter = cli_has(c, "filter"),
        .error = cli_str(c, "reason", NULL),
    };
    if (cli_has(c, "status"))
        return show_status(c);
    if (cli_has(c, "off") || !args.directions)
        return turn_off(c);
    return pcap_trace_start(c->piste, &args, c->err);
}

static const struct cli_command commands[] = {
    {"pcap trace [rx] [tx] [drop] [off] [status] [max <max-packets:u32>] [max-bytes-per-pkt "
     "<bytes:u32>] "
     "[intfc ( any | <interface-name:interface> )] [interface ( any | <interface-name:interface> "
     ")] "
     "[file <name:string>] [error <reason:string>] [filter] [preallocate-data] [free-data]",
     "Writes packets that are received, sent or dropped to a file in /tmp, once it is turned off",
     trace, 0},
    {0},
};

/* A later interface of the same index is another one. */
static void on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct pcap_trace *c = pcap_trace_active;
    (void)p;
    (void)arg;
    if (ev == IF_EVENT_DELETE && c && if_equal(c->interface, f->index))
        __atomic_store_n(&c->interface.i, IF_MAX, __ATOMIC_RELAXED); /* no interface has that */
}

static int init(struct piste *p, void **state, struct error *e)
{
    (void)state;
    (void)e;
    interface_on_event(p, on_interface, NULL);
    return 0;
}

static void stop(struct piste *p, void *state)
{
    if (pcap_trace_active)
        trace_free(pcap_trace_active);
    pcap_trace_active = NULL;
}

static const char *const needs[] = {"interface", "classify-filter", NULL};

const struct module pcap_module = {
    .abi = MODULE_ABI,
    .name = "pcap",
    .description = "Capture of packets into files",
    .needs = needs,
    .commands = commands,
    .init = init,
    .stop = stop,
};
