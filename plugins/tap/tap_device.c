/* The Linux device of a tap: descriptors of /dev/net/tun, and the host's side of it. A descriptor
 * keeps the namespace from going in which it was opened, a device does not: so one for another
 * namespace is made in the switch's own and moved, and goes with the container that it is of.
 * Source: Linux Documentation/networking/tuntap.rst, include/uapi/linux/if_tun.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/privilege.h"
#include "control/running_config.h"
#include "host/host_ip.h"
#include "plugins/tap/tap_internal.h"

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef TUNSETCARRIER /* 4.20 */
#define TUNSETCARRIER _IOW('T', 226, int)
#endif
#ifndef TUNGETDEVNETNS /* 5.2 */
#define TUNGETDEVNETNS _IO('T', 227)
#endif

#define QUEUE_LEN_OF_LINUX 1000u /* of a new device */

static struct log_class log_class = {"tap", "device"};

/* --- descriptors --- */

static int tap_ioctl_error(struct error *e, const char *name, int code)
{
    const char *why = code == EBUSY    ? "the device is there already, or in use"
                      : code == EINVAL ? "it is another kind of device, or of another number of "
                                         "queues"
                                       : strerror(code);
    return error_set(e, code, "%s: cannot open the tap device: %s%s", *name ? name : "new device",
                     why, PRIVILEGE_HINT(code, "CAP_NET_ADMIN"));
}

/* Returns a descriptor of the device of that name, which is made when there is none, and its name
 * ("": Linux chooses one). */
