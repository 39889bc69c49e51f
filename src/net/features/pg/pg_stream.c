/* Streams: made, changed, started and stopped by the control thread; run by pg-input.
 *
 * A stream is a receive queue of its data thread only while it is enabled; everything in it may be
 * changed while it is not. With a rate, the queue waits for a timer; without, it is polled. */
#include "net/features/pg/pg_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

/* How often a stream with a high rate wakes its thread. */
#define TICK_MIN_NS (100 * NS_PER_USEC)
#define GSO_SIZE_DEFAULT 1448u

struct pg_stream *pg_stream_find(const struct pg *pg, const char *name)
{
    for (u32 i = 0; i < pg->streams.n; i++)
        if (!strcmp(pg->streams.v[i]->set.name, name))
            return pg->streams.v[i];
    return NULL;
}

static struct pg_stream *pg_stream_by_id(const struct pg *pg, u32 id)
{
    for (u32 i = 0; i < pg->streams.n; i++)
        if (pg->streams.v[i]->id == id)
            return pg->streams.v[i];
    return NULL;
}

/* --- running --- */

static int timer_new(double rate, struct error *e)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        return error_errno(e, errno, "cannot make a timer");
    /* rounded up: by then a packet is due */
    double period = ceil((double)NS_PER_SEC / rate);
    u64 ns = period < (double)TICK_MIN_NS ? TICK_MIN_NS
             : period > 1e18              ? 1000000000000000000ull
                                          : (u64)period;
    struct itimerspec t = {
        .it_value.tv_nsec = 1,
        .it_interval = {.tv_sec = (time_t)(ns / NS_PER_SEC), .tv_nsec = (long)(ns % NS_PER_SEC)},
    };
    if (timerfd_settime(fd, 0, &t, NULL)) {
        int rc = error_errno(e, errno, "cannot set a timer");
        close(fd);
        return rc;
    }
    return fd;
}

static u32 data_thread(const struct pg_stream *s)
{
    u32 threads = engine_n_threads(engine_of(s->pg->piste)) - 1;
    return 1 + (threads == 1 ? 0 : s->set.worker);
}

/* The packets made so far stay counted. */
static int pg_stream_run(struct pg_stream *s, struct error *e)
{
    struct engine *engine = engine_of(s->pg->piste);
    s->finished = s->told = false;
    s->resumed_at = s->made;
    s->start_ns = clock_ns();
    s->rx = (struct rx_queue){
        .interface = s->set.rx_if,
        .node = s->pg->input,
        .fd = -1,
        .port = s,
        .mode = RX_MODE_DEFAULT,
    };
    if (s->set.rate > 0) {
        int fd = timer_new(s->set.rate, e);
        if (fd < 0)
            return fd;
        s->rx.fd = fd;
        s->rx.mode = RX_MODE_ADAPTIVE;
    }
    int rc = rx_queue_add(engine, &s->rx, data_thread(s), e);
    if (rc) {
        if (s->rx.fd >= 0)
            close(s->rx.fd);
        return rc;
    }
    rx_queue_enable(engine, &s->rx, true);
    s->enabled = true;
    return 0;
}

static void pg_stream_halt(struct pg_stream *s)
{
    rx_queue_delete(engine_of(s->pg->piste), &s->rx);
    if (s->rx.fd >= 0)
        close(s->rx.fd);
    s->enabled = false;
}

bool pg_stream_is_enabled(const struct pg_stream *s)
{
    return s->enabled && !atomic_load_explicit(&s->finished, memory_order_acquire);
}

void pg_stream_on_finished(struct piste *p, const void *payload)
{
    u32 id;
    memcpy(&id, payload, sizeof(id));
    struct pg_stream *s = pg_stream_by_id(pg_of(p), id);
    /* started again since: then it is not finished */
    if (s && s->enabled && s->finished)
        pg_stream_halt(s);
}

static void rewind_all(struct pg_stream *s)
{
    s->made = 0;
    s->next_size = s->set.min_bytes;
    s->next_frame = 0;
    s->random.state = 0x9e3779b97f4a7c15ull + s->id; /* the same packets each time */
    pg_packet_rewind(&s->packet);
}

int pg_stream_set_enabled(struct pg_stream *s, bool enable, struct error *e)
{
    struct piste *p = s->pg->piste;
    if (enable == pg_stream_is_enabled(s))
        return 0;
    if (s->enabled)
        pg_stream_halt(s);
    if (!enable)
        return 0;
    int rc = interface_set_admin(p, s->set.source, true, e);
    if (rc)
        return rc;
    interface_set_link(p, s->set.source, true);
    rewind_all(s);
    return pg_stream_run(s, e);
}

int pg_stream_enable(struct piste *p, const char *name, bool enable, struct error *e)
{
    struct pg *pg = pg_of(p);
    struct pg_stream *s = name ? pg_stream_find(pg, name) : NULL;
    if (name)
        return s ? pg_stream_set_enabled(s, enable, e)
                 : error_set(e, ENOENT, "no stream `%s'", name);
    for (u32 i = 0; i < pg->streams.n; i++) {
        int rc = pg_stream_set_enabled(pg->streams.v[i], enable, e);
        if (rc)
            return rc;
    }
    return 0;
}

