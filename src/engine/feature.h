/* Feature arcs: an ordered walk of optional nodes at one point of the graph, per interface. Where
 * nothing is enabled an arc costs one load and one test.
 *
 *     ip4-input ──(arc "ip4-unicast", starts here)──► acl ► nat ► ... ► ip4-lookup (arc's end)
 *
 * An arc has slots, in one order, each for one feature: those it declares, and what plugins put
 * between them. What is enabled on an interface is a chain: for each slot, what follows it. A chain
 * is immutable: enabling builds a new one beside the old and publishes it by one pointer store.
 *
 * A packet keeps the arc, the interface and its slot, never a pointer: it may wait, go to another
 * thread and come back whenever it likes, and goes on behind its slot, in the order that is there
 * then. Its node asks feature_next for that; a packet that comes back elsewhere is sent to the node
 * "feature-resume". When its interface was deleted meanwhile, it is dropped there, and counted. */
#pragma once

#include "base/error.h"
#include "engine/buffer.h"
#include "engine/feature_data.h"
#include "engine/index.h"
#include "engine/node.h"

struct engine;

struct feature_arc_def {
    const char *name; /* "ip4-unicast" */
    const char *const
        *start_nodes; /* NULL-terminated: nodes that start the walk; NULL: each interface's own */
    const char *end_node; /* where a walk ends, NULL: the interface's own (output arcs: X-tx) */
    /* Nodes in walking order, NULL-terminated or NULL. Not all need to be there: what comes with a
     * plugin has its slot all the same. */
    const char *const *slots;
};

/* A feature that its arc's slots name has its place there. Another one, a plugin's, says where it
 * stands: at once before the first of `before` (a slot, another feature, the arc's end node), else
 * at once behind the last of `after`. */
struct feature_def {
    const char *arc;
    const char *node;
    const char *const *before; /* NULL-terminated node names on the same arc, or NULL */
    const char *const *after;
};

/* ---- control thread ---- */

/* All modules' arcs are there before the first module's init. NULL when there is none of that
 * name. Stable for the life of the engine. */
const struct feature_arc *feature_arc_find(const struct engine *e, const char *arc);
/* Enabling twice, or disabling what is not enabled, does nothing and returns 0. */
int feature_enable(struct engine *e, const char *arc, const char *node, struct if_index i,
                   bool enable, u64 data, struct error *err) MUST_CHECK;
/* The same by a person's hand: it holds until a module enables or disables that feature again. */
int feature_enable_by_user(struct engine *e, const char *arc, const char *node, struct if_index i,
                           bool enable, struct error *err) MUST_CHECK;
/* What people enabled, or disabled, of the features on i, and holds. */
void feature_each_by_user(const struct engine *e, struct if_index i,
                          void (*fn)(void *arg, const char *arc, const char *node, bool enabled),
                          void *arg);
/* Whether there is a feature of that name on that arc. */
bool feature_exists(const struct engine *e, const char *arc, const char *node);
bool feature_is_enabled(const struct engine *e, const char *arc, const char *node,
                        struct if_index i);
/* The node that starts walks on this interface: of arcs without start_nodes, and of a plugin's port,
 * which these do not name. */
void feature_set_start(struct engine *e, const char *arc, struct if_index i,
                       struct node_index start);
/* Where a walk on this interface ends, for arcs without end_node. */
void feature_set_end(struct engine *e, const char *arc, struct if_index i, struct node_index end);
/* fn is called after the first feature of an arc was enabled on an interface, and after the last
 * one was disabled: for those who send packets past the start node while there are none. For ever.
 */
void feature_on_change(struct engine *e, const char *arc,
                       void (*fn)(void *arg, struct if_index i, bool any), void *arg);
/* All chains of an interface go (it is deleted): a packet that is on a walk of it will be dropped,
 * also when another interface has its index by then. */
void feature_forget_interface(struct engine *e, struct if_index i);
/* fn for each arc in order; node NULL first, then each feature in order, enabled on i (when i is
 * one), then the node that ends the arc, which is not a feature and never enabled. */
void feature_each(const struct engine *e, struct if_index i,
                  void (*fn)(void *arg, const char *arc, const char *node, bool enabled),
                  void *arg);
