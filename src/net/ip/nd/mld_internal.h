/* What the files of multicast listening share. */
#pragma once

#include "base/vec.h"
#include "control/module.h"
#include "engine/node.h"
#include "net/ip/nd/mld.h"
#include "net/packet/ip_address.h"

struct loop_timer;

struct mld_group {
    struct ip_address addr;
    u8 to_tell;   /* how often its change is still to be told */
    bool leaving; /* not in it any more */
    bool asked;
};

/* An interface that is up and takes IPv6. */
struct mld_if {
    struct mld *mld;
    struct if_index index;
    VEC(struct mld_group) groups; /* in order of their addresses */
    struct loop_timer *timer;
    u64 tell_ns, answer_ns; /* 0: nothing to be told, answered */
    u64 compare_ns;         /* what was told, with what it is in; 0: at the next of these */
    u64 v1_until_ns;        /* a router of version 1 is there, as far as is known */
};

struct mld {
    struct node_index input_node; /* ip6-icmp-input, which counts; first: what the node sees */
    struct piste *piste;
    VEC(struct mld_if *) ifs; /* by interface; NULL: none */
};

/* A query. Events of data threads (thread_post with mld_on_query). */
struct mld_query {
    struct if_index interface;
    u32 within_ms;
    bool is_v1;
    u8 group[16]; /* ::: all */
};
void mld_on_query(struct piste *p, const void *payload);

/* --- for the record in mld_module.c --- */
extern const char mld_module_name[];
extern const struct node_def mld_query_node;
int mld_init(struct piste *p, void **state, struct error *e);
void mld_stop(struct piste *p, void *state);

NODE_DECLARE(icmp6_multicast_listener);
