/* Host interfaces in the fast path: which sockets and devices have its programs, and the backend
 * that net/features/fast_path keeps its entries by.
 *
 * A port comes in by: filters on its sockets, then the program at the device, then entries. It
 * leaves in the opposite order; entries are of no use from the first step on. So no packet is ever
 * decided by one half alone. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "engine/probe.h"
#include "host/bpf/bpf.h"
#include "ports/af_packet/af_packet_bpf.h"
#include "ports/af_packet/af_packet_internal.h"

static struct log_class log_class = {"af-packet", "fast"};

/* --- ports --- */

/* NULL: another port, or one whose index it would share, has the place. */
static struct af_packet_bpf_port *place_of(const struct af_packet *port)
{
    const struct af_packet_state *s = af_packet_state_of(port->piste);
    struct af_packet_bpf_port *x =
        &s->bpf->ports[(u32)port->host_index & (AF_PACKET_BPF_PORTS - 1)];
    return !x->device || x->device == (u32)port->host_index ? x : NULL;
}

static void place_set_mask(struct af_packet_bpf_port *x, u16 mask)
{
    __atomic_store_n(&x->mask, mask, __ATOMIC_RELEASE);
}

void af_packet_fast_socket(const struct af_packet *port, int fd)
{
    const struct af_packet_state *s = af_packet_state_of(port->piste);
    int rc = port->is_fast ? bpf_attach_socket(fd, s->bpf->filter_fd) : 0;
    if (rc) /* what comes by it is undecided, and ends the fast path */
        log_error(&log_class, "%s: a socket takes no filter: %s", port->host_name, strerror(-rc));
}

static int attach_sockets(const struct af_packet *port, int filter)
{
    int rc = 0;
    for (u32 i = 0; i < port->n_queues && !rc; i++) {
        const struct af_packet_queue *q = port->queues[i];
        if (q->now.fd >= 0)
            rc = bpf_attach_socket(q->now.fd, filter);
        if (q->next.fd >= 0 && !rc)
            rc = bpf_attach_socket(q->next.fd, filter);
    }
    return rc;
}

static void detach_sockets(const struct af_packet *port)
{
    struct error e;
    for (u32 i = 0; i < port->n_queues; i++) {
        const struct af_packet_queue *q = port->queues[i];
        if (q->now.fd >= 0 && af_packet_socket_listen(q->now.fd, &e))
            log_error(&log_class, "%s: %s", port->host_name, e.text);
        if (q->next.fd >= 0 && af_packet_socket_listen(q->next.fd, &e))
            log_error(&log_class, "%s: %s", port->host_name, e.text);
    }
}

static bool may_be_fast(const struct af_packet *port)
{
    return port->host_index && port->args.mode == AF_PACKET_MODE_ETHERNET;
}

void af_packet_fast_opened(struct af_packet *port)
{
    const struct af_packet_state *s = af_packet_state_of(port->piste);
    struct error e = {0};
    if (!s->fast_on || port->is_fast || !may_be_fast(port))
        return;
    struct af_packet_bpf_port *x = place_of(port);
    if (!x) {
        log_notice(&log_class, "%s: no fast path: another device has its place", port->host_name);
        return;
    }
    int rc = attach_sockets(port, s->bpf->filter_fd);
    if (!rc)
        port->ingress_fd = bpf_attach_ingress(port->host_index, s->bpf->ingress_fd, &e);
    if (rc || port->ingress_fd < 0) {
        log_notice(&log_class, "%s: no fast path: %s", port->host_name,
                   rc ? strerror(-rc) : e.text);
        detach_sockets(port);
        return;
    }
    port->is_watched = false;
    x->watched = 0;
    x->device = (u32)port->host_index;
    port->place = x;
    place_set_mask(x, FAST_PATH_LINK);
    __atomic_store_n(&port->is_fast, true, __ATOMIC_RELAXED);
}

/* Sockets stay, or are closed next. */
static void leave_fast_path(struct af_packet *port)
{
    if (!port->is_fast)
        return;
    struct af_packet_bpf_port *x = port->place;
    __atomic_store_n(&port->is_fast, false, __ATOMIC_RELAXED);
    place_set_mask(x, 0);
    x->watched = 0;
    x->device = 0;
    forwarding_changed(engine_of(port->piste));
}

void af_packet_fast_closing(struct af_packet *port)
{
    leave_fast_path(port);
    if (port->ingress_fd >= 0)
        close(port->ingress_fd);
    port->ingress_fd = -1;
}

