/* ARP packets that this switch sends of itself, and the records of the nodes. */
#include <errno.h>
#include <string.h>

#include "control/piste.h"
#include "engine/thread.h"
#include "net/ip/neighbor/neighbor_internal.h"
#include "net/link/interface/interface.h"
#include "net/ip/ip4/ip4.h"
#include "net/packet/arp_packet.h"

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
static u32 arp_frame_new(struct piste *p, const struct interface *f, const u8 *dst)
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

static int arp_send(struct piste *p, const struct interface *f, const struct arp_header *h,
                    const u8 *dst, enum arp_counter counter)
{
    struct engine *e = engine_of(p);
    u32 bi = arp_frame_new(p, f, dst);
    if (bi == BUFFER_NONE)
        return -ENOBUFS;
    struct buffer *b = buffer_at(bi);
    memcpy(b->data + b->start + b->len, h, sizeof(*h));
    b->len = (u16)(b->len + sizeof(*h));
    if (thread_inject(e, f->output_node, &bi, 1) != 1) {
        buffer_free_one(engine_main_thread(e), bi);
        return -ENOBUFS;
    }
    tally_add(&counter_simple(arp_counters[counter], 0)[f->index.i], 1);
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
    return arp_send(p, f, &h, mac ? mac : everybody, ARP_TX_REQUESTS);
}

void arp_send_gratuitous(struct piste *p, struct if_index i, be32 addr)
{
    const struct interface *f = link_of(p, i);
    if (!f || (f->cls->comes_back && !f->is_bvi))
        return; /* nobody else would hear it */
    struct arp_header h = header_make(f, ARP_REQUEST, addr, addr);
    if (arp_send(p, f, &h, everybody, ARP_TX_GRATUITOUS))
        return; /* nobody depends on it: they will ask */
}

/* --- records --- */
