/* Records and trace text of the nodes of layer 2. Names, reasons and layouts are VPP's. */
#include "engine/engine.h"
#include "engine/trace.h"
#include "net/packet/ethernet_format.h"
#include "net/l2/l2_node.h"

NODE_DECLARE(l2_input);
NODE_DECLARE(l2_input_end);
NODE_DECLARE(l2_learn);
NODE_DECLARE(l2_fwd);
NODE_DECLARE(l2_uu_fwd);
NODE_DECLARE(l2_flood);
NODE_DECLARE(l2_output);
NODE_DECLARE(l2_output_end);
NODE_DECLARE(l2_feature_drop);
NODE_DECLARE(arp_term_l2bd);
NODE_DECLARE(l2_patch);
NODE_DECLARE(l2_rw);

#define TRACE_FRAME_BYTES 26

/* clang-format off */
#define L2_NEXTS {                                     \
    [L2_NEXT_DROP] = "error-drop",                     \
    [L2_NEXT_FEATURE_DROP] = "feature-bitmap-drop",    \
    [L2_NEXT_LEARN] = "l2-learn",                      \
    [L2_NEXT_FWD] = "l2-fwd",                          \
    [L2_NEXT_FLOOD] = "l2-flood",                      \
    [L2_NEXT_UU_FWD] = "l2-uu-fwd",                    \
    [L2_NEXT_ARP_TERM] = "arp-term-l2bd",              \
    [L2_NEXT_OUTPUT] = "l2-output",                    \
    [L2_NEXT_BVI] = "ethernet-input",                  \
    [L2_NEXT_RW] = "l2-rw",                            \
}
/* clang-format on */

/* --- trace --- */

static void l2_addresses(const struct trace_record *r, struct if_index i, const char *prefix,
                         struct text *out)
{
    text_add(out, "%s sw_if_index %d dst ", prefix, (int)i.i);
    ethernet_format_mac(out, r->data);
    text_puts(out, " src ");
    ethernet_format_mac(out, r->data + 6);
}

/* What a frame may still pass, as the port is set now. */
static void l2_format_input(struct piste *p, const struct trace_record *r, struct text *out)
{
    const struct l2_if *l = l2_if(r->meta.rx_if);
    bool multicast = r->data[0] & 1;
    l2_addresses(r, r->meta.rx_if, "l2-input:", out);
    text_puts(out, " [");
    if (l->mode == L2_MODE_XCONNECT)
        text_puts(out, "l2-output ");
    if (l->flags & L2_IF_LEARN)
        text_puts(out, "l2-learn ");
    if ((l->flags & L2_IF_FORWARD) && !multicast)
        text_puts(out, "l2-fwd ");
    if ((l->flags & L2_IF_UU_FWD) && !multicast)
        text_puts(out, "l2-uu-fwd ");
    if ((l->flags & L2_IF_UU_FLOOD) && !multicast)
        text_puts(out, "l2-flood ");
    if ((l->flags & L2_IF_ARP_TERM) && multicast)
        text_puts(out, "arp-term-l2bd ");
    if (l->flags & L2_IF_FLOOD)
        text_puts(out, "l2-flood ");
    text_putc(out, ']');
}

static void with_domain(const struct trace_record *r, const char *prefix, struct text *out)
{
    l2_addresses(r, r->meta.rx_if, prefix, out);
    text_add(out, " bd_index %u", l2_bd_of(r->meta.rx_if));
}

static void format_learn(struct piste *p, const struct trace_record *r, struct text *out)
{
    with_domain(r, "l2-learn:", out);
}

static void format_fwd(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct l2_state *s = l2_state_of(p);
    struct l2_fib_entry e;
    u32 bd = l2_bd_of(r->meta.rx_if);
    with_domain(r, "l2-fwd:  ", out);
    if (!l2_fib_find(s, bd, r->data, &e)) {
        text_puts(out, " result [0xffffffffffffffff, -1] none");
        return;
    }
    const struct l2_bd *domain = l2_bd_at(s, bd);
    u64 seq =
        if_is_none(e.interface) || !domain ? 0 : (u64)domain->seq << 8 | l2_if(e.interface)->seq;
    u64 raw = seq << 48 | (u64)(e.is_static | e.bvi << 2 | e.filter << 3) << 32 | e.interface.i;
    text_add(out, " result [0x%llx, %d]", (unsigned long long)raw, (int)e.interface.i);
    text_puts(out, e.is_static || e.bvi || e.filter ? "" : " none");
    text_puts(out, e.is_static ? " static" : "");
    text_puts(out, e.bvi ? " bvi" : "");
    text_puts(out, e.filter ? " filter" : "");
}

