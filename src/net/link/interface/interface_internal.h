/* What the interface module's own files share. */
#pragma once

#include "base/hash.h"
#include "base/log.h"
#include "base/numbers.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/stats.h"
#include "net/link/interface/interface.h"

/* --- the registry --- */

struct if_listener {
    void (*fn)(struct piste *p, struct interface *f, enum if_event ev, void *arg);
    void *arg;
    const bool *alive; /* the module that asked */
};

struct if_user {
    bool (*fn)(struct piste *p, struct if_index i);
};

struct if_show_hook {
    void (*fn)(struct piste *p, struct interface *f, struct out *o);
};

struct interfaces {
    VEC(struct interface *) by_index; /* NULL: free */
    struct numbers indices;
    struct hash by_name, by_original; /* names, and those that renamed interfaces were made with */
    VEC(struct if_listener) listeners;
    VEC(const char *const *) reserved; /* names, see interface_reserve_names */
    VEC(struct if_user) users;
    VEC(struct if_show_hook) show_hooks[IF_SHOW_N];
    struct mem_map data_map;
    struct stats_names stats_names;
    u32 default_mtu;
};

extern struct log_class interface_log;
struct interfaces *interfaces_of(const struct piste *p);
/* NULL with a sentence. */
struct interface *interface_must_find(const struct piste *p, struct if_index i, struct error *e);
void interface_tell(struct piste *p, struct interface *f, enum if_event ev);
/* Brings what data threads read in line with f. */
void interface_publish(struct interface *f);
/* Gives f's sub-interfaces what they have of f. */
void interface_follow_all(struct interface *f);
/* All of these, for f and its sub-interfaces: what befell f befalls them. */
void interface_tell_all(struct piste *p, struct interface *f, enum if_event ev);

/* interface_name.c */
/* As the tables by name have it. */
void interface_name_key(char key[IF_NAME_BYTES], const char *name);

/* secondary_mac.c */
int interface_cli_set_secondary_mac(struct cli_call *c);
int interface_cli_show_secondary_macs(struct cli_call *c);
void interface_secondary_macs_config(const struct interface *f, struct text *t);
void interface_secondary_macs_free(struct piste *p, struct interface *f);

/* interface_change.c */
int interface_check_mac(const u8 mac[6], struct error *e) MUST_CHECK;
/* The node interface-offload is on where the port does not take everything; what is in a tunnel,
 * which is rare, its tx node sees to (interface_tx.h). */
int interface_apply_offload(struct piste *p, const struct interface *f, struct error *e) MUST_CHECK;

/* The control thread receives nothing: what VPP's main thread does, the first worker does here. */
#define INTERFACE_MAIN_WORKER 0
/* As a person wants it. -EINVAL: no such worker or queue. */
int interface_place_queue(struct piste *p, struct interface *f, u32 queue, u32 worker,
                          struct error *e) MUST_CHECK;

/* --- nodes, settings --- */

extern const struct node_def interface_output_node, interface_offload_node, error_drop_node,
    drop_node, error_punt_node, punt_node;
/* Calls those of interface_on_show_address. */
void interface_show_address(struct piste *p, struct interface *f, struct out *o);

/* What startup.conf says of all interfaces. */
struct interface_settings {
    bool has_rx_mode;
    enum rx_mode rx_mode; /* of queues of new interfaces */
    u32 default_mtu;      /* bytes */
};
extern const struct interface_settings interface_default_settings;
extern const struct config_section interface_sections[];

/* interface_stats.c */
struct stats_names interface_stats_init(struct engine *e);
void interface_stats_add(struct engine *e, const struct stats_names *names, struct interface *f);
void interface_stats_rename(struct engine *e, const struct stats_names *names, struct interface *f);
void interface_stats_remove(struct engine *e, const struct stats_names *names, struct interface *f);

/* for the records in interface_module.c */
extern const char interface_module_name[], interface_api_module_name[];
extern const struct cli_command interface_commands[];
extern const struct cli_type interface_types[];
bool interface_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                                   struct text *t);
void interface_config_place_free(void *place);
void interface_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
void interface_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);
int interface_init(struct piste *p, void **state, struct error *e);
void interface_stop(struct piste *p, void *state);
int interface_api_init(struct piste *p, void **state, struct error *e);
void interface_api_stop(struct piste *p, void *state);
extern const struct api_handler interface_api_handlers[];

struct cli_call;

/* interface_hardware_cli.c */
int interface_cli_show_hardware(struct cli_call *c);
int interface_cli_clear_hardware(struct cli_call *c);

/* interface_queues_cli.c */
int interface_cli_show_rx_placement(struct cli_call *c);
int interface_cli_set_rx_mode(struct cli_call *c);
int interface_cli_set_default_rx_mode(struct cli_call *c);
int interface_cli_show_default_rx_mode(struct cli_call *c);
int interface_cli_set_rx_placement(struct cli_call *c);
int interface_cli_set_tx_queue(struct cli_call *c);
