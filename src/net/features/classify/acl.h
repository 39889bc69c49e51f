/* Access lists by classifier tables: packets of an interface are looked up on their way in or out;
 * a session, or the table itself for packets without one, says deny, or lets them go on. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"

struct module;
struct piste;

extern const struct module classify_acl_module;

enum acl_kind {
    ACL_L2_INPUT,
    ACL_L2_OUTPUT,
    ACL_IP4_INPUT,
    ACL_IP4_OUTPUT,
    ACL_IP4_PUNT,
    ACL_IP6_INPUT,
    ACL_IP6_OUTPUT,
    ACL_IP6_PUNT,
    ACL_KIND_N
};

/* Tables by kind; CLASSIFY_NONE: as it is. Without add: those that are set are no more.
 * -ENOENT: one of them is no table, and nothing was done. */
int acl_set(struct piste *p, struct if_index i, const u32 tables[ACL_KIND_N], bool add,
            struct error *e) MUST_CHECK;
/* CLASSIFY_NONE: there is none. */
u32 acl_table(const struct piste *p, enum acl_kind kind, struct if_index i);
