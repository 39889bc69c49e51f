/* See ip6_format.h. The words are VPP's, as its traces show them. */
#include "net/packet/ip6_format.h"

#include <inttypes.h>
#include <string.h>

#include "engine/trace.h"
#include "net/packet/ip4_format.h"
#include "net/packet/ip6_packet.h"
#include "net/packet/layers.h"
#include "net/packet/nd_packet.h"

/* A type's own name stands in front of those of its codes. */
static const struct {
    const char *name;
    u8 type, code;
} icmp6_names[] = {
    {"destination_unreachable", 1, 0},
    {"no_route_to_destination", 1, 0},
    {"destination_administratively_prohibited", 1, 1},
    {"source_address_scope", 1, 2},
    {"address_unreachable", 1, 3},
    {"port_unreachable", 1, 4},
    {"packet_too_big", 2, 0},
    {"time_exceeded", 3, 0},
    {"ttl_exceeded_in_transit", 3, 0},
    {"fragment_reassembly_time_exceeded", 3, 1},
    {"parameter_problem", 4, 0},
    {"erroneous_header_field", 4, 0},
    {"unrecognized_next_header", 4, 1},
    {"unrecognized_option", 4, 2},
    {"echo_request", 128, 0},
    {"echo_reply", 129, 0},
    {"multicast_listener_request", 130, 0},
    {"multicast_listener_report", 131, 0},
    {"multicast_listener_done", 132, 0},
    {"router_solicitation", 133, 0},
    {"router_advertisement", 134, 0},
    {"neighbor_solicitation", 135, 0},
    {"neighbor_advertisement", 136, 0},
    {"redirect", 137, 0},
    {"multicast_listener_report_v2", 143, 0},
};

bool icmp6_by_name(const char *name, u8 *type, u8 *code)
{
    for (u32 i = 0; i < array_len(icmp6_names); i++)
        if (!strcmp(icmp6_names[i].name, name)) {
            *type = icmp6_names[i].type;
            *code = icmp6_names[i].code;
            return true;
        }
    return false;
}

static void ip6_format_address(struct text *t, const u8 bytes[16])
{
    struct ip_address a = ip6_address_of(bytes);
    char text[IP_ADDRESS_TEXT_BYTES];
    text_puts(t, ip_address_text(IP_FAMILY_6, &a, text));
}

static void icmp6_format_names(struct text *t, u8 type, u8 code)
{
    u32 i = 0;
    while (i < array_len(icmp6_names) && icmp6_names[i].type != type)
        i++;
    if (i == array_len(icmp6_names)) {
        text_add(t, "unknown 0x%x", type);
        return;
    }
    text_puts(t, icmp6_names[i].name);
    for (i++; i < array_len(icmp6_names) && icmp6_names[i].type == type; i++)
        if (icmp6_names[i].code == code)
            text_add(t, " %s", icmp6_names[i].name);
}

void icmp6_format(struct text *t, const u8 *p, u32 n, unsigned indent)
{
    text_putc(t, '\n');
    text_repeat(t, ' ', indent);
    if (n < sizeof(struct icmp_header)) {
        text_puts(t, "ICMP header truncated");
        return;
    }
    text_puts(t, "ICMP ");
    icmp6_format_names(t, p[0], p[1]);
    text_add(t, " checksum 0x%x", get_be16(p + 2));
    bool has_target = p[0] == ICMP6_NEIGHBOR_SOLICITATION || p[0] == ICMP6_NEIGHBOR_ADVERTISEMENT;
    if (!has_target || n < sizeof(struct nd_header))
        return;
    text_putc(t, '\n');
    text_repeat(t, ' ', indent + 2);
    text_puts(t, "target address ");
    ip6_format_address(t, ((const struct nd_header *)p)->target);
}

void ip6_format_header(struct text *t, const void *packet, u32 n, unsigned indent)
{
    const struct ip6_header *h = packet;
    struct layers l;

    text_repeat(t, ' ', indent);
    if (n < sizeof(*h)) {
        text_puts(t, "IP header truncated");
        return;
    }
    ip_format_protocol(t, h->protocol);
    text_puts(t, ": ");
    ip6_format_address(t, h->src);
    text_puts(t, " -> ");
    ip6_format_address(t, h->dst);
    text_putc(t, '\n');
    text_repeat(t, ' ', indent + 2);
    text_add(t, "tos 0x%02x, flow label 0x%" PRIx32 ", hop limit %u, payload length %u",
             ip6_traffic_class(h), ip6_flow_label(h), h->hop_limit,
             be16_to_host(h->payload_length));
    /* a fragment's first header may be there, but whether it is the first is not known here */
    if (layers_find_ip(packet, n, 0, &l) && l.is_ip6 && !l.is_fragment && l.l4 < n)
        ip_format_l4(t, l.protocol, (const u8 *)packet + l.l4, n - l.l4, indent);
}

void ip6_format_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    ip6_format_header(out, r->data, r->data_len, 0);
}
