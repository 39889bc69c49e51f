/* Commands of memif, and the lines of its running configuration. */
#include <errno.h>
#include <stdlib.h>

#include "control/cli.h"
#include "control/running_config.h"
#include "engine/thread.h"
#include "net/packet/ethernet_format.h"
#include "net/packet/ethernet_packet.h"
#include "plugins/memif/memif_internal.h"

static int memif_cli_socket_create(struct cli_call *c)
{
    u64 id = cli_u64(c, "socket-number", UINT32_MAX);
    u32 number = (u32)id;
    if (id == UINT32_MAX)
        return error_set(c->err, EINVAL, "Invalid socket id");
    return memif_socket_add(c->piste, &number, cli_str(c, "path", NULL), c->err);
}

static int memif_cli_socket_delete(struct cli_call *c)
{
    u64 id = cli_u64(c, "socket-number", 0);
    if (!id)
        return error_set(c->err, EINVAL, "Invalid socket id");
    return memif_socket_del(c->piste, (u32)id, c->err);
}

/* 0 stands for the default elsewhere, and is no number of queues here. */
static int memif_cli_queues(struct cli_call *c, const char *label, const char *what, u32 *out)
{
    u64 n = cli_u64(c, label, 1);
    *out = (u32)n;
    return n >= 1 && n <= MEMIF_QUEUES_MAX
               ? 0
               : error_set(c->err, EINVAL, "%s queue must be between 1 - %u", what,
                           MEMIF_QUEUES_MAX);
}

static int memif_cli_create(struct cli_call *c)
{
    struct memif_args a = {
        .id = (u32)cli_u64(c, "number", 0),
        .socket_id = (u32)cli_u64(c, "socket-number", 0),
        .role = cli_has(c, "master") ? MEMIF_MASTER : MEMIF_SLAVE,
        .mode = cli_has(c, "ip")            ? MEMIF_MODE_IP
                : cli_has(c, "punt-inject") ? MEMIF_MODE_PUNT_INJECT
                                            : MEMIF_MODE_ETHERNET,
        .ring_slots = (u32)cli_u64(c, "slots", 0),
        .buffer_bytes = (u32)cli_u64(c, "bytes", 0),
        .no_zero_copy = cli_has(c, "no-zero-copy"),
        .use_dma = cli_has(c, "use-dma"),
        .waits = running_config_is_replaying(c->piste),
        .hw_addr = cli_get(c, "mac") ? cli_get(c, "mac")->mac : NULL,
        .secret = cli_str(c, "word", NULL),
    };
    struct if_index i;
    int rc = memif_cli_queues(c, "rx-number", "rx", &a.n_rx_queues);
    if (!rc)
        rc = memif_cli_queues(c, "tx-number", "tx", &a.n_tx_queues);
    return rc ? rc : memif_create(c->piste, &a, &i, c->err);
}

static int memif_cli_delete(struct cli_call *c)
{
    const struct cli_value *f = cli_get(c, "interface");
    if (!f && !cli_has(c, "sw_if_index"))
        return error_set(c->err, EINVAL, "please specify interface name or sw_if_index");
    struct if_index i =
        f ? ((struct interface *)f->ptr)->index : (struct if_index){(u32)cli_u64(c, "index", 0)};
    return memif_delete(c->piste, i, c->err);
}

const struct cli_command memif_commands[] = {
    {"create memif socket [id <socket-number:u32>] [filename <path:string>]",
     "Gives a number to a socket at which memif peers meet", memif_cli_socket_create, 0},
    {"delete memif socket [id <socket-number:u32>]", "Forgets a socket", memif_cli_socket_delete,
     0},
    {"create interface memif [id <number:u32>] [socket-id <socket-number:u32>] "
     "[ring-size <slots:u32>] [buffer-size <bytes:u32>] [hw-addr <mac>] [master|slave] "
     "[rx-queues <rx-number:u32>] [tx-queues <tx-number:u32>] "
     "[mode ( ethernet | ip | punt-inject )] [secret <word:string>] [no-zero-copy] [use-dma]",
     "Makes an interface of shared memory with another process", memif_cli_create, 0},
    {"delete interface memif [<interface>] [sw_if_index <index:u32>]", "Deletes such an interface",
     memif_cli_delete, 0},
    {"show memif [descriptors] [<interface> ...] [descriptors]",
     "Sockets, interfaces and rings of shared memory", memif_show_command, 0},
    {0},
};

/* --- running configuration --- */

void memif_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct memif_state *s = state;
    for (u32 i = 0; phase == RC_TABLES && i < s->sockets.n; i++)
        if (s->sockets.v[i]->id)
            text_add(t, "create memif socket id %u filename %s\n", s->sockets.v[i]->id,
                     s->sockets.v[i]->filename);
}

/* So many queues as it was made with; of a master, as it has by what its slave said, as far as
 * people have said something of them. */
static u32 rx_queues_said(const struct memif *port)
{
    u32 n = port->args.n_rx_queues;
    for (u32 i = n; i < port->n_rx; i++) {
        const struct rx_queue *q = &port->rx[i]->q;
        const struct engine *e = engine_of(port->piste);
        if (q->placed_by_user || rx_queue_mode(e, q) != rx_queue_default_mode(e))
            n = i + 1;
    }
    return n;
}

static u32 tx_queues_said(const struct memif *port)
{
    u32 n = port->args.n_tx_queues;
    for (u32 i = n; i < port->n_tx; i++)
        if (port->tx[i]->q.placed_by_user)
            n = i + 1;
    return n;
}

void memif_port_config(void *arg, struct text *t)
{
    static const char *const modes[MEMIF_MODE_N] = {"", " mode ip", " mode punt-inject"};
    const struct memif *port = arg;
    const struct memif_args *a = &port->args;
    char mac[MAC_TEXT_BYTES];
    text_add(t, "create interface memif id %u socket-id %u", a->id, port->socket->id);
    if (a->ring_slots != MEMIF_RING_SLOTS)
        text_add(t, " ring-size %u", a->ring_slots);
    if (a->buffer_bytes != MEMIF_BUFFER_BYTES)
        text_add(t, " buffer-size %u", a->buffer_bytes);
    /* the address is kept even when it was made up: neighbours know it */
    if (a->mode == MEMIF_MODE_ETHERNET)
        text_add(t, " hw-addr %s", ethernet_mac_text(port->mac, mac));
    text_puts(t, a->role == MEMIF_MASTER ? " master" : " slave");
    if (rx_queues_said(port) > 1)
        text_add(t, " rx-queues %u", rx_queues_said(port));
    if (tx_queues_said(port) > 1)
        text_add(t, " tx-queues %u", tx_queues_said(port));
    text_puts(t, modes[a->mode]);
    if (port->secret[0])
        text_add(t, " secret %s", port->secret);
    text_add(t, "%s%s\n", a->no_zero_copy ? " no-zero-copy" : "", a->use_dma ? " use-dma" : "");
}
