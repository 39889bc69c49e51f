/* See fib_graph.h. An adjacency carries one number by which all lookup nodes of its protocol find
 * the next node: they are known here, and what one of them gets all get. */
#include "net/ip/fib/fib_graph.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/thread.h"
#include "net/ip/fib/fib_forward.h"
#include "net/link/interface/interface.h"

struct own_edge { /* of a module's own adjacencies */
    struct node_index node;
    u16 edge;
};

/* An edge that was found before. */
struct known_edge {
    struct node_index to;
    u16 edge;
    bool valid;
};

enum { TO_REWRITE, TO_MIDCHAIN, TO_MCAST, TO_N };

struct if_edges {
    struct known_edge v[IP_FAMILY_N][TO_N];
};

struct family {
    VEC(struct node_index) lookups;
    VEC(struct own_edge) own;
    bool has_builtin; /* lookups has those that come with the protocol */
    struct node_index (*output)(struct piste *p, struct if_index i, struct node_index normal);
};

struct fib_graph {
    struct piste *piste;
    struct family families[IP_FAMILY_N];
    struct mem_map if_map;
    struct if_edges *ifs;
};

const struct node_error fib_lookup_errors[FIB_LOOKUP_ERR_N] = {
    [FIB_LOOKUP_ERR_LOOP] = {"loop", "looked up in too many tables", SEVERITY_ERROR},
};

/* What the first edges of all lookup nodes lead to. */
static const char *const next_names[IP_FAMILY_N][FIB_NEXT_N] = {
    FIB_LOOKUP_NEXT_IP4,
    FIB_LOOKUP_NEXT_IP6,
};
static const char *const lookup_names[IP_FAMILY_N][4] = {
    {"ip4-lookup", "ip4-load-balance", "lookup-ip4-dst", "lookup-ip4-src"},
    {"ip6-lookup", "ip6-load-balance", "lookup-ip6-dst", "lookup-ip6-src"},
};
static const char *const sender_names[TO_N][IP_FAMILY_N] = {
    [TO_REWRITE] = {"ip4-rewrite", "ip6-rewrite"},
    [TO_MIDCHAIN] = {"ip4-midchain", "ip6-midchain"},
    [TO_MCAST] = {"ip4-rewrite-mcast", "ip6-rewrite-mcast"},
};

struct fib_graph *fib_graph_new(struct piste *p)
{
    struct fib_graph *g = mem_alloc(sizeof(*g));
    g->piste = p;
    g->ifs = mem_reserve(&g->if_map, "fib edges", FIB_IF_MAX * sizeof(struct if_edges));
    return g;
}

void fib_graph_free(struct fib_graph *g)
{
    for (u32 k = 0; k < IP_FAMILY_N; k++) {
        vec_free(&g->families[k].lookups);
        vec_free(&g->families[k].own);
    }
    mem_map_free(&g->if_map);
    free(g);
}

/* --- lookup nodes --- */

/* The protocol's own come first: what is added must be like them. */
static void add_builtin(struct fib_graph *g, enum ip_family k)
{
    struct family *f = &g->families[k];
    struct node_index node;
    for (u32 i = 0; !f->has_builtin && i < array_len(lookup_names[k]); i++)
        if (node_find(engine_of(g->piste), lookup_names[k][i], &node))
            vec_add(&f->lookups, node);
    f->has_builtin = f->lookups.n != 0;
}

u16 fib_graph_lookup_edge(struct fib_graph *g, enum ip_family k, struct node_index node)
{
    struct family *f = &g->families[k];
    for (u32 i = 0; i < f->own.n; i++)
        if (f->own.v[i].node.i == node.i)
            return f->own.v[i].edge;
    add_builtin(g, k);
    if (!f->lookups.n)
        return FIB_NEXT_DROP; /* no packet of that protocol is ever looked up */
    u16 edge = node_common_edge(engine_of(g->piste), f->lookups.v, f->lookups.n, node);
    vec_add(&f->own, ((struct own_edge){node, edge}));
    return edge;
}

int fib_lookup_node_add(struct fib *fib, enum ip_family k, struct node_index node, struct error *e)
{
    struct fib_graph *g = fib->graph;
    struct engine *engine = engine_of(g->piste);
    struct family *f = &g->families[k];
    struct node_index to;
    add_builtin(g, k);
    for (u16 i = 0; i < FIB_NEXT_N; i++)
        if (node_find(engine, next_names[k][i], &to) && !node_edge_at(engine, node, i, to))
            return error_set(e, EINVAL, "edge %u of %s does not lead to %s", i,
                             node_name(engine, node), next_names[k][i]);
    for (u32 i = 0; i < f->own.n; i++)
        if (!node_edge_at(engine, node, f->own.v[i].edge, f->own.v[i].node))
            return error_set(e, EINVAL, "edge %u of %s does not lead to %s", f->own.v[i].edge,
                             node_name(engine, node), node_name(engine, f->own.v[i].node));
    vec_add(&f->lookups, node);
    return 0;
}

/* --- where packets leave --- */

void fib_set_output(struct fib *f, enum ip_family family,
                    struct node_index (*fn)(struct piste *p, struct if_index i,
                                            struct node_index normal))
{
    f->graph->families[family].output = fn;
}

/* The edge from a node to another; the same as last time is not looked for. */
static u16 edge_to(struct fib_graph *g, const char *from, struct node_index to,
                   struct known_edge *known)
{
    struct node_index node;
    if (known->valid && known->to.i == to.i)
        return known->edge;
    if (!node_find(engine_of(g->piste), from, &node))
        return 0;
    *known = (struct known_edge){to, node_edge(engine_of(g->piste), node, to), true};
    return known->edge;
}

void fib_graph_interface(struct fib_graph *g, const struct interface *f, struct fib_interface *out)
{
    struct if_edges *edges = &g->ifs[f->index.i];
    for (u32 k = 0; k < IP_FAMILY_N; k++) {
        struct node_index to = f->output_node;
        if (g->families[k].output)
            to = g->families[k].output(g->piste, f->index, to);
        out->rewrite_next[k] =
            edge_to(g, sender_names[TO_REWRITE][k], to, &edges->v[k][TO_REWRITE]);
        if (out->ethernet)
            out->mcast_next[k] = edge_to(g, sender_names[TO_MCAST][k], to, &edges->v[k][TO_MCAST]);
        else
            out->midchain_next[k] =
                edge_to(g, sender_names[TO_MIDCHAIN][k], to, &edges->v[k][TO_MIDCHAIN]);
    }
}
