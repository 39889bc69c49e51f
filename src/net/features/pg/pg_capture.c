/* Captures: pgN-tx hands packets over, this writes them to the file and frees them.
 *
 *   pgN-tx ──► ring ──► drain: one write for all that waits ──► file
 *
 * Streams stop making packets while many wait (PG_CAPTURE_HIGH), so what they send is captured
 * without a gap however slow the disk is; packets of others are freed and counted when the ring is
 * full. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/loop.h"
#include "engine/pcap.h"
#include "net/features/pg/pg_internal.h"

#define WRITE_AT_BYTES (256u << 10)

static struct log_class log_class = {"pg", "capture"};

static int file_open(struct pg_capture *c)
{
    u8 header[PCAP_HEADER_BYTES];
    c->fd = open(c->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (c->fd < 0)
        return -errno;
    pcap_put_header(header, c->link_type);
    text_putn(&c->out, (const char *)header, sizeof(header));
    return 0;
}

static int pg_capture_flush(struct pg_capture *c)
{
    size_t done = 0;
    while (done < c->out.len) {
        ssize_t n = write(c->fd, c->out.s + done, c->out.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    text_clear(&c->out);
    return 0;
}

/* A file that cannot be written ends the capture: what follows is freed only. */
static void pg_capture_failed(struct pg_capture *c, int rc)
{
    log_error(&log_class, "%s: %s", c->path, strerror(-rc));
    c->left = 0;
    text_clear(&c->out);
}

static void pg_capture_add(struct pg_capture *c, const struct buffer *b, u64 time_ns)
{
    u8 header[PCAP_RECORD_HEADER_BYTES];
    u32 bytes = buffer_packet_len(b);
    pcap_put_record_header(header, time_ns, bytes, bytes);
    text_putn(&c->out, (const char *)header, sizeof(header));
    for (;; b = buffer_at(b->next)) {
        text_putn(&c->out, buffer_current(b), b->len);
        if (!(b->flags & BUFFER_NEXT))
            return;
    }
}

static void pg_capture_drain(struct pg *pg, struct pg_capture *c)
{
    struct thread *t = engine_main_thread(engine_of(pg->piste));
    struct pg_captured item;
    u64 base = clock_wall_base_ns();
    int rc = 0;
    for (u32 n = 0; n < PG_CAPTURE_SLOTS && ring_pop(&c->ring, &item); n++) {
        if (c->left && c->fd < 0)
            rc = file_open(c);
        if (c->left && !rc) {
            pg_capture_add(c, buffer_at(item.bi), base + item.time_ns);
            c->left -= c->left != PG_CAPTURE_UNLIMITED;
        }
        if (c->out.len >= WRITE_AT_BYTES && !rc)
            rc = pg_capture_flush(c);
        if (rc) {
            pg_capture_failed(c, rc);
            rc = 0;
        }
        buffer_free_one(t, item.bi);
        atomic_fetch_sub_explicit(&pg->backlog, 1, memory_order_relaxed);
    }
    if (c->out.len && (rc = pg_capture_flush(c)))
        pg_capture_failed(c, rc);
}

static void capture_free(void *arg)
{
    struct pg_capture *c = arg;
    if (c->fd >= 0)
        close(c->fd);
    text_free(&c->out);
    ring_fini(&c->ring);
    free(c->path);
    free(c);
}

/* No data thread sees the capture from here on; what they gave it is written. */
static void pg_capture_end(struct pg_port *port)
{
    struct pg_capture *c = port->capture;
    __atomic_store_n(&port->capture, NULL, __ATOMIC_RELEASE);
    engine_synchronize(engine_of(port->pg->piste));
    pg_capture_drain(port->pg, c);
    capture_free(c);
}

void pg_captures_drain(struct pg *pg)
{
    atomic_store_explicit(&pg->woken, 0, memory_order_seq_cst);
    for (u32 i = 0; i < pg->ports.n; i++) {
        struct pg_port *port = pg->ports.v[i];
        if (!port->capture)
            continue;
        pg_capture_drain(pg, port->capture);
        if (!port->capture->left)
            pg_capture_end(port);
        else if (!ring_empty(&port->capture->ring))
            loop_wake(pg->piste->loop);
    }
}

int pg_capture_start(struct piste *p, struct if_index i, const char *path, u32 count,
                     struct error *e)
{
    struct pg_port *port = pg_port_at(pg_of(p), i);
    if (!port)
        return error_set(e, EINVAL, "Please specify packet-generator interface");
    if (!access(path, F_OK))
        return error_set(e, EEXIST, "pcap file '%s' already exists.", path);
    pg_capture_stop(p, i);
    struct pg_capture *c = mem_alloc(sizeof(*c));
    *c = (struct pg_capture){
        .path = mem_strdup(path),
        .link_type = port->mode == PG_MODE_ETHERNET ? PCAP_LINK_ETHERNET : PCAP_LINK_RAW_IP,
        .left = count,
        .fd = -1,
    };
    ring_init(&c->ring, PG_CAPTURE_SLOTS, sizeof(struct pg_captured));
    __atomic_store_n(&port->capture, c, __ATOMIC_RELEASE);
    return 0;
}

void pg_capture_stop(struct piste *p, struct if_index i)
{
    struct pg_port *port = pg_port_at(pg_of(p), i);
    if (port && port->capture)
        pg_capture_end(port);
}
