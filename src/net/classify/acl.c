/* Which table each interface's packets are looked up in; `set interface input acl`. See acl.h. */
#include "net/classify/acl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "base/vec.h"
#include "control/module.h"
#include "engine/trace.h"
#include "net/classify/acl_node.h"
#include "net/classify/classify.h"
#include "net/interface/interface.h"

static struct log_class log_class = {"classify", "acl"};

NODE_DECLARE(acl_l2);
NODE_DECLARE(acl_ip4_input);
NODE_DECLARE(acl_ip4_output);

struct acl {
    VEC(u32) tables[ACL_KIND_N]; /* by interface: table + 1; 0: none */
};

static const struct {
    const char *arc, *node;
    const char *direction, *word; /* of the command that sets it */
} kinds[ACL_KIND_N] = {
    [ACL_L2_INPUT] = {"l2-input", "l2-input-acl", "input", "l2-table"},
    [ACL_L2_OUTPUT] = {"l2-output", "l2-output-acl", "output", "l2-table"},
    [ACL_IP4_INPUT] = {"ip4-unicast", "ip4-inacl", "input", "ip4-table"},
    [ACL_IP4_OUTPUT] = {"ip4-output", "ip4-outacl", "output", "ip4-table"},
    [ACL_IP4_PUNT] = {"ip4-punt", "ip4-punt-acl", "input", "ip4-punt-table"},
};

static struct acl *acl_of(const struct piste *p)
{
    return module_state(p, &classify_acl_module);
}

u32 acl_table(const struct piste *p, enum acl_kind kind, struct if_index i)
{
    const struct acl *s = acl_of(p);
    return i.i < s->tables[kind].n ? s->tables[kind].v[i.i] - 1 : CLASSIFY_NONE;
}

static void remember(struct acl *s, enum acl_kind kind, struct if_index i, u32 table)
{
    while (s->tables[kind].n <= i.i)
        vec_add(&s->tables[kind], 0);
    s->tables[kind].v[i.i] = table + 1;
}

int acl_set(struct piste *p, enum acl_kind kind, struct if_index i, u32 table, struct error *e)
{
    u32 old = acl_table(p, kind, i);
    bool on = table != CLASSIFY_NONE;
    int rc = on ? classify_table_ref(p, table, e) : 0;
    if (rc)
        return rc;
    rc = feature_enable(engine_of(p), kinds[kind].arc, kinds[kind].node, i, on, on ? table : 0, e);
    if (rc) {
        if (on)
            classify_table_unref(p, table);
        return rc;
    }
    remember(acl_of(p), kind, i, table);
    if (old != CLASSIFY_NONE)
        classify_table_unref(p, old);
    return 0;
}

int acl_set_all(struct piste *p, struct if_index i, const u32 tables[ACL_KIND_N], bool add,
                struct error *e)
{
    int rc = 0;
    for (u32 k = 0; add && k < ACL_KIND_N; k++)
        if (tables[k] != CLASSIFY_NONE && !classify_table_at(tables[k]))
            return error_set(e, ENOENT, "No such classifier table");
    for (u32 k = 0; !rc && k < ACL_KIND_N; k++) {
        enum acl_kind kind = (enum acl_kind)k;
        if (tables[k] != CLASSIFY_NONE && (add || acl_table(p, kind, i) == tables[k]))
            rc = acl_set(p, kind, i, add ? tables[k] : CLASSIFY_NONE, e);
    }
    return rc;
}

static void on_interface(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct error e;
    (void)arg;
    for (u32 k = 0; ev == IF_EVENT_DELETE && k < ACL_KIND_N; k++)
        if (acl_table(p, (enum acl_kind)k, f->index) != CLASSIFY_NONE &&
            acl_set(p, (enum acl_kind)k, f->index, CLASSIFY_NONE, &e))
            log_warn(&log_class, "%s: %s", f->name, e.text);
}

/* --- commands --- */

