/* From a probe to an entry: what the packet was, and what became of it. */
#include <string.h>

#include "base/byteorder.h"
#include "net/features/fast_path/fast_path.h"
#include "net/packet/checksum.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"
#include "net/packet/l4_packet.h"

/* A frame's headers; at most one tag. */
struct express_frame {
    const u8 *bytes;
    u32 n; /* bytes there */
    u32 header_bytes;
    u16 tci;
    be16 tpid, type; /* tpid 0: untagged */
};

static bool frame_parse(const struct probe_sight *s, struct express_frame *f)
{
    *f = (struct express_frame){.bytes = s->data, .n = s->n, .header_bytes = ETHERNET_HEADER_BYTES};
    if (s->n < ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES)
        return false;
    f->type = load_be16(s->data + 12);
    if (ethernet_is_tag(be16_to_host(f->type))) {
        f->tpid = f->type;
        f->tci = get_be16(s->data + 14);
        f->type = load_be16(s->data + 16);
        f->header_bytes += VLAN_TAG_BYTES;
    }
    u16 type = be16_to_host(f->type);
    return type >= ETHERTYPE_MIN && !ethernet_is_tag(type);
}

static bool is_ip4(const struct express_frame *f)
{
    return be16_is(f->type, ETHERTYPE_IP4) && f->n >= f->header_bytes + sizeof(struct ip4_header) &&
           f->bytes[f->header_bytes] == IP4_VERSION_IHL_PLAIN;
}

static bool is_ip6(const struct express_frame *f)
{
    return be16_is(f->type, ETHERTYPE_IP6) && f->n >= f->header_bytes + sizeof(struct ip6_header) &&
           f->bytes[f->header_bytes] >> 4 == 6;
}

/* The packet from layer 3 on, with a hop less to live. false: it has none left. */
static bool hop_less(u8 *l3, bool is6)
{
    u8 *ttl = l3 + (is6 ? 7 : 8);
    if (*ttl <= 1)
        return false;
    if (is6)
        --*ttl;
    else
        ip4_decrement_ttl((struct ip4_header *)(void *)l3);
    return true;
}

static void swap_bytes(u8 *a, u8 *b, u32 n)
{
    u8 kept[16];
    memcpy(kept, a, n);
    memcpy(a, b, n);
    memcpy(b, kept, n);
}

/* The answer to a request for an echo, of which n bytes from layer 3 on are there; id: IPv4's, of
 * the answer. false: it is no such request. */
static bool echo_become_answer(u8 *l3, u32 n, bool is6, const u8 *id)
{
    u32 at = is6 ? sizeof(struct ip6_header) : sizeof(struct ip4_header);
    u8 *icmp = l3 + at;
    if (n < at + 8 || l3[is6 ? 6 : 9] != (is6 ? IP_PROTOCOL_ICMP6 : IP_PROTOCOL_ICMP) ||
        icmp[0] != (is6 ? ICMP6_ECHO_REQUEST : ICMP4_ECHO_REQUEST) || icmp[1])
        return false;
    if (is6) {
        swap_bytes(l3 + 8, l3 + 24, 16);
        l3[7] = 64;
    } else {
        swap_bytes(l3 + 12, l3 + 16, 4);
        l3[8] = 64;
        memcpy(l3 + 4, id, 2);
        ip4_set_checksum((struct ip4_header *)(void *)l3);
    }
    be16 type = load_be16(icmp), sum;
    icmp[0] = is6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
    sum = csum_update16(load_be16(icmp + 2), type, load_be16(icmp));
    memcpy(icmp + 2, &sum, 2);
    return true;
}

/* Whether the packet behind the link's header is the same, or, routed, the same with a hop less or
 * its answer. */
static bool same_packet(const struct express_frame *in, const struct express_frame *out, u32 plain,
                        u32 *flag)
{
    u8 l3[PROBE_BYTES] __attribute__((aligned(8)));
    u32 n = in->n - in->header_bytes, n_out = out->n - out->header_bytes;
    memcpy(l3, in->bytes + in->header_bytes, n);
    if (plain & NODE_PLAIN_ECHO) {
        *flag = is_ip4(in) ? FAST_PATH_ECHO4 : FAST_PATH_ECHO6;
        if ((!is_ip4(in) && !is_ip6(in)) || !is_ip4(in) != !is_ip4(out) ||
            !echo_become_answer(l3, n, !is_ip4(in), out->bytes + out->header_bytes + 4))
            return false;
    } else if (plain & NODE_PLAIN_DST) {
        *flag = is_ip4(in) ? FAST_PATH_TTL4 : FAST_PATH_TTL6;
        if ((!is_ip4(in) && !is_ip6(in)) || !hop_less(l3, !is_ip4(in)))
            return false;
    }
    return !memcmp(l3, out->bytes + out->header_bytes, n < n_out ? n : n_out);
}

