/* Interfaces to inside and outside. See nat44.h. */
#include <errno.h>

#include "base/log.h"
#include "engine/engine.h"
#include "engine/feature.h"
#include "net/ip/address/address.h"
#include "net/ip/reass/sv_reass.h"
#include "net/link/interface/interface.h"
#include "plugins/nat/nat44_internal.h"

static struct log_class log_class = {"nat", "interface"};

#define NAT44_ARCS 2

struct nat44_feature {
    const char *arc, *node; /* node NULL: none */
    enum feature_place place;
};

/* What an interface has on each arc, by its flags: with one data thread, and with several. */
static void nat44_features_of(const struct nat44_data *d, u8 flags,
                              struct nat44_feature out[NAT44_ARCS])
{
    const struct nat44_flavor *f = &nat44_flavor;
    bool many = d->n_threads > 1, leaves = flags & NAT44_IF_OUTPUT;
    out[0] = (struct nat44_feature){"ip4-unicast", f->in[many][leaves ? NAT44_IF_OUT : flags],
                                    AT_IP_INPUT};
    out[1] = (struct nat44_feature){"ip4-output", leaves ? f->output[many] : NULL, AT_IP_OUTPUT};
}

/* The feature, and behind it fragments that are noted. */
static int nat44_set_feature(struct piste *p, struct if_index i, const struct nat44_feature *f,
                             bool on, struct error *e)
{
    int rc = f->node ? sv_reass_enable(p, IP_FAMILY_4, i, f->place, on, e) : 0;
    if (rc || !f->node)
        return rc;
    rc = feature_enable(engine_of(p), f->arc, f->node, i, on, 0, e);
    if (rc)
        (void)!sv_reass_enable(p, IP_FAMILY_4, i, f->place, !on, NULL);
    return rc;
}

/* From one set of flags to another: the new features come first, so that fragments are noted all
 * the while. */
static int nat44_set_flags(struct piste *p, struct if_index i, u8 from, u8 to, struct error *e)
{
    struct nat44_data *d = &nat44_state_of(p)->data;
    struct nat44_feature old[NAT44_ARCS], new[NAT44_ARCS];
    u32 made = 0, gone = 0;
    int rc = 0;
    nat44_features_of(d, from, old);
    nat44_features_of(d, to, new);
    while (!rc && made < NAT44_ARCS)
        if (!(rc = nat44_set_feature(p, i, &new[made], true, e)))
            made++;
    while (!rc && gone < NAT44_ARCS)
        if (!(rc = nat44_set_feature(p, i, &old[gone], false, e)))
            gone++;
    if (!rc) {
        __atomic_store_n(&d->if_flags[i.i], to, __ATOMIC_RELAXED);
        return 0;
    }
    while (gone > 0)
        (void)!nat44_set_feature(p, i, &old[--gone], true, NULL);
    while (made > 0)
        (void)!nat44_set_feature(p, i, &new[--made], false, NULL);
    return rc;
}

static u32 find_if(const struct nat44_state *s, struct if_index i)
{
    u32 k = 0;
    while (k < s->ifs.n && !if_equal(s->ifs.v[k].interface, i))
        k++;
    return k;
}

static bool is_in_table(const struct nat44_session *s, const void *arg)
{
    const struct fib_index *t = arg;
    return nat44_key_fib(&s->key[NAT44_I2O]).i == t->i ||
           nat44_key_fib(&s->key[NAT44_O2I]).i == t->i;
}

/* Sessions name tables: none may outlive its own, which is there at least as long as interfaces to
 * inside or outside are in it. i is neither any more. */
static void nat44_leave_table(struct piste *p, struct if_index i)
{
    const struct nat44_state *s = nat44_state_of(p);
    struct fib_index table = ip_if_fib(IP_FAMILY_4, i);
    for (u32 k = 0; k < s->ifs.n; k++)
        if (ip_if_fib(IP_FAMILY_4, s->ifs.v[k].interface).i == table.i)
            return;
    nat44_end_sessions(p, is_in_table, &table);
}

