/* Probes: now and then, what the graph did with one packet, for who could do the same elsewhere
 * (net/features/fast_path). A probe tells the nodes that the packet passed within one round, and
 * what it looked like as it came and as it left; only for packets all of whose nodes are `plain`
 * (node_def.plain), from an input node to a port.
 *
 * What a probe tells holds for as long as forwarding stays as it is. That is a number, the
 * generation: whoever changes what nodes do says forwarding_changed behind the change. What changes
 * often, and concerns few packets, is a part (a route, a neighbour, a station): of those
 * forwarding_part_changed is said, and the generation stays. A probe from before either is of no
 * use; what was made of earlier ones ends with the generation, or with a part that it depends on.
 *
 *   data thread   probe_is_due ► probe_start ► (nodes) ► control thread: the function of probe_set
 *
 * Context: as marked. */
#pragma once

#include "engine/buffer.h"
#include "engine/thread.h"

#define PROBE_NODES_MOST 24 /* a ping into a BVI passes 20 */
#define PROBE_BYTES 96

/* A packet at one place. */
struct probe_sight {
    u32 len; /* of the packet */
    u16 n;   /* bytes in data, from its start on */
    u8 data[PROBE_BYTES];
};

struct probe {
    u32 serial; /* forwarding_serial, when it began */
    u32 plain;  /* NODE_PLAIN_* of all nodes together */
    u32 n_nodes;
    struct node_index node[PROBE_NODES_MOST]; /* in order, from the input node to the port's */
    struct if_index port;                     /* that received it */
    struct if_index rx;                       /* the same, a part of it, or a BVI: up to layer 3 */
    struct if_index between; /* rx is a BVI: a part of the port; IF_NONE: there is none */
    u32 rx_len;              /* of the packet, as rx got it */
    struct probe_sight in, out;
    struct buffer meta; /* as it was when the last node got it */
};

enum forwarding_kind {
    FORWARDING_ROUTE = 1, /* by its load balance: what it leads to, and which addresses it is for */
    FORWARDING_ADJACENCY, /* how packets leave by it */
    FORWARDING_STATION,   /* of layer 2, by l2_station: which port it is at */
};

struct forwarding_part {
    u64 id;
    u64 kind; /* enum forwarding_kind */
};

/* --- data threads --- */

/* Whether the next packet may be one: seldom. */
ALWAYS_INLINE bool probe_is_due(const struct thread *t)
{
    const struct thread_head *h = (const void *)t;
    return h->now_ns >= h->probe_due_ns;
}
/* b, which n has received and nobody has changed, is one. */
COLD void probe_start(struct thread *t, struct node *n, struct buffer *b);
/* As forwarding_part_changed, which the control thread then says. */
void forwarding_part_changed_by(struct thread *t, struct forwarding_part part);

/* --- control thread --- */

typedef void probe_fn(struct piste *p, const struct probe *probe);
/* From now on there are probes; NULL: no more. */
void probe_set(struct engine *e, probe_fn *fn);
/* Of those that are told of, each thread makes half as many as it may, rare times over: 0 at the
 * start, and up to PROBE_RARE_MOST. */
#define PROBE_RARE_MOST 4
void probe_set_rare(struct engine *e, u32 rare);

/* What packets have as a key may go another way from now on. Cheap. */
void forwarding_changed(struct engine *e);
u32 forwarding_generation(const struct engine *e);
/* The same of what depends on this only. */
void forwarding_part_changed(struct engine *e, struct forwarding_part part);
/* Another number after each change, of all or of a part. */
u32 forwarding_serial(const struct engine *e);

/* Who hears of changes at once. */
struct forwarding_watch {
    void (*all)(void *arg, u32 generation);
    void (*part)(void *arg, struct forwarding_part part);
    void *arg;
};
/* Whether anybody does. */
bool forwarding_is_remembered(const struct engine *e);
/* w: borrowed; NULL: nobody. Nobody does either when the engine has stopped. */
void forwarding_on_change(struct engine *e, const struct forwarding_watch *w);
