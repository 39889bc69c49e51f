/* Bridge domains: making and changing them, and what nodes see of them. */
#include <errno.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "net/l2/l2_internal.h"

#define NEW_DOMAIN_FLAGS (L2_IF_LEARN | L2_IF_FORWARD | L2_IF_FLOOD | L2_IF_UU_FLOOD)

struct l2_bd *l2_bd_at(const struct l2_state *s, u32 index)
{
    return index < s->bds.n ? s->bds.v[index] : NULL;
}

struct l2_bd *l2_bd_find(const struct l2_state *s, u32 id)
{
    u64 index;
    return hash_get(&s->bd_by_id, &id, &index) ? s->bds.v[index] : NULL;
}

struct l2_bd *l2_bd_next(const struct l2_state *s, u32 from)
{
    for (; from < s->bds.n; from++)
        if (s->bds.v[from])
            return s->bds.v[from];
    return NULL;
}

int l2_bd_create(struct l2_state *s, u32 id, struct l2_bd **out, struct error *e)
{
    if (id > L2_BD_ID_MAX)
        return error_set(e, EINVAL, "bridge domain ID exceed 16M limit");
    if (l2_bd_find(s, id))
        return error_set(e, EEXIST, "bd_add_del returned -119"); /* VPP's words */
    u32 index = numbers_lowest(&s->bd_indices);
    if (index > L2_BD_INDEX_MAX)
        return error_set(e, ENOSPC, "at most %u bridge domains are possible", L2_BD_INDEX_MAX);
    l2_fib_finish(s, index, IF_NONE);
    struct l2_bd *bd = mem_alloc(sizeof(*bd));
    bd->id = id;
    bd->index = index;
    bd->flags = id ? NEW_DOMAIN_FLAGS : 0;
    bd->bvi = bd->uu_fwd = IF_NONE;
    bd->learn_limit = s->default_learn_limit;
    bd->arp = INDEX_LIST_EMPTY;
    if (index == s->bds.n)
        vec_add(&s->bds, NULL);
    s->bds.v[index] = bd;
    numbers_take(&s->bd_indices, index);
    hash_set(&s->bd_by_id, &id, index);
    l2_bd_data_base[index] = (struct l2_bd_data){.learn_limit = bd->learn_limit, .uu_fwd = IF_NONE};
    *out = bd;
    return 0;
}

#define MEMBERS_ROOM 8 /* and twice as many when they are more */

/* There is room; data threads may look at m. */
static void members_add(struct l2_members *m, const struct l2_port *port)
{
    if (port->kind == L2_PORT_UU_FWD)
        return; /* takes part in no flood */
    m->m[m->n] =
        (struct l2_member){port->interface, l2_if(port->interface)->shg, port->kind == L2_PORT_BVI};
    __atomic_store_n(&m->n, m->n + 1, __ATOMIC_RELEASE);
}

static void l2_bd_replace_members(struct l2_state *s, struct l2_bd *bd)
{
    struct l2_bd_data *d = &l2_bd_data_base[bd->index];
    const struct l2_members *old = d->members;
    u32 room = (u32)max_u64(2 * bd->ports.n, MEMBERS_ROOM);
    struct l2_members *m = mem_alloc(sizeof(*m) + room * sizeof(m->m[0]));
    m->room = room;
    for (u32 i = 0; i < bd->ports.n; i++)
        members_add(m, &bd->ports.v[i]);
    __atomic_store_n(&d->members, m, __ATOMIC_RELEASE);
    engine_defer_free(engine_of(s->piste), free, (void *)(uintptr_t)old);
}

/* In the order of interface_next_written. */
static bool port_is_before(const struct piste *p, const struct l2_port *a, const struct l2_port *b)
{
    bool a_sub = interface_at(p, a->interface)->super, b_sub = interface_at(p, b->interface)->super;
    return a_sub != b_sub ? b_sub : a->interface.i < b->interface.i;
}

/* The BVI is first: its copy of a flood is made of the frame as it came. The others are in the
 * order in which interfaces are written, so that a domain with the same ports is the same, whoever
 * joined when. */
void l2_bd_add_port(struct l2_state *s, struct l2_bd *bd, struct l2_port port)
{
    u32 at = bd->ports.n, first = at && bd->ports.v[0].kind == L2_PORT_BVI;
    vec_add(&bd->ports, port);
    for (; at > first &&
           (port.kind == L2_PORT_BVI || port_is_before(s->piste, &port, &bd->ports.v[at - 1]));
         at--)
        bd->ports.v[at] = bd->ports.v[at - 1];
    bd->ports.v[at] = port;
}

void l2_bd_publish(struct l2_state *s, struct l2_bd *bd)
{
    struct l2_bd_data *d = &l2_bd_data_base[bd->index];
    __atomic_store_n(&d->learn_limit, bd->learn_limit, __ATOMIC_RELAXED);
    __atomic_store_n(&d->arp_ufwd, bd->arp_ufwd, __ATOMIC_RELAXED);
    __atomic_store_n(&d->uu_fwd.i, bd->uu_fwd.i, __ATOMIC_RELAXED);
    l2_bd_replace_members(s, bd);
    for (u32 i = 0; i < bd->ports.n; i++)
        l2_port_publish(s, bd->ports.v[i].interface);
}

