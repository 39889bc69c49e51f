/* Tables: made and freed by locks, each with the routes that all tables have. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "control/cli.h"
#include "net/ip/fib/fib_internal.h"

struct fib_table_data *fib_table_base;

/* What packets look up in that are under way when their table goes. */
static const u32 empty_root[IP4_TRIE_ROOT_WORDS];

static const struct {
    u32 addr;
    u8 len;
    u8 source;
} default_routes[] = {
    {0, 0, FIB_SOURCE_DEFAULT_ROUTE},     {0, 32, FIB_SOURCE_SPECIAL},
    {0xf0000000, 4, FIB_SOURCE_SPECIAL},  {0xe0000000, 4, FIB_SOURCE_SPECIAL},
    {0xffffffff, 32, FIB_SOURCE_SPECIAL},
};

const char *fib_source_name(enum fib_source s)
{
    static const char *const names[FIB_SOURCE_N] = {
        [FIB_SOURCE_SPECIAL] = "special",
        [FIB_SOURCE_CLASSIFY] = "classify",
        [FIB_SOURCE_PROXY] = "proxy",
        [FIB_SOURCE_INTERFACE] = "interface",
        [FIB_SOURCE_API] = "API",
        [FIB_SOURCE_CLI] = "CLI",
        [FIB_SOURCE_DHCP] = "DHCP",
        [FIB_SOURCE_ADJ] = "adjacency",
        [FIB_SOURCE_RR] = "recursive-resolution",
        [FIB_SOURCE_DEFAULT_ROUTE] = "default-route",
    };
    return s < FIB_SOURCE_N ? names[s] : "invalid";
}

bool fib_source_is_users(enum fib_source s)
{
    return s == FIB_SOURCE_API || s == FIB_SOURCE_CLI || s == FIB_SOURCE_DHCP;
}

bool fib_user_source_find(const char *name, enum fib_source *out)
{
    for (enum fib_source s = 0; s < FIB_SOURCE_N; s++)
        if (fib_source_is_users(s) && !strcasecmp(name, fib_source_name(s))) {
            *out = s;
            return true;
        }
    return false;
}

struct fib_index fib_table_find(const struct fib *f, u32 table_id)
{
    u64 value;
    if (!hash_get(&f->table_by_id, &table_id, &value))
        return FIB_NONE;
    return (struct fib_index){(u32)value};
}

u32 fib_table_id(const struct fib *f, struct fib_index t)
{
    return fib_table_at(f, t.i)->id;
}

const char *fib_table_name(const struct fib *f, struct fib_index t)
{
    return t.i < f->n_tables && f->tables[t.i] ? f->tables[t.i]->name : "DELETED";
}

bool fib_table_is_named(const struct fib *f, struct fib_index t)
{
    return fib_table_at(f, t.i)->named;
}

struct fib_index fib_table_next(const struct fib *f, u32 from)
{
    for (u32 i = from; i < f->n_tables; i++)
        if (f->tables[i])
            return (struct fib_index){i};
    return FIB_NONE;
}

u32 fib_table_n_routes(const struct fib *f, struct fib_index t)
{
    return fib_table_at(f, t.i)->n_used;
}

static int table_new(struct fib *f, u32 table_id, const char *name, u32 *out, struct error *e)
{
    u32 i = f->free_tables.n ? f->free_tables.v[f->free_tables.n - 1] : f->n_tables;
    if (i >= FIB_TABLES_MAX)
        return error_set(e, ENOSPC, "no room for more than %u tables", FIB_TABLES_MAX);
    if (table_id && name && !cli_is_braceable(name)) /* 0 has its name from startup.conf */
        return error_set(
            e, EINVAL,
            "a table's name is one line, with braces in pairs, and no blanks around it or a `|'");
    struct fib_table *t = mem_alloc(sizeof(*t));
    int rc = mem_map_new(&t->root_map, "ip4 trie root", sizeof(empty_root),
                         (struct mem_page_size){0}, false, e);
    if (rc) {
        free(t);
        return rc;
    }
    if (f->free_tables.n)
        f->free_tables.n--;
    else
        f->n_tables++;
    t->root = t->root_map.base;
    t->id = table_id;
    t->default_entry = NONE;
    t->named = name && *name;
    if (t->named)
        snprintf(t->name, sizeof(t->name), "%s", name);
    else
        snprintf(t->name, sizeof(t->name), "ipv4-VRF:%u", table_id);
    f->tables[i] = t;
    hash_set(&f->table_by_id, &table_id, i);

    struct fib_table_data *d = &fib_table_base[i];
    __atomic_store_n(&d->flow_fields, FLOW_DEFAULT, __ATOMIC_RELAXED);
    __atomic_store_n(&d->default_leaf, ip4_trie_leaf(0), __ATOMIC_RELAXED);
    __atomic_store_n(&d->root, t->root, __ATOMIC_RELEASE);
    *out = i;
    return 0;
}

