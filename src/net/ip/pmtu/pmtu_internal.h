/* What the files of pmtu/ share. */
#pragma once

#include "base/pool.h"
#include "control/cli.h"
#include "control/module.h"
#include "engine/node.h"
#include "net/ip/fib/path_mtu_data.h"
#include "net/ip/pmtu/pmtu.h"

/* A router says that packets to dst, looked up in that table, may be so long. */
struct pmtu_said {
    struct path_mtu_key key;
    u32 mtu;
};

struct loop_timer;

struct pmtu {
    struct path_mtu_data data;
    struct piste *piste;
    struct pool pool;         /* of struct path_mtu */
    struct loop_timer *timer; /* the next that is forgotten; NULL: none ever was known */
};

extern const char pmtu_module_name[];
int pmtu_init(struct piste *p, void **state, struct error *e);
void pmtu_stop(struct piste *p, void *state);
/* From data threads: a struct pmtu_said, which counts. */
void pmtu_on_said(struct piste *p, const void *said);

enum {
    PMTU_ERR_LEARNED,
    PMTU_ERR_NOT_SENT,
    PMTU_ERR_NOT_SHORTER,
    PMTU_ERR_TOO_SMALL,
    PMTU_ERR_MALFORMED,
    PMTU_ERR_CONGESTED,
    PMTU_ERR_N
};
extern const struct node_def pmtu_node;
NODE_DECLARE(ip6_icmp_packet_too_big);
