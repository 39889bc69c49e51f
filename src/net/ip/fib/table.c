/* Tables: made and freed by locks, each with the routes that all tables have. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "control/cli.h"
#include "net/ip/fib/fib_internal.h"

struct fib_table_data *fib_table_base;

/* NAT64's has the number of nat-hi in VPP, and a priority of our own: before the addresses of
 * interfaces. */
static const struct fib_source_def fib_sources[FIB_SOURCE_ADDED] = {
    [FIB_SOURCE_SPECIAL] = {"special", "simple", 1, 0, 0},
    [FIB_SOURCE_CLASSIFY] = {"classify", "simple", 2, 1, 0},
    [FIB_SOURCE_PROXY] = {"proxy", "simple", 3, 2, 0},
    [FIB_SOURCE_NAT64] = {"nat64-hi", "simple", 28, 2, 1},
    [FIB_SOURCE_INTERFACE] = {"interface", "interface", 4, 3, 0},
    [FIB_SOURCE_API] = {"API", "api", 8, 128, 0},
    [FIB_SOURCE_CLI] = {"CLI", "api", 9, 129, 0},
    [FIB_SOURCE_DHCP] = {"DHCP", "api", 12, 176, 0},
    [FIB_SOURCE_ND_PROXY] = {"IPv6-proxy-nd", "api", 13, 192, 0},
    [FIB_SOURCE_ND] = {"IPv6-nd", "api", 14, 193, 0},
    [FIB_SOURCE_ADJ] = {"adjacency", "adjacency", 15, 208, 0},
    [FIB_SOURCE_EXPORT] = {"attached_export", "simple", 17, 240, 0},
    [FIB_SOURCE_RR] = {"recursive-resolution", "rr", 18, 251, 0},
    [FIB_SOURCE_DEFAULT_ROUTE] = {"default-route", "drop", 20, 253, 0},
};

#define SOURCES_OF_VPP 30 /* the numbers of others follow */

struct fib_source_def fib_added_sources[FIB_SOURCE_N - FIB_SOURCE_ADDED];

const struct fib_source_def *fib_source_def(enum fib_source s)
{
    if (s < FIB_SOURCE_ADDED)
        return &fib_sources[s];
    return s < FIB_SOURCE_N && fib_added_sources[s - FIB_SOURCE_ADDED].name
               ? &fib_added_sources[s - FIB_SOURCE_ADDED]
               : NULL;
}

const char *fib_source_name(enum fib_source s)
{
    const struct fib_source_def *def = fib_source_def(s);
    return def ? def->name : "invalid";
}

bool fib_source_is_before(enum fib_source a, enum fib_source b)
{
    const struct fib_source_def *x = fib_source_def(a), *y = fib_source_def(b);
    if (!x || !y)
        return x != NULL;
    return x->priority != y->priority ? x->priority < y->priority : x->slot < y->slot;
}

bool fib_source_is_users(enum fib_source s)
{
    return s == FIB_SOURCE_API || s == FIB_SOURCE_CLI || s == FIB_SOURCE_DHCP ||
           (s >= FIB_SOURCE_ADDED && fib_source_def(s));
}

/* A word that stands in commands as it is. */
static bool fib_source_is_name(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n = strspn(name, letters);
    return n && n < FIB_NAME_BYTES && !name[n];
}

