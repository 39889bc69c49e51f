/* Interfaces: making and deleting them, and who is told of what befalls them. See interface.h. */
#include "net/link/interface/interface.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/module.h"
#include "control/plugin.h"
#include "engine/probe.h"
#include "engine/rx_queue.h"
#include "engine/tx_queue.h"
#include "net/link/interface/capture_data.h"
#include "net/link/interface/interface_internal.h"
#include "net/packet/ethernet_packet.h"

struct log_class interface_log = {"interface", NULL};

struct if_data *if_data_base;
struct capture *capture_active;

const char interface_module_name[] = "interface";

struct interfaces *interfaces_of(const struct piste *p)
{
    return module_state(p, interface_module_name);
}

u32 interface_default_mtu(const struct piste *p)
{
    return interfaces_of(p)->default_mtu;
}

/* --- finding --- */

struct interface *interface_at(const struct piste *p, struct if_index i)
{
    struct interfaces *ifs = interfaces_of(p);
    return i.i < ifs->by_index.n ? ifs->by_index.v[i.i] : NULL;
}

bool interface_is_up(const struct interface *f)
{
    return f->admin_up && f->link_up && (!f->super || interface_is_up(f->super));
}

struct interface *interface_next(const struct piste *p, u32 from)
{
    struct interfaces *ifs = interfaces_of(p);
    for (; from < ifs->by_index.n; from++)
        if (ifs->by_index.v[from])
            return ifs->by_index.v[from];
    return NULL;
}

struct interface *interface_next_written(const struct piste *p, const struct interface *last)
{
    bool subs = last && last->super;
    struct interface *f = interface_next(p, last ? last->index.i + 1 : 0);
    for (;; subs = true, f = interface_next(p, 0)) {
        while (f && !!f->super != subs)
            f = interface_next(p, f->index.i + 1);
        if (f || subs)
            return f;
    }
}

static int by_name(const void *x, const void *y)
{
    const struct interface *a = *(struct interface *const *)x, *b = *(struct interface *const *)y;
    return strcmp(a->name, b->name);
}

u32 interface_list_sorted(const struct piste *p, struct interface ***out)
{
    struct interfaces *ifs = interfaces_of(p);
    u32 n = 0;
    *out = mem_alloc((ifs->by_index.n + 1) * sizeof(**out));
    for (u32 i = 0; i < ifs->by_index.n; i++)
        if (ifs->by_index.v[i])
            (*out)[n++] = ifs->by_index.v[i];
    qsort(*out, n, sizeof(**out), by_name);
    return n;
}

/* --- events --- */

void interface_on_event(struct piste *p,
                        void (*fn)(struct piste *p, struct interface *f, enum if_event ev,
                                   void *arg),
                        void *arg)
{
    vec_add(&interfaces_of(p)->listeners, ((struct if_listener){fn, arg, module_alive(p)}));
}

void interface_on_use(struct piste *p, bool (*fn)(struct piste *p, struct if_index i))
{
    vec_add(&interfaces_of(p)->users, ((struct if_user){fn}));
}

bool interface_is_used(struct piste *p, struct if_index i)
{
    const struct interfaces *ifs = interfaces_of(p);
    for (u32 k = 0; k < ifs->users.n; k++)
        if (ifs->users.v[k].fn(p, i))
            return true;
    return false;
}

void interface_on_show_address(struct piste *p, enum if_show_place place,
                               void (*fn)(struct piste *p, struct interface *f, struct out *o))
{
    vec_add(&interfaces_of(p)->show_hooks[place], ((struct if_show_hook){fn}));
}

void interface_show_address(struct piste *p, struct interface *f, struct out *o)
{
    const struct interfaces *ifs = interfaces_of(p);
    for (u32 place = 0; place < IF_SHOW_N; place++)
        for (u32 k = 0; k < ifs->show_hooks[place].n; k++)
            ifs->show_hooks[place].v[k].fn(p, f, o);
}

void interface_tell(struct piste *p, struct interface *f, enum if_event ev)
{
    struct interfaces *ifs = interfaces_of(p);
    for (u32 i = 0; i < ifs->listeners.n; i++)
        if (*ifs->listeners.v[i].alive)
            ifs->listeners.v[i].fn(p, f, ev, ifs->listeners.v[i].arg);
    forwarding_changed(engine_of(p));
}

void interface_publish(struct interface *f)
{
    struct if_data *d = if_data(f->index);
    u8 flags = (u8)((f->admin_up ? IF_DATA_ADMIN_UP : 0) | (f->promiscuous ? IF_DATA_PROMISC : 0) |
                    (f->cls->is_ip ? IF_DATA_IS_IP : 0));
    memcpy(d->mac, f->mac, 6);
    d->mtu_ip4 = (u16)interface_mtu(f, IF_MTU_IP4);
    d->mtu_ip6 = (u16)interface_mtu(f, IF_MTU_IP6);
    d->caps = f->caps;
    d->parent = f->parent;
    d->tx_node = f->tx_node;
    __atomic_store_n(&d->output, f->output, __ATOMIC_RELEASE);
    __atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
}

