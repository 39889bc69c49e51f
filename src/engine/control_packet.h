/* Packets between the control thread and data threads, one by one: what it sends of itself (ARP,
 * echo requests), and what it is given to deal with (a packet whose neighbour is not known).
 *
 *   control thread: control_packet_new ─► control_packet_send ──► a node, on the data thread that
 *                                                                 serves the interface
 *   data thread: control_packet_give ──► fn(p, bi, about), on the control thread
 */
#pragma once

#include "engine/buffer.h"
#include "engine/thread.h"

#define CONTROL_PACKET_ABOUT_BYTES 32

/* ---- control thread ---- */

/* A packet of this switch (BUFFER_LOCAL) with these bytes, behind the usual headroom; BUFFER_NONE:
 * no buffers. */
u32 control_packet_new(struct engine *e, const void *bytes, u32 n) MUST_CHECK;
/* Takes over bi, which goes to the node on the data thread that has the first receive queue of
 * interface `near`: behind what that thread has sent already. -ENOBUFS: the queue to it is full;
 * the packet is dropped, and counted as an error of thread-losses. */
int control_packet_send(struct engine *e, struct if_index near, struct node_index node, u32 bi);
/* How many more the queue to that thread takes now. */
u32 control_packet_room(const struct engine *e, struct if_index near);

/* ---- data thread ---- */

/* Takes over bi. about: what was given with it; copied. */
typedef void control_packet_fn(struct piste *p, u32 bi, const void *about);
/* false: the queue to the control thread is full, and bi still the caller's. */
bool control_packet_give(struct thread *t, control_packet_fn *fn, u32 bi, const void *about,
                         u32 bytes) MUST_CHECK;
