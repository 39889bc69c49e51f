/* Attached routes whose interface is in another table: an address under such a prefix may be one of
 * this switch, or a neighbour, and that table knows. What is linked there under the prefix is
 * copied beside the route (source attached_export), and follows what becomes of it. Source: VPP's
 * behaviour. */
#include "net/ip/fib/fib_internal.h"
#include "net/packet/ip6_packet.h"

/* The table that an entry imports from; NONE. */
static u32 import_of(const struct fib *f, u32 entry)
{
    u64 table;
    return hash_get(&f->import_by_entry, &entry, &table) ? (u32)table : NONE;
}

/* Where it should import from. */
static u32 import_wanted(const struct fib *f, u32 entry)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    enum ip_family family = fib_entry_family(f, entry);
    struct ip_address a = fib_entry_address(f, entry);
    if (!f->table_of || e->list == NONE || e->len == ip_family_bits(family))
        return NONE;
    if (family == IP_FAMILY_6 && ip6_is_link_local(a.bytes))
        return NONE; /* has a table of its own for each link */
    struct if_index i = path_list_attached(f, e->list);
    struct fib_index t = if_is_none(i) ? FIB_NONE : f->table_of(f->piste, family, i);
    return fib_table_exists(f, t) && t.i != e->table ? t.i : NONE;
}

/* Whether an entry is of the link of i: its addresses, and its neighbours while they are such. */
static bool is_of_link(const struct fib *f, u32 entry, struct if_index i)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    enum fib_source best = fib_entry_best(f, e);
    if (best != FIB_SOURCE_INTERFACE && best != FIB_SOURCE_ADJ)
        return false;
    const struct path *first = path_at(f, path_list_at(f, e->list)->first);
    return if_is_none(first->cfg.interface) || if_equal(first->cfg.interface, i);
}

static bool import_covers(const struct ip_prefix *p, const struct ip_prefix *q)
{
    return p->len < q->len && ip_prefix_has(p, &q->addr);
}

/* Brings what table `to` has of entry in line: there while an attached route of that table covers
 * it, by the entry's own link. */
static void import_copy(struct fib *f, u32 entry, u32 to)
{
    const struct fib_entry *e = fib_entry_at(f, entry);
    struct ip_prefix q = fib_entry_prefix(f, entry);
    const struct fib_table *from = fib_table_at(f, e->table);
    bool there = false;
    for (u32 i = 0; i < from->exports.n && !there; i++) {
        const struct fib_entry *x = fib_entry_at(f, from->exports.v[i]);
        struct ip_prefix p = fib_entry_prefix(f, from->exports.v[i]);
        there = x->table == to && import_covers(&p, &q) &&
                is_of_link(f, entry, path_list_attached(f, x->list));
    }
    u32 copied = fib_entry_find(f, fib_table_at(f, to), &q.addr, q.len);
    if (there) {
        path_list_ref(f, e->list);
        (void)fib_entry_source_set(f, to, &q.addr, q.len, FIB_SOURCE_EXPORT, e->list);
    } else if (copied != NONE) {
        fib_entry_source_del(f, copied, FIB_SOURCE_EXPORT);
    }
}

static void import_copy_to(struct fib *f, u32 entry, void *arg)
{
    const u32 *to = arg;
    import_copy(f, entry, *to);
}

static void import_end(struct fib *f, u32 entry, u32 from)
{
    struct ip_prefix p = fib_entry_prefix(f, entry);
    struct fib_table *t = fib_table_at(f, from);
    u32 to = fib_entry_at(f, entry)->table;
    hash_del(&f->import_by_entry, &entry);
    for (u32 i = 0; i < t->exports.n; i++)
        if (t->exports.v[i] == entry) {
            vec_del(&t->exports, i);
            break;
        }
    if (!t->exports.n)
        vec_free(&t->exports);
    fib_linked_under(f, t, &p, import_copy_to, &to);
    fib_tables_unlock_rr(f, from);
}

static void import_begin(struct fib *f, u32 entry, u32 from)
{
    struct ip_prefix p = fib_entry_prefix(f, entry);
    u32 to = fib_entry_at(f, entry)->table;
    hash_set(&f->import_by_entry, &entry, from);
    vec_add(&fib_table_at(f, from)->exports, entry);
    fib_tables_lock_rr(f, from);
    fib_linked_under(f, fib_table_at(f, from), &p, import_copy_to, &to);
}

void fib_import_evaluate(struct fib *f, u32 entry)
{
    u32 is = import_of(f, entry), should_be = import_wanted(f, entry);
    if (is == should_be)
        return;
    if (is != NONE)
        import_end(f, entry, is);
    if (should_be != NONE)
        import_begin(f, entry, should_be);
}

/* Once for each table that has attached routes here: how many of them there are does not matter. */
void fib_export_evaluate(struct fib *f, u32 entry)
{
    const struct fib_table *t = fib_table_at(f, fib_entry_at(f, entry)->table);
    struct ip_prefix q = fib_entry_prefix(f, entry);
    VEC(u32) to = {0};
    for (u32 i = 0; i < t->exports.n; i++) {
        struct ip_prefix p = fib_entry_prefix(f, t->exports.v[i]);
        if (import_covers(&p, &q))
            vec_add(&to, fib_entry_at(f, t->exports.v[i])->table);
    }
    for (u32 i = 0; i < to.n; i++)
        import_copy(f, entry, to.v[i]);
    vec_free(&to);
}

void fib_import_interface(struct fib *f, struct if_index i)
{
    VEC(u32) entries = {0};
    for (u32 k = fib_if_at(f, i)->paths - 1; k != NONE; k = path_at(f, k)->if_next)
        if (path_at(f, k)->cfg.kind == FIB_PATH_ATTACHED)
            for (u32 e = path_list_at(f, path_at(f, k)->list)->entries; e != NONE;
                 e = fib_entry_at(f, e)->next)
                vec_add(&entries, e);
    for (u32 k = 0; k < entries.n; k++) /* one may have gone with what another imported */
        if (!(fib_entry_at(f, entries.v[k])->flags & (ENTRY_DEAD | ENTRY_ALONE)))
            fib_import_evaluate(f, entries.v[k]);
    vec_free(&entries);
}

void fib_set_table_of(struct fib *f,
                      struct fib_index (*fn)(const struct piste *p, enum ip_family family,
                                             struct if_index i))
{
    f->table_of = fn;
}

void fib_table_of_changed(struct fib *f, struct if_index i)
{
    fib_import_interface(f, i);
    fib_settle(f);
}
