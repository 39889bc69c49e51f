/* Edges and reasons of the nodes of access lists, and what they note of a traced packet. */
#pragma once

#include "base/types.h"
#include "engine/trace.h"

#define ACL_TUPLE_WORDS 6

enum { ACL_FA_NEXT_DROP, ACL_FA_NEXT_N };

enum {
    ACL_FA_ERR_DENY,
    ACL_FA_ERR_PERMIT,
    ACL_FA_ERR_NEW,
    ACL_FA_ERR_EXISTING,
    ACL_FA_ERR_TOO_MANY,
    ACL_FA_ERR_HANDOFF,
    ACL_FA_ERR_CHECK,
    ACL_FA_ERR_BAD,
    ACL_FA_ERR_N
};

/* Of a trace. */
#define ACL_FA_OF_SESSION 3 /* action: no rule was looked at */
#define ACL_FA_BIT_SESSION 0x80000000u
#define ACL_FA_BIT_AWAY 0x00000001u /* to the thread that has its sessions */

/* list, rule: ACL_NONE: none. */
struct acl_fa_trace {
    u64 tuple[ACL_TUPLE_WORDS]; /* the packet, in VPP's layout */
    u32 list, rule;
    u32 bits;
    u32 action;
};
static_assert(sizeof(struct acl_fa_trace) <= TRACE_EXTRA_BYTES, "fits a trace");

struct acl_macip_trace {
    u32 interface, list, rule;
    bool permits;
};

struct acl_type_trace {
    u32 interface;
    u16 type;
};
