/* Connections of memif: the handshake in both roles, and what ends it. One message is answered
 * before the next is read, so that a peer that floods others with them waits in its turn. What a
 * peer may hold of ours before it has said a secret is a descriptor, for some seconds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/foreign_fd.h"
#include "base/log.h"
#include "control/listen.h"
#include "control/loop.h"
#include "plugins/memif/memif_internal.h"

#define RETRY_NS NS_PER_SEC
#define HANDSHAKE_NS (10 * NS_PER_SEC)
#define ROOM_LOOK_NS NS_PER_MSEC      /* how often a master looks for empty slots, */
#define ROOM_WAIT_NS (2 * NS_PER_SEC) /* and for how long */
#define PENDING_MAX 64                /* that have not said what they are about */
/* A handshake has fewer; and a peer that is connected has only one thing left to say. */
#define MESSAGES_MAX (2 + MEMIF_REGIONS_MAX + 2 * MEMIF_QUEUES_MAX + 256)

static struct log_class log_class = {"memif", NULL};

/* --- when there is something to do without a message --- */

static bool wants_to_connect(const struct memif *port)
{
    return port->args.role == MEMIF_SLAVE && port->admin_up && !port->conn;
}

static void timer_plan(const struct memif_state *s)
{
    bool any = false;
    for (u32 i = 0; i < s->ports.n && !any; i++)
        any = wants_to_connect(s->ports.v[i]);
    for (u32 i = 0; i < s->conns.n && !any; i++)
        any = s->conns.v[i]->stage != MEMIF_STAGE_UP;
    for (u32 i = 0; i < s->sockets.n && !any; i++)
        any = memif_socket_waits(s->sockets.v[i]);
    loop_timer_set(s->piste->loop, s->timer, any ? clock_ns() + RETRY_NS : UINT64_MAX);
}

static void try_to_connect(struct memif *port);

static void timer_tick(void *arg)
{
    struct memif_state *s = arg;
    u64 now = clock_ns();
    struct error e;
    for (u32 i = s->conns.n; i--;)
        if (s->conns.v[i]->stage != MEMIF_STAGE_UP && s->conns.v[i]->deadline_ns <= now)
            memif_close(s->conns.v[i], 0, "handshake takes too long");
    for (u32 i = 0; i < s->sockets.n; i++)
        if (memif_socket_waits(s->sockets.v[i]) && memif_socket_listen(s->sockets.v[i], &e))
            log_debug(&log_class, "%s", e.text);
    for (u32 i = 0; i < s->ports.n; i++)
        try_to_connect(s->ports.v[i]);
    timer_plan(s);
}

/* --- sending --- */

/* Returns false when the peer does not take it: it is gone, or does not read. */
static bool send_message(const struct memif_conn *c, const struct memif_message *m, int fd)
{
    u8 record[MEMIF_MESSAGE_BYTES];
    memif_message_write(m, record);
    return foreign_fd_send(c->fd, record, sizeof(record), fd);
}

static void send_or_close(struct memif_conn *c, const struct memif_message *m, int fd)
{
    if (!send_message(c, m, fd))
        memif_close(c, 0, "peer does not read");
}

static void send_hello(struct memif_conn *c)
{
    struct memif_message m = {
        .type = MEMIF_HELLO,
        .hello = {.min_version = MEMIF_VERSION,
                  .max_version = MEMIF_VERSION,
                  .max_region = MEMIF_REGIONS_MAX - 1,
                  .max_m2s = MEMIF_QUEUES_TAKEN - 1,
                  .max_s2m = MEMIF_QUEUES_TAKEN - 1,
                  .max_log2 = MEMIF_LOG2_MAX},
    };
    memif_program_name(m.hello.name);
    send_or_close(c, &m, -1);
}

static void send_init(struct memif_conn *c)
{
    struct memif_message m = {
        .type = MEMIF_INIT,
        .init = {.version = MEMIF_VERSION, .id = c->port->args.id, .mode = (u8)c->port->args.mode},
    };
    memcpy(m.init.secret, c->port->secret, MEMIF_SECRET_BYTES);
    memif_program_name(m.init.name);
    send_or_close(c, &m, -1);
}

/* CONNECT or CONNECTED. */
static bool send_connect(const struct memif_conn *c, enum memif_type type)
{
    struct memif_message m = {.type = (u16)type};
    snprintf(m.connect.name, sizeof(m.connect.name), "%.*s", MEMIF_NAME_BYTES - 1,
             interface_at(c->port->piste, c->port->interface)->name);
    return send_message(c, &m, -1);
}

