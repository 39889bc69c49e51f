/* Reassembly of fragments: a bounded table of unfinished datagrams, owned by one data thread.
 *
 *   hash ──► unfinished (source, destination, id, table ...) ──► fragments by offset: a list of
 *            buffers;  oldest ◄─► ... ◄─► newest;  a timer each
 *
 * Of either protocol: what its fragments look like is behind struct reass_protocol. Overlapping
 * fragments void the whole datagram, and its later fragments too, until it times out (RFC 5722, RFC
 * 8200 4.5); an exact duplicate is only ignored. What a bound forces out is the oldest. Source: RFC
 * 791 3.2, RFC 815, RFC 1858, RFC 3128, RFC 3168 5.3. */
#pragma once

#include "base/mem.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "engine/index.h"
#include "engine/sessions.h"
#include "engine/thread.h"

struct reass;

struct reass_config {
    u32 timeout_ms;
    u32 max_datagrams;  /* unfinished ones at a time, per thread; at most REASS_DATAGRAMS_MAX */
    u32 max_fragments;  /* of one datagram */
    u32 max_buffers;    /* held at a time, per thread */
    u32 expire_walk_ms; /* kept for those who ask: each datagram has a timer, and nothing walks */
};

#define REASS_DATAGRAMS_MAX 65536

struct reass_config reass_config_default(void);

/* Whole datagrams, and what was given up: a batch that the caller fills its edges from. */
enum reass_fate {
    REASS_WHOLE,     /* a datagram, reassembled */
    REASS_DUPLICATE, /* the reasons to drop: of the fragment, or of one that was held */
    REASS_OVERLAP,
    REASS_MALFORMED,
    REASS_ODD_LENGTH, /* not a multiple of 8, and more follow; */
    REASS_TOO_LONG,   /* it ends beyond any datagram; */
    REASS_NO_UPPER,   /* the first one has not all headers: where senders are told of these */
    REASS_TOO_MANY,   /* fragments of one datagram */
    REASS_LIMIT,      /* datagrams or buffers */
    REASS_TIMEOUT,
    REASS_TIMEOUT_FIRST, /* the first fragment of one that timed out: its sender is told */
    REASS_NO_BUFFER,
    REASS_N_FATES
};

/* What all fragments of a datagram have in common, and no others: whole words, no padding. */
union reass_key {
    u64 words[5];
    struct {
        be32 src, dst;
        u32 scope;
        be16 id;
        u8 protocol, zero;
    } ip4;
    struct {
        u8 src[16], dst[16];
        u32 scope;
        be32 id;
    } ip6;
};

struct reass_fragment {
    union reass_key key;
    u32 header_bytes; /* in front of its payload */
    u32 first, bytes; /* of the datagram's payload */
    u8 ecn;
    bool more; /* follow */
};

struct reass_protocol {
    const char *name; /* of its sessions */
    u32 key_words;
    u8 error_of[REASS_N_FATES], congestion; /* its nodes' reasons to drop */
    /* Mixes what all fragments of b's datagram have in common: whichever thread asks, the same. */
    u64 (*mix)(const struct buffer *b, u64 seed);
    /* REASS_WHOLE, and *out says what b is a fragment of; or what is wrong with it. */
    enum reass_fate (*read)(const struct buffer *b, u32 scope, struct reass_fragment *out);
    /* Makes of the first fragment's header that of a datagram with so many bytes of payload.
     * congested: some fragment says so (RFC 3168 5.3). false: too long. */
    bool (*finish)(struct buffer *b, u32 payload_bytes, bool congested);
};

/* A setting, which the control thread may be changing. */
ALWAYS_INLINE u32 reass_setting(const u32 *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

extern const struct reass_protocol ip4_reass_protocol, ip6_reass_protocol;

/* The data thread, of n_owners from 1 on, that has the datagram of fragment b. */
static inline u32 reass_owner(const struct reass_protocol *protocol, const struct thread *t,
                              const struct buffer *b, u32 n_owners, u64 seed)
{
    return n_owners == 1 ? thread_index(t) : 1 + (u32)(protocol->mix(b, seed) >> 32) % n_owners;
}

/* Of unfinished datagrams. expire calls reass_timeout. */
struct sessions_args reass_sessions(const struct reass_protocol *protocol,
                                    struct node_index expire);
/* For the table's data thread. config is borrowed and may change at any time. */
struct reass *reass_new(const struct reass_protocol *protocol, const struct reass_config *config,
                        struct session_table *table);
/* The buffers that are held go to t's cache. */
void reass_free(struct reass *r, struct thread *t);

/* Read by other threads for show commands: a moment's value. */
u32 reass_n_datagrams(const struct reass *r);
u32 reass_n_buffers(const struct reass *r);

struct reass_out {
    /* Takes over bi, a whole packet. */
    void (*give)(void *arg, u32 bi, enum reass_fate fate);
    void *arg;
    u32 n_joined; /* counted up: fragments that the whole datagrams were made of */
};

/* Takes over bi, a checked fragment whose current header is IP's; scope tells tables apart.
 * What comes of it goes to out, now or later. The scratch words of a whole datagram are those of
 * its first fragment. Context: the table's data thread. */
void reass_add(struct reass *r, struct thread *t, u32 bi, u32 scope, u64 now_ns,
               struct reass_out *out);
/* A packet that may be held for seconds and changed: bi, or a copy of it instead when its pages are
 * a port's or others hold it too. BUFFER_NONE: there was no buffer, and bi is as it was. */
u32 reass_own(struct thread *t, u32 bi);
/* The timer of an unfinished datagram has fired: it is given up. */
void reass_timeout(struct reass *r, u32 datagram, struct reass_out *out);