void l2_bd_publish_ports(struct l2_state *s, struct l2_bd *bd, const struct l2_port *one_more)
{
    struct l2_members *m = (void *)(uintptr_t)l2_bd_data_base[bd->index].members;
    if (one_more && m && m->n < m->room)
        members_add(m, one_more);
    else
        l2_bd_replace_members(s, bd);
}

static void free_data(struct l2_state *s, struct l2_bd *bd)
{
    struct l2_bd_data *d = &l2_bd_data_base[bd->index];
    free((void *)(uintptr_t)d->members);
    l2_bd_arp_clear(s, bd);
    *d = (struct l2_bd_data){0};
    vec_free(&bd->ports);
    free(bd);
}

int l2_bd_delete(struct l2_state *s, u32 id, struct error *e)
{
    struct l2_bd *bd = l2_bd_find(s, id);
    if (!id)
        return error_set(e, EPERM, "bridge domain 0 can not be modified");
    if (!bd)
        return error_set(e, ENOENT, "bridge domain ID does not exist");
    if (bd->ports.n)
        return error_set(e, EBUSY, "bridge domain in use - remove members");
    l2_fib_forget(s, bd->index, IF_NONE);
    l2_bd_set_age(s, bd, 0);
    engine_synchronize(engine_of(s->piste));
    hash_del(&s->bd_by_id, &id);
    s->bds.v[bd->index] = NULL;
    numbers_give(&s->bd_indices, bd->index);
    free_data(s, bd);
    return 0;
}

void l2_bd_free_all(struct l2_state *s)
{
    for (u32 i = 0; i < s->bds.n; i++)
        if (s->bds.v[i])
            free_data(s, s->bds.v[i]);
    vec_free(&s->bds);
    numbers_fini(&s->bd_indices);
}

/* --- settings --- */

void l2_bd_set_flags(struct l2_state *s, struct l2_bd *bd, u8 flags, bool on)
{
    bd->flags = (u8)(on ? bd->flags | flags : bd->flags & ~flags);
    l2_bd_publish(s, bd);
}

void l2_bd_set_arp_ufwd(struct l2_bd *bd, bool on)
{
    bd->arp_ufwd = on;
    __atomic_store_n(&l2_bd_data_base[bd->index].arp_ufwd, on, __ATOMIC_RELAXED);
}

void l2_bd_set_age(struct l2_state *s, struct l2_bd *bd, u8 minutes)
{
    s->n_ageing += !!minutes;
    s->n_ageing -= !!bd->mac_age;
    bd->mac_age = minutes;
    l2_fib_ageing_changed(s);
}

void l2_bd_set_learn_limit(struct l2_bd *bd, u32 limit)
{
    bd->learn_limit = limit;
    __atomic_store_n(&l2_bd_data_base[bd->index].learn_limit, limit, __ATOMIC_RELAXED);
}

/* --- ARP termination --- */

int l2_bd_arp_set(struct l2_state *s, struct l2_bd *bd, const struct arp_key *key, const u8 mac[6],
                  struct error *e)
{
    return arp_table_set(s->shared.arp, bd->index, &bd->arp, key, mac, e);
}

int l2_bd_arp_del(struct l2_state *s, struct l2_bd *bd, const struct arp_key *key, struct error *e)
{
    if (!arp_table_del(s->shared.arp, bd->index, &bd->arp, key))
        return error_set(e, ENOENT, "IP entry add failed"); /* VPP's words for both */
    return 0;
}

void l2_bd_arp_clear(struct l2_state *s, struct l2_bd *bd)
{
    arp_table_clear(s->shared.arp, &bd->arp);
}

bool l2_bd_arp_next(const struct l2_state *s, u32 *at, struct arp_key *key, u8 mac[6])
{
    if (*at == INDEX_LIST_NONE)
        return false;
    const struct arp_entry *entry = pool_at(&s->shared.arp->entries, *at);
    *key = entry->key;
    memcpy(mac, &entry->mac, 6);
    *at = entry->of_domain.next;
    return true;
}

void l2_on_station(struct l2_state *s, l2_station_fn *fn, void *arg)
{
    s->on_station = fn;
    s->on_station_arg = arg;
    __atomic_store_n(&s->shared.arp_wanted, fn != NULL, __ATOMIC_RELAXED);
}

void l2_station_seen(struct piste *p, const void *payload)
{
    const struct l2_state *s = l2_state_of(p);
    struct l2_station station;
    memcpy(&station, payload, sizeof(station));
    if (s && s->on_station) /* NULL: the switch is being stopped */
        s->on_station(p, &station, s->on_station_arg);
}
