/* Modes of interfaces: bridge domain, cross-connect, layer 3; patches. See l2.h.
 *
 * A change of mode goes through a pause: frames received on the interface are dropped, data threads
 * pass a grace period, what the table knows of the interface goes; then the new mode is there at
 * once. So no frame goes by half of an old mode. */
#include "net/l2/l2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "engine/engine.h"
#include "net/l2/l2_internal.h"

struct l2_if *l2_if_base;
struct l2_bd_data *l2_bd_data_base;

const char l2_module_name[] = "l2";

struct l2_state *l2_state_of(const struct piste *p)
{
    return module_state(p, l2_module_name);
}

/* --- publishing --- */

static void set_edge(u8 *at, enum l2_next next)
{
    __atomic_store_n(at, (u8)next, __ATOMIC_RELAXED);
}

/* Edges of a port follow from what the port and its domain allow. */
static void publish_bridged(const struct l2_bd *bd, struct l2_if *l)
{
    u8 f = l->port_flags & bd->flags & L2_IF_PORT_FLAGS;
    f |= (l->port_flags & L2_IF_BVI) | (if_is_none(bd->uu_fwd) ? 0 : L2_IF_UU_FWD);
    enum l2_next miss = f & L2_IF_UU_FWD     ? L2_NEXT_UU_FWD
                        : f & L2_IF_UU_FLOOD ? L2_NEXT_FLOOD
                                             : L2_NEXT_FEATURE_DROP;
    enum l2_next flood = f & L2_IF_FLOOD ? L2_NEXT_FLOOD : L2_NEXT_FEATURE_DROP;
    enum l2_next then[2] = {f & L2_IF_FORWARD ? L2_NEXT_FWD : miss,
                            f & L2_IF_ARP_TERM ? L2_NEXT_ARP_TERM : flood};
    if (!bd->id) /* the default domain forwards nothing */
        then[0] = then[1] = miss = flood = L2_NEXT_FEATURE_DROP;
    __atomic_store_n(&l->flags, f, __ATOMIC_RELAXED);
    set_edge(&l->miss, miss);
    set_edge(&l->flood, flood);
    for (u32 m = 0; m < 2; m++) {
        set_edge(&l->behind_rw[m], then[m]);
        then[m] = bd->flags & L2_IF_RW ? L2_NEXT_RW : then[m];
        set_edge(&l->then[m], then[m]);
        __atomic_store_n(&l->first[m], (u8)(f & L2_IF_LEARN ? L2_NEXT_LEARN : then[m]),
                         __ATOMIC_RELEASE);
    }
}

void l2_port_publish(struct l2_state *s, struct if_index i)
{
    struct l2_if *l = l2_if(i);
    if (l->mode == L2_MODE_BRIDGE) {
        publish_bridged(l2_bd_at(s, l->bd), l);
    } else if (l->mode == L2_MODE_XCONNECT) {
        set_edge(&l->first[0], L2_NEXT_OUTPUT);
        set_edge(&l->first[1], L2_NEXT_OUTPUT);
    }
}

void l2_port_set_flags(struct l2_state *s, struct if_index i, u8 flags, bool on)
{
    struct l2_if *l = l2_if(i);
    l->port_flags = (u8)(on ? l->port_flags | flags : l->port_flags & ~flags);
    l2_port_publish(s, i);
}

/* Once there is something that it could take. */
static void make_express(struct l2_state *s)
{
    struct engine *e = engine_of(s->piste);
    if (s->express.state)
        return;
    s->express_data = (struct l2_express){
        .shared = &s->shared,
        .input = node_must_find(e, "l2-input"),
        .learn = node_must_find(e, "l2-learn"),
        .fwd = node_must_find(e, "l2-fwd"),
        .output = node_must_find(e, "l2-output"),
    };
    s->express = (struct express){.run = NODE_VARIANTS(l2_express), .state = &s->express_data};
    ethernet_set_express(s->piste, EXPRESS_L2, &s->express);
}