/* --- the backend --- */

static int fast_put(void *arg, const struct fast_path_key *key, const struct fast_path_flow *flow)
{
    const struct af_packet_state *s = arg;
    return bpf_map_set(s->bpf->flows_fd, key, flow);
}

static void fast_del(void *arg, const struct fast_path_key *key)
{
    const struct af_packet_state *s = arg;
    bpf_map_del(s->bpf->flows_fd, key);
}

static void fast_set_generation(void *arg, u32 generation)
{
    const struct af_packet_state *s = arg;
    __atomic_store_n(&s->bpf->control->generation, generation, __ATOMIC_SEQ_CST);
}

static struct af_packet *port_of(const struct af_packet_state *s, struct if_index i)
{
    for (u32 k = 0; k < s->ports.n; k++)
        if (if_equal(s->ports.v[k]->interface, i))
            return s->ports.v[k];
    return NULL;
}

static bool fast_device(void *arg, struct if_index i, struct fast_path_device *out)
{
    const struct af_packet *port = port_of(arg, i);
    /* one that takes no offloads gets packets that are whole, which only the graph makes */
    if (!port || !port->is_fast || port->args.cksum_gso_off)
        return false;
    *out = (struct fast_path_device){(u32)port->host_index, port->host_mtu};
    return true;
}

static enum fast_path_mask fast_mask(void *arg, struct if_index i)
{
    return (enum fast_path_mask)port_of(arg, i)->place->mask;
}

static void fast_set_mask(void *arg, struct if_index i, enum fast_path_mask mask)
{
    place_set_mask(port_of(arg, i)->place, (u16)mask);
}

static void fast_set_on(void *arg, bool on)
{
    struct af_packet_state *s = arg;
    s->fast_on = on;
    for (u32 i = 0; i < s->ports.n; i++) {
        struct af_packet *port = s->ports.v[i];
        if (on) {
            af_packet_fast_opened(port);
            continue;
        }
        bool was = port->is_fast;
        af_packet_fast_closing(port);
        if (was)
            detach_sockets(port);
    }
}

/* Once a second: a port's packets are watched from the second look on, when all that was under way
 * as it came in has passed. */
static u64 fast_undecided(void *arg)
{
    const struct af_packet_state *s = arg;
    for (u32 i = 0; i < s->ports.n; i++) {
        struct af_packet *port = s->ports.v[i];
        if (port->is_fast && port->is_watched)
            port->place->watched = 1;
        port->is_watched = port->is_fast;
    }
    return __atomic_load_n(&s->bpf->control->undecided, __ATOMIC_RELAXED);
}

/* --- start and end --- */

static const struct need fast_needs[] = {
    NEEDS_CALL(bpf, "the fast path"),
    {0},
};

/* Programs at the ingress without a queueing discipline of their own, several of them in order. */
static bool kernel_has_tcx(void)
{
    struct utsname u;
    int major = 0, minor = 0;
    return !uname(&u) && sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 6));
}

void af_packet_fast_start(struct af_packet_state *s)
{
    struct error e = {0};
    if (!fast_path_is_wanted(s->piste))
        return;
    if (!kernel_has_tcx()) {
        fast_path_set_backend(s->piste, NULL, "it needs Linux 6.6 or later");
        return;
    }
    struct af_packet_bpf *b = mem_alloc(sizeof(*b));
    if (af_packet_bpf_open(b, fast_path_wanted_flows(s->piste), &e)) {
        fast_path_set_backend(s->piste, NULL, e.text);
        free(b);
        return;
    }
    sandbox_add(fast_needs);
    s->bpf = b;
    s->fast = mem_alloc(sizeof(*s->fast));
    *s->fast = (struct fast_path_backend){
        .actions = b->actions,
        .counts = b->counts,
        .max = b->max,
        .put = fast_put,
        .del = fast_del,
        .set_generation = fast_set_generation,
        .device = fast_device,
        .mask = fast_mask,
        .set_mask = fast_set_mask,
        .set_on = fast_set_on,
        .undecided = fast_undecided,
        .arg = s,
    };
    fast_path_set_backend(s->piste, s->fast, NULL);
}

void af_packet_fast_stop(struct af_packet_state *s)
{
    if (!s->bpf)
        return;
    fast_path_set_backend(s->piste, NULL, "it is ending");
    af_packet_bpf_close(s->bpf);
    free(s->bpf);
    free(s->fast);
    s->bpf = NULL;
    s->fast = NULL;
}
