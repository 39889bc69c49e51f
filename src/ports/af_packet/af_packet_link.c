/* The Linux device below a host interface: its state by netlink as it changes, its settings by
 * ioctl. A device that goes away closes the port's sockets; when one of that name comes, they are
 * opened again. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "control/loop.h"
#include "ports/af_packet/af_packet_internal.h"

#define NETLINK_BUFFER_BYTES 32768

static struct log_class log_class = {"af-packet", "link"};

/* --- ioctls --- */

static int af_packet_link_request(unsigned long what, struct ifreq *r)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int rc = ioctl(fd, (int)what, r) ? -errno : 0;
    close(fd);
    return rc;
}

static struct ifreq request_for(const char *name)
{
    struct ifreq r;
    memset(&r, 0, sizeof(r));
    memcpy(r.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
    return r;
}

int af_packet_host_set_up(const char *name, bool up, struct error *e)
{
    struct ifreq r = request_for(name);
    int rc = af_packet_link_request(SIOCGIFFLAGS, &r);
    if (rc)
        return error_errno(e, -rc, "%s: cannot read the state of the device", name);
    if (!!(r.ifr_flags & IFF_UP) == up)
        return 0;
    r.ifr_flags = (short)(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
    rc = af_packet_link_request(SIOCSIFFLAGS, &r);
    return rc ? error_errno(
                    e, -rc,
                    "%s: cannot set the device %s, which needs the capability CAP_NET_ADMIN", name,
                    up ? "up" : "down")
              : 0;
}

int af_packet_host_set_mac(const char *name, const u8 mac[6], struct error *e)
{
    struct ifreq r = request_for(name);
    r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(r.ifr_hwaddr.sa_data, mac, 6);
    int rc = af_packet_link_request(SIOCSIFHWADDR, &r);
    return rc ? error_errno(e, -rc, "%s: the device keeps its own MAC address", name) : 0;
}

u32 af_packet_host_mtu(const char *name)
{
    struct ifreq r = request_for(name);
    return af_packet_link_request(SIOCGIFMTU, &r) ? 0 : (u32)r.ifr_mtu;
}

int af_packet_host_set_mtu(const char *name, u32 bytes, struct error *e)
{
    struct ifreq r = request_for(name);
    r.ifr_mtu = (int)bytes;
    int rc = af_packet_link_request(SIOCSIFMTU, &r);
    return rc ? error_errno(e, -rc, "%s: cannot set the device's MTU to %u%s", name, bytes,
                            rc == -EPERM ? ", which needs the capability CAP_NET_ADMIN" : "")
              : 0;
}

bool af_packet_host_link_up(const char *name)
{
    struct ifreq r = request_for(name);
    return !af_packet_link_request(SIOCGIFFLAGS, &r) && (r.ifr_flags & IFF_UP) &&
           (r.ifr_flags & IFF_RUNNING);
}

u32 af_packet_host_features(const char *name)
{
    static const struct {
        u32 command, feature;
    } table[] = {
        {ETHTOOL_GRXCSUM, AF_PACKET_FEATURE_RX_CSUM}, {ETHTOOL_GTXCSUM, AF_PACKET_FEATURE_TX_CSUM},
        {ETHTOOL_GTSO, AF_PACKET_FEATURE_TSO},        {ETHTOOL_GGSO, AF_PACKET_FEATURE_GSO},
        {ETHTOOL_GGRO, AF_PACKET_FEATURE_GRO},
    };
    u32 features = 0;
    for (u32 i = 0; i < array_len(table); i++) {
        struct ethtool_value v = {.cmd = table[i].command};
        struct ifreq r = request_for(name);
        r.ifr_data = (void *)&v;
        if (!af_packet_link_request(SIOCETHTOOL, &r) && v.data)
            features |= table[i].feature;
    }
    return features;
}

/* --- netlink --- */

static void device_gone(struct af_packet *port)
{
    if (!port->host_index)
        return;
    log_warn(&log_class, "%s: the device is gone", port->host_name);
    port->host_index = 0;
    port->host_mtu = 0;
    af_packet_close(port);
    interface_set_link(port->piste, port->interface, false);
}

static void device_here(struct af_packet *port, int index)
{
    struct error e;
    if (port->host_index == index)
        return;
    if (port->host_index)
        device_gone(port);
    port->host_index = index;
    if (af_packet_open(port, &e)) {
        log_error(&log_class, "%s", e.text);
        port->host_index = 0;
        return;
    }
    if (port->admin_up && af_packet_host_set_up(port->host_name, true, &e))
        log_warn(&log_class, "%s", e.text);
    log_notice(&log_class, "%s: the device is there", port->host_name);
}

struct link_attributes {
    const char *name; /* NULL: not said */
    u32 mtu;          /* 0: not said */
};

static int get_attribute(const struct nlattr *a, void *arg)
{
    struct link_attributes *l = arg;
    if (mnl_attr_get_type(a) == IFLA_IFNAME && !mnl_attr_validate(a, MNL_TYPE_STRING))
        l->name = mnl_attr_get_str(a);
    else if (mnl_attr_get_type(a) == IFLA_MTU && !mnl_attr_validate(a, MNL_TYPE_U32))
        l->mtu = mnl_attr_get_u32(a);
    return MNL_CB_OK;
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
    bool by_user = f->frame_bytes_by_user;
    u32 l3 = f->mtu[IF_MTU_L3];
    bool l3_by_user = l3 != f->max_frame_bytes;
    if (by_user && f->max_frame_bytes <= mtu)
        return;
    if (!by_user)
        mtu = (u32)min_u64(mtu, interface_default_mtu(port->piste));
    if (interface_set_hw_mtu(port->piste, port->interface, mtu, &e))
        log_warn(&log_class, "%s: %s", port->host_name, e.text);
    else if (l3_by_user && l3 < mtu &&
             interface_set_mtu(port->piste, port->interface, IF_MTU_L3, l3, &e))
        log_warn(&log_class, "%s: %s", port->host_name, e.text);
    f->frame_bytes_by_user = by_user;
}

static int on_message(const struct nlmsghdr *h, void *arg)
{
    struct af_packet_state *s = arg;
    if (h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK)
        return MNL_CB_OK;
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
    struct link_attributes link = {0};
    mnl_attr_parse(h, sizeof(*info), get_attribute, &link);
    const char *name = link.name;
    for (u32 i = 0; i < s->ports.n; i++) {
        struct af_packet *port = s->ports.v[i];
        bool ours = port->host_index && port->host_index == info->ifi_index;
        bool named = name && !strcmp(name, port->host_name);
        if (h->nlmsg_type == RTM_DELLINK && ours && info->ifi_family == AF_UNSPEC)
            device_gone(port);
        else if (h->nlmsg_type == RTM_NEWLINK && named)
            device_here(port, info->ifi_index);
        else if (h->nlmsg_type == RTM_NEWLINK && ours && name)
            device_gone(port); /* renamed */
        if (port->host_index != info->ifi_index || h->nlmsg_type != RTM_NEWLINK)
            continue;
        struct error e;
        if (af_packet_update_caps(port, &e))
            log_warn(&log_class, "%s", e.text);
        follow_mtu(port, link.mtu);
        interface_set_link(s->piste, port->interface,
                           (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_RUNNING));
    }
    return MNL_CB_OK;
}

/* After a lost message nothing is certain: every device is looked at. */
static void af_packet_link_resync(struct af_packet_state *s)
{
    for (u32 i = 0; i < s->ports.n; i++) {
        struct af_packet *port = s->ports.v[i];
        int index = (int)if_nametoindex(port->host_name);
        if (!index)
            device_gone(port);
        else
            device_here(port, index);
        if (port->host_index)
            follow_mtu(port, af_packet_host_mtu(port->host_name));
        interface_set_link(s->piste, port->interface,
                           index && af_packet_host_link_up(port->host_name));
    }
}

static void on_netlink(void *arg, u32 events)
{
    struct af_packet_state *s = arg;
    char *buf = malloc(NETLINK_BUFFER_BYTES);
    if (!buf)
        return;
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(s->netlink, buf, NETLINK_BUFFER_BYTES);
        if (n < 0 && errno == ENOBUFS) {
            af_packet_link_resync(s);
            continue;
        }
        if (n <= 0 || mnl_cb_run(buf, (size_t)n, 0, 0, on_message, s) < 0)
            break;
    }
    free(buf);
}

int af_packet_link_start(struct af_packet_state *s, struct error *e)
{
    s->netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (!s->netlink)
        return error_errno(e, errno, "netlink");
    if (mnl_socket_bind(s->netlink, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0) {
        int code = errno;
        mnl_socket_close(s->netlink);
        s->netlink = NULL;
        return error_errno(e, code, "netlink");
    }
    int rc = loop_fd_add(s->piste->loop, mnl_socket_get_fd(s->netlink), EPOLLIN, on_netlink, s, e);
    if (rc) {
        mnl_socket_close(s->netlink);
        s->netlink = NULL;
    }
    return rc;
}

void af_packet_link_stop(struct af_packet_state *s)
{
    if (!s->netlink)
        return;
    loop_fd_del(s->piste->loop, mnl_socket_get_fd(s->netlink));
    mnl_socket_close(s->netlink);
    s->netlink = NULL;
}
