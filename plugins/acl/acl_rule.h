/* A rule of an access list, as people and messages give it, and what it looks like to a lookup. */
#pragma once

#include "base/text.h"
#include "base/types.h"
#include "net/packet/ip_address.h"
#include "plugins/acl/acl_match.h"

/* Numbers are those of the API. */
enum acl_action { ACL_DENY, ACL_PERMIT, ACL_PERMIT_REFLECT, ACL_ACTION_N };

struct acl_rule {
    struct ip_prefix src, dst; /* host bits are 0; of one family */
    u16 src_first, src_last;   /* ports; of ICMP: types */
    u16 dst_first, dst_last;   /* ports; of ICMP: codes */
    u8 action;                 /* enum acl_action */
    u8 protocol;               /* 0: any, and ports do not count */
    u8 tcp_flags_mask, tcp_flags_value;
};

/* What a key of a packet has in its last word, besides the ports. */
#define ACL_KEY_PROTOCOL_SHIFT 24
#define ACL_KEY_TCP_FLAGS_SHIFT 16
#define ACL_KEY_L4 1ull /* ports are there */

/* --- acl_rule.c --- */

#define ACL_BLANKS " \t\r\n"
/* Take the word at *text, where it is the wanted one, or a number up to most, or a prefix (host
 * bits kept). -EINVAL: it is something else. */
bool acl_rule_take(const char **text, const char *wanted);
/* Whether it is the next word; nothing is taken. */
bool acl_rule_is_next(const char *text, const char *wanted);
int acl_rule_take_number(const char **text, u32 most, u32 *out, struct error *e) MUST_CHECK;
int acl_rule_take_prefix(const char **text, struct ip_prefix *out, struct error *e) MUST_CHECK;

/* "permit src 10.0.0.0/8 proto 6 dport 80, deny": as in commands. -EINVAL: the error says what. */
struct acl_rules {
    struct acl_rule *v; /* owned */
    u32 n, cap;
};
/* Reads rules from *text on, up to a word that none of theirs is. */
int acl_rules_parse(const char **text, struct acl_rules *out, struct error *e) MUST_CHECK;
/* As such a command has it, which reads it again. */
void acl_rule_write(const struct acl_rule *r, struct text *t);
/* "ipv4 permit src .. ": as VPP shows it. */
void acl_rule_show(const struct acl_rule *r, struct text *t);
/* -EINVAL: it makes no sense. Host bits are cleared. */
int acl_rule_check(struct acl_rule *r, struct error *e) MUST_CHECK;

/* --- acl_compile.c --- */

/* Rules of a family for a lookup. fragments: for packets whose ports are not there, that match by
 * address and protocol. NULL: there are none. Owned by the caller. Context: any thread. */
struct acl_match *acl_rules_compile(const struct acl_rule *rules, u32 n, enum ip_family family,
                                    bool fragments);
/* The same from the first on up to end, not built. Shapes: out has room for four rows of each.
 * Returns how many. */
u32 acl_rules_flatten(const struct acl_rule *rules, u32 first, u32 end, enum ip_family family,
                      bool fragments, u64 *out);
/* Whether any rule of the family looks at what fragments do not have. */
bool acl_rules_need_l4(const struct acl_rule *rules, u32 n, enum ip_family family);
