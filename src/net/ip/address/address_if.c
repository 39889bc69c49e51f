/* Settings of interfaces in layer 3: whether they take packets of a protocol, their tables, and
 * whose addresses they have; and what their coming and going does. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "control/loop.h"
#include "engine/feature.h"
#include "engine/probe.h"
#include "engine/thread.h"
#include "net/ip/address/address_internal.h"
#include "net/link/interface/interface.h"

static struct log_class address_log = {.name = "ip", .sub = "interface"};

struct ip_if *ip_if_base[IP_FAMILY_N];

int address_check_interface(const struct piste *p, enum ip_family f, struct if_index i,
                            struct error *e)
{
    const struct interface *it = interface_at(p, i);
    if (!it)
        return error_set(e, ENODEV, "no such interface");
    if (it->cls->no_ip_why)
        return error_set(e, EOPNOTSUPP, "%s", it->cls->no_ip_why);
    if (it->cls->no_ip)
        return error_set(e, EOPNOTSUPP, "%s interface doesn't support IP addressing", it->name);
    if (f >= IP_FAMILY_N || fib_is_none(fib_table_next(fib_of(p), f, 0)))
        return error_set(e, EAFNOSUPPORT, "IPv6 is not supported");
    return 0;
}

/* --- taking packets at all --- */

/* The feature that drops them is on while it takes none. */
static void set_features(struct addresses *as, enum ip_family f, struct if_index i, bool enabled)
{
    static const char *const arcs[IP_FAMILY_N][2] = {{"ip4-unicast", "ip4-multicast"},
                                                     {"ip6-unicast", "ip6-multicast"}};
    static const char *const nodes[IP_FAMILY_N] = {"ip4-not-enabled", "ip6-not-enabled"};
    struct engine *engine = engine_of(as->piste);
    for (u32 k = 0; k < array_len(arcs[f]); k++) {
        struct error e = {0};
        if (feature_exists(engine, arcs[f][k], nodes[f]) &&
            feature_enable(engine, arcs[f][k], nodes[f], i, !enabled, 0, &e))
            log_error(&address_log, "%s: %s", arcs[f][k], e.text);
    }
}

void address_refresh_enabled(struct addresses *as, enum ip_family f, struct if_index i)
{
    const struct address_if *s = address_if_of(as->piste, i);
    bool enabled =
        s && (s->addresses[f].n || s->on[f] || s->needs[f] || !if_is_none(s->unnumbered));
    enabled |= s && f == IP_FAMILY_6 && !ip_address_is_zero(&s->link_local);
    if (enabled == ip_if_base[f][i.i].enabled)
        return;
    __atomic_store_n(&ip_if_base[f][i.i].enabled, enabled, __ATOMIC_RELEASE);
    if (enabled && f == IP_FAMILY_6)
        ip6_link_begin(as, i);
    set_features(as, f, i, enabled);
    for (u32 k = 0; k < as->on_enable.n; k++)
        as->on_enable.v[k].fn(as->piste, f, i, enabled, as->on_enable.v[k].arg);
    if (!enabled && f == IP_FAMILY_6)
        ip6_link_end(as, i);
}

int ip_enable(struct piste *p, enum ip_family f, struct if_index i, bool enable, struct error *e)
{
    struct addresses *as = addresses_of(p);
    int rc = address_check_interface(p, f, i, e);
    if (rc)
        return rc;
    struct address_if *s = address_if_get(as, i);
    if (!enable && !ip_if_base[f][i.i].enabled)
        return error_set(e, ENOENT, "Failed: %s was not enabled",
                         f == IP_FAMILY_6 ? "IPv6" : "IPv4");
    s->on[f] = enable;
    address_refresh_enabled(as, f, i);
    return 0;
}

void ip_need(struct piste *p, enum ip_family f, struct if_index i, bool need)
{
    struct addresses *as = addresses_of(p);
    address_if_get(as, i)->needs[f] += need ? 1 : -1;
    address_refresh_enabled(as, f, i);
}

void ip6_set_said(struct piste *p, struct if_index i, u8 hop_limit, u32 retransmit_ms)
{
    struct ip_if *x = &ip_if_base[IP_FAMILY_6][i.i];
    x->retransmit_ms = retransmit_ms;
    if (x->hop_limit == hop_limit)
        return;
    __atomic_store_n(&x->hop_limit, hop_limit, __ATOMIC_RELAXED);
    forwarding_changed(engine_of(p)); /* answers to pings */
}

bool ip_is_on(const struct piste *p, enum ip_family f, struct if_index i)
{
    const struct address_if *s = address_if_of(p, i);
    return s && s->on[f];
}

/* --- unnumbered --- */

