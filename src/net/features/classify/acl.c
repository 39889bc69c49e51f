/* Which table each interface's packets are looked up in; `set interface input acl`. See acl.h. */
#include "net/features/classify/acl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "base/vec.h"
#include "control/module.h"
#include "engine/trace.h"
#include "net/features/classify/acl_node.h"
#include "net/features/classify/classify_binding.h"
#include "net/link/interface/interface.h"

static struct log_class log_class = {"classify", "acl"};

NODE_DECLARE(acl_l2);
NODE_DECLARE(acl_ip4_input);
NODE_DECLARE(acl_ip4_output);

struct acl {
    struct classify_binding bound[ACL_KIND_N];
};

static const struct classify_point kinds[ACL_KIND_N] = {
    [ACL_L2_INPUT] = {"l2-input", "l2-input-acl", "input", "l2-table"},
    [ACL_L2_OUTPUT] = {"l2-output", "l2-output-acl", "output", "l2-table"},
    [ACL_IP4_INPUT] = {"ip4-unicast", "ip4-inacl", "input", "ip4-table"},
    [ACL_IP4_OUTPUT] = {"ip4-output", "ip4-outacl", "output", "ip4-table"},
    [ACL_IP4_PUNT] = {"ip4-punt", "ip4-punt-acl", "input", "ip4-punt-table"},
};

static struct acl *acl_of(const struct piste *p)
{
    return module_state(p, classify_acl_module.name);
}

u32 acl_table(const struct piste *p, enum acl_kind kind, struct if_index i)
{
    return classify_bound(&acl_of(p)->bound[kind], i);
}

int acl_set(struct piste *p, struct if_index i, const u32 tables[ACL_KIND_N], bool add,
            struct error *e)
{
    return classify_bind(p, kinds, acl_of(p)->bound, ACL_KIND_N, i, tables, add, e);
}

static void on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct acl *s = arg;
    struct error e = {0};
    if (ev == IF_EVENT_DELETE && classify_unbind_all(p, kinds, s->bound, ACL_KIND_N, f->index, &e))
        log_warn(&log_class, "%s: %s", f->name, e.text);
}

/* --- commands --- */

static int set_input(struct cli_call *c)
{
    const struct interface *f = cli_interface(c, "interface");
    if (f && f->index.i && cli_get(c, "ip4-punt-table"))
        return error_set(c->err, EINVAL, "What is punted is looked up in the table of local0");
    return classify_bind_command(c, kinds, acl_of(c->piste)->bound, ACL_KIND_N, "input");
}

static int set_output(struct cli_call *c)
{
    return classify_bind_command(c, kinds, acl_of(c->piste)->bound, ACL_KIND_N, "output");
}

static int show(struct cli_call *c, enum acl_kind ip4, enum acl_kind l2)
{
    const struct acl *s = acl_of(c->piste);
    classify_show_bound(c, cli_has(c, "ip6") ? NULL : &s->bound[cli_has(c, "ip4") ? ip4 : l2],
                        "No IN_OUT_ACL tables configured");
    return 0;
}

static int show_input(struct cli_call *c)
{
    return show(c, ACL_IP4_INPUT, ACL_L2_INPUT);
}

static int show_output(struct cli_call *c)
{
    return show(c, ACL_IP4_OUTPUT, ACL_L2_OUTPUT);
}

static const struct cli_command commands[] = {
    {"set interface input acl [intfc <interface>] [ip4-table <ip4-table:u32>] [ip4-punt-table "
     "<ip4-punt-table:u32>]"
     " [ip6-table <ip6-table:u32>] [ip6-punt-table <ip6-punt-table:u32>] [l2-table <l2-table:u32>] "
     "[del]",
     "Looks up what an interface receives in a classifier table, to deny or permit it", set_input,
     0},
    {"set interface output acl [intfc <interface>] [ip4-table <ip4-table:u32>] [ip6-table "
     "<ip6-table:u32>]"
     " [l2-table <l2-table:u32>] [del]",
     "Looks up what an interface sends in a classifier table, to deny or permit it", set_output, 0},
    {"show inacl (type ( ip4 | ip6 | l2 ))", "Which tables deny what interfaces receive",
     show_input, 0},
    {"show outacl (type ( ip4 | ip6 | l2 ))", "Which tables deny what interfaces send", show_output,
     0},
    {0},
};

static void running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct acl *s = state;
    for (u32 k = 0; phase == RC_INTERFACE && k < ACL_KIND_N; k++)
        for (u32 i = 0; i < s->bound[k].tables.n; i++)
            if (s->bound[k].tables.v[i])
                text_add(t, "set interface %s acl intfc %s %s %u\n", kinds[k].direction,
                         interface_at(p, (struct if_index){i})->name, kinds[k].word,
                         s->bound[k].tables.v[i] - 1);
}

