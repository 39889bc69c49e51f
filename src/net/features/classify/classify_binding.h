/* Classifier tables by interface: a node on an arc looks up what passes there in the interface's
 * table, whose index is the feature's data. For access lists and policers; context: control thread.
 */
#pragma once

#include "base/vec.h"
#include "control/cli.h"
#include "engine/index.h"
#include "net/features/classify/classify.h"

enum { CLASSIFY_POINTS_MAX = 8 }; /* of one command */

struct classify_point {
    const char *arc, *node;
    const char
        *direction; /* "input", "output": the command that sets it; NULL where there is one only */
    const char *word; /* of the table in that command */
};

struct classify_binding {
    VEC(u32) tables; /* by interface: table + 1; 0: none */
};

/* CLASSIFY_NONE: the interface has no table there. */
u32 classify_bound(const struct classify_binding *b, struct if_index i);
/* Puts or takes off (add: false) the tables that are not CLASSIFY_NONE, one for each of n points;
 * those to be taken off that are not there are left alone. -ENOENT: there is no such table, and
 * nothing changed. */
int classify_bind(struct piste *p, const struct classify_point *points, struct classify_binding *b,
                  u32 n, struct if_index i, const u32 *tables, bool add,
                  struct error *e) MUST_CHECK;
/* For an interface that goes. */
int classify_unbind_all(struct piste *p, const struct classify_point *points,
                        struct classify_binding *b, u32 n, struct if_index i,
                        struct error *e) MUST_CHECK;
/* Tables as the command's words give them, of points of that direction (NULL: all), and puts or
 * takes them off. */
int classify_bind_command(struct cli_call *c, const struct classify_point *points,
                          struct classify_binding *b, u32 n, const char *direction) MUST_CHECK;
/* none: the line when there are none. */
void classify_show_bound(struct cli_call *c, const struct classify_binding *b, const char *none);