static void format_flood(struct piste *p, const struct trace_record *r, struct text *out)
{
    with_domain(r, "l2-flood:", out);
}

static void format_uu_fwd(struct piste *p, const struct trace_record *r, struct text *out)
{
    with_domain(r, "l2-uu-fwd:", out);
}

static void l2_format_output(struct piste *p, const struct trace_record *r, struct text *out)
{
    l2_addresses(r, r->meta.tx_if, "l2-output:", out);
    text_puts(out, " data");
    for (u32 i = 12; i < 24 && i < r->data_len; i++)
        text_add(out, " %02x", r->data[i]);
}

static void format_feature_drop(struct piste *p, const struct trace_record *r, struct text *out)
{
    l2_addresses(r, r->meta.rx_if, "feature-bitmap-drop:", out);
}

static void format_arp_term(struct piste *p, const struct trace_record *r, struct text *out)
{
    ethernet_format_frame(out, r->data, r->data_len, 0);
}

static void format_rw(struct piste *p, const struct trace_record *r, struct text *out)
{
    with_domain(r, "l2-rw:", out);
}

static void format_patch(struct piste *p, const struct trace_record *r, struct text *out)
{
    text_add(out, "L2_PATCH: rx %d tx %d", (int)r->meta.rx_if.i, (int)r->meta.tx_if.i);
}

/* --- reasons --- */

static const struct node_error input_errors[L2_INPUT_ERR_N] = {
    [L2_INPUT_ERR_PACKETS] = {"l2input", "L2 input packets", SEVERITY_ERROR},
    [L2_INPUT_ERR_REWRITE] = {"vtr_drop", "L2 input tag rewrite does not fit the frame",
                              SEVERITY_ERROR},
};

static const struct node_error learn_errors[L2_LEARN_ERR_N] = {
    [L2_LEARN_ERR_PACKETS] = {"l2learn", "L2 learn packets", SEVERITY_ERROR},
    [L2_LEARN_ERR_MISS] = {"miss", "L2 learn misses", SEVERITY_ERROR},
    [L2_LEARN_ERR_MOVE] = {"mac_move", "L2 mac moves", SEVERITY_ERROR},
    [L2_LEARN_ERR_VIOLATE] = {"mac_move_violate", "L2 mac move violations", SEVERITY_ERROR},
    [L2_LEARN_ERR_LIMIT] = {"limit", "L2 not learned due to limit", SEVERITY_ERROR},
    [L2_LEARN_ERR_UPDATE] = {"hit_update", "L2 learn hit updates", SEVERITY_ERROR},
    [L2_LEARN_ERR_FILTER] = {"filter_drop", "L2 filter mac drops", SEVERITY_ERROR},
    [L2_LEARN_ERR_FULL] = {"table_full", "L2 not learned since the MAC table is full",
                           SEVERITY_ERROR},
    [L2_LEARN_ERR_SOURCE] = {"bad_source", "L2 source mac is multicast or zero", SEVERITY_ERROR},
    [L2_LEARN_ERR_STORM] = {"mac_move_storm", "L2 mac moves over the rate limit", SEVERITY_ERROR},
};

static const struct node_error fwd_errors[L2_FWD_ERR_N] = {
    [L2_FWD_ERR_PACKETS] = {"l2fwd", "L2 forward packets", SEVERITY_ERROR},
    [L2_FWD_ERR_MISS] = {"flood", "L2 forward misses", SEVERITY_ERROR},
    [L2_FWD_ERR_HIT] = {"hit", "L2 forward hits", SEVERITY_ERROR},
    [L2_FWD_ERR_FILTER] = {"filter_drop", "Filter Mac Drop", SEVERITY_ERROR},
    [L2_FWD_ERR_REFLECT] = {"reflect_drop", "Reflection Drop", SEVERITY_ERROR},
    [L2_FWD_ERR_STALE] = {"stale_drop", "Stale entry Drop", SEVERITY_ERROR},
};

