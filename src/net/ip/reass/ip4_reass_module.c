/* Nodes, settings and show of reassembly; see ip4_reass_module.h. */
#include "net/ip/reass/ip4_reass_module.h"

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

static struct ip4_reass_main *main_of(const struct piste *p)
{
    return module_state(p, ip4_reass_module.name);
}

/* --- nodes --- */

#define REASS_NODE(text_name, whole_to)                                                            \
    .name = text_name,                                                                             \
    .next = {[IP4_REASS_NEXT_DROP] = "ip4-drop",                                                   \
             [IP4_REASS_NEXT_WHOLE] = whole_to,                                                    \
             [IP4_REASS_NEXT_ICMP_ERROR] = "ip4-icmp-error"},                                      \
    .n_next = IP4_REASS_N_NEXT, .errors = ip4_errors, .n_errors = IP4_ERROR_N,                     \
    .format_trace = ip4_format_trace

static const struct node_def local_node = {REASS_NODE("ip4-local-full-reassembly", "ip4-local"),
                                           .run = NODE_VARIANTS(ip4_local_full_reassembly)};
static const struct node_def local_handoff_node = {
    REASS_NODE("ip4-local-full-reassembly-handoff", "ip4-local"),
    .run = NODE_VARIANTS(ip4_local_full_reassembly_handoff)};
static const struct node_def feature_node = {REASS_NODE("ip4-full-reassembly-feature", "ip4-input"),
                                             .run = NODE_VARIANTS(ip4_full_reassembly_feature)};
static const struct node_def feature_handoff_node = {
    REASS_NODE("ip4-full-reassembly-feature-hoff", "ip4-input"),
    .run = NODE_VARIANTS(ip4_full_reassembly_feature_hoff)};
static const struct node_def walk_node = {
    REASS_NODE("ip4-full-reassembly-expire-walk", "ip4-local"), .kind = NODE_TIMER,
    .expire = NODE_VARIANTS(ip4_full_reassembly_expire_walk)};

static const struct feature_def feature = {
    .arc = "ip4-unicast",
    .node = "ip4-full-reassembly-feature",
};

/* --- settings --- */

int ip4_reass_set(struct piste *p, const struct ip4_reass_config *c, struct error *e)
{
    struct ip4_reass_config *to = &main_of(p)->config;

    if (!c->timeout_ms || !c->max_fragments || !c->max_buffers || !c->expire_walk_ms)
        return error_set(e, EINVAL, "timeout, lengths and intervals of reassembly are at least 1");
    if (c->max_datagrams > IP4_REASS_DATAGRAMS_MAX)
        return error_set(e, EINVAL, "at most %u concurrent reassemblies", IP4_REASS_DATAGRAMS_MAX);
    __atomic_store_n(&to->timeout_ms, c->timeout_ms, __ATOMIC_RELAXED);
    __atomic_store_n(&to->max_datagrams, c->max_datagrams, __ATOMIC_RELAXED);
    __atomic_store_n(&to->max_fragments, c->max_fragments, __ATOMIC_RELAXED);
    __atomic_store_n(&to->max_buffers, c->max_buffers, __ATOMIC_RELAXED);
    to->expire_walk_ms = c->expire_walk_ms;
    return 0;
}

struct ip4_reass_config ip4_reass_get(const struct piste *p)
{
    return main_of(p)->config;
}

void ip4_reass_set_local(struct piste *p, bool enable)
{
    __atomic_store_n(&main_of(p)->local_enabled, enable, __ATOMIC_RELAXED);
}

bool ip4_reass_local(const struct piste *p)
{
    return main_of(p)->local_enabled;
}

int ip4_reass_set_interface(struct piste *p, struct if_index i, bool enable, struct error *e)
{
    return feature_enable(engine_of(p), feature.arc, feature.node, i, enable, 0, e);
}

/* --- commands --- */

static int set_interface(struct cli_call *c)
{
    if (cli_has(c, "ip6"))
        return error_set(c->err, ENOTSUP, "no IP6 reassembly");
    return ip4_reass_set_interface(c->piste, cli_interface(c, "interface")->index,
                                   !cli_has(c, "off"), c->err);
}

