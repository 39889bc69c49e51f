/* Tap and tun interfaces: making, following and deleting them (control thread). */
#include "plugins/tap/tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "control/cli.h"
#include "plugins/tap/tap_internal.h"

#define DISCARD_MAX 65536
#define TUN_MTU 1500

const char tap_module_name[] = "tap";

static struct log_class log_class = {"tap", NULL};

struct tap_state *tap_state_of(const struct piste *p)
{
    return module_state(p, tap_module_name);
}

/* --- what the interface asks of its port --- */

static void note_joins(struct tap *tap)
{
    u32 both = TAP_GSO | TAP_GRO_COALESCE;
    __atomic_store_n(&tap->joins, !tap->is_tun && (tap->args.flags & both) == both,
                     __ATOMIC_RELAXED);
}

static u32 tap_caps(const struct tap *tap)
{
    if (tap->args.flags & TAP_GSO)
        return IF_CAP_CSUM_ALL | IF_CAP_TSO4 | IF_CAP_TSO6 | (tap->takes_uso ? IF_CAP_USO : 0) |
               IF_CAP_RX_CSUM | IF_CAP_RX_LARGE;
    return tap->args.flags & TAP_CSUM ? IF_CAP_CSUM_ALL | IF_CAP_RX_CSUM : 0;
}

/* What came while the interface was down is not for it. The queue is disabled: nobody else looks at
 * it. */
static void tap_discard_waiting(const struct tap_queue *q)
{
    u8 header[VIRTIO_HEADER_BYTES + 1];
    for (u32 i = 0; i < DISCARD_MAX && read(q->rx.fd, header, sizeof(header)) >= 0; i++) {
    }
}

static void tap_give_back(struct thread *t, struct tap_queue *q)
{
    if (q->small != BUFFER_NONE)
        buffer_free_one(t, q->small);
    if (q->large != BUFFER_NONE)
        buffer_free_one(t, q->large);
    q->small = q->large = BUFFER_NONE;
}

static int tap_set_admin(void *arg, bool up, struct error *e)
{
    struct tap *tap = arg;
    tap->admin_up = up;
    for (u32 i = 0; i < tap->n_queues && !tap->is_gone; i++) {
        if (up)
            tap_discard_waiting(&tap->queue[i]);
        rx_queue_enable(engine_of(tap->piste), &tap->queue[i].rx, up);
        if (!up) /* nobody else looks at it now */
            tap_give_back(engine_main_thread(engine_of(tap->piste)), &tap->queue[i]);
    }
    /* as Linux's end of a veth, whose other end is down */
    tap_device_set_carrier(tap, up);
    return 0;
}

static const struct if_class class_tap = {
    .name = "tap",
    .tx = &tap_tx_node,
    .set_admin = tap_set_admin,
    .show = tap_show,
    .counts = tap_counts,
    .running_config = tap_running_config,
};

static const struct if_class class_tun = {
    .name = "tun",
    .tx = &tap_tx_node,
    .is_ip = true,
    .set_admin = tap_set_admin,
    .show = tap_show,
    .counts = tap_counts,
    .running_config = tap_running_config,
};

struct tap *tap_of(const struct piste *p, struct if_index i)
{
    const struct interface *f = interface_at(p, i);
    return f && f->cls->tx == &tap_tx_node ? f->port : NULL;
}

/* --- what the thread asks of its queue --- */

static bool tap_arm(struct thread *t, struct rx_queue *rx)
{
    tap_give_back(t, rx->port);
    return true;
}

static void tap_acknowledge(struct thread *t, struct rx_queue *rx, u32 events)
{
    tap_tell_gone(t, rx->port);
}

static const struct rx_queue_ops queue_ops = {.arm = tap_arm, .acknowledge = tap_acknowledge};

/* --- the device goes --- */

static void tap_close(struct tap *tap)
{
    struct engine *e = engine_of(tap->piste);
    for (u32 i = 0; i < tap->n_queues; i++)
        if (tap->queue[i].rx.added)
            rx_queue_delete(e, &tap->queue[i].rx);
    for (u32 i = 0; i < tap->n_tx; i++)
        __atomic_store_n(&tap->tx[i].fd, -1, __ATOMIC_RELEASE);
    engine_synchronize(e);
    for (u32 i = 0; i < tap->n_queues; i++) {
        struct tap_queue *q = &tap->queue[i];
        tap_give_back(engine_main_thread(e), q);
        if (q->rx.fd >= 0)
            close(q->rx.fd); /* the device is gone when the last one is */
        q->rx.fd = -1;
    }
}

