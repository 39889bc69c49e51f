/* What ip4.c shares with its commands. */
#pragma once

#include <stdio.h>

#include "base/mem.h"
#include "base/vec.h"
#include "control/module.h"
#include "net/ip/ip4/ip4.h"

struct interface;
struct out;

/* What is known of an interface that ever had anything to do with IPv4. */
struct ip4_state {
    VEC(struct ip4_prefix) addresses;
    VEC(struct ip4_prefix) stale; /* of these, while addresses are replaced */
    struct if_index unnumbered;   /* borrows from it; IF_NONE */
    u32 enables;
    bool directed_broadcast;
};

struct ip4_enable_hook {
    void (*fn)(struct piste *p, struct if_index i, bool enabled, void *arg);
    void *arg;
};
struct ip4_table_hook {
    void (*fn)(struct piste *p, struct if_index i, struct fib_index from, struct fib_index to,
               void *arg);
    void *arg;
};
struct ip4_address_hook {
    void (*fn)(struct piste *p, struct if_index i, struct ip4_prefix prefix, bool add, void *arg);
    void *arg;
};
struct ip4 {
    struct piste *piste;
    struct mem_map if_map;
    VEC(struct ip4_state *) states; /* by interface; NULL: none */
    VEC(struct ip4_enable_hook) on_enable;
    VEC(struct ip4_table_hook) on_table;
    VEC(struct ip4_address_hook) on_address;
};

struct ip4 *ip4_of(const struct piste *p);
struct ip4_state *ip4_state_of(const struct piste *p, struct if_index i); /* NULL */

#define IP4_PREFIX_TEXT_BYTES 24
void ip4_prefix_text(struct ip4_prefix a, char out[IP4_PREFIX_TEXT_BYTES]);

extern const struct node_def *const ip4_forward_nodes[];
void ip4_show_address(struct piste *p, struct interface *f, struct out *o);

/* --- for the record in ip4_module.c --- */
extern const char ip4_module_name[];
extern const struct cli_command ip4_commands[];
void ip4_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
int ip4_init(struct piste *p, void **state, struct error *e);
void ip4_stop(struct piste *p, void *state);
