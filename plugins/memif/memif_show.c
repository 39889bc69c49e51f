/* `show memif`, and what `show hardware-interfaces` says of one. Lines are VPP's. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/cli.h"
#include "control/socket_listener.h"
#include "plugins/memif/memif_internal.h"

/* --- sockets --- */

static void show_socket(struct out *o, const struct memif_socket *k)
{
    char listener[32] = "no";
    if (k->listener)
        snprintf(listener, sizeof(listener), "yes (%u)", k->n_ports);
    out_text(o, "  %-3u %-11s %s\n", k->id, listener, k->filename);
    out_object(o, NULL);
    out_u64(o, "id", k->id, NULL);
    out_bool(o, "listener", k->listener, NULL, NULL);
    out_u64(o, "interfaces", k->n_ports, NULL);
    out_str(o, "filename", k->filename, NULL);
    out_end(o);
}

static void show_sockets(struct out *o, const struct memif_state *s)
{
    out_text(o, "sockets\n  id  listener    filename\n");
    out_array(o, "sockets");
    for (u32 i = 0; i < s->sockets.n; i++)
        show_socket(o, s->sockets.v[i]);
    out_end(o);
    out_text(o, "\n");
}

/* --- an interface --- */

static void show_flags(struct out *o, const struct memif *port)
{
    const struct memif_conn *c = port->conn;
    bool slave = port->args.role == MEMIF_SLAVE;
    const struct {
        bool is;
        const char *word;
    } flags[] = {
        {port->admin_up, "admin-up"},
        {slave, "slave"},
        {c && c->stage != MEMIF_STAGE_UP, "connecting"},
        {c && c->stage == MEMIF_STAGE_UP, "connected"},
        {slave && !port->args.no_zero_copy, "zero-copy"},
        {port->args.use_dma, "use_dma"},
    };
    out_text(o, "  flags");
    out_array(o, "flags");
    for (u32 i = 0; i < array_len(flags); i++)
        if (flags[i].is)
            out_str(o, NULL, flags[i].word, " %s");
    out_end(o);
    out_text(o, "\n");
}

/* Of a slave; a master closes those of what it has mapped. */
static int region_fd(const struct memif_region *r)
{
    return r->own.base ? r->own.fd : -1;
}

static void show_regions(struct out *o, const struct memif_conn *c)
{
    out_array(o, "regions");
    for (u32 i = 0; i < c->regions.n; i++) {
        const struct memif_region *r = &c->regions.v[i];
        out_object(o, NULL);
        out_u64(o, "region", i, "  region %" PRIu64);
        out_u64(o, "size", r->bytes, " size %" PRIu64);
        out_i64(o, "fd", region_fd(r), " fd %" PRId64 "\n");
        out_end(o);
    }
    out_end(o);
}

static void show_reason(struct out *o, const char *key, const char *reason)
{
    if (reason[0]) {
        out_text(o, "  %s \"%s\"\n", key, reason);
        out_str(o, key, reason, NULL);
    }
}

/* All but its rings; in JSON the object stays open. */
static void show_port(struct out *o, const struct memif *port)
{
    static const char *const modes[MEMIF_MODE_N] = {"ethernet", "ip", "punt-inject"};
    const struct memif_conn *c = port->conn;
    out_object(o, NULL);
    out_str(o, "name", interface_at(port->piste, port->interface)->name, "interface %s\n");
    if (c && c->peer_name[0])
        out_str(o, "remote_name", c->peer_name, "  remote-name \"%s\"\n");
    if (c && c->peer_interface[0])
        out_str(o, "remote_interface", c->peer_interface, "  remote-interface \"%s\"\n");
    out_u64(o, "socket_id", port->socket->id, "  socket-id %" PRIu64);
    out_u64(o, "id", port->args.id, " id %" PRIu64);
    out_str(o, "mode", modes[port->args.mode], " mode %s\n");
    show_flags(o, port);
    out_text(o, "  listener-fd %d conn-fd %d\n",
             port->socket->listener ? socket_listener_fd(port->socket->listener) : 0,
             c ? c->fd : 0);
    out_u64(o, "s2m_rings", c ? c->rings[MEMIF_S2M].n : 0, "  num-s2m-rings %" PRIu64);
    out_u64(o, "m2s_rings", c ? c->rings[MEMIF_M2S].n : 0, " num-m2s-rings %" PRIu64);
    out_u64(o, "buffer_size", c ? port->args.buffer_bytes : 0, " buffer-size %" PRIu64);
    out_text(o, " num-regions %u\n", c ? c->regions.n : 0);
    show_reason(o, "local-disc-reason", port->local_reason);
    show_reason(o, "remote-disc-reason", port->remote_reason);
    if (c)
        show_regions(o, c);
    out_array(o, "rings");
}

/* --- rings and their descriptors --- */

/* Ring number i of a connection, those that we send by first. NULL: there are no more. */
static const struct memif_ring_place *ring_at(const struct memif_conn *c, u32 i,
                                              enum memif_direction *d, u32 *number)
{
    *d = c->is_slave ? MEMIF_S2M : MEMIF_M2S;
    *number = i;
    if (i >= c->rings[*d].n) {
        *number -= c->rings[*d].n;
        *d = !*d;
    }
    return *number < c->rings[*d].n ? &c->rings[*d].v[*number] : NULL;
}

static u64 ring_interrupts(const struct memif_conn *c, enum memif_direction d, u32 i)
{
    bool sends = (d == MEMIF_S2M) == c->is_slave;
    const struct memif_end *end = sends ? &c->port->tx[i]->end : &c->port->rx[i]->end;
    return c->stage == MEMIF_STAGE_UP ? __atomic_load_n(&end->interrupts, __ATOMIC_RELAXED) : 0;
}

