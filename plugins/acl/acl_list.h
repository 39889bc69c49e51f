/* Access lists, and which interfaces have them.
 *
 *   interface, direction ─► context: its lists, in order ─► list ─► acl_match, by family
 *
 * The first rule of the first list that matches says what becomes of a packet; where none does it
 * is dropped. A list is built once, whatever the number of interfaces that have it, and never
 * changes: other rules are another one, which takes its place by one store.
 *
 * Context: control thread. Source: VPP's ACL plugin, whose words, numbers and layouts these are. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/counter.h"
#include "engine/index.h"
#include "plugins/acl/acl_data.h"
#include "plugins/acl/acl_rule.h"

struct piste;

#define ACL_TAG_BYTES 64
/* In both directions: a message has a byte for their number. */
#define ACL_LISTS_ON_INTERFACE_MAX 255
#define ACL_RULES_ASIDE 1024 /* lists that are longer are built by another thread */

/* --- lists: acl_list.c --- */

/* A list on its way: rules and tag, and what is built of them. */
struct acl_list_args {
    u32 index;       /* ACL_NONE: a new one */
    bool may_be_new; /* an index that is free is taken */
    const char *tag;
    struct acl_rule *rules; /* owned by the list when it is made, and in any case freed */
    u32 n;
};

/* done(arg, rc, index, e): now, or, when there are many rules, later. -EINVAL, -ENOENT: no list has
 * that index; -ENOSPC. */
typedef void acl_list_done(void *arg, int rc, u32 index, const struct error *e);
void acl_list_set(struct piste *p, const struct acl_list_args *a, acl_list_done *done, void *arg);
/* -ENOENT; -EBUSY: an interface has it. */
int acl_list_delete(struct piste *p, u32 index, struct error *e) MUST_CHECK;
/* NULL: there is none. Borrowed until it is replaced or deleted. */
const struct acl_list *acl_list_at(const struct piste *p, u32 index);
u32 acl_list_next(const struct piste *p, u32 from); /* ACL_NONE */

/* --- interfaces: acl_bind.c --- */

/* -ENOENT: no such list; -EEXIST: it is there already; -ESRCH: it is not there; -ENOSPC. */
int acl_bind_add(struct piste *p, struct if_index i, enum acl_direction d, u32 list,
                 struct error *e) MUST_CHECK;
int acl_bind_delete(struct piste *p, struct if_index i, enum acl_direction d, u32 list,
                    struct error *e) MUST_CHECK;
/* All lists of both directions. Shapes: lists[n_input + n_output], the input ones first. */
int acl_bind_set(struct piste *p, struct if_index i, const u32 *lists, u32 n_input, u32 n_output,
                 struct error *e) MUST_CHECK;
/* NULL: none. */
const struct acl_context *acl_bind_context(const struct piste *p, struct if_index i,
                                           enum acl_direction d);
/* Whether the interface, or any, has the list in that direction. */
bool acl_bind_has(const struct piste *p, u32 list, enum acl_direction d, struct if_index i);
bool acl_bind_any(const struct piste *p, u32 list, enum acl_direction d);

/* Types of frames that are no IP and may pass, in layer 2; without any all may. Shapes: as above.
 */
int acl_bind_set_types(struct piste *p, struct if_index i, const u16 *types, u32 n_input,
                       u32 n_output, struct error *e) MUST_CHECK;
const struct acl_types *acl_bind_types(const struct piste *p, struct if_index i,
                                       enum acl_direction d);
