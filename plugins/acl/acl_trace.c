/* What traces of access lists tell, in VPP's words. */
#include <inttypes.h>
#include <string.h>

#include "engine/trace.h"
#include "plugins/acl/acl_internal.h"
#include "plugins/acl/acl_node.h"

static struct ip_address trace_address(const u64 *words, bool is_ip6)
{
    struct ip_address a = {{{0}}};
    for (u32 i = 0; i < (is_ip6 ? 16u : 4u); i++)
        a.bytes[i] = (u8)(words[i / 8] >> 8 * (i % 8));
    return a;
}

void acl_trace_tuple(const u64 *words, struct text *out)
{
    u64 l4 = words[4], packet = words[5];
    bool ip6 = packet >> 59 & 1;
    const u64 dst4[1] = {words[3] >> 32};
    struct ip_address src = trace_address(ip6 ? words : words + 3, ip6);
    struct ip_address dst = trace_address(ip6 ? words + 2 : dst4, ip6);
    char a[IP_ADDRESS_TEXT_BYTES], b[IP_ADDRESS_TEXT_BYTES];
    u32 flags = (u32)(l4 >> 40) & 0xff;
    text_add(out, " lc_index %d l3 %s%s %s -> %s", (int)(u32)packet, ip6 ? "ip6" : "ip4",
             packet >> 58 & 1 ? " non-initial fragment" : "",
             ip_address_text(ip_family_of(ip6), &src, a),
             ip_address_text(ip_family_of(ip6), &dst, b));
    text_add(out, " l4 lsb_of_sw_if_index %u proto %u l4_is_input %u l4_slow_path %u",
             (u32)(l4 >> 48), (u32)(l4 >> 32) & 0xff, flags & 1, flags >> 1 & 1);
    text_add(out, " l4_flags 0x%02x port %u -> %u tcp flags (%s) %02x rsvd %x", flags,
             (u32)l4 & 0xffff, (u32)(l4 >> 16) & 0xffff, packet >> 56 & 1 ? "valid" : "invalid",
             (u32)(packet >> 48) & 0xff, (u32)(packet >> 60));
}

void acl_trace_format(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct acl_fa_trace note;
    memcpy(&note, r->extra, sizeof(note));
    text_add(out, "acl-plugin: lc_index: %d, sw_if_index %u, next index %u, action: %u",
             (int)(u32)note.tuple[5], (u32)(note.tuple[4] >> 48), r->next, note.action);
    text_add(out, ", match: acl %d rule %d trace_bits %08x\npkt info", (int)note.list,
             (int)note.rule, note.bits);
    for (u32 i = 0; i < ACL_TUPLE_WORDS; i++)
        text_add(out, " %016" PRIx64, note.tuple[i]);
    text_putc(out, '\n');
    acl_trace_tuple(note.tuple, out);
}

void acl_trace_format_macip(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct acl_macip_trace note;
    memcpy(&note, r->extra, sizeof(note));
    text_add(out,
             "acl-plugin: sw_if_index %u, next index %u, action: %u, match: macip acl %d rule %d",
             note.interface, r->next, note.permits, (int)note.list, (int)note.rule);
}

void acl_trace_format_nonip(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct acl_type_trace note;
    memcpy(&note, r->extra, sizeof(note));
    text_add(out, "acl-plugin: sw_if_index %u, next index %u, ethertype %04x", note.interface,
             r->next, note.type);
}