/* --- the life of a connection --- */

static void on_message(void *arg, u32 events);

static struct memif_conn *conn_new(struct memif_socket *k, int fd, struct memif *port)
{
    struct memif_state *s = k->all;
    struct memif_conn *c = mem_alloc(sizeof(*c));
    struct error e;
    *c = (struct memif_conn){.all = s,
                             .socket = k,
                             .port = port,
                             .fd = fd,
                             .is_slave = port != NULL,
                             .stage = port ? MEMIF_STAGE_HELLO : MEMIF_STAGE_INIT,
                             .deadline_ns = clock_ns() + HANDSHAKE_NS,
                             .serial = ++s->serials};
    if (loop_fd_add(s->piste->loop, fd, EPOLLIN, on_message, c, &e)) {
        log_error(&log_class, "%s", e.text);
        close(fd);
        free(c);
        return NULL;
    }
    vec_add(&s->conns, c);
    return c;
}

static void conn_free(struct memif_conn *c)
{
    struct memif_state *s = c->all;
    for (u32 i = 0; i < s->conns.n; i++)
        if (s->conns.v[i] == c) {
            vec_del(&s->conns, i);
            break;
        }
    loop_fd_del(s->piste->loop, c->fd);
    close(c->fd);
    memif_memory_free(c);
    free(c);
}

void memif_close(struct memif_conn *c, u32 code, const char *reason)
{
    struct memif *port = c->port;
    struct memif_message m = {.type = MEMIF_DISCONNECT, .disconnect.code = code};
    snprintf(m.disconnect.reason, sizeof(m.disconnect.reason), "%s", reason);
    send_message(c, &m, -1); /* if it can be heard */
    if (port) {
        const struct interface *f = interface_at(port->piste, port->interface);
        if (c->stage == MEMIF_STAGE_UP || strcmp(port->local_reason, reason) != 0)
            log_notice(&log_class, "%s: %s: %s", f->name,
                       c->stage == MEMIF_STAGE_UP ? "disconnected" : "not connected", reason);
        if (c->stage == MEMIF_STAGE_UP) {
            if (c->linked)
                interface_set_link(port->piste, port->interface, false);
            memif_rings_down(c);
        }
        snprintf(port->local_reason, sizeof(port->local_reason), "%s", reason);
        port->conn = NULL;
    }
    struct memif_state *s = c->all;
    conn_free(c);
    timer_plan(s);
}

/* What the protocol leaves unanswered: the peer does not speak it. */
static void close_silently(struct memif_conn *c, const char *reason)
{
    shutdown(c->fd, SHUT_WR);
    memif_close(c, 0, reason);
}

void memif_close_pending(struct memif_socket *k)
{
    for (u32 i = k->all->conns.n; i--;)
        if (k->all->conns.v[i]->socket == k && !k->all->conns.v[i]->port)
            memif_close(k->all->conns.v[i], 0, "interface deleted");
}

static void try_to_connect(struct memif *port)
{
    struct error e;
    if (!wants_to_connect(port))
        return;
    int fd = listen_connect(port->socket->filename, SOCK_SEQPACKET, &e);
    if (fd >= 0)
        port->conn = conn_new(port->socket, fd, port);
    else
        log_debug(&log_class, "%s", e.text);
}

void memif_connect(struct memif *port)
{
    try_to_connect(port);
    timer_plan(port->all);
}

void memif_accept(struct memif_socket *k, int fd)
{
    const struct memif_state *s = k->all;
    u32 pending = 0;
    for (u32 i = 0; i < s->conns.n; i++)
        pending += !s->conns.v[i]->port;
    if (pending >= PENDING_MAX) {
        close(fd);
        return;
    }
    struct memif_conn *c = conn_new(k, fd, NULL);
    if (c)
        send_hello(c);
    timer_plan(s);
}

static void conn_link(struct memif_conn *c)
{
    const struct memif *port = c->port;
    c->linked = true;
    interface_set_link(port->piste, port->interface, true);
    memif_rings_receive(port, port->admin_up); /* what waits there can be answered */
    log_notice(&log_class, "%s: connected to %s of %s",
               interface_at(port->piste, port->interface)->name, c->peer_interface, c->peer_name);
}

/* A slave hands out empty slots when it hears that it is connected, and says nothing: a link before
 * that would lose what is sent first. One that never does is there to be received from. */
