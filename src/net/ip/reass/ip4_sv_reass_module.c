/* Nodes, life and show of virtual reassembly; see ip4_sv_reass.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/vec.h"
#include "control/module.h"
#include "engine/engine.h"
#include "engine/feature.h"
#include "engine/trace.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/ip/reass/ip4_sv_reass_node.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip4_packet.h"

static const char sv_name[] = "ip4-sv-reassembly";

/* --- nodes --- */

static void sv_format(const struct trace_record *r, struct text *t, i16 ip_start)
{
    int at = ip_start - r->data_start;
    const struct ip4_header *ip = (const struct ip4_header *)(const void *)(r->data + at);
    bool there = at >= 0 && at + (int)sizeof(*ip) <= r->data_len;
    if (there && !ip4_is_fragment(ip))
        text_puts(t, "[not-fragmented]");
    else if (there)
        text_add(t, "fragment id 0x%04x, offset %u", be16_to_host(ip->id),
                 ip4_fragment_offset_bytes(ip));
}

static void sv_format_trace(struct piste *p, const struct trace_record *r, struct text *t)
{
    sv_format(r, t, r->meta.start);
}

static void sv_format_output(struct piste *p, const struct trace_record *r, struct text *t)
{
    sv_format(r, t, r->meta.l3_start);
}

#define SV_NODE(text_name, format)                                                                 \
    .name = text_name, .next = {[SV_NEXT_DROP] = "ip4-drop", [SV_NEXT_RESUME] = "feature-resume"}, \
    .n_next = SV_N_NEXT, .errors = ip4_errors, .n_errors = IP4_ERROR_N, .format_trace = format

static const struct node_def feature_node = {SV_NODE("ip4-sv-reassembly-feature", sv_format_trace),
                                             .run = NODE_VARIANTS(ip4_sv_reassembly_feature)};
static const struct node_def hoff_node = {
    SV_NODE("ip4-sv-reassembly-feature-hoff", sv_format_trace),
    .run = NODE_VARIANTS(ip4_sv_reassembly_feature_hoff)};
static const struct node_def output_node = {
    SV_NODE("ip4-sv-reassembly-output-feature", sv_format_output),
    .run = NODE_VARIANTS(ip4_sv_reassembly_output_feature)};
static const struct node_def output_hoff_node = {
    SV_NODE("ip4-sv-reass-output-feature-hoff", sv_format_output),
    .run = NODE_VARIANTS(ip4_sv_reass_output_feature_hoff)};
static const struct node_def expire_node = {
    SV_NODE("ip4-sv-reassembly-expire-walk", sv_format_trace), .kind = NODE_TIMER,
    .expire = NODE_VARIANTS(ip4_sv_reassembly_expire)};
static const struct feature_def input_feature = {.arc = "ip4-unicast",
                                                 .node = "ip4-sv-reassembly-feature"};
static const struct feature_def output_feature = {.arc = "ip4-output",
                                                  .node = "ip4-sv-reassembly-output-feature"};

/* --- interfaces --- */

/* How often somebody wants it. */
struct sv_users {
    u32 input, output;
};

struct sv_state {
    struct sv_main main;        /* first: the features' nodes have the state of the module */
    VEC(struct sv_users) users; /* by interface */
};

static struct sv_state *sv_state_of(const struct piste *p)
{
    return module_state(p, sv_name);
}

int ip4_sv_reass_enable(struct piste *p, struct if_index i, enum feature_place place, bool enable,
                        struct error *e)
{
    struct sv_state *s = sv_state_of(p);
    const struct feature_def *f = place == AT_IP_OUTPUT ? &output_feature : &input_feature;
    while (s->users.n <= i.i)
        vec_add(&s->users, (struct sv_users){0});
    u32 *users = place == AT_IP_OUTPUT ? &s->users.v[i.i].output : &s->users.v[i.i].input;
    if (!enable && !*users)
        return error_set(e, ENOENT, "nobody wants fragments to be noted there");
    bool changes = *users == !enable;
    int rc = changes ? feature_enable(engine_of(p), f->arc, f->node, i, enable, 0, e) : 0;
    if (!rc)
        *users += enable ? 1 : -1u;
    return rc;
}

