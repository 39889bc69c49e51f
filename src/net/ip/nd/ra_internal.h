/* What the files of router discovery share. */
#pragma once

#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/node.h"
#include "net/ip/fib/fib.h"
#include "net/ip/nd/ra.h"

struct buffer;
struct loop_timer;

/* Hosts that are to be answered by unicast, at the next answer. */
#define RA_ASKERS_MAX 8
struct ra_asker {
    struct ip_address addr;
    u8 mac[6];
};

struct ra_router {
    struct ra_settings settings;
    struct loop_timer *timer; /* NULL: never was active */
    bool active;              /* the interface takes IPv6, and the settings let it send */
    u64 next_ns;              /* the next multicast, */
    u64 answer_ns;            /* and when askers get theirs; 0: there are none */
    u64 multicast_ns;         /* the last multicast; 0: none */
    u32 initial_left;
    u32 n_sent, n_solicited, n_dropped;
    struct ra_asker askers[RA_ASKERS_MAX];
    u32 n_askers;
};

/* What was learnt, and until when; UINT64_MAX: for ever. */
struct ra_address {
    struct ip_prefix address; /* of the interface */
    u64 until_ns, preferred_ns;
};
struct ra_default_router {
    struct ip_address addr;
    struct fib_index table;
    u64 until_ns;
};

struct ra_host {
    struct ra_soliciting how;
    bool soliciting;
    u32 n_asked;
    u64 begun_ns, ask_ns, wait_ns; /* the next solicitation; the time before it */
    enum ra_autoconfig autoconfig;
    VEC(struct ra_address) addresses;
    VEC(struct ra_default_router) routers;
    struct loop_timer *timer; /* NULL: nothing ever was to be done */
};

/* Of an interface that ever had anything to do with it. */
struct ra_if {
    struct ra *ra;
    struct if_index index;
    struct ra_router router;
    struct ra_host host;
};

struct ra_hook {
    void (*fn)(struct piste *p, struct if_index i, const struct ip_address *router,
               const struct ra_message *m, void *arg);
    void *arg;
};

struct ra {
    struct node_index input_node; /* ip6-icmp-input, which counts; first: what the nodes see */
    struct piste *piste;
    VEC(struct ra_if *) ifs; /* by interface; NULL: none */
    VEC(struct ra_hook) hooks;
};

struct ra *ra_of(const struct piste *p);
struct ra_if *ra_if_of(const struct piste *p, struct if_index i); /* NULL */
struct ra_if *ra_if_get(struct ra *ra, struct if_index i);
/* Calls fn(x) at at_ns. */
void ra_timer(struct ra_if *x, struct loop_timer **timer, u64 at_ns, void (*fn)(void *x));

/* A message of router discovery that came, without what is behind it. */
struct ra_received {
    struct if_index interface;
    u8 src_mac[6]; /* of its frame */
};
/* What the nodes give the control thread (control_packet_give). */
void ra_on_solicitation(struct piste *p, u32 bi, const void *about);
void ra_on_advertisement_packet(struct piste *p, u32 bi, const void *about);
/* Copies the packet out and frees it. Returns the message's bytes, 0: there are none; at points
 * into room. */
#define RA_PACKET_BYTES_MAX 2048
u32 ra_take(struct piste *p, u32 bi, struct ip_address *src, u8 room[RA_PACKET_BYTES_MAX],
            const u8 **message);

/* --- ra_router.c --- */
/* Why it may advertise has changed. */
void ra_router_refresh(struct ra_if *x);
/* What it says has changed. */
void ra_router_changed(struct ra_if *x);
/* The last word, before it stops. */
void ra_router_end(struct ra_if *x);

/* --- ra_host.c --- */
/* The interface takes IPv6 and is up, or not any more: what was learnt goes. */
void ra_host_refresh(struct ra_if *x);
void ra_host_free(struct ra_if *x);

/* --- for the records in ra_module.c --- */
extern const char ra_module_name[], ra_api_module_name[];
extern const struct node_def ra_solicitation_node, ra_advertisement_node;
int ra_init(struct piste *p, void **state, struct error *e);
void ra_stop(struct piste *p, void *state);
void ra_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
int ra_api_init(struct piste *p, void **state, struct error *e);
void ra_api_stop(struct piste *p, void *state);
extern const struct cli_command ra_commands[];
extern const struct api_handler ra_api_handlers[];

NODE_DECLARE(icmp6_router_solicitation);
NODE_DECLARE(icmp6_router_advertisement);
