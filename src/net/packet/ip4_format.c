/* See ip4_format.h. The words are VPP's, as its traces show them. */
#include "net/packet/ip4_format.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "engine/trace.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_format.h"
#include "net/packet/ip_address.h"

static const char *const protocol_names[256] = {
    [0] = "IP6_HOP_BY_HOP_OPTIONS",
    [1] = "ICMP",
    [2] = "IGMP",
    [3] = "GGP",
    [4] = "IP_IN_IP",
    [5] = "ST",
    [6] = "TCP",
    [7] = "CBT",
    [8] = "EGP",
    [9] = "IGP",
    [17] = "UDP",
    [27] = "RDP",
    [33] = "DCCP",
    [41] = "IP6",
    [43] = "IPV6_ROUTE",
    [44] = "IPV6_FRAGMENTATION",
    [46] = "RSVP",
    [47] = "GRE",
    [50] = "IPSEC_ESP",
    [51] = "IPSEC_AH",
    [58] = "ICMP6",
    [59] = "IP6_NONXT",
    [60] = "IP6_DESTINATION_OPTIONS",
    [88] = "EIGRP",
    [89] = "OSPF",
    [94] = "IPIP",
    [97] = "ETHERIP",
    [98] = "ENCAP",
    [103] = "PIM",
    [108] = "IPCOMP",
    [112] = "VRRP",
    [115] = "L2TP",
    [124] = "ISIS_OVER_IPV4",
    [132] = "SCTP",
    [135] = "MOBILITY",
    [136] = "UDP_LITE",
    [137] = "MPLS_IN_IP",
    [140] = "SHIM6",
};

const char *ip_protocol_name(u8 protocol)
{
    return protocol_names[protocol];
}

bool ip_protocol_by_name(const char *name, u8 *protocol)
{
    for (unsigned i = 0; i < array_len(protocol_names); i++) {
        if (protocol_names[i] && strcasecmp(protocol_names[i], name) == 0) {
            *protocol = (u8)i;
            return true;
        }
    }
    return false;
}

/* The name, or "unknown N". */
void ip_format_protocol(struct text *t, u8 protocol)
{
    const char *name = ip_protocol_name(protocol);
    if (name)
        text_puts(t, name);
    else
        text_add(t, "unknown %u", protocol);
}

const char *ip_dscp_name(u8 dscp)
{
    static const char *const names[64] = {
        [0] = "CS0",   [8] = "CS1",   [16] = "CS2",  [24] = "CS3",  [32] = "CS4",  [40] = "CS5",
        [48] = "CS6",  [56] = "CS7",  [10] = "AF11", [12] = "AF12", [14] = "AF13", [18] = "AF21",
        [20] = "AF22", [22] = "AF23", [26] = "AF31", [28] = "AF32", [30] = "AF33", [34] = "AF41",
        [36] = "AF42", [38] = "AF43", [46] = "EF",
    };
    return dscp < array_len(names) && names[dscp] ? names[dscp] : "unknown";
}

/* "NON_ECN", "ECT_0", ... */
static const char *ip_ecn_name(u8 ecn)
{
    static const char *const names[4] = {"NON_ECN", "ECT_1", "ECT_0", "CE"};
    return names[ecn & 3];
}

void ip4_format_address(struct text *t, be32 a)
{
    char text[IP_ADDRESS_TEXT_BYTES];
    struct ip_address address = ip_address_from_ip4(a);
    text_puts(t, ip_address_text(IP_FAMILY_4, &address, text));
}

static void new_line(struct text *t, unsigned indent)
{
    text_putc(t, '\n');
    text_repeat(t, ' ', indent);
}

/* --- ICMP --- */

static const char *const icmp4_type_names[] = {
    [0] = "echo_reply",
    [3] = "destination_unreachable",
    [4] = "source_quench",
    [5] = "redirect",
    [6] = "alternate_host_address",
    [8] = "echo_request",
    [9] = "router_advertisement",
    [10] = "router_solicitation",
    [11] = "time_exceeded",
    [12] = "parameter_problem",
    [13] = "timestamp_request",
    [14] = "timestamp_reply",
    [15] = "information_request",
    [16] = "information_reply",
    [17] = "address_mask_request",
    [18] = "address_mask_reply",
    [30] = "traceroute",
    [31] = "datagram_conversion_error",
    [32] = "mobile_host_redirect",
    [33] = "ip6_where_are_you",
    [34] = "ip6_i_am_here",
    [35] = "mobile_registration_request",
    [36] = "mobile_registration_reply",
    [37] = "domain_name_request",
    [38] = "domain_name_reply",
    [39] = "skip",
    [40] = "photuris",
};

