/* What the engine's own files share; nothing above includes this. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"
#include "base/wheel.h"
#include "control/api.h"
#include "control/cli.h"
#include "control/config.h"
#include "control/piste.h"
#include "control/startup.h"
#include "engine/counter.h"
#include "engine/engine.h"
#include "engine/feature.h"
#include "engine/node.h"
#include "engine/probe.h"
#include "engine/ring.h"
#include "engine/stats.h"
#include "engine/stats_collector.h"
#include "engine/thread.h"
#include "engine/trace.h"

#define NODES_MAX MEM_MOST(1u << 18) /* an interface has two, so that there is room for all */
#define NODE_ERRORS_MAX MEM_MOST(1u << 20)
#define FRAMES_MAX MEM_MOST(65536u)
#define BUFFERS_MAX MEM_MOST(1u << 22)
#define BUFFER_BATCH 64
/* a thread keeps two whole vectors: what it takes for one and gives back passes by the depot */
#define BUFFER_CACHE (8 * BUFFER_BATCH)
#define ROUND_END_MAX 64
#define TRACE_RECORDS_MAX MEM_MOST(65536u)
#define TIMER_BATCH 64 /* fired in a round, at most: packets wait meanwhile */

struct frame {
    struct frame *link; /* next pending, or next free */
    u32 node;
    u32 n;
    u32 bi[FRAME_PKTS];
} CACHE_ALIGNED;

struct buffer_cache {
    u32 n;
    u32 bi[BUFFER_CACHE + BUFFER_BATCH];
};

struct round_end {
    void (*fn)(struct thread *t, void *arg);
    void *arg;
};

struct trace_log {
    struct trace_record *records; /* append-only between clears, TRACE_RECORDS_MAX reserved */
    u32 n;                        /* the thread's */
    _Atomic u32 published;        /* what readers may look at */
    u32 packets;                  /* started, ever: low part of handles */
    u32 shown_from;               /* packets before were cleared */
    trace_dispatch_fn *dispatch;  /* trace_set_dispatch; NULL */
    void *dispatch_arg;
    u32 hop_record[FRAME_PKTS]; /* of the vector being run: record index + 1, or 0 */
    u32 n_hops;
};

struct thread_timers {
    struct wheel wheel;
    bool more; /* there are more to fire now */
    struct mem_map maps[WHEEL_KINDS_MAX];
};

/* Packets from one thread to another: buffer index | node << 32. */
#define HANDOFF_SLOTS 1024u
struct handoff {
    _Atomic u32 tail CACHE_ALIGNED; /* the writer's */
    u32 head_seen;
    u64 *items;
    _Atomic u32 head CACHE_ALIGNED; /* the reader's */
};

/* What a thread could not pass on; counted as errors of the node "thread-losses". */
enum thread_loss { LOSS_HANDOFF, LOSS_EVENT, LOSS_FRAME, LOSS_TRACE, LOSS_N };

struct thread {
    struct node *nodes; /* NODES_MAX reserved; from here on: struct thread_head */
    u64 now_ns;
    u32 index;
    u32 traces; /* anything started since the last clear of the trace */
    u64 probe_due_ns;
    const struct feature_vector *vector;
    u64 detour_ns;

    struct engine *engine;
    /* What each round looks at is close together: a thread that slept has little of it in a cache.
     */
    u32 n_round_end;
    u64 last_cycles;
    u64 loops, sleeps;
    u64 *errors; /* its row of the engine's error counters */
    struct frame *pending_first, **pending_last;
    struct frame *frame_free;
    struct frame *frames; /* FRAMES_MAX reserved */
    u32 frames_high;
    int epoll_fd, wake_fd;
    u32 rounds_since_epoll;
    struct rx_queue *ready, **ready_last; /* queues that are looked at each round */
    u32 n_waiting;                        /* those that are left to epoll */
    u64 late_ns;                          /* the first late_ns of these; 0: there is none */
    /* a call that the control thread asks this thread to make between rounds */
    _Atomic u32 stop;
    void (*_Atomic call_fn)(struct thread *t, void *arg);
    void *call_arg;
    /* what other threads look at or write */
    _Atomic u64 handoff_from CACHE_ALIGNED; /* a bit for each that has something */
    _Atomic u32 sleeping;
    struct thread_timers timers CACHE_ALIGNED; /* none in the control thread */

