#include "net/features/pcap/pcap_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/pcap.h"
#include "net/features/classify/classify.h"
#include "net/features/classify/classify_filter.h"
#include "net/features/pcap/pcap_internal.h"
#include "net/link/interface/interface.h"

#define BYTES_MIN 32
#define BYTES_MAX 9000

struct pcap_trace {
    struct capture capture;
    struct pcap_kept kept;
    u32 directions, max_packet_bytes;
    struct if_index interface;
    u32 filter; /* classifier table, held; CLASSIFY_NONE: all */
    bool one_error;
    struct node_index error_node;
    u32 error;
};

const char pcap_module_name[] = "pcap";

struct pcap *pcap_of(const struct piste *p)
{
    return module_state(p, pcap_module_name);
}

/* --- data path --- */

/* A dropped packet is shown as the frame it came in. */
static u32 bytes_before(const struct buffer *b)
{
    return b->start > b->l2_start && b->l2_start >= 0 ? (u32)(b->start - b->l2_start) : 0;
}

static bool pcap_trace_is_wanted(struct thread *t, const struct pcap_trace *c,
                                 enum capture_direction direction, const struct buffer *b,
                                 struct if_index tx, u32 rewind)
{
    struct if_index i = direction == CAPTURE_TX ? tx : b->rx_if;
    struct if_index of = {__atomic_load_n(&c->interface.i, __ATOMIC_RELAXED)};
    if (!if_is_none(of) && !if_equal(of, i))
        return false;
    if (direction == CAPTURE_DROP && c->one_error &&
        (b->error_node.i != c->error_node.i || b->error != c->error))
        return false;
    return c->filter == CLASSIFY_NONE || classify_matches(t, c->filter, b, b->start - (int)rewind);
}

static void pcap_trace_keep(struct pcap_trace *c, const struct buffer *b, u32 rewind, u64 now)
{
    struct pcap_place *to = pcap_kept_take(&c->kept);
    if (!to)
        return;
    to->time_ns = now;
    to->orig_bytes = buffer_packet_len(b) + rewind;
    to->incl_bytes = (u32)min_u64(to->orig_bytes, c->max_packet_bytes);
    u8 *data = (u8 *)(to + 1);
    u32 first = (u32)min_u64(rewind, to->incl_bytes);
    memcpy(data, (u8 *)buffer_current(b) - rewind, first);
    buffer_copy_out(b, 0, data + first, to->incl_bytes - first);
}

static void pcap_trace_see(struct thread *t, struct capture *capture,
                           enum capture_direction direction, struct if_index interface,
                           struct buffer **b, u32 count)
{
    struct pcap_trace *c = container_of(capture, struct pcap_trace, capture);
    if (!(c->directions & direction))
        return;
    u64 now = clock_ns();
    for (u32 i = 0; i < count; i++) {
        u32 rewind = direction == CAPTURE_DROP ? bytes_before(b[i]) : 0;
        if (pcap_trace_is_wanted(t, c, direction, b[i], interface, rewind))
            pcap_trace_keep(c, b[i], rewind, now);
    }
}

/* --- starting --- */

static void trace_free(struct pcap_trace *c)
{
    pcap_kept_fini(&c->kept);
    free(c);
}

/* Copies s[0, n), without the braces that may be around it. */
static void copy_unbraced(char out[64], const char *s, size_t n)
{
    bool braced = n > 1 && s[0] == '{' && s[n - 1] == '}';
    snprintf(out, 64, "%.*s", (int)(braced ? n - 2 : n), s + braced);
}

/* NODE.REASON or {NODE}.{REASON}, as the counter is called in the statistics. */
static int set_error(struct piste *p, struct pcap_trace *c, const char *text, struct error *e)
{
    char node[64], reason[64];
    const char *dot = text ? strrchr(text, '.') : NULL;
    if (!text)
        return 0;
    if (!dot || (size_t)(dot - text) >= sizeof(node))
        return error_set(e, EINVAL, "expected NODE.REASON, got `%s'", text);
    copy_unbraced(node, text, (size_t)(dot - text));
    copy_unbraced(reason, dot + 1, strlen(dot + 1));
    if (!node_find(engine_of(p), node, &c->error_node))
        return error_set(e, ENOENT, "unknown node `%s'", node);
    if (!node_error_find(engine_of(p), c->error_node, reason, &c->error))
        return error_set(e, ENOENT, "%s has no error %s", node, reason);
    c->one_error = true;
    return 0;
}

