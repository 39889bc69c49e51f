/* Edges and reasons of the nodes of policers, and what they note of a traced packet. */
#pragma once

#include "base/types.h"

enum { POLICER_NEXT_DROP, POLICER_NEXT_DROP_IP6, POLICER_NEXT_N };

enum { POLICER_ERR_TRANSMIT, POLICER_ERR_DROP, POLICER_ERR_NO_BUFFER, POLICER_ERR_N };

enum {
    POLICER_CLASSIFY_ERR_MISS,
    POLICER_CLASSIFY_ERR_HIT,
    POLICER_CLASSIFY_ERR_CHAIN_HIT,
    POLICER_CLASSIFY_ERR_DROP,
    POLICER_CLASSIFY_ERR_NO_BUFFER,
    POLICER_CLASSIFY_ERR_N
};

struct policer_trace {
    u32 policer; /* POLICER_NONE: none */
    u32 color;
};
