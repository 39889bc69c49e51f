/* Reasons and edges of the nodes of acl.h and l2_classify.h, and what they and those of
 * ip_classify.h find, and note of a traced packet. */
#pragma once

#include "engine/trace.h"
#include "net/features/classify/classify_data.h"

enum { ACL_NEXT_DENY, ACL_NEXT_N };

enum {
    ACL_ERR_NONE,
    ACL_ERR_MISS,
    ACL_ERR_HIT,
    ACL_ERR_CHAIN_HIT,
    ACL_ERR_TABLE_MISS,
    ACL_ERR_SESSION_DENY,
    ACL_ERR_ADVANCE,
    ACL_ERR_N
};

/* What sessions and tables may say, and the edges behind it. */
enum { L2_CLASSIFY_DROP = 0, L2_CLASSIFY_TO_IP4 = 2 };
enum { L2_CLASSIFY_NEXT_DROP, L2_CLASSIFY_NEXT_IP4, L2_CLASSIFY_NEXT_N };

enum {
    L2_CLASSIFY_ERR_MISS,
    L2_CLASSIFY_ERR_HIT,
    L2_CLASSIFY_ERR_CHAIN_HIT,
    L2_CLASSIFY_ERR_DROP,
    L2_CLASSIFY_ERR_N
};

struct acl_trace {
    u32 table;   /* the last that was looked in; CLASSIFY_NONE */
    u32 session; /* CLASSIFY_NONE: there was none */
};

/* As classify_walk; the session has had a hit, and a traced packet its note. */
ALWAYS_INLINE struct classify_session *acl_find_at(struct thread *t, struct buffer *b, int node,
                                                   int frame, const struct classify_table **table,
                                                   struct classify_tally *sum)
{
    struct classify_session *e = classify_walk(table, b, node, frame, sum);
    if (e)
        classify_hit(t, e);
    if (unlikely(b->flags & BUFFER_TRACED)) {
        struct acl_trace note = {(*table)->index, e ? e->id : CLASSIFY_NONE};
        trace_note(t, b, &note, sizeof(note));
    }
    return e;
}
