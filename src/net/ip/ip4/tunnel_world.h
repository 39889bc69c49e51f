/* A kind of tunnel in the world of ip4_world.h: an interface whose packets go behind a header that
 * a test makes. */
#pragma once

#include "net/ip/fib/encap.h"
#include "net/ip/fib/midchain_tx.h"
#include "net/ip/ip4/ip4_world.h"

struct tunnel {
    struct if_index interface;
    struct fib_track_index track;
    const struct encap *encap;
};

#define TUNNEL_OUTER_SRC be32_from_host(0x0a000201)

static inline void tunnel_link(struct piste *p, struct adj_index adj, void *arg)
{
    const struct tunnel *t = arg;
    adj_midchain(fib_of(p), adj, t->encap);
}

/* name is borrowed; far: its end. The header is copied. */
static inline void tunnel_new(struct tunnel *t, const char *name, be32 far, const void *header,
                              u32 len, u32 flags,
                              void (*fixup)(struct buffer *b, const struct encap *e, u32 payload))
{
    static const struct if_class cls = {.name = "tunnel", .tx = &midchain_tx_node};
    struct if_new_args args = {.name = name, .cls = &cls, .mtu = 9000, .caps = IF_CAP_TX_ALL};
    struct fib *f = fib_of(&world.p);
    struct error e = {0};
    struct ip_address end = ip_address_from_ip4(far);
    world_must(!interface_new(&world.p, &args, &t->interface, &e));
    world_must(!interface_set_admin(&world.p, t->interface, true, &e));
    interface_set_link(&world.p, t->interface, true);
    world_must(!fib_track(f, world_table(0), &end, NULL, NULL, &t->track, &e));
    struct encap_args ea = {t->track, header, len, flags, fixup, 7};
    if (encap_new(f, &ea, &t->encap, &e))
        panic("%s", e.text);
    fib_set_link(f, t->interface, tunnel_link, t);
}

static inline void tunnel_delete(struct tunnel *t)
{
    struct fib *f = fib_of(&world.p);
    fib_set_link(f, t->interface, NULL, NULL);
    interface_delete(&world.p, t->interface);
    encap_free(f, t->encap);
    fib_untrack(f, t->track);
}

/* An IPv4 header of 20 bytes in h. */
static inline void tunnel_ip4_header(u8 *h, u8 protocol, u8 tos, be32 dst)
{
    *(struct ip4_header *)h = (struct ip4_header){.version_ihl = 0x45,
                                                  .tos = tos,
                                                  .ttl = 200,
                                                  .protocol = protocol,
                                                  .src = TUNNEL_OUTER_SRC,
                                                  .dst = dst};
}

static inline void tunnel_new_ip(struct tunnel *t, const char *name, be32 far)
{
    u8 h[20];
    tunnel_ip4_header(h, IP_PROTOCOL_IP_IN_IP, 0, far);
    tunnel_new(t, name, far, h, sizeof(h), 0, NULL);
}

/* `more` bytes of options behind UDP. */
static inline void tunnel_new_udp(struct tunnel *t, const char *name, be32 far, u32 more, u32 flags)
{
    static u8 h[ENCAP_BYTES_MAX];
    tunnel_ip4_header(h, IP_PROTOCOL_UDP, 0, far);
    put_be16(h + 20, 1111);
    put_be16(h + 22, 6081);
    for (u32 i = 0; i < more; i++)
        h[28 + i] = (u8)(i * 3 + 1);
    tunnel_new(t, name, far, h, 28 + more, flags, NULL);
}
