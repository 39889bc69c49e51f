/* Routes, adjacencies and paths as people read them; shared by this folder's commands. */
#pragma once

#include "base/out.h"
#include "net/ip/fib/fib_internal.h"

/* "ipv4-VRF:0, fib_index:0, flow hash:[src dst ] epoch:0 flags:none locks:[CLI:1, ]" */
void fib_show_table_line(struct fib *f, struct out *o, u32 table);
/* A route as in the list of all. */
void fib_show_route(struct fib *f, struct out *o, u32 entry);
/* A route with its sources and paths. */
void fib_show_entry(struct fib *f, struct out *o, u32 entry, bool detail);
void fib_show_path_list(struct fib *f, struct out *o, u32 list, unsigned indent);
void fib_show_path(struct fib *f, struct out *o, u32 path, unsigned indent);
/* The interfaces that a list leads to, through next hops too: "uPRF-list:7 len:1 itfs:[2, ]". */
void fib_show_list_interfaces(struct fib *f, struct out *o, u32 list);
/* What packets of a route, or of paths alone, are shared out to. */
void fib_show_load_balance(struct fib *f, struct out *o, u32 entry);
/* Whether there is anything that hangs on an entry beside its sources; and its lines. */
bool fib_entry_has_delegates(const struct fib *f, u32 entry);
void fib_show_delegates(struct fib *f, struct out *o, u32 entry);