/* Somebody has deleted the device, or its namespace: the interface stays, without a link. */
static void tap_check_device(struct tap *tap)
{
    if (tap->is_gone || tap_device_is_there(tap))
        return;
    log_warn(&log_class, "%s: the device %s is gone",
             interface_at(tap->piste, tap->interface)->name, tap->host_name);
    tap->is_gone = true;
    tap->host_index = 0;
    tap_close(tap);
    interface_set_link(tap->piste, tap->interface, false);
}

static void on_gone(struct piste *p, const void *payload)
{
    struct if_index i;
    memcpy(&i, payload, sizeof(i));
    struct tap *tap = tap_of(p, i);
    if (tap)
        tap_check_device(tap);
}

void tap_tell_gone(struct thread *t, struct tap_queue *q)
{
    if (!q->told)
        q->told = thread_post(t, on_gone, &q->rx.interface, sizeof(q->rx.interface));
}

/* --- following it --- */

static struct tap *tap_on(const struct tap_state *s, int index)
{
    for (u32 i = 0; i < s->taps.n; i++)
        if (s->taps.v[i]->host_index == index)
            return s->taps.v[i];
    return NULL;
}

static void tap_on_link(void *arg, const struct host_event *ev)
{
    const struct host_link *l = &ev->link;
    struct tap *tap = tap_on(arg, l->index);
    if (!tap)
        return;
    if (ev->gone) { /* or moved to another namespace, where we do not hear of it */
        tap->host_index = 0;
        tap_check_device(tap);
        interface_set_link(tap->piste, tap->interface, !tap->is_gone);
        return;
    }
    memcpy(tap->host_name, l->name, IFNAMSIZ);
    memcpy(tap->host_mac, l->mac, 6);
    interface_set_link(tap->piste, tap->interface, l->up);
}

static void tap_on_lost(void *arg)
{
    const struct tap_state *s = arg;
    for (u32 i = 0; i < s->taps.n; i++) {
        struct tap *tap = s->taps.v[i];
        struct host_link l;
        struct error e;
        tap_check_device(tap);
        if (tap->host_index && !host_link_get(s->net, tap->host_index, &l, &e))
            tap_on_link(arg, &(struct host_event){.kind = HOST_LINK, .link = l});
    }
}

/* --- create and delete --- */

static int check_ring_size(u32 size, struct error *e)
{
    if (size & (size - 1))
        return error_set(e, EINVAL, "ring size must be power of 2");
    return size > TAP_RING_SIZE_MAX
               ? error_set(e, EINVAL, "ring size must be %d or lower", TAP_RING_SIZE_MAX)
               : 0;
}

static int tap_check_args(const struct tap_args *a, struct error *e)
{
    bool has_addr = a->host_ip[IP_FAMILY_4].has_addr || a->host_ip[IP_FAMILY_6].has_addr;
    int rc = check_ring_size(a->rx_ring_size, e);
    if (!rc)
        rc = check_ring_size(a->tx_ring_size, e);
    if (!rc)
        rc = cli_check_word(a->host_name, "host-if-name", e);
    if (!rc)
        rc = cli_check_word(a->host_ns, "host-ns", e);
    if (!rc)
        rc = cli_check_word(a->host_bridge, "host-bridge", e);
    if (rc)
        return rc;
    if (a->n_rx_queues > TAP_QUEUES_MAX || a->n_tx_queues > TAP_QUEUES_MAX)
        return error_set(e, EINVAL, "at most %d queues", TAP_QUEUES_MAX);
    if (*a->host_bridge && has_addr)
        return error_set(e, EINVAL, "Please specify either host ip address or host bridge");
    if ((a->flags & TAP_ATTACH) && !*a->host_name)
        return error_set(e, EINVAL, "host_if_name is not provided");
    if ((a->flags & TAP_TUN) && (a->has_host_mac || *a->host_bridge))
        return error_set(e, EINVAL, "a tun device has no MAC address, and is in no bridge");
    for (u32 i = 0; i < IP_FAMILY_N; i++)
        if (a->host_ip[i].prefix_len > ip_family_bits(i))
            return error_set(e, EINVAL, "an address of %u bits", a->host_ip[i].prefix_len);
    return 0;
}

