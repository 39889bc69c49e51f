/* Nodes, life and show of virtual reassembly; see sv_reass.h. */
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
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/reass/sv_reass_module.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"

static const char *const sv_names[IP_FAMILY_N] = {"ip4-sv-reassembly", "ip6-sv-reassembly"};

/* --- nodes --- */

static void sv4_format(const struct trace_record *r, struct text *t, i16 ip_start)
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

static void sv6_format(const struct trace_record *r, struct text *t, i16 ip_start)
{
    int at = ip_start - r->data_start;
    const struct ip6_header *ip = (const struct ip6_header *)(const void *)(r->data + at);
    if (at < 0 || at + (int)sizeof(*ip) > r->data_len)
        return;
    u32 from = (u32)at + (u32)sizeof(*ip), end = (u32)r->data_len;
    u8 protocol = ip->protocol;
    while (ip6_is_extension(protocol) && from + 2 <= end) {
        protocol = r->data[from];
        from += (r->data[from + 1] + 1u) * 8;
    }
    const struct ip6_fragment_header *f =
        (const struct ip6_fragment_header *)(const void *)(r->data + from);
    if (protocol != IP_PROTOCOL_IP6_FRAGMENT)
        text_puts(t, "[not-fragmented]");
    else if (from + sizeof(*f) <= end)
        text_add(t, "fragment id 0x%08x, offset %u", be32_to_host(f->id),
                 be16_to_host(f->offset_more) & 0xfff8);
}

static void sv4_format_trace(struct piste *p, const struct trace_record *r, struct text *t)
{
    sv4_format(r, t, r->meta.start);
}

static void sv4_format_output(struct piste *p, const struct trace_record *r, struct text *t)
{
    sv4_format(r, t, r->meta.l3_start);
}

static void sv6_format_trace(struct piste *p, const struct trace_record *r, struct text *t)
{
    sv6_format(r, t, r->meta.start);
}

static void sv6_format_output(struct piste *p, const struct trace_record *r, struct text *t)
{
    sv6_format(r, t, r->meta.l3_start);
}

