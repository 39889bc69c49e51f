/* ARP packets that this switch sends of itself, and the records of the nodes. */
#include <errno.h>
#include <string.h>

#include "control/module.h"
#include "engine/feature.h"
#include "engine/thread.h"
#include "engine/trace.h"
#include "net/ip/ip4/ip4_forward.h"
#include "net/link/interface/interface.h"
#include "net/ip/ip4/ip4.h"
#include "net/packet/ip4_format.h"
#include "net/ip/neighbor/neighbor_node.h"

u32 neighbor_pending;
struct proxy_ranges *arp_proxy_ranges;
struct counter_vec *arp_counters[ARP_COUNTER_N];

void arp_counters_init(struct engine *e)
{
    static const char *const names[ARP_COUNTER_N] = {
        [ARP_RX_REQUESTS] = "/net/arp/rx/requests",
        [ARP_RX_REPLIES] = "/net/arp/rx/replies",
        [ARP_RX_GRATUITOUS] = "/net/arp/rx/gratuitous",
        [ARP_TX_REQUESTS] = "/net/arp/tx/requests",
        [ARP_TX_REPLIES] = "/net/arp/tx/replies",
        [ARP_TX_GRATUITOUS] = "/net/arp/tx/gratuitous",
    };
    for (u32 i = 0; i < ARP_COUNTER_N; i++)
        arp_counters[i] = counter_vec_new(e, names[i], false, IF_MAX);
}

void arp_counters_begin(struct if_index i)
{
    for (u32 k = 0; k < ARP_COUNTER_N; k++)
        counter_zero(arp_counters[k], i.i);
}

void arp_counters_fini(void)
{
    for (u32 i = 0; i < ARP_COUNTER_N; i++) {
        counter_vec_free(arp_counters[i]);
        arp_counters[i] = NULL;
    }
}

/* --- sending --- */

/* A frame from f with nothing behind its link header. */
static u32 frame_new(struct piste *p, const struct interface *f, const u8 *dst)
{
    struct thread *t = engine_main_thread(engine_of(p));
    u32 bi;
    u8 header[FIB_LINK_HEADER_BYTES_MAX];
    u32 bytes = fib_link_header(fib_of(p), f->index, dst, 0x0806, header);
    if (!bytes || buffer_alloc(t, BUFFER_POOL_DEFAULT, &bi, 1) != 1)
        return BUFFER_NONE;
    struct buffer *b = buffer_at(bi);
    b->flags |= BUFFER_LOCAL;
    b->tx_if = f->index;
    b->l2_start = b->start;
    b->l3_start = (i16)(b->start + (i32)bytes);
    memcpy(buffer_current(b), header, bytes);
    b->len = (u16)bytes;
    return bi;
}

static int send(struct piste *p, const struct interface *f, const struct arp_header *h,
                const u8 *dst, enum arp_counter counter)
{
    struct engine *e = engine_of(p);
    u32 bi = frame_new(p, f, dst);
    if (bi == BUFFER_NONE)
        return -ENOBUFS;
    struct buffer *b = buffer_at(bi);
    memcpy(b->data + b->start + b->len, h, sizeof(*h));
    b->len = (u16)(b->len + sizeof(*h));
    if (thread_inject(e, f->output_node, &bi, 1) != 1) {
        buffer_free_one(engine_main_thread(e), bi);
        return -ENOBUFS;
    }
    counter_simple(arp_counters[counter], 0)[f->index.i]++;
    return 0;
}

static struct arp_header header_make(const struct interface *f, u16 opcode, be32 sender,
                                     be32 target)
{
    struct arp_header h = {
        .hardware_type = be16_from_host(ARP_HARDWARE_ETHERNET),
        .protocol_type = be16_from_host(ARP_PROTOCOL_IP4),
        .hardware_len = 6,
        .protocol_len = 4,
        .opcode = be16_from_host(opcode),
        .sender = sender,
        .target = target,
    };
    memcpy(h.sender_mac, f->mac, 6);
    return h;
}

static const u8 everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static const struct interface *link_of(struct piste *p, struct if_index i)
{
    const struct interface *f = interface_at(p, i);
    return f && f->has_mac && f->admin_up ? f : NULL;
}

int arp_send_request(struct piste *p, struct if_index i, be32 addr, const u8 *mac)
{
    const struct interface *f = link_of(p, i);
    be32 own;
    if (!f)
        return -ENETUNREACH;
    if (!ip4_link_source(p, i, addr, &own))
        return -EADDRNOTAVAIL;
    struct arp_header h = header_make(f, ARP_REQUEST, own, addr);
    return send(p, f, &h, mac ? mac : everybody, ARP_TX_REQUESTS);
}

