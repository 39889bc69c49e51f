/* The record of ip-classify, and its nodes. See ip_classify.h. */
#include <string.h>

#include "base/text.h"
#include "control/module.h"
#include "engine/thread.h"
#include "engine/trace.h"
#include "net/features/classify/acl_node.h"
#include "net/features/classify/classify.h"
#include "net/features/classify/ip_classify.h"
#include "net/ip/fib/fib.h"

static void ip_classify_format_trace(struct piste *p, const struct trace_record *r,
                                     struct text *out)
{
    struct acl_trace note;
    memcpy(&note, r->extra, sizeof(note));
    text_add(out, "IP_CLASSIFY: next_index %d, table %d, entry %d", r->next, (int)note.table,
             (int)note.session);
}

static const struct node_error ip_classify_errors[IP_CLASSIFY_ERR_N] = {
    [IP_CLASSIFY_ERR_MISS] = {"miss", "Classify misses", SEVERITY_INFO},
    [IP_CLASSIFY_ERR_HIT] = {"hit", "Classify hits", SEVERITY_INFO},
    [IP_CLASSIFY_ERR_CHAIN_HIT] = {"chain_hit", "Classify hits after chain walk", SEVERITY_INFO},
    [IP_CLASSIFY_ERR_DROP] = {"drop", "Classify action drop", SEVERITY_ERROR},
    [IP_CLASSIFY_ERR_LOOP] = {"loop", "Classified too often", SEVERITY_ERROR},
};

#define IP_CLASSIFY_NODE(ip, c_name)                                                               \
    {                                                                                              \
        .name = ip "-classify", .run = NODE_VARIANTS(c_name),                                      \
        .next = {[IP_CLASSIFY_NEXT_DROP] = ip "-drop",                                             \
                 [IP_CLASSIFY_NEXT_PUNT] = ip "-punt",                                             \
                 [IP_CLASSIFY_NEXT_LOCAL] = ip "-receive",                                         \
                 [IP_CLASSIFY_NEXT_LOOKUP] = ip "-lookup"},                                        \
        .n_next = IP_CLASSIFY_NEXT_N, .errors = ip_classify_errors, .n_errors = IP_CLASSIFY_ERR_N, \
        .errors_by_description = true, .format_trace = ip_classify_format_trace,                   \
    }

static const struct node_def ip_classify_nodes[IP_FAMILY_N] = {
    [IP_FAMILY_4] = IP_CLASSIFY_NODE("ip4", ip4_classify),
    [IP_FAMILY_6] = IP_CLASSIFY_NODE("ip6", ip6_classify),
};

static bool ip_classify_has(u32 table)
{
    return classify_table_at(table) != NULL;
}

static void ip_classify_hold(struct piste *p, u32 table)
{
    struct error e;
    (void)!classify_table_ref(p, table, &e); /* it is there: whoever asks has looked */
}

static int ip_classify_init(struct piste *p, void **state, struct error *e)
{
    struct fib_classifier c = {
        .has = ip_classify_has,
        .hold = ip_classify_hold,
        .release = classify_table_unref,
    };
    for (u32 k = 0; k < IP_FAMILY_N; k++)
        c.node[k] = node_register(engine_of(p), &ip_classify_nodes[k], NULL, NULL);
    fib_set_classifier(fib_of(p), &c);
    return 0;
}

static void ip_classify_stop(struct piste *p, void *state)
{
    fib_set_classifier(fib_of(p), NULL);
}

const struct module ip_classify_module = {
    .abi = MODULE_ABI,
    .name = "ip-classify",
    .description = "Routes through classifier tables",
    .needs = (const char *const[]){"classify", "fib", "ip4", "ip6", NULL},
    .init = ip_classify_init,
    .stop = ip_classify_stop,
};