/* --- making --- */

static void stream_free(struct pg_stream *s)
{
    if (s->is_replay)
        pg_replay_free(s);
    vec_free(&s->frames);
    pg_packet_free(&s->packet);
    free(s);
}

void pg_stream_delete(struct pg_stream *s)
{
    struct pg *pg = s->pg;
    if (s->enabled)
        pg_stream_halt(s);
    for (u32 i = 0; i < pg->streams.n; i++)
        if (pg->streams.v[i] == s) {
            vec_del(&pg->streams, i);
            break;
        }
    stream_free(s);
}

void pg_streams_forget(struct pg *pg, struct if_index i)
{
    const struct interface *f = interface_at(pg->piste, i);
    for (u32 k = pg->streams.n; k-- > 0;) {
        struct pg_stream *s = pg->streams.v[k];
        if (if_equal(s->set.source, i) || if_equal(s->set.rx_if, i) || if_equal(s->set.tx_if, i) ||
            s->set.node.i == f->output_node.i)
            pg_stream_delete(s);
    }
}

static int pg_stream_validate(const struct pg_stream *s, const struct pg_stream_settings *set,
                              struct error *e)
{
    if (set->max_bytes < set->min_bytes)
        return error_set(e, EINVAL, "max-size < min-size");
    if (!s->is_replay && set->min_bytes < s->packet.header_bytes)
        return error_set(e, EINVAL, "min-size < total header size %u", s->packet.header_bytes);
    if (!set->min_bytes || set->max_bytes > PG_PACKET_MAX_BYTES)
        return error_set(e, EINVAL, "sizes are 1 to %u bytes", PG_PACKET_MAX_BYTES);
    if (!set->buffer_bytes)
        return error_set(e, EINVAL, "buffer-size must be positive");
    if (set->rate < 0)
        return error_set(e, EINVAL, "negative rate");
    return 0;
}

/* What packets ask of who sends them: by the source, or because the stream says so. */
static void pg_stream_set_offload(struct pg_stream *s)
{
    const struct pg_port *port = pg_port_at(s->pg, s->set.source);
    u32 want = s->set.offload, size = GSO_SIZE_DEFAULT;
    if (port->csum_offload)
        want |= PG_OFFLOAD_TCP_CSUM | PG_OFFLOAD_UDP_CSUM;
    if (port->gso) {
        want |= PG_OFFLOAD_TCP_CSUM | PG_OFFLOAD_GSO;
        size = port->gso_size;
    }
    for (u32 i = 0; i < s->frames.n; i++) {
        struct pg_frame *f = &s->frames.v[i];
        f->flags = s->set.buffer_flags;
        if (!s->is_replay)
            f->len = s->set.min_bytes; /* the shortest decides */
        if (!pg_frame_set_offload(f, port->mode != PG_MODE_ETHERNET, want, size))
            continue;
        if (s->is_replay)
            pg_frame_put_partial_sum(f);
        else
            pg_packet_leave_l4_sum(&s->packet);
    }
}

/* After the packet or its sizes have changed. */
static void set_packet(struct pg_stream *s)
{
    if (!s->is_replay) {
        pg_packet_set_sizes(&s->packet, s->set.min_bytes, s->set.max_bytes);
        s->frames.n = 0;
        vec_add(&s->frames, ((struct pg_frame){.bytes = s->packet.bytes}));
    }
    pg_stream_set_offload(s);
    s->is_constant = s->is_replay ? s->frames.n == 1 : pg_packet_is_constant(&s->packet);
    if (!s->is_replay)
        s->frames.v[0].len = s->set.max_bytes;
}

/* The grammar of data, by where packets go. */
static enum pg_start start_of(struct piste *p, struct node_index node)
{
    static const struct {
        const char *prefix;
        enum pg_start start;
    } starts[] = {
        {"ip4-", PG_START_IP4},  {"ip6-", PG_START_IP6},   {"mpls-", PG_START_MPLS},
        {"arp-", PG_START_ARP},  {"icmp4-", PG_START_IP4}, {"icmp6-", PG_START_IP6},
        {"udp4-", PG_START_IP4}, {"udp6-", PG_START_IP6},  {"tcp4-", PG_START_IP4},
        {"tcp6-", PG_START_IP6},
    };
    const struct pg *pg = pg_of(p);
    const char *name = node_name(engine_of(p), node);
    for (u32 i = 0; i < pg->ports.n; i++) {
        const struct interface *f = interface_at(p, pg->ports.v[i]->interface);
        enum pg_mode mode = pg->ports.v[i]->mode;
        if (mode != PG_MODE_ETHERNET && (f->output_node.i == node.i || f->tx_node.i == node.i))
            return mode == PG_MODE_IP4 ? PG_START_IP4 : PG_START_IP6;
    }
    for (u32 i = 0; i < array_len(starts); i++)
        if (!strncmp(name, starts[i].prefix, strlen(starts[i].prefix)))
            return starts[i].start;
    return PG_START_ETHERNET;
}