static const struct node_error flood_errors[L2_FLOOD_ERR_N] = {
    [L2_FLOOD_ERR_PACKETS] = {"l2flood", "L2 flood packets", SEVERITY_ERROR},
    [L2_FLOOD_ERR_FAIL] = {"repl_fail", "L2 replication failures", SEVERITY_ERROR},
    [L2_FLOOD_ERR_NO_MEMBERS] = {"no_members", "L2 replication complete", SEVERITY_ERROR},
    [L2_FLOOD_ERR_BVI_MAC] = {"bvi_bad_mac", "BVI L3 mac mismatch", SEVERITY_ERROR},
};

static const struct node_error uu_fwd_errors[L2_UU_FWD_ERR_N] = {
    [L2_UU_FWD_ERR_PACKETS] = {"l2uufwd", "L2 UU fwd", SEVERITY_ERROR},
};

static const struct node_error output_errors[L2_OUTPUT_ERR_N] = {
    [L2_OUTPUT_ERR_PACKETS] = {"l2output", "L2 output packets", SEVERITY_ERROR},
    [L2_OUTPUT_ERR_SHG] = {"shg_drop", "L2 split horizon drops", SEVERITY_ERROR},
    [L2_OUTPUT_ERR_INTERFACE] = {"mapping_drop", "L2 Output interface not valid", SEVERITY_ERROR},
    [L2_OUTPUT_ERR_REWRITE] = {"vtr_drop", "L2 output tag rewrite drops", SEVERITY_ERROR},
    [L2_OUTPUT_ERR_EFP] = {"efp_drop", "L2 EFP filter pre-rewrite drops", SEVERITY_ERROR},
};

static const struct node_error arp_term_errors[ARP_TERM_ERR_N] = {
    [ARP_TERM_ERR_REPLIES] = {"replies_sent", "ARP replies sent", SEVERITY_INFO},
    [ARP_TERM_ERR_ND_REPLIES] = {"nd_replies_sent", "neighbor advertisements sent", SEVERITY_INFO},
    [ARP_TERM_ERR_UFWD] = {"unicast_forwarded", "requests sent on by unicast", SEVERITY_INFO},
    [ARP_TERM_ERR_MISS] = {"miss", "requests for unknown addresses", SEVERITY_INFO},
    [ARP_TERM_ERR_MISMATCH] = {"l2_address_mismatch",
                               "ARP hw addr does not match L2 frame src addr", SEVERITY_ERROR},
    [ARP_TERM_ERR_UNTOLD] = {"untold", "stations over the rate at which API clients are told",
                             SEVERITY_INFO},
};

static const struct node_error patch_errors[L2_PATCH_ERR_N] = {
    [L2_PATCH_ERR_PACKETS] = {"patched", "L2 patch packets", SEVERITY_INFO},
};

static const struct node_error rw_errors[L2_RW_ERR_N] = {
    [L2_RW_ERR_PACKETS] = {"l2rw", "L2 rewrite packets", SEVERITY_INFO},
    [L2_RW_ERR_REWRITTEN] = {"rewritten", "L2 frames rewritten", SEVERITY_INFO},
    [L2_RW_ERR_NO_BUFFER] = {"no_buffer", "L2 frames to rewrite that found no buffer",
                             SEVERITY_ERROR},
};

static const struct node_error feature_drop_errors[L2_FEATURE_DROP_ERR_N] = {
    [L2_FEATURE_DROP_ERR_DISABLED] = {"fwd_disabled", "L2 feature forwarding disabled",
                                      SEVERITY_ERROR},
};

/* --- records --- */

static const struct node_def input_node = {
    .name = "l2-input",
    .run = NODE_VARIANTS(l2_input),
    .plain = NODE_PLAIN_LINK,
    .next = L2_NEXTS,
    .n_next = L2_NEXT_N,
    .errors = input_errors,
    .errors_by_description = true,
    .n_errors = L2_INPUT_ERR_N,
    .format_trace = l2_format_input,
    .trace_bytes = TRACE_FRAME_BYTES,
};

static const struct node_def input_end_node = {
    .name = "l2-input-feat-arc-end",
    .run = NODE_VARIANTS(l2_input_end),
    .next = L2_NEXTS,
    .n_next = L2_NEXT_N,
    .errors = input_errors,
    .errors_by_description = true,
    .n_errors = L2_INPUT_ERR_N,
    .format_trace = l2_format_input,
    .trace_bytes = TRACE_FRAME_BYTES,
};

static const struct node_def learn_node = {
    .name = "l2-learn",
    .run = NODE_VARIANTS(l2_learn),
    .plain = NODE_PLAIN_LINK,
    .next = L2_NEXTS,
    .n_next = L2_NEXT_N,
    .errors = learn_errors,
    .errors_by_description = true,
    .n_errors = L2_LEARN_ERR_N,
    .format_trace = format_learn,
    .trace_bytes = TRACE_FRAME_BYTES,
};