static void room_tick(void *arg)
{
    const struct memif_state *s = arg;
    u64 now = clock_ns();
    bool any = false;
    for (u32 i = 0; i < s->conns.n; i++) {
        struct memif_conn *c = s->conns.v[i];
        if (c->stage != MEMIF_STAGE_UP || c->linked)
            continue;
        if (memif_has_room(c->port) || c->deadline_ns <= now)
            conn_link(c);
        else
            any = true;
    }
    loop_timer_set(s->piste->loop, s->room_timer, any ? now + ROOM_LOOK_NS : UINT64_MAX);
}

/* Returns false when it was closed instead. */
static bool conn_up(struct memif_conn *c)
{
    struct memif *port = c->port;
    struct error e;
    if (memif_rings_up(c, &e)) {
        memif_close(c, (u32)e.code, e.text);
        return false;
    }
    c->stage = MEMIF_STAGE_UP;
    port->local_reason[0] = port->remote_reason[0] = '\0';
    timer_plan(c->all);
    return true;
}

/* --- a slave's side --- */

static void slave_hello(struct memif_conn *c, const struct memif_message *m)
{
    const struct memif_args *args = &c->port->args;
    struct error e;
    if (c->stage != MEMIF_STAGE_HELLO) {
        memif_close(c, 0, "unexpected message received");
        return;
    }
    if (m->hello.min_version > MEMIF_VERSION || m->hello.max_version < MEMIF_VERSION) {
        memif_close(c, 0, "incompatible protocol version");
        return;
    }
    memcpy(c->peer_name, m->hello.name, sizeof(c->peer_name));
    u32 n_s2m = (u32)min_u64(m->hello.max_s2m + 1u, args->n_tx_queues);
    u32 n_m2s = (u32)min_u64(m->hello.max_m2s + 1u, args->n_rx_queues);
    u8 log2 = (u8)min_u64((u64)__builtin_ctz(args->ring_slots),
                          min_u64(m->hello.max_log2, MEMIF_LOG2_MAX));
    if (memif_memory_make(c, log2, n_s2m, n_m2s, &e)) {
        memif_close(c, (u32)e.code, e.text);
        return;
    }
    c->stage = MEMIF_STAGE_RINGS;
    send_init(c);
}

/* Tells of the next region or ring, and when there is none left, that this was all. */
static void slave_tell_next(struct memif_conn *c)
{
    u32 i = c->n_told++;
    if (i < c->regions.n) {
        const struct memif_region *r = &c->regions.v[i];
        struct memif_message m = {.type = MEMIF_ADD_REGION,
                                  .region = {.index = (u16)i, .bytes = r->bytes}};
        send_or_close(c, &m, r->own.fd);
        return;
    }
    i -= c->regions.n;
    static const enum memif_direction order[] = {MEMIF_S2M, MEMIF_M2S};
    for (u32 k = 0; k < array_len(order); k++) {
        enum memif_direction d = order[k];
        if (i < c->rings[d].n) {
            const struct memif_ring_place *r = &c->rings[d].v[i];
            struct memif_message m = {.type = MEMIF_ADD_RING,
                                      .ring = {.direction = d,
                                               .index = (u16)i,
                                               .region = r->region,
                                               .offset = r->offset,
                                               .log2 = r->log2}};
            send_or_close(c, &m, r->fd);
            return;
        }
        i -= c->rings[d].n;
    }
    c->stage = MEMIF_STAGE_CONNECT;
    if (!send_connect(c, MEMIF_CONNECT))
        memif_close(c, 0, "peer does not read");
}

static void slave_connected(struct memif_conn *c, const struct memif_message *m)
{
    if (c->stage != MEMIF_STAGE_CONNECT) {
        memif_close(c, 0, "unexpected message received");
        return;
    }
    memcpy(c->peer_interface, m->connect.name, sizeof(c->peer_interface));
    if (conn_up(c))
        conn_link(c);
}

/* --- a master's side --- */

static void send_ack(struct memif_conn *c)
{
    struct memif_message m = {.type = MEMIF_ACK};
    send_or_close(c, &m, -1);
}

static struct memif *port_of_id(const struct memif_socket *k, u32 id)
{
    for (u32 i = 0; i < k->all->ports.n; i++)
        if (k->all->ports.v[i]->socket == k && k->all->ports.v[i]->args.id == id)
            return k->all->ports.v[i];
    return NULL;
}

/* As long for a wrong one as for the right one. */
static bool is_secret(const char a[MEMIF_SECRET_BYTES], const char *b)
{
    size_t n = strnlen(b, MEMIF_SECRET_BYTES);
    u8 other = 0;
    for (size_t i = 0; i < MEMIF_SECRET_BYTES; i++)
        other |= (u8)(a[i] ^ (i < n ? b[i] : 0));
    return !other;
}