/* --- making and deleting --- */

/* L3 bytes that super's device sends with the tags of its sub-interface f. */
static u32 room_behind_tags(const struct interface *f, const struct interface *super)
{
    const struct if_limit *l = &super->limit;
    u32 spare = l->spares_tag && f->outer_8021q ? (u32)min_u64(f->tag_bytes, VLAN_TAG_BYTES) : 0;
    return l->bytes ? (u32)min_u64(super->max_frame_bytes, l->bytes + spare - f->tag_bytes)
                    : super->max_frame_bytes;
}

/* Makes f a sub-interface of super: what the two have in common. */
static void interface_follow(struct interface *f, struct interface *super)
{
    f->super = super;
    memcpy(f->mac, super->mac, 6);
    f->has_mac = super->has_mac;
    f->link_up = super->link_up;
    f->max_frame_bytes = room_behind_tags(f, super);
    f->limit = super->limit;
    f->link_kbps = super->link_kbps;
    f->caps = IF_CAP_TX_ALL; /* the super-interface sees to what the port cannot */
}

static void interface_join(struct interface *f, struct interface *super)
{
    interface_follow(f, super);
    f->previous_sub = super->last_sub;
    *(super->subs ? &super->last_sub->next_sub : &super->subs) = f;
    super->last_sub = f;
}

static void interface_leave(struct interface *f)
{
    *(f->previous_sub ? &f->previous_sub->next_sub : &f->super->subs) = f->next_sub;
    *(f->next_sub ? &f->next_sub->previous_sub : &f->super->last_sub) = f->previous_sub;
}

void interface_follow_all(struct interface *f)
{
    for (struct interface *sub = f->subs; sub; sub = sub->next_sub) {
        interface_follow(sub, f);
        interface_publish(sub);
    }
}

void interface_tell_all(struct piste *p, struct interface *f, enum if_event ev)
{
    interface_publish(f);
    interface_tell(p, f, ev);
    interface_follow_all(f);
    for (struct interface *sub = f->subs; sub; sub = sub->next_sub)
        interface_tell(p, sub, ev);
}

static void make_nodes(struct piste *p, struct interface *f)
{
    struct engine *e = engine_of(p);
    char name[IF_NAME_BYTES + 8];
    if (!f->cls->tx && !f->super)
        return;
    snprintf(name, sizeof(name), "%s-tx", f->name);
    f->tx_node = f->super ? f->super->output_node : node_register(e, f->cls->tx, name, f->port);
    snprintf(name, sizeof(name), "%s-output", f->name);
    struct if_output *out = mem_alloc(sizeof(*out));
    out->index = f->index;
    out->arc = feature_arc_find(e, "interface-output");
    f->output_node = node_register(e, &interface_output_node, name, out);
    out->node = f->output_node;
    out->next_tx = node_edge(e, f->output_node, f->tx_node);
    out->tx = f->tx_node;
    out->offload = node_must_find(e, interface_offload_node.name);
    out->super = f->super ? f->super->output : NULL;
    f->output = out;
    feature_set_start(e, "interface-output", f->index, f->output_node);
    feature_set_end(e, "interface-output", f->index, f->tx_node);
}