static const struct node_def fwd_node = {
    .name = "l2-fwd",
    .run = NODE_VARIANTS(l2_fwd),
    .plain = NODE_PLAIN_LINK,
    .next = L2_NEXTS,
    .n_next = L2_NEXT_N,
    .errors = fwd_errors,
    .errors_by_description = true,
    .n_errors = L2_FWD_ERR_N,
    .format_trace = format_fwd,
    .trace_bytes = TRACE_FRAME_BYTES,
};

static const struct node_def uu_fwd_node = {
    .name = "l2-uu-fwd",
    .run = NODE_VARIANTS(l2_uu_fwd),
    .next = L2_NEXTS,
    .n_next = L2_NEXT_N,
    .errors = uu_fwd_errors,
    .errors_by_description = true,
    .n_errors = L2_UU_FWD_ERR_N,
    .format_trace = format_uu_fwd,
    .trace_bytes = TRACE_FRAME_BYTES,
};

static const struct node_def flood_node = {
    .name = "l2-flood",
    .run = NODE_VARIANTS(l2_flood),
    .next = L2_NEXTS,
    .n_next = L2_NEXT_N,
    .errors = flood_errors,
    .errors_by_description = true,
    .n_errors = L2_FLOOD_ERR_N,
    .format_trace = format_flood,
    .trace_bytes = TRACE_FRAME_BYTES,
};

static const struct node_def arp_term_node = {
    .name = "arp-term-l2bd",
    .run = NODE_VARIANTS(arp_term_l2bd),
    .next = L2_NEXTS,
    .n_next = L2_NEXT_N,
    .errors = arp_term_errors,
    .errors_by_description = true,
    .n_errors = ARP_TERM_ERR_N,
    .format_trace = format_arp_term,
};

static const struct node_def output_node = {
    .name = "l2-output",
    .run = NODE_VARIANTS(l2_output),
    .plain = NODE_PLAIN_LINK,
    .next = {[L2_NEXT_DROP] = "error-drop"},
    .n_next = 1,
    .errors = output_errors,
    .errors_by_description = true,
    .n_errors = L2_OUTPUT_ERR_N,
    .format_trace = l2_format_output,
    .trace_bytes = TRACE_FRAME_BYTES,
};

static const struct node_def output_end_node = {
    .name = "l2-output-feat-arc-end",
    .run = NODE_VARIANTS(l2_output_end),
    .next = {[L2_NEXT_DROP] = "error-drop"},
    .n_next = 1,
    .errors = output_errors,
    .errors_by_description = true,
    .n_errors = L2_OUTPUT_ERR_N,
    .format_trace = l2_format_output,
    .trace_bytes = TRACE_FRAME_BYTES,
};

static const struct node_def patch_node = {
    .name = "l2-patch",
    .run = NODE_VARIANTS(l2_patch),
    .next = {"error-drop"},
    .n_next = 1,
    .errors = patch_errors,
    .errors_by_description = true,
    .n_errors = L2_PATCH_ERR_N,
    .format_trace = format_patch,
    .trace_bytes = TRACE_FRAME_BYTES,
};

static const struct node_def rw_node = {
    .name = "l2-rw",
    .run = NODE_VARIANTS(l2_rw),
    .next = L2_NEXTS,
    .n_next = L2_NEXT_N,
    .errors = rw_errors,
    .errors_by_description = true,
    .n_errors = L2_RW_ERR_N,
    .format_trace = format_rw,
    .trace_bytes = TRACE_FRAME_BYTES,
};

static const struct node_def feature_drop_node = {
    .name = "feature-bitmap-drop",
    .run = NODE_VARIANTS(l2_feature_drop),
    .next = {"error-drop"},
    .n_next = 1,
    .errors = feature_drop_errors,
    .errors_by_description = true,
    .n_errors = L2_FEATURE_DROP_ERR_N,
    .format_trace = format_feature_drop,
    .trace_bytes = TRACE_FRAME_BYTES,
};

const struct node_def *const l2_nodes[] = {
    &input_node,        &input_end_node, &learn_node,  &fwd_node,        &uu_fwd_node,
    &flood_node,        &arp_term_node,  &output_node, &output_end_node, &patch_node,
    &feature_drop_node, &rw_node,        NULL,
};