static u8 flags_of(const struct nat44_state *s, struct if_index i)
{
    u32 k = find_if(s, i);
    return k < s->ifs.n ? s->ifs.v[k].flags : 0;
}

int nat44_check_interface(struct piste *p, struct if_index i, u8 flag, bool add, struct error *e)
{
    int rc = nat44_must_be_enabled(p, e);
    if (rc)
        return rc;
    u8 had = flags_of(nat44_state_of(p), i);
    bool has = had & flag;
    if (has && add)
        return error_set(e, EEXIST, "the interface is that already");
    if (add && had && (had | flag) & NAT44_IF_OUTPUT)
        return error_set(e, EEXIST, "output-feature goes alone");
    if (!has && !add)
        return error_set(e, ENOENT, "the interface is not that");
    return 0;
}

int nat44_set_interface(struct piste *p, struct if_index i, u8 flag, bool add, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    int rc = nat44_check_interface(p, i, flag, add, e);
    u8 from = flags_of(s, i), to = (u8)(add ? from | flag : from & ~flag);
    if (!rc)
        rc = nat44_set_flags(p, i, from, to, e);
    if (rc)
        return rc;
    u32 k = find_if(s, i);
    if (k == s->ifs.n)
        vec_add(&s->ifs, ((struct nat44_if){i, to}));
    s->ifs.v[k].flags = to;
    if (!to) {
        vec_del(&s->ifs, k);
        nat44_leave_table(p, i);
    }
    nat44_sync_routes(p, NULL);
    return 0;
}

bool nat44_interface_at(const struct piste *p, u32 k, struct if_index *i, u8 *flags)
{
    const struct nat44_state *s = nat44_state_of(p);
    if (k >= s->ifs.n)
        return false;
    *i = s->ifs.v[k].interface;
    *flags = s->ifs.v[k].flags;
    return true;
}

static void nat44_forget_if(struct piste *p, u32 k)
{
    struct nat44_state *s = nat44_state_of(p);
    struct error e;
    if (nat44_set_flags(p, s->ifs.v[k].interface, s->ifs.v[k].flags, 0, &e))
        log_warn(&log_class, "%s", e.text);
    vec_del(&s->ifs, k);
}

void nat44_interfaces_clear(struct piste *p)
{
    struct nat44_state *s = nat44_state_of(p);
    while (s->ifs.n)
        nat44_forget_if(p, s->ifs.n - 1);
    nat44_sync_routes(p, NULL);
}

static void nat44_zero_counters(struct nat44_data *d, struct if_index i)
{
    for (u32 dir = 0; dir < NAT44_DIRS; dir++)
        for (u32 path = 0; path < NAT44_PATHS; path++)
            for (u32 what = 0; what < NAT44_COUNTS; what++)
                counter_zero(d->counters[dir][path][what], i.i);
}

static void nat44_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    const struct nat44_state *s = nat44_state_of(p);
    u32 k = find_if(s, f->index); /* there are none while the plugin is disabled */
    if (ev == IF_EVENT_NEW)
        nat44_zero_counters(&nat44_state_of(p)->data, f->index);
    if (ev != IF_EVENT_DELETE || k == s->ifs.n)
        return;
    nat44_forget_if(p, k);
    nat44_sync_routes(p, NULL);
}

static void nat44_on_table(struct piste *p, struct if_index i, struct fib_index from,
                           struct fib_index to, void *arg)
{
    const struct nat44_state *s = nat44_state_of(p);
    if (!s || !s->enabled || fib_is_none(from) || fib_family(from) != IP_FAMILY_4 ||
        find_if(s, i) == s->ifs.n)
        return;
    nat44_end_sessions(p, is_in_table, &from);
    nat44_sync_routes(p, NULL);
}

void nat44_interfaces_init(struct piste *p)
{
    interface_on_event(p, nat44_on_interface, NULL);
    ip_on_table(p, nat44_on_table, NULL);
}
