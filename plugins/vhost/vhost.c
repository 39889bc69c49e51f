/* Interfaces of vhost-user: making, changing and deleting them, and what the interface asks of its
 * port (control thread). */
#include "plugins/vhost/vhost.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/cli.h"
#include "control/listen.h"
#include "control/socket_listener.h"
#include "plugins/vhost/vhost_internal.h"

static struct log_class log_class = {"vhost-user", NULL};

const char vhost_module_name[] = "vhost";

struct vhost_state *vhost_state_of(const struct piste *p)
{
    return module_state(p, vhost_module_name);
}

const char *vhost_name(const struct vhost *port)
{
    return interface_at(port->piste, port->interface)->name;
}

/* --- queues --- */

void vhost_make_pair(struct vhost *port, u32 i)
{
    if (port->rx[i])
        return;
    struct vhost_rx *rx = port->rx[i] = mem_alloc(sizeof(*rx));
    struct vhost_tx *tx = port->tx[i] = mem_alloc(sizeof(*tx));
    *rx = (struct vhost_rx){
        .q = {.node = node_must_find(engine_of(port->piste), vhost_input_node.name),
              .interface = port->interface,
              .queue = i,
              .fd = -1,
              .port = rx,
              .ops = &vhost_rx_ops,
              .mode = RX_MODE_DEFAULT},
        .port = port,
        .ring = vhost_ring_new(2 * i + 1)};
    *tx = (struct vhost_tx){.q = {.port = tx}, .port = port, .ring = vhost_ring_new(2 * i)};
    port->rx_queue[i] = &rx->q;
    port->tx_queue[i] = &tx->q;
}

void vhost_set_queues(struct vhost *port, u32 n_rx, u32 n_tx)
{
    if (n_rx == port->n_rx && n_tx == port->n_tx)
        return;
    for (u32 i = 0; i < max_u64(n_rx, n_tx); i++)
        vhost_make_pair(port, i);
    if (n_tx != port->n_tx)
        tx_queues_resize(engine_of(port->piste), &port->tx_queues, port->tx_queue, n_tx);
    port->n_rx = n_rx;
    port->n_tx = n_tx;
    interface_set_queues(port->piste, port->interface, port->rx_queue, n_rx, &port->tx_queues);
}

/* --- what the interface asks of its port --- */

static int vhost_set_admin(void *arg, bool up, struct error *e)
{
    struct vhost *port = arg;
    port->admin_up = up;
    for (u32 i = 0; i < port->n_rx; i++) {
        struct vhost_rx *q = port->rx[i];
        if (!q->ring.up)
            continue;
        if (up)
            vhost_ring_discard(&q->ring);
        rx_queue_enable(engine_of(port->piste), &q->q, up);
    }
    return 0;
}

static int vhost_set_mac(void *arg, const u8 mac[6], struct error *e)
{
    memcpy(((struct vhost *)arg)->mac, mac, 6);
    return 0;
}

static const struct if_class vhost_class = {
    .name = "vhost-user",
    .tx = &vhost_tx_node,
    .frames_of_one = true,
    .set_admin = vhost_set_admin,
    .set_mac = vhost_set_mac,
    .show = vhost_show_hardware,
    .running_config = vhost_port_config,
    .saves_mac = true,
};

struct vhost *vhost_of(const struct piste *p, struct if_index i)
{
    const struct interface *f = interface_at(p, i);
    return f && f->cls == &vhost_class ? f->port : NULL;
}

/* --- create, change and delete --- */

static bool instance_is_taken(const struct vhost_state *s, u32 n)
{
    for (u32 i = 0; i < s->ports.n; i++)
        if (s->ports.v[i]->args.instance == n)
            return true;
    return false;
}

/* The address of the socket; the caller's to free. except: who may have it already. */
static int vhost_filename(const struct vhost_state *s, const char *name, const struct vhost *except,
                          char **out, struct error *e)
{
    if (!name || !*name)
        return error_set(e, EINVAL, "a socket has to be named");
    int rc = cli_check_word(name, "socket", e);
    if (rc)
        return rc;
    bool given = *name == '/' || !strncmp(name, "abstract:", 9);
    char *address =
        given ? mem_strdup(name) : socket_listener_address(s->piste->startup, name, name);
    rc = strlen(address) >= VHOST_FILENAME_BYTES
             ? error_set(e, EINVAL, "%s: at most %u characters", address, VHOST_FILENAME_BYTES - 1)
             : listen_check(address, e);
    for (u32 i = 0; i < s->ports.n && !rc; i++)
        if (s->ports.v[i] != except && !strcmp(s->ports.v[i]->filename, address))
            rc = error_set(e, EEXIST, "%s is the socket of %s", address, vhost_name(s->ports.v[i]));
    if (rc)
        free(address);
    else
        *out = address;
    return rc;
}

