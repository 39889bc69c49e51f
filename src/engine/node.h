/* Nodes: the boxes of the packet graph.
 *
 * A node's function takes a vector of packets and says for each where it goes next; the engine
 * groups, counts, traces and measures. Files are named X_node.c, hold one node or one close family,
 * and are compiled once per CPU level:
 *
 *     enum { NEXT_DROP, NEXT_LOOKUP, N_NEXT };
 *     enum { ERR_BAD_LENGTH, N_ERR };
 *
 *     void NODE_FN(ip4_input)(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32
 * count) { for (u32 i = 0; i < count; i++) next[i] = ...; }
 *
 * and the module's table, in a plain .c file, has the record:
 *
 *     NODE_DECLARE(ip4_input);
 *     const struct node_def ip4_input_node = {
 *         .name = "ip4-input", .run = NODE_VARIANTS(ip4_input),
 *         .next = {"error-drop", "ip4-lookup"}, .n_next = 2, .errors = errs, .n_errors = 1,
 *         .format_trace = ip4_format_trace,
 *     };
 *
 * Rules: no allocation, locks, system calls or logging in a node; a port's batched I/O is the
 * exception. */
#pragma once

#include "base/cpu.h"
#include "base/tally.h"
#include "base/text.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "engine/index.h"

struct thread;
struct node;
struct rx_queue;
struct trace_record;
struct piste;
struct error;

#define FRAME_PKTS 256           /* a vector's most packets */
#define NEXT_CONSUMED UINT16_MAX /* next[i] of a packet that the node kept, sent or freed */
#define NODE_NEXT_STATIC_MAX 24

/* Internal node: count packets in b, count <= FRAME_PKTS; next[i] is an index into the node's next
 * list. */
typedef void node_fn(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count);
/* Input node: receives from one queue, hands packets on with node_enqueue*; returns how many it
 * received. */
typedef u32 input_fn(struct thread *t, struct node *n, struct rx_queue *q);
/* Timer node: these of its timers have fired (see timer.h); hands packets on with node_enqueue*. */
typedef void timer_fn(struct thread *t, struct node *n, const u32 *timers, u32 count);

enum node_kind { NODE_INTERNAL, NODE_INPUT, NODE_TIMER };
enum error_severity { SEVERITY_INFO, SEVERITY_WARN, SEVERITY_ERROR };

/* A node is plain when what it does to a packet that it does not drop follows from these, as long
 * as the configuration is the same (probe.h), and when it has no effect but on the packet, and on
 * counters of interfaces and routes. Whatever it looks at besides has to show in the packet's
 * metadata behind it. */
enum node_plain {
    NODE_PLAIN_LINK = 1 << 0,  /* the interface it came from, link addresses, one VLAN tag, type */
    NODE_PLAIN_DST = 1 << 1,   /* the destination's IP address; a router has one hop less to live */
    NODE_PLAIN_SENDS = 1 << 2, /* the port's: the packet leaves */
    /* the IP addresses of a request for an echo, which becomes the answer: a sign of that is
     * counted as an error of the node that ICMP comes in by */
    NODE_PLAIN_ECHO = 1 << 3,
};

/* What a feature may have changed of packets that go on along the arc (but for where they are on
 * it), from the most on: whoever takes whole vectors along it (net/ip/express) need not look at the
 * rest of them again. */
enum feature_changes {
    FEATURE_CHANGES_ANYTHING,
    FEATURE_CHANGES_ADDRESSES, /* addresses, what is behind IP's header, and flags of the buffer;
                                  the header is sound, and as long */
    FEATURE_CHANGES_NOTHING,
};

struct node_error {
    const char *name;        /* "bad_length": for the stats segment, and for `pcap trace` */
    const char *description; /* "ip4 length > l2 length": `show errors` */
    enum error_severity severity;
};

