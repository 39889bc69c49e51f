#include "net/packet/ethernet_format.h"

#include <stdio.h>
#include <string.h>

#include "base/byteorder.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/ip4_format.h"
#include "net/packet/ip6_format.h"

static const struct {
    u16 type;
    const char *name;
} types[] = {
    {ETHERTYPE_IP4, "IP4"},      {ETHERTYPE_ARP, "ARP"},    {ETHERTYPE_IP6, "IP6"},
    {ETHERTYPE_VLAN, "VLAN"},    {ETHERTYPE_MPLS, "MPLS"},  {ETHERTYPE_DOT1AD, "DOT1AD"},
    {0x8848, "MPLS_MULTICAST"},  {0x88cc, "802_1_LLDP"},    {0x8809, "SLOW_PROTOCOLS"},
    {0x8863, "PPPOE_DISCOVERY"}, {0x8864, "PPPOE_SESSION"},
};

static void type_name(struct text *t, u16 type)
{
    for (u32 i = 0; i < array_len(types); i++)
        if (types[i].type == type) {
            text_puts(t, types[i].name);
            return;
        }
    text_add(t, "0x%04x", type);
}

bool ethernet_type_by_name(const char *name, u16 *type)
{
    for (u32 i = 0; i < array_len(types); i++)
        if (!strcmp(types[i].name, name)) {
            *type = types[i].type;
            return true;
        }
    return false;
}

const char *ethernet_mac_text(const u8 mac[6], char out[MAC_TEXT_BYTES])
{
    snprintf(out, MAC_TEXT_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
             mac[4], mac[5]);
    return out;
}

void ethernet_format_mac(struct text *t, const u8 mac[6])
{
    char out[MAC_TEXT_BYTES];
    text_puts(t, ethernet_mac_text(mac, out));
}

/* "IP4: 02:00:00:00:00:01 -> 02:00:00:00:00:02 802.1q vlan 100": one line, no newline. Returns the
 * header's length with tags, and the inner type in *type. */
static u32 ethernet_format_header_type(struct text *t, const u8 *frame, u32 n, u16 *type)
{
    struct text tags = {0};
    u32 at = 12;
    *type = 0;
    if (n < ETHERNET_HEADER_BYTES) {
        text_add(t, "%u bytes: no ethernet header", n);
        return n;
    }
    *type = get_be16(frame + at);
    while ((*type == ETHERTYPE_VLAN || *type == ETHERTYPE_DOT1AD) && at + 6 <= n) {
        u16 tci = get_be16(frame + at + 2);
        text_add(&tags, " %s vlan %u", *type == ETHERTYPE_VLAN ? "802.1q" : "802.1ad", tci & 0xfff);
        if (tci >> 13)
            text_add(&tags, " priority %u", tci >> 13);
        if (tci & 0x1000)
            text_puts(&tags, " cfi 1");
        at += VLAN_TAG_BYTES;
        *type = get_be16(frame + at);
    }
    type_name(t, *type);
    text_puts(t, ": ");
    ethernet_format_mac(t, frame + 6);
    text_puts(t, " -> ");
    ethernet_format_mac(t, frame);
    text_puts(t, text_str(&tags));
    text_free(&tags);
    return at + 2;
}

void ethernet_format_header(struct text *t, const u8 *frame, u32 n)
{
    u16 type;
    ethernet_format_header_type(t, frame, n, &type);
}

static void arp_address(struct text *t, const u8 *at)
{
    ethernet_format_mac(t, at);
    text_putc(t, '/');
    ip4_format_address(t, load_be32(at + 6));
}

void ethernet_format_arp(struct text *t, const u8 *packet, u32 n, unsigned indent)
{
    static const char *const ops[] = {NULL, "request", "reply", "reverse_request", "reverse_reply"};
    if (n < 28) {
        text_add(t, "%*s%u bytes: no ARP message\n", (int)indent, "", n);
        return;
    }
    u16 op = get_be16(packet + 6), proto = get_be16(packet + 2);
    char number[16];
    snprintf(number, sizeof(number), "op %u", op);
    text_add(t, "%*s%s, type %s/", (int)indent, "", op && op < array_len(ops) ? ops[op] : number,
             get_be16(packet) == 1 ? "ethernet" : "unknown");
    type_name(t, proto);
    text_add(t, ", address size %u/%u\n", packet[4], packet[5]);
    if (packet[4] != 6 || packet[5] != 4)
        return;
    text_repeat(t, ' ', indent);
    arp_address(t, packet + 8);
    text_puts(t, " -> ");
    arp_address(t, packet + 18);
    text_putc(t, '\n');
}

void ethernet_format_payload(struct text *t, u16 type, const u8 *packet, u32 n, unsigned indent)
{
    if (type == ETHERTYPE_IP4) {
        ip4_format_header(t, packet, n, indent);
        text_putc(t, '\n');
    } else if (type == ETHERTYPE_IP6) {
        ip6_format_header(t, packet, n, indent);
        text_putc(t, '\n');
    } else if (type == ETHERTYPE_ARP) {
        ethernet_format_arp(t, packet, n, indent);
    }
}

void ethernet_format_frame(struct text *t, const u8 *frame, u32 n, unsigned indent)
{
    u16 type;
    text_repeat(t, ' ', indent);
    u32 at = ethernet_format_header_type(t, frame, n, &type);
    text_putc(t, '\n');
    ethernet_format_payload(t, type, frame + at, n - at, indent);
}
