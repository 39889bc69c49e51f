/* `set interface l2 input classify`: tables by interface and direction. See l2_classify.h. */
#include "net/features/classify/l2_classify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "base/vec.h"
#include "control/module.h"
#include "engine/trace.h"
#include "net/features/classify/acl_node.h"
#include "net/features/classify/classify.h"
#include "net/link/interface/interface.h"

static struct log_class log_class = {"classify", "l2"};

NODE_DECLARE(l2_input_classify);
NODE_DECLARE(l2_output_classify);

enum { OUTPUT, INPUT, N_DIRECTIONS };

struct state {
    VEC(u64) words[N_DIRECTIONS]; /* by interface; 0: no tables */
};

static const struct {
    const char *arc, *node, *word;
} directions[N_DIRECTIONS] = {
    [INPUT] = {"l2-input", "l2-input-classify", "input"},
    [OUTPUT] = {"l2-output", "l2-output-classify", "output"},
};

static const char *const kind_words[L2_CLASSIFY_KIND_N] = {
    [L2_CLASSIFY_IP4] = "ip4-table",
    [L2_CLASSIFY_IP6] = "ip6-table",
    [L2_CLASSIFY_OTHER] = "other-table",
};

static struct state *state_of(const struct piste *p)
{
    return module_state(p, l2_classify_module.name);
}

static u64 word_at(const struct state *s, u32 direction, struct if_index i)
{
    return i.i < s->words[direction].n ? s->words[direction].v[i.i] : 0;
}

static void unref_all(struct piste *p, u64 word)
{
    for (u32 k = 0; k < L2_CLASSIFY_KIND_N; k++) {
        u32 table = l2_classify_table_of(word, (enum l2_classify_kind)k);
        if (table != CLASSIFY_NONE)
            classify_table_unref(p, table);
    }
}

static int ref_all(struct piste *p, const u32 *tables, u64 *word, struct error *e)
{
    *word = 0;
    for (u32 k = 0; k < L2_CLASSIFY_KIND_N; k++) {
        int rc = tables[k] == CLASSIFY_NONE ? 0 : classify_table_ref(p, tables[k], e);
        if (rc) {
            unref_all(p, *word);
            return rc;
        }
        *word |= (u64)(tables[k] + 1) << (k * L2_CLASSIFY_BITS);
    }
    return 0;
}

int l2_classify_set(struct piste *p, bool is_input, struct if_index i,
                    const u32 tables[L2_CLASSIFY_KIND_N], struct error *e)
{
    struct state *s = state_of(p);
    u32 direction = is_input ? INPUT : OUTPUT;
    u64 word, old = word_at(s, direction, i);
    int rc = ref_all(p, tables, &word, e);
    if (rc)
        return rc;
    rc = feature_enable(engine_of(p), directions[direction].arc, directions[direction].node, i,
                        word != 0, word, e);
    if (rc) {
        unref_all(p, word);
        return rc;
    }
    while (s->words[direction].n <= i.i)
        vec_add(&s->words[direction], 0);
    s->words[direction].v[i.i] = word;
    unref_all(p, old);
    return 0;
}

static void on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    static const u32 none[] = {CLASSIFY_NONE, CLASSIFY_NONE, CLASSIFY_NONE};
    struct error e;
    (void)arg;
    for (u32 d = 0; ev == IF_EVENT_DELETE && d < N_DIRECTIONS; d++)
        if (word_at(state_of(p), d, f->index) && l2_classify_set(p, d == INPUT, f->index, none, &e))
            log_warn(&log_class, "%s: %s", f->name, e.text);
}

/* --- commands --- */

static int set(struct cli_call *c, bool is_input)
{
    const struct interface *f = cli_interface(c, "interface");
    u32 tables[L2_CLASSIFY_KIND_N];
    bool any = false;
    if (!f)
        return error_set(c->err, EINVAL, "interface must be specified");
    for (u32 k = 0; k < L2_CLASSIFY_KIND_N; k++) {
        tables[k] = (u32)cli_u64(c, kind_words[k], CLASSIFY_NONE);
        any |= cli_get(c, kind_words[k]) != NULL;
    }
    if (!any)
        return error_set(c->err, EINVAL, "at least one table must be specified");
    return l2_classify_set(c->piste, is_input, f->index, tables, c->err);
}

