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

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "control/loop.h"
#include "control/running_config.h"
#include "control/startup.h"
#include "engine/probe.h"
#include "host/bpf/bpf.h"
#include "host/host_tc.h"
#include "ports/af_packet/af_packet_bpf.h"
#include "ports/af_packet/af_packet_internal.h"

static struct log_class log_class = {"af-packet", "fast"};

/* --- ports --- */

static bool may_be_fast(const struct af_packet *port)
{
    return port->host_index && port->args.mode == AF_PACKET_MODE_ETHERNET;
}

/* The first of a device's places where `has` is, a device; 0: that is free. NULL: none is
 * so. */
static struct af_packet_bpf_port *device_place(const struct af_packet_bpf *b, u32 device, u32 has)
{
    for (u32 i = 0; i < AF_PACKET_BPF_PLACES; i++) {
        u32 at = device + i * AF_PACKET_BPF_NEXT_PLACE;
        struct af_packet_bpf_port *x = &b->ports[at & (AF_PACKET_BPF_PORTS - 1)];
        if (x->device == has)
            return x;
    }
    return NULL;
}

/* NULL: other ports, whose indices share them, have its places, or there is no fast path. */
static struct af_packet_bpf_port *place_take(const struct af_packet *port)
{
    const struct af_packet_state *s = af_packet_state_of(port->piste);
    u32 device = (u32)port->host_index;
    if (!s->bpf || !may_be_fast(port) || device_place(s->bpf, device, device))
        return NULL;
    struct af_packet_bpf_port *x = device_place(s->bpf, device, 0);
    if (x)
        *x = (struct af_packet_bpf_port){.device = device};
    return x;
}

static void place_set_mask(struct af_packet_bpf_port *x, u8 mask)
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
        if (q->turns)
            continue;
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
        if (q->turns)
            continue;
        if (q->now.fd >= 0 && af_packet_socket_listen(q->now.fd, &e))
            log_error(&log_class, "%s: %s", port->host_name, e.text);
        if (q->next.fd >= 0 && af_packet_socket_listen(q->next.fd, &e))
            log_error(&log_class, "%s: %s", port->host_name, e.text);
    }
}

/* --- sockets that take another one's place --- */

bool af_packet_fast_may_turn(const struct af_packet *port)
{
    return port->place && port->n_queues == 1;
}

static void place_set_flag(struct af_packet_bpf_port *x, u8 flag, bool on)
{
    u8 flags = on ? x->flags | flag : x->flags & ~flag;
    __atomic_store_n(&x->flags, flags, __ATOMIC_SEQ_CST);
}

int af_packet_fast_turn(const struct af_packet *port, enum af_packet_turn step, int old_fd,
                        int new_fd)
{
    const struct af_packet_state *s = af_packet_state_of(port->piste);
    if (!port->place)
        return -ENODEV;
    switch (step) {
    case AF_PACKET_TURN_NEW:
        place_set_flag(port->place, AF_PACKET_BPF_TURNED, false);
        return bpf_attach_socket(new_fd, s->bpf->new_filter_fd);
    case AF_PACKET_TURN_OLD:
        return bpf_attach_socket(old_fd, s->bpf->old_filter_fd);
    case AF_PACKET_TURN_OVER:
        place_set_flag(port->place, AF_PACKET_BPF_TURNED, true);
        return 0;
    case AF_PACKET_TURN_DONE:
        break;
    }
    return 0;
}

void af_packet_fast_turned(const struct af_packet *port, int fd)
{
    struct error e;
    if (port->is_fast)
        af_packet_fast_socket(port, fd);
    else if (af_packet_socket_listen(fd, &e))
        log_error(&log_class, "%s: %s", port->host_name, e.text);
}

/* --- programs at devices ---
 *
 * By tcx, one ends with its descriptor. By clsact it stays until it is taken away, or the device
 * goes: at the priority `home`, where the next life of this switch finds it. That has its own in
 * front of it, which obeys what the new sockets' filters say and lets pass what they say nothing
 * of. So each packet has one owner at any time, while the new life comes up, gets to know its
 * neighbours by some packets, and takes the others over. */

enum { PRIORITY_FRONT = 1, PRIORITY_HOME = 2 };