/* l2-output knows a way to i from now on. */
static void make_output(struct l2_state *s, struct if_index i)
{
    struct engine *e = engine_of(s->piste);
    struct node_index to = interface_at(s->piste, i)->output_node;
    u16 end = node_edge(e, node_must_find(e, "l2-output-feat-arc-end"), to);
    u16 start = node_edge(e, node_must_find(e, "l2-output"), to);
    __atomic_store_n(&l2_if(i)->output_end_edge, end, __ATOMIC_RELEASE);
    __atomic_store_n(&l2_if(i)->output_edge, start, __ATOMIC_RELEASE);
    make_express(s);
}

/* --- tag rewrites --- */

/* What the rewriter says of i in its present mode. */
static void rewrites_publish(struct l2_state *s, struct if_index i)
{
    struct l2_if *l = l2_if(i);
    struct l2_rewrites *new = NULL, r;
    if (l->mode != L2_MODE_L3 && s->rewriter && s->rewriter->rewrites(s->piste, i, &r)) {
        new = mem_alloc(sizeof(*new));
        *new = r;
    }
    const struct l2_rewrites *old = __atomic_exchange_n(&l->rewrites, new, __ATOMIC_ACQ_REL);
    if (old)
        engine_defer_free(engine_of(s->piste), free, (void *)(uintptr_t)old);
}

void l2_set_rewriter(struct piste *p, const struct l2_rewriter *r)
{
    l2_state_of(p)->rewriter = r;
}

void l2_rewrites_changed(struct piste *p, struct if_index i)
{
    rewrites_publish(l2_state_of(p), i);
}

void l2_rewrite_name(const struct l2_state *s, struct if_index i, struct text *t)
{
    if (l2_if(i)->rewrites)
        s->rewriter->words(s->piste, i, t);
    else
        text_puts(t, "none");
}

/* --- modes --- */

static int l2_port_check(const struct l2_state *s, struct if_index i, struct error *e)
{
    const struct interface *f = interface_at(s->piste, i);
    if (!f)
        return error_set(e, ENOENT, "no interface %u", i.i);
    if (!f->cls->tx && if_equal(f->parent, f->index))
        return error_set(e, EOPNOTSUPP, "bridged interface must be ethernet");
    if (f->cls->is_ip || !f->has_mac)
        return error_set(e, EOPNOTSUPP, "bridged interface must be ethernet");
    return 0;
}

static void l2_list_add(struct l2_state *s, struct if_index i)
{
    struct if_index peer = l2_if(i)->peer;
    if (!if_is_none(peer))
        index_list_add(&s->links[peer.i].aimed, &s->links[0].aims, sizeof(s->links[0]), i.i);
}

static void l2_list_remove(struct l2_state *s, struct if_index i)
{
    struct if_index peer = l2_if(i)->peer;
    if (!if_is_none(peer))
        index_list_remove(&s->links[peer.i].aimed, &s->links[0].aims, sizeof(s->links[0]), i.i);
}

static void leave_bridge(struct l2_state *s, struct if_index i, struct l2_bd *bd)
{
    struct l2_if *l = l2_if(i);
    for (u32 k = 0; k < bd->ports.n; k++)
        if (if_equal(bd->ports.v[k].interface, i)) {
            vec_del(&bd->ports, k);
            break;
        }
    bool bvi = if_equal(bd->bvi, i), uu = if_equal(bd->uu_fwd, i);
    if (bvi)
        bd->bvi = IF_NONE;
    if (uu)
        bd->uu_fwd = IF_NONE;
    if (uu)
        l2_bd_publish(s, bd);
    else
        l2_bd_publish_ports(s, bd, NULL);
    engine_synchronize(engine_of(s->piste));
    l2_fib_flush(s, bd->index, i);
    if (bvi)
        l2_fib_forget_bvi(s, bd->index, i);
    l->seq++;
}

