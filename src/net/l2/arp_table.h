/* Addresses of layer 3 to MAC addresses, of all bridge domains that answer for their stations (ARP
 * termination). The control thread writes, data threads read: an entry's MAC is one word, and a
 * deleted entry is another's only when no data thread can still see it. */
#pragma once

#include <string.h>

#include "base/byteorder.h"
#include "base/error.h"
#include "base/index_list.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/shared_hash.h"
#include "base/types.h"

struct engine;

#define ARP_ENTRIES_MAX MEM_MOST(1u << 20) /* of all domains */

struct arp_key {
    u64 hi, lo; /* an IPv6 address as it lies in a packet; IPv4: 0 and ::ffff:a.b.c.d */
};

struct arp_entry {
    u64 domain; /* index; where the hash table's key begins */
    struct arp_key key;
    u64 mac; /* 6 bytes as they lie in a packet, and two of 0 */
    struct index_links of_domain;
};

#define ARP_KEY_WORDS 3
static_assert(offsetof(struct arp_entry, mac) == ARP_KEY_WORDS * sizeof(u64), "whole words");

struct arp_table {
    struct shared_hash by_key;
    struct pool entries;
    struct engine *engine;
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

/* Returns whether the address is known in the domain; mac gets 6 bytes. */
ALWAYS_INLINE bool arp_table_find(const struct arp_table *t, u32 domain, const struct arp_key *k,
                                  u8 mac[6])
{
    u64 key[ARP_KEY_WORDS] = {domain, k->hi, k->lo};
    u32 i = shared_hash_find(&t->by_key, key, ARP_KEY_WORDS);
    if (i == SHARED_HASH_NONE)
        return false;
    const struct arp_entry *e = pool_at(&t->entries, i);
    u64 bytes = __atomic_load_n(&e->mac, __ATOMIC_RELAXED);
    memcpy(mac, &bytes, 6);
    return true;
}

/* ---- control thread; the list is the domain's ---- */

struct arp_table *arp_table_new(struct engine *e);
void arp_table_free(struct arp_table *t);
/* Adds or changes. -ENOSPC. */
int arp_table_set(struct arp_table *t, u32 domain, struct index_list *list, const struct arp_key *k,
                  const u8 mac[6], struct error *e) MUST_CHECK;
/* false: it is not there. */
bool arp_table_del(struct arp_table *t, u32 domain, struct index_list *list,
                   const struct arp_key *k);
void arp_table_clear(struct arp_table *t, struct index_list *list);
