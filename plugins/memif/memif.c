/* Interfaces of memif: making and deleting them, and what the interface asks of its port (control
 * thread). */
#include "plugins/memif/memif.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "control/cli.h"
#include "plugins/memif/memif_internal.h"

#define RING_SLOTS_MAX 32768 /* that VPP's command takes; no ring has more than 16384 */

const char memif_module_name[] = "memif";

struct memif_state *memif_state_of(const struct piste *p)
{
    return module_state(p, memif_module_name);
}

void memif_program_name(char to[MEMIF_NAME_BYTES])
{
    snprintf(to, MEMIF_NAME_BYTES, "%s", piste_version);
}

/* --- queues --- */

static void make_rx(struct memif *port, u32 i, struct node_index input)
{
    struct memif_rx *q = mem_alloc(sizeof(*q));
    *q = (struct memif_rx){
        .q = {.node = input, .fd = -1, .port = q, .ops = &memif_rx_ops, .mode = RX_MODE_DEFAULT},
        .port = port};
    port->rx[i] = q;
    port->rx_queue[i] = &q->q;
}

static void make_tx(struct memif *port, u32 i)
{
    struct memif_tx *q = mem_alloc(sizeof(*q));
    *q = (struct memif_tx){.q = {.port = q}, .port = port};
    port->tx[i] = q;
    port->tx_queue[i] = &q->q;
}

void memif_set_queues(struct memif *port, u32 n_rx, u32 n_tx)
{
    struct node_index input = node_must_find(engine_of(port->piste), memif_input_node.name);
    if (n_rx == port->n_rx && n_tx == port->n_tx)
        return;
    for (u32 i = 0; i < n_rx; i++)
        if (!port->rx[i])
            make_rx(port, i, input);
    for (u32 i = 0; i < n_tx; i++)
        if (!port->tx[i])
            make_tx(port, i);
    if (n_tx != port->n_tx)
        tx_queues_resize(engine_of(port->piste), &port->tx_queues, port->tx_queue, n_tx);
    port->n_rx = n_rx;
    port->n_tx = n_tx;
    interface_set_queues(port->piste, port->interface, port->rx_queue, n_rx, &port->tx_queues);
}

/* --- what the interface asks of its port --- */

static int memif_set_admin(void *arg, bool up, struct error *e)
{
    struct memif *port = arg;
    port->admin_up = up;
    for (u32 i = 0; up && i < port->n_rx; i++)
        if (port->rx[i]->q.added)
            memif_discard(&port->rx[i]->end);
    memif_rings_receive(port, up && port->conn && port->conn->linked);
    memif_connect(port);
    return 0;
}

static int memif_set_mac(void *arg, const u8 mac[6], struct error *e)
{
    memcpy(((struct memif *)arg)->mac, mac, 6);
    return 0;
}

static const struct if_class memif_class_ethernet = {
    .name = "memif",
    .tx = &memif_tx_node,
    .frames_of_one = true,
    .set_admin = memif_set_admin,
    .set_mac = memif_set_mac,
    .show = memif_show_hardware,
    .running_config = memif_port_config,
    .saves_mac = true,
};

static const struct if_class memif_class_ip = {
    .name = "memif",
    .tx = &memif_tx_node,
    .is_ip = true,
    .frames_of_one = true,
    .set_admin = memif_set_admin,
    .show = memif_show_hardware,
    .running_config = memif_port_config,
};

struct memif *memif_of(const struct piste *p, struct if_index i)
{
    const struct interface *f = interface_at(p, i);
    bool is_memif = f && (f->cls == &memif_class_ethernet || f->cls == &memif_class_ip);
    return is_memif ? f->port : NULL;
}

/* --- create and delete --- */

static int check_queues(u32 n, const char *what, struct error *e)
{
    return n <= MEMIF_QUEUES_MAX
               ? 0
               : error_set(e, EINVAL, "%s queue must be between 1 - %u", what, MEMIF_QUEUES_MAX);
}

static int memif_check_args(const struct memif_args *a, struct error *e)
{
    if (a->ring_slots & (a->ring_slots - 1))
        return error_set(e, EINVAL, "ring size must be power of 2");
    if (a->ring_slots > RING_SLOTS_MAX)
        return error_set(e, EINVAL, "maximum ring size is %u", RING_SLOTS_MAX);
    if (a->buffer_bytes > UINT16_MAX)
        return error_set(e, EINVAL, "buffer size must be between 1 - %u", UINT16_MAX);
    int rc = cli_check_word(a->secret, "secret", e);
    if (rc)
        return rc;
    if (a->secret && strlen(a->secret) >= MEMIF_SECRET_BYTES)
        return error_set(e, EINVAL, "secret: at most %u characters", MEMIF_SECRET_BYTES - 1);
    if (a->mode >= MEMIF_MODE_N)
        return error_set(e, EOPNOTSUPP, "unsupported interface mode");
    rc = check_queues(a->n_rx_queues, "rx", e);
    return rc ? rc : check_queues(a->n_tx_queues, "tx", e);
}

static int check_free(const struct memif_state *s, const struct memif_socket *k, u32 id,
                      struct error *e)
{
    for (u32 i = 0; i < s->ports.n; i++)
        if (s->ports.v[i]->socket == k && s->ports.v[i]->args.id == id)
            return error_set(e, EEXIST, "Subinterface already exists (interface already exists)");
    return 0;
}

