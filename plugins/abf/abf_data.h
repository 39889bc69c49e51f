/* What nodes know of policies, see abf.h. */
#pragma once

#include "net/ip/fib/fib.h"
#include "plugins/acl/acl_use.h"

/* Of an interface and a protocol: its attachments in their order. Never changes. */
struct abf_chain {
    struct acl_context *context; /* the access lists, of one attachment each */
    struct lb_index lb[];        /* of the policies' paths, as many */
};

struct abf_interface {
    struct abf_chain *chain[IP_FAMILY_N]; /* NULL: none */
};

extern struct abf_interface *abf_interfaces; /* IF_MAX */

enum { ABF_ERR_NO_MATCH, ABF_ERR_MATCHED, ABF_ERR_MISSED, ABF_ERR_N };

struct abf_trace {
    u32 lb; /* LB_NONE: none */
};