static int open_descriptor(u16 flags, char name[IFNAMSIZ], struct error *e)
{
    struct ifreq r;
    int header = VIRTIO_HEADER_BYTES, big_endian = 0;
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return error_errno(e, errno, "cannot open /dev/net/tun%s",
                           errno == ENOENT ? ", which this host or container does not have" : "");
    memset(&r, 0, sizeof(r));
    memcpy(r.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
    r.ifr_flags = (short)flags;
    if (ioctl(fd, TUNSETIFF, &r)) {
        int code = errno;
        close(fd);
        return tap_ioctl_error(e, name, code);
    }
    memcpy(name, r.ifr_name, IFNAMSIZ);
    name[IFNAMSIZ - 1] = 0;
    /* a persistent device may have been somebody else's, who had it otherwise */
    if (ioctl(fd, TUNSETVNETHDRSZ, &header)) {
        int code = errno;
        close(fd);
        return tap_ioctl_error(e, name, code);
    }
    if (ioctl(fd, TUNSETVNETLE, &big_endian))
        log_debug(&log_class, "%s: TUNSETVNETLE: %s", name, strerror(errno));
    return fd;
}

static void close_all(struct tap *tap)
{
    for (u32 i = 0; i < tap->n_queues; i++) {
        if (tap->queue[i].rx.fd >= 0)
            close(tap->queue[i].rx.fd);
        tap->queue[i].rx.fd = -1;
    }
}

/* Whether a device that is there already is taken. -ENODEV: it has to be there and is not. */
static int find_attached(const struct tap *tap, struct host_net *net, bool *there, struct error *e)
{
    const struct tap_args *a = &tap->args;
    struct host_link l;
    *there = false;
    if (!(a->flags & (TAP_ATTACH | TAP_PERSIST)) || !*a->host_name)
        return 0;
    int rc = host_link_find(net, a->host_name, &l, e);
    *there = !rc;
    /* what was saved comes back, though the device has gone with the switch or the host */
    bool may_be_made = !(a->flags & TAP_ATTACH) || running_config_is_replaying(tap->piste);
    return rc == -ENODEV && may_be_made ? 0 : rc;
}

static int open_queues(struct tap *tap, bool there, struct error *e)
{
    u16 flags = (tap->args.flags & TAP_TUN ? IFF_TUN : IFF_TAP) | IFF_NO_PI | IFF_VNET_HDR;
    if (tap->n_queues > 1)
        flags |= IFF_MULTI_QUEUE;
    for (u32 i = 0; i < tap->n_queues; i++) {
        bool first = i == 0;
        u16 excl = first && !there && *tap->host_name ? IFF_TUN_EXCL : 0;
        int fd = open_descriptor(flags | excl, tap->host_name, e);
        if (fd == -EINVAL && first && there && tap->n_queues == 1)
            fd = open_descriptor(flags | IFF_MULTI_QUEUE, tap->host_name, e);
        if (fd < 0)
            return fd;
        tap->queue[i].rx.fd = fd;
    }
    return 0;
}

/* The device's name, as it is called now. */
static int device_name(const struct tap *tap, char name[IFNAMSIZ], struct error *e)
{
    struct ifreq r;
    memset(&r, 0, sizeof(r));
    if (ioctl(tap->queue[0].rx.fd, TUNGETIFF, &r))
        return error_errno(e, errno, "%s", tap->host_name);
    memcpy(name, r.ifr_name, IFNAMSIZ);
    name[IFNAMSIZ - 1] = 0;
    return 0;
}

static int open_in(struct tap *tap, struct host_net *net, bool there, struct error *e)
{
    int rc = host_net_enter(net, e);
    if (rc)
        return rc;
    rc = open_queues(tap, there, e);
    host_net_leave(net);
    return rc;
}

/* By a name that is free here; then it goes there, and gets its own, or keeps this one if it can.
 */
static int open_and_move(struct tap *tap, struct host_net *own, struct host_net *to,
                         struct error *e)
{
    const char *name = *tap->args.host_name ? tap->args.host_name : NULL;
    struct host_link l;
    tap->host_name[0] = 0;
    int rc = open_queues(tap, false, e);
    if (!rc)
        rc = host_link_find(own, tap->host_name, &l, e);
    if (!rc)
        rc = host_link_move(own, l.index, to, name, e);
    if (rc == -EEXIST && !name)
        rc = host_link_move(own, l.index, to, tap->args.flags & TAP_TUN ? "tun%d" : "tap%d", e);
    else if (rc == -EEXIST)
        rc = tap_ioctl_error(e, name, EBUSY);
    return rc ? rc : device_name(tap, tap->host_name, e);
}

int tap_device_open(struct tap *tap, struct host_net *net, struct error *e)
{
    struct host_net *own = tap_state_of(tap->piste)->net;
    struct host_link l;
    bool there;
    memcpy(tap->host_name, tap->args.host_name, IFNAMSIZ);
    int rc = find_attached(tap, net, &there, e);
    if (!rc)
        rc = net == own || there ? open_in(tap, net, there, e) : open_and_move(tap, own, net, e);
    if (!rc)
        rc = tap_device_set_offload(tap, e);
    if (!rc)
        rc = host_link_find(net, tap->host_name, &l, e);
    if (!rc)
        tap->host_index = l.index;
    else
        close_all(tap);
    return rc;
}

bool tap_device_is_there(const struct tap *tap)
{
    char name[IFNAMSIZ];
    return !tap->is_gone && !device_name(tap, name, NULL);
}

int tap_device_set_offload(struct tap *tap, struct error *e)
{
    u32 flags = tap->args.flags;
    unsigned long large = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    unsigned long wanted = flags & TAP_GSO ? large : flags & TAP_CSUM ? TUN_F_CSUM : 0;
    int fd = tap->queue[0].rx.fd;
    tap->takes_uso =
        (flags & TAP_GSO) && !ioctl(fd, TUNSETOFFLOAD, wanted | TUN_F_USO4 | TUN_F_USO6);
    if (tap->takes_uso || !ioctl(fd, TUNSETOFFLOAD, wanted))
        return 0;
    return error_errno(e, errno, "%s: cannot set offloads", tap->host_name);
}

void tap_device_set_carrier(const struct tap *tap, bool on)
{
    int value = on;
    if (!tap->is_gone && ioctl(tap->queue[0].rx.fd, TUNSETCARRIER, &value))
        log_debug(&log_class, "%s: TUNSETCARRIER: %s", tap->host_name, strerror(errno));
}

void tap_device_set_persistent(const struct tap *tap, bool on)
{
    if (!tap->is_gone && ioctl(tap->queue[0].rx.fd, TUNSETPERSIST, (unsigned long)on))
        log_warn(&log_class, "%s: TUNSETPERSIST: %s", tap->host_name, strerror(errno));
}

/* --- its host --- */

struct host_net *tap_device_net(const struct tap *tap, struct error *e)
{
    char path[32];
    struct host_net *net;
    if (tap->is_gone) {
        error_set(e, ENODEV, "%s: no such device at present", tap->host_name);
        return NULL;
    }
    int fd = ioctl(tap->queue[0].rx.fd, TUNGETDEVNETNS);
    if (fd < 0) /* an old kernel: it is where it was made, as far as we know */
        return host_net_open(tap->piste, *tap->args.host_ns ? tap->args.host_ns : NULL, e);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    net = host_net_open(tap->piste, path, e);
    close(fd);
    return net;
}

int tap_device_link(const struct tap *tap, struct host_net *net, struct host_link *out,
                    struct error *e)
{
    char name[IFNAMSIZ];
    int rc = device_name(tap, name, e);
    return rc ? rc : host_link_find(net, name, out, e);
}

static int tap_device_set_addresses(const struct tap *tap, struct host_net *net, int index,
                                    struct error *e)
{
    static const u8 families[IP_FAMILY_N] = {[IP_FAMILY_4] = AF_INET, [IP_FAMILY_6] = AF_INET6};
    static const struct ip_address any;
    int rc = 0;
    for (u32 i = 0; i < IP_FAMILY_N && !rc; i++) {
        const struct tap_host_ip *ip = &tap->args.host_ip[i];
        if (ip->has_addr)
            rc = host_address_add(net, index, families[i], ip->addr.bytes, ip->prefix_len, e);
    }
    if (!rc)
        rc = host_link_set_up(net, index, true, e);
    for (u32 i = 0; i < IP_FAMILY_N && !rc; i++) {
        const struct tap_host_ip *ip = &tap->args.host_ip[i];
        if (ip->has_gateway)
            rc = host_route_set(net, families[i], any.bytes, 0, ip->gateway.bytes, index, e);
    }
    return rc;
}

int tap_device_configure(struct tap *tap, struct host_net *net, struct error *e)
{
    const struct tap_args *a = &tap->args;
    struct host_link bridge, now;
    int index = tap->host_index;
    int rc = a->has_host_mac ? host_link_set_mac(net, index, a->host_mac, e) : 0;
    if (!rc && a->host_mtu)
        rc = host_link_set_mtu(net, index, a->host_mtu, e);
    if (!rc && a->rx_ring_size > QUEUE_LEN_OF_LINUX)
        rc = host_link_set_queue_len(net, index, a->rx_ring_size, e);
    if (!rc && *a->host_bridge)
        rc = host_link_find(net, a->host_bridge, &bridge, e);
    if (!rc && *a->host_bridge)
        rc = host_link_set_master(net, index, bridge.index, e);
    if (!rc)
        rc = tap_device_set_addresses(tap, net, index, e);
    if (!rc)
        rc = host_link_get(net, index, &now, e);
    if (!rc)
        memcpy(tap->host_mac, now.mac, 6);
    return rc;
}