static bool id_is_free(const struct tap_state *s, u32 id)
{
    for (u32 i = 0; i < s->taps.n; i++)
        if (s->taps.v[i]->args.id == id)
            return false;
    return true;
}

static void tap_make_queues(struct tap *tap)
{
    struct engine *e = engine_of(tap->piste);
    struct node_index input;
    node_find(e, tap_input_node.name, &input);
    tap->queue = mem_alloc(tap->n_queues * sizeof(*tap->queue));
    tap->rx = mem_alloc(tap->n_queues * sizeof(struct rx_queue *));
    for (u32 i = 0; i < tap->n_queues; i++) {
        struct tap_queue *q = &tap->queue[i];
        q->tap = tap;
        q->small = q->large = BUFFER_NONE;
        q->rx = (struct rx_queue){.node = input,
                                  .fd = -1,
                                  .port = q,
                                  .ops = &queue_ops,
                                  .acknowledged_events = EPOLLERR | EPOLLHUP,
                                  .mode = RX_MODE_DEFAULT};
        tap->rx[i] = &q->rx;
    }
    tap->tx = mem_alloc(tap->n_tx * sizeof(*tap->tx));
    tap->tx_queue = mem_alloc(tap->n_tx * sizeof(struct tx_queue *));
    for (u32 i = 0; i < tap->n_tx; i++) {
        tap->tx[i].fd = -1;
        tap->tx[i].q.port = &tap->tx[i];
        tap->tx_queue[i] = &tap->tx[i].q;
    }
    tx_queues_init(e, &tap->tx_queues, tap->tx_queue, tap->n_tx);
}

static struct tap *tap_new(struct piste *p, const struct tap_args *a)
{
    struct engine *e = engine_of(p);
    struct node_index ip6;
    struct tap *tap = mem_alloc(sizeof(*tap));
    u32 workers = engine_n_threads(e) - 1;
    tap->piste = p;
    tap->args = *a;
    tap->is_tun = a->flags & TAP_TUN;
    note_joins(tap);
    tap->n_queues = a->n_rx_queues ? a->n_rx_queues : 1;
    tap->n_tx = (u32)min_u64(a->n_tx_queues > workers ? a->n_tx_queues : workers, TAP_QUEUES_MAX);
    tap->device_input = feature_arc_find(e, "device-input");
    tap->has_ip6 = node_find(e, "ip6-input", &ip6);
    if (a->id == UINT32_MAX)
        tap->args.id = numbers_lowest(&tap_state_of(p)->ids);
    if (!a->has_mac)
        interface_random_mac(tap->args.mac);
    tap_make_queues(tap);
    return tap;
}

static void tap_free(struct tap *tap)
{
    tx_queues_fini(engine_of(tap->piste), &tap->tx_queues);
    free(tap->queue);
    free(tap->rx);
    free(tap->tx_queue);
    free(tap->tx);
    free(tap);
}

static int tap_make_interface(struct tap *tap, struct error *e)
{
    struct piste *p = tap->piste;
    const struct tap_args *a = &tap->args;
    struct engine *engine = engine_of(p);
    char name[IF_NAME_BYTES];
    snprintf(name, sizeof(name), "%s%u", tap->is_tun ? "tun" : "tap", a->id);
    int rc = interface_new(p,
                           &(struct if_new_args){
                               .name = *a->if_name ? a->if_name : name,
                               .cls = tap->is_tun ? &class_tun : &class_tap,
                               .port = tap,
                               .mac = tap->is_tun ? NULL : a->mac,
                               .mtu = !tap->is_tun  ? 0
                                      : a->host_mtu ? a->host_mtu
                                                    : TUN_MTU,
                               .caps = tap_caps(tap),
                           },
                           &tap->interface, e);
    if (rc)
        return rc;
    for (u32 i = 0; i < tap->n_queues && !rc; i++) {
        struct tap_queue *q = &tap->queue[i];
        q->rx.interface = tap->interface;
        q->rx.queue = i;
        rc = rx_queue_add(engine, &q->rx, UINT32_MAX, e);
        if (!rc)
            feature_set_start(engine, "device-input", tap->interface, q->rx.node);
    }
    for (u32 i = 0; i < tap->n_tx; i++)
        __atomic_store_n(&tap->tx[i].fd, tap->queue[i % tap->n_queues].rx.fd, __ATOMIC_RELEASE);
    interface_set_queues(p, tap->interface, tap->rx, tap->n_queues, &tap->tx_queues);
    interface_set_link(p, tap->interface, true);
    if (rc) {
        tap_close(tap);
        interface_delete(p, tap->interface);
    }
    return rc;
}