    struct round_end round_end[ROUND_END_MAX];
    struct buffer *b[FRAME_PKTS]; /* scratch of the frame being run */
    u16 next[FRAME_PKTS];
    struct buffer_cache cache[BUFFER_POOLS_MAX];
    struct trace_log trace;
    struct probes *probes;               /* NULL: there never were any */
    struct handoff handoff[THREADS_MAX]; /* by the thread that packets come from */
    struct mem_map handoff_map;
    struct ring events; /* to the control thread */

    VEC(struct rx_queue *) queues; /* the control thread reads it: it has every change made */
    u64 *errors_shown;             /* of errors' size: errors at the last clear, control thread's */
    char name[16];
    bool running;
    pthread_t tid;
    int lwp;
    int cpu; /* pinned to, -1: none */
    u64 start_ns;
};

struct edge_ends {
    u32 from, to; /* nodes */
};

static_assert(offsetof(struct thread, nodes) == offsetof(struct thread_head, nodes) &&
                  offsetof(struct thread, now_ns) == offsetof(struct thread_head, now_ns) &&
                  offsetof(struct thread, index) == offsetof(struct thread_head, index) &&
                  offsetof(struct thread, traces) == offsetof(struct thread_head, traces) &&
                  offsetof(struct thread, probe_due_ns) ==
                      offsetof(struct thread_head, probe_due_ns) &&
                  offsetof(struct thread, vector) == offsetof(struct thread_head, vector) &&
                  offsetof(struct thread, detour_ns) == offsetof(struct thread_head, detour_ns),
              "begins with a thread_head");

/* The control thread's, but for def, which data threads read too (node_def_at). */
struct node_global {
    char *name; /* owned; NULL: index not in use */
    const struct node_def *def;
    void *state;
    u32 *next_nodes;   /* owned, shared by all threads */
    char **next_names; /* of static edges, while unresolved; NULL once joined */
    u16 n_next, next_cap;
    u32 next_free; /* deleted: another of its kind that is; 0: none */
    u32 error_base;
    struct stats_handle *error_stats; /* owned: an entry for each error */
    enum cpu_level level;             /* variant in use */
    bool level_by_user;
    bool deleted;
};

struct arc;
/* What data threads did before they were seen outside a round comes before what is done after the
 * grace period. liburcu orders that in a way that the thread sanitizer does not see. */
#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define tsan_quiescent(e) __tsan_release(e)
#define tsan_grace_period_over(e) __tsan_acquire(e)
#else
#define tsan_quiescent(e) ((void)(e))
#define tsan_grace_period_over(e) ((void)(e))
#endif

extern const struct api_handler engine_api[], trace_api[];

/* --- engine_cli.c --- */

/* The kernel's number of the thread. */
int thread_lwp(const struct thread *t);
/* The CPU that the control thread was given; -1: none. */
int thread_main_core(const struct piste *p);

/* --- trace_cli.c --- */

extern const struct cli_command trace_commands[];
extern const struct cli_type trace_types[];

void trace_clear(struct engine *e);
/* Texts of up to max packets from position `from` on, of those that the filter lets pass; n: how
 * many these are. Returns n. */
u32 trace_texts(struct engine *e, const struct thread *t, u32 from, u32 max,
                void (*fn)(u32 position, u32 n, const char *text, void *arg), void *arg);

struct deferred {
    void (*fn)(void *arg);
    void *arg;
};

/* Why a feature or an arc cannot be. */
struct feature_fault {
    const void *def;
    char *text; /* owned */
};

enum trace_time { TRACE_TIME_RELATIVE, TRACE_TIME_UNIX, TRACE_TIME_DATETIME };

/* node { NAME { variant V } } of startup.conf; "default": of all others. */
struct node_variant_wish {
    char *node, *variant; /* owned */
};