/* Ends the mode of i, if it has one: frames that it receives are dropped until it has another. */
static void l2_leave(struct l2_state *s, struct if_index i)
{
    struct l2_if *l = l2_if(i);
    if (l->mode == L2_MODE_L3)
        return;
    set_edge(&l->first[0], L2_NEXT_FEATURE_DROP);
    set_edge(&l->first[1], L2_NEXT_FEATURE_DROP);
    if (l->mode == L2_MODE_BRIDGE)
        leave_bridge(s, i, l2_bd_at(s, l->bd));
    else
        engine_synchronize(engine_of(s->piste));
    interface_promisc_ref(s->piste, i, false);
    l2_list_remove(s, i);
    __atomic_store_n(&l->mode, L2_MODE_L3, __ATOMIC_RELAXED);
    __atomic_store_n(&l->flags, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&l->bd, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&l->peer.i, UINT32_MAX, __ATOMIC_RELAXED);
    __atomic_store_n(&l->shg, 0, __ATOMIC_RELAXED);
    l->port_flags = 0;
    interface_at(s->piste, i)->is_bvi = false;
    rewrites_publish(s, i);
}

static void l2_enter(struct l2_state *s, struct if_index i, enum l2_mode mode)
{
    struct l2_if *l = l2_if(i);
    make_output(s, i);
    interface_promisc_ref(s->piste, i, true);
    l2_list_add(s, i);
    __atomic_store_n(&l->mode, (u8)mode, __ATOMIC_RELEASE);
    rewrites_publish(s, i);
    l2_port_publish(s, i);
    interface_at(s->piste, i)->is_bvi = l->port_flags & L2_IF_BVI;
    /* what is for a BVI enters layer 3 */
    __atomic_store_n(&if_data(i)->l2_mode, l->port_flags & L2_IF_BVI ? 0 : (u8)mode,
                     __ATOMIC_RELEASE);
}

int l2_set_l3(struct piste *p, struct if_index i, struct error *e)
{
    struct l2_state *s = l2_state_of(p);
    if (!interface_at(p, i))
        return error_set(e, ENOENT, "no interface %u", i.i);
    l2_leave(s, i);
    __atomic_store_n(&if_data(i)->l2_mode, 0, __ATOMIC_RELEASE);
    return 0;
}

int l2_set_bridge(struct piste *p, struct if_index i, u32 bd_id, enum l2_port_kind kind, u8 shg,
                  struct error *e)
{
    struct l2_state *s = l2_state_of(p);
    struct l2_bd *bd = l2_bd_find(s, bd_id);
    struct l2_if *l = l2_if(i);
    int rc = l2_port_check(s, i, e);
    if (rc)
        return rc;
    if (bd_id > L2_BD_ID_MAX)
        return error_set(e, EINVAL, "bridge domain ID exceed 16M limit");
    if (bd && kind == L2_PORT_BVI && !if_is_none(bd->bvi) && !if_equal(bd->bvi, i))
        return error_set(e, EEXIST, "bridge domain already has a bvi interface");
    if (bd && kind == L2_PORT_UU_FWD && !if_is_none(bd->uu_fwd) && !if_equal(bd->uu_fwd, i))
        return error_set(e, EEXIST, "bridge domain already has a uu-fwd interface");
    if (!bd && (rc = l2_bd_create(s, bd_id, &bd, e)))
        return rc;
    l2_leave(s, i);
    l->port_flags =
        kind == L2_PORT_BVI ? (L2_IF_PORT_FLAGS & ~L2_IF_LEARN) | L2_IF_BVI : L2_IF_PORT_FLAGS;
    __atomic_store_n(&l->shg, shg, __ATOMIC_RELAXED);
    __atomic_store_n(&l->bd, bd->index, __ATOMIC_RELAXED);
    l->seq++;
    if (kind == L2_PORT_BVI) {
        l2_fib_finish(s, UINT32_MAX, i); /* as the one that it was before */
        bd->bvi = i;
        rc = l2_fib_add(s, bd->index, interface_at(p, i)->mac, i, L2_FIB_STATIC | L2_FIB_BVI, e);
        if (rc) {
            bd->bvi = IF_NONE;
            return rc;
        }
    }
    if (kind == L2_PORT_UU_FWD)
        bd->uu_fwd = i;
    struct l2_port port = {i, kind};
    l2_bd_add_port(s, bd, port);
    l2_enter(s, i, L2_MODE_BRIDGE);
    if (kind == L2_PORT_NORMAL)
        l2_bd_publish_ports(s, bd, &port);
    else
        l2_bd_publish(s, bd);
    return 0;
}

