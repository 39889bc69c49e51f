/* What people and ports change of an interface: states, MAC, MTUs, capabilities, its tag. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/cli.h"
#include "engine/feature.h"
#include "engine/rx_queue.h"
#include "engine/tx_queue.h"
#include "net/link/interface/interface_internal.h"

#define MTU_MAX 65535u

int interface_check_mac(const u8 mac[6], struct error *e)
{
    static const u8 zero[6];
    return mac[0] & 1 || !memcmp(mac, zero, 6)
               ? error_set(e, EINVAL, "a MAC address of an interface is neither multicast nor zero")
               : 0;
}

int interface_apply_offload(struct piste *p, const struct interface *f, struct error *e)
{
    u32 all = IF_CAP_CSUM_ALL | IF_CAP_GSO_ALL;
    return feature_enable(engine_of(p), "interface-output", "interface-offload", f->index,
                          f->software_offload && (f->caps & all) != all, 0, e);
}

struct interface *interface_must_find(const struct piste *p, struct if_index i, struct error *e)
{
    struct interface *f = interface_at(p, i);
    if (!f)
        error_set(e, ENOENT, "no interface %u", i.i);
    return f;
}

int interface_set_admin(struct piste *p, struct if_index i, bool up, struct error *e)
{
    struct interface *f = interface_must_find(p, i, e);
    if (!f)
        return -ENOENT;
    if (f->admin_up == up)
        return 0;
    /* the link of a port that has none outside goes with it: that is one change, told once */
    bool link_was_up = f->link_up;
    f->admin_changes = true;
    int rc = f->cls->set_admin ? f->cls->set_admin(f->port, up, e) : 0;
    f->admin_changes = false;
    if (!rc)
        f->admin_up = up;
    if (f->link_up != link_was_up)
        interface_follow_all(f);
    interface_publish(f);
    if (!rc)
        interface_tell(p, f, IF_EVENT_ADMIN);
    else if (f->link_up != link_was_up)
        interface_tell_all(p, f, IF_EVENT_LINK);
    return rc;
}

void interface_set_link(struct piste *p, struct if_index i, bool up)
{
    struct interface *f = interface_at(p, i);
    if (!f || f->link_up == up)
        return;
    f->link_up = up;
    log_info(&interface_log, "%s: link is %s", f->name, up ? "up" : "down");
    if (!f->admin_changes)
        interface_tell_all(p, f, IF_EVENT_LINK);
}

int interface_set_mac(struct piste *p, struct if_index i, const u8 mac[6], struct error *e)
{
    struct interface *f = interface_must_find(p, i, e);
    if (!f)
        return -ENOENT;
    if (!f->has_mac)
        return error_set(e, EOPNOTSUPP, "%s has no MAC address", f->name);
    if (f->super)
        return error_set(e, EOPNOTSUPP, "a sub-interface has the MAC address of %s",
                         f->super->name);
    int rc = interface_check_mac(mac, e);
    if (!rc && f->cls->set_mac)
        rc = f->cls->set_mac(f->port, mac, e);
    if (rc)
        return rc;
    memcpy(f->mac, mac, 6);
    f->mac_by_user = true;
    interface_tell_all(p, f, IF_EVENT_MAC);
    return 0;
}

void interface_random_mac(u8 mac[6])
{
    mac[0] = 0x02;
    mac[1] = 0xfe;
    if (getentropy(mac + 2, 4)) {
        u64 x = (u64)(uintptr_t)mac ^ (u64)getpid();
        memcpy(mac + 2, &x, 4);
    }
}

void interface_set_speed(struct piste *p, struct if_index i, u64 kbps)
{
    struct interface *f = interface_at(p, i);
    if (!f || f->link_kbps == kbps)
        return;
    f->link_kbps = kbps;
    for (struct interface *sub = f->subs; sub; sub = sub->next_sub)
        sub->link_kbps = kbps;
}

void interface_set_limit(struct piste *p, struct if_index i, struct if_limit limit)
{
    struct interface *f = interface_at(p, i);
    if (!f || (f->limit.bytes == limit.bytes && f->limit.spares_tag == limit.spares_tag))
        return;
    f->limit = limit;
    interface_tell_all(p, f, IF_EVENT_MTU);
}

int interface_set_hw_mtu(struct piste *p, struct if_index i, u32 bytes, struct error *e)
{
    struct interface *f = interface_must_find(p, i, e);
    if (!f)
        return -ENOENT;
    if (!f->output)
        return error_set(e, EOPNOTSUPP, "%s has no MTU", f->name);
    if (f->super)
        return error_set(
            e, EOPNOTSUPP,
            "%s has no hardware of its own: `set interface mtu packet' is for it, or %s", f->name,
            f->super->name);
    if (bytes < 64 || bytes > MTU_MAX)
        return error_set(e, EINVAL, "invalid MTU %u: 64 to %u are possible", bytes, MTU_MAX);
    int rc = f->cls->set_mtu ? f->cls->set_mtu(f->port, bytes, e) : 0;
    if (rc)
        return rc;
    f->max_frame_bytes = bytes;
    f->frame_bytes_by_user = true;
    f->mtu[IF_MTU_L3] = bytes;
    interface_tell_all(p, f, IF_EVENT_MTU);
    return 0;
}

int interface_reset_mtu(struct piste *p, struct if_index i, struct error *e)
{
    struct interface *f = interface_must_find(p, i, e);
    if (f && f->super)
        return interface_set_mtu(p, i, IF_MTU_L3, 0, e);
    int rc = f ? interface_set_hw_mtu(p, i, f->default_frame_bytes, e) : -ENOENT;
    if (!rc)
        f->frame_bytes_by_user = false;
    return rc;
}

