/* Edges, reasons and notes of the nodes of NAT66. */
#pragma once

#include "base/types.h"

enum { NAT66_NEXT_DROP, NAT66_NEXT_ICMP_ERROR, NAT66_N_NEXT };

enum nat66_error { NAT66_ERR_MALFORMED, NAT66_ERR_TTL, NAT66_ERR_NO_BUFFER, NAT66_ERRS };

struct nat66_trace {
    u32 mapping; /* its index + 1; 0: it passed as it was */
};
