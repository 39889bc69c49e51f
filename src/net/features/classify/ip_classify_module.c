/* The record of ip-classify, and its nodes. See ip_classify.h. */
#include <string.h>

#include "base/text.h"
#include "control/module.h"
#include "engine/thread.h"
#include "engine/trace.h"
#include "net/features/classify/acl_node.h"
#include "net/features/classify/ip_classify_internal.h"

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

const struct node_def ip_classify_nodes[IP_FAMILY_N] = {
    [IP_FAMILY_4] = IP_CLASSIFY_NODE("ip4", ip4_classify),
    [IP_FAMILY_6] = IP_CLASSIFY_NODE("ip6", ip6_classify),
};

const struct module ip_classify_module = {
    .abi = MODULE_ABI,
    .name = ip_classify_module_name,
    .description = "Routes through classifier tables",
    .needs = (const char *const[]){"address", "classify", "fib", "ip4", "ip6", NULL},
    .commands = ip_classify_commands,
    .init = ip_classify_init,
    .stop = ip_classify_stop,
    .running_config = ip_classify_running_config,
};