static void express_tags(const struct express_frame *in, const struct express_frame *out,
                         struct fast_path_action *a)
{
    if (in->tpid.raw == out->tpid.raw && in->tci == out->tci)
        return;
    if (in->tpid.raw)
        a->flags |= FAST_PATH_POP;
    if (out->tpid.raw) {
        a->flags |= FAST_PATH_PUSH;
        a->tpid = out->tpid;
        a->tci = out->tci;
    }
}

static void key_fill(struct fast_path_key *k, const struct express_frame *f)
{
    const u8 *l3 = f->bytes + f->header_bytes;
    u32 l4 = 0;
    *k = (struct fast_path_key){.tci = f->tci, .tpid = f->tpid, .mask = FAST_PATH_LINK};
    memcpy(k->ethernet, f->bytes, 12);
    memcpy(k->ethernet + 12, &f->type, 2);
    if (is_ip4(f)) {
        k->mask = FAST_PATH_FLOW;
        memcpy(k->src, l3 + 12, 4);
        memcpy(k->dst, l3 + 16, 4);
        k->proto_label = l3[9];
        l4 = f->header_bytes + sizeof(struct ip4_header);
    } else if (is_ip6(f)) {
        k->mask = FAST_PATH_FLOW;
        memcpy(k->src, l3 + 8, 16);
        memcpy(k->dst, l3 + 24, 16);
        k->proto_label = l3[6] | (get_be32(l3) & 0xfffff) << 8;
        l4 = f->header_bytes + sizeof(struct ip6_header);
    }
    u8 proto = (u8)k->proto_label;
    if (l4 && (proto == IP_PROTOCOL_TCP || proto == IP_PROTOCOL_UDP) && f->n >= l4 + 4) {
        k->sport = load_be16(f->bytes + l4);
        k->dport = load_be16(f->bytes + l4 + 2);
    }
}

bool fast_path_express(const struct probe *probe, struct fast_path_key *key,
                       struct fast_path_action *action, const char **why)
{
    struct express_frame in, out;
    bool routed = probe->plain & NODE_PLAIN_DST;
    *action = (struct fast_path_action){0};
    *why = "frames that are not of one tag and one type";
    if (!frame_parse(&probe->in, &in) || !frame_parse(&probe->out, &out) ||
        in.type.raw != out.type.raw)
        return false;
    *why = "frames to groups";
    if ((in.bytes[0] & 1) || (in.bytes[6] & 1))
        return false;
    *why = "packets whose length changed";
    if (probe->in.len - in.header_bytes != probe->out.len - out.header_bytes)
        return false;
    *why = "packets that changed in a way that no entry says";
    if (!same_packet(&in, &out, probe->plain, &action->flags) ||
        (!routed && memcmp(in.bytes, out.bytes, 12) != 0))
        return false;
    if (routed) {
        action->flags |= FAST_PATH_MACS;
        memcpy(action->macs, out.bytes, 12);
    }
    express_tags(&in, &out, action);
    key_fill(key, &in);
    if (probe->plain & NODE_PLAIN_ECHO) {
        key->mask = FAST_PATH_ECHO;
        key->proto_label &= 0xff;
    }
    return true;
}

bool fast_path_key_is_short(const struct fast_path_key *k)
{
    bool ip4 = be16_is(load_be16(k->ethernet + 12), ETHERTYPE_IP4);
    return k->mask == FAST_PATH_LINK || (k->mask == FAST_PATH_DST && ip4);
}

void fast_path_key_mask(struct fast_path_key *key, enum fast_path_mask mask)
{
    if (key->mask == FAST_PATH_ECHO)
        return;
    if (key->mask > mask)
        key->mask = (u16)mask;
    if (key->mask < FAST_PATH_FLOW) {
        memset(key->src, 0, sizeof(key->src));
        key->sport = key->dport = (be16){0};
        key->proto_label = 0;
    }
    if (key->mask < FAST_PATH_DST)
        memset(key->dst, 0, sizeof(key->dst));
}
