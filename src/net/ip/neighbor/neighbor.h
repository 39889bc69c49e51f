/* Neighbours, of both protocols: which MAC address an IP address has on a link. Learnt by ARP or
 * neighbour discovery, or configured; a neighbour completes the adjacencies to it, and has a host
 * route unless it says otherwise.
 *
 * Context: control thread. */
#pragma once

#include "base/ordered_walk.h"
#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"
#include "net/ip/fib/fib.h"
#include "net/packet/ip_address.h"

struct buffer;
struct counter_vec;
struct interface;
struct module;
struct piste;

extern const struct module neighbor_module;

enum {
    NEIGHBOR_STATIC = 1 << 0,       /* configured for ever */
    NEIGHBOR_DYNAMIC = 1 << 1,      /* learnt, or configured as if learnt: ages */
    NEIGHBOR_NO_FIB_ENTRY = 1 << 2, /* no host route */
};

struct neighbor {
    struct link_host host;
    u8 mac[6];
    u8 flags;       /* NEIGHBOR_* */
    u64 updated_ns; /* clock_ns() */
};

/* Adds or changes. -EINVAL: flags, address; -EAFNOSUPPORT: nobody speaks the protocol; -ENOSPC: at
 * the limit, and nothing may be recycled. */
int neighbor_add(struct piste *p, const struct link_host *host, const u8 mac[6], u8 flags,
                 struct error *e) MUST_CHECK;
/* -ENOENT. */
int neighbor_del(struct piste *p, const struct link_host *host, struct error *e) MUST_CHECK;
/* All dynamic ones (with_static: all) of a protocol, of an interface or of all interfaces
 * (IF_NONE). */
void neighbor_flush(struct piste *p, enum ip_family f, struct if_index i, bool with_static);
/* Replacing all: those that there are when it begins, and are neither added nor learnt again until
 * its end, go then. */
void neighbor_replace_begin(struct piste *p);
void neighbor_replace_end(struct piste *p);
bool neighbor_find(const struct piste *p, const struct link_host *host, struct neighbor *out);
/* Those of all interfaces or of one, in order of interface, protocol and address, in pieces: the
 * next, while they change. 1; 0 at the end; -EAGAIN for the caller to come again, when others had
 * their turn. */
struct neighbor_walk {
    const struct piste *piste;
    struct if_index only;      /* IF_NONE: all */
    u8 flags;                  /* NEIGHBOR_* that they have; 0: all */
    struct ordered_walk *keys; /* NULL to begin with; the caller frees it */
};
int neighbor_walk_next(struct neighbor_walk *w, struct neighbor *out);
/* The same in no order: the first whose number is `from` or above; its number, UINT32_MAX at the
 * end. */
u32 neighbor_next(const struct piste *p, u32 from, struct neighbor *out);

enum neighbor_event { NEIGHBOR_ADDED, NEIGHBOR_CHANGED, NEIGHBOR_REMOVED };
/* After it was added or changed; before it is removed. For ever. */
void neighbor_on_event(struct piste *p,
                       void (*fn)(struct piste *p, const struct neighbor *n, enum neighbor_event ev,
                                  void *arg),
                       void *arg);

/* `set ip neighbor-config`: limit 0 keeps none new; age_s 0: for ever. */
struct neighbor_config {
    u32 limit, age_s;
    bool recycle; /* at the limit a new one takes the place of the oldest that was learnt */
};
struct neighbor_config neighbor_config(const struct piste *p, enum ip_family f);
void neighbor_set_config(struct piste *p, enum ip_family f, struct neighbor_config c);

/* --- for those who find neighbours: ARP and its like --- */

/* What the nodes count that packets wait behind (neighbor_data.h). */
enum hold_error {
    HOLD_ERR_THROTTLED,
    HOLD_ERR_RESOLVED,
    HOLD_ERR_NO_BUFFERS,
    HOLD_ERR_REQUEST_SENT,
    HOLD_ERR_NON_ARP_ADJ,
    HOLD_ERR_NO_SOURCE_ADDRESS,
    HOLD_ERR_NO_ANSWER,
    HOLD_ERR_N
};

struct neighbor_counter {
    const char *name;      /* "rx requests" */
    struct counter_vec *v; /* by interface */
};

/* For `show ip neighbor-stats`: requests, replies and gratuitous ones that came, and that were
 * sent, in this order. */
#define NEIGHBOR_COUNTER_N 6

/* How neighbours of a protocol are found, and which nodes its packets pass that wait for one. */
struct neighbor_protocol {
    /* Asks for the host now: at mac, where it was; NULL: everybody. -ENOBUFS, -ENETUNREACH,
     * -EADDRNOTAVAIL. */
    int (*ask)(struct piste *p, const struct link_host *host, const u8 *mac);
    /* Tells the link of i about an address of our own. */
    void (*advertise)(struct piste *p, struct if_index i, const struct ip_address *own);
    /* Whether the host may be one of its link; NULL: any may. */
    bool (*is_on_link)(const struct link_host *host);
    /* Notes in a packet for node_icmp_error that its next hop does not answer. */
    void (*note_unreachable)(struct buffer *b);
    /* Whether a packet is a further piece of the same datagram as another. */
    bool (*continues)(const struct buffer *b, const struct buffer *other);
    const char *node_incomplete, *node_glean; /* they count hold_error */
    const char *node_rewrite, *node_drop, *node_icmp_error;
    const struct neighbor_counter *counters; /* NEIGHBOR_COUNTER_N of them */
};
/* x: static; NULL: the protocol is spoken no more. */
bool neighbor_is_spoken(const struct piste *p, enum ip_family f);
void neighbor_set_protocol(struct piste *p, enum ip_family f, const struct neighbor_protocol *x);

/* The link of i, for frames that this switch makes: it is up, and has a MAC address; else NULL. */
const struct interface *neighbor_link(struct piste *p, struct if_index i);
/* Whether there is anybody else on it. */
bool neighbor_link_has_others(const struct interface *f);
/* Sends a packet of n bytes, NEIGHBOR_PACKET_BYTES_MAX at most, to mac on the link f, and counts it
 * there in counter, unless that is NULL. -ENOBUFS: no buffer, or the link has no header. */
#define NEIGHBOR_PACKET_BYTES_MAX 1280
int neighbor_send(struct piste *p, const struct interface *f, const u8 mac[6], u16 ethertype,
                  const void *packet, u32 n, struct counter_vec *counter) MUST_CHECK;

/* Somebody said where it is. Events of data threads (thread_post with neighbor_on_learn). */
struct neighbor_learn {
    struct link_host host;
    u8 mac[6];
    u8 only_known;  /* no new entry comes of it */
    u8 only_wanted; /* unless somebody wants to know: a route leads there, or a packet waits */
    u8 no_override; /* an entry with another address stays as it is */
    u8 confirms;    /* it says nothing of the address, but that the host is there */
};
void neighbor_on_learn(struct piste *p, const void *payload);