static struct vhost *vhost_new(struct vhost_state *s, const struct vhost_args *a, char *filename)
{
    struct vhost *port = mem_alloc(sizeof(*port));
    port->all = s;
    port->piste = s->piste;
    port->filename = filename;
    port->args = *a;
    port->args.hw_addr = NULL;
    port->args.filename = NULL;
    if (!a->renumber)
        for (port->args.instance = 0; instance_is_taken(s, port->args.instance);)
            port->args.instance++;
    if (a->hw_addr)
        memcpy(port->mac, a->hw_addr, 6);
    else
        interface_random_mac(port->mac);
    port->device_input = feature_arc_find(engine_of(s->piste), "device-input");
    return port;
}

static void vhost_free(struct vhost *port)
{
    tx_queues_fini(engine_of(port->piste), &port->tx_queues);
    for (u32 i = 0; i < VHOST_PAIRS_MAX; i++) {
        free(port->rx[i]);
        free(port->tx[i]);
    }
    free(port->filename);
    free(port);
}

static int vhost_make_interface(struct vhost *port, struct error *e)
{
    char name[IF_NAME_BYTES];
    struct engine *engine = engine_of(port->piste);
    snprintf(name, sizeof(name), "VirtualEthernet0/0/%u", port->args.instance);
    int rc = interface_new(
        port->piste,
        &(struct if_new_args){.name = name, .cls = &vhost_class, .port = port, .mac = port->mac},
        &port->interface, e);
    if (rc)
        return rc;
    feature_set_start(engine, "device-input", port->interface,
                      node_must_find(engine, vhost_input_node.name));
    vhost_set_queues(port, 1, 1);
    return 0;
}

/* A server listens; where it may wait for that, it does. */
static int vhost_begin(struct vhost *port, bool waits, struct error *e)
{
    struct error why;
    if (port->args.is_server && vhost_listen(port, &why)) {
        if (!waits)
            return error_set(e, why.code, "%s", why.text);
        log_warn(&log_class, "%s waits: %s", vhost_name(port), why.text);
    }
    vhost_connect(port);
    return 0;
}

static void vhost_destroy(struct vhost *port)
{
    struct vhost_state *s = port->all;
    vhost_close_socket(port);
    for (u32 i = 0; i < s->ports.n; i++)
        if (s->ports.v[i] == port) {
            vec_del(&s->ports, i);
            break;
        }
    interface_delete(port->piste, port->interface);
    vhost_free(port);
}

int vhost_create(struct piste *p, const struct vhost_args *a, struct if_index *out, struct error *e)
{
    struct vhost_state *s = vhost_state_of(p);
    char *filename;
    if (a->renumber && instance_is_taken(s, a->instance))
        return error_set(e, EEXIST, "there is a VirtualEthernet0/0/%u", a->instance);
    int rc = vhost_filename(s, a->filename, NULL, &filename, e);
    if (rc)
        return rc;
    struct vhost *port = vhost_new(s, a, filename);
    rc = vhost_make_interface(port, e);
    if (rc) {
        vhost_free(port);
        return rc;
    }
    vec_add(&s->ports, port);
    rc = vhost_begin(port, a->waits, e);
    if (rc)
        vhost_destroy(port);
    else
        *out = port->interface;
    return rc;
}

int vhost_modify(struct piste *p, struct if_index i, const struct vhost_args *a, struct error *e)
{
    struct vhost *port = vhost_of(p, i);
    char *filename;
    if (!port)
        return error_set(e, ENODEV, "not a vhost-user interface");
    int rc = vhost_filename(port->all, a->filename, port, &filename, e);
    if (rc)
        return rc;
    const struct vhost_args args = port->args;
    char *before = port->filename;
    vhost_close_socket(port);
    port->filename = filename;
    port->args.is_server = a->is_server;
    port->args.gso = a->gso;
    port->args.packed = a->packed;
    port->args.event_idx = a->event_idx;
    rc = vhost_begin(port, false, e);
    if (!rc) {
        free(before);
        return 0;
    }
    free(filename);
    port->filename = before;
    port->args = args;
    return vhost_begin(port, true, NULL) ? -EIO : rc;
}

int vhost_delete(struct piste *p, struct if_index i, struct error *e)
{
    struct vhost *port = vhost_of(p, i);
    if (!port)
        return error_set(e, ENODEV, "not a vhost-user interface");
    vhost_destroy(port);
    return 0;
}

/* --- module --- */

int vhost_init(struct piste *p, void **state, struct error *e)
{
    struct vhost_state *s = mem_alloc(sizeof(*s));
    s->piste = p;
    int rc = vhost_conns_init(s, e);
    if (rc) {
        free(s);
        return rc;
    }
    *state = s;
    return 0;
}

void vhost_stop(struct piste *p, void *state)
{
    struct vhost_state *s = state;
    while (s->ports.n)
        vhost_destroy(s->ports.v[s->ports.n - 1]);
    vhost_conns_fini(s);
    vec_free(&s->ports);
    free(s);
}
