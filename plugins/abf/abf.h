/* Forwarding by access lists: what an interface receives and a list permits goes by the paths of a
 * policy, whatever the routes say.
 *
 *   attachment (interface, protocol, priority) ─► policy (id) ─► access list of the ACL plugin
 *                                                            └─► paths (fib_paths_new)
 *
 *   ipX-input ─► arc "ipX-unicast": abf-input-ipX ─► ipX-rewrite, ipX-arp, ipX-receive ...
 *
 * The lists of an interface's attachments are looked at in order of their priorities. The first
 * rule that matches says: it permits, and the packet goes by that policy; it denies, or there is
 * none, and the packet goes its usual way. Paths are those of routes, and so is how they follow
 * neighbours, interfaces and other routes.
 *
 * Context: control thread. Source: VPP's words, messages and nodes. */
#pragma once

#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "net/ip/fib/fib.h"
#include "plugins/abf/abf_data.h"

extern const char abf_module_name[];
extern const struct acl_user abf_user;

struct abf_policy {
    u32 id, acl;
    enum ip_family family;
    struct lb_index lb; /* of its paths, and of its counters; LB_NONE: the place is free */
};

struct abf_attachment {
    u32 policy; /* its id */
    u32 priority;
    struct if_index interface;
    enum ip_family family;
};

struct abf_state {
    struct piste *piste;
    struct mem_map interfaces_map;
    VEC(struct abf_policy) policies; /* by index, what `show abf policy' tells */
    VEC(struct abf_attachment)
    attachments; /* by interface, protocol, priority, then as they came */
};

struct abf_state *abf_state_of(const struct piste *p);

/* --- abf.c: policies --- */

/* NULL: there is none. */
const struct abf_policy *abf_policy_find(const struct piste *p, u32 id);
/* Adds paths to a policy, or makes it. -EINVAL, -ENOSPC; -EEXIST: it has another list, or is of the
 * other protocol. */
int abf_policy_add(struct piste *p, const struct abf_policy *x, const struct fib_path *paths, u32 n,
                   struct error *e) MUST_CHECK;
/* Takes paths away, with the last one the policy; n 0: all. -ENOENT; -EBUSY: it is attached. */
int abf_policy_del(struct piste *p, u32 id, const struct fib_path *paths, u32 n,
                   struct error *e) MUST_CHECK;

/* --- abf_attach.c --- */

/* -ENOENT: there is no such policy, or its list; -EEXIST: it is attached there; -EINVAL: it is of
 * the other protocol. */
int abf_attach(struct piste *p, const struct abf_attachment *x, struct error *e) MUST_CHECK;
/* priority does not count. -ENOENT. */
int abf_detach(struct piste *p, const struct abf_attachment *x, struct error *e) MUST_CHECK;
bool abf_is_attached(const struct piste *p, u32 policy);

int abf_attach_init(struct abf_state *s, struct error *e) MUST_CHECK;
void abf_attach_fini(struct abf_state *s);

/* --- for the record in abf_module.c --- */

int abf_init(struct piste *p, void **state, struct error *e);
void abf_stop(struct piste *p, void *state);
void abf_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
extern const struct cli_command abf_commands[];
extern const struct api_handler abf_api_handlers[];
