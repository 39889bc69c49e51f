/* Interfaces to inside and outside. See nat44.h. */
#include <errno.h>

#include "base/log.h"
#include "engine/engine.h"
#include "engine/feature.h"
#include "net/ip/address/address.h"
#include "net/ip/reass/ip4_sv_reass.h"
#include "net/link/interface/interface.h"
#include "plugins/nat/nat44_internal.h"

static struct log_class log_class = {"nat", "interface"};

/* The feature of an interface, by its flags: with one data thread, and with several. */
static const char *nat44_feature_of(const struct nat44_data *d, u8 flags)
{
    static const char *const names[2][4] = {
        {NULL, "nat-pre-in2out", "nat-pre-out2in", "nat44-ed-classify"},
        {NULL, "nat44-in2out-worker-handoff", "nat44-out2in-worker-handoff",
         "nat44-handoff-classify"},
    };
    return names[d->n_owners > 1][flags];
}

static int nat44_set_feature(struct piste *p, struct if_index i, u8 flags, bool on, struct error *e)
{
    const char *feature = nat44_feature_of(&nat44_state_of(p)->data, flags);
    return feature ? feature_enable(engine_of(p), "ip4-unicast", feature, i, on, 0, e) : 0;
}

/* From one set of flags to another. */
static int nat44_set_flags(struct piste *p, struct if_index i, u8 from, u8 to, struct error *e)
{
    struct nat44_data *d = &nat44_state_of(p)->data;
    int rc = from ? 0 : ip4_sv_reass_enable(p, i, true, e);
    if (rc)
        return rc;
    rc = nat44_set_feature(p, i, from, false, e);
    if (!rc) {
        rc = nat44_set_feature(p, i, to, true, e);
        if (rc)
            (void)!nat44_set_feature(p, i, from, true, NULL);
    }
    if (rc ? !from : !to)
        (void)!ip4_sv_reass_enable(p, i, false, NULL);
    if (rc)
        return rc;
    __atomic_store_n(&d->if_flags[i.i], to, __ATOMIC_RELAXED);
    return 0;
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
    bool has = flags_of(nat44_state_of(p), i) & flag;
    if (has && add)
        return error_set(e, EEXIST, "the interface is that already");
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
    nat44_sync_routes(p);
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
    nat44_sync_routes(p);
}

static void nat44_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    const struct nat44_state *s = nat44_state_of(p);
    u32 k = find_if(s, f->index); /* there are none while the plugin is disabled */
    if (ev != IF_EVENT_DELETE || k == s->ifs.n)
        return;
    nat44_forget_if(p, k);
    nat44_sync_routes(p);
}

static void nat44_on_table(struct piste *p, struct if_index i, struct fib_index from,
                           struct fib_index to, void *arg)
{
    const struct nat44_state *s = nat44_state_of(p);
    if (!s || !s->enabled || fib_is_none(from) || fib_family(from) != IP_FAMILY_4 ||
        find_if(s, i) == s->ifs.n)
        return;
    nat44_end_sessions(p, is_in_table, &from);
    nat44_sync_routes(p);
}

void nat44_interfaces_init(struct piste *p)
{
    interface_on_event(p, nat44_on_interface, NULL);
    ip_on_table(p, nat44_on_table, NULL);
}
