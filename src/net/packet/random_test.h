/* Numbers and addresses for unit tests: the same ones each time. */
#pragma once

#include "base/random.h"
#include "net/packet/ip_address.h"

static u64 random_state = 1;

static inline u32 random_u32(void)
{
    return (u32)(random_u64(&random_state) >> 32);
}

/* Of IPv6: one that a host may have. */
static inline struct ip_address random_ip6(void)
{
    struct ip_address a;
    for (u32 i = 0; i < 4; i++)
        a.words[i] = random_u32();
    a.bytes[0] = 0x20;
    return a;
}