struct node_def {
    const char *name; /* VPP's name where VPP has the node */
    enum node_kind kind;
    /* by enum cpu_level; entries that were not built are NULL */
    union {
        node_fn *run[CPU_LEVEL_N];
        input_fn *input[CPU_LEVEL_N];
        timer_fn *expire[CPU_LEVEL_N];
    };
    const char *next[NODE_NEXT_STATIC_MAX]; /* names; made when the node named exists, in any order
                                               of registration */
    u16 n_next;
    u16 n_errors;
    const struct node_error *errors;
    bool errors_by_description; /* under which the stats segment has them, since VPP has them so for
                                   this node */
    /* Text of one hop, several lines without indentation; NULL: none. Control thread. */
    void (*format_trace)(struct piste *p, const struct trace_record *r, struct text *out);
    u16 trace_bytes;      /* packet bytes to keep for format_trace; 0: 96 */
    bool trace_after;     /* keep the packet as it is after the node (rewrite), not before */
    bool feature_vectors; /* a feature that goes on by feature_vector_next: see feature_data.h */
    u8 plain;           /* enum node_plain; 0, as long as nobody has thought about it: not plain */
    u8 feature_changes; /* enum feature_changes */
    bool feature_fragments; /* a feature to which packets that are no fragments are nothing: it need
                               not run for a vector of these */
};

/* Per-thread runtime of a node; what the function gets. Nodes write only local[]. */
struct node {
    union {
        node_fn *run;
        input_fn *input;
        timer_fn *expire;
    };
    void *state;           /* the module's, set at registration (node_set_state) */
    const u32 *next_nodes; /* node index by next index; replaced under RCU when edges are added */
    u64 *errors;           /* this thread's counters, by error index */
    struct node_index index;
    u16 n_next;
    u8 kind;
    bool feature_vectors;   /* as in its record */
    bool trace_filtered;    /* only packets that the filter wants */
    u8 feature_changes;     /* as in its record */
    bool feature_fragments; /* as in its record */
    u32 traced; /* trace add: packets still to be traced on this thread, for input nodes */
    u64 calls, vectors, clocks, suspends;
    u64 max_clocks, max_clocks_vectors;
    u64 local[2];       /* the node's own, per thread */
    u64 *next_vectors;  /* packets by next index, for `show node` */
    struct frame *open; /* frame being filled */
} CACHE_ALIGNED;

/* Adds to one of the node's error counters. */
ALWAYS_INLINE void node_count(struct node *n, u32 error, u64 packets)
{
    tally_add(&n->errors[error], packets);
}

/* Marks b as dropped by n for this reason; the caller sends it along its edge to error-drop, where
 * the reason is counted. Returns next for convenience. */
ALWAYS_INLINE u16 node_drop(struct node *n, struct buffer *b, u32 error, u16 next)
{
    b->error = (u16)error;
    b->error_node = n->index;
    return next;
}

/* For who does the work of other nodes in one go (net/link/ethernet/express.h): n had so many
 * packets; they went along its edge `next` (which node_enqueue counts itself); both. Clocks are
 * those of the node that runs. */
ALWAYS_INLINE void node_had(struct node *n, u64 packets)
{
    tally_add(&n->calls, 1);
    tally_add(&n->vectors, packets);
}

ALWAYS_INLINE void node_sent(struct node *n, u16 next, u64 packets)
{
    tally_add(&__atomic_load_n(&n->next_vectors, __ATOMIC_ACQUIRE)[next], packets);
}

ALWAYS_INLINE void node_did(struct node *n, u16 next, u64 packets)
{
    node_had(n, packets);
    node_sent(n, next, packets);
}

/* Where that edge of n leads now. */
ALWAYS_INLINE struct node_index node_target(const struct node *n, u16 next)
{
    return (struct node_index){__atomic_load_n(&n->next_nodes, __ATOMIC_ACQUIRE)[next]};
}

/* Sends packets that the node made itself (or an input node received) along one of its edges. */
void node_enqueue(struct thread *t, struct node *n, u16 next, const u32 *bi, u32 count);
/* The same with an edge for each; NEXT_CONSUMED entries are skipped. */
void node_enqueue_each(struct thread *t, struct node *n, const u32 *bi, const u16 *next, u32 count);
/* Sends the first count packets of the node's vector on now, so that what it enqueues next comes
 * behind them; their next[] is NEXT_CONSUMED then. */
void node_enqueue_first(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count);

/* --- names of the variants --- */

#define NODE_PASTE2(a, b) a##__##b
#define NODE_PASTE(a, b) NODE_PASTE2(a, b)
/* In an X_node.c file: the function's name at the level being compiled. */
#define NODE_FN(name) NODE_PASTE(name, NODE_LEVEL)