static void memif_show_ring(struct out *o, const struct memif_conn *c,
                            const struct memif_ring_place *r, enum memif_direction d, u32 i)
{
    const struct memif_ring *ring = r->ring; /* NULL: not looked for yet */
    u16 head = ring ? __atomic_load_n(&ring->head, __ATOMIC_RELAXED) : 0;
    u16 tail = ring ? __atomic_load_n(&ring->tail, __ATOMIC_RELAXED) : 0;
    u16 flags = ring ? __atomic_load_n(&ring->flags, __ATOMIC_RELAXED) : 0;
    out_object(o, NULL);
    out_str(o, "direction", d == MEMIF_M2S ? "master-to-slave" : "slave-to-master", "    %s");
    out_u64(o, "ring", i, " ring %" PRIu64 ":\n");
    out_u64(o, "region", r->region, "      region %" PRIu64);
    out_u64(o, "offset", r->offset, " offset %" PRIu64);
    out_u64(o, "size", 1u << r->log2, " ring-size %" PRIu64);
    out_text(o, " int-fd %d\n", r->fd);
    out_u64(o, "head", head, "      head %" PRIu64);
    out_u64(o, "tail", tail, " tail %" PRIu64);
    out_text(o, " flags 0x%04x", flags);
    out_u64(o, "flags", flags, NULL);
    out_u64(o, "interrupts", ring_interrupts(c, d, i), " interrupts %" PRIu64 "\n");
    out_array(o, "descriptors");
}

static void show_desc(struct out *o, const struct memif_ring *ring, u32 slot)
{
    const struct memif_desc *d = &ring->desc[slot];
    u16 flags = __atomic_load_n(&d->flags, __ATOMIC_RELAXED);
    out_object(o, NULL);
    out_u64(o, "id", slot, "       %-5" PRIu64);
    out_text(o, " 0x%04x", flags);
    out_u64(o, "flags", flags, NULL);
    out_u64(o, "region", __atomic_load_n(&d->region, __ATOMIC_RELAXED), "  %-6" PRIu64);
    out_u64(o, "length", __atomic_load_n(&d->length, __ATOMIC_RELAXED), "  %-10" PRIu64);
    out_u64(o, "offset", __atomic_load_n(&d->offset, __ATOMIC_RELAXED), "  %-10" PRIu64 "\n");
    out_end(o);
}

/* Where the command is. */
struct shown {
    u32 interface; /* its place */
    bool in_port;  /* its object is open, */
    bool in_ring;  /* and that of its ring */
    u64 serial;    /* of the connection that is shown */
    u32 ring, slot;
};

/* Returns whether there is more. */
static bool show_descs(struct cli_call *c, const struct memif_ring_place *r, struct shown *at)
{
    if (!cli_has(c, "descriptors") || !r->ring)
        return false;
    if (!at->slot)
        out_text(c->out,
                 "      descriptor table:\n       id    flags   region  length      offset\n");
    for (; at->slot < 1u << r->log2; at->slot++) {
        if (cli_full(c))
            return true;
        show_desc(c->out, r->ring, at->slot);
    }
    return false;
}

static bool show_rings(struct cli_call *c, const struct memif_conn *conn, struct shown *at)
{
    enum memif_direction d;
    const struct memif_ring_place *r;
    u32 i;
    while (conn && conn->serial == at->serial && (r = ring_at(conn, at->ring, &d, &i))) {
        if (!at->in_ring) {
            if (cli_full(c))
                return true;
            memif_show_ring(c->out, conn, r, d, i);
            at->in_ring = true;
            at->slot = 0;
        }
        if (show_descs(c, r, at))
            return true;
        out_end(c->out);
        out_end(c->out);
        at->in_ring = false;
        at->ring++;
    }
    return false;
}

/* Ends what is open of an interface. */
static void show_memif_end(struct cli_call *c, struct shown *at)
{
    for (u32 i = at->in_ring ? 4 : 2; at->in_port && i; i--)
        out_end(c->out);
    at->in_port = at->in_ring = false;
}

int memif_show_command(struct cli_call *c)
{
    struct shown *at = cli_kept(c, sizeof(*at), NULL);
    if (!c->again) {
        show_sockets(c->out, memif_state_of(c->piste));
        out_array(c->out, "interfaces");
    }
    for (;; at->interface++) {
        u32 was = at->interface;
        const struct interface *f = interface_cli_from(c, &at->interface);
        struct memif *port = f ? memif_of(c->piste, f->index) : NULL;
        if (!port || at->interface != was)
            show_memif_end(c, at); /* that one is gone */
        if (!f)
            break;
        if (!port)
            continue;
        if (!at->in_port) {
            if (cli_full(c))
                return CLI_MORE;
            show_port(c->out, port);
            at->in_port = true;
            at->ring = 0;
            at->serial = port->conn ? port->conn->serial : 0;
        }
        if (show_rings(c, port->conn, at))
            return CLI_MORE;
        show_memif_end(c, at);
    }
    out_end(c->out);
    return 0;
}

void memif_show_hardware(void *arg, struct out *o, bool verbose)
{
    const struct memif *port = arg;
    out_text(o, "  MEMIF interface\n");
    out_u64(o, "instance", port->instance, "     instance %" PRIu64 "\n");
    out_bool(o, "connected", port->conn && port->conn->stage == MEMIF_STAGE_UP, NULL, NULL);
}