/* Numbers of `set ip reassembly`, by word. */
static const struct {
    const char *word;
    size_t at; /* in struct ip4_reass_config */
} numbers[] = {
    {"timeout-ms", offsetof(struct ip4_reass_config, timeout_ms)},
    {"max-reassemblies", offsetof(struct ip4_reass_config, max_datagrams)},
    {"max-reassembly-length", offsetof(struct ip4_reass_config, max_fragments)},
    {"max-buffers", offsetof(struct ip4_reass_config, max_buffers)},
    {"expire-walk-interval-ms", offsetof(struct ip4_reass_config, expire_walk_ms)},
};

static u32 *number_in(struct ip4_reass_config *config, u32 k)
{
    return (u32 *)(void *)((u8 *)config + numbers[k].at);
}

static int ip4_reass_set_command(struct cli_call *c)
{
    struct ip4_reass_config config = ip4_reass_get(c->piste);
    if (!c->n_args)
        return error_set(c->err, EINVAL, "nothing to set");
    for (u32 k = 0; k < array_len(numbers); k++)
        *number_in(&config, k) = (u32)cli_u64(c, numbers[k].word, *number_in(&config, k));
    int rc = ip4_reass_set(c->piste, &config, c->err);
    if (!rc && cli_get(c, "local"))
        ip4_reass_set_local(c->piste, cli_u64(c, "local", 0));
    return rc;
}

static int ip4_reass_show_command(struct cli_call *c)
{
    const struct ip4_reass_main *m = main_of(c->piste);
    u32 datagrams = 0, buffers = 0;

    for (u32 i = 0; i < THREADS_MAX; i++) {
        if (!m->tables[i])
            continue;
        datagrams += ip4_reass_n_datagrams(m->tables[i]);
        buffers += ip4_reass_n_buffers(m->tables[i]);
        if (cli_has(c, "details"))
            out_text(c->out, "Thread %" PRIu32 ": %" PRIu32 " reassemblies, %" PRIu32 " buffers\n",
                     i, ip4_reass_n_datagrams(m->tables[i]), ip4_reass_n_buffers(m->tables[i]));
    }
    out_text(c->out, "---------------------\n");
    out_u64(c->out, "reassemblies", datagrams,
            "Current full IP4 reassemblies count: %" PRIu64 "\n");
    out_u64(c->out, "buffers", buffers, "Buffers in use: %" PRIu64 "\n");
    out_u64(c->out, "max_reassemblies", m->config.max_datagrams,
            "Maximum configured concurrent full IP4 reassemblies per worker-thread: %" PRIu64 "\n");
    out_u64(c->out, "max_fragments", m->config.max_fragments,
            "Maximum configured amount of fragments per full IP4 reassembly: %" PRIu64 "\n");
    out_u64(c->out, "max_buffers", m->config.max_buffers,
            "Maximum configured buffers held per worker-thread: %" PRIu64 "\n");
    out_u64(c->out, "timeout_ms", m->config.timeout_ms,
            "Maximum configured full IP4 reassembly timeout: %" PRIu64 "ms\n");
    out_u64(c->out, "expire_walk_ms", m->config.expire_walk_ms,
            "Maximum configured full IP4 reassembly expire walk interval: %" PRIu64 "ms\n");
    out_bool(c->out, "local", m->local_enabled, "Of packets for this switch: on\n",
             "Of packets for this switch: off\n");
    return 0;
}

static const struct cli_command commands[] = {
    {"set interface reassembly <interface> [ on | off | ip4 | ip6 ]",
     "Put together fragments that come in on an interface", set_interface, 0},
    {"set ip reassembly [timeout-ms <timeout-ms:u32>] [max-reassemblies <max-reassemblies:u32>]"
     " [max-reassembly-length <max-reassembly-length:u32>] [max-buffers <max-buffers:u32>]"
     " [expire-walk-interval-ms <expire-walk-interval-ms:u32>] [local <local:on-off>]",
     "How long fragments are waited for, and how many: datagrams of a thread at a time, fragments "
     "of "
     "one, buffers; whether those for this switch itself are",
     ip4_reass_set_command, 0},
    {"show ip4-full-reassembly [details]", "Show unfinished reassemblies and their bounds",
     ip4_reass_show_command, 0},
    {NULL, NULL, NULL, 0},
};

