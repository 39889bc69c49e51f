/* Nodes, settings and show of reassembly; see reass_module.h. */
#include "net/ip/reass/reass_module.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/cli.h"
#include "control/module.h"
#include "engine/engine.h"
#include "engine/feature.h"
#include "net/link/interface/interface.h"
#include "net/ip/ip4/ip4_errors.h"
#include "net/packet/ip4_format.h"
#include "net/ip/ip4/ip4_nodes.h"
#include "net/ip/ip6/ip6_errors.h"
#include "net/ip/ip6/ip6_local.h"
#include "net/ip/reass/ip6_reass_nodes.h"
#include "net/ip/reass/sv_reass_module.h"
#include "net/packet/ip6_format.h"
#include "net/packet/l4_packet.h"

static const char *const reass_names[IP_FAMILY_N] = {"ip4-reassembly", "ip6-reassembly"};

/* NULL: the protocol's is not there. */
static struct reass_main *reass_main_of(const struct piste *p, enum ip_family f)
{
    return module_state(p, reass_names[f]);
}

/* --- nodes --- */

#define REASS_NODE(ip, text_name, whole_to)                                                        \
    .name = text_name,                                                                             \
    .next = {[REASS_NEXT_DROP] = #ip "-drop",                                                      \
             [REASS_NEXT_WHOLE] = whole_to,                                                        \
             [REASS_NEXT_ICMP_ERROR] = #ip "-icmp-error"},                                         \
    .n_next = REASS_N_NEXT, .errors = ip##_errors, .n_errors = array_len(ip##_errors),             \
    .format_trace = ip##_format_trace

static const struct node_def ip4_local_node = {
    REASS_NODE(ip4, "ip4-local-full-reassembly", "ip4-local"),
    .run = NODE_VARIANTS(ip4_local_full_reassembly)};
static const struct node_def ip4_feature_node = {
    REASS_NODE(ip4, "ip4-full-reassembly-feature", "ip4-input"),
    .run = NODE_VARIANTS(ip4_full_reassembly_feature)};
static const struct node_def ip6_local_node = {
    REASS_NODE(ip6, "ip6-local-full-reassembly", "ip6-local"),
    .run = NODE_VARIANTS(ip6_local_full_reassembly)};
static const struct node_def ip6_feature_node = {
    REASS_NODE(ip6, "ip6-full-reassembly-feature", "ip6-input"),
    .run = NODE_VARIANTS(ip6_full_reassembly_feature)};

static const struct node_def handoff_nodes[IP_FAMILY_N][REASS_N_WAYS] = {
    [IP_FAMILY_4] =
        {[REASS_LOCAL] = {REASS_NODE(ip4, "ip4-local-full-reassembly-handoff", "ip4-local"),
                          .run = NODE_VARIANTS(ip4_local_full_reassembly_handoff)},
         [REASS_FEATURE] = {REASS_NODE(ip4, "ip4-full-reassembly-feature-hoff", "ip4-input"),
                            .run = NODE_VARIANTS(ip4_full_reassembly_feature_hoff)}},
    [IP_FAMILY_6] =
        {[REASS_LOCAL] = {REASS_NODE(ip6, "ip6-local-full-reassembly-handoff", "ip6-local"),
                          .run = NODE_VARIANTS(ip6_local_full_reassembly_handoff)},
         [REASS_FEATURE] = {REASS_NODE(ip6, "ip6-full-reassembly-feature-hoff", "ip6-input"),
                            .run = NODE_VARIANTS(ip6_full_reassembly_feature_hoff)}},
};
static const struct node_def walk_nodes[IP_FAMILY_N] = {
    [IP_FAMILY_4] = {REASS_NODE(ip4, "ip4-full-reassembly-expire-walk", "ip4-local"),
                     .kind = NODE_TIMER, .expire = NODE_VARIANTS(ip4_full_reassembly_expire_walk)},
    [IP_FAMILY_6] = {REASS_NODE(ip6, "ip6-full-reassembly-expire-walk", "ip6-local"),
                     .kind = NODE_TIMER, .expire = NODE_VARIANTS(ip6_full_reassembly_expire_walk)},
};

static const struct feature_def features[IP_FAMILY_N] = {
    [IP_FAMILY_4] = {.arc = "ip4-unicast", .node = "ip4-full-reassembly-feature"},
    [IP_FAMILY_6] = {.arc = "ip6-unicast", .node = "ip6-full-reassembly-feature"},
};

/* --- settings --- */

struct reass_settings *reass_full_settings(const struct piste *p, enum ip_family f)
{
    struct reass_main *m = reass_main_of(p, f);
    return m ? &m->settings : NULL;
}

void reass_set_local(struct piste *p, enum ip_family f, bool enable)
{
    struct reass_main *m = reass_main_of(p, f);
    if (m)
        __atomic_store_n(&m->local_enabled, enable, __ATOMIC_RELAXED);
}

bool reass_local(const struct piste *p, enum ip_family f)
{
    const struct reass_main *m = reass_main_of(p, f);
    return m && m->local_enabled;
}

int reass_set_interface(struct piste *p, enum reass_kind kind, enum ip_family f, struct if_index i,
                        bool enable, struct error *e)
{
    if (kind == REASS_VIRTUAL)
        return sv_reass_set_interface(p, f, i, enable, e);
    if (!reass_main_of(p, f))
        return enable ? error_set(e, EAFNOSUPPORT, "no reassembly of that protocol") : 0;
    return feature_enable(engine_of(p), features[f].arc, features[f].node, i, enable, 0, e);
}

static bool reass_is_on(struct piste *p, enum ip_family f, struct if_index i)
{
    return reass_main_of(p, f) &&
           feature_is_enabled(engine_of(p), features[f].arc, features[f].node, i);
}

/* --- commands --- */

static enum reass_kind kind_of_words(const struct cli_call *c)
{
    return cli_has(c, "shallow-virtual") ? REASS_VIRTUAL : REASS_FULL;
}

static int set_interface(struct cli_call *c)
{
    struct if_index i = cli_interface(c, "interface")->index;
    enum reass_kind kind = kind_of_words(c);
    bool on = !cli_has(c, "off"), ip4 = on && !cli_has(c, "ip6");
    /* all that there is, unless it is named */
    bool ip6 =
        cli_has(c, "ip6") || (on && !cli_has(c, "ip4") && reass_main_of(c->piste, IP_FAMILY_6));
    int rc = reass_set_interface(c->piste, kind, IP_FAMILY_4, i, ip4, c->err);
    return rc ? rc : reass_set_interface(c->piste, kind, IP_FAMILY_6, i, ip6, c->err);
}

static int reass_set_command(struct cli_call *c)
{
    enum ip_family f = ip_family_of(cli_has(c, "ip6"));
    enum reass_kind kind = kind_of_words(c);
    struct reass_config config = reass_get(c->piste, kind, f);
    bool local = cli_get(c, "local");
    if (!reass_config_from_words(c, &config) && !local)
        return error_set(c->err, EINVAL, "nothing to set");
    if (local && kind == REASS_VIRTUAL)
        return error_set(c->err, EINVAL, "packets for this switch are put together in full");
    int rc = reass_set(c->piste, kind, f, &config, c->err);
    if (!rc && local)
        reass_set_local(c->piste, f, cli_u64(c, "local", 0));
    return rc;
}

/* How many there are now, of all threads. */
struct reass_totals {
    u32 datagrams, buffers;
};

static struct reass_totals reass_sum(struct cli_call *c, const struct reass_main *m)
{
    struct reass_totals sum = {0, 0};
    for (u32 i = 0; i < THREADS_MAX; i++) {
        if (!m->tables[i])
            continue;
        u32 datagrams = reass_n_datagrams(m->tables[i]), buffers = reass_n_buffers(m->tables[i]);
        sum.datagrams += datagrams;
        sum.buffers += buffers;
        if (cli_has(c, "details"))
            out_text(c->out, "Thread %" PRIu32 ": %" PRIu32 " reassemblies, %" PRIu32 " buffers\n",
                     i, datagrams, buffers);
    }
    return sum;
}

static void reass_show_rest(struct cli_call *c, const struct reass_main *m, enum ip_family f)
{
    reass_show_bounds(c, &m->settings.config, REASS_FULL, f);
    out_bool(c->out, "local", m->local_enabled, "Of packets for this switch: on\n",
             "Of packets for this switch: off\n");
}

static int reass_show_ip4(struct cli_call *c)
{
    const struct reass_main *m = reass_main_of(c->piste, IP_FAMILY_4);
    struct reass_totals now = reass_sum(c, m);
    out_text(c->out, "---------------------\n");
    out_u64(c->out, "reassemblies", now.datagrams,
            "Current full IP4 reassemblies count: %" PRIu64 "\n");
    out_u64(c->out, "buffers", now.buffers, "Buffers in use: %" PRIu64 "\n");
    reass_show_rest(c, m, IP_FAMILY_4);
    return 0;
}

static int reass_show_ip6(struct cli_call *c)
{
    const struct reass_main *m = reass_main_of(c->piste, IP_FAMILY_6);
    out_text(c->out, "---------------------\nIP6 reassembly status\n---------------------\n");
    struct reass_totals now = reass_sum(c, m);
    out_text(c->out, "---------------------\n");
    out_u64(c->out, "reassemblies", now.datagrams, "Current IP6 reassemblies count: %" PRIu64 "\n");
    reass_show_rest(c, m, IP_FAMILY_6);
    out_u64(c->out, "buffers", now.buffers, "Buffers in use: %" PRIu64 "\n");
    return 0;
}

static const struct cli_command ip4_reass_commands[] = {
    {"set interface reassembly <interface> [ on | off | ip4 | ip6 ] [shallow-virtual]",
     "Put together fragments that come in on an interface, or only tell each which ports the first "
     "one has",
     set_interface, 0},
    {"set ip reassembly [ip4 | ip6] [shallow-virtual] [timeout-ms <timeout-ms:u32>] "
     "[max-reassemblies "
     "<max-reassemblies:u32>]"
     " [max-reassembly-length <max-reassembly-length:u32>] [max-buffers <max-buffers:u32>]"
     " [expire-walk-interval-ms <expire-walk-interval-ms:u32>] [local <local:on-off>]",
     "How long fragments are waited for, and how many: datagrams of a thread at a time, fragments "
     "of "
     "one, buffers; whether those for this switch itself are",
     reass_set_command, 0},
    {"show ip4-full-reassembly [details]", "Show unfinished reassemblies and their bounds",
     reass_show_ip4, 0},
    {NULL, NULL, NULL, 0},
};

static const struct cli_command ip6_reass_commands[] = {
    {"show ip6-full-reassembly [details]", "Show unfinished reassemblies and their bounds",
     reass_show_ip6, 0},
    {0},
};

static void config_of_numbers(struct reass_main *m, enum ip_family f, struct text *t)
{
    reass_settings_write(&m->settings, REASS_FULL, f, m->local_enabled ? "" : " local off", t);
}

static void ip6_reass_running_config(struct piste *p, void *state, enum rc_phase phase,
                                     struct text *t)
{
    if (phase == RC_GLOBAL)
        config_of_numbers(state, IP_FAMILY_6, t);
}

static void ip4_reass_running_config(struct piste *p, void *state, enum rc_phase phase,
                                     struct text *t)
{
    struct interface *f;

    if (phase == RC_GLOBAL)
        config_of_numbers(state, IP_FAMILY_4, t);
    if (phase != RC_INTERFACE)
        return;
    for (f = interface_next_written(p, NULL); f; f = interface_next_written(p, f))
        reass_interface_write(f->name, reass_is_on(p, IP_FAMILY_4, f->index),
                              reass_is_on(p, IP_FAMILY_6, f->index), REASS_FULL, t);
}

/* --- life --- */

static struct reass_main *reass_new_main(struct engine *engine,
                                         const struct reass_protocol *protocol, enum ip_family f)
{
    struct reass_main *m = mem_alloc(sizeof(*m));
    m->local_enabled = true;
    m->n_owners = engine_n_threads(engine) - 1;
    m->settings = reass_settings_at_start(engine, REASS_FULL, m->n_owners);
    m->seed = clock_cycles() ^ (u64)(uintptr_t)m;
    for (u32 way = 0; way < REASS_N_WAYS; way++)
        m->handoff_nodes[way] = node_register(engine, &handoff_nodes[f][way], NULL, m);
    struct sessions_args a =
        reass_sessions(protocol, node_register(engine, &walk_nodes[f], NULL, m));
    m->sessions = sessions_new(engine, &a);
    for (u32 i = 1; i <= m->n_owners; i++)
        m->tables[i] = reass_new(protocol, &m->settings.config, m->sessions->of_thread[i]);
    return m;
}

static int ip4_reass_init(struct piste *p, void **state, struct error *e)
{
    *state = reass_new_main(engine_of(p), &ip4_reass_protocol, IP_FAMILY_4);
    return 0;
}

static int ip6_reass_init(struct piste *p, void **state, struct error *e)
{
    struct reass_main *m = reass_new_main(engine_of(p), &ip6_reass_protocol, IP_FAMILY_6);
    ip6_local_register(p, IP_PROTOCOL_IP6_FRAGMENT,
                       node_register(engine_of(p), &ip6_local_node, NULL, m));
    *state = m;
    return 0;
}

static void reass_stop(struct piste *p, void *state)
{
    struct reass_main *m = state;

    for (u32 i = 0; i < THREADS_MAX; i++)
        reass_free(m->tables[i], engine_main_thread(engine_of(p)));
    sessions_free(m->sessions);
    free(m);
}

static void reass_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct reass_main *m = state;
    sessions_tables(m->sessions, tell, arg);
}

const struct module ip4_reass_module = {
    .abi = MODULE_ABI,
    .name = "ip4-reassembly",
    .description = "IPv4 reassembly",
    .needs = (const char *const[]){"ip4-local", NULL},
    .nodes = (const struct node_def *const[]){&ip4_local_node, &ip4_feature_node, NULL},
    .features = (const struct feature_def *const[]){&features[IP_FAMILY_4], NULL},
    .commands = ip4_reass_commands,
    .api = reass_api,
    .running_config = ip4_reass_running_config,
    .tables = reass_tables,
    .init = ip4_reass_init,
    .stop = reass_stop,
};

const struct module ip6_reass_module = {
    .abi = MODULE_ABI,
    .name = "ip6-reassembly",
    .description = "IPv6 reassembly",
    .needs = (const char *const[]){"ip6-local", NULL},
    .nodes = (const struct node_def *const[]){&ip6_feature_node, NULL},
    .features = (const struct feature_def *const[]){&features[IP_FAMILY_6], NULL},
    .commands = ip6_reass_commands,
    .running_config = ip6_reass_running_config,
    .tables = reass_tables,
    .init = ip6_reass_init,
    .stop = reass_stop,
};