static int check_lender(const struct piste *p, const struct address_if *s, struct if_index i,
                        struct if_index use, struct error *e)
{
    const struct address_if *lender = address_if_of(p, use);
    if (if_equal(i, use))
        return error_set(e, EINVAL, "an interface cannot borrow from itself");
    if (s->addresses[IP_FAMILY_4].n || s->addresses[IP_FAMILY_6].n)
        return error_set(e, EBUSY, "the interface has addresses of its own");
    if (lender && !if_is_none(lender->unnumbered))
        return error_set(e, EINVAL, "the lender is unnumbered itself");
    if (s->n_borrowers)
        return error_set(e, EBUSY, "the interface lends its addresses to another");
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        if (ip_if_base[f][i.i].fib != ip_if_base[f][use.i].fib)
            return error_set(e, EINVAL, "the interfaces are in different tables");
    return 0;
}

static void set_lender(struct addresses *as, struct address_if *s, struct if_index i,
                       struct if_index use)
{
    if (!if_is_none(s->unnumbered))
        address_if_get(as, s->unnumbered)->n_borrowers--;
    if (!if_is_none(use))
        address_if_get(as, use)->n_borrowers++;
    s->unnumbered = use;
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        __atomic_store_n(&ip_if_base[f][i.i].address_if, if_is_none(use) ? i.i : use.i,
                         __ATOMIC_RELEASE);
        address_refresh_enabled(as, (enum ip_family)f, i);
    }
}

int ip_set_unnumbered(struct piste *p, struct if_index i, struct if_index use, struct error *e)
{
    struct addresses *as = addresses_of(p);
    int rc = address_check_interface(p, IP_FAMILY_4, i, e);
    if (!rc && !if_is_none(use))
        rc = address_check_interface(p, IP_FAMILY_4, use, e);
    if (rc)
        return rc;
    struct address_if *s = address_if_get(as, i);
    if (if_is_none(use) && if_is_none(s->unnumbered))
        return error_set(e, ENOENT, "the interface is not unnumbered");
    rc = if_is_none(use) ? 0 : check_lender(p, s, i, use, e);
    if (!rc)
        set_lender(as, s, i, use);
    return rc;
}

struct if_index ip_unnumbered(const struct piste *p, struct if_index i)
{
    const struct address_if *s = address_if_of(p, i);
    return s ? s->unnumbered : IF_NONE;
}

/* --- tables --- */

static struct fib_index default_table(enum ip_family f)
{
    return (struct fib_index){f == IP_FAMILY_4 ? 0 : FIB_TABLES_MAX};
}

int ip_set_table(struct piste *p, enum ip_family f, struct if_index i, u32 table_id,
                 struct error *e)
{
    struct addresses *as = addresses_of(p);
    struct fib *fib = fib_of(p);
    int rc = address_check_interface(p, f, i, e);
    if (rc)
        return rc;
    struct fib_index to = fib_table_find(fib, f, table_id), from = ip_if_fib(f, i);
    if (fib_is_none(to))
        return error_set(e, ENOENT, "no such table %u", table_id);
    if (to.i == from.i)
        return 0;
    const struct address_if *s = address_if_get(as, i);
    if (s->addresses[f].n || !if_is_none(s->unnumbered))
        return error_set(e, EBUSY, "IP addresses are still present on %s",
                         interface_at(p, i)->name);
    if (s->n_borrowers)
        return error_set(e, EBUSY, "%s lends its addresses to another, unable to change table",
                         interface_at(p, i)->name);
    if (fib_number(to)) {
        rc = fib_table_lock(fib, f, table_id, NULL, FIB_SOURCE_INTERFACE, &to, e);
        if (rc)
            return rc;
    }
    __atomic_store_n(&ip_if_base[f][i.i].fib, to.i, __ATOMIC_RELEASE);
    fib_table_of_changed(fib, i);
    for (u32 k = 0; k < as->on_table.n; k++)
        as->on_table.v[k].fn(p, i, from, to, as->on_table.v[k].arg);
    if (fib_number(from))
        fib_table_unlock(fib, from, FIB_SOURCE_INTERFACE);
    return 0;
}

void ip_table_interfaces_down(struct piste *p, struct fib_index t)
{
    struct interface *f;
    for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1) {
        struct error e = {0};
        if (ip_if_fib(fib_family(t), f->index).i == t.i &&
            interface_set_admin(p, f->index, false, &e))
            log_warn(&address_log, "%s: %s", f->name, e.text);
    }
}

static struct fib_index address_table_of(const struct piste *p, enum ip_family f, struct if_index i)
{
    return i.i < IF_MAX ? ip_if_fib(f, i) : FIB_NONE;
}

/* --- interfaces come and go --- */

static void interface_begin(struct addresses *as, struct if_index i)
{
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        ip_if_base[f][i.i] =
            (struct ip_if){.fib = default_table((enum ip_family)f).i, .address_if = i.i};
        set_features(as, (enum ip_family)f, i, false);
    }
}

