/* See host_event.h. */
#include "host/host_event.h"

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "host/host_internal.h"

/* Attributes of a message by type, the last one of each. */
struct attributes {
    const struct nlattr **v;
    u16 max;
};

static int keep_attribute(const struct nlattr *a, void *arg)
{
    struct attributes *all = arg;
    if (mnl_attr_get_type(a) <= all->max)
        all->v[mnl_attr_get_type(a)] = a;
    return MNL_CB_OK;
}

/* The message's fixed part; NULL: it is shorter than that. */
static const void *head_of(const struct nlmsghdr *h, size_t bytes, const struct nlattr **v, u16 max)
{
    if (mnl_nlmsg_get_payload_len(h) < bytes)
        return NULL;
    mnl_attr_parse(h, (unsigned)bytes, keep_attribute, &(struct attributes){v, max});
    return mnl_nlmsg_get_payload(h);
}

static bool get_u32(const struct nlattr *a, u32 *out)
{
    if (!a || mnl_attr_validate(a, MNL_TYPE_U32) < 0)
        return false;
    *out = mnl_attr_get_u32(a);
    return true;
}

/* Exactly so many bytes. */
static bool get_bytes(const struct nlattr *a, void *out, size_t n)
{
    if (!a || mnl_attr_get_payload_len(a) != n)
        return false;
    memcpy(out, mnl_attr_get_payload(a), n);
    return true;
}