#if defined(PISTE_NODE_LEVELS_X86)
#define NODE_DECLARE_AS(type, name) type name##__base, name##__v2, name##__v3, name##__v4
#define NODE_VARIANTS(name)                                                                        \
    {                                                                                              \
        [CPU_LEVEL_BASE] = name##__base, [CPU_LEVEL_V2] = name##__v2, [CPU_LEVEL_V3] = name##__v3, \
        [CPU_LEVEL_V4] = name##__v4                                                                \
    }
#elif defined(PISTE_NODE_LEVELS_ARM)
#define NODE_DECLARE_AS(type, name) type name##__base, name##__armv82
#define NODE_VARIANTS(name)                                                                        \
    {                                                                                              \
        [CPU_LEVEL_BASE] = name##__base, [CPU_LEVEL_ARMV82] = name##__armv82                       \
    }
#else
#define NODE_DECLARE_AS(type, name) type name##__base
#define NODE_VARIANTS(name)                                                                        \
    {                                                                                              \
        [CPU_LEVEL_BASE] = name##__base                                                            \
    }
#endif
/* In an X_node.c file: the level being compiled. */
#define NODE_CPU_LEVEL NODE_PASTE(CPU_LEVEL_OF, NODE_LEVEL)
enum {
    CPU_LEVEL_OF__base = CPU_LEVEL_BASE,
    CPU_LEVEL_OF__v2 = CPU_LEVEL_V2,
    CPU_LEVEL_OF__v3 = CPU_LEVEL_V3,
    CPU_LEVEL_OF__v4 = CPU_LEVEL_V4,
    CPU_LEVEL_OF__armv82 = CPU_LEVEL_ARMV82,
};
#define NODE_DECLARE(name) NODE_DECLARE_AS(node_fn, name)
#define NODE_DECLARE_INPUT(name) NODE_DECLARE_AS(input_fn, name)
#define NODE_DECLARE_TIMER(name) NODE_DECLARE_AS(timer_fn, name)

/* --- control thread --- */

struct engine;

/* Registers a node (module tables are registered by the engine itself; ports call this for their
 * interfaces' own nodes, with name overriding def->name, copied). A name of a node that was deleted
 * is reused with its index. Next names that do not exist yet are joined when they are registered.
 */
struct node_index node_register(struct engine *e, const struct node_def *def, const char *name,
                                void *state);
/* The name must be free. */
void node_rename(struct engine *e, struct node_index n, const char *name);
/* The node stays as an index that drops what still reaches it; its name is free again. */
void node_delete(struct engine *e, struct node_index n);
/* false when there is none of that name. */
bool node_find(const struct engine *e, const char *name, struct node_index *out);
/* Of a node that is there. */
struct node_index node_must_find(const struct engine *e, const char *name);
const char *node_name(const struct engine *e, struct node_index n);
/* Whether it was registered by that record, and is there. */
bool node_is(const struct engine *e, struct node_index n, const struct node_def *def);
/* Of a node's error counter; "unknown" when there is none. */
const char *node_error_description(const struct engine *e, struct node_index n, u32 error);
/* By the name that the statistics have for it; false when the node has none of that name. */
bool node_error_find(const struct engine *e, struct node_index n, const char *name, u32 *error);
/* Next index of an edge from -> to, added if it is not there. */
u16 node_edge(struct engine *e, struct node_index from, struct node_index to);
/* Where an edge of a node leads. */
struct node_index node_next(const struct engine *e, struct node_index n, u16 edge);
/* The same number for an edge from each of n nodes: what one of them may be given, all understand.
 */
u16 node_common_edge(struct engine *e, const struct node_index *from, u32 n, struct node_index to);
/* Makes edge `number` of `from` lead to `to`, if it has not so many edges; false: that one leads
 * elsewhere. */
bool node_edge_at(struct engine *e, struct node_index from, u16 number,
                  struct node_index to) MUST_CHECK;
u32 node_count_all(const struct engine *e);
/* Adds to a node's error counter on behalf of the control thread. */
void node_count_main(struct engine *e, struct node_index n, u32 error, u64 packets);
