/* The Linux device below a host interface, as netlink tells of it. A port goes with its device,
 * whatever that is called; when the device goes away the port's sockets are closed, and when one of
 * its last name comes they are opened again. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "engine/probe.h"
#include "ports/af_packet/af_packet_internal.h"

static struct log_class log_class = {"af-packet", "link"};

static void device_gone(struct af_packet *port)
{
    if (!port->host_index)
        return;
    log_warn(&log_class, "%s: the device is gone", port->host_name);
    port->host_index = 0;
    port->host_mtu = port->own_mtu = 0;
    port->device_name[0] = '\0';
    af_packet_close(port);
    interface_set_link(port->piste, port->interface, false);
}

static void device_here(struct af_packet_state *s, struct af_packet *port, int index)
{
    struct error e;
    port->host_index = index;
    if (af_packet_open(port, &e)) {
        log_error(&log_class, "%s", e.text);
        port->host_index = 0;
        return;
    }
    memcpy(port->device_name, port->host_name, sizeof(port->device_name));
    if (port->admin_up && host_link_set_up(s->net, index, true, &e))
        log_warn(&log_class, "%s", e.text);
    log_notice(&log_class, "%s: the device is there", port->host_name);
}

/* The interface goes with the device as long as nobody gave it an MTU of its own, up to the default
 * of new interfaces. */
static void follow_mtu(struct af_packet *port, u32 mtu)
{
    struct interface *f = interface_at(port->piste, port->interface);
    struct error e;
    if (!mtu || mtu == port->host_mtu)
        return;
    port->host_mtu = mtu;
    port->own_mtu = 0;
    f->default_frame_bytes = (u32)min_u64(mtu, interface_default_mtu(port->piste));
    bool by_user = f->frame_bytes_by_user;
    u32 l3 = f->mtu[IF_MTU_L3];
    bool l3_by_user = l3 != f->max_frame_bytes;
    if (by_user && f->max_frame_bytes <= mtu)
        return;
    if (!by_user)
        mtu = (u32)min_u64(mtu, interface_default_mtu(port->piste));
    if (interface_set_hw_mtu(port->piste, port->interface, mtu, &e))
        log_warn(&log_class, "%s: %s", port->host_name, e.text);
    else if (l3_by_user && interface_set_mtu(port->piste, port->interface, IF_MTU_L3, l3, &e))
        log_warn(&log_class, "%s: %s", port->host_name, e.text);
    f->frame_bytes_by_user = by_user;
}

static struct af_packet *port_called(const struct af_packet_state *s, const char *name)
{
    for (u32 i = 0; i < s->ports.n; i++)
        if (!strcmp(s->ports.v[i]->host_name, name))
            return s->ports.v[i];
    return NULL;
}

static bool wants_name(const struct af_packet *port)
{
    return *port->device_name && strcmp(port->host_name, port->device_name) != 0;
}

/* Whether the name that port's device has is nobody else's, or will be when all have theirs: names
 * of devices may go round. Of two interfaces with one only one could be made again. */
static bool may_have_name(const struct af_packet_state *s, const struct af_packet *port)
{
    const struct af_packet *holder = port_called(s, port->device_name);
    for (u32 n = 0; holder && holder != port; n++) {
        if (!wants_name(holder) || n == s->ports.n)
            return false;
        holder = port_called(s, holder->device_name);
    }
    return true;
}

static void take_name(struct af_packet *port)
{
    memcpy(port->host_name, port->device_name, sizeof(port->host_name));
    /* so is it made when the configuration is replayed, and then renamed to what it is called */
    char made[IF_NAME_BYTES];
    snprintf(made, sizeof(made), "host-%s", port->host_name);
    interface_made_as(port->piste, port->interface, made);
}

