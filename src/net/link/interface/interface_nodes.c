/* Records and trace text of the interface module's nodes. */
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/trace.h"
#include "net/packet/ethernet_format.h"
#include "net/link/interface/buffer_format.h"
#include "net/link/interface/interface_internal.h"
#include "net/link/interface/interface_node.h"

NODE_DECLARE(interface_output);
NODE_DECLARE(interface_offload);
NODE_DECLARE(error_drop);
NODE_DECLARE(error_punt);
NODE_DECLARE(drop);

static const char *interface_name(struct piste *p, struct if_index i)
{
    struct interface *f = if_is_none(i) ? NULL : interface_at(p, i);
    return f ? f->name : "deleted";
}

static void interface_format_output(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct interface *f = interface_at(p, r->meta.tx_if);
    text_add(out, "%s flags 0x%08x\n", interface_name(p, r->meta.tx_if),
             buffer_format_flags(&r->meta));
    if (f && f->cls->is_ip)
        ethernet_format_payload(out, 0x0800, r->data, r->data_len, 0);
    else
        ethernet_format_frame(out, r->data, r->data_len, 0);
}

static void format_received_on(struct piste *p, const struct trace_record *r, struct text *out)
{
    text_add(out, "rx:%s", interface_name(p, r->meta.rx_if));
}

static void format_reason(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct engine *e = engine_of(p);
    text_add(out, "%s: %s", node_name(e, r->meta.error_node),
             node_error_description(e, r->meta.error_node, r->meta.error));
}

static const struct node_error output_errors[INTERFACE_OUTPUT_ERR_N] = {
    [INTERFACE_OUTPUT_ERR_DOWN] = {"interface_down", "interface is down", SEVERITY_ERROR},
};

const struct node_def interface_output_node = {
    .name = "interface-output",
    .run = NODE_VARIANTS(interface_output),
    .next = {"error-drop"},
    .n_next = 1,
    .errors = output_errors,
    .errors_by_description = true,
    .n_errors = INTERFACE_OUTPUT_ERR_N,
    .format_trace = interface_format_output,
    .plain = NODE_PLAIN_LINK,
};

bool interface_of_output(struct engine *e, struct node_index n, struct if_index *out)
{
    const struct if_output *o =
        node_is(e, n, &interface_output_node) ? thread_node(engine_main_thread(e), n)->state : NULL;
    if (o)
        *out = o->index;
    return o != NULL;
}

const struct node_def error_drop_node = {
    .name = "error-drop",
    .run = NODE_VARIANTS(error_drop),
    .next = {"drop"},
    .n_next = 1,
    .format_trace = format_received_on,
};

const struct node_def drop_node = {
    .name = "drop",
    .run = NODE_VARIANTS(drop),
    .format_trace = format_reason,
};

const struct node_def error_punt_node = {
    .name = "error-punt",
    .run = NODE_VARIANTS(error_punt),
    .next = {"punt"},
    .n_next = 1,
    .format_trace = format_received_on,
};

const struct node_def punt_node = {
    .name = "punt",
    .run = NODE_VARIANTS(drop),
    .format_trace = format_reason,
};

static const struct node_error offload_errors[INTERFACE_OFFLOAD_ERR_N] = {
    [INTERFACE_OFFLOAD_ERR_GSO] = {"gso", "large packet cannot be segmented", SEVERITY_ERROR},
    [INTERFACE_OFFLOAD_ERR_CSUM] = {"csum", "checksum cannot be completed", SEVERITY_ERROR},
};

const struct node_def interface_offload_node = {
    .name = "interface-offload",
    .run = NODE_VARIANTS(interface_offload),
    .next = {"error-drop"},
    .n_next = 1,
    .errors = offload_errors,
    .n_errors = INTERFACE_OFFLOAD_ERR_N,
    .format_trace = interface_format_output,
};
