/* A capture of packets where interfaces receive and send them and where they are dropped: one at a
 * time, of whoever has set capture_active (`pcap trace`).
 *
 *   ethernet-input, X-output, error-drop ──► capture_active->see
 *
 * Off, it costs these nodes one load a vector. */
#pragma once

#include "base/types.h"
#include "engine/buffer.h"
#include "engine/index.h"

enum capture_direction {
    CAPTURE_RX = 1 << 0,
    CAPTURE_TX = 1 << 1,
    CAPTURE_DROP = 1 << 2,
};

struct thread;

struct capture {
    /* interface: what the packets leave through, with CAPTURE_TX. Context: data threads; the caller
     * keeps the packets. */
    void (*see)(struct thread *t, struct capture *c, enum capture_direction direction,
                struct if_index interface, struct buffer **b, u32 count);
};

/* NULL: off. Set by the control thread; what was there may be freed once data threads have passed.
 */
extern struct capture *capture_active;

/* Whether capture_packets does anything. */
ALWAYS_INLINE bool capture_is_on(void)
{
    return __atomic_load_n(&capture_active, __ATOMIC_RELAXED);
}

ALWAYS_INLINE void capture_packets(struct thread *t, enum capture_direction direction,
                                   struct if_index interface, struct buffer **b, u32 count)
{
    struct capture *c = __atomic_load_n(&capture_active, __ATOMIC_ACQUIRE);
    if (unlikely(c != NULL))
        c->see(t, c, direction, interface, b, count);
}
