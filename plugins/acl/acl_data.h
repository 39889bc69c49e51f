/* What nodes know of access lists, see acl_list.h. */
#pragma once

#include "base/types.h"
#include "engine/counter.h"
#include "engine/index.h"
#include "plugins/acl/acl_key.h"
#include "plugins/acl/acl_rule.h"

#define ACL_LISTS_MAX 65536
#define ACL_NONE UINT32_MAX

enum acl_direction { ACL_OUTPUT, ACL_INPUT, ACL_DIRECTION_N };
enum acl_packets { ACL_OF_PACKETS, ACL_OF_FRAGMENTS, ACL_PACKETS_N };

/* Never changes, but for the counters' place. */
struct acl_list {
    /* NULL: no rule of the family */
    struct acl_match *match[IP_FAMILY_N][ACL_PACKETS_N];
    u8 *actions;                  /* enum acl_action, by rule */
    struct counter_vec *counters; /* combined, by rule; NULL for a moment */
    u32 n_rules;
    bool reflects; /* some rule is permit+reflect */
    char tag[64];
    struct acl_rule *rules;
};

/* Of an interface's direction. Never changes. */
struct acl_context {
    u32 index; /* VPP's "lookup context" */
    u32 n;
    u32 lists[];
};

struct acl_types {
    u32 n;
    u16 types[];
};

struct acl_interface {
    struct acl_context *context[ACL_DIRECTION_N];
    struct acl_types *types[ACL_DIRECTION_N];
    const struct acl_macip *macip; /* of what it receives */
    u32 epoch;                     /* counts changes of lists */
    bool stateful;                 /* there may be sessions */
};

/* What is the same for all. */
struct acl_common {
    struct acl_skipped skipped; /* IPv6 extension headers */
    bool count_matches;
    bool l4_of_fragments; /* pieces without ports match by the rest of a rule */
};

extern struct acl_list **acl_lists;          /* ACL_LISTS_MAX; NULL: there is none */
extern struct acl_interface *acl_interfaces; /* IF_MAX */
extern struct acl_common *acl_common;

ALWAYS_INLINE const struct acl_context *acl_context_of(struct if_index i, enum acl_direction d)
{
    return __atomic_load_n(&acl_interfaces[i.i].context[d], __ATOMIC_ACQUIRE);
}

struct acl_verdict {
    u32 list, rule; /* ACL_NONE: no rule matched */
    u8 action;      /* enum acl_action */
    u32 at;         /* which list of the context it is */
    const struct acl_list *of;
};

/* The first rule of a context that matches a key whose headers are not bad. */
ALWAYS_INLINE struct acl_verdict acl_look(const struct acl_context *c, const struct acl_key *k,
                                          enum ip_family family)
{
    u32 packets = k->headers == ACL_HEADERS_FRAGMENT &&
                          __atomic_load_n(&acl_common->l4_of_fragments, __ATOMIC_RELAXED)
                      ? ACL_OF_FRAGMENTS
                      : ACL_OF_PACKETS;
    for (u32 i = 0; i < c->n; i++) {
        const struct acl_list *l = __atomic_load_n(&acl_lists[c->lists[i]], __ATOMIC_ACQUIRE);
        u32 rule = l ? acl_key_find(l->match[family][packets], k->words, family) : ACL_MATCH_NONE;
        if (rule != ACL_MATCH_NONE)
            return (struct acl_verdict){c->lists[i], rule, l->actions[rule], i, l};
    }
    return (struct acl_verdict){.list = ACL_NONE, .rule = ACL_NONE, .action = ACL_DENY};
}

/* Counts a packet of a verdict by rule. */
ALWAYS_INLINE void acl_count(const struct acl_verdict *v, u32 thread, u32 bytes)
{
    if (unlikely(__atomic_load_n(&acl_common->count_matches, __ATOMIC_RELAXED)) && v->of) {
        const struct counter_vec *counters = __atomic_load_n(&v->of->counters, __ATOMIC_ACQUIRE);
        if (counters)
            counter_pair_add(&counter_combined(counters, thread)[v->rule], 1, bytes);
    }
}
