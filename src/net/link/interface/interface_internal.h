/* What the interface module's own files share. */
#pragma once

#include "control/api.h"
#include "control/module.h"
#include "engine/stats.h"
#include "net/link/interface/interface.h"

/* State of an X-output node. */
struct if_output {
    struct if_index index;
    u16 next_tx; /* edge to X-tx */
    const struct feature_arc *arc;
};

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
void interface_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
void interface_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);
int interface_init(struct piste *p, void **state, struct error *e);
void interface_stop(struct piste *p, void *state);
int interface_api_init(struct piste *p, void **state, struct error *e);
void interface_api_stop(struct piste *p, void *state);
extern const struct api_handler interface_api_handlers[];

/* interface_cli.c */
struct cli_call;
/* Those that a command names, or all, by name; the caller frees *list. */
u32 interface_cli_chosen(const struct cli_call *c, struct interface ***list);

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
