/* arp-term-l2bd: a bridge domain answers ARP requests and neighbour solicitations for the stations
 * in its table, or sends requests on by unicast (arp-ufwd). What it does not know is flooded.
 * Source: RFC 826; RFC 4861 4.3, 4.4, 7.2.4. */
#include "base/clock.h"
#include "net/l2/l2_node.h"

#define ARP_BYTES 28
/* Told to the control thread: others need its attention too. */
#define STATIONS_PER_MS 16
#define IP6_BYTES 40
#define NS_BYTES 32 /* with the option that names the sender's MAC address */

struct arp_message {
    be16 hardware, protocol;
    u8 hardware_len, protocol_len;
    be16 op;
    u8 sender_mac[6], sender_ip[4], target_mac[6], target_ip[4];
} __attribute__((packed));
static_assert(sizeof(struct arp_message) == ARP_BYTES, "wire format");

struct ip6_nd {
    be32 version_class_flow;
    be16 payload_len;
    u8 next_header, hop_limit;
    u8 src[16], dst[16];
    u8 type, code;
    be16 checksum;
    be32 flags;
    u8 target[16];
    u8 option, option_len, mac[6];
} __attribute__((packed));
static_assert(sizeof(struct ip6_nd) == IP6_BYTES + NS_BYTES, "wire format");

static u16 flood_edge(const struct buffer *b)
{
    return __atomic_load_n(&l2_if(b->rx_if)->flood, __ATOMIC_RELAXED);
}

static bool arp_term_find(const struct node *n, const struct buffer *b, const struct arp_key *key,
                          u8 mac[6])
{
    const struct l2_shared *s = n->state;
    return arp_table_find(s->arp, l2_bd_of(b->rx_if), key, mac);
}

static bool unicast_wanted(const struct buffer *b)
{
    return __atomic_load_n(&l2_bd_data_base[l2_bd_of(b->rx_if)].arp_ufwd, __ATOMIC_RELAXED);
}

static bool arp_term_may_tell(struct thread *t, struct node *n)
{
    u64 ms = thread_now_ns(t) / NS_PER_MSEC;
    if (n->local[0] != ms) {
        n->local[0] = ms;
        n->local[1] = 0;
    }
    return n->local[1]++ < STATIONS_PER_MS;
}

/* For those who want to know which stations there are. */
static void arp_term_tell(struct thread *t, struct node *n, const struct buffer *b,
                          struct arp_key ip, const u8 mac[6])
{
    const struct l2_shared *s = n->state;
    struct l2_station station = {.ip = ip, .interface = b->rx_if};
    if (likely(!__atomic_load_n(&s->arp_wanted, __ATOMIC_RELAXED)))
        return;
    memcpy(station.mac, mac, 6);
    if (!arp_term_may_tell(t, n) || !thread_post(t, l2_station_seen, &station, sizeof(station)))
        node_count(n, ARP_TERM_ERR_UNTOLD, 1);
}

/* The question is sent to the station itself. */
static u16 send_on(struct node *n, struct buffer *b, const u8 mac[6])
{
    memcpy(buffer_current(b), mac, 6);
    node_count(n, ARP_TERM_ERR_UFWD, 1);
    return L2_NEXT_FWD;
}

/* The answer lies in b: back where the question came from. */
static u16 arp_term_answer(struct node *n, struct buffer *b, const u8 mac[6], u32 counted)
{
    u8 *frame = buffer_current(b);
    memcpy(frame, frame + 6, 6);
    memcpy(frame + 6, mac, 6);
    b->flags &= ~(u32)(BUFFER_CSUM_PARTIAL | BUFFER_GSO);
    b->tx_if = b->rx_if;
    node_count(n, counted, 1);
    return L2_NEXT_OUTPUT;
}

