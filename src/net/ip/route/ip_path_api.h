/* Paths and tables of messages (fib_types.api), of routes, policies and cross-connects. Context:
 * control thread. */
#pragma once

#include "base/types.h"
#include "net/ip/fib/fib.h"

struct api_type_fib_path;
struct piste;

/* The table of a message: 0, or why there is none. A protocol without any table is not spoken. */
i32 api_fib_table(const struct fib *f, enum ip_family family, u32 id, struct fib_index *out);
/* Paths of a message, for packets of that protocol: 0, or the retval that says what is wrong. */
i32 api_fib_paths(struct piste *p, const struct api_type_fib_path *m, u32 n, enum ip_family family,
                  struct fib_path out[FIB_PATHS_MAX]);
/* table: of the next hops of a path that names none. */
void api_fib_path_to(const struct fib *f, const struct fib_path *path, struct fib_index table,
                     struct api_type_fib_path *out);
/* The paths of a load balance of fib_paths_new, for packets of that protocol; returns how many.
 * out: of FIB_PATHS_MAX. */
u32 api_fib_paths_to(const struct fib *f, struct lb_index lb, enum ip_family family,
                     struct api_type_fib_path *out);
