/* Addresses of layer 3 to MAC addresses, for a bridge domain that answers for its stations (ARP
 * termination). The control thread writes, data threads read without locks: an entry's key is
 * written before its MAC is published, a deleted one keeps its key, and a table that grew too full
 * of them is replaced as a whole. */
#pragma once

#include <string.h>

#include "base/types.h"
#include "base/byteorder.h"

struct arp_key {
    u64 hi, lo; /* an IPv6 address as it lies in a packet; IPv4: 0 and ::ffff:a.b.c.d */
};

struct arp_slot {
    struct arp_key key;
    u64 mac; /* 6 bytes in the low 48 bits as loaded, and ARP_SLOT_* above */
};

#define ARP_SLOT_USED (1ull << 62)
#define ARP_SLOT_LIVE (1ull << 63)

struct arp_table {
    u32 mask, n_used, n_live;
    struct arp_slot slots[];
};

ALWAYS_INLINE struct arp_key arp_key_ip4(be32 address)
{
    u8 bytes[8] = {0, 0, 0xff, 0xff};
    store_be32(bytes + 4, address);
    return (struct arp_key){0, load_u64(bytes)};
}

ALWAYS_INLINE struct arp_key arp_key_ip6(const u8 address[16])
{
    return (struct arp_key){load_u64(address), load_u64(address + 8)};
}

ALWAYS_INLINE bool arp_key_is_ip4(const struct arp_key *k)
{
    const u8 *low = (const u8 *)&k->lo;
    return !k->hi && !load_u16(low) && load_u16(low + 2) == 0xffff;
}

ALWAYS_INLINE u32 arp_hash(const struct arp_key *k)
{
    u64 x = (k->hi ^ 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull ^ k->lo;
    x *= 0xc4ceb9fe1a85ec53ull;
    return (u32)(x >> 32);
}

/* Returns whether the address is known; mac gets 6 bytes. */
ALWAYS_INLINE bool arp_table_find(const struct arp_table *t, const struct arp_key *k, u8 mac[6])
{
    for (u32 i = arp_hash(k), n = 0; n <= t->mask; i++, n++) {
        const struct arp_slot *s = &t->slots[i & t->mask];
        u64 v = __atomic_load_n(&s->mac, __ATOMIC_ACQUIRE);
        if (!(v & ARP_SLOT_USED))
            return false;
        if (s->key.hi != k->hi || s->key.lo != k->lo)
            continue;
        u64 bytes = BYTEORDER_SWAP ? v : v << 16;
        memcpy(mac, &bytes, 6);
        return v & ARP_SLOT_LIVE;
    }
    return false;
}

/* Control thread. Table NULL: empty. Adds or changes; returns the table to publish: the same, or a
 * new one that the old is to be freed for after a grace period. */
struct arp_table *arp_table_set(struct arp_table *t, const struct arp_key *k, const u8 mac[6]);
bool arp_table_del(struct arp_table *t, const struct arp_key *k);
