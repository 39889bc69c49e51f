/* Interfaces to inside and outside, of NATs that have no more to say of them: NAT64, NAT66.
 * Context: control thread. Below, flags are those of all interfaces, by index. */
#pragma once

#include "engine/index.h"

struct cli_call;
struct error;
struct piste;
struct text;

/* An interface may have both. */
enum nat_if_flags { NAT_IF_IN = 1 << 0, NAT_IF_OUT = 1 << 1 };

/* The first from interface `from` on that has any; IF_NONE: there is none. */
struct if_index nat_if_next(const struct piste *p, const u8 *flags, u32 from);

/* How a NAT sets a flag of an interface, or takes it away. */
typedef int nat_if_set_fn(struct piste *p, struct if_index i, u8 flag, bool add, struct error *e);

/* Takes away what flags it has. */
void nat_if_forget(struct piste *p, const u8 *flags, struct if_index i, nat_if_set_fn *set);
/* Of all interfaces. */
void nat_ifs_forget(struct piste *p, const u8 *flags, nat_if_set_fn *set);

/* As messages have them (vl_api_nat_config_flags_t). */
u8 nat_if_api_flags(u8 flags);
/* name: "NAT64". */
int nat_ifs_show(struct cli_call *c, const char *name, const u8 *flags);
/* Lines of the running configuration. word: "nat64". */
void nat_ifs_config(const struct piste *p, const char *word, const u8 *flags, struct text *t);
