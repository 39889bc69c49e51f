/* Sub-interfaces: making and deleting them, and the tables that frames find them by. See vlan.h. */
#include "net/link/vlan/vlan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/vec.h"
#include "control/module.h"
#include "net/link/interface/interface.h"
#include "net/link/vlan/vlan_data.h"
#include "net/link/vlan/vlan_internal.h"

static void id_text(u16 id, struct text *t)
{
    if (id == VLAN_ANY)
        text_puts(t, " any");
    else
        text_add(t, " %u", id);
}

/* "dot1q 100 exact-match": as it is given to `create sub-interfaces`. */
static void vlan_spec_text(const struct vlan_match_spec *m, struct text *t)
{
    if (m->kind < VLAN_KIND_ONE_TAG) {
        text_puts(t, m->kind == VLAN_KIND_DEFAULT ? "default" : "untagged");
        return;
    }
    text_puts(t, m->dot1ad ? "dot1ad" : "dot1q");
    id_text(m->outer, t);
    if (m->kind == VLAN_KIND_TWO_TAGS) {
        text_puts(t, " inner-dot1q");
        id_text(m->inner, t);
    }
    if (m->exact)
        text_puts(t, " exact-match");
}

static void vlan_running_config(void *port, struct text *t);
static u32 sub_id(const void *port);

static const struct if_class exact_class = {
    .name = "VLAN", .running_config = vlan_running_config, .sub_id = sub_id};
static const struct if_class loose_class = {
    .name = "VLAN",
    .running_config = vlan_running_config,
    .sub_id = sub_id,
    .no_ip = true,
    .no_ip_why = "sub-interface without exact-match doesn't support IP addressing",
};

const char vlan_module_name[] = "vlan";

static void vlan_running_config(void *arg, struct text *t)
{
    const struct sub *sub = arg;
    text_add(t, "create sub-interfaces %s %u ", interface_at(sub->piste, sub->parent)->name,
             sub->id);
    vlan_spec_text(&sub->m, t);
    text_putc(t, '\n');
}

static u32 sub_id(const void *arg)
{
    return ((const struct sub *)arg)->id;
}

struct vlans *vlans_of(const struct piste *p)
{
    return module_state(p, vlan_module_name);
}

static struct sub *sub_at(const struct vlans *s, struct if_index i)
{
    return s && i.i < s->subs.n ? s->subs.v[i.i] : NULL; /* without the module there are none */
}

static struct port *port_at(const struct vlans *s, struct if_index i)
{
    return i.i < s->ports.n ? s->ports.v[i.i] : NULL;
}

/* --- tables --- */

static struct port *port_make(struct vlans *s, struct if_index i)
{
    while (s->ports.n <= i.i)
        vec_add(&s->ports, NULL);
    if (!s->ports.v[i.i])
        s->ports.v[i.i] = mem_alloc(sizeof(struct port));
    return s->ports.v[i.i];
}

static void vlan_port_free(void *arg)
{
    struct port *port = arg;
    for (u32 t = 0; t < VLAN_TPID_N; t++) {
        free(port->data.tpid[t].any.inner);
        for (u32 i = 0; port->data.tpid[t].by_id && i < VLAN_IDS; i++)
            free(port->data.tpid[t].by_id[i].inner);
        free(port->data.tpid[t].by_id);
    }
    free(port);
}

static u32 *inner_slot(struct vlan_outer *o, u16 id)
{
    if (!o->inner)
        __atomic_store_n(&o->inner, mem_alloc(sizeof(*o->inner)), __ATOMIC_RELEASE);
    return id == VLAN_ANY ? &o->inner->any : &o->inner->by_id[id];
}

/* Where the sub-interface that takes these frames stands; tables on the way are made. */
static u32 *vlan_slot_of(struct port *port, const struct vlan_match_spec *m)
{
    if (m->kind == VLAN_KIND_UNTAGGED)
        return &port->data.untagged;
    if (m->kind == VLAN_KIND_DEFAULT)
        return &port->data.fallback;
    enum vlan_tpid tpid = m->dot1ad ? VLAN_DOT1AD : VLAN_DOT1Q;
    struct vlan_outer **by_id = &port->data.tpid[tpid].by_id, *o = &port->data.tpid[tpid].any;
    if (m->outer != VLAN_ANY) {
        if (!*by_id)
            __atomic_store_n(by_id, mem_alloc(VLAN_IDS * sizeof(**by_id)), __ATOMIC_RELEASE);
        o = &(*by_id)[m->outer];
    }
    return m->kind == VLAN_KIND_ONE_TAG ? &o->single : inner_slot(o, m->inner);
}

