/* The arcs "ip4-output" and "ip6-output" and who is sent through them; see ip4_output.h. */
#include "net/ip/ip4/ip4_output.h"

#include <stdlib.h>

#include "base/mem.h"
#include "control/module.h"
#include "engine/thread.h"
#include "net/ip/fib/fib.h"
#include "net/ip/ip4/ip4_output_internal.h"
#include "net/link/interface/interface.h"

NODE_DECLARE(ip4_output);

struct state {
    struct ip4_output data; /* first: what the node sees */
    struct piste *piste;
    struct mem_map map;
    struct node_index node;
    enum ip_family family;
};

/* A packet for an interface that is gone has edge 0. */
static const struct node_def output_nodes[IP_FAMILY_N] = {
    {.name = "ip4-output", .run = NODE_VARIANTS(ip4_output), .next = {"ip4-drop"}, .n_next = 1},
    {.name = "ip6-output", .run = NODE_VARIANTS(ip4_output), .next = {"ip6-drop"}, .n_next = 1},
};

const char ip4_output_module_name[] = "ip4-output", ip6_output_module_name[] = "ip6-output";

static const char *ip_output_arc(enum ip_family f)
{
    return output_nodes[f].name;
}

static struct node_index output_of(const struct state *s, struct if_index i,
                                   struct node_index normal)
{
    return s && feature_any(s->data.arc, i) ? s->node : normal;
}

static struct node_index output_of_ip4(struct piste *p, struct if_index i, struct node_index normal)
{
    return output_of(module_state(p, ip4_output_module_name), i, normal);
}

static struct node_index output_of_ip6(struct piste *p, struct if_index i, struct node_index normal)
{
    return output_of(module_state(p, ip6_output_module_name), i, normal);
}

static void on_change(void *arg, struct if_index i, bool any)
{
    struct state *s = arg;
    const struct interface *f = interface_at(s->piste, i);
    struct engine *e = engine_of(s->piste);
    if (f && any)
        __atomic_store_n(&s->data.edges[i.i], node_edge(e, s->node, f->output_node),
                         __ATOMIC_RELEASE);
    fib_output_changed(fib_of(s->piste), i);
}

static void ip4_output_on_interface(struct piste *p, struct interface *f, enum if_event ev,
                                    void *arg)
{
    struct state *s = arg;
    if (ev == IF_EVENT_NEW && f->output)
        feature_set_end(engine_of(p), ip_output_arc(s->family), f->index, f->output_node);
    else if (ev == IF_EVENT_DELETE)
        __atomic_store_n(&s->data.edges[f->index.i], 0, __ATOMIC_RELEASE);
}

static int ip_output_init(struct piste *p, enum ip_family family, void **state, struct error *e)
{
    struct state *s = mem_alloc(sizeof(*s));
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    const char *arc = ip_output_arc(family);
    int rc = mem_map_new(&s->map, arc, IF_MAX * sizeof(u16), page, false, e);
    if (rc) {
        free(s);
        return rc;
    }
    s->piste = p;
    s->family = family;
    s->data.edges = s->map.base;
    s->data.arc = feature_arc_find(engine_of(p), arc);
    if (!node_find(engine_of(p), arc, &s->node))
        s->node = node_register(engine_of(p), &output_nodes[family], NULL, s);
    interface_on_event(p, ip4_output_on_interface, s);
    feature_on_change(engine_of(p), arc, on_change, s);
    fib_set_output(fib_of(p), family, family == IP_FAMILY_4 ? output_of_ip4 : output_of_ip6);
    *state = s;
    return 0;
}

int ip4_output_init(struct piste *p, void **state, struct error *e)
{
    return ip_output_init(p, IP_FAMILY_4, state, e);
}

int ip6_output_init(struct piste *p, void **state, struct error *e)
{
    return ip_output_init(p, IP_FAMILY_6, state, e);
}

void ip4_output_stop(struct piste *p, void *state)
{
    struct state *s = state;
    fib_set_output(fib_of(p), s->family, NULL);
    mem_map_free(&s->map);
    free(s);
}
