/* Reasons and edges of the nodes of acl.h and l2_classify.h, and what they note of a traced packet.
 */
#pragma once

#include "base/types.h"

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
