/* What the files of ping share. */
#pragma once

#include "control/api.h"
#include "control/cli.h"
#include "control/loop.h"
#include "control/module.h"
#include "engine/index.h"
#include "net/link/interface/interface.h"
#include "plugins/ping/ping.h"

#define PING_DATA_BYTES 60
#define PING_DATA_MAX_BYTES 65000 /* of the 65507 that fit a datagram */
#define PING_SENT_KEPT 1024       /* requests whose replies are recognised */

struct ping_session {
    struct piste *p;
    struct ping *ping;
    struct cli_call *call; /* NULL: an API client waits for the end */
    struct loop_timer *timer;
    u32 slot;
    u16 id;
    u32 table_id;
    struct if_index source_if; /* IF_NONE: by the route */
    bool source_gone;          /* source_if was deleted, another may have its index */
    enum ip_family family;
    struct ip_address dst;
    u32 data_bytes, repeat, burst;
    u64 interval_ns;
    bool verbose;
    u32 n_rounds, n_sent, n_received;
    u16 seq;                      /* of the last request */
    u64 asked_ns[PING_SENT_KEPT]; /* by seq % PING_SENT_KEPT; 0: nothing to wait for */
};

struct ping {
    struct ping_slots slots;
    struct ping_session *sessions[PING_SESSIONS_MAX];
    struct api_events ends; /* a registration for each session of a client: its id is the key */
    struct node_index request_nodes[IP_FAMILY_N];
    u64 random;
};

/* NULL: too many run already. args: p, ping, call, and what was asked for. */
struct ping_session *ping_session_new(const struct ping_session *args);
/* The session goes, and nothing is told. */
void ping_session_cancel(void *arg);
/* false: it is not from a millisecond to a day. */
bool ping_set_interval(struct ping_session *s, double seconds);
/* The statistics are shown, or the client is told. */
void ping_session_finish(struct ping_session *s);

/* --- ping_api.c --- */
/* Whether the client that asked for s is still there. */
bool ping_client_waits(const struct ping_session *s);
void ping_tell_client(struct ping_session *s);

/* --- for the record in ping_module.c --- */
extern const char ping_module_name[];
extern const struct cli_command ping_commands[];
extern const struct api_handler ping_handlers[];
void ping_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg);