static int table_fill(struct fib *f, u32 i)
{
    struct fib_path drop = fib_path_special(FIB_PATH_DROP);
    for (u32 k = 0; k < array_len(default_routes); k++) {
        struct ip4_prefix prefix = {be32_from_host(default_routes[k].addr), default_routes[k].len};
        int rc = fib_route_update(f, (struct fib_index){i}, prefix, default_routes[k].source, &drop,
                                  1, NULL);
        if (rc)
            return rc;
    }
    return 0;
}

static bool is_locked(const struct fib_table *t)
{
    for (u32 s = 0; s < FIB_SOURCE_N; s++)
        if (t->locks[s])
            return true;
    return false;
}

static void table_empty(struct fib *f, u32 i)
{
    for (u32 s = 0; s < FIB_SOURCE_N; s++)
        if (s != FIB_SOURCE_RR)
            fib_table_flush(f, (struct fib_index){i}, s);
}

static void table_free(struct fib *f, u32 i)
{
    struct fib_table *t = fib_table_at(f, i);
    struct fib_table_data *d = &fib_table_base[i];
    table_empty(f, i);
    if (is_locked(t))
        return; /* emptying it was not the end: recursive routes of other tables need it */
    hash_del(&f->table_by_id, &t->id);
    __atomic_store_n(&d->default_leaf, ip4_trie_leaf(0), __ATOMIC_RELEASE);
    __atomic_store_n(&d->root, empty_root, __ATOMIC_RELEASE);
    f->tables[i] = NULL;
    fib_table_slots_free(t);
    vec_free(&t->followers);
    fib_limbo(f, LIMBO_ROOT, i, (u64)(uintptr_t)t);
}

int fib_table_lock(struct fib *f, u32 table_id, const char *name, enum fib_source s,
                   struct fib_index *out, struct error *e)
{
    struct fib_index t = fib_table_find(f, table_id);
    if (fib_is_none(t)) {
        int rc = table_new(f, table_id, name, &t.i, e);
        if (rc)
            return rc;
        fib_table_at(f, t.i)->locks[s] = 1;
        if (table_fill(f, t.i)) {
            fib_table_unlock(f, t, s);
            return error_set(e, ENOSPC, "no room for another table's routes");
        }
    } else {
        fib_table_at(f, t.i)->locks[s]++;
    }
    *out = t;
    return 0;
}

void fib_table_unlock(struct fib *f, struct fib_index t, enum fib_source s)
{
    struct fib_table *table = fib_table_at(f, t.i);
    assert(table->locks[s]);
    table->locks[s]--;
    bool others = false;
    for (u32 k = 0; k < FIB_SOURCE_N; k++)
        others |= k != FIB_SOURCE_RR && table->locks[k];
    /* routes within the table may be what the recursive locks come from: it is emptied first */
    if (!others)
        table_free(f, t.i);
}

bool fib_table_is_locked_by(const struct fib *f, struct fib_index t, enum fib_source s)
{
    return fib_table_at(f, t.i)->locks[s] != 0;
}

void fib_tables_lock_rr(struct fib *f, u32 table)
{
    fib_table_at(f, table)->locks[FIB_SOURCE_RR]++;
}

void fib_tables_unlock_rr(struct fib *f, u32 table)
{
    struct fib_table *t = fib_table_at(f, table);
    assert(t->locks[FIB_SOURCE_RR]);
    t->locks[FIB_SOURCE_RR]--;
    if (!is_locked(t) && !t->n_used && !f->stopping)
        table_free(f, table);
}

u32 fib_table_flow_fields(const struct fib *f, struct fib_index t)
{
    return fib_table_base[t.i].flow_fields;
}

void fib_table_set_flow_fields(struct fib *f, struct fib_index t, u32 fields)
{
    __atomic_store_n(&fib_table_base[t.i].flow_fields, fields, __ATOMIC_RELAXED);
}
