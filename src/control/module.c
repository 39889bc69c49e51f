/* The registry of modules. Built-ins must come up: their failure is the daemon's. A plugin that
 * fails is logged once and left out, and so is what needs it. */
#include "control/module.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/shared_hash.h"
#include "base/version.h"
#include "base/vec.h"

static struct log_class plugin_log = {.name = "plugin", .sub = "load"};

enum entry_state { ENTRY_NEW, ENTRY_VISITING, ENTRY_UP, ENTRY_FAILED };

struct entry {
    const struct module *m;
    char *file; /* NULL: core */
    enum entry_state at;
    bool may_fail;
    bool alive;     /* from its init to its stop */
    void *state;    /* what m->init made */
    void *settings; /* owned; NULL: it has none */
};

struct modules {
    struct piste *piste;
    VEC(struct entry *) all;         /* in order of registration */
    VEC(struct entry *) initialised; /* in order of init */
    struct hash by_name;             /* the name's address -> struct entry * */
    int (*on_init)(struct piste *p, const struct module *m, struct error *e);
    const struct entry *in_init; /* whose init runs */
};

struct modules *modules_new(struct piste *p)
{
    struct modules *ms = mem_alloc(sizeof(*ms));
    ms->piste = p;
    hash_init(&ms->by_name, sizeof(const char *));
    return ms;
}

void modules_free(struct modules *ms)
{
    if (!ms)
        return;
    for (u32 i = 0; i < ms->all.n; i++) {
        if (ms->all.v[i]->settings && ms->all.v[i]->m->settings_free)
            ms->all.v[i]->m->settings_free(ms->all.v[i]->settings);
        free(ms->all.v[i]->settings);
        free(ms->all.v[i]->file);
        free(ms->all.v[i]);
    }
    vec_free(&ms->all);
    vec_free(&ms->initialised);
    hash_fini(&ms->by_name);
    free(ms);
}

static struct entry *module_find(const struct modules *ms, const char *name)
{
    for (u32 i = 0; i < ms->all.n; i++)
        if (!strcmp(ms->all.v[i]->m->name, name))
            return ms->all.v[i];
    return NULL;
}

static int module_add(struct modules *ms, const struct module *m, const char *file, bool may_fail,
                      struct error *e)
{
    if (m->abi != MODULE_ABI)
        return error_set(e, EINVAL, "made for module ABI %u, this is %u", m->abi, MODULE_ABI);
    if (!m->name || !m->name[0])
        return error_set(e, EINVAL, "the module has no name");
    if (module_find(ms, m->name))
        return error_set(e, EEXIST, "there is a module '%s' already", m->name);
    struct entry *entry = mem_alloc(sizeof(*entry));
    *entry = (struct entry){.m = m, .file = file ? mem_strdup(file) : NULL, .may_fail = may_fail};
    if (m->settings) {
        entry->settings = mem_alloc(m->settings_bytes);
        memcpy(entry->settings, m->settings, m->settings_bytes);
    }
    vec_add(&ms->all, entry);
    hash_set(&ms->by_name, &m->name, (u64)(uintptr_t)entry);
    return 0;
}

int modules_add(struct modules *ms, const struct module *m, const char *file, struct error *e)
{
    return module_add(ms, m, file, false, e);
}

int modules_add_plugin(struct modules *ms, const struct module *m, const char *file,
                       struct error *e)
{
    return module_add(ms, m, file, true, e);
}

void modules_on_init(struct modules *ms,
                     int (*fn)(struct piste *p, const struct module *m, struct error *e))
{
    ms->on_init = fn;
}

static int bring_up(struct modules *ms, struct entry *entry, struct error *e);

static int bring_up_needs(struct modules *ms, struct entry *entry, struct error *e)
{
    for (const char *const *need = entry->m->needs; need && *need; need++) {
        struct entry *other = module_find(ms, *need);
        if (!other || other->at == ENTRY_FAILED)
            return error_set(e, ENOENT, "needs module '%s', which is not there", *need);
        int rc = bring_up(ms, other, e);
        if (rc)
            return rc;
    }
    return 0;
}

static int init_one(struct modules *ms, struct entry *entry, struct error *e)
{
    const struct module *m = entry->m;
    int rc = 0;
    e->text[0] = 0;
    entry->alive = true;
    ms->in_init = entry;
    if (m->init)
        rc = m->init(ms->piste, &entry->state, e);
    ms->in_init = NULL;
    if (!rc && ms->on_init) {
        rc = ms->on_init(ms->piste, m, e);
        if (rc && m->stop)
            m->stop(ms->piste, entry->state);
    }
    if (rc) {
        entry->state = NULL;
        entry->alive = false;
        if (!e->text[0])
            error_set(e, -rc, "init: %s", strerror(-rc));
        return rc;
    }
    if (ms->piste->cli && m->types)
        cli_add_types(ms->piste->cli, m->types);
    if (ms->piste->cli && m->commands)
        cli_add_commands(ms->piste->cli, m->commands);
    return 0;
}

