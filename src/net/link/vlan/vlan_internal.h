/* What the files of sub-interfaces share. */
#pragma once

#include "base/hash.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/cli.h"
#include "control/module.h"
#include "net/link/vlan/vlan.h"
#include "net/link/vlan/vlan_data.h"

struct sub {
    struct piste *piste;
    struct if_index index, parent;
    u32 id;
    struct vlan_match_spec m;
};

struct sub_key {
    u32 parent, id;
};

struct port {
    struct vlan_port data; /* what data threads see */
    u32 n_subs;
};

struct vlans {
    VEC(struct sub *) subs;   /* by interface index; NULL: not one */
    struct hash by_id;        /* struct sub_key -> interface index */
    VEC(struct port *) ports; /* by interface index; NULL: has none */
};

struct vlans *vlans_of(const struct piste *p);

/* for the records in vlan_module.c */
extern const char vlan_module_name[];
extern const struct cli_command vlan_commands[];
extern const struct cli_type vlan_types[];
int vlan_init(struct piste *p, void **state, struct error *e);
void vlan_stop(struct piste *p, void *state);
void vlan_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);
int vlan_api_init(struct piste *p, void **state, struct error *e);
extern const struct api_handler vlan_api[];
