/* For who does the work of several nodes in one go, and meets one of which it only knows the
 * function: features in an express (net/ip/express). */
#pragma once

#include "engine/node.h"

struct feature_vector;

/* Runs inner's function in outer's, on count packets that are all there on their arc; next is as a
 * node_fn leaves it, and for the caller to follow: with feature_vector_keep, where inner has
 * feature_vectors. inner's calls, vectors and clocks are its own. Context: the thread's. */
void node_run_within(struct thread *t, struct node *outer, struct node *inner,
                     const struct feature_vector *v, struct buffer **b, u16 *next, u32 count);

/* Runs the node that outer's edge leads to on one packet of outer's vector, which stays in its
 * place: by a frame of its own it would come behind others of its flow. Returns its next, for outer
 * to take: both nodes have the same edges. Whoever sees packets at nodes sees it there. Context:
 * the thread's. */
u16 node_run_one(struct thread *t, struct node *outer, u16 edge, struct buffer *b);
