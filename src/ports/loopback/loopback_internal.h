#pragma once

#include "base/vec.h"
#include "control/api.h"
#include "engine/node.h"

enum { LOOPBACK_TX_NEXT_DROP, LOOPBACK_TX_NEXT_ETHERNET, LOOPBACK_TX_NEXT_L2 };

enum { LOOPBACK_TX_ERR_LOST, LOOPBACK_TX_ERR_N };

struct loopback {
    struct piste *piste;
    struct if_index interface;
    u32 instance;
    bool is_bvi; /* bviN, made to be one; loopN may be one too */
};

extern const struct api_handler loopback_api[];