/* What startup.conf says in the engine's own sections. */
struct engine_settings {
    enum trace_time trace_time;
    VEC(struct node_variant_wish) variants;
};
extern const char engine_module_name[];
extern const struct engine_settings engine_default_settings;
extern const struct config_section engine_sections[];
void engine_settings_free(void *settings);

/* Of an interface's longest name and "-output". */
#define NODE_NAME_BYTES 80

/* See probe.h. The control thread's, but for what is marked. */
struct forwarding {
    u32 serial; /* read by data threads */
    u32 generation;
    u32 is_cached;         /* somebody keeps what was done before; read by data threads */
    u32 probes_rare;       /* see probe_set_rare; read by data threads */
    u32 changed_meanwhile; /* a data thread could not tell of a change; atomic */
    bool changed_before;   /* in this round */
    bool part_before;      /* in this round, only parts */
    probe_fn *on_probe;
    const struct forwarding_watch *watch; /* NULL: nobody */
};

struct engine {
    struct piste *piste;
    struct forwarding forwarding;
    struct engine_config config;
    struct thread *threads[THREADS_MAX];
    u32 n_threads;
    bool started;
    struct {
        struct node_global *v; /* NODES_MAX reserved: never moves */
        u32 n;
        struct mem_map map;
    } nodes;
    struct hash node_by_name; /* NODE_NAME_BYTES */
    struct hash edge_by_ends; /* those that were added: struct edge_ends to number */
    struct hash nodes_free;   /* by struct node_def: first of those that were deleted */
    VEC(u32) nodes_waiting;   /* those with next_names */
    u32 n_errors;
    struct error_name {
        u32 node;
        const struct node_error *def;
    } * error_names; /* by error index */
    VEC(struct deferred) deferred;
    VEC(struct arc *) arcs;
    VEC(const struct feature_def *) features_pending;
    VEC(struct feature_fault) feature_faults;
    struct node_index feature_resume, thread_losses;
    struct timer_kind_of {
        struct node_index node; /* read by data threads */
        u32 max;
        bool used;
    } timer_kinds[WHEEL_KINDS_MAX];
    u32 n_timer_kinds, n_timers;
    u64 runtime_clear_ns;
    struct trace_filter {
        enum { TRACE_FILTER_NONE, TRACE_FILTER_INCLUDE, TRACE_FILTER_EXCLUDE } kind;
        struct node_index node;
        u32 count;
    } trace_filter;
    bool (*trace_wanted)(struct thread *t, const struct buffer *b); /* trace_set_filter */
    enum trace_time trace_time;
    u32 next_placement;
    struct stats *stats;
    struct stats_collector *collector;
    struct stats_server *stats_server; /* NULL: nobody is served */
    VEC(struct counter_vec *) counters;
    struct counter_vec *errors; /* of all nodes */
};

/* buffer_pool.c */
int buffer_pools_init(struct engine *e, struct error *err);
void buffer_thread_flush(struct thread *t);
/* Ends unregistered pools all of whose buffers have come back; all: whether or not. */
void buffer_pools_reap(struct engine *e, bool all);
/* Of a buffer, behind its headroom. */
u32 buffer_pool_data_bytes(u32 pool);

/* node.c */
extern const struct node_def engine_sink_node;
/* Any thread, for a node that it runs. */
ALWAYS_INLINE const struct node_def *node_def_at(const struct engine *e, struct node_index n)
{
    return __atomic_load_n(&e->nodes.v[n.i].def, __ATOMIC_ACQUIRE);
}
/* Of the node's own; -ENOENT: it has none of that name, -ENOTSUP: not on this CPU. */
int node_set_variant(struct engine *e, struct node_index n, const char *variant);
/* By the thread that runs it, or when none does. */
void node_clear_stats(struct node *n);
void node_run_pending(struct thread *t);
/* To a node of which no edge is known. */
void node_enqueue_to(struct thread *t, struct node_index to, const u32 *bi, u32 count);
u32 node_run_input(struct thread *t, struct rx_queue *q);
void node_run_timers(struct thread *t, struct node_index n, const u32 *timers, u32 count);

/* engine_cli.c */
extern const struct cli_command engine_commands[];

