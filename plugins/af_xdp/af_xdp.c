/* AF_XDP interfaces: making and deleting them (control thread). */
#include "plugins/af_xdp/af_xdp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/cli.h"
#include "plugins/af_xdp/af_xdp_internal.h"

const char af_xdp_module_name[] = "af_xdp";

static struct log_class log_class = {"af_xdp", NULL};

struct af_xdp_state *af_xdp_state_of(const struct piste *p)
{
    return module_state(p, af_xdp_module_name);
}

static const struct if_class class_af_xdp = {
    .name = "af_xdp",
    .tx = &af_xdp_tx_node,
    .set_admin = af_xdp_set_admin,
    .show = af_xdp_show,
    .counts = af_xdp_counts,
    .running_config = af_xdp_running_config,
};

/* NULL: i is none. */
static struct af_xdp *af_xdp_of(const struct piste *p, struct if_index i)
{
    const struct interface *f = interface_at(p, i);
    return f && f->cls == &class_af_xdp ? f->port : NULL;
}

/* --- create --- */

static int check_size(u32 size, struct error *e)
{
    if (!size ||
        (size >= AF_XDP_RING_SIZE_MIN && size <= AF_XDP_RING_SIZE_MAX && !(size & (size - 1))))
        return 0;
    return error_set(e, EINVAL, "queue size must be a power of two between 256 and 65535");
}

static int af_xdp_check_args(const struct af_xdp_args *a, struct error *e)
{
    if (!*a->host_name)
        return error_set(e, EINVAL, "missing host interface");
    if (a->generic && a->mode == AF_XDP_ZERO_COPY)
        return error_set(e, EINVAL, "generic and zero-copy exclude each other");
    int rc = check_size(a->rx_size, e);
    if (!rc)
        rc = check_size(a->tx_size, e);
    if (!rc)
        rc = cli_check_word(a->host_name, "host-if", e);
    if (!rc)
        rc = cli_check_word(a->netns, "netns", e);
    return rc ? rc : cli_check_word(a->program, "prog", e);
}

/* Every socket is of a queue of the device. */
static int choose_queues(struct af_xdp *port, const struct host_link *link, struct error *e)
{
    u32 workers = engine_n_threads(engine_of(port->piste)) - 1, asked = port->args.n_rx_queues;
    u32 has = link->index ? host_link_rx_queues(port->net, link->index) : AF_XDP_QUEUES_MAX;
    if (!link->index) /* what there will be is not known */
        asked = asked == AF_XDP_QUEUES_ALL ? 1 : asked;
    has = (u32)min_u64(has, AF_XDP_QUEUES_MAX);
    port->n_rx = asked == AF_XDP_QUEUES_ALL ? has : asked ? asked : 1;
    if (port->n_rx > has)
        return error_set(e, EINVAL, "too many rxq requested (%u > %u)", port->n_rx, has);
    port->n_tx = (u32)min_u64(link->index ? has : port->n_rx, workers);
    port->n_sockets = (u32)max_u64(port->n_rx, port->n_tx);
    return 0;
}

static void af_xdp_make_queues(struct af_xdp *port)
{
    struct engine *e = engine_of(port->piste);
    struct node_index input;
    node_find(e, af_xdp_input_node.name, &input);
    port->queue = mem_alloc(port->n_sockets * sizeof(*port->queue));
    port->rx = mem_alloc(port->n_rx * sizeof(struct rx_queue *));
    port->tx_queue = mem_alloc(port->n_tx * sizeof(struct tx_queue *));
    for (u32 i = 0; i < port->n_sockets; i++) {
        struct af_xdp_queue *q = &port->queue[i];
        q->port = port;
        q->fd = q->tx_fd = -1;
        q->begun.first = BUFFER_NONE;
        q->rx = (struct rx_queue){
            .queue = i, .node = input, .fd = -1, .port = q, .mode = RX_MODE_DEFAULT};
        q->tx.port = q;
        if (i < port->n_rx)
            port->rx[i] = &q->rx;
        if (i < port->n_tx)
            port->tx_queue[i] = &q->tx;
    }
    tx_queues_init(e, &port->tx_queues, port->tx_queue, port->n_tx);
}

static void af_xdp_free(struct af_xdp *port)
{
    if (port->queue)
        tx_queues_fini(engine_of(port->piste), &port->tx_queues);
    host_net_close(port->net);
    free(port->queue);
    free(port->rx);
    free(port->tx_queue);
    free(port);
}

static struct af_xdp *af_xdp_new(struct piste *p, const struct af_xdp_args *a, struct error *e)
{
    struct af_xdp *port = mem_alloc(sizeof(*port));
    port->piste = p;
    port->args = *a;
    port->args.rx_size = a->rx_size ? a->rx_size : AF_XDP_RING_SIZE;
    port->args.tx_size = a->tx_size ? a->tx_size : AF_XDP_RING_SIZE;
    port->interface = IF_NONE;
    port->instance = numbers_lowest(&af_xdp_state_of(p)->instances);
    port->map_fd = port->link_fd = -1;
    port->device_input = feature_arc_find(engine_of(p), "device-input");
    port->net = host_net_open(p, *a->netns ? a->netns : NULL, e);
    if (port->net)
        return port;
    free(port);
    return NULL;
}

