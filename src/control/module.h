/* A module: one folder that brings nodes, commands, configuration and state by table. Built-in
 * modules are listed in src/vpp/modules.c; a plugin's .so exports one `const struct module
 * piste_module`.
 *
 * Life: every module's config keys are accepted while startup.conf is read; then `init` runs in the
 * order of `needs`; then nodes, features and commands are live; `stop` runs in reverse order. */
#pragma once

#include "base/error.h"
#include "base/need.h"
#include "control/cli.h"
#include "control/config.h"
#include "control/piste.h"

/* floor 3 types; tables of them are only passed on by this floor */
struct node_def;
struct feature_arc_def;
struct feature_def;
struct api_handler;

/* Running-config phases: all modules write their lines of one phase before any writes the next. */
enum rc_phase {
    RC_GLOBAL,         /* settings that belong to nothing */
    RC_TABLES,         /* ip tables, bridge domains */
    RC_CREATE,         /* interfaces are created, */
    RC_SUB_INTERFACES, /* and what is made of them */
    RC_INTERFACE,      /* state, MTU, MAC, tags, addresses, features */
    RC_ROUTES,         /* neighbours, routes, entries */
    RC_OVERRIDES,      /* what people changed by hand of what all that did */
    RC_N
};

/* A table of a module, as `show bihash` has it. */
struct module_table {
    const char *name;
    u64 entries;
    u64 places; /* for entries, or for lines of them, as the table is made now */
    u64 bytes;  /* that it takes now */
};

typedef void module_table_fn(void *arg, const struct module_table *t);
/* Tells of one that is a hash: what most modules have. */
struct hash;
void module_tell_hash(module_table_fn *tell, void *arg, const char *name, const struct hash *h);
struct shared_hash;
void module_tell_shared_hash(module_table_fn *tell, void *arg, const char *name,
                             const struct shared_hash *h);

#define MODULE_ABI 8

struct module {
    u32 abi;                  /* MODULE_ABI */
    const char *name;         /* "ip4", "af_packet", "ping" */
    const char *description;  /* one line, for `show plugins` */
    const char *const *needs; /* NULL-terminated module names, or NULL */

    /* NULL-terminated arrays of pointers, or NULL */
    const struct node_def *const *nodes;
    const struct feature_arc_def *const *arcs;
    const struct feature_def *const *features;

    /* arrays ended by an entry whose first member is NULL, or NULL */
    const struct cli_command *commands;
    const struct cli_type *types;
    const struct config_section *config;
    const struct api_handler *api; /* messages that it answers, see api.h */

    /* What the keys of `config` set, before init: module_settings hands out the registry's own copy
     * of it. NULL: the module has none. */
    const void *settings;
    size_t settings_bytes;
    void (*settings_free)(void *settings); /* what the copy owns; NULL: nothing */

    /* What it needs of the system; what nobody needs is given up and refused. NULL: nothing. */
    const struct need *system;

    /* Makes the module's state: *state is handed back by module_state. 0 or -errno. */
    int (*init)(struct piste *p, void **state, struct error *e);
    void (*stop)(struct piste *p, void *state);
    /* Appends command lines that would make the present state from nothing. */
    void (*running_config)(struct piste *p, void *state, enum rc_phase phase, struct text *t);
    /* The same for what there may be a million of, in front of the other lines of the phase and in
     * pieces: appends some lines, and returns whether there are more. Between two calls all may
     * change; *place is NULL at first, and where it is after that, for place_free to end, maybe
     * early. */
    bool (*running_config_rows)(struct piste *p, void *state, enum rc_phase phase, void **place,
                                struct text *t);
    void (*place_free)(void *place);
    /* Tells of its tables, one by one. */
    void (*tables)(struct piste *p, void *state, module_table_fn *tell, void *arg);
};

/* All that a plugin exports. */
#define MODULE_PLUGIN_SYMBOL "piste_module"
extern const struct module piste_module __attribute__((visibility("default")));

/* The state that the init of the module of that name made; NULL before, and after its stop. Fast
 * where name is the very string that the record points to: the file that keeps the state defines
 * it, and so need not know the record, which lies above all files of the module. Context: control
 * thread (data-path code keeps its own pointer). */
void *module_state(const struct piste *p, const char *name);

/* The settings of the module of that name, from its registration on; NULL: there is no such module.
 * Changed while startup.conf is read, and not after that. Control thread. */
void *module_settings(const struct piste *p, const char *name);

/* A flag that says whether the module whose init runs is up: true from there to the end of its
 * stop; always, outside of any init. For who keeps functions of modules, to call them later. */
const bool *module_alive(const struct piste *p);

struct modules *modules_new(struct piste *p);
void modules_free(struct modules *ms);
/* Registers without initialising; -EEXIST for a name twice, -EINVAL for a wrong abi. m is borrowed
 * for ever. file: the name that `show plugins` and `plugins { plugin ... }` know it by; NULL: core,
 * not listed. */
int modules_add(struct modules *ms, const struct module *m, const char *file,
                struct error *e) MUST_CHECK;
/* As modules_add, for what may fail: if it does not come up that is logged once, and all else goes
 * on. */
int modules_add_plugin(struct modules *ms, const struct module *m, const char *file,
                       struct error *e) MUST_CHECK;
/* Initialises all that are not, in the order of needs; -ENOENT for a missing need, -ELOOP for a
 * circle. */
int modules_init(struct modules *ms, struct error *e) MUST_CHECK;
/* Stops in reverse order of init. */
void modules_stop(struct modules *ms);
/* Calls fn for every registered module in order of init (then of registration). */
void modules_each(const struct modules *ms,
                  void (*fn)(const struct module *m, const char *file, void *arg), void *arg);
/* Floor 3 hooks in here: called for each module right after its init, to make its nodes and
 * features. */
void modules_on_init(struct modules *ms,
                     int (*fn)(struct piste *p, const struct module *m, struct error *e));
/* Tells of the tables of all modules. */
void modules_tables(const struct modules *ms, module_table_fn *tell, void *arg);
/* All modules' lines, all phases, under a header comment, in pieces. Zeros to begin with. */
struct modules_config {
    u32 phase, module;
    bool begun, rows_done;
    void *place; /* of the module whose turn it is */
};
/* Appends a piece; false: it was the last. */
bool modules_config_next(const struct modules *ms, struct modules_config *at, struct text *t);
/* Ends it, maybe early. */
void modules_config_end(const struct modules *ms, struct modules_config *at);
