/* Records and trace text of the generator's nodes. */
#include <stdio.h>
#include <string.h>

#include "engine/trace.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/ethernet_format.h"
#include "net/link/interface/buffer_format.h"
#include "net/features/pg/pg_internal.h"

NODE_DECLARE_INPUT(pg_input);
NODE_DECLARE(pg_tx);
NODE_DECLARE(pg_mac_filter);

/* Headers from the first on, of an ethernet frame or an IP packet. */
static void format_headers(struct text *out, bool is_ip, const struct trace_record *r,
                           unsigned indent)
{
    if (is_ip)
        ethernet_format_payload(out, r->data[0] >> 4 == 6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4, r->data,
                                r->data_len, indent);
    else
        ethernet_format_frame(out, r->data, r->data_len, indent);
}

static bool is_ip(struct piste *p, struct if_index i)
{
    const struct interface *f = if_is_none(i) ? NULL : interface_at(p, i);
    return f && f->cls->is_ip;
}

static void pg_format_input(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct pg_trace x;
    memcpy(&x, r->extra, sizeof(x));
    const char *next = node_name(engine_of(p), x.next);
    text_add(out, "stream %s, %u bytes, sw_if_index %u, next_node %s\n", x.stream, x.bytes,
             x.interface.i, next);
    buffer_format(out, &r->meta);
    text_putc(out, '\n');
    if (r->meta.flags & (BUFFER_GSO | BUFFER_CSUM_PARTIAL)) {
        text_repeat(out, ' ', 18);
        buffer_format_packet(out, &r->meta);
        text_putc(out, '\n');
    }
    format_headers(out, is_ip(p, x.interface) || !strncmp(next, "ip4-", 4), r, 0);
}

static void pg_format_tx(struct piste *p, const struct trace_record *r, struct text *out)
{
    const struct buffer *b = &r->meta;
    text_add(out, "  buffer 0x%x: ", r->buffer);
    buffer_format(out, b);
    text_putc(out, '\n');
    text_repeat(out, ' ', 18);
    buffer_format_packet(out, b);
    text_putc(out, '\n');
    format_headers(out, is_ip(p, b->tx_if), r, 2);
}

static const struct node_error input_errors[PG_INPUT_ERR_N] = {
    [PG_INPUT_ERR_NO_BUFFER] = {"no_buffer", "no buffer free", SEVERITY_ERROR},
};

static const struct node_error tx_errors[PG_TX_ERR_N] = {
    [PG_TX_ERR_GSO] = {"gso_packet_drop", "gso disabled on itf  -- gso packet drop",
                       SEVERITY_ERROR},
    [PG_TX_ERR_CSUM] = {"csum_offload_packet_drop",
                        "checksum offload disabled on itf -- csum offload packet drop",
                        SEVERITY_ERROR},
    [PG_TX_ERR_CAPTURE] = {"capture_full", "not captured: too many packets wait to be written",
                           SEVERITY_WARN},
};

static const struct node_error mac_filter_errors[] = {
    {"filtered", "frame for another mac address", SEVERITY_INFO},
};

const struct node_def pg_input_node = {
    .name = "pg-input",
    .kind = NODE_INPUT,
    .input = NODE_VARIANTS(pg_input),
    .next = {"error-drop"},
    .n_next = 1,
    .errors = input_errors,
    .n_errors = PG_INPUT_ERR_N,
    .format_trace = pg_format_input,
};

const struct node_def pg_tx_node = {
    .name = "pg-tx",
    .run = NODE_VARIANTS(pg_tx),
    .next = {[PG_TX_NEXT_DROP] = "error-drop"},
    .n_next = PG_TX_NEXT_N,
    .errors = tx_errors,
    .errors_by_description = true,
    .n_errors = PG_TX_ERR_N,
    .format_trace = pg_format_tx,
};

const struct node_def pg_mac_filter_node = {
    .name = "pg-input-mac-filter",
    .run = NODE_VARIANTS(pg_mac_filter),
    .next = {"error-drop"},
    .n_next = 1,
    .errors = mac_filter_errors,
    .n_errors = array_len(mac_filter_errors),
};
