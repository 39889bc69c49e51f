/* `classify filter`. Source: VPP's words. */
#include <errno.h>
#include <inttypes.h>

#include "base/text.h"
#include "control/cli.h"
#include "net/features/classify/classify_filter.h"
#include "net/features/classify/classify_filter_internal.h"
#include "net/features/classify/classify_internal.h"
#include "net/features/classify/classify_parse.h"
#include "net/link/interface/interface.h"

#define BUCKETS 8

static u32 target_table(struct cli_call *c, struct if_index i)
{
    return cli_has(c, "trace") ? classify_filter_trace(c->piste)
                               : classify_filter_pcap(c->piste, i);
}

static int target_set(struct cli_call *c, struct if_index i, u32 table)
{
    return cli_has(c, "trace") ? classify_filter_set_trace(c->piste, table, c->err)
                               : classify_filter_set_pcap(c->piste, i, table, c->err);
}

/* A session in the filter's table of that mask, which is made in front of the others if there is
 * none. */
static int classify_filter_cli_add(struct cli_call *c, struct if_index i, const char *mask,
                                   const char *match)
{
    struct classify_bytes mask_bytes, match_bytes;
    struct classify_table_args a = {.skip = CLASSIFY_NONE,
                                    .match = CLASSIFY_NONE,
                                    .buckets = (u32)cli_u64(c, "buckets", BUCKETS),
                                    .miss_next = CLASSIFY_NONE};
    u32 first = target_table(c, i);
    if (classify_parse_mask(&mask, &mask_bytes) || classify_parse_match(&match, &match_bytes))
        return error_set(c->err, EINVAL, "unknown mask or match");
    int rc = classify_fit_mask(&mask_bytes, &a, c->err);
    if (rc)
        return rc;
    if (a.match > CLASSIFY_MATCH_MAX || a.skip > CLASSIFY_SKIP_MAX)
        return error_set(c->err, EINVAL, "the mask is too long");
    u32 table = classify_filter_find(first, a.skip, a.match, a.mask);
    bool is_new = table == CLASSIFY_NONE;
    a.next_table = first;
    if (is_new)
        rc = classify_table_add(c->piste, &a, &table, c->err);
    if (rc)
        return rc;
    const struct classify_session_args session = {
        .match = match_bytes.bytes, .next = 1, .opaque = CLASSIFY_NONE};
    rc = classify_session_add(c->piste, table, &session, c->err);
    if (!rc && is_new)
        rc = target_set(c, i, table);
    if (rc && is_new)
        (void)!classify_table_del(c->piste, table, false, NULL);
    return rc;
}

static int classify_filter_cli_del(struct cli_call *c, struct if_index i)
{
    u32 first = target_table(c, i);
    if (first == CLASSIFY_NONE)
        return error_set(c->err, ENOENT, "no such filter");
    int rc = target_set(c, i, CLASSIFY_NONE);
    if (!rc) /* unless others use them */
        (void)!classify_table_del(c->piste, first, true, NULL);
    return rc;
}

static int classify_filter_cli_set(struct cli_call *c)
{
    const struct interface *f = cli_interface(c, "interface");
    struct if_index i = f ? f->index : IF_NONE;
    const char *mask = cli_str(c, "mask", NULL), *match = cli_str(c, "match", NULL);
    if (cli_has(c, "del"))
        return classify_filter_cli_del(c, i);
    if (cli_get(c, "index"))
        return target_set(c, i, (u32)cli_u64(c, "index", 0));
    if (!mask)
        return error_set(c->err, EINVAL, "Mask required");
    if (!match)
        return error_set(c->err, EINVAL, "Match value required");
    return classify_filter_cli_add(c, i, mask, match);
}

static void classify_filter_cli_show_one(struct out *o, const char *who, u32 table)
{
    out_object(o, NULL);
    out_str(o, "filter", who, "%-25s ");
    if (table == CLASSIFY_NONE)
        out_text(o, "first table none\n");
    else
        out_u64(o, "table", table, "first table %" PRIu64 "\n");
    out_end(o);
}

static int classify_filter_cli_show(struct cli_call *c)
{
    const struct classify_filter *s = classify_filter_state(c->piste);
    out_text(c->out, "%-25s %s\n%-25s %s\n", "Filter Used By", "Table(s)", "--------------",
             "--------");
    out_array(c->out, "filters");
    classify_filter_cli_show_one(c->out, "packet tracer:", s->trace);
    classify_filter_cli_show_one(c->out,
                                 "pcap rx/tx/drop:", classify_filter_pcap(c->piste, IF_NONE));
    for (u32 k = 0; k < s->pcap.n; k++)
        if (!if_is_none(s->pcap.v[k].interface))
            classify_filter_cli_show_one(
                c->out, interface_at(c->piste, s->pcap.v[k].interface)->name, s->pcap.v[k].table);
    out_end(c->out);
    return 0;
}

const struct cli_command classify_filter_commands[] = {
    {"classify filter ( trace | pcap | <interface> ) [mask <mask:classify-mask>]"
     " [match <match:classify-match>] [buckets <buckets:u32>] [memory-size <memory-size:size>]"
     " [table <index:u32>] [del]",
     "Picks the packets that `trace add ... filter' and `pcap trace ... filter' are about",
     classify_filter_cli_set, 0},
    {"show classify filter [verbose]", "Tables that packets to trace and to capture are picked by",
     classify_filter_cli_show, 0},
    {0},
};

void classify_filter_running_config(struct piste *p, void *state, enum rc_phase phase,
                                    struct text *t)
{
    const struct classify_filter *s = state;
    if (phase != RC_INTERFACE)
        return;
    if (s->trace != CLASSIFY_NONE)
        text_add(t, "classify filter trace table %u\n", s->trace);
    for (u32 k = 0; k < s->pcap.n; k++) {
        const struct classify_filter_of *x = &s->pcap.v[k];
        text_add(t, "classify filter %s table %u\n",
                 if_is_none(x->interface) ? "pcap" : interface_at(p, x->interface)->name, x->table);
    }
}