static void get_name(const struct nlattr *a, char *out, size_t size)
{
    size_t n = a ? mnl_attr_get_payload_len(a) : 0;
    if (n && n <= size && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
        memcpy(out, mnl_attr_get_payload(a), n);
}

static size_t address_bytes(u8 family)
{
    return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

/* --- links --- */

static int keep_kind(const struct nlattr *a, void *arg)
{
    struct host_link *l = arg;
    if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
        get_name(a, l->kind, sizeof(l->kind));
    return MNL_CB_OK;
}

static void get_counters(const struct nlattr *a, struct host_link *l)
{
    struct rtnl_link_stats64 s;
    /* newer kernels have more behind what is looked at */
    const size_t bytes = offsetof(struct rtnl_link_stats64, tx_aborted_errors);
    if (!a || mnl_attr_get_payload_len(a) < bytes)
        return;
    memcpy(&s, mnl_attr_get_payload(a), bytes);
    l->has_counters = true;
    l->rx_missed = s.rx_missed_errors;
    l->rx = (struct host_counters){s.rx_packets, s.rx_bytes, s.rx_errors, s.rx_dropped};
    l->tx = (struct host_counters){s.tx_packets, s.tx_bytes, s.tx_errors, s.tx_dropped};
}

static bool parse_link(const struct nlmsghdr *h, struct host_link *l)
{
    const struct nlattr *v[IFLA_STATS64 + 1] = {0};
    const struct ifinfomsg *head = head_of(h, sizeof(*head), v, IFLA_STATS64);
    u32 master = 0;
    /* of AF_BRIDGE: it joined or left a bridge, not the host */
    if (!head || head->ifi_family != AF_UNSPEC || head->ifi_index <= 0)
        return false;
    *l = (struct host_link){.index = head->ifi_index,
                            .type = head->ifi_type,
                            .up = head->ifi_flags & IFF_UP,
                            .running = head->ifi_flags & IFF_RUNNING};
    get_name(v[IFLA_IFNAME], l->name, sizeof(l->name));
    get_u32(v[IFLA_MTU], &l->mtu);
    get_u32(v[IFLA_MASTER], &master);
    l->master = (int)master;
    l->has_mac = get_bytes(v[IFLA_ADDRESS], l->mac, sizeof(l->mac));
    if (v[IFLA_LINKINFO])
        mnl_attr_parse_nested(v[IFLA_LINKINFO], keep_kind, l);
    get_counters(v[IFLA_STATS64], l);
    return true;
}

/* --- addresses and neighbours --- */

static bool parse_address(const struct nlmsghdr *h, struct host_address *a)
{
    const struct nlattr *v[IFA_MAX + 1] = {0};
    const struct ifaddrmsg *head = head_of(h, sizeof(*head), v, IFA_MAX);
    if (!head)
        return false;
    size_t n = address_bytes(head->ifa_family);
    *a = (struct host_address){.index = (int)head->ifa_index,
                               .family = head->ifa_family,
                               .prefix_len = head->ifa_prefixlen};
    /* IFA_ADDRESS is the other end's where there is one */
    return n && a->prefix_len <= 8 * n && a->index > 0 &&
           get_bytes(v[IFA_LOCAL] ? v[IFA_LOCAL] : v[IFA_ADDRESS], a->addr, n);
}

static bool parse_neighbor(const struct nlmsghdr *h, struct host_neighbor *x)
{
    const struct nlattr *v[NDA_MAX + 1] = {0};
    const struct ndmsg *head = head_of(h, sizeof(*head), v, NDA_MAX);
    if (!head)
        return false;
    size_t n = address_bytes(head->ndm_family);
    *x = (struct host_neighbor){.index = head->ndm_ifindex,
                                .family = head->ndm_family,
                                .state = head->ndm_state,
                                .flags = head->ndm_flags};
    x->has_mac = get_bytes(v[NDA_LLADDR], x->mac, sizeof(x->mac));
    return n && x->index > 0 && get_bytes(v[NDA_DST], x->addr, n);
}

/* --- routes --- */

/* A gateway, of the route's family or with RTA_VIA of its own. */
static bool get_gateway(const struct nlattr *gateway, const struct nlattr *via, u8 family,
                        struct host_hop *hop)
{
    if (gateway) {
        hop->family = family;
        return get_bytes(gateway, hop->gateway, address_bytes(family));
    }
    if (!via)
        return true;
    const struct rtvia *x = mnl_attr_get_payload(via);
    if (mnl_attr_get_payload_len(via) < sizeof(*x))
        return false;
    size_t n = address_bytes((u8)x->rtvia_family);
    if (!n || mnl_attr_get_payload_len(via) != sizeof(*x) + n)
        return false;
    hop->family = (u8)x->rtvia_family;
    memcpy(hop->gateway, x->rtvia_addr, n);
    return true;
}

static bool parse_hops(const struct nlattr *a, struct host_route *r)
{
    const u8 *at = mnl_attr_get_payload(a);
    size_t left = mnl_attr_get_payload_len(a);
    while (left >= sizeof(struct rtnexthop)) {
        struct rtnexthop head;
        memcpy(&head, at, sizeof(head));
        if (head.rtnh_len < sizeof(head) || head.rtnh_len > left)
            return false;
        const struct nlattr *v[RTA_MAX + 1] = {0};
        mnl_attr_parse_payload(at + sizeof(head), head.rtnh_len - sizeof(head), keep_attribute,
                               &(struct attributes){v, RTA_MAX});
        struct host_hop hop = {.index = head.rtnh_ifindex,
                               .weight = (u16)(head.rtnh_hops + 1),
                               .flags = head.rtnh_flags};
        if (!get_gateway(v[RTA_GATEWAY], v[RTA_VIA], r->family, &hop))
            return false;
        if (r->n_hops < HOST_HOPS_MAX)
            r->hop[r->n_hops++] = hop;
        size_t step = round_up_u64(head.rtnh_len, RTNH_ALIGNTO);
        at += step;
        left -= step < left ? step : left;
    }
    return true;
}

static bool parse_route(const struct nlmsghdr *h, struct host_route *r)
{
    const struct nlattr *v[RTA_MAX + 1] = {0};
    const struct rtmsg *head = head_of(h, sizeof(*head), v, RTA_MAX);
    if (!head)
        return false;
    size_t n = address_bytes(head->rtm_family);
    u32 index = 0;
    *r = (struct host_route){.family = head->rtm_family,
                             .dst_len = head->rtm_dst_len,
                             .type = head->rtm_type,
                             .protocol = head->rtm_protocol,
                             .table = head->rtm_table};
    if (!n || r->dst_len > 8 * n || (v[RTA_DST] && !get_bytes(v[RTA_DST], r->dst, n)) ||
        (r->dst_len && !v[RTA_DST]))
        return false;
    get_u32(v[RTA_TABLE], &r->table);
    get_u32(v[RTA_PRIORITY], &r->priority);
    get_u32(v[RTA_NH_ID], &r->nexthop_id);
    if (v[RTA_MULTIPATH])
        return parse_hops(v[RTA_MULTIPATH], r);
    struct host_hop hop = {.weight = 1, .flags = (u8)head->rtm_flags};
    if (!get_gateway(v[RTA_GATEWAY], v[RTA_VIA], r->family, &hop))
        return false;
    if (get_u32(v[RTA_OIF], &index) || hop.family) {
        hop.index = (int)index;
        r->hop[r->n_hops++] = hop;
    }
    return true;
}

/* --- messages --- */

bool host_event_parse(const struct nlmsghdr *h, struct host_event *out)
{
    memset(out, 0, offsetof(struct host_event, link));
    switch (h->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        out->kind = HOST_LINK;
        out->gone = h->nlmsg_type == RTM_DELLINK;
        return parse_link(h, &out->link);
    case RTM_NEWADDR:
    case RTM_DELADDR:
        out->kind = HOST_ADDRESS;
        out->gone = h->nlmsg_type == RTM_DELADDR;
        return parse_address(h, &out->address);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
        out->kind = HOST_NEIGHBOR;
        out->gone = h->nlmsg_type == RTM_DELNEIGH;
        return parse_neighbor(h, &out->neighbor);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        out->kind = HOST_ROUTE;
        out->gone = h->nlmsg_type == RTM_DELROUTE;
        return parse_route(h, &out->route);
    default:
        return false;
    }
}

void host_events_parse(const void *datagram, size_t bytes,
                       void (*fn)(void *arg, const struct host_event *ev), void *arg)
{
    int left = (int)bytes;
    struct host_event ev;
    for (const struct nlmsghdr *h = datagram; host_message_ok(h, left);
         h = mnl_nlmsg_next(h, &left))
        if (host_event_parse(h, &ev))
            fn(arg, &ev);
}