static void sv_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct sv_state *s = arg;
    if (ev == IF_EVENT_NEW && f->index.i < s->users.n)
        s->users.v[f->index.i] = (struct sv_users){0}; /* whoever had the index before is gone */
}

/* --- show --- */

static int sv_show(struct cli_call *c)
{
    const struct sv_main *m = &sv_state_of(c->piste)->main;
    u64 datagrams = 0, waiting = 0;
    for (u32 i = 1; i <= m->n_owners; i++) {
        datagrams += sessions_count(m->sessions, i);
        waiting += __atomic_load_n(&m->threads[i].n_waiting, __ATOMIC_RELAXED);
    }
    out_text(c->out, "---------------------\n");
    out_u64(c->out, "reassemblies", datagrams, "Current IP4 reassemblies count: %" PRIu64 "\n");
    out_u64(c->out, "buffers", waiting, "Buffers in use: %" PRIu64 "\n");
    out_u64(c->out, "max_reassemblies", m->config.max_datagrams,
            "Maximum configured concurrent shallow virtual IP4 reassemblies per worker-thread: "
            "%" PRIu64 "\n");
    out_u64(c->out, "max_fragments", m->config.max_fragments,
            "Maximum configured amount of fragments per shallow virtual IP4 reassembly: %" PRIu64
            "\n");
    out_u64(c->out, "timeout_ms", m->config.timeout_ms,
            "Maximum configured shallow virtual IP4 reassembly timeout: %" PRIu64 "ms\n");
    return 0;
}

static const struct cli_command commands[] = {
    {"show ip4-sv-reassembly [details]",
     "Datagrams whose fragments are known by the first one's ports, and bounds", sv_show, 0},
    {0},
};

/* --- life --- */

static int sv_init(struct piste *p, void **state, struct error *e)
{
    struct sv_state *s = mem_alloc(sizeof(*s));
    struct sv_main *m = &s->main;
    struct engine *engine = engine_of(p);
    m->config = reass_config_default();
    m->n_owners = engine_n_threads(engine) - 1;
    m->seed = clock_cycles() ^ (u64)(uintptr_t)m;
    for (u32 i = 0; i < THREADS_MAX; i++)
        m->threads[i].by_age = INDEX_LIST_EMPTY;
    m->handoff_node = node_register(engine, &hoff_node, NULL, m);
    m->output_handoff_node = node_register(engine, &output_hoff_node, NULL, m);
    m->sessions = sessions_new(engine, &(struct sessions_args){
                                           .name = sv_name,
                                           .object_bytes = sizeof(struct sv_datagram),
                                           .max = REASS_DATAGRAMS_MAX,
                                           .keys = {{offsetof(struct sv_datagram, key), 2}},
                                           .expire = node_register(engine, &expire_node, NULL, m),
                                       });
    interface_on_event(p, sv_on_interface, s);
    *state = s;
    return 0;
}

static void sv_free_waiting(struct thread *t, struct session_table *table, u32 d, void *arg)
{
    const struct sv_datagram *g = session_at(table, d);
    for (u32 bi = g->first, next; bi != BUFFER_NONE; bi = next) {
        next = *(u32 *)buffer_scratch(buffer_at(bi));
        buffer_free_one(arg, bi);
    }
}

static void sv_stop(struct piste *p, void *state)
{
    struct sv_state *s = state;
    for (u32 i = 1; i <= s->main.n_owners; i++)
        sessions_each(s->main.sessions, i, sv_free_waiting, engine_main_thread(engine_of(p)));
    sessions_free(s->main.sessions);
    vec_free(&s->users);
    free(s);
}

static void sv_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct sv_state *s = state;
    sessions_tables(s->main.sessions, tell, arg);
}

const struct module ip4_sv_reass_module = {
    .abi = MODULE_ABI,
    .name = sv_name,
    .description = "Virtual reassembly of IPv4",
    .needs = (const char *const[]){"ip4-arcs", "ip4-output", "interface", NULL},
    .nodes = (const struct node_def *const[]){&feature_node, &output_node, NULL},
    .features = (const struct feature_def *const[]){&input_feature, &output_feature, NULL},
    .commands = commands,
    .init = sv_init,
    .stop = sv_stop,
    .tables = sv_tables,
};
