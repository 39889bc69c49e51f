/* What happens to sessions of NAT, from data threads to whoever tells collectors of it.
 *
 *   data threads: nat_log_add ──► ring ──► control thread: nat_log_drain ──► tell
 *
 * What finds no place in the ring is counted, and lost: packets do not wait for logs. */
#pragma once

#include "engine/counter.h"
#include "engine/ring.h"
#include "engine/thread.h"
#include "net/packet/ip_address.h"

struct loop_timer;

enum nat_log_kind {
    NAT_LOG_SESSION_ADD,
    NAT_LOG_SESSION_DELETE,
    NAT_LOG_EXHAUSTED, /* no address has a port left */
    NAT_LOG_QUOTA,     /* more sessions than there may be */
    NAT_LOG_BIB_ADD,   /* a binding of NAT64 */
    NAT_LOG_BIB_DELETE,
};

struct nat_log_event {
    u64 at_ns;                      /* clock_ns() */
    be32 inside, outside;           /* the host inside, and as others see it outside */
    struct ip_address inside6;      /* in the place of inside, of NAT64: else 0; */
    struct ip_address host_inside6; /* likewise of host_inside */
    be32 host, host_inside;         /* that outside, and as the one inside sees it */
    be16 inside_port, outside_port; /* of queries: identifiers; 0 without ports */
    be16 host_port, host_inside_port;
    u32 fib;   /* index of the table of inside */
    u32 limit; /* of NAT_LOG_QUOTA: how many there may be */
    u8 kind;   /* enum nat_log_kind */
    u8 protocol;
    bool is_static, from_outside; /* by a static mapping; begun outside */
    u32 outside_fib;
};

/* Who wants them. */
enum nat_log_to { NAT_LOG_SYSLOG = 1 << 0, NAT_LOG_IPFIX = 1 << 1, NAT_LOG_FAILOVER = 1 << 2 };

struct nat_log {
    u32 on;                   /* enum nat_log_to, read by data threads; 0: nobody */
    u32 rung;                 /* the control thread has been told, and has not looked yet */
    struct ring ring;         /* from the first time on that somebody wants them */
    struct counter_vec *lost; /* by thread */
    /* the control thread's */
    struct piste *p;
    struct loop_timer *timer;
    /* an event of data threads: calls nat_log_drain, if l is still there */
    void (*on_bell)(struct piste *p, const void *payload);
    void (*tell)(struct piste *p, u32 to, const struct nat_log_event *ev); /* enum nat_log_to */
};

/* --- data threads --- */

ALWAYS_INLINE bool nat_log_is_on(const struct nat_log *l)
{
    return unlikely(__atomic_load_n(&l->on, __ATOMIC_ACQUIRE));
}

/* Only while nat_log_is_on. */
void nat_log_add(struct nat_log *l, struct thread *t, const struct nat_log_event *ev);

/* --- control thread --- */

/* lost: the counter's name. p, on_bell and tell are set. */
void nat_log_init(struct nat_log *l, const char *lost);
/* No data thread adds any more. What was not told is not told. */
void nat_log_fini(struct nat_log *l);
void nat_log_want(struct nat_log *l, enum nat_log_to to, bool wanted);
/* Tells some, and the others soon. */
void nat_log_drain(struct nat_log *l);
