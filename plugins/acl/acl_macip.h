/* MACIP lists: which stations may send from which addresses. One list an interface, for what it
 * receives: IPv4 and IPv6 by source, in layer 2 also ARP by sender; what no rule permits is
 * dropped, and in layer 2 all other frames are. Lists are built and replaced as those of
 * acl_list.h. Source: VPP's ACL plugin. */
#pragma once

#include "base/error.h"
#include "engine/index.h"
#include "plugins/acl/acl_data.h"

struct piste;
struct text;

struct acl_macip_rule {
    struct ip_prefix src; /* host bits are 0 */
    u8 mac[6], mac_mask[6];
    u8 action; /* ACL_DENY, ACL_PERMIT */
};

/* Never changes. */
struct acl_macip {
    struct acl_match *match[IP_FAMILY_N]; /* NULL: no rule of the family */
    struct acl_macip_rule *rules;
    u32 n_rules, index;
    char tag[64];
};

#define ACL_MACIP_MAX 4096

/* --- control thread: acl_macip.c --- */

/* *index ACL_NONE: a new one, whose index it is then. Takes rules over. -EINVAL; -ENOENT: no list
 * has that index; -ENOSPC. may_be_new: an index that is free is taken. */
int acl_macip_set(struct piste *p, u32 *index, bool may_be_new, const char *tag,
                  struct acl_macip_rule *rules, u32 n, struct error *e) MUST_CHECK;
/* -ENOENT; -EBUSY: an interface has it. */
int acl_macip_delete(struct piste *p, u32 index, struct error *e) MUST_CHECK;
/* NULL: there is none. */
const struct acl_macip *acl_macip_at(const struct piste *p, u32 index);
u32 acl_macip_next(const struct piste *p, u32 from); /* ACL_NONE */
/* index ACL_NONE: none any more. -ENOENT: no such list. */
int acl_macip_bind(struct piste *p, struct if_index i, u32 index, struct error *e) MUST_CHECK;
u32 acl_macip_of(struct if_index i); /* ACL_NONE */

/* --- nodes --- */

/* mac: of a frame's sender; ip: bytes of the address. Shapes: key[ACL_KEY_WORDS_6]. */
ALWAYS_INLINE void acl_macip_key(u64 *key, enum ip_family family, const u8 *mac, const u8 *ip)
{
    key[0] = (u64)get_be32(mac) << 32 | (u64)get_be16(mac + 4) << 16;
    if (family == IP_FAMILY_4) {
        key[1] = (u64)get_be32(ip) << 32;
        return;
    }
    key[1] = get_be64(ip);
    key[2] = get_be64(ip + 8);
    key[3] = key[4] = 0;
}

ALWAYS_INLINE bool acl_macip_permits(const struct acl_macip *l, enum ip_family family,
                                     const u64 *key, u32 *rule)
{
    *rule = acl_key_find(l->match[family], key, family);
    return *rule != ACL_MATCH_NONE && l->rules[*rule].action != ACL_DENY;
}