static const char *icmp4_code_name(u8 type, u8 code)
{
    static const char *const unreachable[] = {
        "destination_unreachable_net",
        "destination_unreachable_host",
        "protocol_unreachable",
        "port_unreachable",
        "fragmentation_needed_and_dont_fragment_set",
        "source_route_failed",
        "destination_network_unknown",
        "destination_host_unknown",
        "source_host_isolated",
        "network_administratively_prohibited",
        "host_administratively_prohibited",
        "network_unreachable_for_type_of_service",
        "host_unreachable_for_type_of_service",
        "communication_administratively_prohibited",
        "host_precedence_violation",
        "precedence_cutoff_in_effect",
    };
    static const char *const redirect[] = {"network_redirect", "host_redirect",
                                           "type_of_service_and_network_redirect",
                                           "type_of_service_and_host_redirect"};
    static const char *const exceeded[] = {"ttl_exceeded_in_transit",
                                           "fragment_reassembly_time_exceeded"};
    static const char *const parameter[] = {"pointer_indicates_error", "missing_required_option",
                                            "bad_length"};

    switch (type) {
    case ICMP4_DESTINATION_UNREACHABLE:
        return code < array_len(unreachable) ? unreachable[code] : NULL;
    case ICMP4_REDIRECT:
        return code < array_len(redirect) ? redirect[code] : NULL;
    case ICMP4_TIME_EXCEEDED:
        return code < array_len(exceeded) ? exceeded[code] : NULL;
    case ICMP4_PARAMETER_PROBLEM:
        return code < array_len(parameter) ? parameter[code] : NULL;
    default:
        return NULL;
    }
}

bool icmp4_by_name(const char *name, u8 *type, u8 *code)
{
    static const u8 with_codes[] = {ICMP4_DESTINATION_UNREACHABLE, ICMP4_REDIRECT,
                                    ICMP4_TIME_EXCEEDED, ICMP4_PARAMETER_PROBLEM};
    for (unsigned t = 0; t < array_len(icmp4_type_names); t++)
        if (icmp4_type_names[t] && strcmp(icmp4_type_names[t], name) == 0) {
            *type = (u8)t;
            *code = 0;
            return true;
        }
    for (unsigned i = 0; i < array_len(with_codes); i++)
        for (u8 c = 0; icmp4_code_name(with_codes[i], c); c++)
            if (strcmp(icmp4_code_name(with_codes[i], c), name) == 0) {
                *type = with_codes[i];
                *code = c;
                return true;
            }
    return false;
}

static void format_icmp4(struct text *t, const u8 *p, u32 n, unsigned indent)
{
    new_line(t, indent);
    if (n < sizeof(struct icmp_header)) {
        text_puts(t, "ICMP header truncated");
        return;
    }
    u8 type = p[0], code = p[1];
    if (type < array_len(icmp4_type_names) && icmp4_type_names[type]) {
        text_add(t, "ICMP %s", icmp4_type_names[type]);
        const char *name = icmp4_code_name(type, code);
        if (name)
            text_add(t, " %s", name);
    } else {
        text_add(t, "ICMP unknown 0x%x", type);
    }
    text_add(t, " checksum 0x%x", get_be16(p + 2));
    if ((type == ICMP4_ECHO_REQUEST || type == ICMP4_ECHO_REPLY) &&
        n >= sizeof(struct icmp_echo_header))
        text_add(t, " id %u", get_be16(p + 4));
}

/* --- UDP and TCP --- */

static void format_udp(struct text *t, const u8 *p, u32 n, unsigned indent)
{
    new_line(t, indent);
    if (n < sizeof(struct udp_header)) {
        text_puts(t, "UDP header truncated");
        return;
    }
    text_add(t, "UDP: %u -> %u", get_be16(p), get_be16(p + 2));
    new_line(t, indent + 2);
    text_add(t, "length %u, checksum 0x%04x", get_be16(p + 4), get_be16(p + 6));
}

