/* See host_link.h. */
#include "host/host_link.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/privilege.h"
#include "host/host_internal.h"

/* --- asking --- */

static void keep_link(void *arg, const struct host_event *ev)
{
    struct host_link *out = arg;
    if (ev->kind == HOST_LINK)
        *out = ev->link;
}

static int host_link_ask(struct host_net *n, struct host_request *r, struct host_link *out)
{
    *out = (struct host_link){0};
    int rc = host_request_get(n, r, keep_link, out);
    return rc ? rc : out->index ? 0 : -ENODEV;
}

int host_link_find(struct host_net *n, const char *name, struct host_link *out, struct error *e)
{
    struct host_request r;
    if (!*name || strlen(name) >= IFNAMSIZ)
        return error_set(e, ENODEV, "Invalid interface name: %s", name);
    host_request_begin(&r, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(r.h, IFLA_IFNAME, name);
    int rc = host_link_ask(n, &r, out);
    /* a name that the kernel knows as another one's is not what was asked for */
    if (!rc && strcmp(out->name, name) != 0)
        rc = -ENODEV;
    return rc ? error_errno(e, -rc, "Invalid interface name: %s", name) : 0;
}

int host_link_get(struct host_net *n, int index, struct host_link *out, struct error *e)
{
    struct host_request r;
    struct ifinfomsg *m = host_request_begin(&r, RTM_GETLINK, 0, sizeof(*m));
    m->ifi_index = index;
    int rc = host_link_ask(n, &r, out);
    return rc ? error_errno(e, -rc, "no network device of index %d", index) : 0;
}

/* --- setting --- */

static void set_begin(struct host_request *r, int index)
{
    struct ifinfomsg *m = host_request_begin(r, RTM_SETLINK, 0, sizeof(*m));
    m->ifi_index = index;
}

/* what: "set the MTU". */
static int host_link_change(struct host_net *n, struct host_request *r, int index, const char *what,
                            struct error *e)
{
    struct host_link l;
    int rc = host_request_send(n, r);
    if (!rc)
        return 0;
    bool named = !host_link_get(n, index, &l, NULL);
    return error_errno(e, -rc, "%s: cannot %s%s", named ? l.name : "network device", what,
                       PRIVILEGE_HINT(-rc, "CAP_NET_ADMIN"));
}

int host_link_set_up(struct host_net *n, int index, bool up, struct error *e)
{
    struct host_request r;
    struct ifinfomsg *m = host_request_begin(&r, RTM_SETLINK, 0, sizeof(*m));
    m->ifi_index = index;
    m->ifi_flags = up ? IFF_UP : 0;
    m->ifi_change = IFF_UP;
    return host_link_change(n, &r, index, up ? "set the device up" : "set the device down", e);
}

static int set_u32(struct host_net *n, int index, u16 attribute, u32 value, const char *what,
                   struct error *e)
{
    struct host_request r;
    set_begin(&r, index);
    mnl_attr_put_u32(r.h, attribute, value);
    return host_link_change(n, &r, index, what, e);
}

int host_link_set_mtu(struct host_net *n, int index, u32 bytes, struct error *e)
{
    char what[48];
    snprintf(what, sizeof(what), "set the device's MTU to %u", bytes);
    return set_u32(n, index, IFLA_MTU, bytes, what, e);
}

int host_link_set_queue_len(struct host_net *n, int index, u32 packets, struct error *e)
{
    return set_u32(n, index, IFLA_TXQLEN, packets, "set the length of the device's queue", e);
}

int host_link_set_master(struct host_net *n, int index, int master, struct error *e)
{
    return set_u32(n, index, IFLA_MASTER, (u32)master, "put the device into a bridge", e);
}

int host_link_set_mac(struct host_net *n, int index, const u8 mac[6], struct error *e)
{
    struct host_request r;
    set_begin(&r, index);
    mnl_attr_put(r.h, IFLA_ADDRESS, 6, mac);
    return host_link_change(n, &r, index, "change the device's MAC address", e);
}

int host_link_set_name(struct host_net *n, int index, const char *name, struct error *e)
{
    struct host_request r;
    if (!*name || strlen(name) >= IFNAMSIZ)
        return error_set(e, EINVAL, "names of network devices have 1 to %d characters",
                         IFNAMSIZ - 1);
    set_begin(&r, index);
    mnl_attr_put_strz(r.h, IFLA_IFNAME, name);
    return host_link_change(n, &r, index, "rename the device", e);
}

int host_link_move(struct host_net *n, int index, struct host_net *to, const char *name,
                   struct error *e)
{
    struct host_request r;
    int fd = host_net_fd(to, e);
    if (fd < 0)
        return fd;
    set_begin(&r, index);
    mnl_attr_put_u32(r.h, IFLA_NET_NS_FD, (u32)fd);
    if (name)
        mnl_attr_put_strz(r.h, IFLA_IFNAME, name);
    int rc = host_link_change(n, &r, index, "move the device to a network namespace", e);
    close(fd);
    return rc;
}

/* --- ethtool --- */

static int host_ethtool(struct host_net *n, int index, void *command)
{
    struct host_link l;
    struct ifreq r;
    int rc = host_link_get(n, index, &l, NULL);
    if (rc)
        return rc;
    memset(&r, 0, sizeof(r));
    memcpy(r.ifr_name, l.name, sizeof(l.name));
    r.ifr_data = command;
    return ioctl(host_net_ioctl_fd(n), SIOCETHTOOL, &r) ? -errno : 0;
}

static u32 feature_of(const char *name)
{
    static const struct {
        const char *name;
        u32 feature;
    } names[] = {
        {"rx-checksum", HOST_RX_CSUM},
        {"tx-checksum-ipv4", HOST_TX_CSUM},
        {"tx-checksum-ip-generic", HOST_TX_CSUM},
        {"tx-checksum-ipv6", HOST_TX_CSUM},
        {"tx-tcp-segmentation", HOST_TSO4},
        {"tx-tcp6-segmentation", HOST_TSO6},
        {"tx-udp-segmentation", HOST_USO},
        {"tx-generic-segmentation", HOST_GSO},
        {"rx-gro", HOST_GRO},
        {"rx-lro", HOST_LRO},
        {"rx-vlan-hw-parse", HOST_RX_VLAN},
    };
    for (u32 i = 0; i < array_len(names); i++)
        if (!strcmp(name, names[i].name))
            return names[i].feature;
    return 0;
}

/* Which bit is which depends on the kernel, and on nothing else. */
static int learn_features(struct host_net *n, int index)
{
    struct host_nets *all = host_nets_of(n);
    union {
        struct ethtool_sset_info head;
        u8 bytes[sizeof(struct ethtool_sset_info) + sizeof(u32)];
    } info = {.head = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES}};
    int rc = host_ethtool(n, index, &info);
    if (rc || !info.head.sset_mask)
        return rc ? rc : -EOPNOTSUPP;
    u32 len = info.head.data[0], count = (u32)min_u64(len, array_len(all->features));
    struct ethtool_gstrings *s = mem_alloc(sizeof(*s) + (size_t)len * ETH_GSTRING_LEN);
    s->cmd = ETHTOOL_GSTRINGS;
    s->string_set = ETH_SS_FEATURES;
    s->len = len;
    rc = host_ethtool(n, index, s);
    for (u32 i = 0; !rc && i < count; i++) {
        char name[ETH_GSTRING_LEN + 1] = "";
        memcpy(name, s->data + (size_t)i * ETH_GSTRING_LEN, ETH_GSTRING_LEN);
        all->features[i] = feature_of(name);
    }
    free(s);
    if (!rc)
        all->n_features = count;
    return rc;
}

