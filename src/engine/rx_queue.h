/* Receive queues: what a port gives a data thread to receive from.
 *
 * A queue is ready, and its node is called once a round, or it waits for its descriptor, and costs
 * nothing:
 *
 *            ┌── input node returned 0, and arm() says that nothing has come ──┐
 *          ready                                                             waiting
 *            └◄─────────── descriptor readable: acknowledge() ─────────────────┘
 *
 * A queue that is polled (mode polling, or without a descriptor) is always ready.
 *
 * What a port has to say of a queue depends on what wakes the thread:
 * - a descriptor that is readable as long as packets wait (a socket, a tap): nothing.
 * - a ring in shared memory and an eventfd that its other end writes (memif, virtio, a device's
 *   interrupt): acknowledge reads the eventfd and tells the other end to be quiet; arm tells it to
 *   write again, and then looks at the ring once more. What came in between is found by arm; what
 *   comes later is told by the eventfd; so no packet is slept over. Sleeping costs both ends a
 *   system call: a queue of that kind whose packets have come soon after it was empty, many times
 *   in a row, is looked at for some microseconds before it waits (`lingers`; mode adaptive). */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"

struct engine;
struct rx_queue;
struct thread;

enum rx_mode { RX_MODE_ADAPTIVE, RX_MODE_INTERRUPT, RX_MODE_POLLING, RX_MODE_DEFAULT };

/* All are optional, and called by the data thread that has the queue, between nodes. */
struct rx_queue_ops {
    /* The queue was found empty and will be left to its descriptor, whose owner is to write it from
     * now on. Returns false when packets have come meanwhile: the queue stays ready. What the queue
     * keeps for packets that come soon is better given back here. */
    bool (*arm)(struct thread *t, struct rx_queue *q);
    /* The descriptor is readable, or has an error (epoll's events): the queue is ready. Only for
     * those of acknowledged_events, when the port has set them. */
    void (*acknowledge)(struct thread *t, struct rx_queue *q, u32 events);
    /* Mode, descriptor, or whether it is enabled, is another now. The queue is ready next if it is
     * enabled, and arm follows unless it is polled: so the other end may be told to be quiet. */
    void (*mode_changed)(struct thread *t, struct rx_queue *q);
    bool lingers; /* see above */
    /* The other end may have looked whether it is to write the descriptor before what it gave can
     * be seen here: peers without a barrier between the two, whose stores wait in their processor
     * for microseconds. arm is called once more, soon after the queue has begun to wait. */
    bool may_come_late;
};

struct rx_queue {
    struct if_index interface;
    u32 queue;                      /* number within the interface */
    struct node_index node;         /* input node that serves it */
    int fd;                         /* readable when packets wait; -1: can only be polled */
    void *port;                     /* the port's own state for this queue */
    const struct rx_queue_ops *ops; /* NULL: none of them */
    u32 acknowledged_events;        /* 0: all */
    /* engine's */
    u32 busy_rounds; /* with packets, one after the other; counted up to BUSY_ROUNDS */
    u32 n_soon;      /* times that it was empty for less than RX_LINGER_NS, one after the other */
    u64 empty_ns;    /* since then; 0: it is not */
    u64 late_ns;     /* it waits, and may have packets: it is looked at then; 0: not */
    struct rx_queue *next_ready;
    enum rx_mode mode;
    bool enabled;
    bool ready;          /* in its thread's list of these */
    bool added;          /* between rx_queue_add and rx_queue_delete */
    bool placed_by_user; /* for the running config */
    u32 thread;          /* data thread that owns it */
    u32 place;           /* in its thread's list of all */
};

/* All below: control thread. Each returns when the data thread goes by it. */

/* Registers a queue, disabled; q is the caller's and must stay until rx_queue_delete returned.
 * thread: UINT32_MAX lets the engine choose. */
int rx_queue_add(struct engine *e, struct rx_queue *q, u32 thread, struct error *err) MUST_CHECK;
void rx_queue_enable(struct engine *e, struct rx_queue *q, bool enable);
/* The data thread does not look at q any more. Mode and thread of a queue that was deleted (its
 * device is gone) are those it has when it is added again. */
void rx_queue_delete(struct engine *e, struct rx_queue *q);
int rx_queue_set_mode(struct engine *e, struct rx_queue *q, enum rx_mode mode,
                      struct error *err) MUST_CHECK;
int rx_queue_place(struct engine *e, struct rx_queue *q, u32 thread, struct error *err) MUST_CHECK;
/* Another descriptor in the place of q's; the old one may be closed then. The mode follows: without
 * a descriptor a queue is polled. */
void rx_queue_set_fd(struct engine *e, struct rx_queue *q, int fd);
/* Has the thread that owns q call fn between two rounds, when it looks at nothing of q's. */
void rx_queue_call(struct engine *e, struct rx_queue *q, void (*fn)(struct thread *t, void *arg),
                   void *arg);
/* The mode that q has, or will have when it is added. */
enum rx_mode rx_queue_mode(const struct engine *e, const struct rx_queue *q);
/* Mode of queues that are added with RX_MODE_DEFAULT. */
enum rx_mode rx_queue_default_mode(const struct engine *e);
void rx_queue_set_default_mode(struct engine *e, enum rx_mode mode);
const char *rx_mode_name(enum rx_mode mode);