static void format_tcp(struct text *t, const u8 *p, u32 n, unsigned indent)
{
    static const char *const flag_names[8] = {"FIN", "SYN", "RST", "PSH",
                                              "ACK", "URG", "ECE", "CWR"};

    new_line(t, indent);
    if (n < sizeof(struct tcp_header)) {
        text_puts(t, "TCP header truncated");
        return;
    }
    const struct tcp_header *h = (const struct tcp_header *)p;
    text_add(t, "TCP: %u -> %u", be16_to_host(h->src_port), be16_to_host(h->dst_port));
    new_line(t, indent + 2);
    text_add(t, "seq. tx 0x%08" PRIx32 " rx 0x%08" PRIx32, be32_to_host(h->seq),
             be32_to_host(h->ack));
    new_line(t, indent + 2);
    text_add(t, "flags 0x%02x", h->flags);
    for (unsigned i = 0; i < 8; i++)
        if (h->flags & (1u << i))
            text_add(t, " %s", flag_names[i]);
    text_add(t, ", tcp header: %" PRIu32 " bytes", tcp_header_bytes(h));
    new_line(t, indent + 2);
    text_add(t, "window %u, checksum 0x%04x", be16_to_host(h->window), be16_to_host(h->checksum));
}

void ip_format_l4(struct text *t, u8 protocol, const void *packet, u32 n, unsigned indent)
{
    switch (protocol) {
    case IP_PROTOCOL_ICMP:
        format_icmp4(t, packet, n, indent);
        break;
    case IP_PROTOCOL_ICMP6:
        icmp6_format(t, packet, n, indent);
        break;
    case IP_PROTOCOL_UDP:
        format_udp(t, packet, n, indent);
        break;
    case IP_PROTOCOL_TCP:
        format_tcp(t, packet, n, indent);
        break;
    default:
        break;
    }
}

/* --- IPv4 --- */

static void format_fragment(struct text *t, const struct ip4_header *h, unsigned indent)
{
    u16 f = be16_to_host(h->fragment);

    new_line(t, indent);
    text_add(t, "fragment id 0x%04x", be16_to_host(h->id));
    if (f & IP4_OFFSET_MASK)
        text_add(t, " offset %" PRIu32, ip4_fragment_offset_bytes(h));
    if (f & ~IP4_OFFSET_MASK)
        text_add(t, ", flags %s%s%s", f & IP4_MF ? "MORE_FRAGMENTS" : "",
                 f & IP4_DF ? "DONT_FRAGMENT" : "", f & IP4_CE ? "CONGESTION" : "");
}

void ip4_format_header(struct text *t, const void *packet, u32 n, unsigned indent)
{
    const struct ip4_header *h = packet;

    text_repeat(t, ' ', indent);
    if (n < sizeof(*h)) {
        text_puts(t, "IP header truncated");
        return;
    }
    ip_format_protocol(t, h->protocol);
    text_puts(t, ": ");
    ip4_format_address(t, h->src);
    text_puts(t, " -> ");
    ip4_format_address(t, h->dst);

    u32 header_bytes = ip4_header_bytes(h);
    if (h->version_ihl != IP4_VERSION_IHL_PLAIN) {
        new_line(t, indent + 2);
        text_add(t, "version %u, header length %" PRIu32, h->version_ihl >> 4, header_bytes);
    }
    new_line(t, indent + 2);
    text_add(t, "tos 0x%02x, ttl %u, length %" PRIu32 ", checksum 0x%04x", h->tos, h->ttl,
             ip4_length(h), be16_to_host(h->checksum));
    /* without all its bytes nothing can be said */
    if (header_bytes >= sizeof(*h) && header_bytes <= n && !ip4_checksum_is_right(h)) {
        be16 right = csum_finish(ip4_header_sum(h) + (u16)~h->checksum.raw);
        text_add(t, " (should be 0x%04x)", be16_to_host(right));
    }
    text_add(t, " dscp %s ecn %s", ip_dscp_name(h->tos >> 2), ip_ecn_name(h->tos & 3));
    format_fragment(t, h, indent + 2);
    /* a later fragment has no L4 header */
    if (ip4_fragment_offset_bytes(h) == 0 && header_bytes >= sizeof(*h) && header_bytes < n)
        ip_format_l4(t, h->protocol, (const u8 *)packet + header_bytes, n - header_bytes, indent);
}

void ip4_format_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    ip4_format_header(out, r->data, r->data_len, 0);
}