static int set_by_command(struct cli_call *c, const char *direction)
{
    const struct interface *f = cli_interface(c, "interface");
    u32 tables[ACL_KIND_N];
    bool any = false;
    if (!f)
        return error_set(c->err, EINVAL, "Interface must be specified.");
    if (cli_get(c, "ip6-table") || cli_get(c, "ip6-punt-table"))
        return error_set(c->err, EOPNOTSUPP, "there is no IPv6 yet");
    for (u32 k = 0; k < ACL_KIND_N; k++) {
        bool here = !strcmp(kinds[k].direction, direction);
        tables[k] = here ? (u32)cli_u64(c, kinds[k].word, CLASSIFY_NONE) : CLASSIFY_NONE;
        any |= tables[k] != CLASSIFY_NONE;
    }
    if (!any)
        return error_set(c->err, EINVAL, "Table index must be specified.");
    return acl_set_all(c->piste, f->index, tables, !cli_has(c, "del"), c->err);
}

static int set_input(struct cli_call *c)
{
    return set_by_command(c, "input");
}

static int set_output(struct cli_call *c)
{
    return set_by_command(c, "output");
}

static int show(struct cli_call *c, enum acl_kind ip4, enum acl_kind l2)
{
    const struct acl *s = acl_of(c->piste);
    enum acl_kind kind = cli_has(c, "ip4") ? ip4 : l2;
    bool any = false;
    out_array(c->out, "tables");
    for (u32 i = 0; !cli_has(c, "ip6") && i < s->tables[kind].n; i++) {
        if (!s->tables[kind].v[i])
            continue;
        if (!any)
            out_text(c->out, "%10s%20s\t\t%s\n", "Intfc idx", "Classify table", "Interface name");
        any = true;
        out_object(c->out, NULL);
        out_u64(c->out, "sw_if_index", i, "%10" PRIu64);
        out_u64(c->out, "table", s->tables[kind].v[i] - 1, "%20" PRIu64);
        out_str(c->out, "name", interface_at(c->piste, (struct if_index){i})->name, "\t\t%s\n");
        out_end(c->out);
    }
    out_end(c->out);
    if (!any)
        out_text(c->out, "No IN_OUT_ACL tables configured\n");
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
    {"show inacl type ( ip4 | ip6 | l2 )", "Which tables deny what interfaces receive", show_input,
     0},
    {"show outacl type ( ip4 | ip6 | l2 )", "Which tables deny what interfaces send", show_output,
     0},
    {0},
};

static void running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct acl *s = state;
    for (u32 k = 0; phase == RC_INTERFACE && k < ACL_KIND_N; k++)
        for (u32 i = 0; i < s->tables[k].n; i++)
            if (s->tables[k].v[i])
                text_add(t, "set interface %s acl intfc %s %s %u\n", kinds[k].direction,
                         interface_at(p, (struct if_index){i})->name, kinds[k].word,
                         s->tables[k].v[i] - 1);
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

/* VPP's order */
static const char *const before_l2_input[] = {"l2-ip-qos-record", NULL};
static const char *const after_l2_input[] = {"span-l2-input", "l2-policer-classify",
                                             "l2-policer-input", NULL};
static const char *const before_ip4_input[] = {"ip4-policer-classify", NULL};
static const char *const after_ip4_input[] = {"policer-input", "ip4-not-enabled", NULL};
static const char *const after_ip4_output[] = {"policer-output", "ip4-qos-mark",
                                               "vlan-ip4-qos-mark", NULL};
static const char *const before_ip4_punt[] = {"ip4-punt-policer", NULL};
static const char *const before_l2_output[] = {"l2-policer-output", "span-l2-output", NULL};
static const struct feature_def feature_l2_input = {"l2-input", "l2-input-acl", before_l2_input,
                                                    after_l2_input};
static const char *const after_l2_output[] = {"l2-efp-filter", NULL};
static const struct feature_def feature_l2_output = {"l2-output", "l2-output-acl", before_l2_output,
                                                     after_l2_output};
static const struct feature_def feature_ip4_input = {"ip4-unicast", "ip4-inacl", before_ip4_input,
                                                     after_ip4_input};
static const struct feature_def feature_ip4_output = {"ip4-output", "ip4-outacl", NULL,
                                                      after_ip4_output};
static const struct feature_def feature_ip4_punt = {"ip4-punt", "ip4-punt-acl", before_ip4_punt,
                                                    NULL};
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
        vec_free(&s->tables[k]);
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
