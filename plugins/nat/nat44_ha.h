/* High availability of NAT44 EI: another switch, the failover, has the sessions that this one has,
 * so that it can go on with them.
 *
 *   data threads ─ begin, end ─► nat_log ─► nat44_ha_tell ─► records, in messages ─► failover
 *   every refresh_s: sessions that were heard of ────────────────────▲      │
 *   resync: all sessions ────────────────────────────────────────────┘      ▼
 *   its listener ─► nat44-ei-ha ─► control thread ─► thread_call: the thread that has the host
 *                                        └─► an answer; what is not answered is sent again
 *
 * What the failover has from elsewhere is NAT44_SESSION_QUIET: nobody is told of it, until packets
 * of it come there. The messages: docs/nat44-ha.md.
 *
 * Context: control thread, but for the node. */
#pragma once

#include "base/vec.h"
#include "control/api.h"
#include "net/ip/ip4/udp4_send.h"
#include "plugins/nat/nat44.h"

/* --- messages --- */

#define NAT44_HA_VERSION 1
#define NAT44_HA_ANSWER 1 /* in flags: a header alone, of the message that came */

struct nat44_ha_header {
    u8 version, flags;
    be16 count; /* of records behind it */
    be32 sequence;
};

enum nat44_ha_type { NAT44_HA_ADD = 1, NAT44_HA_DELETE, NAT44_HA_REFRESH, NAT44_HA_TYPES };
enum { NAT44_HA_STATIC = 1 << 0, NAT44_HA_FROM_OUTSIDE = 1 << 1 }; /* flags of a record */

struct nat44_ha_record {
    u8 type; /* enum nat44_ha_type */
    u8 protocol;
    u8 flags;
    u8 state; /* enum nat44_session_state */
    be32 inside, outside;
    be16 inside_port, outside_port;
    be32 inside_table, outside_table; /* their numbers */
    be64 packets, bytes;
} __attribute__((packed));
static_assert(sizeof(struct nat44_ha_header) == 8 && sizeof(struct nat44_ha_record) == 40,
              "wire format");

/* --- settings --- */

#define NAT44_HA_PATH_MTU 512 /* by default */
#define NAT44_HA_REFRESH_S 10

struct nat44_ha_config {
    be32 listener, failover;
    u16 listener_port, failover_port; /* 0: there is none */
    u32 path_mtu, refresh_s;
};

/* Port 0: none any more. -EINVAL, -EADDRINUSE. */
int nat44_ha_set_listener(struct piste *p, be32 addr, u16 port, u32 path_mtu,
                          struct error *e) MUST_CHECK;
/* Port 0: as above. -EINVAL: there is no listener, from which messages are sent. */
int nat44_ha_set_failover(struct piste *p, be32 addr, u16 port, u32 refresh_s,
                          struct error *e) MUST_CHECK;
/* What waits for more of its kind is sent. */
int nat44_ha_flush(struct piste *p, struct error *e) MUST_CHECK;
/* The failover is told of all sessions. Then nat44_ha.resynced hears of it. -EINVAL: there is none;
 * -EBUSY: it is being told. */
int nat44_ha_resync(struct piste *p, struct error *e) MUST_CHECK;

/* --- state --- */

struct nat44_ha_message {
    u32 sequence, tries, n; /* records */
    u64 sent_ns;
    u8 bytes[];
};

/* Sessions of which the failover is being told. */
struct nat44_ha_walk {
    bool on;
    struct nat44_place at;
    u64 since_ns; /* heard of since then */
};

struct nat44_ha_counts {
    u64 sent[NAT44_HA_TYPES], received[NAT44_HA_TYPES]; /* records, by type */
    u64 again;                                          /* messages that were sent once more */
    u64 missed;                                         /* that were never answered */
    u64 lost;                                           /* records for which there was no room */
    u64 refused;                                        /* that did not fit this switch */
    u64 bad; /* messages that are none, or from elsewhere */
};

struct nat44_ha {
    struct piste *p;
    struct nat44_ha_config c;
    struct udp4_flow flow;
    struct loop_timer *timer;
    u64 due_ns;                       /* when it fires */
    struct nat44_ha_message *filling; /* NULL: nothing waits */
    VEC(struct nat44_ha_message *) unanswered;
    u32 sequence;
    struct nat44_ha_walk resync, refresh;
    u64 refreshed_ns; /* the last time that it began */
    bool resyncing;   /* from its begin until all of it is answered or missed */
    u32 resync_last;  /* its last message */
    u32 resync_missed;
    struct nat44_ha_counts counts;
    struct api_events wanted; /* who asked to hear when it is done */
    void (*resynced)(struct piste *p, u32 missed);
};

struct nat44_ha *nat44_ha_of(const struct piste *p);
struct nat44_ha *nat44_ha_new(struct piste *p);
void nat44_ha_free(struct nat44_ha *ha);
/* No listener and no failover any more. */
void nat44_ha_clear(struct piste *p);
/* Of a session of a data thread. */
void nat44_ha_tell(struct piste *p, const struct nat_log_event *ev);
/* A message was answered. */
void nat44_ha_answered(struct nat44_ha *ha, u32 sequence);
/* A datagram to the listener's port: for control_packet_give. */
void nat44_ha_on_packet(struct piste *p, u32 bi, const void *about);

/* --- nat44_ei_cli.c's and nat44_ei_api.c's --- */

int nat44_ha_show(struct cli_call *c);