int interface_check_mtu(const struct interface *f, u32 bytes, struct error *e)
{
    if (!f->output)
        return error_set(e, EOPNOTSUPP, "%s has no MTU", f->name);
    return bytes && bytes < 64
               ? error_set(e, EINVAL, "invalid MTU %u: at least 64, or 0 for none of its own",
                           bytes)
               : 0;
}

int interface_set_mtu(struct piste *p, struct if_index i, enum if_mtu which, u32 bytes,
                      struct error *e)
{
    struct interface *f = interface_must_find(p, i, e);
    int rc = f ? interface_check_mtu(f, bytes, e) : -ENOENT;
    if (rc)
        return rc;
    f->mtu[which] = bytes;
    interface_tell_all(p, f, IF_EVENT_MTU);
    return 0;
}

void interface_set_said_ip6_mtu(struct piste *p, struct interface *f, u32 bytes)
{
    if (f->said_ip6_mtu == bytes)
        return;
    f->said_ip6_mtu = bytes;
    interface_tell_all(p, f, IF_EVENT_MTU);
}

/* What was asked for, of f or of its super-interface; 0: nothing. */
static u32 interface_said_mtu(const struct interface *f, enum if_mtu which)
{
    if (f->mtu[which])
        return f->mtu[which];
    return f->mtu[IF_MTU_L3] || !f->super ? f->mtu[IF_MTU_L3] : interface_said_mtu(f->super, which);
}

u32 interface_mtu(const struct interface *f, enum if_mtu which)
{
    u32 mtu = interface_said_mtu(f, which);
    if (which == IF_MTU_IP6 && f->said_ip6_mtu && (!mtu || mtu > f->said_ip6_mtu))
        mtu = f->said_ip6_mtu;
    return mtu ? (u32)min_u64(mtu, f->max_frame_bytes) : f->max_frame_bytes;
}

u32 interface_shown_mtu(const struct interface *f, enum if_mtu which)
{
    u32 mtu = interface_mtu(f, which);
    bool is_less = which == IF_MTU_L3 && f->super && mtu < interface_mtu(f->super, which);
    return !f->mtu[which] && is_less ? mtu : f->mtu[which];
}

void interface_set_queues(struct piste *p, struct if_index i, struct rx_queue **rx, u32 n_rx,
                          struct tx_queues *tx)
{
    struct interface *f = interface_at(p, i);
    f->queues = rx;
    f->n_queues = n_rx;
    f->tx = tx;
    for (u32 q = 0; q < n_rx; q++) {
        rx[q]->interface = i;
        rx[q]->queue = q;
    }
    for (u32 q = 0; tx && q < tx->n; q++)
        tx->v[q]->interface = i;
}

int interface_place_queue(struct piste *p, struct interface *f, u32 queue, u32 worker,
                          struct error *e)
{
    if (queue >= f->n_queues)
        return error_set(e, EINVAL, "%s has no receive queue %u", f->name, queue);
    if (worker >= engine_n_threads(engine_of(p)) - 1)
        return error_set(e, EINVAL, "no worker %u", worker);
    int rc = rx_queue_place(engine_of(p), f->queues[queue], 1 + worker, e);
    f->queues[queue]->placed_by_user |= !rc;
    return rc;
}

int interface_set_caps(struct piste *p, struct if_index i, u32 caps, struct error *e)
{
    struct interface *f = interface_must_find(p, i, e);
    if (!f)
        return -ENOENT;
    /* the node looks at the capabilities itself: it is on before they go, and off after they came
     */
    f->caps = caps;
    interface_publish(f);
    return interface_apply_offload(p, f, e);
}

int interface_set_software_offload(struct piste *p, struct if_index i, bool on, struct error *e)
{
    struct interface *f = interface_must_find(p, i, e);
    if (!f)
        return -ENOENT;
    if (!f->cls->tx)
        return error_set(e, EOPNOTSUPP, "%s sends nothing", f->name);
    f->software_offload = on;
    return interface_apply_offload(p, f, e);
}

int interface_set_promiscuous(struct piste *p, struct if_index i, bool on, struct error *e)
{
    struct interface *f = interface_must_find(p, i, e);
    if (!f)
        return -ENOENT;
    if (f->promiscuous == on)
        return 0;
    f->promiscuous = on;
    bool want = on || f->promisc_refs;
    int rc = f->cls->set_promiscuous ? f->cls->set_promiscuous(f->port, want, e) : 0;
    if (rc)
        f->promiscuous = !on;
    interface_publish(f);
    return rc;
}

void interface_promisc_ref(struct piste *p, struct if_index i, bool add)
{
    struct interface *f = interface_at(p, i);
    struct error e;
    if (!f || (!add && !f->promisc_refs))
        return;
    f->promisc_refs += add ? 1 : -1;
    if (!f->promiscuous && f->promisc_refs == (add ? 1 : 0) && f->cls->set_promiscuous &&
        f->cls->set_promiscuous(f->port, add, &e))
        log_warn(&interface_log, "%s: %s", f->name, e.text);
}

int interface_check_tag(const char *tag, struct error *e)
{
    if (strlen(tag) >= IF_TAG_BYTES)
        return error_set(e, EINVAL, "a tag has at most %d characters", IF_TAG_BYTES - 1);
    if (!cli_is_braceable(tag))
        return error_set(
            e, EINVAL, "a tag is one line, with braces in pairs, and no blanks around it or a `|'");
    return 0;
}

int interface_set_tag(struct piste *p, struct if_index i, const char *tag, struct error *e)
{
    struct interface *f = interface_must_find(p, i, e);
    int rc = f ? interface_check_tag(tag, e) : -ENOENT;
    if (rc)
        return rc;
    snprintf(f->tag, sizeof(f->tag), "%s", tag);
    return 0;
}
