/* What the files of sub-interfaces share. */
#pragma once

#include "base/vec.h"
#include "control/cli.h"
#include "net/link/vlan/vlan.h"
#include "net/link/vlan/vlan_data.h"

struct sub {
    struct if_index index, parent;
    u32 id;
    struct vlan_match_spec m;
};

struct port {
    struct vlan_port data; /* what data threads see */
    u32 n_subs;
};

struct vlans {
    VEC(struct sub *) subs;   /* by interface index; NULL: not one */
    VEC(struct port *) ports; /* by interface index; NULL: has none */
};

struct vlans *vlans_of(const struct piste *p);

extern const struct cli_command vlan_commands[];
extern const struct cli_type vlan_types[];