/* A place that no other switch has: those are told apart by the socket of their command line. */
static struct host_tc_place tc_place(const struct af_packet *port, u16 priority)
{
    const char *name = port->piste->startup->unix_.cli_listen;
    u64 hash = name ? hash_bytes(name, strlen(name), 0) : 0;
    return (struct host_tc_place){port->host_index, priority, 0x40000000 | (u32)(hash >> 34)};
}

static int program_attach(struct af_packet *port, u16 priority, struct error *e)
{
    const struct af_packet_state *s = af_packet_state_of(port->piste);
    if (!s->by_clsact) {
        port->ingress_fd = bpf_attach_ingress(port->host_index, s->bpf->ingress_fd, e);
        return port->ingress_fd < 0 ? port->ingress_fd : 0;
    }
    struct host_tc_place at = tc_place(port, priority);
    int rc = host_tc_set(s->net, &at, s->bpf->ingress_fd, "piste-fast-path", e);
    if (!rc)
        port->tc_priority = priority;
    return rc;
}

/* Whatever program of ours is there. */
static void program_take(const struct af_packet *port, u16 priority)
{
    struct host_tc_place at = tc_place(port, priority);
    int rc = host_tc_del(af_packet_state_of(port->piste)->net, &at);
    if (rc) /* mostly: there was none */
        log_debug(&log_class, "%s: no program is taken away: %s", port->host_name, strerror(-rc));
}

static void program_detach(struct af_packet *port)
{
    if (port->ingress_fd >= 0)
        close(port->ingress_fd);
    port->ingress_fd = -1;
    if (port->tc_priority && port->host_index)
        program_take(port, port->tc_priority);
    port->tc_priority = 0;
    if (port->is_held && port->host_index)
        program_take(port, PRIORITY_HOME);
    port->is_held = false;
}

void af_packet_fast_opening(struct af_packet *port)
{
    const struct af_packet_state *s = af_packet_state_of(port->piste);
    struct host_tc_place home = tc_place(port, PRIORITY_HOME);
    port->place = place_take(port);
    program_take(port, PRIORITY_FRONT); /* of a life that did not come up */
    port->is_held = s->fast_on && s->held_timer && may_be_fast(port) && host_tc_has(s->net, &home);
    port->is_replayed = running_config_is_replaying(port->piste);
    port->phase_since_ns = clock_ns();
    if (port->is_held)
        __atomic_store_n(&s->bpf->control->ends_chain, 1, __ATOMIC_SEQ_CST);
    else
        program_take(port, PRIORITY_HOME);
}

/* --- ports coming in and leaving --- */

void af_packet_fast_opened(struct af_packet *port)
{
    const struct af_packet_state *s = af_packet_state_of(port->piste);
    struct error e = {0};
    if (!s->fast_on || port->is_fast || !may_be_fast(port))
        return;
    struct af_packet_bpf_port *x = port->place;
    int rc = x ? 0 : error_set(&e, EBUSY, "other devices have its places");
    if (!rc) {
        port->is_watched = false;
        x->phase = port->is_held ? AF_PACKET_BPF_WAITS : AF_PACKET_BPF_ALONE;
        place_set_mask(x, FAST_PATH_LINK);
        rc = attach_sockets(port, s->bpf->filter_fd);
        if (rc)
            error_set(&e, -rc, "%s", strerror(-rc));
    }
    if (!rc)
        rc = program_attach(port, port->is_held ? PRIORITY_FRONT : PRIORITY_HOME, &e);
    if (rc) {
        log_notice(&log_class, "%s: no fast path: %s", port->host_name, e.text);
        if (x)
            place_set_mask(x, 0);
        program_detach(port);
        detach_sockets(port);
        return;
    }
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
    place_set_flag(x, AF_PACKET_BPF_WATCHED, false);
    x->phase = AF_PACKET_BPF_ALONE;
    forwarding_changed(engine_of(port->piste));
}

void af_packet_fast_closing(struct af_packet *port)
{
    leave_fast_path(port);
    program_detach(port);
    if (port->place)
        *port->place = (struct af_packet_bpf_port){0};
    port->place = NULL;
}

/* --- taking over from an earlier life --- */

#define HELD_TICK_NS (50 * NS_PER_MSEC)
#define SAMPLES_NS NS_PER_SEC
#define QUIET_NS (2 * NS_PER_SEC)
#define HELD_LEAST_NS (2 * NS_PER_SEC)

