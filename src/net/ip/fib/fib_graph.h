/* The FIB and the graph: which nodes send packets along adjacencies, and their edges. */
#pragma once

#include "net/ip/fib/fib_internal.h"

struct engine;
struct interface;

struct fib_graph *fib_graph_new(struct piste *p);
void fib_graph_free(struct fib_graph *g);
/* The edge that all lookup nodes of the protocol have to node, now and later. */
u16 fib_graph_lookup_edge(struct fib_graph *g, enum ip_family family, struct node_index node);
/* Edges of the protocols' rewrite and midchain nodes to where packets leave by f. */
void fib_graph_interface(struct fib_graph *g, const struct interface *f, struct fib_interface *out);
