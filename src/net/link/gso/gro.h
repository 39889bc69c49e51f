/* Joining TCP segments that leave together, for who takes large packets: one for many costs Linux,
 * or a guest, as much as one of them.
 *
 *   [ headers | 1448 ] [ headers | 1448 ] [ headers | 300 ]   ->   [ headers | 1448 ]-[ 1448 ]-[
 * 300 ]
 *
 * What gso_segment cuts is joined again: segments of one flow that differ in nothing but what says
 * where they are. Nothing waits for more to come, no byte is copied, and what is wrong stays as it
 * is: a checksum is looked at before it is made anew. */
#pragma once

#include "base/types.h"
#include "engine/buffer.h"

/* Segments that one packet is joined of at most. */
#define GRO_SEGMENTS_MAX 64

/* Joins what can be joined of b, Ethernet frames that leave one after the other. next[i] becomes
 * NEXT_CONSUMED for those that are a part of one before them, and 0 for all others. Context: any
 * data thread. Returns how many the former are. */
u32 gro_join(struct buffer **b, u16 *next, u32 count);
