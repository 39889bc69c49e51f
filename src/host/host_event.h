/* What Linux says of its network by netlink, as plain structs: links, addresses, neighbours and
 * routes. Messages come from the kernel, and are checked all the same. Source: rtnetlink(7), Linux
 * include/uapi/linux/rtnetlink.h, if_link.h, if_addr.h, neighbour.h. */
#pragma once

#include <net/if.h>

#include "base/types.h"

struct nlmsghdr;

enum host_kind { HOST_LINK, HOST_ADDRESS, HOST_NEIGHBOR, HOST_ROUTE, HOST_KIND_N };

struct host_counters {
    u64 packets, bytes, errors, dropped;
};

struct host_link {
    int index;
    char name[IFNAMSIZ];
    u16 type; /* ARPHRD_* */
    bool up;  /* as an administrator wants it */
    bool running;
    u32 mtu;
    bool has_mac;
    u8 mac[6];
    int master;    /* of a bridge or bond: its index; 0: none */
    char kind[16]; /* "veth", "tun" ...; "": a device of hardware, or not said */
    bool has_counters;
    struct host_counters rx, tx;
    u64 rx_missed; /* the device had no room for them */
};

struct host_address {
    int index;
    u8 family; /* AF_INET, AF_INET6 */
    u8 prefix_len;
    u8 addr[16]; /* the first 4 bytes with AF_INET */
};

struct host_neighbor {
    int index;
    u8 family;
    u8 addr[16];
    bool has_mac;
    u8 mac[6];
    u16 state; /* NUD_* */
    u8 flags;  /* NTF_* */
};

#define HOST_HOPS_MAX 64

struct host_hop {
    int index; /* 0: none said */
    u8 family; /* of the gateway, which may be another than the route's; 0: there is none */
    u8 gateway[16];
    u16 weight; /* 1 .. */
    u8 flags;   /* RTNH_F_* */
};

struct host_route {
    u8 family;
    u8 dst_len;
    u8 dst[16];
    u8 type;     /* RTN_* */
    u8 protocol; /* RTPROT_* */
    u32 table, priority;
    u32 nexthop_id; /* of a nexthop object; 0: hops are all there is */
    u32 n_hops;     /* those beyond HOST_HOPS_MAX are left out */
    struct host_hop hop[HOST_HOPS_MAX];
};

struct host_event {
    enum host_kind kind;
    bool gone;    /* it was deleted */
    bool asked;   /* it is an answer to host_net_ask */
    bool is_last; /* with asked: that was all; nothing below is set */
    union {
        struct host_link link;
        struct host_address address;
        struct host_neighbor neighbor;
        struct host_route route;
    };
};

/* The event that a message tells; false: none, or it is malformed. */
bool host_event_parse(const struct nlmsghdr *h, struct host_event *out);
/* The same for all messages of a datagram: fn is called for each event. */
void host_events_parse(const void *datagram, size_t bytes,
                       void (*fn)(void *arg, const struct host_event *ev), void *arg);