/* node_cli.c */
int engine_node_parse(struct piste *p, const char **text, struct cli_value *v, struct error *err);
void engine_node_complete(struct piste *p, const char *prefix,
                          void (*add)(void *arg, const char *word), void *arg);
/* Nodes by name, for a command that shows them in pieces: those that come or go meanwhile may be
 * shown or not. */
struct node_list {
    u32 *v; /* indices */
    u32 n, at;
};
void node_list_begin(struct node_list *l, const struct engine *e);
/* Index of the next one; UINT32_MAX behind the last. */
u32 node_list_next(struct node_list *l, const struct engine *e);
/* For cli_kept. */
void node_list_fini(void *list);
const char *node_state_text(struct thread *t, u32 node, const struct node_def *def);
extern const struct cli_command node_commands[];
extern const struct cli_type node_types[];

/* thread_cli.c */
extern const struct cli_command thread_commands[];

/* stats_cli.c */
extern const struct cli_command stats_commands[];

/* trace.c */
void trace_before(struct thread *t, struct node *n, struct buffer **b, u32 count);
void trace_after(struct thread *t, struct node *n, struct buffer **b, const u16 *next, u32 count);
/* The same of one packet in the midst of another node's vector. NULL: it is not traced. */
struct trace_record *trace_before_one(struct thread *t, struct node *n, struct buffer *b);
void trace_after_one(struct thread *t, struct node *n, struct trace_record *r, struct buffer *b,
                     u16 next);

/* rx_queue.c */
/* Calls the input nodes of what is ready; returns packets received. */
u32 rx_queues_run(struct thread *t);
/* Makes ready what epoll has, after waiting for it up to timeout_ms; -1: for ever. */
void rx_queues_wait(struct thread *t, int timeout_ms);
/* How long a queue that lingers is looked at, and after how many times that it was empty for less.
 */
#define RX_LINGER_NS 50000
#define RX_LINGER_TIMES 16
/* When a queue that may_come_late is looked at, after it has begun to wait; and how long a thread
 * with such a queue sleeps at most. */
#define RX_LATE_NS 100000
#define RX_LATE_SLEEP_MS 1

/* probe.c */
void probe_thread_init(struct thread *t);
void probe_thread_fini(struct thread *t);
/* In front of a vector and behind it, while a probe is under way. */
void probe_before(struct thread *t, const struct node *n, struct buffer **b, u32 count);
void probe_after(struct thread *t, const struct node *n, const u16 *next, u32 count);
/* In front of one packet in the midst of another node's vector. */
void probe_before_one(struct thread *t, const struct node *n, const struct buffer *b);
/* Control thread, once a round and before it is told of probes. */
void forwarding_round(struct engine *e);

/* handoff.c */
void handoff_init(struct thread *t);
void handoff_fini(struct thread *t);
/* From the thread itself: whether there are packets for it. */
bool handoff_waits(const struct thread *t);
void handoff_run(struct thread *t);

/* timer.c */
void timers_init(struct thread *t);
void timers_fini(struct thread *t);
/* Fires those whose time has come, a bounded number; returns whether there are more. */
u32 timers_run(struct thread *t);
/* How long the thread may sleep; -1: no timer runs. */
int timers_sleep_ms(const struct thread *t);

/* thread.c */
extern const struct node_def engine_thread_losses_node;
/* Of t itself. */
void thread_count_loss(struct thread *t, enum thread_loss loss, u64 n);
u32 thread_round(struct thread *t);
int thread_start(struct thread *t, struct error *err);
void thread_stop(struct thread *t);
void thread_free(struct thread *t);
void thread_drain_events(struct engine *e);
struct thread *thread_new(struct engine *e, u32 index, const char *name);
void thread_wake(struct thread *t);

/* feature.c */
extern const struct node_def engine_feature_resume_node;
/* All modules' arcs and features first; then all places are given, and each module can be told what
 * is wrong with its own. */
void feature_register(struct engine *e, const struct feature_arc_def *const *arcs,
                      const struct feature_def *const *features);
void feature_place_all(struct engine *e);
int feature_check(const struct engine *e, const struct feature_arc_def *const *arcs,
                  const struct feature_def *const *features, struct error *err) MUST_CHECK;
void feature_fini(struct engine *e);
