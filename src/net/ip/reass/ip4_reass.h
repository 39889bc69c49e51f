/* Reassembly of fragments: a bounded table of unfinished datagrams, owned by one data thread.
 *
 *   hash ──► unfinished (source, destination, protocol, id, table) ──► fragments by offset: a list
 *            of buffers;  oldest ◄─► ... ◄─► newest;  a timer each
 *
 * Overlapping fragments void the whole datagram, and its later fragments too, until it times out
 * (RFC 5722, RFC 8200 4.5 in spirit); an exact duplicate is only ignored. What a bound forces out
 * is the oldest. Source: RFC 791 3.2, RFC 815, RFC 1858, RFC 3128, RFC 3168 5.3. */
#pragma once

#include "base/mem.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "engine/index.h"
#include "engine/sessions.h"

struct thread;
struct ip4_reass;

struct ip4_reass_config {
    u32 timeout_ms;
    u32 max_datagrams;  /* unfinished ones at a time, per thread; at most IP4_REASS_DATAGRAMS_MAX */
    u32 max_fragments;  /* of one datagram */
    u32 max_buffers;    /* held at a time, per thread */
    u32 expire_walk_ms; /* kept for those who ask: each datagram has a timer, and nothing walks */
};

#define IP4_REASS_DATAGRAMS_MAX 65536

struct ip4_reass_config ip4_reass_config_default(void);

/* Of unfinished datagrams. expire calls ip4_reass_timeout. */
struct sessions_args ip4_reass_sessions(struct node_index expire);
/* For the table's data thread. config is borrowed and may change at any time. */
struct ip4_reass *ip4_reass_new(const struct ip4_reass_config *config, struct session_table *table);
/* The buffers that are held go to t's cache. */
void ip4_reass_free(struct ip4_reass *r, struct thread *t);

/* Read by other threads for show commands: a moment's value. */
u32 ip4_reass_n_datagrams(const struct ip4_reass *r);
u32 ip4_reass_n_buffers(const struct ip4_reass *r);

/* Whole datagrams, and what was given up: a batch that the caller fills its edges from. */
enum ip4_reass_fate {
    IP4_REASS_WHOLE,     /* a datagram, reassembled */
    IP4_REASS_DUPLICATE, /* the reasons to drop: of the fragment, or of one that was held */
    IP4_REASS_OVERLAP,
    IP4_REASS_MALFORMED,
    IP4_REASS_TOO_MANY, /* fragments of one datagram */
    IP4_REASS_LIMIT,    /* datagrams or buffers */
    IP4_REASS_TIMEOUT,
    IP4_REASS_TIMEOUT_FIRST, /* the first fragment of one that timed out: its sender is told */
    IP4_REASS_NO_BUFFER,
};

struct ip4_reass_out {
    /* Takes over bi, a whole packet. */
    void (*give)(void *arg, u32 bi, enum ip4_reass_fate fate);
    void *arg;
    u32 n_joined; /* counted up: fragments that the whole datagrams were made of */
};

/* Takes over bi, a checked IPv4 fragment whose current header is IPv4's; scope tells tables apart.
 * What comes of it goes to out, now or later. The scratch words of a whole datagram are those of
 * its first fragment. Context: the table's data thread. */
void ip4_reass_add(struct ip4_reass *r, struct thread *t, u32 bi, u32 scope, u64 now_ns,
                   struct ip4_reass_out *out);
/* The timer of an unfinished datagram has fired: it is given up. */
void ip4_reass_timeout(struct ip4_reass *r, u32 datagram, struct ip4_reass_out *out);