static int set_input(struct cli_call *c)
{
    return set(c, true);
}

static int set_output(struct cli_call *c)
{
    return set(c, false);
}

#define ARGUMENTS                                                                                  \
    " [intfc <interface>] [ip4-table <ip4-table:u32>] [ip6-table <ip6-table:u32>]"                 \
    " [other-table <other-table:u32>]"

static const struct cli_command commands[] = {
    {"set interface l2 input classify" ARGUMENTS,
     "Sends what an interface in layer 2 receives where classifier tables say", set_input, 0},
    {"set interface l2 output classify" ARGUMENTS,
     "Sends what leaves by an interface in layer 2 where classifier tables say", set_output, 0},
    {0},
};

static void running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct state *s = state;
    if (phase != RC_INTERFACE)
        return;
    for (u32 d = 0; d < N_DIRECTIONS; d++)
        for (u32 i = 0; i < s->words[d].n; i++) {
            if (!s->words[d].v[i])
                continue;
            text_add(t, "set interface l2 %s classify intfc %s", directions[d].word,
                     interface_at(p, (struct if_index){i})->name);
            for (u32 k = 0; k < L2_CLASSIFY_KIND_N; k++) {
                u32 table = l2_classify_table_of(s->words[d].v[i], (enum l2_classify_kind)k);
                if (table != CLASSIFY_NONE)
                    text_add(t, " %s %u", kind_words[k], table);
            }
            text_putc(t, '\n');
        }
}

/* --- nodes --- */

static void format_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct acl_trace note;
    (void)p;
    memcpy(&note, r->extra, sizeof(note));
    text_add(out, "L2-CLASSIFY: sw_if_index %d, table %d, offset %d, next %d", (int)r->meta.rx_if.i,
             (int)note.table, (int)note.session, r->next);
}

static const struct node_error errors[L2_CLASSIFY_ERR_N] = {
    [L2_CLASSIFY_ERR_MISS] = {"miss", "Classify misses", SEVERITY_INFO},
    [L2_CLASSIFY_ERR_HIT] = {"hit", "Classify hits", SEVERITY_INFO},
    [L2_CLASSIFY_ERR_CHAIN_HIT] = {"chain_hit", "Classify hits after chain walk", SEVERITY_INFO},
    [L2_CLASSIFY_ERR_DROP] = {"drop", "L2 Classify Drops", SEVERITY_ERROR},
};

#define L2_CLASSIFY_NODE(text_name, c_name)                                                        \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name),                                           \
        .next = {[L2_CLASSIFY_NEXT_DROP] = "error-drop", [L2_CLASSIFY_NEXT_IP4] = "ip4-input"},    \
        .n_next = L2_CLASSIFY_NEXT_N, .errors = errors, .n_errors = L2_CLASSIFY_ERR_N,             \
        .errors_by_description = true, .format_trace = format_trace,                               \
    }

static const struct node_def node_input = L2_CLASSIFY_NODE("l2-input-classify", l2_input_classify);
static const struct node_def node_output =
    L2_CLASSIFY_NODE("l2-output-classify", l2_output_classify);
static const struct node_def *const nodes[] = {&node_input, &node_output, NULL};

static const struct feature_def feature_input = {"l2-input", "l2-input-classify"};
static const struct feature_def feature_output = {"l2-output", "l2-output-classify"};
static const struct feature_def *const features[] = {&feature_input, &feature_output, NULL};

/* --- module --- */

static int init(struct piste *p, void **state, struct error *e)
{
    struct state *s = mem_alloc(sizeof(*s));
    (void)e;
    interface_on_event(p, on_interface, s);
    *state = s;
    return 0;
}

static void stop(struct piste *p, void *state)
{
    struct state *s = state;
    (void)p;
    for (u32 d = 0; d < N_DIRECTIONS; d++)
        vec_free(&s->words[d]);
    free(s);
}

static const char *const needs[] = {"classify", "interface", "l2", NULL};

const struct module l2_classify_module = {
    .abi = MODULE_ABI,
    .name = "l2-classify",
    .description = "Frames by classifier tables to other nodes",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .commands = commands,
    .init = init,
    .stop = stop,
    .running_config = running_config,
};