static void end_state(struct addresses *as, struct if_index i)
{
    struct address_if *s = address_if_of(as->piste, i);
    if (!s)
        return;
    for (u32 n = 0; s->n_borrowers && n < as->ifs.n; n++)
        if (as->ifs.v[n] && if_equal(as->ifs.v[n]->unnumbered, i))
            set_lender(as, as->ifs.v[n], (struct if_index){n}, IF_NONE);
    if (!if_is_none(s->unnumbered))
        set_lender(as, s, i, IF_NONE);
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        s->on[f] = false;
        s->needs[f] = 0;
        address_refresh_enabled(as, (enum ip_family)f, i);
        vec_free(&s->addresses[f]);
    }
    free(s);
    as->ifs.v[i.i] = NULL;
}

static void interface_end(struct addresses *as, struct if_index i)
{
    struct piste *p = as->piste;
    ip_address_del_all(p, i);
    end_state(as, i);
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        struct fib_index table = ip_if_fib((enum ip_family)f, i);
        for (u32 k = 0; k < as->on_table.n; k++)
            as->on_table.v[k].fn(p, i, table, FIB_NONE, as->on_table.v[k].arg);
        __atomic_store_n(&ip_if_base[f][i.i].fib, default_table((enum ip_family)f).i,
                         __ATOMIC_RELEASE);
        if (fib_number(table))
            fib_table_unlock(fib_of(p), table, FIB_SOURCE_INTERFACE);
    }
}

static void address_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct addresses *as = arg;
    switch (ev) {
    case IF_EVENT_NEW:
        interface_begin(as, f->index);
        break;
    case IF_EVENT_DELETE:
        interface_end(as, f->index);
        break;
    case IF_EVENT_ADMIN:
        address_follow_state(as, f);
        for (struct interface *sub = f->subs; sub; sub = sub->next_sub)
            address_follow_state(as, sub);
        break;
    case IF_EVENT_LINK:
        address_follow_state(as, f);
        break;
    case IF_EVENT_MAC:
        ip6_link_refresh(as, f->index);
        break;
    default:
        break;
    }
}

/* --- life --- */

static bool address_uses(struct piste *p, struct if_index i)
{
    struct ip_prefix a;
    return ip_address_at(p, IP_FAMILY_4, i, 0, &a) || ip_address_at(p, IP_FAMILY_6, i, 0, &a) ||
           !if_is_none(ip_unnumbered(p, i));
}

static int make_maps(struct addresses *as, struct error *e)
{
    static const struct mem_page_size page = {0};
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        int rc = mem_map_new(&as->if_maps[f], "ip interfaces", IF_MAX * sizeof(struct ip_if), page,
                             false, e);
        if (!rc)
            rc = mem_map_new(&as->list_maps[f], "ip addresses",
                             IF_MAX * sizeof(struct ip_if_addresses *), page, false, e);
        if (rc)
            return rc;
        ip_if_base[f] = as->if_maps[f].base;
        ip_if_addresses_base[f] = as->list_maps[f].base;
    }
    return ip6_links_init(as, e);
}

static void free_maps(struct addresses *as)
{
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        mem_map_free(&as->if_maps[f]);
        mem_map_free(&as->list_maps[f]);
        ip_if_base[f] = NULL;
        ip_if_addresses_base[f] = NULL;
    }
    ip6_links_free(as);
}

int address_init(struct piste *p, void **state, struct error *e)
{
    struct addresses *as = mem_alloc(sizeof(*as));
    as->piste = p;
    *state = as;
    int rc = make_maps(as, e);
    if (rc) {
        free_maps(as);
        free(as);
        return rc;
    }
    pool_init(&as->pool, "addresses", sizeof(struct if_address), 8, ADDRESSES_MAX);
    struct interface *f;
    for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1)
        interface_begin(as, f->index);
    fib_set_table_of(fib_of(p), address_table_of);
    interface_on_event(p, address_on_interface, as);
    interface_on_use(p, address_uses);
    interface_on_show_address(p, IF_SHOW_L3, address_show);
    return 0;
}

void address_stop(struct piste *p, void *state)
{
    struct addresses *as = state;
    fib_set_table_of(fib_of(p), NULL);
    loop_work_del(p->loop, address_sweep_piece, as);
    for (u32 i = 0; i < as->ifs.n; i++)
        for (u32 f = 0; as->ifs.v[i] && f < IP_FAMILY_N; f++) {
            free(ip_if_addresses_base[f][i]);
            vec_free(&as->ifs.v[i]->addresses[f]);
        }
    for (u32 i = 0; i < as->ifs.n; i++) {
        free(ip6_link_base[i]);
        free(as->ifs.v[i]);
    }
    vec_free(&as->ifs);
    vec_free(&as->on_enable);
    vec_free(&as->on_table);
    vec_free(&as->on_address);
    ordset_fini(&as->in_order);
    pool_fini(&as->pool);
    free_maps(as);
    free(as);
}
