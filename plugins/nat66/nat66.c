/* The plugin's life, and its interfaces. See nat66.h. */
#include "plugins/nat66/nat66.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "engine/feature.h"
#include "net/ip/icmp/icmp6.h"
#include "net/link/interface/interface.h"

const char nat66_module_name[] = "nat66";

struct nat66_data *nat66_data;

struct nat66_state *nat66_state_of(const struct piste *p)
{
    return module_state(p, nat66_module_name);
}

int nat66_must_be_enabled(const struct piste *p, struct error *e)
{
    return nat66_is_enabled(p) ? 0 : error_set(e, EOPNOTSUPP, "Plugin disabled.");
}

/* --- the plugin --- */

bool nat66_is_enabled(const struct piste *p)
{
    return nat66_state_of(p)->enabled;
}

u32 nat66_outside_vrf(const struct piste *p)
{
    return nat66_state_of(p)->outside_vrf;
}

int nat66_enable(struct piste *p, u32 outside_vrf, struct error *e)
{
    struct nat66_state *s = nat66_state_of(p);
    if (s->enabled)
        return error_set(e, EALREADY, "already enabled");
    int rc = fib_table_lock(fib_of(p), IP_FAMILY_6, outside_vrf, NULL, FIB_SOURCE_PROXY,
                            &s->data.outside_fib, e);
    if (rc)
        return rc;
    nat66_mappings_new(&s->data);
    s->outside_vrf = outside_vrf;
    s->enabled = true;
    __atomic_store_n(&nat66_data, &s->data, __ATOMIC_RELEASE);
    icmp6_set_undo(nat66_undo);
    return 0;
}

/* --- interfaces --- */

static const char *const feature_of[] = {
    [NAT_IF_IN] = "nat66-in2out", [NAT_IF_OUT] = "nat66-out2in"};

int nat66_set_interface(struct piste *p, struct if_index i, u8 flag, bool add, struct error *e)
{
    u8 *flags = &nat66_state_of(p)->data.if_flags[i.i];
    int rc = nat66_must_be_enabled(p, e);
    if (!rc && add && *flags & flag)
        rc = error_set(e, EEXIST, "NAT66 interface exist.");
    if (!rc && !add && !(*flags & flag))
        rc = error_set(e, ENOENT, "NAT66 interface not exist.");
    if (!rc)
        rc = feature_enable(engine_of(p), "ip6-unicast", feature_of[flag], i, add, 0, e);
    if (!rc)
        __atomic_store_n(flags, (u8)(add ? *flags | flag : *flags & ~flag), __ATOMIC_RELAXED);
    return rc;
}

static void nat66_on_interface(struct piste *p, struct interface *it, enum if_event ev, void *arg)
{
    const struct nat66_data *d = &nat66_state_of(p)->data;
    for (u32 k = 0; ev == IF_EVENT_NEW && k < NAT66_DIRS; k++)
        counter_zero(d->counter[k], it->index.i);
    if (ev == IF_EVENT_DELETE && nat66_is_enabled(p))
        nat_if_forget(p, d->if_flags, it->index, nat66_set_interface);
}

/* --- life --- */

int nat66_disable(struct piste *p, struct error *e)
{
    struct nat66_state *s = nat66_state_of(p);
    if (!s->enabled)
        return error_set(e, EALREADY, "already disabled");
    nat_ifs_forget(p, s->data.if_flags, nat66_set_interface);
    icmp6_set_undo(NULL);
    __atomic_store_n(&nat66_data, NULL, __ATOMIC_RELEASE);
    engine_synchronize(engine_of(p));
    nat66_mappings_free(p);
    fib_table_unlock(fib_of(p), s->data.outside_fib, FIB_SOURCE_PROXY);
    s->enabled = false;
    return 0;
}

int nat66_init(struct piste *p, void **state, struct error *e)
{
    static const char *const names[NAT66_DIRS] = {"/nat66/in2out", "/nat66/out2in"};
    struct nat66_state *s = mem_alloc(sizeof(*s));
    s->data.if_flags = mem_alloc(IF_MAX);
    for (u32 k = 0; k < NAT66_DIRS; k++)
        s->data.counter[k] = counter_vec_new(engine_of(p), names[k], false, IF_MAX);
    s->data.by_mapping =
        counter_vec_new(engine_of(p), "/nat66/static-mappings", true, NAT66_MAPPINGS_MAX);
    *state = s;
    interface_on_event(p, nat66_on_interface, NULL);
    return 0;
}

void nat66_stop(struct piste *p, void *state)
{
    struct nat66_state *s = state;
    if (s->enabled && nat66_disable(p, NULL))
        return;
    for (u32 k = 0; k < NAT66_DIRS; k++)
        counter_vec_free(s->data.counter[k]);
    counter_vec_free(s->data.by_mapping);
    free(s->data.if_flags);
    free(s);
}

void nat66_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct nat66_state *s = state;
    if (!s->enabled)
        return;
    module_tell_shared_hash(tell, arg, "nat66 static mappings by external", &s->data.by_external);
    module_tell_shared_hash(tell, arg, "nat66 static mappings by local", &s->data.by_local);
}
