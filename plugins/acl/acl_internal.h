/* What the files of access lists share. */
#pragma once

#include "base/mem.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/aside.h"
#include "control/module.h"
#include "engine/feature.h"
#include "engine/node.h"
#include "engine/thread.h"
#include "plugins/acl/acl_list.h"
#include "plugins/acl/acl_macip.h"
#include "plugins/acl/acl_use.h"

struct acl_list_job;

/* A context of another plugin. */
struct acl_used {
    const struct acl_user *user;
    u32 values[2];
    const struct acl_context *context;
};

struct acl_state {
    struct acl_use_exports exports; /* first */
    struct piste *piste;
    struct mem_map lists_map, interfaces_map;
    struct acl_common common;
    u32 lists_end;                   /* no index from here on is in use */
    VEC(struct acl_list_job *) jobs; /* the first is being built */
    struct aside aside;
    bool hash_lookup;               /* what was asked for last; lookups are by hash all the same */
    VEC(struct acl_macip *) macips; /* by index */
    u32 n_contexts;                 /* indices given */
    VEC(u32) contexts_free;
    VEC(const struct acl_user *) users; /* as `show acl-plugin lookup user' numbers them */
    VEC(struct acl_used) used;
};

extern const char acl_plugin_name[];
struct acl_state *acl_state_of(const struct piste *p);
struct acl_skipped acl_skipped_usual(void);

/* --- acl_list.c --- */
void acl_lists_fini(struct acl_state *s);
/* Whether it fits and, written in a command line, comes back. -EINVAL. */
int acl_tag_check(const char *tag, struct error *e) MUST_CHECK;

/* --- acl_bind.c --- */
int acl_bind_init(struct acl_state *s, struct error *e) MUST_CHECK;
/* Interfaces have nothing of it any more. */
void acl_bind_release(struct piste *p);
void acl_bind_fini(struct acl_state *s);

/* Not seen by anybody yet; old: whose index it takes, or NULL. */
struct acl_context *acl_context_new(struct acl_state *s, const u32 *lists, u32 n,
                                    const struct acl_context *old);
bool acl_context_has(const struct acl_context *c, u32 list); /* c may be NULL */
/* Its index is free. */
void acl_context_end(struct acl_state *s, const struct acl_context *c);

struct acl_bind_point {
    const char *arc, *node;
};
/* All of them, or none. */
int acl_bind_enable(struct engine *e, const struct acl_bind_point *points, u32 n, struct if_index i,
                    bool on, struct error *err) MUST_CHECK;

/* Rules of a list have changed: what follows for interfaces that have it. */
void acl_bind_list_changed(struct piste *p, u32 list);

/* --- acl_use.c --- */
extern const struct acl_user acl_user_interface;
void acl_use_init(struct acl_state *s);
void acl_use_fini(struct acl_state *s);
/* A context of another plugin that has the list; NULL. */
const struct acl_used *acl_use_has(const struct acl_state *s, u32 list);

/* --- acl_session.c --- */
#define ACL_TIMEOUT_MOST_S (20 * 86400u) /* what timers can do */
/* What startup.conf says. */
struct acl_session_settings {
    u32 max;
    bool reclassify;
};
extern const struct acl_session_settings acl_session_settings_usual;
extern const struct config_section acl_session_config[];
void acl_sessions_init(struct piste *p);
void acl_sessions_fini(void);
/* Of an interface; IF_NONE: all. */
void acl_sessions_clear(struct if_index i);
void acl_session_write(const struct piste *p, struct text *t);
void acl_session_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);
int acl_session_show(struct cli_call *c);
int acl_session_clear_command(struct cli_call *c);
int acl_session_timeout_command(struct cli_call *c);
int acl_session_table_command(struct cli_call *c);

/* --- acl_cli.c --- */
/* "index N", when it is there. */
int acl_cli_take_head(const char **text, u32 *index, struct error *e) MUST_CHECK;
/* "tag TAG", when it is there, and the end of the line. */
int acl_cli_take_end(const char **text, char tag[ACL_TAG_BYTES], struct error *e) MUST_CHECK;

/* --- acl_macip.c, acl_macip_cli.c, acl_macip_api.c --- */
struct interface;
void acl_macip_fini(struct acl_state *s);
void acl_macip_write(struct piste *p, struct text *t);
void acl_macip_write_interface(const struct interface *f, struct text *t);
int acl_macip_set_command(struct cli_call *c);
int acl_macip_delete_command(struct cli_call *c);
int acl_macip_interface_command(struct cli_call *c);
int acl_macip_show_lists(struct cli_call *c);
int acl_macip_show_interfaces(struct cli_call *c);
/* tell for the interface, or when sw_if_index is ~0 for each. */
void acl_api_tell(struct api_call *c, u32 sw_if_index,
                  void (*tell)(struct api_call *c, struct if_index i));
void acl_macip_api_add(struct api_call *c);
void acl_macip_api_add_replace(struct api_call *c);
void acl_macip_api_del(struct api_call *c);
void acl_macip_api_interface_add_del(struct api_call *c);
void acl_macip_api_dump(struct api_call *c);
void acl_macip_api_interface_get(struct api_call *c);
void acl_macip_api_interface_list_dump(struct api_call *c);

/* --- acl_show.c --- */
int acl_show_lists(struct cli_call *c);
int acl_show_interfaces(struct cli_call *c);
int acl_show_contexts(struct cli_call *c);
int acl_show_users(struct cli_call *c);
int acl_show_tables(struct cli_call *c);
int acl_show_memory(struct cli_call *c);
int acl_show_decoded(struct cli_call *c);

/* --- acl_trace.c --- */
/* The five tuple of VPP's words, as its traces tell it. */
void acl_trace_tuple(const u64 *words, struct text *out);
struct trace_record;
void acl_trace_format(struct piste *p, const struct trace_record *r, struct text *out);
void acl_trace_format_macip(struct piste *p, const struct trace_record *r, struct text *out);
void acl_trace_format_nonip(struct piste *p, const struct trace_record *r, struct text *out);

/* --- for the record in acl_module.c --- */
extern const struct cli_command acl_plugin_commands[];
extern const struct api_handler acl_plugin_handlers[];
int acl_plugin_init(struct piste *p, void **state, struct error *e);
void acl_plugin_stop(struct piste *p, void *state);
bool acl_plugin_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                            struct text *t);
void acl_plugin_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