int fib_source_add(const char *name, u8 priority, enum fib_source *out, struct error *e)
{
    u8 slot = 0;
    const struct fib_source_def *def;
    enum fib_source s = 0;
    if (!fib_source_is_name(name))
        return error_set(e, EINVAL, "not the name of a source: letters, digits, `-', `_' and `.'");
    for (; (def = fib_source_def(s)) && strcasecmp(name, def->name) != 0; s++)
        slot += def->priority == priority;
    *out = s;
    if (def)
        return s >= FIB_SOURCE_ADDED && def->priority == priority
                   ? 0
                   : error_set(e, EEXIST, "there is a source %s already", name);
    if (s == FIB_SOURCE_N)
        return error_set(e, ENOSPC, "no more than %u sources can be added",
                         FIB_SOURCE_N - FIB_SOURCE_ADDED);
    u32 k = s - FIB_SOURCE_ADDED;
    fib_added_sources[k] =
        (struct fib_source_def){mem_strdup(name), "api", (u8)(SOURCES_OF_VPP + k), priority, slot};
    return 0;
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

struct fib_index fib_table_find(const struct fib *f, enum ip_family family, u32 table_id)
{
    u32 key[2] = {family, table_id};
    u64 value;
    if (!hash_get(&f->table_by_id, key, &value))
        return FIB_NONE;
    return (struct fib_index){(u32)value};
}

u32 fib_table_id(const struct fib *f, struct fib_index t)
{
    return fib_table_exists(f, t) ? fib_table_at(f, t.i)->id : FIB_TABLE_NO_ID;
}

const char *fib_table_name(const struct fib *f, struct fib_index t)
{
    return fib_table_exists(f, t) ? f->tables[t.i]->name : "DELETED";
}

bool fib_table_is_named(const struct fib *f, struct fib_index t)
{
    return fib_table_at(f, t.i)->named;
}

static u32 table_index_of(enum ip_family family, u32 number)
{
    return family == IP_FAMILY_4 ? number : FIB_TABLES_MAX + number;
}

struct fib_index fib_table_next(const struct fib *f, enum ip_family family, u32 from)
{
    for (u32 i = from; i < f->n_tables[family]; i++)
        if (f->tables[table_index_of(family, i)])
            return (struct fib_index){table_index_of(family, i)};
    return FIB_NONE;
}

u32 fib_table_n_routes(const struct fib *f, struct fib_index t)
{
    return fib_table_at(f, t.i)->n_used;
}

static void table_set_name(struct fib_table *t, const char *name)
{
    t->named = name && *name;
    if (t->named)
        snprintf(t->name, sizeof(t->name), "%s", name);
    else
        snprintf(t->name, sizeof(t->name), "ipv%u-VRF:%u", t->family == IP_FAMILY_4 ? 4 : 6, t->id);
}

/* Without routes yet. */
static int table_new(struct fib *f, enum ip_family family, u32 table_id, const char *name, u32 *out,
                     struct error *e)
{
    u32 n_free = f->free_tables[family].n;
    u32 number = n_free ? f->free_tables[family].v[n_free - 1] : f->n_tables[family];
    u32 most = fib_protocol(family)->tables_max;
    if (number >= most)
        return error_set(e, ENOSPC, "no room for more than %u tables", most);
    if (table_id && name && !cli_is_braceable(name)) /* 0 has its name from startup.conf */
        return error_set(
            e, EINVAL,
            "a table's name is one line, with braces in pairs, and no blanks around it or a `|'");
    u32 i = table_index_of(family, number);
    struct fib_table_data *d = &fib_table_base[i];
    struct fib_table *t = mem_alloc(sizeof(*t));
    t->id = table_id;
    t->family = family;
    table_set_name(t, name);
    __atomic_store_n(&d->flow_fields, FLOW_DEFAULT, __ATOMIC_RELAXED);
    __atomic_store_n(&d->default_leaf, trie_leaf(0), __ATOMIC_RELAXED);
    int rc = fib_protocol(family)->table_new(t, d, e);
    if (rc) {
        free(t);
        return rc;
    }
    if (n_free)
        f->free_tables[family].n--;
    else
        f->n_tables[family]++;
    f->tables[i] = t;
    *out = i;
    return 0;
}

void fib_set_link_local(struct fib *f, struct adj_index a)
{
    if (f->link_local.i != ADJ_NONE.i)
        adj_unref(f, f->link_local);
    f->link_local = a;
}

static struct fib_path fixed_path(const struct fib *f, const struct fib_fixed *x)
{
    struct fib_path path = fib_path_special((enum fib_path_kind)x->kind);
    if (path.kind == FIB_PATH_ADJ)
        path.adj = f->link_local;
    return path.kind == FIB_PATH_ADJ && path.adj.i == ADJ_NONE.i ? fib_path_special(FIB_PATH_DROP)
                                                                 : path;
}

static int table_fill(struct fib *f, u32 i)
{
    const struct fib_protocol *p = fib_protocol(fib_table_at(f, i)->family);
    for (u32 k = 0; k < p->n_fixed; k++) {
        struct fib_path path = fixed_path(f, &p->fixed[k]);
        int rc = fib_route_update(f, (struct fib_index){i}, p->fixed[k].prefix, p->fixed[k].source,
                                  &path, 1, NULL);
        if (rc)
            return rc;
    }
    if (f->table_user.begin && fib_table_at(f, i)->id != FIB_TABLE_NO_ID)
        f->table_user.begin(f->table_user.arg, (struct fib_index){i});
    return 0;
}

void fib_set_table_user(struct fib *f, const struct fib_table_user *u)
{
    f->table_user = u ? *u : (struct fib_table_user){0};
    for (u32 k = 0; u && k < IP_FAMILY_N; k++)
        for (struct fib_index t = fib_table_next(f, (enum ip_family)k, 0); !fib_is_none(t);
             t = fib_table_next(f, (enum ip_family)k, fib_number(t) + 1))
            if (fib_table_is_kept(f, t) && fib_table_id(f, t) != FIB_TABLE_NO_ID)
                u->begin(u->arg, t);
}

static bool is_locked(const struct fib_table *t)
{
    for (u32 s = 0; s < FIB_SOURCE_N; s++)
        if (t->locks[s])
            return true;
    return false;
}

bool fib_table_is_kept(const struct fib *f, struct fib_index t)
{
    for (u32 s = 0; s < FIB_SOURCE_N; s++)
        if (s != FIB_SOURCE_RR && fib_table_at(f, t.i)->locks[s])
            return true;
    return false;
}

static void table_empty(struct fib *f, u32 i)
{
    if (f->table_user.end && fib_table_at(f, i)->id != FIB_TABLE_NO_ID)
        f->table_user.end(f->table_user.arg, (struct fib_index){i});
    for (u32 s = 0; s < FIB_SOURCE_N; s++)
        if (s != FIB_SOURCE_RR)
            fib_table_flush(f, (struct fib_index){i}, s);
}

void fib_table_drop(struct fib *f, u32 i)
{
    struct fib_table *t = fib_table_at(f, i);
    struct fib_table_data *d = &fib_table_base[i];
    u32 key[2] = {t->family, t->id};
    if (t->id != FIB_TABLE_NO_ID)
        hash_del(&f->table_by_id, key);
    __atomic_store_n(&d->default_leaf, trie_leaf(0), __ATOMIC_RELEASE);
    fib_protocol(t->family)->table_end(f, d);
    f->tables[i] = NULL;
    fib_prefixes_free(t);
    ordset_fini(&t->linked);
    vec_free(&t->exports);
    fib_limbo(f, LIMBO_TABLE, fib_number((struct fib_index){i}), (u64)(uintptr_t)t);
}

static void table_free(struct fib *f, u32 i)
{
    table_empty(f, i);
    if (!is_locked(fib_table_at(f, i)))
        fib_table_drop(f, i);
    /* else emptying it was not the end: recursive routes of other tables need it */
}

/* A table with its routes and one lock. */
static int table_make(struct fib *f, enum ip_family family, u32 table_id, const char *name,
                      enum fib_source s, struct fib_index *t, struct error *e)
{
    int rc = table_new(f, family, table_id, name, &t->i, e);
    if (rc)
        return rc;
    u32 key[2] = {family, table_id};
    if (table_id != FIB_TABLE_NO_ID)
        hash_set(&f->table_by_id, key, t->i);
    fib_table_at(f, t->i)->locks[s] = 1;
    if (table_fill(f, t->i)) {
        fib_table_unlock(f, *t, s);
        return error_set(e, ENOSPC, "no room for another table's routes");
    }
    return 0;
}

int fib_table_lock(struct fib *f, enum ip_family family, u32 table_id, const char *name,
                   enum fib_source s, struct fib_index *out, struct error *e)
{
    struct fib_index t = fib_table_find(f, family, table_id);
    if (table_id == FIB_TABLE_NO_ID)
        return error_set(e, EINVAL, "no table can have the id %u", table_id);
    if (fib_is_none(t)) {
        int rc = table_make(f, family, table_id, name, s, &t, e);
        if (rc)
            return rc;
    } else {
        bool empty = !fib_table_is_kept(f, t);
        fib_table_at(f, t.i)->locks[s]++;
        if (empty && table_fill(f, t.i)) {
            fib_table_unlock(f, t, s);
            return error_set(e, ENOSPC, "no room for a table's routes");
        }
    }
    *out = t;
    return 0;
}

int fib_table_private(struct fib *f, enum ip_family family, const char *name, enum fib_source s,
                      struct fib_index *out, struct error *e)
{
    return table_make(f, family, FIB_TABLE_NO_ID, name, s, out, e);
}

void fib_table_lock_again(struct fib *f, struct fib_index t, enum fib_source s)
{
    assert(fib_table_is_kept(f, t));
    fib_table_at(f, t.i)->locks[s]++;
}

void fib_table_unlock(struct fib *f, struct fib_index t, enum fib_source s)
{
    struct fib_table *table = fib_table_at(f, t.i);
    assert(table->locks[s]);
    table->locks[s]--;
    /* routes within the table may be what the recursive locks come from: it is emptied first */
    if (!fib_table_is_kept(f, t))
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
    return fib_flow_fields(&fib_table_base[t.i]);
}

void fib_table_set_flow_fields(struct fib *f, struct fib_index t, u32 fields)
{
    __atomic_store_n(&fib_table_base[t.i].flow_fields, fields, __ATOMIC_RELAXED);
}