/* With its last sub-interface a port loses its tables. */
static void port_drop(struct piste *p, struct vlans *s, struct if_index i)
{
    struct port *port = port_at(s, i);
    if (port->n_subs)
        return;
    s->ports.v[i.i] = NULL;
    __atomic_store_n(&if_data(i)->vlans, NULL, __ATOMIC_RELEASE);
    engine_defer_free(engine_of(p), vlan_port_free, port);
}

/* --- making --- */

static int check_id(u16 id, struct error *e)
{
    if (id != VLAN_ANY && (id == 0 || id > VLAN_ID_MAX))
        return error_set(e, EINVAL, "invalid VLAN id %u: 1 to %u are possible", id, VLAN_ID_MAX);
    return 0;
}

static int check_spec(const struct vlan_match_spec *m, struct error *e)
{
    int rc = m->kind >= VLAN_KIND_ONE_TAG ? check_id(m->outer, e) : 0;
    if (!rc && m->kind == VLAN_KIND_TWO_TAGS)
        rc = check_id(m->inner, e);
    if (rc)
        return rc;
    bool any = m->kind >= VLAN_KIND_ONE_TAG &&
               (m->outer == VLAN_ANY || (m->kind == VLAN_KIND_TWO_TAGS && m->inner == VLAN_ANY));
    if (any && m->exact)
        return error_set(e, EINVAL, "vlan-any cannot use exact-match");
    return 0;
}

static int check_parent(const struct interface *f, struct error *e)
{
    if (!f)
        return error_set(e, ENOENT, "no such interface");
    if (f->super)
        return error_set(e, EOPNOTSUPP, "%s is a sub-interface itself", f->name);
    if (!f->output || !f->has_mac || f->cls->is_ip)
        return error_set(e, EOPNOTSUPP,
                         "%s carries no ethernet frames, so it has no sub-interfaces", f->name);
    return 0;
}

/* Whether an interface has something to do with its untagged frames. */
static bool is_used(struct piste *p, struct if_index i)
{
    return if_data(i)->l2_mode || interface_is_used(p, i);
}

/* What layer 3 sends by it can be told from frames for others: all tags are known. */
static bool takes_ip(const struct vlan_match_spec *m)
{
    return m->kind == VLAN_KIND_UNTAGGED || m->exact;
}

/* Without what its kind does not look at. */
static struct vlan_match_spec plain_spec(const struct vlan_match_spec *m)
{
    struct vlan_match_spec plain = {.kind = m->kind};
    if (m->kind < VLAN_KIND_ONE_TAG)
        return plain;
    plain = *m;
    if (m->kind == VLAN_KIND_ONE_TAG)
        plain.inner = 0;
    return plain;
}

/* See vlan_tags. */
static u8 tags_of(const struct vlan_match_spec *m, u8 tags[8])
{
    if (m->kind < VLAN_KIND_ONE_TAG || !m->exact)
        return 0;
    put_be16(tags, m->dot1ad ? ETHERTYPE_DOT1AD : ETHERTYPE_VLAN);
    put_be16(tags + 2, m->outer);
    if (m->kind == VLAN_KIND_ONE_TAG)
        return VLAN_TAG_BYTES;
    put_be16(tags + 4, ETHERTYPE_VLAN);
    put_be16(tags + 6, m->inner);
    return 2 * VLAN_TAG_BYTES;
}

