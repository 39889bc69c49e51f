/* See arp_table.h. */
#include "net/l2/arp_table.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/thread.h"

struct arp_table *arp_table_new(struct engine *e)
{
    struct arp_table *t = mem_alloc(sizeof(*t));
    t->engine = e;
    pool_init(&t->entries, "arp-termination", sizeof(struct arp_entry), 8, ARP_ENTRIES_MAX);
    shared_hash_init(&t->by_key, &(struct shared_hash_args){
                                     .name = "arp-termination",
                                     .max = ARP_ENTRIES_MAX,
                                     .keys = t->entries.base,
                                     .stride_bytes = t->entries.stride_bytes,
                                     .key_words = ARP_KEY_WORDS,
                                     .gives_back = true,
                                 });
    return t;
}

static void arp_table_free_now(void *arg)
{
    struct arp_table *t = arg;
    shared_hash_fini(&t->by_key);
    pool_fini(&t->entries);
    free(t);
}

void arp_table_free(struct arp_table *t)
{
    engine_defer_free(t->engine, arp_table_free_now, t); /* behind entries that wait for that */
}

static struct arp_entry *arp_entry_at(const struct arp_table *t, u32 i)
{
    return pool_at(&t->entries, i);
}

static void *links_of(const struct arp_table *t)
{
    return &arp_entry_at(t, 0)->of_domain;
}

static u64 arp_table_pack(const u8 mac[6])
{
    u64 bytes = 0;
    memcpy(&bytes, mac, 6);
    return bytes;
}

static u32 arp_entry_find(const struct arp_table *t, u32 domain, const struct arp_key *k)
{
    u64 key[ARP_KEY_WORDS] = {domain, k->hi, k->lo};
    return shared_hash_find(&t->by_key, key, ARP_KEY_WORDS);
}

int arp_table_set(struct arp_table *t, u32 domain, struct index_list *list, const struct arp_key *k,
                  const u8 mac[6], struct error *e)
{
    u32 i = arp_entry_find(t, domain, k);
    if (i != SHARED_HASH_NONE) {
        __atomic_store_n(&arp_entry_at(t, i)->mac, arp_table_pack(mac), __ATOMIC_RELAXED);
        return 0;
    }
    i = pool_get(&t->entries);
    if (i != POOL_NONE) {
        *arp_entry_at(t, i) =
            (struct arp_entry){.domain = domain, .key = *k, .mac = arp_table_pack(mac)};
        if (!shared_hash_add(&t->by_key, i)) {
            pool_put(&t->entries, i);
            i = POOL_NONE;
        }
    }
    if (i == POOL_NONE)
        return error_set(e, ENOSPC, "at most %u entries for ARP termination are possible",
                         ARP_ENTRIES_MAX);
    index_list_add(list, links_of(t), t->entries.stride_bytes, i);
    return 0;
}

struct freed {
    struct arp_table *table;
    u32 index;
};

/* No data thread can still be reading it. */
static void arp_entry_is_free(void *arg)
{
    struct freed *f = arg;
    pool_put(&f->table->entries, f->index);
    free(f);
}

static void arp_entry_delete(struct arp_table *t, struct index_list *list, u32 i)
{
    struct freed *f = mem_alloc(sizeof(*f));
    shared_hash_remove(&t->by_key, i);
    index_list_remove(list, links_of(t), t->entries.stride_bytes, i);
    *f = (struct freed){t, i};
    engine_defer_free(t->engine, arp_entry_is_free, f);
}

bool arp_table_del(struct arp_table *t, u32 domain, struct index_list *list,
                   const struct arp_key *k)
{
    u32 i = arp_entry_find(t, domain, k);
    if (i != SHARED_HASH_NONE)
        arp_entry_delete(t, list, i);
    return i != SHARED_HASH_NONE;
}

void arp_table_clear(struct arp_table *t, struct index_list *list)
{
    while (list->n)
        arp_entry_delete(t, list, list->first);
}
