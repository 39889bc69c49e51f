/* Prefixes that loose checks accept; see urpf.h. They are few: a list, which is looked through for
 * packets that would be dropped, and only for those. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/thread.h"
#include "plugins/urpf/urpf.h"

#define URPF_ACCEPTED_MOST 256

/* In order of table, address and length: commands that undo each other lead to the same list. */
static int urpf_accept_compare(const struct urpf_accepted *a, const struct urpf_accepted *b)
{
    if (a->table.i != b->table.i)
        return a->table.i < b->table.i ? -1 : 1;
    int rc = memcmp(&a->prefix.addr, &b->prefix.addr, sizeof(a->prefix.addr));
    return rc ? rc : (int)a->prefix.len - (int)b->prefix.len;
}

/* Where x is, or would be. */
static u32 urpf_accept_place(const struct urpf_accept_list *l, const struct urpf_accepted *x)
{
    u32 k = 0;
    while (l && k < l->n && urpf_accept_compare(&l->v[k], x) < 0)
        k++;
    return k;
}

/* The list without its k-th, or with one more there. */
static struct urpf_accept_list *urpf_accept_copy(const struct urpf_accept_list *l, u32 k,
                                                 const struct urpf_accepted *more)
{
    u32 n = l ? l->n : 0;
    struct urpf_accept_list *copy = mem_alloc(sizeof(*copy) + (n + 1) * sizeof(copy->v[0]));
    for (u32 i = 0; i < n + 1; i++) {
        if (more && i == k)
            copy->v[copy->n++] = *more;
        if (i < n && (more || i != k))
            copy->v[copy->n++] = l->v[i];
    }
    return copy;
}

int urpf_accept(struct piste *p, struct fib_index table, struct ip_prefix prefix, bool add,
                struct error *e)
{
    struct urpf_state *s = urpf_state_of(p);
    struct fib *f = fib_of(p);
    struct urpf_accept_list *was = s->accepted;
    prefix.addr = ip_address_mask(&prefix.addr, prefix.len);
    struct urpf_accepted x = {table, prefix};
    u32 n = was ? was->n : 0, k = urpf_accept_place(was, &x);
    if (add == (k < n && !urpf_accept_compare(&was->v[k], &x)))
        return add ? error_set(e, EEXIST, "it is accepted already")
                   : error_set(e, ENOENT, "no such prefix is accepted");
    if (add && n == URPF_ACCEPTED_MOST)
        return error_set(e, ENOSPC, "at most %u prefixes", URPF_ACCEPTED_MOST);
    int rc = add ? fib_table_lock(f, fib_family(table), fib_table_id(f, table), NULL,
                                  FIB_SOURCE_SPECIAL, &x.table, e)
                 : 0;
    if (rc)
        return rc;
    __atomic_store_n(&s->accepted, urpf_accept_copy(was, k, add ? &x : NULL), __ATOMIC_RELEASE);
    if (was)
        engine_defer_free(engine_of(p), free, was);
    if (!add)
        fib_table_unlock(f, table, FIB_SOURCE_SPECIAL);
    return 0;
}