u32 host_link_features(struct host_net *n, int index)
{
    const struct host_nets *all = host_nets_of(n);
    union {
        struct ethtool_gfeatures head;
        u8 bytes[sizeof(struct ethtool_gfeatures) +
                 HOST_FEATURE_WORDS * sizeof(struct ethtool_get_features_block)];
    } f = {.head = {.cmd = ETHTOOL_GFEATURES, .size = HOST_FEATURE_WORDS}};
    u32 found = 0;
    if ((!all->n_features && learn_features(n, index)) || host_ethtool(n, index, &f))
        return 0;
    for (u32 i = 0; i < all->n_features && i / 32 < f.head.size; i++)
        if (f.head.features[i / 32].active >> i % 32 & 1)
            found |= all->features[i];
    return found;
}

u32 host_link_rx_queues(struct host_net *n, int index)
{
    struct ethtool_channels c = {.cmd = ETHTOOL_GCHANNELS};
    return host_ethtool(n, index, &c) ? 1 : (u32)max_u64(c.combined_count + c.rx_count, 1);
}

u64 host_link_kbps(struct host_net *n, int index)
{
    union {
        struct ethtool_link_settings head;
        u8 bytes[sizeof(struct ethtool_link_settings) +
                 3 * 127 * sizeof(u32)]; /* as many masks as the kernel can say */
    } s = {.head = {.cmd = ETHTOOL_GLINKSETTINGS}};
    /* the first answer is how many words there are, negated */
    if (host_ethtool(n, index, &s) || s.head.link_mode_masks_nwords >= 0)
        return 0;
    i8 words = (i8)-s.head.link_mode_masks_nwords;
    memset(&s, 0, sizeof(s));
    s.head.cmd = ETHTOOL_GLINKSETTINGS;
    s.head.link_mode_masks_nwords = words;
    if (host_ethtool(n, index, &s) || s.head.speed == (u32)SPEED_UNKNOWN)
        return 0;
    return (u64)s.head.speed * 1000;
}

void host_link_counts(struct host_net *n, int index,
                      void (*tell)(void *to, const char *name, u64 value), void *to)
{
    struct host_link l;
    if (host_link_get(n, index, &l, NULL) || !l.has_counters)
        return;
    tell(to, "rx packets", l.rx.packets);
    tell(to, "rx bytes", l.rx.bytes);
    tell(to, "rx errors", l.rx.errors);
    tell(to, "rx dropped", l.rx.dropped);
    tell(to, "rx missed", l.rx_missed);
    tell(to, "tx packets", l.tx.packets);
    tell(to, "tx bytes", l.tx.bytes);
    tell(to, "tx errors", l.tx.errors);
    tell(to, "tx dropped", l.tx.dropped);
}