static void set_phase(struct af_packet *port, enum af_packet_bpf_phase phase, u64 now)
{
    __atomic_store_n(&port->place->phase, (u8)phase, __ATOMIC_SEQ_CST);
    port->phase_since_ns = now;
}

/* The port's own program is where the other one was. It is in both places for a moment, which is
 * why what the socket got ends the chain. */
static void go_home(struct af_packet *port)
{
    struct error e;
    program_take(port, PRIORITY_HOME);
    port->is_held = false;
    if (program_attach(port, PRIORITY_HOME, &e))
        log_notice(&log_class, "%s: the next life will not find its flows: %s", port->host_name,
                   e.text);
    else
        program_take(port, PRIORITY_FRONT);
}

/* Whether all is configured that packets need. A configuration that is replayed has an end; who
 * makes it by commands or messages has told all when there were none for a while, or when the other
 * program will soon stop. */
static bool is_configured(const struct af_packet_state *s, const struct af_packet *port, u64 now)
{
    u64 last = max_u64(fast_path_configured_ns(s->piste), port->phase_since_ns);
    return port->is_replayed || now - last >= QUIET_NS || now >= s->held_until_ns;
}

/* Returns whether the port has all its packets from now on. */
static bool take_over(const struct af_packet_state *s, struct af_packet *port, u64 now)
{
    if (port->place->phase == AF_PACKET_BPF_WAITS) {
        if (is_configured(s, port, now))
            set_phase(port, AF_PACKET_BPF_SAMPLES, now);
        return false;
    }
    if (now - port->phase_since_ns < SAMPLES_NS)
        return false;
    set_phase(port, AF_PACKET_BPF_ALONE, now);
    return true;
}

/* Those that have all their packets now. What a filter has left to the other program before has
 * passed that before it goes. */
static void all_go_home(const struct af_packet_state *s)
{
    bpf_wait_for_packets();
    for (u32 i = 0; i < s->ports.n; i++) {
        struct af_packet *port = s->ports.v[i];
        if (port->is_held && port->is_fast && port->place->phase == AF_PACKET_BPF_ALONE)
            go_home(port);
    }
}

static void held_end(struct af_packet_state *s)
{
    loop_timer_del(s->piste->loop, s->held_timer);
    s->held_timer = NULL;
}

static void on_held_tick(void *arg)
{
    struct af_packet_state *s = arg;
    u64 now = clock_ns();
    u32 n_held = 0, n_over = 0;
    if (running_config_is_replaying(s->piste))
        return;
    for (u32 i = 0; i < s->ports.n; i++) {
        struct af_packet *port = s->ports.v[i];
        bool over = port->is_held && port->is_fast && take_over(s, port, now);
        n_over += over;
        n_held += port->is_held && !over;
    }
    if (n_over) {
        all_go_home(s);
        s->held_over_ns = now;
        log_notice(&log_class, "took over %u host interfaces whose flows went on", n_over);
    }
    if (n_held || now - s->held_over_ns < SAMPLES_NS) /* somebody may be in a program in front */
        return;
    __atomic_store_n(&s->bpf->control->ends_chain, 0, __ATOMIC_RELEASE);
    if (now >= s->held_until_ns)
        held_end(s);
}

/* --- the backend --- */

static int fast_put(void *arg, const struct fast_path_key *key, const struct fast_path_flow *flow,
                    bool only_new)
{
    const struct af_packet_state *s = arg;
    struct af_packet_bpf_port *x = device_place(s->bpf, key->port, key->port);
    int map = af_packet_bpf_map_of(s->bpf, key);
    int rc = only_new ? bpf_map_add(map, key, flow) : bpf_map_set(map, key, flow);
    if (!rc && x)
        __atomic_store_n(&x->generation, (u8)flow->generation, __ATOMIC_RELEASE);
    return rc;
}

static bool fast_find(void *arg, const struct fast_path_key *key, struct fast_path_flow *flow)
{
    const struct af_packet_state *s = arg;
    return !bpf_map_get(af_packet_bpf_map_of(s->bpf, key), key, flow);
}

static void fast_del(void *arg, const struct fast_path_key *key)
{
    const struct af_packet_state *s = arg;
    bpf_map_del(af_packet_bpf_map_of(s->bpf, key), key);
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
    place_set_mask(port_of(arg, i)->place, (u8)mask);
}