int interface_new(struct piste *p, const struct if_new_args *args, struct if_index *index,
                  struct error *e)
{
    struct interfaces *ifs = interfaces_of(p);
    int rc = interface_check_name(p, args->name, e);
    if (rc)
        return rc;
    char key[IF_NAME_BYTES];
    u64 other;
    interface_name_key(key, args->name);
    if (!args->has_parent && hash_get(&ifs->by_original, key, &other))
        return error_set(e, EEXIST, "%s is what interface %s was made as", args->name,
                         ifs->by_index.v[other]->name);
    rc = args->mac ? interface_check_mac(args->mac, e) : 0;
    if (rc)
        return rc;
    struct interface *super = args->has_parent ? interface_at(p, args->parent) : NULL;
    if (args->has_parent && (!super || super->super || !super->output))
        return error_set(e, EINVAL, "%s has no interface to be a part of", args->name);
    u32 i = numbers_lowest(&ifs->indices);
    if (i == IF_MOST)
        return error_set(e, ENOSPC, "at most %u interfaces are possible", IF_MOST);
    struct interface *f = mem_alloc(sizeof(*f));
    u32 mtu = args->mtu ? args->mtu : ifs->default_mtu;
    snprintf(f->name, sizeof(f->name), "%s", args->name);
    f->index.i = i;
    f->parent = args->has_parent ? args->parent : f->index;
    f->cls = args->cls;
    f->port = args->port;
    f->caps = args->caps;
    f->software_offload = f->default_software_offload = !args->no_software_offload;
    if (args->mac) {
        memcpy(f->mac, args->mac, 6);
        f->has_mac = true;
    }
    f->mtu[IF_MTU_L3] = args->cls->tx ? mtu : 0;
    f->max_frame_bytes = args->max_frame_bytes ? args->max_frame_bytes : mtu;
    f->default_frame_bytes = f->max_frame_bytes;
    f->tag_bytes = args->tag_bytes;
    f->outer_8021q = args->outer_8021q;
    if (super)
        interface_join(f, super);
    struct stats *stats = stats_of(engine_of(p));
    stats_lock(stats); /* with what its nodes add */
    interface_stats_add(engine_of(p), &ifs->stats_names, f);
    *if_data(f->index) = (struct if_data){0};
    if (i == ifs->by_index.n)
        vec_add(&ifs->by_index, NULL);
    ifs->by_index.v[i] = f;
    numbers_take(&ifs->indices, i);
    hash_set(&ifs->by_name, key, i);
    make_nodes(p, f);
    stats_unlock(stats);
    interface_publish(f);
    *index = f->index;
    rc = f->cls->tx ? interface_apply_offload(p, f, e) : 0;
    if (rc) {
        interface_delete(p, f->index);
        return rc;
    }
    interface_tell(p, f, IF_EVENT_NEW);
    log_debug(&interface_log, "%s is interface %u", f->name, i);
    return 0;
}

void interface_delete(struct piste *p, struct if_index i)
{
    struct interfaces *ifs = interfaces_of(p);
    struct engine *e = engine_of(p);
    struct interface *f = interface_at(p, i);
    if (!f)
        return;
    f->admin_up = f->link_up = false;
    interface_publish(f);
    interface_tell(p, f, IF_EVENT_DELETE);
    feature_forget_interface(e, i);
    if (f->output) {
        __atomic_store_n(&if_data(i)->output, NULL, __ATOMIC_RELEASE);
        node_delete(e, f->output_node);
        if (!f->super)
            node_delete(e, f->tx_node);
        engine_defer_free(e, free, f->output);
    }
    interface_secondary_macs_free(p, f);
    if (f->super)
        interface_leave(f);
    char key[IF_NAME_BYTES];
    interface_name_key(key, f->name);
    hash_del(&ifs->by_name, key);
    if (f->original_name[0])
        hash_del(&ifs->by_original, f->original_name);
    ifs->by_index.v[i.i] = NULL;
    numbers_give(&ifs->indices, i.i);
    interface_stats_remove(e, &ifs->stats_names, f);
    engine_synchronize(e);
    vec_free(&f->cleared);
    free(f);
}

/* --- counters --- */

/* --- life --- */

void interface_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct interfaces *ifs = state;
    module_tell_hash(tell, arg, "interface names", &ifs->by_name);
}

int interface_init(struct piste *p, void **state, struct error *e)
{
    struct interfaces *ifs = mem_alloc(sizeof(*ifs));
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    int rc = mem_map_new(&ifs->data_map, "interface-data", (u64)IF_MAX * sizeof(struct if_data),
                         page, false, e);
    if (rc) {
        free(ifs);
        return rc;
    }
    if_data_base = ifs->data_map.base;
    ifs->stats_names = interface_stats_init(engine_of(p));
    hash_init(&ifs->by_name, IF_NAME_BYTES);
    hash_init(&ifs->by_original, IF_NAME_BYTES);
    const struct interface_settings *settings = module_settings(p, interface_module_name);
    ifs->default_mtu = settings->default_mtu;
    if (settings->has_rx_mode)
        rx_queue_set_default_mode(engine_of(p), settings->rx_mode);
    *state = ifs;
    return 0;
}

void interface_stop(struct piste *p, void *state)
{
    struct interfaces *ifs = state;
    for (u32 i = 0; i < ifs->by_index.n; i++)
        if (ifs->by_index.v[i]) {
            free(ifs->by_index.v[i]->output);
            free(ifs->by_index.v[i]->stats);
            vec_free(&ifs->by_index.v[i]->cleared);
            free(ifs->by_index.v[i]);
        }
    vec_free(&ifs->by_index);
    numbers_fini(&ifs->indices);
    vec_free(&ifs->listeners);
    vec_free(&ifs->reserved);
    vec_free(&ifs->users);
    for (u32 k = 0; k < IF_SHOW_N; k++)
        vec_free(&ifs->show_hooks[k]);
    hash_fini(&ifs->by_name);
    hash_fini(&ifs->by_original);
    mem_map_free(&ifs->data_map);
    free(ifs);
}