/* Why the peer may not have the interface; NULL: it may. */
static const char *init_refused(const struct memif *port, const struct memif_message *m)
{
    if (!port)
        return "unmatched interface id";
    if (port->conn)
        return "already connected";
    if (m->init.mode != port->args.mode)
        return "mode mismatch";
    if (port->secret[0] && !m->init.secret[0])
        return "secret required";
    if (port->secret[0] && !is_secret(port->secret, m->init.secret))
        return "incorrect secret";
    return NULL;
}

static void master_init(struct memif_conn *c, const struct memif_message *m)
{
    if (c->stage != MEMIF_STAGE_INIT) {
        memif_close(c, 0, "unexpected message received");
        return;
    }
    if (m->init.version != MEMIF_VERSION) {
        close_silently(c, "incompatible protocol version");
        return;
    }
    struct memif *port = port_of_id(c->socket, m->init.id);
    const char *why = init_refused(port, m);
    if (why) {
        log_notice(&log_class, "%s: refused interface %u of %s: %s", c->socket->filename,
                   m->init.id, m->init.name, why);
        memif_close(c, 0, why);
        return;
    }
    c->port = port;
    port->conn = c;
    c->stage = MEMIF_STAGE_RINGS;
    memcpy(c->peer_name, m->init.name, sizeof(c->peer_name));
    send_ack(c);
}

static void master_region(struct memif_conn *c, const struct memif_message *m, int fd)
{
    struct error e = {.text = "unexpected message received"};
    int rc = -EINVAL;
    if (c->stage != MEMIF_STAGE_RINGS)
        ;
    else if (fd < 0)
        error_set(&e, 0, "missing memory region fd");
    else if (m->region.index != c->regions.n)
        error_set(&e, 0, "unexpected region index");
    else if (c->regions.n >= MEMIF_REGIONS_MAX)
        error_set(&e, 0, "too many regions");
    else
        rc = memif_memory_add(c, fd, m->region.bytes, &e);
    if (fd >= 0)
        close(fd);
    if (rc)
        memif_close(c, (u32)e.code, e.text);
    else
        send_ack(c);
}

static void master_ring(struct memif_conn *c, const struct memif_message *m, int fd)
{
    u32 d = m->ring.direction;
    const char *why = NULL;
    if (c->stage != MEMIF_STAGE_RINGS)
        why = "unexpected message received";
    else if (fd < 0)
        why = "missing ring interrupt fd";
    else if (m->ring.private_bytes)
        why = "private headers not supported";
    else if (m->ring.index != c->rings[d].n)
        why = "unexpected ring index";
    else if (c->rings[d].n >= MEMIF_QUEUES_TAKEN)
        why = "too many rings";
    else if (m->ring.log2 > MEMIF_LOG2_MAX)
        why = "ring size out of range";
    else if (!foreign_event_take(fd, FOREIGN_EVENTFD))
        why = "ring interrupt fd is no eventfd";
    if (why) {
        if (fd >= 0)
            close(fd);
        memif_close(c, 0, why);
        return;
    }
    struct memif_ring_place place = {
        .region = m->ring.region, .offset = m->ring.offset, .log2 = m->ring.log2, .fd = fd};
    vec_add(&c->rings[d], place);
    send_ack(c);
}

static void master_connect(struct memif_conn *c, const struct memif_message *m)
{
    struct error e = {.text = "unexpected message received"};
    int rc = c->stage == MEMIF_STAGE_RINGS ? memif_rings_find(c, &e) : -EINVAL;
    if (rc) {
        memif_close(c, 0, e.text);
        return;
    }
    memcpy(c->peer_interface, m->connect.name, sizeof(c->peer_interface));
    if (!conn_up(c))
        return;
    if (!send_connect(c, MEMIF_CONNECTED)) {
        memif_close(c, 0, "peer does not read");
        return;
    }
    c->deadline_ns = clock_ns() + ROOM_WAIT_NS;
    room_tick(c->all);
}

/* --- receiving --- */

static void peer_disconnects(struct memif_conn *c, const struct memif_message *m)
{
    struct memif *port = c->port;
    if (port)
        snprintf(port->remote_reason, sizeof(port->remote_reason), "%s", m->disconnect.reason);
    memif_close(c, 0, "disconnect received");
}

