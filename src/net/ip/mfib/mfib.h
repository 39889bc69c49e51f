/* Multicast routes: which groups' packets are copied where, and where they may come from.
 *
 * A route is (*,G), (*,G/len) or (S,G), of a table of the FIB; the longest match counts, and (S,G)
 * is longer than all. Every table has those of the groups that this switch itself is in. As with
 * routes of the FIB, what the best source says counts.
 *
 * Context: control thread. Source: behaviour of VPP's MFIB; own design. */
#pragma once

#include "base/error.h"
#include "net/ip/fib/fib.h"
#include "net/ip/mfib/mfib_data.h"

struct mfib;
struct module;
struct text;

extern const struct module mfib_module, mfib_api_module;
struct mfib *mfib_of(const struct piste *p);

/* What may be said; MFIB_ITF_SIGNAL_PRESENT comes from packets. */
#define MFIB_ITF_FLAGS                                                                             \
    (MFIB_ITF_NEGATE_SIGNAL | MFIB_ITF_ACCEPT | MFIB_ITF_FORWARD | MFIB_ITF_DONT_PRESERVE)
#define MFIB_ROUTE_FLAGS                                                                           \
    (MFIB_ROUTE_SIGNAL | MFIB_ROUTE_DROP | MFIB_ROUTE_CONNECTED | MFIB_ROUTE_ACCEPT_ALL_ITF)

/* The name of a flag as VPP has it, long and short; NULL: there is none of that number. */
struct mfib_flag_name {
    u32 flag;
    const char *name, *abbreviation;
};
extern const struct mfib_flag_name mfib_itf_flag_names[], mfib_route_flag_names[]; /* flag 0 ends */

struct mfib_path {
    struct fib_path via; /* an interface, or FIB_PATH_LOCAL */
    u32 flags;           /* of MFIB_ITF_FLAGS */
};

/* Which route. */
struct mfib_name {
    struct fib_index table;
    struct ip_prefix group; /* host bits are 0 */
    bool has_source;        /* (S,G) */
    struct ip_address source;
};

/* What is said of one, or unsaid. */
struct mfib_said {
    u32 flags, rpf_id; /* MFIB_ROUTE_*; rpf_id 0: none */
    u32 n_paths;
    const struct mfib_path *paths; /* borrowed */
};

/* Adds what is said to what source s says: a path that is there gets these flags. -EINVAL: no such
 * group, or path; -ENOSPC. */
int mfib_add(struct mfib *m, const struct mfib_name *name, enum fib_source s,
             const struct mfib_said *said, u32 *index, struct error *e) MUST_CHECK;
/* Takes that away: the paths, whatever their flags, the flags and the rpf_id; where nothing is
 * said, all. What is not there is no error. -ENOSPC. */
int mfib_del(struct mfib *m, const struct mfib_name *name, enum fib_source s,
             const struct mfib_said *said, struct error *e) MUST_CHECK;

/* --- looking --- */

/* Exactly that one, or the one that packets from name->source (if any) to its group's address
 * take. MFIB_NO_ROUTE. */
u32 mfib_find_exact(const struct mfib *m, const struct mfib_name *name);
u32 mfib_find_longest(const struct mfib *m, const struct mfib_name *name);
/* The routes of a protocol, or of a table, in order of table, group, length and source, while they
 * change: the next; MFIB_NO_ROUTE at the end. */
struct mfib_place {
    struct mfib_key key;
    bool is_behind; /* it was the last one */
    bool one_table;
};
static inline struct mfib_place mfib_place_in(struct fib_index t)
{
    return (struct mfib_place){.key.table = t.i, .one_table = true};
}
static inline struct mfib_place mfib_place_first(enum ip_family f)
{
    return (struct mfib_place){.key.table = f == IP_FAMILY_4 ? 0 : FIB_TABLES_MAX};
}
u32 mfib_next(const struct mfib *m, struct mfib_place *at);
struct mfib_name mfib_name_of(const struct mfib *m, u32 route);
const struct mfib_route *mfib_route_at(const struct mfib *m, u32 route);
/* What source s says of a route; false: nothing. Valid until it changes. */
bool mfib_said_by(const struct mfib *m, u32 route, enum fib_source s, struct mfib_said *out);
/* The source by which it forwards. */
enum fib_source mfib_source_of_route(const struct mfib *m, u32 route);
/* Whether interface i accepts for a route with MFIB_ROUTE_HOST. */
bool mfib_host_accepts(const struct mfib *m, u32 route, struct if_index i);
/* The flags that an interface of a route has: MFIB_ITF_*. */
u32 mfib_itf_flags(const struct mfib *m, u32 route, struct if_index i);
struct fib_counts mfib_counts(const struct mfib *m, u32 route);
/* "(10.0.0.1, 239.1.1.1/32)" */
void mfib_name_text(const struct mfib_name *name, struct text *t);