#define SV_NODE(ip, text_name, format)                                                             \
    .name = text_name,                                                                             \
    .next = {[SV_NEXT_DROP] = #ip "-drop", [SV_NEXT_RESUME] = "feature-resume"},                   \
    .n_next = SV_N_NEXT, .errors = ip##_errors, .n_errors = array_len(ip##_errors),                \
    .format_trace = format

#define SV_FEATURE                                                                                 \
    .feature_vectors = true, .feature_changes = FEATURE_CHANGES_NOTHING, .feature_fragments = true

static const struct node_def feature_nodes[IP_FAMILY_N] = {
    {SV_NODE(ip4, "ip4-sv-reassembly-feature", sv4_format_trace),
     .run = NODE_VARIANTS(ip4_sv_reassembly_feature), SV_FEATURE},
    {SV_NODE(ip6, "ip6-sv-reassembly-feature", sv6_format_trace),
     .run = NODE_VARIANTS(ip6_sv_reassembly_feature), SV_FEATURE}};
static const struct node_def hoff_nodes[IP_FAMILY_N] = {
    {SV_NODE(ip4, "ip4-sv-reass-feature-hoff", sv4_format_trace),
     .run = NODE_VARIANTS(ip4_sv_reass_feature_hoff)},
    {SV_NODE(ip6, "ip6-sv-reass-feature-hoff", sv6_format_trace),
     .run = NODE_VARIANTS(ip6_sv_reass_feature_hoff)}};
static const struct node_def output_nodes[IP_FAMILY_N] = {
    {SV_NODE(ip4, "ip4-sv-reassembly-output-feature", sv4_format_output),
     .run = NODE_VARIANTS(ip4_sv_reassembly_output_feature), .feature_vectors = true},
    {SV_NODE(ip6, "ip6-sv-reassembly-output-feature", sv6_format_output),
     .run = NODE_VARIANTS(ip6_sv_reassembly_output_feature), .feature_vectors = true}};
static const struct node_def output_hoff_nodes[IP_FAMILY_N] = {
    {SV_NODE(ip4, "ip4-sv-reass-output-feature-hoff", sv4_format_output),
     .run = NODE_VARIANTS(ip4_sv_reass_output_feature_hoff)},
    {SV_NODE(ip6, "ip6-sv-reass-output-feature-hoff", sv6_format_output),
     .run = NODE_VARIANTS(ip6_sv_reass_output_feature_hoff)}};
static const struct node_def expire_nodes[IP_FAMILY_N] = {
    {SV_NODE(ip4, "ip4-sv-reassembly-expire-walk", sv4_format_trace), .kind = NODE_TIMER,
     .expire = NODE_VARIANTS(ip4_sv_reassembly_expire)},
    {SV_NODE(ip6, "ip6-sv-reassembly-expire-walk", sv6_format_trace), .kind = NODE_TIMER,
     .expire = NODE_VARIANTS(ip6_sv_reassembly_expire)}};

static const struct feature_def input_features[IP_FAMILY_N] = {
    {.arc = "ip4-unicast", .node = "ip4-sv-reassembly-feature"},
    {.arc = "ip6-unicast", .node = "ip6-sv-reassembly-feature"}};
static const struct feature_def output_features[IP_FAMILY_N] = {
    {.arc = "ip4-output", .node = "ip4-sv-reassembly-output-feature"},
    {.arc = "ip6-output", .node = "ip6-sv-reassembly-output-feature"}};

/* --- interfaces --- */

/* How often somebody wants it. */
struct sv_users {
    u32 input, output;
    bool configured; /* one of the former */
};

struct sv_state {
    struct sv_main main;        /* first: the features' nodes have the state of the module */
    VEC(struct sv_users) users; /* by interface */
};

static struct sv_state *sv_state_of(const struct piste *p, enum ip_family f)
{
    return module_state(p, sv_names[f]);
}

struct reass_settings *sv_reass_settings(const struct piste *p, enum ip_family f)
{
    struct sv_state *s = sv_state_of(p, f);
    return s ? &s->main.settings : NULL;
}

static struct sv_users *sv_users_of(struct sv_state *s, struct if_index i)
{
    while (s->users.n <= i.i)
        vec_add(&s->users, (struct sv_users){0});
    return &s->users.v[i.i];
}

int sv_reass_enable(struct piste *p, enum ip_family f, struct if_index i, enum feature_place place,
                    bool enable, struct error *e)
{
    struct sv_state *s = sv_state_of(p, f);
    const struct feature_def *feature =
        place == AT_IP_OUTPUT ? &output_features[f] : &input_features[f];
    if (!s)
        return error_set(e, EAFNOSUPPORT, "no reassembly of that protocol");
    struct sv_users *of = sv_users_of(s, i);
    u32 *users = place == AT_IP_OUTPUT ? &of->output : &of->input;
    if (!enable && !*users)
        return error_set(e, ENOENT, "nobody wants fragments to be noted there");
    bool changes = *users == !enable;
    int rc =
        changes ? feature_enable(engine_of(p), feature->arc, feature->node, i, enable, 0, e) : 0;
    if (!rc)
        *users += enable ? 1 : -1u;
    return rc;
}

static bool sv_is_configured(const struct piste *p, enum ip_family f, struct if_index i)
{
    const struct sv_state *s = sv_state_of(p, f);
    return s && i.i < s->users.n && s->users.v[i.i].configured;
}

int sv_reass_set_interface(struct piste *p, enum ip_family f, struct if_index i, bool enable,
                           struct error *e)
{
    if (sv_is_configured(p, f, i) == enable)
        return 0;
    int rc = sv_reass_enable(p, f, i, AT_IP_INPUT, enable, e);
    if (!rc)
        sv_users_of(sv_state_of(p, f), i)->configured = enable;
    return rc;
}

static void sv_on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct sv_state *s = arg;
    if (ev == IF_EVENT_NEW && f->index.i < s->users.n)
        s->users.v[f->index.i] = (struct sv_users){0}; /* whoever had the index before is gone */
}

/* --- commands, running configuration --- */

/* What VPP writes in front and behind is another for each protocol. */
static int sv_show(struct cli_call *c, enum ip_family f)
{
    const struct sv_main *m = &sv_state_of(c->piste, f)->main;
    u64 datagrams = 0, waiting = 0;
    for (u32 i = 1; i <= m->n_owners; i++) {
        datagrams += sessions_count(m->sessions, i);
        waiting += __atomic_load_n(&m->threads[i].n_waiting, __ATOMIC_RELAXED);
    }
    out_text(c->out, "---------------------\n");
    if (f == IP_FAMILY_6)
        out_text(c->out, "IP6 reassembly status\n---------------------\n---------------------\n");
    out_u64(c->out, "reassemblies", datagrams, NULL);
    out_text(c->out, "Current %s reassemblies count: %" PRIu64 "\n",
             f == IP_FAMILY_6 ? "IP6" : "IP4", datagrams);
    if (f == IP_FAMILY_6)
        reass_show_bounds(c, &m->settings.config, REASS_VIRTUAL, f);
    out_u64(c->out, "buffers", waiting, "Buffers in use: %" PRIu64 "\n");
    if (f == IP_FAMILY_4)
        reass_show_bounds(c, &m->settings.config, REASS_VIRTUAL, f);
    return 0;
}