static u16 arp_term_packet(struct thread *t, struct node *n, struct buffer *b)
{
    u8 *frame = buffer_current(b), mac[6];
    struct arp_message *a = (struct arp_message *)(frame + ETHERNET_HEADER_BYTES);
    if (b->len < ETHERNET_HEADER_BYTES + ARP_BYTES || get_be16(&a->hardware) != 1 ||
        get_be16(&a->protocol) != ETHERTYPE_IP4 || a->hardware_len != 6 || a->protocol_len != 4)
        return flood_edge(b);
    bool asks = get_be16(&a->op) == 1, lies = memcmp(a->sender_mac, frame + 6, 6);
    if (asks && lies)
        return node_drop(n, b, ARP_TERM_ERR_MISMATCH, L2_NEXT_DROP);
    if (!lies && load_u32(a->sender_ip)) /* 0: a probe, RFC 5227 */
        arp_term_tell(t, n, b, arp_key_ip4(load_be32(a->sender_ip)), a->sender_mac);
    if (!asks)
        return flood_edge(b);
    struct arp_key key = arp_key_ip4(load_be32(a->target_ip));
    if (!memcmp(a->sender_ip, a->target_ip, 4)) /* who announces itself asks nothing */
        return flood_edge(b);
    if (!arp_term_find(n, b, &key, mac)) {
        node_count(n, ARP_TERM_ERR_MISS, 1);
        return flood_edge(b);
    }
    /* who asks for itself looks for others (a probe, RFC 5227 2.1.1), and busybox' udhcpc 1.35.0
     * takes even its own MAC in an answer for one of them: it declines its lease */
    if (!memcmp(mac, a->sender_mac, 6))
        return flood_edge(b);
    if (unicast_wanted(b))
        return send_on(n, b, mac);
    u8 target[4];
    memcpy(target, a->target_ip, 4);
    put_be16(&a->op, 2);
    memcpy(a->target_mac, a->sender_mac, 6);
    memcpy(a->target_ip, a->sender_ip, 4);
    memcpy(a->sender_mac, mac, 6);
    memcpy(a->sender_ip, target, 4);
    return arp_term_answer(n, b, mac, ARP_TERM_ERR_REPLIES);
}

static u16 icmp6_checksum(const struct ip6_nd *nd)
{
    const u8 *p = (const u8 *)nd;
    u32 sum = NS_BYTES + 58; /* length and next header of the pseudo header */
    for (u32 i = 8; i < sizeof(*nd); i += 2)
        sum += get_be16(p + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u16)~sum;
}

static u16 arp_term_nd_packet(struct thread *t, struct node *n, struct buffer *b)
{
    static const u8 unspecified[16];
    u8 *frame = buffer_current(b), mac[6];
    struct ip6_nd *s = (struct ip6_nd *)(frame + ETHERNET_HEADER_BYTES);
    if (b->len < ETHERNET_HEADER_BYTES + sizeof(*s) || s->next_header != 58 || s->type != 135 ||
        s->code || s->hop_limit != 255 || s->option != 1 || s->option_len != 1 ||
        get_be16(&s->payload_len) != NS_BYTES || !memcmp(s->src, unspecified, 16) ||
        icmp6_checksum(s)) /* a right checksum sums up to 0 */
        return flood_edge(b);
    struct arp_key key = arp_key_ip6(s->target);
    arp_term_tell(t, n, b, arp_key_ip6(s->src), s->mac);
    if (!arp_term_find(n, b, &key, mac)) {
        node_count(n, ARP_TERM_ERR_MISS, 1);
        return flood_edge(b);
    }
    if (unicast_wanted(b))
        return send_on(n, b, mac);
    memcpy(s->dst, s->src, 16);
    memcpy(s->src, s->target, 16);
    s->type = 136;
    put_be32(&s->flags, 0x60000000); /* solicited, override */
    s->option = 2;
    memcpy(s->mac, mac, 6);
    store_u16(&s->checksum, 0);
    put_be16(&s->checksum, icmp6_checksum(s));
    return arp_term_answer(n, b, mac, ARP_TERM_ERR_ND_REPLIES);
}

void NODE_FN(arp_term_l2bd)(struct thread *t, struct node *n, struct buffer **b, u16 *next,
                            u32 count)
{
    for (u32 i = 0; i < count; i++) {
        u16 type = get_be16((const u8 *)buffer_current(b[i]) + 12);
        next[i] = type == ETHERTYPE_ARP   ? arp_term_packet(t, n, b[i])
                  : type == ETHERTYPE_IP6 ? arp_term_nd_packet(t, n, b[i])
                                          : flood_edge(b[i]);
    }
}
