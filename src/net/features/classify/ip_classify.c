/* Which interfaces' own addresses are classified; see ip_classify.h. */
#include "net/features/classify/ip_classify.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "net/features/classify/ip_classify_internal.h"
#include "net/ip/address/address.h"

const char ip_classify_module_name[] = "ip-classify";

static struct log_class log_class = {"classify", "ip"};

static struct classify_binding *ip_classify_bound(const struct piste *p, enum ip_family f)
{
    struct ip_classify *s = module_state(p, ip_classify_module_name);
    return &s->bound[f];
}

/* table CLASSIFY_NONE: the address is as it was without. */
static int ip_classify_route(struct piste *p, struct if_index i, const struct ip_prefix *a,
                             u32 table, struct error *e)
{
    enum ip_family f = (enum ip_family)a->family;
    struct fib_path own = fib_path_special(FIB_PATH_RECEIVE);
    own.interface = i;
    own.next_hop = a->addr;
    own.classify_table = table;
    struct ip_prefix host = ip_prefix_host(f, a->addr);
    struct fib_index t = ip_if_fib(f, i);
    return table == CLASSIFY_NONE
               ? fib_route_delete(fib_of(p), t, host, FIB_SOURCE_CLASSIFY, e)
               : fib_route_update(fib_of(p), t, host, FIB_SOURCE_CLASSIFY, &own, 1, e);
}

static void ip_classify_note(struct classify_binding *b, struct if_index i, u32 table)
{
    while (b->tables.n <= i.i)
        vec_add(&b->tables, 0);
    b->tables.v[i.i] = table + 1;
}

int ip_classify_set(struct piste *p, enum ip_family f, struct if_index i, u32 table,
                    struct error *e)
{
    struct classify_binding *b = ip_classify_bound(p, f);
    struct ip_prefix a;
    if (table != CLASSIFY_NONE && !classify_table_at(table))
        return error_set(e, ENOENT, "No such classifier table");
    if (!ip_address_at(p, f, i, 0, &a))
        return table == CLASSIFY_NONE ? 0 : error_set(e, ENODEV, "No such interface");
    if (classify_bound(b, i) == table)
        return 0;
    int rc = ip_classify_route(p, i, &a, table, e);
    if (!rc)
        ip_classify_note(b, i, table);
    return rc;
}

/* The first address goes: the next one has its part, if there is one. */
static void ip_classify_on_address(struct piste *p, struct if_index i, struct ip_prefix a, bool add,
                                   void *arg)
{
    enum ip_family f = (enum ip_family)a.family;
    struct classify_binding *b = ip_classify_bound(p, f);
    u32 table = classify_bound(b, i);
    struct ip_prefix first, next;
    struct error e;
    if (add || table == CLASSIFY_NONE || !ip_address_at(p, f, i, 0, &first) ||
        !ip_prefix_equal(&first, &a))
        return;
    int rc = ip_classify_route(p, i, &first, CLASSIFY_NONE, &e);
    bool stays = !rc && ip_address_at(p, f, i, 1, &next);
    if (stays)
        rc = ip_classify_route(p, i, &next, table, &e);
    if (rc)
        log_error(&log_class, "%s", e.text);
    if (rc || !stays)
        ip_classify_note(b, i, CLASSIFY_NONE);
}

static bool ip_classify_has(u32 table)
{
    return classify_table_at(table) != NULL;
}

static void ip_classify_hold(struct piste *p, u32 table)
{
    struct error e;
    (void)!classify_table_ref(p, table, &e); /* it is there: whoever asks has looked */
}

int ip_classify_init(struct piste *p, void **state, struct error *e)
{
    struct fib_classifier c = {
        .has = ip_classify_has,
        .hold = ip_classify_hold,
        .release = classify_table_unref,
    };
    for (u32 k = 0; k < IP_FAMILY_N; k++)
        c.node[k] = node_register(engine_of(p), &ip_classify_nodes[k], NULL, NULL);
    fib_set_classifier(fib_of(p), &c);
    ip_on_address(p, ip_classify_on_address, NULL);
    *state = mem_alloc(sizeof(struct ip_classify));
    return 0;
}

void ip_classify_stop(struct piste *p, void *state)
{
    struct ip_classify *s = state;
    fib_set_classifier(fib_of(p), NULL);
    for (u32 k = 0; k < IP_FAMILY_N; k++)
        vec_free(&s->bound[k].tables);
    free(s);
}