void arp_send_gratuitous(struct piste *p, struct if_index i, be32 addr)
{
    const struct interface *f = link_of(p, i);
    if (!f || (f->cls->comes_back && !f->is_bvi))
        return; /* nobody else would hear it */
    struct arp_header h = header_make(f, ARP_REQUEST, addr, addr);
    if (send(p, f, &h, everybody, ARP_TX_GRATUITOUS))
        return; /* nobody depends on it: they will ask */
}

/* --- trace --- */

static void add_mac(struct text *t, const u8 *m)
{
    text_add(t, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

void arp_format(struct text *t, const void *packet, u32 n, unsigned indent)
{
    struct arp_header h;
    text_repeat(t, ' ', indent);
    if (n < sizeof(h)) {
        text_puts(t, "ARP header truncated");
        return;
    }
    memcpy(&h, packet, sizeof(h));
    u16 opcode = be16_to_host(h.opcode), type = be16_to_host(h.hardware_type);
    if (opcode == ARP_REQUEST || opcode == ARP_REPLY)
        text_puts(t, opcode == ARP_REQUEST ? "request" : "reply");
    else
        text_add(t, "unknown 0x%x", opcode);
    if (type == ARP_HARDWARE_ETHERNET)
        text_puts(t, ", type ethernet/");
    else
        text_add(t, ", type unknown 0x%x/", type);
    if (be16_is(h.protocol_type, ARP_PROTOCOL_IP4))
        text_puts(t, "IP4");
    else
        text_add(t, "0x%04x", be16_to_host(h.protocol_type));
    text_add(t, ", address size %u/%u\n", h.hardware_len, h.protocol_len);
    text_repeat(t, ' ', indent);
    add_mac(t, h.sender_mac);
    text_putc(t, '/');
    ip4_format_address(t, h.sender);
    text_puts(t, " -> ");
    add_mac(t, h.target_mac);
    text_putc(t, '/');
    ip4_format_address(t, h.target);
}

static void format_arp(struct piste *p, const struct trace_record *r, struct text *out)
{
    arp_format(out, r->data, r->data_len, 0);
}

static void format_hold(struct piste *p, const struct trace_record *r, struct text *out)
{
    ip4_format_forward_trace(p, r, out);
}

/* --- records --- */

static const struct node_error arp_errors[ARP_ERR_N] = {
    [ARP_ERR_REPLIES_SENT] = {"replies_sent", "ARP replies sent", SEVERITY_INFO},
    [ARP_ERR_DISABLED] = {"disabled", "ARP Disabled", SEVERITY_ERROR},
    [ARP_ERR_L2_TYPE_NOT_ETHERNET] = {"l2_type_not_ethernet", "L2 type not ethernet",
                                      SEVERITY_ERROR},
    [ARP_ERR_L3_TYPE_NOT_IP4] = {"l3_type_not_ip4", "L3 type not IP4", SEVERITY_ERROR},
    [ARP_ERR_L3_SRC_ADDRESS_NOT_LOCAL] = {"l3_src_address_not_local",
                                          "IP4 source address not local to subnet", SEVERITY_ERROR},
    [ARP_ERR_L3_DST_ADDRESS_NOT_LOCAL] = {"l3_dst_address_not_local",
                                          "IP4 destination address not local to subnet",
                                          SEVERITY_ERROR},
    [ARP_ERR_L3_DST_ADDRESS_UNSET] = {"l3_dst_address_unset", "IP4 destination address is unset",
                                      SEVERITY_ERROR},
    [ARP_ERR_L3_SRC_ADDRESS_IS_LOCAL] = {"l3_src_address_is_local",
                                         "IP4 source address matches local interface",
                                         SEVERITY_ERROR},
    [ARP_ERR_L3_SRC_ADDRESS_LEARNED] = {"l3_src_address_learned",
                                        "ARP request IP4 source address learned", SEVERITY_INFO},
    [ARP_ERR_REPLIES_RECEIVED] = {"replies_received", "ARP replies received", SEVERITY_INFO},
    [ARP_ERR_OPCODE_NOT_REQUEST] = {"opcode_not_request", "ARP opcode not request", SEVERITY_ERROR},
    [ARP_ERR_PROXY_ARP_REPLIES_SENT] = {"proxy_arp_replies_sent", "Proxy ARP replies sent",
                                        SEVERITY_INFO},
    [ARP_ERR_L2_ADDRESS_MISMATCH] = {"l2_address_mismatch",
                                     "ARP hw addr does not match L2 frame src addr",
                                     SEVERITY_ERROR},
    [ARP_ERR_GRATUITOUS_ARP] = {"gratuitous_arp", "ARP probe or announcement dropped",
                                SEVERITY_INFO},
    [ARP_ERR_INTERFACE_NO_TABLE] = {"interface_no_table", "Interface is not mapped to an IP table",
                                    SEVERITY_ERROR},
    [ARP_ERR_INTERFACE_NOT_IP_ENABLED] = {"interface_not_ip_enabled", "Interface is not IP enabled",
                                          SEVERITY_ERROR},
    [ARP_ERR_UNNUMBERED_MISMATCH] = {"unnumbered_mismatch",
                                     "RX interface is unnumbered to different subnet",
                                     SEVERITY_ERROR},
    [ARP_ERR_TOO_SHORT] = {"too_short", "ARP packet is too short", SEVERITY_ERROR},
    [ARP_ERR_BAD_SENDER_MAC] = {"bad_sender_mac", "ARP sender is no station", SEVERITY_ERROR},
};

#define ARP_NODE(c_name, text_name)                                                                \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name), .next = {"error-drop"},                   \
        .n_next = ARP_N_NEXT, .errors = arp_errors, .n_errors = ARP_ERR_N,                         \
        .format_trace = format_arp,                                                                \
    }

static const struct node_def input_node = ARP_NODE(arp_input, "arp-input");
static const struct node_def reply_node = ARP_NODE(arp_reply, "arp-reply");
static const struct node_def proxy_node = ARP_NODE(arp_proxy, "arp-proxy");
static const struct node_def disabled_node = ARP_NODE(arp_disabled, "arp-disabled");

static const struct node_error hold_errors[IP4_ARP_ERR_N] = {
    [IP4_ARP_ERR_THROTTLED] = {"throttled", "ARP requests throttled", SEVERITY_INFO},
    [IP4_ARP_ERR_RESOLVED] = {"resolved", "ARP requests resolved", SEVERITY_INFO},
    [IP4_ARP_ERR_NO_BUFFERS] = {"no_buffers", "ARP requests out of buffer", SEVERITY_ERROR},
    [IP4_ARP_ERR_REQUEST_SENT] = {"request_sent", "ARP requests sent", SEVERITY_INFO},
    [IP4_ARP_ERR_NON_ARP_ADJ] = {"non_arp_adj", "ARPs to non-ARP adjacencies", SEVERITY_ERROR},
    [IP4_ARP_ERR_NO_SOURCE_ADDRESS] = {"no_source_address", "no source address for ARP request",
                                       SEVERITY_ERROR},
    [IP4_ARP_ERR_NO_ANSWER] = {"no_answer", "next hop does not answer", SEVERITY_ERROR},
};

#define HOLD_NODE(c_name, text_name)                                                               \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name),                                           \
        .next = {[IP4_ARP_NEXT_DROP] = "ip4-drop", [IP4_ARP_NEXT_REWRITE] = "ip4-rewrite"},        \
        .n_next = IP4_ARP_N_NEXT, .errors = hold_errors, .n_errors = IP4_ARP_ERR_N,                \
        .format_trace = format_hold,                                                               \
    }

