/* `classify filter`: which packets `trace add ... filter` and `pcap trace ... filter` pick: those
 * that have a session in a table, or in one behind it. The tables are like all others. Control
 * thread, but classify_matches. See classify_filter.c. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "engine/buffer.h"
#include "engine/index.h"

struct module;
struct thread;
struct piste;

extern const struct module classify_filter_module;

/* Whether a session of the table, or of one behind it, matches the frame that begins `frame` bytes
 * from b's data on. Any thread. */
bool classify_matches(struct thread *t, u32 table, const struct buffer *b, int frame);

/* First table of the packet trace's filter, and of captures by an interface (IF_NONE: of all);
 * CLASSIFY_NONE: there is none. */
u32 classify_filter_trace(const struct piste *p);
u32 classify_filter_pcap(const struct piste *p, struct if_index i);
/* table CLASSIFY_NONE: none any more. -ENOENT: there is no such table. */
int classify_filter_set_trace(struct piste *p, u32 table, struct error *e) MUST_CHECK;
int classify_filter_set_pcap(struct piste *p, struct if_index i, u32 table,
                             struct error *e) MUST_CHECK;
/* The one with that mask among a table and those behind it; CLASSIFY_NONE. mask: match vectors. */
u32 classify_filter_find(u32 first, u32 skip, u32 match, const u8 *mask);