/* --- nodes --- */

static void format_lookup(const struct trace_record *r, const char *word, struct if_index i,
                          struct text *out)
{
    struct acl_trace note;
    memcpy(&note, r->extra, sizeof(note));
    text_add(out, "%s: sw_if_index %d, next_index %d, table_index %d, offset %d", word, (int)i.i,
             r->next, (int)note.table, (int)note.session);
}

static void format_input(struct piste *p, const struct trace_record *r, struct text *out)
{
    (void)p;
    format_lookup(r, "INACL", r->meta.rx_if, out);
}

static void format_output(struct piste *p, const struct trace_record *r, struct text *out)
{
    (void)p;
    format_lookup(r, "OUTACL", r->meta.tx_if, out);
}

#define ACL_ERRORS(direction)                                                                      \
    {                                                                                              \
        [ACL_ERR_NONE] = {"none", "valid " direction " ACL packets", SEVERITY_INFO},               \
        [ACL_ERR_MISS] = {"miss", direction " ACL misses", SEVERITY_INFO},                         \
        [ACL_ERR_HIT] = {"hit", direction " ACL hits", SEVERITY_INFO},                             \
        [ACL_ERR_CHAIN_HIT] = {"chain_hit", direction " ACL hits after chain walk",                \
                               SEVERITY_INFO},                                                     \
        [ACL_ERR_TABLE_MISS] = {"table_miss", direction " ACL table-miss drops", SEVERITY_ERROR},  \
        [ACL_ERR_SESSION_DENY] = {"session_deny", direction " ACL session deny drops",             \
                                  SEVERITY_ERROR},                                                 \
        [ACL_ERR_ADVANCE] = {"advance", direction " ACL advance out of the packet",                \
                             SEVERITY_ERROR},                                                      \
    }

static const struct node_error input_errors[ACL_ERR_N] = ACL_ERRORS("input");
static const struct node_error output_errors[ACL_ERR_N] = ACL_ERRORS("output");

#define ACL_NODE(text_name, c_name, deny, reasons, format)                                         \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name), .next = {[ACL_NEXT_DENY] = deny},         \
        .n_next = ACL_NEXT_N, .errors = reasons, .n_errors = ACL_ERR_N, .format_trace = format,    \
        .errors_by_description = true,                                                             \
    }

static const struct node_def node_l2_input =
    ACL_NODE("l2-input-acl", acl_l2, "error-drop", input_errors, format_input);
static const struct node_def node_l2_output =
    ACL_NODE("l2-output-acl", acl_l2, "error-drop", output_errors, format_output);
static const struct node_def node_ip4_input =
    ACL_NODE("ip4-inacl", acl_ip4_input, "ip4-drop", input_errors, format_input);
static const struct node_def node_ip4_output =
    ACL_NODE("ip4-outacl", acl_ip4_output, "error-drop", output_errors, format_output);
static const struct node_def node_ip4_punt =
    ACL_NODE("ip4-punt-acl", acl_ip4_input, "ip4-drop", input_errors, format_input);

static const struct node_def *const nodes[] = {&node_l2_input,   &node_l2_output, &node_ip4_input,
                                               &node_ip4_output, &node_ip4_punt,  NULL};

static const struct feature_def feature_l2_input = {"l2-input", "l2-input-acl"};
static const struct feature_def feature_l2_output = {"l2-output", "l2-output-acl"};
static const struct feature_def feature_ip4_input = {"ip4-unicast", "ip4-inacl"};
static const struct feature_def feature_ip4_output = {"ip4-output", "ip4-outacl"};
static const struct feature_def feature_ip4_punt = {"ip4-punt", "ip4-punt-acl"};
static const struct feature_def *const features[] = {&feature_l2_input,  &feature_l2_output,
                                                     &feature_ip4_input, &feature_ip4_output,
                                                     &feature_ip4_punt,  NULL};

/* --- module --- */

static int init(struct piste *p, void **state, struct error *e)
{
    struct acl *s = mem_alloc(sizeof(*s));
    (void)e;
    interface_on_event(p, on_interface, s);
    *state = s;
    return 0;
}

static void stop(struct piste *p, void *state)
{
    struct acl *s = state;
    (void)p;
    for (u32 k = 0; k < ACL_KIND_N; k++)
        vec_free(&s->bound[k].tables);
    free(s);
}

static const char *const needs[] = {"classify", "interface", NULL};

const struct module classify_acl_module = {
    .abi = MODULE_ABI,
    .name = "classify-acl",
    .description = "Access lists by classifier tables",
    .needs = needs,
    .nodes = nodes,
    .features = features,
    .commands = commands,
    .init = init,
    .stop = stop,
    .running_config = running_config,
};