/* A packet that a socket's filter has left to the program has passed that before it goes. */
static void all_leave_fast_path(const struct af_packet_state *s)
{
    for (u32 i = 0; i < s->ports.n; i++)
        leave_fast_path(s->ports.v[i]);
    bpf_wait_for_packets();
    for (u32 i = 0; i < s->ports.n; i++) {
        struct af_packet *port = s->ports.v[i];
        bool has_filters = port->ingress_fd >= 0 || port->tc_priority;
        program_detach(port);
        if (has_filters)
            detach_sockets(port);
    }
}

static void fast_set_on(void *arg, bool on)
{
    struct af_packet_state *s = arg;
    s->fast_on = on;
    af_packet_fast_unhooked(s); /* what was seen before is of no interest */
    if (on)
        for (u32 i = 0; i < s->ports.n; i++)
            af_packet_fast_opened(s->ports.v[i]);
    else
        all_leave_fast_path(s);
}

#define LOOKS_EXCUSED 2 /* what is told of a device comes before the last such packet, too */

void af_packet_fast_unhooked(struct af_packet_state *s)
{
    s->undecided.excused = LOOKS_EXCUSED;
}

/* Once a second: a port's packets are watched from the second look on, when all that was under way
 * as it came in has passed. What comes undecided counts at the look after that which sees it, if
 * nothing is told of a device until then that excuses it. */
static u64 fast_undecided(void *arg)
{
    struct af_packet_state *s = arg;
    struct af_packet_undecided *u = &s->undecided;
    for (u32 i = 0; i < s->ports.n; i++) {
        struct af_packet *port = s->ports.v[i];
        bool may = port->is_fast && !port->is_held;
        if (may && port->is_watched)
            place_set_flag(port->place, AF_PACKET_BPF_WATCHED, true);
        port->is_watched = may;
    }
    u64 now = __atomic_load_n(&s->bpf->control->undecided, __ATOMIC_RELAXED);
    bool excused = u->excused;
    u->told += excused ? 0 : u->suspect;
    u->suspect = excused ? 0 : now - u->seen;
    u->excused -= excused;
    u->seen = now;
    return u->told;
}

static void fast_keep(void *arg, u64 until_ns)
{
    const struct af_packet_state *s = arg;
    u64 ahead_ns =
        __atomic_load_n(&clock_ahead_ns, __ATOMIC_RELAXED); /* the kernel's time is none */
    __atomic_store_n(&s->bpf->control->deadline_ns, until_ns - ahead_ns, __ATOMIC_RELEASE);
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
    const struct fast_path_settings *wish = fast_path_settings_of(s->piste);
    s->by_clsact = wish->clsact || wish->hold_s || !kernel_has_tcx();
    struct af_packet_bpf_args args = {wish->flows, wish->hold_s != 0, s->by_clsact};
    struct af_packet_bpf *b = mem_alloc(sizeof(*b));
    if (af_packet_bpf_open(b, &args, &e)) {
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
        .max_actions = b->max_actions,
        .put = fast_put,
        .find = fast_find,
        .del = fast_del,
        .set_generation = fast_set_generation,
        .device = fast_device,
        .mask = fast_mask,
        .set_mask = fast_set_mask,
        .set_on = fast_set_on,
        .undecided = fast_undecided,
        .keep = fast_keep,
        .arg = s,
    };
    if (b->holds) {
        s->held_until_ns = clock_ns() + max_u64(wish->hold_s * NS_PER_SEC / 2, HELD_LEAST_NS);
        s->held_timer = loop_timer_add(s->piste->loop, clock_ns() + HELD_TICK_NS, HELD_TICK_NS,
                                       on_held_tick, s);
    }
    fast_path_set_backend(s->piste, s->fast, NULL);
}

void af_packet_fast_stop(struct af_packet_state *s)
{
    if (!s->bpf)
        return;
    if (s->held_timer)
        held_end(s);
    bool left = fast_path_leave_backend(s->piste);
    for (u32 i = 0; i < s->ports.n; i++) {
        struct af_packet *port = s->ports.v[i];
        port->place = NULL;
        if (!left)
            continue;
        port->is_fast = port->is_held = false; /* programs stay, and what they read */
        port->tc_priority = 0;
    }
    af_packet_bpf_close(s->bpf);
    free(s->bpf);
    free(s->fast);
    s->bpf = NULL;
    s->fast = NULL;
}
