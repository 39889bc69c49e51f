#include "ports/loopback/loopback.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/numbers.h"
#include "control/module.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_format.h"
#include "ports/loopback/loopback_internal.h"

#define INSTANCES_MAX 65536u

NODE_DECLARE(loopback_tx);

struct loopbacks {
    VEC(struct loopback *) by_instance[2]; /* loopbacks, BVIs; NULL: free */
    struct numbers instances[2];
    struct if_index local0;
};

static const struct node_error tx_errors[LOOPBACK_TX_ERR_N] = {
    [LOOPBACK_TX_ERR_LOST] = {"loop", "packets that came back too often", SEVERITY_ERROR},
};

static const struct node_def tx_node = {
    .name = "loopback-tx",
    .run = NODE_VARIANTS(loopback_tx),
    .plain = NODE_PLAIN_LINK, /* as a BVI; nobody makes an entry of other ways */
    .next = {[LOOPBACK_TX_NEXT_DROP] = "error-drop",
             [LOOPBACK_TX_NEXT_ETHERNET] = "ethernet-input",
             [LOOPBACK_TX_NEXT_L2] = "l2-input"},
    .n_next = 3,
    .errors = tx_errors,
    .n_errors = LOOPBACK_TX_ERR_N,
};

static int loopback_set_admin(void *arg, bool up, struct error *e);

static void loopback_running_config(void *port, struct text *t)
{
    const struct loopback *l = port;
    char mac[MAC_TEXT_BYTES];
    text_add(t, "%s mac %s instance %u\n", l->is_bvi ? "bvi create" : "create loopback interface",
             ethernet_mac_text(interface_at(l->piste, l->interface)->mac, mac), l->instance);
}

static const struct if_class class_loopback = {.name = "Loopback",
                                               .tx = &tx_node,
                                               .comes_back = true,
                                               .set_admin = loopback_set_admin,
                                               .running_config = loopback_running_config,
                                               .saves_mac = true};
static const struct if_class class_bvi = {.name = "BVI",
                                          .tx = &tx_node,
                                          .comes_back = true,
                                          .set_admin = loopback_set_admin,
                                          .running_config = loopback_running_config,
                                          .saves_mac = true};
static const struct if_class class_local = {.name = "local", .no_ip = true};

static int loopback_set_admin(void *arg, bool up, struct error *e)
{
    const struct loopback *l = arg;
    interface_set_link(l->piste, l->interface, up);
    return 0;
}

static struct loopback *loopback_by_instance(const struct loopbacks *s, bool is_bvi, u32 instance)
{
    return instance < s->by_instance[is_bvi].n ? s->by_instance[is_bvi].v[instance] : NULL;
}

const char loopback_module_name[] = "loopback";

int loopback_make(struct piste *p, bool is_bvi, const u8 *mac, u32 instance, struct if_index *out,
                  struct error *e)
{
    struct loopbacks *s = module_state(p, loopback_module_name);
    if (instance == UINT32_MAX)
        instance = numbers_lowest(&s->instances[is_bvi]);
    if (instance >= INSTANCES_MAX)
        return error_set(e, EINVAL, "loopback instances are below %u", INSTANCES_MAX);
    if (loopback_by_instance(s, is_bvi, instance))
        return error_set(e, EEXIST, "loopback instance %u is in use", instance);
    struct loopback *l = mem_alloc(sizeof(*l));
    u8 own[6] = {0xde, 0xad, 0, (u8)is_bvi, (u8)(instance >> 8), (u8)instance};
    char name[32];
    snprintf(name, sizeof(name), "%s%u", is_bvi ? "bvi" : "loop", instance);
    l->is_bvi = is_bvi;
    l->piste = p;
    l->instance = instance;
    int rc = interface_new(p,
                           &(struct if_new_args){
                               .name = name,
                               .cls = is_bvi ? &class_bvi : &class_loopback,
                               .port = l,
                               .mac = mac ? mac : own,
                               .caps = IF_CAP_TX_ALL,
                           },
                           &l->interface, e);
    if (rc) {
        free(l);
        return rc;
    }
    while (s->by_instance[is_bvi].n <= instance)
        vec_add(&s->by_instance[is_bvi], NULL);
    s->by_instance[is_bvi].v[instance] = l;
    numbers_take(&s->instances[is_bvi], instance);
    *out = l->interface;
    return 0;
}

int loopback_create(struct piste *p, const u8 *mac, u32 instance, struct if_index *out,
                    struct error *e)
{
    return loopback_make(p, false, mac, instance, out, e);
}

int bvi_create(struct piste *p, const u8 *mac, u32 instance, struct if_index *out, struct error *e)
{
    return loopback_make(p, true, mac, instance, out, e);
}

static int remove_kind(struct piste *p, struct if_index i, bool is_bvi, struct error *e)
{
    struct loopbacks *s = module_state(p, loopback_module_name);
    const struct interface *f = interface_at(p, i);
    if (f->cls != (is_bvi ? &class_bvi : &class_loopback))
        return error_set(e, EINVAL, "%s is not a %s interface", f->name,
                         is_bvi ? "BVI" : "loopback");
    struct loopback *l = f->port;
    s->by_instance[is_bvi].v[l->instance] = NULL;
    numbers_give(&s->instances[is_bvi], l->instance);
    interface_delete(p, i);
    engine_defer_free(engine_of(p), free, l);
    return 0;
}

int loopback_delete(struct piste *p, struct if_index i, struct error *e)
{
    return remove_kind(p, i, false, e);
}

int bvi_delete(struct piste *p, struct if_index i, struct error *e)
{
    return remove_kind(p, i, true, e);
}

/* --- life --- */

int loopback_init(struct piste *p, void **state, struct error *e)
{
    struct loopbacks *s = mem_alloc(sizeof(*s));
    int rc = interface_new(p, &(struct if_new_args){.name = "local0", .cls = &class_local},
                           &s->local0, e);
    if (rc) {
        free(s);
        return rc;
    }
    *state = s;
    return 0;
}

void loopback_stop(struct piste *p, void *state)
{
    struct loopbacks *s = state;
    for (u32 kind = 0; kind < 2; kind++) {
        for (u32 k = s->by_instance[kind].n; k--;) {
            struct loopback *l = s->by_instance[kind].v[k];
            if (l)
                interface_delete(p, l->interface);
            free(l);
        }
        vec_free(&s->by_instance[kind]);
        numbers_fini(&s->instances[kind]);
    }
    interface_delete(p, s->local0);
    free(s);
}