/* What is not as it was at the start. */
static void config_of_numbers(struct ip4_reass_main *m, struct text *t)
{
    struct text words = {0};
    for (u32 k = 0; k < array_len(numbers); k++)
        if (*number_in(&m->config, k) != *number_in(&m->first, k))
            text_add(&words, " %s %u", numbers[k].word, *number_in(&m->config, k));
    if (!m->local_enabled)
        text_puts(&words, " local off");
    if (words.len)
        text_add(t, "set ip reassembly%s\n", text_str(&words));
    text_free(&words);
}

static void ip4_reass_running_config(struct piste *p, void *state, enum rc_phase phase,
                                     struct text *t)
{
    struct interface *f;

    if (phase == RC_GLOBAL)
        config_of_numbers(state, t);
    if (phase != RC_INTERFACE)
        return;
    for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1)
        if (feature_is_enabled(engine_of(p), feature.arc, feature.node, f->index))
            text_add(t, "set interface reassembly %s on\n", f->name);
}

/* --- life --- */

/* What waits for its rest has at most half of all buffers, unless somebody says otherwise: the
 * other half is for what goes on. */
static struct ip4_reass_config config_at_start(const struct engine *e, u32 n_owners)
{
    struct ip4_reass_config c = ip4_reass_config_default();
    struct buffer_pool_info pool;
    if (n_owners && buffer_pool_get_info(e, BUFFER_POOL_DEFAULT, &pool))
        c.max_buffers = (u32)max_u64(1, min_u64(c.max_buffers, pool.total / 2 / n_owners));
    return c;
}

static int ip4_reass_init(struct piste *p, void **state, struct error *e)
{
    struct ip4_reass_main *m = mem_alloc(sizeof(*m));

    struct engine *engine = engine_of(p);

    m->local_enabled = true;
    m->n_owners = engine_n_threads(engine) - 1;
    m->config = m->first = config_at_start(engine, m->n_owners);
    m->seed = clock_cycles() ^ (u64)(uintptr_t)m;
    m->handoff_nodes[IP4_REASS_LOCAL] = node_register(engine, &local_handoff_node, NULL, m);
    m->handoff_nodes[IP4_REASS_FEATURE] = node_register(engine, &feature_handoff_node, NULL, m);
    struct sessions_args a = ip4_reass_sessions(node_register(engine, &walk_node, NULL, m));
    m->sessions = sessions_new(engine, &a);
    for (u32 i = 1; i <= m->n_owners; i++)
        m->tables[i] = ip4_reass_new(&m->config, m->sessions->of_thread[i]);
    *state = m;
    return 0;
}

static void ip4_reass_stop(struct piste *p, void *state)
{
    struct ip4_reass_main *m = state;

    for (u32 i = 0; i < THREADS_MAX; i++)
        ip4_reass_free(m->tables[i], engine_main_thread(engine_of(p)));
    sessions_free(m->sessions);
    free(m);
}

static void ip4_reass_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct ip4_reass_main *m = state;
    sessions_tables(m->sessions, tell, arg);
}

const struct module ip4_reass_module = {
    .abi = MODULE_ABI,
    .name = "ip4-reassembly",
    .description = "IPv4 reassembly",
    .needs = (const char *const[]){"ip4-local", NULL},
    .nodes = (const struct node_def *const[]){&local_node, &feature_node, NULL},
    .features = (const struct feature_def *const[]){&feature, NULL},
    .commands = commands,
    .api = ip4_reass_api,
    .running_config = ip4_reass_running_config,
    .tables = ip4_reass_tables,
    .init = ip4_reass_init,
    .stop = ip4_reass_stop,
};