void af_packet_follow_names(struct af_packet_state *s)
{
    for (u32 i = 0; i < s->ports.n; i++) {
        struct af_packet *port = s->ports.v[i];
        if (!wants_name(port) || !may_have_name(s, port))
            continue;
        take_name(port);
        i = UINT32_MAX; /* from the first one: others may have theirs now */
    }
}

static void follow_name(struct af_packet_state *s, struct af_packet *port, const char *name)
{
    if (!*name || !strcmp(port->device_name, name))
        return;
    if (*port->device_name)
        log_notice(&log_class, "%s: the device is called %s now", port->device_name, name);
    snprintf(port->device_name, sizeof(port->device_name), "%s", name);
    af_packet_follow_names(s);
    if (wants_name(port))
        log_warn(&log_class,
                 "%s: another interface waits for a device of that name: %s stays what "
                 "this one is made by",
                 name, port->host_name);
}

/* Many events say nothing new: one for each socket that becomes promiscuous, or ends, above all. */
static void af_packet_follow(struct af_packet_state *s, struct af_packet *port,
                             const struct host_link *l)
{
    struct error e;
    struct af_packet_heard heard = {l->mtu, l->master, l->up, l->running, {0}};
    u32 features = port->features;
    memcpy(heard.mac, l->mac, sizeof(heard.mac));
    follow_name(s, port, l->name);
    if (af_packet_update_caps(port, &e))
        log_warn(&log_class, "%s", e.text);
    follow_mtu(port, l->mtu);
    af_packet_update_link(port, l);
    if (features != port->features || memcmp(&heard, &port->heard, sizeof(heard)))
        forwarding_changed(engine_of(s->piste));
    if (heard.up != port->heard.up)
        af_packet_fast_unhooked(s);
    port->heard = heard;
}

static struct af_packet *port_on(const struct af_packet_state *s, int index)
{
    for (u32 i = 0; i < s->ports.n; i++)
        if (s->ports.v[i]->host_index == index)
            return s->ports.v[i];
    return NULL;
}

static struct af_packet *port_that_waits(const struct af_packet_state *s, const char *name)
{
    for (u32 i = 0; i < s->ports.n; i++)
        if (!s->ports.v[i]->host_index && !strcmp(s->ports.v[i]->host_name, name))
            return s->ports.v[i];
    return NULL;
}

static void on_event(void *arg, const struct host_event *ev)
{
    struct af_packet_state *s = arg;
    const struct host_link *l = &ev->link;
    struct af_packet *port = port_on(s, l->index);
    if (ev->gone) {
        if (port)
            device_gone(port);
        return;
    }
    if (!port && (port = port_that_waits(s, l->name)))
        device_here(s, port, l->index);
    if (port && port->host_index)
        af_packet_follow(s, port, l);
}

/* After a lost message nothing is certain: every device is looked at. */
static void on_lost(void *arg)
{
    struct af_packet_state *s = arg;
    af_packet_fast_unhooked(s);
    for (u32 i = 0; i < s->ports.n; i++) {
        struct af_packet *port = s->ports.v[i];
        struct host_link l;
        struct error e;
        if (port->host_index && host_link_get(s->net, port->host_index, &l, &e))
            device_gone(port);
        if (!port->host_index && !host_link_find(s->net, port->host_name, &l, &e) &&
            !port_on(s, l.index))
            device_here(s, port, l.index);
        if (port->host_index)
            af_packet_follow(s, port, &l);
    }
}

int af_packet_link_start(struct af_packet_state *s, struct error *e)
{
    s->net = host_net_open(s->piste, NULL, e);
    if (!s->net)
        return -e->code;
    s->listener = (struct host_listener){
        .kinds = HOST_KINDS(HOST_LINK), .event = on_event, .lost = on_lost, .arg = s};
    int rc = host_net_listen(s->net, &s->listener, e);
    if (rc)
        host_net_close(s->net);
    return rc;
}

void af_packet_link_stop(struct af_packet_state *s)
{
    host_net_unlisten(s->net, &s->listener);
    host_net_close(s->net);
}
