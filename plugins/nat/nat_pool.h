/* Addresses of a NAT's pool. Context: control thread. */
#pragma once

#include "base/byteorder.h"
#include "engine/index.h"

struct text;

#define NAT_VRF_ANY UINT32_MAX

struct nat_pool_entry {
    be32 addr;
    u32 tenant_vrf;       /* NAT_VRF_ANY */
    struct if_index from; /* whose address it is; IF_NONE: a person's */
};

/* Lines of the running configuration: words "nat44", what "address", after " twice-nat" or "".
 * Addresses that follow each other are one line; those of interfaces have none. Shapes: v[n]. */
void nat_pool_config(const struct nat_pool_entry *v, u32 n, const char *words, const char *what,
                     const char *after, struct text *t);