int vlan_create(struct piste *p, struct if_index parent, u32 id, const struct vlan_match_spec *spec,
                struct if_index *out, struct error *e)
{
    const struct vlan_match_spec plain = plain_spec(spec), *m = &plain;
    struct vlans *s = vlans_of(p);
    const struct interface *f = interface_at(p, parent);
    int rc = check_parent(f, e);
    if (!rc)
        rc = check_spec(m, e);
    if (rc)
        return rc;
    struct port *port = port_make(s, parent);
    u32 *slot = vlan_slot_of(port, m);
    /* a port that is used itself takes the untagged frames */
    bool own = m->kind == VLAN_KIND_UNTAGGED && is_used(p, parent);
    if (*slot || own || !if_is_none(vlan_find(p, parent, id))) {
        port_drop(p, s, parent);
        return error_set(e, EEXIST, "vlan is already in use");
    }
    char name[2 * IF_NAME_BYTES];
    u8 tags[8];
    snprintf(name, sizeof(name), "%s.%u", f->name, id);
    struct sub *sub = mem_alloc(sizeof(*sub));
    *sub = (struct sub){.piste = p, .parent = parent, .id = id, .m = *m};
    struct if_new_args args = {.name = name,
                               .cls = takes_ip(m) ? &exact_class : &loose_class,
                               .port = sub,
                               .has_parent = true,
                               .parent = parent,
                               .tag_bytes = tags_of(m, tags),
                               .outer_8021q = !m->dot1ad};
    rc = interface_new(p, &args, out, e);
    if (rc) {
        port_drop(p, s, parent);
        free(sub);
        return rc;
    }
    sub->index = *out;
    while (s->subs.n <= out->i)
        vec_add(&s->subs, NULL);
    s->subs.v[out->i] = sub;
    hash_set(&s->by_id, &(struct sub_key){parent.i, id}, out->i);
    port->n_subs++;
    u32 exact = m->exact || m->kind == VLAN_KIND_UNTAGGED ? VLAN_SLOT_EXACT : 0;
    __atomic_store_n(slot, (out->i + 1) | exact, __ATOMIC_RELEASE);
    __atomic_store_n(&if_data(parent)->vlans, &port->data, __ATOMIC_RELEASE);
    return 0;
}

/* --- deleting --- */

int vlan_delete(struct piste *p, struct if_index i, struct error *e)
{
    const struct interface *f = interface_at(p, i);
    if (!f || !sub_at(vlans_of(p), i))
        return error_set(e, EINVAL, "%s is not a sub-interface", f ? f->name : "it");
    interface_delete(p, i);
    return 0;
}

static void vlan_forget(struct piste *p, struct vlans *s, struct sub *sub)
{
    struct port *port = port_at(s, sub->parent);
    __atomic_store_n(vlan_slot_of(port, &sub->m), 0, __ATOMIC_RELEASE);
    port->n_subs--;
    port_drop(p, s, sub->parent);
    s->subs.v[sub->index.i] = NULL;
    hash_del(&s->by_id, &(struct sub_key){sub->parent.i, sub->id});
    free(sub);
}

static void vlan_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct vlans *s = arg;
    if (ev != IF_EVENT_DELETE)
        return;
    if (sub_at(s, f->index))
        vlan_forget(p, s, sub_at(s, f->index));
    while (f->subs)
        interface_delete(p, f->subs->index);
}

/* --- questions --- */

struct if_index vlan_find(const struct piste *p, struct if_index parent, u32 id)
{
    u64 i;
    bool found = hash_get(&vlans_of(p)->by_id, &(struct sub_key){parent.i, id}, &i);
    return found ? (struct if_index){(u32)i} : IF_NONE;
}

const struct vlan_match_spec *vlan_spec(const struct piste *p, struct if_index i)
{
    const struct sub *sub = sub_at(vlans_of(p), i);
    return sub ? &sub->m : NULL;
}

u8 vlan_tags(struct piste *p, struct if_index i, u8 tags[8])
{
    const struct vlan_match_spec *m = vlan_spec(p, i);
    return m ? tags_of(m, tags) : 0;
}

/* --- life --- */

int vlan_init(struct piste *p, void **state, struct error *e)
{
    struct vlans *s = mem_alloc(sizeof(*s));
    hash_init(&s->by_id, sizeof(struct sub_key));
    interface_on_event(p, vlan_on_interface, s);
    *state = s;
    return 0;
}

void vlan_stop(struct piste *p, void *state)
{
    struct vlans *s = state;
    for (u32 i = 0; i < s->subs.n; i++)
        if (s->subs.v[i])
            interface_delete(p, (struct if_index){i});
    hash_fini(&s->by_id);
    vec_free(&s->subs);
    vec_free(&s->ports);
    free(s);
}

void vlan_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct vlans *s = state;
    module_tell_hash(tell, arg, "sub-interfaces", &s->by_id);
}