int l2_set_xconnect(struct piste *p, struct if_index i, struct if_index peer, struct error *e)
{
    struct l2_state *s = l2_state_of(p);
    int rc = l2_port_check(s, i, e);
    if (!rc)
        rc = l2_port_check(s, peer, e);
    if (rc)
        return rc;
    l2_leave(s, i);
    make_output(s, peer);
    __atomic_store_n(&l2_if(i)->peer.i, peer.i, __ATOMIC_RELAXED);
    l2_enter(s, i, L2_MODE_XCONNECT);
    return 0;
}

/* --- patches --- */

int l2_patch_set(struct l2_state *s, struct if_index rx, struct if_index tx, bool on,
                 struct error *e)
{
    struct engine *engine = engine_of(s->piste);
    u32 k = 0;
    int rc = l2_port_check(s, rx, e);
    if (!rc)
        rc = l2_port_check(s, tx, e);
    if (rc)
        return rc;
    while (k < s->patches.n && !if_equal(s->patches.v[k].rx, rx))
        k++;
    if (!on && (k == s->patches.n || !if_equal(s->patches.v[k].tx, tx)))
        return error_set(e, ENOENT, "no patch from %s to %s", interface_at(s->piste, rx)->name,
                         interface_at(s->piste, tx)->name);
    if (k < s->patches.n) {
        rc = feature_enable(engine, "device-input", "l2-patch", rx, false, 0, e);
        if (rc)
            return rc;
        interface_promisc_ref(s->piste, rx, false);
        vec_del(&s->patches, k);
    }
    if (!on)
        return 0;
    u64 edge = node_edge(engine, node_must_find(engine_of(s->piste), "l2-patch"),
                         interface_at(s->piste, tx)->output_node);
    rc = feature_enable(engine, "device-input", "l2-patch", rx, true, edge << 32 | tx.i, e);
    if (rc)
        return rc;
    interface_promisc_ref(s->piste, rx, true);
    vec_add(&s->patches, ((struct l2_patch){rx, tx}));
    for (k = s->patches.n - 1; k && s->patches.v[k - 1].rx.i > rx.i; k--)
        s->patches.v[k] = s->patches.v[k - 1];
    s->patches.v[k] = (struct l2_patch){rx, tx};
    return 0;
}

/* --- interfaces come and go --- */

static void l2_forget(struct l2_state *s, struct interface *f)
{
    struct error e;
    for (u32 k = s->patches.n; k-- > 0;) {
        struct l2_patch patch = s->patches.v[k];
        if ((if_equal(patch.rx, f->index) || if_equal(patch.tx, f->index)) &&
            l2_patch_set(s, patch.rx, patch.tx, false, &e)) {
            /* there is nothing left to undo */
        }
    }
    /* what leads here leads nowhere: a later interface of the same index is another one */
    struct index_list *aimed = &s->links[f->index.i].aimed;
    for (u32 k = aimed->first; k != INDEX_LIST_NONE; k = s->links[k].aims.next)
        __atomic_store_n(&l2_if((struct if_index){k})->peer.i, UINT32_MAX, __ATOMIC_RELAXED);
    *aimed = INDEX_LIST_EMPTY;
    l2_leave(s, f->index);
    l2_fib_forget(s, UINT32_MAX, f->index);
    __atomic_store_n(&if_data(f->index)->l2_mode, 0, __ATOMIC_RELAXED);
    engine_synchronize(engine_of(s->piste));
    *l2_if(f->index) = (struct l2_if){.peer = IF_NONE};
}

static void mac_changed(struct l2_state *s, struct interface *f)
{
    struct error e;
    const struct l2_if *l = l2_if(f->index);
    if (l->mode != L2_MODE_BRIDGE || !(l->port_flags & L2_IF_BVI))
        return;
    l2_fib_forget_bvi(s, l->bd, f->index);
    l2_fib_finish(s, UINT32_MAX, f->index);
    if (l2_fib_add(s, l->bd, f->mac, f->index, L2_FIB_STATIC | L2_FIB_BVI, &e)) {
        /* full, just after an entry went: flooding still reaches the BVI */
    }
}

