/* See arp_table.h. */
#include "net/l2/arp_table.h"

#include <stdlib.h>

#include "base/mem.h"

#define SLOTS_MIN 16

static u64 arp_table_pack(const u8 mac[6])
{
    u64 v = 0;
    memcpy(&v, mac, 6);
    return (BYTEORDER_SWAP ? v : v >> 16) | ARP_SLOT_USED | ARP_SLOT_LIVE;
}

static struct arp_table *arp_table_new(u32 slots)
{
    struct arp_table *t = mem_alloc(sizeof(*t) + slots * sizeof(t->slots[0]));
    t->mask = slots - 1;
    return t;
}

static struct arp_slot *arp_table_slot_of(struct arp_table *t, const struct arp_key *k)
{
    for (u32 i = arp_hash(k);; i++) {
        struct arp_slot *s = &t->slots[i & t->mask];
        if (!(s->mac & ARP_SLOT_USED) || (s->key.hi == k->hi && s->key.lo == k->lo))
            return s;
    }
}

static void arp_table_put(struct arp_table *t, const struct arp_key *k, u64 mac)
{
    struct arp_slot *s = arp_table_slot_of(t, k);
    if (!(s->mac & ARP_SLOT_USED)) {
        s->key = *k;
        t->n_used++;
    }
    t->n_live += !(s->mac & ARP_SLOT_LIVE);
    __atomic_store_n(&s->mac, mac, __ATOMIC_RELEASE);
}

struct arp_table *arp_table_set(struct arp_table *t, const struct arp_key *k, const u8 mac[6])
{
    struct arp_table *to = t;
    if (!t || 2 * (t->n_used + 1) > t->mask) {
        u32 slots = SLOTS_MIN, live = t ? t->n_live : 0;
        while (slots < 4 * (live + 1))
            slots *= 2;
        to = arp_table_new(slots);
        for (u32 i = 0; t && i <= t->mask; i++)
            if (t->slots[i].mac & ARP_SLOT_LIVE)
                arp_table_put(to, &t->slots[i].key, t->slots[i].mac);
    }
    arp_table_put(to, k, arp_table_pack(mac));
    return to;
}

bool arp_table_del(struct arp_table *t, const struct arp_key *k)
{
    struct arp_slot *s = t ? arp_table_slot_of(t, k) : NULL;
    if (!s || !(s->mac & ARP_SLOT_LIVE))
        return false;
    t->n_live--;
    __atomic_store_n(&s->mac, s->mac & ~ARP_SLOT_LIVE, __ATOMIC_RELEASE);
    return true;
}
