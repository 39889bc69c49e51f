/* Edges, reasons and notes of the nodes of NAT44; what they share with the slow path. */
#pragma once

#include "net/link/interface/feature_place.h"
#include "plugins/nat/nat44_packet.h"
#include "plugins/nat/nat44_session.h"

enum {
    NAT44_NEXT_DROP,
    NAT44_NEXT_ICMP_ERROR,
    NAT44_NEXT_SLOW,                      /* the direction's slow path */
    NAT44_NEXT_FAST,                      /* the direction's node */
    NAT44_NEXT_HAIRPIN = NAT44_NEXT_FAST, /* of nat44-ei-in2out */
    NAT44_NEXT_RESUME, /* feature-resume: from nodes that are no features themselves */
    NAT44_N_NEXT
};

enum nat44_error {
    NAT44_ERR_UNSUPPORTED,
    NAT44_ERR_OUT_OF_PORTS,
    NAT44_ERR_NO_TRANSLATION,
    NAT44_ERR_MAX_SESSIONS,
    NAT44_ERR_FRAGMENT,
    NAT44_ERR_NON_SYN,
    NAT44_ERR_MALFORMED,
    NAT44_ERR_TTL,
    NAT44_ERR_NO_BUFFER,
    NAT44_ERR_CONGESTION,
    NAT44_ERR_NO_USER, /* of NAT44 EI */
    NAT44_ERRS
};
extern const struct node_error nat44_errors[NAT44_ERRS];

void nat44_format_handoff(struct piste *p, const struct trace_record *r, struct text *t);
void nat44_format_local_error(struct piste *p, const struct trace_record *r, struct text *t);

/* What becomes of a packet: an enum nat44_error, or one of these. */
enum { NAT44_TRANSLATE = NAT44_ERRS, NAT44_PASS };

struct nat44_trace {
    union nat44_key search, key[NAT44_DIRS];
    u32 session; /* SESSION_NONE */
    u8 dir;      /* by which key it was found */
    u8 fate;
};
static_assert(sizeof(struct nat44_trace) <= 64, "fits a trace's extra bytes");

/* Which NAT: a constant in each node. */
enum nat44_mode {
    NAT44_ED, /* sessions are told by both ends */
    NAT44_EI, /* by that inside, or what that is outside, alone */
};

/* What a packet's session is looked up by. Of NAT44 EI, without the host outside; the identifier of
 * a query is in both places. */
ALWAYS_INLINE union nat44_key nat44_key_told(const union nat44_key *k, enum nat44_dir dir,
                                             enum nat44_mode mode)
{
    union nat44_key told = *k;
    if (mode == NAT44_ED)
        return told;
    bool query = nat44_key_protocol(k) == IP_PROTOCOL_ICMP;
    if (dir == NAT44_I2O) {
        told.dst = (be32){0};
        told.dport = query ? k->dport : (be16){0};
    } else {
        told.src = (be32){0};
        told.sport = query ? k->sport : (be16){0};
    }
    return told;
}

/* The session of a packet, of NAT44 ED of either direction; SESSION_NONE. */
ALWAYS_INLINE u32 nat44_find(const struct session_table *table, const union nat44_key *key,
                             enum nat44_dir *dir, enum nat44_mode mode)
{
    union nat44_key told = nat44_key_told(key, *dir, mode);
    u32 i = session_find(table, *dir, told.words, 2);
    if (mode == NAT44_EI || likely(i != SESSION_NONE))
        return i;
    i = session_find(table, 1 - *dir, key->words, 2);
    if (i != SESSION_NONE)
        *dir = 1 - *dir;
    return i;
}

/* A packet that has no session and came in by the inside or the outside, or leaves by an output
 * interface: makes one, in *session, of which it is a packet of *dir. Context: the thread that owns
 * it. */
u32 nat44_begin(struct nat44_data *n, struct thread *t, const struct buffer *b,
                enum feature_place place, const struct nat44_packet *p, enum nat44_dir *dir,
                u32 *session);

/* Whether what a packet with this key is for may be an end outside of somebody inside. */
bool nat44_is_outside_end(const struct nat44_data *n, const union nat44_key *k);