static void take_as_slave(struct memif_conn *c, const struct memif_message *m)
{
    switch (m->type) {
    case MEMIF_ACK:
        if (c->stage == MEMIF_STAGE_RINGS)
            slave_tell_next(c);
        return;
    case MEMIF_HELLO:
        slave_hello(c, m);
        return;
    case MEMIF_CONNECTED:
        slave_connected(c, m);
        return;
    }
    memif_close(c, 0, "unexpected message received");
}

static void take_as_master(struct memif_conn *c, const struct memif_message *m, int fd)
{
    if (c->stage == MEMIF_STAGE_INIT && m->type != MEMIF_INIT) {
        if (fd >= 0)
            close(fd);
        close_silently(c, "unexpected message received");
        return;
    }
    switch (m->type) {
    case MEMIF_ACK:
        return;
    case MEMIF_INIT:
        master_init(c, m);
        return;
    case MEMIF_ADD_REGION:
        master_region(c, m, fd);
        return;
    case MEMIF_ADD_RING:
        master_ring(c, m, fd);
        return;
    case MEMIF_CONNECT:
        master_connect(c, m);
        return;
    }
    memif_close(c, 0, "unexpected message received");
}

static void memif_take_message(struct memif_conn *c, const u8 record[MEMIF_MESSAGE_BYTES], int fd)
{
    struct memif_message m;
    bool known = memif_message_read(record, &m);
    bool takes_fd =
        !c->is_slave && (m.type == MEMIF_ADD_REGION || m.type == MEMIF_ADD_RING) && known;
    if (fd >= 0 && !takes_fd) {
        close(fd);
        fd = -1;
    }
    if (++c->n_messages > MESSAGES_MAX) {
        if (fd >= 0)
            close(fd);
        memif_close(c, 0, "too many messages");
    } else if (!known) {
        char why[48];
        snprintf(why, sizeof(why), "unknown message type (0x%x)", m.type);
        memif_close(c, 0, why);
    } else if (m.type == MEMIF_DISCONNECT) {
        peer_disconnects(c, &m);
    } else if (c->is_slave) {
        take_as_slave(c, &m);
    } else {
        take_as_master(c, &m, fd);
    }
}

static void on_message(void *arg, u32 events)
{
    struct memif_conn *c = arg;
    u8 record[MEMIF_MESSAGE_BYTES + 1];
    int fds[4] = {-1};
    u32 n_fds = 0;
    ssize_t n = foreign_fd_receive(c->fd, record, sizeof(record), fds, array_len(fds), &n_fds);
    if (n == -EAGAIN || n == -EINTR)
        return;
    for (u32 i = 1; i < n_fds; i++)
        close(fds[i]);
    if (n == MEMIF_MESSAGE_BYTES) {
        memif_take_message(c, record, fds[0]);
        return;
    }
    if (n_fds)
        close(fds[0]);
    memif_close(c, n < 0 ? (u32)-n : 0,
                n < 0    ? "connection fd error"
                : n == 0 ? "disconnected"
                         : "recvmsg: malformed message");
}

/* --- memory that was cut short --- */

static bool is_cut(const struct memif_conn *c)
{
    for (u32 i = 0; i < c->regions.n; i++)
        if (foreign_map_is_cut(&c->regions.v[i].map))
            return true;
    return false;
}

static void on_cut(void *arg, u32 events)
{
    struct memif_state *s = arg;
    u64 count;
    if (read(s->cut_fd, &count, sizeof(count)) < 0)
        return;
    for (u32 i = s->conns.n; i--;)
        if (is_cut(s->conns.v[i]))
            memif_close(s->conns.v[i], 0, "memory region was made shorter");
}

int memif_control_init(struct memif_state *s, struct error *e)
{
    struct loop *loop = s->piste->loop;
    s->cut_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->cut_fd < 0)
        return error_errno(e, errno, "eventfd");
    int rc = loop_fd_add(loop, s->cut_fd, EPOLLIN, on_cut, s, e);
    if (rc) {
        close(s->cut_fd);
        return rc;
    }
    s->timer = loop_timer_add(loop, UINT64_MAX, 0, timer_tick, s);
    s->room_timer = loop_timer_add(loop, UINT64_MAX, 0, room_tick, s);
    return 0;
}

void memif_control_fini(struct memif_state *s)
{
    while (s->conns.n)
        memif_close(s->conns.v[s->conns.n - 1], 0, "interface deleted");
    vec_free(&s->conns);
    loop_timer_del(s->piste->loop, s->timer);
    loop_timer_del(s->piste->loop, s->room_timer);
    loop_fd_del(s->piste->loop, s->cut_fd);
    close(s->cut_fd);
}