static const struct node_def arp_node = HOLD_NODE(ip4_arp, "ip4-arp");
static const struct node_def glean_node = HOLD_NODE(ip4_glean, "ip4-glean");

static const struct node_def *const nodes[] = {
    &input_node, &reply_node, &proxy_node, &disabled_node, &arp_node, &glean_node, NULL,
};

static const struct feature_arc_def arp_arc = {
    .name = "arp",
    .start_nodes = (const char *const[]){"arp-input", NULL},
    .end_node = "error-drop",
    .slots = (const char *const[]){"arping-input", "arp-reply", "arp-proxy", "arp-disabled", NULL},
};

static const struct feature_arc_def *const arcs[] = {&arp_arc, NULL};

static const struct feature_def reply_feature = {.arc = "arp", .node = "arp-reply"};
static const struct feature_def proxy_feature = {.arc = "arp", .node = "arp-proxy"};
static const struct feature_def disabled_feature = {.arc = "arp", .node = "arp-disabled"};

static const struct feature_def *const features[] = {&reply_feature, &proxy_feature,
                                                     &disabled_feature, NULL};

static const char *const needs[] = {"interface", NULL};

/* The nodes alone: the neighbour module looks for them when it begins. */
const struct module arp_module = {
    .abi = MODULE_ABI,
    .name = "arp",
    .description = "ARP nodes",
    .needs = needs,
    .nodes = nodes,
    .arcs = arcs,
    .features = features,
};