/* The interface's own, or that of all; held until the capture ends. */
static int set_filter(struct piste *p, struct pcap_trace *c, const struct pcap_trace_args *args,
                      struct error *e)
{
    if (!args->filter)
        return 0;
    c->filter = classify_filter_pcap(p, c->interface);
    if (c->filter == CLASSIFY_NONE)
        c->filter = classify_filter_pcap(p, IF_NONE);
    if (c->filter == CLASSIFY_NONE && args->unknown_is_any)
        return 0;
    if (c->filter == CLASSIFY_NONE)
        return error_set(e, EOPNOTSUPP, "No classify filter configured...");
    return classify_table_ref(p, c->filter, e);
}

int pcap_trace_start(struct piste *p, const struct pcap_trace_args *args, struct error *e)
{
    char file[32];
    if (pcap_of(p)->active)
        return error_set(e, EALREADY, "dispatch trace already enabled...");
    if (args->max_packet_bytes < BYTES_MIN || args->max_packet_bytes > BYTES_MAX)
        return error_set(e, EINVAL, "Max bytes per pkt must be > 32, < 9000...");
    struct pcap_trace *c = mem_alloc(sizeof(*c));
    *c = (struct pcap_trace){
        .capture = {pcap_trace_see},
        .directions = args->directions,
        .max_packet_bytes = args->max_packet_bytes,
        .interface = args->interface,
        .filter = CLASSIFY_NONE,
    };
    snprintf(file, sizeof(file), "%s%s%s.pcap", c->directions & CAPTURE_RX ? "rx" : "",
             c->directions & CAPTURE_TX ? "tx" : "", c->directions & CAPTURE_DROP ? "drop" : "");
    int rc = set_error(p, c, args->error, e);
    if (rc && args->unknown_is_any)
        rc = 0;
    if (!rc)
        rc = pcap_kept_init(&c->kept, args->max_packets, c->max_packet_bytes, args->file, file, e);
    if (!rc)
        rc = set_filter(p, c, args, e);
    if (rc) {
        trace_free(c);
        return rc;
    }
    pcap_of(p)->active = c;
    __atomic_store_n(&capture_active, &c->capture, __ATOMIC_RELEASE);
    return 0;
}

/* --- writing --- */

int pcap_trace_stop(struct piste *p, struct pcap_trace_status *status, struct error *e)
{
    struct pcap_trace *c = pcap_of(p)->active;
    if (!c)
        return error_set(e, EALREADY, "dispatch trace already disabled...");
    pcap_of(p)->active = NULL;
    __atomic_store_n(&capture_active, NULL, __ATOMIC_RELEASE);
    engine_synchronize(engine_of(p));
    u32 n = pcap_kept_count(&c->kept);
    *status = (struct pcap_trace_status){
        .directions = c->directions, .packets = n, .max_packets = c->kept.max_packets};
    memcpy(status->path, c->kept.path, sizeof(status->path));
    int rc = n ? pcap_kept_write(&c->kept, PCAP_LINK_ETHERNET, NULL, NULL, e)
               : error_set(e, ENODATA, "No packets captured...");
    if (c->filter != CLASSIFY_NONE)
        classify_table_unref(p, c->filter);
    trace_free(c);
    return rc;
}

void pcap_trace_get_status(const struct piste *p, struct pcap_trace_status *out)
{
    const struct pcap_trace *c = pcap_of(p)->active;
    *out = (struct pcap_trace_status){0};
    if (!c)
        return;
    out->directions = c->directions;
    out->packets = pcap_kept_count(&c->kept);
    out->max_packets = c->kept.max_packets;
    memcpy(out->path, c->kept.path, sizeof(out->path));
}

/* --- life --- */

/* A later interface of the same index is another one. */
static void pcap_trace_on_interface(struct piste *p, struct interface *f, enum if_event ev,
                                    void *arg)
{
    struct pcap_trace *c = pcap_of(p)->active;
    if (ev == IF_EVENT_DELETE && c && if_equal(c->interface, f->index))
        __atomic_store_n(&c->interface.i, IF_MAX, __ATOMIC_RELAXED); /* no interface has that */
}

int pcap_init(struct piste *p, void **state, struct error *e)
{
    *state = mem_alloc(sizeof(struct pcap));
    interface_on_event(p, pcap_trace_on_interface, NULL);
    return 0;
}

void pcap_stop(struct piste *p, void *state)
{
    struct pcap *s = state;
    pcap_dispatch_forget(p);
    capture_active = NULL;
    if (s->active)
        trace_free(s->active);
    free(s);
}
