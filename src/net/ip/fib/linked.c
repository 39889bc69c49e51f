/* Linked entries: those of next hops and neighbours, which follow what covers them, and those of
 * interfaces' addresses. They stand in an ordered set of their table, by which what lies under a
 * prefix is found. */
#include "net/ip/fib/fib_internal.h"

struct place {
    struct ip_address addr;
    u8 len;
};

static int linked_order(const void *ctx, u32 index, const void *key)
{
    const struct fib *f = ctx;
    const struct place *p = key;
    struct ip_address a = fib_entry_address(f, index);
    int c = ip_address_compare(&a, &p->addr);
    return c ? c : (int)fib_entry_at(f, index)->len - (int)p->len;
}

static struct place linked_place(const struct fib *f, u32 entry)
{
    return (struct place){fib_entry_address(f, entry), fib_entry_at(f, entry)->len};
}

void fib_link(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    struct place p = linked_place(f, entry);
    if (e->flags & ENTRY_LINKED)
        return;
    ordset_add(&fib_table_at(f, e->table)->linked, entry, linked_order, f, &p);
    e->flags |= ENTRY_LINKED;
    e->cover_len = 255;
}

void fib_unlink(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    struct place p = linked_place(f, entry);
    if (!(e->flags & ENTRY_LINKED))
        return;
    bool there = ordset_del(&fib_table_at(f, e->table)->linked, entry, linked_order, f, &p);
    assert(there);
    e->flags &= (u8)~ENTRY_LINKED;
}

void fib_linked_under(struct fib *f, const struct fib_table *t, const struct ip_prefix *p,
                      void (*fn)(struct fib *f, u32 entry, void *arg), void *arg)
{
    struct place first = {p->addr, (u8)(p->len + 1)};
    struct ip_address last = ip_address_last(t->family, &p->addr, p->len);
    struct ordset_pos at = ordset_find(&t->linked, linked_order, f, &first);
    for (u32 entry; ordset_get(&t->linked, at, &entry); at = ordset_next(&t->linked, at)) {
        struct ip_address a = fib_entry_address(f, entry);
        if (ip_address_compare(&a, &last) > 0)
            break;
        if (fib_entry_at(f, entry)->len > p->len)
            fn(f, entry, arg);
    }
}

static void linked_look_again(struct fib *f, u32 entry, void *arg)
{
    const u8 *len = arg;
    u8 cover_len = fib_entry_at(f, entry)->cover_len;
    if (cover_len == 255 || cover_len <= *len)
        fib_queue(f, WORK_ENTRY, entry);
}

void fib_linked_notify(struct fib *f, u32 entry)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    const struct fib_table *t = fib_table_at(f, e->table);
    if (!t->linked.n || e->len == ip_family_bits(t->family))
        return;
    struct ip_prefix p = fib_entry_prefix(f, entry);
    fib_linked_under(f, t, &p, linked_look_again, &p.len);
}

u32 fib_linked_cover(struct fib *f, u32 entry)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    struct ip_address a = fib_entry_address(f, entry);
    u32 cover = fib_entry_cover(f, fib_table_at(f, e->table), &a, e->len);
    e->cover_len = cover == NONE ? 255 : fib_entry_at(f, cover)->len;
    return cover;
}