/* The device in its namespace, and the interface. */
static int tap_make(struct tap *tap, struct host_net *net, struct error *e)
{
    int rc = tap_device_open(tap, net, e);
    if (rc)
        return rc;
    rc = tap_device_configure(tap, net, e);
    if (!rc)
        rc = tap_make_interface(tap, e);
    if (rc) {
        tap_close(tap);
        return rc;
    }
    tap_device_set_persistent(tap, tap->args.flags & TAP_PERSIST);
    tap_device_set_carrier(tap, false);
    if (net != tap_state_of(tap->piste)->net)
        tap->host_index = 0;
    return 0;
}

int tap_create(struct piste *p, const struct tap_args *a, struct if_index *out, struct error *e)
{
    struct tap_state *s = tap_state_of(p);
    struct error own;
    e = e ? e : &own;
    int rc = tap_check_args(a, e);
    if (!rc && a->id != UINT32_MAX && (a->id > IF_MAX || !id_is_free(s, a->id)))
        rc = a->id > IF_MAX ? error_set(e, EINVAL, "instances are up to %u", IF_MAX)
                            : error_set(e, EEXIST, "interface already exists");
    if (rc)
        return rc;
    /* not kept: it would keep the namespace from going when the container goes that it is of */
    struct host_net *net = host_net_open(p, *a->host_ns ? a->host_ns : NULL, e);
    if (!net)
        return -e->code;
    struct tap *tap = tap_new(p, a);
    rc = tap_make(tap, net, e);
    host_net_close(net);
    if (rc) {
        tap_free(tap);
        return rc;
    }
    vec_add(&s->taps, tap);
    numbers_take(&s->ids, tap->args.id);
    *out = tap->interface;
    return 0;
}

static void tap_destroy(struct tap *tap)
{
    tap_close(tap);
    interface_delete(tap->piste, tap->interface);
    tap_free(tap);
}

int tap_delete(struct piste *p, struct if_index i, struct error *e)
{
    struct tap_state *s = tap_state_of(p);
    struct tap *tap = tap_of(p, i);
    for (u32 k = 0; tap && k < s->taps.n; k++)
        if (s->taps.v[k] == tap) {
            vec_del(&s->taps, k);
            numbers_give(&s->ids, tap->args.id);
            tap_device_set_persistent(tap, false);
            tap_destroy(tap);
            return 0;
        }
    return error_set(e, ENODEV, "not a tap interface");
}

int tap_set_offload(struct piste *p, struct if_index i, u32 flags, struct error *e)
{
    const u32 all = TAP_GSO | TAP_CSUM | TAP_GRO_COALESCE;
    struct tap *tap = tap_of(p, i);
    if (!tap)
        return error_set(e, ENODEV, "not a tap interface");
    u32 before = tap->args.flags;
    tap->args.flags = (before & ~all) | (flags & all);
    note_joins(tap);
    int rc = tap->is_gone ? 0 : tap_device_set_offload(tap, e);
    if (!rc)
        rc = interface_set_caps(p, i, tap_caps(tap), e);
    if (rc) {
        tap->args.flags = before;
        note_joins(tap);
        if (!tap->is_gone && tap_device_set_offload(tap, NULL))
            log_warn(&log_class, "%s: offloads are not what they were", tap->host_name);
    }
    return rc;
}

/* --- module --- */

int tap_init(struct piste *p, void **state, struct error *e)
{
    struct tap_state *s = mem_alloc(sizeof(*s));
    s->piste = p;
    s->net = host_net_open(p, NULL, e);
    int rc = s->net ? 0 : -e->code;
    s->listener = (struct host_listener){
        .kinds = HOST_KINDS(HOST_LINK), .event = tap_on_link, .lost = tap_on_lost, .arg = s};
    if (!rc)
        rc = host_net_listen(s->net, &s->listener, e);
    if (rc) {
        host_net_close(s->net);
        free(s);
        return rc;
    }
    *state = s;
    return 0;
}

void tap_stop(struct piste *p, void *state)
{
    struct tap_state *s = state;
    for (u32 i = 0; i < s->taps.n; i++)
        tap_destroy(s->taps.v[i]);
    host_net_unlisten(s->net, &s->listener);
    host_net_close(s->net);
    vec_free(&s->taps);
    numbers_fini(&s->ids);
    free(s);
}
