/* For who does the work of several nodes in one go, and meets one of which it only knows the
 * function: features in an express (net/ip/express). */
#pragma once

#include "engine/node.h"

/* Runs inner's function in outer's, on count packets; next is as a node_fn leaves it, and for the
 * caller to follow. inner's calls, vectors and clocks are its own. Context: the thread's. */
void node_run_within(struct thread *t, struct node *outer, struct node *inner, struct buffer **b,
                     u16 *next, u32 count);