static int bring_up(struct modules *ms, struct entry *entry, struct error *e)
{
    if (entry->at == ENTRY_UP)
        return 0;
    if (entry->at == ENTRY_VISITING)
        return error_set(e, ELOOP, "module '%s' needs itself, in a circle", entry->m->name);
    entry->at = ENTRY_VISITING;
    int rc = bring_up_needs(ms, entry, e);
    if (!rc)
        rc = init_one(ms, entry, e);
    if (rc) {
        entry->at = ENTRY_FAILED;
        error_prefix(e, "module '%s'", entry->m->name);
        return rc;
    }
    entry->at = ENTRY_UP;
    vec_add(&ms->initialised, entry);
    return 0;
}

int modules_init(struct modules *ms, struct error *e)
{
    struct error local;
    e = e ? e : &local;
    for (u32 i = 0; i < ms->all.n; i++) {
        struct entry *entry = ms->all.v[i];
        if (entry->at != ENTRY_NEW)
            continue;
        int rc = bring_up(ms, entry, e);
        if (rc && !entry->may_fail)
            return rc;
        if (rc)
            log_error(&plugin_log, "Plugin not started: %s: %s", entry->file, e->text);
    }
    return 0;
}

void modules_stop(struct modules *ms)
{
    while (ms->initialised.n) {
        struct entry *entry = ms->initialised.v[--ms->initialised.n];
        if (entry->m->stop)
            entry->m->stop(ms->piste, entry->state);
        entry->state = NULL;
        entry->alive = false;
        entry->at = ENTRY_NEW;
    }
}

static struct entry *module_entry_of(const struct piste *p, const char *name)
{
    u64 found;
    if (!p->modules)
        return NULL;
    return hash_get(&p->modules->by_name, &name, &found) ? (struct entry *)(uintptr_t)found
                                                         : module_find(p->modules, name);
}

void *module_state(const struct piste *p, const char *name)
{
    const struct entry *entry = module_entry_of(p, name);
    return entry ? entry->state : NULL;
}

void *module_settings(const struct piste *p, const char *name)
{
    const struct entry *entry = module_entry_of(p, name);
    return entry ? entry->settings : NULL;
}

const bool *module_alive(const struct piste *p)
{
    static const bool always = true;
    return p->modules && p->modules->in_init ? &p->modules->in_init->alive : &always;
}

void modules_each(const struct modules *ms,
                  void (*fn)(const struct module *m, const char *file, void *arg), void *arg)
{
    for (u32 i = 0; i < ms->initialised.n; i++)
        fn(ms->initialised.v[i]->m, ms->initialised.v[i]->file, arg);
    for (u32 i = 0; i < ms->all.n; i++)
        if (ms->all.v[i]->at == ENTRY_NEW)
            fn(ms->all.v[i]->m, ms->all.v[i]->file, arg);
}

void modules_config_end(const struct modules *ms, struct modules_config *at)
{
    if (at->place)
        ms->initialised.v[at->module]->m->place_free(at->place);
    at->place = NULL;
}

/* A piece of a module's rows: false when there are no more. */
static bool modules_config_rows(const struct modules *ms, struct modules_config *at,
                                const struct entry *entry, struct text *t)
{
    if (at->rows_done || !entry->m->running_config_rows)
        return false;
    at->rows_done = !entry->m->running_config_rows(ms->piste, entry->state,
                                                   (enum rc_phase)at->phase, &at->place, t);
    if (at->rows_done)
        modules_config_end(ms, at);
    return true;
}

bool modules_config_next(const struct modules *ms, struct modules_config *at, struct text *t)
{
    if (!at->begun) {
        text_add(t, "# Running config of vpp %s\n", piste_version);
        at->begun = true;
        return true;
    }
    if (at->module == ms->initialised.n) {
        at->module = 0;
        at->phase++;
    }
    if (at->phase == RC_N || !ms->initialised.n)
        return false;
    const struct entry *entry = ms->initialised.v[at->module];
    if (modules_config_rows(ms, at, entry, t))
        return true;
    if (entry->m->running_config)
        entry->m->running_config(ms->piste, entry->state, (enum rc_phase)at->phase, t);
    at->module++;
    at->rows_done = false;
    return true;
}

void modules_tables(const struct modules *ms, module_table_fn *tell, void *arg)
{
    for (u32 i = 0; i < ms->initialised.n; i++) {
        const struct entry *entry = ms->initialised.v[i];
        if (entry->m->tables)
            entry->m->tables(ms->piste, entry->state, tell, arg);
    }
}

void module_tell_shared_hash(module_table_fn *tell, void *arg, const char *name,
                             const struct shared_hash *h)
{
    struct module_table t = {name, shared_hash_count(h), shared_hash_places(h),
                             shared_hash_bytes(h)};
    tell(arg, &t);
}

void module_tell_hash(module_table_fn *tell, void *arg, const char *name, const struct hash *h)
{
    struct module_table t = {name, h->n_used, h->n_slots, hash_bytes_taken(h)};
    tell(arg, &t);
}
