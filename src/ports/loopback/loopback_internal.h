#pragma once

#include "base/vec.h"
#include "engine/node.h"

enum { LOOPBACK_TX_NEXT_DROP, LOOPBACK_TX_NEXT_ETHERNET };

struct loopback {
    struct piste *piste;
    struct if_index interface;
    u32 instance;
};
