/* Cells: few rules, cut by four bits of keys at a time. See acl_match.h. */
#pragma once

#include "plugins/acl/acl_match.h"

#define ACL_CELLS_RULES_MAX 4096

/* Rules as they come, without those that an earlier one has all keys of, as far as that is quickly
 * seen and there are many. Context: any thread. */
struct acl_reach {
    u64 *rules; /* borrowed */
    u32 words, n;
    struct acl_match wide; /* some that ask for little; cells NULL: none */
    u32 tries, out;        /* rules since these were taken, and how many of them are left out */
    u32 next;              /* when they are taken anew: behind so many */
};
void acl_reach_begin(struct acl_reach *x, u64 *rules, u32 words);
/* n more, whose rows stand behind those that there are: x->n grows by those that are not left out.
 */
void acl_reach_add(struct acl_reach *x, u32 n);
/* The last one was added. */
void acl_reach_end(struct acl_reach *x);

/* Makes m's cells for the n rows at m->entries, at most ACL_CELLS_RULES_MAX, with lists of `few` or
 * little more; false: they would be too many, m is as it was. Context: any thread. */
bool acl_cells_new(struct acl_match *m, u32 n, u32 few);