static void l2_on_event(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct l2_state *s = arg;
    if (ev == IF_EVENT_DELETE) {
        l2_forget(s, f);
    } else if (ev == IF_EVENT_MAC) {
        mac_changed(s, f);
    } else if (ev == IF_EVENT_NEW) {
        l2_fib_finish(s, UINT32_MAX, f->index); /* what another one left of that number */
        __atomic_store_n(&l2_if(f->index)->peer.i, UINT32_MAX, __ATOMIC_RELAXED);
        s->links[f->index.i].aimed = INDEX_LIST_EMPTY;
    }
}

u64 l2_learned(const struct piste *p)
{
    return l2_fib_totals(l2_state_of(p)).learned;
}

/* Lines of `show interface address`. */
static void l2_show_address(struct piste *p, struct interface *f, struct out *o)
{
    const struct l2_if *l = l2_if(f->index);
    const struct l2_bd *bd = l2_bd_at(l2_state_of(p), l->bd);
    char text[IF_NAME_BYTES + 64];
    if (l->mode == L2_MODE_BRIDGE) {
        snprintf(text, sizeof(text), "L2 bridge bd-id %u idx %u shg %u %s", bd->id, bd->index,
                 l->shg, l->port_flags & L2_IF_BVI ? "bvi" : " ");
    } else if (l->mode == L2_MODE_XCONNECT) {
        const struct interface *peer = if_is_none(l->peer) ? NULL : interface_at(p, l->peer);
        snprintf(text, sizeof(text), "L2 xconnect %s", peer ? peer->name : "DELETED");
    } else {
        return;
    }
    out_str(o, "l2", text, "  %s\n");
}

/* --- module --- */

static int l2_map_new(struct mem_map *m, const char *name, u64 bytes, struct error *e)
{
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    return mem_map_new(m, name, bytes, page, false, e);
}

int l2_init(struct piste *p, void **state, struct error *e)
{
    struct l2_state *s = mem_alloc(sizeof(*s));
    s->piste = p;
    hash_init(&s->bd_by_id, sizeof(u32));
    int rc = l2_map_new(&s->if_map, "l2-interfaces", (u64)IF_MAX * sizeof(struct l2_if), e);
    if (!rc)
        rc = l2_map_new(&s->bd_map, "bridge-domains",
                        (u64)(L2_BD_INDEX_MAX + 1) * sizeof(struct l2_bd_data), e);
    if (!rc)
        rc = l2_map_new(&s->links_map, "l2-lists", (u64)IF_MAX * sizeof(struct l2_links), e);
    if (!rc) {
        l2_if_base = s->if_map.base;
        l2_bd_data_base = s->bd_map.base;
        s->links = s->links_map.base;
        rc = l2_fib_init(s, e);
    }
    if (rc) {
        if (s->if_map.base)
            mem_map_free(&s->if_map);
        if (s->bd_map.base)
            mem_map_free(&s->bd_map);
        if (s->links_map.base)
            mem_map_free(&s->links_map);
        free(s);
        return rc;
    }
    s->shared.arp = arp_table_new(engine_of(p));
    s->shared.input_arc = feature_arc_find(engine_of(p), "l2-input");
    s->shared.output_arc = feature_arc_find(engine_of(p), "l2-output");
    s->default_learn_limit = L2_LEARN_LIMIT_DEFAULT;
    struct l2_bd *none; /* domain 0: frames end there */
    if (l2_bd_create(s, 0, &none, e)) {
        /* nothing is there yet that could be in its way */
    }
    interface_on_event(p, l2_on_event, s);
    interface_on_show_address(p, IF_SHOW_L2, l2_show_address);
    *state = s;
    return 0;
}

void l2_stop(struct piste *p, void *state)
{
    struct l2_state *s = state;
    ethernet_set_express(p, EXPRESS_L2, NULL);
    l2_fib_stop(s);
    l2_bd_free_all(s);
    arp_table_free(s->shared.arp);
    hash_fini(&s->bd_by_id);
    mem_map_free(&s->links_map);
    vec_free(&s->patches);
    mem_map_free(&s->if_map);
    mem_map_free(&s->bd_map);
    free(s);
}