static int af_xdp_find_device(const struct af_xdp *port, struct host_link *link, struct error *e)
{
    int rc = host_link_find(port->net, port->args.host_name, link, e);
    if (rc != -ENODEV || !port->args.waits)
        return rc;
    *link = (struct host_link){0};
    log_warn(&log_class, "%s: no such device yet: the interface waits for it",
             port->args.host_name);
    return 0;
}

static void af_xdp_name(struct af_xdp *port)
{
    const struct af_xdp_args *a = &port->args;
    char name[IF_NAME_BYTES];
    if (!strncmp(a->netns, "pid:", 4))
        snprintf(name, sizeof(name), "%s/%s", a->host_name, a->netns + 4);
    else
        snprintf(name, sizeof(name), "%s/%u", a->host_name, port->instance);
    if (!*a->name)
        memcpy(port->args.name, name, sizeof(name));
}

static int af_xdp_make_interface(struct af_xdp *port, const struct host_link *link, struct error *e)
{
    const struct af_xdp_args *a = &port->args;
    struct piste *p = port->piste;
    if (a->mac_reuse && link->index)
        memcpy(port->mac, link->mac, 6);
    else
        interface_random_mac(port->mac);
    int rc = interface_new(
        p,
        &(struct if_new_args){
            .name = port->args.name,
            .cls = &class_af_xdp,
            .port = port,
            .mac = port->mac,
            .mtu = link->index ? (u32)min_u64(link->mtu, interface_default_mtu(p)) : 0,
        },
        &port->interface, e);
    if (rc)
        return rc;
    for (u32 i = 0; i < port->n_rx; i++) {
        port->queue[i].rx.interface = port->interface;
        feature_set_start(engine_of(p), "device-input", port->interface, port->queue[i].rx.node);
    }
    interface_set_queues(p, port->interface, port->rx, port->n_rx, &port->tx_queues);
    /* neighbours know one that was made up: it is saved */
    return a->mac_reuse ? 0 : interface_set_mac(p, port->interface, port->mac, e);
}

/* The interface, and what is below it where there is a device. */
static int af_xdp_make(struct af_xdp *port, struct error *e)
{
    struct host_link link;
    int rc = af_xdp_find_device(port, &link, e);
    if (!rc)
        rc = choose_queues(port, &link, e);
    if (rc)
        return rc;
    af_xdp_make_queues(port);
    af_xdp_name(port);
    rc = interface_check_name(port->piste, port->args.name, e);
    if (!rc && link.index)
        rc = af_xdp_open_sockets(port, &link, e);
    if (rc)
        return rc;
    rc = af_xdp_make_interface(port, &link, e);
    if (!rc && link.index)
        rc = af_xdp_start(port, e);
    if (!rc)
        rc = af_xdp_listen(port, e);
    if (rc) {
        af_xdp_close(port);
        interface_delete(port->piste, port->interface);
        return rc;
    }
    if (link.index)
        af_xdp_follow(port, &link);
    return 0;
}

int af_xdp_create(struct piste *p, const struct af_xdp_args *a, struct if_index *out,
                  struct error *e)
{
    struct af_xdp_state *s = af_xdp_state_of(p);
    struct error own;
    e = e ? e : &own;
    int rc = af_xdp_check_args(a, e);
    if (rc)
        return rc;
    struct af_xdp *port = af_xdp_new(p, a, e);
    if (!port)
        return -e->code;
    rc = af_xdp_make(port, e);
    if (rc) {
        af_xdp_free(port);
        return rc;
    }
    vec_add(&s->ports, port);
    numbers_take(&s->instances, port->instance);
    *out = port->interface;
    return 0;
}

/* --- delete --- */

static void af_xdp_destroy(struct af_xdp *port)
{
    host_net_unlisten(port->net, &port->listener);
    af_xdp_close(port);
    interface_delete(port->piste, port->interface);
    af_xdp_free(port);
}

int af_xdp_delete(struct piste *p, struct if_index i, struct error *e)
{
    struct af_xdp_state *s = af_xdp_state_of(p);
    struct af_xdp *port = af_xdp_of(p, i);
    for (u32 k = 0; port && k < s->ports.n; k++)
        if (s->ports.v[k] == port) {
            vec_del(&s->ports, k);
            numbers_give(&s->instances, port->instance);
            af_xdp_destroy(port);
            return 0;
        }
    return error_set(e, ENODEV, "not an AF_XDP interface");
}

/* --- module --- */

int af_xdp_init(struct piste *p, void **state, struct error *e)
{
    struct af_xdp_state *s = mem_alloc(sizeof(*s));
    s->piste = p;
    *state = s;
    return 0;
}

void af_xdp_stop(struct piste *p, void *state)
{
    struct af_xdp_state *s = state;
    for (u32 i = 0; i < s->ports.n; i++)
        af_xdp_destroy(s->ports.v[i]);
    vec_free(&s->ports);
    numbers_fini(&s->instances);
    free(s);
}
