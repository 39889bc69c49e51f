/* Interfaces pgN. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/packet/ethernet_format.h"
#include "net/features/pg/pg_internal.h"

static int set_admin(void *port, bool up, struct error *e)
{
    const struct pg_port *p = port;
    interface_set_link(p->pg->piste, p->interface, up);
    return 0;
}

static void running_config(void *arg, struct text *t)
{
    const struct pg_port *port = arg;
    text_add(t, "create packet-generator interface pg%d", (i32)port->id);
    if (port->mode == PG_MODE_ETHERNET) {
        text_puts(t, " hw-addr ");
        ethernet_format_mac(t, interface_at(port->pg->piste, port->interface)->mac);
    }
    if (port->gso)
        text_add(t, " gso-enabled gso-size %u%s", port->gso_size,
                 port->coalesce ? " coalesce-enabled" : "");
    if (port->csum_offload)
        text_puts(t, " csum-offload-enabled");
    if (port->mode != PG_MODE_ETHERNET)
        text_add(t, " mode %s", pg_mode_name(port->mode));
    text_putc(t, '\n');
}

static const struct if_class class_ethernet = {.name = "pg",
                                               .tx = &pg_tx_node,
                                               .frames_of_one = true,
                                               .set_admin = set_admin,
                                               .running_config = running_config,
                                               .saves_mac = true};
static const struct if_class class_ip = {.name = "pg",
                                         .tx = &pg_tx_node,
                                         .is_ip = true,
                                         .set_admin = set_admin,
                                         .running_config = running_config};

const char *pg_mode_name(enum pg_mode mode)
{
    static const char *const names[] = {"ethernet", "ip4", "ip6"};
    return names[mode];
}

struct pg_port *pg_port_at(const struct pg *pg, struct if_index i)
{
    for (u32 k = 0; k < pg->ports.n; k++)
        if (if_equal(pg->ports.v[k]->interface, i))
            return pg->ports.v[k];
    return NULL;
}

static struct pg_port *by_id(const struct pg *pg, u32 id)
{
    for (u32 k = 0; k < pg->ports.n; k++)
        if (pg->ports.v[k]->id == id)
            return pg->ports.v[k];
    return NULL;
}

bool pg_interface_is(const struct piste *p, struct if_index i)
{
    return pg_port_at(pg_of(p), i) != NULL;
}

bool pg_interface_by_id(const struct piste *p, u32 id, struct if_index *out)
{
    const struct pg_port *port = by_id(pg_of(p), id);
    if (port)
        *out = port->interface;
    return port != NULL;
}

/* pgN-tx refuses what the interface does not take, unless `set interface feature gso` says
 * otherwise. */
static u32 pg_interface_capabilities(const struct pg_port *port)
{
    return port->gso ? IF_CAP_TX_ALL : port->csum_offload ? IF_CAP_CSUM_ALL : 0;
}

int pg_interface_create(struct piste *p, const struct pg_interface_args *args, struct if_index *out,
                        struct error *e)
{
    struct pg *pg = pg_of(p);
    if (pg_interface_by_id(p, args->id, out))
        return 0;
    if (args->gso && (!args->gso_size || args->gso_size > UINT16_MAX))
        return error_set(e, EINVAL, "gso enabled but gso size missing");
    u8 mac[6];
    char name[IF_NAME_BYTES];
    snprintf(name, sizeof(name), "pg%d", (i32)args->id);
    if (args->mac)
        memcpy(mac, args->mac, sizeof(mac));
    else
        interface_random_mac(mac);
    struct pg_port *port = mem_alloc(sizeof(*port));
    *port = (struct pg_port){
        .pg = pg,
        .id = args->id,
        .mode = args->mode,
        .gso = args->gso,
        .gso_size = args->gso ? args->gso_size : 0,
        .csum_offload = args->csum_offload && !args->gso, /* which it is part of */
        .coalesce = args->coalesce && args->gso,
    };
    bool is_ip = args->mode != PG_MODE_ETHERNET;
    int rc = interface_new(p,
                           &(struct if_new_args){
                               .name = name,
                               .cls = is_ip ? &class_ip : &class_ethernet,
                               .port = port,
                               .mac = is_ip ? NULL : mac,
                               .caps = pg_interface_capabilities(port),
                               .no_software_offload = true,
                           },
                           &port->interface, e);
    if (rc) {
        free(port);
        return rc;
    }
    vec_add(&pg->ports, port);
    *out = port->interface;
    return 0;
}

static struct pg_port *pg_interface_must_find(struct piste *p, struct if_index i, struct error *e)
{
    struct pg_port *port = pg_port_at(pg_of(p), i);
    if (!port)
        error_set(e, EINVAL, "Please specify packet-generator interface");
    return port;
}

static void port_free(struct pg_port *port)
{
    struct pg *pg = port->pg;
    struct piste *p = pg->piste;
    pg_streams_forget(pg, port->interface);
    interface_delete(p, port->interface);
    pg_capture_stop(p, port->interface);
    for (u32 k = 0; k < pg->ports.n; k++)
        if (pg->ports.v[k] == port) {
            vec_del(&pg->ports, k);
            break;
        }
    free(port);
}

int pg_interface_delete(struct piste *p, struct if_index i, struct error *e)
{
    struct pg_port *port = pg_interface_must_find(p, i, e);
    if (!port)
        return -EINVAL;
    port_free(port);
    return 0;
}

void pg_ports_free(struct pg *pg)
{
    while (pg->ports.n)
        port_free(pg->ports.v[pg->ports.n - 1]);
    vec_free(&pg->ports);
}

int pg_interface_set_coalesce(struct piste *p, struct if_index i, bool on, struct error *e)
{
    struct pg_port *port = pg_interface_must_find(p, i, e);
    if (!port)
        return -EINVAL;
    if (on && !port->gso)
        return error_set(e, EINVAL, "packets are coalesced only on an interface with gso-enabled");
    port->coalesce = on;
    return 0;
}

int pg_mac_filter(struct piste *p, struct if_index i, bool on, struct error *e)
{
    struct pg_port *port = pg_interface_must_find(p, i, e);
    if (!port)
        return -EINVAL;
    int rc = feature_enable(engine_of(p), "device-input", "pg-input-mac-filter", i, on, 0, e);
    if (!rc)
        port->mac_filter = on;
    return rc;
}