static int sv_show_ip4(struct cli_call *c)
{
    return sv_show(c, IP_FAMILY_4);
}

static int sv_show_ip6(struct cli_call *c)
{
    return sv_show(c, IP_FAMILY_6);
}

#define SV_SHOW_HELP "Datagrams whose fragments are known by the first one's ports, and bounds"
static const struct cli_command ip4_sv_commands[] = {
    {"show ip4-sv-reassembly [details]", SV_SHOW_HELP, sv_show_ip4, 0}, {0}};
static const struct cli_command ip6_sv_commands[] = {
    {"show ip6-sv-reassembly [details]", SV_SHOW_HELP, sv_show_ip6, 0}, {0}};

static void ip6_sv_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct sv_state *s = state;
    if (phase == RC_GLOBAL)
        reass_settings_write(&s->main.settings, REASS_VIRTUAL, IP_FAMILY_6, "", t);
}

/* And of interfaces, for both. */
static void ip4_sv_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct sv_state *s = state;
    if (phase == RC_GLOBAL)
        reass_settings_write(&s->main.settings, REASS_VIRTUAL, IP_FAMILY_4, "", t);
    if (phase != RC_INTERFACE)
        return;
    for (struct interface *f = interface_next_written(p, NULL); f; f = interface_next_written(p, f))
        reass_interface_write(f->name, sv_is_configured(p, IP_FAMILY_4, f->index),
                              sv_is_configured(p, IP_FAMILY_6, f->index), REASS_VIRTUAL, t);
}

/* --- life --- */

static struct sv_state *sv_new_state(struct piste *p, const struct reass_protocol *protocol,
                                     enum ip_family f)
{
    struct sv_state *s = mem_alloc(sizeof(*s));
    struct sv_main *m = &s->main;
    struct engine *engine = engine_of(p);
    m->n_owners = engine_n_threads(engine) - 1;
    m->settings = reass_settings_at_start(engine, REASS_VIRTUAL, m->n_owners);
    m->seed = clock_cycles() ^ (u64)(uintptr_t)m;
    for (u32 i = 0; i < THREADS_MAX; i++)
        m->threads[i].by_age = INDEX_LIST_EMPTY;
    m->handoff_node = node_register(engine, &hoff_nodes[f], NULL, m);
    m->output_handoff_node = node_register(engine, &output_hoff_nodes[f], NULL, m);
    m->sessions =
        sessions_new(engine, &(struct sessions_args){
                                 .name = sv_names[f],
                                 .object_bytes = sizeof(struct sv_datagram),
                                 .max = REASS_DATAGRAMS_MAX,
                                 .keys = {{offsetof(struct sv_datagram, key), protocol->key_words}},
                                 .expire = node_register(engine, &expire_nodes[f], NULL, m),
                             });
    interface_on_event(p, sv_on_interface, s);
    return s;
}

static int ip4_sv_init(struct piste *p, void **state, struct error *e)
{
    *state = sv_new_state(p, &ip4_reass_protocol, IP_FAMILY_4);
    return 0;
}

static int ip6_sv_init(struct piste *p, void **state, struct error *e)
{
    *state = sv_new_state(p, &ip6_reass_protocol, IP_FAMILY_6);
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
    .name = "ip4-sv-reassembly",
    .description = "Virtual reassembly of IPv4",
    .needs = (const char *const[]){"ip4-arcs", "ip4-output", "interface", NULL},
    .nodes = (const struct node_def *const[]){&feature_nodes[IP_FAMILY_4],
                                              &output_nodes[IP_FAMILY_4], NULL},
    .features = (const struct feature_def *const[]){&input_features[IP_FAMILY_4],
                                                    &output_features[IP_FAMILY_4], NULL},
    .commands = ip4_sv_commands,
    .running_config = ip4_sv_running_config,
    .init = ip4_sv_init,
    .stop = sv_stop,
    .tables = sv_tables,
};

const struct module ip6_sv_reass_module = {
    .abi = MODULE_ABI,
    .name = "ip6-sv-reassembly",
    .description = "Virtual reassembly of IPv6",
    .needs = (const char *const[]){"ip6-arcs", "ip6-output", "interface", NULL},
    .nodes = (const struct node_def *const[]){&feature_nodes[IP_FAMILY_6],
                                              &output_nodes[IP_FAMILY_6], NULL},
    .features = (const struct feature_def *const[]){&input_features[IP_FAMILY_6],
                                                    &output_features[IP_FAMILY_6], NULL},
    .commands = ip6_sv_commands,
    .running_config = ip6_sv_running_config,
    .init = ip6_sv_init,
    .stop = sv_stop,
    .tables = sv_tables,
};