static u32 free_instance(const struct memif_state *s)
{
    for (u32 n = 0;; n++) {
        bool taken = false;
        for (u32 i = 0; i < s->ports.n; i++)
            taken |= s->ports.v[i]->instance == n;
        if (!taken)
            return n;
    }
}

static struct memif *memif_new(struct memif_state *s, struct memif_socket *k,
                               const struct memif_args *a)
{
    struct memif *port = mem_alloc(sizeof(*port));
    port->all = s;
    port->piste = s->piste;
    port->socket = k;
    port->args = *a;
    port->args.hw_addr = NULL;
    port->args.secret = NULL;
    port->args.ring_slots = a->ring_slots ? a->ring_slots : MEMIF_RING_SLOTS;
    port->args.buffer_bytes = a->buffer_bytes ? a->buffer_bytes : MEMIF_BUFFER_BYTES;
    port->args.n_rx_queues = a->n_rx_queues ? a->n_rx_queues : 1;
    port->args.n_tx_queues = a->n_tx_queues ? a->n_tx_queues : 1;
    if (a->secret)
        snprintf(port->secret, sizeof(port->secret), "%s", a->secret);
    /* of others it stays zero, as the API shows it */
    if (a->mode == MEMIF_MODE_ETHERNET && a->hw_addr)
        memcpy(port->mac, a->hw_addr, 6);
    else if (a->mode == MEMIF_MODE_ETHERNET)
        interface_random_mac(port->mac);
    port->instance = free_instance(s);
    port->device_input = feature_arc_find(engine_of(s->piste), "device-input");
    return port;
}

static int memif_make_interface(struct memif *port, struct error *e)
{
    char name[IF_NAME_BYTES];
    bool ethernet = port->args.mode == MEMIF_MODE_ETHERNET;
    struct engine *engine = engine_of(port->piste);
    snprintf(name, sizeof(name), "memif%u/%u", port->socket->id, port->args.id);
    int rc = interface_new(port->piste,
                           &(struct if_new_args){
                               .name = name,
                               .cls = ethernet ? &memif_class_ethernet : &memif_class_ip,
                               .port = port,
                               .mac = ethernet ? port->mac : NULL,
                           },
                           &port->interface, e);
    if (rc)
        return rc;
    if (ethernet)
        feature_set_start(engine, "device-input", port->interface,
                          node_must_find(engine, memif_input_node.name));
    memif_set_queues(port, port->args.n_rx_queues, port->args.n_tx_queues);
    return 0;
}

static void memif_free(struct memif *port)
{
    tx_queues_fini(engine_of(port->piste), &port->tx_queues);
    for (u32 i = 0; i <= MEMIF_QUEUES_MAX; i++) {
        free(port->rx[i]);
        free(port->tx[i]);
    }
    free(port);
}

int memif_create(struct piste *p, const struct memif_args *a, struct if_index *out, struct error *e)
{
    struct memif_state *s = memif_state_of(p);
    struct memif_socket *k = memif_socket_find(s, a->socket_id);
    int rc = memif_check_args(a, e);
    if (!rc && !k)
        rc = error_set(e, ENOENT, "Invalid argument (unknown socket id)");
    if (!rc)
        rc = check_free(s, k, a->id, e);
    if (!rc)
        rc = memif_socket_use(k, a->role, a->waits, e);
    if (rc)
        return rc;
    struct memif *port = memif_new(s, k, a);
    rc = memif_make_interface(port, e);
    if (rc) {
        memif_free(port);
        memif_socket_unuse(k);
        return rc;
    }
    vec_add(&s->ports, port);
    memif_connect(port);
    *out = port->interface;
    return 0;
}

static void memif_destroy(struct memif *port)
{
    struct memif_state *s = port->all;
    if (port->conn)
        memif_close(port->conn, 0, "interface deleted");
    for (u32 i = 0; i < s->ports.n; i++)
        if (s->ports.v[i] == port) {
            vec_del(&s->ports, i);
            break;
        }
    interface_delete(port->piste, port->interface);
    memif_socket_unuse(port->socket);
    memif_free(port);
}

int memif_delete(struct piste *p, struct if_index i, struct error *e)
{
    struct memif *port = memif_of(p, i);
    if (!port)
        return error_set(e, ENODEV, "not a memif interface");
    memif_destroy(port);
    return 0;
}

/* --- module --- */

int memif_init(struct piste *p, void **state, struct error *e)
{
    struct memif_state *s = mem_alloc(sizeof(*s));
    s->piste = p;
    int rc = memif_control_init(s, e);
    if (rc) {
        free(s);
        return rc;
    }
    rc = memif_sockets_init(s, e);
    if (rc) {
        memif_control_fini(s);
        free(s);
        return rc;
    }
    *state = s;
    return 0;
}

void memif_stop(struct piste *p, void *state)
{
    struct memif_state *s = state;
    while (s->ports.n)
        memif_destroy(s->ports.v[s->ports.n - 1]);
    memif_control_fini(s);
    memif_sockets_fini(s);
    vec_free(&s->ports);
    free(s);
}