static int make_packets(struct pg_stream *s, const struct pg_definition *d, struct error *e)
{
    int rc;
    if (d->pcap) {
        rc = pg_replay_load(s, d->pcap, e);
        if (!rc && !s->set.limit)
            s->set.limit = s->frames.n;
        return rc;
    }
    /* what the sizes of a range are is said when the packet is known */
    return pg_packet_parse(&s->packet, start_of(s->pg->piste, s->set.node), d->data,
                           (u32)min_u64(s->set.max_bytes, PG_PACKET_MAX_BYTES), e);
}

static int find_source(struct pg_stream *s, const struct pg_definition *d, struct error *e)
{
    int rc = pg_interface_create(s->pg->piste, &(struct pg_interface_args){.id = d->source},
                                 &s->set.source, e);
    if (!rc && if_is_none(s->set.rx_if))
        s->set.rx_if = s->set.source;
    return rc;
}

/* Where a file's packets go unless it is said. */
static int default_node(struct pg_stream *s, const struct pg_definition *d, struct error *e)
{
    static const char *const nodes[] = {"ethernet-input", "ip4-input", "ip6-input"};
    struct if_index source;
    enum pg_mode mode = PG_MODE_ETHERNET;
    if (pg_interface_by_id(s->pg->piste, d->source, &source))
        mode = pg_port_at(s->pg, source)->mode;
    if (!node_find(engine_of(s->pg->piste), nodes[mode], &s->set.node))
        return error_set(e, ENOENT, "there is no node %s", nodes[mode]);
    return 0;
}

static int fill_in(struct pg_stream *s, const struct pg_definition *d, struct error *e)
{
    struct engine *engine = engine_of(s->pg->piste);
    struct node_index ethernet;
    int rc = 0;
    if (!d->data && !d->pcap)
        return error_set(e, EINVAL, "no packet data given");
    if (!d->has_node && !d->pcap)
        return error_set(e, EINVAL, "output interface or node not given");
    if (engine_n_threads(engine) > 2 && s->set.worker >= engine_n_threads(engine) - 1)
        return error_set(e, EINVAL, "there is no worker %u", s->set.worker);
    if (!d->has_node)
        rc = default_node(s, d, e);
    if (!rc)
        rc = make_packets(s, d, e);
    if (!rc)
        rc = pg_stream_validate(s, &s->set, e);
    if (!rc)
        rc = find_source(s, d, e);
    if (rc)
        return rc;
    if (!node_find(engine, pg_input_node.name, &s->pg->input))
        return error_set(e, ENOENT, "there is no node %s", pg_input_node.name);
    s->next = node_edge(engine, s->pg->input, s->set.node);
    if (node_find(engine, "ethernet-input", &ethernet) && s->set.node.i == ethernet.i)
        s->device_input = feature_arc_find(engine, "device-input");
    set_packet(s);
    return 0;
}

/* The first of stream0, stream1, ... that none has. */
static void name_it(struct pg_stream *s)
{
    char name[PG_NAME_BYTES];
    u32 n = 0;
    do
        snprintf(name, sizeof(name), "stream%u", n++);
    while (pg_stream_find(s->pg, name));
    memcpy(s->set.name, name, sizeof(name));
}

int pg_stream_new(struct piste *p, const char *text, struct error *e)
{
    struct pg *pg = pg_of(p);
    struct pg_definition d;
    int rc = pg_definition_parse(p, text, &d, e);
    if (rc)
        return rc;
    struct pg_stream *s = mem_alloc(sizeof(*s));
    s->pg = pg;
    s->id = pg->stream_ids;
    s->set = d.set;
    if (!*s->set.name)
        name_it(s);
    rc = fill_in(s, &d, e);
    pg_definition_free(&d);
    if (rc) {
        stream_free(s);
        return rc;
    }
    pg->stream_ids++;
    struct pg_stream *before = pg_stream_find(pg, s->set.name);
    if (before)
        pg_stream_delete(before);
    rewind_all(s);
    vec_add(&pg->streams, s);
    return 0;
}

int pg_stream_configure(struct pg_stream *s, const char *text, struct error *e)
{
    struct pg_stream_settings set = s->set;
    int rc = pg_configure_parse(text, &set, e);
    if (!rc && s->is_replay) {
        set.min_bytes = s->set.min_bytes;
        set.max_bytes = s->set.max_bytes;
    }
    if (!rc)
        rc = pg_stream_validate(s, &set, e);
    if (rc)
        return rc;
    bool was_enabled = pg_stream_is_enabled(s);
    if (s->enabled)
        pg_stream_halt(s);
    s->set = set;
    set_packet(s);
    s->next_size = set.min_bytes;
    return was_enabled ? pg_stream_run(s, e) : 0;
}
